#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of this folder against the lab's kernel, on every Debian that it has an image of.

Called with Docker's variables set (``lab/lab.py exec -- ...``); its arguments go to pytest. What
the tests need of Python comes from this interpreter's environment: packages in the same versions,
built for the node's Python, and what Ansible sends to a target. Everything else is Debian's own.
Line coverage of each run lands in .cache/coverage.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import IO

import ansible

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
NODES = ("debian12", "debian13")
PROJECT = (".collections", "plugins", "pyproject.toml", "tests")
ANSIBLE = ("release.py", "module_utils")  # all that a target gets of Ansible
PACKAGES = ("coverage", "hypothesis", "pytest")
HERE = "lvs"  # the project's folder in the container
# The image carries these packages, so no mirror is asked.
INSTALL = "apt-get install --quiet=2 --no-download --no-install-recommends --yes".split()
INSTALL += ["--option=Dpkg::Options::=--force-unsafe-io", "ipvsadm", "python3-pyroute2"]
LIMIT = 1500  # seconds for one Debian's tests
# New network namespaces, and in them interfaces, sysctls and IPVS tables; no more than that.
OPTIONS = "--cap-add NET_ADMIN --cap-add SYS_ADMIN".split()
OPTIONS += "--security-opt systempaths=unconfined --security-opt apparmor=unconfined".split()


def docker(*words: str, data: bytes | None = None) -> bytes:
    """Run a Docker command, give it data on its standard input and return what it prints."""
    command = ["docker", *words]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


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
            Path(work, "new").rename(folder)
    return folder


def archive(python: str) -> bytes:
    """Return a tar archive of the project, of Ansible's part and of the packages."""

    def clean(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        entry.uid = entry.gid = 0
        return None if Path(entry.name).name == "__pycache__" else entry

    site = Path(f"usr/local/lib/python{python}/dist-packages")
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for name in PROJECT:
            tar.add(ROOT / name, f"{HERE}/{name}", filter=clean)
        for name in ANSIBLE:
            tar.add(Path(ansible.__file__).parent / name, f"{site}/ansible/{name}", filter=clean)
        tar.addfile(tarfile.TarInfo(f"{site}/ansible/__init__.py"))
        tar.add(packages(python), str(site), filter=clean)
    return memory.getvalue()


def run(node: str, container: str, arguments: list[str], output: IO[bytes] | None) -> int:
    """Run the tests in a fresh container of that node's image; return pytest's exit status."""
    tell = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = docker("exec", container, "python3", "-c", tell).decode().strip()
    docker("exec", "--interactive", container, "tar", "-xC", "/", data=archive(python))
    docker("exec", container, "env", "DEBIAN_FRONTEND=noninteractive", *INSTALL)
    tests = ["python3", "-m", "coverage", "run", f"--data-file=/{HERE}/coverage/{node}"]
    tests += ["-m", "pytest", "tests/kernel", *arguments]
    command = ["docker", "exec", "--workdir", f"/{HERE}", container, *tests]
    tested = subprocess.run(command, stdout=output, check=False, timeout=LIMIT)
    measured = docker("cp", f"{container}:/{HERE}/coverage", "-")
    with tarfile.open(fileobj=io.BytesIO(measured)) as tar:
        tar.extractall(CACHE, filter="data")
    return tested.returncode


def main(arguments: list[str]) -> int:
    """Run the tests on all of NODES side by side: one alone leaves a processor idle.

    What the first one says is shown at once, what the others say when it has ended.
    """
    running: dict[str, concurrent.futures.Future[int]] = {}
    said: dict[str, IO[bytes] | None] = {}
    with contextlib.ExitStack() as stack:
        workers = stack.enter_context(concurrent.futures.ThreadPoolExecutor())
        for node in NODES:
            start = ["run", "--detach", "--rm", *OPTIONS, f"lvs-node:{node}", "sleep", "infinity"]
            container = docker(*start).decode().strip()
            stack.callback(docker, "rm", "--force", container)
            said[node] = stack.enter_context(tempfile.TemporaryFile()) if running else None
            running[node] = workers.submit(run, node, container, arguments, said[node])
        for node, future in running.items():
            print(f"== tests/kernel on {node}", flush=True)
            concurrent.futures.wait([future])
            if output := said[node]:
                output.seek(0)
                shutil.copyfileobj(output, sys.stdout.buffer)
                sys.stdout.flush()
        return max(future.result() for future in running.values())


def end(*_: object) -> None:
    """End at the first request to do so, and take the containers away undisturbed by others."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    sys.exit(main(sys.argv[1:]))
