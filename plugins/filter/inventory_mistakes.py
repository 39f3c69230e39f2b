# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_mistakes
short_description: Name all that is wrong with an inventory
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Gives the sentences with which P(lvs.cluster.virtual_services#filter) would fail, for a task
    that shows them in its own way. Ansible prints a filter's failure once for each thing it broke.
positional: groups, hostvars
options:
  _input:
    description: The services, as C(lvs_services) has them.
    type: list
    elements: dict
    required: true
  groups:
    description: Ansible's variable C(groups).
    type: dict
    required: true
  hostvars:
    description: Ansible's variable C(hostvars).
    type: dict
    required: true
seealso:
  - plugin: lvs.cluster.virtual_services
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Go on with an inventory that is right
  ansible.builtin.assert:
    that: mistakes | length == 0
    fail_msg: "{{ mistakes | join('\n') }}"
  vars:
    mistakes: "{{ lvs_services | lvs.cluster.inventory_mistakes(groups, hostvars) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: A sentence for each mistake; none if the inventory is right.
  type: list
  elements: str
  sample: ["host rs31: lvs_weight is 70000; it must be a whole number from 0 to 65535."]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.filter.virtual_services import read_inventory


def inventory_mistakes(
    services: Any, groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return a sentence for each mistake of an inventory."""
    return read_inventory(services, groups, hostvars)[1]


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"inventory_mistakes": inventory_mistakes}
