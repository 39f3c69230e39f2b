# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the table owes its user: examples that are valid, mistakes as sentences."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lvs.cluster.plugins.module_utils import _arguments

MODULES = sorted(path.stem for path in (Path(__file__).parents[2] / "plugins/modules").glob("*.py"))
WEB = {"vip": "192.0.2.1", "port": 80}


def examples():
    """Return each task of each module's EXAMPLES that is about that module."""
    found = []
    for name in MODULES:
        module = importlib.import_module(f"ansible_collections.lvs.cluster.plugins.modules.{name}")
        action = f"lvs.cluster.{name}"
        tasks = [task for task in yaml.safe_load(module.EXAMPLES) if action in task]
        found += [pytest.param(name, task[action] or {}, id=task["name"]) for task in tasks]
    return found


@pytest.mark.parametrize(("name", "arguments"), examples())
def test_an_example_has_valid_arguments(run_main, monkeypatch, name, arguments):
    if "{{" in str(arguments):
        arguments = {k: [] if "{{" in str(v) else v for k, v in arguments.items()}
    module = importlib.import_module(f"ansible_collections.lvs.cluster.plugins.modules.{name}")
    if not hasattr(module, "main"):  # all that there is to it is an action
        action = importlib.import_module(f"ansible_collections.lvs.cluster.plugins.action.{name}")
        assert not ArgumentSpecValidator(action.ARGUMENTS).validate(arguments).error_messages
        return

    validate = basic.AnsibleModule.__init__

    def validate_and_exit(self, *positional, **named):
        validate(self, *positional, **named)
        self.exit_json(accepted=True)

    # Of the class itself, since a module may have a class of its own that inherits it.
    monkeypatch.setattr(basic.AnsibleModule, "__init__", validate_and_exit)
    result = run_main(name, **arguments)
    assert result.get("accepted"), result


def test_every_module_has_an_example():
    assert {parameters.values[0] for parameters in examples()} == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_ansible_sends_all_that_a_module_imports(name):
    """Most of molecule/ runs by Mitogen, which would fetch what is missing."""
    command = [
        "ansible",
        "localhost",
        "--module-name",
        f"lvs.cluster.{name}",
        "--args",
        "unheard=of",
    ]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert re.search("Unsupported parameters|missing", run.stdout), run


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        (
            "ipvs_table",
            {"services": [{**WEB, "port": 0}]},
            (
                "service tcp 192.0.2.1:0: port 0 means all ports and needs persistence; set a"
                " persistence_timeout or a port."
            ),
        ),
        (
            "ipvs_service",
            {"port": 80},
            "service: it has neither a vip nor a fwmark; set one of them.",
        ),
        (
            "ipvs_dest",
            {"service": WEB, "address": "rs31"},
            "address is 'rs31', which is not an IPv4 or IPv6 address.",
        ),
        (
            "ipvs_dest",
            {"service": WEB, "address": "192.0.2.11", "weight": 5, "state": "drained"},
            (
                "service tcp 192.0.2.1:80: destination 192.0.2.11: state drained means weight 0;"
                " leave out weight 5."
            ),
        ),
    ],
)
def test_a_mistake_is_reported_before_the_kernel_is_asked(run_main, name, arguments, sentence):
    result = run_main(name, **arguments)
    assert result["failed"]
    assert result["mistakes"] == [sentence]


def test_arguments_that_are_not_given_are_left_out():
    services = [{"vip": "192.0.2.1", "port": None, "destinations": [{"weight": 0, "port": None}]}]
    assert _arguments.without_unset(services) == [
        {"vip": "192.0.2.1", "destinations": [{"weight": 0}]}
    ]
    assert _arguments.given({"port": 0, "vip": None}, _arguments.KEY) == {"port": 0}
