# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that collect what several hosts have."""

from __future__ import annotations

from ansible_collections.lvs.cluster.plugins.filter.by_host import FilterModule as ByHost
from ansible_collections.lvs.cluster.plugins.filter.exclude_macs import FilterModule as Macs
from jinja2.runtime import Undefined

by_host = ByHost().filters()["by_host"]
exclude_macs = Macs().filters()["exclude_macs"]


def test_hosts_without_the_variable_are_left_out():
    hostvars = {
        "d23": {"seen": {"rc": 0}},
        "d24": {},
        "d25": {"seen": Undefined()},
        "d26": {"seen": 0},
    }
    assert by_host(["d23", "d24", "d25", "d26"], hostvars, "seen") == {"d23": {"rc": 0}, "d26": 0}


def test_marks_exclude_packets_forwarded_by_other_directors():
    mark = {"fwmark": 1, "vip": "192.168.2.149", "protocol": "tcp", "ports": [80]}
    checked = {"d24": {"macs": ["02:42:c0:a8:02:18"]}, "d25": {"msg": "unreachable"}}
    assert exclude_macs([mark], checked) == [{**mark, "exclude_macs": ["02:42:c0:a8:02:18"]}]
    assert exclude_macs([mark], {}) == [{**mark, "exclude_macs": []}]
