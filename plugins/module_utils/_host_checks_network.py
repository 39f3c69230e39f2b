# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the network around a machine: whether it matches the inventory."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    ExpectedRole,
    HostFacts,
    addresses_of,
    router_of,
    within,
)


def missing_addresses(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report addresses of the inventory that the machine does not have."""
    here = addresses_of(facts.shown)
    for address in expected.addresses:
        if address not in here:
            yield (
                f"{address} is on no interface of this machine. If Ansible reaches it by an address"
                " that is not its own, set lvs_address to the one it has."
            )


def off_link_neighbours(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report neighbours that are not on-link."""
    for address in expected.neighbours:
        if not facts.routes[address]:
            yield (
                f"{address} must be on one link with this machine, but there is no route to it."
                " Add one, or correct the address."
            )
        elif router := router_of(facts.routes[address][0]):
            yield (
                f"{address} is reached through the router {router}, but the methods dr and nat need"
                " it on one link with this machine. Put both on one link, or use the method"
                " tun or fullnat."
            )


def missing_routes(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report addresses without a route, or with a route of too small an MTU."""
    mtus = {link["ifname"]: link["mtu"] for link in facts.shown}
    for address in expected.routed_to:
        if not facts.routes[address]:
            yield f"There is no route to {address}. Add one, or correct the address."
            continue
        route = facts.routes[address][0]
        stated = [metrics["mtu"] for metrics in route.get("metrics", ()) if "mtu" in metrics]
        mtu = min([*stated, mtus[route["dev"]]])
        if mtu < expected.mtu:
            yield (
                f"The route to {address} carries packets of {mtu} octets by {route['dev']}, not of"
                f" {expected.mtu}. Set lvs_mtu: {mtu}, or raise the MTU of the interface or route."
            )


def sources_not_accepted(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report tunnels whose packets have a source that the real server does not accept.

    IPVS takes the source from the route (__ip_vs_get_out_rt() in net/netfilter/ipvs/ip_vs_xmit.c).
    """
    for address, taken in expected.tunnel_sources.items():
        for route in facts.routes.get(address, ()):
            source = route.get("prefsrc", "")
            if source and route.get("dev") != "lo" and not within(source, taken):
                yield (
                    f"What this machine sends to {address} has the source {source}; that real"
                    f" server accepts tunnels from {', '.join(taken) or 'no address'} only. Add"
                    f" {source} to lvs_address of this director, or to lvs_tunnel_sources of the"
                    " real server."
                )
        if address in expected.addresses and not any((":" in s) == (":" in address) for s in taken):
            yield (
                f"Tunnels to {address} are taken from the directors only, and no address of a"
                f" director is known of the family {'IPv6' if ':' in address else 'IPv4'}. Set"
                " lvs_address of the directors, or lvs_tunnel_sources of this machine."
            )


def director_as_gateway(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report gateways of the machine that it must not have."""
    for address in sorted(set(facts.gateways).intersection(expected.not_gateways)):
        yield (
            f"Its gateway is {address}, the director, but with the methods dr and tun, answers"
            " bypass the director. Set the router of its network as its gateway."
        )


def unusable_return_path(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report return paths that can't be used, or would cut Ansible's connection."""
    yield from facts.return_path_errors


def missing_modules(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report kernel modules that are neither in the kernel nor available."""
    for name in facts.missing_modules:
        yield (
            f"This kernel ({facts.release}) has no module {name}. Install the package with"
            " the rest of its modules; in a container, load it on the host."
        )


def vips_in_use(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report VIPs for which another host answers ARP, or that are in no network of this host."""
    by_name = {link["ifname"]: link for link in facts.shown}
    own = {link.get("address") for link in facts.shown}
    for vip, name in facts.vip_interfaces.items():
        if name is None:
            yield (
                f"The VIP {vip} is in no network of this machine. Set lvs_interface to the"
                " interface that must hold it."
            )
        elif name not in by_name:
            yield f"There is no interface {name} on this machine. Correct lvs_interface."
        else:
            replies = facts.arp_replies.get(vip, {})
            known = {mac for address in expected.neighbours for mac in replies.get(address, ())}
            for mac in sorted({*replies.get(vip, ())} - known - own):
                yield (
                    f"The VIP {vip} is in use: {mac} answers for it on {name}. Remove it there, or"
                    " choose another VIP."
                )


def other_owners(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report other programs that write the table."""
    yield from facts.owner_errors
