# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a real server with FreeBSD, and check it: what preflight does there.

The functions have the names of those of `_host_reader`, and return the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _commands,
    _freebsd,
    _freebsd_routes,
    _host_checks,
    _links,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_checks import Check
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    Data,
    ExpectedRole,
    HostFacts,
    responds_to_arp,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import METHODS

#: The files for boot of each role: the state file as the role has it, and the scripts that read it.
FILES: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "realserver_dr": [("/etc/lvs/realserver_dr.ip", ("netif", "network"))],
    "realserver_tun": [
        ("/etc/lvs/realserver_tun.ip", ("netif", "network")),
        ("/etc/lvs/realserver_tun.link", ("netif", "network")),
    ],
    "realserver_nat": [("/etc/lvs/realserver_nat.ip", ("routing",))],
}
#: What rc(8) finds in all of its files, as the scripts netif and routing load them.
SCRIPT = """\
. /etc/rc.subr
. /etc/network.subr
load_rc_config network
load_rc_config netif
load_rc_config routing
echo aliases: $ifconfig_lo0_aliases
echo defaultrouter: $defaultrouter
echo ipv6_defaultrouter: $ipv6_defaultrouter
echo arpproxy_all: $arpproxy_all
echo dhcp: $(for each in $(ifconfig -l); do if dhcpif $each; then echo $each; fi; done)
"""

links = _freebsd.links
route = _freebsd.route


def read(
    expected: ExpectedRole, shown: Sequence[Data], routes: Mapping[str, Sequence[Data]]
) -> HostFacts:
    """Read what the checks need that concern a host with this role."""
    suppressed = bool(expected.suppressed_vips())
    return HostFacts(
        release=os.uname().release,
        shown=shown,
        links=_links.parse(shown),
        routes=routes,
        gateways=_gateways() if expected.not_gateways else (),
        return_path_errors=_return_path_errors(expected) if expected.gateways else (),
        sysctls=_freebsd.sysctls() if suppressed else {},
        published=_freebsd.published() if suppressed else (),
        rc=_variables() if expected.units else {},
        roles=installed_roles(),
    )


def _gateways() -> set[str]:
    """Return the next routers in the routing table, without those of return_route."""
    return _freebsd.gateways() - _freebsd_routes.at_boot(_present("realserver_nat"))


def _return_path_errors(expected: ExpectedRole) -> list[str]:
    names = ("gateways", "answers", "route", "keep_ports", "fib")
    return _freebsd_routes.errors({name: getattr(expected, name) for name in names})


def _variables() -> dict[str, str]:
    """Return what rc(8) will find at boot; {} if that could not be read."""
    said = _commands.printed("sh", "-c", SCRIPT) or ""
    return dict(re.findall(r"(?m)^(\w+): ?(.*)$", said))


def _present(role: str) -> list[str]:
    """Return the files for boot that a role has written here."""
    found = []
    for save, scripts in FILES[role]:
        name = _freebsd.boot_file_name(save)
        places = [os.path.join(_freebsd.RC, script, name) for script in scripts]
        found += [path for path in places if os.path.isfile(path)]
    return found


def installed_roles() -> list[str]:
    """Return the names of the roles that were applied here, by their files for boot."""
    return [role for role in FILES if _present(role)]


def host_state() -> dict[str, Any]:
    """Return what roles have to know; they install no package and load no kernel module here."""
    return {
        "os_family": "FreeBSD",
        "packages": [],
        "kernel_modules": [],
        "state_files": sorted(path for role in FILES for path in _present(role)),
    }


# ---------------------------------------------------------------------------------- the checks


