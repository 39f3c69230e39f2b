# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an inventory to virtual services: what it becomes, and what is refused with which words."""

from __future__ import annotations

import random
import re

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils._model import WRITTEN_METHODS
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import Unreadable
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import VARIABLES
from hypothesis import given
from hypothesis import strategies as st

VIP = "192.168.2.149"
WEB = {"name": "web", "vip": VIP, "port": 80}
ADDRESS_31 = {"address": "192.168.2.31"}
D23 = {"d23": {"ansible_host": "192.168.2.23"}}
PAIR = {"d23": {"ansible_host": "192.168.2.23"}, "d24": {"ansible_host": "192.168.2.24"}}


def at(*numbers, **variables):
    """Return real servers of the documents' network by the last byte of their addresses."""
    return {f"rs{n}": {"ansible_host": f"192.168.2.{n}", **variables} for n in numbers}


def cluster_with(*services, directors=D23, realservers=None, every=None, **groups):
    """Resolve services in an inventory that is T1-DR's except what is given."""
    groups = {
        "lvs_directors": directors,
        "lvs_realservers": at(31, 32) if realservers is None else realservers,
        **groups,
    }
    hosts = {}
    for group in groups.values():
        for name, variables in group.items():
            hosts.setdefault(name, dict(every or {})).update(variables)
    names = {"all": list(hosts), **{group: list(members) for group, members in groups.items()}}
    return resolve(list(services or [WEB]), names, hosts.__getitem__)


def served(*services, **inventory):
    """Return what each host has to serve, in an inventory that has no mistake."""
    cluster = cluster_with(*services, **inventory)
    assert cluster.mistakes == []
    return cluster.real_servers


def found(*services, **inventory):
    """Return the services of an inventory that has no mistake."""
    cluster = cluster_with(*services, **inventory)
    assert cluster.mistakes == []
    return cluster.services


def pool(*services, **inventory):
    """Return the destinations of the only service: name, address, port, method and weight."""
    (service,) = found(*services, **inventory)
    keys = ("name", "address", "port", "method", "weight")
    return [tuple(d[key] for key in keys) for d in service["destinations"]]


def rips(*services, **inventory):
    """Return the addresses of the only service's destinations."""
    return [destination[1] for destination in pool(*services, **inventory)]


def mistakes(*services, **inventory):
    """Return the sentences about an inventory, which gives no services then."""
    cluster = cluster_with(*services, **inventory)
    assert cluster == Cluster(cluster.mistakes)
    return cluster.mistakes


def messages(text):
    """Return the sentences of a list that is written as a person reads it."""
    return [" ".join(item.split()) for item in re.split(r"^ *- ", text, flags=re.MULTILINE)[1:]]


# The systems of the documents.


def test_t1_dr_resolves_to_its_table():
    web = {**WEB, "protocol": "tcp", "scheduler": "wrr"}
    assert found(web, realservers=at(31, 32, lvs_weight=5), every={"lvs_method": "dr"}) == [
        {
            "name": "web",
            "vip": VIP,
            "port": 80,
            "protocol": "tcp",
            "scheduler": "wrr",
            "destinations": [
                {"name": n, "address": a, "port": 80, "method": "dr", "weight": 5}
                for n, a in (("rs31", "192.168.2.31"), ("rs32", "192.168.2.32"))
            ],
        }
    ]


T2_DIRECTORS = {
    "d23": {"ansible_host": "192.168.2.23", "lvs_priority": 150},
    "d31": {"ansible_host": "192.168.2.31", "lvs_priority": 100},
}
T2_PAIR = {"lvs_virtual_router_id": 51, "lvs_auth_pass": 1111}


def test_t2_resolves_with_the_director_that_is_a_real_server():
    check = {"type": "tcp", "connect_timeout": 10, "retries": 3, "delay_before_retry": 3}
    assert pool(
        {**WEB, "scheduler": "wrr", "check": check},
        directors=T2_DIRECTORS,
        realservers={**at(20, 21, 22), "d31": {}, **at(32)},
        every={"lvs_weight": 100, **T2_PAIR},
    ) == [
        (name, f"192.168.2.{name[-2:]}", 80, "dr", 100)
        for name in ("rs20", "rs21", "rs22", "d31", "rs32")
    ]


def test_t2s_mistakes_in_keepalived_conf_are_seen_where_an_inventory_can_show_them():
    listed = [{"name": f"rs{n}", "address": f"192.168.2.{n}"} for n in (20, 21, 22, 32, 32)]
    listed.append({"name": "d31", "address": "192.168.2.30"})
    assert mistakes(
        {**WEB, "destinations": listed}, directors=T2_DIRECTORS, every=T2_PAIR
    ) == messages(
        """
        - service web: destination d31: its address is 192.168.2.30; in the inventory it is
          192.168.2.31; correct the address or the name.
        - service web: 192.168.2.32:80 is in the pool twice, again as rs32; remove one of them.
        """
    )
    hosts = {**at(20, 21, 22, 30, 32), "rs33": {"ansible_host": "192.168.2.32"}}
    assert mistakes(directors=T2_DIRECTORS, realservers=hosts, every=T2_PAIR) == messages(
        """
        - hosts rs32 and rs33: they have the same address, 192.168.2.32; give each its own
          lvs_address, or keep one name for one machine.
        """
    )


def test_t3_resolves_to_a_persistent_service_on_every_port():
    tomcats = {
        "tom1": {"ansible_host": "172.16.31.50"},
        "tom2": {"ansible_host": "172.16.31.51"},
    }
    service = {
        "name": "tomcat",
        "vip": "172.16.31.188",
        "port": 0,
        "scheduler": "rr",
        "persistence_timeout": 50,
        "realservers": "tomcats",
        "check": {"type": "http", "connect_port": 80, "urls": [{"path": "/", "status": [200]}]},
    }
    directors = {
        "proxy": {"ansible_host": "172.16.31.52", "lvs_priority": 100},
        "proxy2": {"ansible_host": "172.16.31.53", "lvs_priority": 99},
    }
    assert found(service, directors=directors, realservers={}, tomcats=tomcats) == [
        {
            "name": "tomcat",
            "vip": "172.16.31.188",
            "port": 0,
            "protocol": "tcp",
            "scheduler": "rr",
            "persistence_timeout": 50,
            "destinations": [
                {"name": n, "address": a, "port": 0, "method": "dr", "weight": 1}
                for n, a in (("tom1", "172.16.31.50"), ("tom2", "172.16.31.51"))
            ],
        }
    ]


T4_NAT = {"lvs_method": "nat", "lvs_network": "192.168.0.0/24"}
T4_SERVERS = {
    f"rs{n}": {"ansible_host": f"192.168.0.{n}", "lvs_gateway": "192.168.0.254"}
    for n in (160, 170, 180)
}


def test_t4_nat_resolves_with_the_director_as_fourth_real_server():
    director = {
        "ansible_host": "192.168.10.254",
        "lvs_address": "192.168.0.254",
        "lvs_gateway": "192.168.10.1",
    }
    assert rips(
        {**WEB, "vip": "192.168.10.254"},
        directors={"director": director},
        realservers={**T4_SERVERS, "director": {}},
        every=T4_NAT,
    ) == [f"192.168.0.{n}" for n in (160, 170, 180, 254)]


def test_a_nat_directors_outer_address_is_not_taken_for_its_dip():
    director = {"ansible_host": "192.168.10.254"}
    web = {**WEB, "vip": "192.168.10.254"}
    for servers in (T4_SERVERS, {**T4_SERVERS, "director": {}}):
        assert mistakes(
            web, directors={"director": director}, realservers=servers, every=T4_NAT
        ) == messages(
            """
            - service web: host director: no IPv4 address is known; set lvs_address to the one
              between director and real servers.
            """
        )


def test_t4_dr_resolves_with_a_gateway_that_is_not_the_director():
    servers = {
        f"rs{n}": {"ansible_host": f"192.168.0.{n}", "lvs_gateway": "192.168.0.252"}
        for n in (160, 170, 180)
    }
    director = {"ansible_host": "192.168.0.254", "lvs_gateway": "192.168.0.251"}
    web = {**WEB, "vip": "192.168.0.200"}
    assert rips(web, directors={"director": director}, realservers=servers) == [
        f"192.168.0.{n}" for n in (160, 170, 180)
    ]


