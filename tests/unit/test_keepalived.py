# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a configuration of keepalived, and what is wrong with one.

tests/kernel/test_keepalived_conf.py shows whether keepalived itself accepts it.
"""

from __future__ import annotations

import copy
import re

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lvs.cluster.plugins.doc_fragments import keepalived as documentation
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _keepalived,
    _keepalived_fields,
    _program,
)
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived import mistakes, render
from ansible_collections.lvs.cluster.plugins.module_utils._secrets import Mask
from ansible_collections.lvs.cluster.plugins.modules import keepalived_conf
from hypothesis import given
from hypothesis import strategies as st

INSTANCE = {
    "name": "web",
    "interface": "eth0",
    "virtual_router_id": 51,
    "priority": 150,
    "vips": ["192.168.2.149"],
}
SERVICE = {"vip": "192.168.2.149", "port": 80, "destinations": [{"address": "192.168.2.20"}]}
CHECK = {"type": "tcp", "connect_timeout": 10, "retries": 3, "delay_before_retry": 3}

SECURE = {"globals": {"enable_script_security": True}}


def with_instance(**fields):
    return {"instances": [{**INSTANCE, **fields}]}


def grouped(group, member):
    """Return a group of two instances, of which the first has further fields."""
    instances = [
        {**INSTANCE, "name": "a", **member},
        {**INSTANCE, "name": "b", "interface": "eth2"},
    ]
    return {
        "instances": instances,
        "sync_groups": [{"name": "g", "instances": ["a", "b"], **group}],
    }


def with_service(**fields):
    return {"services": [{**SERVICE, **fields}]}


def with_destination(**fields):
    return with_service(destinations=[{**SERVICE["destinations"][0], **fields}])


def lines(config, version=None):
    """Return the lines of the file without its header and without their indent."""
    assert mistakes(config, version) == []
    text = render(config, version)
    assert text.startswith("\n".join(_keepalived.HEADER))
    return [line.strip() for line in text.splitlines()[len(_keepalived.HEADER) :]]


# ---- what is written ---------------------------------------------------------------------------

T2 = """\
global_defs {
  router_id d23
  notification_email {
    ops@example.com
    "The Operators <ops@example.org>"
  }
  smtp_server 192.168.2.10
  smtp_alert false
  enable_script_security
  lvs_timeouts tcp 900 udp 300
  lvs_sync_daemon eth0 inst web id 51
}
vrrp_instance web {
  state MASTER
  interface eth0
  virtual_router_id 51
  priority 150
  advert_int 5
  authentication {
    auth_type PASS
    auth_pass 1111
  }
  unicast_src_ip 192.168.2.23
  unicast_peer {
    192.168.2.31
  }
  virtual_ipaddress {
    192.168.2.149/32
    192.168.3.149/24 dev eth1 label eth1:lvs
  }
  track_interface {
    eth1 weight -5
    eth2
  }
}
# web
virtual_server 192.168.2.149 80 {
  lvs_sched wrr
  protocol TCP
  ha_suspend
  real_server 192.168.2.9 80 {
    weight 0
    lvs_method DR
    TCP_CHECK {
      delay_before_retry 3
      connect_timeout 10
      retry 3
    }
  }
  real_server 192.168.2.20 80 {
    weight 100
    lvs_method DR
  }
}
"""


def test_a_configuration():
    config = {
        "globals": {
            "router_id": "d23",
            "notification_email": ["ops@example.com", "The Operators <ops@example.org>"],
            "smtp_server": "192.168.2.10",
            "smtp_alert": False,
            "enable_script_security": True,
            "dynamic_interfaces": False,
            "lvs_timeouts": {"tcp": 900, "udp": 300},
            "sync_daemon": {"interface": "eth0", "instance": "web", "id": 51},
        },
        **with_instance(
            state="MASTER",
            advert_int=5.0,
            auth_pass="1111",
            unicast_src_ip="192.168.2.23",
            unicast_peers=["192.168.2.31"],
            vips=[
                "192.168.2.149",
                {
                    "address": "192.168.3.149",
                    "prefix": 24,
                    "interface": "eth1",
                    "label": "eth1:lvs",
                },
            ],
            track_interfaces=[{"name": "eth1", "weight": -5}, "eth2"],
        ),
        **with_service(
            name="web",
            scheduler="wrr",
            ha_suspend="yes",
            check=CHECK,
            destinations=[
                {"address": "192.168.2.20", "weight": 100, "check": {"type": "none"}},
                {"address": "192.168.2.9", "weight": 0, "name": "rs9"},
            ],
        ),
    }
    assert mistakes(config, (2, 2, 7)) == []
    written = render(config, (2, 2, 7)).split("\n", len(_keepalived.HEADER))
    assert written[-1] == T2.replace(
        # As the table has it.
        "      delay_before_retry 3\n      connect_timeout 10\n",
        "      connect_timeout 10\n      delay_before_retry 3\n",
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (with_instance(preempt=False), ["nopreempt"]),
        (with_instance(preempt=True, accept=False), ["preempt", "no_accept"]),
        (with_instance(version=3, advert_int="0.02"), ["version 3", "advert_int 0.02"]),
        (with_instance(use_vmac=True), ["use_vmac"]),
        (with_instance(use_vmac=True, vmac_interface="vrrp51"), ["use_vmac vrrp51"]),
        (with_instance(vips=["2001:DB8::1"]), ["2001:db8::1/128"]),
        (
            with_instance(unicast_peers=[{"address": "192.0.2.1", "min_ttl": 254}]),
            ["192.0.2.1 min_ttl 254"],
        ),
        (with_instance(auth_pass="ab,(cd)"), ["auth_pass ab,(cd)"]),
        (
            {**SECURE, **with_instance(notify="/bin/n a")},
            ["enable_script_security", 'notify "/bin/n a"'],
        ),
        # At the start of a line these words would be directives of keepalived's parser.
        (
            {"globals": {"interface_delays": [{"interface": "include", "down": 5}]}},
            ["interface_up_down_delays {", '"include" 5'],
        ),
        (
            {"globals": {"notification_email": ["~SEQ(n,1,3)a@b.c", "@^d1@b.c"[2:]]}},
            ['"~SEQ(n,1,3)a@b.c"', "d1@b.c"],
        ),
        (with_instance(track_interfaces=["@d1"]), ["track_interface {", '"@d1"']),
        (
            with_instance(virtual_routes=["to default via 192.0.2.1 dev @d1 mtu lock 1400"]),
            ["virtual_routes {", 'to default via 192.0.2.1 dev "@d1" mtu lock 1400'],
        ),
        (
            with_instance(virtual_rules=["from 192.0.2.0/24 lookup main preference 9"]),
            ["virtual_rules {", "from 192.0.2.0/24 lookup main preference 9"],
        ),
        ({"globals": {"smtp_server": "[2001:db8::1]:2525"}}, ["smtp_server 2001:db8::1 2525"]),
        ({"globals": {"smtp_server": "mail.example.com:25"}}, ["smtp_server mail.example.com 25"]),
        ({"globals": {"script_user": "nobody nogroup"}}, ["script_user nobody nogroup"]),
        ({"globals": {"umask": "77"}}, ["umask 077"]),
        ({"globals": {"vrrp_gna_interval": 0.000001}}, ["vrrp_gna_interval 0.000001"]),
        ({"globals": {"vrrp_cpu_affinity": [0, 2]}}, ["vrrp_cpu_affinity 0 2"]),
        ({"globals": {"child_wait_time": 9}}, ["child_wait_time 9"]),
        (with_service(), ["virtual_server 192.168.2.149 80 {", "lvs_sched wlc", "protocol TCP"]),
        (
            with_service(port=0, persistence_timeout=50, persistence_mask=20),
            [
                "virtual_server 192.168.2.149 {",
                "persistence_timeout 50",
                "persistence_granularity 255.255.240.0",
                "real_server 192.168.2.20 {",
            ],
        ),
        (
            with_service(
                vip="2001:db8::1",
                persistence_timeout=50,
                persistence_mask=64,
                destinations=[{"address": "2001:db8::20"}],
            ),
            ["persistence_granularity 64", "real_server 2001:db8::20 80 {"],
        ),
        (
            {
                "services": [
                    {
                        "fwmark": 7,
                        "family": "ipv6",
                        "destinations": [{"address": "2001:db8::20", "weight": 2}],
                    }
                ]
            },
            ["virtual_server fwmark 7 {", "ip_family inet6", "real_server 2001:db8::20 {"],
        ),
        (
            with_service(scheduler="mh", scheduler_flags=["mh-port"]),
            ["lvs_sched mh", "mh-port"],
        ),
        (
            with_service(protocol="udp", one_packet=True, check={"type": "ping"}),
            ["protocol UDP", "ops", "PING_CHECK {"],
        ),
        (
            with_destination(method="fullnat", port=8080),
            ["real_server 192.168.2.20 8080 {", "lvs_method NAT"],
        ),
        (
            with_destination(
                method="tun", tunnel_type="gue", tunnel_port=6080, tunnel_checksum="remote"
            ),
            ["lvs_method TUN type gue port 6080 remcsum"],
        ),
        (with_destination(upper_threshold=9, lower_threshold=3), ["uthreshold 9", "lthreshold 3"]),
        (
            with_service(
                sorry_server={
                    "address": "192.168.2.40",
                    "method": "nat",
                    "port": 81,
                    "inhibit": True,
                }
            ),
            ["sorry_server 192.168.2.40 81", "sorry_server_lvs_method NAT", "sorry_server_inhibit"],
        ),
        (
            with_service(check={"type": "udp", "require_reply": "any"}),
            ["UDP_CHECK {", "require_reply"],
        ),
        (
            with_service(
                check={"type": "http", "urls": [{"path": "/a", "status": [200, "300-302"]}]}
            ),
            ["HTTP_GET {", "url {", "path /a", "status_code 200 300-302", "}"],
        ),
        (
            {
                "services": [
                    {
                        "name": "web",
                        "endpoints": [
                            {"vip": "192.168.2.149", "port": 80},
                            {"vip": "192.168.2.149", "port": 443},
                        ],
                        "destinations": [
                            {"address": "192.168.2.20"},
                            {"address": "192.168.2.21", "method": "nat", "port": 8080},
                        ],
                    }
                ]
            },
            [
                "virtual_server_group web {",
                "192.168.2.149 80",
                "192.168.2.149 443",
                "virtual_server group web {",
                "real_server 192.168.2.20 {",
                "real_server 192.168.2.21 8080 {",
            ],
        ),
        ({"extra": "static_routes {\n}\n"}, ["static_routes {", "}"]),
    ],
)
def test_fields_become_lines_of_keepalived_conf(config, expected):
    written = lines(config)
    places = [written.index(line) for line in expected]
    assert places == sorted(places)


def test_two_directors_list_real_servers_in_the_same_order():
    pool = [{"address": f"192.168.2.{number}"} for number in (31, 9, 100, 20)]
    assert lines(with_service(destinations=pool)) == lines(with_service(destinations=pool[::-1]))


def test_unset_options_are_not_written():
    config = {"globals": {"router_id": None, "smtp_server": "", "notification_email": []}}
    assert lines({**config, "instances": [], "services": None}) == []


# ---- what is wrong -----------------------------------------------------------------------------

UNFIT = [
    ("priority", 255, "priority is 255; it must be a whole number from 1 to 254"),
    ("virtual_router_id", 0, "virtual_router_id is 0; it must be a whole number from 1 to 255"),
    ("virtual_router_id", True, "virtual_router_id is True; it must be a whole number from 1"),
    ("version", 4, "version is 4; it must be a whole number from 2 to 3"),
    ("state", "FAULT", "state is 'FAULT'; it must be one of MASTER, BACKUP"),
    ("interface", "eth0 eth1", "interface is 'eth0 eth1'; it must be the name of an interface"),
    ("interface", "a" * 16, f"interface '{'a' * 16}': it has 16 bytes; 15 is the most"),
    ("advert_int", "soon", "advert_int is 'soon'; it must be a number from 0.01 to 255"),
    ("garp_master_refresh", -1, "garp_master_refresh is -1; it must be a whole number from 0"),
    ("unicast_src_ip", "d31", "unicast_src_ip is 'd31'; it must be an IPv4 or IPv6 address"),
    ("mcast_dst_ip", "192.0.2.1", "mcast_dst_ip is '192.0.2.1'; it must be an IPv4 multicast"),
    ("vips", ["192.0.2.1/33"], "vips: '192.0.2.1/33': address is '192.0.2.1/33'; it must be an "),
    ("vips", [{"adress": "192.0.2.1"}], "vips: {'adress': '192.0.2.1'}: there is no field 'adre"),
    (
        "track_scripts",
        [{"name": "a", "weight": 300}],
        "track_scripts: {'name': 'a', 'weight': 300}",
    ),
    ("preempt", "maybe", "preempt is 'maybe'; it must be true or false"),
    ("virtual_routes", ["include /etc/shadow"], "virtual_routes: 'include /etc/shadow': 'include'"),
    ("virtual_routes", ["192.168.200./24 dev eth0"], "virtual_routes: '192.168.200./24 dev eth0':"),
    ("virtual_routes", ["192.0.2.0/24"], "virtual_routes: '192.0.2.0/24': keepalived 2.2 can't"),
    ("virtual_routes", ["dev eth0"], "virtual_routes: 'dev eth0': it must have one destination"),
    ("virtual_routes", ["default via"], "virtual_routes: 'default via': there is nothing after "),
    ("virtual_routes", ["default dev eth0 mtu x"], "virtual_routes: 'default dev eth0 mtu x': 'x'"),
    (
        "virtual_routes",
        ["via 2001:db8::1 default dev eth0"],
        "virtual_routes: 'via 2001:db8::1 default dev eth0': 'default' must stand before any",
    ),
    (
        "virtual_routes",
        ["192.0.2.0/24 dev eth0 via 2001:db8::1"],
        "virtual_routes: '192.0.2.0/24 dev eth0 via 2001:db8::1': it has addresses of both",
    ),
    ("virtual_rules", ["from all table 9"], "virtual_rules: 'from all table 9': it must have a pr"),
    (
        "virtual_rules",
        ["from all priority 9"],
        "virtual_rules: 'from all priority 9': it must have",
    ),
    ("garp_master_repeat", 0, "garp_master_repeat is 0; it must be a whole number from 1"),
    ("track_scripts", [{"name": "a", "reverse": True}], "track_scripts: {'name': 'a', 'reverse'"),
    ("priority", "", "priority is ''; it must be a whole number from 1 to 254"),
    ("vmac_interface", [], "vmac_interface is []; it must be the name of an interface"),
    ("mcast_dst_ip", "ff0e::1", "mcast_dst_ip is 'ff0e::1'; it must be an IPv4 multicast address"),
    (
        "vips",
        [{"address": "2001:db8::1", "label": "eth0:1"}],
        "vips: {'address': '2001:db8::1', 'label': 'eth0:1'}: an IPv6 address has no label",
    ),
]


@pytest.mark.parametrize(("field", "value", "sentence"), UNFIT)
def test_an_invalid_value_is_refused(field, value, sentence):
    messages = mistakes(with_instance(**{field: value}))
    assert any(t.startswith(f"instance web: {sentence}") for t in messages), messages


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        # Instances.
        (with_instance(vips=[]), "instance web: vips is missing; give at least one address."),
        ({"instances": [{"name": "a"}]}, "instance a: virtual_router_id is missing."),
        (
            with_instance(auth_pass="123456789"),
            "instance web: auth_pass: it is longer than 8 characters, and keepalived would cut",
        ),
        (
            with_instance(auth_pass="abc", version=3),
            "instance web: auth_pass needs VRRP version 2, and this instance speaks version 3;",
        ),
        (
            with_instance(auth_pass="abc", vips=["2001:db8::1"]),
            "instance web: auth_pass needs VRRP version 2, and this instance speaks version 3;",
        ),
        (
            {"globals": {"vrrp_version": 3}, **with_instance(auth_pass="abc")},
            "instance web: auth_pass needs VRRP version 2, and this instance speaks version 3;",
        ),
        (
            with_instance(version=2, vips=["2001:db8::1"]),
            "instance web: VRRP version 2 has no IPv6; set version: 3.",
        ),
        (
            with_instance(advert_int=0.5),
            "instance web: advert_int is 0.5, and VRRP version 2 counts whole seconds; set",
        ),
        (
            with_instance(advert_int=0.015, version=3),
            "instance web: advert_int is 0.015, and VRRP version 3 counts hundredths of a second",
        ),
        (
            with_instance(advert_int=41, version=3),
            "instance web: advert_int is 41, and VRRP version 3 counts hundredths of a second",
        ),
        (
            with_instance(vips=["192.0.2.1", "2001:db8::1"]),
            "instance web: vips are of both families (192.0.2.1 and 2001:db8::1), but",
        ),
        (
            with_instance(state="MASTER", priority=None),
            "instance web: state MASTER without a priority means 255",
        ),
        (
            with_instance(state="MASTER", preempt_delay=3),
            "instance web: preempt_delay needs the initial state BACKUP.",
        ),
        (
            with_instance(state="MASTER", preempt=False),
            "instance web: preempt: false needs the initial state BACKUP, on every director.",
        ),
        (
            with_instance(preempt=False, preempt_delay=3),
            "instance web: preempt_delay does nothing with preempt: false; remove one.",
        ),
        (
            with_instance(unicast_src_ip="192.0.2.1"),
            "instance web: unicast_src_ip is given without unicast_peers, and keepalived would",
        ),
        (
            with_instance(unicast_src_ip="192.0.2.1", unicast_peers=["192.0.2.1"]),
            "instance web: unicast_peers has 192.0.2.1, which is unicast_src_ip itself.",
        ),
        (
            with_instance(unicast_peers=["192.0.2.1", {"address": "192.0.2.1"}]),
            "instance web: unicast_peers has 192.0.2.1 twice.",
        ),
        (
            with_instance(unicast_peers=["2001:db8::1"]),
            "instance web: unicast_peers has 2001:db8::1, but the vips are ipv4.",
        ),
        (
            with_instance(unicast_peers=["192.0.2.1"], mcast_src_ip="192.0.2.2"),
            (
                "instance web: mcast_src_ip is for multicast, but unicast_peers is set; remove"
                " one of them."
            ),
        ),
        (
            with_instance(unicast_peers=["192.0.2.1"], use_vmac=True),
            "instance web: use_vmac with unicast_peers needs vmac_xmit_base: true.",
        ),
        (
            with_instance(track_scripts=["nginx"]),
            "instance web: track_scripts has nginx, which scripts does not define.",
        ),
        (
            {"instances": [INSTANCE, {**INSTANCE, "name": "b"}]},
            "instance b: virtual_router_id 51 is that of instance web on eth0, too; choose",
        ),
        (
            {"instances": [INSTANCE, {**INSTANCE, "virtual_router_id": 52}]},
            "instance web: two instances have this name; rename one of them.",
        ),
        (
            {**with_instance(), "sync_groups": [{"name": "all", "instances": ["web", "lan"]}]},
            "sync_group all: there is no instance lan.",
        ),
        (
            {
                **with_instance(),
                "sync_groups": [{"name": n, "instances": ["web"]} for n in ("a", "b")],
            },
            "sync_group b: instance web is in sync_group a already.",
        ),
        (
            {"globals": {"sync_daemon": {"interface": "eth0"}}, **with_instance()},
            "globals: sync_daemon without an instance runs as master and as backup at once",
        ),
        (
            {
                "globals": {"sync_daemon": {"interface": "eth0", "instance": "b"}},
                **with_instance(),
            },
            "globals: sync_daemon has instance b, which is not defined.",
        ),
        # Services.
        (with_service(port=0), "service tcp 192.168.2.149:0: port 0 means all ports and needs"),
        (with_service(destinations=[]), "service tcp 192.168.2.149:80: it has no destinations"),
        (
            with_destination(port=8080),
            "service tcp 192.168.2.149:80: destination 192.168.2.20: port is 8080, but with",
        ),
        (
            with_destination(method="local"),
            "service tcp 192.168.2.149:80: method is local, which only the kernel reports",
        ),
        (
            with_destination(weight=65536),
            "service tcp 192.168.2.149:80: destination 192.168.2.20: weight is 65536; it must be",
        ),
        (
            with_destination(weight=0),
            "service tcp 192.168.2.149:80: its destinations' weights add up to 0, less than the",
        ),
        (
            with_destination(notify_up="/bin/a\n}"),
            "service tcp 192.168.2.149:80: destination 192.168.2.20: notify_up '/bin/a\\n}': it",
        ),
        (
            with_service(destinations=[{"address": "192.168.2.20"}] * 2),
            "service tcp 192.168.2.149:80: 192.168.2.20:80 is in the pool twice",
        ),
        (
            {"services": [SERVICE, {**SERVICE, "name": "web"}]},
            "service web: tcp 192.168.2.149:80 is defined twice, first by service tcp",
        ),
        (
            with_service(quorum=1, hysteresis=1),
            "service tcp 192.168.2.149:80: hysteresis is 1; it must be below the quorum, 1.",
        ),
        (
            {
                "services": [
                    {"fwmark": 1, "ha_suspend": True, "destinations": []},
                    {"fwmark": 2, "ha_suspend": True, "destinations": SERVICE["destinations"]},
                ]
            },
            "service fwmark 2: ha_suspend needs an address, but a firewall mark has none",
        ),
        (
            with_service(quorums=2),
            "service tcp 192.168.2.149:80: there is no field 'quorums' (did you mean quorum?).",
        ),
        (
            with_service(sorry_server={"address": "192.168.2.40", "port": 81}),
            "service tcp 192.168.2.149:80: sorry_server: port is 81, but with method dr",
        ),
        (
            with_service(endpoints=[{"vip": "192.0.2.1", "port": 80}]),
            "service tcp 192.168.2.149:80: endpoints stand for vip; remove one of them.",
        ),
        (
            {
                "services": [
                    {
                        "endpoints": [{"vip": "192.0.2.1", "port": 80}],
                        "destinations": [{"address": "192.0.2.2"}],
                    }
                ]
            },
            "service 1: name is missing; with endpoints it becomes the name of a group.",
        ),
        # Checks.
        (
            with_service(check={"type": "htpp"}),
            "service tcp 192.168.2.149:80, check: type is 'htpp' (did you mean http?); it must be",
        ),
        (
            with_service(check={"type": "http"}),
            "service tcp 192.168.2.149:80, check http: path is missing.",
        ),
        (
            with_service(check={"type": "tcp", "urls": [{"path": "/"}]}),
            "service tcp 192.168.2.149:80, check tcp: urls goes with type http or ssl; remove it.",
        ),
        (
            with_service(check={"type": "http", "urls": [{"path": "/", "status": ["99", "a"]}]}),
            "service tcp 192.168.2.149:80, check http: urls: status: 'a': it must be a status",
        ),
        (
            with_service(port=0, persistence_timeout=50, check={"type": "tcp"}),
            "service tcp 192.168.2.149:0, check tcp: the destination has no port of its own, so",
        ),
        (
            with_service(check={"type": "file", "track_file": "load"}),
            "service tcp 192.168.2.149:80, check file: track_file is load, which track_files does",
        ),
        # What keepalived -t would refuse of fields that are right by themselves.
        (
            with_instance(vmac_xmit_base=True),
            "instance web: vmac_xmit_base is true, but there is no virtual MAC; set use_vmac: true",
        ),
        (
            with_instance(use_vmac=True, promote_secondaries=True),
            "instance web: promote_secondaries is always on with a virtual MAC; remove it.",
        ),
        (
            with_instance(timer_expired_backup=9),
            "instance web: timer_expired_backup needs preempt: false;",
        ),
        (
            with_instance(mcast_src_ip="2001:db8::1"),
            "instance web: mcast_src_ip is 2001:db8::1, but the vips are ipv4;",
        ),
        (
            with_instance(unicast_peers=[{"address": "192.0.2.1", "min_ttl": 9, "max_ttl": 8}]),
            "instance web: unicast_peers has 192.0.2.1 with a min_ttl above its max_ttl",
        ),
        (
            with_instance(track_interfaces=["eth1", {"name": "eth1", "weight": 1}]),
            "instance web: track_interfaces has eth1 twice; remove one of them.",
        ),
        (
            with_instance(track_interfaces=["eth0"]),
            "instance web: track_interfaces has eth0, the instance's own interface, which it",
        ),
        (
            with_instance(vips=["192.0.2.1", {"address": "192.0.2.1/24", "interface": "eth1"}]),
            "instance web: vips has 192.0.2.1 twice; remove one of them.",
        ),
        (
            with_instance(excluded_vips=["192.168.2.149/24"]),
            "instance web: excluded_vips has 192.168.2.149, which is in vips or excluded_vips",
        ),
        (
            with_instance(vips=[f"10.0.{n // 250}.{n % 250}" for n in range(256)]),
            "instance web: vips has 256 addresses, and an advertisement has room for 255;",
        ),
        (
            {
                "instances": [
                    {**INSTANCE, "name": name, "virtual_router_id": n, "vmac_interface": "v"}
                    for n, name in enumerate("ab", 1)
                ]
            },
            "instance b: vmac_interface is v, that of instance a, too; choose another.",
        ),
        (
            {**with_instance(), "sync_groups": [{"name": "g", "instances": ["web"]}]},
            "sync_group g: instances has web only, and a group keeps several in one state; name",
        ),
        (
            grouped({"track_interfaces": ["eth1"]}, {"track_interfaces": ["eth1"]}),
            "sync_group g: track_interfaces has eth1, which instance a tracks itself;",
        ),
        (
            grouped({"track_interfaces": ["eth0"]}, {}),
            "sync_group g: track_interfaces has eth0, which instance a tracks itself;",
        ),
        (
            {
                **grouped({}, {"track_files": ["load"]}),
                "track_files": [{"name": "load", "file": "/run/load"}],
            },
            "sync_group g: instance a tracks load with a weight, which a group ignores; set",
        ),
        (
            {
                "scripts": [{"name": "up", "command": "/bin/true"}],
                "globals": {"enable_script_security": False},
            },
            "globals: enable_script_security is false, but script up has command, and keepalived",
        ),
        (
            with_destination(notify_up="/bin/true"),
            "globals: enable_script_security is not set, but service tcp 192.168.2.149:80:",
        ),
        (
            {"globals": {"lvs_timeouts": {"tcp": None}}},
            "globals: lvs_timeouts: it has no field; give one, or remove it.",
        ),
        (
            {"bfd_instances": [{"name": "b" * 32, "neighbor_ip": "192.0.2.1"}]},
            f"bfd_instance {'b' * 32}: name '{'b' * 32}': it has 32 bytes; 31 is the most.",
        ),
        (
            {
                "bfd_instances": [
                    {"name": "a", "neighbor_ip": "192.0.2.1", "source_ip": "192.0.2.2"},
                    {"name": "b", "neighbor_ip": "192.0.2.1"},
                ]
            },
            "bfd_instance b: another BFD instance has the neighbor_ip 192.0.2.1, too;",
        ),
        (
            {"bfd_instances": [{"name": "a", "neighbor_ip": "192.0.2.1", "source_ip": "fd00::1"}]},
            "bfd_instance a: source_ip is fd00::1, but neighbor_ip is 192.0.2.1;",
        ),
        (
            {"bfd_instances": [{"name": "a", "neighbor_ip": "fd00::1", "max_hops": 65}]},
            "bfd_instance a: max_hops is 65; it must be at most the ttl, 64.",
        ),
        (
            {"track_processes": [{"name": "a", "process": "b", "quorum": 3, "quorum_max": 2}]},
            "track_process a: quorum_max is 2; it must be at least the quorum, 3.",
        ),
        (
            {"track_files": [{"name": "a", "file": "/load"}]},
            "track_file a: file is '/load'; it must be a path from the root, in a directory",
        ),
        (
            with_service(check={"type": "tcp", "bindto": "2001:db8::1"}),
            "service tcp 192.168.2.149:80, check tcp: bindto is 2001:db8::1; it must be of the",
        ),
        (
            with_service(check={"type": "udp", "min_reply_length": 300}),
            "service tcp 192.168.2.149:80, check udp: min_reply_length is 300; it must be at most",
        ),
        (
            with_service(check={"type": "dns", "name": "a.b"}),
            "service tcp 192.168.2.149:80, check dns: name is 'a.b'; it must be a domain name",
        ),
        (
            with_service(sorry_server={"address": "192.168.2.20", "inhibit": True}),
            "service tcp 192.168.2.149:80: sorry_server is a destination, too, and its inhibit is",
        ),
        # The rest.
        ({"extra": "a {\n}\n}\n"}, "extra, line 3: this brace closes none."),
        ({"extra": 'a { # }\n "}"\n'}, "extra: 1 of its braces are not closed."),
        ({"globels": {}}, "keepalived_conf: there is no field 'globels' (did you mean globals?)."),
        ({"instances": "web"}, "instances: it is not a list."),
        ({"services": ["web"]}, "services, number 1: it is not a mapping of fields."),
        (
            {"globals": {"router_id": "a", "vrrp_cpu_affinity": list(range(400))}},
            "vrrp_cpu_affinity: it makes a line of 1509 bytes, and keepalived reads 1000 at most.",
        ),
    ],
)
def test_a_mistake(config, sentence):
    messages = mistakes(copy.deepcopy(config))
    assert [t for t in messages if t.startswith(sentence)], messages
    assert all(t.endswith(".") for t in messages)


def test_all_mistakes_are_reported_at_once():
    config = {
        "globals": {"vrrp_version": 4, "router": "d23"},
        **with_instance(priority=0, interface="", vips=[]),
        "services": [{"vip": "none", "port": 80, "quorum": 0, "destinations": [{"weight": -1}]}],
    }
    assert len(mistakes(config)) == 9


def test_a_mistake_in_a_secret_does_not_show_it():
    for secret in ("correct horse battery", "a{b", "open me", ["open me"]):
        messages = mistakes(with_instance(auth_pass=secret))
        assert [t for t in messages if t.startswith("instance web: auth_pass")]
        assert not [t for t in messages if "horse" in t or "a{b" in t or "open me" in t]


# ---- releases ----------------------------------------------------------------------------------


def test_options_newer_than_the_installed_release_are_refused():
    config = with_instance(version=3, v3_checksum_as_v2=True)
    assert mistakes(config, (2, 2, 8)) == mistakes(config) == []
    assert mistakes(config, (2, 2, 7)) == [
        "instance web: v3_checksum_as_v2 needs keepalived 2.2.8 or later, and 2.2.7 is installed."
    ]
    [messages] = mistakes(with_service(check={"type": "ping"}), (2, 0, 20))
    assert messages.startswith(
        "service tcp 192.168.2.149:80, check ping: type ping needs keepalived 2.1.0"
    )
    assert mistakes({}, (1, 3, 9)) == ["keepalived: 1.3.9 is installed; this needs 2.0.0 or later."]


def test_the_release_is_read_from_keepalived():
    output = "Keepalived v2.2.7 (01/16,2022)\n\nCopyright(C) 2001-2022 Alexandre Cassen\n"
    assert _keepalived.parse_version(output) == (2, 2, 7)
    assert _keepalived.parse_version("command not found") is None


def documented(options, spec, place=""):
    """Yield each option with its place, what is documented and what the module takes."""
    assert set(options) == set(spec), place
    for name, option in options.items():
        yield f"{place}{name}", option, spec[name]
        if "suboptions" in option:
            yield from documented(option["suboptions"], spec[name]["options"], f"{place}{name}.")


def test_documentation_agrees_with_the_tables():
    """ansible-test's validate-modules looks at types and choices only."""
    options = yaml.safe_load(documentation.ModuleDocFragment.DOCUMENTATION)["options"]
    described = {
        place: " ".join([description] if isinstance(description, str) else description)
        for place, option, _ in documented(options, _options.argument_spec())
        for description in [option["description"]]
    }
    tables = {
        "globals": (*_options.ROOT, *_options.GLOBALS),
        **{name: table for name, (_, table) in _options.BLOCKS.items()},
        "services": _options.SERVICE,
        "services.destinations": _options.DESTINATION,
        **{f"services.check {kind}": check.table for kind, check in _options.CHECKS.items()},
    }
    for place, table in tables.items():
        for option in table:
            text = described[f"{place.split()[0]}.{option.name}"]
            if option.since:
                assert f"keepalived {_keepalived_fields.dotted(option.since)}" in text, option.name
            if option.required:
                assert "Required" in text, option.name
            bounds = re.findall(r"From V\((\S+)\) to V\((\S+)\)", text)
            if bounds and option.kind.argument["type"] in ("int", "float"):
                written = tuple(map(float, bounds[-1]))
                assert written == option.kind.domain[:2], option.name


