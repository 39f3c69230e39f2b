# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a NAT director forwards, with the packet filter of the role director and without.

The test's own namespace is the director, between a client, a real server and another host; each
has a network of its own.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct

import pytest

VIP = {4: "192.0.2.149", 6: "2001:db8::149"}
CLIENT = {4: "192.0.2.10", 6: "2001:db8::10"}
SERVER = {4: "10.0.0.31", 6: "2001:db8:1::31"}
OTHER = {4: "10.0.1.32", 6: "2001:db8:2::32"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
SERVED, UNSERVED = 53, 514
PATIENCE = 30


class Machines:
    """The director and the hosts around it."""

    def __init__(self, director, peer, run_module, load_table, stack):
        self.director, self.run_module, self.load_table = director, run_module, load_table
        self.stack = stack
        self.hosts = {}
        for number, own in enumerate((CLIENT, SERVER, OTHER)):
            host = self.hosts[own[4]] = peer(f"eth{number}", "")
            for version, length in ((4, 24), (6, 64)):
                network = ipaddress.ip_network(f"{own[version]}/{length}", strict=False)
                director.address(f"{network[23]}/{length}", f"eth{number}")
                host.address(f"{own[version]}/{length}")
                host.ip(f"-{version} route add default via {network[23]}")
        for version, length in ((4, 32), (6, 128)):
            director.address(f"{VIP[version]}/{length}")
        for key in ("ipv4/conf/all/forwarding", "ipv6/conf/all/forwarding"):
            director.sysctl(f"net/{key}", 1)
        for name in ("all", "eth0", "eth1", "eth2"):
            director.sysctl(f"net/ipv4/conf/{name}/rp_filter", 0)

    def balance(self, method, *protocols):
        self.services = [
            {
                "vip": VIP[version],
                "port": SERVED,
                "protocol": protocol,
                "scheduler": "rr",
                "destinations": [{"address": SERVER[version], "method": method}],
            }
            for version in (4, 6)
            for protocol in protocols
        ]
        kernels = [
            {**each, "destinations": [{**each["destinations"][0], "method": "nat"}]}
            for each in self.services
        ]
        result = self.run_module("ipvs_table", services=kernels)
        assert not result.get("failed"), result["msg"]
        self.load("all")

    def load(self, forward):
        """Load the role's table, for what is balanced."""
        pool = [each["destinations"][0] for each in self.services]
        self.load_table(
            "director",
            "lvs_director",
            director_marks=[],
            director_services=self.services,
            director_vips=[*VIP.values()],
            director_translated=[each["address"] for each in pool],
            director_fullnat=[each for each in pool if each["method"] == "fullnat"],
            director_forward=forward,
        )

    def socket(self, own, version, port, kind=socket.SOCK_DGRAM):
        """Return a socket of a host, bound to a port."""
        with self.hosts[own[4]].entered():
            made = self.stack.enter_context(socket.socket(FAMILIES[version], kind))
        made.settimeout(PATIENCE)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((own[version], port))
        return made


@pytest.fixture
def machines(netns, peer, run_module, load_table):
    with contextlib.ExitStack() as stack:
        yield Machines(netns, peer, run_module, load_table, stack)


def received(asking, target, listener, payload=b"?"):
    """Send a datagram; return from where it comes to the listener."""
    asking.sendto(payload, target)
    received, source = listener.recvfrom(10000)
    assert received == payload
    return source


@pytest.mark.parametrize("version", [4, 6])
def test_only_load_balanced_packets_are_forwarded(machines, version):
    machines.balance("nat", "udp")
    client = machines.socket(CLIENT, version, 40000)
    servers = {port: machines.socket(SERVER, version, port) for port in (SERVED, UNSERVED)}
    other = machines.socket(OTHER, version, UNSERVED)
    direct = {
        "port": (client, (SERVER[version], UNSERVED), servers[UNSERVED]),
        "host": (client, (OTHER[version], UNSERVED), other),
        "served port": (client, (SERVER[version], SERVED), servers[SERVED]),
        "inside": (servers[UNSERVED], (OTHER[version], UNSERVED), other),
        "outward": (servers[UNSERVED], (CLIENT[version], 40000), client),
        # From the port of the service, but to a host that has asked nothing.
        "unasked": (servers[SERVED], (OTHER[version], UNSERVED), other),
    }
    for packet in direct.values():
        received(*packet)  # without the filter

    machines.load("balanced")
    for asking, target, _listener in direct.values():
        asking.sendto(b"forbidden", target)
    # What is balanced comes behind it by the same ways. In IPv4 the answer is in fragments.
    source = received(client, (VIP[version], SERVED), servers[SERVED])
    assert source[:2] == (CLIENT[version], 40000)
    answer = bytes(4000)
    assert received(servers[SERVED], source, client, answer)[:2] == (VIP[version], SERVED)
    for listener in (client, other, *servers.values()):
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.recvfrom(100)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("method", ["nat", "fullnat"])
def test_existing_and_new_connections_are_forwarded(machines, method, version):
    machines.director.sysctl("net/ipv4/vs/conntrack", int(method == "fullnat"))
    if method == "fullnat":
        for other in (4, 6):
            machines.hosts[SERVER[4]].ip(f"-{other} route delete default")
    machines.balance(method, "tcp")
    listener = machines.socket(SERVER, version, SERVED, socket.SOCK_STREAM)
    listener.listen()

    def connection(port):
        client = machines.socket(CLIENT, version, port, socket.SOCK_STREAM)
        client.connect((VIP[version], SERVED))
        server, _source = listener.accept()
        server.settimeout(PATIENCE)
        return client, machines.stack.enter_context(server)

    def talks(client, server):
        client.sendall(b"?")
        server.sendall(server.recv(1) + b"!")
        return client.recv(1) + client.recv(1) == b"?!"

    before = connection(40001)
    assert talks(*before)
    machines.load("balanced")
    assert talks(*before)
    assert talks(*connection(40002))


def test_a_backup_does_not_forward_packets_from_a_vip(machines):
    machines.balance("nat", "udp")
    machines.director.ip(f"address delete {VIP[4]}/32 dev eth0")  # another director has it
    server = machines.socket(SERVER, 4, UNSERVED)
    with machines.hosts[CLIENT[4]].entered():
        raw = machines.stack.enter_context(
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        )

    def packet(payload):
        udp = struct.pack("!HHHH", SERVED, UNSERVED, 8 + len(payload), 0) + payload
        ends = socket.inet_aton(VIP[4]) + socket.inet_aton(SERVER[4])
        return struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, 17, 0) + ends + udp

    raw.sendto(packet(b"first"), (SERVER[4], 0))
    assert server.recv(100) == b"first"  # without the filter
    machines.load("balanced")
    raw.sendto(packet(b"second"), (SERVER[4], 0))
    machines.load("all")
    raw.sendto(packet(b"third"), (SERVER[4], 0))
    assert server.recv(100) == b"third"
