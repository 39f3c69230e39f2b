# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the return path of answers: through the director with nat, past it with dr and tun."""

from __future__ import annotations

from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    TRANSLATED,
    UNCHANGED,
    family_of,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.address_rules import (
    address_toward,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.hosts import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.services import Service
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.topology import Topology


def check_gateways(topology: Topology, service: Service) -> None:
    """Check the return path: through the director with nat, past it with dr and tun."""
    nat = service.method == "nat"
    dips = service.dips
    for host in topology.directors:
        dip = address_toward(topology, host, service, needed=nat)
        for address in [dip] if nat else [dip, *host.own]:
            dips[address] = f"the DIP of {host.name}"
    if service.method in UNCHANGED:
        dips.update(dict.fromkeys(topology.vips, "a VIP"))
    for name in service.members:
        host = topology.hosts[name]
        for gateway in host.gateways if host not in topology.directors else ():
            if service.method in UNCHANGED and gateway in dips:
                service.note(
                    f"lvs_gateway is {gateway}, {dips[gateway]}, but with method"
                    f" {service.method} answers bypass the director; set it to the router's"
                    " address",
                    name,
                )
            elif nat and len(topology.directors) == 1 and gateway not in dips and None not in dips:
                service.note(
                    f"lvs_gateway is {gateway}, but with method nat answers go back through"
                    " the director; set"
                    f" {join_names(f'{a}, {whose}' for a, whose in dips.items())}",
                    name,
                )
        if nat and len(topology.directors) > 1 and host not in topology.directors:
            _check_floating(topology, service, host)
        unchanged = service.method in UNCHANGED and host not in topology.directors
        if unchanged and host.nat_route == "default":
            service.note(
                "lvs_nat_route is default, which sends all answers through the director, but with"
                f" method {service.method} they go past it; set lvs_nat_route: policy",
                name,
            )


def _check_floating(topology: Topology, service: Service, host: Host) -> None:
    """Check that the return path goes through whichever director is master."""
    gateways = [g for g in host.gateways if family_of(g) == service.family]
    held = [_vrrp.addresses_of_master(director.vrrp) for director in topology.directors]
    if not gateways or not all(gateways[0] in addresses for addresses in held):
        gateway = f"lvs_gateway is {gateways[0]}" if gateways else "there is no lvs_gateway"
        service.note(
            f"{gateway}, but with method nat answers go back through whichever director is master;"
            " set it to a free address in its network, and let the master hold that address: add"
            " {address: ..., interface: ...} to lvs_keepalived.instance.excluded_vips",
            host.name,
        )


def check_forward(topology: Topology, service: Service) -> None:
    """Check that the VIPs are known, by which a director recognises answers.

    A mark without match is not set by the roles, and its VIPs are not known here.
    """
    methods = [service.method, *(item.get("method") for item in service.outright)]
    translated = any(method in TRANSLATED for method in methods)
    for host in topology.directors:
        if host.forward == "balanced" and translated and not service.frontends:
            service.note(
                "lvs_forward is balanced, which requires known VIPs, but a fwmark without match has"
                " none; list them in match, or set lvs_forward: all",
                host.name,
            )
