# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for hypothesis, by ``_keepalived_kinds``: what each allows, bounds first.

What only a machine knows is chosen from what ``namespaces.py`` and ``releases.FILES`` give it:
interfaces, users, a script, the processors.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_routes as _routes
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_values as _values
from ansible_collections.lvs.cluster.plugins.module_utils import _model
from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

INTERFACES = ("eth0", "eth1", "eth2", "lan.7", "include", "includer", "@d23")
LONGEST_LIST = 3
#: Words that keepalived takes for directives where a line begins with them.
DIRECTIVES = ("include", "includer", "@d23", "@^d24", "~SEQ(n,1,3)", "~LST(n,1,2)")
#: Values that hardly any field takes, and those by which a line could become another one.
RUBBISH: tuple[Any, ...] = (
    *("", " ", "192.168.200./24", "192.168.2.1/33", "1.2.3", "::g", "fe80::1%eth0", "-", "a" * 300),
    *("include /etc/passwd", *DIRECTIVES, "@d1 x", "~SEQ(n,1,3) a", "!", "#", "! x", "# x"),
    *('"', "'", "{", "}", "} x {", "$A=b", "${A}", "%s", "\\", "a\nb", "a\rb", "a\tb", "é", "\0"),
    *(-1, 0, 1, 2**31, 2**32, 10**30, 0.5, -0.5, float("nan"), float("inf"), True, False, None),
    *([], {}, [[]], [None], [{}], {"name": "a"}, {"address": "x"}, {1: 2}),
)

interfaces = st.sampled_from(INTERFACES)
addresses4 = st.integers(1, 254).map("192.168.2.{}".format)
addresses6 = st.integers(1, 65535).map("2001:db8::{:x}".format)
addresses = addresses4 | addresses6
nets = addresses.flatmap(
    lambda a: st.sampled_from([a, f"{a}/{_model.host_prefix(_model.family_of(a))}", f"{a}/24"])
)
names = st.sampled_from(["include", "x" * 31]) | st.from_regex(
    r"[a-z0-9_][a-z0-9_.:@+-]{0,5}", fullmatch=True
)
letters = st.sampled_from("abzAZ09 .,:;/@%+=*?&()<>[]|^~-_`é€")
hosts = st.sampled_from(["aa", "a1.b", "example.com", "www.example.com", "a-b.example.com."])
hosts |= st.from_regex(re.compile(_values.HOST, re.ASCII), fullmatch=True).filter(
    lambda host: len(host) < 64
)
multicasts4 = st.sampled_from(["224.0.0.18", "239.255.255.255"])
multicasts6 = st.sampled_from(["ff02::12", "ff12::1"])


def texts(longest: int) -> Strategy:
    """Return texts of up to so many bytes, with every sign that is no special one."""
    short = st.text(letters, min_size=1, max_size=12).map(str.strip).filter(bool)
    return st.sampled_from(["x" * longest, "include x", *DIRECTIVES]) | short


def numbers(low: int, high: int) -> Strategy:
    """Return whole numbers, also as text, the bounds and what is next to them first."""
    edges = sorted({low, min(low + 1, high), max(low, high - 1), high})
    return st.sampled_from([*edges, *map(str, edges)]) | st.integers(low, high)


def decimals(low: float, high: float, places: int) -> Strategy:
    """Return numbers with up to so many decimal places, the bounds first."""
    return st.sampled_from([low, high, max(low, 1), max(low, 1.5)]) | st.floats(low, high).map(
        lambda number: min(max(round(number, places), low), high)
    )


def words(pattern: str, longest: int) -> Strategy:
    """Return what a pattern matches, except what no text may have."""
    matches = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    return matches.filter(
        lambda text: (
            len(text) <= longest and text.isprintable() and not set(text) & set(_values.SPECIAL)
        )
    )


def some_of(*items: str) -> Strategy:
    """Return a few different words of several."""
    return st.lists(st.sampled_from(items), max_size=2, unique=True)


u32 = st.sampled_from([0, 1, _model.MAX_U32])
WORD_VALUES: dict[str, Strategy] = {
    **dict.fromkeys(_routes.ROUTE_WORDS, u32),
    **dict.fromkeys(("tos", "dsfield", "hoplimit"), st.sampled_from([0, 255])),
    **dict.fromkeys(("mtu", "advmss"), st.sampled_from(["1400", "lock 1400", "0"])),
    **dict.fromkeys(("iif", "oif"), interfaces),
    "table": st.sampled_from([1, _model.MAX_U32, "main", "local", "default"]),
    "scope": st.sampled_from(_routes.SCOPES),
    "quickack": st.sampled_from([0, 1]),
    "fwmark": st.sampled_from(["1", "4294967295", "0xff/0xff", "1/1"]),
}


