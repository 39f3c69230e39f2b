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
VIP = "192.168.2.149"


def node(name: str) -> Host:
    """Return a node by its name in the inventory."""
    return testinfra.get_host(f"docker://{os.environ.get('LAB_CLUSTER') or 'lvs'}-{name}")


@pytest.fixture
def director() -> Host:
    return node("d23")


@pytest.fixture(params=["rs31", "rs32"])
def real_server(request: pytest.FixtureRequest) -> Host:
    return node(request.param)


@pytest.fixture
def client() -> Host:
    return node("c10")


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
