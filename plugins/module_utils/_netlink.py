# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS over generic netlink, with nothing but the standard library.

Commands, attributes and flags are those of the kernel's ``include/uapi/linux/ip_vs.h``; the frames
around them are those of RFC 3549 and ``include/uapi/linux/genetlink.h``. Numbers are in host order
but for addresses, ports of virtual services and destinations, and an IPv4 mask.

Writing is by batches: many messages go out in one send and only the last asks for an
acknowledgement, since the kernel reports an error, with its sequence number, of a message that
didn't ask for one. The kernel goes on behind a message that failed, so a failed batch may be
partly done; undoing it is the caller's (see `_table.Transition`).
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import IntEnum
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple, Tuple

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

# -- numbers of the kernel's headers -----------------------------------------------------------

NETLINK_GENERIC = 16
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR = 1, 4, 0x300, 0x10
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF
SOL_NETLINK, NETLINK_CAP_ACK = 270, 10
SO_RCVBUFFORCE = 33
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = (
    16,
    3,
    1,
    2,
)

GENL_VERSION = 1


# The enums of include/uapi/linux/ip_vs.h have no names; their members do.


class Cmd(IntEnum):
    """Commands."""

    IPVS_CMD_NEW_SERVICE = 1
    IPVS_CMD_SET_SERVICE = 2
    IPVS_CMD_DEL_SERVICE = 3
    IPVS_CMD_GET_SERVICE = 4
    IPVS_CMD_NEW_DEST = 5
    IPVS_CMD_SET_DEST = 6
    IPVS_CMD_DEL_DEST = 7
    IPVS_CMD_GET_DEST = 8
    IPVS_CMD_NEW_DAEMON = 9
    IPVS_CMD_DEL_DAEMON = 10
    IPVS_CMD_GET_DAEMON = 11
    IPVS_CMD_SET_CONFIG = 12
    IPVS_CMD_GET_CONFIG = 13
    IPVS_CMD_GET_INFO = 15
    IPVS_CMD_ZERO = 16
    IPVS_CMD_FLUSH = 17


class CmdAttr(IntEnum):
    """Attributes of a command."""

    IPVS_CMD_ATTR_SERVICE = 1
    IPVS_CMD_ATTR_DEST = 2
    IPVS_CMD_ATTR_DAEMON = 3
    IPVS_CMD_ATTR_TIMEOUT_TCP = 4
    IPVS_CMD_ATTR_TIMEOUT_TCP_FIN = 5
    IPVS_CMD_ATTR_TIMEOUT_UDP = 6


class SvcAttr(IntEnum):
    """Attributes of a virtual service."""

    IPVS_SVC_ATTR_AF = 1
    IPVS_SVC_ATTR_PROTOCOL = 2
    IPVS_SVC_ATTR_ADDR = 3
    IPVS_SVC_ATTR_PORT = 4
    IPVS_SVC_ATTR_FWMARK = 5
    IPVS_SVC_ATTR_SCHED_NAME = 6
    IPVS_SVC_ATTR_FLAGS = 7
    IPVS_SVC_ATTR_TIMEOUT = 8
    IPVS_SVC_ATTR_NETMASK = 9
    IPVS_SVC_ATTR_STATS = 10
    IPVS_SVC_ATTR_PE_NAME = 11
    IPVS_SVC_ATTR_STATS64 = 12


class DestAttr(IntEnum):
    """Attributes of a destination."""

    IPVS_DEST_ATTR_ADDR = 1
    IPVS_DEST_ATTR_PORT = 2
    IPVS_DEST_ATTR_FWD_METHOD = 3
    IPVS_DEST_ATTR_WEIGHT = 4
    IPVS_DEST_ATTR_U_THRESH = 5
    IPVS_DEST_ATTR_L_THRESH = 6
    IPVS_DEST_ATTR_ACTIVE_CONNS = 7
    IPVS_DEST_ATTR_INACT_CONNS = 8
    IPVS_DEST_ATTR_PERSIST_CONNS = 9
    IPVS_DEST_ATTR_STATS = 10
    IPVS_DEST_ATTR_ADDR_FAMILY = 11
    IPVS_DEST_ATTR_STATS64 = 12
    IPVS_DEST_ATTR_TUN_TYPE = 13
    IPVS_DEST_ATTR_TUN_PORT = 14
    IPVS_DEST_ATTR_TUN_FLAGS = 15


