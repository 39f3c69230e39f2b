# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a scenario, and playbooks run on them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

HERE = Path(__file__).parent
# Tests import what they share from here, and from their scenario.
sys.path[:0] = [str(HERE), str(HERE / os.environ["MOLECULE_SCENARIO_NAME"])]

from cluster import INVENTORY, NODES, PROJECT, hosts_of  # noqa: E402

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def node() -> Callable[[str], Host]:
    """Return a node by its name in the inventory."""
    return lambda name: testinfra.get_host(
        f"docker://{os.environ.get('LAB_CLUSTER') or 'lvs'}-{name}"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that wants a ``real_server`` for each of them."""
    if "real_server" in metafunc.fixturenames:
        names = [n for n in hosts_of("lvs_realservers") if n not in hosts_of("lvs_directors")]
        metafunc.parametrize("real_server", names, indirect=True)


@pytest.fixture
def director(node: Callable[[str], Host]) -> Host:
    """Return the director."""
    return node(hosts_of("lvs_directors")[0])


@pytest.fixture
def real_server(node: Callable[[str], Host], request: pytest.FixtureRequest) -> Host:
    """Return each of the real servers that are nothing else."""
    return node(request.param)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Write the shipped inventory with some of its text replaced: ``changed((old, new), ...)``."""

    def write(*replacements: tuple[str, str]) -> Path:
        text = INVENTORY.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "hosts.yml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def playbook() -> Run:
    """Run a playbook of the project on the nodes; return how it ended and what it said."""

    def run(name: str, *options: str, inventory: Path = INVENTORY):
        inventories = [f"--inventory={path}" for path in (inventory, *NODES)]
        return subprocess.run(
            ["ansible-playbook", *inventories, *options, str(PROJECT / f"{name}.yml")],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ANSIBLE_STRATEGY": "lab_mitogen"},
            text=True,
            timeout=600,
        )

    return run


@pytest.fixture
def seen(playbook: Run) -> str:
    """Return what verify.yml says of the running cluster, which has to be good."""
    run = playbook("playbooks/verify", "--extra-vars=verify_requests=20")
    assert run.returncode == 0, run.stdout
    return run.stdout
