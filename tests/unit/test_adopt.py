# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopt what runs as an inventory, and get from there what ran; list what is left out."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.lvs.cluster.plugins.filter import adopt as filter_file
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils._ipvsadm_format import to_rules
from ansible_collections.lvs.cluster.plugins.module_utils._model import as_table
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import (
    adoption,
    comparison,
    inventory_writer,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.keepalived_parser import Reading
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve
from ansible_collections.lvs.cluster.tests.kernel import test_keepalived_conf as configurations
from ansible_collections.lvs.cluster.tests.unit import strategies
from ansible_collections.lvs.cluster.tests.unit.test_inventory import cluster_with, inventories
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jinja2.nativetypes import NativeEnvironment

HERE = Path(__file__).resolve()
ROOT = next(folder for folder in HERE.parents if (folder / "galaxy.yml").exists())
ROLE = yaml.safe_load((ROOT / "roles" / "keepalived_ha" / "vars" / "main.yml").read_text())
INVENTORIES = sorted((ROOT / "inventories").glob("*/hosts.yml"))


def adopted(*sources, **names):
    """Adopt texts, tables and mappings; each text or table is one director's."""
    found = [{"text": s} if isinstance(s, str) else s for s in sources]
    return adoption.adopt(found, names)


def unrepresented(*sources):
    """Return the sentences on what is not representable, without those that follow from all."""
    always = (
        "its address is not known",
        "this is the file of one director",
        "keepalived.conf has no",
        "holds it",
    )
    messages = adopted(*sources).unrepresented
    return [line for line in messages if not any(words in line for words in always)]


def services_of(*sources):
    """Return lvs_services of what was adopted."""
    return adopted(*sources).inventory["all"]["vars"]["lvs_services"]


def rebuilt(inventory):
    """Return the cluster that an inventory describes; it has no mistake."""
    cluster = resolve(*comparison.flat(inventory))
    assert cluster.mistakes == []
    return cluster


def table_of(cluster):
    """Return the services of a cluster as IPVS has them."""
    services, wrong = parse_services(cluster.services)
    assert wrong == []
    return as_table(services)


def files_of(inventory):
    """Return the keepalived.conf of each director, as site.yml and the role put it together."""
    cluster = rebuilt(inventory)
    variables = comparison.flat(inventory)[2]
    files = {}
    for name, work in cluster.directors.items():
        mine = variables(name)
        settings = mine.get("lvs_keepalived", {})
        interface = mine.get("lvs_interface", "eth0")
        environment = NativeEnvironment().overlay()
        globals_of_host = {
            key: environment.from_string(value).render(
                inventory_hostname=name,
                keepalived_ha_interface=interface,
                keepalived_ha_instances=work["instances"],
            )
            if isinstance(value, str)
            else value
            for part in ("host", "vrrp")
            for key, value in ROLE[f"keepalived_ha_globals_of_{part}"].items()
            if key != "sync_daemon"
        }
        daemon = {"interface": interface, "instance": work["instances"][0]["name"]}
        daemon.update(settings.get("globals", {}).get("sync_daemon", {}))
        secret = {"auth_pass": mine["lvs_auth_pass"]} if "lvs_auth_pass" in mine else {}
        config = {
            "globals": {**globals_of_host, **settings.get("globals", {}), "sync_daemon": daemon},
            "scripts": settings.get("scripts", []),
            "sync_groups": settings.get("sync_groups", []),
            "instances": [{"interface": interface, **i, **secret} for i in work["instances"]],
            "services": cluster.keepalived_services,
        }
        assert _keepalived.mistakes(config) == []
        files[name] = _keepalived.render(config)
    return files


def bare(text):
    """Return a text without its comments."""
    return [line for line in text.splitlines() if not line.strip().startswith("#")]


def as_rules(cluster):
    """Return what ipvsadm -Sn would print of a cluster."""
    return to_rules(table_of(cluster).values())


# ---- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("named", [True, False])
def test_each_inventory_is_adopted_from_its_ipvs_table(path, named):
    inventory = yaml.safe_load(path.read_text())
    cluster = rebuilt(inventory)
    variables = comparison.flat(inventory)[2]
    director = next(iter(inventory["all"]["children"]["lvs_directors"]["hosts"]))
    source = {"text": as_rules(cluster), "ansible_host": variables(director)["ansible_host"]}
    names = {
        destination["address"]: destination["name"]
        for service in cluster.services
        for destination in service["destinations"]
    }
    again = adoption.adopt([{**source, "name": director} if named else source], names)
    assert [line for line in again.unrepresented if "refuses" in line or "left out" in line] == []
    back = rebuilt(again.inventory)
    assert table_of(back) == table_of(cluster)
    found = {d["name"] for service in back.services for d in service["destinations"]}
    assert found == set(names.values())
    assert as_rules(back) == as_rules(cluster)


PAIRS = [path for path in INVENTORIES if path.parent.name.startswith("keepalived")]


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("named", [True, False])
def test_each_pair_is_adopted_from_its_keepalived_files(path, named):
    inventory = yaml.safe_load(path.read_text())
    files = files_of(inventory)
    assert len(files) == 2
    variables = comparison.flat(inventory)[2]
    sources = [
        {"text": text, "name": name, "ansible_host": variables(name)["ansible_host"]}
        if named
        else {"text": text}
        for name, text in files.items()
    ]
    again = adoption.adopt(sources)
    assert again.unrepresented == []
    assert list(files_of(again.inventory).values()) == list(files.values())


def test_the_pair_of_the_documents_is_written_as_by_hand():
    inventory = yaml.safe_load((ROOT / "inventories" / "keepalived_ha" / "hosts.yml").read_text())
    files = files_of(inventory)
    sources = [
        {"name": name, "ansible_host": f"192.168.2.{name[1:]}", "text": text}
        for name, text in files.items()
    ]
    names = {f"192.168.2.{n}": f"rs{n}" for n in (20, 21, 22, 32)}
    again = adoption.adopt(sources, names).inventory["all"]
    first = inventory["all"]
    assert again["vars"]["lvs_services"] == first["vars"]["lvs_services"]
    directors = again["children"]["lvs_directors"]
    assert directors["hosts"] == first["children"]["lvs_directors"]["hosts"]
    for name in ("lvs_virtual_router_id", "lvs_advert_int", "lvs_auth_pass"):
        assert directors["vars"][name] == first["vars"][name]
    assert list(directors["vars"]["lvs_keepalived"]) == ["globals"]
    assert again["children"]["lvs_realservers"] == {
        "hosts": {
            name: variables or {}
            for name, variables in first["children"]["lvs_realservers"]["hosts"].items()
        },
        "vars": {"lvs_weight": 100},
    }


def test_one_file_of_a_pair_describes_both():
    inventory = yaml.safe_load((ROOT / "inventories" / "keepalived_ha" / "hosts.yml").read_text())
    files = files_of(inventory)
    for name, text in files.items():
        again = adopted(text)
        (line,) = again.unrepresented
        assert line.endswith("is a guess; adopt its keepalived.conf too.")
        mine = files_of(again.inventory)[f"d_192_168_2_{name[1:]}"]
        assert mine == text


@settings(deadline=None)
@given(strategies.tables(), st.sampled_from(["rules", "info"]))
def test_any_ipvs_table_is_adopted_without_loss(table, form):
    table = {key: service for key, service in table.items() if service.destinations}
    assume(table)
    rips = {d.address for service in table.values() for d in service.destinations}
    vips = {key.vip for key in table}
    assume(not rips & vips)
    assume(not any(vip and ipaddress.ip_address(vip).is_loopback for vip in vips))
    own = ["192.0.2.1", "2001:db8::1"]
    assume(not (rips | vips).intersection(own))
    source = {"name": "d", "ansible_host": own[0]}
    if form == "rules":
        source["text"] = to_rules(table.values())
    else:
        source["ipvs_info"] = {"services": [service.to_dict() for service in table.values()]}
    again = adoption.adopt([source])
    assert [line for line in again.unrepresented if "left out" in line or "taken" in line] == []
    again.inventory["all"]["children"]["lvs_directors"]["hosts"]["d"]["lvs_address"] = own
    yaml.safe_dump(again.inventory)
    assert table_of(rebuilt(again.inventory)) == table


@settings(deadline=None)
@given(inventories())
def test_any_inventory_is_adopted_from_its_ipvs_table(described):
    services, inventory = described
    cluster = cluster_with(*services, **inventory)
    assume(services and not cluster.mistakes)
    again = adopted(as_rules(cluster))
    again.inventory["all"]["children"]["lvs_directors"]["hosts"]["director"]["lvs_address"] = [
        "192.0.2.1",
        "2001:db8:1::1",
    ]
    assert table_of(rebuilt(again.inventory)) == table_of(cluster)


@st.composite
def pairs(draw):
    """Return an inventory of two directors with the settings of keepalived."""
    services, inventory = draw(inventories().filter(lambda described: described[0]))
    for host in inventory["realservers"].values():
        host.pop("lvs_drained", None)  # keepalived needs a real server that serves
    four = ":" not in services[0]["vip"]
    shared = {
        "lvs_virtual_router_id": draw(st.integers(1, 255)),
        "lvs_auth_pass": four and draw(st.sampled_from(["", "1111", "a(%)"])),
        "lvs_advert_int": draw(st.sampled_from([None, 1, 3])),
    }
    instance = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["VI_1", "lvs2"]),
                "preempt": st.booleans(),
                "state": st.just("BACKUP"),
                "track_interfaces": st.just(["eth1", {"name": "eth2", "weight": -5}]),
                "track_scripts": st.just(["nginx"]),
                "notify_master": st.just("/usr/bin/notify master"),
                "garp_master_delay": st.integers(0, 9),
                "vips": st.just(["10.0.0.200/24", {"address": "10.0.0.201", "label": "eth0:1"}]),
            },
        )
    )
    if not four:
        instance.pop("vips", None)
    keepalived = {
        "globals": draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "router_id": st.just("LVS DEVEL"),
                    "vrrp_garp_master_refresh": st.integers(1, 99),
                    "smtp_server": st.sampled_from(["10.0.0.1", "10.0.0.1:2525", "[fd00::1]:25"]),
                    "sync_daemon": st.just(
                        {"interface": "eth1", "instance": instance.get("name", "lvs"), "id": 7}
                    ),
                    "lvs_timeouts": st.just({"tcp": 60}),
                },
            )
        ),
        "instance": instance,
        "scripts": [{"name": "nginx", "command": "/usr/bin/pgrep nginx", "weight": -60}],
        "sync_groups": draw(
            st.sampled_from([[], [{"name": "g", "instances": [instance.get("name", "lvs")]}]])
        ),
    }
    keepalived_fields = st.fixed_dictionaries(
        {},
        optional={
            "check": st.sampled_from(
                [
                    {"type": "tcp", "retries": 3},
                    {"type": "http", "urls": [{"path": "/", "status": ["200", "300-302"]}]},
                    {"type": "misc", "command": "/usr/bin/check it", "dynamic": True},
                ]
            ),
            "sorry_server": st.just({"address": "127.0.0.1", "port": 81, "method": "nat"}),
            "delay_loop": st.sampled_from([6, 0.5]),
            "ha_suspend": st.just(True),
        },
    )
    for service in services:
        service.update(draw(keepalived_fields))
        if "10.0.0.200" not in service["vip"]:
            service.pop("sorry_server", None)
    addresses = inventory["directors"]["d"]["lvs_address"]
    inventory["directors"] = {
        "d": {"lvs_address": addresses, "lvs_priority": draw(st.integers(2, 254))},
        "e": {"lvs_address": ["10.0.0.100", "2001:db8::100"]},
    }
    inventory["directors"]["e"]["lvs_priority"] = inventory["directors"]["d"]["lvs_priority"] - 1
    every = {k: v for k, v in shared.items() if v} | {"lvs_keepalived": keepalived}
    hosts = {}
    for group in ("directors", "realservers", "others"):
        for name, variables in inventory[group].items():
            hosts.setdefault(name, {}).update(variables)
    children = {
        f"lvs_{group}" if group != "others" else group: {
            "hosts": {name: hosts[name] for name in inventory[group]}
        }
        for group in ("directors", "realservers", "others")
    }
    if inventory["every"]["lvs_method"] == "fullnat":
        inventory["every"]["lvs_method"] = "dr"  # a file has neither fullnat nor all addresses
    every = {**inventory["every"], **every, "lvs_services": services}
    return {"all": {"vars": every, "children": children}}


