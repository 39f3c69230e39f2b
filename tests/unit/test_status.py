# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a running cluster."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.filter.status import FilterModule as Status
from ansible_collections.lvs.cluster.plugins.module_utils import _ipvsadm_format, _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve

status = Status().filters()["status"]

VIP = "192.168.2.149"
MAC, OTHER_MAC = "02:42:c0:a8:02:17", "02:42:0a:00:00:17"
WEB = {"name": "web", "vip": VIP, "port": 80, "scheduler": "wrr"}
SERVERS = ("rs20", "rs21", "rs22", "rs31", "rs32")
DRAINED = "drained, until undrain.yml or site.yml"


def groups_of(directors=("d23",)):
    """Five real servers; a director d31 is one of them."""
    servers = ["d31" if name == "rs31" and "d31" in directors else name for name in SERVERS]
    return {
        "lvs_directors": list(directors),
        "lvs_realservers": servers,
        "all": list(dict.fromkeys([*directors, *servers, "c10"])),
        "lvs_clients": ["c10"],
    }


def cluster(*services, directors=("d23",), drained=(), variables=None, **every):
    """Resolve a cluster of these directors and five real servers of weight 5."""
    groups = groups_of(directors)
    hosts = {
        name: {"ansible_host": f"192.168.2.{name[-2:]}", "lvs_weight": 5, **every}
        for name in groups["all"]
    }
    for name, own in (variables or {}).items():
        hosts[name].update(own)
    found = resolve(list(services or [WEB]), groups, hosts.__getitem__, drained)
    assert found.mistakes == []
    return found._asdict()


def text_of(resolved, name):
    """Return the file that a director has by what is resolved."""
    if "keepalived_ha" not in resolved["director_roles"]:
        return "# Written by Ansible\n" + _ipvsadm_format.to_rules(
            parse_services(resolved["services"])[0]
        )
    instances = [{**i, "interface": "eth0"} for i in resolved["directors"][name]["instances"]]
    return _keepalived.render({"instances": instances, "services": resolved["keepalived_services"]})


def state(resolved, name="d23", *, holds=(VIP,), out=(), loads=None, applied=None, **fields):
    """Return what is read on a director on which all is as resolved, except what is out."""
    services = [
        {
            **{key: value for key, value in raw.items() if key != "name"},
            "destinations": [
                {key: value for key, value in item.items() if key != "name"}
                for item in raw["destinations"]
                if item["name"] not in out
            ],
        }
        for raw in resolved["services"]
    ]
    counters = [
        {
            **{key: raw[key] for key in ("vip", "port", "protocol", "fwmark") if key in raw},
            "connections_rate": 7,
            "destinations": [
                {
                    "address": item["address"],
                    "port": item["port"],
                    "active": (loads or {}).get(item["address"], (0, 0))[0],
                    "inactive": (loads or {}).get(item["address"], (0, 0))[1],
                    "connections_rate": 1,
                }
                for item in raw["destinations"]
            ],
        }
        for raw in services
    ]
    return {
        "name": name,
        "info": {"services": services, "counters": counters, "sync_daemons": []},
        "text": text_of(resolved, name) if applied is None else applied,
        "links": [
            {
                "ifname": "lo",
                "flags": ["LOOPBACK", "UP"],
                "link_type": "loopback",
                "address": "00:00:00:00:00:00",
                "addr_info": [{"local": "127.0.0.1"}],
            },
            {},  # one that is not up
            {
                "ifname": "eth1",
                "flags": ["UP"],
                "link_type": "ether",
                "address": OTHER_MAC,
                "addr_info": [],
            },
            {
                "ifname": "gretap0",
                "flags": ["BROADCAST"],
                "link_type": "ether",
                "address": "00:00:00:00:00:00",
                "addr_info": [],
            },
            {
                "ifname": "eth0",
                "flags": ["UP"],
                "link_type": "ether",
                "address": MAC,
                "addr_info": [{"local": vip} for vip in holds],
            },
        ],
        **fields,
    }


