# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several directors of an inventory come to for keepalived."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve

ROLES = Path(__file__).parents[2] / "roles"
VIP, VIP6 = "192.168.2.149", "2001:db8::149"
WEB = {"name": "web", "vip": VIP, "port": 80, "scheduler": "wrr"}


def cluster(*services, every=None, **directors):
    """Resolve a cluster of these directors, each with its own variables, and two real servers."""
    hosts = {
        name: {"ansible_host": f"192.168.2.{name[1:]}", **(every or {}), **variables}
        for name, variables in {**directors, "r20": {}, "r21": {}}.items()
    }
    groups = {"lvs_directors": list(directors), "lvs_realservers": ["r20", "r21"]}
    groups["all"] = list(hosts)
    return resolve(list(services) or [WEB], groups, hosts.__getitem__)


def instance(resolved, name):
    assert resolved.mistakes == []
    [made] = resolved.directors[name]["instances"]
    return made


NO_VRRP = {"instances": [], "awaited": {"vips": [], "seconds": 0}, "peers": [], "local": []}
CHECKED = {**WEB, "check": {"type": "tcp"}}


def test_a_single_director_without_checks_runs_no_keepalived():
    resolved = cluster(d23={})
    assert (resolved.mistakes, resolved.ha, resolved.director_roles) == ([], "none", ["director"])
    assert resolved.directors == {"d23": NO_VRRP}


@pytest.mark.parametrize("field", [{"check": {"type": "tcp"}}, {"quorum": 1}])
def test_a_check_makes_keepalived_fill_the_table_of_a_single_director(field):
    resolved = cluster({**WEB, **field}, d23={})
    assert (resolved.mistakes, resolved.ha) == ([], "none")
    assert resolved.director_roles == ["keepalived_ha", "director"]  # the table before the VIPs
    assert resolved.directors == {"d23": NO_VRRP}
    assert field.items() <= resolved.keepalived_services[0].items()


def test_a_single_director_with_vrrp():
    resolved = cluster(d23={"lvs_ha": "vrrp", "lvs_priority": 120})
    assert resolved.director_roles == ["director", "keepalived_ha"]
    made = instance(resolved, "d23")
    assert (made["priority"], made["vips"], "unicast_peers" in made) == (120, [VIP], False)
    assert resolved.directors["d23"]["peers"] == []


def test_a_peer_that_is_no_host_of_the_inventory():
    keepalived = {"instance": {"unicast_src_ip": "192.168.2.23", "unicast_peers": ["192.168.2.9"]}}
    resolved = cluster(d23={"lvs_ha": "vrrp", "lvs_keepalived": keepalived})
    assert instance(resolved, "d23")["unicast_peers"] == ["192.168.2.9"]
    assert resolved.directors["d23"]["peers"] == ["192.168.2.9"]


def test_peers_are_listed_once():
    keepalived = {"instance": {"unicast_peers": [{"address": "192.168.2.31", "min_ttl": 255}]}}
    resolved = cluster(d23={"lvs_keepalived": keepalived}, d31={})
    assert resolved.directors["d23"]["peers"] == ["192.168.2.31"]


def test_a_source_of_advertisements_is_a_peer_s_address():
    keepalived = {"instance": {"unicast_peers": [], "mcast_src_ip": "192.168.3.31"}}
    resolved = cluster(d23={}, d31={"lvs_keepalived": keepalived})
    assert resolved.directors["d23"]["peers"] == ["192.168.2.31", "192.168.3.31"]


def test_several_directors_need_vrrp():
    [sentence] = cluster(d23={}, d31={}, every={"lvs_ha": "none"}).mistakes
    assert sentence == (
        "lvs_ha is none, but there are 2 directors (d23 and d31); set lvs_ha: vrrp or bgp, or"
        " leave one host in lvs_directors."
    )


