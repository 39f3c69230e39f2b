# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived's options, as tables: each field of the schema and what it becomes in the file.

An `Option` is a field with the keyword it becomes, what it may be (a `Kind`), and the first
release of keepalived that has it. Bounds come from keepalived's own parser (releases 2.2.7 and
2.3.3), releases from its tags.

``_keepalived_values`` reads single values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, List, NamedTuple, Tuple, Union

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arguments,
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
    read_net,
    read_server,
    read_status,
    words_of,
)

Version = Tuple[int, ...]
#: What a value becomes: what stands after the keyword, the lines of a block, or nothing.
Rendered = Union[str, List[str], None]

#: The oldest release whose options are known.
OLDEST: Version = (2, 0, 0)

MAX_U32 = _model.MAX_U32
#: The longest time that keepalived keeps in an unsigned number of microseconds.
MAX_SECONDS = 4294
#: The highest priority of a director: 255 is for the owner of an address, 0 for a director that
#: stops (RFC 5798 and 9568, 5.2.4).
MAX_PRIORITY = 254
#: The shortest and the longest interval between advertisements in seconds, by version of VRRP; the
#: shortest is the unit (RFC 3768, 5.3.7; RFC 9568, 5.2.7).
ADVERT_BOUNDS = {2: (1.0, 255), 3: (0.01, 40.95)}


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


# ---- kinds -------------------------------------------------------------------------------------


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


def _either(yes: str, no: str | None) -> Kind:
    """Return a kind that is one of two lines, or words."""
    must_be = "true or false"
    return Kind({"type": "bool"}, must_be, lambda value: yes if _boolean(value) else no)


def _integer(low: int, high: int) -> Kind:
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


def _decimal(low: float, high: float, places: int) -> Kind:
    """Return the kind of a number with so many decimal places at most."""

    def read(value: Any) -> str:
        number = decimal(value)
        if not low <= number <= high or round(number, places) != number:
            raise InvalidValue
        return f"{number:.{places}f}".rstrip("0").rstrip(".")

    must_be = f"a number from {low:g} to {high:g} with {places} decimal places at most"
    return Kind({"type": "float"}, must_be, read, domain=(low, high, places))


def _seconds(low: float = 0, high: float = MAX_SECONDS) -> Kind:
    """Return the kind of a time, which keepalived counts in microseconds."""

    def read(value: Any) -> str:
        number = decimal(value)
        if not low <= number <= high:
            raise InvalidValue
        return f"{number:.6f}".rstrip("0").rstrip(".")

    must_be = f"a number from {low:g} to {high:g}"
    return Kind({"type": "float"}, must_be, read, domain=(low, high, 6))


def _choice(*words: str) -> Kind:
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
BOOL = _either("true", "false")
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
PORT = _integer(1, 65535)
COUNT = _integer(0, MAX_U32)
POSITIVE = _integer(1, MAX_U32)
NUMBER = _integer(1, 2**31 - 1)
SECONDS = _seconds()
WHOLE_SECONDS = _integer(0, MAX_SECONDS)
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


def _block(kind: Kind) -> Kind:
    """Return the kind of a list whose items are the lines of a block."""
    must_be = f"a list, each {kind.must_be}"
    return Kind(_list_argument(kind), must_be, lambda value: _items(kind, value), kind)


def _inline_list(kind: Kind) -> Kind:
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


def _inline(table: Table, short: bool = False) -> Kind:
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


def _read_vip(value: Any) -> str:
    if isinstance(value, Mapping) and given(value, "prefix"):
        value = {**value, "address": f"{value.get('address')}/{value['prefix']}"}
        del value["prefix"]
    line = str(VIP.read(value))
    if isinstance(value, Mapping) and ":" in line.partition(" ")[0]:
        wrong = [name for name in ("label", "scope") if given(value, name)]
        if wrong:
            raise InvalidValue(f"an IPv6 address has no {' and no '.join(wrong)}; remove it")
    return line


def _blocks(keyword: str, table: Table) -> Kind:
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


