# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: exclude_macs
short_description: Exclude packets of other directors from firewall marks
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Adds C(exclude_macs), the link-layer addresses of other directors, to firewall marks. Packets
    that these have forwarded must not be load-balanced again.
positional: checked
options:
  _input:
    description: The firewall marks, as C(marks) of P(lvs.cluster.resolve#filter) has them.
    type: list
    elements: dict
    required: true
  checked:
    description: By director, what M(lvs.cluster.preflight) returned.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Exclude what the other director has forwarded
  ansible.builtin.debug:
    msg: "{{ cluster.marks | lvs.cluster.exclude_macs({'d31': hostvars.d31.checked}) }}"
"""

RETURN = r"""
_value:
  description: The firewall marks with C(exclude_macs).
  type: list
  elements: dict
  sample:
    - fwmark: 1
      vip: 192.168.2.149
      protocol: tcp
      ports: [80]
      exclude_macs: ["02:42:c0:a8:02:1f"]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def exclude_macs(
    marks: Sequence[Mapping[str, Any]], checked: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return marks that what other directors have forwarded does not get."""
    macs = sorted({mac for result in checked.values() for mac in result.get("macs", ())})
    return [{**mark, "exclude_macs": macs} for mark in marks]


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"exclude_macs": exclude_macs}
