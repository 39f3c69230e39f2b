#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manage a whole IPVS table, or part of it, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_table
short_description: Manage a whole IPVS table, or part of it, in one call
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Makes the kernel's table hold the given virtual services with their destinations.
  - What has to change is planned first, applied in one go, read back and compared. If the kernel
    refuses any of it, what was done is undone and the message has the operation.
  - Everything is edited in place. A destination that stays keeps its connections, and a service
    that has a server before and after the change has one at every moment of it.
  - While a scheduler changes, the kernel has none for some milliseconds and refuses clients
    (ip_vs_edit_service). Where there is nft, the refusals are kept back by a table
    C(lvs_reschedule), and clients ask again after a second.
options:
  services:
    description: The virtual services. A mistake in any of them changes nothing.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: A label for messages. The kernel does not keep it.
        type: str
      vip:
        description: The address that clients use (VIP), IPv4 or IPv6.
        type: str
      port:
        description:
          - The port that clients use, V(0) to V(65535). V(0) is every port and needs persistence.
        type: int
      protocol:
        description: The transport protocol. V(tcp) if not given.
        type: str
        choices: [tcp, udp, sctp]
      fwmark:
        description: A firewall mark, V(1) to V(4294967295), in place of VIP, port and protocol.
        type: int
      family:
        description: The address family of a service by firewall mark. V(ipv4) if not given.
        type: str
        choices: [ipv4, ipv6]
      scheduler:
        description: How a destination is chosen. V(wlc) if not given.
        type: str
        choices: [rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos]
      scheduler_flags:
        description:
          - Flags of the scheduler. V(sh-fallback) and V(sh-port) belong to V(sh), V(mh-fallback)
            and V(mh-port) to V(mh); V(flag-1), V(flag-2) and V(flag-3) are the bits themselves.
        type: list
        elements: str
      persistence_timeout:
        description:
          - For how many seconds a client stays with its real server. V(0), no persistence, if not
            given. At most 31 days.
        type: int
      persistence_mask:
        description:
          - By which prefix length (or IPv4 netmask) clients are grouped. One host if not given.
        type: str
      persistence_engine:
        description: What distinguishes clients beside their address. V(sip) is the Call-ID.
        type: str
        choices: [sip]
      one_packet:
        description: Whether each datagram is scheduled by itself. For V(udp) and firewall marks.
        type: bool
      destinations:
        description: The real servers.
        type: list
        elements: dict
        suboptions:
          name:
            description: A label for messages. The kernel does not keep it.
            type: str
          address:
            description: The real server's own address (RIP).
            type: str
            required: true
          port:
            description:
              - The real server's port. The service's if not given; another needs
                O(services[].destinations[].method=nat).
            type: int
          method:
            description:
              - The forwarding method. V(dr) if not given.
              - V(fullnat) is V(nat) for IPVS; P(lvs.cluster.director#role) adds the source NAT.
              - V(local) is read back from some kernels for an address of the director itself and
                means any method.
            type: str
            choices: [dr, tun, nat, fullnat, local]
          weight:
            description: V(0) to V(65535); V(1) if not given. V(0) takes no new connections.
            type: int
          upper_threshold:
            description:
              - The number of connections from which on the server takes no more, up to
                V(2147483647). V(0), none, if not given.
            type: int
          lower_threshold:
            description: The number of connections below which it takes some again.
            type: int
          tunnel_type:
            description:
              - How packets are wrapped with O(services[].destinations[].method=tun). V(ipip) if not
                given.
            type: str
            choices: [ipip, gue, gre]
          tunnel_port:
            description: The UDP port of V(gue).
            type: int
          tunnel_checksum:
            description: The checksum of V(gue) and V(gre). V(none) if not given.
            type: str
            choices: [none, checksum, remote]
  prune:
    description:
      - What is removed because it is not listed.
      - V(none) removes nothing; V(destinations) removes from the listed services each destination
        that is not listed; V(all) also removes every service that is not listed.
    type: str
    choices: [none, destinations, all]
    default: none
  save:
    description:
      - A file to keep the services in, as C(ipvsadm --restore) reads them, so that they can be
        brought back at boot.
      - A service that the file lists and O(services) no longer does was put there by this module,
        and is removed from the kernel too.
      - Without O(services) there is no file.
    type: path
  return_all:
    description: Whether RV(before) and RV(after) have all listed services, and all their
      destinations. With thousands of destinations, the result then takes longer than the change.
    type: bool
    default: false
extends_documentation_fragment:
  - lvs.cluster.virtual_service
  - lvs.cluster.attributes
seealso:
  - module: lvs.cluster.ipvs_info
  - module: lvs.cluster.ipvs_dest
"""

EXAMPLES = r"""
- name: Balance HTTP over two real servers by direct routing
  lvs.cluster.ipvs_table:
    services:
      - name: web
        vip: 192.168.2.149
        port: 80
        scheduler: wrr
        destinations:
          - {address: 192.168.2.31, weight: 5}
          - {address: 192.168.2.32, weight: 5}
    prune: destinations
    save: /etc/lvs/director.ipvs

- name: Bring back a table as it was read before
  lvs.cluster.ipvs_table:
    services: "{{ earlier.services }}"
    prune: all
"""

RETURN = r"""
before:
  description:
    - The services that are changed, and with O(return_all) all that are listed, as they were.
    - If these and RV(after) have more than 1,000 destinations, they are returned without
      C(destinations) unless O(return_all) is set.
  returned: success
  type: list
  elements: dict
  sample: []
after:
  description: The same services as they are now, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - vip: 192.168.2.149
      port: 80
      protocol: tcp
      scheduler: wrr
      destinations:
        - {address: 192.168.2.31, port: 80, method: dr, weight: 5}
        - {address: 192.168.2.32, port: 80, method: dr, weight: 5}
operations:
  description:
    - What was done, or would be in check mode, in its order.
    - Where RV(before) and RV(after) have no destinations, operations on the destinations of one
      service are one item, C(add 100 destinations of service tcp 192.168.2.149:80).
  returned: success
  type: list
  elements: str
  sample:
    - add service tcp 192.168.2.149:80
    - add destination 192.168.2.31:80 of service tcp 192.168.2.149:80
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arguments,
    _atomic_file,
    _ipvsadm_format,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import Table, as_table
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.module_utils._plan import merge, summary
from ansible_collections.lvs.cluster.plugins.module_utils._run import (
    Change,
    OperatorError,
    run,
)
from ansible_collections.lvs.cluster.plugins.module_utils._table import transition

#: With more destinations than this, the result has the services alone, and not the arguments:
#: Ansible copies each value and looks for secrets in it, which takes longer than to change a table.
RETURNED = 1000

ARGUMENTS = {
    # Their fields are read by _model_parser alone: with ten thousand destinations, Ansible would
    # take longer than all that follows.
    "services": {"type": "list", "elements": "dict", "required": True},
    "prune": {
        "type": "str",
        "choices": ["none", "destinations", "all"],
        "default": "none",
    },
    "save": {"type": "path"},
    "return_all": {"type": "bool", "default": False},
    **_arguments.IGNORE_OWNERS,
}


def prepare(params):
    """Return the change that makes the table what the parameters define."""
    services, mistakes = parse_services(params["services"])
    if mistakes:
        raise OperatorError(*mistakes)
    files, meanwhile, managed = {}, {}, {}
    if params["save"]:
        saved = _atomic_file.read(params["save"])
        managed = _atomic_file.parsed(params["save"], saved, _ipvsadm_format.by_service)
    gone = managed.keys() - {service.key for service in services}
    if params["save"]:
        rules = _ipvsadm_format.to_rules(services)
        files[params["save"]] = saved, rules or None
        meanwhile[params["save"]] = rules + "".join(managed[key] for key in managed if key in gone)

    def desire(current: Table) -> Table:
        kept = {key: service for key, service in current.items() if key not in gone}
        return merge(kept, services, params["prune"])

    planned = transition(desire, params["ignore_owners"])
    scope = {op.service.key for op in planned.operations}
    if params["return_all"]:
        scope |= as_table(services).keys()
    returned = [
        [table[key] for key in sorted(scope) if key in table]
        for table in (planned.before, planned.after)
    ]
    number = sum(len(service.destinations) for table in returned for service in table)
    complete = params["return_all"] or number <= RETURNED
    before, after = ([_as_result(each, complete) for each in table] for table in returned)
    operations = map(str, planned.operations) if complete else summary(planned.operations)
    return Change(
        before,
        after,
        planned.apply,
        files,
        planned.text,
        {"operations": list(operations)},
        planned.missing_requirements,
        meanwhile,
    )


def _as_result(service, complete):
    """Return a service as plain data, with its destinations if the result is to be complete."""
    if complete:
        return service.to_dict()
    data = service.with_destinations(()).to_dict()
    del data["destinations"]
    return data


class Module(AnsibleModule):  # type: ignore[misc]  # Ansible has no types
    """A module with ``many`` services that Ansible neither copies nor returns, or None."""

    def _load_params(self):
        super()._load_params()
        self.many, services = None, self.params.get("services")
        if isinstance(services, list) and _number(services) > RETURNED:
            self.many, self.params["services"] = services, []


def _number(services):
    """Return how many destinations services have, which may have any form yet."""
    pools = (each.get("destinations") for each in services if isinstance(each, dict))
    return sum(len(pool) for pool in pools if isinstance(pool, list))


def main():
    """Run the module."""
    module = Module(ARGUMENTS, supports_check_mode=True)
    params = dict(module.params)
    if module.many is not None:
        params["services"] = module.many
        module.params["services"] = f"<{len(module.many)} services>"
    run(module, lambda _shown: prepare(params))


if __name__ == "__main__":
    main()
