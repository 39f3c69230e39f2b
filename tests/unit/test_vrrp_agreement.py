# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What directors have to agree on, as keepalived.conf has it and as an inventory sets it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _host_reader,
    _keepalived,
    _keepalived_applied,
    _vrrp_agreement,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve

HOSTS = {
    name: {"lvs_address": [f"192.168.2.{name[1:]}", f"2001:db8::{name[1:]}"]}
    for name in ("d23", "d31", "r20")
}
GROUPS = {"lvs_directors": ["d23", "d31"], "lvs_realservers": ["r20"], "all": list(HOSTS)}
WEB = {"name": "web", "vip": "192.168.2.149", "port": 80, "scheduler": "rr"}
WEB6 = {**WEB, "name": "web6", "vip": "2001:db8::149"}
OTHER = {**WEB, "name": "other", "vip": "192.168.2.150", "master": "d31"}
PASSWORD = {"lvs_auth_pass": "@p*1,?"}


def instances(*services, groups=GROUPS, **variables):
    """Return the instances of the first director, and its password."""
    hosts = {name: {**own, **variables} for name, own in HOSTS.items()}
    resolved = resolve(list(services) or [WEB], groups, hosts.__getitem__)
    assert resolved.mistakes == []
    return resolved.directors["d23"]["instances"], variables.get("lvs_auth_pass") or ""


def written(made, password="", interface="eth0"):
    """Return the file that the role writes for instances."""
    more = {"interface": interface, **({"auth_pass": password} if password else {})}
    return _keepalived.render({"instances": [{**more, **each} for each in made]})


@pytest.mark.parametrize(
    ("services", "variables"),
    [
        ([WEB], {}),
        ([WEB], PASSWORD),
        ([WEB6], {}),
        ([WEB, WEB6], {}),
        ([WEB, OTHER], {}),
        ([WEB], {"lvs_keepalived": {"instance": {"interface": "eth7", "track_interfaces": ["x"]}}}),
    ],
)
def test_a_written_configuration_is_read_back(services, variables):
    made, password = instances(*services, **variables)
    wanted = _vrrp_agreement.wanted(made, "eth0", password)
    assert _vrrp_agreement.parse(written(made, password)) == wanted
    assert _vrrp_agreement.differences(wanted, wanted) == []


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({"lvs_virtual_router_id": 77}, ["virtual_router_id"]),
        ({"lvs_auth_pass": "other"}, ["password"]),
        ({"lvs_auth_pass": None, "lvs_advert_int": None}, ["version", "advert_int", "password"]),
        ({"lvs_advert_int": 3}, ["advert_int"]),
        ({"lvs_keepalived": {"instance": {"interface": "eth1"}}}, ["interface"]),
        ({"services": [WEB, {**WEB, "name": "more", "vip": "192.168.2.151"}]}, ["vips"]),
        ({"services": [WEB, OTHER]}, ["virtual_router_id", "vips"]),
        ({"services": [WEB, WEB6]}, []),  # in no advertisement
        ({"services": [{**WEB, "scheduler": "wlc"}]}, []),
        ({"lvs_keepalived": {"instance": {"preempt": False}}}, []),
        ({"lvs_keepalived": {"instance": {"name": "web"}}}, []),
        ({"lvs_keepalived": {"extra": "vrrp_script up {\n  script /usr/bin/true\n}"}}, []),
    ],
)
def test_differences_are_listed(changes, differing):
    before = {"lvs_auth_pass": "1111", "lvs_advert_int": 1}
    services = changes.get("services", [WEB])
    changes = {name: value for name, value in changes.items() if name != "services"}
    here = _vrrp_agreement.parse(written(*instances(**before)))
    made, password = instances(*services, **{**before, **changes})
    wanted = _vrrp_agreement.wanted(made, "eth0", password)
    assert _vrrp_agreement.differences(here, wanted) == differing


def test_the_advertisement_interval_is_the_master_s_in_version_3():
    here = _vrrp_agreement.parse(written(*instances(lvs_advert_int=1)))
    made, _ = instances(lvs_advert_int=0.5)
    assert _vrrp_agreement.differences(here, _vrrp_agreement.wanted(made, "eth0", "")) == []


