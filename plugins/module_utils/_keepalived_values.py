# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of keepalived's configuration, each read and returned as it stands in the file.

No value may end a line, a string or a block: what could is refused, not escaped,
because keepalived's parser knows escapes in some places and not in others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _keepalived_routes,
    _model,
    _model_parser,
)

#: What ends a string, a block or a line, begins a comment, or stands for something else.
SPECIAL = "{}\"'\\!#$"
#: What needs no quotes. At the start of a line `@` begins a condition, `~` a loop, and the words
#: from `include` to `includea` are directives, each of them only if it stands there without quotes
#: (lib/parser.c, read_line and is_include).
BARE = re.compile(r"(?![@~]|include[rmwba]?$)[\w.,:;/@%+=*?&()<>\[\]|^~-]+", re.ASCII)
#: The characters of a password that VRRP 2 sends (RFC 2338, 5.3.10: 8 octets).
MAX_PASSWORD = 8
HOST = r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?"


class InvalidValue(Exception):
    """A value that is none of its kind; with reasons where more is known than its kind."""


def quoted(text: str) -> str:
    """Return a checked text as one word of the file."""
    return text if BARE.fullmatch(text) else f'"{text}"'


def plain(value: Any, longest: int = 255) -> str:
    """Return a text in which nothing is special; a number is its text."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise InvalidValue
    text = str(value)
    odd = sorted({c for c in text if c in SPECIAL or not c.isprintable()})
    if odd:
        raise InvalidValue(
            f"it has {' and '.join(map(repr, odd))} in it, which keepalived may misread"
        )
    if text != text.strip() or not text:
        raise InvalidValue("it is empty, or begins or ends with a blank")
    if len(text.encode()) > longest:
        raise InvalidValue(f"it has {len(text.encode())} bytes; {longest} is the most")
    return text


def decimal(value: Any) -> float:
    """Return a number that is not negative, given as one or as its text; raises `InvalidValue`."""
    text = f"{value:.6f}" if isinstance(value, float) else str(value)
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,12}(\.\d+)?", text, re.ASCII):
        raise InvalidValue
    return float(text)


def read_address(value: Any) -> str:
    address = _model.normal_address(value)
    if address is None:
        raise InvalidValue
    return address


def read_net(value: Any) -> str:
    """Read an address with or without a prefix length; without, it is that of one host."""
    address, *prefix = str(value).split("/", 1)
    address = read_address(address)
    whole = _model.host_prefix(_model.family_of(address))
    length = _model_parser.as_integer(prefix[0]) if prefix else whole
    if length is None or length > whole:
        raise InvalidValue
    return f"{address}/{length}"


def read_server(value: Any) -> str:
    """Read a host with or without a port."""
    found = re.fullmatch(r"\[([^\]]*)\](?::(\d+))?|([^:]*)(?::(\d+))?|(.*)", plain(value), re.ASCII)
    host = next(filter(None, (found[1], found[3], found[5])), "") if found else ""
    if ":" in host or re.fullmatch(r"[\d.]+", host):
        host = read_address(host)
    elif not re.fullmatch(HOST, host, re.ASCII):
        raise InvalidValue
    port = (found[2] or found[4]) if found else None
    if port and not 1 <= int(port) <= 65535:
        raise InvalidValue
    return f"{host} {port or ''}".rstrip()


def read_status(value: Any) -> str:
    found = re.fullmatch(r"([1-5]\d\d)(?:-([1-5]\d\d))?", str(value), re.ASCII)
    if not found or found[1] > (found[2] or found[1]):
        raise InvalidValue
    return str(value)


def read_auth_pass(value: Any) -> str:
    text = plain(value)
    if len(text.encode()) > MAX_PASSWORD:
        raise InvalidValue(
            f"it is longer than {MAX_PASSWORD} characters, and keepalived would cut it without a"
            " message"
        )
    if " " in text:
        raise InvalidValue("it has a blank in it")
    return quoted(text)


def words_of(read: Callable[[str], None]) -> Callable[[Any], str]:
    """Return what reads a route or a rule, whose words stand in the file as they are."""

    def checked(value: Any) -> str:
        text = plain(value)
        if not re.fullmatch(r"[\w./:@+ -]+", text, re.ASCII):
            raise InvalidValue
        try:
            read(text)
        except _keepalived_routes.Unreadable as error:
            raise InvalidValue(str(error)) from None
        return " ".join(map(quoted, text.split()))

    return checked
