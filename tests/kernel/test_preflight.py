# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module preflight on small LANs of network namespaces."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _host_reader, _host_state

VIP = "192.0.2.149"
DIP, RIP, RIP6 = "192.0.2.23", "192.0.2.31", "2001:db8::31"


@pytest.fixture
def machine(netns, lan):
    """The machine that is checked: the test's own namespace."""
    machine = lan.host(f"{DIP}/24", netns)
    machine.address("2001:db8::23/64")
    return machine


@pytest.fixture
def findings(machine, run_module):
    def run(**options):
        with machine.entered():
            result = run_module("preflight", **options)
        assert not result["changed"]
        return result["findings"]

    return run


def test_a_machine_without_findings(findings, lan):
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


def test_all_findings_are_reported_at_once(findings):
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
    assert "but the methods dr and nat need" in found


def test_an_address_may_be_behind_a_router_if_a_route_will_do(machine, findings):
    machine.ip("route add 198.51.100.0/24 via 192.0.2.1")
    assert findings(routed_to=["198.51.100.31", RIP, DIP]) == []
    found = findings(routed_to=["198.51.100.31", "203.0.113.1", "2001:db8:1::31"])
    assert len(found) == 2
    assert found[0].startswith("There is no route to 203.0.113.1. Add one")
    assert "2001:db8:1::31" in found[1]


def test_an_mtu_that_is_too_small(machine, findings):
    machine.ip("route add 198.51.100.0/24 via 192.0.2.1 mtu 1400")
    machine.ip("route add 203.0.113.0/24 via 192.0.2.1")
    far = ["198.51.100.31", "203.0.113.31", RIP6]
    assert findings(routed_to=far) == []
    assert findings(routed_to=far, mtu=1400) == []
    [found] = findings(routed_to=far, mtu=1500)
    assert found.startswith(
        "The route to 198.51.100.31 carries packets of 1400 octets by eth0, not"
    )
    assert "Set lvs_mtu: 1400" in found
    machine.ip("link set eth0 mtu 1450")
    assert len(findings(routed_to=far, mtu=1500)) == 3
    assert len(findings(routed_to=far, mtu=1450)) == 1


@pytest.mark.parametrize(
    ("rip", "sent", "taken"),
    [("198.51.100.31", DIP, ["192.0.2.0/28", "10.0.0.23"]), (RIP6, "2001:db8::23", [])],
)
def test_a_director_that_sends_through_tunnels_with_a_source_that_is_not_taken(
    machine, findings, rip, sent, taken
):
    machine.ip("route add 198.51.100.0/24 via 192.0.2.1")

    def run(sources):
        return findings(
            routed_to=[rip], tunnel_sources={rip: sources, "203.0.113.31": ["10.9.9.9"]}
        )

    assert run([*taken, sent]) == []
    [found] = run(taken)
    assert found.startswith(f"What this machine sends to {rip} has the source {sent}; that real")
    assert f"accepts tunnels from {', '.join(taken) or 'no address'} only" in found
    if rip != RIP6:  # the route may name another address of the machine
        machine.address("10.0.0.23/32", "lo")
        machine.ip("route replace 198.51.100.0/24 via 192.0.2.1 src 10.0.0.23")
        assert run(taken) == []


def test_a_director_in_its_own_pool_has_no_tunnel_to_itself(findings):
    assert findings(routed_to=[DIP], addresses=[DIP], tunnel_sources={DIP: ["192.0.2.24"]}) == []


def test_a_real_server_that_knows_no_address_of_a_director(findings):
    assert findings(addresses=[DIP], tunnel_sources={DIP: ["192.0.2.24"]}) == []
    [found] = findings(addresses=[DIP], tunnel_sources={DIP: ["2001:db8::24"]})
    assert found.startswith(f"Tunnels to {DIP} are taken from the directors only, and no address")


