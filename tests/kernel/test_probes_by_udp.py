# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules vip_probe and realserver_probe send requests by UDP: to a VIP that IPVS balances by
direct routing, and to its real servers."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading

import pytest

VIP, VIP6 = "192.0.2.149", "2001:db8::149"
REAL = {"rs31": "192.0.2.31", "rs32": "192.0.2.32"}
A = {"query": "A", "name": "www.example.org"}
#: The question for the address of www.example.org, from RFC 1035 section 4.1.2.
QUESTION = b"\3www\7example\3org\0" + struct.pack("!2H", 1, 1)
POOL = list(REAL.values())
PING, PONG = "70 69 6e 67", "70 6f 6e 67"


class Names(socketserver.BaseRequestHandler):
    """A name server that knows one name."""

    def handle(self):
        data, reply = self.request
        number, flags, questions = struct.unpack_from("!3H", data)
        assert (flags, questions) == (0x0100, 1)
        question = data[12:]
        code, answers, record = 3, 0, b""
        if question == QUESTION:
            code, answers = 0, 1
            # A pointer to the name, A, IN, a TTL, and the address.
            record = struct.pack("!3HIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton("192.0.2.80")
        header = struct.pack("!6H", number, 0x8180 | code, 1, answers, 0, 0)
        reply.sendto(header + question + record, self.client_address)


class Pong(socketserver.BaseRequestHandler):
    """Answers ping with pong, and nothing else."""

    def handle(self):
        data, reply = self.request
        if data == b"ping":
            reply.sendto(b"pong", self.client_address)


@pytest.fixture
def serve():
    """Serve by UDP in a namespace, at the VIP by default, since a reply has to come from there.

    ``serve(host, Names, 53)`` returns what ends it.
    """
    running = []

    def start(host, handler, port, address=VIP):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = type("Server", (socketserver.UDPServer,), {"address_family": family})
        with host.entered():
            server = kind((address, port), handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

        def stop():
            if server in running:
                running.remove(server)
                server.shutdown()
                server.server_close()

        running.append(server)
        return stop

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


class Cluster:
    """A client (the test's own namespace), a director with the VIP, and two real servers."""

    def __init__(self, netns, lan, run_module, folder):
        self.run_module = run_module
        self.client = lan.host("192.0.2.10/24", netns)
        self.director = lan.host("192.0.2.23/24")
        self.real = {name: lan.host(f"{address}/24") for name, address in REAL.items()}
        for name, host in self.real.items():
            save = str(folder / f"{name}.conf")
            self.module(host, "arp_suppress", interfaces=["eth0"], save=save)
            self.module(host, "vip_iface", interface="lo", vips=[VIP])
        self.module(self.director, "vip_iface", interface="eth0", vips=[VIP], announce=False)

    def module(self, host, name, **options):
        with host.entered():
            result = self.run_module(name, **options)
        assert not result.get("failed"), result["msg"]
        return result

    def balance(self, port, pool=POOL):
        service = {"vip": VIP, "port": port, "protocol": "udp", "scheduler": "rr"}
        pool = [{"address": address} for address in pool]
        services = [{**service, "destinations": pool}]
        self.module(self.director, "ipvs_table", services=services, prune="all")

    def macs(self, count):
        return {host.mac(): count for host in self.real.values()}


@pytest.fixture
def cluster(netns, lan, run_module, tmp_path):
    return Cluster(netns, lan, run_module, tmp_path)


def test_queries_are_scheduled_one_by_one_and_identified_by_mac(cluster, serve, run_module):
    for host in cluster.real.values():
        serve(host, Names, 53)
    cluster.balance(53)

    probe = {"vip": VIP, "port": 53, "protocol": "dns", "dns": A}

    result = run_module("vip_probe", **probe, requests=6)
    assert result["failures"] == []
    assert result["answers"] == result["answer_macs"] == cluster.macs(3)
    assert result["macs"] == [cluster.director.mac()]
    assert result["latency_ms"]["min"] > 0

    # So many that some have a port that another one had, and go where that went.
    result = run_module("vip_probe", **probe, requests=200)
    assert result["failures"] == []
    assert result["answers"] == result["answer_macs"]
    assert result["answers"].keys() == cluster.macs(1).keys()
    assert sum(result["answers"].values()) == 200


def test_an_error_code_is_a_failure(cluster, serve, run_module):
    serve(cluster.real["rs31"], Names, 53)
    cluster.balance(53, [REAL["rs31"]])
    result = run_module("vip_probe", vip=VIP, port=53, protocol="dns", requests=2)
    assert [each["error"] for each in result["failures"]] == ["NXDOMAIN for SOA ."] * 2
    assert result["sequence"] == [None, None]


@pytest.mark.parametrize("pool", [POOL, []])
def test_requests_to_a_vip_without_a_listener_fail_at_once(cluster, run_module, pool):
    """The real server sends an ICMP error; without one, the director does."""
    cluster.balance(53, pool)
    for options in ({"protocol": "dns", "dns": A}, {"protocol": "udp", "udp": {}}):
        result = run_module("vip_probe", vip=VIP, port=53, requests=2, timeout=10, **options)
        assert len(result["failures"]) == 2
        assert "refused" in result["failures"][0]["error"]


def test_a_reply_from_another_address_than_the_vip_is_ignored(cluster, serve, run_module):
    """So does a server that listens at all addresses and leaves the source to the kernel."""
    serve(cluster.real["rs31"], Names, 53, address="")
    cluster.balance(53, [REAL["rs31"]])
    options = {"protocol": "dns", "dns": A, "requests": 1, "timeout": 0.5}
    result = run_module("vip_probe", vip=VIP, port=53, **options)
    assert [each["error"] for each in result["failures"]] == ["no reply within 0.5 s"]


def test_a_payload_and_the_reply_that_it_requires(cluster, serve, run_module):
    for host in cluster.real.values():
        serve(host, Pong, 9)
    cluster.balance(9)
    probe = {"vip": VIP, "port": 9, "protocol": "udp", "requests": 2, "timeout": 10}
    briefly = {**probe, "timeout": 0.5}

    result = run_module("vip_probe", **probe, udp={"payload": PING, "require_reply": PONG})
    assert result["answers"] == cluster.macs(1)

    result = run_module("vip_probe", **probe, udp={"payload": PING, "require_reply": "00"})
    assert "it must be 00" in result["failures"][0]["error"]

    result = run_module("vip_probe", **briefly, udp={"payload": "00", "require_reply": "any"})
    assert [each["error"] for each in result["failures"]] == ["no reply within 0.5 s"] * 2

    result = run_module("vip_probe", **briefly, udp={"payload": "00"})
    assert (result["answers"], result["failures"]) == ({"no reply": 2}, [])

    udp = {"payload": PING, "require_reply": "any"}
    result = run_module("vip_probe", **probe, udp=udp, identity="body")
    assert result["answers"] == {"pong": 2}


def test_ipv6(netns, lan, serve, run_module):
    client, host = lan.host("192.0.2.10/24", netns), lan.host("192.0.2.23/24")
    client.address("2001:db8::10/64")
    host.address(f"{VIP6}/64")
    serve(host, Names, 53, address=VIP6)
    result = run_module("vip_probe", vip=VIP6, port=53, protocol="dns", dns=A, requests=2)
    assert result["answers"] == result["answer_macs"] == {host.mac(): 2}


def test_real_servers_are_asked_past_the_director(cluster, serve):
    stops = [serve(host, Names, 53, REAL[name]) for name, host in cluster.real.items()]
    servers = [
        {"name": name, "address": address, "port": 53, "dns": A} for name, address in REAL.items()
    ]
    probe = {"servers": servers, "seconds": 1, "timeout": 3}
    assert cluster.module(cluster.director, "realserver_probe", **probe)["silent"] == []

    stops[1]()
    with cluster.director.entered():
        result = cluster.run_module("realserver_probe", **probe)
    assert result["failed"]
    assert len(result["silent"]) == 1
    assert result["silent"][0].startswith("rs32 (192.0.2.32:53): ")
    assert "refused" in result["silent"][0]