@pytest.mark.parametrize("value", ["ospf", "VRRP", True, ["vrrp"]])
def test_lvs_ha_accepts_none_vrrp_and_bgp_only(value):
    [sentence] = cluster(d23={"lvs_ha": value}).mistakes
    assert sentence == f"host d23: lvs_ha is {value!r}; it must be one of none, vrrp, bgp."


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ({"lvs_priority": 100}, "lvs_priority"),
        ({"lvs_auth_pass": "1111"}, "lvs_auth_pass"),
        ({"lvs_advert_int": 1}, "lvs_advert_int"),
        ({"lvs_virtual_router_id": 51}, "lvs_virtual_router_id"),
        ({"lvs_keepalived": {"instance": {"version": 3}}}, "lvs_keepalived.instance"),
        (
            {"lvs_keepalived": {"scripts": [{"name": "a", "script": "/bin/true"}]}},
            "lvs_keepalived.scripts",
        ),
    ],
)
@pytest.mark.parametrize("service", [WEB, CHECKED])
def test_vrrp_variables_are_refused_without_vrrp(variable, name, service):
    remedy = (
        "is an option of VRRP, but a single director does not run VRRP; remove it, or set lvs_ha:"
        " vrrp."
    )
    assert cluster(service, d23=variable).mistakes == [f"host d23: {name} {remedy}"]


def test_settings_of_keepalived_need_keepalived():
    variable = {"lvs_keepalived": {"globals": {"checker_priority": -5}}}
    assert cluster(CHECKED, d23=variable).mistakes == []
    [sentence] = cluster(WEB, d23=variable).mistakes
    assert sentence.startswith("host d23: lvs_keepalived.globals has no effect")
    wrong = {"lvs_keepalived": {"globals": {"checker_priority": "high"}}}
    [sentence] = cluster(CHECKED, d23=wrong).mistakes
    assert "checker_priority" in sentence


def test_two_directors_with_defaults():
    resolved = cluster(d23={}, d31={"lvs_address": "192.168.2.31"})
    assert resolved.director_roles == ["director", "keepalived_ha"]
    assert resolved.directors["d23"]["peers"] == ["192.168.2.31"]  # given twice, listed once
    assert instance(resolved, "d23") == {
        "name": "lvs",
        "state": "BACKUP",
        "virtual_router_id": 51,
        "priority": 150,
        "version": 3,
        "advert_int": 0.5,
        "unicast_src_ip": "192.168.2.23",
        "unicast_peers": ["192.168.2.31"],
        "vips": [VIP],
        "excluded_vips": [],
        "preempt_delay": 15,
    }
    assert instance(resolved, "d31") == {
        **instance(resolved, "d23"),
        "priority": 100,
        "unicast_src_ip": "192.168.2.31",
        "unicast_peers": ["192.168.2.23"],
    }
    assert resolved.keepalived_services[0]["delay_loop"] == 5


@pytest.mark.parametrize(
    ("variables", "ranks"),
    [
        ([{}, {}, {}], [150, 117, 84]),
        ([{"lvs_priority": 10}, {"lvs_priority": 20}], [10, 20]),
    ],
)
def test_the_director_with_the_highest_priority_is_master(variables, ranks):
    names = [f"d{23 + number}" for number in range(len(variables))]
    resolved = cluster(**dict(zip(names, variables, strict=True)))
    made = [instance(resolved, name) for name in names]
    assert [each["priority"] for each in made] == ranks


def test_a_password_makes_it_version_2_with_whole_seconds():
    resolved = cluster(every={"lvs_auth_pass": 1111}, d23={}, d31={})
    assert (instance(resolved, "d23")["version"], instance(resolved, "d23")["advert_int"]) == (2, 1)
    assert "1111" not in str(resolved)


def test_vips_of_both_families_move_together():
    resolved = cluster(WEB, {**WEB, "name": "six", "vip": VIP6, "destinations": [
        {"address": "2001:db8::20"}]}, d23={}, d31={})  # fmt: skip
    made = instance(resolved, "d23")
    assert (made["vips"], made["excluded_vips"]) == ([VIP], [VIP6])