class DaemonAttr(IntEnum):
    """Attributes of a sync daemon."""

    IPVS_DAEMON_ATTR_STATE = 1
    IPVS_DAEMON_ATTR_MCAST_IFN = 2
    IPVS_DAEMON_ATTR_SYNC_ID = 3
    IPVS_DAEMON_ATTR_SYNC_MAXLEN = 4
    IPVS_DAEMON_ATTR_MCAST_GROUP = 5
    IPVS_DAEMON_ATTR_MCAST_GROUP6 = 6
    IPVS_DAEMON_ATTR_MCAST_PORT = 7
    IPVS_DAEMON_ATTR_MCAST_TTL = 8


class InfoAttr(IntEnum):
    """Attributes of the answer to IPVS_CMD_GET_INFO."""

    IPVS_INFO_ATTR_VERSION = 1
    IPVS_INFO_ATTR_CONN_TAB_SIZE = 2


IP_VS_SVC_F_PERSISTENT, IP_VS_SVC_F_ONEPACKET = 0x1, 0x4
#: IP_VS_SVC_F_SCHED1 to IP_VS_SVC_F_SCHED3, whose meaning is the scheduler's.
IP_VS_SVC_F_SCHED = (0x8, 0x10, 0x20)
IP_VS_CONN_F_MASQ, IP_VS_CONN_F_LOCALNODE, IP_VS_CONN_F_TUNNEL, IP_VS_CONN_F_DROUTE = 0, 1, 2, 3
IP_VS_CONN_F_FWD_MASK = 7
IP_VS_STATE_MASTER, IP_VS_STATE_BACKUP = 1, 2

FORWARDING = {
    "nat": IP_VS_CONN_F_MASQ,
    "local": IP_VS_CONN_F_LOCALNODE,
    "tun": IP_VS_CONN_F_TUNNEL,
    "dr": IP_VS_CONN_F_DROUTE,
}
FAMILY = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
PROTOCOL = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": 132}
_TIMEOUTS = (
    CmdAttr.IPVS_CMD_ATTR_TIMEOUT_TCP,
    CmdAttr.IPVS_CMD_ATTR_TIMEOUT_TCP_FIN,
    CmdAttr.IPVS_CMD_ATTR_TIMEOUT_UDP,
)
DAEMON_STATES = {"master": IP_VS_STATE_MASTER, "backup": IP_VS_STATE_BACKUP}

_FORWARDING_NAME = {number: name for name, number in FORWARDING.items()}
_FAMILY_NAME = {int(number): name for name, number in FAMILY.items()}
_PROTOCOL_NAME = {int(number): name for name, number in PROTOCOL.items()}

#: Messages in one send; at 256 the kernel's part is most of the time.
BATCH = 256
#: The kernel fills dump buffers up to 32 KiB, if the reader's is as large.
RECEIVE = 1 << 16
#: How often a dump is begun anew when the table changed below it.
DUMP_TRIES = 10

_HEADER = Struct("=IHHII")
_GENERIC = Struct("=BBH")
_ATTRIBUTE = Struct("=HH")
_U16, _U32, _S32 = Struct("=H"), Struct("=I"), Struct("=i")
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


#: Where a message's attributes lie: the buffer, their start and their end.
Message = Tuple[bytes, int, int]


class IpvsError(Exception):
    """The kernel refused; ``code`` is its errno."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class NoIpvs(IpvsError):
    """The kernel has no IPVS, or its module isn't loaded."""


class Refused(IpvsError):
    """An operation of a batch failed; ``operation`` is the first that did."""

    def __init__(self, operation: Operation, code: int) -> None:
        reason = _REASONS.get(code) or os.strerror(code)
        super().__init__(f"the kernel refused to {operation}: {reason}", code)
        self.operation = operation


_REASONS = {
    errno.EEXIST: "it is there already; another program changed the table at the same time",
    errno.ESRCH: "the service is gone; another program changed the table at the same time",
    errno.ENOENT: (
        "it isn't there (a scheduler or persistence engine the kernel hasn't got, or a destination"
        " that another program removed at the same time)"
    ),
    errno.EPERM: "not permitted; IPVS needs root (CAP_NET_ADMIN)",
    errno.EINVAL: (
        "invalid for this kernel (for instance an address that is not unicast here; while lo is"
        " down, every one is refused)"
    ),
    errno.EAFNOSUPPORT: "this kernel's IPVS has no IPv6",
}


