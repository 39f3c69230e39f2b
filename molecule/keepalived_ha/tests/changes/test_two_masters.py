# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""T2 with a second VIP whose master is the other director. Both are real servers of both VIPs."""

from __future__ import annotations

import re
import time

import pair
import pytest

MASTERS = {"192.168.2.149": "d23", "192.168.2.150": "d31"}
MACS = {"192.168.2.149": "02:42:c0:a8:02:17", "192.168.2.150": "02:42:c0:a8:02:1f"}
SERVERS = ["d23", "d31", "rs20", "rs21", "rs22", "rs32"]
CHANGES = (
    (
        "\n  children:\n",
        """
      - name: mail
        vip: 192.168.2.150
        port: 80
        scheduler: wrr
        master: d31
        check: {type: tcp}

  children:
""",
    ),
    ("        d31:\n        rs32:\n", "        d23:\n        d31:\n        rs32:\n"),
)


@pytest.fixture(scope="module", autouse=True)
def inventory(node, build):
    """The inventory of T2 with the second service, built."""
    pair.start_web_server(node, "d23")
    path = build(*pair.SHORT_TIMERS, *CHANGES)
    wait_for_masters(node)
    return path


def wait_for_masters(node):
    """Wait until each VIP has its own master, which knows the real servers that serve."""
    for vip, master in MASTERS.items():
        pair.wait_for_only_holder(node, master, vip)
    # keepalived starts with all real servers in the table, and takes out those that fail.
    time.sleep(4)


def marks(node, name):
    """Return the firewall marks by which a director load-balances."""
    table = node(name).check_output("ipvsadm --save --numeric")
    return re.findall(r"^-A -f (\d+) ", table, re.MULTILINE)


def test_each_director_has_its_own_vip_and_the_same_table(node):
    assert len(marks(node, "d23")) == 2
    tables = [node(name).check_output("ipvsadm --save --numeric") for name in MASTERS.values()]
    assert sorted(tables[0].splitlines()) == sorted(tables[1].splitlines())
    assert "-t 192.168.2" not in tables[0]


@pytest.mark.parametrize("name", MASTERS.values())
def test_connections_are_synchronised_both_ways(node, name):
    daemons = node(name).check_output("ipvsadm --list --daemon")
    assert sorted(re.findall(r"^(\w+) sync daemon", daemons, re.MULTILINE)) == ["backup", "master"]
    assert daemons.count("syncid=51") == 2
    assert node(name).sysctl("net.ipv4.vs.backup_only") == 0


def test_every_request_is_served_and_scheduled_once(node):
    pair.schedule_every_connection(node)
    before = pair.scheduled(node, *MASTERS.values())
    with pair.stream("c10", "192.168.2.149") as web, pair.stream("c10", "192.168.2.150") as mail:
        time.sleep(8)
    after = pair.scheduled(node, *MASTERS.values())
    for traffic in (web, mail):
        assert traffic.result["failed"] == 0, traffic.result
        assert sorted(traffic.result["servers"]) == SERVERS
    for name, traffic in (("d23", web), ("d31", mail)):
        pair.assert_scheduled_once(after[name] - before[name], traffic)


def test_verify_finds_each_vip_at_its_own_master(playbook, inventory):
    run = playbook("playbooks/verify", "--extra-vars=verify_requests=24", inventory=inventory)
    assert run.returncode == 0, run.stdout
    for mac in MACS.values():
        assert f"the VIP is at {mac}, the director at {mac}" in run.stdout


def test_one_director_takes_over_both(node):
    with pair.stream("c10", "192.168.2.150") as traffic:
        time.sleep(1)
        node("d31").check_output("systemctl stop keepalived")
        pair.wait_for_only_holder(node, "d23", "192.168.2.150")
        time.sleep(3)
    with pair.stream("c10", "192.168.2.150") as after:
        time.sleep(3)
    node("d31").check_output("systemctl start keepalived")
    wait_for_masters(node)
    assert traffic.result["gap"] <= 4 + traffic.result["stall"], traffic.result
    assert after.result["failed"] == 0, after.result
    assert sorted(after.result["servers"]) == SERVERS


def test_a_second_run_changes_nothing(unchanged, inventory):
    unchanged("playbooks/site", inventory=inventory)
