# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts and services of a cluster together, which the rules check and `resolve` returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import normal_address
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.hosts import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import Mistakes
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.services import Service
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import (
    CLIENTS,
    DIRECTORS,
    REALSERVERS,
)


class Topology:
    """Directors, real servers and services of one cluster, and what they have in common."""

    def __init__(
        self,
        services: list[Service],
        groups: Mapping[str, Sequence[str]],
        variables: Callable[[str], Mapping[str, Any]],
        mistakes: Mistakes,
        drained: Collection[str],
    ) -> None:
        self.mistakes = mistakes
        self.services = services
        directors = list(dict.fromkeys(groups.get(DIRECTORS) or ()))
        inventory = set(groups.get("all") or ())
        members = [name for service in services for name in service.members]
        named = [str(item.get("name")) for service in services for item in service.outright]
        names = dict.fromkeys([*directors, *members, *(n for n in named if n in inventory)])
        self.hosts = {
            name: Host(name, variables(name), mistakes, drained=name in drained) for name in names
        }
        # Of those that have no part in a service, only the variables are checked.
        others = {
            name: Host(name, variables(name), mistakes, drained=False)
            for name in dict.fromkeys(
                [*(groups.get(REALSERVERS) or ()), *(groups.get(CLIENTS) or ())]
            )
            if name not in self.hosts
        }
        #: The directors and real servers, also those that serve nothing.
        self.members = [
            *self.hosts.values(),
            *(others[name] for name in groups.get(REALSERVERS) or () if name in others),
        ]
        #: Who is to have weight 0, also where a service lists it outright.
        self.drained = {*drained, *(host.name for host in self.hosts.values() if host.drained)}
        self.directors = [self.hosts[name] for name in directors]
        #: The variables of a director, in which the options of the playbooks are.
        self.variables = self.directors[0].variables if directors else {}
        self.vips = dict.fromkeys(
            frontend.vip for service in services for frontend in service.frontends
        )
        #: The director that is to be the master of each VIP.
        self.masters: dict[str, str] = {}
        #: The hosts that have an address toward some service.
        self.owners: dict[str, dict[str, None]] = {}
        #: The hosts that have it as real servers.
        self.rips: dict[str, dict[str, None]] = {}
        #: What makes the VIPs reachable; this and the next two are known once it is checked that
        #: all hosts agree.
        self.ha = ""
        #: Whether keepalived fills the IPVS table.
        self.keepalived = False
        #: How many real servers draining has to leave; "" if it is not set.
        self.min_available = ""

    def named(self) -> list[Host]:
        """Return the hosts that have a name, and not only an address."""
        return [h for h in self.hosts.values() if h.own and normal_address(h.name) is None]