# All at once, and to be read by a person.


def test_all_mistakes_of_an_inventory_are_reported_at_once():
    assert mistakes(
        {**WEB, "scheduler": "wr"},
        {"name": "mail", "vip": "192.168.2.32", "port": 25, "realserver_port": 2525},
        {"name": "app", "vip": VIP, "port": 8080, "realservers": "tomcat"},
        realservers={
            **at(20, lvs_wieght=3),
            **at(21, lvs_weight=70000),
            **at(32, lvs_gateway="192.168.2.23"),
            "rs33": {"ansible_host": "rs33.example.com"},
        },
        tomcats=at(20),
    ) == messages(
        """
        - service app: there is no group 'tomcat' (did you mean tomcats?); add it to the inventory,
          or set realservers to another group.
        - host rs20: there is no variable 'lvs_wieght' (did you mean lvs_weight?); correct or remove
          it, since names that begin with lvs_ are reserved for lvs.cluster.
        - host rs21: lvs_weight is 70000; it must be a whole number from 0 to 65535.
        - service mail: realserver_port is 2525, but with method dr packets arrive as they were
          sent, at the service's port; remove it, or use method nat.
        - services web and mail: host rs33: no IPv4 address is known; set lvs_address to the one
          between director and real servers.
        - services web and mail: host rs32: lvs_gateway is 192.168.2.23, the DIP of d23, but with
          method dr answers bypass the director; set it to the router's address.
        - service mail: host rs32: 192.168.2.32 is the VIP, but also this machine's own address;
          choose a VIP that no host has, or correct lvs_address or ansible_host.
        - service web: scheduler is 'wr' (did you mean wrr?); it must be one of rr, wrr, lc, wlc,
          lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos.
        """
    )


def test_a_mistake_of_two_hundred_hosts_and_twenty_services_is_reported_once():
    hosts = {f"rs{n:03}": {"lvs_weight": -1} for n in range(200)}
    services = [{"name": f"s{n}", "vip": VIP, "port": n + 1} for n in range(20)]
    assert mistakes(*services, realservers=hosts) == messages(
        """
        - hosts rs000, rs001, rs002, rs003 and 196 more: lvs_weight is -1; it must be a whole number
          from 0 to 65535.
        - services s0, s1, s2, s3 and 16 more: hosts rs000, rs001, rs002, rs003 and 196 more: no
          IPv4 address is known; set lvs_address to the one between director and real servers.
        """
    )


# Where a real server's address comes from.


def test_a_stated_address_wins_over_the_one_ansible_uses():
    assert rips(realservers=at(31, lvs_address="10.0.0.31")) == ["10.0.0.31"]


def test_of_several_stated_addresses_the_first_of_the_vips_family_is_taken():
    host = at(31, lvs_address=["2001:db8::31", "10.0.0.31", "10.0.0.32"])
    assert rips(realservers=host) == ["10.0.0.31"]
    assert rips({**WEB, "vip": "2001:db8:0::9"}, realservers=host) == ["2001:db8::31"]


def test_a_stated_address_of_the_network_is_taken_before_others():
    host = at(31, lvs_address=["10.0.0.31", "192.168.2.131"], lvs_network="192.168.2.0/24")
    assert rips(realservers=host) == ["192.168.2.131"]


def test_the_family_that_is_not_stated_is_the_one_ansible_uses():
    host = at(31, lvs_address="2001:db8::31")
    assert rips(realservers=host) == ["192.168.2.31"]


def test_a_host_named_by_its_address_needs_no_other():
    assert rips(realservers={"192.168.2.31": {}}) == ["192.168.2.31"]
    assert rips(realservers={"192.168.2.31": {"ansible_host": "rs31.lan"}}) == ["192.168.2.31"]


def facts(**interfaces):
    """Return facts as the setup module gives them for a Linux host."""
    loopback = {"ipv4": {"address": "127.0.0.1", "prefix": "8"}}
    return {
        "ansible_facts": {"interfaces": ["lo", *(n.replace("_", "-") for n in interfaces)]}
        | {"lo": loopback}
        | interfaces
    }


LAN = {"ipv4": {"address": "192.168.2.31", "prefix": "24"}}
LAN6 = {
    "ipv6": [{"address": "fe80::31", "prefix": "64"}, {"address": "2001:db8::31", "prefix": "64"}]
}
OTHER = {"ipv4": {"address": "10.0.0.31", "netmask": "255.255.255.0"}}


@pytest.mark.parametrize("reached", ["rs31.example.com", "127.0.0.1", None])
def test_facts_give_the_address_in_the_vips_network_if_ansibles_is_of_no_use(reached):
    host = {"ansible_host": reached, **facts(eth0=OTHER, br_lan=LAN | LAN6)}
    assert rips(realservers={"rs31": host}) == ["192.168.2.31"]
    assert rips({**WEB, "vip": "2001:db8::9"}, realservers={"rs31": host}) == ["2001:db8::31"]


def test_the_address_ansible_uses_wins_over_others_that_facts_show():
    host = {"ansible_host": "192.168.2.131", **facts(eth0=LAN)}
    assert rips(realservers={"rs31": host}) == ["192.168.2.131"]


def test_facts_give_the_address_in_the_stated_network_if_ansible_uses_another():
    host = {"ansible_host": "10.0.0.31", **facts(eth0=OTHER, eth1=LAN)}
    network = {"lvs_network": ["192.168.2.0/24"]}
    assert rips(
        {**WEB, "vip": "203.0.113.9"}, realservers={"rs31": host}, every=network
    ) == messages(
        """
        - 192.168.2.31
        """
    )


def test_a_vip_among_the_facts_is_not_taken_for_the_machines_own():
    vips = {
        "ipv4": {"address": "192.168.2.149", "netmask": "255.255.255.0"},
        "ipv4_secondaries": [{"address": "192.168.2.150", "prefix": "32"}],
    }
    host = facts(eth0=LAN, eth1=vips)
    assert rips(realservers={"rs31": host}) == ["192.168.2.31"]


def test_an_address_alone_in_its_network_is_not_taken_for_the_machines_own():
    alone = {"ipv4": {"address": "192.168.2.200", "prefix": "32"}}
    every = {"lvs_network": "192.168.2.0/24"}
    assert rips(realservers={"rs31": facts(lo1=alone, eth0=LAN)}, every=every) == ["192.168.2.31"]


def test_facts_give_no_address_for_a_firewall_mark_without_a_network():
    host = {"rs31": facts(eth0=LAN)}
    assert "no IPv4 address is known" in mistakes({"fwmark": 7}, realservers=host)[0]
    every = {"lvs_network": "192.168.2.0/24"}
    assert rips({"fwmark": 7}, realservers=host, every=every) == ["192.168.2.31"]


def test_facts_that_show_several_addresses_there_choose_none():
    second = [{"address": "192.168.2.131", "prefix": "24"}]
    assert mistakes(
        realservers={"rs31": facts(eth0={**LAN, "ipv4_secondaries": second})}
    ) == messages(
        """
        - service web: host rs31: its facts have several addresses for it (192.168.2.31 and
          192.168.2.131); choose one with lvs_address.
        """
    )


@pytest.mark.parametrize(
    "host",
    [{}, {"ansible_host": "rs31.example.com"}, {"ansible_host": "2001:db8::31"}, facts(eth0=OTHER)],
)
@pytest.mark.parametrize("method", ["dr", "nat"])
def test_a_host_without_an_address_of_the_vips_family_is_reported(host, method):
    assert mistakes(realservers={"rs31": host}, every={"lvs_method": method}) == messages(
        """
        - service web: host rs31: no IPv4 address is known; set lvs_address to the one between
          director and real servers.
        """
    )


