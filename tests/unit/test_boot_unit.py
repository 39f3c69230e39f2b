# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module does without systemd; molecule/single_director shows what systemd makes of it."""

from __future__ import annotations

import pytest

NAME = "lvs-test.service"
UNIT = "[Service]\nType=oneshot\nExecStart=true\n"


@pytest.fixture
def boot_unit(run_main, monkeypatch, tmp_path):
    """Run the module with its files in a folder of the test, where no systemctl is."""
    from ansible_collections.lvs.cluster.plugins.modules import boot_unit

    monkeypatch.setattr(boot_unit, "FOLDER", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    def run(**options):
        return run_main("boot_unit", **options)

    run.properties = boot_unit.properties
    return run


@pytest.mark.parametrize(
    "name", ["lvs", "../lvs.service", "-lvs.service", "lvs.service\n", "a b.service"]
)
def test_a_name_that_is_none(boot_unit, name):
    result = boot_unit(name=name, content=UNIT)
    assert "is no name of a unit" in result["msg"]


def test_what_has_to_be_said(boot_unit):
    assert "content" in boot_unit(name=NAME)["msg"]


def test_check_mode_tells_what_would_be(boot_unit, tmp_path):
    result = boot_unit(name=NAME, content=UNIT, check=True)
    assert (result["changed"], result["before"]) == (True, None)
    assert result["after"] == {"content": UNIT, "enabled": True, "active": True, "current": True}
    assert list(tmp_path.iterdir()) == []


def test_without_systemd_nothing_is_written(boot_unit, tmp_path):
    result = boot_unit(name=NAME, content=UNIT)
    assert result["mistakes"] == ["There is no systemd on this host."]
    assert list(tmp_path.iterdir()) == []


def test_absence_of_what_is_not_there_is_no_change(boot_unit):
    result = boot_unit(name=NAME, state="absent")
    assert (result["changed"], result["before"], result["after"]) == (False, None, None)


@pytest.mark.parametrize(
    ("said", "enabled", "active", "current"),
    [
        ("ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n", True, True, True),
        ("ActiveState=failed\nUnitFileState=disabled\nNeedDaemonReload=yes\n", False, False, False),
        (
            "ActiveState=activating\nUnitFileState=enabled-runtime\nNeedDaemonReload=no\n",
            False,
            False,
            True,
        ),
        ("", False, False, False),
    ],
)
def test_what_systemd_says_of_a_unit(boot_unit, said, enabled, active, current):
    assert boot_unit.properties(said) == {"enabled": enabled, "active": active, "current": current}
