# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which real servers may be drained, and in which batches."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.filter.draining import FilterModule
from ansible_collections.lvs.cluster.plugins.plugin_utils import _draining
from ansible_collections.lvs.cluster.tests.unit.test_status import (
    SERVERS,
    WEB,
    cluster,
    groups_of,
    state,
    status,
)

draining = FilterModule().filters()["draining"]

CHECK = {"type": "http", "urls": [{"path": "/up", "status": ["200"]}], "virtualhost": "example.org"}
NOTHING = "it is in no service's pool, or has weight 0 in the inventory (lvs_drained, lvs_weight)."


def drain(
    hosts, serial="100%", directors=("d23",), now=(), out=(), back=False, service=None, **every
):
    """Ask who is drained in a cluster where some are already and some are out."""
    described = {**WEB, "check": CHECK, **(service or {})}
    web = cluster(described, directors=directors, **every)
    applied = cluster(described, directors=directors, drained=now, **every)
    found = status(web, [state(applied, out=out)])
    return draining(web, found, groups_of(directors), hosts, serial, back)


@pytest.mark.parametrize(
    ("hosts", "serial", "batches"),
    [
        ("rs20", "100%", [["rs20"]]),
        ("rs21, rs20", 1, [["rs21"], ["rs20"]]),
        (["rs20", "rs21"], "2", [["rs20", "rs21"]]),
        ("lvs_realservers", "40%", [["rs20", "rs21"], ["rs22", "rs31"], ["rs32"]]),
        ("lvs_realservers", "10%", [[name] for name in SERVERS]),
        ("rs32, all", 4, [["rs32", *SERVERS[:3]], ["rs31"]]),
    ],
)
def test_batches(hosts, serial, batches):
    found = drain(hosts, serial)
    assert found["mistakes"] == []
    assert found["batches"] == batches
    assert found["hosts"] == [name for batch in batches for name in batch]
    assert found["lines"] == [
        f"batch {n} of {len(batches)}: {', '.join(batch)}" for n, batch in enumerate(batches, 1)
    ]


def test_hosts_that_are_drained_already_come_first():
    assert drain("lvs_realservers", 2, now=["rs31"])["batches"][0] == ["rs31", "rs20"]


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize(
    ("hosts", "sentence"),
    [
        ("", "No real server is given; give them with -e realservers=NAME,NAME."),
        ("rs2", "There is no host or group rs2 (did you mean rs32?)."),
        ("c10", "c10 serves nothing: " + NOTHING),
        ("rs32", "rs32 serves nothing: " + NOTHING),
        ("lvs_clients", "lvs_clients serves nothing: " + NOTHING),
    ],
)
def test_hosts_that_can_t_be_drained_are_reported(hosts, sentence, back):
    found = drain(hosts, back=back, variables={"rs32": {"lvs_drained": True}})
    assert found.pop("mistakes") == [sentence]
    assert not any(found.values())


@pytest.mark.parametrize(
    ("scheduler", "flags", "cure"),
    [
        ("sh", ["sh-port"], "add scheduler_flags: [sh-fallback]"),
        ("mh", [], "add scheduler_flags: [mh-fallback]"),
        ("dh", [], "choose another scheduler"),
    ],
)
def test_a_drain_that_would_refuse_clients_is_refused(scheduler, flags, cure):
    service = {"scheduler": scheduler, "scheduler_flags": flags}
    [mistake] = drain("rs20,rs21", 1, service=service)["mistakes"]
    assert mistake == (
        f"Service web: its scheduler {scheduler} refuses the clients of a real server with weight"
        f" 0; {cure} and run site.yml. If they may be refused, set lvs_drained: true"
        " instead."
    )
    assert not drain("rs20", back=True, service=service)["mistakes"]


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_a_server_whose_clients_another_server_takes_is_drained(scheduler):
    service = {"scheduler": scheduler, "scheduler_flags": [f"{scheduler}-fallback"]}
    assert drain("rs20", service=service)["hosts"] == ["rs20"]


@pytest.mark.parametrize("serial", ["none", 0, "-1", "0%"])
def test_an_invalid_serial_is_refused(serial):
    assert drain("rs20", serial)["mistakes"] == [
        f"rollout_serial is {serial!r}; it must be a number such as 2, or a percentage such as 25%."
    ]


@pytest.mark.parametrize(
    ("least", "hosts", "now", "out", "left"),
    [
        (None, "rs20,rs21,rs22,rs31", (), (), None),
        (None, "lvs_realservers", (), (), "no real server would be left"),
        (2, "rs20,rs21,rs22,rs31", (), (), "only rs32 would be left"),
        ("50%", "rs20,rs21", (), (), None),
        ("50%", "rs20,rs21,rs22", (), (), "only rs31 and rs32 would be left"),
        (4, "rs20", (), (), None),
        (4, "rs20", ["rs21"], (), "only rs22, rs31 and rs32 would be left"),
        (4, "rs20,rs21", (), (), "only rs22, rs31 and rs32 would be left"),
        (4, "rs20", (), ["rs32"], "only rs21, rs22 and rs31 would be left"),
        (4, "rs32", (), ["rs32"], None),
        (0, "lvs_realservers", (), (), None),
    ],
)
def test_a_drain_leaves_lvs_min_available_real_servers(least, hosts, now, out, left):
    directors = ("d23", "d24")
    found = drain(hosts, directors=directors, now=now, out=out, lvs_min_available=least)
    if left is None:
        assert found["mistakes"] == []
    else:
        [sentence] = found["mistakes"]
        assert f"{left} of service web, and lvs_min_available is {least or 1}." in sentence


