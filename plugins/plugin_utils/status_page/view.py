# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of the status shows, in words and numbers; where it is drawn, is in ``layout``.

Pure: the results of ``resolve``, ``status`` and ``probe_report`` come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._model import METHODS, endpoint
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_key
from ansible_collections.lvs.cluster.plugins.plugin_utils import _status
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names

Data = Mapping[str, Any]


class State(NamedTuple):
    """A state with its word and its tone: ok, idle, note, warning, error or unknown."""

    word: str
    tone: str


SERVING = State("serving", "ok")
DRAINED = State("drained", "warning")
OUT = State("out of the pool", "error")
MISSING = State("missing", "error")
ZERO = State("weight 0", "idle")
SORRY = State("sorry server", "idle")
STRANGE = State("not in the inventory", "unknown")
UNREAD = State("not read", "idle")
UNKNOWN_VIP = State("unknown VIP", "unknown")
#: From the worst to the best: a real server that serves several services has the first.
STATES = (OUT, MISSING, STRANGE, DRAINED, UNREAD, ZERO, SORRY, SERVING)

ACTIVE = State("active", "ok")
STANDBY = State("standby", "idle")
UNREACHABLE = State("unreachable", "error")
DIRECTOR_STATES = {state.word: state for state in (ACTIVE, STANDBY, UNREACHABLE)}


#: The numbers of a destination in the tables.
NUMBERS = (
    *("active", "inactive", "connections_rate"),
    *("packets_in_rate", "bytes_in_rate", "bytes_out_rate"),
)


class Finding(NamedTuple):
    """A sentence that matters, with its severity: error, warning or note."""

    severity: str
    text: str


class Figure(NamedTuple):
    """A number with its label, and the number that it should be."""

    value: str
    label: str
    of: str = ""
    tone: str = ""


class Vip(NamedTuple):
    """A VIP, the services on it as clients reach them, and the directors that hold it."""

    address: str
    services: tuple[str, ...]
    holders: tuple[str, ...]
    state: State
    rate: int


class Director(NamedTuple):
    """A director; ``detail`` is what its box has as second line."""

    name: str
    state: State
    detail: str
    rate: int
    active: int
    findings: int
    vips: tuple[str, ...]
    macs: tuple[str, ...]
    sync: tuple[str, ...]
    reason: str

    @property
    def read(self) -> bool:
        """Whether its state is known."""
        return self.state in (ACTIVE, STANDBY)


class Server(NamedTuple):
    """A real server with all of its services.

    :ivar words: its state or its weight
    :ivar directors: the directors that forward to it
    """

    name: str
    address: str
    state: State
    words: str
    rate: int
    active: int
    directors: tuple[str, ...]


class Row(NamedTuple):
    """A destination in the table of a service."""

    name: str
    endpoint: str
    method: str
    weight: int | None
    state: State
    remark: str
    numbers: tuple[int, ...]  # empty if it was not read
    share: float


class Service(NamedTuple):
    """A service with its destinations.

    :ivar counts: how many of them have which state
    :ivar known: whether it is in the inventory
    """

    name: str
    endpoints: tuple[str, ...]
    scheduler: str
    director: str
    running: bool
    rows: tuple[Row, ...]
    counts: tuple[tuple[State, int], ...]
    rate: int
    known: bool

    @property
    def serving(self) -> int:
        """How many of its destinations get new connections."""
        return sum(count for state, count in self.counts if state == SERVING)


class Probe(NamedTuple):
    """What a client saw of a service."""

    title: str
    client: str
    requests: int
    answered: int
    answers: tuple[tuple[str, int, float], ...]
    lines: tuple[str, ...]
    problems: tuple[str, ...]
    untested: str


