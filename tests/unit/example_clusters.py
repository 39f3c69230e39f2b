# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters with what is read on their directors, by the code that resolves and compares them.

An example is an inventory, of this repository or generated, and the faults of its directors. The
traffic is made up.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ansible_collections.lvs.cluster.plugins.module_utils import _ipvsadm_format, _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.plugin_utils import _probe_report, _probes
from ansible_collections.lvs.cluster.plugins.plugin_utils._status import status
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "galaxy.yml").exists())
INVENTORIES = sorted(path.parent.name for path in (ROOT / "inventories").glob("*/hosts.yml"))
TIME = "2026-11-28 22:40:05 UTC"
HOSTILE = "<script>alert('x')</script>\"&"


class Example(NamedTuple):
    """What the page of a cluster is made of."""

    cluster: Mapping[str, Any]
    status: Mapping[str, Any]
    sources: tuple[str, ...]
    clients: tuple[str, ...] = ()
    report: Mapping[str, Any] | None = None


def resolved(name: str, drained: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an inventory of the repository as a cluster, and its groups."""
    text = (ROOT / "inventories" / name / "hosts.yml").read_text()
    groups: dict[str, list[str]] = {}
    hosts: dict[str, dict[str, Any]] = {}
    _walk("all", yaml.safe_load(text)["all"], {}, groups, hosts)
    services = hosts[groups["all"][0]]["lvs_services"]
    return _checked(services, groups, hosts.__getitem__, drained), groups


def _walk(
    name: str,
    group: Mapping[str, Any] | None,
    inherited: Mapping[str, Any],
    groups: dict[str, list[str]],
    hosts: dict[str, dict[str, Any]],
) -> list[str]:
    """Collect the hosts of a group and its children, with their variables."""
    group = group or {}
    variables = {**inherited, **(group.get("vars") or {})}
    found = []
    for host, own in (group.get("hosts") or {}).items():
        hosts.setdefault(host, {}).update({**variables, **(own or {})})
        found.append(host)
    for child, below in (group.get("children") or {}).items():
        found += _walk(child, below, variables, groups, hosts)
    groups[name] = list(dict.fromkeys(found))
    return groups[name]


def generated(
    directors: int, servers: int, services: int, drained: Sequence[str] = ()
) -> dict[str, Any]:
    """Return a cluster of that size, with tunnels and a VIP for every two services."""
    groups: dict[str, list[str]] = {
        "lvs_directors": [f"lb{n}" for n in range(1, directors + 1)],
        "lvs_realservers": [],
    }
    names = "shop static api login search img cart mail docs feed chat auth".split()[:services]
    hosts: dict[str, dict[str, Any]] = {
        name: {"ansible_host": f"192.0.2.{number}"}
        for number, name in enumerate(groups["lvs_directors"], 1)
    }
    described = []
    for number, name in enumerate(names):
        pool = [f"{name}-{n:03}" for n in range(1, servers // services + 1)]
        groups[f"pool_{name}"] = pool
        groups["lvs_realservers"] += pool
        hosts.update(
            {host: {"ansible_host": f"10.1.{number}.{n}"} for n, host in enumerate(pool, 1)}
        )
        described.append(
            {
                "name": name,
                "vip": f"203.0.113.{10 + number // 2}",
                "port": 443 if number % 2 == 0 else 8443,
                "protocol": "tcp",
                "scheduler": "wrr",
                "realservers": f"pool_{name}",
                "check": {"type": "tcp"},
            }
        )
    groups["all"] = [*hosts]
    shared = {"lvs_method": "tun", "lvs_weight": 100}
    return _checked(described, groups, lambda name: {**shared, **hosts[name]}, drained)


def _checked(services: Any, groups: Any, variables: Any, drained: Sequence[str]) -> dict[str, Any]:
    found = resolve(services, groups, variables, drained)
    assert found.mistakes == []
    return found._asdict()


def some_rate(*words: object) -> int:
    """Return a rate that depends on nothing but these words."""
    return zlib.crc32(repr(words).encode()) % 17 + 4


def read(
    cluster: Mapping[str, Any],
    name: str,
    vips: Sequence[str],
    out: Sequence[str] = (),
    applied: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what is read on a director that holds these VIPs and has real servers out."""
    applied = applied or cluster
    services: list[dict[str, Any]] = []
    counters: list[dict[str, Any]] = []
    for raw in applied["services"]:
        pool = [{**item} for item in raw["destinations"] if item["name"] not in out]
        loads = [_load(raw, item, bool(vips)) for item in pool]
        for item in pool:
            item.pop("name")
            item["method"] = "nat" if item["method"] == "fullnat" else item["method"]
        services.append({**{k: v for k, v in raw.items() if k != "name"}, "destinations": pool})
        key = {k: raw[k] for k in ("vip", "port", "protocol", "fwmark", "family") if k in raw}
        rates = ("connections_rate", "packets_in_rate", "bytes_in_rate", "bytes_out_rate")
        sums = {rate: sum(load[rate] for load in loads) for rate in rates}
        counters.append({**key, **sums, "destinations": loads})
    pair = "keepalived_ha" in cluster["director_roles"]
    daemon = [{"state": "master" if vips else "backup"}] if cluster["ha"] == "vrrp" else []
    return {
        "name": name,
        "info": {"services": services, "counters": counters, "sync_daemons": daemon},
        "text": _text(applied, name),
        "units": [],
        "bgp": {"sessions": [SESSION]},
        "keepalived": {"active": True, "current": True, "applied": True} if pair else {},
        "links": [
            {
                "ifname": "eth0",
                "flags": ["UP"],
                "link_type": "ether",
                "address": f"02:42:c0:a8:02:{zlib.crc32(name.encode()) % 256:02x}",
                "addr_info": [{"local": vip} for vip in vips],
            }
        ],
    }


SESSION = {
    "address": "10.99.1.1",
    "as": 65000,
    "state": "Established",
    "error": "",
    "bfd": "Up",
    "exported": ["203.0.113.10/32"],
}


def _load(service: Mapping[str, Any], item: Mapping[str, Any], busy: bool) -> dict[str, Any]:
    serves = bool(item["weight"]) and busy
    rate = some_rate(service.get("name"), item["name"]) if serves else 0
    return {
        "address": item["address"],
        "port": item["port"],
        "active": rate * 3 if serves else 3 * busy,
        "inactive": rate * 9 if serves else 11 * busy,
        "connections_rate": rate,
        "packets_in_rate": rate * 9,
        "bytes_in_rate": rate * 700,
        "bytes_out_rate": rate * 41000 if item["method"] in ("nat", "fullnat") else 0,
    }


def _text(cluster: Mapping[str, Any], name: str) -> str:
    if "keepalived_ha" not in cluster["director_roles"]:
        return "# Written by Ansible\n" + _ipvsadm_format.to_rules(
            parse_services(cluster["services"])[0]
        )
    instances = [{**i, "interface": "eth0"} for i in cluster["directors"][name]["instances"]]
    config = {"instances": instances, "services": cluster["keepalived_services"]}
    text: str = _keepalived.render(config)
    return text


def first_holds_all(cluster: Mapping[str, Any], **faults: Any) -> list[dict[str, Any]]:
    """Return what is read on all directors, of which the first one holds the VIPs; all with BGP."""
    held = cluster["vips"] if cluster["ha"] == "bgp" else []
    first, *others = cluster["directors"]
    return [
        read(cluster, first, cluster["vips"], **faults),
        *(read(cluster, other, held) for other in others),
    ]


def good(name: str) -> Example:
    """Return a cluster on which all is as in its inventory."""
    cluster, groups = resolved(name)
    found = status(cluster, first_holds_all(cluster), TIME)._asdict()
    return Example(cluster, found, (f"inventories/{name}/hosts.yml",), clients_of(groups))


def clients_of(groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the clients of an inventory."""
    return tuple(groups.get("lvs_clients", ()))


def faulty() -> Example:
    """Return a pair with a drained real server, one that is out, and a backup that differs."""
    cluster, groups = resolved("keepalived_ha")
    drained, _groups = resolved("keepalived_ha", ["rs20"])
    other = copy.deepcopy(drained)
    for service in (*other["keepalived_services"], *other["services"]):
        service["scheduler"] = "rr"
    states = [
        read(cluster, "d23", cluster["vips"], out=["rs21"], applied=drained),
        read(cluster, "d31", [], applied=other),
    ]
    found = status(cluster, states, TIME)._asdict()
    return Example(cluster, found, ("inventories/keepalived_ha",), clients_of(groups))


def split() -> Example:
    """Return a pair of which both hold the VIP, with hostile texts from a third director."""
    cluster, groups = resolved("keepalived_ha")
    stray = read(cluster, "d31", cluster["vips"])
    stray["info"]["services"][0]["destinations"].append({"address": "192.168.2.99", "port": 80})
    stray["info"]["services"].append(
        {"vip": "192.168.2.7", "port": 25, "protocol": "tcp", "scheduler": "rr", "destinations": []}
    )
    cluster["directors"]["d32"] = cluster["directors"]["d31"]
    reason = f"Failed to connect to the host via ssh: {HOSTILE}: No route to host"
    states = [read(cluster, "d23", cluster["vips"]), stray, {"name": "d32", "reason": reason}]
    found = status(cluster, states, TIME)._asdict()
    return Example(cluster, found, ("inventories/keepalived_ha",), clients_of(groups))


def unread() -> Example:
    """Return a pair of which no director can be read."""
    cluster, groups = resolved("keepalived_tomcat")
    states = [{"name": name, "reason": "Connection timed out"} for name in cluster["directors"]]
    found = status(cluster, states, TIME)._asdict()
    return Example(cluster, found, ("inventories/keepalived_tomcat",), clients_of(groups))


def empty_pool() -> Example:
    """Return a cluster whose health checks have taken out all real servers."""
    cluster, groups = resolved("single_director_checks")
    names = [item["name"] for service in cluster["services"] for item in service["destinations"]]
    found = status(cluster, first_holds_all(cluster, out=names), TIME)._asdict()
    return Example(cluster, found, ("inventories/single_director_checks",), clients_of(groups))


def large(directors: int = 1, servers: int = 200, services: int = 8) -> Example:
    """Return a cluster of many real servers, of which some are out or drained."""
    drained = ["shop-003", "img-017"]
    cluster = generated(directors, servers, services)
    applied = generated(directors, servers, services, drained)
    out = ["static-005", "api-014", "api-018", "login-003", "login-015", "cart-001", "mail-022"]
    states = [read(cluster, "lb1", cluster["vips"], out=out, applied=applied)]
    found = status(cluster, states, TIME)._asdict()
    return Example(cluster, found, ("large.yml",))


def scale_out(directors: int = 20, servers: int = 200) -> Example:
    """Return a cluster of many directors, as the page shows it: all but one hold all VIPs.

    No inventory describes such a cluster, so what the directors are is put into the status.
    """
    cluster, found, *_rest = large(1, servers)
    [first] = found["directors"]
    names = [f"lb{n}" for n in range(1, directors + 1)]
    cluster = {**cluster, "directors": {name: {} for name in names}}
    several = [
        {**first, "name": name, "connections_rate": 40 * some_rate(name), "active": 900}
        for name in names
    ]
    several[4] = {**several[4], "state": "unreachable", "reason": "Connection timed out"}
    several[4].update(vips=[], connections_rate=0, active=0)
    away = "lb5 can't be read: Connection timed out."
    differences = [away, "lb3: service cart: cart-011: weight is 50, in the inventory 100."]
    changed = {"directors": several, "trouble": [away], "differences": differences}
    return Example(cluster, {**found, **changed}, ("scale_out.yml",))


def verified(example: Example, failed: int = 0) -> Example:
    """Return an example with what its first client received."""
    probes = _probes.of_clients(dict(example.cluster), names=True)
    seen = {example.clients[0]: {"results": list(_results(probes, example, failed))}}
    report = _probe_report.probe_report(probes, seen, example.status, {})
    return example._replace(report=report)


def _results(
    probes: Sequence[Mapping[str, Any]], example: Example, failed: int
) -> Iterator[dict[str, Any]]:
    holders = {vip: d for d in example.status["directors"] for vip in d["vips"]}
    for probe in probes:
        if not probe["options"]:
            continue
        pool = [item["name"] for item in probe["service"]["destinations"] if item["weight"]]
        number = probe["options"]["requests"] - failed
        sequence = [pool[n % len(pool)] for n in range(number)]
        translated = probe["service"]["destinations"][0]["method"] in ("nat", "fullnat")
        macs = holders[probe["service"]["vip"]]["macs"]
        yield {
            "answers": {name: sequence.count(name) for name in pool},
            "sequence": [*sequence, *[None] * failed],
            "failures": [{"n": n, "error": "timed out"} for n in range(failed)],
            "latency_ms": {"min": 0.9, "median": 1.2, "max": 4.0},
            "on_link": True,
            "macs": macs,
            "answer_macs": {macs[0]: 99} if translated else {"02:42:c0:a8:02:99": 99},
        }