def test_further_options_of_keepalived():
    keepalived = {
        "globals": {"router_id": "a"},
        "instance": {"preempt": False, "unicast_peers": [], "garp_master_delay": 1},
    }
    made = instance(cluster(every={"lvs_keepalived": keepalived}, d23={}, d31={}), "d23")
    assert (made["preempt"], made["garp_master_delay"]) == (False, 1)
    assert "preempt_delay" not in made
    assert not {"unicast_peers", "unicast_src_ip"} & made.keys()  # multicast


@pytest.mark.parametrize(
    ("variables", "sentences"),
    [
        (
            {"lvs_keepalived": {"global": {}, "instance": {"advert_intt": 1}}},
            [
                "there is no part 'global' (did you mean globals?) in lvs_keepalived",
                "there is no field 'advert_intt' (did you mean advert_int?)",
            ],
        ),
        ({"lvs_keepalived": "globals"}, ["lvs_keepalived is 'globals'; it must be a mapping of"]),
        ({"lvs_auth_pass": "secret78", "lvs_advert_int": 0.5}, ["advert_int"]),
        ({"lvs_advert_int": 41}, ["advert_int"]),
        ({"lvs_advert_int": "often"}, ["advert_int is 'often'"]),
    ],
)
def test_mistakes_for_keepalived_are_reported_with_all_others(variables, sentences):
    found = cluster({**WEB, "scheduler": "wr"}, every=variables, d23={}, d31={}).mistakes
    assert len(found) == len(sentences) + 1
    for sentence in sentences:
        assert any(sentence in each for each in found), found
    assert "secret78" not in str(found)


def test_a_name_that_keepalived_would_misread_is_refused_for_a_pair_only():
    odd = {**WEB, "name": "we{b"}
    assert cluster(odd, d23={}).mistakes == []
    [sentence] = cluster(odd, d23={}, d31={}).mistakes
    assert "'{'" in sentence


def test_a_director_that_is_a_real_server_serves_itself():
    hosts = {name: {"ansible_host": f"192.168.2.{name[1:]}"} for name in ("d23", "d31", "r20")}
    groups = {
        "lvs_directors": ["d23", "d31"],
        "lvs_realservers": ["d31", "r20"],
        "all": list(hosts),
    }
    resolved = resolve([WEB], groups, hosts.__getitem__)
    assert resolved.mistakes == []
    assert resolved.directors["d23"]["local"] == []
    [local] = resolved.directors["d31"]["local"]
    assert local == {"vip": VIP, "protocol": "tcp", "port": 80}
    assert resolved.directors["d31"]["peers"] == ["192.168.2.23"]


def test_a_director_without_a_known_address():
    resolved = cluster(d23={}, d31={"ansible_host": "director.example.org"})
    assert resolved.mistakes == ["host d31: the other directors need its address; set lvs_address."]


def test_both_directors_get_the_same_ipvs_table():
    resolved = cluster(d23={}, d31={})
    texts = [
        _keepalived.render(
            {
                "instances": [{**instance(resolved, name), "interface": "eth0"}],
                "services": resolved.keepalived_services,
            }
        ).partition("# web")[2]
        for name in ("d23", "d31")
    ]
    assert texts[0] == texts[1]
    assert "real_server 192.168.2.20 80" in texts[0]


@pytest.mark.parametrize(("vip", "sorry"), [(VIP, "192.168.2.9"), (VIP6, "2001:db8::9")])
def test_a_sorry_server_at_the_service_s_own_port(vip, sorry):
    web = {**WEB, "vip": vip, "sorry_server": {"address": sorry, "port": 80, "method": "dr"}}
    if ":" in vip:
        web["destinations"] = [{"address": "2001:db8::20"}]
    assert cluster(web, d23={}, d31={}).mistakes == []
    assert cluster(web, {**web, "name": "b", "port": 81}, d23={}).mistakes != []


# VIPs with different masters.

VIP2 = "192.168.2.150"
MAIL = {"name": "mail", "vip": VIP2, "port": 80, "scheduler": "wrr", "master": "d31"}
RANKS = {"d23": {"lvs_priority": 150}, "d31": {"lvs_priority": 100}, "d40": {"lvs_priority": 120}}