# ---- injection ---------------------------------------------------------------------------------

ANY = st.text(max_size=40) | st.text(alphabet="{}\"'!#\\$@~ \t\n\r/ax1.", min_size=1, max_size=12)
#: Where a person's text gets into the file: the table, and how a configuration has it.
PLACES = {
    "globals": lambda field, text: {"globals": {field: text}},
    "scripts": lambda field, text: {
        "scripts": [{"name": "a", "command": "/bin/true", field: text}]
    },
    "instances": lambda field, text: with_instance(**{field: text}),
    "services": lambda field, text: with_service(**{field: text}),
    "destinations": lambda field, text: with_destination(**{field: text}),
    "checks": lambda field, text: with_service(
        check={"type": "http", "urls": [{"path": "/"}], field: text}
    ),
    "urls": lambda field, text: with_service(
        check={"type": "http", "urls": [{"path": "/", field: text}]}
    ),
    "vips": lambda field, text: with_instance(vips=[{"address": "192.0.2.1", field: text}]),
    "names": lambda field, text: with_service(
        name=text, **({} if field == "name" else {"sorry_server": {"address": text}})
    ),
}
FIELDS = {
    "globals": [*(option.name for option in (*_options.ROOT, *_options.GLOBALS))],
    "scripts": [option.name for option in _options.BLOCKS["scripts"][1]],
    "instances": [option.name for option in _options.BLOCKS["instances"][1]],
    "services": [option.name for option in _options.SERVICE],
    "destinations": ["address", *(option.name for option in _options.DESTINATION)],
    "checks": [option.name for option in _options.CHECKS["http"].table],
    "urls": [option.name for option in _options.URL],
    "vips": ["address", "interface", "label", "scope"],
    "names": ["name", "sorry_server"],
}


