# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one schema of a virtual service, as values that can't change.

The inventory filter, the modules' arguments and results, and the netlink layer all use these types.
``_model_parser`` reads them from plain data, and ``to_dict`` returns plain data again. Values are
normal: two that mean the same to the kernel are equal.

Bounds and meanings come from the kernel's ``include/uapi/linux/ip_vs.h`` and
``net/netfilter/ipvs/ip_vs_ctl.c``, and where the kernel itself is lax from ``ipvsadm(8)``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any, Dict, NamedTuple, Union

FAMILIES = ("ipv4", "ipv6")
PROTOCOLS = ("tcp", "udp", "sctp")
SCHEDULERS = (
    *("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq"),
    *("fo", "ovf", "mh", "twos"),
)
#: The three flag bits of a scheduler. ``sh`` and ``mh`` give the first two a meaning.
SCHEDULER_FLAGS: dict[str, tuple[str, ...]] = {
    "sh": ("sh-fallback", "sh-port", "flag-3"),
    "mh": ("mh-fallback", "mh-port", "flag-3"),
}
PLAIN_FLAGS = ("flag-1", "flag-2", "flag-3")


class Method(NamedTuple):
    """What follows from a forwarding method.

    :ivar kernel: its name in IPVS; for fullnat, the packet filter does the source NAT that makes
        the difference to nat
    :ivar translated: whether the director translates addresses: it may change the port, and answers
        return through it. If not, packets reach the real server as the client sent them, and
        answers go past the director
    :ivar on_link: whether no router may be between director and real server
    :ivar role: the role that a real server needs, "" if it needs none
    """

    kernel: str
    translated: bool
    on_link: bool
    role: str


#: The forwarding methods of the inventory.
METHODS = {
    "dr": Method("dr", translated=False, on_link=True, role="realserver_dr"),
    "tun": Method("tun", translated=False, on_link=False, role="realserver_tun"),
    "nat": Method("nat", translated=True, on_link=True, role="realserver_nat"),
    "fullnat": Method("nat", translated=True, on_link=False, role=""),
}
UNCHANGED = tuple(name for name, method in METHODS.items() if not method.translated)
TRANSLATED = tuple(name for name, method in METHODS.items() if method.translated)
ON_LINK = tuple(name for name, method in METHODS.items() if method.on_link)
ROUTED = tuple(name for name, method in METHODS.items() if not method.on_link)
#: What may be written; ``local`` is what kernels return for an address of the director's own.
WRITTEN_METHODS = (*METHODS, "local")

TUNNEL_TYPES = ("ipip", "gue", "gre")
TUNNEL_CHECKSUMS = ("none", "checksum", "remote")

#: Which connections a drain waits for, the default first: established ones, or all.
DRAIN_UNTIL = ("active", "all")
#: How many reads in a row have to find none of them. A connection whose handshake is under way
#: counts as inactive, so one read is not enough.
EMPTY_READS = 2

#: ipvsadm's own bounds: a month for a timeout, 16 bits for a weight.
MAX_TIMEOUT = 31 * 86400
MAX_WEIGHT = 65535
MAX_U32 = 0xFFFFFFFF
#: Debian 13's kernel (6.12) refuses a greater one; its counts of connections are signed.
MAX_THRESHOLD = 0x7FFFFFFF
Mask = Union[int, str]


class Destination(NamedTuple):
    """One real server of a virtual service.

    ``method`` is how packets are forwarded to it; some kernels return ``local`` for an address of
    the director itself. With ``weight`` 0 it gets no new connections.
    Thresholds count connections; 0 is none.
    """

    address: str
    port: int
    method: str = "dr"
    weight: int = 1
    upper_threshold: int = 0
    lower_threshold: int = 0
    tunnel_type: str = "ipip"
    tunnel_port: int = 0
    tunnel_checksum: str = "none"

    @property
    def key(self) -> tuple[str, int]:
        """What distinguishes two destinations of a service: address and port."""
        return self[:2]

    def __str__(self) -> str:
        return endpoint(self.address, self.port)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: what always matters, and what else differs from its default."""
        always = {field: getattr(self, field) for field in self._fields[:4]}
        return {**always, **_set_fields(self, self._fields[4:])}


class ServiceKey(NamedTuple):
    """What distinguishes two virtual services: family, and protocol, VIP and port, or a mark."""

    family: str
    protocol: str = ""
    vip: str = ""
    port: int = 0
    fwmark: int = 0

    def __str__(self) -> str:
        if self.fwmark:
            return f"fwmark {self.fwmark}{' (ipv6)' if self.family == 'ipv6' else ''}"
        return f"{self.protocol} {endpoint(self.vip, self.port)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the key as fields of the inventory."""
        if self.fwmark:
            return {"fwmark": self.fwmark, "family": self.family}
        return {"vip": self.vip, "port": self.port, "protocol": self.protocol}


