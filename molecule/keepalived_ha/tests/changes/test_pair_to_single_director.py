# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair becomes a single director, and a pair again, by the inventory alone."""

from __future__ import annotations

import time

import pair
import pytest
from cluster import hosts_of, unit_is_active

VIP = "192.168.2.149"
DIRECTORS = ["d23", "d31"]
CHECK = "        check: {type: tcp, connect_timeout: 1, retries: 1, delay_before_retry: 1}\n"
#: The second director stays a real server; nothing of VRRP is left.
ALONE = (
    ("        d31:\n          ansible_host: 192.168.2.31\n          lvs_priority: 100\n", ""),
    ("        d31:\n        rs32:", "        d31: {ansible_host: 192.168.2.31}\n        rs32:"),
    ("          lvs_priority: 150\n", ""),
    ('    lvs_virtual_router_id: 51\n    lvs_advert_int: 1\n    lvs_auth_pass: "1111"\n', ""),
    ("      instance: {preempt_delay: 5}\n", ""),
)
GLOBALS = """    lvs_keepalived:
      globals:
        notification_email: [failover@example.org, sysadmin@example.org]
        notification_email_from: keepalived@example.org
        smtp_server: 192.168.200.1
        smtp_connect_timeout: 30
"""
#: apt finds no keepalived, and no mirror, since reading its lists would take a minute.
BARRED = "/etc/apt/preferences.d/barred /etc/apt/apt.conf.d/barred"
BAR = """
    cd /etc/apt
    printf 'Package: keepalived\\nPin: release *\\nPin-Priority: -1\\n' > preferences.d/barred
    echo 'Acquire { Retries 0; http::Proxy "http://127.0.0.1:9"; };' > apt.conf.d/barred
"""
UNCHECKED = (*ALONE, (GLOBALS, ""), (CHECK, ""), ("        delay_loop: 1\n", ""))


def no_keepalived(director, playbook, inventory):
    """Check that a single director survives a run that can't install keepalived for a pair."""
    director.check_output(f"{BAR} apt-get remove --yes keepalived")
    try:
        run = playbook("playbooks/site", inventory=inventory)
    finally:
        director.check_output(f"rm {BARRED}")
    assert run.returncode != 0
    assert "keepalived" in run.stdout
    for file in ("ip", "ipvs"):
        assert VIP in director.file(f"/etc/lvs/director.{file}").content_string
    assert unit_is_active(director, "lvs-director.service")


@pytest.mark.parametrize("change", [UNCHECKED, ALONE], ids=["without checks", "with checks"])
def test_a_pair_becomes_a_single_director_and_a_pair_again(node, build, playbook, changed, change):
    checked = change is ALONE
    with pair.stream("c10", VIP) as traffic:
        build(*pair.SHORT_TIMERS, *change)
        time.sleep(2)
    print(f"\na single director: {traffic.result}")
    assert pair.vip_holders(node, VIP) == ["d23"]
    for name in DIRECTORS:
        checks = checked and name == "d23"
        assert node(name).service("keepalived").is_running == checks
        assert node(name).file("/etc/keepalived/keepalived.conf").exists == checks
        assert "lvs_keepalived_ha" not in node(name).check_output("nft list tables")
    assert unit_is_active(node("d23"), "lvs-director.service")
    assert not node("d31").file("/etc/systemd/system/lvs-director.service").exists
    assert node("d31").check_output("ipvsadm --save --numeric") == ""
    with pair.stream("c10", VIP) as traffic:
        time.sleep(3)
    assert traffic.result["failed"] == 0, traffic.result
    assert set(traffic.result["servers"]) == set(hosts_of("lvs_realservers"))

    if not checked:
        no_keepalived(node("d23"), playbook, changed(*pair.SHORT_TIMERS))
    with pair.stream("c10", VIP) as traffic:
        build(*pair.SHORT_TIMERS)
        pair.wait_for_only_holder(node, "d23", VIP)
    print(f"\na pair again: {traffic.result}")
    for name in DIRECTORS:
        assert unit_is_active(node(name), "keepalived.service")
    with pair.stream("c10", VIP) as traffic:
        time.sleep(3)
    assert traffic.result["failed"] == 0, traffic.result
    assert set(traffic.result["servers"]) == set(hosts_of("lvs_realservers"))
