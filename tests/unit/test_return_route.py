# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module reads and refuses; tests/kernel shows what the kernel makes of it."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _return_path,
    _route_lookup,
    _routes,
)
from ansible_collections.lvs.cluster.plugins.module_utils._return_path import (
    Answer,
)
from ansible_collections.lvs.cluster.plugins.module_utils._route_lookup import (
    Connection,
    RouteLookup,
)

RIP, DIP, ROUTER = "10.0.0.31", "10.0.0.254", "10.0.0.1"
LINK = Connection("198.51.100.9", 50000, RIP, 22)


def wanted(*answers, **fields):
    return _return_path.Wanted({"-4": DIP}, tuple(answers), **fields)


def test_gateways_are_required(run_main):
    assert "gateways" in run_main("return_route")["msg"]


def test_all_mistakes_are_reported_at_once(run_main):
    result = run_main(
        "return_route",
        gateways=["director", "fe80::1", "127.0.0.1", DIP, ROUTER],
        answers=[{"address": "rs31", "port": 80}, {"address": RIP}, {"port": 70000}],
        table=254,
        keep_ports=[22, 0],
    )
    assert result["mistakes"] == [
        "gateways: 'director' is not an address; it must be such as 192.168.0.254.",
        (
            "gateways: fe80::1 is link-local; it must be an address of the director that is valid"
            " on every link."
        ),
        "gateways: 127.0.0.1 is not a machine's address; it must be the director's.",
        (
            f"gateways: there are {DIP} and {ROUTER}, but answers have one path; keep one of each"
            " address family."
        ),
        "answers[0]: address: 'rs31' is not an address; it must be such as 192.168.0.254.",
        "answers[1]: port is None; it must be a whole number from 0 (all ports) to 65535.",
        "answers[2]: address: None is not an address; it must be such as 192.168.0.254.",
        "answers[2]: port is 70000; it must be a whole number from 0 (all ports) to 65535.",
        (
            "table is 254; it must be a number from 1 to 4294967295 other than the kernel's own,"
            " 253 to 255."
        ),
        "keep_ports: 0 is not a port; it must be a whole number from 1 to 65535.",
    ]


def test_an_answer_needs_a_gateway_of_its_family(run_main):
    answers = [{"address": "2001:db8::31", "port": 80, "protocol": "icmp"}]
    assert "protocol is 'icmp'" in run_main("return_route", gateways=[DIP], answers=answers)["msg"]
    answers[0]["protocol"] = "tcp"
    assert run_main("return_route", gateways=[DIP], answers=answers)["mistakes"] == [
        "answers: 2001:db8::31 has no return path: gateways has none of its address family."
    ]


def test_addresses_are_one_however_they_are_written():
    params = {
        "gateways": ["2001:DB8:0::254", "2001:db8::254"],
        "answers": [
            {"address": "2001:db8:0:0::31", "port": "80"},
            {"address": "2001:db8::31", "port": 80, "protocol": "tcp"},
        ],
        "route": "policy",
        "table": 7,
        "keep_ports": [],
    }
    assert _return_path.parse(params) == _return_path.Wanted(
        {"-6": "2001:db8::254"}, (Answer("2001:db8::31", 80, "tcp"),), "policy", 7
    )


def test_an_invalid_note_of_a_default_route_is_reported():
    assert _routes.saved("# former: unicast default via 192.0.2.1 dev eth0\n# other\n") == [
        "unicast default via 192.0.2.1 dev eth0"
    ]
    with pytest.raises(ValueError, match="line 2 is '# former: '; it must be '# former: default"):
        _routes.saved("# header\n# former: \n")


def test_rules_of_other_answers_can_stay():
    web, other = Answer(RIP, 80, "tcp"), Answer("2001:db8::31", 80, "tcp")
    gateways = {"-4": DIP, "-6": "2001:db8::254"}
    before = _return_path.Wanted(gateways, (web, other))
    state = {
        option: _routes.Now(
            tuple(_routes.rules(before, option)),
            tuple(_routes.routes(before, option, _routes.Now())),
        )
        for option in gateways
    }
    after = wanted(Answer(RIP, 8080, "tcp"))
    kept = after._replace(kept=_routes.other_rules(after, state))
    steps = {o: [s.do for s in _routes.plan(o, state[o], kept, ()).steps] for o in gateways}
    assert [len(steps[option]) for option in gateways] == [1, 0]
    assert steps["-4"][0].startswith("rule add")
    assert "2001:db8::254" in (_routes.render("-6", state["-6"], kept, (), "") or "")
    assert _routes.render("-6", state["-6"], after, (), "") is None
    by_default = after._replace(route="default")
    assert _routes.other_rules(by_default, state) == {}


