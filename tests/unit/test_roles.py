# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a role are the same in the three places that list them."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.lvs.cluster.plugins.filter.peer_traffic import peer_traffic
from ansible_collections.lvs.cluster.plugins.module_utils import _boot, _host_state
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory import vocabulary

ROOT = Path(__file__).parents[2]
ROLES = sorted((ROOT / "roles").iterdir())


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request):
    return request.param


@pytest.fixture
def options(role):
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())
    return specs["argument_specs"]["main"]["options"]


@pytest.fixture
def defaults(role):
    return yaml.safe_load((role / "defaults" / "main.yml").read_text())


def test_every_variable_has_the_role_s_name_and_a_type(role, options):
    for name, option in options.items():
        assert name.startswith(f"{role.name}_")
        assert option["type"]
        assert option["description"]


def test_defaults_are_in_step_with_the_argument_specs(options, defaults):
    assert set(defaults) == {name for name, option in options.items() if not option.get("required")}
    for name, value in defaults.items():
        if "{{" not in str(value):
            assert options[name].get("default") == value, name


def test_the_default_mtu_is_that_of_the_inventory():
    path = ROOT / "roles" / "realserver_tun" / "defaults" / "main.yml"
    assert yaml.safe_load(path.read_text())["realserver_tun_mtu"] == vocabulary.MTU


def test_every_file_that_is_restored_at_boot_is_a_state_file():
    tasks = [path.read_text() for path in ROOT.glob("roles/*/tasks/*.yml")]
    saved = set(re.findall(r"save: (/\S+)", "".join(tasks)))
    assert len(saved) > 10
    for path in saved:
        assert any(fnmatch.fnmatch(path, each) for each in _host_state.STATE_FILES), path
    teardown = (ROOT / "playbooks" / "teardown.yml").read_text()
    assert f"removes: {_host_state.STATE_DIRECTORY}\n" in teardown


def test_the_readme_has_every_variable(role, options):
    readme = (role / "README.md").read_text()
    assert [name for name in options if f"`{name}`" not in readme] == []


def test_units_restore_the_files_that_tasks_save(role):
    files = (role / "tasks").glob("*.yml")
    tasks = [task for file in files for task in yaml.safe_load(file.read_text())]
    saved = {
        arguments["save"]
        for task in tasks
        for arguments in task.values()
        if isinstance(arguments, dict) and "save" in arguments
    }
    units = "".join(unit.read_text() for unit in (role / "files").glob("*.service"))
    assert bool(saved) == bool(units)
    assert [path for path in saved if path not in units] == []


UNITS = sorted(ROOT.glob("roles/*/files/*.service"))
#: What systemd-analyze calls an exposure level, times ten: 0 is best, 100 is worst.
EXPOSURE = 40
#: It makes a unit wait for /var/tmp, which one that comes before the network can't.
LATE_ONLY = "PrivateTmp=yes"


def sandbox(unit):
    """Return what a unit is not allowed, line by line."""
    service = unit.read_text().partition("[Service]")[2].partition("[Install]")[0]
    service = service.replace("\\\n", "")
    allowed = ("#", "Type=", "RemainAfterExit=", "Exec", "Restart")
    return [line for line in service.splitlines() if line and not line.startswith(allowed)]


def test_all_units_are_locked_down_alike():
    assert len(UNITS) == 6
    # Announcements are frames that the director itself makes.
    announces = ("CAP_NET_RAW", "AF_PACKET ")
    wanted = sandbox(next(unit for unit in UNITS if unit.stem == "lvs-realserver-nat"))
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", LATE_ONLY} <= set(wanted)
    assert "CapabilityBoundingSet=CAP_NET_ADMIN" in wanted
    for unit in UNITS:
        early = "DefaultDependencies=no" in unit.read_text()
        mine = sandbox(unit)
        if unit.stem == "lvs-director":
            for word in announces:
                assert sum(word in line for line in mine) == 1
                mine = [line.replace(word, "").rstrip() for line in mine]
        assert mine == [line for line in wanted if not (early and line == LATE_ONLY)]