def remarks(found):
    """Return the remark on each destination of the only service, if there is one."""
    [service] = found["services"]
    return {item["name"]: item["remark"] for item in service["destinations"] if item["remark"]}


@pytest.mark.parametrize("interface", ["lo", "tunl0", "ip6gre0", "lvs-gre-0a1b2c"])
def test_a_backup_that_serves_does_not_hold_the_vip(interface):
    web = cluster(directors=("d23", "d31"))
    serves = [{"ifname": interface, "flags": ["UP"], "addr_info": [{"local": VIP}]}]
    found = status(web, [state(web), state(web, "d31", links=serves)])
    assert found["active"] == ["d23"]


def test_a_single_director_without_differences():
    web = cluster()
    found = status(web, [state(web, loads={"192.168.2.20": (12, 3)})])
    assert found["differences"] == found["pending"] == found["drained"] == []
    [director] = found["directors"]
    wanted = {"name": "d23", "state": "active", "vips": [VIP], "macs": [MAC, OTHER_MAC], "sync": []}
    assert director == {**wanted, "connections_rate": 7, "active": 12}
    assert found["services"][0]["vips"] == [VIP]
    assert (found["held_vips"], found["sync_daemons"]) == ({"d23": [VIP]}, 0)
    assert found["serving"] == ["rs20", "rs21", "rs22", "rs31", "rs32"]
    assert remarks(found) == {}
    assert [line.split() for line in found["lines"][:4]] == [
        ["d23:", "active,", "holds", VIP],
        ["web,", f"{VIP}:80,", "wrr,", "on", "d23"],
        "server address method weight active inactive conn/s packets/s in_B/s out_B/s".split(),
        ["rs20", "192.168.2.20:80", "dr", "5", "12", "3", "1", "0", "0", "0"],
    ]
    assert len({len(line) for line in found["lines"][2:8]}) == 1
    assert found["lines"][-1] == "There are no differences from the inventory."


def test_a_pair_of_which_one_is_active():
    web = cluster(directors=("d23", "d24"))
    backup = state(web, "d24", holds=())
    backup["links"][0]["addr_info"].append({"local": VIP})  # it is a real server too
    backup["info"]["sync_daemons"] = [{"state": "backup"}]
    found = status(web, [backup, state(web)])
    assert [d["state"] for d in found["directors"]] == ["standby", "active"]
    assert found["services"][0]["director"] == "d23"
    assert found["lines"][0] == "d24: standby, sync daemon backup"
    assert (found["held_vips"], found["sync_daemons"]) == ({"d24": [], "d23": [VIP]}, 1)
    assert found["differences"] == []


def test_unreachable_directors_are_listed():
    web = cluster(directors=("d23", "d24"))
    found = status(web, [state(web), {"name": "d24", "reason": "No route to host."}])
    assert found["directors"][1]["state"] == "unreachable"
    assert found["differences"] == ["d24 can't be read: No route to host."]
    unreadable = status(web, [{"name": "d23", "reason": "a"}, {"name": "d24", "reason": "b"}])
    assert unreadable["services"] == unreadable["serving"] == []
    assert unreadable["held_vips"] == {"d23": [], "d24": []}
    assert unreadable["trouble"][-1] == f"No director that could be read holds {VIP}."


def test_two_holders_of_a_vip_are_reported():
    web = cluster(directors=("d23", "d24"))
    [sentence] = status(web, [state(web), state(web, "d24")])["differences"]
    assert sentence.startswith(f"d23 and d24 hold {VIP}, but only one director must hold it.")