def unsupported(_facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report what this collection can't make of a host with FreeBSD."""
    if expected.director:
        yield (
            "This host runs FreeBSD; a director must run Linux, whose kernel has IPVS. Take it out"
            " of lvs_directors."
        )
    for each in expected.serves.get("tun") or ():
        kind = each.get("tunnel_type") or "ipip"
        if kind != "ipip" or ":" in f"{each.get('address')} {each.get('vip')}":
            yield (
                f"Tunnels to {each.get('address')} for {each.get('vip')} are {kind}; on FreeBSD"
                " they must be ipip, with IPv4 inside and outside. Set tunnel_type: ipip of the"
                " service, or use the method dr, nat or fullnat for this host."
            )


def answers_arp(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report settings with which the host answers for VIPs, or drops what arrives for them."""
    yield from _freebsd.refusals(facts.sysctls, facts.published, expected.suppressed_vips())


def vip_misplaced(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report VIPs that are not on lo0, or are on an interface that answers ARP for them."""
    for vip in expected.suppressed_vips():
        places = facts.links_with(vip)
        if all(map(responds_to_arp, places)):
            yield (
                f"The VIP {vip} is not on lo0 here, so what the director sends is not taken. Run"
                " site.yml."
            )
        for link in filter(responds_to_arp, places):
            family = "inet6" if ":" in vip else "inet"
            yield (
                f"The VIP {vip} is on {link.name}, which answers for it in the director's place."
                f" Remove it (ifconfig {link.name} {family} {vip} -alias) and find what has put it"
                " there."
            )


def not_set_at_boot(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report what rc(8) would not restore after a reboot."""
    roles = [METHODS[name].role for name in METHODS if expected.serves_by(name)]
    for role in filter(None, roles):
        if role not in facts.roles:
            yield (
                f"There is no file of the role {role} below {_freebsd.RC}, so after a reboot its"
                " part is missing. Run site.yml."
            )
    if not facts.rc:
        return
    listed = {word.partition("/")[0] for word in facts.rc.get("aliases", "").split()}
    for vip in expected.suppressed_vips() if facts.roles else ():
        if vip not in listed:
            yield (
                f"At boot, ifconfig_lo0_aliases does not have {vip}: another file sets it after"
                f" {' and '.join(_freebsd.boot_files('netif', 'network')) or 'those of the roles'}."
                ' Write ifconfig_lo0_aliases="${ifconfig_lo0_aliases} ..." there.'
            )
    if facts.rc.get("arpproxy_all", "").lower() in ("yes", "true", "on", "1"):
        yield (
            "arpproxy_all is YES, so after a reboot this host answers ARP for its VIPs in the"
            " director's place. Set arpproxy_all=NO in /etc/rc.conf."
        )


def default_route_by_dhcp(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report interfaces whose DHCP lease would bring another default route."""
    holding = {link.name for address in expected.addresses for link in facts.links_with(address)}
    for name in sorted(holding.intersection(facts.rc.get("dhcp", "").split())):
        yield (
            f"{name} is configured by DHCP, which sets a default route of its own at boot and with"
            " each lease, so answers may go past the director. Write 'supersede routers"
            f" {' '.join(expected.gateways)};' into /etc/dhclient.conf, or give {name} a static"
            " address."
        )


#: What is checked on every system, in their order there.
OF_NETWORK = ("addresses", "link", "routes", "sources of tunnels", "gateway", "return path")
CHECKS = (
    Check(
        "system",
        "FreeBSD, as a real server",
        unsupported,
        lambda expected: expected.director or expected.units,
        before=True,
        certain=True,
        any_host=True,
    ),
    *(check for check in _host_checks.CHECKS if check.name in OF_NETWORK),
    Check(
        "ARP",
        "it answers for no VIP, and takes what is sent to one",
        answers_arp,
        lambda expected: expected.suppressed_vips(),
        before=True,
        certain=True,
    ),
    Check(
        "DHCP",
        "no other default route",
        default_route_by_dhcp,
        lambda expected: expected.serves_by("nat") and not expected.fib,
        before=True,
    ),
    Check(
        "place of the VIPs",
        "on lo0",
        vip_misplaced,
        lambda expected: expected.suppressed_vips(),
    ),
    Check("boot", "rc(8) restores it", not_set_at_boot, lambda expected: expected.units),
)