@settings(deadline=None)
@given(pairs())
def test_any_pair_is_adopted_from_its_keepalived_files(inventory):
    assume(not resolve(*comparison.flat(inventory)).mistakes)
    files = files_of(inventory)
    again = adoption.adopt([{"name": name, "text": text} for name, text in files.items()])
    assert again.unrepresented == []
    assert files_of(again.inventory) == files


@pytest.mark.parametrize("name", configurations.CONFIGS)
def test_every_option_of_keepalived_is_read_as_it_was_written(name):
    text = _keepalived.render(configurations.CONFIGS[name])
    reading = Reading(text)
    assert reading.unrepresented == []
    assert bare(_keepalived.render(reading.config)) == bare(text)


# ---- keepalived.conf -----------------------------------------------------------------------------

#: As the document has it, with its mistakes.
T2_SERVERS = (20, 21, 22, 30, 32, 32)
T2 = """\
! Configuration File for keepalived

global_defs {
   notification_email {
     failover@example.org
     sysadmin@example.org
   }
   notification_email_from keepalived@example.org
   smtp_server 192.168.200.1
   smtp_connect_timeout 30
   router_id LVS_DEVEL
}

vrrp_instance VI_1 {
    state MASTER
    interface eth0
    lvs_sync_daemon_interface eth0
    virtual_router_id 51
    priority 150
    advert_int 5
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        192.168.2.149
    }
}

virtual_server 192.168.2.149 80 {
    delay_loop 6
    lb_algo wrr
    lb_kind DR
    nat_mask 255.255.255.0
    protocol TCP
"""
T2 += "".join(
    f"""
    real_server 192.168.2.{last} 80 {{
        weight 100
        TCP_CHECK {{
            connect_timeout 10
            nb_get_retry 3
            delay_before_retry 3
            connect_port 80
        }}
    }}
"""
    for last in T2_SERVERS
)
T2 += "}\n"


