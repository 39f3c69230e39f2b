# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight and host_info find on FreeBSD, on a host of fake_freebsd.py."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd, _freebsd_host
from ansible_collections.lvs.cluster.tests.unit.fake_freebsd import FreeBSD, install

VIP, RIP, DIP, ROUTER = "192.168.0.200", "192.168.0.170", "192.168.0.254", "192.168.0.1"
DR = {"dr": [{"vip": VIP, "port": 80, "protocol": "tcp"}]}
NAT = {"nat": [{"address": RIP, "port": 80, "protocol": "tcp"}]}


@pytest.fixture
def host(monkeypatch, tmp_path):
    found = FreeBSD()
    found.settings["net.fibs"] = "1"
    install(monkeypatch, tmp_path, found)
    return found


@pytest.fixture
def checks(host, run_main):
    """Run preflight; return its result, and its checks by name."""

    def run(**options):
        result = run_main("preflight", **options)
        assert not result.get("failed"), result
        found = {}
        for each in result["checks"]:
            found.setdefault(each["check"], []).append((each["result"], each["message"]))
        return result, found

    return run


@pytest.fixture
def built(host, run_main):
    """Apply what the roles realserver_dr and realserver_nat apply."""
    run_main("vip_iface", interface="lo", vips=[VIP], save="/etc/lvs/realserver_dr.ip")


def test_a_real_server_before_it_is_built(checks, host):
    result, found = checks(
        addresses=[RIP], neighbours=[DIP], routed_to=["10.1.1.1"], not_gateways=[DIP], serves=DR
    )
    assert list(found) == ["system", "addresses", "link", "routes", "gateway", "ARP"]
    assert [[each[0] for each in of_it] for of_it in found.values()] == [["ok"]] * 6
    assert result["interfaces"] == ["em0"]
    assert result["macs"] == result["all_macs"] == ["08:00:27:12:34:56"]
    assert result["addresses"] == ["127.0.0.1", RIP, "::1", "fe80::1"]
    assert result["installed_roles"] == result["former_realserver_roles"] == []
    assert result["host_state"] == {
        "os_family": "FreeBSD",
        "packages": [],
        "kernel_modules": [],
        "state_files": [],
    }
    assert host.ran == []


def test_the_result_has_the_keys_of_linux(checks, run_main, monkeypatch):
    keys = checks()[0].keys()
    monkeypatch.undo()
    assert run_main("preflight").keys() == keys


def test_the_network_is_compared_with_the_inventory(checks, host):
    host.defaults["-inet", 0] = DIP
    _result, found = checks(
        addresses=["192.168.0.171"],
        neighbours=["10.1.1.1"],
        routed_to=[DIP],
        mtu=9000,
        not_gateways=[DIP],
        serves=DR,
    )
    errors = [name for name, of_it in found.items() if of_it[0][0] == "error"]
    assert errors == ["addresses", "link", "routes", "gateway"]


def test_a_running_real_server(checks, built):
    result, found = checks(addresses=[RIP], serves=DR, running=True, roles=["realserver_dr"])
    assert [of_it[0][0] for of_it in found.values()] == ["ok"] * len(found)
    assert {"place of the VIPs", "boot"} <= found.keys()
    assert result["installed_roles"] == ["realserver_dr"]
    assert result["former_realserver_roles"] == []
    assert [path.rpartition("/")[2] for path in result["host_state"]["state_files"]] == ["lvs_dr"]


def test_former_roles_are_found_by_their_files(checks, built):
    assert checks(roles=["realserver_nat"])[0]["former_realserver_roles"] == ["realserver_dr"]


def test_pitfalls_are_errors_before_anything_is_built(checks, host):
    host.settings["net.link.ether.inet.proxyall"] = "1"
    host.settings["net.inet.ip.check_interface"] = "1"
    _result, found = checks(serves=DR)
    assert [each[0] for each in found["ARP"]] == ["error", "error"]
    assert "ARP" not in checks(serves=NAT)[1]


def test_a_vip_on_the_wrong_interface(checks, host, built):
    host.addresses["em0"].append(f"inet {VIP}/32")
    host.addresses["lo0"].remove(f"inet {VIP}/32")
    found = checks(serves=DR, running=True)[1]["place of the VIPs"]
    assert [each[1].partition(",")[0] for each in found] == [
        f"The VIP {VIP} is not on lo0 here",
        f"The VIP {VIP} is on em0",
    ]
    assert f"ifconfig em0 inet {VIP} -alias" in found[1][1]


