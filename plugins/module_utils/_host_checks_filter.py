# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the packet filter: rules that drop too much, or accept too much."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.lvs.cluster.plugins.module_utils._host_checks_kernel import is_on
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    ExpectedRole,
    HostFacts,
    within,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import TRANSLATED, UNCHANGED

_BASE = re.compile(r"type \w+ hook (\w+)")
_JUMP = re.compile(r"\b(?:jump|goto) ([\w.-]+)")
_STATE = re.compile(r"\bct state (?!vmap|!=).*?\binvalid\b.*\b(?:drop|reject)\b")
_MAPPED = re.compile(r"\bct state vmap .*?\binvalid : (?:drop|reject)\b")
#: What matches some packets only.
_SOME = re.compile(r"\b(?:[io]if(?:name)?|[sd]addr)\b")

FLUSHED = (
    "Run site.yml. If the rules disappear again, another program flushes the whole ruleset:"
    " configure it to flush its own tables only."
)


def invalid_dropped(rules: str) -> dict[str, str]:
    """Return the hooks that drop packets of no known connection, each with table and chain.

    Rules that match an interface or an address are left out.
    """
    hooks: dict[str, tuple[str, str]] = {}
    jumps: dict[tuple[str, str], set[str]] = {}
    dropping: set[tuple[str, str]] = set()
    table, chain = "", ("", "")
    for line in map(str.strip, rules.splitlines()):
        words = line.split()
        if words[:1] == ["table"]:
            table = " ".join(words[1:3])
        elif words[:1] == ["chain"] and words[1:]:
            chain = table, words[1]
        elif base := _BASE.match(line):
            hooks.setdefault(f"{base[1]} {' '.join(chain)}", chain)
        elif (_STATE.search(line) or _MAPPED.search(line)) and not _SOME.search(line):
            dropping.add(chain)
        else:
            jumps.setdefault(chain, set()).update(_JUMP.findall(line))
    found: dict[str, str] = {}
    for name, base_chain in hooks.items():
        reached, new = {base_chain}, {base_chain}
        while new:
            targets = {(each[0], target) for each in new for target in jumps.get(each, ())}
            new = targets - reached
            reached |= new
        for bad in sorted(reached & dropping):
            found.setdefault(name.split()[0], " ".join(bad))
    return found


def untracked_dropped(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report rules that drop packets of a director as packets of no connection."""
    places = invalid_dropped(facts.rules or "")
    every = (facts.rules or "").splitlines()
    notrack = [line.split() for line in every if "notrack" in line.split()]
    exempt = all(any(vip in words for words in notrack) for vip in expected.vips)
    for hook in ("prerouting", "input"):
        if hook in places and expected.methods.intersection(UNCHANGED) and not exempt:
            yield (
                f"The chain {places[hook]} drops packets of no known connection (ct state invalid)."
                " With dr and tun, answers bypass this machine, so the rule drops packets of"
                " clients, such as resets. Remove that rule, or exempt the VIPs from connection"
                " tracking by a rule"
                f" `ip daddr {next(iter(expected.vips), 'VIP')} notrack` in a chain with priority"
                " raw."
            )
            break
    if (
        "forward" in places
        and expected.methods.intersection(TRANSLATED)
        and not is_on(facts, expected, "conntrack")
    ):
        yield (
            f"The chain {places['forward']} drops packets of no known connection (ct state"
            " invalid), and so the answers of the real servers. Set net/ipv4/vs/conntrack: 1 in"
            " director_sysctls, or remove that rule."
        )


def _has_chain(facts: HostFacts, table: str, chain: str) -> bool:
    """Return whether a table of the roles has a chain whose name begins with ``chain``."""
    found = re.search(rf"(?ms)^table inet {table} {{$(.*?)^}}$", facts.rules or "")
    return bool(found and re.search(rf"(?m)^\s*chain {chain}", found[1]))


def advertisements_unfiltered(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that advertisements are accepted from other hosts, or through a router."""
    if not _has_chain(facts, "lvs_keepalived_ha", "advertisements_"):
        yield (
            "The packet filter accepts advertisements from hosts that are not directors, or through"
            f" routers, which can then take the VIPs. {FLUSHED}"
        )


def forwarding_unrestricted(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that more is forwarded than the inventory allows."""
    if not _has_chain(facts, "lvs_director", "forwarded"):
        yield (
            "lvs_forward is balanced, but the packet filter lets this machine forward any"
            f" packet. {FLUSHED}"
        )


def unfiltered(facts: HostFacts) -> str:
    if facts.rules is None:
        return "not checked, since nft is not installed or fails"
    return "no rule of nftables drops what it needs"


def mss_not_clamped(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that the MSS is not reduced to what fits into a tunnel."""
    if not re.search(r"(?m)^\s*table inet lvs_realserver_tun\b", facts.rules or ""):
        yield (
            "There is no table inet lvs_realserver_tun in the packet filter, so clients send"
            f" segments that don't fit into the tunnel. {FLUSHED}"
        )


def _sources(expected: ExpectedRole) -> list[str]:
    """Return the addresses and networks from which tunnels are accepted."""
    served = expected.serves.get("tun") or ()
    return list(dict.fromkeys(source for each in served for source in each.get("sources", ())))


def tunnels_unfiltered(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report that tunnelled packets are accepted from hosts that are not directors."""
    table = re.search(r"(?ms)^table inet lvs_realserver_tun \{$(.*?)^\}$", facts.rules or "")
    asked_for = any(network.endswith("/0") for network in _sources(expected))
    if not asked_for and not (table and re.search(r"(?m)^\s*chain tunnels\b", table[1])):
        yield (
            "The packet filter accepts tunnelled packets from any host, so that host can send"
            f" packets with any source address through this machine. {FLUSHED}"
        )


#: Tunnel devices, each with its outer IP version and whether it is GRE.
_DEVICES = {
    "ipip": (4, False),
    "sit": (4, False),
    "gre": (4, True),
    "gretap": (4, True),
    "ip6tnl": (6, False),
    "ip6gre": (6, True),
    "ip6gretap": (6, True),
}


def foreign_tunnels(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report unmanaged tunnels of a type that is accepted from the directors only."""
    served = expected.serves.get("tun") or ()
    used = {
        (6 if ":" in each["address"] else 4, each.get("tunnel_type") == "gre")
        for each in served
        if "address" in each
    }
    for link in facts.shown:
        info = link.get("linkinfo", {})
        remote = info.get("info_data", {}).get("remote", "any")
        if remote == "any" or _DEVICES.get(info.get("info_kind", "")) not in used:
            continue
        if not within(remote, _sources(expected)):
            yield (
                f"The tunnel {link['ifname']} to {remote} is of a type that directors use, so the"
                f" packet filter drops its packets. Add {remote} to lvs_tunnel_sources of"
                " this machine, or use another tunnel_type."
            )
