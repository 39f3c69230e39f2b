# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host of a cluster is checked for, and the variables of its roles."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve

VIP = "192.168.2.149"
WEB = {"name": "web", "vip": VIP, "port": 80}


def plans(*services, directors=("d23",), variables=None, realservers=("rs31", "rs32"), **every):
    """Return the plan of each host; each has its address at the link of the VIP."""
    groups = {"lvs_directors": list(directors), "lvs_realservers": list(realservers)}
    names = list(dict.fromkeys([*directors, *realservers, "c10"]))
    hosts = {name: {"ansible_host": f"192.168.2.{name[-2:]}", **every} for name in names}
    for name, own in (variables or {}).items():
        hosts[name].update(own)
    groups["all"] = list(hosts)
    found = resolve(list(services or [WEB]), groups, hosts.__getitem__)
    assert found.mistakes == []
    return found.hosts


def test_a_client_has_no_plan():
    assert list(plans()) == ["d23", "rs31", "rs32"]


def test_a_real_server_of_dr():
    plan = plans(rs31={}, lvs_interface="eth1")["rs31"]
    assert plan["serving"]
    assert plan["roles"] == {
        "realserver_dr": {"vips": [VIP], "interfaces": ["eth1"], "director": False}
    }
    checks = plan["checks"]
    assert (checks["addresses"], checks["not_gateways"]) == (["192.168.2.31"], ["192.168.2.23"])
    assert (checks["kernel_modules"], checks["neighbours"], checks["keepalived"]) == ([], [], False)


def test_a_real_server_of_tun():
    both = [{**WEB, "method": "tun"}, {**WEB, "name": "tls", "port": 443, "method": "tun"}]
    plan = plans(*both, lvs_mtu=1400)
    role = plan["rs31"]["roles"]["realserver_tun"]
    assert (role["mtu"], role["sources"]) == (1400, ["192.168.2.23"])
    assert [service["port"] for service in role["services"]] == [80, 443]
    checks = plan["d23"]["checks"]
    assert (checks["routed_to"], checks["mtu"]) == (["192.168.2.31", "192.168.2.32"], 1400)
    assert checks["neighbours"] == []


def test_a_real_server_of_nat():
    own = {"rs31": {"lvs_nat_route": "default"}}
    roles = plans({**WEB, "method": "nat"}, variables=own)["rs31"]["roles"]
    nat = roles["realserver_nat"]
    assert (nat["gateways"], nat["route"]) == (["192.168.2.23"], "default")
    assert [service["address"] for service in nat["services"]] == ["192.168.2.31"]


def test_a_real_server_of_fullnat_needs_no_role():
    plan = plans({**WEB, "method": "fullnat"})
    assert (plan["rs31"]["serving"], plan["rs31"]["roles"]) == (True, {})
    assert plan["d23"]["checks"]["routed_to"] == ["192.168.2.31", "192.168.2.32"]


def test_a_real_server_without_a_service_is_checked_nevertheless():
    [here] = [{**WEB, "realservers": "lvs_directors"}]
    plan = plans(here, realservers=["rs31"], directors=["d23"])["rs31"]
    assert (plan["serving"], plan["roles"]) == (True, {})


def test_a_single_director():
    plan = plans({**WEB, "scheduler": "wrr"}, lvs_forward="balanced")["d23"]
    assert not plan["serving"]
    assert plan["roles"] == {
        "director": {
            "interface": "",
            "forward": "balanced",
            "table_owner": "director",
            "vip_owner": "director",
            "excluded_directors": [],
        }
    }
    checks = plan["checks"]
    assert checks["kernel_modules"] == ["ip_vs", "ip_vs_wrr"]
    assert checks["neighbours"] == ["192.168.2.31", "192.168.2.32"]


@pytest.mark.parametrize(
    ("fields", "directors", "roles", "owners"),
    [
        ({}, ["d23"], ["director"], ("director", "director")),
        (
            {"check": {"type": "tcp"}},
            ["d23"],
            ["keepalived_ha", "director"],
            ("keepalived", "director"),
        ),
        ({}, ["d23", "d24"], ["director", "keepalived_ha"], ("keepalived", "keepalived")),
    ],
)
def test_table_owner_and_vip_owner_follow_from_checks_and_vrrp(fields, directors, roles, owners):
    planned = plans({**WEB, **fields}, directors=directors)["d23"]["roles"]
    assert list(planned) == roles
    assert (planned["director"]["table_owner"], planned["director"]["vip_owner"]) == owners


def test_a_director_that_is_a_real_server_while_another_is_master():
    pair = {"directors": ["d23", "d31"], "realservers": ["d31", "rs32"]}
    plan = plans(**pair)["d31"]
    assert plan["serving"]
    assert list(plan["roles"]) == ["director", "keepalived_ha", "realserver_dr"]
    assert plan["realserver_roles"] == ["realserver_dr"]
    assert plan["roles"]["realserver_dr"]["director"]
    assert plan["checks"]["addresses"] == ["192.168.2.31"]
    assert "192.168.2.23" in plan["checks"]["neighbours"]


def test_directors_that_are_masters_both_exclude_each_other():
    second = {"name": "second", "vip": "192.168.2.150", "port": 80, "master": "d24"}
    plan = plans(WEB, second, directors=["d23", "d24"])
    assert plan["d23"]["roles"]["director"]["excluded_directors"] == ["d24"]


def options(**variables):
    groups = {"lvs_directors": ["d23"], "lvs_realservers": ["rs31"], "all": ["d23", "rs31"]}
    hosts = {
        name: {"ansible_host": f"192.168.2.{name[-2:]}", **variables} for name in groups["all"]
    }
    return resolve([WEB], groups, hosts.__getitem__)


def test_options_of_playbooks_have_defaults():
    found = options().options
    assert (found["drain_seconds"], found["drain_until"], found["take_lease"]) == (
        300,
        "active",
        False,
    )
    assert found["realservers"] == ""


def test_options_of_playbooks_are_read_as_numbers_and_truth():
    found = options(drain_seconds="5", take_lease="true", realservers=["rs31"]).options
    assert (found["drain_seconds"], found["take_lease"]) == (5, True)
    assert found["realservers"] == ["rs31"]


def test_paths_are_relative_to_the_folder_of_the_user(monkeypatch):
    monkeypatch.setenv("PWD", "/home/anna/cluster")
    found = options(rollout_tasks="upgrade.yml", status_file="/tmp/status.json").options
    assert found["rollout_tasks"] == "/home/anna/cluster/upgrade.yml"
    assert (found["status_file"], found["upgrade_tasks"]) == ("/tmp/status.json", "")


def test_options_without_a_meaning_are_mistakes():
    assert options(
        drain_seconds="5 minutes", drain_until="idle", teardown_confirm="si"
    ).mistakes == [
        "drain_seconds is '5 minutes'; it must be a whole number from 0 to 1000000.",
        "drain_until is 'idle'; it must be one of active, all.",
        "teardown_confirm is 'si'; it must be true or false.",
    ]


def test_the_name_of_the_status_file_says_what_it_has():
    assert options(status_file="status.html").mistakes == []
    for name in ("status.txt", "/srv/www/", "html", 5):
        [mistake] = options(status_file=name).mistakes
        assert mistake.startswith("status_file is ")
        assert mistake.endswith(
            "; its name must end with .html, for a page, or with .json, for data."
        )