def test_a_tunnel_goes_to_an_address_of_the_other_family_if_there_is_no_other():
    tun = {"lvs_method": "tun"}
    assert rips(realservers={"rs31": {"ansible_host": "2001:db8::31"}}, every=tun) == messages(
        """
        - 2001:db8::31
        """
    )
    both = {"rs31": {"lvs_address": ["2001:db8::31", "192.168.2.31"]}}
    assert rips(realservers=both, every=tun) == ["192.168.2.31"]


def test_a_service_by_firewall_mark_takes_addresses_of_its_family():
    host = {"rs31": {"lvs_address": ["192.168.2.31", "2001:db8::31"]}}
    assert rips({"fwmark": 7}, realservers=host) == ["192.168.2.31"]
    assert rips({"fwmark": 7, "family": "ipv6"}, realservers=host) == ["2001:db8::31"]


@pytest.mark.parametrize("address", ["rs31.lan", "127.0.0.1", "fe80::1", "224.0.0.1", "0.0.0.0", 5])
@pytest.mark.parametrize("variable", ["lvs_address", "lvs_gateway"])
def test_an_address_that_can_be_no_machines_is_refused(variable, address):
    assert mistakes(realservers=at(31, **{variable: address})) == messages(
        f"""
        - host rs31: {variable} is {address!r}; it must be a machine's address, or a list of them.
        """
    )
    assert f"{variable} is [" in mistakes(realservers=at(31, **{variable: [address]}))[0]


# What becomes of a service's fields.


def test_weights_go_from_the_service_to_the_host_to_one_and_drained_is_none():
    servers = {
        **at(30),
        **at(31, lvs_weight=5),
        **at(32, lvs_weight="5", lvs_weights={"web": "0", "other": 9}),
        **at(33, lvs_weight=5, lvs_weights={"web": 7}, lvs_drained="yes"),
    }
    other = {"name": "other", "vip": VIP, "port": 81}
    weights = {
        service["name"]: [d["weight"] for d in service["destinations"]]
        for service in found(WEB, other, realservers=servers)
    }
    assert weights == {"web": [1, 5, 0, 0], "other": [1, 5, 9, 0]}


def test_destinations_are_sorted_by_address_and_not_by_name():
    servers = {"a": {"lvs_address": "10.0.0.10"}, "b": {"lvs_address": "10.0.0.9"}}
    assert [d[0] for d in pool(realservers=servers)] == ["b", "a"]


def test_destinations_listed_outright_need_no_group_and_keep_their_fields():
    outright = [
        {"address": "10.0.0.2", "weight": 3, "method": "tun"},
        {"address": "10.0.0.1", "name": "old", "upper_threshold": 9},
    ]
    web = {**WEB, "destinations": outright, "upper_threshold": 5}
    (service,) = found(web, realservers={})
    assert service["destinations"] == [
        {
            "name": "old",
            "address": "10.0.0.1",
            "port": 80,
            "method": "dr",
            "weight": 1,
            "upper_threshold": 9,
        },
        {
            "name": "10.0.0.2",
            "address": "10.0.0.2",
            "port": 80,
            "method": "tun",
            "weight": 3,
            "upper_threshold": 5,
        },
    ]


@pytest.mark.parametrize("name", [{}, {"name": None}, {"name": ""}])
def test_a_service_without_a_name_stays_so(name):
    (service,) = found({"vip": VIP, "port": 80, **name})
    assert "name" not in service
    assert mistakes({"vip": VIP, "port": 80, "method": 1, **name})[0].startswith(
        f"service tcp {VIP}:80: method is 1"
    )
    assert mistakes(WEB, {"method": 1, **name})[0].startswith("service 2: method is 1")


def test_a_group_and_destinations_listed_outright_make_one_pool():
    web = {**WEB, "realservers": "lvs_realservers", "destinations": [{"address": "10.0.0.1"}]}
    assert [d[0] for d in pool(web)] == ["10.0.0.1", "rs31", "rs32"]


def test_a_services_method_wins():
    every = {"lvs_method": "tun"}
    assert {d[3] for d in pool(every=every)} == {"tun"}
    assert {d[2:4] for d in pool({**WEB, "method": "nat"}, every=every)} == {(80, "nat")}
    assert {d[3] for d in pool({**WEB, "method": "fullnat"}, every=every)} == {"fullnat"}
    outright = {**WEB, "destinations": [{"address": "10.0.0.1", "method": "fullnat"}]}
    assert {d[3] for d in pool(outright)} == {"fullnat"}


def test_the_method_may_stand_at_the_directors_only():
    directors = {"d23": {"ansible_host": "192.168.2.23", "lvs_method": "tun"}}
    assert {d[3] for d in pool(directors=directors)} == {"tun"}


@pytest.mark.parametrize("method", ["nat", "fullnat"])
def test_real_servers_behind_nat_may_listen_at_another_port(method):
    web = {**WEB, "method": method, "realserver_port": 8080}
    assert {d[2] for d in pool(web)} == {8080}
    outright = {**web, "destinations": [{"address": "10.0.0.1"}]}
    assert {d[2] for d in pool(outright)} == {8080}


def test_thresholds_and_tunnel_hold_for_all_destinations():
    extra = {
        "upper_threshold": 9,
        "lower_threshold": 5,
        "tunnel_type": "gue",
        "tunnel_port": 6080,
        "tunnel_checksum": "remote",
    }
    (service,) = found({**WEB, "method": "tun", **extra})
    assert [extra.items() <= d.items() for d in service["destinations"]] == [True, True]


def test_a_resolved_service_has_fields_of_the_schema_only():
    web = {**WEB, "check": {"type": "tcp"}, "method": "nat", "realserver_port": 81}
    (service,) = found({**web, "realservers": "lvs_realservers", "upper_threshold": 1})
    assert set(service) == {"name", "vip", "port", "protocol", "scheduler", "destinations"}


def test_a_cluster_without_services_is_refused():
    assert resolve([], {"lvs_directors": ["d23"]}, lambda _: {}).mistakes == messages(
        """
        - lvs_services is empty; list a service, or remove the cluster from its hosts with the
          playbook lvs.cluster.teardown before you remove its last service.
        """
    )


def test_each_hosts_variables_are_asked_for_once():
    asked = []

    def variables(host):
        asked.append(host)
        return {"ansible_host": f"192.168.2.{host}"}

    groups = {"lvs_directors": ["23", "31"], "lvs_realservers": ["31", "32"]}
    services = [WEB, {**WEB, "name": "other", "port": 81}]
    assert resolve(services, groups, variables).mistakes == []
    assert sorted(asked) == ["23", "31", "32"]


# What each machine has to do.

SHOP = {
    "name": "shop",
    "fwmark": 7,
    "persistence_timeout": 300,
    "match": [
        {"vip": VIP, "ports": [80, 443]},
        {"vip": "192.168.2.150", "ports": 53, "protocol": "udp"},
    ],
}


def test_a_real_server_gets_its_vips_by_method():
    tunnel = {"vip": "192.168.2.150", "port": 81, "method": "tun", "tunnel_type": "gre"}
    entries = served(WEB, tunnel, realservers=at(31))["rs31"]
    assert [entry["vip"] for entry in entries["dr"]] == [VIP]
    assert [(entry["vip"], entry["tunnel_type"]) for entry in entries["tun"]] == [
        ("192.168.2.150", "gre")
    ]
    assert entries["nat"] == entries["fullnat"] == []


def test_answers_of_a_nat_real_server_go_to_the_dip_of_their_family():
    dips = {"d23": {"ansible_host": "192.168.2.23", "lvs_address": ["192.168.2.23", "fd00::23"]}}
    servers = {"rs31": {"lvs_address": ["192.168.2.31", "fd00::31"]}}
    web6 = {"vip": "fd00::149", "port": 80, "protocol": "udp"}
    entries = served(
        {**WEB, "realserver_port": 8080},
        web6,
        directors=dips,
        realservers=servers,
        every={"lvs_method": "nat"},
    )["rs31"]["nat"]
    keys = ("address", "protocol", "port", "gateway")
    assert [tuple(entry[key] for key in keys) for entry in entries] == [
        ("192.168.2.31", "tcp", 8080, "192.168.2.23"),
        ("fd00::31", "udp", 80, "fd00::23"),
    ]


