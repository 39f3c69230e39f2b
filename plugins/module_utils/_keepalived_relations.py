# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the fields of keepalived's configuration relate to each other.

Each function yields a sentence for everything that ``keepalived -t`` refuses though every field is
right by itself. Values that are none of their kind are passed over: they are reported where they
are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils import _model, _model_parser
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_kinds import given
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import (
    InvalidValue,
    decimal,
)

#: VRRP counts addresses in 8 bits; all have to be in one packet of an Ethernet (vrrp.c,
#: vrrp_complete_instance).
MOST_VIPS = {"ipv4": 255, "ipv6": 90}
#: The weight of what is tracked if none is given: that of a track_file is 1 (track_file.c).
WEIGHTS = {"track_interfaces": 0, "track_scripts": 0, "track_files": 1, "track_bfds": 0}
#: keepalived's own bounds where none is given (check_udp.c; bfd.h).
MAX_REPLY, HOPS = 255, {"ipv4": 255, "ipv6": 64}


def as_list(value: Any) -> list[Any]:
    """Return a value as a list; nothing is an empty one."""
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def on(raw: Mapping[str, Any], name: str) -> bool:
    """Return whether a field is given, and not as false."""
    return given(raw, name) and str(raw[name]).lower() not in ("no", "false", "0")


def off(raw: Mapping[str, Any], name: str) -> bool:
    """Return whether a field is given as false."""
    return given(raw, name) and not on(raw, name)


def number(raw: Mapping[str, Any], name: str, default: float) -> float:
    """Return a number that is given, or another one if none is, or what is given is none."""
    try:
        return float(raw[name]) if given(raw, name) else default
    except (TypeError, ValueError, OverflowError):
        return default


def named(items: Any, field: str = "name") -> list[tuple[str, Mapping[str, Any]]]:
    """Return the items of a list, each a word or a mapping, as their words and mappings."""
    return [
        (str(item.get(field)), item) if isinstance(item, Mapping) else (str(item), {})
        for item in as_list(items)
    ]


def twice(words: Iterable[Any]) -> list[Any]:
    """Return what stands in it more than once, each once."""
    words = list(words)
    return [word for word in dict.fromkeys(words) if words.count(word) > 1]


def family(value: Any) -> str | None:
    """Return the family of an address, with or without a prefix length; None if it is none."""
    address = _model.normal_address(str(value).partition("/")[0])
    return _model.family_of(address) if address else None


def protocol(raw: Mapping[str, Any], of_vips: str, asked: Any) -> Iterator[str]:
    """Yield what the version of VRRP does not allow.

    :param of_vips: the family of the instance
    :param asked: the version that is given for the instance or for all, 2 if none is
    """
    if of_vips == "ipv6" and str(raw.get("version")) == "2":
        yield "VRRP version 2 has no IPv6; set version: 3"
    version = 3 if of_vips == "ipv6" else _model_parser.as_integer(asked) or 2
    if version == 3 and given(raw, "auth_pass"):
        yield (
            "auth_pass needs VRRP version 2, and this instance speaks version 3; remove it, and"
            " let a firewall accept VRRP from the peers only"
        )
    try:
        interval = decimal(raw.get("advert_int", 1))
    except InvalidValue:
        return
    if version == 2 and interval != int(interval):
        yield (
            f"advert_int is {interval:g}, and VRRP version 2 counts whole seconds; set version: 3"
        )
    _unit, longest = _options.ADVERT_BOUNDS[3]
    if version == 3 and (interval > longest or round(interval * 100, 6) % 1):
        yield (
            f"advert_int is {interval:g}, and VRRP version 3 counts hundredths of a second up to"
            f" {longest}"
        )


