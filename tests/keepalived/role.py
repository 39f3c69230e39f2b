# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role keepalived_ha gives to keepalived_conf, worked out by Ansible from its own files.

Variables come from playbooks/tasks/configure_director.yml and the role's defaults and vars, the
module's arguments from its tasks/services.yml.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "keepalived_ha"
MODULE = "lvs.cluster.keepalived_conf"


def _trusted(raw: Any) -> Any:
    """Mark the texts of a file as templates."""
    if isinstance(raw, dict):
        return {key: _trusted(item) for key, item in raw.items()}
    if isinstance(raw, list):
        return [_trusted(item) for item in raw]
    return trust_as_template(raw) if isinstance(raw, str) else raw


@functools.cache
def _file(path: Path) -> Any:
    return _trusted(yaml.safe_load(path.read_text()))


def configuration(
    cluster: Cluster, name: str, variables: Mapping[str, Any], interface: str
) -> dict[str, Any]:
    """Return what keepalived_conf is to write on a director; ``interface`` is its LAN."""
    of_playbook = _file(ROOT / "playbooks/tasks/configure_director.yml")[0]["vars"]
    [arguments] = [task[MODULE] for task in _file(ROLE / "tasks/services.yml") if MODULE in task]
    known = {
        **_file(ROLE / "defaults/main.yml"),
        **_file(ROLE / "vars/main.yml"),
        **of_playbook,
        **variables,
        "inventory_hostname": name,
        "_cluster": cluster._asdict(),
        "_preflight": {"vip_interface": interface, "interfaces": [interface]},
    }
    result = Templar(loader=DataLoader(), variables=known).template(arguments)
    return {part: value for part, value in result.items() if value and part != "applied"}
