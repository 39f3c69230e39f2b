# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold of T4-DR after site.yml and a power cut."""

from __future__ import annotations

import json

from cluster import unit_is_active

PAGE = 100_000  # bytes


def carried(host):
    """Return the bytes that a router has sent toward the clients, and inward."""
    links = json.loads(host.check_output("ip -json -statistics link show"))
    sent = {link["ifname"]: link["stats64"]["tx"]["bytes"] for link in links}
    return sent["eth1"], sent["eth0"]


def test_a_second_run_changes_nothing(unchanged):
    unchanged("playbooks/site")


def test_requests_come_by_router_a_and_answers_leave_by_router_b(node, director):
    for name in "rs160", "rs170", "rs180":
        node(name).check_output(f"head -c {PAGE} /dev/zero > /var/www/html/page")
    routers = [node("router_a"), node("router_b")]
    before = [carried(router) for router in routers]
    for _ in range(6):
        client = node("c10")
        assert client.check_output("curl -s http://192.168.0.200/page | wc -c") == str(PAGE)
    after = [carried(router) for router in routers]

    (a_out, a_in), (b_out, b_in) = [
        [now - then for now, then in zip(*pair, strict=True)]
        for pair in zip(after, before, strict=True)
    ]
    assert b_out > 6 * PAGE
    assert a_out < PAGE / 10
    assert a_in > 6 * 40  # at least an acknowledgement each
    assert b_in < PAGE / 10


def test_every_real_server_answers(verified):
    for name in "rs160", "rs170", "rs180":
        assert f"{name}  0 of" not in verified
    assert "a router lies between" in verified


def test_boot_units_are_active(director, real_server):
    assert unit_is_active(director, "lvs-director.service")
    assert unit_is_active(real_server, "lvs-realserver-dr.service")