@pytest.mark.parametrize("place", PLACES)
@given(data=st.data())
def test_no_text_ends_the_word_that_it_is_written_as(place, data):
    """As keepalived's parser reads it: quotes, then comments, then braces; 1023 bytes a line."""
    field = data.draw(st.sampled_from(FIELDS[place]))
    text = data.draw(ANY | st.lists(ANY, max_size=3))
    config = PLACES[place](field, text)
    if mistakes(config):
        return
    depth = 0
    for line in render(config).split("\n"):
        assert line.isprintable()
        assert len(line.encode()) < 1024
        if line.startswith("#") and depth == 0:
            continue  # comments of this collection
        bare = re.sub(r'"[^"]*"', "", line)
        assert not re.search(r"[\"'!#\\$]", bare), line
        assert re.fullmatch(r"[^{}]*\{?|\s*\}", bare), line
        assert not re.match(r"\s*(include|[@~$])", line), line
        depth += bare.count("{") - bare.count("}")
    assert depth == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(data=st.data())
def test_any_data_is_accepted_or_reported(data):
    """A mistake in an inventory is a sentence, never an exception."""
    place = data.draw(st.sampled_from(list(PLACES)))
    field = data.draw(st.sampled_from(FIELDS[place]))
    assert isinstance(mistakes(PLACES[place](field, data.draw(JSON)), (2, 2, 7)), list)
    part = data.draw(st.sampled_from(list(_options.argument_spec())))
    wild = data.draw(JSON | st.lists(st.fixed_dictionaries({"name": JSON}), max_size=2))
    assert isinstance(mistakes({**with_instance(), **with_service(), part: wild}), list)


