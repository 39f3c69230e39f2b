# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Molecule scenario is one test.

Run by one process, a scenario shows Molecule's output as it runs. Run by two (``pytest -n 2``),
one uses the lab and the other the second lab, with the newer kernel, if that is up (``lab/lab.py up
--second``). For a scenario that fails, the part about the failed tests is shown, or the end of the
output; all of it is in ``.cache/molecule/SCENARIO.log``.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 3600  # seconds for one scenario
LOGS = ROOT / ".cache" / "molecule"
LAB = [sys.executable, str(ROOT / "lab" / "lab.py")]
#: The longest first, so that two processes end at about the same time.
LONGEST = ["keepalived_ha", "single_director"]
#: Run by name only, `make molecule SCENARIO=scale_out`. BFD takes a router for dead after 0.3 s,
#: and an emulated machine that shares its processor may stand still for longer.
BY_NAME = ["scale_out"]
SCENARIOS = sorted(
    (path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")),
    key=lambda name: (LONGEST.index(name) if name in LONGEST else len(LONGEST), name),
)


@pytest.fixture(scope="session")
def which_lab():
    """Return the option by which this process's commands go to its lab."""
    return ["--second"] if os.environ.get("PYTEST_XDIST_WORKER") == "gw1" else []


@pytest.fixture
def alone_in_lab(which_lab, tmp_path_factory):
    """Have one cluster at a time in a lab: without a second one, two processes share the first."""
    variables = subprocess.run([*LAB, "env", *which_lab], check=True, capture_output=True).stdout
    name = hashlib.sha256(variables).hexdigest()
    with (tmp_path_factory.getbasetemp().parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.usefixtures("alone_in_lab")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario, tmp_path, capfd, which_lab):
    molecule = ["molecule", "test", "--no-command-borders", "--scenario-name", scenario]
    # Molecule keeps its state by the folder's name only, and for longer than a lab lives.
    environment = {**os.environ, "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path)}
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    if scenario in BY_NAME and not alone:
        pytest.skip(f"run it by itself: make molecule SCENARIO={scenario}")
    environment.pop("PYTEST_XDIST_WORKER", None)  # what it begins is no worker of this one's
    if not (alone and sys.stdout.isatty()):
        environment |= {"NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}
    with capfd.disabled() if alone else contextlib.nullcontext():
        print(f"\n== molecule/{scenario}", flush=True)
        done = subprocess.run(
            [*LAB, "exec", *which_lab, "--", *molecule],
            cwd=ROOT,
            env=environment,
            check=False,
            timeout=LIMIT,
        )
    if done.returncode:
        output = capfd.readouterr().out
        if output:
            LOGS.mkdir(parents=True, exist_ok=True)
            (LOGS / f"{scenario}.log").write_text(output)
        pytest.fail(f"molecule/{scenario} failed\n{failures(output)}", pytrace=False)


def failures(output):
    """Return what pytest printed about failed tests in Molecule's output, or the output's end."""
    reports = re.findall(r"(?ms)^=+ (?:FAILURES|ERRORS) =+$.*?^=+ .* in .*? =+$", output)
    return "\n".join(reports) or "\n".join(output.splitlines()[-100:])
