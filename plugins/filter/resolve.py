# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: resolve
short_description: Resolve the cluster that an inventory describes, or list all its mistakes
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns the data that the playbooks of this collection use, such as the virtual services with
    their destinations, and the variables of the roles of each host.
  - It checks every rule that can be checked in an inventory, before any host is reached. It returns
    all mistakes at once and does not fail, so that a task can show them.
  - It reads the variables of every host that matters, whatever C(--limit) leaves out, so once
    (C(run_once)) is enough. C(docs/inventory.md) describes the variables.
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
    description: The real servers that get weight 0 now, regardless of the inventory.
    type: list
    elements: str
    default: []
seealso:
  - module: lvs.cluster.ipvs_table
  - module: lvs.cluster.report
"""

EXAMPLES = r"""
- name: Fail on invalid inventory
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
    - C(services) has the virtual services with their destinations, in the form of
      O(lvs.cluster.ipvs_table#module:services). The C(name) of a destination is the host's in the
      inventory. C(vips) has the VIPs.
    - C(frontends) has the services as clients see them. One with a C(fwmark) is there once for each
      C(vip), C(protocol) and C(port) that is bound to it.
    - C(marks) lists the packets to which the director gives each firewall mark.
    - C(masters) has the directors that are the preferred master of a VIP. If there are several, and
      one is a real server of a VIP with V(dr) or V(tun), the services of that VIP have a C(fwmark)
      in place of C(vip), C(port) and C(protocol).
    - C(real_servers) lists by host and forwarding method what it serves; each item has the fields
      of a destination, and with them C(vip), C(protocol), for V(nat) the C(gateway), and for V(tun)
      the C(sources) from which it takes tunnels.
    - C(tunnel_sources) has these for each RIP of the method V(tun).
    - C(min_available) is the variable C(lvs_min_available).
    - C(failover_seconds) is the time within which a director is MASTER of each VIP, in seconds. It
      is 0 without VRRP.
    - C(hosts) has a plan for each director and real server. C(serving) is whether it needs the
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

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from jinja2 import TemplateError
from jinja2.runtime import Undefined


class _Variables(Mapping[str, Any]):
    """A host's variables, each worked out when it is asked for."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> Any:
        return _plain(self._variables, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def _plain(container: Any, place: Any) -> Any:
    """Return what stands at a place as plain data, with a mark wherever a template failed."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import Unreadable

    try:
        value = container[place]
        if isinstance(value, Undefined):
            str(value)  # fails, with what is undefined
    except (AnsibleError, TemplateError) as error:
        # ansible-core 2.19 and later put their own way of noticing before the reason.
        reason = str(error).removeprefix("A captured exception marker was tripped: ")
        return Unreadable(" ".join(reason.split()))
    if isinstance(value, Mapping):
        return {key: _plain(value, key) for key in value}
    if isinstance(value, (list, tuple)):
        return [_plain(value, index) for index in range(len(value))]
    return value


def resolve(
    services: Any,
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    drained: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what an inventory describes, or all its mistakes, as plain data.

    Services that are None are those of the first director, or without one of the first host.
    """
    from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory import resolve as inventory

    described = _plain([services], 0)
    directors = groups.get("lvs_directors") or groups.get("all")
    if described is None and directors:
        described = _Variables(hostvars[directors[0]]).get("lvs_services")
    return inventory.resolve(
        described, groups, lambda host: _Variables(hostvars[host]), drained
    )._asdict()


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"resolve": resolve}
