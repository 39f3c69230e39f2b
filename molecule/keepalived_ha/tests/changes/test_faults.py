# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client sees of faults in T2, with advertisements a second apart, and how the pair reacts.

RFC 5798, 6.1: a backup takes over 3 x advert_int + skew after the last advertisement, and
after skew when the master announces that it stops; skew is (256 - its priority) / 256 x advert_int.

The lab may stand still for a moment, so a gap may be longer by the longest time in the same run by
which the client's own timer was late.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import pair
import pytest

VIP = "192.168.2.149"
MASTER, BACKUP = "d23", "d31"
ADVERT_INT, PRIORITY = 1, 100  # seconds, see pair.QUICK; the backup's
SKEW = (256 - PRIORITY) / 256 * ADVERT_INT
CRASH, CLEAN = 1.1 * (3 * ADVERT_INT + SKEW), SKEW + 0.1
INTERVAL = 0.2  # seconds between two requests of a worker, so 25 ms between two of the client
TABLE = f"ipvsadm --list --numeric --tcp-service {VIP}:80"


class Fault(NamedTuple):
    """What happens to the cluster, and what a client may see of it.

    :ivar gap: the longest time in seconds without any answer
    :ivar holders: who has the VIP then
    """

    name: str
    happen: Callable
    mend: Callable
    gap: float
    holders: list[str] = [BACKUP]


def on(name, command):
    """Return what runs a command on a node."""
    return lambda node: node(name).check_output(command)


def outside(word, name):
    """Return what does something to a node from outside."""
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
        [MASTER, BACKUP],  # it was started again, and leaves the VIP to whom has it
    ),
    Fault(
        "keepalived stopped",
        on(MASTER, "systemctl stop keepalived"),
        on(MASTER, "systemctl start keepalived"),
        CLEAN,
    ),
    Fault("machine stopped", outside("kill", MASTER), outside("start", MASTER), CRASH),
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

#: What was seen, for the table at the end.
seen: dict[str, dict] = {}


@pytest.fixture(scope="module", autouse=True)
def faster(node, build, request):
    pair.keep_connections_open(node)
    build(*pair.QUICK)
    yield
    lines = ["\n| fault | requests | failed | longest gap, s | at most | and the lab's stall |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, saw in seen.items():
        cells = name, saw["requests"], saw["failed"], saw["gap"], saw["limit"], saw["stall"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    # Shown whether tests pass or not.
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n".join(lines))


@pytest.fixture(autouse=True)
def settled(node):
    pair.wait_for_holder(node, MASTER, VIP)
    time.sleep(4)


def note(name, saw, limit):
    seen[name] = {**saw, "limit": f"{limit:.2f}"}
    assert saw["gap"] <= limit + saw["stall"], saw


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_master_is_a_short_gap(node, fault):
    with pair.stream("c10", VIP, interval=INTERVAL) as traffic:
        time.sleep(1)
        fault.happen(node)
        time.sleep(6)
        saw = traffic.look()
        holders = pair.holders(node, VIP)
        fault.mend(node)
        pair.wait_for_holder(node, MASTER, VIP)
        time.sleep(1)
    assert holders
    assert set(holders) <= set(fault.holders)
    note(fault.name, saw, fault.gap)
    note(f"{fault.name}, return", traffic.saw, CRASH)


def test_a_dead_real_server_leaves_the_pool_and_returns(node):
    with pair.stream("c10", VIP, interval=INTERVAL) as traffic:
        time.sleep(1)
        node("rs20").check_output("systemctl stop nginx")
        for name in (MASTER, BACKUP):
            pair.until(
                lambda name=name: "192.168.2.20:80" not in node(name).check_output(TABLE),
                30,
                f"{name} has taken it out",
            )
        time.sleep(1)
        seen["real server dead"] = {**traffic.look(), "limit": "-"}
        time.sleep(2)
        node("rs20").check_output("systemctl start nginx")
        pair.until(lambda: "192.168.2.20:80" in node(MASTER).check_output(TABLE), 30, "it is back")
        time.sleep(2)
    note("real server back", traffic.saw, CLEAN)
    assert traffic.saw["failed"] == 0
    assert traffic.saw["servers"]["rs20"] > 0


def test_a_slow_real_server_leaves_the_pool(node):
    node("rs21").check_output("tc qdisc add dev eth0 root netem delay 5s")
    try:
        with pair.stream("c10", VIP, interval=INTERVAL) as traffic:
            pair.until(
                lambda: "192.168.2.21:80" not in node(MASTER).check_output(TABLE), 60, "it is out"
            )
            time.sleep(1)
            seen["real server slow"] = {**traffic.look(), "limit": "-"}
            time.sleep(3)
        assert traffic.saw["failed"] == 0
    finally:
        node("rs21").check_output("tc qdisc delete dev eth0 root")


@pytest.mark.parametrize(
    ("planned", "happen", "mend"),
    [
        (
            True,
            on(MASTER, "systemctl stop keepalived"),
            on(MASTER, "systemctl start keepalived"),
        ),
        (False, outside("kill", MASTER), outside("start", MASTER)),
    ],
    ids=["planned switch", "crash"],
)
def test_existing_connections_continue_after_a_fail_over(
    node, build, request, planned, happen, mend
):
    """One half of them are idle, the other half long downloads."""
    if not planned:
        build(*pair.INFORMED)
    name = f"100 connections, {request.node.callspec.id}"
    with pair.open_connections("c10", VIP, 100) as traffic:
        time.sleep(pair.SYNCHRONISED)
        happen(node)
        time.sleep(6)
        for when in ("", ", return"):
            saw = traffic.look()
            seen[name + when] = {
                "requests": saw["held"],
                "failed": saw["lost"],
                "gap": "-",
                "stall": "-",
                "limit": "0 lost" if planned else "-",
            }
            print(f"\n{name}{when}: {saw}")
            if not when:
                mend(node)
                pair.wait_for_holder(node, MASTER, VIP)
                time.sleep(3)
    # The other director knows of all connections, so as the machine goes none is lost.
    assert seen[name]["requests"] == 100
    assert seen[name]["failed"] == 0, seen[name]
    # A machine that crashed comes back without a table of connections. Those in use are sent to it
    # again every 10 seconds (sync_refresh_period), before it preempts; idle ones are not.
    assert traffic.saw["held"] == 100
    assert [
        error for error in traffic.saw["errors"] if planned or not error.startswith("idle")
    ] == []
