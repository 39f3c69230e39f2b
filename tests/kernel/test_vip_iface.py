# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module vip_iface in fresh network namespaces, and what their neighbours see of it."""

from __future__ import annotations

import contextlib
import socket
import sys

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _arp, _boot, _links, _sysctl

VIP, VIP2, VIP6 = "192.0.2.149", "192.0.2.150", "2001:db8::149"
LINE, LINE2 = f"{VIP}/32 dev lo", f"{VIP2}/32 dev lo"
LINE6 = f"{VIP6}/128 dev lo nodad preferred_lft 0"


@pytest.fixture
def save(tmp_path):
    return tmp_path / "lvs" / "vips.ip"


@pytest.fixture
def host(netns, peer):
    """The test's own namespace, with a LAN interface that answers for any address it has."""
    for interface in ("all", "default"):
        for setting in _sysctl.ARP:
            netns.sysctl(_sysctl.conf_key(interface, setting), 0)
    netns.neighbour = peer("eth0", "192.0.2.1/24")
    netns.neighbour.address("2001:db8::1/64")
    netns.address("192.0.2.31/24")
    netns.address("2001:db8::31/64")
    return netns


@pytest.fixture
def suppressed(host):
    """The same with ARP suppressed."""
    host.sysctl(_sysctl.conf_key("all", "arp_ignore"), 1)
    host.sysctl(_sysctl.conf_key("all", "arp_announce"), 2)
    return host


def lines(host, interface="lo"):
    """Return the addresses of an interface in the words of the module."""
    with host.entered():
        return sorted(address.line for address in _links.read()[interface].addresses)


OWN = ["127.0.0.1/8 dev lo", "::1/128 dev lo"]


def test_a_real_server_gets_its_vips(suppressed, run_module, save):
    options = {"interface": "lo", "vips": [VIP, f"{VIP6}/128"], "save": str(save)}

    result = run_module("vip_iface", diff=True, **options)

    assert result["changed"]
    assert (result["before"], result["after"]) == ([], [LINE, LINE6])
    assert result["announced"] == []
    assert lines(suppressed) == sorted([*OWN, LINE, LINE6])
    assert result["diff"][0] == {"before": "", "after": f"{LINE}\n{LINE6}\n"}
    assert result["diff"][1]["after"] == save.read_text()
    again = run_module("vip_iface", **options)
    assert not again["changed"]
    assert again["before"] == again["after"] == [LINE, LINE6]


def test_boot_restores_the_saved_state(suppressed, new_netns, run_module, save):
    run_module("vip_iface", interface="lo", vips=[VIP, VIP6], save=str(save))
    rebooted = new_netns()
    for _ in range(2):
        rebooted.run(f"ip -batch {save}")
        assert lines(rebooted) == lines(suppressed)


def test_check_mode_reports_and_changes_nothing(host, run_module, save):
    result = run_module("vip_iface", check=True, interface="lo", vips=[VIP, VIP6], save=str(save))
    assert result["changed"]
    assert result["after"] == [LINE, LINE6]
    # An earlier task of the same play, not carried out either, is to suppress ARP.
    assert "ARP is not suppressed on eth0" in result["warnings"][0]
    assert lines(host) == OWN
    assert not save.exists()


def test_a_vip_waits_for_suppression(host, run_module, save):
    options = {"interface": "lo", "vips": [VIP], "save": str(save)}
    result = run_module("vip_iface", **options)
    assert result["failed"]
    assert "lvs.cluster.arp_suppress with interfaces: [eth0]" in result["msg"]
    assert lines(host) == OWN
    assert not save.exists()

    arp = save.parent / "arp.conf"
    assert run_module("arp_suppress", interfaces=["eth0"], save=str(arp))["changed"]
    assert run_module("vip_iface", **options)["changed"]
    assert not run_module("arp_suppress", state="absent", save=str(arp))["changed"]
    assert run_module("vip_iface", **{**options, "state": "absent"})["changed"]
    assert run_module("arp_suppress", state="absent", save=str(arp))["changed"]