# ---- tables ------------------------------------------------------------------------------------

#: keepalived's lib/notify.c, notify_script_init: the command, then who runs it.
NOTIFY = _inline(
    (Option("command", COMMAND, None, required=True), Option("user", USER, None)), short=True
)


def _weighted(low: int, high: int, kind: Kind = NAME) -> Kind:
    """Return the kind of a list of what is tracked, each a name or a mapping with a weight."""
    table = (
        Option("name", kind, None, required=True),
        Option("weight", _integer(low, high)),
        Option("reverse", FLAG),
    )
    each = _inline(table, short=True)

    def read(value: Any) -> str:
        line = str(each.read(value))
        if line.endswith(" reverse") and not given(value, "weight"):
            raise InvalidValue("reverse is true, but there is no weight to reverse; give one")
        return line

    return _block(each._replace(read=read))


TRACKED = _weighted(-253, 253)
TRACKED_FILES = _weighted(-254, 254)
TRACKED_INTERFACES = _weighted(-253, 253, INTERFACE)

VIP = _inline(
    (
        Option("address", Kind({"type": "str"}, "an address", read_net), None, required=True),
        Option("interface", INTERFACE, "dev"),
        Option("label", LABEL),
        Option("scope", _choice("site", "link", "host", "nowhere", "global")),
        Option("no_track", FLAG),
    ),
    short=True,
)
VIPS = _block(VIP._replace(read=_read_vip))

PEER = _inline(
    (
        Option("address", ADDRESS, None, required=True),
        Option("min_ttl", _integer(0, 255)),
        Option("max_ttl", _integer(0, 255)),
    ),
    short=True,
)

SYNC_DAEMON = (
    Option("interface", INTERFACE, None, required=True),
    Option("instance", NAME, "inst"),
    Option("id", _integer(0, 255)),
    Option("maxlen", _integer(1, 65507)),
    Option("port", PORT),
    Option("ttl", _integer(1, 255)),
    Option("group", MULTICAST),
)
TIMEOUTS = tuple(Option(name, _integer(1, _model.MAX_TIMEOUT)) for name in ("tcp", "tcpfin", "udp"))
DELAYS = (
    Option("interface", INTERFACE, None, required=True),
    Option("down", _seconds(0, 255), None, required=True),
    Option("up", _seconds(0, 255), None),
)

#: Fields of ``globals`` that stand outside of global_defs.
ROOT = (
    Option("child_wait_time", WHOLE_SECONDS),
    Option("interface_delays", _block(_inline(DELAYS)), "interface_up_down_delays", (2, 2, 3)),
)


def _process(name: str, since: Version) -> Table:
    """Return the options that each process of keepalived has."""
    return (
        Option(f"{name}_priority", _integer(-20, 19)),
        Option(f"{name}_no_swap", FLAG),
        Option(f"{name}_rt_priority", _integer(1, 99)),
        Option(f"{name}_rlimit_rttime", _integer(2, MAX_U32), since=(2, 1, 0)),
        Option(f"{name}_cpu_affinity", _inline_list(_integer(0, 4095)), since=since),
    )


def _buffers(name: str) -> Table:
    """Return the options of a process's netlink sockets."""
    return tuple(
        option
        for which in ("cmd", "monitor")
        for option in (
            Option(f"{name}_netlink_{which}_rcv_bufs", COUNT),
            Option(f"{name}_netlink_{which}_rcv_bufs_force", BOOL),
        )
    )


