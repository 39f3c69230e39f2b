# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of IPVS, encoded and decoded.

Numbers are in host order, except addresses, ports of virtual services and destinations, and an IPv4
mask.
"""

from __future__ import annotations

import socket
import sys
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._genetlink import (
    ATTRIBUTE,
    NLA_F_NESTED,
    U32,
    attr_text,
    attr_u16,
    attr_u32,
    attribute,
    attributes_of,
    nested,
    string,
    u16,
    u32,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs_uapi import (
    IP_VS_CONN_F_DROUTE,
    IP_VS_CONN_F_FWD_MASK,
    IP_VS_CONN_F_LOCALNODE,
    IP_VS_CONN_F_MASQ,
    IP_VS_CONN_F_TUNNEL,
    IP_VS_STATE_BACKUP,
    IP_VS_STATE_MASTER,
    IP_VS_SVC_F_ONEPACKET,
    IP_VS_SVC_F_PERSISTENT,
    IP_VS_SVC_F_SCHED,
    Cmd,
    CmdAttr,
    DaemonAttr,
    DestAttr,
    SvcAttr,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    TUNNEL_CHECKSUMS,
    TUNNEL_TYPES,
    Destination,
    Mask,
    ServiceKey,
    VirtualService,
    flag_names,
    host_prefix,
    mask_length,
    packed_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._plan import Operation

FORWARDING = {
    "nat": IP_VS_CONN_F_MASQ,
    "local": IP_VS_CONN_F_LOCALNODE,
    "tun": IP_VS_CONN_F_TUNNEL,
    "dr": IP_VS_CONN_F_DROUTE,
}
FAMILY = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
PROTOCOL = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": 132}
DAEMON_STATES = {IP_VS_STATE_MASTER: "master", IP_VS_STATE_BACKUP: "backup"}

_FORWARDING_NAME = {number: name for name, number in FORWARDING.items()}
_FAMILY_NAME = {int(number): name for name, number in FAMILY.items()}
_PROTOCOL_NAME = {int(number): name for name, number in PROTOCOL.items()}
_FLAGS = Struct("=II")
_BE16 = Struct(">H")
#: nested, address family, address, port, forwarding method, weight, both thresholds
_DESTINATION = Struct("=HH HHHxx HH16s HHHxx HHI HHI HHI HHI".replace(" ", ""))
#: The length and type of each of its attributes: a member of an enum is slow to look up.
_NESTED_DESTINATION = CmdAttr.IPVS_CMD_ATTR_DEST | NLA_F_NESTED
_DESTINATION_AF = 6, int(DestAttr.IPVS_DEST_ATTR_ADDR_FAMILY)
_DESTINATION_ADDR = 20, int(DestAttr.IPVS_DEST_ATTR_ADDR)
_DESTINATION_PORT = 6, int(DestAttr.IPVS_DEST_ATTR_PORT)
_DESTINATION_METHOD = 8, int(DestAttr.IPVS_DEST_ATTR_FWD_METHOD)
_DESTINATION_WEIGHT = 8, int(DestAttr.IPVS_DEST_ATTR_WEIGHT)
_DESTINATION_UPPER = 8, int(DestAttr.IPVS_DEST_ATTR_U_THRESH)
_DESTINATION_LOWER = 8, int(DestAttr.IPVS_DEST_ATTR_L_THRESH)


class Counters(NamedTuple):
    """Counters since they were last zeroed (64 bits), and current rates per second."""

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    connections_rate: int = 0
    packets_in_rate: int = 0
    packets_out_rate: int = 0
    bytes_in_rate: int = 0
    bytes_out_rate: int = 0


class SyncDaemon(NamedTuple):
    """One connection synchronisation daemon; an empty or 0 field means the kernel's default."""

    state: str
    interface: str
    sync_id: int = 0
    max_length: int = 0
    group: str = ""
    port: int = 0
    ttl: int = 0


def _key_attributes(key: ServiceKey) -> bytes:
    family = attr_u16(SvcAttr.IPVS_SVC_ATTR_AF, FAMILY[key.family])
    if key.fwmark:
        return family + attr_u32(SvcAttr.IPVS_SVC_ATTR_FWMARK, key.fwmark)
    return b"".join(
        (
            family,
            attr_u16(SvcAttr.IPVS_SVC_ATTR_PROTOCOL, PROTOCOL[key.protocol]),
            attribute(SvcAttr.IPVS_SVC_ATTR_ADDR, packed_address(key.vip).ljust(16, b"\0")),
            attribute(SvcAttr.IPVS_SVC_ATTR_PORT, _BE16.pack(key.port)),
        )
    )


