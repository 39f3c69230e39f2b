# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts_lines
short_description: Format host names and addresses as lines of /etc/hosts
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns a line with the address and the name for each name.
  - Fails with a sentence for each name that is no host name and for each value that is no address,
    so that no value can add a line or a second name. The name V(localhost) is refused, too.
options:
  _input:
    description: The names, each with its IPv4 or IPv6 address.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the lines
  ansible.builtin.debug:
    msg: "{{ {'d23': '192.168.2.23'} | lvs.cluster.hosts_lines }}"
"""

RETURN = r"""
_value:
  description: The lines, in the order of the names.
  type: list
  elements: str
  sample: [192.168.2.23 d23]
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def hosts_lines(names: Any) -> list[str]:
    """Return the lines of /etc/hosts for names, or fail with all that is wrong."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _hosts_file

    lines, mistakes = _hosts_file.lines(names)
    if mistakes:
        raise AnsibleFilterError("\n".join(mistakes))
    return lines


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"hosts_lines": hosts_lines}
