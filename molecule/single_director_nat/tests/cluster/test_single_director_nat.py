# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold of T1-NAT after site.yml, and after a power cut without it."""

from __future__ import annotations


def test_both_answer_at_another_port_and_through_the_director(seen, director):
    mac = director.check_output("cat /sys/class/net/eth0/address")
    for name in "rs31", "rs32":
        assert f"{name}  10 of 20 requests, weight 5" in seen
    assert f"answers came from {mac}, " in seen
    assert "-r 10.0.0.31:8080 -m -w 5" in director.check_output("ipvsadm --save --numeric")
