# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a host, each where it finds something and where it does not."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _host_checks,
    _host_checks_filter,
    _host_facts,
    _host_reader,
    _keepalived_applied,
    _links,
)

VIP, VIP6 = "192.168.2.149", "2001:db8::149"
VS = _host_facts.VS


def link(name, *addresses, kind="ether", flags=("UP",), **of_each):
    """Return an interface as ``ip -json address show`` does; of_each are fields of each address."""
    pairs = [address.split("/") for address in addresses]
    return {
        "ifname": name,
        "link_type": kind,
        "address": "02:00:00:00:00:01",
        "flags": list(flags),
        "addr_info": [{"local": ip, "prefixlen": int(size), **of_each} for ip, size in pairs],
    }


def lo(*addresses, **of_each):
    return link(
        "lo", "127.0.0.1/8", *addresses, kind="loopback", flags=("UP", "LOOPBACK"), **of_each
    )


ETH0 = link("eth0", "192.168.2.31/24")
TUNL0 = link("tunl0", f"{VIP}/32", kind="ipip", flags=("UP", "NOARP"))


def facts(*links, sysctls=(), **read):
    return _host_facts.HostFacts(
        shown=links, links=_links.parse(links), sysctls=settings(*links, sysctls=sysctls), **read
    )


def settings(*links, sysctls=()):
    """Return the settings that the roles leave, except some."""
    names = [each["ifname"] for each in links]
    values = dict.fromkeys(_host_facts.sysctls_to_read(names), "0")
    values.update(
        {
            "net/ipv4/conf/all/arp_ignore": "1",
            "net/ipv4/conf/all/arp_announce": "2",
            **{f"net/ipv4/conf/{name}/rp_filter": "2" for name in names},
            **dict.fromkeys(_host_facts.FORWARD.values(), "1"),
            VS + "conntrack": "1",
            VS + "conn_reuse_mode": "1",
            VS + "expire_nodest_conn": "1",
            VS + "expire_quiescent_template": "1",
            VS + "sync_threshold": "0 1",
        }
    )
    return {**values, **dict(sysctls)}


def service(method="dr", address="192.168.2.31", **fields):
    return {"vip": VIP, "destinations": [{"address": address, "method": method}], **fields}


def director(method="dr", **fields):
    defaults = {"director": True, "running": True, "vips": [VIP], "lans": ["eth0"]}
    return _host_facts.ExpectedRole(**{**defaults, "services": [service(method)], **fields})


def real_server(method="dr", vip=VIP, **fields):
    defaults = {"running": True, "addresses": ["192.168.2.31"]}
    return _host_facts.ExpectedRole(**{**defaults, "serves": {method: [{"vip": vip}]}, **fields})


PAIR = director(keepalived=True, instances=1)
BOTH = PAIR._replace(serves={"dr": [{"vip": VIP}]})
RELOAD = "global_defs {\n  reload_check_config\n  vrrp_garp_master_refresh 60\n}\n"


def messages_of(check, expected, *links, **read):
    """Return what is wrong with something, and see that it is checked."""
    results = _host_checks.run_checks(facts(*links, **read), expected)
    found = [each for each in results if each.check == check]
    assert found, check
    return [each.message for each in found if each.result != "ok"]


# ---------------------------------------------------------------------------- results


def test_each_check_has_a_result_ok_or_not():
    assert _host_facts.results("ARP", "suppressed", []) == [("ARP", "ok", "suppressed")]
    bad = [("ARP", "error", "a"), ("ARP", "error", "b")]
    assert _host_facts.results("ARP", "suppressed", ["a", "b"]) == bad


@pytest.mark.parametrize(
    ("check", "read", "result"),
    [
        ("conn_tab_bits", {"options": "options ip_vs conn_tab_bits=20"}, "warning"),
        ("ip_vs", {"sysctls": {VS + "expire_nodest_conn": None}}, "error"),
    ],
)
def test_unmanaged_settings_are_warnings(check, read, result):
    found = _host_checks.run_checks(facts(ETH0, conn_tab_bits="12", **read), director())
    assert [each.result for each in found if each.check == check] == [result]


SERVICES6 = [service("nat", "2001:db8::31")]
ACCEPT_RA = "net/ipv6/conf/eth0/accept_ra"