def test_an_added_director_is_a_difference_in_peers():
    here = _vrrp_agreement.parse(written(*instances()))
    groups = {**GROUPS, "lvs_directors": ["d23", "d31", "r20"], "lvs_realservers": ["r20", "d31"]}
    made, _ = instances(groups=groups)
    assert _vrrp_agreement.differences(here, _vrrp_agreement.wanted(made, "eth0", "")) == ["peers"]


def test_the_first_instance_of_a_machine_differs_from_nothing():
    wanted = _vrrp_agreement.wanted(instances()[0], "eth0", "")
    for text in ("", written([]), "virtual_server 192.0.2.1 80 {\n}\n"):
        assert _vrrp_agreement.differences(_vrrp_agreement.parse(text), wanted) == []


FOREIGN = """! by hand
global_defs { router_id a }
vrrp_instance web { # of old
    interface eth0 virtual_router_id
    virtual_router_id 51
    authentication {
        auth_type PASS
        auth_pass "a b#c" ! no secret
    }
    track_script { up weight 2 }
    virtual_ipaddress {
        192.168.2.149/24 dev eth0 label eth0:1
        "192.168.2.151"
        # 192.168.2.150
    }
}
virtual_server 192.168.2.149 80 {
    virtual_router_id 9
}
vrrp_instance six {
    virtual_router_id 52
    unicast_src_ip 2001:DB8::23
    unicast_peer {
        2001:db8:0::31 min_ttl 255
    }
    virtual_ipaddress { 2001:db8::149 }
}
"""


def test_a_file_that_the_role_did_not_write():
    web, six = _vrrp_agreement.parse(FOREIGN)
    assert (web.name, web.source, web.agreement) == (
        "web",
        "",
        (51, 2, 1.0, "eth0", "a b#c", frozenset(), {"192.168.2.149", "192.168.2.151"}),
    )
    assert (six.source, six.agreement.version) == ("2001:db8::23", 3)
    assert six.agreement.peers == {"2001:db8::23", "2001:db8::31"}
    assert six.agreement.vips == {"2001:db8::149"}
    assert [i.agreement.version for i in _vrrp_agreement.parse("vrrp_version 3\n" + FOREIGN)] == [
        3,
        3,
    ]


@pytest.mark.parametrize(
    "text",
    ["}", "{ {", "vrrp_instance a {", 'vrrp_instance "', "vrrp_instance {\n}\n", "vrrp_instance }"],
)
def test_a_broken_file_is_no_error(text):
    _vrrp_agreement.parse(text)


def test_preflight_shows_no_password(run_main, monkeypatch, tmp_path):
    path = tmp_path / "keepalived.conf"
    path.write_text(written(*instances(lvs_auth_pass="secret-1")))
    monkeypatch.setattr(_host_reader, "KEEPALIVED_CONF", str(path))
    monkeypatch.setattr(_host_reader, "ip", lambda *_: [])
    made, _ = instances(lvs_auth_pass="secret-2")
    options = {"interface": "eth0", "vrrp_instances": made, "auth_pass": "secret-2"}
    result = run_main("preflight", invocation=True, diff=True, **options)
    assert result["vrrp"] == {
        "instances": ["lvs"],
        "differences": ["password"],
        "peers": ["192.168.2.31"],
        "sources": ["192.168.2.23"],
        "holds": False,
    }
    assert "secret-" not in json.dumps(result)
    result = run_main("preflight", **{**options, "auth_pass": "secret-1"})
    assert result["vrrp"]["differences"] == []


def test_the_configuration_that_keepalived_runs_is_compared(run_main, monkeypatch, tmp_path):
    path, copy = tmp_path / "keepalived.conf", tmp_path / "applied.conf"
    path.write_text(written(*instances(lvs_auth_pass="new")))
    copy.write_text(written(*instances(lvs_auth_pass="old")))
    monkeypatch.setattr(_host_reader, "KEEPALIVED_CONF", str(path))
    monkeypatch.setattr(_keepalived_applied, "COPY", str(copy))
    monkeypatch.setattr(_host_reader, "ip", lambda *_: [])
    made, _ = instances(lvs_auth_pass="new")
    options = {"interface": "eth0", "vrrp_instances": made, "auth_pass": "new"}
    assert run_main("preflight", **options)["vrrp"]["differences"] == ["password"]
    copy.unlink()
    assert run_main("preflight", **options)["vrrp"]["differences"] == []