def test_what_is_missing_at_boot(checks, host):
    host.addresses["lo0"].append(f"inet {VIP}/32")
    [(severity, said)] = checks(serves=DR, running=True)[1]["boot"]
    assert severity == "error"
    assert said.startswith("There is no file of the role realserver_dr below ")


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (f"aliases: inet {VIP}/32\narpproxy_all: NO\n", None),
        ("aliases: inet 10.9.9.9/32\n", f"ifconfig_lo0_aliases does not have {VIP}"),
        (f"aliases: inet {VIP}/32\narpproxy_all: yes\n", "arpproxy_all is YES"),
        ("", None),  # it could not be read
    ],
)
def test_what_rc_finds_at_boot(checks, host, built, said, part):
    host.rc = said
    [(severity, message)] = checks(serves=DR, running=True)[1]["boot"]
    assert severity == ("ok" if part is None else "error")
    assert part is None or part in message


def test_dhcp_beside_the_directors_default_route(checks, host):
    host.rc = "aliases:\ndhcp: em0\n"
    options = {"addresses": [RIP], "gateways": [DIP], "route": "default", "serves": NAT}
    [(severity, said)] = checks(**options)[1]["DHCP"]
    assert severity == "warning"
    assert f"supersede routers {DIP};" in said
    host.rc = "aliases:\ndhcp: em1\n"
    assert checks(**options)[1]["DHCP"] == [("ok", "no other default route")]


def test_a_policy_route_is_an_error(checks):
    options = {"gateways": [DIP], "serves": NAT, "answers": NAT["nat"]}
    [(severity, said)] = checks(**options)[1]["return path"]
    assert severity == "error"
    assert "lvs_nat_route: default" in said
    assert checks(**options, route="default")[1]["return path"][0][0] == "ok"


def test_ansibles_own_connection_is_found_before(checks, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", f"198.51.100.9 50000 {RIP} 22")
    options = {"gateways": [DIP], "route": "default", "serves": NAT}
    assert "would cut" in checks(**options)[1]["return path"][0][1]


def test_another_fib_cuts_no_connection(checks, host, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", f"198.51.100.9 50000 {RIP} 22")
    host.rc = "aliases:\ndhcp: em0\n"
    options = {"addresses": [RIP], "gateways": [DIP], "route": "default", "serves": NAT, "fib": 1}
    assert "net.fibs" in checks(**options)[1]["return path"][0][1]
    host.settings["net.fibs"] = "2"
    found = checks(**options)[1]
    assert found["return path"][0][0] == "ok"
    assert "DHCP" not in found


def test_a_gateway_that_return_route_set_is_no_error(checks, run_main):
    options = {"gateways": [DIP], "route": "default", "save": "/etc/lvs/realserver_nat.ip"}
    assert run_main("return_route", **options)["changed"]
    assert checks(not_gateways=[DIP], serves=DR)[1]["gateway"][0][0] == "ok"


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"exclusive_table": True}, "a director must run Linux"),
        ({"serves": {"tun": [{"vip": VIP, "address": RIP, "tunnel_type": "gue"}]}}, "are gue;"),
        ({"serves": {"tun": [{"vip": "2001:db8::1", "address": RIP}]}}, "with IPv4 inside"),
    ],
)
def test_what_freebsd_cannot_be(checks, options, part):
    [(severity, said)] = checks(**options)[1]["system"]
    assert severity == "error"
    assert part in said


def test_tunnels_of_ipv4(checks):
    serves = {"tun": [{"vip": VIP, "address": RIP, "tunnel_type": None}]}
    assert checks(serves=serves)[1]["system"][0][0] == "ok"


def test_host_info(host, built, run_main):
    result = run_main("host_info", vips=[VIP, RIP])
    assert result["held_vips"] == [RIP]  # that on lo0 is a real server's
    assert [link["ifname"] for link in result["links"]] == ["em0", "lo0"]
    assert result["links"][0] == {
        "ifname": "em0",
        "link_type": "ether",
        "address": "08:00:27:12:34:56",
        "flags": ["UP", "BROADCAST", "RUNNING", "SIMPLEX", "MULTICAST"],
        "mtu": 1500,
        "addr_info": [{"family": "inet", "local": RIP, "prefixlen": 24}],
    }
    assert (result["units"], result["keepalived"]) == ([], None)


# ----------------------------------------------------------------------------- parsers

