# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What directors with BGP come to: the rules of an inventory, and the services of keepalived."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils import _bgp
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve

WEB = {
    "name": "web",
    "vip": "203.0.113.10",
    "port": 80,
    "scheduler": "mh",
    "scheduler_flags": ["mh-fallback", "mh-port"],
    "check": {"type": "tcp"},
}
ALL = {
    "lvs_ha": "bgp",
    "lvs_method": "tun",
    "lvs_bgp": {"as": 65010},
    "lvs_bgp_neighbors": [{"address": "10.99.1.1", "as": 65000}],
}


def cluster(*services, every=None, **directors):
    """Resolve a cluster of these directors, each with its own variables, and two real servers."""
    directors = directors or {"d11": {}, "d12": {}, "d13": {}}
    hosts = {
        name: {"ansible_host": f"10.99.1.{name[1:]}", **ALL, **(every or {}), **variables}
        for name, variables in {**directors, "s21": {}, "s22": {}}.items()
    }
    groups = {"lvs_directors": list(directors), "lvs_realservers": ["s21", "s22"]}
    groups["all"] = list(hosts)
    return resolve(list(services) or [WEB], groups, hosts.__getitem__)


def test_every_director_is_active_and_announces():
    resolved = cluster()
    assert resolved.mistakes == []
    assert (resolved.ha, resolved.masters, resolved.failover_seconds) == ("bgp", [], 0)
    assert resolved.director_roles == ["director", "director_bgp", "keepalived_ha"]
    roles = resolved.hosts["d12"]["roles"]
    assert list(roles) == resolved.director_roles
    assert roles["director_bgp"] == {
        "as": 65010,
        "router_id": "10.99.1.12",
        "bfd": True,
        "bfd_interval": 100,
        "bfd_multiplier": 3,
        "hold_time": 9,
        "ttl_security": True,
    }
    assert (roles["director"]["table_owner"], roles["director"]["vip_owner"]) == (
        "keepalived",
        "keepalived",
    )
    assert roles["keepalived_ha"]["instances"] == []
    assert "10.99.1.1" in resolved.hosts["d12"]["checks"]["neighbours"]


def test_a_single_director_may_announce():
    assert cluster(d11={}).mistakes == []


def test_a_router_that_is_not_on_a_link():
    neighbors = [{"address": "192.0.2.1", "as": 65000, "multihop": 2}]
    resolved = cluster(every={"lvs_bgp_neighbors": neighbors})
    assert resolved.mistakes == []
    assert "192.0.2.1" not in resolved.hosts["d11"]["checks"]["neighbours"]


def test_keepalived_announces_a_service_while_it_has_a_quorum():
    [service] = cluster().keepalived_services
    command = "/usr/bin/python3 -IS /usr/local/lib/lvs/lvs-announce"
    words = "tcp-203.0.113.10-80 203.0.113.10"
    assert service["quorum_up"] == {"command": f"{command} up {words}", "user": "root"}
    assert service["quorum_down"] == {"command": f"{command} down {words}", "user": "root"}
    # A dead real server keeps its place in mh's table, and a removed service is withdrawn.
    assert service["inhibit_on_failure"] is service["omega"] is True


def test_a_firewall_mark_announces_all_its_vips():
    match = [{"vip": "203.0.113.10", "ports": [80]}, {"vip": "203.0.113.11", "ports": [443]}]
    marked = {**WEB, "fwmark": 7, "match": match}
    del marked["vip"], marked["port"]
    [service] = cluster(
        {**marked, "check": {"type": "tcp", "connect_port": 80}}
    ).keepalived_services
    assert service["quorum_up"]["command"].endswith("up ipv4-mark-7 203.0.113.10 203.0.113.11")


