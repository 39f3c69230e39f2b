# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generic netlink with nothing but the standard library: attributes, frames, batches, dumps.

The frames are those of RFC 3549 and ``include/uapi/linux/genetlink.h``; numbers are in host order.

Writing is by batches: many messages go out in one send and only the last asks for an
acknowledgement, since the kernel reports an error, with its sequence number, of a message that
didn't ask for one. The kernel continues after a message that failed, so a failed batch may be
partly done.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from struct import Struct
from typing import Tuple, TypeVar

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
#: The kernel fills dump buffers up to 32 KiB, if the reader's is as large.
RECEIVE = 1 << 16
#: How often a dump is begun anew when the table changed below it.
DUMP_TRIES = 10

_HEADER = Struct("=IHHII")
_GENERIC = Struct("=BBH")
ATTRIBUTE = Struct("=HH")
U16, U32, _S32 = Struct("=H"), Struct("=I"), Struct("=i")

#: Where a message's attributes lie: the buffer, their start and their end.
Message = Tuple[bytes, int, int]


def attribute(kind: int, payload: bytes) -> bytes:
    """Return an attribute, padded to a multiple of 4 bytes."""
    return ATTRIBUTE.pack(len(payload) + 4, kind) + payload + b"\0" * (-len(payload) % 4)


def attr_u32(kind: int, number: int) -> bytes:
    """Return an attribute of 32 bits."""
    return attribute(kind, U32.pack(number))


def attr_u16(kind: int, number: int) -> bytes:
    """Return an attribute of 16 bits."""
    return attribute(kind, U16.pack(number))


def attr_text(kind: int, text: str) -> bytes:
    """Return an attribute with a text that ends with NUL."""
    return attribute(kind, text.encode() + b"\0")


def attributes_of(data: bytes, start: int, end: int) -> dict[int, bytes]:
    """Return the payloads of a run of attributes by type; unknown types are kept."""
    found = {}
    while start + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[start + 4 : start + length]
        start += length + 3 & ~3
    return found


def nested(kind: int, data: bytes, start: int, end: int) -> dict[int, bytes]:
    """Return the payloads by type inside one attribute of a run; nothing if it is missing."""
    inner = attributes_of(data, start, end).get(kind, b"")
    return attributes_of(inner, 0, len(inner))


def u32(attributes: dict[int, bytes], kind: int) -> int:
    """Return a number of 32 bits; 0 if it is missing."""
    value = attributes.get(kind)
    return U32.unpack(value)[0] if value else 0


def u16(attributes: dict[int, bytes], kind: int) -> int:
    """Return a number of 16 bits; 0 if it is missing."""
    value = attributes.get(kind)
    return U16.unpack(value)[0] if value else 0


def string(attributes: dict[int, bytes], kind: int) -> str:
    """Return a text that ends with NUL; an empty one if it is missing."""
    return attributes.get(kind, b"").split(b"\0", 1)[0].decode()


Self = TypeVar("Self", bound="GenericNetlink")  # typing has it since Python 3.11


class NetlinkError(Exception):
    """The kernel refused; ``code`` is its errno."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class NoFamily(NetlinkError):
    """The kernel has no generic netlink family of this name, or its module isn't loaded."""


class GenericNetlink:
    """One socket to a generic netlink family of the network namespace this process is in.

    Raises `NoFamily` where there is none. Use it as a context manager.

    :param name: the family's name
    """

    def __init__(self, name: str) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        try:
            self._socket.bind((0, 0))
            self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
            self._sequence = 0
            self._family = self._find_family(name)
        except BaseException:
            self._socket.close()
            raise
        with suppress(OSError):  # not root, who can only read
            # Room for an error for every message of a batch, each counted with its overhead.
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def _error(self, code: int) -> NetlinkError:
        """Return the exception for an errno."""
        return NetlinkError(f"the kernel refused: {os.strerror(code)}", code)

    def _find_family(self, name: str) -> int:
        wanted = attribute(CTRL_ATTR_FAMILY_NAME, name.encode() + b"\0")
        self._family = GENL_ID_CTRL
        try:
            attributes = self._ask(CTRL_CMD_GETFAMILY, wanted)
        except NetlinkError as error:
            if error.code != errno.ENOENT:
                raise
            raise NoFamily(f"this kernel has no netlink family {name}") from None
        return u16(attributes, CTRL_ATTR_FAMILY_ID)

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

    def _ask(self, command: int, payload: bytes = b"") -> dict[int, bytes]:
        """Send a request with a single answer and return its attributes."""
        self._socket.send(self._frame(command, 0, payload))
        while True:
            for sequence, kind, _flags, data, start, end in self._receive():
                if sequence != self._sequence:
                    continue
                if kind == NLMSG_ERROR:
                    code = -_S32.unpack_from(data, start)[0]
                    raise self._error(code)
                return attributes_of(data, start + _GENERIC.size, end)

    def _dump(self, command: int, payload: bytes = b"") -> list[Message]:
        """Return the place of each answer of a dump; start again if the table changed meanwhile."""
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
                        raise self._error(code)
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