@pytest.mark.parametrize(
    ("found", "asked", "lost"),
    [
        ("1", None, True),
        ("2", None, False),
        ("1", "2", False),
        ("2", "1", True),
        ("0", None, False),
    ],
)
def test_a_default_route_that_forwarding_would_drop_stops_site_yml(found, asked, lost):
    asked = {ACCEPT_RA: asked} if asked else {}
    expected = director(running=False, services=SERVICES6, sysctls=asked)
    read = {"sysctls": {ACCEPT_RA: found}, "learned": {"eth0"}}
    [found] = [
        each
        for each in _host_checks.run_checks(facts(ETH0, **read), expected)
        if each.check == "router advertisements"
    ]
    assert found.result == ("error" if lost else "ok")
    assert (f"Set {ACCEPT_RA}: 2 in director_sysctls" in found.message) == lost
    assert messages_of("router advertisements", expected, ETH0, sysctls={ACCEPT_RA: "1"}) == []


def checks(expected, read=None):
    """Return the names of the checks that are made."""
    return [each.check for each in _host_checks.run_checks(read or facts(ETH0), expected)]


def test_before_site_yml_only_unmanaged_settings_are_checked():
    network = ["VIPs", "owner of the table"]
    before = [*network, "packet filter", "networkd", "conn_tab_bits", "conn_reuse_mode"]
    assert checks(director(running=False)) == before
    assert checks(real_server(running=False)) == ["addresses", "networkd"]
    assert checks(real_server("tun", running=False)) == ["addresses", "networkd", "other tunnels"]
    assert checks(director())[: len(before)] == before
    assert checks(director(running=False, services=SERVICES6)) == [*before, "router advertisements"]


def test_checks_that_do_not_concern_a_host_are_left_out():
    assert checks(_host_facts.ExpectedRole(running=True)) == []
    assert checks(real_server("fullnat")) == ["addresses"]
    assert checks(real_server("nat")) == ["addresses", "networkd", "boot"]
    assert "backup_only" not in checks(PAIR)
    assert "ARP" not in checks(director())
    assert "ARP" not in checks(real_server(vip=VIP6))
    assert "IPv6 VIPs" in checks(real_server(vip=VIP6))


@pytest.mark.parametrize("expected", [director(), real_server(), real_server("tun"), PAIR])
def test_a_message_is_in_one_line_and_ends_with_a_period(expected):
    results = _host_checks.run_checks(_host_facts.HostFacts(), expected)
    assert {"ok", "error"} <= {each.result for each in results}
    for each in results:
        assert "\n" not in each.message
        assert each.result == "ok" or each.message.endswith(".")


# -------------------------------------------------------------------- the network around it

ON_LINK = {"dev": "eth0", "prefsrc": "192.168.2.31"}
ROUTED = {"dev": "eth0", "prefsrc": "192.168.2.31", "gateway": "192.168.2.1"}
FULL = {**ETH0, "mtu": 1500}


@pytest.mark.parametrize(
    ("check", "expected", "read", "word"),
    [
        ("addresses", {"addresses": ["192.168.2.31"]}, {}, ""),
        ("addresses", {"addresses": ["192.168.2.32"]}, {}, "192.168.2.32 is on no interface"),
        ("link", {"neighbours": ["a"]}, {"routes": {"a": [ON_LINK]}}, ""),
        ("link", {"neighbours": ["a"]}, {"routes": {"a": [ROUTED]}}, "the router 192.168.2.1,"),
        ("link", {"neighbours": ["a"]}, {"routes": {"a": []}}, "there is no route to it"),
        ("routes", {"routed_to": ["a"], "mtu": 1500}, {"routes": {"a": [ROUTED]}}, ""),
        ("routes", {"routed_to": ["a"], "mtu": 9000}, {"routes": {"a": [ROUTED]}}, "lvs_mtu: 1500"),
        ("routes", {"routed_to": ["a"]}, {"routes": {"a": []}}, "There is no route to a"),
        ("gateway", {"not_gateways": ["a"]}, {"gateways": {"b"}}, ""),
        ("gateway", {"not_gateways": ["a"]}, {"gateways": {"a", "b"}}, "Its gateway is a,"),
        ("return path", {"gateways": ["a"]}, {}, ""),
        ("return path", {"gateways": ["a"]}, {"return_path_errors": ["off-link"]}, "off-link"),
        ("kernel modules", {"kernel_modules": ["ip_vs"]}, {}, ""),
        (
            "kernel modules",
            {"kernel_modules": ["ip_vs"]},
            {"missing_modules": ["ip_vs"], "release": "6.12.0"},
            "This kernel (6.12.0) has no module ip_vs",
        ),
        ("owner of the table", {"director": True}, {}, ""),
        ("owner of the table", {"director": True}, {"owner_errors": ["kube-proxy"]}, "kube-proxy"),
    ],
)
def test_the_network_matches_the_inventory(check, expected, read, word):
    found = messages_of(check, _host_facts.ExpectedRole(**expected), FULL, **read)
    assert len(found) == bool(word)
    assert all(word in message for message in found)


