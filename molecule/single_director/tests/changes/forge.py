#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send IPv4 packets in IPv4 from any machine, as a director does.

forge.py RIP SOURCE VIP NUMBER    so many datagrams from SOURCE to VIP, in packets to RIP
"""

from __future__ import annotations

import socket
import struct
import sys


def packet(source: str, vip: str) -> bytes:
    """Return a UDP datagram without a checksum."""
    udp = struct.pack("!HHHH", 40000, 9, 8, 0)
    ends = socket.inet_aton(source) + socket.inet_aton(vip)
    header = struct.pack("!BBHHHBB", 0x45, 0, 28, 0, 0, 64, socket.IPPROTO_UDP)
    total = sum(struct.unpack("!9H", header + ends))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return header + struct.pack("!H", ~total & 0xFFFF) + ends + udp


def main(rip: str, source: str, vip: str, number: str) -> None:
    """Send the packets; the kernel adds the outer header with an address of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IPIP) as raw:
        for _ in range(int(number)):
            raw.sendto(packet(source, vip), (rip, 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