class View(NamedTuple):
    """All that the page shows.

    :ivar headline: the verdict, and ``severity`` its severity: ok, note, warning or error
    :ivar returns: the forwarding methods, by whether answers return through the director
    :ivar probes: what the clients saw; None if no requests were sent
    """

    title: str
    time: str
    severity: str
    headline: str
    findings: tuple[Finding, ...]
    figures: tuple[Figure, ...]
    clients: tuple[str, ...]
    client_words: str
    vips: tuple[Vip, ...]
    directors: tuple[Director, ...]
    servers: tuple[Server, ...]
    services: tuple[Service, ...]
    returns: tuple[tuple[bool, tuple[str, ...]], ...]
    probes: tuple[Probe, ...] | None
    description: str


def view(
    cluster: Data,
    status: Data,
    title: str,
    clients: Sequence[str] = (),
    report: Data | None = None,
) -> View:
    """Return what the page shows.

    :param cluster: the result of ``resolve``
    :param status: that of ``status``; empty if no director was read
    :param title: the name of the cluster
    :param clients: the hosts that send the requests of ``verify``
    :param report: the result of ``probe_report``, if requests were sent
    """
    status = status or _status.status(cluster, [])._asdict()
    raw_services = status["services"] or list(_unread_services(cluster))
    known = {str(raw.get("name") or parse_key(raw)[0]) for raw in cluster["services"]}
    services = tuple(_service(raw, raw["name"] in known) for raw in raw_services)
    directors = tuple(_directors(cluster, status))
    servers = tuple(_servers(raw_services, directors))
    vips = tuple(_vips(cluster, status, raw_services, directors))
    probes = tuple(map(_probe, report["results"])) if report else None
    findings = tuple(_findings(cluster, status, services, directors, report))
    severity = next((s for s in ("error", "warning", "note") if s in _severities(findings)), "ok")
    rate = sum(service.rate for service in services)
    words = f"{short(rate)} conn/s" if status["services"] else ""
    if probes is not None:
        words = "{}/{} answered".format(*_answered(probes))
    return View(
        title,
        str(status.get("time") or ""),
        severity,
        _headline(findings, probes, status["unseen"]),
        findings,
        tuple(_figures(directors, services, servers, probes) if status["services"] else ()),
        tuple(clients),
        words,
        vips,
        directors,
        servers,
        services,
        tuple(_returns(raw_services)),
        probes,
        _description(vips, directors, servers),
    )


def short(number: float) -> str:
    """Return a number in at most five characters, such as 950, 4.13k and 1.2M."""
    for unit in ("", "k", "M", "G", "T"):
        if number < 999.5 or unit == "T":
            if not unit:
                return f"{number:.0f}"
            return f"{number:.3g}{unit}" if number < 100 else f"{number:.0f}{unit}"
        number /= 1000
    raise AssertionError  # the last unit returns


def state_of(item: Data) -> State:
    """Return the state of a destination of ``status``."""
    remark = item["remark"]
    if remark == _status.SORRY:
        return SORRY
    if remark == _status.UNKNOWN_DESTINATION:
        return STRANGE
    if remark == UNREAD.word:
        return UNREAD
    for text, state in (
        ("missing", MISSING),
        (_status.DRAINED, DRAINED),
        (_status.OUT, OUT),
        (_status.UNWILLING, ZERO),
    ):
        if text in remark:
            return state
    return SERVING if item["weight"] else ZERO


def _severities(findings: Iterable[Finding]) -> list[str]:
    return [finding.severity for finding in findings]


def _unread_services(cluster: Data) -> Iterator[dict[str, Any]]:
    """Yield the services of the inventory in the form of ``status``, if no director was read."""
    for raw in cluster["services"]:
        name = raw.get("name")
        fronts = [f for f in cluster["frontends"] if f.get("name") == name]
        destinations = [
            {**item, "weight": None, "remark": UNREAD.word, "active": 0, "inactive": 0}
            for item in raw["destinations"]
        ]
        yield {
            **raw,
            "name": str(name or "service"),
            "endpoints": [endpoint(f["vip"], f["port"]) for f in fronts],
            "vips": sorted({f["vip"] for f in fronts}),
            "director": "",
            "running": None,
            "destinations": destinations,
        }