def test_the_mistake_in_the_file_of_the_documents_is_reported():
    again = adopted(T2)
    lines = [number for number, line in enumerate(T2.split("\n"), 1) if "192.168.2.32" in line]
    assert unrepresented(T2) == [
        (
            "line 34: `nat_mask 255.255.255.0` is left out: keepalived no longer has this option,"
            " and it had no effect."
        ),
        (
            f"line {lines[1]}: tcp 192.168.2.149:80: destination 192.168.2.32:80 is there twice,"
            f" first at line {lines[0]}; it is used once."
        ),
    ]
    everything = again.inventory["all"]
    assert everything["vars"]["lvs_services"] == [
        {
            "name": "tcp_80",
            "vip": "192.168.2.149",
            "port": 80,
            "protocol": "tcp",
            "scheduler": "wrr",
            "delay_loop": 6,
            "check": {
                "type": "tcp",
                "connect_timeout": 10,
                "retries": 3,
                "delay_before_retry": 3,
                "connect_port": 80,
            },
        }
    ]
    assert everything["children"]["lvs_realservers"]["vars"] == {"lvs_weight": 100}
    assert list(everything["children"]["lvs_realservers"]["hosts"]) == [
        f"rs_192_168_2_{last}" for last in T2_SERVERS[:-1]
    ]
    assert everything["children"]["lvs_directors"]["vars"] == {
        "lvs_ha": "vrrp",
        "lvs_interface": "eth0",
        "lvs_virtual_router_id": 51,
        "lvs_advert_int": 5,
        "lvs_auth_pass": "1111",
        "lvs_keepalived": {
            "globals": {
                "notification_email": ["failover@example.org", "sysadmin@example.org"],
                "notification_email_from": "keepalived@example.org",
                "smtp_server": "192.168.200.1",
                "smtp_connect_timeout": 30,
                "router_id": "LVS_DEVEL",
            },
            "instance": {"state": "MASTER", "name": "VI_1"},
        },
    }
    rebuilt(again.inventory)


