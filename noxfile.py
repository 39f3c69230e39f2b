# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the collection with each ansible-core that it is for, and its modules for old Pythons.

``nox`` runs all sessions and ``nox --list`` lists them; what follows ``--`` goes to pytest. A
session whose Python is not on this machine is skipped, and says which Python that is.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

#: ansible-core: the Pythons that it runs on, and the oldest Python that it manages a target with
#: ("ansible-core support matrix" in its documentation). tests/unit/test_checkout.py compares what
#: README and meta/runtime.yml say.
CORES = {
    "2.19": ("3.11 3.12 3.13", "3.8"),
    "2.20": ("3.12 3.13 3.14", "3.9"),
    "2.21": ("3.12 3.13 3.14", "3.9"),
}
#: The oldest Python of a target, and what knows what it lacks: the last such mypy for one.
TARGET = "3.8"
TARGET_TOOLS = ["mypy ==1.14.*", "vermin >=1.6, <2"]
TARGET_CODE = ["plugins/module_utils", "plugins/modules"]

nox.needs_version = ">=2025.5.1"
nox.options.envdir = ".cache/nox"
nox.options.reuse_venv = "yes"


def find_python(*versions: str) -> str:
    """Return a Python of the first of these versions that runs here, else an empty string.

    It is looked for in PATH and among those that pyenv has built.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in versions:
        built = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
        for python in filter(None, [shutil.which(f"python{version}"), *map(str, built)]):
            # pyenv's python3.x in PATH may be a script that only says where there is one.
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

    That of this environment is left out where there is another one: `make unit` and
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
    """Check what runs on targets for what their oldest Python lacks."""
    session.install(*TARGET_TOOLS)
    session.run("vermin", f"--target={TARGET}-", "--no-tips", "--violations", *TARGET_CODE)
    # vermin can't tell whether `a | b` merges dictionaries; types can.
    collection = ".collections/ansible_collections/lvs/cluster"
    paths = [f"{collection}/{path}" for path in TARGET_CODE]
    session.run("mypy", f"--python-version={TARGET}", "--cache-dir=.cache/mypy-target", *paths)
