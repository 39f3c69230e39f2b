# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""T2 after site.yml and a power cut."""

from __future__ import annotations

import re
import time

import pair
import pytest
from cluster import unit_is_active

VIP = "192.168.2.149"
DIRECTORS = {"d23": "MASTER", "d31": "BACKUP"}
SERVERS = ["d31", "rs20", "rs21", "rs22", "rs32"]


@pytest.fixture(autouse=True)
def settled(node):
    """Wait for the master: advertisements are 5 seconds apart, so an election takes a while."""
    pair.wait_for_only_holder(node, "d23", VIP)


def test_a_second_run_changes_nothing(unchanged):
    unchanged("playbooks/site")


def test_requests_are_balanced_over_all_five_real_servers(node):
    with pair.stream("c10", VIP) as traffic:
        time.sleep(5)
    assert traffic.result["failed"] == 0, traffic.result
    assert sorted(traffic.result["servers"]) == SERVERS
    most, least = max(traffic.result["servers"].values()), min(traffic.result["servers"].values())
    assert most - least <= 1, traffic.result


def test_only_the_master_answers_for_the_vip(verified):
    assert "the VIP is at 02:42:c0:a8:02:17," in verified


def test_the_demonstration_shows_a_client_during_a_link_failure(playbook, node):
    run = playbook("lab/failover")
    assert run.returncode == 0, run.stdout
    [seconds] = re.findall(r"none\s+was\s+answered\s+for\s+([\d.]+)\s+seconds", run.stdout)
    # RFC 5798: 3 x advert_int + skew of a backup with priority 100 after the last advertisement.
    assert 10 <= float(seconds) <= 1.1 * (3 * 5 + 5 * 156 / 256)
    node("d23").check_output("ip route replace default via 192.168.2.1")


@pytest.mark.parametrize("name", DIRECTORS)
def test_both_directors_have_the_same_table(node, name):
    table = node(name).check_output("ipvsadm --save --numeric").splitlines()
    assert table[0] == f"-A -t {VIP}:80 -s wrr"
    rips = [20, 21, 22, 31, 32]
    assert sorted(table[1:]) == [f"-a -t {VIP}:80 -r 192.168.2.{n}:80 -g -w 100" for n in rips]


@pytest.mark.parametrize(("name", "role"), [("d23", "master"), ("d31", "backup")])
def test_connections_are_synchronised_one_way(node, name, role):
    daemon = node(name).check_output("ipvsadm --list --daemon").split()
    assert daemon[0] == role
    assert "master" not in daemon[1:]
    assert "backup" not in daemon[1:]
    assert "mcast=eth0" in " ".join(daemon)


def test_the_backup_serves_and_does_not_schedule(node):
    backup = node("d31")
    assert backup.sysctl("net.ipv4.vs.backup_only") == 1
    before = pair.scheduled(node, "d31")
    with pair.stream("c10", VIP) as traffic:
        time.sleep(4)
    assert traffic.result["servers"]["d31"] > 0
    assert pair.scheduled(node, "d31") == before


@pytest.mark.parametrize("name", DIRECTORS)
def test_keepalived_conf_is_for_root_only(node, name):
    file = node(name).file("/etc/keepalived/keepalived.conf")
    assert (file.mode, file.user) == (0o600, "root")
    assert unit_is_active(node(name), "lvs-keepalived-ha.service")
    assert unit_is_active(node(name), "keepalived.service")
