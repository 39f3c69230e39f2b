# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter probes: every service is asked, or has a reason why not."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.lvs.cluster.plugins.filter.probes import FilterModule
from ansible_collections.lvs.cluster.plugins.filter.resolve import resolve
from ansible_collections.lvs.cluster.plugins.module_utils import _datagram
from ansible_collections.lvs.cluster.plugins.modules import realserver_probe, vip_probe
from ansible_collections.lvs.cluster.plugins.plugin_utils import _probes

probes = FilterModule().filters()["probes"]

VIP = "192.168.2.149"
HTTP = {"type": "http", "urls": [{"path": "/up", "host": "example.org", "status": [200]}]}
DNS = {"type": "dns", "query": "A", "name": "www.example.org"}
GROUPS = {"all": ["d23", "rs31"], "lvs_directors": ["d23"], "lvs_realservers": ["rs31"]}
HOSTS = {"d23": {"ansible_host": "192.168.2.23"}, "rs31": {"ansible_host": "192.168.2.31"}}


def cluster(**fields):
    service = {"name": "web", "vip": VIP, "port": 80, "scheduler": "rr", **fields}
    service = {name: value for name, value in service.items() if value is not None}
    resolved = resolve([service], GROUPS, HOSTS)
    assert resolved["mistakes"] == []
    return resolved


@pytest.mark.parametrize(
    ("fields", "by_name", "plain"),
    [
        ({}, {"protocol": "http"}, {"protocol": "tcp", "identity": "none"}),
        (
            {"check": HTTP},
            {"protocol": "http"},
            {"protocol": "http", "identity": "none", "path": "/up", "host": "example.org"},
        ),
        ({"check": {"type": "smtp"}}, {"protocol": "tcp", "identity": "none"}, None),
        (
            {"port": 0, "persistence_timeout": 9, "check": {"type": "tcp", "connect_port": 8}},
            {"port": 8, "protocol": "http"},
            {"port": 8, "protocol": "tcp", "identity": "none"},
        ),
        (
            {"protocol": "udp", "check": DNS},
            {
                "protocol": "dns",
                "dns": {"query": "A", "name": "www.example.org"},
                "identity": "mac",
            },
            None,
        ),
        (
            {"protocol": "udp", "check": {"type": "udp", "payload": "00", "require_reply": "any"}},
            {
                "protocol": "udp",
                "udp": {"payload": "00", "require_reply": "any"},
                "identity": "mac",
            },
            None,
        ),
        (
            {"protocol": "udp", "check": {"type": "udp"}},
            {"protocol": "udp", "udp": {}, "identity": "mac", "requests": 4, "timeout": 1.0},
            None,
        ),
    ],
)
def test_requests(fields, by_name, plain):
    plain = {"requests": 12, **(plain or by_name), "identity": "none"}
    by_name = {"requests": 40, "identity": "body", **by_name}
    for names, options in ((True, by_name), (False, plain)):
        [probe] = probes(cluster(**fields), names)
        assert probe["options"] == {**_probes.DEFAULTS, "vip": VIP, "port": 80, **options}
        assert probe["untested"] == ""


@pytest.mark.parametrize(
    ("fields", "title", "reason"),
    [
        ({"protocol": "sctp"}, f"web, sctp {VIP}:80, rr", "this is SCTP"),
        ({"protocol": "udp"}, f"web, udp {VIP}:80, rr", "it has no check"),
        (
            {"protocol": "udp", "check": {"type": "ping"}},
            f"web, udp {VIP}:80, rr",
            "it has a check of type ping",
        ),
        ({"port": 0, "persistence_timeout": 9}, f"web, {VIP}:0, rr", "it has all ports"),
        ({"vip": None, "port": None, "fwmark": 7}, "web, fwmark 7, rr", "no match"),
    ],
)
def test_a_service_that_can_not_be_asked_has_a_reason(fields, title, reason):
    [probe] = probes(cluster(**fields))
    assert probe["title"] == title
    assert probe["options"] == {}
    assert reason in probe["untested"]


def test_each_bind_of_a_mark_is_asked():
    check = {**DNS, "connect_port": 53}
    match = [{"vip": VIP, "ports": [80, 443]}, {"vip": VIP, "protocol": "udp", "ports": [53]}]
    found = probes(cluster(vip=None, port=None, fwmark=7, match=match, check=check))
    assert [(p["options"]["port"], p["options"]["protocol"]) for p in found] == [
        (80, "tcp"),
        (443, "tcp"),
        (53, "dns"),
    ]


def test_the_modules_document_the_options_that_they_share():
    """One place has the options of a request by UDP, and each module's page lists them."""
    for_vip = yaml.safe_load(vip_probe.DOCUMENTATION)["options"]
    for_realserver = yaml.safe_load(realserver_probe.DOCUMENTATION)["options"]["servers"][
        "suboptions"
    ]
    for name, spec in (("dns", _datagram.DNS), ("udp", _datagram.UDP)):
        assert (
            set(for_vip[name]["suboptions"]) == set(for_realserver[name]["suboptions"]) == set(spec)
        )
    assert {name: for_vip[name].get("default") for name in _probes.DEFAULTS} == _probes.DEFAULTS