def test_each_vip_may_have_a_master_of_its_own():
    other = {"name": "b", "vip": "192.168.2.150", "port": 80, "scheduler": "rr", "master": "d31"}
    web = cluster(WEB, other, directors=("d23", "d31"))
    assert "fwmark" in web["services"][0]  # d31 is a real server too
    states = [state(web), state(web, "d31", holds=["192.168.2.150"])]
    states[1]["info"]["counters"][1]["destinations"][0]["active"] = 4
    found = status(web, states)
    assert found["active"] == ["d23", "d31"]
    assert found["trouble"] == found["differences"] == []
    assert [service["director"] for service in found["services"]] == ["d23", "d31"]
    assert found["sync_daemons"] == 2
    assert found["services"][1]["destinations"][0]["active"] == 4
    assert f"web, {VIP}:80, wrr, on d23" in found["lines"]


def test_a_director_without_vips_is_active():
    shop = cluster({"name": "shop", "fwmark": 7, "scheduler": "rr"})
    seen = state(shop, holds=())
    found = status(shop, [seen])
    assert found["active"] == ["d23"]
    assert "shop, fwmark 7, rr, on d23" in found["lines"]


def test_a_destination_that_a_health_check_removed_is_no_difference():
    web = cluster({**WEB, "check": {"type": "tcp"}}, directors=("d23", "d24"))
    found = status(web, [state(web, out=["rs21"]), state(web, "d24", holds=())])
    assert found["differences"] == []
    assert remarks(found) == {"rs21": "out of the pool by keepalived's check"}
    assert "rs21" not in found["serving"]
    [line] = [line for line in found["lines"] if "rs21" in line]
    assert line.split()[3] == "-"


def test_a_weight_that_a_check_sets():
    web = cluster(directors=("d23", "d24"))
    seen = state(web)
    seen["info"]["services"][0]["destinations"][0]["weight"] = 3
    seen["info"]["services"][0]["destinations"][1]["weight"] = 0
    found = status(web, [seen])
    assert found["differences"] == []
    assert remarks(found) == {
        "rs20": "weight by keepalived's check",
        "rs21": "out of the pool by keepalived's check",
    }


def test_a_sorry_server_in_the_table_is_no_difference():
    sorry = {"sorry_server": {"address": "192.168.2.9", "method": "dr"}}
    web = cluster({**WEB, **sorry}, directors=("d23", "d24"))
    seen = state(web, out=SERVERS)
    seen["info"]["services"][0]["destinations"] = [{"address": "192.168.2.9", "port": 80}]
    found = status(web, [seen])
    assert found["differences"] == []
    assert remarks(found)["192.168.2.9:80"] == "sorry server"


@pytest.mark.parametrize("directors", [("d23",), ("d23", "d24")])
def test_a_drained_server_is_known_by_the_applied_weights(directors):
    web = cluster(directors=directors)
    now = cluster(directors=directors, drained=["rs21"])
    out = ["rs21"] if len(directors) > 1 else []
    found = status(web, [state(now, name, out=out) for name in directors[:1]])
    assert found["drained"] == ["rs21"]
    assert found["pending"] == found["differences"] == []
    assert remarks(found)["rs21"].startswith(DRAINED)


def test_a_drain_on_one_director_counts_as_a_drain():
    web = cluster(directors=("d23", "d24"))
    now = cluster(directors=("d23", "d24"), drained=["rs21"])
    assert status(web, [state(web), state(now, "d24", holds=())])["drained"] == ["rs21"]


def test_drained_by_the_inventory_is_no_difference():
    web = cluster(variables={"rs21": {"lvs_drained": True}})
    found = status(web, [state(web)])
    assert found["drained"] == found["differences"] == []
    assert remarks(found) == {"rs21": "weight 0 in the inventory"}


def test_one_of_two_services_at_weight_zero_is_a_difference():
    both = [WEB, {**WEB, "name": "tls", "port": 443}]
    wanted = cluster(*both)
    applied = cluster(*both, variables={"rs21": {"lvs_weights": {"tls": 0}}})
    found = status(wanted, [state(applied)])
    assert found["drained"] == []
    assert found["differences"] == [
        "d23: service tls: rs21: weight is 0, in the inventory 5; run site.yml."
    ]


