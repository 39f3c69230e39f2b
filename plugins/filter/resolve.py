# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: resolve
short_description: Tell what each machine of a cluster has to do, or all that is wrong with it
version_added: 0.2.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Works out from an inventory what the playbooks of this collection give to the roles.
  - Its mistakes are those with which P(lvs.cluster.virtual_services#filter) would fail, for a task
    that shows them. Ansible prints a filter's failure once for each thing it broke.
positional: groups, hostvars, drained
options:
  _input:
    description: The services, as C(lvs_services) has them; null for those of the first director.
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
  drained:
    description: The real servers that are to have weight 0 now, whatever the inventory says.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
seealso:
  - plugin: lvs.cluster.virtual_services
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Go on with an inventory that is right
  lvs.cluster.report:
    errors: "{{ cluster.mistakes }}"
  vars:
    cluster: "{{ none | lvs.cluster.resolve(groups, hostvars) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description:
    - C(mistakes) has a sentence for each; if there is one, all else is empty.
    - C(services) has what P(lvs.cluster.virtual_services#filter) returns, C(vips) the VIPs.
    - C(frontends) has the services as clients see them. One with a C(fwmark) is there once for each
      C(vip), C(protocol) and C(port) that is bound to it.
    - C(marks) says what the director gives which firewall mark.
    - C(masters) has the directors that are to be the master of some VIP. If there are several, and
      one is a real server of a VIP with V(dr) or V(tun), the services of that VIP have a C(fwmark)
      in place of C(vip), C(port) and C(protocol).
    - C(real_servers) says by host and forwarding method what it serves; each item has the fields of
      a destination, and with them C(vip), C(protocol), for V(nat) the C(gateway), and for V(tun)
      the C(sources) from which it takes tunnels.
    - C(tunnel_sources) has these for each RIP of the method V(tun).
    - C(min_available) is the variable C(lvs_min_available).
    - C(failover_seconds) is the time within which a director is MASTER of each VIP, in seconds. It
      is 0 without VRRP.
    - C(hosts) has a plan for each director and real server. C(serving) says whether it needs the
      configuration of a real server, C(host_basics) whether it gets the role of that name.
      C(checks) are options of M(lvs.cluster.preflight), and C(roles) are the variables of its
      roles, without their prefix.
    - C(options) are the options of the playbooks, with their defaults.
  type: dict
  sample:
    mistakes: []
    services:
      - name: web
        vip: 192.168.2.149
        port: 80
        protocol: tcp
        scheduler: rr
        destinations:
          - {name: rs31, address: 10.0.0.31, port: 8080, method: nat, weight: 1}
    frontends:
      - {name: web, vip: 192.168.2.149, port: 80, protocol: tcp, scheduler: rr, destinations: []}
    vips: [192.168.2.149]
    marks: []
    masters: [d23]
    real_servers:
      rs31:
        dr: []
        tun: []
        nat:
          - name: rs31
            vip: 192.168.2.149
            protocol: tcp
            address: 10.0.0.31
            port: 8080
            method: nat
            weight: 1
            gateway: 10.0.0.23
        fullnat: []
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.filter.virtual_services import read_inventory


def resolve(
    services: Any,
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    drained: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what an inventory describes, or all its mistakes, as plain data."""
    return read_inventory(services, groups, hostvars, drained)._asdict()


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"resolve": resolve}