# ---- secrets, and what a reload does not do ----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("  auth_pass 1111\n  port 1111\n", "  auth_pass <secret 1>\n  port 1111\n"),
        ('auth_pass "a b" # x\n', "auth_pass <secret 1> # <secret 2>\n"),
        ("# auth_pass old\nauth_pass new\n", "# auth_pass <secret 1>\nauth_pass <secret 2>\n"),
        ("SSL {\n  password x\n}\n", "SSL {\n  password <secret 1>\n}\n"),
        ("authentication { auth_pass x}\n", "authentication { auth_pass <secret 1>}\n"),
        ("$P=abc\nauth_pass $P\n", "$P=<secret 1>\nauth_pass <secret 2>\n"),
        ("auth_pass ${P}\n$P=abc\n", None),
    ],
)
def test_secrets_are_hidden_where_they_stand(text, hidden):
    messages = Mask()(text)
    assert messages == hidden if hidden else "abc" not in messages


def test_different_secrets_have_different_placeholders():
    mask = Mask()
    before, after = mask("auth_pass a\nauth_pass b\n"), mask("auth_pass b\nauth_pass a\n")
    assert before != after
    assert mask("auth_pass a\nauth_pass b\n") == before


def test_messages_of_keepalived_have_their_line_and_no_secret():
    text = "vrrp_instance web {\n  auth_pass 1111\n}\n"
    output = (
        "(/tmp/x: Line 2) Unknown keyword '1111'\n(Line 1111) odd\n\n"
        "(web) 10.0.0.1:1111 Unknown interface!\n"
    )
    assert keepalived_conf.error_messages(output, "/tmp/x", text, Mask()) == [
        "keepalived reports, line 2 (auth_pass <secret 1>): Unknown keyword '<secret 1>'.",
        "keepalived reports: odd.",
        "keepalived reports: (web) 10.0.0.1:1111 Unknown interface!.",
    ]
    assert keepalived_conf.error_messages("", "/tmp/x", text, Mask()) == [
        "keepalived reports nothing."
    ]