def test_the_pair_of_the_documents_in_two_files_is_a_pair():
    backup = T2.replace("MASTER", "BACKUP").replace("priority 150", "priority 100")
    sources = [
        {"name": "d23", "ansible_host": "192.168.2.23", "text": T2},
        {"name": "d30", "ansible_host": "192.168.2.30", "text": backup},
    ]
    inventory = adopted(*sources).inventory
    directors = inventory["all"]["children"]["lvs_directors"]["hosts"]
    assert {name: variables["lvs_priority"] for name, variables in directors.items()} == {
        "d23": 150,
        "d30": 100,
    }
    assert "d30" in inventory["all"]["children"]["lvs_realservers"]["hosts"]
    assert "unicast_peer {" in files_of(inventory)["d23"]


VIRTUAL = (
    "virtual_server 10.0.0.9 80 {{\n lvs_method DR\n {}\n real_server 10.0.0.1 80 {{\n {} }}\n"
    " protocol TCP\n}}"
)
INSTANCE = (
    "vrrp_instance a {{\n interface eth0\n virtual_router_id 5\n"
    " unicast_peer {{ 10.0.0.7 }}\n {}\n}}"
)
NO_FIELD = "is left out: the inventory has no field for it"
EXTRA = "; lvs_keepalived.extra takes text as it is."


def conf(service="", server="", more=""):
    """Return a file with one service."""
    return VIRTUAL.format(service, server) + f"\n{more}\n"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (conf("nonsense 5"), f"line 3: `nonsense 5` {NO_FIELD}."),
        (conf(server="nonsense"), f"line 5: `nonsense` {NO_FIELD}."),
        (conf(more="static_routes {\n x\n}"), f"line 8: `static_routes {{` {NO_FIELD}{EXTRA}"),
        (
            conf(more="include /etc/keepalived/*.conf"),
            "line 8: `include /etc/keepalived/*.conf` is left out: other files are not read; adopt",
        ),
        (
            conf("@d23 lvs_sched rr"),
            "line 3: `@d23 lvs_sched rr` is left out: what holds on one machine only is not read;",
        ),
        (
            conf(more="~SEQ(n, 1, 3) $x"),
            "line 8: `~SEQ(n, 1, 3) $x` is left out: what is repeated is not read; write it out.",
        ),
        (
            conf(more="$A= b\\\n c"),
            "line 8: `$A` is left out: a definition of several lines is not read; write it out.",
        ),
        (conf(more="a {"), "line 8: `a {`: its block is not closed."),
        (conf(more="}"), "line 8: `}`: this brace closes no block."),
        (
            conf(server="weight 100000"),
            "line 5: `weight 100000` is left out: keepalived ignores it and takes 1;",
        ),
        (
            conf("lvs_sched wr"),
            "line 3: `lvs_sched wr` is left out: keepalived has no such scheduler (did you",
        ),
        (
            conf("lvs_method FULL"),
            "line 3: `lvs_method FULL` is left out: the method must be NAT, DR or TUN.",
        ),
        (conf("delay_loop soon"), "line 3: `delay_loop soon` is left out: it must be a number"),
        (
            conf("delay_loop 5\n delay_loop 6"),
            "line 3: `delay_loop 5` is left out: line 4 sets it again.",
        ),
        (
            conf(server="TCP_CHECK {\n }\n PING_CHECK {\n }"),
            "line 7: `PING_CHECK {` is left out: a real server has one check in the inventory.",
        ),
        (
            conf("sorry_server nowhere 80"),
            "line 3: service tcp 10.0.0.9:80: sorry_server: address is 'nowhere', which is no",
        ),
        (
            conf("real_server 10.0.0.2 81 {\n }"),
            "line 3: tcp 10.0.0.9:80: destination 10.0.0.2: its port 81 has no effect with method",
        ),
        (
            conf(more=conf()),
            "line 8: tcp 10.0.0.9:80 is defined twice; the first is used.",
        ),
        (
            conf(more="virtual_server 10.0.0.9 81 {\n protocol TCP\n lvs_method DR\n}"),
            "line 8: tcp 10.0.0.9:81 has no destination, but a service of the inventory needs one",
        ),
        (
            "virtual_server 10.0.0.9 80 {\n real_server 10.0.0.1 80 {\n }\n}",
            "line 1: `virtual_server 10.0.0.9 80 {`: it has no lvs_method, so keepalived",
        ),
        (
            conf(more="virtual_server group g {\n}"),
            "line 8: `virtual_server group g {` is left out: the group has no address that can be",
        ),
        (
            conf(more="virtual_server_group g {\n 10.0.0.1-0 80\n}"),
            "line 9: `10.0.0.1-0 80` is left out: it is no range of up to 256 addresses.",
        ),
        (
            conf(more="virtual_server_group g {\n 10.0.0.1 80\n}"),
            "line 8: `virtual_server_group g {` is left out: no virtual_server is of this group.",
        ),
        (
            conf(more=INSTANCE.format("authentication {\n auth_type AH\n }")),
            f"line 13: `auth_type AH` {NO_FIELD}.",
        ),
        (
            conf(more=INSTANCE.format("authentication {\n auth_pass nine-chars\n }")),
            "line 13: `auth_pass <secret>`: keepalived takes its first 8 characters",
        ),
        (
            conf(more=INSTANCE.format("virtual_ipaddress {\n 10.0.0.9 brd +\n }")),
            "line 13: `10.0.0.9 brd +` is left out: it must be an address, or a mapping of",
        ),
        (
            conf(more=INSTANCE.format("track_file {\n load\n }")),
            "line 12: `track_file {` is left out: the inventory can't define what",
        ),
        (
            conf(more=INSTANCE.format("") + "\ntrack_file load {\n file /run/load\n}"),
            f"line 14: track_file load {NO_FIELD}{EXTRA}",
        ),
        (
            conf(
                more=INSTANCE.format("")
                + "\nvrrp_instance b {\n interface eth1\n virtual_router_id 6\n}"
            ),
            "line 14: vrrp_instance b is left out: the directors of an inventory have one",
        ),
        (
            conf(more=INSTANCE.format("") + "\nvrrp_sync_group g {\n group { a b }\n}"),
            "line 14: vrrp_sync_group g is left out: the inventory has no instance b.",
        ),
        (conf(more="vrrp_script {\n}"), "line 8: `vrrp_script {` is left out: its name must be a"),
    ],
)
def test_unrepresentable_statements_are_listed_with_their_line(text, start):
    lines = unrepresented(text)
    assert any(line.startswith(start) for line in lines), lines
    assert all(line.endswith(".") for line in lines)


