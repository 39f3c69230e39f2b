# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading virtual services from plain data: what is normal, what is refused with which words."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _model, _model_parser
from ansible_collections.lvs.cluster.tests.unit import strategies
from hypothesis import given

WEB = {"name": "web", "vip": "192.168.2.149", "port": 80}


def parse_one(**fields):
    """Return the only service of a description that has no mistake."""
    services, mistakes = _model_parser.parse_services([{**WEB, **fields}])
    assert mistakes == []
    return services[0]


def mistakes_of(**fields):
    """Return the sentences about one service."""
    return _model_parser.parse_services([{**WEB, **fields}])[1]


@given(strategies.services())
def test_a_service_round_trips_through_plain_data(service):
    assert _model_parser.parse_services([service.to_dict()]) == ([service], [])


def test_defaults_are_those_of_ipvsadm():
    service = parse_one(destinations=[{"address": "192.168.2.31"}])
    assert service.key == _model.ServiceKey("ipv4", "tcp", "192.168.2.149", 80)
    assert service.scheduler == "wlc"
    assert service.destinations == (_model.Destination("192.168.2.31", 80, "dr", 1),)


def test_weight_zero_stays_zero():
    assert (
        parse_one(destinations=[{"address": "10.0.0.1", "weight": 0}]).destinations[0].weight == 0
    )


def test_numbers_may_be_text_as_templates_give_them():
    service = parse_one(port="80", destinations=[{"address": "10.0.0.1", "weight": "7"}])
    assert (service.key.port, service.destinations[0].weight) == (80, 7)


def test_null_means_not_given():
    assert parse_one(scheduler=None, fwmark=None, destinations=None) == parse_one()


def test_addresses_have_one_spelling():
    service = parse_one(vip="2001:DB8:0::0:1", destinations=[{"address": "2001:db8::0a"}])
    assert service.key.vip == "2001:db8::1"
    assert service.destinations[0].address == "2001:db8::a"


def test_a_pool_is_sorted_by_number_not_by_text():
    pool = [{"address": a} for a in ("10.0.0.10", "10.0.0.9", "10.0.0.100")]
    addresses = [d.address for d in parse_one(destinations=pool).destinations]
    assert addresses == ["10.0.0.9", "10.0.0.10", "10.0.0.100"]


@pytest.mark.parametrize(
    ("mask", "length"),
    [("255.255.255.0", 24), (24, 24), ("24", 24), ("255.0.255.0", "255.0.255.0")],
)
def test_a_mask_is_a_prefix_length_or_a_netmask(mask, length):
    assert parse_one(persistence_timeout=50, persistence_mask=mask).persistence_mask == length


def test_plain_flags_are_the_named_flags_of_sh_and_mh():
    assert parse_one(scheduler="mh", scheduler_flags=["flag-2"]).scheduler_flags == ("mh-port",)
    assert parse_one(scheduler="rr", scheduler_flags="flag-2").scheduler_flags == ("flag-2",)


