# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, change and save the rules and routes by which answers return.

The program ``ip`` reads and changes them, and ``ip -batch`` runs the same lines now and at boot. It
accepts the rules of one address family at a time, so each family has a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _program
from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure
from ansible_collections.lvs.cluster.plugins.module_utils._links import ip
from ansible_collections.lvs.cluster.plugins.module_utils._return_path import (
    MAIN,
    PROTOCOL,
    PROTOCOLS,
    Rule,
    Wanted,
    family,
)
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError, checkpoint

FAMILIES = ("-4", "-6")  # as ``ip`` has them
#: The order of the managed rules, before the main table (32766): the answers of one port,
#: those that keep their route although all ports are served, those of all ports.
PORT_PRIORITY, KEEP_PRIORITY, ALL_PRIORITY = 5250, 5251, 5252
#: The metric of managed routes. It is the best there is, so that a default route with any other can
#: stay where it is. (IPv6 takes 0 for 1024.)
METRIC = {"-4": 0, "-6": 1}
FORMER = "# former: "

# ------------------------------------------------------------------------------ rules and routes


class Route(NamedTuple):
    """A default route.

    :ivar gateway: the next router, "" if there is none, or several
    :ivar words: the route for ``ip route replace``, and for ``delete``
    """

    table: int
    metric: int
    gateway: str
    managed: bool
    words: str

    @property
    def slot(self) -> tuple[int, int]:
        """The key of a route to one destination: ``ip route replace`` replaces it."""
        return self.table, self.metric


class Now(NamedTuple):
    """The managed rules and all default routes of one address family."""

    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()

    @property
    def default(self) -> Route | None:
        """The default route in use: the main table's with the smallest metric."""
        return best(self.routes)


def best(routes: Iterable[Route]) -> Route | None:
    """Return the default route of the main table that is in use."""
    main = [route for route in routes if route.table == MAIN]
    return min(main, key=lambda route: route.metric) if main else None


def managed_route(option: str, gateway: str, table: int) -> Route:
    """Return the managed route by a gateway."""
    where = "" if table == MAIN else f" table {table}"
    metric = f" metric {METRIC[option]}" if METRIC[option] else ""
    words = f"default via {gateway}{where}{metric} protocol {PROTOCOL}"
    return Route(table, METRIC[option], gateway, True, words)


def rules(wanted: Wanted, option: str) -> list[Rule]:
    """Return the rules of a family that lead answers to the director.

    An unbound UDP socket has no source address yet when the route of its answer is looked up, so a
    rule for one UDP port matches no address. A rule for all ports must match it: otherwise this
    machine's own UDP requests, such as DNS, would go to the director.
    """
    found = []
    for address, port, protocol in wanted.answers if wanted.route == "policy" else ():
        if family(address) != option:
            continue
        source = "all" if protocol == "udp" and port else address
        if port:
            found.append(Rule(PORT_PRIORITY, source, protocol, port, wanted.table))
        else:
            found.append(Rule(ALL_PRIORITY, source, protocol, 0, wanted.table))
            found += [Rule(KEEP_PRIORITY, source, protocol, p, MAIN) for p in wanted.keep_ports]
    return sorted({*found, *wanted.kept.get(option, ())})


def other_rules(wanted: Wanted, state: Mapping[str, Now]) -> dict[str, list[Rule]]:
    """Return, by family, the managed rules for other answers that can stay beside those wanted."""
    return {
        option: [
            rule
            for rule in now.rules
            if rule.table in (wanted.table, MAIN) and rule not in rules(wanted, option)
        ]
        for option, now in state.items()
        if wanted.route == "policy"
    }


def routes(wanted: Wanted, option: str, now: Now) -> list[Route]:
    """Return the managed routes that a family is to have.

    An unmanaged default route by the director is accepted, too.
    """
    gateway = wanted.gateways.get(option)
    if gateway is None:  # a kept rule has a gateway of its own
        kept = wanted.kept.get(option)
        return [r for r in now.routes if kept and r.managed and r.table == wanted.table]
    if wanted.route == "policy":
        return [managed_route(option, gateway, wanted.table)] if rules(wanted, option) else []
    there = now.default
    if there and there.gateway == gateway and not there.managed:
        return []
    return [managed_route(option, gateway, MAIN)]


# --------------------------------------------------------------------------- what the kernel has


def read() -> dict[str, Now]:
    """Return what the kernel has, by family."""
    return {
        option: Now(
            parse_rules(json.loads(ip("-N", "-details", "-json", option, "rule", "show") or "[]")),
            parse_routes(
                option,
                json.loads(ip("-N", "-json", option, "route", "show", "table", "all") or "[]"),
            ),
        )
        for option in FAMILIES
    }