def test_only_hosts_of_the_inventory_are_real_servers():
    web = {**WEB, "destinations": [{"address": "192.168.2.40"}, {"name": "rs31", **ADDRESS_31}]}
    assert list(served({**web, "realservers": "lvs_realservers"}, realservers=at(32))) == ["rs32"]


def test_the_director_sets_the_mark_on_what_matches():
    cluster = cluster_with(SHOP)
    assert cluster.marks == [
        {"fwmark": 7, "vip": VIP, "protocol": "tcp", "ports": [80, 443]},
        {"fwmark": 7, "vip": "192.168.2.150", "protocol": "udp", "ports": [53]},
    ]
    assert cluster.vips == [VIP, "192.168.2.150"]
    keys = ("name", "vip", "protocol", "port")
    assert [tuple(frontend[key] for key in keys) for frontend in cluster.frontends] == [
        ("shop", VIP, "tcp", 80),
        ("shop", VIP, "tcp", 443),
        ("shop", "192.168.2.150", "udp", 53),
    ]
    (service,) = cluster.services
    assert "match" not in service


def test_the_real_servers_of_a_firewall_mark_hold_its_vips_and_answer_from_its_ports():
    entries = served(SHOP, realservers=at(31))["rs31"]["dr"]
    assert list(dict.fromkeys(entry["vip"] for entry in entries)) == [VIP, "192.168.2.150"]
    entries = served({**SHOP, "method": "nat"}, realservers=at(31))["rs31"]["nat"]
    assert [(d["protocol"], d["port"]) for d in entries] == [("tcp", 80), ("tcp", 443), ("udp", 53)]


def test_an_unmanaged_firewall_mark_has_a_return_path_but_no_vip():
    entries = served({"fwmark": 7, "method": "nat"}, realservers=at(31))["rs31"]["nat"]
    assert [(d["vip"], d["port"], d["gateway"]) for d in entries] == [("", 0, "192.168.2.23")]


# The rules, one by one.


def test_services_that_are_not_set_are_a_mistake():
    groups = {"lvs_directors": ["d23"]}
    assert resolve(None, groups, lambda _: {}) == Cluster(
        ["lvs_services is not set; list the cluster's services in it, for all hosts."],
    )


@pytest.mark.parametrize("services", ["web", 5, {"web": WEB}])
def test_services_that_are_not_a_list_are_refused(services):
    assert resolve(services, {"lvs_directors": ["d23"]}, lambda _: {}) == Cluster(
        ["lvs_services is not a list; write each service as an item that begins with -."],
    )


def test_a_service_that_is_not_a_mapping_is_refused():
    assert mistakes(WEB, "mail") == ["service 2: not a mapping of fields such as vip and port."]


def test_an_unknown_field_is_refused_with_a_suggestion():
    assert mistakes({**WEB, "sheduler": "rr", "realserver": "x", "colour": 1}) == messages(
        """
        - service web: there is no field 'sheduler' (did you mean scheduler?); correct or remove it.
        - service web: there is no field 'realserver' (did you mean realservers?); correct or remove
          it.
        - service web: there is no field 'colour' (there are name, vip, port, protocol, scheduler,
          method, realservers, realserver_port, check, persistence_timeout, fwmark, match and 29
          more; see docs/inventory.md); correct or remove it.
        """
    )


def test_the_models_own_mistakes_are_reported_with_the_services_name():
    assert mistakes({**WEB, "port": 0}, {"name": "b", "vip": "web.lan", "port": 1}) == messages(
        """
        - service web: port 0 means all ports and needs persistence; set a persistence_timeout or a
          port.
        - service b: vip is 'web.lan', which is not an IPv4 or IPv6 address.
        """
    )


def test_the_same_service_twice_is_refused():
    assert mistakes(WEB, {**WEB, "name": "www"}) == messages(
        f"""
        - service www: tcp {VIP}:80 is defined twice, first by service web; keep one of
          them.
        """
    )


def test_two_services_of_one_name_are_refused():
    assert mistakes(WEB, {**WEB, "port": 443}) == messages(
        """
        - service web: 2 services have this name; give each its own, since lvs_weights refers to it.
        """
    )


@pytest.mark.parametrize("name", [80, ["web"], "web\nmail", " web", True, 0, False, []])
def test_a_name_that_is_no_line_of_text_is_refused(name):
    [sentence] = mistakes({**WEB, "name": name})
    assert sentence.endswith(f": name is {name!r}; it must be a line of text, in quotes.")
    assert "\n" not in sentence


@pytest.mark.parametrize("vip", ["127.0.0.1", "127.9.9.9"])
def test_a_vip_that_no_client_can_reach_is_refused(vip):
    assert mistakes({**WEB, "vip": vip}) == messages(
        f"""
        - service web: vip is {vip}, which no client can reach; set the address that clients use.
        """
    )


def test_no_director_is_a_mistake():
    sentence = "there is no director; add the host that load-balances to the group lvs_directors."
    assert mistakes(directors={}) == [sentence]
    assert sentence in resolve([WEB], {}, lambda _: {}).mistakes


def test_an_unknown_group_is_reported_with_a_suggestion():
    assert mistakes({**WEB, "realservers": "tomcat"}, tomcats=at(31)) == messages(
        """
        - service web: there is no group 'tomcat' (did you mean tomcats?); add it to the inventory,
          or set realservers to another group.
        """
    )
    assert resolve([WEB], {"lvs_directors": ["d"]}, lambda _: {}).mistakes == messages(
        """
        - service web: there is no group 'lvs_realservers'; add it to the inventory, or set
          realservers to another group.
        """
    )


def test_a_group_without_hosts_is_reported():
    assert mistakes(realservers={}) == messages(
        """
        - service web: the group lvs_realservers has no hosts; add some, or set realservers to
          another group.
        """
    )


def test_realservers_must_be_one_group():
    assert mistakes({**WEB, "realservers": ["a", "b"]}) == messages(
        """
        - service web: realservers is ['a', 'b']; it must be the name of one group.
        """
    )


@pytest.mark.parametrize("nothing", [[], None, ""])
def test_an_empty_list_of_destinations_is_refused(nothing):
    assert mistakes({**WEB, "destinations": nothing}) == messages(
        """
        - service web: destinations is empty; list some, or remove it to use lvs_realservers.
        """
    )


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("tcp", "service web: check is not a mapping of fields."),
        ({"type": "tpc"}, "service web, check: type is 'tpc'; it must be one of"),
        ({"type": "tcp", "retires": 3}, "service web, check tcp: there is no field 'retires'"),
    ],
)
def test_an_invalid_check_is_refused_with_all_other_mistakes(check, sentence):
    found = mistakes({**WEB, "check": check, "method": "drr"})
    assert len(found) == 2
    assert found[0].startswith("service web: method is 'drr'")
    assert found[1].startswith(sentence)


def test_an_unknown_method_is_refused_wherever_it_stands():
    sentence = "'drr' (did you mean dr?); it must be one of dr, tun, nat, fullnat."
    assert mistakes({**WEB, "method": "drr"}) == [f"service web: method is {sentence}"]
    assert mistakes(every={"lvs_method": "drr"}) == messages(
        f"""
        - hosts d23, rs31 and rs32: lvs_method is {sentence}
        """
    )


def test_hosts_that_differ_in_the_clusters_method_are_listed():
    servers = {**at(31), **at(32, lvs_method="nat")}
    assert mistakes(directors=PAIR, realservers=servers, every={"lvs_method": "dr"}) == messages(
        """
        - lvs_method differs within the cluster (dr on d23, d24 and rs31; nat on rs32); set the same
          value for all hosts, and method in a service that differs.
        """
    )


def test_hosts_that_differ_in_the_clusters_network_are_listed():
    servers = {**at(31), **at(32, lvs_network=["192.168.2.0/25", "2001:db8::/64"])}
    assert mistakes(realservers=servers, every={"lvs_network": "192.168.2.0/24"}) == messages(
        """
        - lvs_network differs within the cluster (192.168.2.0/24 on d23 and rs31; 192.168.2.0/25 and
          2001:db8::/64 on rs32); set the same value for all hosts.
        """
    )