def encode_key(key: ServiceKey) -> bytes:
    """Return the attribute that identifies a service."""
    return attribute(CmdAttr.IPVS_CMD_ATTR_SERVICE | NLA_F_NESTED, _key_attributes(key))


def encode_service(service: VirtualService) -> bytes:
    """Return the attribute that describes a service, without its pool."""
    key = service.key
    flags = 0
    if service.persistence_timeout:
        flags |= IP_VS_SVC_F_PERSISTENT
    if service.one_packet:
        flags |= IP_VS_SVC_F_ONEPACKET
    for name, bit in zip(flag_names(service.scheduler), IP_VS_SVC_F_SCHED):
        if name in service.scheduler_flags:
            flags |= bit
    settings = (
        _key_attributes(key),
        attr_text(SvcAttr.IPVS_SVC_ATTR_SCHED_NAME, service.scheduler),
        attribute(SvcAttr.IPVS_SVC_ATTR_FLAGS, _FLAGS.pack(flags, 0xFFFFFFFF)),
        attr_u32(SvcAttr.IPVS_SVC_ATTR_TIMEOUT, service.persistence_timeout),
        attribute(SvcAttr.IPVS_SVC_ATTR_NETMASK, _encode_mask(service)),
        attr_text(SvcAttr.IPVS_SVC_ATTR_PE_NAME, service.persistence_engine)
        if service.persistence_engine
        else b"",
    )
    return attribute(CmdAttr.IPVS_CMD_ATTR_SERVICE | NLA_F_NESTED, b"".join(settings))


def _encode_mask(service: VirtualService) -> bytes:
    mask = service.persistence_mask
    if isinstance(mask, str):
        return packed_address(mask)
    if service.key.family == "ipv6":
        return U32.pack(mask)
    return (0xFFFFFFFF << 32 - mask & 0xFFFFFFFF).to_bytes(4, "big")


def encode_destination(destination: Destination) -> bytes:
    """Return the attribute that describes a destination."""
    address = packed_address(destination.address)
    tunnel = b""
    if destination.tunnel_type != "ipip":
        # Not sent otherwise: kernels before 5.3 don't know these, and ipip is what they do.
        tunnel = b"".join(
            (
                attribute(
                    DestAttr.IPVS_DEST_ATTR_TUN_TYPE,
                    bytes((TUNNEL_TYPES.index(destination.tunnel_type),)),
                ),
                attribute(DestAttr.IPVS_DEST_ATTR_TUN_PORT, _BE16.pack(destination.tunnel_port)),
                attr_u16(
                    DestAttr.IPVS_DEST_ATTR_TUN_FLAGS,
                    TUNNEL_CHECKSUMS.index(destination.tunnel_checksum),
                ),
            )
        )
    return (
        _DESTINATION.pack(
            *(_DESTINATION.size + len(tunnel), _NESTED_DESTINATION),
            *(*_DESTINATION_AF, socket.AF_INET if len(address) == 4 else socket.AF_INET6),
            *(*_DESTINATION_ADDR, address),
            *(*_DESTINATION_PORT, socket.htons(destination.port)),
            *(*_DESTINATION_METHOD, FORWARDING[destination.method]),
            *(*_DESTINATION_WEIGHT, destination.weight),
            *(*_DESTINATION_UPPER, destination.upper_threshold),
            *(*_DESTINATION_LOWER, destination.lower_threshold),
        )
        + tunnel
    )


class Encoder:
    """Encodes operations as commands; the key of a service is encoded once for its pool."""

    _SERVICE = {
        "add": Cmd.IPVS_CMD_NEW_SERVICE,
        "set": Cmd.IPVS_CMD_SET_SERVICE,
        "delete": Cmd.IPVS_CMD_DEL_SERVICE,
    }
    _DESTINATION = {
        "add": Cmd.IPVS_CMD_NEW_DEST,
        "set": Cmd.IPVS_CMD_SET_DEST,
        "delete": Cmd.IPVS_CMD_DEL_DEST,
    }

    def __init__(self) -> None:
        self._keys: dict[ServiceKey, bytes] = {}

    def __call__(self, operation: Operation) -> tuple[int, bytes]:
        action, service, destination = operation
        if destination is None:
            deleting = action == "delete"
            payload = encode_key(service.key) if deleting else encode_service(service)
            return self._SERVICE[action], payload
        key = self._keys.get(service.key)
        if key is None:
            key = self._keys[service.key] = encode_key(service.key)
        return self._DESTINATION[action], key + encode_destination(destination)