def several(*services, also=(), every=None, **directors):
    """Resolve a cluster in which some of the directors are real servers, too."""
    names = [*(directors or {"d23": {}, "d31": {}}), "r20"]
    hosts = {
        name: {"ansible_host": f"192.168.2.{name[1:]}", **(every or {}), **directors.get(name, {})}
        for name in names
    }
    groups = {"lvs_directors": names[:-1], "lvs_realservers": [*also, "r20"], "all": names}
    return resolve(list(services), groups, hosts.__getitem__)


def roles_of(resolved):
    """Return the instances: name, number, VIPs, and each director's rank."""
    assert resolved.mistakes == []
    first = next(iter(resolved.directors.values()))["instances"]
    return [
        (
            made["name"],
            made["virtual_router_id"],
            made["vips"],
            {name: work["instances"][n]["priority"] for name, work in resolved.directors.items()},
        )
        for n, made in enumerate(first)
    ]


def test_each_master_has_an_instance_and_the_others_follow_by_their_priorities():
    resolved = several(WEB, MAIL, **RANKS)
    assert roles_of(resolved) == [
        (
            "lvs",
            51,
            [VIP],
            {"d23": 150, "d31": 100, "d40": 120},
        ),
        (
            "lvs_d31",
            52,
            [VIP2],
            {"d23": 120, "d31": 150, "d40": 100},
        ),
    ]
    assert resolved.masters == ["d23", "d31"]


def awaited(resolved):
    assert resolved.mistakes == []
    return {name: work["awaited"]["vips"] for name, work in resolved.directors.items()}


def test_a_fail_over_is_awaited_only_with_preemption():
    assert awaited(several(WEB, MAIL, **RANKS)) == {"d23": [VIP], "d31": [VIP2], "d40": []}
    pair = {"d23": {}, "d31": {}}
    kept = {"lvs_keepalived": {"instance": {"preempt": False}}}
    assert awaited(cluster(every=kept, **pair)) == {"d23": [], "d31": []}
    quick = {"lvs_advert_int": 1, "lvs_keepalived": {"instance": {"preempt_delay": 5}}}
    assert cluster(every=quick, **pair).directors["d23"]["awaited"]["seconds"] == 14


def test_an_instance_keeps_its_number_with_other_masters():
    forty = {**WEB, "name": "forty", "vip": "192.168.2.151", "master": "d40"}
    numbers = [
        [(name, number) for name, number, *_ in roles_of(several(*services, **RANKS))]
        for services in ((WEB, MAIL, forty), (forty, WEB), (MAIL,))
    ]
    assert numbers == [
        [("lvs", 51), ("lvs_d31", 52), ("lvs_d40", 53)],
        [("lvs", 51), ("lvs_d40", 53)],
        [("lvs_d31", 52)],
    ]


def test_master_set_to_its_default_changes_nothing():
    hosts = {"d23": {}, "d31": {}}
    assert cluster({**WEB, "master": "d23"}, **hosts) == cluster(WEB, **hosts)
    assert cluster({**WEB, "master": "d23"}, d23={}) == cluster(WEB, d23={})


