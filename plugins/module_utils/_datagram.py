# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to a UDP service: a DNS query, or given bytes.

A request succeeds and fails as keepalived's health checks DNS_CHECK and UDP_CHECK do
(keepalived, check/check_dns.c and check/check_udp.c).
"""

from __future__ import annotations

import os
import re
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

#: Types of records by their numbers (RFC 1035 section 3.2.2, RFC 3596 section 2.1).
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}
#: Response codes (RFC 1035 section 4.1.1).
RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")

#: The options of a module, with the names that a health check gives them.
DNS: dict[str, Any] = {
    "query": {"type": "str", "choices": list(TYPES), "default": "SOA"},
    "name": {"type": "str", "default": "."},
}
UDP: dict[str, Any] = {
    "payload": {"type": "str"},
    "require_reply": {"type": "str"},
    "min_reply_length": {"type": "int"},
    "max_reply_length": {"type": "int"},
}

_RESPONSE, _RECURSION_DESIRED, _RCODE = 0x8000, 0x0100, 0x000F
_IN = 1
#: How many bytes are sent where a check gives no payload.
_RANDOM = 32


class BadReply(Exception):
    """The server replied, but not as the request requires."""


def mistakes(dns: Mapping[str, Any] | None, udp: Mapping[str, Any] | None) -> list[str]:
    """Return what is wrong with the options ``dns`` and ``udp``, as sentences."""
    found = []
    if dns:
        try:
            encode_name(dns["name"])
        except ValueError as error:
            found.append(f"dns: name {error}.")
    if udp:
        accepted = {"payload": "0-9A-Fa-f", "require_reply": "0-9A-Fa-fXx"}
        for option, allowed in accepted.items():
            digits = _digits(udp.get(option))
            if digits in ("", "any"):
                continue
            if len(digits) % 2 or not re.fullmatch(f"[{allowed}]+", digits):
                found.append(f"udp: {option} is {digits!r}; it must be bytes in hexadecimal.")
    return found


def request(
    address: str,
    port: int,
    timeout: float,
    dns: Mapping[str, Any] | None = None,
    udp: Mapping[str, Any] | None = None,
) -> bytes | None:
    """Send one request from a new port, and return its reply.

    ``dns`` and ``udp`` are options as `DNS` and `UDP` describe them; one is given. None is
    returned if no reply came within ``timeout`` seconds and ``udp`` requires none. Raises OSError
    for an address that can't be reached, an ICMP error, or no reply; `BadReply` for a wrong reply.
    """
    if dns:
        number = int.from_bytes(os.urandom(2), "big")
        sent = query(dns["name"], dns["query"], number)
        accept = _dns_reply(dns, number)
    else:
        udp = udp or {}
        payload = _digits(udp.get("payload"))
        sent = bytes.fromhex(payload) if payload else os.urandom(_RANDOM)
        accept = _udp_reply(udp)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp_socket:
        # Connected, it takes replies of this address only, and gets ICMP errors (udp(7)).
        udp_socket.connect((address, port))
        udp_socket.send(sent)
        end = time.monotonic() + timeout
        left = timeout
        while left > 0:
            udp_socket.settimeout(left)
            try:
                reply = udp_socket.recv(65535)
            except socket.timeout:
                break
            if accept(reply):
                return reply
            left = end - time.monotonic()
    if dns is None and not (udp or {}).get("require_reply"):
        return None
    raise socket.timeout(f"no reply within {timeout:g} s")


def query(name: str, kind: str, number: int) -> bytes:
    """Return a DNS query that asks for recursion (RFC 1035 section 4.1)."""
    header = struct.pack("!6H", number, _RECURSION_DESIRED, 1, 0, 0, 0)
    return header + encode_name(name) + struct.pack("!2H", TYPES[kind], _IN)


def encode_name(name: str) -> bytes:
    """Return a domain name as a sequence of labels (RFC 1035 section 3.1); raises ValueError."""
    labels = name.rstrip(".").split(".") if name.strip(".") else []
    try:
        encoded = [label.encode("ascii") for label in labels]
    except UnicodeEncodeError:
        raise ValueError(f"is {name!r}; it must be ASCII") from None
    if not all(0 < len(label) < 64 for label in encoded):
        raise ValueError(f"is {name!r}; its labels must have 1 to 63 characters")
    wire = b"".join(bytes([len(label)]) + label for label in encoded) + b"\0"
    if len(wire) > 255:
        raise ValueError(f"is {name!r}; it must have fewer than 255 characters")
    return wire


def _dns_reply(dns: Mapping[str, Any], number: int) -> Callable[[bytes], bool]:
    """Return a test of whether a datagram is the reply; anything else is waited past."""

    def accept(reply: bytes) -> bool:
        if len(reply) < 12:
            return False
        theirs, flags = struct.unpack_from("!2H", reply)
        if theirs != number or not flags & _RESPONSE:
            return False
        code = flags & _RCODE
        if code:
            reason = RCODES[code] if code < len(RCODES) else f"RCODE {code}"
            raise BadReply(f"{reason} for {dns['query']} {dns['name']}")
        return True

    return accept


def _udp_reply(udp: Mapping[str, Any]) -> Callable[[bytes], bool]:
    """Return a test of whether a datagram is the reply that is required."""
    required = _digits(udp.get("require_reply"))
    pattern = "" if required == "any" else required.lower()
    # Without bytes to compare, keepalived checks no length that is not given either.
    least = udp.get("min_reply_length") or 0
    most = udp.get("max_reply_length")
    if most is None:
        most = 255 if pattern else 65535

    def accept(reply: bytes) -> bool:
        if required:
            if not least <= len(reply) <= most:
                raise BadReply(f"the reply has {len(reply)} bytes; it must have {least} to {most}")
            same = (want in ("x", got) for want, got in zip(pattern, reply.hex()))
            if not all(same):
                raise BadReply(f"the reply is {reply[:16].hex()}; it must be {required}")
        return True

    return accept


def _digits(value: Any) -> str:
    """Return bytes in hexadecimal without blanks."""
    return "".join(str(value or "").split())