@pytest.mark.parametrize("directors", [("d23",), ("d23", "d24")])
@pytest.mark.parametrize(
    ("was", "sentence"),
    [
        ([{**WEB, "scheduler": "rr"}], "service web: scheduler is rr, in the inventory wrr"),
        ([{**WEB, "port": 81}], "service web is missing"),
        ([WEB, {**WEB, "name": "b", "port": 81}], f"tcp {VIP}:81 exists, but is not in the inv"),
        (
            [{**WEB, "persistence_timeout": 50}],
            "persistence_timeout is 50, in the inventory 0",
        ),
        (
            [{**WEB, "destinations": [{"address": "192.168.2.9"}]}],
            "192.168.2.9:80 exists, but is not in the inventory",
        ),
        ([{**WEB, "destinations": [{"address": "192.168.2.20"}]}], "service web: rs22 is missing"),
    ],
)
def test_differences_from_the_applied_file_are_pending(directors, was, sentence):
    found = status(cluster(directors=directors), [state(cluster(*was, directors=directors))])
    assert any(f"{sentence}" in line for line in found["pending"]), found["pending"]
    assert all(line.endswith("; run site.yml.") for line in found["pending"])
    assert found["differences"] == found["pending"]


def test_drift_is_reported():
    web = cluster()
    seen = state(web, out=["rs32"])
    seen["info"]["services"][0]["scheduler"] = "lc"
    seen["info"]["services"].append({"vip": VIP, "port": 8, "scheduler": "rr", "destinations": []})
    found = status(web, [seen])
    assert found["pending"] == []
    assert found["differences"] == [
        "d23: service web: scheduler is lc, in the inventory wrr.",
        "d23: service web: rs32 is missing.",
        f"d23: service tcp {VIP}:8 exists, but is not in the inventory.",
    ]
    assert found["services"][0]["destinations"][-1]["remark"] == "missing"


def test_a_failed_unit_is_reported_with_the_remedy():
    units = [
        {"name": "lvs-director.service", "active": "failed", "errors": ["-A: no scheduler"]},
        {"name": "lvs-realserver-dr.service", "active": "active", "errors": []},
    ]
    found = status(cluster(), [state(cluster(), units=units)])
    [difference] = found["differences"]
    assert difference.startswith("d23: lvs-director.service is failed: -A: no scheduler. Mend")
    assert difference in found["lines"]


APPLIED = {"active": True, "current": True, "applied": True}


@pytest.mark.parametrize(
    ("service", "sentence"),
    [
        (APPLIED, ""),
        ({**APPLIED, "applied": False}, "keepalived.conf is pending: keepalived runs another"),
        ({**APPLIED, "applied": None}, "the configuration that keepalived runs is unknown"),
        ({**APPLIED, "current": False}, "the unit files of keepalived.service are pending"),
        ({**APPLIED, "active": False, "applied": None}, ""),
    ],
)
def test_a_file_that_keepalived_does_not_run_is_reported(service, sentence):
    pair = cluster(directors=("d23", "d31"))
    states = [state(pair), {**state(pair, "d31", holds=()), "keepalived": service}]
    found = status(pair, states)
    reported = [each for each in found["differences"] if each.startswith(f"d31: {sentence}")]
    assert len(reported) == len(found["trouble"]) == bool(sentence)
    assert all(each.partition("; run site.yml")[1] and each in found["lines"] for each in reported)
    assert found["pending"] == []  # so a drain that was ended can be made again


def test_a_cluster_that_is_not_built_yet():
    seen = {**state(cluster(), holds=()), "text": "", "info": {"available": False}}
    found = status(cluster(), [seen])
    assert "d23: this cluster is not built here yet; run site.yml." in found["differences"]
    assert not found["services"][0]["running"]
    assert "web, 192.168.2.149:80, wrr, not running" in found["lines"]


def test_ipv6_and_marks_have_their_spelling():
    six = {"name": "six", "vip": "2001:db8::149", "port": 80, "method": "tun"}
    found = status(cluster(six), [state(cluster(six), holds=["2001:db8::149"])])
    assert "six, [2001:db8::149]:80, wlc, on d23" in found["lines"]


