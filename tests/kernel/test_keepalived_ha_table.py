# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet filter of the role keepalived_ha, and packets that strangers forge.

The test's own namespace is a director. On its LAN are another director and a stranger.
"""

from __future__ import annotations

import contextlib
import select
import socket

import pytest

VRRP = 112  # IANA's number of the protocol; Python has no name for it
DIRECTOR = {4: "192.0.2.23", 6: "2001:db8::23"}
PEER = {4: "192.0.2.24", 6: "2001:db8::24"}
STRANGER = {4: "192.0.2.66", 6: "2001:db8::66"}
#: An extension header of IPv6 with nothing but padding (RFC 8200, 4.2 and 4.3). The kernel fills in
#: what follows it.
PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0])
IPV6_HOPOPTS, IPV6_DSTOPTS = 54, 59  # include/uapi/linux/in6.h
HEADERS = {"none": None, "hop-by-hop": IPV6_HOPOPTS, "destination options": IPV6_DSTOPTS}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Lan:
    """Hosts that send VRRP to the director, and what arrives there."""

    def __init__(self, lan, director, new_netns):
        self.hosts = {}
        for addresses in (DIRECTOR, PEER, STRANGER):
            host = director if addresses is DIRECTOR else new_netns()
            host.sysctl("net/ipv6/conf/default/dad_transmits", 0)
            lan.host(f"{addresses[4]}/24", host)
            host.address(f"{addresses[6]}/64")
            self.hosts[addresses[4]] = host

    def arrives(self, sender, version, header="none"):
        """Send VRRP from a host; return whether a program on the director gets it."""
        with contextlib.ExitStack() as opened:
            raw = FAMILIES[version], socket.SOCK_RAW, VRRP
            listener = opened.enter_context(socket.socket(*raw))
            with self.hosts[sender[4]].entered():
                speaker = opened.enter_context(socket.socket(*raw))
            speaker.bind((sender[version], 0))
            if HEADERS[header]:
                speaker.setsockopt(socket.IPPROTO_IPV6, HEADERS[header], PADDING)
            for _ in range(3):
                speaker.sendto(b"\x31\x33\xff\x01" + bytes(20), (DIRECTOR[version], 0))
                ready, _, _ = select.select([listener], [], [], 0.5)
                if ready:
                    return True
        return False


@pytest.fixture
def hosts(lan, netns, new_netns):
    return Lan(lan, netns, new_netns)


PACKETS = [(4, "none"), *((6, header) for header in HEADERS)]


@pytest.mark.parametrize(("version", "header"), PACKETS)
def test_vrrp_of_a_stranger_does_not_arrive(hosts, load_table, version, header):
    assert hosts.arrives(STRANGER, version, header)  # without the table

    # Once more in the list, as an inventory may have it.
    peers = [PEER[4], PEER[6], PEER[4], PEER[6]]
    load_table(
        "keepalived_ha", "lvs_keepalived_ha", keepalived_ha_peers=peers, keepalived_ha_local=[]
    )
    assert hosts.arrives(PEER, version, header)
    assert not hosts.arrives(STRANGER, version, header)


@pytest.mark.parametrize(("version", "header"), PACKETS)
def test_vrrp_of_a_family_without_peers_does_not_arrive(hosts, load_table, version, header):
    peers = [PEER[10 - version]]
    load_table(
        "keepalived_ha", "lvs_keepalived_ha", keepalived_ha_peers=peers, keepalived_ha_local=[]
    )
    assert not hosts.arrives(PEER, version, header)