def test_units_start_their_own_program_and_try_again_later():
    for unit in UNITS:
        text = unit.read_text()
        program = f"/usr/bin/python3 -IS /usr/local/lib/lvs/{unit.stem} "
        assert re.findall("(?m)^Exec[^=]*=(.*)", text) == [f"{program}\\"]
        assert "Restart=on-failure\nRestartSec=10\nRestartPreventExitStatus=1\n" in text
        role = unit.parents[1].name
        [command] = re.findall(r"(?ms)^ExecStart=(.*?[^\\])$", text)
        steps = [word for word in command.split() if "=" in word]
        tasks = [path.read_text() for path in unit.parents[1].glob("tasks/*.yml")]
        files = re.findall(r"save: (\S+)", "".join(tasks))
        files += ["/etc/lvs/director.ipvs"] * (role == "director")
        files += ["/etc/lvs/realserver_nat.ip6"] * (role == "realserver_nat")
        assert {step.partition("=")[2] for step in steps} == set(files), unit.stem
        assert {step.partition("=")[0] for step in steps} <= set(_boot.STEPS)
        assert ("nftables.service" in text) == any(step.startswith("nft=") for step in steps)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_analyze_rates_units_as_locked_down(unit):
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}", str(unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    print(f"{unit.stem}: {done.stdout.splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr


def template(role, name, **variables):
    """Return a template of a role, filled in as Ansible does."""
    environment = jinja2.Environment(trim_blocks=True)
    environment.tests["search"] = lambda value, pattern: bool(re.search(pattern, value))
    text = (ROOT / "roles" / role / "templates" / name).read_text()
    return environment.from_string(text).render(**variables)


def rules(marks, services=(), translated=(), forward="all", vips=()):
    """Return what the role director gives the packet filter, line by line."""
    fullnat = [each for service in services for each in service["destinations"] if "method" in each]
    text = template(
        "director",
        "lvs_director.nft.j2",
        director_marks=marks,
        director_services=services,
        director_fullnat=fullnat,
        director_translated=translated,
        director_forward=forward,
        director_vips=list(vips),
    )
    return [line.strip() for line in text.splitlines() if line.startswith("  ") and ";" not in line]


def test_packets_of_matched_services_get_a_firewall_mark():
    web = {"fwmark": 7, "vip": "192.168.2.149", "protocol": "tcp", "ports": [80, 443]}
    rule = "ip daddr 192.168.2.149 tcp dport { 80, 443 } meta mark set 7"
    assert rules([]) == []
    assert rules([web]) == rules([{**web, "exclude_macs": []}]) == [rule]


def test_packets_from_another_director_get_no_mark():
    macs = ["02:42:c0:a8:02:17", "02:42:c0:a8:02:1f"]
    every = {"fwmark": 8, "vip": "2001:db8::149", "protocol": "udp", "ports": [0]}
    [rule] = rules([{**every, "exclude_macs": macs}])
    source, _, what = rule.partition(" ip6 ")
    assert source == "ether saddr != { 02:42:c0:a8:02:17, 02:42:c0:a8:02:1f }"
    assert what == "daddr 2001:db8::149 meta l4proto udp meta mark set 8"


def test_a_director_forwards_only_packets_from_a_vip():
    vips = ["192.168.2.149", "2001:db8::149"]
    marks = [{"fwmark": 7, "vip": "192.168.2.150", "protocol": "tcp", "ports": [80]}]
    assert rules([], translated=["10.0.0.31"], vips=vips) == []
    assert rules([], translated=[], vips=vips, forward="balanced") == []
    assert rules(marks, translated=["10.0.0.31"], vips=vips, forward="balanced")[1:] == [
        "ip saddr { 192.168.2.149, 192.168.2.150 } drop",
        "ip saddr != { 192.168.2.149, 192.168.2.150 } drop",
    ]
    both = rules([], translated=["10.0.0.31", "2001:db8:1::31"], vips=vips, forward="balanced")
    assert "ip6 saddr != { 2001:db8::149 } drop" in both
    assert "meta nfproto ipv4 drop" in rules([], translated=["10.0.0.31"], forward="balanced")


LVS = {
    "name": "lvs",
    "interface": "eth0",
    "virtual_router_id": 51,
    "unicast_peers": ["192.168.2.31"],
    "vips": ["192.168.2.149"],
}


def peer_rules(addresses, *instances, **daemon):
    """Return whose VRRP and connections a director takes, line by line."""
    text = template(
        "keepalived_ha",
        "lvs_keepalived_ha.nft.j2",
        keepalived_ha_traffic=peer_traffic(
            instances or [LVS], addresses, {"interface": "eth0", **daemon}
        ),
        keepalived_ha_local=[],
    )
    return [line.strip() for line in text.splitlines() if line.startswith("  ") and ";" not in line]


def test_only_peers_may_speak_vrrp_and_send_connections():
    assert peer_rules(["192.168.2.31"]) == [
        "@th,8,8 != { 51 } return",
        "ip ttl != 255 drop",
        "ip saddr != { 192.168.2.31 } drop",
        'iifname "eth0" meta nfproto ipv4 meta l4proto 112 jump advertisements_1',
        'iifname "eth0" ip daddr 224.0.0.81 udp dport 8848-8911 ip saddr != { 192.168.2.31 } drop',
    ]


def test_without_a_peer_of_its_family_an_instance_takes_no_advertisements():
    lines = peer_rules(["2001:db8::31"])
    assert lines[2] == "drop"
    assert lines[-1] == 'iifname "eth0" ip daddr 224.0.0.81 udp dport 8848-8911 drop'


def test_advertisements_are_filtered_by_interface_and_family():
    other = {**LVS, "name": "lvs_d31", "virtual_router_id": 52}
    outer = {**LVS, "interface": "lan.7", "vips": ["2001:db8::149"], "unicast_peers": ["::1"]}
    lines = peer_rules(["192.168.2.31", "2001:db8::31"], LVS, outer, other)
    assert [line for line in lines if "@th" in line] == [
        "@th,8,8 != { 51, 52 } return",
        "@th,8,8 != { 51 } return",
    ]
    assert "ip6 hoplimit != 255 drop" in lines
    assert "ip6 saddr != { 2001:db8::31 } drop" in lines
    assert 'iifname "lan.7" meta nfproto ipv6 meta l4proto 112 jump advertisements_2' in lines


@pytest.mark.parametrize("vmac", [{"use_vmac": True}, {"vmac_interface": "vip0"}])
def test_advertisements_for_a_virtual_mac_may_arrive_by_any_interface(vmac):
    lines = peer_rules(["192.168.2.31"], {**LVS, **vmac, "vmac_xmit_base": True})
    assert "meta nfproto ipv4 meta l4proto 112 jump advertisements_1" in lines


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"unicast_ttl": 64}, "ip ttl < 64 drop"),
        ({"unicast_ttl": 255}, "ip ttl != 255 drop"),
        (
            {"unicast_peers": [{"address": "192.168.2.31", "min_ttl": 254}, "192.168.2.32"]},
            "ip ttl < 254 drop",
        ),
        ({"unicast_peers": [{"address": "192.168.2.31", "min_ttl": 0}]}, None),
        ({"unicast_peers": [], "unicast_ttl": 64}, "ip ttl != 255 drop"),
    ],
)
def test_a_lower_ttl_is_taken_only_where_it_is_asked_for(fields, rule):
    lines = peer_rules(["192.168.2.31"], {**LVS, **fields})
    assert [line for line in lines if "ttl" in line] == ([rule] if rule else [])


