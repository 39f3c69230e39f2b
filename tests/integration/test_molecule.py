# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Molecule scenario is one test; what Molecule says is shown as it goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
LIMIT = 3600  # seconds for one scenario


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario, tmp_path, capfd):
    command = ["molecule", "test", "--no-command-borders", "--scenario-name", scenario]
    # What Molecule holds to exist it notes by the folder's name only, and for longer than a lab.
    environment = {**os.environ, "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path)}
    with capfd.disabled():
        print(f"\n== molecule/{scenario}", flush=True)
        if not sys.stdout.isatty():
            environment |= {"NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=LIMIT)
    assert done.returncode == 0
