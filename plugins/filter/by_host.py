# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: by_host
short_description: Return a variable of several hosts
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns the value that a variable, such as a registered result, has on each of several hosts.
    Hosts on which it is not defined are left out.
positional: hostvars, variable
options:
  _input:
    description: The names of the hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's variable C(hostvars).
    type: dict
    required: true
  variable:
    description: The name of the variable.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show how long each host has been up
  ansible.builtin.debug:
    msg: "{{ groups.all | lvs.cluster.by_host(hostvars, 'uptime') }}"
"""

RETURN = r"""
_value:
  description: The values by host.
  type: dict
  sample: {d23: {rc: 0}, d31: {rc: 0}}
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2.runtime import Undefined


def by_host(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], variable: str
) -> dict[str, Any]:
    """Return a variable of hosts, by host; those without it are left out."""
    values = {host: hostvars[host].get(variable) for host in hosts}
    return {
        host: value
        for host, value in values.items()
        if value is not None and not isinstance(value, Undefined)
    }


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"by_host": by_host}
