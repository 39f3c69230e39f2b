# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse what ``birdc`` of BIRD 2 prints; pure.

The formats are those of 2.0.12 and 2.17.6, of which tests/unit/bird has recordings: ``nest/cmds.c``
and ``nest/proto.c`` for protocols, ``proto/bgp/bgp.c`` for sessions, ``proto/bfd/bfd.c``,
``nest/rt-show.c`` for routes.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

ESTABLISHED, UP = "Established", "Up"

#: A line of ``show protocols``: what belongs to the protocol below it is indented. The time is one
#: word on the day itself, and may be two.
_PROTOCOL = re.compile(
    r"(?P<name>\w+|'[^']+') +(?P<kind>\w+) +(?P<table>\S+) +(?P<state>up|start|stop|down|flush)"
    r" +(?P<since>\d{4}-\d\d-\d\d \d\d:\S+|\S+) *(?P<info>.*)"
)
_FIELD = re.compile(r" +([A-Z][A-Za-z0-9 ]*): +(\S.*)")
_BFD_SESSION = re.compile(
    r"(?P<address>[0-9a-fA-F.:]+(?:%\S+)?) +(?P<interface>\S+)"
    r" +(?P<state>Up|Down|Init|AdminDown) +(?P<since>\S.*?) +(?P<interval>[\d.]+)"
    r" +(?P<timeout>[\d.]+)"
)
_PREFIX = re.compile(r"([0-9a-fA-F.:]+/\d+)(?= )")
_GREETING = re.compile(r"BIRD (\S+) ready\.")
_VERSION = re.compile(r"BIRD(?: version)? v?(\d+(?:\.\d+)*)")


class Status(NamedTuple):
    """What ``show status`` prints.

    :ivar version: such as 2.0.12
    :ivar router_id: such as 10.99.1.11
    :ivar reconfigured: when BIRD last read a configuration, as it prints it
    :ivar busy: whether BIRD is not done with the last configuration, or shuts down
    """

    version: str
    router_id: str
    reconfigured: str
    busy: bool


class Protocol(NamedTuple):
    """A protocol of BIRD.

    :ivar kind: such as BGP, BFD, Direct, Device
    :ivar state: up, start, stop, down or flush; start is also that of a session without a neighbor
    :ivar since: the time, or the date, of its last change
    :ivar info: what BIRD prints behind that, such as ``Established``
    """

    name: str
    kind: str
    state: str
    since: str
    info: str


class Session(NamedTuple):
    """A session of BGP.

    :ivar name: that of its protocol
    :ivar address: of the neighbor
    :ivar state: Established, or another state of RFC 4271, section 8.2.2; Down where it is disabled
    :ivar since: as of `Protocol`
    :ivar error: why it last ended or could not connect; empty if BIRD knows none
    """

    name: str
    address: str
    remote_as: int
    local_as: int
    state: str
    since: str
    error: str

    @property
    def established(self) -> bool:
        """Whether routes are exchanged."""
        return self.state == ESTABLISHED


class BfdSession(NamedTuple):
    """A session of BFD.

    :ivar address: of the neighbor
    :ivar interface: ``---`` for one over several hops
    :ivar state: Up, Down, Init or AdminDown (RFC 5880, section 4.1)
    :ivar since: as of `Protocol`
    :ivar interval: seconds between packets
    :ivar timeout: seconds after which a silent neighbor is taken for down; 0 if it has sent none
    """

    address: str
    interface: str
    state: str
    since: str
    interval: float
    timeout: float

    @property
    def up(self) -> bool:
        """Whether the neighbor answers."""
        return self.state == UP


def version(output: str) -> tuple[int, ...] | None:
    """Return the version that ``bird --version`` or the greeting of ``birdc`` prints."""
    found = _VERSION.search(output)
    return tuple(map(int, found[1].split("."))) if found else None


def answer(output: str) -> str:
    """Return what ``birdc`` prints behind its greeting."""
    lines = output.splitlines()
    while lines and (not lines[0].strip() or _GREETING.fullmatch(lines[0].strip())):
        lines.pop(0)
    return "\n".join(lines).rstrip()


def status(output: str) -> Status | None:
    """Parse ``show status``; None if it is something else."""

    def after(words: str) -> str:
        found = re.search(rf"(?m)^{words} (.*?) *$", output)
        return found[1] if found else ""

    greeting = re.search(r"(?m)^BIRD (\d\S*) *$", output)
    if not greeting:
        return None
    busy = not re.search(r"(?m)^Daemon is up and running *$", output)
    return Status(greeting[1], after("Router ID is"), after("Last reconfiguration on"), busy)


def constant(output: str) -> str | None:
    """Parse ``eval NAME`` of a constant that is a text; None if there is no such constant."""
    text = answer(output)
    return None if "\n" in text or not re.fullmatch(r"[0-9a-zA-Z]+", text) else text


def protocols(output: str) -> list[Protocol]:
    """Parse ``show protocols`` or ``show protocols all``: every protocol, in BIRD's order."""
    found = map(_PROTOCOL.fullmatch, map(str.rstrip, output.splitlines()))
    return [
        Protocol(line["name"].strip("'"), *line.group("kind", "state", "since", "info"))
        for line in found
        if line
    ]


def sessions(output: str) -> list[Session]:
    """Parse ``show protocols all``: the sessions of BGP, in BIRD's order."""
    found: list[tuple[Protocol, dict[str, str]]] = []
    for line in output.splitlines():
        if _PROTOCOL.fullmatch(line.rstrip()):
            found.append((protocols(line)[0], {}))
        elif found:
            field = _FIELD.fullmatch(line.rstrip())
            if field:
                found[-1][1].setdefault(field[1], field[2])  # those of the channels are below
    return [
        Session(
            protocol.name,
            fields["Neighbor address"],
            int(fields.get("Neighbor AS", 0)),
            int(fields.get("Local AS", 0)),
            fields.get("BGP state", "Down"),
            protocol.since,
            fields.get("Last error", ""),
        )
        for protocol, fields in found
        # A template's session with a range of neighbors has none.
        if protocol.kind == "BGP" and "Neighbor address" in fields
    ]


def bfd_sessions(output: str) -> list[BfdSession]:
    """Parse ``show bfd sessions``: those of all protocols, in BIRD's order."""
    found = (_BFD_SESSION.fullmatch(line.strip()) for line in output.splitlines())
    return [
        BfdSession(
            line["address"],
            line["interface"],
            line["state"],
            line["since"],
            float(line["interval"]),
            float(line["timeout"]),
        )
        for line in found
        if line
    ]


def exported(output: str) -> list[str]:
    """Parse ``show route export NAME``: the prefixes, such as 203.0.113.10/32, sorted.

    There are none where the session is not Established; BIRD then prints an error.
    """
    found = (_PREFIX.match(line) for line in output.splitlines())
    return sorted({line[1] for line in found if line})


def report(
    found: list[Session], bfd: list[BfdSession], prefixes: dict[str, list[str]]
) -> list[dict[str, Any]]:
    """Return sessions as plain data: those of BGP, each with its BFD and what it announces.

    :param prefixes: by the name of the session
    """
    states = {each.address: each.state for each in bfd}
    return [
        {
            "name": each.name,
            "address": each.address,
            "as": each.remote_as,
            "state": each.state,
            "error": each.error,
            "bfd": states.get(each.address),
            "exported": prefixes.get(each.name, []),
        }
        for each in found
    ]