def test_the_interfaces_by_which_machines_are_reached(machine, new_netns, run_module):
    machine.connect(new_netns(), interface="eth1")
    machine.address("203.0.113.1/24", "eth1")
    with machine.entered():

        def interfaces(**options):
            return run_module("preflight", **options)["interfaces"]

        assert interfaces(neighbours=[RIP, DIP], routed_to=["203.0.113.9"]) == ["eth0", "eth1"]
        assert interfaces(neighbours=[DIP], routed_to=["192.0.2.99"]) == ["eth0"]
        assert interfaces(neighbours=[DIP], routed_to=["9.9.9.9"], vips=[VIP]) == []


def test_the_link_layer_addresses_that_others_see(machine, new_netns, run_module):
    machine.connect(new_netns(), interface="eth1")
    macs = [machine.ip(f"link show dev {name}")[0]["address"] for name in ("eth0", "eth1")]
    machine.address("203.0.113.1/24", "eth1")
    with machine.entered():
        alone = run_module("preflight", neighbours=[DIP])
        assert (alone["macs"], alone["all_macs"]) == ([], sorted(macs))
        assert run_module("preflight", vips=[VIP])["macs"] == macs[:1]
        result = run_module("preflight", vips=[VIP], neighbours=["203.0.113.9"])
    assert result["macs"] == sorted(macs)


def test_the_roles_that_are_built_here(machine, run_module, monkeypatch, tmp_path):
    monkeypatch.setattr(_host_reader, "UNITS", str(tmp_path))
    with machine.entered():
        assert run_module("preflight")["installed_roles"] == []
        for name in ("lvs-realserver-nat", "lvs-keepalived-ha", "nginx"):
            (tmp_path / f"{name}.service").touch()
        assert run_module("preflight")["installed_roles"] == ["realserver_nat", "keepalived_ha"]


def test_installed_packages_loaded_modules_and_state_files(
    machine, run_module, monkeypatch, tmp_path
):
    for name in ("director.ip", "director.ipvs"):
        (tmp_path / name).touch()
    monkeypatch.setattr(_host_state, "STATE_FILES", (f"{tmp_path}/*",))
    with machine.entered():
        state = run_module("preflight")["host_state"]
    assert state["os_family"] == "Debian"
    assert {"iproute2", "ipvsadm", "keepalived"} <= set(state["packages"])
    assert "chrony" not in state["packages"]
    assert state["kernel_modules"] == ["ip_vs"]
    assert state["state_files"] == [f"{tmp_path}/director.ip", f"{tmp_path}/director.ipvs"]


def test_a_director_that_is_to_be_the_gateway(machine, findings):
    assert findings(gateways=[RIP, RIP6]) == []
    [found] = findings(gateways=["198.51.100.23"])
    assert "there is no route to it" in found
    machine.ip("route add default via 192.0.2.1")
    [found] = findings(gateways=["198.51.100.23"])
    assert "it is reached through the router 192.0.2.1" in found
    [found] = findings(gateways=[DIP])
    assert "it is an address of this machine" in found


def test_a_return_path_that_would_cut_ansible_s_connection(machine, findings, monkeypatch):
    """The module return_route reports the same; its own tests have the cases."""
    monkeypatch.setenv("SSH_CONNECTION", f"{RIP} 50000 {DIP} 22")
    asked = {"gateways": ["192.0.2.99"], "answers": [{"address": DIP, "port": 22, "vip": VIP}]}
    [found] = findings(**asked)
    assert found.startswith("This would cut Ansible's own connection: answers to 192.0.2.31 leave")
    assert findings(**asked, route="default") == []
    every = {**asked, "answers": [{"address": DIP, "port": 0}]}
    assert findings(**every) == []
    assert len(findings(**every, keep_ports=[80])) == 1
    machine.ip("route add default via 192.0.2.1")
    monkeypatch.setenv("SSH_CONNECTION", f"198.51.100.9 50000 {DIP} 22")
    [found] = findings(**asked, route="default")
    assert "leave through 192.0.2.1 now, and would leave through 192.0.2.99" in found
    assert len(findings(gateways=["nix"], answers=[{"address": DIP}])) == 2


