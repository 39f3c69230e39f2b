# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client, a director and real servers on one switch, for each way a request can take.

Hosts are network namespaces of this machine. Packets are those of a wire: offloads that join many
segments into one are off, since what is counted and timed here is packets.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import signal
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.module_utils._plan import merge
from ansible_collections.lvs.cluster.plugins.module_utils._table import transition

# What makes hosts for the tests on a real kernel makes them here.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "kernel"))

from conftest import Lan, Namespace

#: direct: no director at all; routed: the director is a router that knows nothing of IPVS.
WAYS = ("direct", "routed", "nat", "fullnat", "dr", "tun")
THROUGH_BOTH_WAYS = ("routed", "nat")
CLIENT, DIP, VIP = "198.51.100.10", "192.0.2.23", "192.0.2.149"
HTTP, DISCARD = 80, 9
WORKERS = 2
SIOCETHTOOL = 0x8946
ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO = 0x1F, 0x24, 0x2C
MASQUERADE = (
    "table ip lvs { chain c { type nat hook postrouting priority srcnat;"
    f" ct original ip daddr {VIP} masquerade; }}; }}\n"
)


def rip(number: int) -> str:
    """Return the address of a real server."""
    return f"192.0.2.{31 + number}"


class Cluster:
    """One way for requests, to so many real servers that answer HTTP; a context manager.

    ``limits`` are megabits per second: what each real server, and what the director, can send.
    """

    def __init__(self, way: str, servers: int, limits: tuple[int, int] | None = None) -> None:
        self.way = way
        self.hosts: list[Namespace] = []
        self.lan = Lan(self._host)
        self.client = self.lan.host(f"{CLIENT}/32")
        self.director = self.lan.host(f"{DIP}/24")
        self.servers = [self.lan.host(f"{rip(number)}/24") for number in range(servers)]
        self.children: list[int] = []
        for host in (self.client, self.director, *self.servers):
            wire(host)
        self._client()
        self._director()
        for number, host in enumerate(self.servers):
            self._server(host, number)
        if limits:
            for host, limit in [*((host, limits[0]) for host in self.servers),
                                (self.director, limits[1])]:  # fmt: skip
                host.run(f"tc qdisc add dev eth0 root tbf rate {limit}mbit burst 16kb limit 8mb")

    def __enter__(self) -> Cluster:
        for host in self.servers:
            with host.entered():
                listener = socket.create_server(("", HTTP), backlog=1000)
            for _worker in range(WORKERS):
                self.children.append(fork(lambda: serve(listener)))  # noqa: B023
            listener.close()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        for host in self.hosts:
            host.close()

    def _host(self) -> Namespace:
        self.hosts.append(Namespace())
        return self.hosts[-1]

    @property
    def target(self) -> str:
        """The address that the client asks."""
        return rip(0) if self.way in ("direct", "routed") else VIP

    def _client(self) -> None:
        self.client.ip(f"route add {DIP}/32 dev eth0 src {CLIENT}")
        via = f"via {DIP}" if self.way == "routed" else "dev eth0"
        self.client.ip(f"route add 192.0.2.0/24 {via} src {CLIENT}")

    def _director(self) -> None:
        self.director.ip(f"route add {CLIENT}/32 dev eth0")
        if self.way == "direct":
            return
        self.director.sysctl("net/ipv4/ip_forward", 1)
        for interface in ("all", "eth0"):
            self.director.sysctl(f"net/ipv4/conf/{interface}/send_redirects", 0)
        if self.way == "routed":
            return
        self.director.address(f"{VIP}/32")
        if self.way == "fullnat":
            self.director.sysctl("net/ipv4/vs/conntrack", 1)
            with tempfile.NamedTemporaryFile("w") as rules:
                rules.write(MASQUERADE)
                rules.flush()
                self.director.run(f"nft -f {rules.name}")
        pool = [{"address": rip(number), "method": self.way} for number in range(len(self.servers))]
        services, mistakes = parse_services(
            [
                {"vip": VIP, "port": port, "protocol": protocol, "scheduler": "lc",
                 "destinations": pool}
                for port, protocol in ((HTTP, "tcp"), (DISCARD, "udp"))
            ]
        )  # fmt: skip
        if mistakes:
            sys.exit("\n".join(mistakes))
        with self.director.entered():
            transition(lambda current: merge(current, services, "all")).apply()

    def _server(self, host: Namespace, number: int) -> None:
        via = f"via {DIP}" if self.way in THROUGH_BOTH_WAYS else "dev eth0"
        host.ip(f"route add {CLIENT}/32 {via}")
        for interface in ("all", "eth0", "default"):
            host.sysctl(f"net/ipv4/conf/{interface}/rp_filter", 0)
        host.sysctl("net/ipv4/conf/all/arp_ignore", 1)
        host.sysctl("net/ipv4/conf/all/arp_announce", 2)
        if self.way == "dr":
            host.address(f"{VIP}/32", "lo")
        elif self.way == "tun":
            host.ip(f"link add tunnel up type ipip local {rip(number)}")
            host.address(f"{VIP}/32", "tunnel")