def test_a_service_without_a_check_is_announced_from_the_start():
    plain = {name: value for name, value in WEB.items() if name != "check"}
    resolved = cluster(plain)
    assert (resolved.mistakes, resolved.announce_seconds) == ([], 0)
    assert "quorum_up" in resolved.keepalived_services[0]


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        # delay_loop 5, and two attempts of 5 s with 1 s between them
        ({"type": "tcp"}, 5 + 5 + 1 + 5),
        ({"type": "tcp", "connect_timeout": 1, "retries": 0}, 6),
        ({"type": "tcp", "connect_timeout": 1, "retries": 0, "warmup": 0.5}, 2),
        ({"type": "http", "path": "/"}, 5 + 4 * 5 + 3 * 3),
        ({"type": "misc", "command": "/bin/true", "timeout": 2, "retries": 1}, 5 + 2 + 1 + 2),
    ],
)
def test_vips_are_announced_when_each_real_server_was_checked(check, seconds):
    assert cluster({**WEB, "check": check}).announce_seconds == seconds


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"scheduler": "wrr", "scheduler_flags": []}, "scheduler is 'wrr', but with lvs_ha: bgp"),
        ({"scheduler_flags": ["mh-port"]}, "scheduler_flags has no mh-fallback"),
        ({"method": "nat"}, "method is nat, but with lvs_ha: bgp answers can't go back"),
        ({"method": "fullnat"}, "method is fullnat, but with lvs_ha: bgp"),
        ({"persistence_timeout": 300}, "persistence_timeout is set, but with lvs_ha: bgp"),
        ({"upper_threshold": 10}, "upper_threshold is set, but with lvs_ha: bgp"),
        ({"alpha": True}, "alpha is set, but with lvs_ha: bgp"),
        ({"master": "d11"}, "master is set, but with lvs_ha: bgp every director is active"),
        ({"quorum_up": {"command": "/bin/true"}}, "quorum_up is set by the collection"),
        ({"inhibit_on_failure": False}, "inhibit_on_failure is set by the collection"),
    ],
)
def test_what_depends_on_the_director_is_refused(field, sentence):
    mistakes = cluster({**WEB, **field}).mistakes
    assert [line for line in mistakes if line.startswith(f"service web: {sentence}")], mistakes


def test_the_default_scheduler_is_refused():
    plain = {name: value for name, value in WEB.items() if not name.startswith("scheduler")}
    [sentence] = cluster(plain).mistakes
    assert sentence.startswith("service web: scheduler is 'wlc'")
    assert "set scheduler: mh and scheduler_flags: [mh-fallback, mh-port]" in sentence


@pytest.mark.parametrize(
    ("every", "sentence"),
    [
        ({"lvs_bgp": None}, "lvs_ha is bgp, but lvs_bgp is not set"),
        ({"lvs_bgp": {"bfd": True}}, "lvs_bgp has no as"),
        ({"lvs_bgp": {"as": 0}}, "lvs_bgp: as is 0; it must be a whole number from 1"),
        ({"lvs_bgp": 65010}, "lvs_bgp is 65010; it must be a mapping"),
        ({"lvs_bgp": {"as": 65010, "holdtime": 9}}, "lvs_bgp: there is no field 'holdtime'"),
        ({"lvs_bgp": {"as": 65010, "password": 'a"b'}}, "lvs_bgp: password has a character"),
        ({"lvs_bgp": {"as": 65010, "router_id": "fd00::1"}}, "lvs_bgp: router_id is 'fd00::1'"),
        ({"lvs_bgp_neighbors": []}, "lvs_ha is bgp, but lvs_bgp_neighbors is not set"),
        ({"lvs_bgp_neighbors": "10.99.1.1"}, "lvs_bgp_neighbors is '10.99.1.1'; it must be a list"),
        ({"lvs_bgp_neighbors": [{"address": "10.99.1.1"}]}, "lvs_bgp_neighbors 1: as is missing"),
        ({"lvs_bgp_neighbors": [{"as": 65000}]}, "lvs_bgp_neighbors 1: address is missing"),
        (
            {"lvs_bgp_neighbors": 2 * ALL["lvs_bgp_neighbors"]},
            "lvs_bgp_neighbors 2: 10.99.1.1 is listed twice",
        ),
        (
            {"lvs_priority": 100},
            "lvs_priority is an option of VRRP, but a director with lvs_ha: bgp",
        ),
    ],
)
def test_mistakes_in_the_variables_of_bgp(every, sentence):
    mistakes = cluster(every=every).mistakes
    assert [line for line in mistakes if sentence in line], mistakes