def test_sources_of_tunnels_that_a_real_server_does_not_accept():
    expected = _host_facts.ExpectedRole(tunnel_sources={"10.1.0.31": ["192.168.2.31"]})
    routes = {"10.1.0.31": [ROUTED]}
    assert messages_of("sources of tunnels", expected, ETH0, routes=routes) == []
    expected = expected._replace(tunnel_sources={"10.1.0.31": ["192.168.2.23", "10.0.0.0/24"]})
    [found] = messages_of("sources of tunnels", expected, ETH0, routes=routes)
    assert "accepts tunnels from 192.168.2.23, 10.0.0.0/24 only" in found
    expected = expected._replace(addresses=["2001:db8::31"], tunnel_sources={"2001:db8::31": []})
    [found] = messages_of("sources of tunnels", expected, ETH0)
    assert "no address of a director is known of the family IPv6" in found


@pytest.mark.parametrize(
    ("interface", "replies", "word"),
    [
        ("eth0", {}, ""),
        ("eth0", {VIP: {"02:00:00:00:00:01"}}, ""),
        ("eth0", {VIP: {"02:00:00:00:00:09"}}, "02:00:00:00:00:09 answers for it on eth0"),
        ("eth0", {VIP: {"02:00:00:00:00:09"}, "a": {"02:00:00:00:00:09"}}, ""),
        ("eth9", {}, "There is no interface eth9"),
        (None, {}, "is in no network of this machine"),
    ],
)
def test_vips_that_another_host_answers_for(interface, replies, word):
    expected = _host_facts.ExpectedRole(vips=[VIP], neighbours=["a"])
    read = {"vip_interfaces": {VIP: interface}, "arp_replies": {VIP: replies}}
    found = messages_of("VIPs", expected, FULL, routes={"a": [ON_LINK]}, **read)
    assert len(found) == bool(word)
    assert all(word in message for message in found)


# ---------------------------------------------------------------------------------- directors


@pytest.mark.parametrize(
    ("check", "expected", "setting", "bad"),
    [
        ("ip_vs", director(), VS + "expire_nodest_conn", None),
        ("expire_nodest_conn", director(), VS + "expire_nodest_conn", "0"),
        (
            "expire_quiescent_template",
            director(services=[service(persistence_timeout=50)]),
            VS + "expire_quiescent_template",
            "0",
        ),
        ("conntrack", director("fullnat"), VS + "conntrack", "0"),
        ("forwarding", director("nat"), "net/ipv4/ip_forward", "0"),
        ("forwarding", director("nat"), "net/ipv4/conf/all/send_redirects", "1"),
        ("forwarding", director("nat", inner=["eth0"]), "net/ipv4/conf/eth0/send_redirects", "1"),
        (
            "forwarding",
            director(services=[service("nat", "2001:db8::31")]),
            "net/ipv6/conf/all/forwarding",
            "0",
        ),
        ("backup_only", PAIR._replace(instances=2), VS + "backup_only", "1"),
        ("sync_threshold", PAIR, VS + "sync_threshold", "3 50"),
        ("sync_threshold", PAIR, VS + "sync_threshold", None),
    ],
)
def test_a_setting_of_a_director(check, expected, setting, bad):
    assert messages_of(check, expected, ETH0) == []
    [message] = messages_of(check, expected, ETH0, sysctls={setting: bad})
    assert "site.yml" in message


def test_a_backup_that_is_a_real_server():
    assert messages_of("backup_only", BOTH, ETH0, sysctls={VS + "backup_only": "1"}) == []
    [message] = messages_of("backup_only", BOTH, ETH0)
    assert message.startswith(
        "net/ipv4/vs/backup_only is 0, not 1: as a backup it would schedule again"
    )


