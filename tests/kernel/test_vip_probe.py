# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module vip_probe on small LANs of network namespaces."""

from __future__ import annotations

import http.server
import itertools
import socket
import socketserver
import threading

import pytest

VIP, VIP6 = "192.0.2.149", "2001:db8::149"


class Site(http.server.BaseHTTPRequestHandler):
    """Answers with what the server's ``replies`` hold next: (status, body)."""

    timeout = 10  # for a request that never comes; the server could not be ended then

    def do_GET(self):
        status, body = next(self.server.replies)
        self.send_response(status)
        self.send_header("X-Served-By", "web7")
        self.send_header("X-Host", self.headers["Host"])
        self.send_header("X-Path", self.path)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *words):
        """Log nothing."""


class Banner(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(f"{next(self.server.replies)[1]}\r\nwelcome\r\n".encode())


@pytest.fixture
def serve():
    """Serve in a namespace: ``serve(host, "name", ...)`` answers with the names in turn."""
    servers = []

    def start(host, *bodies, handler=Site, address="", port=80):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = type("Server", (socketserver.TCPServer,), {"address_family": family})
        with host.entered():
            server = kind((address, port), handler)
            replies = [body if isinstance(body, tuple) else (200, body) for body in bodies]
            server.replies = itertools.cycle(replies)
            servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def network(netns, lan):
    """A client (the test's own namespace) and a host with the VIP, on one LAN."""
    host = lan.host("192.0.2.23/24")
    host.address(f"{VIP}/32")
    return lan.host("192.0.2.10/24", netns), host


def test_answers_are_counted_by_server_and_link_layer_address(network, serve, run_module):
    _, host = network
    serve(host, "rs31\nmore", "rs32", "rs31")

    result = run_module("vip_probe", vip=VIP, requests=7)

    assert not result["changed"]
    assert result["sequence"] == ["rs31", "rs32", "rs31", "rs31", "rs32", "rs31", "rs31"]
    assert result["answers"] == {"rs31": 5, "rs32": 2}
    assert result["failures"] == []
    assert (result["interface"], result["on_link"]) == ("eth0", True)
    assert result["macs"] == [host.mac()]
    assert list(result["answer_macs"]) == [host.mac()]
    assert result["answer_macs"][host.mac()] >= 7 * 2
    latency = result["latency_ms"]
    assert 0 < latency["min"] <= latency["median"] <= latency["max"]


def test_check_mode_is_the_same(network, serve, run_module):
    serve(network[1], "rs31")
    result = run_module("vip_probe", check=True, diff=True, vip=VIP, requests=2)
    assert (result["changed"], result["answers"]) == (False, {"rs31": 2})
    assert "diff" not in result


def test_a_real_server_without_arp_suppression_is_seen_beside_the_director(
    network, lan, serve, run_module
):
    client, director = network
    leak = lan.host("192.0.2.31/24")
    for setting in ("arp_ignore", "arp_announce", "rp_filter"):
        leak.sysctl(f"net/ipv4/conf/all/{setting}", 0)
    leak.address(f"{VIP}/32", "lo")
    serve(leak, "rs31")
    # The client's packets reach the real server, as through the director.
    client.ip(f"neighbour replace {VIP} lladdr {leak.mac()} dev eth0 nud permanent")

    result = run_module("vip_probe", vip=VIP, requests=2)
    assert sorted(result["macs"]) == sorted([director.mac(), leak.mac()])

    leak.sysctl("net/ipv4/conf/all/arp_ignore", 1)
    result = run_module("vip_probe", vip=VIP, requests=2)
    assert result["macs"] == [director.mac()]
    assert list(result["answer_macs"]) == [leak.mac()]


def test_a_request_that_fails_is_part_of_the_result(network, serve, run_module):
    serve(network[1], "rs31", (503, "broken"), "", "rs32")
    result = run_module("vip_probe", vip=VIP, requests=4)
    assert not result.get("failed")
    assert result["sequence"] == ["rs31", None, None, "rs32"]
    assert result["failures"] == [
        {"n": 2, "error": "HTTP 503 Service Unavailable"},
        {"n": 3, "error": "the answer is empty, so it does not identify its server"},
    ]


@pytest.mark.usefixtures("network")
def test_no_host_answers(run_module):
    result = run_module("vip_probe", vip=VIP, requests=2, port=81)
    assert result["answers"] == {}
    assert [failure["n"] for failure in result["failures"]] == [1, 2]
    assert "Connection refused" in result["failures"][0]["error"]
    assert result["latency_ms"] is None


def test_a_server_that_is_slower_than_the_timeout(network, run_module):
    with network[1].entered():
        silent = socket.create_server(("", 80))
    with silent:
        result = run_module("vip_probe", vip=VIP, requests=1, timeout=0.2)
    assert result["failures"] == [{"n": 1, "error": "timed out"}]


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("header:x-served-by", "web7"),
        (r"server (\w+)", "rs31"),
        ("none", "any"),
        ("header:X-Host", "www.example.org"),
        ("header:X-Path", "/who?am=i"),
    ],
)
def test_a_server_is_identified_by_its_answer(network, serve, run_module, identity, name):
    serve(network[1], "I am\nserver rs31")
    options = {"requests": 1, "host": "www.example.org", "path": "/who?am=i"}
    result = run_module("vip_probe", vip=VIP, identity=identity, **options)
    assert result["sequence"] == [name]


@pytest.mark.parametrize(("identity", "name"), [("body", "rs31"), ("none", "any")])
def test_tcp(network, serve, run_module, identity, name):
    serve(network[1], "rs31", handler=Banner, port=25)
    result = run_module(
        "vip_probe", vip=VIP, port=25, protocol="tcp", requests=2, identity=identity
    )
    assert result["answers"] == {name: 2}


def test_ipv6(network, serve, run_module):
    client, host = network
    client.address("2001:db8::10/64")
    host.address(f"{VIP6}/64")
    serve(host, "rs31", address="::")
    result = run_module("vip_probe", vip="2001:DB8:0::149", requests=2)
    assert result["answers"] == {"rs31": 2}
    assert result["macs"] == [host.mac()]
    assert list(result["answer_macs"]) == [host.mac()]


def test_behind_a_router(network, serve, run_module):
    client, host = network
    client.ip("route add 198.51.100.0/24 via 192.0.2.23")
    host.address("198.51.100.149/32", "lo")
    serve(host, "rs31")
    result = run_module("vip_probe", vip="198.51.100.149", requests=1)
    assert (result["on_link"], result["macs"]) == (False, [])
    assert list(result["answer_macs"]) == [host.mac()]


def test_on_a_host_that_holds_the_vip_it_is_refused(network, run_module):
    with network[1].entered():
        result = run_module("vip_probe", vip=VIP)
    assert result["mistakes"] == [
        f"vip: {VIP} is on this host, so a probe would not leave it: probe from a client."
    ]


@pytest.mark.usefixtures("network")
def test_without_a_route_it_reports_that(run_module):
    result = run_module("vip_probe", vip="203.0.113.9")
    assert "Network is unreachable" in result["msg"]
