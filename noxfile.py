# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the collection with each supported ansible-core, and its modules for old Pythons.

``nox`` runs all sessions and ``nox --list`` lists them; arguments after ``--`` are passed to
pytest. A session whose Python is not on this host is skipped, and prints which one is missing.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

#: ansible-core: its Pythons on the controller, and the oldest Python of its targets ("ansible-core
#: support matrix" in its documentation). tests/unit/test_checkout.py compares the other files.
CORES = {
    "2.19": ("3.11 3.12 3.13", "3.8"),
    "2.20": ("3.12 3.13 3.14", "3.9"),
    "2.21": ("3.12 3.13 3.14", "3.9"),
}
#: The oldest Python of a target, and tools that know its features: the last mypy that supports it.
TARGET = "3.8"
TARGET_TOOLS = ["mypy ==1.14.*", "vermin >=1.6, <2"]
TARGET_CODE = ["plugins/module_utils", "plugins/modules"]

nox.needs_version = ">=2025.5.1"
nox.options.envdir = ".cache/nox"
nox.options.reuse_venv = "yes"


def find_python(*versions: str) -> str:
    """Return a Python of the first of these versions that runs here, else an empty string.

    Search PATH and the versions that pyenv has built.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in versions:
        built = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
        for python in filter(None, [shutil.which(f"python{version}"), *map(str, built)]):
            # pyenv's python3.x in PATH may be a script that only prints where one is installed.
            if not subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode:
                return python
    return ""


def controller(core: str) -> str:
    """Return a Python for that ansible-core: this one if it fits, else the newest."""
    own = "{}.{}".format(*sys.version_info)
    newest_first = CORES[core][0].split()[::-1]
    return find_python(*sorted(newest_first, key=lambda version: version != own))


def for_ci() -> set[str]:
    """Return the oldest and the newest ansible-core that run here.

    Leave out that of this environment if there is another one, since `make unit` and
    `make molecule` test with it.
    """
    found = [core for core in CORES if controller(core)]
    try:
        own = importlib.metadata.version("ansible-core")
    except importlib.metadata.PackageNotFoundError:
        own = ""
    ends = {*found[:1], *found[-1:]}
    return ends - {".".join(own.split(".")[:2])} or ends


def add_session(core: str, *, ci: bool) -> None:
    """Add the session ``core-2.x``."""
    pythons, oldest = CORES[core]
    python = controller(core)

    @nox.session(name=f"core-{core}", python=python or False, tags=["ci"] if ci else [])
    def test(session: nox.Session) -> None:
        """Run unit tests, archive, ansible-doc and playbooks' syntax with this ansible-core."""
        if not python:
            needs = " or ".join(pythons.split())
            session.skip(f"ansible-core {core} needs Python {needs}; this machine has none of them")
        session.install(
            f"ansible-core ~={core}.0",
            *("hypothesis", "pyroute2", "pytest", "pytest-xdist"),
            "--constraint=requirements-dev.txt",
        )
        tests = ["tests/unit", "tests/integration/test_archive.py", "--hypothesis-profile=few"]
        session.run("pytest", "--numprocesses=auto", *tests, *session.posargs)
        if target := find_python(oldest):
            modules = ["tests/unit/test_modules.py", "-k", "ansible_sends"]
            session.run("pytest", *modules, env={"ANSIBLE_PYTHON_INTERPRETER": target})
        else:
            session.warn(f"no Python {oldest} on this machine; no module was started with it")


CI = for_ci()
for each in CORES:
    add_session(each, ci=each in CI)


@nox.session
def target(session: nox.Session) -> None:
    """Check the code that runs on targets for features that their oldest Python lacks."""
    session.install(*TARGET_TOOLS)
    session.run("vermin", f"--target={TARGET}-", "--no-tips", "--violations", *TARGET_CODE)
    # vermin can't find out whether `a | b` merges dictionaries; types can.
    collection = ".collections/ansible_collections/lvs/cluster"
    paths = [f"{collection}/{path}" for path in TARGET_CODE]
    session.run("mypy", f"--python-version={TARGET}", "--cache-dir=.cache/mypy-target", *paths)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Renew requirements-dev.lock, which is for each Python from 3.11 on."""
    session.install("uv >=0.9")
    options = ["--universal", "--python-version=3.11", "--generate-hashes", "--upgrade"]
    output = ["--no-annotate", "--no-header", "--quiet", "--output-file=requirements-dev.lock"]
    session.run("uv", "pip", "compile", *options, *output, "requirements-dev.txt")
