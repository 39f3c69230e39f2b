# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module arp_suppress, judged by what a neighbour on a real link receives."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _arp, _boot, _links, _sysctl

VIP = "192.0.2.149"
IGNORE = "net/ipv4/conf/all/arp_ignore"
ANNOUNCE = "net/ipv4/conf/all/arp_announce"
RP_FILTER = "net/ipv4/conf/eth0/rp_filter"


@pytest.fixture
def real_server(netns):
    """The test's own namespace, with the kernel's defaults and a LAN interface to come."""
    for interface in ("all", "default"):
        for setting in _sysctl.ARP:
            netns.sysctl(_sysctl.conf_key(interface, setting), 0)
    return netns


@pytest.fixture
def client(real_server, peer):
    """A host on the real server's LAN."""
    host = peer("eth0", "192.0.2.1/24")
    real_server.address("192.0.2.31/24")
    return host


@pytest.fixture
def save(tmp_path):
    return tmp_path / "90-lvs-arp.conf"


def who_has(host, vip=VIP):
    """Return the MACs that answer the host's ARP request."""
    with host.entered():
        mac = _links.read()["eth0"].mac
        return _arp.who_has("eth0", mac, [vip], "192.0.2.1", wait=0.3).get(vip, [])


def asked_by(host, neighbour):
    """Return as whom a neighbour asks for the host when it has something to send from the VIP."""
    with host.entered():
        watch = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        watch.bind(("eth0", _boot.ETH_P_ARP))
        watch.settimeout(1)
    with neighbour.entered(), socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind((VIP, 0))
        udp.sendto(b"", ("192.0.2.1", 9))
    with contextlib.closing(watch):
        return _arp.Arp.decode(watch.recv(128)).sender_ip


def test_a_neighbour_is_answered_before_and_not_after(real_server, client, run_module, save):
    real_server.address(f"{VIP}/32", "lo")
    assert who_has(client) == [real_server.mac()]
    assert asked_by(client, real_server) == VIP

    result = run_module("arp_suppress", interfaces=["eth0"], save=str(save))

    assert result["changed"]
    assert result["before"]["in_effect"] == {
        "eth0": {"arp_ignore": 0, "arp_announce": 0, "rp_filter": 0}
    }
    assert result["after"]["in_effect"] == {
        "eth0": {"arp_ignore": 1, "arp_announce": 2, "rp_filter": 2}
    }
    assert who_has(client) == []
    assert who_has(client, "192.0.2.31") == [real_server.mac()]
    real_server.ip("neighbour flush dev eth0")
    assert asked_by(client, real_server) == "192.0.2.31"
    assert not run_module("arp_suppress", interfaces=["eth0"], save=str(save))["changed"]


@pytest.mark.parametrize("value", range(10))
def test_the_rule_about_arp_ignore_is_the_kernels(real_server, client, value):
    real_server.address(f"{VIP}/32", "lo")
    real_server.sysctl("net/ipv4/conf/eth0/arp_ignore", value)
    suppressed = _sysctl.suppressed({"arp_ignore": value, "arp_announce": 2})
    assert (who_has(client) == []) is suppressed


@pytest.mark.parametrize("value", range(4))
def test_the_rule_about_arp_announce_is_the_kernels(real_server, client, value):
    real_server.address(f"{VIP}/32", "lo")
    real_server.sysctl("net/ipv4/conf/eth0/arp_announce", value)
    suppressed = _sysctl.suppressed({"arp_ignore": 1, "arp_announce": value})
    # 1 has the VIP as sender where it is in the network of the neighbour, as it is here.
    assert (asked_by(client, real_server) == "192.0.2.31") is suppressed