def parse_rules(entries: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the managed rules among those that ``ip -N -details -json rule show`` lists."""
    names = {str(number): name for name, number in PROTOCOLS.items()}
    found = []
    for rule in entries:
        number = str(rule.get("ipproto", "")).replace("ipproto-", "")
        protocol = names.get(number, number)
        if str(rule.get("protocol")) != str(PROTOCOL) or protocol not in PROTOCOLS:
            continue
        port, table = rule.get("sport", 0), int(rule.get("table", 0))
        found.append(Rule(rule["priority"], rule["src"], protocol, port, table))
    return tuple(found)


def parse_routes(option: str, entries: Iterable[Mapping[str, Any]]) -> tuple[Route, ...]:
    """Return the default routes among those that ``ip -N -json route show table all`` lists."""
    found = []
    for route in entries:
        if route.get("dst") != "default":
            continue
        table, metric = int(route.get("table", MAIN)), int(route.get("metric", 0))
        gateway = str(route.get("gateway", route.get("via", {}).get("host", "")))
        managed = str(route.get("protocol")) == str(PROTOCOL)
        managed_plain = managed_route(option, gateway, table)
        words = managed_plain.words if managed and managed_plain.metric == metric else _words(route)
        found.append(Route(table, metric, gateway, managed, words))
    return tuple(found)


def _words(route: Mapping[str, Any]) -> str:
    """Return a route as ``ip route replace`` takes it, without its lifetime."""
    words = [route["type"]] if "type" in route else []
    words += ["default", *_hop(route)]
    for key, word in (("table", "table"), ("protocol", "proto"), ("scope", "scope")):
        words += [word, route[key]] if key in route else []
    for key, word in (("prefsrc", "src"), ("metric", "metric"), ("pref", "pref")):
        words += [word, route[key]] if key in route else []
    for metrics in route.get("metrics", ()):
        words += [word for pair in metrics.items() for word in pair]
    for hop in route.get("nexthops", ()):
        words += ["nexthop", *_hop(hop), "weight", hop.get("weight", 1)]
    return " ".join(map(str, words))


def _hop(hop: Mapping[str, Any]) -> list[str]:
    via = hop.get("via", {})
    words = ["via", hop["gateway"]] if "gateway" in hop else []
    words += ["via", via["family"], via["host"]] if via else []
    words += ["dev", hop["dev"]] if "dev" in hop else []
    return words + (["onlink"] if "onlink" in hop.get("flags", ()) else [])


# ------------------------------------------------------------------------------------- the change


class Step(NamedTuple):
    """A line of ``ip -batch``, and the line that undoes it."""

    do: str
    undo: str


class Plan(NamedTuple):
    """The changes in one address family.

    :ivar before: managed rules and routes, and the routes that these replaced, as lines
    :ivar after: the same as they will be
    :ivar former: the default routes that managed ones replaced, to be restored later
    :ivar default: the gateway of the default route then, None without one
    """

    steps: list[Step]
    before: list[str]
    after: list[str]
    former: list[str]
    default: str | None


def plan(option: str, now: Now, wanted: Wanted, former: Sequence[str]) -> Plan:
    """Return the changes from the current to the wanted rules and routes.

    The new route is added first and the old one removed last, so answers always have one.

    :param former: the default routes that an earlier run replaced
    """
    there = {route.slot: route for route in reversed(now.routes)}
    old = {slot: route for slot, route in there.items() if route.managed}
    new = {route.slot: route for route in routes(wanted, option, now)}
    own_slot = (MAIN, METRIC[option])
    aside = list(former)
    after = dict(there)
    steps = []
    for slot, route in new.items():
        before = there.get(slot)
        if before is None:
            steps.append(Step(f"route replace {route.words}", f"route delete {route.words}"))
        elif before.words != route.words:
            steps.append(Step(f"route replace {route.words}", f"route replace {before.words}"))
            if not before.managed:
                aside = [before.words]
        after[slot] = route
    wanted_rules = rules(wanted, option)
    added = [rule for rule in wanted_rules if rule not in now.rules]
    gone = [rule for rule in now.rules if rule not in wanted_rules]
    steps += [Step(f"rule add {rule}", f"rule delete {rule}") for rule in added]
    steps += [Step(f"rule delete {rule}", f"rule add {rule}") for rule in gone]
    stays = wanted.route == "default" and option in wanted.gateways
    back = [] if stays else aside[:1]
    for slot, route in old.items():
        if slot in new:
            continue
        del after[slot]
        if not (back and slot == own_slot):
            steps.append(Step(f"route delete {route.words}", f"route replace {route.words}"))
    if back and own_slot not in after:
        words = back[0]
        replaced = there.get(own_slot)
        undo = f"route replace {replaced.words}" if replaced else f"route delete {words}"
        steps.append(Step(f"route replace {words}", undo))
        after[own_slot] = Route(*own_slot, _gateway(words), False, words)
    concerned = [slot for slot in {**there, **after} if there.get(slot) != after.get(slot)]
    concerned += [slot for slot in old if slot not in concerned]
    default = best(after.values())
    return Plan(
        steps,
        _lines(option, now.rules, there, concerned),
        _lines(option, wanted_rules, after, concerned),
        aside if own_slot in new else [],
        default.gateway if default else None,
    )


def _gateway(words: str) -> str:
    """Return the gateway in a route's words, if there is one."""
    found = re.findall(r"\bvia (?:inet6? )?(\S+)", words)
    return found[0] if len(found) == 1 else ""


def _lines(
    option: str,
    managed: Iterable[Rule],
    there: Mapping[tuple[int, int], Route],
    concerned: Collection[tuple[int, int]],
) -> list[str]:
    start = "-6 " if option == "-6" else ""
    return [
        *(f"{start}route {there[slot].words}" for slot in sorted(concerned) if slot in there),
        *(f"{start}rule {rule}" for rule in sorted(managed)),
    ]


def foreign_default_routes(wanted: Wanted, state: Mapping[str, Now]) -> list[str]:
    """Return a sentence if the table for answers has an unmanaged default route."""
    return [
        f"Routing table {wanted.table} is in use: it has {route.words!r}. Choose another table"
        " (realserver_nat_table)."
        for now in state.values()
        for route in now.routes
        if wanted.route == "policy" and route.table == wanted.table and not route.managed
    ]


def apply(steps: Mapping[str, Sequence[Step]]) -> None:
    """Run the steps of each family; if one fails, undo the others.

    Raises OperatorError then, with the message of ``ip``.
    """
    done: list[tuple[str, Step]] = []
    try:
        for option, lines in steps.items():
            checkpoint()
            count, complaint = _batch(option, [step.do for step in lines])
            done += [(option, step) for step in lines[:count]]
            if count < len(lines):
                raise OperatorError(f"ip {option} {lines[count].do}: {complaint}")
    except (OSError, OperatorError) as error:
        not_undone = _undo(list(reversed(done)))
        raise failure(error, not_undone, "Rules and routes are as they were.") from error


def _undo(done: Sequence[tuple[str, Step]]) -> list[str]:
    """Take steps back; return a sentence for each that could not be."""
    not_undone = []
    for option, step in done:
        count, complaint = _batch(option, [step.undo])
        if not count:
            not_undone.append(f"It could not be undone: ip {option} {step.undo}: {complaint}")
    return not_undone


def _batch(option: str, lines: Sequence[str]) -> tuple[int, str]:
    """Run lines with ``ip -batch``; return how many it has run, and its error."""
    done = _program.run("ip", option, "-batch", "-", text="".join(f"{line}\n" for line in lines))
    if done.returncode == 0:
        return len(lines), ""
    failed = re.search(r"Command failed -:(\d+)", done.stderr)
    reason = " ".join(done.stderr.split("Command failed")[0].split()).rstrip(".")
    return (int(failed.group(1)) - 1 if failed else 0), f"{reason or 'it failed'}."


# -------------------------------------------------------------------------- the files for boot


def files(save: str) -> dict[str, str]:
    """Return the path of each family's file."""
    return {"-4": save, "-6": f"{save}6"}


def saved(text: str | None) -> list[str]:
    """Return the replaced default routes that a state file notes.

    Raises ValueError for a note of something else.
    """
    found = []
    for number, line in enumerate((text or "").splitlines(), 1):
        if line.startswith(FORMER):
            found.append(line[len(FORMER) :])
            if "default" not in found[-1].split():
                raise ValueError(f"line {number} is {line!r}; it must be '{FORMER}default ...'")
    return found


def render(option: str, now: Now, wanted: Wanted, former: Iterable[str], header: str) -> str | None:
    """Return the text of the state file; None if it would restore nothing.

    What it restores may be there in part: rules are removed before they are added, at once.
    """
    lines = [f"route replace {route.words}" for route in routes(wanted, option, now)]
    managed = rules(wanted, option)
    lines += [f"rule flush protocol {PROTOCOL}"] if managed else []
    lines += [f"rule add {rule}" for rule in managed]
    notes = [f"{FORMER}{words}" for words in former]
    return header + "".join(f"{line}\n" for line in [*notes, *lines]) if lines else None