@pytest.mark.parametrize(
    ("services", "every", "sentences"),
    [
        (
            [{**MAIL, "master": "d13"}],
            {},
            [
                ("service mail: master is 'd13'; it must be a host of lvs_directors: d23 and d31."),
            ],
        ),
        (
            [MAIL, {**MAIL, "name": "imap", "port": 143, "master": None}],
            {},
            [
                (
                    f"services mail and imap: {VIP2} can't have several masters (d31 for mail; d23"
                    " for imap); set the same master in each of its services; the default is"
                    " d23."
                ),
            ],
        ),
        (
            [WEB, {"name": "mark", "fwmark": 7, "master": "d31"}],
            {},
            [
                ("service mark: master is set, but a fwmark without match has no VIPs; remove it."),
            ],
        ),
        (
            [WEB, MAIL],
            {"lvs_virtual_router_id": 255},
            [
                (
                    "hosts d23 and d31: lvs_virtual_router_id is 255, but the instances of further"
                    " masters use IDs up to 256; set it to 254 or less."
                ),
            ],
        ),
        (
            [WEB, MAIL],
            {"lvs_keepalived": {"instance": {"name": "a", "advert_int": 41, "preempt": True}}},
            [
                (
                    "hosts d23 and d31: lvs_keepalived.instance sets name for all instances, but"
                    " there is one for each master; remove it."
                ),
                "hosts d23 and d31: instance lvs: advert_int is 41",
                "hosts d23 and d31: instance lvs_d31: advert_int is 41",
            ],
        ),
    ],
)
def test_mistakes_about_masters(services, every, sentences):
    found = several(*services, every=every).mistakes
    assert len(found) == len(sentences), found
    for sentence, messages in zip(sentences, found, strict=True):
        assert messages.startswith(sentence)


def test_without_a_director_that_serves_services_keep_vip_and_port():
    resolved = several(WEB, MAIL)
    assert resolved.marks == []
    assert [service["vip"] for service in resolved.services] == [VIP, VIP2]
    nat = {"method": "nat", "realserver_port": 8080}
    assert several({**WEB, **nat}, {**MAIL, **nat}, also=["d31"]).marks == []


def test_services_that_a_director_serves_itself_have_a_mark():
    check = {"type": "http", "urls": [{"path": "/"}]}
    sorry = {"address": "192.168.2.9"}
    web = {**WEB, "check": check, "sorry_server": sorry}
    resolved = several(web, MAIL, also=["d23", "d31"])
    assert resolved.mistakes == []
    marks = [service["fwmark"] for service in resolved.services]
    assert resolved.marks == [
        {"fwmark": mark, "vip": vip, "protocol": "tcp", "ports": [80]}
        for mark, vip in zip(marks, (VIP, VIP2), strict=True)
    ]
    assert len(set(marks)) == 2
    for service in resolved.services:
        assert not {"vip", "port", "protocol"} & service.keys()
        assert {each["port"] for each in service["destinations"]} == {0}
    assert [(frontend["vip"], frontend["port"]) for frontend in resolved.frontends] == [
        (VIP, 80),
        (VIP2, 80),
    ]
    # A real server gets packets as the client sent them, and is looked at where it serves.
    local = [{"vip": vip, "protocol": "tcp", "port": 80} for vip in (VIP, VIP2)]
    assert resolved.directors["d23"]["local"] == resolved.directors["d31"]["local"] == local
    assert {
        each["check"]["connect_port"] for each in resolved.keepalived_services[0]["destinations"]
    } == {80}
    text = _keepalived.render({"services": resolved.keepalived_services})
    assert f"virtual_server fwmark {marks[0]} {{" in text
    assert "real_server 192.168.2.31 {" in text
    assert "sorry_server 192.168.2.9\n" in text
    assert text.count("connect_port 80") == 3


def test_a_mark_is_stable_and_unique():
    mark = several(WEB, MAIL, also=["d31"]).services[1]["fwmark"]
    other = {**WEB, "name": "tls", "port": 443}
    assert several(other, WEB, MAIL, also=["d31"]).services[2]["fwmark"] == mark
    mine = {"name": "mine", "fwmark": mark}
    assert several(WEB, MAIL, mine, also=["d31"]).services[1]["fwmark"] == mark + 1


def test_a_service_of_every_port_leaves_the_others_theirs():
    every = {**WEB, "name": "every", "port": 0, "persistence_timeout": 50}
    every["check"] = {"type": "tcp", "connect_port": 8080}
    nat = {
        **WEB,
        "port": 443,
        "method": "fullnat",
        "realserver_port": 8443,
        "check": {"type": "tcp"},
    }
    resolved = several(nat, every, MAIL, also=["d31"])
    assert [mark["ports"] for mark in resolved.marks] == [[0], [443], [80]]
    tls, every, _ = resolved.keepalived_services
    assert {each["port"] for each in tls["destinations"]} == {8443}
    assert tls["check"] == {"type": "tcp"}
    text = _keepalived.render({"services": resolved.keepalived_services})
    assert text.count("connect_port 8080") == 2
    assert "connect_port 443" not in text


