# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of the scenario, and playbooks run on them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

SCENARIO = Path(__file__).parents[1]
PROJECT = SCENARIO.parents[1]
INVENTORY = PROJECT / "inventories" / "single_director"
NODES = [f"--inventory={PROJECT / 'lab' / 'nodes.yml'}", f"--inventory={SCENARIO / 'hosts.yml'}"]


@pytest.fixture
def node() -> Callable[[str], Host]:
    """Return a node by its name in the inventory."""
    return lambda name: testinfra.get_host(
        f"docker://{os.environ.get('LAB_CLUSTER') or 'lvs'}-{name}"
    )


@pytest.fixture
def director(node: Callable[[str], Host]) -> Host:
    """Return the director."""
    return node("d23")


@pytest.fixture(params=["rs31", "rs32"])
def real_server(node: Callable[[str], Host], request: pytest.FixtureRequest) -> Host:
    """Return each of the real servers."""
    return node(request.param)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Write the shipped inventory with some of its text replaced: ``changed((old, new), ...)``."""

    def write(*replacements: tuple[str, str]) -> Path:
        text = (INVENTORY / "hosts.yml").read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "hosts.yml"
        path.write_text(text)
        return path

    return write


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def playbook() -> Run:
    """Run a playbook of the collection on the nodes; return how it ended and what it said."""

    def run(name: str, *options: str, inventory: Path = INVENTORY):
        return subprocess.run(
            ["ansible-playbook", f"--inventory={inventory}", *NODES, *options]
            + [str(PROJECT / "playbooks" / f"{name}.yml")],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )

    return run
