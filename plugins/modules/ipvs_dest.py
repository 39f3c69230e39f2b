#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manage one destination of a virtual service of IPVS."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_dest
short_description: Manage one destination of a virtual service of IPVS
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Adds, changes, drains or removes one destination of an existing virtual service.
  - Changes are made in place, so existing connections continue.
  - An option that is not set keeps the current value. For a new destination, it has the default
    that its description has. So a change of weight never changes the forwarding method.
options:
  service:
    description: Which virtual service the destination belongs to.
    type: dict
    required: true
    suboptions:
      vip:
        description: The address that clients use (VIP), IPv4 or IPv6.
        type: str
      port:
        description: The port that clients use.
        type: int
      protocol:
        description: The transport protocol. V(tcp) if not given.
        type: str
        choices: [tcp, udp, sctp]
      fwmark:
        description: A firewall mark, instead of VIP, port and protocol.
        type: int
      family:
        description: The address family of a service by firewall mark. V(ipv4) if not given.
        type: str
        choices: [ipv4, ipv6]
  address:
    description: The real server's own address (RIP).
    type: str
    required: true
  port:
    description: The real server's port. By default, the port of the service; another port needs
      O(method=nat).
    type: int
  method:
    description:
      - The forwarding method. V(dr) for a new destination.
      - V(fullnat) is V(nat) for IPVS; P(lvs.cluster.director#role) adds the source NAT.
      - Some kernels report V(local) for an address of the director itself. It is equal to any
        method.
    type: str
    choices: [dr, tun, nat, fullnat, local]
  weight:
    description:
      - V(0) to V(65535). V(1) for a new destination. With V(0) it gets no new connections. Not with
        O(state=drained).
    type: int
  upper_threshold:
    description:
      - At this number of connections, the destination gets no new ones, up to V(2147483647). V(0),
        no limit, for a new destination.
    type: int
  lower_threshold:
    description: Below this number of connections, the destination gets new ones again.
    type: int
  tunnel_type:
    description: How packets are encapsulated with O(method=tun). V(ipip) for a new destination.
    type: str
    choices: [ipip, gue, gre]
  tunnel_port:
    description: The UDP port of V(gue).
    type: int
  tunnel_checksum:
    description: The checksum of V(gue) and V(gre). V(none) for a new destination.
    type: str
    choices: [none, checksum, remote]
  state:
    description:
      - V(present) adds or changes it, V(absent) removes it.
      - V(drained) gives it weight 0 and waits until its connections have ended, at most
        O(drain_timeout). It stays in the pool, so remaining connections continue. A destination
        that does not exist counts as drained.
    type: str
    choices: [present, absent, drained]
    default: present
  drain_timeout:
    description:
      - For how many seconds O(state=drained) waits until two reads, a second apart, find no
        connection. With V(0) it reads once, and does not wait.
      - When the time is up the module succeeds with a warning, and RV(drained) is false.
    type: int
    default: 300
  drain_until:
    description:
      - Which connections O(state=drained) waits for. V(active) are established connections of TCP
        and SCTP. V(all) includes those that the kernel counts as inactive, which are closing
        connections and all of UDP.
      - Persistence sends a client to a real server with weight 0 again, unless the sysctl
        C(net.ipv4.vs.expire_quiescent_template) is 1.
    type: str
    choices: [active, all]
    default: active
extends_documentation_fragment:
  - lvs.cluster.virtual_service
  - lvs.cluster.attributes
seealso:
  - module: lvs.cluster.ipvs_service
  - module: lvs.cluster.ipvs_table
"""

EXAMPLES = r"""
- name: Give a real server three times the share
  lvs.cluster.ipvs_dest:
    service: {vip: 192.168.2.149, port: 80}
    address: 192.168.2.31
    weight: 15

- name: Take a real server out without cutting a connection
  lvs.cluster.ipvs_dest:
    service: {vip: 192.168.2.149, port: 80}
    address: 192.168.2.31
    state: drained
    drain_timeout: 600
"""

RETURN = r"""
before:
  description: The destination as it was, or nothing.
  returned: success
  type: dict
  sample: {address: 192.168.2.31, port: 80, method: dr, weight: 5}
after:
  description: The destination as it is now, or would be in check mode, or nothing.
  returned: success
  type: dict
  sample: {address: 192.168.2.31, port: 80, method: dr, weight: 15}
operations:
  description: What was done, or would be in check mode, in its order.
  returned: success
  type: list
  elements: str
  sample: ["set destination 192.168.2.31:80 of service tcp 192.168.2.149:80"]
drained:
  description: Whether the connections of O(drain_until) have ended.
  returned: success, when O(state=drained)
  type: bool
  sample: true
connections:
  description:
    - The connections that it has at the end. V(persistent) counts the clients that persistence
      holds.
  returned: success, when O(state=drained)
  type: dict
  sample: {active: 0, inactive: 3, persistent: 0}
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _arguments
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import Ipvs, NoIpvs
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    DRAIN_UNTIL,
    EMPTY_READS,
    Table,
    VirtualService,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import (
    parse_destination,
    parse_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._run import (
    Change,
    OperatorError,
    run,
)
from ansible_collections.lvs.cluster.plugins.module_utils._table import transition

ARGUMENTS = {
    "service": {"type": "dict", "required": True, "options": _arguments.KEY},
    **_arguments.DESTINATION,
    "state": {
        "type": "str",
        "choices": ["present", "absent", "drained"],
        "default": "present",
    },
    "drain_timeout": {"type": "int", "default": 300},
    "drain_until": {"type": "str", "choices": list(DRAIN_UNTIL), "default": DRAIN_UNTIL[0]},
    **_arguments.IGNORE_OWNERS,
}

#: Seconds between two reads of the connections that are left.
POLL = 1


def prepare(module):
    """Return the change that makes the destination what the module's parameters define."""
    params = module.params
    key, mistakes = parse_key(_arguments.given(params["service"], _arguments.KEY))
    if key is None:
        raise OperatorError(*mistakes)
    settings = _arguments.given(params, _arguments.DESTINATION)
    draining = params["state"] == "drained"
    if draining and settings.get("weight"):
        raise OperatorError(
            f"service {key}: destination {params['address']}: state drained means weight 0;"
            f" leave out weight {settings['weight']}."
        )
    address = normal_address(params["address"])
    if address is None:
        raise OperatorError(
            f"address is {params['address']!r}, which is not an IPv4 or IPv6 address."
        )
    name = address, settings.get("port", key.port)
    missing = []

    def desire(current: Table) -> Table:
        service = current.get(key)
        if service is None:
            if params["state"] != "present":
                return current
            missing.append(
                f"service {key} does not exist; add it first (lvs.cluster.ipvs_service)."
            )
            service = VirtualService(key)
        pool = {destination.key: destination for destination in service.destinations}
        old = pool.pop(name, None)
        if params["state"] == "present":
            pool[name] = described(key, old, settings)
        elif draining and old:
            pool[name] = old._replace(weight=0)
        return {**current, key: service.with_destinations(pool.values())}

    planned = transition(desire, params["ignore_owners"])
    results = {"operations": [str(operation) for operation in planned.operations]}

    def afterwards():
        wait = 0 if module.check_mode else params["drain_timeout"]
        return drain(module, key, name, wait) if draining else {}

    before, after = (found(table, key, name) for table in (planned.before, planned.after))
    missing_requirements = [*planned.missing_requirements, *missing]
    return Change(
        before,
        after,
        planned.apply,
        text=planned.text,
        results=results,
        missing_requirements=missing_requirements,
        afterwards=afterwards,
    )


def described(key, old, settings):
    """Return the destination with the given settings, the others as they are."""
    kept = old.to_dict() if old else {}
    if settings.get("method", kept.get("method")) != "tun":
        kept = {field: value for field, value in kept.items() if not field.startswith("tunnel_")}
    destination, mistakes = parse_destination({**kept, **settings}, key)
    if mistakes:
        raise OperatorError(*mistakes)
    return destination


def found(table, key, name):
    """Return a destination's fields; none if it does not exist."""
    for destination in table[key].destinations if key in table else ():
        if destination.key == name:
            return destination.to_dict()
    return {}


def drain(module, key, name, timeout):
    """Wait up to timeout seconds for a destination's connections to end; return what is left."""
    deadline = time.monotonic() + timeout
    empty_reads = 0
    while True:
        left = connections(key, name)
        waited_for = left["active"]
        if module.params["drain_until"] == "all":
            waited_for += left["inactive"]
        empty_reads = 0 if waited_for else empty_reads + 1
        remaining = deadline - time.monotonic()
        if empty_reads == (EMPTY_READS if timeout else 1) or (waited_for and remaining <= 0):
            break
        time.sleep(min(POLL, remaining) if waited_for else POLL)
    if waited_for and not module.check_mode:
        module.warn(
            f"service {key}: destination {module.params['address']} still has {waited_for}"
            f" connections after {timeout} s. It gets no new ones; existing connections continue."
        )
    return {"drained": not waited_for, "connections": left}


def connections(key, name):
    """Return the connections of a destination; none if it does not exist."""
    try:
        with Ipvs() as ipvs:
            loads = ipvs.loads(key)
    except NoIpvs:
        loads = {}
    for destination, load in loads.items():
        if destination.key == name:
            return {field: getattr(load, field) for field in ("active", "inactive", "persistent")}
    return {"active": 0, "inactive": 0, "persistent": 0}


def main():
    """Run the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    run(module, lambda _params: prepare(module))


if __name__ == "__main__":
    main()
