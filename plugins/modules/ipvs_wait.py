#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the connections of real servers once. The action of the same name repeats it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_wait
short_description: Wait for connections to drain, or for real servers to be in the pool
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Reads the director's table every second, and shows what it waits for whenever that changes.
  - It changes nothing. A destination that has weight 0, or is no longer in the table, gets no new
    connections.
options:
  services:
    description: The services, as P(lvs.cluster.resolve#filter) returns them.
    type: list
    elements: dict
    required: true
  hosts:
    description: The names of the destinations to wait for.
    type: list
    elements: str
    required: true
  state:
    description:
      - With V(drained), they have weight 0 or are removed, and have no connections.
      - With V(serving), they have a weight in each service in which O(services) gives them one.
    type: str
    choices: [drained, serving]
    default: drained
  seconds:
    description: How long it waits before it fails.
    type: int
    default: 300
  until:
    description:
      - Which connections have to end. With V(active), those that are established; with V(all), also
        those that are closing, which the kernel keeps for up to two minutes.
    type: str
    choices: [active, all]
    default: active
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  check_mode:
    description: It reads once, and does not wait.
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
requirements:
  - root (C(CAP_NET_ADMIN) in the network namespace).
seealso:
  - module: lvs.cluster.ipvs_dest
  - module: lvs.cluster.ipvs_info
"""

EXAMPLES = r"""
- name: Wait for the last connections of rs20
  lvs.cluster.ipvs_wait:
    services:
      - name: web
        vip: 192.168.2.149
        port: 80
        destinations:
          - {name: rs20, address: 192.168.2.20, port: 80, weight: 0}
    hosts: [rs20]
    seconds: 60
"""

RETURN = r"""
left:
  description: What it still waits for at the end.
  type: list
  elements: str
  returned: always
  sample: ["web: rs20 has 12 connections (3 active)"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import (
    Ipvs,
    IpvsError,
    NoIpvs,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import DRAIN_UNTIL
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError, report

ARGUMENTS = {
    "services": {"type": "list", "elements": "dict", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": ["drained", "serving"], "default": "drained"},
    "seconds": {"type": "int", "default": 300},
    "until": {"type": "str", "choices": list(DRAIN_UNTIL), "default": DRAIN_UNTIL[0]},
}


def read(params):
    """Return what is still to wait for."""
    services, mistakes = parse_services(params["services"])
    if mistakes:
        raise OperatorError(*mistakes)
    wanted = [
        (f"{raw.get('name') or service}: {item.get('name')}", service, destination)
        for raw, service in zip(params["services"], services)
        for item in raw["destinations"]
        for destination in service.destinations
        if item.get("name") in params["hosts"] and same(item, destination)
    ]
    try:
        with Ipvs() as ipvs:
            table = {
                service.key: {d.key: (d, load) for d, load in ipvs.loads(service.key).items()}
                for service, _counters in ipvs.services_only()
            }
    except NoIpvs:
        table = {}
    except IpvsError as error:
        raise OperatorError(f"{error}.") from error
    left = []
    for who, service, destination in wanted:
        there = table.get(service.key, {}).get(destination.key)
        weight, active, inactive = 0, 0, 0
        if there:
            weight, active, inactive = there[0].weight, there[1].active, there[1].inactive
        if params["state"] == "serving":
            left += [f"{who} is not in the pool yet"] if destination.weight and not weight else []
        else:
            left += remaining(who, weight, active, inactive, params["until"])
    return {"left": left}


def same(raw, destination):
    """Return whether a destination is that of plain data, which resolve has made normal."""
    return destination.key == (raw["address"], raw.get("port", destination.port))


def remaining(who, weight, active, inactive, until):
    """Return the connections or the weight of a destination that is not drained yet."""
    if weight:
        return [f"{who} still has weight {weight}"]
    if active or (inactive and until == "all"):
        count = active + inactive
        what = "connection" if count == 1 else "connections"
        return [f"{who} has {count} {what} ({active} active)"]
    return []


def main():
    """Run the module."""
    report(AnsibleModule(ARGUMENTS, supports_check_mode=True), read)


if __name__ == "__main__":
    main()