@pytest.mark.parametrize(
    ("before", "after", "needed"),
    [
        (None, "nftables x\n", False),
        ("", "", False),
        ("", "global_defs {\n  nftables x\n}\n", True),
        ("nftables x\n", "  nftables   x\n", False),
        ("nftables x\n", "nftables y\n", True),
        ("net_namespace a\n", "", True),
        ("vrrp_priority -10\n", "vrrp_priority -20\n", False),
        ("lvs_sync_daemon eth0 inst a\n", "lvs_sync_daemon eth1 inst b\n", False),
        ("lvs_sync_daemon eth0 inst a\n", "lvs_sync_daemon eth0 id 51\n", True),
        ("lvs_sync_daemon eth0 id 51\n", "lvs_sync_daemon eth0 inst a\n", True),
        ("real_server 192.0.2.1 80 {\n", "", False),
        ("vrrp_instance lvs {\n", "", True),
        ("", "vrrp_instance lvs {\n", False),
    ],
)
def test_settings_that_a_reload_ignores_need_a_restart(before, after, needed):
    assert _keepalived.restart_needed(before, after) == needed


# ---- the module --------------------------------------------------------------------------------


@pytest.fixture
def without_keepalived(monkeypatch):
    monkeypatch.setattr(_program, "where", lambda _name: None)


