# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: virtual_services
short_description: Make virtual services with their real servers out of an inventory
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Gives each service of C(lvs_services) its destinations, from the hosts of its group and their
    variables, in the form that M(lvs.cluster.ipvs_table) takes.
  - Checks everything that can be seen from the inventory before any host is touched. If anything is
    wrong, it fails with a message that has a line for each mistake, all of them at once.
  - It reads the variables of every host that matters, whatever C(--limit) says, so that working it
    out once (C(run_once)) is enough.
positional: groups, hostvars
options:
  _input:
    description:
      - The services, as C(lvs_services) has them. Each has the fields that
        M(lvs.cluster.ipvs_table) knows for a service, and those below.
      - C(realservers) is the group whose hosts are its destinations, C(lvs_realservers) if it lists
        none itself.
      - C(destinations) lists destinations outright, for machines that Ansible does not manage. With
        C(realservers) beside it, both together are the pool.
      - C(method) is the forwarding method of this service, V(dr), V(tun), V(nat) or V(fullnat);
        C(lvs_method) if not given.
      - C(realserver_port) is the port at which its real servers listen. Only V(nat) and V(fullnat)
        can have another than the service's.
      - C(upper_threshold), C(lower_threshold), C(tunnel_type), C(tunnel_port) and
        C(tunnel_checksum) hold for all its destinations.
      - C(match) lists what gets the C(fwmark) of a service, as a list of C(vip),
        C(protocol) (V(tcp) if not given) and C(ports). The mark is set by the director.
      - C(master) is the host of C(lvs_directors) that is to hold its VIPs, by default the one with
        the highest priority. All services of a VIP have the same.
      - C(check) is a mapping with a C(type). It says how a failed real server is noticed, and is
        not part of the result.
    type: list
    elements: dict
    required: true
  groups:
    description: Ansible's variable C(groups). The group C(lvs_directors) must have a host.
    type: dict
    required: true
  hostvars:
    description:
      - Ansible's variable C(hostvars). These variables are read; any other that begins with C(lvs_)
        is a mistake.
      - C(lvs_method), C(lvs_network) - the forwarding method, V(dr) if not given, and the networks
        (CIDR) in which director and real servers have their addresses, which V(dr) and V(nat) need.
        Each must be the same on all hosts that state it.
      - C(lvs_address) - a host's address toward the cluster, or a list of them, of which the first
        of the VIP's family is taken. If it is not given, C(ansible_host) or the host's name is
        taken if it is an address, else the address in the VIP's network that the host's facts show.
      - C(lvs_weight), C(lvs_weights) - a real server's weight, V(1) if not given, and its weights
        by the names of services.
      - C(lvs_drained) - V(true) gives a real server weight 0 in all services.
      - C(lvs_gateway) - the host's gateway or a list of them, to be checked; with V(nat) a real
        server's answers go there, the director's address if it is not given.
      - C(lvs_nat_route) - the return path of a real server with V(nat), V(policy) or V(default).
      - C(lvs_forward) - what a director forwards with V(nat) and V(fullnat), V(all) that it is
        asked to or what is V(balanced).
      - C(lvs_mtu) - the MTU between director and real servers, V(1500) if not given.
      - C(lvs_interface) - the host's LAN interface, only to be checked.
      - C(lvs_priority), C(lvs_virtual_router_id), C(lvs_auth_pass) - what several directors must
        have different or alike, only to be checked.
    type: dict
    required: true
seealso:
  - module: lvs.cluster.ipvs_table
"""

EXAMPLES = r"""
- name: Work out the virtual services of the inventory, or name its mistakes
  ansible.builtin.set_fact:
    services: "{{ lvs_services | lvs.cluster.virtual_services(groups, hostvars) }}"
  run_once: true

- name: Name the VIPs that this host must have because it serves by direct routing
  ansible.builtin.debug:
    msg: >-
      {{ services | subelements('destinations') | selectattr('1.name', 'eq', inventory_hostname)
         | selectattr('1.method', 'eq', 'dr') | selectattr('0.vip', 'defined')
         | map(attribute='0.vip') | unique }}
"""

RETURN = r"""
_value:
  description:
    - The virtual services with their destinations, which are sorted by address. C(name) of a
      destination is the host's name in the inventory.
  type: list
  elements: dict
  sample:
    - name: web
      vip: 192.168.2.149
      port: 80
      protocol: tcp
      scheduler: wrr
      destinations:
        - {name: rs31, address: 192.168.2.31, port: 80, method: dr, weight: 5}
        - {name: rs32, address: 192.168.2.32, port: 80, method: dr, weight: 5}
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import Unreadable
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.plan import resolve
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
    try:
        value = container[place]
        if isinstance(value, Undefined):
            str(value)  # fails, and tells what is undefined
    except (AnsibleError, TemplateError) as error:
        # ansible-core 2.19 and later put their own way of noticing before the reason.
        reason = str(error).removeprefix("A captured exception marker was tripped: ")
        return Unreadable(" ".join(reason.split()))
    if isinstance(value, Mapping):
        return {key: _plain(value, key) for key in value}
    if isinstance(value, (list, tuple)):
        return [_plain(value, index) for index in range(len(value))]
    return value


def read_inventory(
    services: Any,
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    drained: Sequence[str] = (),
) -> Cluster:
    """Return what an inventory describes, or all its mistakes.

    Services that are None are those of the first director, or without one of the first host.
    """
    described = _plain([services], 0)
    directors = groups.get("lvs_directors") or groups.get("all")
    if described is None and directors:
        described = _Variables(hostvars[directors[0]]).get("lvs_services")
    return resolve(described, groups, lambda host: _Variables(hostvars[host]), drained)


def virtual_services(
    services: Any, groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the virtual services that an inventory describes, or fail with all its mistakes."""
    cluster = read_inventory(services, groups, hostvars)
    if mistakes := cluster.mistakes:
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise AnsibleFilterError("\n".join([f"the inventory has {count}:", *mistakes]))
    return cluster.services


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"virtual_services": virtual_services}