@pytest.mark.parametrize("network", ["192.168.2.0", "lan/24", 24, {"lan": 1}, [None]])
def test_an_invalid_network_is_refused(network):
    assert mistakes(realservers=at(31, lvs_network=network)) == messages(
        f"""
        - host rs31: lvs_network is {network!r}; it must be a network such as 192.168.2.0/24,
          or a list of them.
        """
    )


@pytest.mark.parametrize("method", ["dr", "nat"])
def test_an_address_outside_the_network_is_refused_with_one_link_or_one_network(method):
    every = {"lvs_method": method, "lvs_network": "192.168.2.0/24"}
    servers = {**at(31), "rs32": {"ansible_host": "192.168.3.32"}}
    rest = (
        f"is outside lvs_network (192.168.2.0/24), but method {method} needs director and real"
        " servers in one network; set lvs_address to its address there."
    )
    assert mistakes(realservers=servers, every=every) == messages(
        f"""
        - service web: host rs32: its address 192.168.3.32 {rest}
        """
    )
    directors = {"d23": {"ansible_host": "192.168.3.23"}}
    assert mistakes(directors=directors, every=every) == messages(
        f"""
        - service web: host d23: its address 192.168.3.23 {rest}
        """
    )


@pytest.mark.parametrize("method", ["tun", "fullnat"])
def test_an_address_outside_the_network_is_fine_where_routers_may_be_between(method):
    every = {"lvs_method": method, "lvs_network": "192.168.2.0/24"}
    assert rips(realservers={"rs": {"ansible_host": "10.9.9.9"}}, every=every) == ["10.9.9.9"]


def test_networks_of_both_families_can_be_stated():
    every = {"lvs_network": ["192.168.2.0/24", "2001:db8::/64"]}
    six = {**WEB, "name": "six", "vip": "2001:db8::9"}
    d23 = {"d23": {"lvs_address": ["192.168.2.23", "2001:db8::23"]}}
    both = at(31, lvs_address=["10.0.0.31", "192.168.2.31", "2001:db8:1::31"])
    assert mistakes(WEB, six, directors=d23, realservers=both, every=every) == messages(
        """
        - service six: host rs31: its address 2001:db8:1::31 is outside lvs_network (2001:db8::/64),
          but method dr needs director and real servers in one network; set lvs_address to its
          address there.
        """
    )


def test_an_ipv4_network_is_none_for_ipv6():
    servers = at(31, lvs_address="2001:db8::31")
    web = {**WEB, "vip": "2001:db8::9"}
    assert rips(web, realservers=servers, every={"lvs_network": "192.168.2.0/24"}) == messages(
        """
        - 2001:db8::31
        """
    )


@pytest.mark.parametrize("method", ["dr", "tun"])
def test_port_mapping_is_refused_where_packets_arrive_unchanged(method):
    web = {**WEB, "method": method}
    assert mistakes({**web, "realserver_port": 8080}) == messages(
        f"""
        - service web: realserver_port is 8080, but with method {method} packets arrive as they were
          sent, at the service's port; remove it, or use method nat.
        """
    )
    assert rips({**web, "realserver_port": 80}) == ["192.168.2.31", "192.168.2.32"]
    outright = {**web, "destinations": [{"address": "10.0.0.1", "port": 8080}]}
    assert mistakes(outright)[0].startswith("service web: destination 10.0.0.1: port is 8080")


def test_a_realserver_port_out_of_bounds_is_refused():
    assert mistakes({**WEB, "method": "nat", "realserver_port": 0}) == messages(
        """
        - service web: realserver_port is 0; it must be a whole number from 1 to 65535.
        """
    )


def test_a_wrong_shared_field_is_reported_once():
    assert mistakes({**WEB, "lower_threshold": 5, "tunnel_type": "gue"}) == messages(
        """
        - service web: destination in lvs_realservers: lower_threshold 5 is above upper_threshold 0;
          it must be at most that.
        - service web: destination in lvs_realservers: tunnel_type goes with method tun, and the
          method is dr.
        """
    )


def test_a_wrong_field_of_a_listed_destination_is_reported_with_its_name():
    outright = {**WEB, "lower_threshold": 5, "destinations": [{"address": "10.0.0.1"}]}
    assert mistakes(outright) == messages(
        """
        - service web: destination 10.0.0.1: lower_threshold 5 is above upper_threshold 0; it
          must be at most that.
        """
    )


def test_a_service_whose_family_is_not_known_asks_for_no_addresses():
    director = {"d": {"ansible_host": "d.lan"}}
    hosts = {"directors": director, "realservers": {"rs31": {}}, "every": {"lvs_method": "nat"}}
    assert mistakes({**WEB, "vip": "web.lan"}, **hosts) == [
        "service web: vip is 'web.lan', which is not an IPv4 or IPv6 address."
    ]


def test_two_hosts_with_one_address_are_refused_even_if_one_is_the_director():
    assert mistakes(realservers={**at(31), "rs23": {"ansible_host": "192.168.2.23"}}) == messages(
        """
        - hosts rs23 and d23: they have the same address, 192.168.2.23; give each its own
          lvs_address, or keep one name for one machine.
        """
    )


def test_two_hosts_of_different_pools_with_one_address_are_refused():
    other = {"name": "other", "vip": VIP, "port": 81, "realservers": "others"}
    twin = {"twin": {"ansible_host": "192.168.2.31"}}
    assert mistakes(WEB, other, others=twin)[0].startswith(
        "hosts rs31 and twin: they have the same address"
    )


def test_a_vip_that_is_a_real_servers_or_directors_own_address_is_refused():
    rest = (
        f"{VIP} is the VIP, but also this machine's own address; choose a VIP that no host has,"
        " or correct lvs_address or ansible_host."
    )
    assert mistakes(realservers=at(31, 149)) == [f"service web: host rs149: {rest}"]
    director = {"d": {"ansible_host": VIP, "lvs_address": "192.168.2.23"}}
    assert mistakes(directors=director) == [f"service web: host d: {rest}"]
    hidden = at(149, lvs_address="192.168.2.31")
    assert mistakes(realservers=hidden) == [f"service web: host rs149: {rest}"]
    assert mistakes({**WEB, "method": "nat"}, realservers=hidden) == [
        f"service web: host rs149: {rest}"
    ]
    nat = {"d": {"lvs_address": VIP, "lvs_method": "nat"}}
    assert mistakes(directors=nat, realservers={**at(31), "d": {}}) == messages(
        f"""
        - service web: host d: {rest}
        """
    )


def test_a_vip_that_is_a_real_servers_address_in_another_service_is_refused():
    other = {"name": "other", "vip": "192.168.2.31", "port": 80, "realservers": "others"}
    assert mistakes(WEB, other, others=at(40)) == messages(
        """
        - service other: host rs31: 192.168.2.31 is the VIP, but also this machine's own address;
          choose a VIP that no host has, or correct lvs_address or ansible_host.
        """
    )


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (VIP, "that is the VIP; give the real server's own address"),
        (
            "192.168.2.32",
            "it is already in the pool, as rs32 of the group lvs_realservers; remove one of them",
        ),
    ],
)
@pytest.mark.parametrize("name", ["old", None])
def test_a_destination_listed_outright_with_a_wrong_address_is_refused(name, address, sentence):
    outright = [{"name": name, "address": address}, {"address": "10.0.0.1"}]
    assert mistakes({**WEB, "realservers": "lvs_realservers", "destinations": outright}) == [
        f"service web: destination {name or address}: its address is {address}; {sentence}."
    ]


def test_a_destination_listed_outright_with_the_name_of_a_host_must_be_that_host():
    destinations = [{"name": "rs31", "address": "192.168.2.31"}]
    assert rips({**WEB, "destinations": destinations}) == ["192.168.2.31"]
    destinations[0]["address"] = "192.168.2.30"
    assert mistakes({**WEB, "destinations": destinations}) == messages(
        """
        - service web: destination rs31: its address is 192.168.2.30; in the inventory it is
          192.168.2.31; correct the address or the name.
        """
    )