class Counters(NamedTuple):
    """What passed since the last zeroing (64 bits wide), and the rates now, per second."""

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


class Load(NamedTuple):
    """A destination's connections now, and its counters."""

    active: int
    inactive: int
    persistent: int
    counters: Counters


class Timeouts(NamedTuple):
    """How long a connection's entry lives without packets, in seconds; 0 leaves as it is."""

    tcp: int = 0
    tcp_fin: int = 0
    udp: int = 0


class SyncDaemon(NamedTuple):
    """One connection synchronisation daemon; an empty or 0 field is the kernel's default."""

    state: str
    interface: str
    sync_id: int = 0
    max_length: int = 0
    group: str = ""
    port: int = 0
    ttl: int = 0


class Ipvs:
    """One netlink socket to the IPVS of the network namespace this process is in.

    Raises ``NoIpvs`` where there is none. Use it as a context manager.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        try:
            self._socket.bind((0, 0))
            self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
            self._sequence = 0
            self._family = self._find_family()
        except BaseException:
            self._socket.close()
            raise
        with suppress(OSError):  # not root, who can only read
            # Room for an error for every message of a batch, each counted with its overhead.
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)

    def __enter__(self) -> Ipvs:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    # -- reading ------------------------------------------------------------------------------

    def services(self) -> list[VirtualService]:
        """Return every virtual service with its pool."""
        decoder = DestinationDecoder()
        found = []
        for service, _counters in self.services_only():
            key = service.key
            pool = [decoder(key.family, *message) for message in self._dump_pool(key)]
            # A table that changes while it is dumped can show one destination twice.
            found.append(service.with_destinations({d.key: d for d in pool}.values()))
        return found

    def services_only(self) -> list[tuple[VirtualService, Counters]]:
        """Return every virtual service without its pool, and its counters."""
        found: dict[ServiceKey, tuple[VirtualService, Counters]] = {}
        for message in self._dump(Cmd.IPVS_CMD_GET_SERVICE):
            attributes = _nested(CmdAttr.IPVS_CMD_ATTR_SERVICE, *message)
            service = decode_service(attributes)
            found[service.key] = (
                service,
                _counters(attributes, SvcAttr.IPVS_SVC_ATTR_STATS64, SvcAttr.IPVS_SVC_ATTR_STATS),
            )
        return list(found.values())

    def loads(self, key: ServiceKey) -> dict[Destination, Load]:
        """Return what each destination of a service bears now; nothing if the service is gone."""
        found = {}
        for message in self._dump_pool(key):
            attributes = _nested(CmdAttr.IPVS_CMD_ATTR_DEST, *message)
            counters = _counters(
                attributes, DestAttr.IPVS_DEST_ATTR_STATS64, DestAttr.IPVS_DEST_ATTR_STATS
            )
            found[decode_destination(attributes, key.family)] = Load(
                _u32(attributes, DestAttr.IPVS_DEST_ATTR_ACTIVE_CONNS),
                _u32(attributes, DestAttr.IPVS_DEST_ATTR_INACT_CONNS),
                _u32(attributes, DestAttr.IPVS_DEST_ATTR_PERSIST_CONNS),
                counters,
            )
        return found

    def timeouts(self) -> Timeouts:
        """Return the timeouts in force."""
        attributes = self._ask(Cmd.IPVS_CMD_GET_CONFIG)
        return Timeouts(*(_u32(attributes, field) for field in _TIMEOUTS))

    def sync_daemons(self) -> list[SyncDaemon]:
        """Return the sync daemons that run."""
        messages = self._dump(Cmd.IPVS_CMD_GET_DAEMON)
        return [
            decode_daemon(_nested(CmdAttr.IPVS_CMD_ATTR_DAEMON, *message)) for message in messages
        ]

    def info(self) -> tuple[str, int]:
        """Return IPVS's version and the size of its connection table."""
        attributes = self._ask(Cmd.IPVS_CMD_GET_INFO)
        version = _u32(attributes, InfoAttr.IPVS_INFO_ATTR_VERSION)
        text = f"{version >> 16 & 255}.{version >> 8 & 255}.{version & 255}"
        return text, _u32(attributes, InfoAttr.IPVS_INFO_ATTR_CONN_TAB_SIZE)

    # -- writing ------------------------------------------------------------------------------

    def apply(self, operations: Sequence[Operation]) -> None:
        """Send the operations in batches; raise ``Refused`` for the first that failed.

        Of the batch with the failure other operations, also later ones, may have been done.
        """
        encode = Encoder()
        for start in range(0, len(operations), BATCH):
            batch = operations[start : start + BATCH]
            errors = self._send([encode(operation) for operation in batch])
            if errors:
                first = min(errors)
                raise Refused(batch[first], errors[first])

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Set the timeouts that are not 0."""
        self._do(
            Cmd.IPVS_CMD_SET_CONFIG,
            b"".join(map(_attr_u32, _TIMEOUTS, timeouts)),
        )

    def start_sync_daemon(self, daemon: SyncDaemon) -> None:
        """Start a sync daemon; an errno of EEXIST if one with that state runs."""
        self._do(Cmd.IPVS_CMD_NEW_DAEMON, encode_daemon(daemon))

    def stop_sync_daemon(self, daemon: SyncDaemon) -> None:
        """Stop the sync daemon with that state and interface.

        If its thread had not begun yet, the kernel stops it and answers nothing: kthread_stop()
        returns EINTR then, which stop_sync_thread() (ip_vs_sync.c) passes on, and netlink_rcv_skb()
        (af_netlink.c) acknowledges no such message. So it is a message after it that is waited for.
        """
        self._do(Cmd.IPVS_CMD_DEL_DAEMON, encode_daemon(daemon), (Cmd.IPVS_CMD_GET_INFO, b""))

    def zero(self, key: ServiceKey | None = None) -> None:
        """Set the counters of one service, or of all, to 0."""
        self._do(Cmd.IPVS_CMD_ZERO, encode_key(key) if key else b"")

    def flush(self) -> None:
        """Remove every virtual service."""
        self._do(Cmd.IPVS_CMD_FLUSH, b"")

    # -- frames -------------------------------------------------------------------------------

    def _find_family(self) -> int:
        name = _attribute(CTRL_ATTR_FAMILY_NAME, b"IPVS\0")
        self._family = GENL_ID_CTRL
        try:
            attributes = self._ask(CTRL_CMD_GETFAMILY, name)
        except IpvsError as error:
            if error.code != errno.ENOENT:
                raise
            raise NoIpvs("this kernel has no IPVS; load its module (modprobe ip_vs)") from None
        return _u16(attributes, CTRL_ATTR_FAMILY_ID)

    def _frame(self, command: int, flags: int, payload: bytes) -> bytes:
        self._sequence = self._sequence + 1 & 0xFFFFFFFF
        size = _HEADER.size + _GENERIC.size + len(payload)
        header = _HEADER.pack(size, self._family, flags | NLM_F_REQUEST, self._sequence, 0)
        return header + _GENERIC.pack(command, GENL_VERSION, 0) + payload

    def _send(self, messages: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        """Send one batch; return the errno of each message that failed, by its place."""
        last = len(messages) - 1
        first = self._sequence + 1
        frames = [
            self._frame(command, NLM_F_ACK if place == last else 0, payload)
            for place, (command, payload) in enumerate(messages)
        ]
        self._socket.send(b"".join(frames))
        errors = {}
        while True:
            for sequence, kind, _flags, data, start, _end in self._receive():
                place = sequence - first
                if kind != NLMSG_ERROR or not 0 <= place <= last:
                    continue
                code = -_S32.unpack_from(data, start)[0]
                if code:
                    errors[place] = code
                if place == last:
                    return errors

    def _do(self, command: int, payload: bytes, *more: tuple[int, bytes]) -> None:
        errors = self._send([(command, payload), *more])
        if errors:
            code = errors[min(errors)]
            raise IpvsError(f"the kernel refused: {_reason(code)}", code)

    def _ask(self, command: int, payload: bytes = b"") -> dict[int, bytes]:
        """Send a request with a single answer and return its attributes."""
        self._socket.send(self._frame(command, 0, payload))
        while True:
            for sequence, kind, _flags, data, start, end in self._receive():
                if sequence != self._sequence:
                    continue
                if kind == NLMSG_ERROR:
                    code = -_S32.unpack_from(data, start)[0]
                    raise IpvsError(f"the kernel refused: {_reason(code)}", code)
                return attributes_of(data, start + _GENERIC.size, end)

    def _dump_pool(self, key: ServiceKey) -> list[Message]:
        try:
            return self._dump(Cmd.IPVS_CMD_GET_DEST, encode_key(key))
        except IpvsError as error:
            if error.code == errno.ESRCH:  # deleted since the services were listed
                return []
            raise

    def _dump(self, command: int, payload: bytes = b"") -> list[Message]:
        """Return where each answer of a dump lies, beginning anew if the table changed below."""
        for _try in range(DUMP_TRIES):
            self._socket.send(self._frame(command, NLM_F_DUMP, payload))
            answers, whole = self._dump_once()
            if whole:
                break
        return answers

    def _dump_once(self) -> tuple[list[Message], bool]:
        answers: list[Message] = []
        whole = True
        while True:
            for sequence, kind, flags, data, start, end in self._receive():
                if sequence != self._sequence:
                    continue
                whole = whole and not flags & NLM_F_DUMP_INTR
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    code = -_S32.unpack_from(data, start)[0]
                    if code:
                        raise IpvsError(f"the kernel refused: {_reason(code)}", code)
                    return answers, whole
                answers.append((data, start + _GENERIC.size, end))

    def _receive(self) -> Iterator[tuple[int, int, int, bytes, int, int]]:
        """Yield sequence, kind, flags and the place of the payload of each message received."""
        data = self._socket.recv(RECEIVE)
        start = 0
        while start < len(data):
            length, kind, flags, sequence, _port = _HEADER.unpack_from(data, start)
            yield sequence, kind, flags, data, start + _HEADER.size, start + length
            start += length + 3 & ~3


def _reason(code: int) -> str:
    return _REASONS.get(code) or os.strerror(code)


# -- encoding ----------------------------------------------------------------------------------


def _attribute(kind: int, payload: bytes) -> bytes:
    return _ATTRIBUTE.pack(len(payload) + 4, kind) + payload + b"\0" * (-len(payload) % 4)


def _attr_u32(kind: int, number: int) -> bytes:
    return _attribute(kind, _U32.pack(number))


def _attr_u16(kind: int, number: int) -> bytes:
    return _attribute(kind, _U16.pack(number))


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _key_attributes(key: ServiceKey) -> bytes:
    family = _attr_u16(SvcAttr.IPVS_SVC_ATTR_AF, FAMILY[key.family])
    if key.fwmark:
        return family + _attr_u32(SvcAttr.IPVS_SVC_ATTR_FWMARK, key.fwmark)
    return b"".join(
        (
            family,
            _attr_u16(SvcAttr.IPVS_SVC_ATTR_PROTOCOL, PROTOCOL[key.protocol]),
            _attribute(SvcAttr.IPVS_SVC_ATTR_ADDR, packed_address(key.vip).ljust(16, b"\0")),
            _attribute(SvcAttr.IPVS_SVC_ATTR_PORT, _BE16.pack(key.port)),
        )
    )


def encode_key(key: ServiceKey) -> bytes:
    """Return the attribute that names a service."""
    return _attribute(CmdAttr.IPVS_CMD_ATTR_SERVICE | NLA_F_NESTED, _key_attributes(key))


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
        _text(SvcAttr.IPVS_SVC_ATTR_SCHED_NAME, service.scheduler),
        _attribute(SvcAttr.IPVS_SVC_ATTR_FLAGS, _FLAGS.pack(flags, 0xFFFFFFFF)),
        _attr_u32(SvcAttr.IPVS_SVC_ATTR_TIMEOUT, service.persistence_timeout),
        _attribute(SvcAttr.IPVS_SVC_ATTR_NETMASK, _encode_mask(service)),
        _text(SvcAttr.IPVS_SVC_ATTR_PE_NAME, service.persistence_engine)
        if service.persistence_engine
        else b"",
    )
    return _attribute(CmdAttr.IPVS_CMD_ATTR_SERVICE | NLA_F_NESTED, b"".join(settings))


def _encode_mask(service: VirtualService) -> bytes:
    mask = service.persistence_mask
    if isinstance(mask, str):
        return packed_address(mask)
    if service.key.family == "ipv6":
        return _U32.pack(mask)
    return (0xFFFFFFFF << 32 - mask & 0xFFFFFFFF).to_bytes(4, "big")


def encode_destination(destination: Destination) -> bytes:
    """Return the attribute that describes a destination."""
    address = packed_address(destination.address)
    tunnel = b""
    if destination.tunnel_type != "ipip":
        # Not sent otherwise: kernels before 5.3 don't know these, and ipip is what they do.
        tunnel = b"".join(
            (
                _attribute(
                    DestAttr.IPVS_DEST_ATTR_TUN_TYPE,
                    bytes((TUNNEL_TYPES.index(destination.tunnel_type),)),
                ),
                _attribute(DestAttr.IPVS_DEST_ATTR_TUN_PORT, _BE16.pack(destination.tunnel_port)),
                _attr_u16(
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


def encode_daemon(daemon: SyncDaemon) -> bytes:
    """Return the attribute that describes a sync daemon."""
    parts = [
        _attr_u32(DaemonAttr.IPVS_DAEMON_ATTR_STATE, DAEMON_STATES[daemon.state]),
        _text(DaemonAttr.IPVS_DAEMON_ATTR_MCAST_IFN, daemon.interface),
        _attr_u32(DaemonAttr.IPVS_DAEMON_ATTR_SYNC_ID, daemon.sync_id),
    ]
    if daemon.max_length:
        parts.append(_attr_u16(DaemonAttr.IPVS_DAEMON_ATTR_SYNC_MAXLEN, daemon.max_length))
    if daemon.group:
        kind = (
            DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP6
            if ":" in daemon.group
            else DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP
        )
        parts.append(_attribute(kind, packed_address(daemon.group)))
    if daemon.port:
        parts.append(_attr_u16(DaemonAttr.IPVS_DAEMON_ATTR_MCAST_PORT, daemon.port))
    if daemon.ttl:
        parts.append(_attribute(DaemonAttr.IPVS_DAEMON_ATTR_MCAST_TTL, bytes((daemon.ttl,))))
    return _attribute(CmdAttr.IPVS_CMD_ATTR_DAEMON | NLA_F_NESTED, b"".join(parts))


class Encoder:
    """Turns operations into commands with payload; a service's name is encoded once a pool."""

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


