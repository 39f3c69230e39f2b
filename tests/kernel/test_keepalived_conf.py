# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module keepalived_conf, judged by the keepalived that is installed here, or is in PATH.

Every option that this module knows is read by that keepalived in one of the configurations below,
unless it is newer.
"""

from __future__ import annotations

import copy
import os
import signal
import stat
import subprocess
import time
from random import Random

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _keepalived,
    _keepalived_applied,
    _keepalived_fields,
)
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.modules import keepalived_conf

TRUE = "/bin/true"
VIP = {"vip": "192.168.2.149", "port": 80}
PLAIN = {"name": "web", "interface": "eth0", "virtual_router_id": 51, "vips": ["192.168.2.149"]}
#: Everything that scripts can be run by is on: keepalived warns of a script without it.
SCRIPTS = {"enable_script_security": True, "script_user": "nobody"}
TIMING = {"delay_loop": 6, "delay_before_retry": 1.5, "warmup": 0}
ALL_CHECKS = {**TIMING, "retries": 0, "alpha": True, "log_all_failures": True}
CONNECTING = {
    "connect_ip": "192.168.2.20",
    "connect_port": 8080,
    "bindto": "192.168.2.23",
    "bind_if": "eth0",
    "bind_port": 1024,
    "connect_timeout": 0.25,
    "fwmark": 7,
    **ALL_CHECKS,
}
HTTP = {
    **CONNECTING,
    "http_protocol": "1.1",
    "virtualhost": "www.example.com",
    "fast_recovery": True,
    "urls": [
        {"path": "/", "status": ["200-299", "301"], "host": "example.com"},
        {"path": "/a?b=c&d=~e", "digest": "9b3a0c85a887a256d6939da88aabd8cd"},
    ],
}
CHECKS = {
    "tcp": CONNECTING,
    "http": HTTP,
    "ssl": {**HTTP, "sni": True, "tls_compliant": True},
    "smtp": {**CONNECTING, "helo_name": "director.example.com"},
    "dns": {**CONNECTING, "query": "AAAA", "name": "example.com"},
    "udp": {
        **CONNECTING,
        "payload": "01 ab",
        "require_reply": "0X",
        "min_reply_length": 1,
        "max_reply_length": 9,
    },
    "ping": CONNECTING,
    "misc": {**ALL_CHECKS, "command": TRUE, "timeout": 3, "dynamic": True, "user": "nobody"},
    "file": {"track_file": "load", "weight": -2},
    "bfd": {"name": "peer", "alpha": True},
}
PROCESS = {"no_swap": True, "rlimit_rttime": 10000, "cpu_affinity": [0]}
BUFFERS = {"rcv_bufs": 1048576, "rcv_bufs_force": True}
GLOBALS = {
    "child_wait_time": 10,
    "interface_delays": [
        {"interface": "eth0", "down": 0.5, "up": 1},
        {"interface": "eth1", "down": 1},
    ],
    "tmp_config_directory": "/tmp",
    "router_id": "director 23",
    "notification_email": ["ops@example.com", "The Operators <ops@example.org>"],
    "notification_email_from": "Director 23 <d23@example.com>",
    "smtp_server": "192.168.2.10:2525",
    "smtp_helo_name": "d23.example.com",
    "smtp_connect_timeout": 30,
    "smtp_alert": True,
    "smtp_alert_vrrp": False,
    "smtp_alert_checker": True,
    "no_email_faults": True,
    "no_checker_emails": True,
    "script_user": "nobody nogroup",
    "enable_script_security": True,
    "use_symlink_paths": True,
    "startup_script": f"{TRUE} up",
    "startup_script_timeout": 10,
    "shutdown_script": TRUE,
    "shutdown_script_timeout": 10,
    "notify_fifo": "/run/keepalived.fifo",
    "notify_fifo_script": TRUE,
    "vrrp_notify_fifo": "/run/keepalived-vrrp.fifo",
    "vrrp_notify_fifo_script": TRUE,
    "lvs_notify_fifo": "/run/keepalived-lvs.fifo",
    "lvs_notify_fifo_script": TRUE,
    "fifo_write_vrrp_states_on_reload": True,
    "vrrp_notify_priority_changes": True,
    "vrrp_version": 3,
    "vrrp_mcast_group4": "224.0.0.19",
    "vrrp_mcast_group6": "ff02::13",
    "vrrp_garp_master_delay": 5,
    "vrrp_garp_master_repeat": 5,
    "vrrp_garp_master_refresh": 60,
    "vrrp_garp_master_refresh_repeat": 2,
    "vrrp_garp_lower_prio_delay": 5,
    "vrrp_garp_lower_prio_repeat": 1,
    "vrrp_garp_interval": 0.001,
    "vrrp_gna_interval": 0.000001,
    "vrrp_min_garp": False,
    "vrrp_garp_extra_if": 100,
    "vrrp_down_timer_adverts": 3,
    "vrrp_lower_prio_no_advert": True,
    "vrrp_higher_prio_send_advert": True,
    "vrrp_check_unicast_src": True,
    "vrrp_skip_check_adv_addr": True,
    "v3_checksum_as_v2": True,
    "vrrp_startup_delay": 5.5,
    "vrrp_delay_after_boot": 30,
    "log_unknown_vrids": True,
    "default_interface": "eth0",
    "dynamic_interfaces": True,
    "disable_local_igmp": True,
    "vmac_prefix": "vm",
    "vmac_addr_prefix": "va",
    "nftables": "keepalived_vrrp",
    "nftables_priority": -1,
    "nftables_counters": True,
    "vrrp_rx_bufs_policy": "ADVERT",
    "vrrp_rx_bufs_multiplier": 3,
    "lvs_flush": True,
    "lvs_flush_on_stop": True,
    "lvs_timeouts": {"tcp": 900, "tcpfin": 120, "udp": 300},
    "sync_daemon": {
        "interface": "eth0",
        "instance": "web",
        "id": 51,
        "maxlen": 1400,
        "port": 8849,
        "ttl": 1,
        "group": "224.0.0.82",
    },
    "nftables_ipvs": "keepalived_ipvs",
    "nftables_ipvs_priority": -2,
    "nftables_ipvs_start_fwmark": 1000,
    "checker_log_all_failures": True,
    "rs_init_notifies": True,
    **{f"{name}_{key}": PROCESS[key] for name in ("vrrp", "checker", "bfd") for key in PROCESS},
    **{f"{name}_priority": -10 for name in ("vrrp", "checker", "bfd")},
    **{f"{name}_rt_priority": 50 for name in ("vrrp", "checker", "bfd")},
    "max_auto_priority": 99,
    "min_auto_priority_delay": 1000000,
    "process_names": True,
    **{
        f"{name}_netlink_{which}_{key}": value
        for name in ("vrrp", "lvs")
        for which in ("cmd", "monitor")
        for key, value in BUFFERS.items()
    },
    "umask": "077",
    "reload_check_config": True,
    "reload_time_file": "/etc/keepalived/reload_at",
    "reload_repeat": True,
    "snmp_socket": "unix:/var/agentx/master",
    "enable_snmp_vrrp": True,
    "enable_snmp_checker": True,
    "enable_snmp_rfc": True,
    "enable_traps": True,
    "snmp_vs_stats_update_interval": 5,
    "snmp_rs_stats_update_interval": 5,
}
NOTIFIES = {
    **{f"notify_{state}": f"{TRUE} {state}" for state in ("master", "backup", "fault", "stop")},
    "notify": TRUE,
    "notify_priority_changes": True,
    "smtp_alert": True,
}
GARP = {key[5:]: value for key, value in GLOBALS.items() if key.startswith("vrrp_garp_")}
GARP.pop("garp_interval")
TRACKS = {
    "track_interfaces": ["eth1", {"name": "lan.7", "weight": 10, "reverse": True}],
    "track_scripts": ["nginx", {"name": "slow", "weight": -20}],
    "track_files": ["load"],
    "track_processes": [{"name": "nginx", "weight": -5}],
    "track_bfds": ["peer", {"name": "other", "weight": 3}],
}
TRACKED = {
    "scripts": [
        {
            "name": "nginx",
            "command": TRUE,
            "interval": 2,
            "timeout": 1,
            "rise": 2,
            "fall": 3,
            "weight": -60,
            "user": "nobody",
            "init_fail": True,
        },
        {"name": "slow", "command": f"{TRUE} --slow"},
    ],
    "track_files": [{"name": "load", "file": "/run/load", "weight": 2, "init_file": 0}],
    "track_processes": [
        {
            "name": "nginx",
            "process": "nginx -g daemon",
            "param_match": "initial",
            "weight": 10,
            "quorum": 1,
            "quorum_max": 9,
            "fork_delay": 0.5,
            "terminate_delay": 0.5,
            "full_command": True,
        }
    ],
    "bfd_instances": [
        {
            "name": "peer",
            "neighbor_ip": "192.168.2.31",
            "source_ip": "192.168.2.23",
            "min_rx": 50,
            "min_tx": 50.5,
            "idle_tx": 1000,
            "multiplier": 3,
            "passive": True,
            "ttl": 255,
            "max_hops": 1,
            "multihop": True,
            "weight": -5,
        },
        {"name": "other", "neighbor_ip": "2001:db8::31", "hoplimit": 64},
    ],
}
DESTINATION = {
    "address": "192.168.2.20",
    "weight": 0,
    "upper_threshold": 100,
    "lower_threshold": 50,
    **TIMING,
    "connect_timeout": 1,
    "inhibit_on_failure": True,
    "smtp_alert": False,
    "virtualhost": "rs20.example.com",
    "snmp_name": "rs20",
    "alpha": False,
    "retries": 2,
    "notify_up": f"{TRUE} up",
    "notify_down": TRUE,
}
POOL = [DESTINATION, {"address": "192.168.2.21", "weight": 3}]
SERVICE = {
    **VIP,
    "name": "web",
    "scheduler": "mh",
    "scheduler_flags": ["mh-fallback", "mh-port"],
    "persistence_timeout": 50,
    "persistence_mask": 24,
    **TIMING,
    "connect_timeout": 1,
    "inhibit_on_failure": True,
    "smtp_alert": True,
    "virtualhost": "www.example.com",
    "snmp_name": "web",
    "alpha": True,
    "retries": 3,
    "omega": True,
    "ha_suspend": True,
    "quorum": 2,
    "hysteresis": 1,
    "quorum_up": f"{TRUE} up",
    "quorum_down": TRUE,
    "sorry_server": {"address": "192.168.2.40", "method": "nat", "port": 8080, "inhibit": True},
    "check": {"type": "tcp"},
    "destinations": POOL,
}
VIP6 = "2001:db8::149"
CONFIGS = {
    "globals": {"globals": GLOBALS, "instances": [PLAIN]},
    "no instances": {"globals": {"router_id": "d23"}},
    "tracks": {
        "globals": SCRIPTS,
        **TRACKED,
        "instances": [{**PLAIN, **TRACKS, **NOTIFIES, "notify_master_rx_lower_pri": TRUE}],
    },
    "groups": {
        "globals": SCRIPTS,
        **TRACKED,
        "instances": [
            PLAIN,
            {**PLAIN, "name": "lan", "interface": "eth1", "vips": ["192.168.3.149/24"]},
        ],
        "sync_groups": [
            {
                "name": "both",
                "instances": ["web", "lan"],
                "sync_group_tracking_weight": True,
                **TRACKS,
                **NOTIFIES,
                "track_interfaces": ["lan.7"],
            }
        ],
    },
    "version 2, unicast": {
        "instances": [
            {
                **PLAIN,
                **GARP,
                "version": 2,
                "state": "BACKUP",
                "priority": 150,
                "advert_int": 5,
                "down_timer_adverts": 4,
                "preempt": True,
                "preempt_delay": 30.5,
                "auth_pass": "1111",
                "unicast_src_ip": "192.168.2.23",
                "unicast_peers": [
                    "192.168.2.31",
                    {"address": "192.168.2.32", "min_ttl": 254, "max_ttl": 255},
                ],
                "unicast_ttl": 255,
                "unicast_fault_no_peer": True,
                "check_unicast_src": True,
                "track_src_ip": True,
                "vips": [
                    {
                        "address": "192.168.2.149",
                        "prefix": 24,
                        "interface": "eth1",
                        "label": "eth1:lvs",
                        "scope": "global",
                        "no_track": True,
                    },
                    "192.168.2.150/24",
                ],
                "excluded_vips": [VIP6, {"address": "192.168.2.151/32"}],
                "promote_secondaries": True,
                "virtual_routes": ["192.168.9.0/24 via 192.168.2.1 dev eth0"],
                "virtual_rules": ["from 192.168.9.0/24 table 100 preference 99"],
                "accept": True,
                "dont_track_primary": True,
                "lower_prio_no_advert": True,
                "higher_prio_send_advert": True,
                "skip_check_adv_addr": True,
            }
        ]
    },
    "version 3, multicast": {
        "instances": [
            {
                **PLAIN,
                "version": 3,
                "state": "MASTER",
                "priority": 200,
                "advert_int": 0.02,
                "mcast_src_ip": "192.168.2.23",
                "mcast_dst_ip": "224.0.0.19",
                "v3_checksum_as_v2": True,
                "accept": False,
            },
            {
                **PLAIN,
                "name": "mac",
                "virtual_router_id": 52,
                "vmac_interface": "vrrp52",
                "use_vmac_addr": True,
                "vmac_xmit_base": True,
                "preempt": False,
                "timer_expired_backup": 200,
                "vips": ["192.168.2.152"],
            },
            {
                **PLAIN,
                "name": "mac53",
                "virtual_router_id": 53,
                "use_vmac": True,
                "vips": ["192.168.2.153"],
            },
            {**PLAIN, "name": "six", "vips": [VIP6], "unicast_peers": ["2001:db8::31"]},
        ]
    },
    "no addresses": {
        "instances": [{**PLAIN, "vips": [], "no_virtual_ipaddress": True, "version": 3}]
    },
    "service": {"globals": SCRIPTS, "services": [SERVICE]},
    "every port": {
        "services": [
            {
                **VIP,
                "port": 0,
                "scheduler": "rr",
                "persistence_timeout": 50,
                "check": {**CHECKS["http"]},
                "destinations": [{"address": "192.168.2.20", "check": {"type": "none"}}],
            }
        ]
    },
    "endpoints": {
        "services": [
            {
                "name": "web",
                "endpoints": [VIP, {**VIP, "port": 443}],
                "check": {"type": "tcp", "connect_port": 80},
                "destinations": [
                    {"address": "192.168.2.20"},
                    {"address": "192.168.2.21", "method": "nat", "port": 8080},
                ],
                "sorry_server": {"address": "192.168.2.40"},
            }
        ]
    },
    "kinds of services": {
        "services": [
            {
                "vip": "192.168.2.149",
                "port": 5060,
                "protocol": "udp",
                "one_packet": True,
                "scheduler": "sh",
                "scheduler_flags": ["sh-port", "flag-3"],
                "destinations": [{"address": "192.168.2.20", "method": "fullnat", "port": 5061}],
            },
            {
                "vip": "192.168.2.150",
                "port": 5060,
                "protocol": "udp",
                "persistence_timeout": 300,
                "persistence_engine": "sip",
                "destinations": [{"address": "192.168.2.20"}],
            },
            {
                "vip": VIP6,
                "port": 80,
                "protocol": "sctp",
                "scheduler": "twos",
                "persistence_timeout": 5,
                "persistence_mask": 64,
                "destinations": [{"address": "2001:db8::20"}],
            },
            {"fwmark": 7, "destinations": [{"address": "192.168.2.20"}]},
            {
                "fwmark": 7,
                "family": "ipv6",
                "scheduler": "fo",
                "check": {"type": "ping"},
                "destinations": [{"address": "2001:db8::20"}],
            },
            {
                "vip": "192.168.2.151",
                "port": 80,
                "destinations": [
                    {"address": "192.168.2.20", "method": "tun"},
                    {
                        "address": "192.168.2.21",
                        "method": "tun",
                        "tunnel_type": "gre",
                        "tunnel_checksum": "checksum",
                    },
                    {
                        "address": "2001:db8::22",
                        "method": "tun",
                        "tunnel_type": "gue",
                        "tunnel_port": 6080,
                        "tunnel_checksum": "remote",
                    },
                ],
            },
        ]
    },
    **{
        f"check {kind}": {
            "globals": SCRIPTS,
            "track_files": TRACKED["track_files"],
            "bfd_instances": TRACKED["bfd_instances"][:1],
            "services": [
                {**VIP, "check": {"type": kind, **fields}, "destinations": [POOL[1]]},
            ],
        }
        for kind, fields in CHECKS.items()
    },
}
CONFIGS["every port"]["services"][0]["check"]["type"] = "http"


@pytest.fixture(scope="module")
def version():
    return _keepalived.parse_version(keepalived_conf._ask("--version")[1])


@pytest.fixture
def director(netns, peer):
    """The test's own namespace, with two interfaces."""
    peer("eth0", "192.168.2.23/24")
    netns.address("2001:db8::23/64", "eth0")
    peer("eth1", "192.168.3.23/24")
    peer("lan.7")
    for name in ("eth0", "eth1", "lan.7"):
        netns.ip(f"link set {name} up multicast on")
    return netns


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keepalived" / "keepalived.conf"


