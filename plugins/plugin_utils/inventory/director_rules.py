# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the directors: settings that they must share, masters, and what keepalived refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown, suggestion
from ansible_collections.lvs.cluster.plugins.plugin_utils import _bgp, _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import (
    Mistakes,
    join_names,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.services import Service
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.topology import Topology
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import DIRECTORS


def check_directors(topology: Topology) -> None:
    """Check what keepalived needs of several directors."""
    names = [host.name for host in topology.directors]
    if not names:
        topology.mistakes.add(
            f"there is no director; add the host that load-balances to the group {DIRECTORS}"
        )
    if topology.ha == "none" and len(names) > 1:
        topology.mistakes.add(
            f"lvs_ha is none, but there are {len(names)} directors ({join_names(names)}); set"
            f" lvs_ha: vrrp or bgp, or leave one host in {DIRECTORS}"
        )
    of_director = {
        host.name: host.services for host in topology.directors if host.services is not None
    }
    if any(services != next(iter(of_director.values())) for services in of_director.values()):
        topology.mistakes.add(
            "lvs_services is not the same on all directors; set it once, for all hosts",
            "host",
            *of_director,
        )
    for sentence, several in _vrrp.disagreements([host.vrrp for host in topology.directors]):
        topology.mistakes.add(sentence, "host", *several)


def check_bgp(topology: Topology) -> None:
    """Check the variables of BGP, and that no director is a real server with it."""
    speakers = [host.bgp for host in topology.directors]
    bgp = topology.ha == "bgp"
    for name, sentence in _bgp.mistakes(speakers, bgp=bgp, ha=topology.ha):
        topology.mistakes.add(sentence, "host", name)
    if not bgp:
        return
    for sentence, several in _bgp.disagreements(speakers):
        topology.mistakes.add(sentence, "host", *several)
    names = {host.name for host in topology.directors}
    for service in topology.services:
        size = len(service.members) + len(service.outright)
        for sentence in _bgp.service_mistakes(service.raw, service.method, size):
            service.wrong(sentence)
        for name in names.intersection(
            [*service.members, *(str(item.get("name")) for item in service.outright)]
        ):
            service.wrong(
                f"{name} is a director and a real server, but with lvs_ha: bgp all directors are"
                " active, and it would load-balance again what another one forwards to it; use"
                " another host"
            )


def find_masters(topology: Topology) -> None:
    """Find the master of each VIP, on which all of its services have to agree."""
    if topology.ha == "bgp":
        return
    names = _vrrp.master_order([host.vrrp for host in topology.directors])
    masters_of: dict[str, dict[str, list[str]]] = {}
    for service in topology.services if names else ():
        master = service.raw.get("master") or names[0]
        if master not in names:
            service.wrong(
                f"master is {shown(master)}{suggestion(master, names)}; it must be a host of"
                f" {DIRECTORS}: {join_names(names)}"
            )
            master = names[0]
        if service.raw.get("master") and service.raw.get("fwmark") and not service.frontends:
            service.wrong("master is set, but a fwmark without match has no VIPs; remove it")
        for frontend in service.frontends:
            services = masters_of.setdefault(frontend.vip, {}).setdefault(master, [])
            services += [service.label] * (service.label not in services)
    for vip, masters in masters_of.items():
        topology.masters[vip] = next(iter(masters))
        if len(masters) > 1:
            differing = "; ".join(f"{name} for {join_names(who)}" for name, who in masters.items())
            topology.mistakes.add(
                f"{vip} can't have several masters ({differing}); set the same master in each of"
                f" its services; the default is {names[0]}",
                "service",
                *(label for who in masters.values() for label in who),
            )


def refused_by_keepalived(topology: Topology, services: Iterable[Service]) -> list[str]:
    """Return what keepalived would refuse, as sentences."""
    found = Mistakes()
    all_known = not topology.mistakes.lines()
    keepalived_services = [
        service.stand_in(number)
        for number, service in enumerate(services)
        if service.keepalived_fields or service.destination_fields
    ]
    refused = refused_services(keepalived_services)
    directors = [host.vrrp for host in topology.directors]
    for director in directors:
        if len(directors) > 1 and not director.addresses:
            remedy = "the other directors need its address; set lvs_address"
            found.add(remedy, "host", director.name)
            continue
        sentences = (
            _vrrp.mistakes(
                director, directors, topology.masters, keepalived_services, all_known=all_known
            )
            if topology.ha == "vrrp"
            else _vrrp.mistakes_without_vrrp(
                director,
                ha=topology.ha,
                keepalived=topology.keepalived,
                services=keepalived_services,
            )
        )
        for sentence in sentences:
            if sentence not in refused:
                found.add(sentence.rstrip("."), "host", director.name)
    return refused + found.lines()


def refused_services(services: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what keepalived would refuse of services, on any director."""
    return _keepalived.mistakes({"globals": _vrrp.GLOBALS, "services": services})