def test_a_password_is_not_shown():
    for password in ('secret"word', "secretword" * 9, ["secretword"]):
        mistakes = cluster(every={"lvs_bgp": {"as": 65010, "password": password}}).mistakes
        assert mistakes
        assert "secret" not in "".join(mistakes)


def test_directors_have_one_as_and_different_router_ids():
    differing = {"d11": {"lvs_bgp": {"as": 65011}}, "d12": {}}
    [sentence] = cluster(**differing).mistakes
    assert sentence.startswith("hosts d11 and d12: lvs_bgp.as differs between directors")
    same = {"as": 65010, "router_id": "10.99.1.11"}
    [sentence] = cluster(d11={"lvs_bgp": same}, d12={"lvs_bgp": same}).mistakes
    assert sentence.startswith("hosts d11 and d12: they have the same router ID, 10.99.1.11")


def test_a_director_without_ipv4_needs_a_router_id():
    web = {**WEB, "vip": "2001:db8::10"}
    addresses = {"s21": "fd00::21", "s22": "fd00::22", "d11": "fd00::11"}

    def variables(name):
        return {**ALL, "ansible_host": addresses[name]}

    groups = {"lvs_directors": ["d11"], "lvs_realservers": ["s21", "s22"], "all": list(addresses)}
    [sentence] = resolve([web], groups, variables).mistakes
    assert sentence.startswith("host d11: it has no IPv4 address that can be its router ID")


def test_a_director_is_no_real_server():
    hosts = {name: {"ansible_host": f"10.99.1.{name[1:]}", **ALL} for name in ("d11", "d12", "s21")}
    groups = {
        "lvs_directors": ["d11", "d12"],
        "lvs_realservers": ["s21", "d12"],
        "all": list(hosts),
    }
    mistakes = resolve([WEB], groups, hosts.__getitem__).mistakes
    sentence = (
        "service web: d12 is a director and a real server, but with lvs_ha: bgp all directors are"
        " active, and it would load-balance again what another one forwards to it; use another"
        " host."
    )
    assert mistakes == [sentence]


@pytest.mark.parametrize("ha", ["none", "vrrp"])
def test_variables_of_bgp_are_refused_without_bgp(ha):
    [bgp, neighbors] = cluster(every={"lvs_ha": ha}, d11={}).mistakes
    assert bgp == (
        f"host d11: lvs_bgp is an option of BGP, but lvs_ha is {ha}; remove it, or set lvs_ha: bgp."
    )
    assert neighbors.startswith("host d11: lvs_bgp_neighbors is an option of BGP")


def test_more_destinations_than_mh_can_tell_apart():
    sentences = list(_bgp.service_mistakes(WEB, "tun", 4094))
    assert sentences == [
        "it has 4094 destinations, more than the slots of mh (4093); split the service"
    ]
    assert list(_bgp.service_mistakes(WEB, "tun", 4093)) == []


def test_the_weights_of_drained_real_servers_are_kept():
    hosts = {
        "d11": {"ansible_host": "10.99.1.11"},
        "s21": {"ansible_host": "10.99.1.21", "lvs_weight": 3},
        "s22": {"ansible_host": "10.99.1.22", "lvs_weight": 0},
        "s23": {"ansible_host": "10.99.1.23"},
    }
    servers = ["s21", "s22", "s23"]
    groups = {"lvs_directors": ["d11"], "lvs_realservers": servers, "all": list(hosts)}
    services = [WEB, {**WEB, "name": "web6", "vip": "2001:db8::10"}]

    def resolved(drained):
        return resolve(services, groups, lambda name: {**ALL, **hosts[name]}, drained)

    assert resolved([]).drained_rules == []
    rules = [
        "-e -t 203.0.113.10:80 -r 10.99.1.21:80 -i -w 3",
        "-e -t [2001:db8::10]:80 -r 10.99.1.21:80 -i -w 3",
    ]
    # The other one has weight 0 on every director, at all times.
    assert resolved(["s21", "s22"]).drained_rules == rules
