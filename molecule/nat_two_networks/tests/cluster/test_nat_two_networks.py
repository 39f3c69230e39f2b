# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""T4-NAT after site.yml and a power cut."""

from __future__ import annotations

from cluster import unit_is_active

VIP, DIP = "192.168.10.254", "192.168.0.254"


def test_a_second_run_changes_nothing(unchanged):
    unchanged("playbooks/site")


def test_all_four_answer_and_every_answer_comes_through_the_director(verified, director):
    mac = director.check_output("cat /sys/class/net/eth0/address")
    for name in "rs160", "rs170", "rs180", "d254 ":
        assert f"{name}  5 of 20 requests, weight 1" in verified
    assert f"the VIP is at {mac}" in verified
    assert f"answers came from {mac}, " in verified


def test_the_director_has_its_table_with_itself_in_it(director):
    table = director.check_output("ipvsadm --save --numeric").splitlines()
    assert table[0] == f"-A -t {VIP}:80 -s wlc"
    rips = ["192.168.0.160", "192.168.0.170", "192.168.0.180", DIP]
    assert [line.split()[4] for line in table[1:]] == [f"{rip}:80" for rip in rips]


def test_the_director_forwards_and_sends_no_redirects_to_the_real_servers(director):
    assert director.sysctl("net.ipv4.ip_forward") == 1
    assert director.sysctl("net.ipv4.conf.all.send_redirects") == 0
    assert director.sysctl("net.ipv4.conf.eth1.send_redirects") == 0
    assert director.sysctl("net.ipv4.conf.eth0.send_redirects") == 1
    assert unit_is_active(director, "lvs-director.service")


def test_only_answers_of_services_go_through_the_director(real_server):
    way = "ip route get 192.168.10.10 ipproto 6 dport 40000 sport"
    assert f"via {DIP} " in real_server.check_output(f"{way} 80 from {rip(real_server)}")
    assert "via 192.168.0.1 " in real_server.check_output(f"{way} 22 from {rip(real_server)}")
    assert real_server.check_output("ip route show default").startswith("default via 192.168.0.1")
    assert unit_is_active(real_server, "lvs-realserver-nat.service")


def rip(host):
    """Return a real server's address."""
    return host.check_output("hostname --all-ip-addresses").split()[0]
