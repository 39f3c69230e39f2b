# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests on a real kernel share: network namespaces, and modules run in them.

They need CAP_SYS_ADMIN and CAP_NET_ADMIN, and touch nothing outside the namespaces they make.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible_collections.lvs.cluster.tests.run_module import run_module

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
OUR_NAMESPACE = "/proc/thread-self/ns/net"
libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def _come_back() -> Iterator[None]:
    """Be in the same network namespace afterwards as before."""
    here = os.open(OUR_NAMESPACE, os.O_RDONLY)
    try:
        yield
    finally:
        _checked(libc.setns(here, CLONE_NEWNET))
        os.close(here)


class Namespace:
    """A fresh network namespace with lo up; it ends with `close` and the last process in it.

    Sockets, child processes and what `/proc/sys/net` shows all belong to the namespace this
    process is in at that moment: ``with namespace.entered():``.
    """

    def __init__(self) -> None:
        with _come_back():
            _checked(libc.unshare(CLONE_NEWNET))
            self.fd = os.open(OUR_NAMESPACE, os.O_RDONLY)
        self.raise_link("lo")

    def raise_link(self, name: str) -> None:
        """Set an interface up, without a process for it: that takes time in the lab."""
        with self.entered(), socket.socket(type=socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), IFF_UP))

    @contextlib.contextmanager
    def entered(self) -> Iterator[Namespace]:
        """Move this process (its calling thread) into the namespace for a while."""
        with _come_back():
            _checked(libc.setns(self.fd, CLONE_NEWNET))
            yield self

    def run(self, command: str) -> str:
        """Run a command in the namespace and return what it prints."""
        with self.entered():
            done = subprocess.run(
                command.split(), check=False, capture_output=True, text=True, timeout=30
            )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def ip(self, command: str) -> Any:
        """Run ``ip command`` in the namespace; return its output, parsed where it shows."""
        output = self.run(f"ip -json {command}")
        return json.loads(output) if output.strip() else []

    def connect(
        self,
        other: Namespace,
        interface: str = "eth0",
        other_interface: str = "eth0",
        bridge: str = "",
    ) -> None:
        """Lay a cable (a veth pair, both ends up) between two namespaces.

        With ``bridge``, this end is a port of that bridge.
        """
        path = f"/proc/{os.getpid()}/fd/{other.fd}"
        options = f"up master {bridge}" if bridge else "up"
        self.ip(
            f"link add {interface} {options} type veth peer name {other_interface} netns {path}"
        )
        other.raise_link(other_interface)

    def address(self, address: str, interface: str = "eth0") -> None:
        """Give an interface an address, to be used at once."""
        self.ip(f"address add {address} dev {interface}{' nodad' if ':' in address else ''}")

    def addresses(self, interface: str) -> list[str]:
        """Return the addresses of an interface with their prefix lengths."""
        link = self.ip(f"address show {interface}")[0]
        return [f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"]]

    def add_link(self, name: str, kind: str) -> None:
        """Add an interface, up, of a kind that needs no other end; skip where there is none.

        ``kind`` is what ``ip link add`` takes as its type, with options.
        """
        try:
            self.ip(f"link add {name} up type {kind}")
        except AssertionError:
            pytest.skip(f"this kernel has no interface of type {kind.split()[0]}; the lab's has")

    def mac(self, interface: str = "eth0") -> str:
        """Return the link-layer address of an interface."""
        return str(self.ip(f"link show {interface}")[0]["address"])

    def sysctl(self, key: str, value: object = None) -> str:
        """Set the key (slash form) if a value is given; return what it holds then."""
        path = Path("/proc/sys", key)
        with self.entered():
            if value is not None:
                path.write_text(str(value))
            return path.read_text().strip()

    def close(self) -> None:
        """Let go of the namespace."""
        os.close(self.fd)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what test_interrupted.py does at length on request."""
    parser.addoption(
        "--every-cut", action="store_true", help="kill modules before each of their writes"
    )
    parser.addoption("--pairs", type=int, default=5, help="pairs of modules at once, for each")


@pytest.fixture
def new_netns() -> Iterator[Callable[[], Namespace]]:
    """Make network namespaces beside the test's own, for the machines around it."""
    made: list[Namespace] = []

    def make() -> Namespace:
        made.append(Namespace())
        return made[-1]

    yield make
    for namespace in made:
        namespace.close()


@pytest.fixture
def netns(new_netns: Callable[[], Namespace]) -> Iterator[Namespace]:
    """Run the test in a fresh network namespace."""
    with new_netns().entered() as namespace:
        yield namespace


@pytest.fixture
def peer(netns: Namespace, new_netns: Callable[[], Namespace]) -> Callable[[str, str], Namespace]:
    """Give the test's namespace an interface, at whose other end is a new namespace.

    ``peer("eth0", "192.0.2.1/24")`` returns that namespace; its own interface is ``eth0``.
    """

    def make(interface: str, address: str = "") -> Namespace:
        other = new_netns()
        netns.connect(other, interface=interface)
        if address:
            other.address(address)
        return other

    return make


class Lan:
    """A switch, to which hosts are connected by their ``eth0``."""

    def __init__(self, new_netns: Callable[[], Namespace]) -> None:
        self._new_netns = new_netns
        self._ports = 0
        self._switch = new_netns()
        self._switch.ip("link add lan up type bridge")

    def host(self, address: str, host: Namespace | None = None) -> Namespace:
        """Connect a host, a new one by default, and give it an address."""
        host = host or self._new_netns()
        self._switch.connect(host, interface=f"port{self._ports}", bridge="lan")
        self._ports += 1
        host.address(address)
        return host


@pytest.fixture
def lan(new_netns: Callable[[], Namespace]) -> Lan:
    """Have a LAN: ``lan.host("192.0.2.1/24")`` is a host on it."""
    return Lan(new_netns)


@pytest.fixture
def advertised(netns: Namespace, lan: Lan) -> None:
    """Give the test's namespace a LAN on eth0, and by a router's advertisement a default route."""
    lan.host("192.0.2.23/24", netns)
    router = lan.host("192.0.2.1/24")
    router.address("fe80::1/64")
    netns.sysctl("net/ipv6/conf/eth0/accept_ra", 1)
    lifetime = 1800  # seconds; RFC 4861, 4.2
    advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, lifetime, 0, 0)
    with router.entered(), socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58) as speaker:
        index = socket.if_nametoindex("eth0")
        speaker.bind(("fe80::1", 0, 0, index))
        speaker.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        for _ in range(
            150
        ):  # it is dropped until the director's own address is no longer tentative
            speaker.sendto(advertisement, ("ff02::1", 0, 0, index))
            if netns.ip("-6 route show default"):
                return
            time.sleep(0.1)
    raise AssertionError("the advertisement gave no route")


