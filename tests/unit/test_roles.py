# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables, in three places, is the same."""

from __future__ import annotations

from pathlib import Path

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
    tasks = yaml.safe_load((role / "tasks" / "main.yml").read_text())
    saved = {
        arguments["save"]
        for task in tasks
        for arguments in task.values()
        if isinstance(arguments, dict) and "save" in arguments
    }
    [unit] = (role / "files").glob("*.service")
    assert saved
    assert [path for path in saved if path not in unit.read_text()] == []
