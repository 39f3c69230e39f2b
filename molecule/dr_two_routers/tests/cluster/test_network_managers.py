# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs, table and ARP settings are restored at boot and stay, whatever manages the network.

The other tests of this folder run after a power cut. Here the programs that manage eth0 are
restarted, too.
"""

from __future__ import annotations

import pair
import pytest
from cluster import hosts_of

INDEX = "cat /sys/class/net/eth0/ifindex"
NETIF = "/run/systemd/netif"  # what networkctl reads by D-Bus, which the director has not
#: A host, the unit that manages its network, a command, and what that prints once eth0 is set up.
MANAGERS = [
    ("d254", "systemd-networkd", f"cat {NETIF}/links/$({INDEX})", "ADMIN_STATE=configured"),
    ("rs160", "networking", "ifquery --state", "eth0=eth0"),
    ("rs170", "NetworkManager", "nmcli --get-values GENERAL.CONNECTION device show eth0", "eth0"),
]


def wait_until_set_up(node, host, command, shown):
    pair.wait_until(lambda: shown in node(host).run(command).stdout, 60, f"{host}: {shown}")


@pytest.mark.parametrize(("host", "unit", "command", "shown"), MANAGERS)
def test_each_machine_has_its_own_network_manager(node, host, unit, command, shown):
    wait_until_set_up(node, host, command, shown)
    assert node(host).service(unit).is_enabled
    assert node(host).service(unit).is_running


def test_a_restart_of_network_managers_changes_nothing(node, playbook):
    for host, unit, command, shown in MANAGERS:
        node(host).check_output(f"systemctl restart {unit}")
        wait_until_set_up(node, host, command, shown)
    run = playbook("playbooks/verify", "--extra-vars=verify_requests=20")
    assert run.returncode == 0, run.stdout
    for name in hosts_of("lvs_realservers"):
        assert f"{name}  0 of" not in run.stdout