def _service(raw: Data, known: bool) -> Service:
    items = raw["destinations"]
    rates = [item.get("connections_rate", 0) for item in items]
    most = max(rates, default=0) or 1
    states = [state_of(item) for item in items]
    rows = [
        Row(
            item["name"],
            endpoint(item["address"], item["port"]),
            item["method"],
            item["weight"],
            state,
            item["remark"].removeprefix(state.word).lstrip(", "),
            () if state == UNREAD else tuple(item.get(field, 0) for field in NUMBERS),
            rate / most,
        )
        for item, state, rate in zip(items, states, rates, strict=True)
    ]
    counts = [(state, states.count(state)) for state in reversed(STATES) if state in states]
    return Service(
        raw["name"],
        tuple(raw["endpoints"]),
        raw["scheduler"],
        raw["director"],
        raw["running"] is not False,
        tuple(rows),
        tuple(counts),
        raw.get("connections_rate", 0),
        known,
    )


def _directors(cluster: Data, status: Data) -> Iterator[Director]:
    """Yield all directors in the order of the inventory, those that were not read among them."""
    read = {director["name"]: director for director in status["directors"]}
    for name in dict.fromkeys([*cluster["directors"], *read]):
        raw: Data = read.get(name) or {}
        state = DIRECTOR_STATES.get(raw.get("state", ""), UNREAD)
        findings = [each for each in status["differences"] if each.startswith(f"{name}: ")]
        sync = tuple(raw.get("sync", ()))
        if raw.get("reason"):
            detail = raw["reason"]
        elif not raw:
            detail = "it failed, or --limit leaves it out"
        else:
            detail = f"sync {join_names(sync)}" if sync else "no sync daemon"
        yield Director(
            name,
            state,
            detail,
            raw.get("connections_rate", 0),
            raw.get("active", 0),
            len(findings),
            tuple(raw.get("vips", ())),
            tuple(raw.get("macs", ())),
            sync,
            str(raw.get("reason") or ""),
        )


def _holders(service: Data, directors: Sequence[Director]) -> tuple[str, ...]:
    """Return the directors that forward a service: those with its VIPs, if it has some."""
    vips = set(service["vips"])
    holding = tuple(d.name for d in directors if vips.intersection(d.vips))
    return holding or ((service["director"],) if service["director"] and not vips else ())


def _servers(services: Sequence[Data], directors: Sequence[Director]) -> Iterator[Server]:
    """Yield each real server once, with the worst of its states."""
    found: dict[str, list[tuple[Data, Data]]] = {}
    for service in services:
        for item in service["destinations"]:
            found.setdefault(item["name"], []).append((service, item))
    for name, pairs in found.items():
        items = [item for _service, item in pairs]
        states = [state_of(item) for item in items]
        state = min(states, key=STATES.index)
        weights = list(dict.fromkeys(item["weight"] for item in items if item["weight"]))
        if state == SERVING:
            plural = "weights" if len(weights) > 1 else "weight"
            words = f"{plural} {'/'.join(map(str, weights[:3]))}"
        elif SERVING in states:
            words = f"{state.word} in {states.count(state)} of {len(states)}"
        else:
            words = state.word
        yield Server(
            name,
            items[0]["address"],
            state,
            words,
            sum(item.get("connections_rate", 0) for item in items),
            sum(item.get("active", 0) for item in items),
            tuple(
                dict.fromkeys(d for service, _item in pairs for d in _holders(service, directors))
            ),
        )


