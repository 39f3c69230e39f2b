# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold of T1-TUN after site.yml, and after a power cut without it."""

from __future__ import annotations

import json

from conftest import unit_is_well

VIP = "192.168.2.149"


def test_both_answer_past_the_director(seen, director):
    mac = director.check_output("cat /sys/class/net/eth0/address")
    for name in "rs31", "rs32":
        assert f"{name}  10 of 20 requests, weight 5" in seen
    assert f"the VIP is at {mac}, the director at {mac}" in seen
    assert "past the director" in seen


def test_a_real_server_holds_the_vip_on_tunl0(real_server):
    [tunnel] = json.loads(real_server.check_output("ip -json address show dev tunl0"))
    assert [f"{a['local']}/{a['prefixlen']}" for a in tunnel["addr_info"]] == [f"{VIP}/32"]
    assert unit_is_well(real_server, "lvs-realserver-tun.service")


def test_requests_come_in_wrapped(node, director, real_server):
    """The tunnel's counter sees the client's packets, and the director's sees no answer."""
    packets = "cat /sys/class/net/tunl0/statistics/rx_packets"
    before = int(real_server.check_output(packets))
    node("c10").check_output(f"for n in 1 2 3 4; do curl -s http://{VIP}/; done")
    assert int(real_server.check_output(packets)) >= before + 2 * 4


def test_large_requests_and_answers_arrive_whole(node, real_server):
    real_server.check_output("head -c 1000000 /dev/zero > /var/www/html/large")
    for _ in range(2):
        said = node("c10").check_output(
            f"curl -s --max-time 20 http://{VIP}/large | wc -c;"
            # nginx answers 405 to a POST on a file, once it has all of it
            " head -c 60000 /dev/zero | curl -s --max-time 20 -o /dev/null -w %{http_code}"
            f" -H Expect: --data-binary @- http://{VIP}/large"
        )
        assert said.split()[-1] in ("405", "404")
