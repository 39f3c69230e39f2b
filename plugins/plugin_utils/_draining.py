# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which real servers may be drained, and in which batches.

Pure: the cluster of the inventory and its status come in as plain data.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._model import ServiceKey
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_key
from ansible_collections.lvs.cluster.plugins.module_utils._wording import suggestion
from ansible_collections.lvs.cluster.plugins.plugin_utils import _probes
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names

Data = Mapping[str, Any]

#: The schedulers by which a client, or an address, belongs to one real server whatever its weight
#: (ip_vs_sh.c, ip_vs_mh.c, ip_vs_dh.c), and the flag with which another takes over.
BOUND = {"sh": "sh-fallback", "mh": "mh-fallback", "dh": None}


class Draining(NamedTuple):
    """The real servers to drain or undrain, or why that is refused.

    :ivar hosts: their names
    :ivar batches: the same in their order; those that are drained already come first
    :ivar lines: the batches as text
    :ivar drained: all real servers with weight 0 afterwards, though the inventory has another
    :ivar services: the services of each director that holds their VIP, by director
    :ivar servers: requests that show whether they answer, as ``realserver_probe`` takes them
    :ivar untested: for which services there are none, and why, as sentences
    """

    mistakes: list[str]
    hosts: list[str] = []
    batches: list[list[str]] = []
    lines: list[str] = []
    drained: list[str] = []
    services: dict[str, list[Data]] = {}
    servers: list[dict[str, Any]] = []
    untested: list[str] = []


def drain(
    cluster: Data,
    found: Data,
    groups: Data,
    hosts: Any,
    serial: int | str = "100%",
    managed: Collection[str] | None = None,
) -> Draining:
    """Return batches in which hosts can be drained, one after the other.

    A service keeps ``lvs_min_available`` of the real servers to which the inventory gives a weight.

    :param managed: the hosts of the run, if tasks run on the drained ones
    """
    names, wrong = _selected(cluster, groups, hosts)
    if managed is not None and (away := [name for name in names if name not in managed]):
        wrong.append(
            f"{', '.join(away)}: not among the hosts of this run; Ansible must manage them, and"
            " --limit must not leave them out."
        )
    wrong += found["pending"]
    wrong += _refusing_clients(cluster, names)
    size = _batch_size(serial, len(names))
    if size is None:
        wrong.append(
            f"rollout_serial is {serial!r}; it must be a number such as 2, or a percentage such as"
            " 25%."
        )
    if wrong or size is None:
        return Draining(wrong)
    in_order = sorted(names, key=lambda name: name not in found["drained"])
    batches = [in_order[first : first + size] for first in range(0, len(in_order), size)]
    drained = set(found["drained"])
    for batch in batches:
        short = _below_minimum(cluster, found, drained.union(batch))
        wrong += [f"With {join_names(batch)} drained, {sentence}" for sentence in short]
        if wrong:
            break  # most likely the same is true of others
        drained -= set(batch)
    if wrong:
        return Draining(wrong)
    return _planned(cluster, found, names, batches, [*found["drained"], *names])


def undrain(cluster: Data, found: Data, groups: Data, hosts: Any) -> Draining:
    """Return the real servers to undrain. ``cluster`` has those drained by the inventory only."""
    names, wrong = _selected(cluster, groups, hosts)
    wrong += found["pending"]
    if wrong:
        return Draining(wrong)
    drained = [name for name in found["drained"] if name not in names]
    return _planned(cluster, found, names, [names], drained)


class DirectorDraining(NamedTuple):
    """The directors to drain or undrain, or why that is refused.

    :ivar directors: their names
    """

    mistakes: list[str]
    directors: list[str] = []


def drain_directors(
    cluster: Data, found: Data, directors: Any, *, back: bool = False
) -> DirectorDraining:
    """Return which directors can be drained; only BGP leaves others that are active.

    :param directors: their names, a list or with commas
    :param back: whether to undrain them instead
    """
    entries = directors.split(",") if isinstance(directors, str) else list(directors or ())
    names = list(dict.fromkeys(filter(None, (str(each).strip() for each in entries))))
    known = cluster["directors"]
    wrong = [
        f"There is no director {name}{suggestion(name, known)}."
        for name in names
        if name not in known
    ]
    if cluster["ha"] != "bgp":
        wrong.append(
            "Directors can be drained with lvs_ha: bgp only, where all are active. To work on one"
            " of a pair, use the playbook lvs.cluster.upgrade."
        )
    if wrong or back:
        return DirectorDraining(wrong, [] if wrong else names)
    if found["drained"]:
        wrong.append(
            f"Real servers are drained ({join_names(found['drained'])}), and their connections"
            " would be lost with a change of the director; undrain them first."
        )
    if not [name for name in found["active"] if name not in names]:
        wrong.append(f"With {join_names(names)} drained, no director would be active.")
    return DirectorDraining(wrong, [] if wrong else names)


