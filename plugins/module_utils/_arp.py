# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ARP packets, and ARP requests to the neighbours."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _boot


class Arp(NamedTuple):
    """An ARP packet for IPv4 over Ethernet (RFC 826)."""

    operation: int
    sender_mac: str
    sender_ip: str
    target_mac: str
    target_ip: str

    def encode(self) -> bytes:
        """Return the packet as it follows the Ethernet header."""
        return _boot.arp(
            self.operation, self.sender_mac, self.sender_ip, self.target_mac, self.target_ip
        )

    @classmethod
    def decode(cls, packet: bytes) -> Arp | None:
        """Return the packet, or None if it is not ARP for IPv4 over Ethernet."""
        if len(packet) < 28 or packet[:6] != b"\0\x01\x08\0\x06\x04":
            return None
        operation, mac, address, to_mac, to_address = struct.unpack("!H6s4s6s4s", packet[6:28])
        return cls(
            operation,
            mac.hex(":"),
            socket.inet_ntoa(address),
            to_mac.hex(":"),
            socket.inet_ntoa(to_address),
        )


def who_has(
    name: str, mac: str, targets: Iterable[str], sender: str = "0.0.0.0", wait: float = 1.0
) -> dict[str, list[str]]:
    """Return the link-layer addresses that answer ARP requests for IPv4 addresses.

    :param name: the interface by which the requests leave
    :param mac: its link-layer address
    :param sender: the sender's IPv4 address; with the default a request is a probe (RFC 5227,
        2.1.1), which no neighbour caches
    :param wait: how long to wait for all replies, in seconds
    """
    replies: dict[str, list[str]] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as packets:
        packets.bind((name, _boot.ETH_P_ARP))
        broadcast = (name, _boot.ETH_P_ARP, 0, 0, _boot.octets(_boot.BROADCAST))
        for target in targets:
            request = Arp(_boot.ARP_REQUEST, mac, sender, _boot.NO_MAC, target)
            packets.sendto(request.encode(), broadcast)
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            packets.settimeout(left)
            try:
                reply = Arp.decode(packets.recv(128))
            except socket.timeout:
                break
            if reply and reply.operation == _boot.ARP_REPLY:
                macs = replies.setdefault(reply.sender_ip, [])
                macs += [reply.sender_mac] * (reply.sender_mac not in macs)
    return replies
