# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bounds of the tables are keepalived's: it accepts them, and refuses what is beyond.

Where the tables allow less than keepalived accepts, the reason stands here.
"""

from __future__ import annotations

import re

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options

VIP = {"vip": "192.168.2.149", "port": 80}
POOL = [{"address": "192.168.2.20"}]
WEB = {"name": "web", "interface": "eth0", "virtual_router_id": 51, "vips": ["192.168.2.149"]}
#: What else an option needs.
BESIDE = {
    "timer_expired_backup": {"preempt": False},
    "unicast_ttl": {"unicast_peers": ["192.168.2.9"]},
    "hysteresis": {"quorum": 65535},
    "min_reply_length": {"max_reply_length": 65535},
}


def instance(option):
    """Return an instance with an option. VRRP 2 has the longer interval, VRRP 3 the shorter."""
    version = 3 if option.get("advert_int", 1) < 1 else 2
    return {**WEB, "version": version, **option}


#: Where an option stands in a configuration without mistakes: its table, and the rest of it.
PLACES = {
    "globals": (
        (*_options.ROOT, *_options.GLOBALS),
        lambda option: {"globals": option, "instances": [WEB]},
    ),
    "instances": (_options.INSTANCE, lambda option: {"instances": [instance(option)]}),
    "scripts": (
        _options.SCRIPT,
        lambda option: {
            "globals": {"enable_script_security": True},
            "scripts": [{"name": "a", "command": "/usr/bin/true", **option}],
            "instances": [{**WEB, "track_scripts": ["a"]}],
        },
    ),
    "track_files": (
        _options.TRACK_FILE,
        lambda option: {
            "track_files": [{"name": "a", "file": "/tmp/a", **option}],
            "instances": [WEB],
        },
    ),
    "track_processes": (
        _options.TRACK_PROCESS,
        lambda option: {
            "track_processes": [{"name": "a", "process": "b", **option}],
            "instances": [WEB],
        },
    ),
    "bfd_instances": (
        _options.BFD,
        lambda option: {
            "bfd_instances": [{"name": "a", "neighbor_ip": "192.0.2.1", **option}],
            "instances": [{**WEB, "track_bfds": ["a"]}],
        },
    ),
    "services": (
        _options.SERVICE,
        lambda option: {
            "services": [{**VIP, "destinations": [{**POOL[0], "weight": 65535}], **option}]
        },
    ),
    "destinations": (
        _options.DESTINATION,
        lambda option: {"services": [{**VIP, "destinations": [{**POOL[0], **option}]}]},
    ),
    **{
        f"check {kind}": (
            _options.CHECKS[kind].table,
            lambda option, kind=kind: {
                "services": [{**VIP, "destinations": POOL, "check": {"type": kind, **option}}]
            },
        )
        for kind in ("tcp", "dns", "udp", "ping")
    },
}
#: Bounded by the weights of the pool before anything else.
RELATIVE = ("quorum", "hysteresis")

#: Why the tables allow less than keepalived accepts.
REASONS = {
    "priority": "255 is for the owner of an address (RFC 9568, 5.2.4), and no director owns a VIP",
    "rlimit_rttime": "keepalived takes 1 for 2 (global_parser.c, get_rt_rlimit)",
    "max_hops": "-1 means no limit to keepalived, as without the option",
    _kinds.MAX_SECONDS: (
        "keepalived counts microseconds in an unsigned long, which has 32 bits on some machines"
    ),
}


def reason(option, beyond):
    """Return why a number beyond the bounds of an option is refused though keepalived takes it."""
    name = option.name.removeprefix("vrrp_").removeprefix("checker_").removeprefix("bfd_")
    longest = option.kind.domain[1]
    return REASONS.get(name) or (beyond > longest and REASONS.get(longest))


def bounded(version):
    """Yield each option with bounds that a release has: its place, itself, and the bounds."""
    for place, (table, _build) in PLACES.items():
        for option in table:
            numeric = option.kind.argument["type"] in ("int", "float")
            relative = option.name in RELATIVE
            if numeric and not relative and option.kind.domain and option.since <= version:
                yield place, option, option.kind.domain[:2]


def written(place, option, number, version):
    """Return the file in which an option has a number, in two parts: without its line."""
    config = PLACES[place][1]({**BESIDE.get(option.name, {}), option.name: number})
    assert _keepalived.mistakes(config, version) == [], (place, option.name, number)
    [line] = option.lines(number)
    parts = re.split(rf"(?m)^ *{re.escape(line)}$", _keepalived.render(config, version))
    assert len(parts) == 2, (place, line)
    return parts, line


def test_keepalived_accepts_the_bounds(keepalived, version):
    for place, option, bounds in bounded(version):
        for number in bounds:
            parts, line = written(place, option, number, version)
            assert keepalived.test(line.join(parts)) == (0, ""), (place, option.name, number)


def test_keepalived_refuses_values_out_of_bounds(keepalived, version):
    accepted = []
    for place, option, bounds in bounded(version):
        step = 1 if option.kind.argument["type"] == "int" else 0.001
        for bound, beyond in zip(bounds, (bounds[0] - step, bounds[1] + step), strict=True):
            parts, line = written(place, option, bound, version)
            other = f"{line.split()[0]} {round(beyond, 6)}"
            if keepalived.test(other.join(parts))[0] == 0 and not reason(option, beyond):
                accepted.append((place, other))
    assert accepted == []