# -- decoding ----------------------------------------------------------------------------------


def attributes_of(data: bytes, start: int, end: int) -> dict[int, bytes]:
    """Return the payloads of a run of attributes by type; unknown types are kept, not judged."""
    found = {}
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[start + 4 : start + length]
        start += length + 3 & ~3
    return found


def _nested(kind: int, data: bytes, start: int, end: int) -> dict[int, bytes]:
    inner = attributes_of(data, start, end).get(kind, b"")
    return attributes_of(inner, 0, len(inner))


def _u32(attributes: dict[int, bytes], kind: int) -> int:
    value = attributes.get(kind)
    return _U32.unpack(value)[0] if value else 0


def _u16(attributes: dict[int, bytes], kind: int) -> int:
    value = attributes.get(kind)
    return _U16.unpack(value)[0] if value else 0


def _string(attributes: dict[int, bytes], kind: int) -> str:
    return attributes.get(kind, b"").split(b"\0", 1)[0].decode()


def _address(packed: bytes, family: str) -> str:
    number = FAMILY[family]
    return socket.inet_ntop(number, packed[: 16 if family == "ipv6" else 4])


def decode_service(attributes: dict[int, bytes]) -> VirtualService:
    """Return a service without its pool."""
    family = _FAMILY_NAME[_u16(attributes, SvcAttr.IPVS_SVC_ATTR_AF)]
    mark = _u32(attributes, SvcAttr.IPVS_SVC_ATTR_FWMARK)
    if mark:
        key = ServiceKey(family, fwmark=mark)
    else:
        protocol = _PROTOCOL_NAME[_u16(attributes, SvcAttr.IPVS_SVC_ATTR_PROTOCOL)]
        vip = _address(attributes[SvcAttr.IPVS_SVC_ATTR_ADDR], family)
        key = ServiceKey(
            family, protocol, vip, _BE16.unpack(attributes[SvcAttr.IPVS_SVC_ATTR_PORT])[0]
        )
    scheduler = _string(attributes, SvcAttr.IPVS_SVC_ATTR_SCHED_NAME)
    flags = _FLAGS.unpack(attributes[SvcAttr.IPVS_SVC_ATTR_FLAGS])[0]
    chosen = tuple(
        name for name, bit in zip(flag_names(scheduler), IP_VS_SVC_F_SCHED) if flags & bit
    )
    persistent = bool(flags & IP_VS_SVC_F_PERSISTENT)
    mask: Mask = host_prefix(family)
    if persistent:
        raw = attributes[SvcAttr.IPVS_SVC_ATTR_NETMASK]
        mask = mask_length(raw) if family == "ipv4" else _U32.unpack(raw)[0]
    return VirtualService(
        key,
        scheduler,
        chosen,
        _u32(attributes, SvcAttr.IPVS_SVC_ATTR_TIMEOUT) if persistent else 0,
        mask,
        _string(attributes, SvcAttr.IPVS_SVC_ATTR_PE_NAME),
        bool(flags & IP_VS_SVC_F_ONEPACKET),
    )