def supported(table, raw, version):
    """Return what an older keepalived has of a mapping."""
    newer = {option.name for option in table if option.since > version}
    return {name: value for name, value in raw.items() if name not in newer}


def for_version(config, version):
    """Return what an older keepalived has of a configuration."""
    config = copy.deepcopy(config)
    tables = {
        "globals": (*_options.ROOT, *_options.GLOBALS),
        **{name: table for name, (_, table) in _options.BLOCKS.items()},
    }
    for name, table in tables.items():
        raw = config.get(name)
        if isinstance(raw, list):
            config[name] = [supported(table, item, version) for item in raw]
        elif raw:
            config[name] = supported(table, raw, version)
    for service in config.get("services", []):
        check = service.get("check")
        if check:
            service["check"] = supported(_options.CHECKS[check["type"]].table, check, version)
    # Without this option an instance needs an address.
    config["instances"] = [
        instance
        for instance in config.get("instances", [])
        if instance["vips"] or "no_virtual_ipaddress" in instance
    ]
    return config


@pytest.mark.parametrize("name", CONFIGS)
def test_keepalived_accepts_every_option_that_it_has(run_module, director, version, path, name):
    config = for_version(CONFIGS[name], version)
    result = run_module("keepalived_conf", path=str(path), **config)
    assert "failed" not in result, "\n".join([result["msg"], _keepalived.render(config, version)])
    assert result["changed"]
    written = path.read_text()
    if version < (2, 2, 8):
        written = written.replace(_keepalived_applied.UNCHECKED, "reload_check_config")
    assert written == _keepalived.render(config, version)