def test_without_a_readable_director_the_status_has_the_reason():
    web = cluster(directors=("d23", "d24"))
    away = [{"name": name, "reason": "no route to host"} for name in ("d23", "d24")]
    found = status(web, away)
    assert found["unseen"] == [
        "d23 can't be read: no route to host.",
        "d24 can't be read: no route to host.",
    ]
    assert found["lines"][:2] == ["d23: unreachable", "d24: unreachable"]
    assert status(web, [state(web), away[1]])["unseen"] == []
    assert status(web, [])["unseen"] == [
        "No director was read, so the state of the cluster is unknown."
    ]


def test_a_director_that_was_not_read_is_listed():
    web = cluster(directors=("d23", "d24"))
    found = status(web, [state(web)])
    assert found["lines"][1] == "d24: not read; it failed, or --limit leaves it out"
    assert (found["trouble"], found["unseen"]) == ([], [])


MH = {
    **WEB,
    "scheduler": "mh",
    "scheduler_flags": ["mh-fallback", "mh-port"],
    "check": {"type": "tcp"},
}


@pytest.fixture
def announcing():
    """A cluster of two directors with BGP."""
    neighbors = [{"address": "192.168.2.1", "as": 65000}]
    return cluster(
        MH,
        directors=("d23", "d24"),
        lvs_ha="bgp",
        lvs_bgp={"as": 65010},
        lvs_bgp_neighbors=neighbors,
        lvs_method="tun",
    )


SESSION = {
    "name": "router1",
    "address": "192.168.2.1",
    "as": 65000,
    "state": "Established",
    "error": "",
    "bfd": "Up",
    "exported": [f"{VIP}/32"],
}
RUNS = {"version": "2.0.12", "digest": "0a", "sessions": [SESSION]}


def test_every_director_with_bgp_is_active(announcing):
    states = [state(announcing, name, bgp=RUNS) for name in ("d23", "d24")]
    found = status(announcing, states)
    assert (found["active"], found["trouble"]) == (["d23", "d24"], [])
    assert found["lines"][0] == f"d23: active, announces {VIP} to 192.168.2.1"


@pytest.mark.parametrize(
    ("bgp", "sentence"),
    [
        (None, "d23: BIRD does not run, so no VIP is announced; see journalctl -u bird."),
        (
            {**RUNS, "sessions": [{**SESSION, "state": "Active", "error": "Socket: Refused"}]},
            (
                "d23: the BGP session with the router 192.168.2.1 (AS 65000) is not Established"
                " (Active: Socket: Refused). Check that the router has this director as a neighbor."
            ),
        ),
        (
            {**RUNS, "sessions": [{**SESSION, "bfd": "Down"}]},
            (
                "d23: BFD with the router 192.168.2.1 (AS 65000) is Down, so a dead link would be"
                " found late. Check that the router has BFD for this director, over one hop."
            ),
        ),
    ],
)
def test_announcements_that_do_not_reach_a_router(announcing, bgp, sentence):
    found = status(announcing, [state(announcing, bgp=bgp), state(announcing, "d24", bgp=RUNS)])
    assert found["trouble"] == [sentence]


def test_a_director_that_does_not_announce_a_vip(announcing):
    found = status(
        announcing, [state(announcing, bgp=RUNS), state(announcing, "d24", holds=(), bgp=RUNS)]
    )
    sentence = (
        f"d24 does not announce {VIP}: none of its real servers answers, the director is drained,"
        " or keepalived does not run there."
    )
    assert found["trouble"] == [sentence]


def test_tables_that_differ_between_active_directors(announcing):
    found = status(
        announcing, [state(announcing, bgp=RUNS), state(announcing, "d24", out=("rs20",), bgp=RUNS)]
    )
    sentence = (
        "service web: rs20 has different weights (5 on d23; not in the table on d24), so a"
        " connection that changes its director may be lost."
    )
    assert found["trouble"] == [sentence]
