# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module does without systemd; molecule/single_director shows what systemd makes of it."""

from __future__ import annotations

import pytest

NAME = "lvs-test.service"
WELL = "ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n"
UNIT = "[Service]\nType=oneshot\nExecStart=true\n"


@pytest.fixture
def boot_unit(run_main, monkeypatch, tmp_path):
    """Run the module with its files in a folder of the test, where no systemctl is."""
    from ansible_collections.lvs.cluster.plugins.modules import boot_unit

    monkeypatch.setattr(boot_unit, "FOLDER", str(tmp_path))
    monkeypatch.setattr(boot_unit, "PROGRAMS", str(tmp_path / "lib"))
    monkeypatch.setenv("PATH", str(tmp_path))

    def run(**options):
        return run_main("boot_unit", **options)

    run.properties = boot_unit.properties
    run.files = boot_unit.Files
    return run


@pytest.mark.parametrize(
    "name", ["lvs", "../lvs.service", "-lvs.service", "lvs.service\n", "a b.service"]
)
def test_a_name_that_is_not_a_unit_is_refused(boot_unit, name):
    result = boot_unit(name=name, content=UNIT)
    assert "is not the name of a unit" in result["msg"]


def test_content_is_required(boot_unit):
    assert "content" in boot_unit(name=NAME)["msg"]


def test_check_mode_reports_the_change(boot_unit, tmp_path):
    result = boot_unit(name=NAME, content=UNIT, check=True)
    assert (result["changed"], result["before"]) == (True, None)
    as_wanted = {"enabled": True, "active": True, "current": True}
    assert result["after"] == {"content": UNIT, "files": {}, **as_wanted}
    assert list(tmp_path.iterdir()) == []


def test_without_systemd_nothing_is_written(boot_unit, tmp_path):
    result = boot_unit(name=NAME, content=UNIT)
    assert result["mistakes"] == ["There is no systemd on this host."]
    assert list(tmp_path.iterdir()) == []


def test_state_absent_changes_nothing_without_a_former_state(boot_unit):
    result = boot_unit(name=NAME, state="absent")
    assert (result["changed"], result["before"], result["after"]) == (False, None, None)


@pytest.mark.parametrize(
    ("output", "enabled", "active", "current"),
    [
        (WELL, True, True, True),
        ("ActiveState=failed\nUnitFileState=disabled\nNeedDaemonReload=yes\n", False, False, False),
        (
            "ActiveState=activating\nUnitFileState=enabled-runtime\nNeedDaemonReload=no\n",
            False,
            False,
            True,
        ),
        ("", False, False, False),
        (
            WELL + "\nActiveState=inactive\nUnitFileState=\nNeedDaemonReload=yes\n",
            True,
            True,
            False,
        ),
    ],
)
def test_the_state_of_a_unit_is_read_from_systemd(boot_unit, output, enabled, active, current):
    assert boot_unit.properties(output) == {
        "enabled": enabled,
        "active": active,
        "current": current,
    }


def test_the_files_of_a_unit_are_reported_and_undone_with_it(boot_unit, tmp_path):
    options = {"content": UNIT, "program": "print()\n", "nft": "/etc/lvs/test.nft"}
    result = boot_unit(name=NAME, check=True, diff=True, **options)
    program, drop_in = tmp_path / "lib" / "lvs-test", tmp_path / "nftables.service.d/lvs-test.conf"
    assert set(result["after"]["files"]) == {str(program), str(drop_in)}
    assert "print()" in result["diff"]["after"]
    assert "\nExecReload=-/bin/sh" in result["diff"]["after"]

    files = boot_unit.files(NAME)
    files.write(files.wanted({**options, "state": "present"}))
    assert (program.read_text(), files.read()[str(drop_in)]) == ("print()\n", drop_in.read_text())
    gone = files.wanted({**options, "state": "absent"})
    assert list(gone.items())[-1] == (str(tmp_path / NAME), None)
    files.write(gone)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["etc/x", "/etc/lvs/a b", "/etc/lvs/a'", "/etc/%n", "/etc/$x"])
def test_a_path_that_a_shell_reads_otherwise_is_refused(boot_unit, path):
    assert "it must be an absolute one" in boot_unit(name=NAME, content=UNIT, nft=path)["msg"]
