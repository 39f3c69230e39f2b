# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ipvs_dest on a real kernel, draining with a real connection among it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time

import pytest

WEB = {"vip": "192.0.2.1", "port": 80}


def rules():
    """Return the destinations as ipvsadm lists them."""
    listed = subprocess.check_output(["ipvsadm", "-Sn"], text=True).splitlines()
    return [line for line in listed if line.startswith("-a")]


@pytest.fixture
def service(netns):
    """Give the namespace a service without a pool."""
    subprocess.check_call(["ipvsadm", "-A", "-t", "192.0.2.1:80", "-s", "wrr"])


def test_a_destination_is_added_changed_and_removed(service, run_module):
    rs = {"service": WEB, "address": "192.0.2.11"}
    came = run_module("ipvs_dest", **rs, method="nat", port=8080, weight=1)
    assert came["before"] == {}
    assert rules() == ["-a -t 192.0.2.1:80 -r 192.0.2.11:8080 -m -w 1"]
    rs["port"] = 8080
    heavier = run_module("ipvs_dest", **rs, weight=10)
    assert heavier["changed"]
    assert heavier["operations"] == ["set destination 192.0.2.11:8080 of service tcp 192.0.2.1:80"]
    assert rules() == ["-a -t 192.0.2.1:80 -r 192.0.2.11:8080 -m -w 10"]
    assert not run_module("ipvs_dest", **rs)["changed"]
    assert run_module("ipvs_dest", **rs, state="absent")["after"] == {}
    assert rules() == []
    assert not run_module("ipvs_dest", **rs, state="absent")["changed"]


def test_a_tunnel_can_become_direct_routing(service, run_module):
    rs = {"service": WEB, "address": "192.0.2.11"}
    run_module("ipvs_dest", **rs, method="tun", tunnel_type="gue", tunnel_port=6080)
    assert rules() == [
        "-a -t 192.0.2.1:80 -r 192.0.2.11:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum"
    ]
    run_module("ipvs_dest", **rs, method="dr")
    assert rules() == ["-a -t 192.0.2.1:80 -r 192.0.2.11:80 -g -w 1"]


def test_check_mode_changes_nothing_and_does_not_wait(service, run_module):
    rs = {"service": WEB, "address": "192.0.2.11"}
    assert run_module("ipvs_dest", check=True, **rs)["changed"]
    assert rules() == []
    run_module("ipvs_dest", **rs)
    checked = run_module("ipvs_dest", check=True, **rs, state="drained")
    assert checked["changed"]
    assert checked["after"]["weight"] == 0
    assert rules() == ["-a -t 192.0.2.1:80 -r 192.0.2.11:80 -g -w 1"]


def test_a_missing_service_is_reported(netns, run_module):
    rs = {"service": WEB, "address": "192.0.2.11"}
    result = run_module("ipvs_dest", **rs)
    assert result["failed"]
    assert "service tcp 192.0.2.1:80 does not exist" in result["msg"]
    checked = run_module("ipvs_dest", check=True, **rs)
    assert "service tcp 192.0.2.1:80 does not exist" in checked["warnings"][0]
    assert run_module("ipvs_dest", **rs, state="drained")["drained"]


def test_a_weight_contradicts_draining(service, run_module):
    result = run_module("ipvs_dest", service=WEB, address="192.0.2.11", weight=5, state="drained")
    assert "state drained means weight 0" in result["msg"]


@pytest.fixture
def connect(service, netns, new_netns):
    """Connect a client through this director to a real server behind NAT, again at each call."""
    client, real = new_netns(), new_netns()
    netns.connect(client, interface="lan0")
    netns.connect(real, interface="inside0")
    netns.ip("address add 192.0.2.1/24 dev lan0")
    netns.ip("address add 10.0.0.254/24 dev inside0")
    netns.sysctl("net/ipv4/ip_forward", 1)
    client.ip("address add 192.0.2.100/24 dev eth0")
    real.ip("address add 10.0.0.11/24 dev eth0")
    real.ip("route add default via 10.0.0.254")
    with contextlib.ExitStack() as opened:
        with real.entered():
            server = opened.enter_context(socket.create_server(("10.0.0.11", 80)))

        def make():
            with client.entered():
                asking = socket.create_connection(("192.0.2.1", 80), timeout=10)
            answering, _client = server.accept()
            opened.enter_context(asking)
            opened.enter_context(answering)
            return asking, answering

        yield make


def test_draining_waits_for_the_last_connection_and_cuts_none(connect, run_module):
    rs = {"service": WEB, "address": "10.0.0.11"}
    run_module("ipvs_dest", **rs, method="nat")
    client, server = connect()
    client.sendall(b"before")
    assert server.recv(100) == b"before"

    in_time = time.monotonic()
    late = run_module("ipvs_dest", **rs, state="drained", drain_timeout=2)
    assert time.monotonic() - in_time >= 2
    assert late["drained"] is False
    assert late["connections"]["active"] == 1
    assert "1 connections after 2 s" in late["warnings"][0]
    assert rules() == ["-a -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"]

    client.sendall(b"still here")
    assert server.recv(100) == b"still here"
    client.close()
    server.close()
    drained = run_module("ipvs_dest", **rs, state="drained", drain_timeout=30)
    assert not drained["changed"]
    assert drained["drained"] is True
    assert drained["connections"]["active"] == 0


def test_ipvs_wait_reports_remaining_connections(connect, run_module):
    rs = {"address": "10.0.0.11", "port": 80}
    run_module("ipvs_dest", service=WEB, **rs, method="nat", weight=5)
    client, server = connect()
    web = {**WEB, "name": "web", "destinations": [{**rs, "name": "rs11", "method": "nat"}]}

    def left(**options):
        return run_module("ipvs_wait", services=[web], hosts=["rs11"], **options)["left"]

    assert left() == ["web: rs11 still has weight 5"]
    assert left(state="serving") == []
    run_module("ipvs_dest", service=WEB, **rs, weight=0)
    assert left() == ["web: rs11 has 1 connection (1 active)"]
    assert left(state="serving") == ["web: rs11 is not in the pool yet"]
    client.close()
    server.close()
    deadline = time.monotonic() + 10
    while left() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left() == []
    assert left(until="all") == ["web: rs11 has 1 connection (0 active)"]


def test_info_reports_connections_of_each_destination(connect, run_module):
    run_module("ipvs_dest", service=WEB, address="10.0.0.11", method="nat")
    client, _server = connect()
    found = run_module("ipvs_info", gather=["connections", "counters"])
    (entry,) = found["connections"]
    assert entry.pop("expires") > 0
    assert entry == {
        "protocol": "tcp",
        "client": "192.0.2.100",
        "client_port": client.getsockname()[1],
        "vip": "192.0.2.1",
        "port": 80,
        "destination": "10.0.0.11",
        "destination_port": 80,
        "state": "ESTABLISHED",
    }
    deadline = time.monotonic() + 10
    (counters,) = found["counters"]
    while not counters["packets_out"] and time.monotonic() < deadline:
        # The kernel adds up its processors' counters every two seconds.
        (counters,) = run_module("ipvs_info", gather=["counters"])["counters"]
    assert counters["connections"] == 1
    assert counters["packets_out"] > 0
    assert counters["destinations"][0]["active"] == 1