def used(raw):
    """Return the options that are used in a configuration, at any depth."""
    if isinstance(raw, dict):
        return set(raw).union(*map(used, raw.values()))
    return set().union(*map(used, raw)) if isinstance(raw, list) else set()


def test_every_option_is_in_one_of_these_configurations():
    """Each table on its own: an option of a service is another one than that of a check."""
    wanted = {
        "globals": (*_options.ROOT, *_options.GLOBALS),
        **{name: table for name, (_, table) in _options.BLOCKS.items()},
        "services": _options.SERVICE,
    }
    for name, table in wanted.items():
        there = set().union(*(used(config.get(name)) for config in CONFIGS.values()))
        assert {option.name for option in table} <= there, name
    assert {option.name for option in _options.DESTINATION} <= set(DESTINATION)
    assert {option.name for option in _options.URL} <= used(HTTP["urls"])
    for kind, check in _options.CHECKS.items():
        assert {option.name for option in check.table} == set(CHECKS[kind]), kind


def test_a_check_leaves_nothing_behind(run_module, director, path, tmp_path, version):
    path.parent.mkdir()
    config = for_version({"globals": {**GLOBALS, "tmp_config_directory": str(tmp_path)}}, version)
    del config["globals"]["sync_daemon"]
    before = {directory: sorted(os.listdir(directory)) for directory in ("/run", tmp_path)}
    assert run_module("keepalived_conf", path=str(path), check=True, **config)["changed"]
    assert before == {directory: sorted(os.listdir(directory)) for directory in before}
    assert list(path.parent.iterdir()) == []