def test_without_keepalived_a_change_is_reported_and_refused(
    run_main, without_keepalived, tmp_path
):
    options = {"path": str(tmp_path / "a" / "k.conf"), "instances": [INSTANCE]}
    result = run_main("keepalived_conf", check=True, **options)
    assert (result["changed"], result["version"]) == (True, None)
    missing = "There is no keepalived on this host: install keepalived."
    assert run_main("keepalived_conf", **options)["mistakes"] == [missing]
    assert list(tmp_path.iterdir()) == []


def test_mistakes_come_before_anything_else(run_main, without_keepalived, tmp_path):
    instance = {**INSTANCE, "auth_pass": "123456789", "priority": 255}
    path = tmp_path / "k.conf"
    result = run_main("keepalived_conf", path=str(path), instances=[instance])
    assert len(result["mistakes"]) == 2
    assert "123456789" not in str(result)
    assert not path.exists()


def test_a_secret_is_hidden_and_a_port_like_it_is_not(run_main, without_keepalived, tmp_path):
    result = run_main(
        "keepalived_conf",
        check=True,
        invocation=True,
        path=str(tmp_path / "k.conf"),
        instances=[{**INSTANCE, "auth_pass": "1111"}],
        services=[{**SERVICE, "port": 1111}],
        extra="vrrp_instance b {\n  auth_pass 2222\n}\n",
    )
    arguments = result["invocation"]["module_args"]
    assert arguments["instances"][0]["auth_pass"] == "<secret>"
    assert arguments["services"][0]["port"] == 1111
    assert "virtual_server 192.168.2.149 1111 {" in result["after"]["text"]
    assert "auth_pass 1111" not in str(result)
    assert "2222" not in str(result)


