# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of values of keepalived's options, and the options themselves.

An `Option` is a field of the schema with the keyword it becomes, what it may be (a `Kind`), and the
first release of keepalived that has it. ``_keepalived_options`` has the tables of them,
``_keepalived_values`` reads single values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, List, NamedTuple, Tuple, Union

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _keepalived_routes,
    _model,
    _model_parser,
    _wording,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import (
    HOST,
    MAX_PASSWORD,
    InvalidValue,
    decimal,
    plain,
    quoted,
    read_address,
    read_auth_pass,
    read_server,
    read_status,
    words_of,
)

Version = Tuple[int, ...]
#: What a value becomes: what stands after the keyword, the lines of a block, or nothing.
Rendered = Union[str, List[str], None]

MAX_U32 = _model.MAX_U32
#: The longest time that keepalived keeps in an unsigned number of microseconds.
MAX_SECONDS = 4294


class Kind(NamedTuple):
    """What a value may be.

    :ivar argument: the argument spec for AnsibleModule
    :ivar must_be: completes the sentence 'it must be ...'
    :ivar read: turns a value into what stands in the file, or raises `InvalidValue`
    :ivar of: what it is made of: the kind of a list's items, the table of a mapping
    :ivar word: what each block begins with, where a list is one of blocks
    :ivar domain: the bounds of a number, the pattern of a word, or the most bytes of a text: what
        values are generated from by the tests
    """

    argument: Mapping[str, Any]
    must_be: str
    read: Callable[[Any], Rendered]
    of: Any = None
    word: str = ""
    domain: Any = None


class Option(NamedTuple):
    """A field of the schema and what it becomes.

    :ivar keyword: keepalived's word for it where that is another; None if ``kind`` gives whole
        lines
    :ivar since: the first release that has it, if it is newer than `OLDEST`
    """

    name: str
    kind: Kind
    keyword: str | None = ""
    since: Version = ()
    required: bool = False

    def lines(self, value: Any) -> list[str]:
        """Return the lines that a value becomes; raises `InvalidValue`."""
        rendered = self.kind.read(value)
        if rendered is None or rendered == []:
            return []
        word = self.keyword or self.name
        if isinstance(rendered, list):
            return rendered if self.keyword is None else block(word, rendered)
        return [rendered if self.keyword is None else f"{word} {rendered}".rstrip()]


Table = Tuple[Option, ...]


def block(head: str, lines: Iterable[str]) -> list[str]:
    """Return a block of the file, indented by two."""
    return [f"{head} {{", *(f"  {line}" for line in lines), "}"]


def _text(longest: int = 255) -> Kind:
    def read(value: Any) -> str:
        return quoted(plain(value, longest))

    return Kind({"type": "str"}, "a text", read, domain=longest)


def _pattern(
    pattern: str, must_be: str, fold: Callable[[str], str] = str, longest: int = 255
) -> Kind:
    """Return the kind of words that match a pattern."""

    def read(value: Any) -> str:
        text = fold(plain(value, longest))
        if not re.fullmatch(pattern, text, re.ASCII):
            raise InvalidValue
        return quoted(text)

    return Kind({"type": "str"}, must_be, read, domain=(pattern, longest))


def _converted(kind: Kind, change: Callable[[str], str]) -> Kind:
    """Return a kind whose values are changed once they are read."""
    return kind._replace(read=lambda value: change(str(kind.read(value))))


def _read_flag(value: Any) -> Rendered:
    return "" if _boolean(value) else None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("yes", "true", "1", "no", "false", "0"):
        return str(value).lower() in ("yes", "true", "1")
    raise InvalidValue


def either(yes: str, no: str | None) -> Kind:
    """Return a kind that is one of two lines, or words."""
    must_be = "true or false"
    return Kind({"type": "bool"}, must_be, lambda value: yes if _boolean(value) else no)


def integer(low: int, high: int) -> Kind:
    def read(value: Any) -> str:
        text = str(value)
        negative = text.startswith("-")
        number = _model_parser.as_integer(text[1:] if negative else value)
        if number is None:
            raise InvalidValue
        number *= -1 if negative else 1
        if not low <= number <= high:
            raise InvalidValue
        return str(number)

    return Kind({"type": "int"}, f"a whole number from {low} to {high}", read, domain=(low, high))


def decimal_number(low: float, high: float, places: int) -> Kind:
    """Return the kind of a number with so many decimal places at most."""

    def read(value: Any) -> str:
        number = decimal(value)
        if not low <= number <= high or round(number, places) != number:
            raise InvalidValue
        return f"{number:.{places}f}".rstrip("0").rstrip(".")

    must_be = f"a number from {low:g} to {high:g} with {places} decimal places at most"
    return Kind({"type": "float"}, must_be, read, domain=(low, high, places))


def seconds(low: float = 0, high: float = MAX_SECONDS) -> Kind:
    """Return the kind of a time, which keepalived counts in microseconds."""

    def read(value: Any) -> str:
        number = decimal(value)
        if not low <= number <= high:
            raise InvalidValue
        return f"{number:.6f}".rstrip("0").rstrip(".")

    must_be = f"a number from {low:g} to {high:g}"
    return Kind({"type": "float"}, must_be, read, domain=(low, high, 6))


