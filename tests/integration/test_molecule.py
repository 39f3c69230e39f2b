# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Molecule scenario is one test.

Run by one process, a scenario shows what Molecule says as it goes. Run by two (``pytest -n 2``),
each process has a lab of its own, and what Molecule says is shown for a scenario that fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 3600  # seconds for one scenario
LAB = os.environ.get("LVS_LAB") or "default"
#: GiB of the host's memory from which on there is room for a second lab, of 6 GiB as the first.
ROOM = 15
#: The longest first, so that two processes end at about the same time.
LONGEST = ["keepalived_ha", "single_director"]
SCENARIOS = sorted(
    (path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")),
    key=lambda name: (LONGEST.index(name) if name in LONGEST else len(LONGEST), name),
)


def lab(name: str, *words: str) -> list[str]:
    """Return the command that does something with a lab."""
    return ["env", f"LVS_LAB={name}", sys.executable, str(ROOT / "lab" / "lab.py"), *words]


@pytest.fixture(scope="session")
def worker():
    """Return the number of this process among those that run tests, from 0."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def own_lab(worker):
    """Return the name of a lab that is this process's own, or of the one that all share."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    is_machine = os.environ["DOCKER_HOST"].startswith("tcp:")
    if worker == 0 or not is_machine or memory < ROOM:
        yield LAB
        return
    name = f"{LAB}-{worker}"
    subprocess.run(lab(name, "up"), check=True, timeout=LIMIT)
    yield name
    subprocess.run(lab(name, "down"), check=True, timeout=60)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario, tmp_path, tmp_path_factory, capfd, own_lab):
    molecule = ["molecule", "test", "--no-command-borders", "--scenario-name", scenario]
    # Molecule keeps its state by the folder's name only, and for longer than a lab lives.
    environment = {**os.environ, "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path)}
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    if not (alone and sys.stdout.isatty()):
        environment |= {"NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}
    in_use = tmp_path_factory.getbasetemp().parent / f"{own_lab}.lock"
    with capfd.disabled() if alone else contextlib.nullcontext(), in_use.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one cluster at a time in a lab
        print(f"\n== molecule/{scenario}", flush=True)
        done = subprocess.run(
            lab(own_lab, "exec", "--", *molecule),
            cwd=ROOT,
            env=environment,
            check=False,
            timeout=LIMIT,
        )
    assert done.returncode == 0