def test_comments_quotes_definitions_and_braces_are_keepalived_s():
    text = """
$PORT = 80 # of the web
$SERVERS=${NET}.1
virtual_server 10.0.0.9 ${PORT} # a comment {
{
  protocol TCP
  lvs_sched wrr!another
  lvs_method DR
  quorum_up "/bin/up # 'quoted'"
  real_server 10.0.0.1 $PORT { weight 3 }
}
"""
    (service,) = services_of(text)
    assert service["port"] == 80
    assert service["scheduler"] == "wrr"
    reading = Reading(text)
    assert reading.unrepresented[0] == (3, "`$SERVERS` is left out: it is not used.")
    assert [line for line, _sentence in reading.unrepresented] == [3, 9]  # a quote in a string
    assert reading.config["services"][0]["destinations"][0]["weight"] == 3


def test_former_keywords_of_keepalived_are_read():
    text = conf(
        "lb_algo rr\n persistence_timeout\n persistence_granularity 255.255.255.0",
        "HTTP_GET {\n url {\n path /\n status_code 200\n }\n nb_get_retry 3\n }",
        INSTANCE.format("virtual_ipaddress {\n 10.0.0.9\n }")
        + "\nglobal_defs {\n lvs_sync_daemon eth1 a id 7\n}",
    )
    (service,) = services_of(text)
    assert service["scheduler"] == "rr"
    assert service["persistence_timeout"] == 360
    assert service["persistence_mask"] == 24
    assert service["check"] == {
        "type": "http",
        "urls": [{"path": "/", "status": ["200"]}],
        "retries": 3,
    }
    directors = adopted(text).inventory["all"]["children"]["lvs_directors"]
    assert directors["vars"]["lvs_keepalived"]["globals"] == {
        "sync_daemon": {"interface": "eth1", "instance": "a", "id": 7}
    }


def test_a_group_of_addresses_becomes_services():
    text = """
virtual_server_group web {
  10.0.0.9 80
  10.0.1.1-3 443
  fd00::9-a 80
  fwmark 7
}
virtual_server group web {
  lvs_method NAT
  protocol TCP
  real_server 10.0.0.1 8080 {
  }
}
"""
    services = services_of(text)
    assert [(s["name"], s.get("vip"), s.get("port")) for s in services] == [
        ("web", "10.0.0.9", 80),
        ("tcp_10_0_1_1_443", "10.0.1.1", 443),
        ("tcp_10_0_1_2_443", "10.0.1.2", 443),
        ("tcp_10_0_1_3_443", "10.0.1.3", 443),
        ("mark_7", None, None),
    ]
    assert {service["realserver_port"] for service in services} == {8080}
    messages = unrepresented(text)
    assert "each address of a virtual_server_group becomes a service of its own." in messages
    assert sum("only method tun can mix them; it is left out" in line for line in messages) == 2
    assert any(
        line.startswith("mark_7: the packets that get the firewall mark are") for line in messages
    )


def test_a_mark_has_the_family_of_its_real_servers():
    text = "virtual_server fwmark 7 {\n lvs_method DR\n real_server fd00::1 {\n }\n}"
    (service,) = services_of(text)
    assert (service["name"], service["family"]) == ("mark_7_ipv6", "ipv6")


# ---- ipvsadm -------------------------------------------------------------------------------------


def test_a_saved_table_is_read_as_old_and_new_releases_write_it():
    (service, *_rest) = services_of(
        "-A -t 10.0.0.9:80 -s sh -p 50 -M 255.255.255.0 pe sip -b sh-port\n"
        "-a -t 10.0.0.9:80 -r 10.0.0.1:80 -i -w 3 --tun-type gue --tun-port 6080 --tun-remcsum\n"
        "-A -u 10.0.0.9:53 -s rr ops\n"
        "-a -u 10.0.0.9:53 -r 10.0.0.1:53 -i -w 3 -x 9 -y 3\n"
    )
    assert service == {
        "name": "tcp_80",
        "vip": "10.0.0.9",
        "port": 80,
        "protocol": "tcp",
        "scheduler": "sh",
        "scheduler_flags": ["sh-port"],
        "persistence_timeout": 50,
        "persistence_mask": 24,
        "persistence_engine": "sip",
        "tunnel_type": "gue",
        "tunnel_port": 6080,
        "tunnel_checksum": "remote",
    }
    assert _rest[0]["one_packet"] is True
    assert (_rest[0]["upper_threshold"], _rest[0]["lower_threshold"]) == (9, 3)


