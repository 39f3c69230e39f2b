# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the VIPs on a machine: where they are, and what answers for them."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.lvs.cluster.plugins.module_utils import _links, _sysctl, _vips
from ansible_collections.lvs.cluster.plugins.module_utils._host_checks_kernel import RERUN
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    ExpectedRole,
    HostFacts,
    responds_to_arp,
)


def arp_not_suppressed(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report where ARP is not suppressed: the receiving interface counts."""
    links = facts.links
    for name in [expected.interface] if expected.interface else _links.arp_interfaces(links):
        effect = _sysctl.in_effect({**_unread(name), **facts.sysctls}, name)
        if effect and not _sysctl.suppressed(effect):
            yield (
                f"On {name}, arp_ignore {effect['arp_ignore']} and arp_announce"
                f" {effect['arp_announce']} are in effect, the larger of conf/all and conf/{name},"
                " so this machine answers ARP for the VIPs instead of the director. They must be 1"
                f" and 2. {RERUN}"
            )


def _unread(name: str) -> dict[str, str | None]:
    return dict.fromkeys(_sysctl.arp_keys([name]))


def strict_rp_filter(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report where rp_filter drops requests whose answers leave by another interface."""
    for name in sorted(_receiving(facts, expected)):
        effect = _sysctl.in_effect({**_unread(name), **facts.sysctls}, name)
        if effect and effect["rp_filter"] == 1:
            yield (
                f"On {name}, rp_filter 1 is in effect, the larger of conf/all and conf/{name}: it"
                " drops requests whose answers leave by another interface. It must be 2, or 0 in"
                f" both. {RERUN}"
            )


def _receiving(facts: HostFacts, expected: ExpectedRole) -> set[str]:
    """Return the interfaces that receive requests for IPv4 VIPs, tunnels included."""
    found: set[str] = set()
    if (
        any(":" not in vip for vip in expected.suppressed_vips("dr"))
        and expected.rp_filter != "keep"
    ):
        named = [expected.interface] if expected.interface else []
        links = [link for address in expected.addresses for link in facts.links_with(address)]
        found.update(named or [link.name for link in links if responds_to_arp(link)])
    inner = [vip for vip in expected.suppressed_vips("tun") if ":" not in vip]
    if inner:
        holding = [link for vip in inner for link in facts.links_with(vip)]
        found.update(link.name for link in holding if link.kind not in ("ether", "loopback"))
        found.update(facts.tunnels)
    return found


def vip_misplaced(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report VIPs that are not on the LAN on a director, or are there on a real server."""
    for vip in expected.vips if expected.director and not expected.vrrp else ():
        names = [link.name for link in facts.links_with(vip)]
        on_lan = _vips.held(facts.shown, [vip])
        if not (expected.interface in names if expected.interface else on_lan):
            where = f"on {' and '.join(names)}" if names else "on no interface"
            place = expected.interface or "the interface of its network"
            yield f"The VIP {vip} is {where} here, and not on {place}. Run site.yml."
    for vip in expected.suppressed_vips():
        places = facts.links_with(vip)
        if all(map(responds_to_arp, places)):
            yield (
                f"The VIP {vip} is not on lo nor a tunnel here, so this machine drops what the"
                " director forwards. Run site.yml."
            )
        for link in filter(responds_to_arp, () if expected.director else places):
            yield (
                f"The VIP {vip} is on {link.name}, which answers ARP for it instead of the"
                " director."
                f" Remove it (ip address delete {_written(link, vip)} dev {link.name}) and find out"
                " which program adds it."
            )


def _written(link: _links.Link, vip: str) -> str:
    return next(each.ip.with_prefixlen for each in link.addresses if str(each.ip.ip) == vip)


def vips6(expected: ExpectedRole) -> list[str]:
    """Return the IPv6 VIPs that a machine may have."""
    return [
        vip for vip in dict.fromkeys([*expected.vips, *expected.suppressed_vips()]) if ":" in vip
    ]


def duplicate_address(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report VIPs that failed duplicate address detection, or may be a source address."""
    for link in facts.shown:
        for each in link.get("addr_info", ()):
            vip, name = each.get("local"), link["ifname"]
            if vip not in vips6(expected):
                continue
            anew = f"Remove it (ip address delete {vip}/{each['prefixlen']} dev {name})"
            # keepalived manages its own VIPs; a shorter prefix is the machine's own address.
            own = each["prefixlen"] == 128 and not (expected.vrrp and name in expected.lans)
            if each.get("tentative") or each.get("dadfailed"):
                yield (
                    f"The VIP {vip} on {name} is not usable: duplicate address detection found it"
                    f" on another host, or has not ended. {anew} and run site.yml, which adds it"
                    " with"
                    " nodad."
                )
            elif own and each.get("preferred_life_time") != 0:
                yield (
                    f"The VIP {vip} on {name} has a preferred lifetime, so this machine may use it"
                    f" as the source of its own connections. {anew} and run site.yml, which adds"
                    " it with preferred_lft 0."
                )
