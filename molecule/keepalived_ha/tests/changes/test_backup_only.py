# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""T2 without preemption, and both directors are real servers, too."""

from __future__ import annotations

import time

import pair
from cluster import hosts_of

VIP = "192.168.2.149"
MASTER, BACKUP = "d23", "d31"
ALSO_A_REAL_SERVER = ("        rs20:", "        d23:\n        rs20:")
STAYS = ("{preempt_delay: 5}", "{preempt: false}")


def test_no_connection_is_scheduled_twice_though_both_directors_serve(node, build):
    """Check both roles of each director, before and after a fail-over."""
    pair.start_web_server(node, MASTER)
    build(*pair.SHORT_TIMERS, ALSO_A_REAL_SERVER, STAYS)
    pair.schedule_every_connection(node)
    for master, backup in ((MASTER, BACKUP), (BACKUP, MASTER)):
        if master == BACKUP:
            node(MASTER).check_output("systemctl restart keepalived")
        pair.wait_for_only_holder(node, master, VIP)
        time.sleep(3)
        before = pair.scheduled(node, MASTER, BACKUP)
        with pair.stream("c10", VIP) as traffic:
            time.sleep(5)
        after = pair.scheduled(node, MASTER, BACKUP)
        assert traffic.result["failed"] == 0, traffic.result
        assert set(traffic.result["servers"]) == {*hosts_of("lvs_realservers"), MASTER}
        assert after[backup] == before[backup]
        pair.assert_scheduled_once(after[master] - before[master], traffic)
