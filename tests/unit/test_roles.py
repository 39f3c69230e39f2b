# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables, in three places, is the same."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
import yaml

ROLES = sorted((Path(__file__).parents[2] / "roles").iterdir())


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


def rules(marks):
    """Return what the role director gives the packet filter for marks, line by line."""
    environment = jinja2.Environment(trim_blocks=True)
    environment.tests["search"] = lambda value, pattern: bool(re.search(pattern, value))
    directory = Path(__file__).parents[2] / "roles" / "director" / "templates"
    template = environment.from_string((directory / "lvs_director.nft.j2").read_text())
    others = ("director_fullnat", "director_services", "director_translated")
    text = template.render(director_marks=marks, **{name: [] for name in others})
    return [line.strip() for line in text.splitlines() if "mark set" in line]


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
