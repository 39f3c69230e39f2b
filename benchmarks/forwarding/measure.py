# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what a director has to do by each forwarding method, and what becomes of it.

Runs as root in a container of the lab; prints JSON. The ways are measured in turn, so that other
work on the machine falls on all of them.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from cluster import CLIENT, DISCARD, VIP, WAYS, Cluster, ask, load, rip, traffic

RUNS, RUNS_OF_GROWTH = 5, 3
ANSWER, SMALL = 100 * 1024, 200
ANSWERS = 10  # for one count of bytes
#: So many bursts of so many datagrams: a queue of the kernel takes 1000.
BURSTS, BURST, PAYLOAD = 20, 400, bytes(100)
#: Megabits per second that a real server and the director can send, and for how many seconds.
LIMITS, SECONDS, WARM = (2, 8), 3.0, 1.0
SERVERS = (1, 2, 4, 8)
BALANCED = ("nat", "dr", "tun")


def row(name: str, unit: str, peer: str, runs: dict[str, list[float]]) -> dict:
    """Return one measurement as benchmarks/run.py takes it."""
    medians = {way: statistics.median(values) for way, values in runs.items()}
    ratio = {way: round(value / medians[peer], 3) for way, value in medians.items() if way != peer}
    return {"name": name, "unit": unit, "peer": peer, "ratio": ratio, "runs": runs}


def in_turn(
    ways: dict[str, Cluster], measure: Callable[[Cluster], Any], times: int = RUNS
) -> dict[str, list]:
    """Measure each way so many times, one after the other."""
    runs: dict[str, list] = {way: [] for way in ways}
    for _run in range(times):
        for way, cluster in ways.items():
            runs[way].append(measure(cluster))
    return runs


def forwarded(cluster: Cluster) -> dict[str, float]:
    """Return what the director sends for one large answer."""
    before = traffic(cluster.director)
    with cluster.client.entered():
        for _answer in range(ANSWERS):
            ask(cluster, ANSWER)
    after = traffic(cluster.director)
    return {key: (after[key] - before[key]) / ANSWERS for key in after}


def datagrams(cluster: Cluster, back: bool) -> float:
    """Return the microseconds of processor that a datagram takes to a real server, or back.

    The processor that sends it carries it through all hosts, most often within the call.
    """
    with contextlib.ExitStack() as stack:
        with cluster.client.entered():
            asking = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        asking.bind((CLIENT, 0))
        asking.connect((cluster.target, DISCARD))
        listeners = []
        for host in cluster.servers:
            with host.entered():
                listener = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            listener.bind(("", DISCARD))
            listeners.append(listener)
        asking.send(PAYLOAD)
        ready, _, _ = select.select(listeners, [], [], 10)
        (answering,) = ready
        number = listeners.index(answering)
        _, client = answering.recvfrom(1000)
        sender, arrives = asking, cluster.servers[number]
        if back:
            own = VIP if cluster.way in ("dr", "tun") else rip(number)
            with cluster.servers[number].entered():
                sender = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            answering.close()
            sender.bind((own, DISCARD))
            sender.connect(client)
            arrives = cluster.client
        due = traffic(arrives)["received packets"]
        start = time.perf_counter()
        for _burst in range(BURSTS):
            for _datagram in range(BURST):
                sender.send(PAYLOAD)
            due += BURST
            while traffic(arrives)["received packets"] < due:
                if time.perf_counter() > start + 60:
                    sys.exit(f"{cluster.way}: datagrams were lost.")
        seconds = time.perf_counter() - start
    return seconds / BURSTS / BURST * 1e6


def per_packet() -> list[dict]:
    """Measure every way with one machine as its only limit."""
    with contextlib.ExitStack() as stack:
        ways = {way: stack.enter_context(Cluster(way, 2)) for way in WAYS}
        balanced = {
            way: cluster for way, cluster in ways.items() if way not in ("direct", "routed")
        }
        runs = in_turn(balanced, forwarded)
        rows = [
            row(f"the director sends for 100 KB: {kind}", kind, "nat",
                {way: [run[f"sent {kind}"] for run in values] for way, values in runs.items()})
            for kind in ("bytes", "packets")
        ]  # fmt: skip
        for name, back in (("to the real server", False), ("back to the client", True)):
            runs = in_turn(ways, lambda cluster: datagrams(cluster, back))  # noqa: B023
            rows.append(row(f"a datagram {name}", "microseconds", "routed", runs))
        runs = in_turn(ways, lambda cluster: load(cluster, SMALL, 4, 0.3, 2))
        rows.append(row("small answers, all on one machine", "a second", "routed", runs))
    return rows


def growth() -> list[dict]:
    """Measure what more real servers bring where links are the limit."""
    rows = []
    for number in SERVERS:
        with contextlib.ExitStack() as stack:
            ways = {
                way: stack.enter_context(Cluster(way, number, LIMITS)) for way in BALANCED
            }  # fmt: skip

            def limited(cluster: Cluster) -> tuple[float, float]:
                before, start = traffic(cluster.director)["sent bytes"], time.monotonic()
                answers = load(cluster, ANSWER, 2 * number, WARM, SECONDS)  # noqa: B023
                seconds = time.monotonic() - start
                return answers, (traffic(cluster.director)["sent bytes"] - before) / seconds

            runs = in_turn(ways, limited, RUNS_OF_GROWTH)
        servers = "1 real server" if number == 1 else f"{number} real servers"
        for place, (what, unit) in enumerate(
            (("answers of 100 KB", "a second"), ("the director sends", "bytes a second"))
        ):
            rows.append(
                row(f"{servers}, limited links: {what}", unit, "nat",
                    {way: [run[place] for run in values] for way, values in runs.items()})
            )  # fmt: skip
    return rows


def main() -> None:
    """Measure and print."""
    json.dump([*per_packet(), *growth()], sys.stdout)


if __name__ == "__main__":
    main()