class VirtualService(NamedTuple):
    """A virtual service and its pool.

    ``persistence_timeout`` is in seconds, 0 for none. ``persistence_mask`` is the prefix length by
    which clients are grouped (or, read from a kernel where one was set that is no prefix, a
    dotted mask). ``destinations`` are sorted by address and port.
    """

    key: ServiceKey
    scheduler: str = "wlc"
    scheduler_flags: tuple[str, ...] = ()
    persistence_timeout: int = 0
    persistence_mask: Mask = 32
    persistence_engine: str = ""
    one_packet: bool = False
    destinations: tuple[Destination, ...] = ()

    def __str__(self) -> str:
        return str(self.key)

    def with_destinations(self, pool: Iterable[Destination]) -> VirtualService:
        """Return the same service with another pool, sorted."""
        return self._replace(destinations=tuple(sorted(pool, key=address_order)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that ``parse_services`` reads back to an equal value."""
        extra = _set_fields(self, self._fields[2:-1])
        if self.persistence_mask == host_prefix(self.key.family):
            extra.pop("persistence_mask", None)
        else:
            extra["persistence_mask"] = self.persistence_mask
        return {
            **self.key.to_dict(),
            "scheduler": self.scheduler,
            **{k: list(v) if isinstance(v, tuple) else v for k, v in extra.items()},
            "destinations": [d.to_dict() for d in self.destinations],
        }


Table = Dict[ServiceKey, VirtualService]


def _set_fields(value: Any, fields: Iterable[str]) -> dict[str, Any]:
    defaults = value._field_defaults
    return {f: getattr(value, f) for f in fields if getattr(value, f) != defaults[f]}


def endpoint(address: str, port: int) -> str:
    """Return ``address:port``, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def family_of(address: str) -> str:
    """Return ``ipv4`` or ``ipv6`` for a normal address."""
    return "ipv6" if ":" in address else "ipv4"


def host_prefix(family: str) -> int:
    """Return the prefix length of a single host: 32 or 128."""
    return 128 if family == "ipv6" else 32


def normal_address(text: Any) -> str | None:
    """Return the normal form of an IPv4 or IPv6 address (RFC 5952); None for anything else."""
    try:
        if ":" in text:
            return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, text))
    except (OSError, TypeError, ValueError):
        return None


#: The broadcast address of all networks, and that of every machine's lo.
_BROADCASTS = (b"\xff" * 4, b"\x7f\xff\xff\xff")


def unusable(address: str) -> str:
    """Return why the kernel refuses a normal address for a real server; nothing if it doesn't.

    See ``ip_vs_new_dest`` in the kernel's ``ip_vs_ctl.c``: it accepts unicast addresses only.
    """
    packed = packed_address(address)
    if ":" in address:
        if packed[0] == 0xFE and packed[1] & 0xC0 == 0x80:
            return "which is link-local: it means nothing without an interface"
        multicast = packed[0] == 0xFF
    else:
        multicast = 224 <= packed[0] < 240
    if multicast or packed in _BROADCASTS or not any(packed):
        return "which no host can have"
    return ""


def packed_address(address: str) -> bytes:
    """Return the 4 or 16 bytes of a normal address, in network order."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def address_order(destination: Destination) -> tuple[bytes, int]:
    """Sort key of a pool. Two directors must fill mh's table in the same order."""
    return packed_address(destination.address), destination.port


def flag_names(scheduler: str) -> tuple[str, ...]:
    """Return the names of a scheduler's three flags, lowest bit first."""
    return SCHEDULER_FLAGS.get(scheduler, PLAIN_FLAGS)


def as_table(services: Iterable[VirtualService]) -> Table:
    """Return services by key."""
    return {service.key: service for service in services}


def mask_length(packed: bytes) -> Mask:
    """Return an IPv4 netmask's prefix length, or its dotted text if it is no prefix."""
    bits = f"{int.from_bytes(packed, 'big'):032b}"
    if "01" in bits:
        return socket.inet_ntop(socket.AF_INET, packed)
    return bits.count("1")
