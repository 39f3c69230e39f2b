# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the state of the directors with the inventory.

Pure: the input is plain data that was read on the directors, the result is plain data and
sentences. Three states are compared: what the inventory wants; what was applied, in a file on the
director, by ``site.yml`` or a drain; and the kernel's table. Where keepalived runs, table and file
differ by the results of its checks, and keepalived may run another configuration than the file.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _units, _vips
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    Table,
    VirtualService,
    as_table,
    endpoint,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import (
    parse_key,
    parse_services,
)
from ansible_collections.lvs.cluster.plugins.module_utils._plan import Operation, accept_local, plan
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import (
    ipvsadm_parser,
    keepalived_parser,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names

Data = Mapping[str, Any]

_OF_SERVICE = frozenset({*ServiceKey._fields, *VirtualService._fields}) - {"key"}
_OF_DESTINATION = frozenset(Destination._fields)
#: What is shown of a destination's counters.
_LOADS = ("active", "inactive")
_RATES = ("connections_rate", "packets_in_rate", "bytes_in_rate", "bytes_out_rate")
_HEADINGS = "server address method weight active inactive conn/s packets/s in_B/s out_B/s".split()
#: So many columns from the first have words; the others have numbers.
_WORDS = 3

DRAINED = "drained, until undrain.yml or site.yml"
OUT = "out of the pool by keepalived's check"
BY_CHECK = "weight by keepalived's check"
UNWILLING = "weight 0 in the inventory"
SORRY = "sorry server"
UNKNOWN_DESTINATION = "not in the inventory"
#: A file on a director that is not in effect there, with the remedy.
PENDING = (
    "keepalived.conf is pending: keepalived runs another configuration than the file has; run"
    " site.yml to apply it"
)
UNKNOWN_APPLIED = (
    "the configuration that keepalived runs is unknown, since it was reloaded by other means than"
    " site.yml; run site.yml to apply keepalived.conf"
)
UNIT_PENDING = (
    "the unit files of keepalived.service are pending: systemd has not read them as they are; run"
    " site.yml"
)
#: The last line where the directors do not differ from the inventory.
NO_DIFFERENCE = "There are no differences from the inventory."
NO_DIRECTOR_READ = "No director was read, so the state of the cluster is unknown."


class Status(NamedTuple):
    """The state of a cluster, as plain data.

    :ivar directors: ``name``, ``state`` (active, standby, unreachable), ``vips`` on its LAN,
        ``macs`` (its link-layer addresses), ``sync`` (the states of its sync daemons),
        ``connections_rate`` and ``active`` of all its services, ``routers`` with BGP (to which it
        announces VIPs), ``reason`` if it can't be read
    :ivar services: in the inventory's order, as the table of ``director`` has them, which holds
        their VIP, with counters; ``vips`` are those that clients use; each destination with its
        ``name`` and a ``remark``; its ``weight`` is None if it is not in the table
    :ivar active: the directors that hold VIPs
    :ivar held_vips: by name, which VIPs each director holds
    :ivar serving: the real servers that have a weight in the table
    :ivar sync_daemons: how many sync daemons each director should run: one that sends connections
        or receives them, both where several directors are masters, none without VRRP
    :ivar trouble: what is wrong with which directors are active, or with what keepalived runs
    :ivar unseen: why no director could be read; empty if there is one
    :ivar drained: the real servers with an applied weight of 0, though the inventory has another
    :ivar pending: what of the inventory is not applied to the directors
    :ivar differences: that, the drift of the kernel's table from what is applied, and units that
        failed
    :ivar lines: all of it as text
    :ivar time: when the directors were read
    """

    directors: list[dict[str, Any]]
    services: list[dict[str, Any]]
    active: list[str]
    held_vips: dict[str, list[str]]
    serving: list[str]
    sync_daemons: int
    trouble: list[str]
    unseen: list[str]
    drained: list[str]
    pending: list[str]
    differences: list[str]
    lines: list[str]
    time: str = ""


class _Names:
    """The names of services and destinations."""

    def __init__(self, services: Sequence[Data], values: Sequence[VirtualService]) -> None:
        self._services: dict[ServiceKey, str] = {}
        self._destinations: dict[tuple[ServiceKey, str, int], str] = {}
        for raw, value in zip(services, values, strict=True):
            self._services[value.key] = str(raw.get("name") or value.key)
            for item in raw["destinations"]:
                self._destinations[value.key, item["address"], item["port"]] = item["name"]

    def service(self, key: ServiceKey) -> str:
        """Return a service's name, or its key."""
        return self._services.get(key, str(key))

    def destination(self, key: ServiceKey, destination: Destination) -> str:
        """Return the name of a service's destination, or its address."""
        return self._destinations.get((key, *destination.key), str(destination))


class DirectorState:
    """The state of a director.

    :ivar reason: why it could not be read
    :ivar applied: the services in its file
    :ivar table: the services in its kernel
    """

    def __init__(self, raw: Data, *, keepalived: bool, vips: Collection[str]) -> None:
        self.name = str(raw["name"])
        # Since ansible-core 2.19, messages have a prefix.
        self.reason = str(raw.get("reason") or "").removeprefix("Task failed: ")
        self.keepalived = keepalived
        info: Data = raw.get("info") or {}
        self.table = as_table(parse_services(info.get("services") or [])[0])
        self.counters = {parse_key(item)[0]: item for item in info.get("counters") or []}
        self.sync = sorted(daemon["state"] for daemon in info.get("sync_daemons") or [])
        self.units: Sequence[Data] = raw.get("units") or []
        links = raw.get("links") or []
        self.vips = sorted(_vips.held(links, vips))
        # Tunnels such as gretap0 are of type ether too, down, and without an address of their own.
        macs = {
            each["ifname"]: each["address"]
            for each in links
            if each.get("link_type") == "ether" and "UP" in each.get("flags", ())
        }
        self.macs = list(dict.fromkeys(macs[name] for name in sorted(macs)))
        text = str(raw.get("text") or "")
        self.configured = bool(text)
        self.service: Data = raw.get("keepalived") or {}
        #: None if BIRD does not run.
        self.bgp: Data | None = raw.get("bgp")
        found = (
            keepalived_parser.Reading(text).config["services"]
            if keepalived
            else ipvsadm_parser.read_rules(text)[0]
        )
        self.applied = _table(found)
        #: Addresses that take over when all others of a service are out.
        self.sorry = {
            normal_address(raw["sorry_server"].get("address"))
            for raw in found
            if raw.get("sorry_server")
        }

    def loads(self) -> dict[str, int]:
        """Return new connections per second and active connections of all services."""
        pools = [item.get("destinations") or () for item in self.counters.values()]
        return {
            "connections_rate": sum(c.get("connections_rate", 0) for c in self.counters.values()),
            "active": sum(item.get("active", 0) for pool in pools for item in pool),
        }

    def unapplied_configuration(self) -> Iterator[str]:
        """Report a keepalived that runs another configuration than its file has."""
        if not (self.keepalived and self.configured and self.service.get("active")):
            return
        if self.service["applied"] is None:
            yield f"{self.name}: {UNKNOWN_APPLIED}."
        elif not self.service["applied"]:
            yield f"{self.name}: {PENDING}."
        if not self.service["current"]:
            yield f"{self.name}: {UNIT_PENDING}."

    @property
    def sessions(self) -> Sequence[Data]:
        """The BGP sessions."""
        return (self.bgp or {}).get("sessions") or []

    def announcements(self) -> Iterator[str]:
        """Report BGP sessions by which routers don't learn of the VIPs, or learn too late.

        A session may be Established while BFD is down, between daemons that understand TTL
        security differently.
        """
        if self.bgp is None:
            yield f"{self.name}: BIRD does not run, so no VIP is announced; see journalctl -u bird."
        for each in self.sessions:
            router = f"{each['address']} (AS {each['as']})"
            if each["state"] != "Established":
                why = f"{each['state']}: {each['error']}" if each["error"] else each["state"]
                yield (
                    f"{self.name}: the BGP session with the router {router} is not Established"
                    f" ({why}). Check that the router has this director as a neighbor."
                )
            elif each["bfd"] not in (None, "Up"):
                yield (
                    f"{self.name}: BFD with the router {router} is {each['bfd']}, so a dead link"
                    " would be found late. Check that the router has BFD for this director, over"
                    " one hop."
                )

    def drained(self, wanted: Table, names: _Names) -> set[str]:
        """Return the real servers with applied weights of 0, though the inventory has others."""
        weights: dict[str, set[tuple[int, int]]] = {}
        for key, service in wanted.items():
            applied = _pool(self.applied.get(key))
            for destination in service.destinations:
                if destination.key in applied:
                    pair = applied[destination.key].weight, destination.weight
                    weights.setdefault(names.destination(key, destination), set()).add(pair)
        return {
            name
            for name, pairs in weights.items()
            if not any(applied for applied, _wanted in pairs)
            and any(weight for _applied, weight in pairs)
        }

    def pending(self, wanted: Table, names: _Names) -> Iterator[str]:
        """Report what of the inventory is not applied, drains excepted."""
        if not self.configured:
            yield "this cluster is not built here yet; run site.yml"
            return
        drained = self.drained(wanted, names)
        wanted = {key: _drained(service, drained, names) for key, service in wanted.items()}
        for operation in plan(self.applied, accept_local(self.applied, wanted)):
            for sentence in _sentences(operation, self.applied, names):
                yield f"{sentence}; run site.yml"

    def failed(self) -> Iterator[str]:
        """Report the units of this collection that are not active."""
        for unit in self.units:
            if unit["active"] != "active":
                yield _units.remedy(unit["name"], unit["active"], unit["errors"])

    def drift(self, names: _Names) -> Iterator[str]:
        """Report differences between the kernel and what was applied, except by health checks."""
        if not self.configured:
            return
        for operation in plan(self.table, accept_local(self.table, self.applied)):
            here = operation.destination
            if self.keepalived and here is not None:
                by_check = operation.action != "delete" or here.address in self.sorry
            else:
                by_check = False
            if not by_check:
                yield from _sentences(operation, self.table, names)


def status(cluster: Data, states: Sequence[Data], time: str = "") -> Status:
    """Return the state of the directors, compared with the result of ``resolve``.

    Each state has the ``name`` of a director, and the ``reason`` why it could not be read, or:
    ``info``, the result of ``ipvs_info``; ``text`` of the file that was applied,
    ``keepalived.conf`` or a table that ``ipvsadm`` saved; ``links``, the output of
    ``ip -json address show``; ``units`` and ``keepalived``, as ``host_info`` returns them.
    """
    values, _mistakes = parse_services(cluster["services"])
    wanted, names = as_table(values), _Names(cluster["services"], values)
    keepalived = "keepalived_ha" in cluster["director_roles"]
    seen = [DirectorState(raw, keepalived=keepalived, vips=cluster["vips"]) for raw in states]
    reached = [state for state in seen if not state.reason]
    # Without a VIP there is one director, whose services have marks that the roles don't set.
    active = [state for state in reached if state.vips or not cluster["vips"]]
    drained = sorted({name for state in reached for name in state.drained(wanted, names)})
    pending = [f"{state.name}: {s}." for state in reached for s in state.pending(wanted, names)]
    failed = [f"{state.name}: {s}" for state in reached for s in state.failed()]
    drift = [f"{state.name}: {s}." for state in reached for s in state.drift(names)]
    bgp = cluster["ha"] == "bgp"
    directors = [
        {
            "name": state.name,
            "state": "unreachable" if state.reason else "active" if state in active else "standby",
            "vips": state.vips,
            "macs": state.macs,
            "sync": state.sync,
            **({"routers": _routers(state)} if bgp else {}),
            **state.loads(),
            **({"reason": state.reason} if state.reason else {}),
        }
        for state in seen
    ]
    trouble = [_unreachable(each) for each in directors if each["state"] == "unreachable"]
    trouble += vip_errors(directors, cluster["vips"], bgp=bgp)
    if bgp:
        trouble += [sentence for state in reached for sentence in state.announcements()]
        trouble += _table_differences(reached, wanted, names)
    trouble += [sentence for state in reached for sentence in state.unapplied_configuration()]
    unseen = [] if reached else list(map(_unreachable, directors)) or [NO_DIRECTOR_READ]
    services = list(_services([*active, *reached], wanted, _frontends(cluster), names, drained))
    pool = (item for service in services for item in service["destinations"])
    found = Status(
        directors,
        services,
        [state.name for state in active],
        {state.name: state.vips for state in seen},
        list(dict.fromkeys(item["name"] for item in pool if item["weight"])),
        min(len(cluster["masters"]), 2) if cluster["ha"] == "vrrp" else 0,
        trouble,
        unseen,
        drained,
        pending,
        [*trouble, *failed, *dict.fromkeys([*pending, *drift])],
        [],
        time,
    )
    unread = [name for name in cluster["directors"] if name not in {state.name for state in seen}]
    return found._replace(lines=list(_lines(found, unread)))


def _table(services: Iterable[Data]) -> Table:
    """Return the services of a file, without fields that the model does not have."""
    plain: list[dict[str, Any]] = []
    for raw in services:
        pool = [_only(_OF_DESTINATION, item) for item in raw.get("destinations") or ()]
        fields = {**_only(_OF_SERVICE, raw), "destinations": pool}
        plain += [{**fields, **each} for each in raw.get("endpoints") or [{}]]
    return as_table(parse_services(plain)[0])


def _only(fields: Collection[str], raw: Data) -> dict[str, Any]:
    return {field: value for field, value in raw.items() if field in fields}


def _pool(service: VirtualService | None) -> dict[tuple[str, int], Destination]:
    return {d.key: d for d in service.destinations} if service else {}


def _drained(service: VirtualService, drained: Collection[str], names: _Names) -> VirtualService:
    """Return a service with weight 0 for drained destinations."""
    return service.with_destinations(
        d._replace(weight=0) if names.destination(service.key, d) in drained else d
        for d in service.destinations
    )


def _sentences(operation: Operation, current: Table, names: _Names) -> Iterator[str]:
    """Describe the difference that an operation would correct."""
    key, subject = operation.service.key, f"service {names.service(operation.service.key)}"
    old: Any = current.get(key)
    new: Any = operation.service
    if operation.destination is not None:
        subject += f": {names.destination(key, operation.destination)}"
        old, new = _pool(old).get(operation.destination.key), operation.destination
    if operation.action == "add":
        yield f"{subject} is missing"
    elif operation.action == "delete":
        yield f"{subject} exists, but is not in the inventory"
    else:
        for field in sorted(set(new._fields) - {"destinations"}):
            if getattr(old, field) != getattr(new, field):
                was, should = _value(getattr(old, field)), _value(getattr(new, field))
                yield f"{subject}: {field} is {was}, in the inventory {should}"


def _value(value: Any) -> str:
    """Return a field's value as messages show it."""
    return (", ".join(value) if isinstance(value, tuple) else str(value)) or "none"


def _frontends(cluster: Data) -> dict[ServiceKey | None, list[Data]]:
    """Return the frontends of each service."""
    frontends: dict[ServiceKey | None, list[Data]] = {}
    for frontend in cluster["frontends"]:
        # A firewall mark stands for VIPs and ports.
        named = ("fwmark", "family") if "fwmark" in frontend else ("vip", "port", "protocol")
        frontends.setdefault(_key(_only(named, frontend)), []).append(frontend)
    return frontends


def _services(
    states: Sequence[DirectorState],
    wanted: Table,
    frontends: Mapping[ServiceKey | None, Sequence[Data]],
    names: _Names,
    drained: Collection[str],
) -> Iterator[dict[str, Any]]:
    """Yield the services in the inventory's order, then those that are not in the inventory."""
    strange = (key for state in states for key in state.table)
    for key in dict.fromkeys([*wanted, *strange]) if states else ():
        vips = {frontend["vip"] for frontend in frontends.get(key, ())} or {key.vip}
        having = [state for state in states if key in wanted or key in state.table]
        state = next((state for state in having if vips.intersection(state.vips)), having[0])
        there = state.table.get(key)
        service = there or wanted[key]
        counters: Data = state.counters.get(key) or {}
        loads = {(item["address"], item["port"]): item for item in counters.get("destinations", ())}
        pool, should = _pool(there), _pool(wanted.get(key))
        yield {
            "name": names.service(key),
            **{
                field: value
                for field, value in service.to_dict().items()
                if field != "destinations"
            },
            "endpoints": [_endpoint(frontend) for frontend in frontends.get(key, ())] or [str(key)],
            "vips": sorted(vips - {""}),
            "director": state.name,
            "running": there is not None,
            **{rate: counters.get(rate, 0) for rate in _RATES},
            "destinations": [
                {
                    "name": names.destination(key, each),
                    **each.to_dict(),
                    "weight": pool[each.key].weight if each.key in pool else None,
                    **{field: loads.get(each.key, {}).get(field, 0) for field in _LOADS + _RATES},
                    "remark": _remark(state, key, each, pool, should, names, drained),
                }
                for each in service.with_destinations({**should, **pool}.values()).destinations
            ],
        }


def _remark(
    state: DirectorState,
    key: ServiceKey,
    each: Destination,
    pool: Mapping[tuple[str, int], Destination],
    should: Mapping[tuple[str, int], Destination],
    names: _Names,
    drained: Collection[str],
) -> str:
    """Return the note on a destination for the operator."""
    if each.key not in should:
        return SORRY if each.address in state.sorry else UNKNOWN_DESTINATION
    applied = _pool(state.applied.get(key)).get(each.key)
    remarks = [DRAINED] if names.destination(key, each) in drained else []
    if applied is None or (not state.keepalived and each.key not in pool):
        remarks.append("missing")
    elif each.key not in pool or (
        applied.weight and not pool[each.key].weight and state.keepalived
    ):
        remarks.append(OUT)
    elif state.keepalived and pool[each.key].weight != applied.weight:
        remarks.append(BY_CHECK)
    if not should[each.key].weight:
        remarks.append(UNWILLING)
    return ", ".join(remarks)


def _routers(state: DirectorState) -> list[str]:
    """Return the routers to which a director announces VIPs."""
    return [
        each["address"]
        for each in state.sessions
        if each["state"] == "Established" and each["exported"]
    ]


def _unreachable(director: Data) -> str:
    return f"{director['name']} can't be read: {director['reason'].rstrip('.')}."


def vip_errors(
    directors: Sequence[Data], vips: Iterable[str], *, bgp: bool = False
) -> Iterator[str]:
    """Report VIPs that no director holds, or several.

    :param bgp: whether all directors are to hold all VIPs
    """
    for vip in vips:
        holders = [director["name"] for director in directors if vip in director["vips"]]
        if bgp:
            for director in directors:
                if director["name"] not in holders and director["state"] != "unreachable":
                    yield (
                        f"{director['name']} does not announce {vip}: none of its real servers"
                        " answers, the director is drained, or keepalived does not run there."
                    )
            continue
        if not holders:
            yield f"No director that could be read holds {vip}."
        if len(holders) > 1:
            yield (
                f"{join_names(holders)} hold {vip}, but only one director must hold it. Check that"
                " each of them receives the advertisements of the others (IP protocol 112)."
            )


def _table_differences(
    states: Sequence[DirectorState], wanted: Table, names: _Names
) -> Iterator[str]:
    """Report destinations with different weights on directors that are all active.

    Clients of such a service may reach another real server when their director changes.
    """
    for key in wanted:
        weights: dict[str, dict[int | None, list[str]]] = {}
        everywhere = {each.key: each for s in states for each in _pool(s.table.get(key)).values()}
        for each in everywhere.values():
            of_each = weights.setdefault(names.destination(key, each), {})
            for state in states:
                there = _pool(state.table.get(key)).get(each.key)
                of_each.setdefault(there.weight if there else None, []).append(state.name)
        for name, of_each in weights.items():
            if len(of_each) > 1:
                differing = "; ".join(
                    f"{'not in the table' if weight is None else weight} on {join_names(who)}"
                    for weight, who in of_each.items()
                )
                yield (
                    f"service {names.service(key)}: {name} has different weights ({differing}), so"
                    " a connection that changes its director may be lost."
                )


def _lines(found: Status, unread: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a table."""
    for director in found.directors:
        verb = "announces" if "routers" in director else "holds"
        about = [f"{verb} {join_names(director['vips'])}"] if director["vips"] else []
        if director.get("routers"):
            about[-1:] = [f"{about[-1]} to {join_names(director['routers'])}"] if about else []
        about += [f"sync daemon {join_names(director['sync'])}"] if director["sync"] else []
        yield f"{director['name']}: {', '.join([director['state'], *about])}"
    yield from (f"{name}: not read; it failed, or --limit leaves it out" for name in unread)
    rows = [
        [
            item["name"],
            _endpoint(item),
            item["method"],
            *("-" if item[f] is None else str(item[f]) for f in ("weight", *_LOADS, *_RATES)),
            item["remark"],
        ]
        for service in found.services
        for item in service["destinations"]
    ]
    widths = [
        max(map(len, column)) for column in zip(_HEADINGS, *(r[:-1] for r in rows), strict=True)
    ]
    left = iter(rows)
    for service in found.services:
        what = "not running" if not service["running"] else f"on {service['director']}"
        where = join_names(service["endpoints"])
        yield f"{service['name']}, {where}, {service['scheduler']}, {what}"
        yield f"  {_aligned(_HEADINGS, widths)}"
        for *cells, remark in itertools.islice(left, len(service["destinations"])):
            yield f"  {_aligned(cells, widths)}  {remark}".rstrip()
    yield from found.differences or [NO_DIFFERENCE]


def _endpoint(item: Data) -> str:
    return endpoint(str(item.get("vip") or item["address"]), item["port"])


def _aligned(cells: Iterable[str], widths: Iterable[int]) -> str:
    """Return cells of a row, words to the left and numbers to the right."""
    padded = [
        f"{cell:{'<' if number < _WORDS else '>'}{width}}"
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded)


def _key(service: Data) -> ServiceKey | None:
    return parse_key(service)[0]
