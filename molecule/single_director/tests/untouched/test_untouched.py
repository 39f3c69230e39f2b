# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After site.yml --check on fresh nodes: nothing of a cluster is there."""

from __future__ import annotations

import pytest
import state

VIP = "192.168.2.149"

#: Everything that the roles put on a machine, or change on it.
TRACES = f"""
    ls -d /etc/lvs /etc/sysctl.d/*lvs* /etc/systemd/system/lvs-* 2>/dev/null
    ls -d /etc/systemd/system/*.wants/lvs-* 2>/dev/null
    dpkg-query --show ipvsadm python3-pyroute2 2>/dev/null
    ip -oneline address show to {VIP}
    grep -v 0 /proc/sys/net/ipv4/conf/*/arp_ignore /proc/sys/net/ipv4/conf/*/arp_announce
    grep -v 0 /proc/sys/net/ipv4/vs/expire_*
    tail -n +4 /proc/net/ip_vs
    true
"""


@pytest.mark.parametrize("name", ["d23", "rs31", "rs32"])
def test_check_mode_leaves_a_fresh_machine_as_it_is(node, name):
    assert node(name).check_output(TRACES) == ""


def test_how_it_looks_is_kept_for_later(node):
    """A real server that a method asks nothing of has to look the same in the end."""
    state.keep(state.look(node))