def test_suppression_is_required_on_interfaces_that_do_arp(suppressed, run_module):
    suppressed.ip("link add other type veth peer name eth1")
    suppressed.ip("link set other up")
    suppressed.sysctl(_sysctl.conf_key("other", "arp_ignore"), 3)
    refused = run_module("vip_iface", interface="lo", vips=[VIP])
    assert refused["failed"]
    assert len(refused["mistakes"]) == 1
    assert "ARP is not suppressed on other" in refused["msg"]
    assert run_module("vip_iface", interface="lo", vips=[VIP], suppressed_on=["eth0"])["changed"]
    nowhere = run_module("vip_iface", interface="lo", vips=[VIP2], suppressed_on=["eth7"])
    assert nowhere["mistakes"] == ["suppressed_on: there is no interface eth7 here."]


@pytest.mark.usefixtures("host")
def test_ipv6_waits_for_nothing(run_module):
    assert run_module("vip_iface", interface="lo", vips=[VIP6])["after"] == [LINE6]


def test_only_managed_vips_are_removed(suppressed, run_module, save):
    """What the file lists and the task does not is removed; what is in no file stays."""
    foreign = "198.51.100.7/32"
    suppressed.address(foreign, "lo")
    suppressed.address("198.51.100.8/32")
    run_module("vip_iface", interface="lo", vips=[VIP, VIP6], save=str(save))
    run_module("vip_iface", interface="eth0", vips=[VIP2], announce=False)

    result = run_module("vip_iface", interface="lo", vips=[VIP], save=str(save))

    assert result["changed"]
    assert (result["before"], result["after"]) == ([LINE, LINE6], [LINE])
    assert lines(suppressed) == sorted([*OWN, f"{foreign} dev lo", LINE])
    assert f"{VIP2}/32" in suppressed.addresses("eth0")
    assert VIP6 not in save.read_text()

    assert run_module("vip_iface", state="absent", save=str(save))["changed"]
    assert lines(suppressed) == sorted([*OWN, f"{foreign} dev lo"])
    assert not save.exists()
    assert not run_module("vip_iface", state="absent", save=str(save))["changed"]
    absent = {"interface": "eth0", "state": "absent", "vips": [VIP2, "198.51.100.8"]}
    assert run_module("vip_iface", **absent)["changed"]
    assert "198.51.100.8/32" not in suppressed.addresses("eth0")
    assert "192.0.2.31/24" in suppressed.addresses("eth0")


def test_unlisted_entries_stay_until_they_are_pruned(suppressed, run_module, save):
    options = {"interface": "lo", "save": str(save)}
    run_module("vip_iface", vips=[VIP, VIP6], **options)

    result = run_module("vip_iface", vips=[VIP, VIP2], prune=False, **options)

    assert result["kept"] == [VIP6]
    assert lines(suppressed) == sorted([*OWN, LINE, LINE2, LINE6])
    assert VIP6 in save.read_text()
    again = run_module("vip_iface", vips=[VIP, VIP2], prune=False, **options)
    assert (again["changed"], again["kept"]) == (False, [VIP6])
    pruned = run_module("vip_iface", vips=[VIP, VIP2], **options)
    assert (pruned["changed"], pruned["kept"]) == (True, [])
    assert lines(suppressed) == sorted([*OWN, LINE, LINE2])
    assert VIP6 not in save.read_text()


def test_a_vip_moves_to_another_interface(suppressed, run_module, save):
    """An interface that would answer for it is no obstacle if the VIP is taken away there."""
    run_module("vip_iface", interface="eth0", vips=[VIP, VIP2], save=str(save), announce=False)

    moved = run_module("vip_iface", interface="lo", vips=[VIP], save=str(save))

    assert (moved["before"], moved["after"]) == (
        [f"{VIP}/32 dev eth0", f"{VIP2}/32 dev eth0"],
        [LINE],
    )
    assert not {f"{VIP}/32", f"{VIP2}/32"}.intersection(suppressed.addresses("eth0"))
    assert save.read_text().splitlines()[1:] == [f"address replace {LINE}"]
    assert not run_module("vip_iface", interface="lo", vips=[VIP], save=str(save))["changed"]


