# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of bird.conf, the mistakes in what it is made of, and its secrets.

tests/bird has BIRD itself judge the texts, and tests/kernel/test_bird_conf.py runs them.
"""

from __future__ import annotations

import re

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _bird, _bird_secrets, _errors

ROUTER, ROUTER6 = (
    {"address": "10.99.1.1", "as": 65000},
    {
        "address": "2001:db8:99::1",
        "as": 65000,
    },
)
FAR = {"address": "10.99.7.1", "as": 65009, "multihop": 5, "source_address": "10.99.1.11"}
OLD, NEW = (2, 0, 12), (2, 17, 6)


def options(**more):
    return {
        "router_id": "10.99.1.11",
        "local_as": 65010,
        "interface": "lvs-vips",
        "vips": ["203.0.113.10"],
        "neighbors": [ROUTER],
        "bfd": True,
        "bfd_interval": 100,
        "bfd_multiplier": 3,
        "hold_time": 9,
        "ttl_security": True,
        **more,
    }


def text(version=NEW, **more):
    return _bird.render(_bird.parse(options(**more)), version)


def block(name, written):
    """Return the block whose first line has a name."""
    return re.search(rf"(?ms)^[^\n]*\b{name}\b[^\n]*{{\n.*?^}}", written)[0]


def mistakes(**more):
    with pytest.raises(_errors.OperatorError) as error:
        _bird.parse(options(**more))
    return error.value.mistakes


def test_the_whole_file():
    written = text(vips=["203.0.113.11", "203.0.113.10"], neighbors=[{**ROUTER, "password": "a b"}])
    assert _bird.is_managed(written)
    value = _bird.digest(written)
    assert re.fullmatch("[0-9a-f]{64}", value)
    assert (
        written.replace(value, "DIGEST")
        == """\
# Written by Ansible (lvs.cluster.bird_conf), which replaces what is changed here.
log syslog all;
router id 10.99.1.11;

# birdc eval LVS_CONFIGURATION prints that of the running configuration.
define LVS_CONFIGURATION = "DIGEST";

define LVS_VIPS4 = [
  203.0.113.10/32,
  203.0.113.11/32
];

protocol device lvs_device {
}

protocol direct lvs_vips {
  ipv4;
  ipv6;
  interface "lvs-vips";
}

protocol bfd lvs_bfd {
  accept ipv4 direct;
  interface "*" {
    interval 100 ms;
    multiplier 3;
  };
}

template bgp lvs_router {
  local as 65010;
  hold time 9;
  keepalive time 3;
  connect delay time 1;
  connect retry time 3;
  error wait time 3, 30;
  graceful restart off;
  bfd on;
}

