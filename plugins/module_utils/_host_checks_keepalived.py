# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of keepalived.conf."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_applied
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import ExpectedRole, HostFacts


def _words(conf: str) -> list[list[str]]:
    """Return the words of each line of keepalived's file, without comments."""
    found = [re.split("[#!]", line, maxsplit=1)[0].split() for line in conf.splitlines()]
    return [words for words in found if words]


def _has(conf: str, *names: str) -> list[list[str]]:
    return [words for words in _words(conf) if words[0] in names]


def reload_unchecked(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that an invalid file would end keepalived at a reload."""
    if (
        not _has(facts.conf, "reload_check_config")
        and _keepalived_applied.UNCHECKED not in facts.conf
    ):
        yield (
            "keepalived.conf has no reload_check_config, so a mistake in it ends keepalived at a"
            " reload. If lvs_keepalived.globals sets it, remove it there. Then run site.yml."
        )


def garp_not_repeated(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that a lost gratuitous ARP would not be repeated."""
    settings = _has(facts.conf, "vrrp_garp_master_refresh", "garp_master_refresh")
    if not any(words[1:] and words[1] != "0" for words in settings):
        yield (
            "keepalived.conf has no vrrp_garp_master_refresh, so a neighbour that missed the"
            " announcement of a VIP sends to the former master. If lvs_keepalived.globals sets it,"
            " remove it there. Then run site.yml."
        )


def strict_mode(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report strict mode, in which keepalived drops packets to the VIPs."""
    modes = [
        words
        for words in _has(facts.conf, "strict_mode")
        if words[1:2] not in (["off"], ["no"], ["false"])
    ]
    if modes or _has(facts.conf, "vrrp_strict"):
        yield (
            "keepalived.conf has vrrp_strict or strict_mode, which drops packets to the VIPs."
            " Remove it from lvs_keepalived and run site.yml."
        )


def removed_keywords(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report keywords that were removed from keepalived."""
    if _has(facts.conf, "nat_mask"):
        yield (
            "keepalived.conf has nat_mask, which keepalived no longer supports. Remove it from"
            " lvs_keepalived.extra and run site.yml."
        )


def empty_unicast_peer(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report an empty list of peers, which is multicast before keepalived 2.2.4."""
    text = " ".join(word for words in _words(facts.conf) for word in words)
    if re.search(r"\bunicast_peer ?{ ?}", text) and facts.keepalived < (2, 2, 4):
        yield (
            "keepalived.conf has an empty unicast_peer, and this keepalived"
            f" ({'.'.join(map(str, facts.keepalived)) or 'unknown'}) treats that as multicast."
            " List the peers, or install keepalived 2.2.4 or later."
        )