def test_a_route_of_return_route_is_no_gateway(machine, findings):
    """A cluster that changes from NAT to direct routing: the role's tasks take it away."""
    machine.ip(f"route add default via {RIP} table 5251 protocol 151")
    assert findings(not_gateways=[RIP]) == []


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


def test_a_vip_that_another_host_answers_for(findings, lan):
    lan.host(f"{RIP}/24")
    other_host = lan.host("192.0.2.99/24")
    other_host.address(f"{VIP}/32")

    [found] = findings(vips=[VIP], neighbours=[RIP])

    assert found.startswith(f"The VIP {VIP} is in use: {other_host.mac()} answers for it on eth0")


def test_a_real_server_without_arp_suppression_is_no_other_host(findings, lan):
    real_server = lan.host(f"{RIP}/24")
    real_server.sysctl("net/ipv4/conf/all/arp_ignore", 0)
    real_server.address(f"{VIP}/32", "lo")

    assert findings(vips=[VIP], neighbours=[RIP]) == []
    assert findings(vips=[VIP]) != []


def test_frames_that_a_switch_returns_are_no_duplicate_address(machine, findings, lan):
    """As Docker's bridges may: the machine then answers its own question."""
    machine.address(f"{VIP}/32")
    lan._switch.ip("link set port0 type bridge_slave hairpin on")

    assert findings(vips=[VIP]) == []


def test_a_vip_on_this_and_another_host_is_reported(machine, findings, lan):
    machine.address(f"{VIP}/32")
    assert findings(vips=[VIP]) == []

    other_host = lan.host("192.0.2.99/24")
    other_host.address(f"{VIP}/32")

    assert other_host.mac() in findings(vips=[VIP])[0]


def test_a_vip_that_no_network_has(findings):
    [found] = findings(vips=["198.51.100.149"])
    assert "Set lvs_interface to the interface that must hold it" in found

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


# ------------------------------------------------------------ the host checks, on a real kernel


@pytest.fixture
def wrong(machine, run_module):
    """Return the messages of a check that is not ok, on a machine that is to run already."""

    def run_check(check, **options):
        with machine.entered():
            result = run_module("preflight", running=True, **options)
        assert not result["changed"]
        errors = [each["message"] for each in result["checks"] if each["result"] == "error"]
        assert result["findings"] == errors
        results = [each for each in result["checks"] if each["check"] == check]
        assert results, result["checks"]
        return [each["message"] for each in results if each["result"] != "ok"]

    return run_check


@pytest.fixture
def real_server(machine, run_module, tmp_path):
    """Make the machine a real server for direct routing, as the role does; return its options."""
    machine.address(f"{VIP}/32", "lo")
    with machine.entered():
        assert "failed" not in run_module("arp_suppress", save=str(tmp_path / "arp.conf"))
    return {"addresses": [DIP], "serves": {"dr": [{"vip": VIP}]}}


def test_a_real_server_as_its_role_makes_it(wrong, real_server):
    for check in ("addresses", "networkd", "ARP", "rp_filter", "place of the VIPs"):
        assert wrong(check, **real_server) == []


@pytest.mark.parametrize("setting", ["arp_ignore", "arp_announce"])
def test_a_real_server_that_suppresses_arp_on_lo_alone(machine, wrong, real_server, setting):
    machine.sysctl(f"net/ipv4/conf/all/{setting}", 0)
    machine.sysctl(f"net/ipv4/conf/lo/{setting}", 2)
    [message] = wrong("ARP", **real_server)
    assert message.startswith("On eth0, arp_ignore ")
    machine.sysctl(f"net/ipv4/conf/eth0/{setting}", 2)
    assert wrong("ARP", **real_server) == []