protocol bgp lvs_10_99_1_1 from lvs_router {
  neighbor 10.99.1.1 as 65000;
  direct;
  ttl security on;
  authentication md5;
  password "a b";
  ipv4 {
    import none;
    export where source = RTS_DEVICE && net ~ LVS_VIPS4;
  };
}
"""
    )


def test_the_order_of_options_changes_nothing():
    one = text(vips=["203.0.113.11", "2001:db8::10", "203.0.113.10"], neighbors=[ROUTER, ROUTER6])
    other = text(
        vips=["2001:DB8:0::10", "203.0.113.10", "203.0.113.11", "203.0.113.10"],
        neighbors=[ROUTER6, ROUTER],
    )
    assert one == other


def test_every_change_has_another_digest():
    texts = {
        text(),
        text(hold_time=30),
        text(neighbors=[{**ROUTER, "password": "a"}]),
        text(neighbors=[{**ROUTER, "password": "b"}]),
        text(bfd=False),
    }
    assert len({_bird.digest(each) for each in texts}) == 5
    assert _bird.digest("log syslog all;\n") is None
    assert _bird.digest(None) is None
    assert not _bird.is_managed(None)


def test_a_session_has_the_vips_of_its_family_only():
    written = text(vips=["203.0.113.10", "2001:db8:113::10"], neighbors=[ROUTER, ROUTER6])
    four, six = block("lvs_10_99_1_1", written), block("lvs_2001_db8_99__1", written)
    assert "net ~ LVS_VIPS4" in four
    assert "ipv6" not in four
    assert "net ~ LVS_VIPS6" in six
    assert "ipv4" not in six
    without = text(neighbors=[ROUTER, ROUTER6])
    assert "LVS_VIPS6" not in without
    assert "export none;" in block("lvs_2001_db8_99__1", without)


def test_a_neighbor_over_hops():
    written = text(neighbors=[ROUTER, FAR])
    near, far = block("lvs_10_99_1_1", written), block("lvs_10_99_7_1", written)
    assert "direct;" in near
    assert "ttl security on;" in near
    assert "source address" not in near
    assert "multihop 5;" in far
    assert "ttl security off;" in far
    assert "source address 10.99.1.11;" in far
    bfd = block("lvs_bfd", written)
    assert "accept ipv4;" in bfd
    assert 'interface "*" {' in bfd
    assert "multihop {" in bfd
    alone = block("lvs_bfd", text(neighbors=[FAR]))
    assert "accept ipv4 multihop;" in alone
    assert "interface" not in alone


def test_bfd_listens_for_what_is_used_only():
    assert "accept" not in block("lvs_bfd", text(neighbors=[ROUTER6, FAR]))
    off = text(bfd=False)
    assert "protocol bfd" not in off
    assert "bfd off;" in off


def test_settings_of_all_sessions():
    written = text(
        ttl_security=False, hold_time=30, bfd_interval=300, bfd_multiplier=5, local_as=4200000000
    )
    assert "ttl security off;" in written
    assert "hold time 30;\n  keepalive time 10;" in written
    assert "interval 300 ms;\n    multiplier 5;" in written
    assert "local as 4200000000;" in written


def test_ports_and_sources():
    neighbor = {**ROUTER, "port": 1790, "source_address": "10.99.1.11"}
    written = block("lvs_10_99_1_1", text(neighbors=[neighbor]))
    assert "neighbor 10.99.1.1 port 1790 as 65000;" in written
    assert "source address 10.99.1.11;" in written


@pytest.mark.parametrize(
    ("version", "named"), [(OLD, False), ((2, 16), False), ((2, 17), True), (NEW, True)]
)
def test_the_kind_of_a_password_is_named_where_bird_knows_it(version, named):
    written = text(version, neighbors=[{**ROUTER, "password": "a"}])
    assert ("authentication md5;" in written) == named
    assert "authentication" not in text(None, neighbors=[{**ROUTER, "password": "a"}])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"router_id": None}, "router_id: it is missing; it must be an IPv4 address"),
        ({"router_id": "0.0.0.0"}, "router_id: it is '0.0.0.0'; it must be"),
        ({"router_id": "2001:db8::1"}, "router_id: it is '2001:db8::1'"),
        ({"local_as": None}, "local_as: it is missing"),
        ({"local_as": 0}, "local_as: it is 0; it must be an AS number from 1 to 4294967295."),
        ({"local_as": 1 << 32}, "local_as: it is 4294967296"),
        ({"interface": "eth*"}, "interface: it is 'eth*'; it must be the name of one interface"),
        ({"interface": 'x";'}, "interface:"),
        ({"interface": ""}, "interface:"),
        ({"interface": "a" * 16}, "interface:"),
        ({"vips": ["10.0.0.0/24"]}, "vips: '10.0.0.0/24' is not an IPv4 or IPv6 address."),
        ({"vips": ["127.0.0.1"]}, "vips: 127.0.0.1 is an unspecified, multicast,"),
        ({"vips": ["224.0.0.18"]}, "vips: 224.0.0.18 is an"),
        ({"vips": ["fe80::1"]}, "vips: fe80::1 is an"),
        ({"vips": ["fe80::1%eth0"]}, "vips: 'fe80::1%eth0' is not"),
        ({"vips": ["::ffff:10.0.0.1"]}, "is an IPv4 address; write 10.0.0.1."),
        ({"vips": ["2001:db8::1"]}, "vips: 2001:db8::1: no neighbor has an IPv6 address"),
        ({"neighbors": []}, "neighbors: there is none"),
        ({"neighbors": [ROUTER, ROUTER]}, "neighbor 10.99.1.1: it is listed twice"),
        ({"neighbors": [{**ROUTER, "address": "r1"}]}, "neighbors: number 1: 'r1' is not"),
        ({"neighbors": [{**ROUTER, "address": "203.0.113.10"}]}, "it is a VIP, so it can't"),
        ({"neighbors": [{**ROUTER, "as": 0}]}, "neighbor 10.99.1.1: as: it is 0"),
        ({"neighbors": [{**ROUTER, "port": 0}]}, "port: it is 0; it must be a TCP port"),
        ({"neighbors": [{**FAR, "multihop": 0}]}, "multihop: it is 0; it must be a number of hops"),
        ({"neighbors": [{**FAR, "multihop": 256}]}, "multihop: it is 256"),
        ({"neighbors": [{**FAR, "source_address": None}]}, "multihop with BFD needs a source"),
        (
            {"neighbors": [{**ROUTER, "source_address": "2001:db8::7"}]},
            "source_address: it is 2001:db8::7; it must be an IPv4 address",
        ),
        (
            {"neighbors": [{**ROUTER, "source_address": "203.0.113.10"}]},
            "source_address: 203.0.113.10 is a VIP",
        ),
        ({"bfd_interval": 9}, "bfd_interval: it is 9; it must be a number of milliseconds"),
        ({"bfd_multiplier": 256}, "bfd_multiplier: it is 256"),
        ({"hold_time": 2}, "hold_time: it is 2; it must be a number of seconds from 3 to 65535."),
    ],
)
def test_a_mistake_is_a_sentence(wrong, sentence):
    found = mistakes(**wrong)
    assert len(found) == 1
    assert sentence in found[0]
    assert found[0].endswith(".")


def test_all_mistakes_are_reported_at_once():
    found = mistakes(router_id="x", local_as=0, vips=["y"], neighbors=[{"address": "z", "as": 0}])
    assert len(found) == 5


def test_multihop_needs_no_source_address_without_bfd():
    assert _bird.parse(options(bfd=False, neighbors=[{**FAR, "source_address": None}]))


@pytest.mark.parametrize("password", ["", 'sesa"me', "sesa\nme", "sésame", "s" * 81])
def test_a_password_that_is_wrong_is_not_in_the_sentence(password):
    [sentence] = mistakes(neighbors=[{**ROUTER, "password": password}])
    assert "password: it " in sentence
    assert not password or password not in sentence


def test_secrets_are_hidden_and_their_changes_are_not():
    mask = _bird_secrets.Mask()

    def written(one, other):
        neighbors = [{**ROUTER, "password": one}, {**ROUTER6, "password": other}]
        return mask(text(neighbors=neighbors))

    same = written("sesame", "sesame")
    assert "sesame" not in same
    assert same.count('define LVS_CONFIGURATION = "<digest>";') == 1
    assert same.count("password <secret 1>;") == 2
    assert written("sesame", "other").count("password <secret 2>;") == 1


@pytest.mark.parametrize(
    "line",
    [
        'password "HIDDEN";',
        "password 'HIDDEN';",
        '  # password "HIDDEN" ;',
        'password "HIDDEN" { id 1; algorithm hmac sha256; };',
        'key { id 1; secret "HIDDEN"; };',
        "password HIDDEN:ab:cd;",
        'define PW = "HIDDEN"; password PW;',
        "define 'my word' = \"HIDDEN\";\npassword 'my word';",
        'define ONE = "HIDDEN";\ndefine TWO = ONE;\npassword TWO;',
        'password "HIDDEN',
    ],
)
def test_secrets_of_a_file_that_others_have_written(line):
    shown = _bird_secrets.Mask()(f"log syslog all;\n{line}\nprotocol device {{ }}\n")
    assert "HIDDEN" not in shown
    assert "<secret " in shown
    assert shown.startswith("log syslog all;\n")
    assert shown.endswith("\nprotocol device { }\n")
    assert shown.count("\n") == 3 + line.count("\n")