def _address(packed: bytes, family: str) -> str:
    number = FAMILY[family]
    return socket.inet_ntop(number, packed[: 16 if family == "ipv6" else 4])


def decode_service(attributes: dict[int, bytes]) -> VirtualService:
    """Return a service without its pool."""
    family = _FAMILY_NAME[u16(attributes, SvcAttr.IPVS_SVC_ATTR_AF)]
    mark = u32(attributes, SvcAttr.IPVS_SVC_ATTR_FWMARK)
    if mark:
        key = ServiceKey(family, fwmark=mark)
    else:
        protocol = _PROTOCOL_NAME[u16(attributes, SvcAttr.IPVS_SVC_ATTR_PROTOCOL)]
        vip = _address(attributes[SvcAttr.IPVS_SVC_ATTR_ADDR], family)
        key = ServiceKey(
            family, protocol, vip, _BE16.unpack(attributes[SvcAttr.IPVS_SVC_ATTR_PORT])[0]
        )
    scheduler = string(attributes, SvcAttr.IPVS_SVC_ATTR_SCHED_NAME)
    flags = _FLAGS.unpack(attributes[SvcAttr.IPVS_SVC_ATTR_FLAGS])[0]
    chosen = tuple(
        name for name, bit in zip(flag_names(scheduler), IP_VS_SVC_F_SCHED) if flags & bit
    )
    persistent = bool(flags & IP_VS_SVC_F_PERSISTENT)
    mask: Mask = host_prefix(family)
    if persistent:
        raw = attributes[SvcAttr.IPVS_SVC_ATTR_NETMASK]
        mask = mask_length(raw) if family == "ipv4" else U32.unpack(raw)[0]
    return VirtualService(
        key,
        scheduler,
        chosen,
        u32(attributes, SvcAttr.IPVS_SVC_ATTR_TIMEOUT) if persistent else 0,
        mask,
        string(attributes, SvcAttr.IPVS_SVC_ATTR_PE_NAME),
        bool(flags & IP_VS_SVC_F_ONEPACKET),
    )


def decode_destination(attributes: dict[int, bytes], service_family: str) -> Destination:
    """Return a destination; kernels before 3.18 don't return its family, which is the service's."""
    family = _FAMILY_NAME.get(u16(attributes, DestAttr.IPVS_DEST_ATTR_ADDR_FAMILY), service_family)
    method = _FORWARDING_NAME[
        u32(attributes, DestAttr.IPVS_DEST_ATTR_FWD_METHOD) & IP_VS_CONN_F_FWD_MASK
    ]
    tunnel: tuple[Any, ...] = ()
    if method == "tun" and attributes.get(DestAttr.IPVS_DEST_ATTR_TUN_TYPE, b"\0") != b"\0":
        tunnel = (
            TUNNEL_TYPES[attributes[DestAttr.IPVS_DEST_ATTR_TUN_TYPE][0]],
            _BE16.unpack(attributes[DestAttr.IPVS_DEST_ATTR_TUN_PORT])[0],
            TUNNEL_CHECKSUMS[u16(attributes, DestAttr.IPVS_DEST_ATTR_TUN_FLAGS)],
        )
    return Destination(
        _address(attributes[DestAttr.IPVS_DEST_ATTR_ADDR], family),
        _BE16.unpack(attributes[DestAttr.IPVS_DEST_ATTR_PORT])[0],
        method,
        u32(attributes, DestAttr.IPVS_DEST_ATTR_WEIGHT),
        u32(attributes, DestAttr.IPVS_DEST_ATTR_U_THRESH),
        u32(attributes, DestAttr.IPVS_DEST_ATTR_L_THRESH),
        *tunnel,
    )