def test_a_vlan_has_a_dot_in_its_name(machine, new_netns, wrong, real_server):
    machine.connect(new_netns(), interface="eth0.100")
    assert wrong("ARP", **real_server) == []
    machine.sysctl("net/ipv4/conf/eth0.100/arp_ignore", 3)
    [message] = wrong("ARP", **real_server)
    assert message.startswith("On eth0.100, arp_ignore 3 ")


def test_strict_filtering_by_path(machine, wrong, real_server):
    machine.sysctl("net/ipv4/conf/all/rp_filter", 1)
    assert wrong("rp_filter", **real_server) == []
    machine.sysctl("net/ipv4/conf/eth0/rp_filter", 0)
    [message] = wrong("rp_filter", **real_server)
    assert message.startswith("On eth0, rp_filter 1 is in effect")


def test_a_vip_that_is_on_the_lan_too(machine, wrong, real_server):
    machine.address(f"{VIP}/32", "eth0")
    [message] = wrong("place of the VIPs", **real_server)
    assert f"ip address delete {VIP}/32 dev eth0" in message
    machine.ip(f"address delete {VIP}/32 dev lo")
    assert len(wrong("place of the VIPs", **real_server)) == 2


def test_strict_filtering_on_a_tunnel(machine, wrong):
    machine.add_link("tun7", "ipip local 192.0.2.23 remote 192.0.2.1")
    machine.address(f"{VIP}/32", "tun7")
    serves = {"tun": [{"vip": VIP}]}
    for name, value in (("all", 0), ("tun7", 1)):
        machine.sysctl(f"net/ipv4/conf/{name}/rp_filter", value)
    [message] = wrong("rp_filter", serves=serves)
    assert message.startswith("On tun7, rp_filter 1")
    machine.sysctl("net/ipv4/conf/tun7/rp_filter", 2)
    assert wrong("rp_filter", serves=serves) == []
    assert wrong("place of the VIPs", serves=serves) == []


def test_a_missing_packet_filter_for_tunnels_and_unmanaged_tunnels(machine, wrong, load_table):
    sources = ["192.0.2.24"]
    serves = {"tun": [{"vip": VIP, "address": DIP, "sources": sources}]}
    assert len(wrong("tunnel sources", serves=serves)) == 1
    with machine.entered():
        load_table(
            "realserver_tun",
            "lvs_realserver_tun",
            realserver_tun_clamped=[],
            realserver_tun_packets=[{"family": "ip", "match": "meta l4proto 4"}],
            realserver_tun_sources=sources,
        )
    assert wrong("tunnel sources", serves=serves) == []

    machine.add_link("gre7", "gre local 192.0.2.23 remote 192.0.2.1")
    assert wrong("other tunnels", serves=serves) == []
    machine.add_link("tun7", "ipip local 192.0.2.23 remote 192.0.2.1")
    [found] = wrong("other tunnels", serves=serves)
    assert found.startswith("The tunnel tun7 to 192.0.2.1 is of a type that directors use")
    serves["tun"][0]["sources"].append("192.0.2.0/30")
    assert wrong("other tunnels", serves=serves) == []


def test_a_director_that_sends_redirects(machine, wrong):
    options = {
        "exclusive_table": True,
        "neighbours": [RIP],
        "services": [{"vip": VIP, "destinations": [{"address": RIP, "method": "nat"}]}],
    }
    machine.sysctl("net/ipv4/ip_forward", 1)
    for name in ("all", "eth0"):
        machine.sysctl(f"net/ipv4/conf/{name}/send_redirects", 0)
    assert wrong("forwarding", **options) == []
    machine.sysctl("net/ipv4/conf/eth0/send_redirects", 1)
    [message] = wrong("forwarding", **options)
    assert message.startswith("net/ipv4/conf/eth0/send_redirects is on")
    machine.sysctl("net/ipv4/ip_forward", 0)
    assert len(wrong("forwarding", **options)) == 2


