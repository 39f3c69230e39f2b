# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""S1: three active directors. Whatever happens to one of them, no connection is lost."""

from __future__ import annotations

import contextlib
import json
import re
import time

import pair
import pytest
from cluster import hosts_of, unit_is_active

VIP, VIP6 = "203.0.113.10", "2001:db8::10"
DIRECTORS, SERVERS = hosts_of("lvs_directors"), hosts_of("lvs_realservers")
ROUTERS = ("r1", "r2")
CONNECTIONS = 300
#: Seconds that a client's flows may be without an answer when a director loses power: BFD finds it
#: after three packets of 100 ms that did not come.
LOSS = 0.4


def next_hops(node, router, vip=VIP):
    """Return the directors to which a router forwards packets to a VIP, by the end of their RIP."""
    family = "-6" if ":" in vip else "-4"
    routes = json.loads(node(router).check_output(f"ip {family} -json route show {vip}") or "[]")
    hops = [hop for route in routes for hop in route.get("nexthops") or [route]]
    numbers = {re.split(r"[.:]", hop["gateway"])[-1] for hop in hops if "gateway" in hop}
    return sorted(name for name in DIRECTORS if f"1{name[1:]}" in numbers)


def wait_for_next_hops(node, *directors, seconds=90):
    for router in ROUTERS:
        pair.wait_until(
            lambda router=router: next_hops(node, router) == sorted(directors),
            seconds,
            f"{router} forwards to {', '.join(directors)}",
        )


def scheduled(node):
    """Return how many connections each director has forwarded."""
    return pair.scheduled(node, *DIRECTORS)


@pytest.fixture(scope="module", autouse=True)
def keep_connections_open(node):
    pair.keep_connections_open(node)


@pytest.fixture(autouse=True)
def settled(node):
    wait_for_next_hops(node, *DIRECTORS)


@contextlib.contextmanager
def no_connection_lost(node):
    """Check that of many connections none breaks, and show the longest time without an answer."""
    with pair.open_connections("c10", VIP, CONNECTIONS) as kept, pair.stream("c10", VIP, 2) as new:
        yield new
    print(f"\n{kept.result}\n{new.result}")
    assert kept.result["lost"] == 0, kept.result
    assert new.result["failed"] == 0, new.result


def test_the_boot_restored_all(node):
    for name in DIRECTORS:
        for unit in ("lvs-director.service", "lvs-director-bgp.service", "keepalived.service"):
            assert unit_is_active(node(name), unit), (name, unit)
        assert node(name).service("bird").is_running
    for vip in (VIP, VIP6):
        assert [next_hops(node, router, vip) for router in ROUTERS] == [DIRECTORS] * 2


def test_a_second_run_changes_nothing(unchanged):
    unchanged("playbooks/site")


@pytest.mark.usefixtures("verified")
def test_the_cluster_is_verified(playbook):
    run = playbook("playbooks/status")
    assert run.returncode == 0, run.stdout
    for name in DIRECTORS:
        assert f"{name}: active, announces {VIP6} and {VIP} to 10.99.1.1, " in run.stdout
    assert "There are no differences from the inventory." in run.stdout


def test_all_directors_choose_the_same_real_server(node):
    tables = {
        re.sub(r"(?m)^.*InActConn.*$", "", node(name).check_output("ipvsadm --save --numeric"))
        for name in DIRECTORS
    }
    assert len(tables) == 1, tables


def test_clients_reach_every_director(node):
    before = scheduled(node)
    with pair.open_connections("c10", VIP, CONNECTIONS):
        after = scheduled(node)
    each = {name: after[name] - before[name] for name in DIRECTORS}
    assert sum(each.values()) >= CONNECTIONS
    assert min(each.values()) >= CONNECTIONS / len(DIRECTORS) / 3, each


def test_a_director_that_loses_power(node):
    with (
        pair.open_connections("c10", VIP, CONNECTIONS) as kept,
        pair.stream("c10", VIP, 0.5, interval=0.2) as new,
    ):
        pair.docker("kill", pair.container("d2"))
        wait_for_next_hops(node, "d1", "d3")
        time.sleep(2)
    pair.docker("start", pair.container("d2"))
    print(f"\n{kept.result}\n{new.result}")
    assert kept.result["lost"] == 0, kept.result
    assert new.result["gap"] <= LOSS + new.result["stall"], new.result


def test_without_sloppy_tcp_connections_are_lost(node):
    """The control of the test above: then another director does not take a connection."""
    path = "/proc/sys/net/ipv4/vs/sloppy_tcp"
    for name in DIRECTORS:
        node(name).check_output(f"echo 0 > {path}")
    try:
        with pair.open_connections("c10", VIP, CONNECTIONS) as kept:
            pair.docker("kill", pair.container("d2"))
            wait_for_next_hops(node, "d1", "d3")
    finally:
        pair.docker("start", pair.container("d2"))
        for name in ("d1", "d3"):
            node(name).check_output(f"echo 1 > {path}")
    assert kept.result["lost"] > CONNECTIONS * 0.3, kept.result


def test_a_director_is_drained_and_undrained(node, playbook):
    with no_connection_lost(node):
        run = playbook("playbooks/drain", "--extra-vars=directors=d1")
        assert run.returncode == 0, run.stdout
        wait_for_next_hops(node, "d2", "d3")
        before = pair.scheduled(node, "d1")
        assert pair.scheduled(node, "d1") == before
        run = playbook("playbooks/undrain", "--extra-vars=directors=d1")
        assert run.returncode == 0, run.stdout
        wait_for_next_hops(node, *DIRECTORS)


def test_bird_is_restarted(node):
    with no_connection_lost(node):
        node("d3").check_output("systemctl restart bird")
        wait_for_next_hops(node, *DIRECTORS)


def test_keepalived_is_killed(node):
    with no_connection_lost(node):
        node("d3").check_output("kill -9 $(systemctl show --value --property=MainPID keepalived)")
        wait_for_next_hops(node, "d1", "d2", seconds=10)
        wait_for_next_hops(node, *DIRECTORS)


def test_a_dead_real_server_moves_no_other_client(node):
    weights = "ipvsadm --save --numeric | grep '10.99.3.21:80 .*-w 0' | wc -l"

    def out(name):
        return int(node(name).check_output(weights))

    with pair.open_connections("c10", VIP, CONNECTIONS) as kept:
        node("s1").check_output("systemctl stop nginx")
        try:
            for name in DIRECTORS:  # for both VIPs
                pair.wait_until(lambda name=name: out(name) == 2, 60, f"s1 is out on {name}")
        finally:
            node("s1").check_output("systemctl start nginx")
    for name in DIRECTORS:
        pair.wait_until(lambda name=name: out(name) == 0, 60, f"s1 is back on {name}")
    print(f"\n{kept.result}")
    # Only its own are lost.
    assert 0 < kept.result["lost"] < CONNECTIONS / 2, kept.result
