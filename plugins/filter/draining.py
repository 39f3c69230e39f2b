# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: draining
short_description: Return the order in which real servers can be drained, or why they can't
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns the real servers that names of hosts and groups stand for, in batches. Those that are
    already drained come first.
  - It is a mistake to give a host that is unknown or serves nothing, also by its weight in the
    inventory, to leave a service with fewer real servers than C(lvs_min_available), and to continue
    while something of the inventory is not applied to the directors. A real server that keepalived
    has taken out of the pool does not count as a real server.
positional: status, groups, hosts
options:
  _input:
    description: The cluster, as P(lvs.cluster.resolve#filter) returns it without C(drained).
    type: dict
    required: true
  status:
    description: What P(lvs.cluster.status#filter) returns.
    type: dict
    required: true
  groups:
    description: Ansible's variable C(groups).
    type: dict
    required: true
  hosts:
    description: Names of hosts and groups, a list or with commas between them.
    type: raw
    required: true
  serial:
    description: How many are drained at a time, as a number or a percentage of them.
    type: raw
    default: 100%
  managed:
    description: The hosts of the run. It is a mistake if a real server to be drained is not among
      them. By default, this is not checked.
    type: list
    elements: str
  back:
    description: Whether to undrain them instead.
    type: bool
    default: false
  directors:
    description: Whether O(hosts) are directors, which can be drained with BGP. Then the result has
      C(mistakes) and C(directors), their names.
    type: bool
    default: false
seealso:
  - plugin: lvs.cluster.status
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse what would leave too few
  lvs.cluster.report:
    errors: "{{ plan.mistakes }}"
  vars:
    plan: "{{ cluster | lvs.cluster.draining(status, groups, 'rs20,rs21', serial=1) }}"
"""

RETURN = r"""
_value:
  description:
    - C(mistakes) has a sentence for each; if there is one, all else is empty.
    - C(hosts) are the real servers, C(batches) the same in their order.
    - C(lines) are the batches as text.
    - C(drained) are all real servers with weight 0 afterwards, though the inventory has another.
    - C(services) has, by director, the services whose VIP it holds, as M(lvs.cluster.ipvs_wait)
      takes them.
    - C(servers) are the requests that show whether they answer, as
      M(lvs.cluster.realserver_probe) takes them. C(untested) lists the services for which there are
      none, and why.
  type: dict
  sample:
    mistakes: []
    hosts: [rs20, rs21]
    batches: [[rs20], [rs21]]
    lines: ["batch 1 of 2: rs20", "batch 2 of 2: rs21"]
    drained: [rs20, rs21]
    services: {d23: []}
    servers:
      - {name: rs20, address: 192.168.2.20, port: 80}
      - {name: rs21, address: 192.168.2.21, port: 80}
    untested: []
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def draining(
    cluster: Mapping[str, Any],
    status: Mapping[str, Any],
    groups: Mapping[str, Any],
    hosts: Any,
    serial: int | str = "100%",
    back: bool = False,
    managed: Sequence[str] | None = None,
    directors: bool = False,
) -> dict[str, Any]:
    """Return the batches to drain or undrain, or all that is wrong with them."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _draining

    if directors:
        return _draining.drain_directors(cluster, status, hosts, back=back)._asdict()
    if back:
        return _draining.undrain(cluster, status, groups, hosts)._asdict()
    return _draining.drain(cluster, status, groups, hosts, serial, managed)._asdict()


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"draining": draining}