def test_an_ipv6_vip_that_another_host_has(machine, lan, wrong):
    vip = "2001:db8::149"
    lan.host("192.0.2.99/24").address(f"{vip}/128")
    options = {"exclusive_table": True, "vips": [vip], "interface": "eth0"}
    machine.ip(f"address add {vip}/128 dev eth0 preferred_lft 0 nodad")
    assert wrong("IPv6 VIPs", **options) == []
    machine.ip(f"address change {vip}/128 dev eth0 preferred_lft forever")
    [message] = wrong("IPv6 VIPs", **options)
    assert "a preferred lifetime" in message
    machine.ip(f"address delete {vip}/128 dev eth0")
    machine.ip(f"address add {vip}/128 dev eth0 preferred_lft 0")
    [message] = wrong("IPv6 VIPs", **options)
    assert "is not usable" in message


def test_rules_that_drop_invalid_packets_are_reported(machine, wrong):
    if not shutil.which("nft"):
        pytest.skip("there is no nft here; the lab has it")
    options = {
        "exclusive_table": True,
        "vips": [VIP],
        "services": [{"vip": VIP, "destinations": [{"address": RIP, "method": "dr"}]}],
    }
    machine.run("nft add table inet wall")
    machine.run("nft add chain inet wall in { type filter hook input priority 0 ; }")
    machine.run("nft add rule inet wall in ct state established,related accept")
    assert wrong("packet filter", **options) == []
    machine.run("nft add chain inet wall odd")
    machine.run("nft add rule inet wall odd ct state invalid counter drop")
    assert wrong("packet filter", **options) == []
    machine.run("nft add rule inet wall in jump odd")
    [message] = wrong("packet filter", **options)
    assert message.startswith("The chain inet wall odd drops")
    machine.run("nft add chain inet wall early { type filter hook prerouting priority raw ; }")
    machine.run(f"nft add rule inet wall early ip daddr {VIP} notrack")
    assert wrong("packet filter", **options) == []


def test_settings_of_ipvs_in_effect(machine, wrong):
    if not Path("/proc/sys/net/ipv4/vs").is_dir():
        pytest.skip("this kernel has no IPVS; the lab's has")
    services = [{"vip": VIP, "persistence_timeout": 50, "destinations": []}]
    options = {"exclusive_table": True, "services": services}
    about = {"expire_nodest_conn": "1", "expire_quiescent_template": "1"}
    for name, value in about.items():
        machine.sysctl(f"net/ipv4/vs/{name}", value)
        assert wrong(name, **options) == []
        machine.sysctl(f"net/ipv4/vs/{name}", 0)
        [message] = wrong(name, **options)
        assert message.startswith(f"net/ipv4/vs/{name} is 0, not 1")
        assert wrong(name, **options, sysctls={f"net.ipv4.vs.{name}": 0}) == []
    pair = {**options, "vrrp_instances": [{"name": "lvs", "vips": [VIP]}]}
    assert "is 3 50, not 0 1" in wrong("sync_threshold", **pair)[0]
    machine.sysctl("net/ipv4/vs/sync_threshold", "0 1")
    assert wrong("sync_threshold", **pair) == []
    assert "is 0, not 1" in wrong("backup_only", **pair, serves={"dr": [{"vip": VIP}]})[0]


def test_an_advertised_default_route_that_forwarding_would_drop(advertised, netns, run_module):
    pool = [{"address": RIP6, "method": "nat"}]
    options = {
        "exclusive_table": True,
        "services": [{"vip": "2001:db8::149", "destinations": pool}],
    }
    [found] = run_module("preflight", **options)["findings"]
    assert found.startswith("The IPv6 default route by eth0 comes from router advertisements")
    asked = {"net/ipv6/conf/eth0/accept_ra": 2}
    assert run_module("preflight", **options, sysctls=asked)["findings"] == []
    netns.sysctl("net/ipv6/conf/eth0/accept_ra", 2)
    assert run_module("preflight", **options)["findings"] == []