GLOBALS = (
    # Before anything else is read by it.
    Option("tmp_config_directory", PATH, since=(2, 2, 0)),
    Option("router_id", TEXT),
    # Mail.
    Option("notification_email", _block(EMAIL)),
    Option("notification_email_from", EMAIL),
    Option("smtp_server", SERVER),
    Option("smtp_helo_name", HOSTNAME),
    Option("smtp_connect_timeout", _integer(1, MAX_SECONDS)),
    Option("smtp_alert", BOOL),
    Option("smtp_alert_vrrp", BOOL),
    Option("smtp_alert_checker", BOOL),
    Option("no_email_faults", FLAG),
    Option("no_checker_emails", FLAG),
    # Scripts.
    Option("script_user", USER),
    Option("enable_script_security", FLAG),
    Option("use_symlink_paths", BOOL, since=(2, 3, 0)),
    Option("startup_script", NOTIFY, since=(2, 1, 0)),
    Option("startup_script_timeout", _integer(1, 1000), since=(2, 1, 0)),
    Option("shutdown_script", NOTIFY, since=(2, 1, 0)),
    Option("shutdown_script_timeout", _integer(1, 1000), since=(2, 1, 0)),
    Option("notify_fifo", PATH),
    Option("notify_fifo_script", NOTIFY),
    Option("vrrp_notify_fifo", PATH),
    Option("vrrp_notify_fifo_script", NOTIFY),
    Option("lvs_notify_fifo", PATH),
    Option("lvs_notify_fifo_script", NOTIFY),
    Option("fifo_write_vrrp_states_on_reload", FLAG, since=(2, 2, 5)),
    Option("vrrp_notify_priority_changes", BOOL, since=(2, 0, 16)),
    # VRRP.
    Option("vrrp_version", _integer(2, 3)),
    Option("vrrp_mcast_group4", MULTICAST4),
    Option("vrrp_mcast_group6", MULTICAST6),
    Option("vrrp_garp_master_delay", WHOLE_SECONDS),
    Option("vrrp_garp_master_repeat", POSITIVE),
    Option("vrrp_garp_master_refresh", WHOLE_SECONDS),
    Option("vrrp_garp_master_refresh_repeat", POSITIVE),
    Option("vrrp_garp_lower_prio_delay", WHOLE_SECONDS),
    Option("vrrp_garp_lower_prio_repeat", _integer(0, 2**31 - 1)),
    Option("vrrp_garp_interval", _seconds(0.000001)),
    Option("vrrp_gna_interval", _seconds(0.000001)),
    Option("vrrp_min_garp", BOOL, since=(2, 0, 12)),
    Option("vrrp_garp_extra_if", _integer(1, 86400), since=(2, 2, 3)),
    Option("vrrp_down_timer_adverts", _integer(1, 100), since=(2, 2, 3)),
    Option("vrrp_lower_prio_no_advert", BOOL),
    Option("vrrp_higher_prio_send_advert", BOOL),
    Option("vrrp_check_unicast_src", FLAG),
    Option("vrrp_skip_check_adv_addr", FLAG),
    Option("v3_checksum_as_v2", BOOL, since=(2, 2, 8)),
    Option("vrrp_startup_delay", _seconds(0.001), since=(2, 0, 14)),
    Option("vrrp_delay_after_boot", _seconds(0.001), since=(2, 4, 0)),
    Option("log_unknown_vrids", FLAG, since=(2, 0, 16)),
    Option("default_interface", INTERFACE),
    Option("dynamic_interfaces", FLAG),
    Option("disable_local_igmp", FLAG, since=(2, 2, 0)),
    Option("vmac_prefix", INTERFACE, since=(2, 2, 0)),
    Option("vmac_addr_prefix", INTERFACE, since=(2, 2, 0)),
    Option("nftables", NAME, since=(2, 0, 11)),
    Option("nftables_priority", _integer(-(2**31), 2**31 - 1), since=(2, 0, 11)),
    Option("nftables_counters", FLAG, since=(2, 0, 11)),
    Option("vrrp_rx_bufs_policy", _choice("MTU", "ADVERT"), since=(2, 0, 3)),
    Option("vrrp_rx_bufs_multiplier", _integer(1, MAX_U32), since=(2, 0, 3)),
    # IPVS.
    Option("lvs_flush", FLAG),
    Option("lvs_flush_on_stop", FLAG, since=(2, 2, 0)),
    Option("lvs_timeouts", _inline(TIMEOUTS)),
    Option("sync_daemon", _inline(SYNC_DAEMON), "lvs_sync_daemon"),
    Option("nftables_ipvs", NAME, since=(2, 2, 2)),
    Option("nftables_ipvs_priority", _integer(-(2**31), 2**31 - 1), since=(2, 2, 2)),
    Option("nftables_ipvs_start_fwmark", _integer(1, MAX_U32), since=(2, 2, 2)),
    Option("checker_log_all_failures", BOOL, since=(2, 0, 11)),
    Option("rs_init_notifies", FLAG),
    # Processes.
    *_process("vrrp", (2, 0, 17)),
    *_process("checker", (2, 0, 17)),
    *_process("bfd", (2, 0, 17)),
    Option("max_auto_priority", _integer(-1, 99), since=(2, 1, 0)),
    Option("min_auto_priority_delay", _integer(1, 10_000_000), since=(2, 1, 0)),
    Option("process_names", FLAG, since=(2, 0, 16)),
    *_buffers("vrrp"),
    *_buffers("lvs"),
    Option("umask", UMASK, since=(2, 0, 9)),
    # Reload.
    Option("reload_check_config", FLAG, since=(2, 2, 0)),
    Option("reload_time_file", PATH, since=(2, 1, 0)),
    Option("reload_repeat", FLAG, since=(2, 1, 0)),
    # SNMP.
    Option("snmp_socket", TEXT),
    Option("enable_snmp_vrrp", FLAG),
    Option("enable_snmp_checker", FLAG),
    Option("enable_snmp_rfc", FLAG),
    Option("enable_traps", FLAG),
    Option("snmp_vs_stats_update_interval", _seconds(0.001, 30), since=(2, 3, 0)),
    Option("snmp_rs_stats_update_interval", _seconds(0.001, 30), since=(2, 3, 0)),
)