def test_an_ipv6_vip_that_could_be_a_source_address_is_corrected(suppressed, run_module):
    suppressed.address(f"{VIP6}/128", "lo")
    result = run_module("vip_iface", interface="lo", vips=[VIP6])
    assert (result["before"], result["after"]) == ([f"{VIP6}/128 dev lo"], [LINE6])
    assert LINE6 in lines(suppressed)


def test_a_vip_on_the_lan_interface_is_not_added_to_lo(suppressed, run_module):
    suppressed.address(f"{VIP}/32")
    suppressed.address(f"{VIP6}/128")
    result = run_module("vip_iface", interface="lo", vips=[VIP, VIP6, VIP2])
    assert len(result["mistakes"]) == 2
    assert f"ip address delete {VIP}/32 dev eth0" in result["mistakes"][0]
    assert lines(suppressed) == OWN


def test_a_vip_on_lo_already_may_be_on_the_lan_interface_too(suppressed, run_module):
    """A real server that is the master just now: keepalived put it there."""
    suppressed.address(f"{VIP}/32", "lo")
    suppressed.address(f"{VIP}/32")
    assert not run_module("vip_iface", interface="lo", vips=[VIP])["changed"]


def test_a_network_on_lo_is_refused(suppressed, run_module):
    suppressed.address(f"{VIP}/24", "lo")
    result = run_module("vip_iface", interface="lo", vips=[VIP])
    assert result["failed"]
    assert "makes all of 192.0.2.0/24 local" in result["msg"]


@pytest.mark.usefixtures("host")
def test_an_own_address_of_the_interface_serves_as_vip(run_module, save):
    result = run_module("vip_iface", interface="eth0", vips=["192.0.2.31"], save=str(save))
    assert not result["changed"]
    assert not save.exists()
    absent = {"interface": "eth0", "vips": ["192.0.2.31"], "state": "absent"}
    assert not run_module("vip_iface", **absent)["changed"]


@pytest.mark.usefixtures("host")
def test_an_interface_that_is_not_there(run_module, save):
    options = {"interface": "tunl9", "vips": [VIP], "save": str(save)}
    result = run_module("vip_iface", **options)
    assert "there is no interface tunl9 here" in result["msg"]
    assert not save.exists()
    assert run_module("vip_iface", check=True, **options)["after"] == [f"{VIP}/32 dev tunl9"]


@pytest.mark.usefixtures("host")
def test_the_file_of_an_interface_that_is_gone_can_be_cleared(run_module, save):
    save.parent.mkdir()
    save.write_text(f"address replace {VIP}/32 dev tunl9\n")
    assert run_module("vip_iface", interface="tunl9", state="absent", save=str(save))["changed"]
    assert not save.exists()


def test_a_failure_half_way_is_undone(suppressed, run_module, save):
    run_module("vip_iface", interface="eth0", vips=[VIP2], save=str(save), announce=False)
    text, before = save.read_text(), lines(suppressed, "eth0")
    suppressed.sysctl("net/ipv6/conf/eth0/disable_ipv6", 1)
    before = lines(suppressed, "eth0")

    result = run_module("vip_iface", interface="eth0", vips=[VIP, VIP6], save=str(save))

    assert result["failed"]
    assert f"refused to replace {VIP6}/128 dev eth0" in result["msg"]
    assert lines(suppressed, "eth0") == before
    assert save.read_text() == text


def test_the_interface_is_the_one_on_whose_network_the_vips_lie(host, run_module):
    result = run_module("vip_iface", vips=[VIP], check=True)
    assert result["interface"] == "eth0"
    nowhere = run_module("vip_iface", vips=["198.51.100.7"])
    assert "No network of this host has the VIP 198.51.100.7 in it" in nowhere["msg"]
    assert run_module("vip_iface", vips=[VIP], announce=False)["changed"]
    assert not run_module("vip_iface", vips=[VIP], announce=False)["changed"]