def test_one_machine_may_serve_at_several_ports_behind_nat():
    web = {**WEB, "method": "nat", "realservers": "lvs_realservers"}
    again = {"address": "192.168.2.31", "name": "again"}
    assert [d[:3] for d in pool({**web, "destinations": [{**again, "port": 81}]})] == [
        ("rs31", "192.168.2.31", 80),
        ("again", "192.168.2.31", 81),
        ("rs32", "192.168.2.32", 80),
    ]
    assert "already in the pool" in mistakes({**web, "destinations": [again]})[0]


@pytest.mark.parametrize("destinations", ["10.0.0.1", {"address": "10.0.0.1"}, 5])
@pytest.mark.parametrize("more", [{}, {"realservers": "lvs_realservers"}])
def test_destinations_that_are_no_list_are_refused(destinations, more):
    assert mistakes({**WEB, **more, "destinations": destinations}) == [
        "service web: destinations is not a list."
    ]


def test_a_destination_without_an_address_is_refused():
    assert mistakes({**WEB, "destinations": [{"name": "d23"}, 5]}) == messages(
        """
        - service web: destination d23: it has no address.
        - service web: destination 2 is not a mapping of fields.
        """
    )


@pytest.mark.parametrize("method", ["dr", "tun"])
@pytest.mark.parametrize(
    ("gateway", "whose"), [("192.168.2.24", "the DIP of d24"), (VIP, "a VIP"), ("10.1.1.1", "")]
)
def test_a_gateway_that_is_the_director_is_refused_where_answers_go_past_it(method, gateway, whose):
    every = {"lvs_method": method}
    inventory = {
        "directors": {
            "d23": {"ansible_host": "192.168.2.23"},
            "d24": {"lvs_address": "192.168.2.24"},
        },
        "realservers": at(31, lvs_gateway=gateway),
        "every": every,
    }
    if not whose:
        assert rips(**inventory) == ["192.168.2.31"]
        return
    assert mistakes(**inventory) == messages(
        f"""
        - service web: host rs31: lvs_gateway is {gateway}, {whose}, but with method {method}
          answers bypass the director; set it to the router's address.
        """
    )


def test_a_gateway_that_is_another_address_of_the_director_is_refused():
    director = {"d": {"ansible_host": "192.168.2.23", "lvs_address": "192.168.2.24"}}
    servers = at(31, lvs_gateway="192.168.2.23")
    assert "192.168.2.23, the DIP of d, but" in mistakes(directors=director, realservers=servers)[0]
    every = {"lvs_method": "nat"}
    assert mistakes(directors=director, realservers=servers, every=every)[0].endswith(
        "set 192.168.2.24, the DIP of d."
    )


def test_a_gateway_that_is_the_dip_known_from_facts_is_refused():
    director = facts(eth0={"ipv4": {"address": "192.168.2.23", "prefix": "24"}})
    servers = at(31, lvs_gateway=["192.168.2.1", "192.168.2.23"])
    assert (
        "192.168.2.23, the DIP of d" in mistakes(directors={"d": director}, realservers=servers)[0]
    )


def test_a_gateway_that_is_not_the_dip_is_refused_with_nat_and_its_one_director():
    servers = at(31, lvs_gateway="192.168.2.1")
    every = {"lvs_method": "nat"}
    assert mistakes(realservers=servers, every=every) == messages(
        """
        - service web: host rs31: lvs_gateway is 192.168.2.1, but with method nat answers go back
          through the director; set 192.168.2.23, the DIP of d23.
        """
    )
    assert rips(realservers=servers, every={"lvs_method": "fullnat"}) == ["192.168.2.31"]


def test_a_nat_director_without_a_known_address_is_reported():
    directors = {"d23": {"ansible_host": "d23.lan"}}
    assert rips(directors=directors) == ["192.168.2.31", "192.168.2.32"]
    gateways = at(31, lvs_gateway="192.168.2.1")
    assert mistakes(
        directors=directors, realservers=gateways, every={"lvs_method": "nat"}
    ) == messages(
        """
        - service web: host d23: no IPv4 address is known; set lvs_address to the one between
          director and real servers.
        """
    )


@pytest.mark.parametrize("weight", [-1, 65536, "many", 1.5, True])
def test_a_weight_out_of_bounds_is_refused(weight):
    rest = f"is {weight!r}; it must be a whole number from 0 to 65535."
    assert mistakes(realservers=at(31, lvs_weight=weight)) == [f"host rs31: lvs_weight {rest}"]
    assert mistakes(realservers=at(31, lvs_weights={"web": weight})) == messages(
        f"""
        - host rs31: lvs_weights[web] {rest}
        """
    )


def test_weights_of_a_service_that_is_not_there_are_refused():
    assert mistakes(realservers=at(31, lvs_weights={"webb": 3, "sip": 1})) == messages(
        """
        - host rs31: lvs_weights has a service 'sip' that is not in lvs_services; correct or
          remove it.
        - host rs31: lvs_weights has a service 'webb' that is not in lvs_services (did you mean
          web?); correct or remove it.
        """
    )


def test_weights_that_are_no_mapping_are_refused():
    assert mistakes(realservers=at(31, lvs_weights=[3])) == messages(
        """
        - host rs31: lvs_weights is [3]; it must be a mapping such as {web: 3}.
        """
    )


def test_drained_must_be_true_or_false():
    assert mistakes(realservers=at(31, lvs_drained="maybe")) == messages(
        """
        - host rs31: lvs_drained is 'maybe'; it must be true or false.
        """
    )


@pytest.mark.parametrize("value", ["half", -1, "101%", True, [1], "1.5"])
def test_lvs_min_available_is_a_count_or_a_percentage(value):
    [sentence] = mistakes(every={"lvs_min_available": value})
    what = "it must be a count such as 2, or a percentage such as 50%."
    assert sentence.endswith(f"lvs_min_available is {value!r}; {what}")
    assert cluster_with(every={"lvs_min_available": "50%"}).min_available == "50%"
    assert cluster_with(every={"lvs_min_available": 0}).min_available == "0"
    assert cluster_with().min_available == "1"


def test_a_pool_of_weight_zero_is_refused_unless_all_of_it_is_drained():
    servers = {**at(31, lvs_weight=0), **at(32, lvs_drained=True)}
    assert mistakes(realservers=servers) == messages(
        """
        - service web: every destination has weight 0, so no client is served; raise lvs_weight of
          rs31, or set lvs_drained: true to take hosts out on purpose.
        """
    )
    assert rips(realservers=at(31, 32, lvs_drained=True)) == ["192.168.2.31", "192.168.2.32"]
    assert rips({**WEB, "destinations": [{"address": "10.0.0.1", "weight": 0}]}) == ["10.0.0.1"]
    spare = {**WEB, "realservers": "lvs_realservers", "destinations": [{"address": "10.0.0.1"}]}
    assert len(rips(spare, realservers=servers)) == 3


def test_an_unknown_variable_is_refused_with_a_suggestion():
    rest = "correct or remove it, since names that begin with lvs_ are reserved for lvs.cluster."
    assert mistakes(realservers=at(31, 32, lvs_wieght=3, lvs_colour="red")) == messages(
        f"""
        - hosts rs31 and rs32: there is no variable 'lvs_wieght' (did you mean lvs_weight?); {rest}
        - hosts rs31 and rs32: there is no variable 'lvs_colour' (there are lvs_services,
          lvs_method, lvs_network, lvs_mtu, lvs_ha, lvs_host_basics, lvs_min_available, lvs_address,
          lvs_interface, lvs_gateway, lvs_weight, lvs_weights and 11 more; see docs/inventory.md);
          {rest}
        """
    )


