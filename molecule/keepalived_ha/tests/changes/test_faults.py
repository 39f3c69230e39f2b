# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in T2 with an advertisement every second: how the pair reacts, and what a client measures.

RFC 5798, 6.1: a backup takes over 3 x advert_int + skew after the last advertisement, and
after skew when the master announces that it stops; skew is (256 - its priority) / 256 x advert_int.

The lab may stall for a moment. So a gap may be longer than the bound by the longest delay of the
client's own timer in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import pair
import pytest

VIP = "192.168.2.149"
MASTER, BACKUP = "d23", "d31"
ADVERT_INT, PRIORITY = 1, 100  # seconds, see pair.SHORT_TIMERS; the backup's
SKEW = (256 - PRIORITY) / 256 * ADVERT_INT
CRASH, CLEAN = 1.1 * (3 * ADVERT_INT + SKEW), SKEW + 0.1
TIMEOUT = 0.5  # seconds; a worker whose request is lost soon starts the next one
INTERVAL = 0.2  # seconds between two requests of a worker, so 25 ms between two of the client
TABLE = f"ipvsadm --list --numeric --tcp-service {VIP}:80"


class Fault(NamedTuple):
    """A fault, its repair, and the bound for a client.

    :ivar gap: the longest time in seconds without any answer
    :ivar vip_holders: the directors that may hold the VIP during the fault
    """

    name: str
    inject: Callable
    repair: Callable
    gap: float
    vip_holders: list[str] = [BACKUP]


def on(name, command):
    """Return a function that runs a command on a node."""
    return lambda node: node(name).check_output(command)


def docker_command(word, name):
    """Return a function that runs ``docker WORD`` for a node."""
    return lambda _: pair.docker(word, pair.container(name))


FAULTS = [
    Fault(
        "link down",
        on(MASTER, "ip link set eth0 down"),
        on(MASTER, "ip link set eth0 up; ip route replace default via 192.168.2.1"),
        CRASH,
    ),
    Fault(
        "keepalived killed",
        on(MASTER, "kill -9 $(cat /run/keepalived.pid /run/keepalived/keepalived.pid 2>/dev/null)"),
        lambda _: None,
        CRASH,
        [MASTER, BACKUP],  # systemd restarts it; it does not preempt before preempt_delay
    ),
    Fault(
        "keepalived stopped",
        on(MASTER, "systemctl stop keepalived"),
        on(MASTER, "systemctl start keepalived"),
        CLEAN,
    ),
    Fault(
        "machine stopped", docker_command("kill", MASTER), docker_command("start", MASTER), CRASH
    ),
    Fault(
        "directors cut off from each other",
        on(
            BACKUP,
            "nft 'table inet cut { chain i { type filter hook input priority -10;"
            " ip saddr 192.168.2.23 ip protocol 112 drop; }; }'",
        ),
        on(BACKUP, "nft delete table inet cut"),
        CRASH,
        [MASTER, BACKUP],
    ),
]

#: What was measured, for the table at the end.
results: dict[str, dict] = {}


@pytest.fixture(scope="module", autouse=True)
def short_timers(node, build, request):
    pair.keep_connections_open(node)
    build(*pair.SHORT_TIMERS)
    yield
    lines = ["\n| fault | requests | failed | longest gap, s | at most | stall of the lab |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, result in results.items():
        cells = (
            name,
            result["requests"],
            result["failed"],
            result["gap"],
            result["limit"],
            result["stall"],
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    # Shown whether tests pass or not.
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n".join(lines))


@pytest.fixture(autouse=True)
def settled(node):
    pair.wait_for_only_holder(node, MASTER, VIP)
    time.sleep(4)


def record(name, result, limit):
    results[name] = {**result, "limit": f"{limit:.2f}"}
    assert result["gap"] <= limit + result["stall"], result


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_master_is_a_short_gap(node, fault):
    with pair.stream("c10", VIP, TIMEOUT, interval=INTERVAL) as traffic:
        time.sleep(1)
        fault.inject(node)
        time.sleep(6)
        result = traffic.sample()
        holders = pair.vip_holders(node, VIP)
        fault.repair(node)
        pair.wait_for_only_holder(node, MASTER, VIP)
        time.sleep(1)
    assert holders
    assert set(holders) <= set(fault.vip_holders)
    record(fault.name, result, fault.gap)
    record(f"{fault.name}, return", traffic.result, CRASH)


def test_a_dead_real_server_leaves_the_pool_and_returns(node):
    with pair.stream("c10", VIP, TIMEOUT, interval=INTERVAL) as traffic:
        time.sleep(1)
        node("rs20").check_output("systemctl stop nginx")
        for name in (MASTER, BACKUP):
            pair.wait_until(
                lambda name=name: "192.168.2.20:80" not in node(name).check_output(TABLE),
                30,
                f"{name} has taken it out",
            )
        time.sleep(1)
        results["real server dead"] = {**traffic.sample(), "limit": "-"}
        time.sleep(2)
        node("rs20").check_output("systemctl start nginx")
        pair.wait_until(
            lambda: "192.168.2.20:80" in node(MASTER).check_output(TABLE), 30, "it is back"
        )
        time.sleep(2)
    record("real server back", traffic.result, CLEAN)
    assert traffic.result["failed"] == 0, traffic.result
    assert traffic.result["servers"]["rs20"] > 0


def test_a_slow_real_server_leaves_the_pool(node):
    node("rs21").check_output("tc qdisc add dev eth0 root netem delay 5s")
    try:
        with pair.stream("c10", VIP, TIMEOUT, interval=INTERVAL) as traffic:
            pair.wait_until(
                lambda: "192.168.2.21:80" not in node(MASTER).check_output(TABLE), 60, "it is out"
            )
            time.sleep(1)
            results["real server slow"] = {**traffic.sample(), "limit": "-"}
            time.sleep(3)
        assert traffic.result["failed"] == 0, traffic.result
    finally:
        node("rs21").check_output("tc qdisc delete dev eth0 root")


@pytest.mark.parametrize(
    ("planned", "inject", "repair"),
    [
        (
            True,
            on(MASTER, "systemctl stop keepalived"),
            on(MASTER, "systemctl start keepalived"),
        ),
        (False, docker_command("kill", MASTER), docker_command("start", MASTER)),
    ],
    ids=["planned switch", "crash"],
)
def test_existing_connections_continue_after_a_fail_over(
    node, build, request, planned, inject, repair
):
    """One half of them are idle, the other half long downloads."""
    if not planned:
        build(*pair.SHORT_TIMERS_DEFAULT_DELAY)
    name = f"100 connections, {request.node.callspec.id}"
    with pair.open_connections("c10", VIP, 100) as traffic:
        time.sleep(pair.SYNC_SECONDS)
        inject(node)
        time.sleep(6)
        for when in ("", ", return"):
            result = traffic.sample()
            results[name + when] = {
                "requests": result["connections"],
                "failed": result["lost"],
                "gap": "-",
                "stall": "-",
                "limit": "0 lost" if planned else "-",
            }
            print(f"\n{name}{when}: {result}")
            if not when:
                repair(node)
                pair.wait_for_only_holder(node, MASTER, VIP)
                time.sleep(3)
    # The other director has all connections, so the fail-over loses none.
    assert results[name]["requests"] == 100
    assert results[name]["failed"] == 0, results[name]
    # A machine that crashed returns without connections. It receives those in use every 10 seconds
    # (sync_refresh_period), before it preempts; it does not receive idle ones.
    assert traffic.result["connections"] == 100
    assert [
        error for error in traffic.result["errors"] if planned or not error.startswith("idle")
    ] == []