@st.composite
def routes(draw: Any) -> str:
    """Return a route, of words that `_keepalived_routes` knows."""
    family, net = draw(st.sampled_from([(addresses4, "192.168.9.0/24"), (addresses6, "fd00::/8")]))
    kind = draw(st.sampled_from(["", "", "to ", *(f"{k} " for k in _routes.ROUTE_TYPES)]))
    words = [kind + draw(st.sampled_from([net, "default", "all"]))]
    words.append(draw(st.sampled_from(["no_track", f"dev {draw(interfaces)}"])))
    words += [f"{word} {draw(family)}" for word in draw(some_of("via", "src"))]
    for word in draw(some_of(*sorted(_routes.ROUTE_WORDS.keys() - {"dev"}))):
        words.append(f"{word} {draw(WORD_VALUES[word])}")
    if net in words[0]:
        words = draw(st.permutations(words))
    words += draw(st.lists(st.just("onlink"), max_size=1))
    for _hop in range(draw(st.integers(0, 2)) if "no_track" in words else 0):
        weight = draw(st.sampled_from([1, 256]))
        words.append(f"nexthop via {draw(family)} dev {draw(interfaces)} weight {weight}")
    return " ".join(words)


@st.composite
def rules(draw: Any) -> str:
    """Return a rule, of words that `_keepalived_routes` knows."""
    net = draw(st.sampled_from(["192.168.9.0/24", "fd00::/8", "all"]))
    words = draw(st.lists(st.sampled_from(["not", "no_track"]), max_size=2, unique=True))
    words += [f"{word} {net}" for word in draw(some_of("from", "to"))]
    words.append(draw(st.sampled_from([*_routes.RULE_ACTIONS, "table 100", "lookup main"])))
    words.append(f"{draw(st.sampled_from(['preference', 'priority', 'order']))} {draw(u32)}")
    for word in draw(some_of("iif", "oif", "fwmark", "tos")):
        words.append(f"{word} {draw(WORD_VALUES[word])}")
    return " ".join(draw(st.permutations(words)))


#: What is neither bounds nor a pattern, and what only a machine knows.
OF_KIND: dict[str, Strategy] = {
    _kinds.COMMAND.must_be: st.just("/usr/bin/true") | texts(600).map("/usr/bin/true {}".format),
    _kinds.INTERFACE.must_be: interfaces,
    _kinds.NAME.must_be: names,
    _kinds.USER.must_be: st.sampled_from(["root", "nobody", "nobody nogroup", "keepalived_script"]),
    _kinds.ADDRESS.must_be: addresses,
    _kinds.MULTICAST.must_be: multicasts4 | multicasts6,
    _kinds.ADVERTISED.must_be: multicasts4 | multicasts6,
    _kinds.MULTICAST4.must_be: multicasts4,
    _kinds.MULTICAST6.must_be: multicasts6,
    _kinds.SERVER.must_be: st.sampled_from(
        ["192.168.2.10", "mail.example.com", "192.168.2.10:25", "[2001:db8::10]:65535"]
    ),
    _kinds.STATUS.must_be: st.sampled_from(["100", "200-299", "599", "200", "404-404"]),
    _kinds.ROUTE.must_be: routes(),
    _kinds.RULE.must_be: rules(),
    _kinds.AUTH_PASS.must_be: st.sampled_from(
        ["1", "1111", "12345678", "include", "@d23", "~SEQ("]
    ),
    "an address": nets,
    _kinds.HOSTNAME.must_be: hosts,
    _kinds.DOMAIN.must_be: st.just(".") | hosts.filter(lambda h: not re.match(r".\..", h)),
}
#: Options whose values are bounded by more than their kind.
OF_OPTION: dict[str, Strategy] = {
    **{
        name: st.sampled_from(["vrrp51", "includew", "@d1", "v" * 15])
        for name in ("vmac_interface", "vmac_prefix", "vmac_addr_prefix")
    },
    "tmp_config_directory": st.just("/tmp"),
    "file": st.sampled_from(["/tmp/file", "/tmp/@d1", "//file"]),
    "label": st.sampled_from(["eth0:lvs", "eth1:1", "include"]),
    **{f"{name}_cpu_affinity": st.just([0]) for name in ("vrrp", "checker", "bfd")},
}
_known: dict[int, tuple[_kinds.Kind, Strategy]] = {}


def plain(kind: _kinds.Kind) -> Strategy:
    """Return values of a kind that is no list and no mapping. A strategy is made once."""
    if kind.must_be in OF_KIND:
        return OF_KIND[kind.must_be]
    if id(kind) not in _known:
        _known[id(kind)] = kind, _made(kind)
    return _known[id(kind)][1]


def _made(kind: _kinds.Kind) -> Strategy:
    if "choices" in kind.argument:
        return st.sampled_from(kind.argument["choices"])
    if kind.argument["type"] == "bool":
        return st.sampled_from([True, True, True, False, "yes", "no"])
    if kind.argument["type"] == "int":
        return numbers(*kind.domain)
    if kind.argument["type"] == "float":
        return decimals(*kind.domain)
    return texts(kind.domain) if isinstance(kind.domain, int) else words(*kind.domain)