SCRIPT = (
    Option("command", COMMAND, "script", required=True),
    Option("interval", _integer(1, MAX_SECONDS)),
    Option("timeout", _integer(1, MAX_SECONDS)),
    Option("rise", NUMBER),
    Option("fall", NUMBER),
    Option("weight", _integer(-253, 253)),
    Option("user", USER),
    Option("init_fail", FLAG),
)
TRACK_FILE = (
    Option("file", FILE, required=True),
    Option("weight", _integer(-254, 254)),
    Option("init_file", _integer(-254, 254)),
)
TRACK_PROCESS = (
    Option("process", PROCESS, required=True),
    Option("param_match", _choice("initial", "partial"), since=(2, 0, 16)),
    Option("weight", _integer(-254, 254)),
    Option("quorum", _integer(1, 65535)),
    Option("quorum_max", _integer(0, 65535), since=(2, 0, 16)),
    Option("fork_delay", _seconds(0.000001, 3600), since=(2, 0, 16)),
    Option("terminate_delay", _seconds(0.000001, 3600), since=(2, 0, 16)),
    Option("full_command", FLAG),
)
BFD = (
    Option("neighbor_ip", ADDRESS, required=True),
    Option("source_ip", ADDRESS),
    # Milliseconds, which keepalived counts in microseconds.
    Option("min_rx", _decimal(1, 4294967, 3)),
    Option("min_tx", _decimal(1, 4294967, 3)),
    Option("idle_tx", _decimal(1000, 4294967, 3)),
    Option("multiplier", _integer(1, 255)),
    Option("passive", FLAG),
    Option("ttl", _integer(1, 255)),
    Option("hoplimit", _integer(1, 255)),
    Option("max_hops", _integer(0, 255)),
    Option("multihop", BOOL, since=(2, 2, 8)),
    Option("weight", _integer(-253, 253)),
)
NOTIFIES = (
    Option("notify_master", NOTIFY),
    Option("notify_backup", NOTIFY),
    Option("notify_fault", NOTIFY),
    Option("notify_stop", NOTIFY),
    Option("notify", NOTIFY),
    Option("notify_priority_changes", BOOL, since=(2, 0, 16)),
    Option("smtp_alert", BOOL),
)
TRACKS = (
    Option("track_interfaces", TRACKED_INTERFACES, "track_interface"),
    Option("track_scripts", TRACKED, "track_script"),
    Option("track_files", TRACKED_FILES, "track_file"),
    Option("track_processes", TRACKED_FILES, "track_process", (2, 0, 11)),
    Option("track_bfds", TRACKED, "track_bfd"),
)
SYNC_GROUP = (
    Option("instances", _block(NAME), "group", required=True),
    *TRACKS,
    *NOTIFIES,
    Option("sync_group_tracking_weight", FLAG),
)
INSTANCE = (
    # It comes before the addresses: keepalived deduces a version from these.
    Option("version", _integer(2, 3)),
    Option("state", _choice("MASTER", "BACKUP")),
    Option("interface", INTERFACE, required=True),
    Option("use_vmac", FLAG),
    Option("vmac_interface", INTERFACE, "use_vmac"),
    Option("use_vmac_addr", FLAG, since=(2, 2, 0)),
    Option("vmac_xmit_base", FLAG),
    Option("virtual_router_id", _integer(1, 255), required=True),
    Option("priority", _integer(1, MAX_PRIORITY)),
    Option("advert_int", _seconds(ADVERT_BOUNDS[3][0], ADVERT_BOUNDS[2][1])),
    Option("down_timer_adverts", _integer(1, 100), since=(2, 2, 3)),
    Option("preempt", _either("preempt", "nopreempt"), None),
    Option("preempt_delay", _seconds(0, 1000)),
    Option("timer_expired_backup", _integer(1, 254), since=(2, 2, 8)),
    Option("auth_pass", AUTH_PASS),
    Option("unicast_src_ip", ADDRESS),
    Option("unicast_peers", _block(PEER), "unicast_peer"),
    Option("unicast_ttl", _integer(0, 255), since=(2, 1, 0)),
    Option("unicast_fault_no_peer", FLAG, since=(2, 2, 5)),
    Option("check_unicast_src", FLAG, since=(2, 1, 0)),
    Option("mcast_src_ip", ADDRESS),
    Option("mcast_dst_ip", ADVERTISED, since=(2, 2, 5)),
    Option("track_src_ip", FLAG),
    Option("v3_checksum_as_v2", BOOL, since=(2, 2, 8)),
    Option("vips", VIPS, "virtual_ipaddress"),
    Option("excluded_vips", VIPS, "virtual_ipaddress_excluded"),
    Option("no_virtual_ipaddress", FLAG, since=(2, 2, 8)),
    Option("promote_secondaries", FLAG),
    Option("virtual_routes", _block(ROUTE)),
    Option("virtual_rules", _block(RULE)),
    Option("accept", _either("accept", "no_accept"), None),
    Option("dont_track_primary", FLAG),
    *TRACKS,
    *NOTIFIES,
    Option("notify_master_rx_lower_pri", NOTIFY, since=(2, 0, 6)),
    Option("garp_master_delay", WHOLE_SECONDS),
    Option("garp_master_repeat", POSITIVE),
    Option("garp_master_refresh", WHOLE_SECONDS),
    Option("garp_master_refresh_repeat", POSITIVE),
    Option("garp_lower_prio_delay", WHOLE_SECONDS),
    Option("garp_lower_prio_repeat", _integer(0, 2**31 - 1)),
    Option("garp_extra_if", _integer(0, 86400), since=(2, 2, 3)),
    Option("lower_prio_no_advert", BOOL),
    Option("higher_prio_send_advert", BOOL),
    Option("skip_check_adv_addr", BOOL),
)

