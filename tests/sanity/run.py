#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every test of `ansible-test sanity` on what users install; arguments go to ansible-test.

The collection's archive is built and unpacked where ansible-test wants a collection to be, so the
checkout may have any name. ansible-test makes an environment for each test, which takes pip from a
server of its project and gives pip none of this shell's settings. Here it gets the pip that every
Python carries, and those settings; it keeps its environments in .cache, so that only the first run
asks a package index.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "sanity"
PLACE = "ansible_collections/lvs/cluster"  # where ansible-test wants a collection to be
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def unpack(place: Path) -> None:
    """Put the contents of a newly built archive there."""
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(place)]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    [archive] = place.iterdir()
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's has none
        tar.extractall(place / PLACE)


def prepare_pip() -> None:
    """Give ansible-test's environments a pip, and that pip this shell's settings."""
    version = get_venv_packages(SimpleNamespace(version=PYTHON))["pip"]
    bootstrap = CACHE / f".ansible/test/cache/get_pip_{version.replace('.', '_')}.py"
    bootstrap.parent.mkdir(parents=True, exist_ok=True)
    bootstrap.write_text("import ensurepip\n\nensurepip.bootstrap()\n")

    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    settings = {"quiet": "2"}  # errors only
    for line in listed.splitlines():  # the strongest source first
        key, _, value = line.partition("=")
        settings.setdefault(key.rpartition(".")[2], " ".join(ast.literal_eval(value).split()))
    config = CACHE / ".config/pip/pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("[global]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))


def main(arguments: list[str]) -> int:
    """Run the tests and return ansible-test's exit status."""
    prepare_pip()
    command = ["ansible-test", "sanity", "--python", PYTHON, *arguments]
    environment = os.environ | {"HOME": str(CACHE)}
    # Not in the checkout: ansible-test would ask the git repository around for the files.
    with tempfile.TemporaryDirectory() as place:
        unpack(Path(place))
        tests = subprocess.run(command, cwd=f"{place}/{PLACE}", env=environment, check=False)
        return tests.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
