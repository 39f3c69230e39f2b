# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a scenario, and checks of its nodes."""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from testinfra.host import Host

PROJECT = Path(__file__).parents[1]
SCENARIO = os.environ["MOLECULE_SCENARIO_NAME"]
INVENTORY = PROJECT / "inventories" / SCENARIO / "hosts.yml"
#: How to reach the nodes: the scenario's own file, or that of the lab for the inventory.
OWN = PROJECT / "molecule" / SCENARIO / "hosts.yml"
LAB = PROJECT / "lab" / "clusters" / f"{SCENARIO}.yml"
NODES = [PROJECT / "lab" / "nodes.yml", OWN if OWN.exists() else LAB]


def hosts_of(group: str) -> list[str]:
    """Return the names of the hosts in a group of the scenario's inventory."""
    return list(yaml.safe_load(INVENTORY.read_text())["all"]["children"][group]["hosts"])


def unit_is_active(host: Host, unit: str) -> bool:
    """Whether a unit has succeeded, and is enabled for the next boot."""
    properties = "--property=UnitFileState,ActiveState,Result,NeedDaemonReload"
    values = host.check_output(f"systemctl show --value {properties} {unit}").split()
    return values == ["success", "active", "enabled", "no"]
