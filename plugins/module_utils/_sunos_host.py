# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a real server with SunOS, and check it: what preflight does there.

The functions have the names of those of `_host_reader`, and return the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _host_checks,
    _links,
    _sunos,
    _sunos_routes,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_checks import Check
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    Data,
    ExpectedRole,
    HostFacts,
    responds_to_arp,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import METHODS

#: The state files of the roles; where ipadm(8) keeps VIPs, realserver_dr has none.
DR, NAT = "/etc/lvs/realserver_dr.ip", "/etc/lvs/realserver_nat.ip"
MODEL = "hostmodel"

links = _sunos.links
route = _sunos.route


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
        sysctls={MODEL: _sunos.host_model()} if suppressed else {},
        published=_sunos.published() if suppressed else (),
        rc={"lost": " ".join(_lost_at_boot())} if expected.units else {},
        roles=installed_roles(),
    )


def _gateways() -> set[str]:
    """Return the next routers in the routing table, without those of return_route."""
    managed = _sunos_routes.saved(_atomic_file.read(NAT)).gateways.values()
    hops = {hop for family in _sunos_routes.FAMILIES for _name, hop in _sunos.routers(family)}
    return hops - {gateway.partition(" ")[0] for gateway in managed}


def _return_path_errors(expected: ExpectedRole) -> list[str]:
    names = ("gateways", "answers", "route", "keep_ports")
    return _sunos_routes.errors({name: getattr(expected, name) for name in names})


def _managed() -> list[str]:
    """Return the names of the managed address objects."""
    objects = _sunos.address_objects() if _sunos.has_ipadm() else []
    return list(_sunos.managed_objects(objects))


def _lost_at_boot() -> list[str]:
    """Return the managed address objects that are not enabled at boot, as far as that is known."""
    managed = _managed()
    return managed if managed and not _sunos.keeps_lo0() else []


def installed_roles() -> list[str]:
    """Return the names of the roles that were applied here, by what they left."""
    found = ["realserver_dr"] * bool(_managed() or os.path.exists(DR))
    return found + ["realserver_nat"] * os.path.exists(NAT)


def host_state() -> dict[str, Any]:
    """Return what roles have to know; they install no package and load no kernel module here."""
    return {
        "os_family": "Solaris",
        "packages": [],
        "kernel_modules": [],
        "state_files": [path for path in (DR, NAT) if os.path.exists(path)],
    }


# ---------------------------------------------------------------------------------- the checks


def unsupported(_facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report what this collection can't make of a host with SunOS."""
    if expected.director:
        yield (
            "This host runs SunOS; a director must run Linux, whose kernel has IPVS. Take it out of"
            " lvs_directors."
        )
    if expected.serves_by("tun"):
        yield (
            "This host runs SunOS, on which this collection sets up no tunnels. Use the method dr,"
            " nat or fullnat for it."
        )


def answers_arp(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report settings with which the host answers for VIPs, or drops what arrives for them."""
    model = facts.sysctls.get(MODEL) or ""
    yield from _sunos.refusals(model, facts.published, expected.suppressed_vips())


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
            yield (
                f"The VIP {vip} is on {link.name}, which answers for it in the director's place."
                " Find its address object (ipadm show-addr), remove it (ipadm delete-addr NAME) and"
                " find what has put it there."
            )


def not_set_at_boot(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report roles whose part is missing, so that a reboot restores nothing of it."""
    roles = [METHODS[name].role for name in METHODS if expected.serves_by(name)]
    for role in filter(None, roles):
        if role not in facts.roles:
            yield f"Nothing of the role {role} is kept here for a reboot. Run site.yml."
    for name in facts.rc.get("lost", "").split():
        yield (
            f"{name} is kept, but its interface lo0 is not (ipadm show-if -o IFNAME,PERSISTENT), so"
            f" a reboot may leave it disabled. After each one run ipadm enable-addr -t {name}, or"
            " site.yml."
        )


#: What is checked on every system, in their order there.
OF_NETWORK = ("addresses", "link", "routes", "sources of tunnels", "gateway", "return path")
CHECKS = (
    Check(
        "system",
        "SunOS, as a real server",
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
        "place of the VIPs",
        "on lo0",
        vip_misplaced,
        lambda expected: expected.suppressed_vips(),
    ),
    Check(
        "boot", "VIPs and routes are kept for it", not_set_at_boot, lambda expected: expected.units
    ),
)