#: As in_status_nl() in sbin/ifconfig/af_inet.c of FreeBSD 14 and in6_status() in af_inet6.c of 13
#: print addresses; LOWER_UP is a flag of FreeBSD 14 and later.
SHOWN = """\
vtnet0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 9000
\toptions=4c07bb<RXCSUM,TXCSUM,VLAN_MTU,VLAN_HWTAGGING>
\tether 58:9c:fc:00:00:01
\tinet 10.0.0.31/24 broadcast 10.0.0.255
\tinet6 fe80::5a9c:fcff:fe00:1%vtnet0/64 scopeid 0x1
\tinet6 2001:db8::31/64 tentative
\tinet6 2001:db8::32/64 duplicated
\tinet6 2001:db8::33/64 deprecated autoconf
\tnd6 options=23<PERFORMNUD,ACCEPT_RTADV,AUTO_LINKLOCAL>
gif0: flags=1008051<UP,POINTOPOINT,RUNNING,MULTICAST,LOWER_UP> metric 0 mtu 1280
\toptions=80000<LINKSTATE>
\ttunnel inet 10.0.0.31 --> 10.0.0.254
\tinet 172.16.0.1 --> 172.16.0.2/32
\tgroups: gif
em1: flags=8802<BROADCAST,SIMPLEX,MULTICAST> metric 0 mtu 1500
\tether 58:9c:fc:00:00:02
"""


def test_interfaces_of_a_newer_release():
    first, tunnel, down = _freebsd.parse_links(SHOWN)
    assert (first["mtu"], first["link_type"], tunnel["link_type"]) == (9000, "ether", "none")
    assert [each["local"] for each in first["addr_info"]] == [
        "10.0.0.31",
        "fe80::5a9c:fcff:fe00:1",
        "2001:db8::31",
        "2001:db8::32",
        "2001:db8::33",
    ]
    assert [set(each) - {"family", "local", "prefixlen"} for each in first["addr_info"]] == [
        set(),
        set(),
        {"tentative"},
        {"dadfailed"},
        {"preferred_life_time"},
    ]
    assert tunnel["addr_info"] == [
        {"family": "inet", "local": "172.16.0.1", "prefixlen": 32, "address": "172.16.0.2"}
    ]
    assert "NOARP" in tunnel["flags"]
    assert "UP" not in down["flags"]


@pytest.mark.parametrize("said", [None, "", "   route to: 10.0.0.1\n"])
def test_no_route(said):
    assert _freebsd.parse_route(said) == []


def test_half_of_all_addresses_is_not_the_default_route():
    """OpenVPN's "redirect-gateway def1" adds two such routes beside the default route."""
    said = "   route to: 9.9.9.9\ndestination: 0.0.0.0\n       mask: {}\n    gateway: 10.8.0.1\n"
    said += "        fib: 0\n  interface: tun0\n      flags: <UP,GATEWAY,DONE,STATIC>\n"
    assert _freebsd.parse_route(said.format("128.0.0.0"))[0]["dst"] == "0.0.0.0"
    assert _freebsd.parse_route(said.format("0.0.0.0"))[0]["dst"] == "default"


def test_the_checks_of_the_network_are_those_of_linux():
    assert len([c for c in _freebsd_host.CHECKS if c.name in _freebsd_host.OF_NETWORK]) == 6


RC_SUBR = """
load_rc_config() { for file in "$RC/rc.conf.d/$1"/*; do [ ! -f "$file" ] || . "$file"; done; }
dhcpif() { [ "$1" = em0 ]; }
ifconfig() { echo em0 lo0; }
arpproxy_all=NO
ifconfig_lo0_aliases="
  inet 10.9.9.9/32
"
"""


def test_the_script_that_asks_rc_prints_what_is_read(host, built, run_main, tmp_path, monkeypatch):
    """With a stand-in for rc.subr(8), which is not here."""
    options = {"gateways": [DIP], "route": "default", "save": "/etc/lvs/realserver_nat.ip"}
    run_main("return_route", **options)
    (tmp_path / "rc.subr").write_text(RC_SUBR)
    (tmp_path / "network.subr").touch()
    text = _freebsd_host.SCRIPT.replace("/etc/", f"{tmp_path}/")
    env = {"RC": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", text], env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    host.rc = done.stdout
    assert _freebsd_host._variables() == {
        "aliases": f"inet 10.9.9.9/32 inet {VIP}/32",
        "defaultrouter": DIP,
        "ipv6_defaultrouter": "",
        "arpproxy_all": "NO",
        "dhcp": "em0",
    }