def wire(host: Namespace) -> None:
    """Let a host send and receive packets one by one, as on a wire."""
    with host.entered(), socket.socket(type=socket.SOCK_DGRAM) as any_socket:
        for command in (ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO):
            value = array.array("I", [command, 0])
            request = struct.pack("16sP16x", b"eth0", value.buffer_info()[0])
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)


def fork(work) -> int:
    """Do work in a child process, where it ends; return its id."""
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(KeyboardInterrupt):
            work()
            status = 0
        os._exit(status)
    return child


def serve(listener: socket.socket) -> None:
    """Answer ``GET /SIZE`` with so many bytes in all, one connection after the other, for ever."""
    head = b"HTTP/1.0 200 OK\r\n\r\n"
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError, IndexError, ValueError):
            size = int(connection.recv(1000).split()[1][1:])
            connection.sendall(head + bytes(size - len(head)))


def ask(cluster: Cluster, size: int, begin: float = 0, end: float = float("inf")) -> int:
    """Ask for one answer, from the client's namespace; return how many bytes came in that time."""
    received = 0
    with socket.create_connection((cluster.target, HTTP), timeout=60) as connection:
        connection.sendall(f"GET /{size} HTTP/1.0\r\n\r\n".encode())
        while data := connection.recv(1 << 16):
            now = time.monotonic()
            if now >= end:
                break
            received += len(data) if now >= begin else 0
    return received


def load(cluster: Cluster, size: int, clients: int, warm: float, seconds: float) -> float:
    """Ask by so many clients at a time for so long; return the answers per second.

    They are counted by their bytes, so that answers under way at either end count in part; what
    comes while the clients warm up does not count.
    """
    begin = time.monotonic() + warm
    end = begin + seconds
    reading, writing = os.pipe()

    def work() -> None:
        received = 0
        while time.monotonic() < end:
            received += ask(cluster, size, begin, end)
        os.write(writing, struct.pack("Q", received))

    with cluster.client.entered():
        children = [fork(work) for _ in range(clients)]
    for child in children:
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"A client of {cluster.way} ended with status {status}.")
    received = sum(number for (number,) in struct.iter_unpack("Q", os.read(reading, 8 * clients)))
    os.close(reading)
    os.close(writing)
    return received / size / seconds


def traffic(host: Namespace) -> dict[str, int]:
    """Return what a host's interface has sent and received."""
    with host.entered():
        lines = Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.strip().startswith("eth0:"))
    numbers = [int(word) for word in line.split(":")[1].split()]
    return {
        "received bytes": numbers[0],
        "received packets": numbers[1],
        "sent bytes": numbers[8],
        "sent packets": numbers[9],
    }