@pytest.mark.parametrize(
    ("instances", "links", "daemons", "ok"),
    [
        (1, [link("eth0", f"{VIP}/32")], ["master"], True),
        (1, [lo(f"{VIP}/32"), link("eth0", f"{VIP}/32")], ["master"], True),
        (1, [lo(f"{VIP}/32"), ETH0], ["backup"], True),
        (1, [TUNL0, ETH0], ["backup"], True),
        (1, [lo(), ETH0], ["master"], False),
        (1, [link("eth0", f"{VIP}/32")], ["backup"], False),
        (1, [lo(), ETH0], ["master", "backup"], False),
        (1, [lo(), ETH0], [], False),
        (2, [lo(), ETH0], ["master", "backup"], True),
        (2, [link("eth0", f"{VIP}/32")], ["master"], False),
    ],
)
def test_the_sync_daemon_must_match_the_vrrp_state(instances, links, daemons, ok):
    expected = PAIR._replace(instances=instances)
    assert bool(messages_of("sync daemon", expected, *links, daemons=daemons)) != ok


def test_settings_of_the_inventory_are_ok():
    off = {VS + "expire_nodest_conn": "0"}
    assert messages_of("expire_nodest_conn", director(sysctls=off), ETH0, sysctls=off) == []
    assert len(messages_of("expire_nodest_conn", director(sysctls=off), ETH0)) == 1


def test_redirects_to_real_servers_of_ipv6_are_the_packet_filter_s():
    expected = director(services=[service("nat", "2001:db8::31")])
    assert (
        messages_of("forwarding", expected, sysctls={"net/ipv4/conf/all/send_redirects": "1"}) == []
    )


@pytest.mark.parametrize(
    ("options", "loaded", "ok"),
    [
        ("", "12", True),
        ("options ip_vs conn_tab_bits=20", "20", True),
        ("options ip_vs conn_tab_bits=20", "", True),
        ("options ip_vs conn_tab_bits=20", "12", False),
        ("options ip_vs x=1 conn_tab_bits=15\noptions ip_vs conn_tab_bits=20", "20", True),
        ("# options ip_vs conn_tab_bits=20", "12", True),
    ],
)
def test_the_size_of_the_table_of_connections(options, loaded, ok):
    found = messages_of("conn_tab_bits", director(), options=options, conn_tab_bits=loaded)
    assert bool(found) != ok


@pytest.mark.parametrize(
    ("release", "method", "sysctls", "ok"),
    [
        ("6.1.0-9-amd64", "fullnat", {}, True),
        ("5.10.0", "fullnat", {}, True),
        ("4.18.0-553.el8", "fullnat", {}, False),
        ("5.8.0", "nat", {VS + "conntrack": "1"}, False),
        ("5.8.0", "nat", {}, True),
        ("5.8.0", "fullnat", {VS + "conn_reuse_mode": "0"}, True),
    ],
)
def test_conn_reuse_mode_that_delays_reused_ports_is_reported(release, method, sysctls, ok):
    expected = director(method, running=False)
    off = {VS + "conntrack": "0"}
    found = messages_of("conn_reuse_mode", expected, release=release, sysctls={**off, **sysctls})
    assert bool(found) != ok
    # What the inventory asks for is what will be.
    found = messages_of(
        "conn_reuse_mode", expected._replace(sysctls=sysctls), release=release, sysctls=off
    )
    assert bool(found) != ok


# ---------------------------------------------------------------------------- keepalived.conf


@pytest.mark.parametrize(
    ("check", "conf", "ok"),
    [
        ("reload_check_config", RELOAD, True),
        ("reload_check_config", "", False),
        ("reload_check_config", "# reload_check_config", False),
        ("reload_check_config", f"  {_keepalived_applied.UNCHECKED}\n", True),
        ("garp_master_refresh", RELOAD, True),
        ("garp_master_refresh", "vrrp_garp_master_refresh 0", False),
        ("garp_master_refresh", "  garp_master_refresh 30", True),
        ("vrrp_strict", RELOAD, True),
        ("vrrp_strict", "  vrrp_strict  ! keep to the RFC", False),
        ("vrrp_strict", "  strict_mode", False),
        ("vrrp_strict", "  strict_mode off", True),
        ("vrrp_strict", "  ! vrrp_strict", True),
        ("nat_mask", RELOAD, True),
        ("nat_mask", "nat_mask 255.255.255.0", False),
        ("unicast_peer", "unicast_peer {\n  192.168.2.31\n}", True),
        ("unicast_peer", "unicast_peer {\n # none\n}", False),
    ],
)
def test_keywords_of_keepalived_conf_are_checked(check, conf, ok):
    assert bool(messages_of(check, PAIR, ETH0, conf=conf, keepalived=(2, 2, 3))) != ok


