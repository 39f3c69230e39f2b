# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the address of each host toward a service, and report duplicate addresses."""

from __future__ import annotations

from ansible_collections.lvs.cluster.plugins.module_utils._model import UNCHANGED, normal_address
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import as_integer
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import is_name
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.hosts import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import (
    join_names,
    joined,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.networks import (
    family_name,
    inside,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.services import Service
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.topology import Topology


def address_toward(
    topology: Topology, host: Host, service: Service, *, needed: bool = True
) -> str | None:
    """Return a host's address toward a service."""
    families = [service.family or "ipv4"]
    if service.method == "tun":
        families += {"ipv4", "ipv6"}.difference(families)
    for family in families:
        networks = [n for n in service.networks if family_name(n) == family_name(family)]
        found = host.addresses(family, service.vip, networks, topology.vips)
        if host in topology.directors and not host.stated:
            found = [address for address in found if address not in topology.vips]
        if found:
            break
    else:
        if needed:
            service.note(
                f"no {family_name(families[0])} address is known; set lvs_address to the one"
                " between director and real servers",
                host.name,
            )
        return None
    address = found[0]
    if len(found) > 1:
        service.note(
            f"its facts have several addresses for it ({join_names(found)}); choose one with"
            " lvs_address",
            host.name,
        )
    if not inside(address, networks):
        service.note(
            f"its address {address} is outside lvs_network ({joined(networks)}), but method"
            f" {service.method} needs director and real servers in one network; set lvs_address"
            " to its address there",
            host.name,
        )
    topology.owners.setdefault(address, {})[host.name] = None
    return address


def fill(topology: Topology, service: Service) -> None:
    """Find the address and weight of each host of a service's group."""
    for name in service.members:
        host = topology.hosts[name]
        address = address_toward(topology, host, service)
        if address:
            topology.rips.setdefault(address, {})[name] = None
            service.pool[name] = address, host.weight(service.name)
    weights = [topology.hosts[name].weight(service.name) for name in service.members]
    weights += [as_integer(item.get("weight")) != 0 for item in service.outright]
    willing = [name for name in service.members if not topology.hosts[name].drained]
    if willing and not any(weights):
        service.wrong(
            "every destination has weight 0, so no client is served; raise lvs_weight of"
            f" {join_names(willing)}, or set lvs_drained: true to take hosts out on purpose"
        )


def check_outright(topology: Topology, service: Service) -> None:
    """Check the destinations in a service's own list, beside those of its group."""
    port = as_integer(service.raw.get("port"))
    member_port = service.shared.get("port", port)
    members = {(rip, member_port): name for name, (rip, _weight) in service.pool.items()}
    for number, item in enumerate(service.outright, 1):
        name = item.get("name")
        if name is not None and not is_name(str(name)):
            service.note(
                f"name is {shown(name)}; it must be a line of text", str(number), "destination"
            )
        address = normal_address(item.get("address"))
        if not address:
            continue  # the model reports it
        name = str(item.get("name") or address)
        own = topology.hosts[name].own if name in topology.hosts else []
        twin = members.get((address, as_integer(item.get("port", port))))
        wrong = []
        if own and address not in own:
            wrong.append(
                f"in the inventory it is {join_names(own)}; correct the address or the name"
            )
        if twin:
            who = f"{twin} of the group {service.group}"
            wrong.append(f"it is already in the pool, as {who}; remove one of them")
        if address == service.vip:
            wrong.append("that is the VIP; give the real server's own address")
        for sentence in wrong:
            service.note(f"its address is {address}; {sentence}", name, "destination")


def check_vips(topology: Topology, service: Service) -> None:
    """Check that a VIP is no host's own address, except a NAT director's outer one."""
    for vip in dict.fromkeys(frontend.vip for frontend in service.frontends):
        owners = dict(topology.rips.get(vip, {}))
        for host in topology.hosts.values():
            inner = service.method in UNCHANGED or host not in topology.directors
            if inner and vip in host.own:
                owners[host.name] = None
        for name in owners:
            service.note(
                f"{vip} is the VIP, but also this machine's own address; choose a VIP that no host"
                " has, or correct lvs_address or ansible_host",
                name,
            )


def check_owners(topology: Topology) -> None:
    """Check that no two hosts have one address toward services."""
    for address, names in topology.owners.items():
        if len(names) > 1:
            topology.mistakes.add(
                f"they have the same address, {address}; give each its own lvs_address, or keep one"
                " name for one machine",
                "host",
                *names,
            )
