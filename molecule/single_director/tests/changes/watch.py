#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send ARP requests for the VIPs in a loop; record each link-layer address that claims one.

    watch.py INTERFACE NOTES VIP...

Each line of NOTES is a VIP and the link-layer address that answered for it, or announced it.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from pathlib import Path

ETH_P_ALL, ETH_P_ARP, ETH_P_IPV6 = 0x0003, 0x0806, 0x86DD
ICMPV6, SOLICITATION, ADVERTISEMENT = 58, 135, 136


def claimed(frame: bytes) -> tuple[str, str] | None:
    """Return the IP and link-layer address that a frame claims; None for any other frame."""
    kind, packet = struct.unpack_from("!H", frame, 12)[0], frame[14:]
    if kind == ETH_P_ARP:  # the sender, be it a reply or a gratuitous request
        return socket.inet_ntoa(packet[14:18]), packet[8:14].hex(":")
    if kind == ETH_P_IPV6 and packet[6] == ICMPV6 and packet[40] == ADVERTISEMENT:
        return socket.inet_ntop(socket.AF_INET6, packet[48:64]), frame[6:12].hex(":")
    return None


def ask(interface: str, mac: bytes, vip: str) -> None:
    """Send an ARP request or neighbour solicitation for a VIP."""
    if ":" in vip:
        target = socket.inet_pton(socket.AF_INET6, vip)
        group = socket.inet_ntop(
            socket.AF_INET6, bytes.fromhex("ff0200" + "00" * 8 + "01ff") + target[13:]
        )
        question = struct.pack("!BBHI16sBB6s", SOLICITATION, 0, 0, 0, target, 1, 1, mac)
        index = socket.if_nametoindex(interface)
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as icmp:
            icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            icmp.sendto(question, (group, 0, 0, index))
        return
    question = struct.pack(
        "!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, b"", b"", socket.inet_aton(vip)
    )
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as packets:
        packets.sendto(question, (interface, ETH_P_ARP, 0, 0, b"\xff" * 6))


def main(interface: str, notes: str, *vips: str) -> None:
    """Record until killed."""
    mac = bytes.fromhex(
        Path(f"/sys/class/net/{interface}/address").read_text().strip().replace(":", "")
    )
    noted = set()
    with (
        open(notes, "w") as file,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(ETH_P_ALL)) as link,
    ):
        link.bind((interface, ETH_P_ALL))
        link.settimeout(0.1)
        due = 0.0
        while True:
            if time.monotonic() >= due:
                due = time.monotonic() + 0.2
                for vip in vips:
                    ask(interface, mac, vip)
            try:
                claim = claimed(link.recv(200))
            except TimeoutError:
                continue
            if claim and claim[0] in vips and claim not in noted:
                noted.add(claim)
                print(*claim, file=file, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
