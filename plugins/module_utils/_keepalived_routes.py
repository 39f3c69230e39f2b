# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes and rules of a VRRP instance, in the words of `ip route add` and `ip rule add`.

keepalived reads a part of what iproute2 knows, and names differ (vrrp_iproute.c, alloc_route;
vrrp_iprule.c, alloc_rule). Here are the words that both have, except those with a grammar
of their own: encap, realms, and the ranges of ports and users.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils import _model, _model_parser

ANY = ("default", "any", "all")
ROUTE_TYPES = (
    *("unicast", "local", "broadcast", "anycast", "multicast"),
    *("blackhole", "unreachable", "prohibit", "throw"),
)
SCOPES = ("global", "site", "link", "host", "nowhere")
RULE_ACTIONS = ("blackhole", "unreachable", "prohibit", "nop")


class Unreadable(Exception):
    """A route or a rule that keepalived would not take; its text has the reason."""


def _number(low: int, high: int) -> Callable[[str], bool]:
    def fits(word: str) -> bool:
        number = _model_parser.as_integer(word)
        return number is not None and low <= number <= high

    return fits


def _net(word: str) -> str | None:
    """Return the family of a network or an address; None if it is none of them."""
    address, slash, length = word.partition("/")
    normal = _model.normal_address(address)
    if normal is None or address != address.strip():
        return None
    family = _model.family_of(normal)
    bits = _model_parser.as_integer(length) if slash else 0
    return family if bits is not None and bits <= _model.host_prefix(family) else None


_U32 = _number(0, _model.MAX_U32)
_BYTE = _number(0, 255)


def _interface(word: str) -> bool:
    return bool(re.fullmatch(r"[\w.@+-]{1,15}", word, re.ASCII))


def _table(word: str) -> bool:
    """Return whether a word is a table; a name is one of the machine's own rt_tables."""
    return _number(1, _model.MAX_U32)(word) or bool(re.fullmatch(r"[A-Za-z][\w.-]*", word))


def _mark(word: str) -> bool:
    return all(
        _U32(part) or re.fullmatch(r"0x[0-9a-fA-F]{1,8}", part) for part in word.split("/", 1)
    )


#: What has one word after it, and whether a word will do.
ROUTE_WORDS: Mapping[str, Callable[[str], bool]] = {
    "dev": _interface,
    "table": _table,
    "metric": _U32,
    "priority": _U32,
    "preference": _U32,
    "scope": SCOPES.__contains__,
    "tos": _BYTE,
    "dsfield": _BYTE,
    "mtu": _U32,
    "advmss": _U32,
    "hoplimit": _BYTE,
    "initcwnd": _U32,
    "initrwnd": _U32,
    "quickack": _number(0, 1),
}
LOCKABLE = ("mtu", "advmss")
HOP_WORDS: Mapping[str, Callable[[str], bool]] = {"dev": _interface, "weight": _number(1, 256)}
RULE_WORDS: Mapping[str, Callable[[str], bool]] = {
    "table": _table,
    "lookup": _table,
    "preference": _U32,
    "priority": _U32,
    "order": _U32,
    "iif": _interface,
    "dev": _interface,
    "oif": _interface,
    "fwmark": _mark,
    "tos": _BYTE,
    "dsfield": _BYTE,
    "suppress_prefixlength": _number(0, 2**31 - 1),
    "goto": _U32,
}


class _Reader:
    """Takes the words of a route or a rule one after the other, and notes the family."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = text.split()
        self.family = ""
        self.found: list[str] = []

    def next(self, after: str) -> str:
        """Return the next word."""
        if not self.words:
            raise Unreadable(f"there is nothing after '{after}'")
        return self.words.pop(0)

    def keyword(self, word: str, table: Mapping[str, Callable[[str], bool]]) -> bool:
        """Read what follows a keyword of a table; return whether it is one."""
        if word not in table:
            return False
        value = self.next(word)
        if word in LOCKABLE and value == "lock":
            value = self.next("lock")
        if not table[word](value):
            raise Unreadable(f"'{value}' can't stand after '{word}'")
        self.found.append(word)
        return True

    def address(self, word: str, after: str, net: bool = True) -> None:
        """Read an address, with ``net`` also a network; all are of one family."""
        family: str | None = "" if net and word in ANY else _net(word)
        if family is None or (not net and "/" in word):
            what = "network" if net else "address"
            raise Unreadable(
                f"'{word}'{after} is not a valid {what}, or keepalived does not know it here"
            )
        if not family and self.family:
            raise Unreadable(f"'{word}' must stand before any address")
        if family and self.family and family != self.family:
            raise Unreadable("it has addresses of both families")
        self.family = family or self.family


def read_route(text: str) -> None:
    """Check a route; raises `Unreadable`."""
    reader = _Reader(text)
    destinations = 0
    while reader.words:
        word = reader.next("")
        if word in ("onlink", "no_track"):
            reader.found.append(word)
        elif word in ("via", "src"):
            reader.address(reader.next(word), f" after '{word}'", net=False)
        elif word == "nexthop":
            _read_hops(reader)
        elif not reader.keyword(word, ROUTE_WORDS):
            word = reader.next(word) if word == "to" else word
            word = reader.next(word) if word in ROUTE_TYPES else word
            reader.address(word, "")
            destinations += 1
    if destinations != 1:
        raise Unreadable("it must have one destination, a network or default")
    if not {"dev", "no_track"} & set(reader.found):
        raise Unreadable(
            "keepalived 2.2 can't watch a route without an interface; add dev and the interface,"
            " or no_track"
        )


def _read_hops(reader: _Reader) -> None:
    """Read the next hops, which stand at the end of a route."""
    found = list(reader.found)
    while reader.words:
        word = reader.next("nexthop")
        if word == "via":
            reader.address(reader.next(word), " after 'via'", net=False)
        elif word not in ("onlink", "nexthop") and not reader.keyword(word, HOP_WORDS):
            raise Unreadable(f"'{word}' can't stand after nexthop")
    reader.found = found


def read_rule(text: str) -> None:
    """Check a rule; raises `Unreadable`."""
    reader = _Reader(text)
    actions = 0
    while reader.words:
        word = reader.next("")
        if word in ("from", "to"):
            reader.address(reader.next(word), f" after '{word}'")
        elif word in RULE_ACTIONS:
            actions += 1
        elif word not in ("not", "no_track") and not reader.keyword(word, RULE_WORDS):
            raise Unreadable(f"'{word}' is not known to keepalived here")
    tables = reader.found.count("table") + reader.found.count("lookup")
    if actions + tables + reader.found.count("goto") != 1:
        raise Unreadable(f"it must have one action: table, goto, {' or '.join(RULE_ACTIONS)}")
    if "suppress_prefixlength" in reader.found and not tables:
        raise Unreadable("suppress_prefixlength needs a table")
    if not {"preference", "priority", "order"} & set(reader.found):
        raise Unreadable("it must have a preference, such as preference 1000")