def test_a_file_is_written_once_and_belongs_to_root_alone(run_module, director, path):
    options = {"path": str(path), "instances": [PLAIN]}
    result = run_module("keepalived_conf", **options, check=True)
    assert (result["changed"], result["before"], path.exists()) == (True, None, False)
    assert run_module("keepalived_conf", **options)["changed"]
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, 0)
    assert not run_module("keepalived_conf", **options)["changed"]

    path.chmod(0o644)
    result = run_module("keepalived_conf", **options)
    assert (result["changed"], result["before"]["mode"]) == (True, "0644")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keepalived.conf"]


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_a_refused_configuration_changes_nothing(run_module, director, path, check):
    assert run_module("keepalived_conf", path=str(path), instances=[PLAIN])["changed"]
    before = path.read_text()
    result = run_module(
        "keepalived_conf",
        path=str(path),
        instances=[{**PLAIN, "interface": "eth9", "auth_pass": "1111"}],
        extra="vrrp_sync_group all {\n  auth_pass 1111\n}\n",
        check=check,
    )
    assert result["failed"]
    first, *rest = result["mistakes"]
    assert first.startswith("keepalived does not accept this configuration (exit status ")
    assert first.endswith(f"{path} is as it was.")
    assert any(
        "(auth_pass <secret 1>): Unknown keyword 'auth_pass'." in messages for messages in rest
    )
    assert "1111" not in str(result)
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir()] == ["keepalived.conf"]