def decode_daemon(attributes: dict[int, bytes]) -> SyncDaemon:
    """Return a sync daemon."""
    group = ""
    if DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP in attributes:
        group = _address(attributes[DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP], "ipv4")
    elif DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP6 in attributes:
        group = _address(attributes[DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP6], "ipv6")
    return SyncDaemon(
        DAEMON_STATES[u32(attributes, DaemonAttr.IPVS_DAEMON_ATTR_STATE)],
        string(attributes, DaemonAttr.IPVS_DAEMON_ATTR_MCAST_IFN),
        u32(attributes, DaemonAttr.IPVS_DAEMON_ATTR_SYNC_ID),
        u16(attributes, DaemonAttr.IPVS_DAEMON_ATTR_SYNC_MAXLEN),
        group,
        u16(attributes, DaemonAttr.IPVS_DAEMON_ATTR_MCAST_PORT),
        attributes.get(DaemonAttr.IPVS_DAEMON_ATTR_MCAST_TTL, b"\0")[0],
    )


def counters_of(attributes: dict[int, bytes], wide: int, narrow: int) -> Counters:
    """Return the counters: 64 bits wide, or the 32 bits that kernels before 4.1 have."""
    inner = attributes.get(wide) or attributes.get(narrow, b"")
    values = attributes_of(inner, 0, len(inner))
    return Counters(
        *(
            int.from_bytes(values.get(kind, b""), sys.byteorder)
            for kind in range(1, len(Counters._fields) + 1)
        )
    )


class DestinationDecoder:
    """Decodes the dump of a pool, fast enough for ten thousand destinations.

    The kernel writes a destination's attributes in one order (``ip_vs_genl_fill_dest``), so answers
    of one length look alike: from the first, a ``Struct`` is built that decodes the others in one
    step. Each answer's attribute headers are compared with the first's; one that differs, or has a
    tunnel other than ipip, is decoded attribute by attribute.
    """

    _NEEDED = (
        *(
            DestAttr.IPVS_DEST_ATTR_ADDR,
            DestAttr.IPVS_DEST_ATTR_PORT,
            DestAttr.IPVS_DEST_ATTR_FWD_METHOD,
            DestAttr.IPVS_DEST_ATTR_WEIGHT,
            DestAttr.IPVS_DEST_ATTR_U_THRESH,
            DestAttr.IPVS_DEST_ATTR_L_THRESH,
        ),
        *(DestAttr.IPVS_DEST_ATTR_ADDR_FAMILY, DestAttr.IPVS_DEST_ATTR_TUN_TYPE),
    )
    _FORMATS = {6: "Hxx", 8: "I", 20: "16s", 5: "Bxxx"}

    def __init__(self) -> None:
        self._layouts: dict[int, tuple[Struct, tuple[bytes, ...], Any] | None] = {}

    def __call__(self, family: str, data: bytes, start: int, end: int) -> Destination:
        """Return the destination whose attributes lie in ``data`` from ``start`` to ``end``."""
        length = end - start
        if length not in self._layouts:
            self._layouts[length] = self._learn(data, start, end)
        layout = self._layouts[length]
        if layout:
            struct, headers, pick = layout
            fields = struct.unpack_from(data, start)
            if fields[1::2] == headers:
                address, port, method, weight, upper, lower, number, tunnel = pick(fields)
                if not tunnel:
                    if number == socket.AF_INET:
                        address = address[:4]
                    return Destination(
                        socket.inet_ntop(number, address),
                        socket.ntohs(port),
                        _FORWARDING_NAME[method & IP_VS_CONN_F_FWD_MASK],
                        weight,
                        upper,
                        lower,
                    )
        return decode_destination(nested(CmdAttr.IPVS_CMD_ATTR_DEST, data, start, end), family)

    def _learn(
        self, data: bytes, start: int, end: int
    ) -> tuple[Struct, tuple[bytes, ...], Any] | None:
        form = "=4s"
        headers: list[bytes] = []
        places: dict[int, int] = {}
        at = start + ATTRIBUTE.size
        while at < end and not set(self._NEEDED).issubset(places):
            length, kind = ATTRIBUTE.unpack_from(data, at)
            if length not in self._FORMATS:
                return None
            places[kind] = 2 + 2 * len(headers)
            headers.append(data[at : at + 4])
            form += "4s" + self._FORMATS[length]
            at += length + 3 & ~3
        if not set(self._NEEDED).issubset(places):
            return None
        pick = itemgetter(*(places[kind] for kind in self._NEEDED))
        return Struct(form), tuple(headers), pick