def test_a_director_that_forwards_answers_only_has_to_know_the_vips():
    every = {"lvs_forward": "balanced"}
    marked = {"name": "web", "fwmark": 7, "method": "nat"}
    assert mistakes(marked, every=every) == messages(
        """
        - service web: host d23: lvs_forward is balanced, which requires known VIPs, but a fwmark
          without match has none; list them in match, or set lvs_forward: all.
        """
    )
    match = [{"vip": "192.168.2.149", "protocol": "tcp", "ports": [80]}]
    assert rips({**marked, "match": match}, every=every)
    assert rips({**marked, "method": "dr"}, every=every)
    outright = {"address": "192.168.2.33", "method": ["nat"]}  # a method of a wrong type
    [*_, sentence] = mistakes({**marked, "match": match, "destinations": [outright]}, every=every)
    assert "method" in sentence
    assert mistakes(every={"lvs_forward": "some"}) == messages(
        """
        - hosts d23, rs31 and rs32: lvs_forward is 'some'; it must be one of all, balanced.
        """
    )


def test_every_variable_of_the_collection_is_accepted():
    values = {
        "lvs_services": Unreadable("it is not needed here"),
        "lvs_method": "dr",
        "lvs_network": "192.168.2.0/24",
        "lvs_address": "192.168.2.31",
        "lvs_interface": "eth0.100",
        "lvs_gateway": "192.168.2.1",
        "lvs_mtu": 1500,
        "lvs_host_basics": True,
        "lvs_min_available": "50%",
        "lvs_weight": 1,
        "lvs_weights": {"web": 1},
        "lvs_drained": False,
        "lvs_nat_route": "policy",
        "lvs_forward": "all",
        "lvs_tunnel_sources": "any",
        "lvs_priority": 100,
        "lvs_virtual_router_id": 51,
        "lvs_auth_pass": "secret78",
        "lvs_advert_int": 1,
        "lvs_keepalived": {"globals": {"router_id": "d23"}},
        "lvs_ha": "none",
        "lvs_bgp": {"as": 65010},
        "lvs_bgp_neighbors": [{"address": "10.99.1.1", "as": 65000}],
    }
    assert set(values) == VARIABLES
    assert rips(realservers={"rs31": values}) == ["192.168.2.31"]
    nothing = dict.fromkeys(VARIABLES - {"lvs_services"})
    assert rips(realservers=at(31, **nothing)) == ["192.168.2.31"]


@pytest.mark.parametrize("interface", [0, ["eth0"], "", "eth0 eth1", "a/b", "sixteen-letters-"])
def test_an_interface_that_is_no_name_is_refused(interface):
    assert mistakes(realservers=at(31, lvs_interface=interface)) == messages(
        f"""
        - host rs31: lvs_interface is {interface!r}; it must be the name of one interface, such as
          eth0.
        """
    )


def directors(**variables):
    """Return two directors, of each variable the first and second value."""
    return {
        name: {**host, **{v: pair[i] for v, pair in variables.items() if pair[i] is not None}}
        for i, (name, host) in enumerate(PAIR.items())
    }


REMEDY = "give each director its own, the highest to the preferred master."


def test_two_directors_of_equal_priority_are_refused():
    assert mistakes(directors=directors(lvs_priority=(100, 100))) == messages(
        f"""
        - hosts d23 and d24: they have the same lvs_priority, 100; {REMEDY}
        """
    )


def test_a_director_without_priority_beside_one_that_has_it_is_refused():
    assert mistakes(directors=directors(lvs_priority=(150, None))) == messages(
        f"""
        - host d24: no lvs_priority, though other directors have one; {REMEDY}
        """
    )
    assert len(rips(directors=directors(lvs_priority=(None, None)))) == 2


@pytest.mark.parametrize(
    ("variable", "value", "top"),
    [("lvs_priority", 255, 254), ("lvs_priority", 0, 254), ("lvs_virtual_router_id", 256, 255)],
)
def test_numbers_that_vrrp_does_not_have_are_refused(variable, value, top):
    assert mistakes(realservers=at(31, **{variable: value})) == messages(
        f"""
        - host rs31: {variable} is {value}; it must be a whole number from 1 to {top}.
        """
    )


@pytest.mark.parametrize(
    ("variable", "pair"),
    [
        ("lvs_virtual_router_id", (51, 52)),
        ("lvs_auth_pass", ("1111", "2222")),
        ("lvs_auth_pass", ("1111", None)),
    ],
)
def test_shared_settings_of_directors_are_compared_and_secrets_hidden(variable, pair):
    assert mistakes(directors=directors(**{variable: pair})) == messages(
        f"""
        - hosts d23 and d24: {variable} differs between directors; set the same value for all.
        """
    )


def test_a_password_that_would_be_cut_is_refused_and_hidden():
    assert mistakes(every={"lvs_auth_pass": "ninechars"}) == messages(
        """
        - hosts d23, rs31 and rs32: lvs_auth_pass is longer than the 8 characters that VRRP takes;
          shorten it.
        """
    )


def test_a_failed_template_is_reported_with_its_place_and_hides_no_other_mistake():
    undefined = Unreadable("'lan' is undefined")
    assert mistakes(
        {**WEB, "destinations": [{"address": undefined}]},
        {"name": "b", "vip": undefined, "port": 80, "scheduler": "rr"},
        {"name": "c", "vip": VIP, "port": 81},
        {"name": "d", "vip": VIP, "port": 82, "realservers": undefined},
        realservers=at(31, lvs_weights={"c": undefined}, lvs_drained="?"),
    ) == messages(
        """
        - service web: destinations can't be evaluated: 'lan' is undefined; correct its template.
        - service b: vip can't be evaluated: 'lan' is undefined; correct its template.
        - service d: realservers can't be evaluated: 'lan' is undefined; correct its template.
        - host rs31: lvs_weights can't be evaluated: 'lan' is undefined; correct its template.
        - host rs31: lvs_drained is '?'; it must be true or false.
        """
    )


def test_a_group_whose_template_failed_is_not_taken_for_the_usual_one():
    undefined = Unreadable("'pool' is undefined")
    assert mistakes({**WEB, "realservers": undefined}, realservers={}) == [
        "service web: realservers can't be evaluated: 'pool' is undefined; correct its template."
    ]


# Whatever is written.


@st.composite
def inventories(draw):
    """Return services and an inventory that has no mistake."""
    every = {"lvs_method": draw(st.sampled_from(["dr", "tun", "fullnat"]))}
    lasts = draw(st.lists(st.integers(1, 99), min_size=2, max_size=8, unique=True))
    hosts = {
        f"rs{last}": {
            "lvs_address": [f"10.0.0.{last}", f"2001:db8::{last:x}"],
            "lvs_weight": draw(st.integers(1, 65535)),
            "lvs_drained": draw(st.booleans()),
        }
        for last in lasts[1:]
    }
    one = {"d": {"lvs_address": [f"10.0.0.{lasts[0]}", f"2001:db8::{lasts[0]:x}"]}}
    if draw(st.booleans()):
        hosts["d"] = {}
    keys = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["10.0.0.200", "2001:db8::200"]),
                st.integers(1, 65535),
                st.sampled_from(["tcp", "udp", "sctp"]),
            ),
            max_size=4,
            unique=True,
        )
    )
    services = [
        {
            "name": f"s{number}",
            "vip": vip,
            "port": port,
            "protocol": protocol,
            "scheduler": draw(st.sampled_from(["wrr", "mh", "wlc"])),
            "realservers": draw(st.sampled_from(["lvs_realservers", "others"])),
            "upper_threshold": draw(st.integers(0, 9)),
        }
        for number, (vip, port, protocol) in enumerate(keys)
    ]
    for service in services:
        hosts[draw(st.sampled_from(sorted(hosts)))].setdefault("lvs_weights", {})[
            service["name"]
        ] = draw(st.integers(1, 9))
    some = draw(st.sets(st.sampled_from(sorted(hosts)), min_size=1))
    others = {name: {} for name in sorted(some)}
    return services, {"directors": one, "realservers": hosts, "others": others, "every": every}