def test_a_secret_is_hidden_and_a_port_like_it_is_shown(run_module, director, path):
    instance = {**PLAIN, "version": 2, "auth_pass": "1111"}
    service = {**VIP, "port": 1111, "destinations": [{"address": "192.168.2.20"}]}
    options = {"path": str(path), "services": [service]}
    result = run_module(
        "keepalived_conf", **options, instances=[instance], diff=True, invocation=True
    )
    assert "auth_pass 1111" in path.read_text()
    assert "auth_pass <secret 1>" in result["diff"]["after"]
    assert "virtual_server 192.168.2.149 1111" in result["diff"]["after"]
    assert result["invocation"]["module_args"]["instances"][0]["auth_pass"] == "<secret>"
    assert result["invocation"]["module_args"]["services"][0]["port"] == 1111

    changed = {**instance, "auth_pass": "22222222"}
    result = run_module("keepalived_conf", **options, instances=[changed], diff=True)
    assert result["changed"]
    assert "auth_pass <secret 1>" in result["diff"]["before"]
    assert "auth_pass <secret 2>" in result["diff"]["after"]
    assert "22222222" not in str(result)


def test_settings_that_need_a_restart_are_reported(run_module, director, path):
    options = {"path": str(path), "instances": [PLAIN]}
    assert not run_module("keepalived_conf", **options)["restart_needed"]
    result = run_module("keepalived_conf", **options, globals={"router_id": "d23"})
    assert (result["changed"], result["restart_needed"]) == (True, False)
    result = run_module("keepalived_conf", **options, globals={"disable_local_igmp": True})
    assert (result["changed"], result["restart_needed"]) == (True, True)