def test_a_script_of_ipvsadm_is_read():
    text = """#!/bin/sh
/sbin/ipvsadm --add-service --tcp-service [fd00::9]:80 -p --scheduler wrr
$IPVSADM --add-server --tcp-service [fd00::9]:80 --real-server fd00::1 --weight 2 # the first
ipvsadm -a -t [fd00::9]:80 -r [fd00::2]:80 --masquerading
ipvsadm -a -t [fd00::9]:80 -r $RIP:80 -g
ipvsadm -a -t [fd00::9]:81 -r fd00::2 -g
ipvsadm -A -t [fd00::9]:80
ipvsadm -A -s rr
ipvsadm -A -t [fd00::10]:80 --nonsense
ipvsadm -A -t [fd00::11]:80 --nonsense 5
ipvsadm --set 900 120 300
"""
    (service,) = services_of(text)
    assert service["persistence_timeout"] == 300
    left = "is left out:"
    assert unrepresented(text) == [
        (
            "line 5: `-a -t [fd00::9]:80 -r $RIP:80 -g` is left out: $RIP:80 is not an address"
            " and a port, as `ipvsadm -Sn` writes them."
        ),
        f"line 6: `-a -t [fd00::9]:81 -r fd00::2 -g` {left} there is no such service before it.",
        f"line 7: `-A -t [fd00::9]:80` {left} the same service is at line 2 already.",
        f"line 8: `-A -s rr` {left} it has no service.",
        f"line 9: `-A -t [fd00::10]:80 --nonsense` {left} --nonsense is not understood.",
        f"line 10: `-A -t [fd00::11]:80 --nonsense 5` {left} --nonsense is not understood.",
        f"line 11: `--set 900 120 300` {left} it adds neither a service nor a destination.",
    ]


# ---- pools and weights ---------------------------------------------------------------------------


def rules(*pools):
    """Return rules of services on ports 80 and up, each with its destinations' rules."""
    lines = []
    for port, pool in enumerate(pools, 80):
        lines.append(f"-A -t 10.0.0.9:{port} -s wrr")
        lines += [f"-a -t 10.0.0.9:{port} -r 10.0.0.{server}" for server in pool]
    return "\n".join(lines)


def test_differences_between_directors_are_listed():
    text = rules(["1:80 -m", "2:80 -m", "3:8080 -m -w 7", "127:80 -m -x 9"])
    everything = adopted({"name": "d", "ansible_host": "10.0.0.8", "text": text}).inventory["all"]
    (service,) = everything["vars"]["lvs_services"]
    assert "realservers" not in service  # no more than half of them are alike
    text = rules(["1:80 -m", "2:80 -m", "3:8080 -m -w 7", "4:80 -m"])
    everything = adopted({"name": "d", "ansible_host": "10.0.0.8", "text": text}).inventory["all"]
    (service,) = everything["vars"]["lvs_services"]
    assert service["realservers"] == "lvs_realservers"
    assert service["destinations"] == [
        {"name": "rs_10_0_0_3", "address": "10.0.0.3", "port": 8080, "weight": 7}
    ]
    assert everything["hosts"] == {"rs_10_0_0_3": {"ansible_host": "10.0.0.3"}}


def test_each_distinct_pool_is_a_group_and_weights_are_the_hosts():
    text = rules(["1:80 -g -w 5", "2:80 -g"], ["1:81 -g -w 5", "2:81 -g"], ["1:82 -g", "3:82 -g"])
    everything = adopted(text).inventory["all"]
    assert [service["realservers"] for service in everything["vars"]["lvs_services"]] == [
        "pool_tcp_80",
        "pool_tcp_80",
        "pool_tcp_82",
    ]
    groups = everything["children"]
    assert groups["pool_tcp_80"]["hosts"]["rs_10_0_0_1"] == {
        "ansible_host": "10.0.0.1",
        "lvs_weight": 5,
        "lvs_weights": {"tcp_82": 1},
    }
    assert list(groups["pool_tcp_82"]["hosts"]) == ["rs_10_0_0_1", "rs_10_0_0_3"]


def test_a_machine_with_two_addresses_is_one_host():
    text = (
        rules(["1:80 -g", "2:80 -g"]) + "\n-A -t [fd00::9]:80\n-a -t [fd00::9]:80 -r [fd00::1]:80"
    )
    again = adopted(text, **{"10.0.0.1": "a", "fd00::1": "a", "10.0.0.2": "d"})
    hosts = again.inventory["all"]["children"]["pool_tcp_10_0_0_9_80"]["hosts"]
    assert hosts == {
        "a": {"ansible_host": "10.0.0.1", "lvs_address": ["10.0.0.1", "fd00::1"]},
        "d": {"ansible_host": "10.0.0.2"},
    }
    rebuilt(again.inventory)


def test_a_destination_on_loopback_is_no_host():
    (service,) = services_of("-A -t 10.0.0.9:80\n-a -t 10.0.0.9:80 -r 127.0.0.1:80 -m -w 4")
    assert service["destinations"] == [{"address": "127.0.0.1", "weight": 4}]


def test_a_director_may_serve_at_its_own_address():
    table = {
        "services": [
            {
                "vip": "192.168.10.254",
                "port": 80,
                "destinations": [
                    {"address": "192.168.0.160", "port": 80, "method": "nat"},
                    {"address": "192.168.0.254", "port": 80, "method": "local"},
                ],
            },
            {
                "vip": "192.168.10.254",
                "port": 81,
                "destinations": [{"address": "192.168.0.254", "port": 82, "method": "local"}],
            },
        ]
    }
    source = {"name": "d254", "ansible_host": "192.168.10.254", "ipvs_info": table}
    again = adopted(source)
    children = again.inventory["all"]["children"]
    assert children["lvs_directors"]["hosts"] == {
        "d254": {"ansible_host": "192.168.10.254", "lvs_address": "192.168.0.254"}
    }
    assert "d254" in children["pool_tcp_80"]["hosts"]
    cluster = rebuilt(again.inventory)
    assert [d["method"] for s in cluster.services for d in s["destinations"]] == ["nat"] * 3