def test_former_routes_are_noted_as_ip_takes_them():
    listed = [
        {
            "dst": "default",
            "gateway": ROUTER,
            "dev": "eth0",
            "protocol": "16",
            "prefsrc": RIP,
            "metric": 100,
            "flags": ["onlink", "linkdown"],
            "metrics": [{"mtu": 1400}],
        },
        {"dst": "default", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth0"},
        {"dst": "default", "gateway": "10.0.0.2", "protocol": "151", "table": "5251"},
        {"dst": "10.0.0.0/24", "dev": "eth0"},
    ]
    routes = _routes.parse_routes("-4", listed)
    assert [route.words for route in routes] == [
        f"default via {ROUTER} dev eth0 onlink proto 16 src {RIP} metric 100 mtu 1400",
        "default via inet6 fe80::1 dev eth0",
        "default via 10.0.0.2 table 5251 protocol 151",
    ]
    assert _routes.best(routes) == routes[1]


@pytest.mark.parametrize(
    ("answers", "fields", "now", "without", "default", "then"),
    [
        # answers of others, and of ssh
        ([Answer(RIP, 80, "tcp")], {}, RouteLookup(ROUTER, True), None, ROUTER, None),
        ([Answer(RIP, 22, "tcp")], {}, RouteLookup(ROUTER, True), None, ROUTER, f"through {DIP}"),
        ([Answer(RIP, 22, "tcp")], {}, RouteLookup(), None, ROUTER, f"through {DIP}"),
        ([Answer(RIP, 22, "tcp")], {}, RouteLookup(DIP), None, ROUTER, None),
        ([Answer("10.0.0.32", 22, "tcp")], {}, RouteLookup(ROUTER), None, ROUTER, None),
        ([Answer(RIP, 0, "udp")], {}, RouteLookup(ROUTER), None, ROUTER, None),
        ([Answer(RIP, 0, "tcp")], {}, RouteLookup(ROUTER), None, ROUTER, f"through {DIP}"),
        ([Answer(RIP, 0, "tcp")], {"keep_ports": (22,)}, RouteLookup(ROUTER), None, ROUTER, None),
        # the default route becomes another, or goes
        ([], {"route": "default"}, RouteLookup(ROUTER, True), None, DIP, f"through {DIP}"),
        ([], {"route": "default"}, RouteLookup(ROUTER), None, DIP, None),
        ([], {"route": "default"}, RouteLookup(), None, DIP, None),
        ([], {}, RouteLookup(DIP, True), None, ROUTER, f"through {ROUTER}"),
        ([], {}, RouteLookup(DIP, True), None, None, "nowhere"),
        # a managed rule led there, and is removed
        ([], {}, RouteLookup(DIP), RouteLookup(ROUTER, True), ROUTER, f"through {ROUTER}"),
        ([], {}, RouteLookup(DIP), RouteLookup(), ROUTER, "directly"),
    ],
)
def test_a_change_that_would_cut_the_ssh_connection_is_reported(
    answers, fields, now, without, default, then
):
    found = _route_lookup.cut(LINK, wanted(*answers, **fields), now, without or now, default)
    if then is None:
        assert found == []
    else:
        [sentence] = found
        assert f"and would leave {then}. " in sentence


@pytest.mark.parametrize(
    ("text", "connection"),
    [
        (f"198.51.100.9 50000 {RIP} 22", LINK),
        ("", None),
        (None, None),
        ("UNKNOWN 65535 UNKNOWN", None),
        ("a b c d", None),
    ],
)
def test_reading_an_ssh_connection(text, connection):
    assert _route_lookup.parse_connection(text) == connection


def test_port_zero_routes_all_answers_except_those_of_keep_ports():
    asked = wanted(Answer(RIP, 0, "tcp"), Answer(RIP, 53, "udp"), keep_ports=(22,))
    assert [str(rule) for rule in _routes.rules(asked, "-4")] == [
        "pref 5250 from all ipproto 17 sport 53 lookup 5251 protocol 151",
        f"pref 5251 from {RIP} ipproto 6 sport 22 lookup main protocol 151",
        f"pref 5252 from {RIP} ipproto 6 lookup 5251 protocol 151",
    ]
    assert _routes.rules(asked, "-6") == []