def decode_destination(attributes: dict[int, bytes], service_family: str) -> Destination:
    """Return a destination; kernels before 3.18 don't give its family, which is the service's."""
    family = _FAMILY_NAME.get(_u16(attributes, DestAttr.IPVS_DEST_ATTR_ADDR_FAMILY), service_family)
    method = _FORWARDING_NAME[
        _u32(attributes, DestAttr.IPVS_DEST_ATTR_FWD_METHOD) & IP_VS_CONN_F_FWD_MASK
    ]
    tunnel: tuple[Any, ...] = ()
    if method == "tun" and attributes.get(DestAttr.IPVS_DEST_ATTR_TUN_TYPE, b"\0") != b"\0":
        tunnel = (
            TUNNEL_TYPES[attributes[DestAttr.IPVS_DEST_ATTR_TUN_TYPE][0]],
            _BE16.unpack(attributes[DestAttr.IPVS_DEST_ATTR_TUN_PORT])[0],
            TUNNEL_CHECKSUMS[_u16(attributes, DestAttr.IPVS_DEST_ATTR_TUN_FLAGS)],
        )
    return Destination(
        _address(attributes[DestAttr.IPVS_DEST_ATTR_ADDR], family),
        _BE16.unpack(attributes[DestAttr.IPVS_DEST_ATTR_PORT])[0],
        method,
        _u32(attributes, DestAttr.IPVS_DEST_ATTR_WEIGHT),
        _u32(attributes, DestAttr.IPVS_DEST_ATTR_U_THRESH),
        _u32(attributes, DestAttr.IPVS_DEST_ATTR_L_THRESH),
        *tunnel,
    )