@given(inventories(), st.randoms(use_true_random=False))
def test_a_resolved_cluster_is_valid_and_independent_of_order(described, shuffle: random.Random):
    services, inventory = described
    if not services:
        return
    resolved = found(*services, **inventory)
    assert parse_services(resolved)[1] == []
    for group in ("realservers", "others"):
        hosts = list(inventory[group].items())
        shuffle.shuffle(hosts)
        inventory[group] = dict(hosts)
    again = sorted(services, key=lambda _: shuffle.random())
    assert sorted(found(*again, **inventory), key=lambda s: s["name"]) == resolved
    for service, result in zip(services, resolved, strict=True):
        group = "others" if service["realservers"] == "others" else "realservers"
        assert {d["name"] for d in result["destinations"]} == set(inventory[group])


junk = st.recursive(
    st.sampled_from([None, True, 0, -1, 80, 1.5, "", "x", VIP, "192.168.2.31", "::", "dr", "wrr"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["name", "address", "type", "web", 5]), inner, max_size=2),
    ),
    max_leaves=4,
)
FIELDS = [
    *("name", "vip", "port", "protocol", "fwmark", "family", "scheduler"),
    *("persistence_timeout", "persistence_mask", "persistence_engine", "one_packet", "method"),
    *(
        "scheduler_flags",
        "destinations",
        "realservers",
        "realserver_port",
        "match",
        "fwmark",
        "check",
        "tunnel_type",
        "lower_threshold",
        "master",
    ),
]


@given(
    st.dictionaries(st.sampled_from(FIELDS), junk, max_size=3),
    st.dictionaries(st.sampled_from(sorted(VARIABLES | {"ansible_host"})), junk, max_size=3),
)
def test_any_inventory_is_either_resolved_or_refused(fields, variables):
    cluster = cluster_with({**WEB, **fields}, realservers={**at(31, **variables), **at(32)})
    assert bool(cluster.services) != bool(cluster.mistakes)
    assert all(line.endswith(".") and "\n" not in line for line in cluster.mistakes)
    methods = {d["method"] for service in cluster.services for d in service["destinations"]}
    assert methods <= set(WRITTEN_METHODS)


# Matches of firewall marks; tunnels; the return path.


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ("web", "not a mapping of vip, protocol and ports."),
        (
            {"vip": "fd00::1", "ports": [80]},
            (
                "vip is 'fd00::1'; it must be an address that clients can reach, IPv4 as the"
                " service is."
            ),
        ),
        ({"vip": VIP}, "ports is None; it must be a list of ports, 1 to 65535."),
        ({"vip": VIP, "ports": [0]}, "ports is [0]; it must be a list of ports, 1 to 65535."),
        (
            {"vip": VIP, "ports": 80, "protocol": "tpc"},
            "protocol is 'tpc'; it must be one of tcp, udp, sctp.",
        ),
        ({"vip": VIP, "ports": 80, "port": 80}, "there is no field 'port' (did you mean ports?)."),
    ],
)
def test_a_mistake_in_a_match_is_reported_with_its_place(item, sentence):
    assert mistakes({**SHOP, "match": [item]}) == [f"service shop: match 1: {sentence}"]


def test_a_frontend_is_in_a_match_once():
    match = [{"vip": VIP, "ports": [80, "80", 443]}, {"vip": VIP, "ports": 443, "protocol": "udp"}]
    assert mistakes({**SHOP, "match": match}) == messages(
        f"""
        - service shop: match has tcp {VIP}:80 more than once; keep one of them.
        """
    )


def test_only_a_service_with_a_fwmark_has_a_match():
    assert mistakes({**WEB, "match": SHOP["match"]}) == messages(
        """
        - service web: match is set, but fwmark is not; set fwmark, or remove match.
        """
    )
    assert mistakes({**SHOP, "match": {}}) == messages(
        """
        - service shop: match is {}; it must be a list of vip, protocol and ports.
        """
    )


def test_a_matched_frontend_belongs_to_no_other_service():
    assert mistakes(SHOP, WEB) == messages(
        f"""
        - services shop and web: tcp {VIP}:80 belongs to each of them, and packets with a firewall
          mark reach no other service; keep it in one of them.
        """
    )


def test_a_matched_vip_is_no_host_s_own_address():
    assert mistakes(SHOP, realservers={**at(31), "rs149": {"ansible_host": VIP}}) == messages(
        f"""
        - service shop: host rs149: {VIP} is the VIP, but also this machine's own address; choose a
          VIP that no host has, or correct lvs_address or ansible_host.
        """
    )


def sources(directors=D23, **rs31):
    """Return from where the only real server, of method tun, takes tunnels."""
    rs31 = {"ansible_host": "192.168.2.31", **rs31}
    every = {"lvs_method": "tun"}
    cluster = cluster_with(directors=directors, realservers={"rs31": rs31}, every=every)
    assert cluster.mistakes == []
    [entry] = cluster.real_servers["rs31"]["tun"]
    assert cluster.tunnel_sources == {"192.168.2.31": entry["sources"]}
    return entry["sources"]


def test_a_real_server_takes_tunnels_from_every_address_of_every_director():
    assert sources() == ["192.168.2.23"]
    assert sources(PAIR) == ["192.168.2.23", "192.168.2.24"]
    both = {"d23": {"lvs_address": ["192.168.2.23", "fd00::23"], "ansible_host": "10.9.9.23"}}
    assert sources(both) == ["10.9.9.23", "192.168.2.23", "fd00::23"]
    assert "sources" not in served()["rs31"]["dr"][0]


def test_facts_give_the_address_of_a_director_that_the_inventory_does_not():
    facts = {"interfaces": ["eth0"], "eth0": {"ipv4": {"address": "10.1.0.23", "prefix": "24"}}}
    assert sources({"d23": {"ansible_facts": facts}}) == ["10.1.0.23"]


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        ("10.1.0.7", ["10.1.0.7", "192.168.2.23"]),
        (["192.168.2.0/24", "192.168.2.9"], ["192.168.2.0/24"]),
        (["fd00::/64"], ["192.168.2.23", "fd00::/64"]),
        ("any", ["0.0.0.0/0", "::/0"]),
    ],
)
def test_further_sources_of_tunnels(listed, wanted):
    assert sources(lvs_tunnel_sources=listed) == wanted


@pytest.mark.parametrize("listed", [["10.1.0.7/24"], ["any", "10.1.0.7"], "anybody", [True]])
def test_sources_of_tunnels_are_addresses_and_networks_or_any(listed):
    [sentence] = mistakes(
        every={"lvs_method": "tun"}, realservers=at(31, lvs_tunnel_sources=listed)
    )
    assert sentence == (
        f"host rs31: lvs_tunnel_sources is {listed!r}; it must be a list of addresses and networks,"
        " such as 192.168.2.23 or 10.1.0.0/24, or any."
    )


def test_unknown_director_addresses_are_not_tunnel_sources():
    """Preflight reports it, since it sees with what address the director sends."""
    unknown = {"d23": {"ansible_host": "d23.example.org"}}
    assert sources(unknown) == []
    assert sources(unknown, lvs_tunnel_sources=["10.1.0.7"]) == ["10.1.0.7"]


def test_an_mtu_that_leaves_ipv6_too_little_inside_a_tunnel_is_refused():
    web = {"name": "web", "vip": "fd00::149", "port": 80, "method": "tun"}
    assert mistakes(web, every={"lvs_mtu": 1300}) == messages(
        """
        - service web: hosts rs31 and rs32: lvs_mtu is 1300, but IPv6 needs 1280 bytes inside the
          tunnel; raise the MTU between director and real servers to 1340 or more.
        """
    )
    assert rips({**WEB, "method": "tun"}, every={"lvs_mtu": 1300})


def test_a_default_route_through_the_director_is_refused_where_answers_go_past_it():
    every = {"lvs_nat_route": "default"}
    assert mistakes({**WEB, "method": "dr"}, realservers=at(31), every=every) == messages(
        """
        - service web: host rs31: lvs_nat_route is default, which sends all answers through the
          director, but with method dr they go past it; set lvs_nat_route: policy.
        """
    )
    assert rips({**WEB, "method": "nat"}, every=every)
