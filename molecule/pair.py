# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directors of a pair, and a client's traffic while something happens to them."""

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
#: How many requests of a stream are under way at once.
WORKERS = 8
#: Seconds after which the other directors have a connection: the kernel gathers for two of them,
#: and looks once a second (IPVS_SYNC_FLUSH_TIME and IPVS_SYNC_CHECK_PERIOD in its ip_vs_sync.c).
SYNC_SECONDS = 5
#: T2 with advertisements a second apart, a former master that preempts after five seconds, and
#: real servers that are out of the pool after two tries in two seconds.
SHORT_TIMERS = (
    (
        "check: {type: tcp, connect_timeout: 10, retries: 3, delay_before_retry: 3}",
        """check: {type: tcp, connect_timeout: 1, retries: 1, delay_before_retry: 1}
        delay_loop: 1""",
    ),
    ("lvs_advert_int: 5", "lvs_advert_int: 1"),
    ("    lvs_keepalived:\n", "    lvs_keepalived:\n      instance: {preempt_delay: 5}\n"),
)
#: The same with the default preempt_delay, which is longer than sync_refresh_period: by then a
#: former master has received all connections that are in use.
SHORT_TIMERS_DEFAULT_DELAY = SHORT_TIMERS[:2]


def container(name: str) -> str:
    """Return the name of a node's container."""
    return f"{os.environ.get('LAB_CLUSTER') or 'lvs'}-{name}"


def docker(*words: str) -> None:
    """Do something to a node from outside."""
    subprocess.run(["docker", *words], check=True, capture_output=True, timeout=120)


def vip_holders(node: Callable[[str], Host], vip: str) -> list[str]:
    """Return the directors that hold a VIP, except those that can't be reached."""
    shown = {name: node(name).run("ip -json address show") for name in hosts_of("lvs_directors")}
    return [
        name
        for name, result in shown.items()
        if result.rc == 0 and _vips.held(json.loads(result.stdout), [vip])
    ]


def start_web_server(node: Callable[[str], Host], name: str) -> None:
    """Have a web server on a node that is no real server in the inventory that is shipped."""
    page = f"echo {name} > /var/www/html/index.html"
    node(name).check_output(f"{page} && systemctl enable --now nginx")


def keep_connections_open(node: Callable[[str], Host]) -> None:
    """Have real servers close neither idle connections nor downloads, and have one to offer."""
    for name in hosts_of("lvs_realservers"):
        node(name).check_output(
            "truncate --size 1G /var/www/html/large;"
            " echo 'keepalive_timeout 600; send_timeout 600;' > /etc/nginx/conf.d/patient.conf;"
            " systemctl reload nginx"
        )


def schedule_every_connection(node: Callable[[str], Host]) -> None:
    """Have directors count every connection.

    By default one from a port that has another in FIN_WAIT, for two minutes, goes where that went
    without being scheduled (conn_reuse_mode in the kernel's ipvs-sysctl.rst).
    """
    for name in hosts_of("lvs_directors"):
        node(name).check_output("sysctl --write net.ipv4.vs.conn_reuse_mode=3")


def scheduled(node: Callable[[str], Host], *names: str) -> dict[str, int]:
    """Return how many connections each director has scheduled, once its kernel has added up."""

    def count(name: str) -> int:
        output = node(name).check_output("ipvsadm --list --numeric --stats --exact")
        lines = [line.split() for line in output.splitlines()]
        return sum(int(words[2]) for words in lines if words[0] in ("TCP", "FWM"))

    before: dict[str, int] = {}
    while True:
        time.sleep(2.5)  # it does so every two seconds
        counts = {name: count(name) for name in names}
        if counts == before:
            return counts
        before = counts


def wait_until(truth: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.5)


def wait_for_only_holder(node: Callable[[str], Host], name: str, vip: str) -> None:
    """Wait until one director, and no other one, holds a VIP."""
    wait_until(lambda: vip_holders(node, vip) == [name], 90, f"{name} alone has {vip}")


class Traffic:
    """What a client saw; see traffic.py."""

    def __init__(self, client: str, *arguments: str) -> None:
        words = ["docker", "exec", "--interactive", container(client), "python3", "-c", PROGRAM]
        self.process = subprocess.Popen(
            [*words, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"
        self.result: dict = {}

    def sample(self) -> dict:
        """Return, and keep, what it saw since the last look."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.result = json.loads(self.process.stdout.readline())
        return self.result

    def end(self) -> None:
        """Let it end, and keep what it saw since the last look."""
        output, _ = self.process.communicate(timeout=120)
        self.result = json.loads(output)


@contextlib.contextmanager
def stream(
    client: str, vip: str, timeout: float = 0.5, requests: int = 1, interval: float = 0.5
) -> Iterator[Traffic]:
    """Make requests all the time, so many over a connection; give each up after so many seconds.

    Each worker begins one every so many seconds. Short intervals measure gaps more exactly, and
    cost an emulated processor as much as a playbook that runs meanwhile.
    """
    options = map(str, (WORKERS, timeout, requests, interval))
    traffic = Traffic(client, "stream", vip, "80", *options)
    try:
        yield traffic
    finally:
        traffic.end()


def assert_scheduled_once(number: int, traffic: Traffic) -> None:
    """Fail if a master has not scheduled each request of a client, or some of them twice.

    A few may come from the port of a connection that a fault has cut off, and go where that went.
    """
    requests = traffic.result["requests"]
    assert 0.95 * requests < number <= requests, f"{number} of {requests}"


@contextlib.contextmanager
def open_connections(client: str, vip: str, number: int) -> Iterator[Traffic]:
    """Hold connections, one half of them with downloads; each look returns how many still live."""
    traffic = Traffic(client, "hold", vip, "80", str(number))
    try:
        yield traffic
    finally:
        traffic.end()