@pytest.fixture(name="run_module")
def _run_module() -> Callable[..., dict[str, Any]]:
    """Run a module of the collection with its arguments, as Ansible does on a target.

    ``run_module("vip_iface", check=True, diff=True, vips=[...])`` returns the result. The module's
    own main() runs, on the real kernel, but in this process: to start one takes longer than most
    modules on an emulated machine. That modules start by themselves is shown by Molecule.
    """
    return run_module


@pytest.fixture
def load_table() -> Callable[..., None]:
    """Load a role's table into the packet filter, from its template filled in as Ansible does.

    ``load_table("keepalived_ha", "lvs_keepalived_ha", keepalived_ha_peers=[...])``
    """
    environment = jinja2.Environment(trim_blocks=True)
    environment.tests["search"] = lambda value, pattern: bool(re.search(pattern, value))

    def load(role: str, table: str, **variables: Any) -> None:
        path = Path(__file__).parents[2] / "roles" / role / "templates" / f"{table}.nft.j2"
        rules = environment.from_string(path.read_text()).render(**variables)
        text = (
            f"table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n{rules}\n}}\n"
        )
        done = subprocess.run(
            ["nft", "-f", "-"], input=text, text=True, check=False, capture_output=True
        )
        assert done.returncode == 0, f"{text}{done.stderr}"

    return load