def _planned(
    cluster: Data,
    found: Data,
    names: list[str],
    batches: list[list[str]],
    drained: Iterable[str],
) -> Draining:
    """Return how hosts are drained, with the requests that show that they answer afterwards."""
    number = len(batches)
    lines = [f"batch {n} of {number}: {', '.join(batch)}" for n, batch in enumerate(batches, 1)]
    services: dict[str, list[Data]] = {}
    for service, seen in zip(cluster["services"], found["services"], strict=True):
        services.setdefault(seen["director"], []).append(service)
    requests = _probes.of_real_servers(cluster, names)
    return Draining([], names, batches, lines, list(dict.fromkeys(drained)), services, *requests)


def _selected(cluster: Data, groups: Data, hosts: Any) -> tuple[list[str], list[str]]:
    """Return the real servers of names of hosts and groups, and mistakes."""
    pool = [item for service in cluster["services"] for item in service["destinations"]]
    serving = dict.fromkeys(item["name"] for item in pool if item["weight"])
    known = {*(item["name"] for item in pool), *groups, *groups.get("all", ())}
    entries = hosts.split(",") if isinstance(hosts, str) else list(hosts or ())
    names, wrong = dict[str, None](), []
    for word in filter(None, (str(each).strip() for each in entries)):
        if word not in known:
            wrong.append(f"There is no host or group {word}{suggestion(word, known)}.")
            continue
        # A group may have hosts that serve nothing, a host that is given should serve.
        members = [name for name in serving if name in groups.get(word, [word])]
        names.update(dict.fromkeys(members))
        if not members:
            wrong.append(
                f"{word} serves nothing: it is in no service's pool, or has weight 0 in the"
                " inventory (lvs_drained, lvs_weight)."
            )
    if not names and not wrong:
        wrong.append("No real server is given; give them with -e realservers=NAME,NAME.")
    return list(names), wrong


def _batch_size(serial: int | str, number: int) -> int | None:
    """Return the size of a batch; None if ``serial`` can't be read."""
    text = str(serial).strip()
    digits = text.removesuffix("%")
    if not digits.isdecimal() or not int(digits):
        return None
    return max(1, number * int(digits) // 100) if text.endswith("%") else int(digits)


def _refusing_clients(cluster: Data, names: Collection[str]) -> Iterator[str]:
    """Report services that would refuse the clients of a drained real server."""
    for service in cluster["services"]:
        scheduler = service.get("scheduler")
        fallback = BOUND.get(scheduler)
        if scheduler not in BOUND or fallback in service.get("scheduler_flags", ()):
            continue
        if any(item["name"] in names for item in service["destinations"]):
            help_ = f"add scheduler_flags: [{fallback}]" if fallback else "choose another scheduler"
            yield (
                f"Service {service.get('name') or _key(service)}: its scheduler {scheduler} refuses"
                f" the clients of a real server with weight 0; {help_} and run site.yml. If they"
                " may be refused, set lvs_drained: true instead."
            )


def _below_minimum(cluster: Data, found: Data, drained: Collection[str]) -> Iterator[str]:
    """Report services that would have too few real servers."""
    least = str(cluster["min_available"])
    running = {_key(service): service for service in found["services"]}
    for service in cluster["services"]:
        willing = [item for item in service["destinations"] if item["weight"]]
        there = {
            (item["address"], item["port"]): item["weight"]
            for item in running.get(_key(service), {"destinations": []})["destinations"]
        }
        # A real server that is drained now serves again then, unless it is in that batch.
        left = [
            item["name"]
            for item in willing
            if item["name"] not in drained
            and (there.get((item["address"], item["port"])) or item["name"] in found["drained"])
        ]
        share = int(least.removesuffix("%"))
        need = math.ceil(len(willing) * share / 100) if least.endswith("%") else share
        touched = any(item["name"] in drained for item in willing)
        if touched and len(left) < need:
            who = (
                f"only {join_names(left)} would be left" if left else "no real server would be left"
            )
            yield (
                f"{who} of service {service.get('name') or _key(service)}, and lvs_min_available is"
                f" {least}. Take fewer at a time, or repair those that are out of the pool."
            )


def _key(service: Data) -> ServiceKey | None:
    return parse_key(service)[0]