def preemption(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the initial state and preemption contradict in each other."""
    master = raw.get("state") == "MASTER"
    if master and not given(raw, "priority"):
        yield (
            "state MASTER without a priority means 255, the owner of the addresses; give a priority"
        )
    stays = off(raw, "preempt")
    if master and stays:
        yield "preempt: false needs the initial state BACKUP, on every director"
    if given(raw, "preempt_delay"):
        if master:
            yield "preempt_delay needs the initial state BACKUP"
        if stays:
            yield "preempt_delay does nothing with preempt: false; remove one"


def unicast_and_multicast(raw: Mapping[str, Any], of_vips: str) -> Iterator[str]:
    """Yield what unicast and multicast contradict in each other."""
    peers = as_list(raw.get("unicast_peers"))
    if not peers:
        for name in ("unicast_src_ip", "unicast_ttl", "check_unicast_src"):
            if given(raw, name) and raw[name] is not False:
                yield (
                    f"{name} is given without unicast_peers, and keepalived would use multicast;"
                    " set unicast_peers, or remove it"
                )
        return
    for name in ("mcast_src_ip", "mcast_dst_ip"):
        if given(raw, name):
            yield f"{name} is for multicast, but unicast_peers is set; remove one of them"
    vmac = on(raw, "use_vmac") or given(raw, "vmac_interface")
    if vmac and not on(raw, "vmac_xmit_base"):
        yield "use_vmac with unicast_peers needs vmac_xmit_base: true"
    source = _model.normal_address(raw.get("unicast_src_ip"))
    seen = set()
    for peer, _ttl in named(peers, "address"):
        address = _model.normal_address(peer)
        if address is None:
            continue
        if address == source:
            yield f"unicast_peers has {address}, which is unicast_src_ip itself"
        if address in seen:
            yield f"unicast_peers has {address} twice"
        if _model.family_of(address) != of_vips:
            yield f"unicast_peers has {address}, but the vips are {of_vips}"
        seen.add(address)


def instance(raw: Mapping[str, Any], of_vips: str) -> Iterator[str]:
    """Yield what is wrong within a VRRP instance; ``of_vips`` is its family."""
    vmac = on(raw, "use_vmac") or given(raw, "vmac_interface")
    if on(raw, "vmac_xmit_base") and not vmac:
        yield (
            "vmac_xmit_base is true, but there is no virtual MAC; set use_vmac: true, or remove it"
        )
    if on(raw, "promote_secondaries") and vmac:
        yield "promote_secondaries is always on with a virtual MAC; remove it"
    if given(raw, "timer_expired_backup") and not off(raw, "preempt"):
        yield "timer_expired_backup needs preempt: false; set it, or remove timer_expired_backup"
    for name in ("unicast_src_ip", "mcast_src_ip", "mcast_dst_ip"):
        of_name = family(raw.get(name))
        if of_name and of_name != of_vips:
            yield f"{name} is {raw[name]}, but the vips are {of_vips}; it must be of their family"
    for peer, ttl in named(raw.get("unicast_peers"), "address"):
        if number(ttl, "min_ttl", 0) > number(ttl, "max_ttl", 255):
            yield (
                f"unicast_peers has {peer} with a min_ttl above its max_ttl, so nothing from it is"
                " accepted; exchange them"
            )
    yield from _vips(raw, of_vips)
    for word in _options.TRACK_FIELDS:
        yield from _duplicates(raw, word)
    own = str(raw.get("interface"))
    if own in dict(named(raw.get("track_interfaces"))):
        yield (
            f"track_interfaces has {own}, the instance's own interface, which it tracks unless"
            " dont_track_primary is true; remove it"
        )


def _duplicates(raw: Mapping[str, Any], field: str) -> Iterator[str]:
    for name in twice(name for name, _item in named(raw.get(field))):
        yield f"{field} has {name} twice; remove one of them"


def _vips(raw: Mapping[str, Any], of_vips: str) -> Iterator[str]:
    """Yield what is wrong with the addresses of an instance, taken together."""

    def addresses(field: str) -> list[tuple[str, str]]:
        entries = named(raw.get(field), "address")
        plain = ((_model.normal_address(a.partition("/")[0]), item) for a, item in entries)
        return [(address, str(item.get("interface") or "")) for address, item in plain if address]

    vips, excluded = addresses("vips"), addresses("excluded_vips")
    for address in twice(address for address, _interface in vips):
        yield f"vips has {address} twice; remove one of them"
    for address, interface in twice([*dict.fromkeys(vips), *excluded]):
        where = f" on {interface}" if interface else ""
        yield f"excluded_vips has {address}{where}, which is in vips or excluded_vips already"
    most = MOST_VIPS[of_vips]
    if len(vips) > most:
        yield (
            f"vips has {len(vips)} addresses, and an advertisement has room for {most}; move the"
            " others to excluded_vips"
        )


def group(
    raw: Mapping[str, Any],
    members: Sequence[Mapping[str, Any]],
    defined: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Iterator[str]:
    """Yield what is wrong between a group of instances and its members.

    :param members: the instances
    :param defined: by list of the schema and name, what can be tracked
    """
    names = {str(name) for name in as_list(raw.get("instances"))}
    if len(names) == 1:
        yield (
            f"instances has {''.join(names)} only, and a group keeps several in one state; name"
            " another one, or remove the group"
        )
    for field in _options.TRACK_FIELDS:
        yield from _duplicates(raw, field)
    tracked = dict(named(raw.get("track_interfaces")))
    for member in members:
        label, own = str(member.get("name")), str(member.get("interface"))
        theirs = dict(named(member.get("track_interfaces")))
        if not on(member, "dont_track_primary"):
            theirs[own] = {}
        for name in tracked.keys() & theirs.keys():
            yield (
                f"track_interfaces has {name}, which instance {label} tracks itself; remove one of"
                " them"
            )
        if on(raw, "sync_group_tracking_weight"):
            continue
        for field, default in WEIGHTS.items():
            for name, item in named(member.get(field)):
                known = defined.get(_options.TRACKERS.get(field, ""), {}).get(name, {})
                if number(item, "weight", number(known, "weight", default)):
                    yield (
                        f"instance {label} tracks {name} with a weight, which a group ignores; set"
                        " sync_group_tracking_weight: true, or its weight to 0"
                    )


def bfd_instances(items: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield each BFD instance with what is wrong with it."""
    seen: dict[tuple[str, bool], list[str | None]] = {}
    for raw in items:
        neighbor = _model.normal_address(raw.get("neighbor_ip"))
        source = _model.normal_address(raw.get("source_ip"))
        if neighbor is None:
            continue
        if source and _model.family_of(source) != _model.family_of(neighbor):
            yield (
                raw,
                f"source_ip is {source}, but neighbor_ip is {neighbor}; they must be of one family",
            )
        sources = seen.setdefault((neighbor, on(raw, "multihop")), [])
        if sources and (None in (source, *sources) or source in sources):
            sentence = (
                f"another BFD instance has the neighbor_ip {neighbor}, too; give each a source_ip"
                " of its own, or remove one"
            )
            yield raw, sentence
        sources.append(source)
        default = HOPS[_model.family_of(neighbor)]
        hops = number(raw, "hoplimit", number(raw, "ttl", default))
        if number(raw, "max_hops", 0) > hops:
            yield raw, f"max_hops is {raw['max_hops']}; it must be at most the ttl, {hops:g}"


def track_process(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong within a process to track."""
    quorum, most = number(raw, "quorum", 1), number(raw, "quorum_max", 65535)
    if most < quorum and (most or quorum > 1):
        yield f"quorum_max is {most:g}; it must be at least the quorum, {quorum:g}"


def check(raw: Mapping[str, Any], address: str) -> Iterator[str]:
    """Yield what is wrong within a health check of a destination with that address."""
    target = raw.get("connect_ip") if given(raw, "connect_ip") else address
    of_target, of_source = family(target), family(raw.get("bindto"))
    if of_target and of_source and of_target != of_source:
        yield (
            f"bindto is {raw['bindto']}; it must be of the family of {target}, to which it connects"
        )
    least, most = number(raw, "min_reply_length", 0), number(raw, "max_reply_length", MAX_REPLY)
    if least > most:
        yield (
            f"min_reply_length is {least:g}; it must be at most max_reply_length, which is"
            f" {most:g}" + ("" if given(raw, "max_reply_length") else " if it is not given")
        )


def sorry_server(
    sorry: Mapping[str, Any], service: Mapping[str, Any], destination: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a sorry server that is a real server of the service, too."""
    has = "inhibit_on_failure"
    inhibited = on(destination if given(destination, has) else service, has)
    if on(sorry, "inhibit") != inhibited:
        yield (
            f"sorry_server is a destination, too, and its inhibit is {str(not inhibited).lower()};"
            f" it must be {str(inhibited).lower()}, as {has} of the destination is"
        )
