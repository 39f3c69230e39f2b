# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user: the archive, installed in a folder, and commands run there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    """Begin with the two longest scenarios, each with a short test after it.

    Each process of xdist is given the test after the one that runs, too, so what comes after a
    long one waits for it, though the other process may be free.
    """
    scenarios = [item for item in items if item.name.startswith("test_scenario")]
    short = [item for item in items if item not in scenarios]
    items[:] = [
        *scenarios[:1],
        *short[:1],
        *scenarios[1:2],
        *short[1:2],
        *scenarios[2:],
        *short[2:],
    ]


def _run(*command, cwd, fails=False, **environment):
    """Run a command in that folder, with none of this checkout's settings; return its output."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "PYTHON"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def run():
    """Run a command as a user does: ``run("ansible-doc", ..., cwd=folder)`` returns its output."""
    return _run


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    _run("ansible-galaxy", "collection", "build", "--output-path", folder, cwd=ROOT)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="session")
def elsewhere(archive, tmp_path_factory):
    """A folder of a user who installed the archive, and nothing else, beside it."""
    folder = tmp_path_factory.mktemp("user")
    install = ["ansible-galaxy", "collection", "install", archive, "--no-deps", "--offline"]
    _run(*install, cwd=folder, ANSIBLE_COLLECTIONS_PATH=str(folder))
    return folder