#: When a check is made, of a service, a destination or a check itself.
TIMING = (
    Option("delay_loop", _seconds(0.000001)),
    Option("connect_timeout", _seconds(0.000001)),
    Option("delay_before_retry", SECONDS),
    Option("warmup", SECONDS),
)
ANSWER = (
    Option("inhibit_on_failure", BOOL),
    Option("smtp_alert", BOOL),
    Option("virtualhost", HOSTNAME),
    Option("snmp_name", TEXT, since=(2, 2, 3)),
    Option("alpha", BOOL),
    Option("retries", _integer(1, MAX_U32), "retry"),
)
SERVICE = (
    *TIMING,
    # Of a service, some are there or not; false is the default of each.
    *(
        option._replace(kind=FLAG) if option.name in ("inhibit_on_failure", "alpha") else option
        for option in ANSWER
    ),
    Option("omega", FLAG),
    Option("ha_suspend", FLAG),
    Option("quorum", _integer(1, MAX_U32)),
    Option("hysteresis", COUNT),
    Option("quorum_up", NOTIFY),
    Option("quorum_down", NOTIFY),
)
DESTINATION = (
    *TIMING,
    *ANSWER,
    Option("notify_up", NOTIFY),
    Option("notify_down", NOTIFY),
)

_ALL_CHECKS = (
    *(option for option in TIMING if option.name != "connect_timeout"),
    Option("retries", COUNT, "retry"),
    Option("alpha", BOOL),
    Option("log_all_failures", BOOL, since=(2, 0, 11)),
)
_CONNECTING = (
    Option("connect_ip", ADDRESS),
    Option("connect_port", PORT),
    Option("bindto", ADDRESS),
    Option("bind_if", INTERFACE),
    Option("bind_port", PORT),
    *(option for option in TIMING if option.name == "connect_timeout"),
    Option("fwmark", COUNT),
    *_ALL_CHECKS,
)
URL = (
    Option("path", URL_PATH, required=True),
    Option("status", _inline_list(STATUS), "status_code"),
    Option("digest", DIGEST),
    Option("host", HOSTNAME, "virtualhost"),
)
_HTTP = (
    *_CONNECTING,
    Option("http_protocol", _choice("1.0", "1.0C", "1.1"), since=(2, 0, 17)),
    Option("virtualhost", HOSTNAME),
    Option("fast_recovery", BOOL, since=(2, 0, 17)),
    Option("urls", _blocks("url", URL), None, required=True),
)