def test_multicast_by_ipv6_comes_from_the_link():
    """Whose link-local address it is, is not known, unless it is among the peers."""
    six = {**LVS, "vips": ["2001:db8::149"], "unicast_peers": []}
    assert "ip6 saddr != { 2001:db8::31, fe80::/10 } drop" in peer_rules(["2001:db8::31"], six)
    assert "ip6 saddr != { fe80::31 } drop" in peer_rules(["fe80::31"], six)


def test_the_sync_daemon_s_own_group_port_and_interface_are_filtered():
    lines = peer_rules(["192.168.2.31"], interface="eth1", group="239.1.1.1", port=8849)
    assert lines[-1] == (
        'iifname "eth1" ip daddr 239.1.1.1 udp dport 8849-8912 ip saddr != { 192.168.2.31 } drop'
    )
    assert "udp dport 65500-65535 " in peer_rules(["192.168.2.31"], port=65500)[-1]
    six = peer_rules(["2001:db8::31"], group="ff02::81")[-1]
    assert "ip6 daddr ff02::81 udp dport 8848-8911 ip6 saddr != { 2001:db8::31, fe80::/10 }" in six


def test_invalid_values_of_vrrp_are_refused():
    bad = {**LVS, "virtual_router_id": "51 accept"}
    with pytest.raises(AnsibleFilterError) as error:
        peer_rules(["a"], bad, {**LVS, "interface": 'x"'}, group="224.0.0.81/8", port="1-9")
    assert str(error.value).splitlines() == [
        "instance lvs: virtual_router_id is '51 accept'; it must be a whole number from 1 to 255.",
        "instance lvs: interface is 'x\"'; it must be the name of an interface.",
        "a peer is 'a'; it must be an address.",
        "sync_daemon: group is '224.0.0.81/8'; it must be an IPv4 or IPv6 multicast address.",
        "sync_daemon: port is '1-9'; it must be a whole number from 1 to 65535.",
    ]


def elements(lines):
    """Return the elements of each set in rules of nftables."""
    sets = [found for line in lines for found in re.findall("{(.*?)}", line)]
    assert sets
    return [[each.strip() for each in found.split(",")] for found in sets]


def test_a_repeated_element_is_once_in_a_set():
    fullnat = [{"address": "10.0.0.31", "port": port, "method": "fullnat"} for port in (80, 81)]
    web = {"vip": "192.168.2.149", "port": 80, "destinations": fullnat}
    mark = {"fwmark": 7, "vip": "192.168.2.149", "protocol": "tcp", "ports": [80, 80]}
    macs = ["02:42:c0:a8:02:17"] * 2
    lines = [
        *rules([{**mark, "exclude_macs": macs}], [web], ["2001:db8::31", "2001:db8::31"]),
        *peer_rules(["192.168.2.31", "192.168.2.31", "2001:db8::31", "2001:0db8::31"], LVS, LVS),
    ]
    assert [found for found in elements(lines) if len(set(found)) < len(found)] == []


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("roles/*/templates/*.nft.j2")), ids=lambda path: path.name
)
def test_no_rule_can_be_passed_by_an_extension_header(path):
    """The field nexthdr is of the first header; what it carries may come after others."""
    rules_only = re.sub(r"(?m)^#.*|{#.*?#}", "", path.read_text())
    assert "nexthdr" not in rules_only
    assert re.findall("ip6 protocol", rules_only) == []
