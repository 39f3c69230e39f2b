# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster after site.yml, and after a power cut without another run."""

from __future__ import annotations

import json

from cluster import unit_is_active

VIP = "192.168.2.149"
FOREIGN = "198.51.100.9/32"  # of prepare.yml


def addresses(host, interface):
    [shown] = json.loads(host.check_output(f"ip -4 -json address show dev {interface}"))
    return sorted(f"{a['local']}/{a['prefixlen']}" for a in shown["addr_info"])


def test_a_second_run_changes_nothing(unchanged):
    unchanged("playbooks/site")


def test_the_director_has_its_table(director):
    assert director.check_output("ipvsadm --save --numeric").splitlines() == [
        f"-A -t {VIP}:80 -s wrr",
        f"-a -t {VIP}:80 -r 192.168.2.31:80 -g -w 5",
        f"-a -t {VIP}:80 -r 192.168.2.32:80 -g -w 5",
    ]
    assert director.sysctl("net.ipv4.vs.expire_nodest_conn") == 1
    assert director.sysctl("net.ipv4.vs.expire_quiescent_template") == 1


def test_the_director_holds_the_vip(director):
    assert addresses(director, "eth0") == [f"{VIP}/32", "192.168.2.23/24", FOREIGN]
    assert unit_is_active(director, "lvs-director.service")


def test_a_real_server_holds_the_vip_on_lo(real_server):
    assert addresses(real_server, "lo") == ["127.0.0.1/8", f"{VIP}/32"]
    assert unit_is_active(real_server, "lvs-realserver-dr.service")


def test_a_real_server_suppresses_arp_for_the_vip(real_server):
    for setting, least in ("arp_ignore", 1), ("arp_announce", 2):
        values = [real_server.sysctl(f"net.ipv4.conf.{i}.{setting}") for i in ("all", "eth0")]
        assert max(values) == least


def test_clients_are_served(verified, director):
    """Check the figures of verify.yml against the weights of wrr."""
    mac = director.check_output("cat /sys/class/net/eth0/address")
    for name in "rs31", "rs32":
        assert f"{name}  10 of 20 requests, weight 5" in verified
    assert f"the VIP is at {mac}, the director at {mac}" in verified
    assert "past the director" in verified