def test_without_pyroute2_check_mode_reports_the_change_and_a_run_refuses_it(
    host, run_module, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    checked = run_module("vip_iface", vips=[VIP], interface="eth0", check=True)
    assert checked["changed"]
    assert "install python3-pyroute2" in checked["warnings"][0]
    refused = run_module("vip_iface", vips=[VIP], interface="eth0")
    assert "install python3-pyroute2" in refused["msg"]
    assert f"{VIP}/32 dev eth0" not in lines(host, "eth0")


def heard(neighbour):
    """Return a packet socket of the neighbour, and a function that reads what it heard so far."""
    with neighbour.entered():
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        ear.bind(("eth0", _boot.ETH_P_ARP))
        ear.setblocking(False)

    def read():
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packets.append(_arp.Arp.decode(ear.recv(128)))
        return packets

    return ear, read


def test_a_director_announces_a_vip_it_gets(host, run_module):
    stale = "02:00:00:00:00:99"
    for vip in (VIP, VIP6):
        host.neighbour.ip(f"neighbour replace {vip} lladdr {stale} dev eth0 nud stale")
    ear, read = heard(host.neighbour)
    with ear:
        result = run_module("vip_iface", interface="eth0", vips=[VIP, VIP6])
        packets = [packet for packet in read() if packet.sender_ip == VIP]

    assert result["announced"] == [VIP, VIP6]
    assert [packet.operation for packet in packets] == [_boot.ARP_REQUEST, _boot.ARP_REPLY] * 3
    assert {packet.sender_mac for packet in packets} == {host.mac()}
    known = host.neighbour.ip("neighbour show dev eth0")
    macs = {entry["dst"]: entry["lladdr"] for entry in known if entry["dst"] in (VIP, VIP6)}
    assert macs == {VIP: host.mac(), VIP6: host.mac()}
    routers = {entry["dst"] for entry in known if "router" in entry}
    assert VIP6 not in routers


def test_a_director_that_forwards_ipv6_advertises_the_router_flag(host, run_module):
    host.sysctl("net/ipv6/conf/eth0/forwarding", 1)
    host.neighbour.ip(f"neighbour replace {VIP6} lladdr 02:00:00:00:00:99 dev eth0 nud stale")
    run_module("vip_iface", interface="eth0", vips=[VIP6])
    known = host.neighbour.ip(f"neighbour show to {VIP6} dev eth0")
    assert (known[0]["lladdr"], "router" in known[0]) == (host.mac(), True)


def test_a_vip_whose_announcement_fails_is_removed(host, run_module, save):
    host.run("tc qdisc add dev eth0 root pfifo limit 0")
    result = run_module("vip_iface", interface="eth0", vips=[VIP], save=str(save))
    assert result["mistakes"] == [
        "eth0 did not transmit the announcement of its VIPs: No buffer space available.",
        "The addresses are as they were.",
    ]
    assert f"{VIP}/32" not in host.addresses("eth0")
    assert not save.exists()


@pytest.mark.parametrize("reason", ["option", "presence", "down"])
def test_vips_that_are_not_announced(host, run_module, reason):
    options = {"announce": False} if reason == "option" else {}
    if reason == "presence":
        host.address(f"{VIP}/32")
    elif reason == "down":
        host.ip("link set eth0 down")
    ear, read = heard(host.neighbour)
    with ear:
        result = run_module("vip_iface", interface="eth0", vips=[VIP], **options)
        assert [packet for packet in read() if packet.sender_ip == VIP] == []
    assert result.get("announced", []) == []


@pytest.mark.parametrize("kind", ["dummy", "ipip local 192.0.2.31"])
def test_dummies_and_tunnels_do_no_arp(host, run_module, kind):
    host.add_link("quiet0", kind)
    assert run_module("vip_iface", interface="quiet0", vips=[VIP])["failed"]
    host.sysctl(_sysctl.conf_key("all", "arp_ignore"), 1)
    host.sysctl(_sysctl.conf_key("all", "arp_announce"), 2)
    result = run_module("vip_iface", interface="quiet0", vips=[VIP])
    assert (result["after"], result["announced"]) == ([f"{VIP}/32 dev quiet0"], [])