def test_an_empty_list_of_peers_since_keepalived_2_2_4():
    assert messages_of("unicast_peer", PAIR, conf="unicast_peer {\n}", keepalived=(2, 2, 4)) == []
    [message] = messages_of("unicast_peer", PAIR, conf="unicast_peer {\n}", keepalived=(2, 1, 5))
    assert "(2.1.5)" in message


# -------------------------------------------------------------------------- the packet filter

FIREWALLD = """\
table inet firewalld {
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		ct state { established, related } accept
		ct state invalid drop
		reject with icmpx admin-prohibited
	}
}
"""
JUMPS = """\
table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy drop;
		counter packets 3 bytes 180 jump before
	}
	chain before {
		ct state vmap { established : accept, related : accept } goto last
	}
	chain last {
		ct state invalid counter packets 0 bytes 0 drop comment "odd"
	}
}
"""
MAPPED = """\
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state vmap { invalid : drop, established : accept }
	}
}
"""
NOTRACK = f"""\
table inet raw {{
	chain prerouting {{
		type filter hook prerouting priority raw; policy accept;
		ip daddr {VIP} notrack
	}}
}}
"""


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("", {}),
        (FIREWALLD, {"input": "inet firewalld filter_INPUT"}),
        (JUMPS, {"input": "ip filter last"}),
        (MAPPED, {"forward": "inet filter forward"}),
        (FIREWALLD.replace("invalid drop", "invalid counter"), {}),
        (FIREWALLD.replace("ct state invalid", "ct state != invalid"), {}),
        (FIREWALLD.replace("ct state invalid", 'iifname "docker0" ct state invalid'), {}),
        (JUMPS.replace("jump before", "accept"), {}),
        (MAPPED.replace("invalid : drop", "invalid : accept"), {}),
    ],
)
def test_where_packets_of_no_known_connection_are_dropped(rules, found):
    assert _host_checks_filter.invalid_dropped(rules) == found


@pytest.mark.parametrize(
    ("rules", "method", "conntrack", "ok"),
    [
        (FIREWALLD, "dr", "0", False),
        (FIREWALLD, "tun", "0", False),
        (FIREWALLD + NOTRACK, "dr", "0", True),
        (FIREWALLD, "nat", "0", True),
        (MAPPED, "dr", "0", True),
        (MAPPED, "nat", "0", False),
        (MAPPED, "nat", "1", True),
        (MAPPED, "fullnat", "0", True),  # the role sets it
        (None, "dr", "0", True),
    ],
)
def test_directors_whose_packets_are_dropped_are_reported(rules, method, conntrack, ok):
    expected = director(method, running=False)
    found = messages_of(
        "packet filter", expected, rules=rules, sysctls={VS + "conntrack": conntrack}
    )
    assert bool(found) != ok


def test_a_packet_filter_that_can_t_be_read_is_not_reported_as_checked():
    expected = director(running=False)
    for rules, message in ((None, "not checked"), ("", "no rule")):
        results = _host_checks.run_checks(facts(rules=rules), expected)
        [found] = [each for each in results if each.check == "packet filter"]
        assert found.message.startswith(message)


# ------------------------------------------------------------------------------ real servers


def conf(interface, setting):
    return f"net/ipv4/conf/{interface}/{setting}"


@pytest.mark.parametrize(
    ("sysctls", "ok"),
    [
        ({}, True),
        ({conf("all", "arp_ignore"): "0"}, False),
        ({conf("all", "arp_ignore"): "0", conf("eth0.100", "arp_ignore"): "1"}, True),
        ({conf("all", "arp_ignore"): "0", conf("lo", "arp_ignore"): "1"}, False),
        ({conf("eth0.100", "arp_ignore"): "3"}, False),
        ({conf("all", "arp_announce"): "1"}, False),
    ],
)
def test_arp_is_suppressed_on_the_interface_by_which_requests_come(sysctls, ok):
    links = [lo(f"{VIP}/32"), link("eth0.100", "192.168.2.31/24")]
    found = messages_of("ARP", real_server(), *links, sysctls=sysctls)
    assert bool(found) != ok
    assert all(message.startswith("On eth0.100, arp_ignore ") for message in found)


def test_arp_is_checked_on_the_interface_of_the_inventory():
    links = [lo(f"{VIP}/32"), ETH0, link("eth1")]
    odd = {conf("eth1", "arp_ignore"): "4"}
    assert len(messages_of("ARP", real_server(), *links, sysctls=odd)) == 1
    assert messages_of("ARP", real_server(interface="eth0"), *links, sysctls=odd) == []