def test_a_firewall_mark_stands_for_vip_and_port():
    services, mistakes = _model_parser.parse_services([{"fwmark": 7, "family": "ipv6"}])
    assert mistakes == []
    assert services[0].key == _model.ServiceKey("ipv6", fwmark=7)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"vip": None}, "neither a vip nor a fwmark"),
        ({"vip": "192.168.2.300"}, "not an IPv4 or IPv6 address"),
        ({"vip": "192.168.002.1"}, "not an IPv4 or IPv6 address"),
        ({"vip": "224.0.0.18"}, "which no host can have"),
        ({"vip": "127.255.255.255"}, "which no host can have"),
        ({"port": None}, "has no port"),
        ({"port": 70000}, "whole number from 0 to 65535"),
        ({"port": True}, "whole number from 0 to 65535"),
        ({"port": 0}, "needs persistence"),
        ({"protocol": "icmp"}, "one of tcp, udp, sctp"),
        ({"family": "ipv6"}, "the VIP 192.168.2.149 is ipv4"),
        ({"fwmark": 7}, "remove vip or fwmark"),
        ({"scheduler": "wr"}, "did you mean wrr?"),
        ({"schedular": "wrr"}, "no field 'schedular' (did you mean scheduler?)"),
        ({"scheduler": "rr", "scheduler_flags": ["sh-port"]}, "scheduler rr has no flag 'sh-port'"),
        ({"scheduler_flags": True}, "must be a list"),
        ({"persistence_mask": 24}, "needs a persistence_timeout"),
        ({"persistence_timeout": 5, "persistence_mask": 33}, "a prefix length up to 32"),
        ({"persistence_engine": "sip"}, "needs a persistence_timeout"),
        ({"one_packet": True}, "one_packet is for udp"),
        ({"one_packet": "perhaps"}, "true or false"),
        ({"destinations": "10.0.0.1"}, "destinations is not a list"),
        ({"destinations": ["10.0.0.1"]}, "destination 1 is not a mapping"),
    ],
)
def test_a_mistake_in_a_service_gets_a_sentence_with_its_place(fields, words):
    sentences = mistakes_of(**fields)
    assert any(words in sentence for sentence in sentences), sentences
    assert all(sentence.startswith("service web: ") for sentence in sentences)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": None}, "has no address"),
        ({"address": "rs31"}, "not an IPv4 or IPv6 address"),
        ({"address": "0.0.0.0"}, "which no host can have"),
        ({"address": "239.1.2.3"}, "which no host can have"),
        ({"address": "255.255.255.255"}, "which no host can have"),
        ({"address": "ff02::1"}, "which no host can have"),
        ({"address": "fe80::1"}, "link-local"),
        ({"weight": -1}, "0 to 65535"),
        ({"weight": 65536}, "0 to 65535"),
        ({"upper_threshold": 2**31}, "0 to 2147483647"),
        ({"weigth": 5}, "did you mean weight?"),
        ({"port": 8080}, "use that port, or method nat"),
        ({"port": 8080, "method": "tun"}, "use that port, or method nat"),
        ({"method": "gate"}, "one of dr, tun, nat"),
        ({"lower_threshold": 5, "upper_threshold": 4}, "above upper_threshold 4"),
        ({"address": "2001:db8::1"}, "only method tun can mix them"),
        ({"tunnel_type": "gue"}, "goes with method tun"),
        ({"method": "tun", "tunnel_type": "gue"}, "needs a tunnel_port"),
        ({"method": "tun", "tunnel_port": 6080}, "tunnel_port is for gue"),
        ({"method": "tun", "tunnel_checksum": "checksum"}, "tunnel_checksum is for gue and gre"),
        (
            {"method": "tun", "tunnel_type": "gre", "tunnel_checksum": "remote"},
            "no remote checksum",
        ),
    ],
)
def test_a_mistake_in_a_destination_has_its_label(fields, words):
    sentences = mistakes_of(destinations=[{"name": "rs31", "address": "192.168.2.31", **fields}])
    assert any(words in sentence for sentence in sentences), sentences
    assert all(s.startswith("service web: destination rs31: ") for s in sentences)


def test_the_same_real_server_twice_is_refused():
    twice = [{"name": n, "address": "192.168.2.32"} for n in ("rs32", "rs32b")]
    assert mistakes_of(destinations=twice) == [
        "service web: 192.168.2.32:80 is in the pool twice, again as rs32b; remove one of them."
    ]


def test_the_same_service_twice_is_refused():
    _services, mistakes = _model_parser.parse_services([WEB, {**WEB, "name": "other"}])
    assert mistakes == [
        (
            "service other: tcp 192.168.2.149:80 is defined twice, first by service web;"
            " keep one of them."
        )
    ]


def test_a_tunnel_may_lead_to_another_family():
    pool = [{"address": "2001:db8::1", "method": "tun"}]
    assert parse_one(destinations=pool).destinations[0].address == "2001:db8::1"


def test_all_mistakes_come_at_once():
    sentences = mistakes_of(
        scheduler="best",
        port="http",
        persistence_mask=24,
        destinations=[{"address": "x"}, {"address": "10.0.0.1", "weight": "heavy"}],
    )
    assert len(sentences) >= 3


@pytest.mark.parametrize("services", [None, "web", {"vip": "10.0.0.1"}, [7]])
def test_services_must_be_a_list(services):
    assert len(_model_parser.parse_services(services)[1]) == 1