class Check(NamedTuple):
    """A type of health check: keepalived's word for it, and what it has."""

    keyword: str
    table: Table
    since: Version = ()


CHECKS = {
    "tcp": Check("TCP_CHECK", _CONNECTING),
    "http": Check("HTTP_GET", _HTTP),
    "ssl": Check(
        "SSL_GET",
        (
            *_HTTP,
            Option("sni", FLAG, "enable_sni"),
            Option("tls_compliant", FLAG, since=(2, 2, 8)),
        ),
    ),
    "smtp": Check("SMTP_CHECK", (*_CONNECTING, Option("helo_name", HOSTNAME))),
    "dns": Check(
        "DNS_CHECK",
        (
            *_CONNECTING,
            Option("query", _choice("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"), "type"),
            Option("name", DOMAIN),
        ),
    ),
    "udp": Check(
        "UDP_CHECK",
        (
            *_CONNECTING,
            Option("payload", HEX, since=(2, 2, 0)),
            Option("require_reply", REPLY),
            Option("min_reply_length", _integer(0, 65535), since=(2, 2, 0)),
            Option("max_reply_length", _integer(0, 65535), since=(2, 2, 0)),
        ),
        (2, 1, 0),
    ),
    "ping": Check("PING_CHECK", _CONNECTING, (2, 1, 0)),
    "misc": Check(
        "MISC_CHECK",
        (
            Option("command", COMMAND, "misc_path", required=True),
            Option("timeout", _integer(1, MAX_SECONDS), "misc_timeout"),
            Option("dynamic", FLAG, "misc_dynamic"),
            Option("user", USER),
            *_ALL_CHECKS,
        ),
    ),
    "file": Check(
        "FILE_CHECK",
        (
            Option("track_file", NAME, required=True),
            Option("weight", _integer(-65535, 65535)),
        ),
        (2, 1, 0),
    ),
    "bfd": Check("BFD_CHECK", (Option("name", NAME, required=True), Option("alpha", FLAG))),
}
#: The types of checks that ask for pages. One page alone may be given by its fields, without urls.
OF_PAGES = tuple(kind for kind, check in CHECKS.items() if check.table[: len(_HTTP)] == _HTTP)
PAGE = tuple(option.name for option in URL)