# A check of one page.


@pytest.mark.parametrize(
    ("simple", "page"),
    [
        ({"path": "/", "status": 200}, {"path": "/", "status": [200]}),
        ({"path": "/", "status": "200-299"}, {"path": "/", "status": ["200-299"]}),
        ({"path": "/", "status": [200, "301"]}, {"path": "/", "status": [200, "301"]}),
        (
            {"path": "/up", "digest": "0" * 32, "host": "www.example.org"},
            {"path": "/up", "digest": "0" * 32, "host": "www.example.org"},
        ),
    ],
)
@pytest.mark.parametrize("kind", ["http", "ssl"])
def test_a_check_of_one_page_needs_no_urls(kind, simple, page):
    # As a module gets it: what is not given is null.
    rest = {"type": kind, "retries": 2, "virtualhost": "example.org", "urls": None}
    full = with_service(check={**rest, "urls": [page]})
    assert mistakes(with_service(check={**rest, **simple})) == mistakes(full) == []
    assert render(with_service(check={**rest, **simple})) == render(full)
    assert _options.full_check({**rest, **simple}) == {**rest, "urls": [page]}
    assert _options.full_check({**rest, "urls": [page]}) == {**rest, "urls": [page]}


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (
            {"type": "http", "path": "/", "urls": [{"path": "/"}]},
            "check http: path and urls are given; put path into an item of urls.",
        ),
        ({"type": "http", "status": 200}, "check http: path is missing."),
        ({"type": "ssl", "path": "/", "status": 99}, "check ssl: status 99: it must be a status"),
        ({"type": "tcp", "path": "/"}, "check tcp: path goes with type http or ssl; remove it."),
        ({"type": "udp", "query": "A"}, "check udp: query goes with type dns; remove it."),
        (
            {"type": "http", "path": "/", "pause": 3},
            "check http: there is no field 'pause' (there are type, connect_ip, connect_port, ",
        ),
        (
            {"type": "http", "urls": [{"path": "/", "colour": 3}]},
            "urls: there is no field 'colour' (there are path, status, digest and host).",
        ),
    ],
)
def test_a_mistake_in_a_check_of_one_page_is_reported(check, sentence):
    [messages] = mistakes(with_service(check=check))
    assert sentence in messages


def test_a_long_list_of_fields_is_cut_and_refers_to_the_rest():
    [messages] = mistakes({"globals": {"colour": 1}})
    assert re.search(r" and \d\d more; see ansible-doc lvs.cluster.keepalived_conf\)\.$", messages)


@pytest.mark.parametrize("text", ["\ud800", "a\x00", "vrrp_script a {\r\n}"])
def test_free_text_has_no_control_characters(text):
    [messages] = mistakes({"extra": f"# a\n{text}"})
    assert re.match(r"extra, line 2: it has '\\\S+' in it; remove that\.", messages)


def test_the_module_s_arguments_take_a_check_of_one_page():
    check = {"type": "http", "path": "/", "status": 200}
    config = with_service(check=check)
    taken = ArgumentSpecValidator(_options.argument_spec()).validate(config)
    assert taken.error_messages == []
    given = {name: value for name, value in taken.validated_parameters.items() if value}
    assert mistakes(given) == []
    assert render(given) == render(config)