def _vips(
    cluster: Data, status: Data, services: Sequence[Data], directors: Sequence[Director]
) -> Iterator[Vip]:
    """Yield the VIPs of the inventory, then those of other services, and firewall marks."""
    on: dict[str, list[Data]] = {vip: [] for vip in cluster["vips"]}
    for service in services:
        for vip in service["vips"] or [f"fwmark {service.get('fwmark', '')}".strip()]:
            on.setdefault(vip, []).append(service)
    unread = all(director.state in (UNREAD, UNREACHABLE) for director in directors)
    bgp = cluster["ha"] == "bgp"
    for address, here in on.items():
        holders = tuple(d.name for d in directors if address in d.vips)
        if address in cluster["vips"]:
            wrong = set(_status.vip_errors(status["directors"], [address], bgp=bgp))
            tone = "error" if wrong.intersection(status["trouble"]) else "ok"
            held = "announced" if bgp else "held"
            where = (
                f"on {holders[0]}" if len(holders) == 1 else f"{held} by {len(holders) or 'none'}"
            )
            state = UNREAD if unread else State(where, tone)
        else:
            holders = tuple(dict.fromkeys(s["director"] for s in here if s["director"]))
            strange = not address.startswith("fwmark")
            state = UNKNOWN_VIP if strange else State(f"on {join_names(holders)}", "ok")
        names = tuple(f"{s['name']} {_port(s, address)}".strip() for s in here)
        yield Vip(address, names, holders, state, sum(s.get("connections_rate", 0) for s in here))


def _port(service: Data, vip: str) -> str:
    """Return the port or ports of a service on a VIP, as ``:80``."""
    start = endpoint(vip, 0)[:-1]
    ports = [each[len(start) :] for each in service["endpoints"] if each.startswith(start)]
    if not ports:
        return ""
    if ports == ["0"]:
        return "on all ports"
    return f":{','.join(ports[:3])}{'…' if len(ports) > 3 else ''}"


def _returns(services: Iterable[Data]) -> Iterator[tuple[bool, tuple[str, ...]]]:
    used = {item["method"] for service in services for item in service["destinations"]}
    for through in (False, True):
        methods = tuple(m for m in METHODS if m in used and METHODS[m].translated is through)
        if methods:
            yield through, methods


def _probe(raw: Data) -> Probe:
    counts: Data = raw.get("answers") or {}
    total = sum(counts.values()) or 1
    return Probe(
        raw["title"],
        raw["client"],
        raw.get("requests", 0),
        raw.get("answered", 0),
        tuple((name, count, count / total) for name, count in sorted(counts.items())),
        tuple(line for line in raw.get("lines", ()) if line.split()[0] not in counts),
        tuple(raw.get("problems", ())),
        raw.get("untested", ""),
    )


def _answered(probes: Iterable[Probe]) -> tuple[int, int]:
    answered = requests = 0
    for probe in probes:
        answered += probe.answered
        requests += probe.requests
    return answered, requests


def _findings(
    cluster: Data,
    status: Data,
    services: Sequence[Service],
    directors: Sequence[Director],
    report: Data | None,
) -> Iterator[Finding]:
    """Yield what is wrong, the worst first: an error is what does not work."""
    bgp = cluster["ha"] == "bgp"
    red = [*_status.vip_errors(status["directors"], cluster["vips"], bgp=bgp)]
    red += [each for each in status["trouble"] if _of_unreachable(each, directors)]
    lacking = [
        f"service {service.name}: {row.name} is missing"
        for service in services
        for row in service.rows
        if row.state == MISSING
    ]
    red += [d for d in status["differences"] if any(each in d for each in lacking)]
    errors = list(status["unseen"])
    warnings: list[str] = []
    for sentence in status["differences"]:
        (errors if sentence in red else warnings).append(sentence)
    for service in services if status["services"] else ():
        errors += _of_service(service) if service.known else ()
    notes = []
    if status["drained"]:
        notes.append(f"Drained, until undrain.yml or site.yml: {join_names(status['drained'])}.")
    names = [director.name for director in directors if director.state == UNREAD]
    if names and status["directors"]:
        notes.append(f"Not read, since it failed or --limit leaves it out: {join_names(names)}.")
    if report:
        errors += report["problems"]
        notes += report["untested"]
    seen: set[str] = set()
    # In the order of severity, so that a sentence has its worst one.
    for severity, sentences in (("error", errors), ("warning", warnings), ("note", notes)):
        yield from (Finding(severity, s) for s in dict.fromkeys(sentences) if s not in seen)
        seen.update(sentences)


