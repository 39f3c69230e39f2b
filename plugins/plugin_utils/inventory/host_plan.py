# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host of a cluster is checked for, and the variables of each role that it gets.

Pure: a resolved cluster comes in, plain data goes out, which the playbooks look up. What only the
host itself knows, such as its interfaces, is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    METHODS,
    ON_LINK,
    ROUTED,
    UNCHANGED,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.hosts import Host

Data = Mapping[str, Any]
#: What a host serves, by forwarding method.
Serves = Mapping[str, list[dict[str, Any]]]


def of_hosts(cluster: Cluster, hosts: Iterable[Host]) -> dict[str, dict[str, Any]]:
    """Return the plan of each host.

    :param hosts: the directors and real servers
    :returns: by host ``serving``, whether it needs the configuration of a real server;
        ``host_basics``, whether it gets the role of that name; ``checks``, options of the module
        ``preflight``; ``roles``, by role its variables without their prefix;
        ``realserver_roles``, the names of those of a real server
    """
    hosts = list(hosts)
    directors = [host for host in hosts if host.name in cluster.directors]
    dips = _unique(address for host in directors for address in host.own)
    found = {}
    for host in hosts:
        director = cluster.directors.get(host.name)
        # A single director needs no configuration to be a real server itself. With VRRP, it needs
        # that of a real server while another director is MASTER.
        serving = director is None or bool(director["local"])
        serves = {method: list[dict[str, Any]]() for method in METHODS}
        serves.update(cluster.real_servers.get(host.name, {}) if serving else {})
        roles = _director_roles(cluster, host) if director else {}
        of_server = _real_server_roles(host, serves, director=bool(director))
        found[host.name] = {
            "serving": serving,
            "host_basics": host.knows_names,
            "checks": _checks(cluster, host, serves, dips),
            "roles": {**roles, **of_server},
            "realserver_roles": list(of_server),
        }
    return found


def _director_roles(cluster: Cluster, host: Host) -> dict[str, dict[str, Any]]:
    """Return the roles of a director in their order, with those variables that are its own."""
    vrrp = cluster.directors[host.name]
    others = [name for name in cluster.directors if name != host.name]
    variables = {
        "director": {
            "interface": host.interface,
            "forward": host.forward,
            "table_owner": _owner(keepalived="keepalived_ha" in cluster.director_roles),
            # With BGP keepalived adds them to an interface of the role director_bgp.
            "vip_owner": _owner(keepalived=cluster.ha != "none"),
            # With several masters, it must not load-balance again what another one forwards to it.
            "excluded_directors": others if len(cluster.masters) > 1 else [],
        },
        "director_bgp": {
            "as": host.bgp.local_as,
            "router_id": host.bgp.router_id,
            **host.bgp.options,
        },
        "keepalived_ha": {field: vrrp[field] for field in ("instances", "peers", "local")},
    }
    return {role: variables[role] for role in cluster.director_roles}


def _owner(*, keepalived: bool) -> str:
    return "keepalived" if keepalived else "director"


def _real_server_roles(host: Host, serves: Serves, *, director: bool) -> dict[str, dict[str, Any]]:
    """Return the roles of a real server, by the methods of what it serves."""
    common = {"interfaces": [host.interface] if host.interface else [], "director": director}
    variables = {
        "dr": {"vips": _unique(each["vip"] for each in serves["dr"] if each["vip"]), **common},
        "tun": {
            "services": [each for each in serves["tun"] if each["vip"]],
            "sources": _unique(source for each in serves["tun"] for source in each["sources"]),
            "mtu": host.mtu,
            **common,
        },
        "nat": {
            "services": serves["nat"],
            "gateways": _gateways(serves),
            "route": host.nat_route,
        },
    }
    return {METHODS[name].role: values for name, values in variables.items() if serves[name]}


def _checks(cluster: Cluster, host: Host, serves: Serves, dips: list[str]) -> dict[str, Any]:
    """Return options of ``preflight`` for a host.

    A host of which nothing is asked gets the option's default, an empty value.
    """
    director = cluster.directors.get(host.name)
    services = cluster.services if director else []
    pool = [destination for service in services for destination in service["destinations"]]
    served = [entry for entries in serves.values() for entry in entries]

    def of_methods(*methods: str) -> list[str]:
        return [item["address"] for item in pool if item["method"] in methods]

    own = [item["address"] for item in pool if item["name"] == host.name]
    modules = _unique(f"ip_vs_{service['scheduler']}" for service in services)
    linked = [address for address, on_link in host.bgp.neighbors.items() if on_link]
    routers = linked if director and cluster.ha == "bgp" else []
    vrrp: Data = director or {"instances": [], "peers": []}
    return {
        "addresses": _unique([*own, *(entry["address"] for entry in served)]),
        "neighbours": _unique([*of_methods(*ON_LINK), *vrrp["peers"], *routers]),
        "routed_to": _unique(of_methods(*ROUTED)),
        # With BGP a director receives packets to the VIPs on lo.
        "interface": "lo" if director and cluster.ha == "bgp" else host.interface,
        "mtu": host.mtu if of_methods("tun") else 0,
        "kernel_modules": ["ip_vs", *modules] if director else [],
        "not_gateways": dips if any(serves[method] for method in UNCHANGED) else [],
        "gateways": _gateways(serves),
        "route": host.nat_route,
        "serves": dict(serves),
        "keepalived": bool(director) and "keepalived_ha" in cluster.director_roles,
        "bgp": bool(director) and cluster.ha == "bgp",
        "forward": host.forward,
        "vrrp_instances": vrrp["instances"],
    }


def _gateways(serves: Serves) -> list[str]:
    return _unique(entry["gateway"] for entry in serves["nat"] if entry["gateway"])


def _unique(items: Iterable[str]) -> list[str]:
    """Return items in their order, each once."""
    return list(dict.fromkeys(items))
