# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh container of the lab with this project in it, for programs that need its kernel.

Called with Docker's variables set (``lab/lab.py exec -- ...``). What they need of Python comes from
this interpreter's environment: packages in the same versions, built for the node's Python, and what
Ansible sends to a target. Everything else is Debian's own.
"""

from __future__ import annotations

import contextlib
import io
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import ansible

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache"
PROJECT = tuple(".collections benchmarks conftest.py plugins pyproject.toml roles tests".split())
ANSIBLE = ("release.py", "module_utils")  # all that a target gets of Ansible
PACKAGES = ("coverage", "hypothesis", "jinja2", "pytest")
HERE = "/lvs"  # the project's folder in the container
PATHS = ["--env", f"PYTHONPATH={HERE}/.collections"]
# The image carries these packages, so no mirror is asked.
INSTALL = "apt-get install --quiet=2 --no-download --no-install-recommends --yes".split()
INSTALL += "--option=Dpkg::Options::=--force-unsafe-io".split()
INSTALL += "ipvsadm keepalived bird2 python3-pyroute2".split()
# New network namespaces, and in them interfaces, sysctls and IPVS tables; no more than that.
OPTIONS = "--cap-add NET_ADMIN --cap-add SYS_ADMIN".split()
OPTIONS += "--security-opt systempaths=unconfined --security-opt apparmor=unconfined".split()


def docker(*words: str, data: bytes | None = None) -> bytes:
    """Run a Docker command, give it data on its standard input and return what it prints."""
    command = ["docker", *words]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def output(container: str, *command: str) -> str:
    """Run a command in the project's folder in a container and return what it prints."""
    return docker("exec", "--workdir", HERE, *PATHS, container, *command).decode()


@contextlib.contextmanager
def container(image: str) -> Iterator[str]:
    """Give the id of a new container of the image ``lvs-node:IMAGE``, and take it away again."""
    start = ["run", "--detach", "--rm", *OPTIONS, f"lvs-node:{image}", "sleep", "infinity"]
    identity = docker(*start).decode().strip()
    try:
        yield identity
    finally:
        docker("rm", "--force", identity)


def prepare(container: str) -> None:
    """Bring the project and what it needs into a container."""
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = docker("exec", container, "python3", "-c", version).decode().strip()
    docker("exec", "--interactive", container, "tar", "-xC", "/", data=archive(python))
    docker("exec", container, "env", "DEBIAN_FRONTEND=noninteractive", *INSTALL)


def packages(python: str) -> Path:
    """Return a folder with PACKAGES and what they need, for that Python (3.11, 3.13)."""
    pinned = [f"{name}=={version(name)}" for name in PACKAGES]
    folder = CACHE / "kernel" / "-".join([python, *pinned])
    if not folder.exists():
        arch = platform.machine()
        wanted = [f"--platform=manylinux{tag}_{arch}" for tag in ("2014", "_2_17", "_2_28")]
        wanted += [f"--python-version={python}", "--only-binary=:all:"]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *wanted]
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            subprocess.run([*pip, "--target", f"{work}/new", *pinned], check=True)
            # An emulated machine takes half a minute for it, if this one has no such Python.
            compiling = ["-m", "compileall", "-q", "--invalidation-mode=unchecked-hash"]
            with contextlib.suppress(OSError):
                command = [f"python{python}", *compiling, f"{work}/new"]
                subprocess.run(command, check=False, capture_output=True)
            Path(work, "new").rename(folder)
    return folder


def archive(python: str) -> bytes:
    """Return a tar archive of the project, of Ansible's part and of the packages."""

    def own(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        return entry

    def clean(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if Path(entry.name).name == "__pycache__" else own(entry)

    site = Path(f"usr/local/lib/python{python}/dist-packages")
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for name in PROJECT:
            tar.add(ROOT / name, f"{HERE}/{name}", filter=clean)
        for name in ANSIBLE:
            tar.add(Path(ansible.__file__).parent / name, f"{site}/ansible/{name}", filter=clean)
        tar.addfile(tarfile.TarInfo(f"{site}/ansible/__init__.py"))
        tar.add(packages(python), str(site), filter=own)
    return memory.getvalue()
