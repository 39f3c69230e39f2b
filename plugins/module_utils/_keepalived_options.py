# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived's options, as tables: each field of the schema and what it becomes in the file.

Bounds come from keepalived's own parser (releases 2.2.7 and 2.3.3), releases from its tags.
``_keepalived_kinds`` has what a table is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _arguments, _model
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_kinds import (
    ADDRESS,
    ADVERTISED,
    AUTH_PASS,
    BFD_NAME,
    BOOL,
    COMMAND,
    COUNT,
    DIGEST,
    DOMAIN,
    EMAIL,
    FILE,
    FLAG,
    HEX,
    HOSTNAME,
    INTERFACE,
    LABEL,
    MAX_SECONDS,
    MAX_U32,
    MULTICAST,
    MULTICAST4,
    MULTICAST6,
    NAME,
    NUMBER,
    PATH,
    PORT,
    POSITIVE,
    PROCESS,
    REPLY,
    ROUTE,
    RULE,
    SECONDS,
    SERVER,
    STATUS,
    TEXT,
    UMASK,
    URL_PATH,
    USER,
    WHOLE_SECONDS,
    Kind,
    Option,
    Table,
    Version,
    arguments,
    block_of,
    blocks_of,
    choice,
    decimal_number,
    either,
    given,
    inline,
    inline_list,
    integer,
    seconds,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import (
    InvalidValue,
    read_net,
)

#: The oldest release whose options are known.
OLDEST: Version = (2, 0, 0)

#: The highest priority of a director: 255 is for the owner of an address, 0 for a director that
#: stops (RFC 5798 and 9568, 5.2.4).
MAX_PRIORITY = 254
#: The shortest and the longest interval between advertisements in seconds, by version of VRRP; the
#: shortest is the unit (RFC 3768, 5.3.7; RFC 9568, 5.2.7).
ADVERT_BOUNDS = {2: (1.0, 255), 3: (0.01, 40.95)}

#: keepalived's lib/notify.c, notify_script_init: the command, then who runs it.
NOTIFY = inline(
    (Option("command", COMMAND, None, required=True), Option("user", USER, None)), short=True
)


def _weighted(low: int, high: int, kind: Kind = NAME) -> Kind:
    """Return the kind of a list of what is tracked, each a name or a mapping with a weight."""
    table = (
        Option("name", kind, None, required=True),
        Option("weight", integer(low, high)),
        Option("reverse", FLAG),
    )
    each = inline(table, short=True)

    def read(value: Any) -> str:
        line = str(each.read(value))
        if line.endswith(" reverse") and not given(value, "weight"):
            raise InvalidValue("reverse is true, but there is no weight to reverse; give one")
        return line

    return block_of(each._replace(read=read))


TRACKED = _weighted(-253, 253)
TRACKED_FILES = _weighted(-254, 254)
TRACKED_INTERFACES = _weighted(-253, 253, INTERFACE)

VIP = inline(
    (
        Option("address", Kind({"type": "str"}, "an address", read_net), None, required=True),
        Option("interface", INTERFACE, "dev"),
        Option("label", LABEL),
        Option("scope", choice("site", "link", "host", "nowhere", "global")),
        Option("no_track", FLAG),
    ),
    short=True,
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


VIPS = block_of(VIP._replace(read=_read_vip))

PEER = inline(
    (
        Option("address", ADDRESS, None, required=True),
        Option("min_ttl", integer(0, 255)),
        Option("max_ttl", integer(0, 255)),
    ),
    short=True,
)

SYNC_DAEMON = (
    Option("interface", INTERFACE, None, required=True),
    Option("instance", NAME, "inst"),
    Option("id", integer(0, 255)),
    Option("maxlen", integer(1, 65507)),
    Option("port", PORT),
    Option("ttl", integer(1, 255)),
    Option("group", MULTICAST),
)
TIMEOUTS = tuple(Option(name, integer(1, _model.MAX_TIMEOUT)) for name in ("tcp", "tcpfin", "udp"))
DELAYS = (
    Option("interface", INTERFACE, None, required=True),
    Option("down", seconds(0, 255), None, required=True),
    Option("up", seconds(0, 255), None),
)

#: Fields of ``globals`` that stand outside of global_defs.
ROOT = (
    Option("child_wait_time", WHOLE_SECONDS),
    Option("interface_delays", block_of(inline(DELAYS)), "interface_up_down_delays", (2, 2, 3)),
)


def _process(name: str, since: Version) -> Table:
    """Return the options that each process of keepalived has."""
    return (
        Option(f"{name}_priority", integer(-20, 19)),
        Option(f"{name}_no_swap", FLAG),
        Option(f"{name}_rt_priority", integer(1, 99)),
        Option(f"{name}_rlimit_rttime", integer(2, MAX_U32), since=(2, 1, 0)),
        Option(f"{name}_cpu_affinity", inline_list(integer(0, 4095)), since=since),
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
    Option("notification_email", block_of(EMAIL)),
    Option("notification_email_from", EMAIL),
    Option("smtp_server", SERVER),
    Option("smtp_helo_name", HOSTNAME),
    Option("smtp_connect_timeout", integer(1, MAX_SECONDS)),
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
    Option("startup_script_timeout", integer(1, 1000), since=(2, 1, 0)),
    Option("shutdown_script", NOTIFY, since=(2, 1, 0)),
    Option("shutdown_script_timeout", integer(1, 1000), since=(2, 1, 0)),
    Option("notify_fifo", PATH),
    Option("notify_fifo_script", NOTIFY),
    Option("vrrp_notify_fifo", PATH),
    Option("vrrp_notify_fifo_script", NOTIFY),
    Option("lvs_notify_fifo", PATH),
    Option("lvs_notify_fifo_script", NOTIFY),
    Option("fifo_write_vrrp_states_on_reload", FLAG, since=(2, 2, 5)),
    Option("vrrp_notify_priority_changes", BOOL, since=(2, 0, 16)),
    # VRRP.
    Option("vrrp_version", integer(2, 3)),
    Option("vrrp_mcast_group4", MULTICAST4),
    Option("vrrp_mcast_group6", MULTICAST6),
    Option("vrrp_garp_master_delay", WHOLE_SECONDS),
    Option("vrrp_garp_master_repeat", POSITIVE),
    Option("vrrp_garp_master_refresh", WHOLE_SECONDS),
    Option("vrrp_garp_master_refresh_repeat", POSITIVE),
    Option("vrrp_garp_lower_prio_delay", WHOLE_SECONDS),
    Option("vrrp_garp_lower_prio_repeat", integer(0, 2**31 - 1)),
    Option("vrrp_garp_interval", seconds(0.000001)),
    Option("vrrp_gna_interval", seconds(0.000001)),
    Option("vrrp_min_garp", BOOL, since=(2, 0, 12)),
    Option("vrrp_garp_extra_if", integer(1, 86400), since=(2, 2, 3)),
    Option("vrrp_down_timer_adverts", integer(1, 100), since=(2, 2, 3)),
    Option("vrrp_lower_prio_no_advert", BOOL),
    Option("vrrp_higher_prio_send_advert", BOOL),
    Option("vrrp_check_unicast_src", FLAG),
    Option("vrrp_skip_check_adv_addr", FLAG),
    Option("v3_checksum_as_v2", BOOL, since=(2, 2, 8)),
    Option("vrrp_startup_delay", seconds(0.001), since=(2, 0, 14)),
    Option("vrrp_delay_after_boot", seconds(0.001), since=(2, 4, 0)),
    Option("log_unknown_vrids", FLAG, since=(2, 0, 16)),
    Option("default_interface", INTERFACE),
    Option("dynamic_interfaces", FLAG),
    Option("disable_local_igmp", FLAG, since=(2, 2, 0)),
    Option("vmac_prefix", INTERFACE, since=(2, 2, 0)),
    Option("vmac_addr_prefix", INTERFACE, since=(2, 2, 0)),
    Option("nftables", NAME, since=(2, 0, 11)),
    Option("nftables_priority", integer(-(2**31), 2**31 - 1), since=(2, 0, 11)),
    Option("nftables_counters", FLAG, since=(2, 0, 11)),
    Option("vrrp_rx_bufs_policy", choice("MTU", "ADVERT"), since=(2, 0, 3)),
    Option("vrrp_rx_bufs_multiplier", integer(1, MAX_U32), since=(2, 0, 3)),
    # IPVS.
    Option("lvs_flush", FLAG),
    Option("lvs_flush_on_stop", FLAG, since=(2, 2, 0)),
    Option("lvs_timeouts", inline(TIMEOUTS)),
    Option("sync_daemon", inline(SYNC_DAEMON), "lvs_sync_daemon"),
    Option("nftables_ipvs", NAME, since=(2, 2, 2)),
    Option("nftables_ipvs_priority", integer(-(2**31), 2**31 - 1), since=(2, 2, 2)),
    Option("nftables_ipvs_start_fwmark", integer(1, MAX_U32), since=(2, 2, 2)),
    Option("checker_log_all_failures", BOOL, since=(2, 0, 11)),
    Option("rs_init_notifies", FLAG),
    # Processes.
    *_process("vrrp", (2, 0, 17)),
    *_process("checker", (2, 0, 17)),
    *_process("bfd", (2, 0, 17)),
    Option("max_auto_priority", integer(-1, 99), since=(2, 1, 0)),
    Option("min_auto_priority_delay", integer(1, 10_000_000), since=(2, 1, 0)),
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
    Option("snmp_vs_stats_update_interval", seconds(0.001, 30), since=(2, 3, 0)),
    Option("snmp_rs_stats_update_interval", seconds(0.001, 30), since=(2, 3, 0)),
)

SCRIPT = (
    Option("command", COMMAND, "script", required=True),
    Option("interval", integer(1, MAX_SECONDS)),
    Option("timeout", integer(1, MAX_SECONDS)),
    Option("rise", NUMBER),
    Option("fall", NUMBER),
    Option("weight", integer(-253, 253)),
    Option("user", USER),
    Option("init_fail", FLAG),
)
TRACK_FILE = (
    Option("file", FILE, required=True),
    Option("weight", integer(-254, 254)),
    Option("init_file", integer(-254, 254)),
)
TRACK_PROCESS = (
    Option("process", PROCESS, required=True),
    Option("param_match", choice("initial", "partial"), since=(2, 0, 16)),
    Option("weight", integer(-254, 254)),
    Option("quorum", integer(1, 65535)),
    Option("quorum_max", integer(0, 65535), since=(2, 0, 16)),
    Option("fork_delay", seconds(0.000001, 3600), since=(2, 0, 16)),
    Option("terminate_delay", seconds(0.000001, 3600), since=(2, 0, 16)),
    Option("full_command", FLAG),
)
BFD = (
    Option("neighbor_ip", ADDRESS, required=True),
    Option("source_ip", ADDRESS),
    # Milliseconds, which keepalived counts in microseconds.
    Option("min_rx", decimal_number(1, 4294967, 3)),
    Option("min_tx", decimal_number(1, 4294967, 3)),
    Option("idle_tx", decimal_number(1000, 4294967, 3)),
    Option("multiplier", integer(1, 255)),
    Option("passive", FLAG),
    Option("ttl", integer(1, 255)),
    Option("hoplimit", integer(1, 255)),
    Option("max_hops", integer(0, 255)),
    Option("multihop", BOOL, since=(2, 2, 8)),
    Option("weight", integer(-253, 253)),
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
    Option("instances", block_of(NAME), "group", required=True),
    *TRACKS,
    *NOTIFIES,
    Option("sync_group_tracking_weight", FLAG),
)
INSTANCE = (
    # It comes before the addresses: keepalived deduces a version from these.
    Option("version", integer(2, 3)),
    Option("state", choice("MASTER", "BACKUP")),
    Option("interface", INTERFACE, required=True),
    Option("use_vmac", FLAG),
    Option("vmac_interface", INTERFACE, "use_vmac"),
    Option("use_vmac_addr", FLAG, since=(2, 2, 0)),
    Option("vmac_xmit_base", FLAG),
    Option("virtual_router_id", integer(1, 255), required=True),
    Option("priority", integer(1, MAX_PRIORITY)),
    Option("advert_int", seconds(ADVERT_BOUNDS[3][0], ADVERT_BOUNDS[2][1])),
    Option("down_timer_adverts", integer(1, 100), since=(2, 2, 3)),
    Option("preempt", either("preempt", "nopreempt"), None),
    Option("preempt_delay", seconds(0, 1000)),
    Option("timer_expired_backup", integer(1, 254), since=(2, 2, 8)),
    Option("auth_pass", AUTH_PASS),
    Option("unicast_src_ip", ADDRESS),
    Option("unicast_peers", block_of(PEER), "unicast_peer"),
    Option("unicast_ttl", integer(0, 255), since=(2, 1, 0)),
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
    Option("virtual_routes", block_of(ROUTE)),
    Option("virtual_rules", block_of(RULE)),
    Option("accept", either("accept", "no_accept"), None),
    Option("dont_track_primary", FLAG),
    *TRACKS,
    *NOTIFIES,
    Option("notify_master_rx_lower_pri", NOTIFY, since=(2, 0, 6)),
    Option("garp_master_delay", WHOLE_SECONDS),
    Option("garp_master_repeat", POSITIVE),
    Option("garp_master_refresh", WHOLE_SECONDS),
    Option("garp_master_refresh_repeat", POSITIVE),
    Option("garp_lower_prio_delay", WHOLE_SECONDS),
    Option("garp_lower_prio_repeat", integer(0, 2**31 - 1)),
    Option("garp_extra_if", integer(0, 86400), since=(2, 2, 3)),
    Option("lower_prio_no_advert", BOOL),
    Option("higher_prio_send_advert", BOOL),
    Option("skip_check_adv_addr", BOOL),
)

#: When a check is made, of a service, a destination or a check itself.
TIMING = (
    Option("delay_loop", seconds(0.000001)),
    Option("connect_timeout", seconds(0.000001)),
    Option("delay_before_retry", SECONDS),
    Option("warmup", SECONDS),
)
ANSWER = (
    Option("inhibit_on_failure", BOOL),
    Option("smtp_alert", BOOL),
    Option("virtualhost", HOSTNAME),
    Option("snmp_name", TEXT, since=(2, 2, 3)),
    Option("alpha", BOOL),
    Option("retries", integer(1, MAX_U32), "retry"),
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
    Option("quorum", integer(1, MAX_U32)),
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
    Option("status", inline_list(STATUS), "status_code"),
    Option("digest", DIGEST),
    Option("host", HOSTNAME, "virtualhost"),
)
_HTTP = (
    *_CONNECTING,
    Option("http_protocol", choice("1.0", "1.0C", "1.1"), since=(2, 0, 17)),
    Option("virtualhost", HOSTNAME),
    Option("fast_recovery", BOOL, since=(2, 0, 17)),
    Option("urls", blocks_of("url", URL), None, required=True),
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
            Option("query", choice("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"), "type"),
            Option("name", DOMAIN),
        ),
    ),
    "udp": Check(
        "UDP_CHECK",
        (
            *_CONNECTING,
            Option("payload", HEX, since=(2, 2, 0)),
            Option("require_reply", REPLY),
            Option("min_reply_length", integer(0, 65535), since=(2, 2, 0)),
            Option("max_reply_length", integer(0, 65535), since=(2, 2, 0)),
        ),
        (2, 1, 0),
    ),
    "ping": Check("PING_CHECK", _CONNECTING, (2, 1, 0)),
    "misc": Check(
        "MISC_CHECK",
        (
            Option("command", COMMAND, "misc_path", required=True),
            Option("timeout", integer(1, MAX_SECONDS), "misc_timeout"),
            Option("dynamic", FLAG, "misc_dynamic"),
            Option("user", USER),
            *_ALL_CHECKS,
        ),
    ),
    "file": Check(
        "FILE_CHECK",
        (
            Option("track_file", NAME, required=True),
            Option("weight", integer(-65535, 65535)),
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