@pytest.mark.parametrize(
    ("expected", "sysctls", "bad"),
    [
        (real_server(), {}, ""),
        (real_server(), {conf("all", "rp_filter"): "1"}, ""),  # eth0 has 2
        (real_server(), {conf("eth0", "rp_filter"): "1"}, "eth0"),
        (real_server(), {conf("all", "rp_filter"): "1", conf("eth0", "rp_filter"): "0"}, "eth0"),
        (real_server(rp_filter="keep"), {conf("eth0", "rp_filter"): "1"}, ""),
        (real_server(), {conf("eth1", "rp_filter"): "1"}, ""),
        (real_server(interface="eth1"), {conf("eth1", "rp_filter"): "1"}, "eth1"),
        (real_server("tun"), {conf("eth0", "rp_filter"): "1"}, ""),
        (real_server("tun"), {conf("tunl0", "rp_filter"): "1"}, "tunl0"),
        (real_server("tun"), {conf("gre0", "rp_filter"): "1"}, "gre0"),
    ],
)
def test_reverse_path_filtering(expected, sysctls, bad):
    links = [lo(), ETH0, link("eth1"), TUNL0, link("gre0", kind="gre", flags=("UP", "NOARP"))]
    found = messages_of("rp_filter", expected, *links, sysctls=sysctls, tunnels=["tunl0", "gre0"])
    assert [message.split(",")[0] for message in found] == [f"On {bad}"] * bool(bad)


@pytest.mark.parametrize(
    ("at_boot", "loaded", "messages"),
    [
        (["ipip"], ["ipip", "ip_vs"], []),
        ([], [], []),
        (["ipip", "fou"], ["ipip"], ["The kernel module fou"]),
        (None, ["ipip"], ["There is no /etc/modules-load.d"]),
    ],
)
def test_the_modules_that_unwrap_tunnels(at_boot, loaded, messages):
    found = messages_of("tunnel modules", real_server("tun"), TUNL0, at_boot=at_boot, loaded=loaded)
    assert len(found) == len(messages)
    assert all(map(str.startswith, found, messages))


@pytest.mark.parametrize(
    ("rules", "ok"),
    [
        ("table inet lvs_realserver_tun {\n}", True),
        ("table inet foreign {\n}", False),
        (None, False),
    ],
)
def test_the_mss_of_clients_is_clamped_for_tunnels(rules, ok):
    assert bool(messages_of("tunnel MSS", real_server("tun"), TUNL0, rules=rules)) != ok


SOURCES = {"vip": VIP, "address": "192.168.2.31", "sources": ["192.168.2.23", "10.1.0.0/24"]}
TUN = real_server("tun", serves={"tun": [SOURCES]})
ANYBODY = TUN._replace(serves={"tun": [{**SOURCES, "sources": ["0.0.0.0/0", "::/0"]}]})
OPEN = "table inet lvs_realserver_tun {\n\tchain answers {\n\t}\n}\n"
CLOSED = OPEN.replace("}\n}", "}\n\tchain tunnels {\n\t}\n}")


@pytest.mark.parametrize(
    ("expected", "rules", "ok"),
    [
        (TUN, CLOSED, True),
        (TUN, OPEN, False),
        (TUN, OPEN + CLOSED.replace("lvs_realserver_tun", "foreign"), False),
        (TUN, None, False),
        (ANYBODY, OPEN, True),
    ],
)
def test_tunnels_are_taken_from_the_directors_only(expected, rules, ok):
    assert bool(messages_of("tunnel sources", expected, TUNL0, rules=rules)) != ok


def tunnel(name, kind, remote=None):
    data = {"remote": remote} if remote else {}
    return {**link(name, kind=kind), "linkinfo": {"info_kind": kind, "info_data": data}}


@pytest.mark.parametrize(
    ("expected", "device", "ok"),
    [
        (TUN, tunnel("tunl0", "ipip", "any"), True),
        (TUN, tunnel("tunl0", "ipip"), True),
        (TUN, tunnel("office", "ipip", "203.0.113.9"), False),
        (TUN, tunnel("office", "ipip", "10.1.0.9"), True),
        (TUN, tunnel("office", "gre", "203.0.113.9"), True),
        (TUN, tunnel("he", "sit", "203.0.113.9"), False),
        (TUN, tunnel("office", "ip6tnl", "2001:db8::9"), True),
        (TUN, tunnel("vpn", "wireguard"), True),
        (ANYBODY, tunnel("office", "ipip", "203.0.113.9"), True),
    ],
)
def test_unmanaged_tunnels_that_the_packet_filter_drops(expected, device, ok):
    for running in (False, True):
        found = messages_of("other tunnels", expected._replace(running=running), TUNL0, device)
        assert len(found) == (not ok)
        assert ok or "203.0.113.9 is of a type" in found[0]


