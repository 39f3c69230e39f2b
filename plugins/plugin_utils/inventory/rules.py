# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check all rules between hosts and services, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import endpoint
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown, suggestion
from ansible_collections.lvs.cluster.plugins.plugin_utils._hosts_file import MUST_BE, is_host_name
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.address_rules import (
    check_outright,
    check_owners,
    check_vips,
    fill,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.director_rules import (
    check_bgp,
    check_directors,
    find_masters,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.hosts import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import (
    join_names,
    joined,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.return_path_rules import (
    check_forward,
    check_gateways,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.services import (
    Frontend,
    Service,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.topology import Topology

#: RFC 8200, 5: what every link has to carry; and the longest header that a tunnel puts before it.
_IPV6_MTU, _TUNNEL_HEADER = 1280, 60


def check(topology: Topology) -> None:
    """Compute the pool of each service, and record mistakes."""
    topology.ha = _common_value(topology, "lvs_ha", lambda host: host.ha) or (
        "vrrp" if len(topology.directors) > 1 else "none"
    )
    topology.keepalived = topology.ha != "none" or any(
        service.keepalived_fields or service.destination_fields for service in topology.services
    )
    check_directors(topology)
    method = _common_value(topology, "lvs_method", lambda host: host.method) or "dr"
    networks = _common_value(topology, "lvs_network", lambda host: host.networks) or ()
    topology.min_available = _common_value(
        topology, "lvs_min_available", lambda host: host.min_available
    )
    for service in topology.services:
        service.apply_defaults(method, networks)
        if service.family:
            fill(topology, service)
    check_bgp(topology)
    _check_names(topology)
    find_masters(topology)
    _check_frontends(topology)
    for service in topology.services:
        if service.family:
            check_outright(topology, service)
            check_vips(topology, service)
            check_gateways(topology, service)
            _check_mtu(topology, service)
            check_forward(topology, service)
        for line in service.notes.lines():
            service.wrong(line)
    check_owners(topology)


def _common_value(topology: Topology, variable: str, of: Callable[[Host], Any]) -> Any:
    """Return the value of a variable that all hosts must share."""
    values: dict[Any, list[str]] = {}
    for host in topology.hosts.values():
        if of(host):
            values.setdefault(of(host), []).append(host.name)
    if len(values) > 1:
        differing = "; ".join(
            f"{joined(value)} on {join_names(who)}" for value, who in values.items()
        )
        topology.mistakes.add(
            f"{variable} differs within the cluster ({differing}); set the same value for all hosts"
            + ", and method in a service that differs" * (variable == "lvs_method")
        )
    return next(iter(values), None)


def _check_names(topology: Topology) -> None:
    names = [service.name for service in topology.services if service.name]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            topology.mistakes.add(
                f"{names.count(name)} services have this name; give each its own, since lvs_weights"
                " refers to it",
                "service",
                name,
            )
    for host in topology.hosts.values() if names else ():
        for name in sorted(host.weights.keys() - names):
            host.wrong(
                f"lvs_weights has a service {shown(name)} that is not in lvs_services"
                f"{suggestion(name, names)}; correct or remove it"
            )

    if any(host.knows_names for host in topology.hosts.values()):
        for host in topology.named():
            if not is_host_name(host.name):
                host.wrong(
                    f"the name goes into /etc/hosts by lvs_host_basics; {MUST_BE}; rename the"
                    " host, or set lvs_host_basics: false"
                )


def _check_frontends(topology: Topology) -> None:
    """Check that what gets a firewall mark belongs to one service only."""
    owners: dict[Frontend, list[Service]] = {}
    for service in topology.services:
        for frontend in service.frontends:
            owners.setdefault(frontend, []).append(service)
    for frontend, several in owners.items():
        # Two that name it as vip and port are one and the same service: the model reports that.
        if len(several) > 1 and any(service.vip is None for service in several):
            topology.mistakes.add(
                f"{frontend.protocol} {endpoint(frontend.vip, frontend.port)} belongs to each"
                " of them, and packets with a firewall mark reach no other service; keep it in one"
                " of them",
                "service",
                *(service.label for service in several),
            )


def _check_mtu(topology: Topology, service: Service) -> None:
    """Check that the MTU inside a tunnel is enough for the VIP's family."""
    least = _IPV6_MTU + _TUNNEL_HEADER
    for name in service.members:
        mtu = topology.hosts[name].mtu
        if service.method == "tun" and service.family == "ipv6" and mtu < least:
            service.note(
                f"lvs_mtu is {mtu}, but IPv6 needs {_IPV6_MTU} bytes inside the tunnel; raise"
                f" the MTU between director and real servers to {least} or more",
                name,
            )