def choice(*words: str) -> Kind:
    def read(value: Any) -> str:
        if str(value) not in words:
            raise InvalidValue
        return str(value)

    return Kind({"type": "str", "choices": list(words)}, f"one of {', '.join(words)}", read)


def _multicast(must_be: str, *families: str, link_local: bool = False) -> Kind:
    """Return the kind of multicast addresses of some families.

    :param link_local: IPv6 addresses have to be link-local (RFC 4291, 2.7)
    """

    def read(value: Any) -> str:
        address = read_address(value)
        first, second = _model.packed_address(address)[:2]
        multicast = first == 0xFF if ":" in address else 224 <= first < 240
        global_group = link_local and ":" in address and second & 0x0F != 2
        if not multicast or global_group or _model.family_of(address) not in families:
            raise InvalidValue
        return address

    return Kind({"type": "str"}, must_be, read, domain=families)


FLAG = Kind({"type": "bool"}, "true or false", _read_flag)
BOOL = either("true", "false")
TEXT = _text()
COMMAND = _text(700)._replace(must_be="the path of a program, and its arguments")
PROCESS = _text(700)
_NAME = r"[A-Za-z0-9_][\w.:@+-]*", "a name of letters, digits and _ . : @ + -"
NAME = _pattern(*_NAME, longest=64)
BFD_NAME = _pattern(*_NAME, longest=31)
INTERFACE = _pattern(r"[\w.@+-]+", "the name of an interface", longest=15)
LABEL = _pattern(r"[\w.:@+-]+", "a label like eth0:1", longest=15)
PATH = _pattern(r"/[^\s]*", "a path from the root, without blanks")
# keepalived 2.3 looks for the directory, and takes that of /file for none (track_file.c).
FILE = _pattern(r"/[^\s]*/[^\s]*", "a path from the root, in a directory, without blanks")
URL_PATH = _pattern(r"/[^\s]*", "a path that begins with / and has no blanks", longest=700)
USER = _converted(
    _pattern(r"[\w.-]+( [\w.-]+)?", "a user, or a user and a group with a blank between"),
    lambda text: text.strip('"'),  # two words
)
EMAIL = _pattern(r"(?!@)[^@]*[^@\s]@[^@\s]+", "an address of mail")
HOSTNAME = _pattern(HOST, "the name of a host")
# keepalived takes a first label of one letter for an empty one (check_dns.c, dns_name_handler); a
# label has 63 bytes at most (RFC 1035, 2.3.4).
DOMAIN = _pattern(
    rf"(?!.[.].)(?!.*[^.]{{64}})(?:{HOST})|\.",
    "a domain name whose first label has two letters or more, or . for the root",
)
HEX = _pattern(r"[0-9A-Fa-f]([0-9A-Fa-f ]*[0-9A-Fa-f])?", "bytes in hexadecimal", longest=512)
REPLY = _converted(
    _pattern(
        r"any|[0-9A-Fa-fXx]([0-9A-Fa-fXx ]*[0-9A-Fa-fXx])?",
        "bytes in hexadecimal, with X for any digit, or 'any'",
        longest=512,
    ),
    lambda text: "" if text == "any" else text,
)
DIGEST = _pattern(r"[0-9a-f]{32}", "an MD5 digest of 32 hexadecimal digits", fold=str.lower)
UMASK = _converted(
    _pattern(r"0?[0-7]{1,3}", "an octal number like '077'"), lambda text: f"0{text.lstrip('0')}"
)
ADDRESS = Kind({"type": "str"}, "an IPv4 or IPv6 address", read_address)
MULTICAST = _multicast("an IPv4 or IPv6 multicast address", "ipv4", "ipv6")
MULTICAST4 = _multicast("an IPv4 multicast address", "ipv4")
MULTICAST6 = _multicast("a link-local IPv6 multicast address", "ipv6", link_local=True)
ADVERTISED = _multicast(
    "an IPv4 multicast address, or a link-local IPv6 one", "ipv4", "ipv6", link_local=True
)
SERVER = Kind({"type": "str"}, "a host, or host:port, or [IPv6 address]:port", read_server)
STATUS = Kind({"type": "str"}, "a status like 200, or a range like 200-299", read_status)
ROUTE = Kind({"type": "str"}, "what `ip route add` takes", words_of(_keepalived_routes.read_route))
RULE = Kind({"type": "str"}, "what `ip rule add` takes", words_of(_keepalived_routes.read_rule))
PORT = integer(1, 65535)
COUNT = integer(0, MAX_U32)
POSITIVE = integer(1, MAX_U32)
NUMBER = integer(1, 2**31 - 1)
SECONDS = seconds()
WHOLE_SECONDS = integer(0, MAX_SECONDS)
#: A mistake in it is reported without the value.
AUTH_PASS = Kind(
    {"type": "str", "no_log": True},
    f"a password of at most {MAX_PASSWORD} characters",
    read_auth_pass,
)


