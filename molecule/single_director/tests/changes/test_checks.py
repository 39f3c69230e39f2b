# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A single director with a health check: keepalived fills the table, the director holds the VIP."""

from __future__ import annotations

import pair
import pytest
import state
from cluster import PROJECT, SCENARIO, unit_is_active

VIP = "192.168.2.149"
CHECKS = PROJECT / "inventories" / f"{SCENARIO}_checks"


@pytest.fixture(scope="module")
def without_checks(playbook, node):
    """Return the state of the machines without checks, then build the cluster with them."""
    run = playbook("playbooks/site")
    assert run.returncode == 0, run.stdout
    before = state.snapshot(node)
    run = playbook("playbooks/site", inventory=CHECKS)
    assert run.returncode == 0, run.stdout
    return before


def pool(node):
    """Return the real servers in the kernel's table."""
    table = node("d23").check_output("ipvsadm --save --numeric").splitlines()
    return [line.split()[4] for line in table if line.startswith("-a") and line.endswith("-w 5")]


BOTH = ["192.168.2.31:80", "192.168.2.32:80"]


def test_keepalived_fills_the_table_and_the_director_holds_the_vip(
    without_checks, node, unchanged, playbook
):
    director = node("d23")
    for unit in ("lvs-director.service", "lvs-keepalived-ha.service", "keepalived.service"):
        assert unit_is_active(director, unit), unit
    assert not director.file("/etc/lvs/director.ipvs").exists
    assert VIP in director.file("/etc/lvs/director.ip").content_string
    assert "vrrp_instance" not in director.file("/etc/keepalived/keepalived.conf").content_string
    assert "lvs_keepalived_ha" not in director.check_output("nft list tables")
    assert pool(node) == BOTH
    unchanged("playbooks/site", inventory=CHECKS)
    seen = playbook("playbooks/verify", "--extra-vars=verify_requests=8", inventory=CHECKS)
    assert seen.returncode == 0, seen.stdout


def test_a_dead_real_server_leaves_the_pool_and_returns(without_checks, node, playbook):
    node("rs31").check_output("systemctl stop nginx")
    pair.wait_until(lambda: pool(node) == BOTH[1:], 60, "rs31 is out of the pool")
    shown = playbook("playbooks/status", inventory=CHECKS)
    assert shown.returncode == 0, shown.stdout
    assert "out of the pool by keepalived's check" in shown.stdout
    answers = node("c10").check_output(
        f"for n in $(seq 8); do curl --silent --max-time 5 http://{VIP}/; done"
    )
    assert answers.split() == ["rs32"] * 8

    node("rs31").check_output("systemctl start nginx")
    pair.wait_until(lambda: pool(node) == BOTH, 60, "rs31 is in the pool again")


def test_a_reboot_restores_the_table_and_the_vip(without_checks, node, playbook):
    run = playbook("molecule/restart", "--limit=lvs_directors", inventory=CHECKS)
    assert run.returncode == 0, run.stdout
    pair.wait_until(lambda: pool(node) == BOTH, 60, "the table is filled")
    answers = node("c10").check_output(
        f"for n in $(seq 4); do curl --silent --max-time 5 http://{VIP}/; done"
    )
    assert sorted(answers.split()) == ["rs31"] * 2 + ["rs32"] * 2


def test_without_checks_keepalived_is_removed_from_the_director(without_checks, node, playbook):
    run = playbook("playbooks/site")
    assert run.returncode == 0, run.stdout
    assert not node("d23").service("keepalived").is_running
    state.assert_same(without_checks, state.snapshot(node))