def test_a_reload_is_taken_though_scripts_run_as_another_user(
    run_module, director, path, tmp_path, version
):
    """keepalived before 2.2.8 ends the check that reload_check_config makes, and takes nothing."""
    script = {"name": "fine", "command": TRUE, "interval": 1}
    options = {
        "path": str(path),
        "globals": {**SCRIPTS, "router_id": "d23", "reload_check_config": True},
        "scripts": [script],
    }
    tracked = {**PLAIN, "track_scripts": ["fine"]}
    assert run_module("keepalived_conf", **options, instances=[tracked])["changed"]
    assert not run_module("keepalived_conf", **options, instances=[tracked])["changed"]
    left_out = _keepalived_applied.UNCHECKED in path.read_text()
    assert left_out == (version < (2, 2, 8))
    words = ["--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file", str(path)]
    pids = [f"--{name}={tmp_path / name}" for name in ("pid", "vrrp_pid", "checkers_pid")]
    log = tmp_path / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(["keepalived", *words, *pids], stdout=output, stderr=output) as process,
    ):
        try:
            wait_for(log, "Startup complete")
            tracked = {**tracked, "priority": 90}
            result = run_module("keepalived_conf", **options, instances=[tracked])
            assert (result["changed"], result["restart_needed"]) == (True, False)
            process.send_signal(signal.SIGHUP)
            wait_for(log, "Reload complete")
        finally:
            process.terminate()