# --------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("expected", "links", "word"),
    [
        (director(), [lo(), link("eth0", f"{VIP}/32")], ""),
        (director(), [lo(), link("eth0", f"{VIP}/24")], ""),  # its own address
        (director(), [lo(f"{VIP}/32"), ETH0], "is on lo here, and not on the interface"),
        (director(), [lo(), ETH0], "is on no interface here"),
        (director(interface="eth0"), [link("eth1", f"{VIP}/32")], "on eth1 here, and not on eth0"),
        (director(interface="dummy0"), [link("dummy0", f"{VIP}/32", flags=("NOARP",))], ""),
        (real_server(), [lo(f"{VIP}/32"), ETH0], ""),
        (real_server(), [link("dummy0", f"{VIP}/32", flags=("UP", "NOARP")), ETH0], ""),
        (real_server("tun"), [TUNL0, ETH0], ""),
        (real_server(), [lo(), ETH0], "is not on lo nor a tunnel"),
        (
            real_server(),
            [lo(f"{VIP}/32"), link("eth0", f"{VIP}/32")],
            "delete 192.168.2.149/32 dev",
        ),
        # A backup that is a real server, and one that is master meanwhile.
        (BOTH, [lo(f"{VIP}/32"), ETH0], ""),
        (BOTH, [lo(f"{VIP}/32"), link("eth0", f"{VIP}/32")], ""),
        (real_server(vip=VIP6), [lo(f"{VIP6}/128"), ETH0], ""),
    ],
)
def test_misplaced_vips_are_reported(expected, links, word):
    found = messages_of("place of the VIPs", expected, *links)
    assert len(found) == bool(word)
    assert all(word in message for message in found)


@pytest.mark.parametrize(
    ("expected", "links", "word"),
    [
        (real_server(vip=VIP6), [lo(f"{VIP6}/128", preferred_life_time=0)], ""),
        (
            real_server(vip=VIP6),
            [lo(f"{VIP6}/128", preferred_life_time=99)],
            "a preferred lifetime",
        ),
        (
            real_server(vip=VIP6),
            [lo(f"{VIP6}/128", preferred_life_time=0, dadfailed=True)],
            "is not usable",
        ),
        (
            real_server(vip=VIP6),
            [lo(f"{VIP6}/128", preferred_life_time=0, tentative=True)],
            "is not usable",
        ),
        (director(vips=[VIP6]), [link("eth0", f"{VIP6}/128", preferred_life_time=9)], "lifetime"),
        (director(vips=[VIP6]), [link("eth0", f"{VIP6}/64", preferred_life_time=9)], ""),
        (
            director(vips=[VIP6], keepalived=True, instances=1),
            [link("eth0", f"{VIP6}/128", preferred_life_time=9)],
            "",
        ),
        (director(vips=[VIP6]), [link("eth0", "2001:db8::99/128", tentative=True)], ""),
    ],
)
def test_ipv6_vips(expected, links, word):
    found = messages_of("IPv6 VIPs", expected, *links)
    assert len(found) == bool(word)
    assert all(word in message for message in found)


# ------------------------------------------------------------------------------------ systemd

WELL = ("enabled", "active")


def test_units_that_restore_the_role_at_boot():
    expected = PAIR._replace(serves={"dr": [{"vip": VIP}], "tun": [], "nat": []})
    assert expected.units == [
        "lvs-director.service",
        "lvs-keepalived-ha.service",
        "lvs-realserver-dr.service",
        "keepalived.service",
    ]
    units = dict.fromkeys(expected.units, WELL)
    assert messages_of("boot", expected, units=units) == []
    [message] = messages_of(
        "boot", expected, units={**units, "keepalived.service": ("enabled", "failed")}
    )
    assert message.startswith("keepalived.service is failed. Mend")
    errors = {"keepalived.service": ["no such interface"]}
    units_now = {**units, "keepalived.service": ("enabled", "failed")}
    [message] = messages_of("boot", expected, units=units_now, unit_errors=errors)
    assert message.startswith("keepalived.service is failed: no such interface. Mend")
    [message] = messages_of(
        "boot", expected, units={**units, "lvs-director.service": ("disabled", "active")}
    )
    assert message.startswith("lvs-director.service is not enabled")
    assert len(messages_of("boot", expected)) == 4


