# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module preflight on small LANs of network namespaces."""

from __future__ import annotations

import shutil
import subprocess

import pytest

VIP = "192.0.2.149"
DIP, RIP, RIP6 = "192.0.2.23", "192.0.2.31", "2001:db8::31"


@pytest.fixture
def machine(netns, lan):
    """The machine that is looked at: the test's own namespace."""
    machine = lan.host(f"{DIP}/24", netns)
    machine.address("2001:db8::23/64")
    return machine


@pytest.fixture
def findings(machine, run_module):
    def look(**options):
        with machine.entered():
            result = run_module("preflight", **options)
        assert not result["changed"]
        return result["findings"]

    return look


def test_a_machine_that_is_as_it_should_be(findings, lan):
    lan.host(f"{RIP}/24")

    assert (
        findings(
            addresses=[DIP, "2001:db8::23"],
            neighbours=[RIP, RIP6, DIP],
            not_gateways=["192.0.2.99"],
            vips=[VIP],
            exclusive_table=True,
        )
        == []
    )


def test_all_findings_come_at_once(findings):
    found = findings(addresses=["192.0.2.24"], neighbours=["198.51.100.1"], kernel_modules=["nix"])

    assert len(found) == 3
    assert found[0].startswith("192.0.2.24 is on no interface")
    assert "no route to it" in found[1]
    assert "has no module nix" in found[2]


@pytest.mark.parametrize(
    ("router", "far"), [("192.0.2.1", "198.51.100.31"), ("2001:db8::1", "2001:db8:1::31")]
)
def test_a_neighbour_behind_a_router(machine, findings, router, far):
    machine.ip(f"route add default via {router}")

    [found] = findings(neighbours=[RIP, far])

    assert found.startswith(f"{far} is reached through the router {router}")


@pytest.mark.parametrize(
    "route",
    [
        f"route add default via {RIP}",
        f"route add 198.51.100.0/24 via {RIP} table 100",
        f"route add default nexthop via 192.0.2.1 nexthop via {RIP}",
    ],
)
def test_a_gateway_that_must_not_be_one(machine, findings, route):
    machine.ip("route add 203.0.113.0/24 via 192.0.2.1")
    assert findings(not_gateways=[RIP]) == []

    machine.ip(route)

    [found] = findings(not_gateways=[RIP])
    assert found.startswith(f"Its gateway is {RIP}, the director")


def test_a_vip_that_a_stranger_answers_for(findings, lan):
    lan.host(f"{RIP}/24")
    stranger = lan.host("192.0.2.99/24")
    stranger.address(f"{VIP}/32")

    [found] = findings(vips=[VIP], neighbours=[RIP])

    assert found.startswith(f"The VIP {VIP} is in use: {stranger.mac()} answers for it on eth0")


def test_a_real_server_that_is_not_yet_quiet_is_no_stranger(findings, lan):
    real_server = lan.host(f"{RIP}/24")
    real_server.sysctl("net/ipv4/conf/all/arp_ignore", 0)
    real_server.address(f"{VIP}/32", "lo")

    assert findings(vips=[VIP], neighbours=[RIP]) == []
    assert findings(vips=[VIP]) != []


def test_a_switch_that_sends_frames_back(machine, findings, lan):
    """As Docker's bridges may: the machine then answers its own question."""
    machine.address(f"{VIP}/32")
    lan._switch.ip("link set port0 type bridge_slave hairpin on")

    assert findings(vips=[VIP]) == []


def test_a_vip_that_is_here_already_and_elsewhere_too(machine, findings, lan):
    machine.address(f"{VIP}/32")
    assert findings(vips=[VIP]) == []

    stranger = lan.host("192.0.2.99/24")
    stranger.address(f"{VIP}/32")

    assert stranger.mac() in findings(vips=[VIP])[0]


def test_a_vip_that_no_network_has(findings):
    [found] = findings(vips=["198.51.100.149"])
    assert "Name the interface that is to hold it with lvs_interface" in found

    assert findings(vips=["198.51.100.149"], interface="eth0") == []
    [found] = findings(vips=["198.51.100.149"], interface="eth9")
    assert found.startswith("There is no interface eth9")


def test_another_owner_of_the_table(machine, findings, tmp_path):
    program = shutil.copy(shutil.which("sleep"), tmp_path / "keepalived")
    with machine.entered():
        process = subprocess.Popen([program, "60"])
    try:
        assert findings() == []
        [found] = findings(exclusive_table=True)
        assert found.startswith("keepalived runs here")
        assert findings(exclusive_table=True, ignore_owners=["keepalived"]) == []
    finally:
        process.kill()
        process.wait()
