# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers for tests of a pair of directors, and the traffic of a client meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.lvs.cluster.plugins.module_utils import _vips
from cluster import hosts_of
from testinfra.host import Host

PROGRAM = Path(__file__).with_name("traffic.py").read_text()
#: How many workers a stream of requests has.
WORKERS = 8
#: Seconds until the other directors have a connection: the kernel collects for two seconds, and
#: checks once a second (IPVS_SYNC_FLUSH_TIME and IPVS_SYNC_CHECK_PERIOD in its ip_vs_sync.c).
SYNC_SECONDS = 5
#: Changes of T2: an advertisement every second, preemption after five seconds, and real servers
#: that leave the pool after two failed checks in two seconds.
SHORT_TIMERS = (
    (
        "check: {type: tcp, connect_timeout: 10, retries: 3, delay_before_retry: 3}",
        """check: {type: tcp, connect_timeout: 1, retries: 1, delay_before_retry: 1}
        delay_loop: 1""",
    ),
    ("lvs_advert_int: 5", "lvs_advert_int: 1"),
    ("    lvs_keepalived:\n", "    lvs_keepalived:\n      instance: {preempt_delay: 5}\n"),
)
#: The same with the default preempt_delay. It is longer than sync_refresh_period, so a former
#: master has received all connections in use before it preempts.
SHORT_TIMERS_DEFAULT_DELAY = SHORT_TIMERS[:2]


def container(name: str) -> str:
    """Return the name of a node's container."""
    return f"{os.environ.get('LAB_CLUSTER') or 'lvs'}-{name}"


def docker(*words: str) -> None:
    """Run a docker command on the host, such as ``docker kill NODE``."""
    subprocess.run(["docker", *words], check=True, capture_output=True, timeout=120)


def vip_holders(node: Callable[[str], Host], vip: str) -> list[str]:
    """Return the reachable directors that hold a VIP."""
    shown = {name: node(name).run("ip -json address show") for name in hosts_of("lvs_directors")}
    return [
        name
        for name, result in shown.items()
        if result.rc == 0 and _vips.held(json.loads(result.stdout), [vip])
    ]


def start_web_server(node: Callable[[str], Host], name: str) -> None:
    """Start the web server on a node that is not a real server in the shipped inventory."""
    page = f"echo {name} > /var/www/html/index.html"
    node(name).check_output(f"{page} && systemctl enable --now nginx")


def keep_connections_open(node: Callable[[str], Host]) -> None:
    """Let real servers keep idle connections open, and offer a large file for slow downloads."""
    for name in hosts_of("lvs_realservers"):
        node(name).check_output(
            "truncate --size 1G /var/www/html/large;"
            " echo 'keepalive_timeout 600; send_timeout 600;' > /etc/nginx/conf.d/patient.conf;"
            " systemctl reload nginx"
        )


def schedule_every_connection(node: Callable[[str], Host]) -> None:
    """Let directors schedule every connection, and so count it.

    By default, a connection from a port with an earlier one in FIN_WAIT goes to the real server of
    that one, without being scheduled (conn_reuse_mode in the kernel's ipvs-sysctl.rst).
    """
    for name in hosts_of("lvs_directors"):
        node(name).check_output("sysctl --write net.ipv4.vs.conn_reuse_mode=3")


def scheduled(node: Callable[[str], Host], *names: str) -> dict[str, int]:
    """Return how many connections each director has scheduled, once the counters are stable."""

    def count(name: str) -> int:
        output = node(name).check_output("ipvsadm --list --numeric --stats --exact")
        lines = [line.split() for line in output.splitlines()]
        return sum(int(words[2]) for words in lines if words[0] in ("TCP", "FWM"))

    before: dict[str, int] = {}
    while True:
        time.sleep(2.5)  # the kernel updates its counters every two seconds
        counts = {name: count(name) for name in names}
        if counts == before:
            return counts
        before = counts


def wait_until(truth: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until ``truth()`` is true; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.5)


def wait_for_only_holder(node: Callable[[str], Host], name: str, vip: str) -> None:
    """Wait until one director, and no other, holds a VIP."""
    wait_until(lambda: vip_holders(node, vip) == [name], 90, f"only {name} holds {vip}")


class Traffic:
    """Runs traffic.py on a client.

    :ivar result: the last sample
    """

    def __init__(self, client: str, *arguments: str) -> None:
        words = ["docker", "exec", "--interactive", container(client), "python3", "-c", PROGRAM]
        self.process = subprocess.Popen(
            [*words, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"
        self.result: dict = {}

    def sample(self) -> dict:
        """Return what was measured since the last sample."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.result = json.loads(self.process.stdout.readline())
        return self.result

    def end(self) -> None:
        """Stop the traffic, and take the last sample."""
        output, _ = self.process.communicate(timeout=120)
        self.result = json.loads(output)


@contextlib.contextmanager
def stream(
    client: str, vip: str, timeout: float = 0.9, requests: int = 1, interval: float = 0.5
) -> Iterator[Traffic]:
    """Send requests continuously.

    Short intervals measure gaps more exactly, but cost an emulated processor as much as a playbook
    that runs meanwhile.

    :param timeout: after how many seconds a request fails; a SYN that was lost is sent again after
        one second (RFC 6298, 2.1), which would hide the loss
    :param requests: how many requests a connection carries
    :param interval: after how many seconds each worker starts the next request
    """
    options = map(str, (WORKERS, timeout, requests, interval))
    traffic = Traffic(client, "stream", vip, "80", *options)
    try:
        yield traffic
    finally:
        traffic.end()


def assert_scheduled_once(number: int, traffic: Traffic) -> None:
    """Fail unless a master has scheduled each request of a client once.

    A few may come from the port of a connection that a fault has interrupted. Such a request goes
    to the same real server without being scheduled.
    """
    requests = traffic.result["requests"]
    assert 0.95 * requests < number <= requests, f"{number} of {requests}"


@contextlib.contextmanager
def open_connections(client: str, vip: str, number: int) -> Iterator[Traffic]:
    """Keep connections open, half of them with downloads; a sample counts those that are lost."""
    traffic = Traffic(client, "hold", vip, "80", str(number))
    try:
        yield traffic
    finally:
        traffic.end()
