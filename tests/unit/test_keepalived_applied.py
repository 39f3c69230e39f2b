# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived needs in order to run what its file has.

molecule/keepalived_ha/tests/changes/test_applied.py shows it with a real keepalived.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_applied, _run
from ansible_collections.lvs.cluster.plugins.modules import keepalived_conf

OVERRIDE = Path(__file__).parents[2] / "roles/keepalived_ha/files/keepalived-override.conf"
ACTIVE = _keepalived_applied.Service("active", True, True, 7, True, "1")
OLD = "global_defs {\n  router_id a\n  reload_check_config\n}\n"
NEW = OLD.replace("router_id a", "router_id b")
RESTART = OLD.replace("router_id a", "instance b")


@pytest.mark.parametrize(
    ("former", "runs", "text", "action"),
    [
        (OLD, OLD, OLD, "none"),
        (OLD, OLD, NEW, "reload"),
        (NEW, OLD, NEW, "reload"),  # written, and the reload was lost
        (NEW, OLD, OLD, "none"),
        (RESTART, OLD, RESTART, "restart"),
        (OLD, RESTART, OLD, "restart"),
        (OLD, None, OLD, "reload"),
        (OLD, None, RESTART, "restart"),
        (None, None, NEW, "reload"),
    ],
)
def test_the_action_depends_on_the_configuration_that_keepalived_runs(former, runs, text, action):
    assert keepalived_conf.action(former, runs, text, ACTIVE) == action


@pytest.mark.parametrize("state", ["inactive", "failed", "activating"])
def test_keepalived_is_started_where_it_does_not_run(state):
    service = ACTIVE._replace(state=state)
    assert keepalived_conf.action(OLD, None, OLD, service) == "start"


def test_keepalived_is_restarted_once_where_a_reload_can_not_check_the_file():
    def action(runs):
        return keepalived_conf.action(OLD, runs, NEW, ACTIVE, reloads=False)

    assert action(OLD) == "restart"
    assert action(OLD.replace("reload_check_config", _keepalived_applied.UNCHECKED)) == "reload"


@pytest.mark.parametrize(
    ("field", "words"), [({"current": False}, "not current"), ({"enabled": False}, "not enabled")]
)
def test_a_service_that_is_not_as_wanted_is_a_change(field, words):
    file = {"text": OLD}
    change = _run.Change(file, file, text=(OLD, OLD))
    assert not change.changed

    def apply():
        pass

    same = keepalived_conf.with_service(change, ACTIVE, True, "none", apply)
    assert not same.changed
    other = keepalived_conf.with_service(change, ACTIVE._replace(**field), True, "none", apply)
    assert other.changed
    assert words in other.diff["before"]
    unknown = keepalived_conf.with_service(change, ACTIVE, None, "reload", apply)
    assert unknown.changed
    assert "not known to be applied" in unknown.diff["before"]
    assert unknown.results["action"] == "reload"


def test_the_override_saves_the_copy_that_is_read_here():
    override = OVERRIDE.read_text()
    assert f"RuntimeDirectory={Path(_keepalived_applied.DIRECTORY).name}\n" in override
    assert Path(_keepalived_applied.DIRECTORY).parent == Path("/run")
    assert re.search(
        f"^ExecStartPre=.* {_keepalived_applied.CONF} >{_keepalived_applied.COPY}'$", override, re.M
    )
    assert (
        f"ExecReload=-rm --force {_keepalived_applied.COPY}\nExecReload=kill -HUP $MAINPID\n"
        in override
    )