def test_a_single_director_with_health_checks():
    expected = director(keepalived=True)
    assert expected.units == [
        "lvs-director.service",
        "lvs-keepalived-ha.service",
        "keepalived.service",
    ]
    looked_at = set(checks(expected, _host_facts.HostFacts()))
    assert {"reload_check_config", "place of the VIPs"} <= looked_at
    of_vrrp = {"sync daemon", "sync_threshold", "garp_master_refresh", "unicast_peer"}
    assert not of_vrrp & looked_at
    assert of_vrrp <= set(checks(PAIR, _host_facts.HostFacts()))


MANAGED = "[Network]\nAddress=192.168.2.31/24\n"
KEPT = f"{MANAGED}KeepConfiguration = static\n"
RULES = "ManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"


@pytest.mark.parametrize(
    ("expected", "networks", "networkd", "word"),
    [
        (director(), {}, "", ""),
        (director(), {"eth0": MANAGED}, "", "manages eth0"),
        (director(), {"eth0": KEPT}, "", ""),
        (director(), {"eth0": KEPT.replace("static", "dhcp")}, "", "manages eth0"),
        (director(), {"eth1": MANAGED}, "", ""),
        (real_server(), {"eth0": MANAGED}, "", ""),
        (real_server(), {"eth0": MANAGED, "lo": MANAGED}, "", "manages lo"),
        (real_server("tun"), {"tunl0": MANAGED}, "", "manages tunl0"),
        (real_server("nat"), {"eth0": MANAGED}, "", "ManageForeignRoutes=no and Manage"),
        (real_server("nat"), {"eth0": MANAGED}, RULES, ""),
        (real_server("nat"), {}, "", ""),
    ],
)
def test_addresses_and_routes_that_networkd_removes(expected, networks, networkd, word):
    expected = expected._replace(running=False)
    found = messages_of(
        "networkd", expected, lo(), ETH0, TUNL0, networks=networks, networkd=networkd
    )
    assert len(found) == bool(word)
    assert all(word in message for message in found)


# ------------------------------------------------------------------------- how it is read


ADVERTISEMENTS = "table inet lvs_keepalived_ha {\n\tchain advertisements_1 {\n\t}\n}\n"
FORWARDED = "table inet lvs_director {\n\tchain forwarded {\n\t}\n}\n"


@pytest.mark.parametrize(
    "rules", [None, "", FORWARDED, ADVERTISEMENTS.replace("advertisements_1", "peers")]
)
def test_advertisements_of_other_hosts_that_the_packet_filter_accepts(rules):
    [message] = messages_of("sources of advertisements", PAIR, rules=rules)
    assert "can then take the VIPs" in message
    assert (
        messages_of("sources of advertisements", PAIR, rules=f"{ADVERTISEMENTS}{rules or ''}") == []
    )
    assert "sources of advertisements" not in checks(director("nat"))


def test_forwarding_that_the_inventory_does_not_allow():
    expected = director("nat", forward="balanced")
    [message] = messages_of("forwarded packets", expected, rules=ADVERTISEMENTS)
    assert message.startswith("lvs_forward is balanced, but the packet filter lets")
    assert messages_of("forwarded packets", expected, rules=FORWARDED) == []
    assert "forwarded packets" not in checks(director("nat"))
    assert "forwarded packets" not in checks(director("dr", forward="balanced"))


def test_the_states_of_units_are_read_from_systemctl(monkeypatch):
    output = (
        "Id=lvs-director.service\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=keepalived.service\nActiveState=inactive\nUnitFileState=\n"
    )
    monkeypatch.setattr(_host_reader, "succeeds", lambda *_: output)
    assert _host_reader.states(["lvs-director", "keepalived"]) == {
        "lvs-director.service": WELL,
        "keepalived.service": ("", "inactive"),
    }
    monkeypatch.setattr(_host_reader, "succeeds", lambda *_: None)
    assert _host_reader.states(["keepalived"]) == {}


def test_files_are_read_by_their_names_in_order(tmp_path):
    for name, text in (("a/20", "third"), ("b/10", "second"), ("b/05", "first")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert _host_reader.text(f"{tmp_path}/a/*", f"{tmp_path}/b/*") == "first\nsecond\nthird\n"
    assert _host_reader.text(f"{tmp_path}/nix") == ""
