# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve DNS with one name, and a service that answers ping with pong.

Both listen at each address of the arguments, since a reply must come from the address to which the
request went.
"""

from __future__ import annotations

import selectors
import socket
import struct
import sys

QUESTION = b"\3www\7example\3org\0" + struct.pack("!2H", 1, 1)
ADDRESS = struct.pack("!3HIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton("192.0.2.80")


def names(sent: bytes) -> bytes:
    """Return the reply to a DNS query: the address, or NXDOMAIN."""
    known = sent[12:] == QUESTION
    header = struct.pack("!2s5H", sent[:2], 0x8180 if known else 0x8183, 1, int(known), 0, 0)
    return header + sent[12:] + (ADDRESS if known else b"")


def pong(sent: bytes) -> bytes:
    """Return the reply to a ping."""
    return b"pong" if sent == b"ping" else b"what?"


selector = selectors.DefaultSelector()
for address in sys.argv[1:]:
    for port, answer in ((53, names), (9, pong)):
        bound = socket.socket(type=socket.SOCK_DGRAM)
        bound.bind((address, port))
        selector.register(bound, selectors.EVENT_READ, answer)
while True:
    for key, _events in selector.select():
        request, client = key.fileobj.recvfrom(4096)
        key.fileobj.sendto(key.data(request), client)