def _read_item(kind: Kind, item: Any) -> tuple[str, list[str]]:
    """Return what an item of a list becomes, or what is wrong with it."""
    try:
        return str(kind.read(item)), []
    except InvalidValue as error:
        reasons = error.args or (f"it must be {kind.must_be}",)
        return "", list(reasons)


def _items(kind: Kind, value: Any) -> list[str]:
    """Read each item of a list, with all that is wrong in it; one item alone is a list of it."""
    items = value if isinstance(value, (list, tuple)) else [value]
    tried = [_read_item(kind, item) for item in items]
    wrong = [
        f"{item!r}: {reason}" if items is value else reason
        for item, (_word, reasons) in zip(items, tried)
        for reason in reasons
    ]
    if wrong:
        raise InvalidValue(*wrong)
    return [pair[0] for pair in tried]


def _list_argument(kind: Kind) -> dict[str, Any]:
    options = {k: v for k, v in kind.argument.items() if k == "options"}
    return {"type": "list", "elements": kind.argument["type"], **options}


def block_of(kind: Kind) -> Kind:
    """Return the kind of a list whose items are the lines of a block."""
    must_be = f"a list, each {kind.must_be}"
    return Kind(_list_argument(kind), must_be, lambda value: _items(kind, value), kind)


def inline_list(kind: Kind) -> Kind:
    """Return the kind of a list whose items stand in one line."""
    must_be = f"a list, each {kind.must_be}"
    return Kind(
        _list_argument(kind), must_be, lambda value: " ".join(_items(kind, value)) or None, kind
    )


def _fields(table: Table, value: Any) -> list[str]:
    """Read a mapping by a table without releases: the lines of its fields."""
    names = [option.name for option in table]
    odd = sorted(set(map(str, value)).difference(names))
    wrong = [_wording.unknown("field", name, names) for name in odd]
    lines: list[str] = []
    for option in table:
        if absent(option, value):
            wrong += [f"{option.name} is missing"] if option.required else []
            continue
        try:
            lines += option.lines(value[option.name])
        except InvalidValue as error:
            wrong += sentences(option, value[option.name], error)
    if wrong:
        raise InvalidValue(*wrong)
    return lines


def inline(table: Table, short: bool = False) -> Kind:
    """Return the kind of a mapping that stands in one line, its first field without its name.

    With ``short``, the first field's value alone is as good.
    """

    def read(value: Any) -> str:
        if short and isinstance(value, str):
            try:
                return str(table[0].kind.read(value))
            except InvalidValue as error:
                raise InvalidValue(*error.args or sentences(table[0], value, error)) from None
        if not isinstance(value, Mapping):
            raise InvalidValue
        fields = " ".join(_fields(table, value))
        if not fields:
            raise InvalidValue("it has no field; give one, or remove it")
        return fields

    must_be = f"a mapping of {', '.join(option.name for option in table)}"
    argument: dict[str, Any] = {"type": "dict", "options": arguments(table)}
    return Kind(
        {"type": "raw"} if short else argument,
        f"{table[0].kind.must_be}, or {must_be}" if short else must_be,
        read,
        table,
    )


def blocks_of(keyword: str, table: Table) -> Kind:
    """Return the kind of a list of mappings, each a block of its own."""

    def read(value: Any) -> list[str]:
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, Mapping) for v in value):
            raise InvalidValue
        return [line for item in value for line in block(keyword, _fields(table, item))]

    argument = {"type": "list", "elements": "dict", "options": arguments(table)}
    return Kind(argument, "a list of mappings", read, table, keyword)


def given(raw: Mapping[str, Any], name: str) -> bool:
    """Return whether a field has a value; null and what is empty are none."""
    value = raw.get(name)
    return value is not None and value not in ("", [], {})


def absent(option: Option, raw: Mapping[str, Any]) -> bool:
    """Return whether an option is not given: null, or what its type calls empty.

    Anything else that is empty, such as no text for a number, AnsibleModule would refuse.
    """
    value, argument = raw.get(option.name), option.kind.argument
    empty = {"str": "", "list": [], "dict": {}}.get(argument["type"])
    return value is None or (
        "choices" not in argument and value == empty and type(value) is type(empty)
    )


def sentences(option: Option, value: Any, error: InvalidValue) -> list[str]:
    """Return what is wrong with a value. A secret is not repeated."""
    secret = option.kind.argument.get("no_log")
    if error.args:
        shown = "" if secret or isinstance(value, (list, dict)) else f" {value!r}"
        return [f"{option.name}{shown}: {reason}" for reason in error.args]
    what = f"{option.name} is {'wrong' if secret else repr(value)}"
    return [f"{what}; it must be {option.kind.must_be}"]


def arguments(table: Table) -> dict[str, Any]:
    """Return AnsibleModule's argument_spec for the options of a table.

    Nothing is required there: what is missing is reported with all other mistakes.
    """
    return {option.name: dict(option.kind.argument) for option in table}