def page(check: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the only page that a check asks for, if it is given without ``urls``."""
    if check.get("type") not in OF_PAGES or given(check, "urls"):
        return None
    return {name: check[name] for name in PAGE if given(check, name)}


def full_check(check: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a check without mistakes in its full form, with ``urls`` where it asks for pages."""
    single = page(check)
    if single is None:
        return check
    if not isinstance(single.get("status", []), (list, tuple)):
        single["status"] = [single["status"]]
    return {**{n: value for n, value in check.items() if n not in PAGE}, "urls": [single]}


#: A type of check that refers to what is defined elsewhere: its field, and the list.
REFERENCES = (("file", "track_file", "track_files"), ("bfd", "name", "bfd_instances"))
#: These go to the destination's port, so there must be one.
NEEDS_PORT = ("tcp", "http", "ssl", "smtp", "dns", "udp")

NAMED = Option("name", NAME, None, required=True)
#: The lists of the schema that are blocks with a name: keyword, table.
BLOCKS = {
    "scripts": ("vrrp_script", (NAMED, *SCRIPT)),
    "track_files": ("track_file", (NAMED, *TRACK_FILE)),
    "track_processes": ("vrrp_track_process", (NAMED, *TRACK_PROCESS)),
    "bfd_instances": ("bfd_instance", (NAMED._replace(kind=BFD_NAME), *BFD)),
    "sync_groups": ("vrrp_sync_group", (NAMED, *SYNC_GROUP)),
    "instances": ("vrrp_instance", (NAMED, *INSTANCE)),
}
#: What an instance or a group of them may track: field, the list that defines the names.
TRACKERS = {
    "track_scripts": "scripts",
    "track_files": "track_files",
    "track_processes": "track_processes",
    "track_bfds": "bfd_instances",
}
TRACK_FIELDS = ("track_interfaces", *TRACKERS)
ENDPOINT = {"vip": {"type": "str"}, "port": {"type": "int"}}
SORRY_SERVER = {
    name: argument
    for name, argument in _arguments.DESTINATION.items()
    if name not in ("weight", "upper_threshold", "lower_threshold")
}
SORRY_SERVER_OPTIONS = (Option("inhibit", FLAG, "sorry_server_inhibit"),)


def _check_arguments() -> dict[str, Any]:
    """Return the arguments of all types of checks: one that several have is the same in each."""
    tables = [URL, *(check.table for check in CHECKS.values())]
    table = {option.name: option for each in tables for option in each}
    return {
        "type": {"type": "str", "choices": ["none", *CHECKS]},
        **arguments(tuple(table.values())),
    }


def argument_spec() -> dict[str, Any]:
    """Return AnsibleModule's argument_spec for the whole schema."""

    def items(options: dict[str, Any]) -> dict[str, Any]:
        return {"type": "list", "elements": "dict", "options": options}

    check = {"type": "dict", "options": _check_arguments()}
    destination = {
        **_arguments.DESTINATION,
        "name": {"type": "str"},
        **arguments(DESTINATION),
        "check": check,
    }
    service = {
        "name": {"type": "str"},
        **_arguments.KEY,
        "endpoints": items(ENDPOINT),
        **_arguments.SETTINGS,
        "destinations": items(destination),
        **arguments(SERVICE),
        "check": check,
        "sorry_server": {
            "type": "dict",
            "options": {**SORRY_SERVER, **arguments(SORRY_SERVER_OPTIONS)},
        },
    }
    return {
        "globals": {"type": "dict", "options": arguments((*ROOT, *GLOBALS))},
        **{name: items(arguments(table)) for name, (keyword, table) in BLOCKS.items()},
        "services": items(service),
        "extra": {"type": "str", "no_log": True},
    }