def _of_unreachable(sentence: str, directors: Sequence[Director]) -> bool:
    """Return whether a sentence is about a director that can't be read."""
    return any(
        sentence.startswith(f"{director.name} can't be read")
        for director in directors
        if director.state == UNREACHABLE
    )


def _of_service(service: Service) -> Iterator[str]:
    """Yield what is wrong with a service."""
    if not service.running:
        yield f"{service.name} is not in the IPVS table of {service.director}."
    elif not service.serving:
        sorry = any(row.state == SORRY and row.weight for row in service.rows)
        answers = "only its sorry server answers" if sorry else "clients get no connection"
        yield f"{service.name} has no real server with a weight; {answers}."
    names = [row.name for row in service.rows if row.state == OUT]
    if names:
        verb = "is" if len(names) == 1 else "are"
        count = f"{len(names)} of {len(service.rows)} real servers {verb}"
        yield f"{service.name}: {count} out of the pool by keepalived's check: {join_names(names)}."


def _headline(
    findings: Sequence[Finding], probes: Sequence[Probe] | None, unseen: Sequence[str]
) -> str:
    """Return the verdict in words."""
    if unseen:
        return "The state of the cluster is unknown: no director can be read"
    counts = [
        f"{number} {severity}{'s' if number > 1 else ''}"
        for severity in ("error", "warning")
        if (number := _severities(findings).count(severity))
    ]
    if counts:
        return f"Not as in the inventory: {join_names(counts)}"
    if probes is not None:
        return f"The cluster works: {_answered(probes)[0]} requests were answered"
    return "No differences from the inventory"


def _figures(
    directors: Sequence[Director],
    services: Sequence[Service],
    servers: Sequence[Server],
    probes: Sequence[Probe] | None,
) -> Iterator[Figure]:
    active = sum(d.state == ACTIVE for d in directors)
    away = sum(d.state == UNREACHABLE for d in directors)
    tone = "error" if not active else "warning" if away else ""
    yield Figure(str(active), "active directors", str(len(directors)), tone)
    known = [service for service in services if service.known]
    running = sum(service.running and bool(service.serving) for service in known)
    tone = "error" if running < len(known) else ""
    yield Figure(str(running), "services available", str(len(known)), tone)
    wanted = [s for s in servers if s.state not in (SORRY, STRANGE)]
    serving = sum(s.state == SERVING for s in wanted)
    tone = "error" if not serving else "warning" if serving < len(wanted) else ""
    yield Figure(str(serving), "real servers serving", str(len(wanted)), tone)
    drained = sum(s.state == DRAINED for s in servers)
    yield Figure(str(drained), "drained", tone="warning" if drained else "")
    out = sum(s.state in (OUT, MISSING) for s in servers)
    yield Figure(str(out), "out or missing", tone="error" if out else "")
    if probes is not None:
        answered, requests = _answered(probes)
        tone = "error" if answered < requests or not requests else ""
        yield Figure(str(answered), "requests answered", str(requests), tone)
    yield Figure(short(sum(service.rate for service in services)), "new connections/s")
    yield Figure(short(sum(s.active for s in servers)), "active connections")


def _description(
    vips: Sequence[Vip], directors: Sequence[Director], servers: Sequence[Server]
) -> str:
    """Return the picture as sentences, for those who can't see it."""
    held = [f"{vip.address} is {vip.state.word}" for vip in vips]
    states = [f"{director.name} is {director.state.word}" for director in directors]
    odd = [f"{s.name} is {s.words}" for s in servers if s.state != SERVING]
    serving = sum(server.state == SERVING for server in servers)
    last = f"{serving} of {len(servers)} real servers are serving"
    parts = [
        join_names(held),
        join_names(states),
        "; ".join(filter(None, [last, join_names(odd, 12)])),
    ]
    return " ".join(f"{part}." for part in parts if part) + " The tables have all values."