def decode_daemon(attributes: dict[int, bytes]) -> SyncDaemon:
    """Return a sync daemon."""
    states = {number: name for name, number in DAEMON_STATES.items()}
    group = ""
    if DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP in attributes:
        group = _address(attributes[DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP], "ipv4")
    elif DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP6 in attributes:
        group = _address(attributes[DaemonAttr.IPVS_DAEMON_ATTR_MCAST_GROUP6], "ipv6")
    return SyncDaemon(
        states[_u32(attributes, DaemonAttr.IPVS_DAEMON_ATTR_STATE)],
        _string(attributes, DaemonAttr.IPVS_DAEMON_ATTR_MCAST_IFN),
        _u32(attributes, DaemonAttr.IPVS_DAEMON_ATTR_SYNC_ID),
        _u16(attributes, DaemonAttr.IPVS_DAEMON_ATTR_SYNC_MAXLEN),
        group,
        _u16(attributes, DaemonAttr.IPVS_DAEMON_ATTR_MCAST_PORT),
        attributes.get(DaemonAttr.IPVS_DAEMON_ATTR_MCAST_TTL, b"\0")[0],
    )


def _counters(attributes: dict[int, bytes], wide: int, narrow: int) -> Counters:
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
    """Decodes the answers to the dump of a pool, ten thousand of them in good time.

    The kernel writes a destination's attributes in one order (``ip_vs_genl_fill_dest``), so answers
    of one length look alike: the first teaches a ``Struct`` that reads the others in one step. Each
    answer's attribute headers are compared with the first's; one that differs, or has a tunnel
    other than ipip, is decoded attribute by attribute.
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
        return decode_destination(_nested(CmdAttr.IPVS_CMD_ATTR_DEST, data, start, end), family)

    def _learn(
        self, data: bytes, start: int, end: int
    ) -> tuple[Struct, tuple[bytes, ...], Any] | None:
        form = "=4s"
        headers: list[bytes] = []
        places: dict[int, int] = {}
        at = start + _ATTRIBUTE.size
        while at < end and not set(self._NEEDED).issubset(places):
            length, kind = _ATTRIBUTE.unpack_from(data, at)
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