def wait_for(log, words):
    """Wait until a log has some words."""
    end = time.monotonic() + 60
    while words not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def test_a_service_that_the_kernel_has_gets_its_scheduler_at_once(run_module, director, path):
    """keepalived's reload would refuse clients meanwhile."""
    pool = [{"address": "192.168.2.20"}, {"address": "192.168.2.21"}]
    service = {**VIP, "scheduler": "rr", "persistence_timeout": 60, "destinations": pool}
    run_module("ipvs_table", services=[service])
    other = {**service, "scheduler": "sh", "scheduler_flags": ["sh-port"], "destinations": pool[:1]}
    another = {**other, "port": 81}
    options = {"path": str(path), "services": [other, another]}
    before = director.run("ipvsadm --save --numeric")
    result = run_module("keepalived_conf", **options, check=True)
    assert result.get("changed"), result
    assert director.run("ipvsadm --save --numeric") == before
    assert run_module("keepalived_conf", **options)["changed"]
    after = director.run("ipvsadm --save --numeric")
    assert after == before.replace("-s rr -p 60", "-s sh -p 60 -b sh-port")


def test_absent(run_module, director, path, version):
    run_module("keepalived_conf", path=str(path), instances=[{**PLAIN, "auth_pass": "1111"}])
    result = run_module("keepalived_conf", path=str(path), state="absent", diff=True)
    assert (result["changed"], result["after"], path.exists()) == (True, None, False)
    assert "<secret 1>" in result["diff"]["before"]
    assert result["version"] == _keepalived_fields.dotted(version)
    assert not run_module("keepalived_conf", path=str(path), state="absent")["changed"]


def test_extra_text_is_checked_as_well(run_module, director, path):
    extra = "static_routes {\n  192.168.9.0/24 via 192.168.2.1 dev eth0\n}\n"
    assert run_module("keepalived_conf", path=str(path), extra=extra)["changed"]
    assert path.read_text().endswith(extra)
    result = run_module("keepalived_conf", path=str(path), extra="static_rotes {\n}\n")
    assert any("Unknown keyword 'static_rotes'" in messages for messages in result["mistakes"])


def test_no_text_ends_the_word_that_it_is_written_as(run_module, director, path):
    """Texts of what is allowed, at random but always the same, where most text is allowed."""
    random = Random(7)
    letters = "abXY01 .,:;/@%+=*?&()<>[]|^~-_`é€"
    texts = ["".join(random.choices(letters, k=30)).strip() for _ in range(200)]
    services = [
        {
            "name": text,
            "vip": f"192.168.2.{number}",
            "port": 80,
            "snmp_name": text,
            "check": {"type": "http", "urls": [{"path": "/" + text.replace(" ", "")}]},
            "destinations": [{"address": "192.168.2.250", "snmp_name": text}],
        }
        for number, text in enumerate(texts, 1)
    ]
    for service in services:
        if _keepalived.mistakes({"services": [service]}):  # a path is ASCII
            del service["check"]
    result = run_module("keepalived_conf", path=str(path), services=services)
    assert result.get("changed"), result["msg"]


def test_a_file_in_another_encoding_is_replaced(run_module, director, path):
    path.parent.mkdir()
    path.write_bytes("# für alle\n".encode("latin-1"))
    result = run_module("keepalived_conf", path=str(path), instances=[PLAIN])
    assert (result["changed"], result["before"]["text"]) == (True, "# für alle\n")
