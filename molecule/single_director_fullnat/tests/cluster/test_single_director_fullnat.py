# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold of FULLNAT after site.yml, and after a power cut without it."""

from __future__ import annotations


def test_both_answer_and_through_the_director(seen, director):
    mac = director.check_output("cat /sys/class/net/eth0/address")
    for name in "rs31", "rs32":
        assert f"{name}  10 of 20 requests, weight 5" in seen
    assert f"answers came from {mac}, " in seen


def test_a_real_server_sees_the_director_as_its_client_and_has_nothing_of_ours(seen, real_server):
    log = real_server.check_output("tail -n 5 /var/log/nginx/access.log")
    assert {line.split()[0] for line in log.splitlines()} == {"192.168.2.23"}
    ours = "ls -d /etc/lvs /etc/sysctl.d/*lvs* /etc/systemd/system/lvs-* 2>/dev/null; ip rule"
    assert real_server.check_output(ours).splitlines() == [
        "0:\tfrom all lookup local",
        "32766:\tfrom all lookup main",
        "32767:\tfrom all lookup default",
    ]


def test_only_balanced_connections_get_the_directors_address(seen, director, node):
    """The client reaches a real server through the director by itself, and keeps its address."""
    node("c10").check_output("ip route replace 10.0.0.31 via 192.168.2.23")
    assert node("c10").check_output("curl -s http://10.0.0.31:8080/") == "rs31"
    node("c10").check_output("ip route delete 10.0.0.31 via 192.168.2.23")
    log = node("rs31").check_output("tail -n 1 /var/log/nginx/access.log")
    assert log.split()[0] == "192.168.2.10"
