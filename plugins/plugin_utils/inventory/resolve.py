# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve the description of a cluster in an inventory into virtual services.

Pure: plain data in, plain data and sentences out. Every rule that can be checked in an inventory is
checked here, and one run reports all mistakes. A sentence that is true of many hosts or services
is reported once and lists them, so that there are few lines to read.

The schema of a service and its bounds are ``_model``'s. Here is what only an inventory knows:
groups, hosts, and what must hold between them.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._ipvsadm_format import to_rules
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    METHODS,
    UNCHANGED,
    endpoint,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import (
    as_integer,
    parse_services,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils import _bgp, _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory import options
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.director_rules import (
    refused_by_keepalived,
    refused_services,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import (
    Unreadable,
    template_failure,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.host_plan import of_hosts
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.hosts import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import Mistakes
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.networks import (
    MAX_PORT,
    Network,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.rules import check
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.services import (
    Frontend,
    Service,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.topology import Topology
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import (
    MATCH_FIELDS,
)


def resolve(
    services: Any,
    groups: Mapping[str, Sequence[str]],
    variables: Callable[[str], Mapping[str, Any]],
    drained: Collection[str] = (),
) -> Cluster:
    """Return what an inventory describes, or a sentence for each mistake in it.

    ``services`` is the value of ``lvs_services``, ``groups`` has the hosts of each group, and
    ``variables`` gives the variables of a host; it is called once for each host that matters.
    ``drained`` names real servers that are to have weight 0, regardless of the inventory.
    """
    mistakes = Mistakes()
    described = []
    for number, item in enumerate(_items(services, mistakes), 1):
        if isinstance(item, Mapping):
            described.append(Service(item, number, groups, mistakes))
        else:
            mistakes.add("not a mapping of fields such as vip and port", "service", str(number))
    topology = Topology(described, groups, variables, mistakes, drained)
    chosen = options.read(topology.variables, mistakes)
    check(topology)
    readable = [service for service in described if service.readable]
    parsed, sentences = parse_services([service.plain() for service in readable])
    for sentence in sentences:
        mistakes.add(sentence)
    for sentence in refused_by_keepalived(topology, readable):
        mistakes.add(sentence)
    if lines := mistakes.lines():
        return Cluster([f"{line.rstrip('.')}." for line in lines])
    result = _result(
        topology,
        [
            service.resolved(value, topology.drained)
            for service, value in zip(readable, parsed, strict=True)
        ],
    )
    # Names, and what follows from the pools.
    refused = refused_services(result.keepalived_services) if topology.keepalived else []
    if refused:
        return Cluster(refused)
    return result._replace(
        failover_seconds=_failover_seconds(result),
        drained_rules=_drained_rules(topology, result.services) if topology.ha == "bgp" else [],
        announce_seconds=(
            _bgp.round_seconds(result.keepalived_services) if topology.ha == "bgp" else 0
        ),
        hosts=of_hosts(result, topology.members),
        options=chosen,
    )


def _items(services: Any, mistakes: Mistakes) -> list[Any]:
    """Return the items of ``lvs_services``; note why there are none."""
    if isinstance(services, list) and services:
        return services
    if isinstance(services, Unreadable):
        reason = template_failure(services).rstrip(".")
        mistakes.add(f"lvs_services can't be evaluated: {reason}; correct its template")
    elif services is None or services == "":
        mistakes.add("lvs_services is not set; list the cluster's services in it, for all hosts")
    elif services == []:
        mistakes.add(
            "lvs_services is empty; list a service, or remove the cluster from its hosts with the"
            " playbook lvs.cluster.teardown before you remove its last service"
        )
    else:
        mistakes.add("lvs_services is not a list; write each service as an item that begins with -")
    return []


def _result(topology: Topology, services: list[dict[str, Any]]) -> Cluster:
    """Return what a right inventory comes to, given its services with their destinations."""
    frontends: list[dict[str, Any]] = []
    marks: dict[tuple[int, str, str], list[int]] = {}
    hosts: dict[str, dict[str, list[dict[str, Any]]]] = {}
    services = _assign_marks(topology, services)
    for service, resolved in zip(topology.services, services, strict=True):
        for frontend in service.frontends:
            frontends.append({**resolved, **service.health, **frontend._asdict()})
            if "fwmark" in resolved:
                key = resolved["fwmark"], frontend.vip, frontend.protocol
                marks.setdefault(key, []).append(frontend.port)
        for destination in resolved["destinations"]:
            host = topology.hosts.get(destination["name"])
            if host is None:
                continue
            served = hosts.setdefault(host.name, {method: [] for method in METHODS})
            served[destination["method"]] += _served(topology, service, host, destination)
    return Cluster(
        mistakes=[],
        services=services,
        frontends=frontends,
        vips=list(topology.vips),
        marks=[
            dict(zip(("fwmark", *MATCH_FIELDS), (*key, ports), strict=True))
            for key, ports in sorted(marks.items(), key=lambda item: item[1] != [0])
        ],
        real_servers=hosts,
        keepalived_services=[
            _keepalived_service(topology, service, resolved)
            for service, resolved in zip(topology.services, services, strict=True)
        ],
        directors=_directors(topology, hosts),
        masters=list(dict.fromkeys(topology.masters.values())),
        director_roles=_director_roles(topology),
        names={host.name: host.own[0] for host in topology.named()},
        min_available=topology.min_available or Cluster._field_defaults["min_available"],
        ha=topology.ha,
        tunnel_sources={
            entry["address"]: entry["sources"]
            for served in hosts.values()
            for entry in served["tun"]
        },
    )


def _keepalived_service(
    topology: Topology, service: Service, resolved: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a service for keepalived."""
    result = service.keepalived_service(resolved)
    if topology.ha != "bgp":
        return result
    vips = list(dict.fromkeys(frontend.vip for frontend in service.frontends))
    return _bgp.keepalived_service(result, vips)


def _drained_rules(topology: Topology, services: list[dict[str, Any]]) -> list[str]:
    """Return the weights that drained real servers have otherwise, as rules of ipvsadm."""
    rules = []
    for service, resolved in zip(topology.services, services, strict=True):
        listed = {
            normal_address(item["address"]): item.get("weight", 1) for item in service.outright
        }
        for destination in resolved["destinations"]:
            name = destination["name"]
            if name not in topology.drained:
                continue
            weight = listed.get(destination["address"])
            if weight is None:
                weight = topology.hosts[name].undrained_weight(service.name)
            one = {**resolved, "destinations": [{**destination, "weight": weight}]}
            _service, rule = to_rules(parse_services([one])[0]).splitlines()
            rules += [rule.replace("-a", "-e", 1)] * bool(as_integer(weight))
    return rules


def _director_roles(topology: Topology) -> list[str]:
    """Return the roles of a director, in their order: a service comes before its VIP.

    Without VRRP the role director adds the VIPs, so keepalived fills the table first. With VRRP
    keepalived adds them itself, once the role director has set the kernel and packet filter. With
    BGP keepalived starts the program that announces them, once the role director_bgp has installed
    it.
    """
    if not topology.keepalived:
        return ["director"]
    if topology.ha == "bgp":
        return ["director", "director_bgp", "keepalived_ha"]
    return ["director", "keepalived_ha"] if topology.ha == "vrrp" else ["keepalived_ha", "director"]


def _assign_marks(topology: Topology, services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the services, with a firewall mark for those that would be scheduled twice.

    With several masters every director schedules, and a director that is a real server too must not
    schedule what another director forwards to it; such packets don't get the mark. All services
    of a VIP have a mark, since the service of every port would take the packets of the others.
    """
    if len(set(topology.masters.values())) < 2:
        return services
    names = {host.name for host in topology.directors}
    shared = {
        frontend.vip
        for service, resolved in zip(topology.services, services, strict=True)
        for destination in resolved["destinations"]
        if destination["name"] in names and destination["method"] in UNCHANGED
        for frontend in service.frontends
    }
    taken = {resolved.get("fwmark") for resolved in services}
    result = []
    for service, resolved in zip(topology.services, services, strict=True):
        if service.vip in shared:
            mark = _free_mark(service.frontends[0], taken)
            taken.add(mark)
            result.append(service.by_mark(resolved, mark))
        else:
            result.append(resolved)
    return result


def _free_mark(frontend: Frontend, taken: Collection[Any]) -> int:
    """Return a firewall mark for a frontend: the same one at each run, if it is free."""
    mark = (
        zlib.crc32(f"{frontend.protocol} {endpoint(frontend.vip, frontend.port)}".encode())
        % MAX_PORT
    )
    while not mark or mark in taken:
        mark = (mark + 1) % MAX_PORT
    return mark


def _directors(
    topology: Topology, hosts: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return what VRRP is to do on each director: nothing without VRRP."""
    directors = [host.vrrp for host in topology.directors]
    if topology.ha != "vrrp":
        none = {
            "instances": [],
            "awaited": {"vips": [], "seconds": 0},
            "peers": [],
            "local": [],
        }
        return {director.name: none for director in directors}
    result: dict[str, dict[str, Any]] = {}
    made = {each.name: _vrrp.instances(each, directors, topology.masters) for each in directors}
    for director in directors:
        instances = made[director.name]
        result[director.name] = {
            "instances": instances,
            "awaited": _vrrp.preempted_vips(director.name, made),
            "peers": _vrrp.peers(director, directors, instances),
            # What reaches this machine as a real server, while another one is master.
            "local": [
                {field: entry[field] for field in Frontend._fields}
                for method in UNCHANGED
                for entry in hosts.get(director.name, {}).get(method, ())
                if len(directors) > 1
            ],
        }
    return result


def _failover_seconds(cluster: Cluster) -> int:
    """Return within how many seconds a director is MASTER of each VIP; 0 without VRRP.

    RFC 5798, 6.1 and 6.4.1: it becomes MASTER 3 x advert_int + skew time after its start.
    """
    instances = [each for director in cluster.directors.values() for each in director["instances"]]
    return max((int(4 * each["advert_int"] + 5) for each in instances), default=0)


def _served(
    topology: Topology, service: Service, host: Host, destination: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield what a host serves as a destination, for each frontend."""
    return_path = {"gateway": service.gateway(host, destination["address"])}
    for vip, protocol, port in service.frontends or [Frontend("", "tcp", 0)]:
        yield {
            **destination,
            "vip": vip,
            "protocol": protocol,
            # What a firewall mark stands for arrives at the port it was sent to.
            "port": destination["port"] or port,
            **(return_path if destination["method"] == "nat" else {}),
            **({"sources": _sources(topology, host)} if destination["method"] == "tun" else {}),
        }


def _sources(topology: Topology, host: Host) -> list[str]:
    """Return the sources of tunnels to a real server: the directors, and its own option."""
    families = ("ipv4", "ipv6")
    known = [each.source_addresses(family) for each in topology.directors for family in families]
    networks = [ipaddress.ip_network(address) for each in known for address in each]
    networks += host.tunnel_sources
    # In a set of the packet filter they must not overlap.
    least: list[Network] = [
        *ipaddress.collapse_addresses(n for n in networks if n.version == 4),
        *ipaddress.collapse_addresses(n for n in networks if n.version == 6),
    ]
    return [str(n.network_address if n.num_addresses == 1 else n) for n in least]
