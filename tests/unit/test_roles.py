# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables, in three places, is the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest
import yaml

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


def test_the_readme_has_every_variable(role, options):
    readme = (role / "README.md").read_text()
    assert [name for name in options if f"`{name}`" not in readme] == []


def test_units_restore_what_the_tasks_save(role):
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
    allowed = ("#", "Type=", "RemainAfterExit=", "Exec")
    return [line for line in service.splitlines() if line and not line.startswith(allowed)]


def test_all_units_are_locked_down_alike():
    assert len(UNITS) == 5
    wanted = sandbox(UNITS[0])
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", LATE_ONLY} <= set(wanted)
    assert "CapabilityBoundingSet=CAP_NET_ADMIN" in wanted
    for unit in UNITS:
        early = "DefaultDependencies=no" in unit.read_text()
        assert sandbox(unit) == [line for line in wanted if not (early and line == LATE_ONLY)]


# A host without systemd, such as a root file system of mmdebstrap's, has no such program.
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_hardly_exposed(unit):
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}", str(unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def template(role, name, **variables):
    """Return a template of a role, filled in as Ansible does."""
    environment = jinja2.Environment(trim_blocks=True)
    environment.tests["search"] = lambda value, pattern: bool(re.search(pattern, value))
    text = (ROOT / "roles" / role / "templates" / name).read_text()
    return environment.from_string(text).render(**variables)


def rules(marks, services=(), translated=()):
    """Return what the role director gives the packet filter, line by line."""
    fullnat = [each for service in services for each in service["destinations"] if "method" in each]
    text = template(
        "director",
        "lvs_director.nft.j2",
        director_marks=marks,
        director_services=services,
        director_fullnat=fullnat,
        director_translated=translated,
    )
    return [line.strip() for line in text.splitlines() if line.startswith("  ") and ";" not in line]


def test_what_gets_a_firewall_mark():
    web = {"fwmark": 7, "vip": "192.168.2.149", "protocol": "tcp", "ports": [80, 443]}
    said = "ip daddr 192.168.2.149 tcp dport { 80, 443 } meta mark set 7"
    assert rules([]) == []
    assert rules([web]) == rules([{**web, "not_from": []}]) == [said]


def test_what_another_director_sends_gets_no_mark():
    macs = ["02:42:c0:a8:02:17", "02:42:c0:a8:02:1f"]
    every = {"fwmark": 8, "vip": "2001:db8::149", "protocol": "udp", "ports": [0]}
    [said] = rules([{**every, "not_from": macs}])
    strangers, _, what = said.partition(" ip6 ")
    assert strangers == "ether saddr != { 02:42:c0:a8:02:17, 02:42:c0:a8:02:1f }"
    assert what == "daddr 2001:db8::149 meta l4proto udp meta mark set 8"


def peers(addresses):
    """Return whose VRRP and connections a director takes, line by line."""
    text = template(
        "keepalived_ha",
        "lvs_keepalived_ha.nft.j2",
        keepalived_ha_peers=addresses,
        keepalived_ha_local=[],
    )
    return [line.strip() for line in text.splitlines() if line.endswith(" drop")]


def test_only_peers_may_speak_vrrp_and_send_connections():
    assert peers(["192.168.2.31"]) == [
        "meta nfproto ipv4 meta l4proto 112 ip saddr != { 192.168.2.31 } drop",
        "ip daddr 224.0.0.81 udp dport 8848 ip saddr != { 192.168.2.31 } drop",
        "meta nfproto ipv6 meta l4proto 112 drop",
        "ip6 daddr ff02::81 udp dport 8848 drop",
    ]


def elements(lines):
    """Return the elements of each set in rules of nftables."""
    sets = [found for line in lines for found in re.findall("{(.*?)}", line)]
    assert sets
    return [[each.strip() for each in found.split(",")] for found in sets]


def test_what_is_said_twice_is_in_a_set_once():
    fullnat = [{"address": "10.0.0.31", "port": port, "method": "fullnat"} for port in (80, 81)]
    web = {"vip": "192.168.2.149", "port": 80, "destinations": fullnat}
    mark = {"fwmark": 7, "vip": "192.168.2.149", "protocol": "tcp", "ports": [80, 80]}
    macs = ["02:42:c0:a8:02:17"] * 2
    lines = [
        *rules([{**mark, "not_from": macs}], [web], ["2001:db8::31", "2001:db8::31"]),
        *peers(["192.168.2.31", "192.168.2.31", "2001:db8::31", "2001:db8::31"]),
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