def test_a_larger_value_of_the_interface_is_corrected(real_server, client, run_module, save):
    real_server.address(f"{VIP}/32", "lo")
    real_server.sysctl("net/ipv4/conf/eth0/arp_ignore", 3)
    real_server.sysctl("net/ipv4/conf/eth0/arp_announce", 5)

    result = run_module("arp_suppress", interfaces=["eth0"], save=str(save))

    assert _sysctl.suppressed(result["after"]["in_effect"]["eth0"])
    assert who_has(client) == []
    text = save.read_text()
    assert "net/ipv4/conf/eth0/arp_ignore = 1\n" in text
    assert "net/ipv4/conf/eth0/arp_announce = 2\n" in text
    assert not run_module("arp_suppress", interfaces=["eth0"], save=str(save))["changed"]
    assert save.read_text() == text


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(("rp_filter", "interface", "everywhere"), [
    ("loose", "2", "1"), ("off", "0", "0"), ("keep", "1", "1"),
])  # fmt: skip
def test_rp_filter(real_server, run_module, save, rp_filter, interface, everywhere):
    real_server.sysctl("net/ipv4/conf/all/rp_filter", 1)
    real_server.sysctl(RP_FILTER, 1)
    run_module("arp_suppress", interfaces=["eth0"], rp_filter=rp_filter, save=str(save))
    assert real_server.sysctl(RP_FILTER) == interface
    assert real_server.sysctl("net/ipv4/conf/all/rp_filter") == everywhere


def test_an_interface_with_a_dot_in_its_name(real_server, run_module, save):
    real_server.ip("link add eth0.100 type veth peer name other")
    assert run_module("arp_suppress", interfaces=["eth0.100"], save=str(save))["changed"]
    assert real_server.sysctl("net/ipv4/conf/eth0.100/rp_filter") == "2"
    assert "net/ipv4/conf/eth0.100/rp_filter = 2\n" in save.read_text()


@pytest.mark.usefixtures("client")
def test_check_mode_reports_and_changes_nothing(real_server, run_module, save):
    result = run_module("arp_suppress", check=True, interfaces=["eth0"], save=str(save))
    assert result["changed"]
    assert _sysctl.suppressed(result["after"]["in_effect"]["eth0"])
    assert real_server.sysctl(IGNORE) == "0"
    assert not save.exists()


@pytest.mark.usefixtures("client")
def test_an_interface_that_is_not_there(real_server, run_module, save):
    options = {"interfaces": ["eth0", "eth8", "eth9"], "save": str(save)}
    sentences = [f"interfaces: there is no interface {name} here." for name in ("eth8", "eth9")]
    assert run_module("arp_suppress", **options)["mistakes"] == sentences
    assert real_server.sysctl(IGNORE) == "0"
    assert not save.exists()
    assert run_module("arp_suppress", check=True, **options)["warnings"] == sentences


@pytest.mark.usefixtures("client")
def test_absence_restores_former_values(real_server, run_module, save):
    was = {IGNORE: "0", ANNOUNCE: "1", RP_FILTER: "1", "net/ipv4/conf/eth0/arp_announce": "3"}
    for key, value in was.items():
        real_server.sysctl(key, value)
    run_module("arp_suppress", interfaces=["eth0"], save=str(save))
    run_module("arp_suppress", interfaces=["eth0"], rp_filter="off", save=str(save))
    assert real_server.sysctl(RP_FILTER) == "0"

    checked = run_module("arp_suppress", check=True, diff=True, state="absent", save=str(save))
    assert real_server.sysctl(IGNORE) == "1"
    result = run_module("arp_suppress", diff=True, state="absent", save=str(save))

    assert checked == result
    assert result["changed"]
    assert result["vips"] == []
    assert f"{IGNORE} = 0\n" in result["diff"][0]["after"]
    assert {key: real_server.sysctl(key) for key in was} == was
    assert not save.exists()
    assert not run_module("arp_suppress", state="absent", save=str(save))["changed"]


@pytest.mark.usefixtures("client")
def test_absence_leaves_unmanaged_changes(real_server, run_module, save):
    run_module("arp_suppress", interfaces=["eth0"], save=str(save))
    real_server.sysctl(IGNORE, 2)
    assert run_module("arp_suppress", state="absent", save=str(save))["changed"]
    assert (real_server.sysctl(IGNORE), real_server.sysctl(ANNOUNCE)) == ("2", "0")
    # With no file, nothing here is the module's.
    assert not run_module("arp_suppress", state="absent", save=str(save))["changed"]


@pytest.mark.usefixtures("client")
def test_absence_with_a_file_that_has_no_notes(real_server, run_module, save):
    """The file of release 0.1.0."""
    real_server.sysctl("net/ipv4/conf/default/rp_filter", 1)
    real_server.sysctl("net/ipv4/conf/eth0/arp_announce", 3)
    run_module("arp_suppress", interfaces=["eth0"], save=str(save))
    lines = save.read_text().splitlines(keepends=True)
    save.write_text("".join(line for line in lines if not line.startswith("# was: ")))
    assert not run_module("arp_suppress", interfaces=["eth0"], save=str(save))["changed"]

    assert run_module("arp_suppress", state="absent", save=str(save))["changed"]

    assert (real_server.sysctl(IGNORE), real_server.sysctl(ANNOUNCE)) == ("0", "0")
    assert real_server.sysctl("net/ipv4/conf/eth0/arp_announce") == "0"
    assert real_server.sysctl(RP_FILTER) == "1"


