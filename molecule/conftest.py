# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: the nodes of a scenario, and playbooks that run on them."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from testinfra.host import Host

HERE = Path(__file__).parent
# Tests import shared modules from this folder, and from their scenario.
sys.path[:0] = [str(HERE), str(HERE / os.environ["MOLECULE_SCENARIO_NAME"])]

from cluster import INVENTORY, NODES, PROJECT, hosts_of  # noqa: E402
from pair import container  # noqa: E402
from shells import ShellBackend  # noqa: E402

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def node() -> Callable[[str], Host]:
    """Return a node by its name in the inventory."""
    return functools.cache(lambda name: Host(ShellBackend(container(name))))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Test the cluster as it was built before it is changed, though c-h comes before c-l."""
    items.sort(key=lambda item: "changes" in item.path.parts)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with the argument ``real_server`` for each real server."""
    if "real_server" in metafunc.fixturenames:
        names = [n for n in hosts_of("lvs_realservers") if n not in hosts_of("lvs_directors")]
        metafunc.parametrize("real_server", names, indirect=True)


@pytest.fixture
def director(node: Callable[[str], Host]) -> Host:
    """Return the director."""
    return node(hosts_of("lvs_directors")[0])


@pytest.fixture
def real_server(node: Callable[[str], Host], request: pytest.FixtureRequest) -> Host:
    """Return a real server that is not a director, too."""
    return node(request.param)


@pytest.fixture(scope="session")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the shipped inventory with some of its text replaced: ``changed((old, new), ...)``."""

    def write(*replacements: tuple[str, str]) -> Path:
        text = INVENTORY.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path_factory.mktemp("inventory") / "hosts.yml"
        path.write_text(text)
        return path

    return write


def arguments(name: str, *options: str, inventory: Path = INVENTORY) -> list[str]:
    """Return the arguments of ansible-playbook to run a playbook of the project on the nodes."""
    inventories = [f"--inventory={path}" for path in (inventory, *NODES)]
    return [*inventories, *options, str(PROJECT / f"{name}.yml")]


ENVIRONMENT = {**os.environ, "ANSIBLE_STRATEGY": "lab_mitogen", "ANSIBLE_TIMEOUT": "60"}


@pytest.fixture(scope="session")
def cut_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that selects the task to kill before, see callback_plugins/cut.py."""
    path = tmp_path_factory.mktemp("cut") / "before"
    path.write_text("")
    return path


@pytest.fixture(scope="session")
def playbook(cut_file: Path) -> Iterator[Run]:
    """Run a playbook of the project on the nodes; return its exit status and its output."""
    callback = {
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "cut",
        "LVS_CUT": str(cut_file),
    }
    with subprocess.Popen(
        [sys.executable, HERE / "playbooks.py"],
        env=ENVIRONMENT | callback,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as playbooks:

        def run(*words: str, inventory: Path = INVENTORY):
            assert playbooks.stdin
            assert playbooks.stdout
            asked = arguments(*words, inventory=inventory)
            print(json.dumps(asked), file=playbooks.stdin, flush=True)
            status, output = json.loads(playbooks.stdout.readline())
            return subprocess.CompletedProcess(asked, status, output)

        yield run


@pytest.fixture(scope="session")
def cut(playbook: Run, cut_file: Path) -> Callable[..., None]:
    """Kill a playbook before a task, given by its number or a part of its name."""

    def run(before: int | str, *words: str, inventory: Path = INVENTORY) -> None:
        cut_file.write_text(str(before))
        done = playbook(*words, inventory=inventory)
        cut_file.write_text("")
        assert done.returncode == -signal.SIGKILL, done.stdout

    return run


@pytest.fixture(scope="session")
def unchanged(playbook: Run) -> Callable[..., str]:
    """Run a playbook that must change nothing; return its output."""

    def run(*words: str, inventory: Path = INVENTORY) -> str:
        done = playbook(*words, inventory=inventory)
        assert done.returncode == 0, done.stdout
        assert set(re.findall(r"changed=(\d+)", done.stdout)) == {"0"}, done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="session")
def build(playbook: Run, changed: Callable[..., Path]) -> Callable[..., Path]:
    """Build the cluster of the inventory with some of its text replaced; return its path."""
    built: dict[tuple[tuple[str, str], ...], Path] = {}

    def run(*replacements: tuple[str, str]) -> Path:
        if replacements not in built:
            built.clear()
            path = changed(*replacements)
            run = playbook("playbooks/site", inventory=path)
            assert run.returncode == 0, run.stdout
            built[replacements] = path
        return built[replacements]

    return run


@pytest.fixture(scope="session")
def untouched(node: Callable[[str], Host]) -> None:
    """Save a snapshot of the machines before anything is built, for tests of a later step."""
    import state  # requires a scenario with such a step

    state.save_snapshot(state.snapshot(node))


def descendants(process: int) -> Iterator[int]:
    """Yield the descendants of a process. A process group is not enough: Ansible's leave it."""
    for file in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            yield from descendants(child)
            yield child


@pytest.fixture
def killed_playbook(tmp_path: Path) -> Callable[..., None]:
    """Start a playbook, and kill all of Ansible once ``truth()`` is true."""
    log = tmp_path / "output"

    def run(truth: Callable[[], bool], *words: str, inventory: Path = INVENTORY):
        with log.open("w") as output:
            ansible = subprocess.Popen(
                ["ansible-playbook", *arguments(*words, inventory=inventory)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=ENVIRONMENT,
            )
        try:
            while not truth():
                assert ansible.poll() is None, f"it ended before: {log.read_text()}"
                time.sleep(0.5)
        finally:
            for process in [ansible.pid, *descendants(ansible.pid)]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            ansible.wait()

    return run


@pytest.fixture
def verified(playbook: Run) -> str:
    """Return the output of verify.yml for the running cluster, which must have no errors."""
    run = playbook("playbooks/verify", "--extra-vars=verify_requests=20")
    assert run.returncode == 0, run.stdout
    return run.stdout