def test_sync_daemons_go_both_ways_for_several_instances_only():
    daemon = {"globals": {"sync_daemon": {"interface": "eth0", "id": 51}}}
    made = several(WEB, MAIL).directors["d23"]["instances"]
    instances = [{**each, "interface": "eth0"} for each in made]
    assert _keepalived.mistakes({**daemon, "instances": instances}) == []
    assert "lvs_sync_daemon eth0 id 51" in _keepalived.render({**daemon, "instances": instances})
    assert len(_keepalived.mistakes({**daemon, "instances": instances[:1]})) == 1


FLOATING = {"address": "192.168.2.254", "prefix": 24, "interface": "eth1"}


@pytest.mark.parametrize(
    ("gateway", "held", "start"),
    [
        ({}, [FLOATING], "there is no lvs_gateway"),
        ({"lvs_gateway": "192.168.2.23"}, [FLOATING], "lvs_gateway is 192.168.2.23"),
        ({"lvs_gateway": "192.168.2.254"}, [], "lvs_gateway is 192.168.2.254"),
        ({"lvs_gateway": "192.168.2.254"}, ["192.168.2.254/24"], None),
        ({"lvs_gateway": "192.168.2.254"}, [FLOATING], None),
    ],
)
def test_with_nat_the_real_servers_gateway_moves_with_the_vip(gateway, held, start):
    keepalived = {"lvs_keepalived": {"instance": {"excluded_vips": held}}}
    every = {"lvs_method": "nat", **gateway, **keepalived}
    resolved = cluster({**WEB, "vip": "192.0.2.149"}, every=every, d23={}, d31={})
    if start:
        [sentence] = resolved.mistakes
        assert f"r20 and r21: {start}, but with method nat answers" in sentence
        return
    assert instance(resolved, "d31")["excluded_vips"] == held
    [entry] = resolved.real_servers["r20"]["nat"]
    assert entry["gateway"] == "192.168.2.254"
    # One director alone has it as before.
    alone = cluster({**WEB, "vip": "192.0.2.149"}, every={"lvs_method": "nat"}, d23={})
    assert alone.mistakes == []


def test_a_check_of_one_page_is_the_same_in_each_form():
    simple = {"type": "http", "path": "/", "status": 200}
    full = {"type": "http", "urls": [{"path": "/", "status": [200]}]}
    for directors in ({"d23": {}}, {"d23": {}, "d31": {}}):
        resolved = cluster({**WEB, "check": simple}, **directors)
        assert resolved.mistakes == []
        assert resolved == cluster({**WEB, "check": full}, **directors)
        assert resolved.keepalived_services[0]["check"] == resolved.frontends[0]["check"] == full
        assert _keepalived.mistakes({"services": resolved.keepalived_services}) == []


def test_vips_that_are_wrong_are_not_called_missing():
    assert cluster({**WEB, "vip": "web.lan"}, d23={}, d31={}).mistakes == [
        "service web: vip is 'web.lan', which is not an IPv4 or IPv6 address."
    ]
    mark = {"name": "mark", "fwmark": 7}
    assert cluster(mark, d23={}, d31={}).mistakes == [
        "hosts d23 and d31: instance lvs: vips is missing; give at least one address."
    ]


def test_the_role_sets_what_the_inventory_is_checked_with():
    role = yaml.safe_load((ROLES / "keepalived_ha" / "vars" / "main.yml").read_text())
    assert role["keepalived_ha_globals_of_host"] == {
        "router_id": "{{ inventory_hostname }}",
        **_vrrp.GLOBALS,
    }
    of_vrrp = role["keepalived_ha_globals_of_vrrp"]
    assert {**of_vrrp, "sync_daemon": None} == {**_vrrp.GLOBALS_OF_VRRP, "sync_daemon": None}
