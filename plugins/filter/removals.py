# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: removals
short_description: Return which former configuration of a real server is removed
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - A role that a real server no longer needs is removed as a whole. A role that is still needed may
    have kept VIPs or routes that are not.
  - Nothing is removed while a director that takes no part in the run may still forward requests.
positional: kept, left_out, host
options:
  _input:
    description: The roles that are no longer needed, as C(former_realserver_roles) of
      M(lvs.cluster.preflight) has them.
    type: list
    elements: str
    required: true
  kept:
    description: What roles have kept, by role.
    type: dict
    required: true
  left_out:
    description: The directors that take no part in the run.
    type: list
    elements: str
    required: true
  host:
    description: The name of the host in messages.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Remove former roles, VIPs and routes
  ansible.builtin.include_role:
    name: lvs.cluster.{{ item.role }}
    tasks_from: "{{ item.tasks_from }}"
  loop: "{{ (former | lvs.cluster.removals(kept, [], inventory_hostname)).roles }}"
"""

RETURN = r"""
_value:
  description:
    - C(roles) has the roles with the tasks file that removes what is no longer needed.
    - C(lines) lists the configuration that stays instead, because of directors that take no part.
  type: dict
  sample:
    roles:
      - {role: realserver_dr, tasks_from: served}
      - {role: realserver_nat, tasks_from: absent}
    lines: []
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any


def removals(
    former: Sequence[str], kept: Mapping[str, Collection[Any]], left_out: Sequence[str], host: str
) -> dict[str, Any]:
    """Return which roles remove what, or a line with what stays and why."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names

    roles = [
        *(
            {"role": role, "tasks_from": "served"}
            for role in kept
            if kept[role] and role not in former
        ),
        *({"role": role, "tasks_from": "absent"} for role in former),
    ]
    if not left_out or not roles:
        return {"roles": roles, "lines": []}
    names = join_names(dict.fromkeys(each["role"] for each in roles))
    line = (
        f"{host}: former configuration of {names} is kept, since --limit leaves out"
        f" {join_names(left_out)}, which may still forward requests here. Run site.yml without"
        " --limit to remove it."
    )
    return {"roles": [], "lines": [line]}


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"removals": removals}