def test_a_batch_serves_again_before_the_next_is_drained():
    """One that is drained now serves again in its batch's successors."""
    found = drain("rs20,rs21", 1, now=["rs20"], lvs_min_available=4)
    assert found["batches"] == [["rs20"], ["rs21"]]
    assert drain("rs20,rs21", 1, now=["rs31"], lvs_min_available=4)["mistakes"] != []


def test_a_drain_is_refused_while_other_changes_are_pending():
    web, applied = cluster(), cluster({**WEB, "scheduler": "rr"})
    found = status(web, [state(applied)])
    for back in (False, True):
        [sentence] = draining(web, found, groups_of(), "rs20", back=back)["mistakes"]
        assert "scheduler is rr, in the inventory wrr; run site.yml" in sentence


def test_a_server_is_probed_at_the_port_of_its_check():
    at = {"name": "rs20", "address": "192.168.2.20", "port": 80}
    [server] = drain("rs20", back=True)["servers"]
    assert server == {**at, "path": "/up", "host": "example.org", "status": ["200"]}
    plain = cluster(
        WEB,
        {
            **WEB,
            "name": "all",
            "port": 0,
            "persistence_timeout": 9,
            "check": {"type": "tcp", "connect_port": 8},
        },
        {**WEB, "name": "syslog", "protocol": "udp"},
        {**WEB, "name": "mapped", "port": 81, "method": "nat", "realserver_port": 8080},
    )
    found = draining(plain, status(plain, [state(plain)]), groups_of(), "rs20", back=True)
    assert found["servers"] == [at, {**at, "port": 8}, {**at, "port": 8080}]
    reason = "it has no check; add one of type dns or udp, which defines the request."
    assert found["untested"] == [f"rs20 is not tested for syslog: {reason}"]


def test_a_server_is_probed_by_udp_if_its_check_uses_udp():
    check = {"type": "dns", "query": "A", "name": "www.example.org", "connect_port": 5353}
    ntp = {"type": "udp", "payload": "e3 00", "require_reply": "24"}
    udp = {**WEB, "protocol": "udp"}
    both = cluster(
        {**udp, "name": "dns", "port": 53, "check": check},
        {**udp, "name": "ntp", "port": 123, "check": ntp},
    )
    found = draining(both, status(both, [state(both)]), groups_of(), "rs20", back=True)
    at = {"name": "rs20", "address": "192.168.2.20"}
    assert found["servers"] == [
        {**at, "port": 5353, "dns": {"query": "A", "name": "www.example.org"}},
        {**at, "port": 123, "udp": {"payload": "e3 00", "require_reply": "24"}},
    ]
    assert found["untested"] == []


def test_a_listed_destination_is_drained_by_its_name():
    listed = {**WEB, "destinations": [{"address": "192.168.2.9"}, {"address": "192.168.2.8"}]}
    [service] = cluster(listed, drained=["192.168.2.9"])["services"]
    assert [d["weight"] for d in service["destinations"]] == [1, 0]
    own = {**WEB, "destinations": [{"address": "192.168.2.20", "name": "rs20", "weight": 3}] * 1}
    [service] = cluster({**own, "realservers": "lvs_clients"}, drained=["rs20"])["services"]
    assert {d["name"]: d["weight"] for d in service["destinations"]} == {"c10": 5, "rs20": 0}


def bgp(active, drained=()):
    """Return a cluster of three directors with BGP, and its status."""
    cluster = {"ha": "bgp", "directors": {"d1": {}, "d2": {}, "d3": {}}}
    return cluster, {"active": list(active), "drained": list(drained)}


def test_directors_with_bgp_can_be_drained():
    cluster, found = bgp(["d1", "d2", "d3"])
    assert _draining.drain_directors(cluster, found, "d1, d3").directors == ["d1", "d3"]


@pytest.mark.parametrize(
    ("active", "drained", "names", "sentence"),
    [
        (["d1", "d2"], [], "d1,d2", "With d1 and d2 drained, no director would be active."),
        (["d1", "d2"], [], "d4", "There is no director d4"),
        (["d1", "d2"], ["s1"], "d1", "Real servers are drained (s1), and their connections"),
    ],
)
def test_directors_that_can_not_be_drained(active, drained, names, sentence):
    found = _draining.drain_directors(*bgp(active, drained), names)
    assert found.directors == []
    [mistake] = found.mistakes
    assert mistake.startswith(sentence)


def test_a_director_is_undrained_also_if_all_others_are_drained():
    assert _draining.drain_directors(*bgp([]), "d1", back=True) == ([], ["d1"])


def test_directors_of_a_pair_are_not_drained():
    cluster, found = bgp(["d1"])
    [mistake] = _draining.drain_directors({**cluster, "ha": "vrrp"}, found, "d1").mistakes
    assert "lvs_ha: bgp only" in mistake
