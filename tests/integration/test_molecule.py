# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Molecule scenario is one test; what Molecule says is shown as it goes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
LIMIT = 2400  # seconds for one scenario


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario, capfd):
    command = ["molecule", "test", "--scenario-name", scenario]
    with capfd.disabled():
        print(f"\n== molecule/{scenario}", flush=True)
        done = subprocess.run(command, cwd=ROOT, check=False, timeout=LIMIT)
    assert done.returncode == 0