# ---- several sources -----------------------------------------------------------------------------


def test_differences_between_kernel_and_file_are_listed():
    table = {
        "services": [
            {"vip": "10.0.0.9", "port": 80, "destinations": [{"address": "10.0.0.2"}]},
            {"vip": "10.0.0.9", "port": 81, "destinations": [{"address": "10.0.0.1"}]},
        ],
        "timeouts": {"tcp": 60},
    }
    file = conf(more=conf().replace(" 80", " 82"))
    assert unrepresented({"text": file, "ipvs_info": table}) == [
        (
            "tcp 10.0.0.9:80: 10.0.0.1:80 and 10.0.0.2:80 is only in one of keepalived.conf and the"
            " kernel; the file is used."
        ),
        "tcp 10.0.0.9:81 runs, though keepalived.conf does not have it.",
        "tcp 10.0.0.9:82 is in keepalived.conf, but not in the kernel.",
    ]
    assert len(services_of({"text": file, "ipvs_info": table})) == 3
    none = {"vip": "10.0.0.9", "port": 82, "destinations": []}
    table["services"].append(none)
    messages = unrepresented({"text": file, "ipvs_info": table})
    assert messages[2] == "tcp 10.0.0.9:82 is in keepalived.conf, but not in the kernel."
    table["services"][-1] = {**none, "port": 83}
    assert (
        "tcp 10.0.0.9:83 has no destination" in unrepresented({"text": file, "ipvs_info": table})[0]
    )
    del table["services"][-1]
    table["sync_daemons"] = [{"state": "master", "interface": "eth0"}]
    assert unrepresented({"ipvs_info": table}) == [
        "the kernel's timeout tcp is 60 s.",
        "a sync daemon runs as master on eth0; keepalived has to run it.",
    ]


def test_directors_that_differ_are_listed():
    vip = "virtual_ipaddress {\n 10.0.0.9\n }\n"
    first = conf(more=INSTANCE.format(f"{vip} unicast_src_ip 10.0.0.6\n priority 9"))
    second = conf("quorum 1", more=conf().replace(" 80", " 82"))
    second += INSTANCE.format(f"{vip} unicast_src_ip 10.0.0.7").replace("id 5", "id 6")
    second = second.replace("{ 10.0.0.7 }", "{ 10.0.0.6 }")
    messages = unrepresented({"name": "a", "text": first}, {"name": "b", "text": second})
    assert messages == [
        "tcp 10.0.0.9:80 differs between a and b; that of a is used.",
        "b has tcp 10.0.0.9:82, but a does not have it.",
        "b, line 3: `quorum 1` is left out: the service of a is used.",
        (
            "site.yml refuses the inventory as it is: hosts a and b: lvs_virtual_router_id differs"
            " between directors; set the same value for all."
        ),
    ]
    third = conf().replace("10.0.0.9", "10.0.0.8")
    messages = unrepresented({"name": "a", "text": first}, {"name": "c", "text": third})
    assert "c has no tcp 10.0.0.9:80, which a has." in messages
    assert (
        "not all directors have an instance in a keepalived.conf; site.yml makes one." in messages
    )


def test_addresses_that_no_director_would_hold_are_listed():
    inner = INSTANCE.format("virtual_ipaddress {\n 10.1.1.1/24\n }").replace("_id 5", "_id 6")
    messages = unrepresented(
        conf(more=INSTANCE.format("virtual_ipaddress {\n 10.0.0.9\n }") + inner)
    )
    assert any(line.endswith("VIPs of its services, and not 10.1.1.1.") for line in messages), (
        messages
    )


def test_messages_have_their_file_where_there_are_several():
    messages = unrepresented({"name": "a", "text": conf("x")}, {"place": "b", "text": conf("x")})
    assert messages[:2] == [f"{name}, line 3: `x` {NO_FIELD}." for name in "ab"]


def test_the_role_s_own_globals_are_known():
    parts = ("host", "vrrp")
    of_role = {name for part in parts for name in ROLE[f"keepalived_ha_globals_of_{part}"]}
    assert {*inventory_writer.ROLE_GLOBALS, *inventory_writer.ROLE_GLOBALS_OF_VRRP} == of_role
    text = conf(more=INSTANCE.format("virtual_ipaddress { 10.0.0.9 }"))
    assert (
        "keepalived.conf has no reload_check_config, enable_script_security,"
        " vrrp_garp_master_refresh and sync_daemon; site.yml adds the values of"
        " the role keepalived_ha."
    ) in adopted(text).unrepresented


def test_nothing_to_adopt_is_an_error():
    for source in ("", "# nothing\n", {"ipvs_info": {"available": False, "services": []}}):
        assert "there is no virtual service in what was read." in adopted(source).unrepresented


# ---- secrets, and whatever is written -----------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "auth_pass se'cret",
        "auth_pass secret again",
        "auth_pass secret-that-is-long",
        'auth_pass "secret',
        "auth_pass $HIDDEN",
        "auth_pass secret {",
        "auth_pass sec\\ret",
    ],
)
def test_no_message_shows_a_secret(written):
    block = f"authentication {{\n {written}\n }}"
    text = "$HIDDEN=secret\n" + conf(more=INSTANCE.format(block))
    messages = " ".join(adopted(text).unrepresented)
    assert "secret" not in messages.replace("<secret", "")
    assert "again" not in messages