@pytest.mark.usefixtures("client")
def test_an_interface_no_longer_listed_gets_its_former_values(real_server, peer, run_module, save):
    peer("eth1")
    other = "net/ipv4/conf/eth1/rp_filter"
    real_server.sysctl(other, 1)
    run_module("arp_suppress", save=str(save))
    # ARP stays suppressed on one that is down now, if no interfaces are given.
    real_server.ip("link set eth1 down")
    assert not run_module("arp_suppress", save=str(save))["changed"]

    assert run_module("arp_suppress", interfaces=["eth0"], save=str(save))["changed"]

    assert (real_server.sysctl(other), real_server.sysctl(RP_FILTER)) == ("1", "2")
    assert "eth1" not in save.read_text()
    assert not run_module("arp_suppress", interfaces=["eth0"], save=str(save))["changed"]


@pytest.mark.usefixtures("client")
def test_absence_after_the_interface_is_gone(real_server, run_module, save):
    run_module("arp_suppress", interfaces=["eth0"], save=str(save))
    real_server.ip("link delete eth0")
    assert run_module("arp_suppress", state="absent", save=str(save))["changed"]
    assert real_server.sysctl(IGNORE) == "0"
    assert not save.exists()


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("kind", ["loopback", "veth", "dummy", "ipip local 192.0.2.31"])
def test_absence_keeps_suppression_while_a_vip_would_be_answered_for(
    real_server, run_module, save, kind
):
    interface = "lo" if kind == "loopback" else "quiet0"
    if kind == "veth":
        real_server.ip("link add quiet0 type veth peer name quiet1")
        real_server.ip("link set quiet0 arp off up")
    elif kind != "loopback":
        real_server.add_link("quiet0", kind)
    run_module("arp_suppress", interfaces=["eth0"], save=str(save))
    real_server.address(f"{VIP}/32", interface)
    text = save.read_text()

    result = run_module("arp_suppress", state="absent", save=str(save))

    assert not result["changed"]
    assert result["vips"] == [f"{VIP}/32 dev {interface}"]
    assert f"{VIP}/32 dev {interface}" in result["msg"]
    assert save.read_text() == text
    assert (real_server.sysctl(IGNORE), real_server.sysctl(ANNOUNCE)) == ("1", "2")


@pytest.mark.usefixtures("client")
def test_an_address_of_a_private_network_does_not_hold_suppression(real_server, run_module, save):
    real_server.add_link("vpn0", "wireguard")
    real_server.address("10.8.0.2/32", "vpn0")
    real_server.ip("address add 10.9.0.2 peer 10.9.0.1/32 dev vpn0")
    run_module("arp_suppress", interfaces=["eth0"], save=str(save))
    assert run_module("arp_suppress", state="absent", save=str(save))["changed"]


def test_ipv6_needs_no_suppression(real_server, client):
    """The reason why the module does nothing about IPv6, on this kernel."""
    client.address("2001:db8::1/64")
    real_server.address("2001:db8::31/64")
    real_server.address("2001:db8::149/128", "lo")
    client.run("ip -6 route add 2001:db8::149/128 dev eth0")
    with client.entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        for target in ("2001:db8::31", "2001:db8::149"):
            udp.sendto(b"", (target, 9))
    time.sleep(1.5)
    known = {entry["dst"]: entry.get("lladdr") for entry in client.ip("-6 neighbour show dev eth0")}
    assert known["2001:db8::31"] == real_server.mac()
    assert known.get("2001:db8::149") is None


def test_by_default_arp_is_suppressed_on_all_arp_interfaces(netns, peer, run_module, save):
    peer("eth0")
    peer("eth1")
    netns.sysctl("net/ipv4/conf/eth1/arp_announce", 1)
    result = run_module("arp_suppress", save=str(save))
    assert set(result["after"]["in_effect"]) == {"eth0", "eth1"}
    assert not run_module("arp_suppress", save=str(save))["changed"]