words = st.sampled_from(
    [
        *(
            "{",
            "}",
            "\n",
            "#",
            "!",
            '"',
            "'",
            "\\",
            "$A",
            "${A}",
            "$A=1",
            "@d",
            "~SEQ(a)",
            "{{ x }}",
        ),
        *("virtual_server", "real_server", "vrrp_instance", "global_defs", "vrrp_script"),
        *("10.0.0.1", "10.0.0.9", "80", "fwmark", "group", "TCP_CHECK", "HTTP_GET", "url", "path"),
        *("lvs_method", "DR", "NAT", "weight", "protocol", "virtual_ipaddress", "sorry_server"),
        *("authentication", "auth_pass", "unicast_peer", "virtual_server_group", "lvs_sync_daemon"),
        *("-A", "-a", "-t", "-r", "10.0.0.9:80", "-p", "-f", "-b", "--pe", "ipvsadm", "-6", "eth0"),
        *("interface", "priority", "track_script", "vrrp_sync_group", "include", "state", "BACKUP"),
    ]
)


@settings(deadline=None)
@given(st.lists(words, max_size=60))
def test_any_text_is_adopted_or_reported(text):
    again = adopted(" ".join(text))
    shown = yaml.safe_dump(again.inventory)
    # What comes from a machine is never taken for a template here.
    assert "{{" not in shown
    assert "{%" not in shown
    assert all(line.endswith(".") and "\n" not in line for line in again.unrepresented)


FILES = [T2, *(_keepalived.render(config) for config in configurations.CONFIGS.values())]


@settings(deadline=None)
@given(st.sampled_from(FILES), st.data())
def test_an_unknown_keyword_is_listed_in_every_block(text, data):
    lines = text.split("\n")
    place = data.draw(st.integers(1, len(lines)))
    lines.insert(place - 1, r"un\known")
    messages = adopted("\n".join(lines)).unrepresented
    # Where there may be a secret, nothing unknown is shown.
    starts = tuple(f"line {place}: `{text}` is left out: " for text in (r"un\known", "<secret>"))
    assert any(line.startswith(starts) for line in messages), messages


SECRET = "sEcr3tPW"


@settings(deadline=None)
@given(st.sampled_from(FILES), st.data())
def test_a_damaged_file_is_adopted_or_reported(text, data):
    lines = re.sub(r"(auth_pass) \S+", rf"\1 {SECRET}", text).split("\n")
    for _time in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(lines) - 1))
        parts = lines[place].split()
        damage = data.draw(st.sampled_from(["gone", "twice", "word gone", "word more", "swapped"]))
        if damage == "gone":
            del lines[place]
        elif damage == "twice":
            lines.insert(place, lines[place])
        elif damage == "word gone":
            lines[place] = " ".join(parts[:-1])
        elif damage == "word more":
            lines[place] = " ".join([*parts, data.draw(words)])
        else:
            lines[place] = lines[place - 1]
        lines = lines or [""]
    again = adopted("\n".join(lines))
    yaml.safe_dump(again.inventory)
    assert all(line.endswith(".") and "\n" not in line for line in again.unrepresented)
    assert not any(SECRET in line for line in again.unrepresented), again.unrepresented


def test_the_name_of_a_service_is_taken_from_this_collection_s_file_only():
    web = {"name": "my web", "vip": "10.0.0.9", "port": 80}
    text = _keepalived.render({"services": [{**web, "destinations": [{"address": "10.0.0.1"}]}]})
    assert services_of(text)[0]["name"] == "my web"
    assert services_of(text.replace("my web", "{{ web }}"))[0]["name"] == "tcp_80"
    assert services_of(text.partition("\n")[2])[0]["name"] == "tcp_80"


# ---- the filter, the playbook --------------------------------------------------------------------


def test_the_filter_takes_a_text_a_table_and_a_list():
    adopt = filter_file.FilterModule().filters()["adopt"]
    text = rules(["1:80 -g -w 5"])
    table = {
        "changed": False,
        "services": [
            {
                "vip": "10.0.0.9",
                "port": 80,
                "protocol": "tcp",
                "scheduler": "wrr",
                "destinations": [{"address": "10.0.0.1", "port": 80, "method": "dr", "weight": 5}],
            }
        ],
    }
    assert adopt(text) == adopt(table) == adopt([{"ipvs_info": table}]) == adopt({"text": text})
    assert set(adopt(text, names={"10.0.0.1": "a"})) == {"inventory", "unrepresented"}
    with pytest.raises(AnsibleFilterError, match="a list of mappings"):
        adopt([5])


def play(folder, *options):
    """Run the playbook in a folder; return its status and its output."""
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "d23,", "lvs.cluster.adopt"]
        + list(options),
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if k != "ANSIBLE_CONFIG"},
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "PWD": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_playbook_writes_a_file_for_its_owner_only_and_overwrites_none(tmp_path):
    (tmp_path / "d23.conf").write_text(T2.replace("1111", "sEcr3t"))
    status, output = play(tmp_path, "-e", "adopt_from=d23.conf", "-vvv", "--diff")
    assert status == 0, output
    written = tmp_path / "adopted" / "hosts.yml"
    assert written.stat().st_mode & 0o777 == 0o600
    assert "sEcr3t" in written.read_text()
    assert "sEcr3t" not in output
    assert "is there twice" in output
    assert yaml.safe_load(written.read_text()) == adopted(T2.replace("1111", "sEcr3t")).inventory

    status, output = play(tmp_path, "-e", "adopt_from=d23.conf")
    assert status != 0
    assert "exists; give another file" in output

    (tmp_path / "table").write_text(rules(["1:80 -g"]))
    again = ["-e", "adopt_from=table", "-e", "adopt_overwrite=true"]
    assert play(tmp_path, *again, "--check")[0] == 0
    assert "sEcr3t" in written.read_text()
    assert play(tmp_path, *again)[0] == 0
    assert "sEcr3t" not in written.read_text()
