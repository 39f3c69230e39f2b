# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module does with its arguments; tests/kernel shows what the kernel makes of it."""

from __future__ import annotations

import pytest

LINES = ["192.0.2.149/32 dev nosuch0", "2001:db8::149/128 dev nosuch0 nodad preferred_lft 0"]


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"interface": "lo"}, "vips"),
        ({"interface": "lo", "state": "absent"}, "vips, save"),
    ],
)
def test_required_options_are_reported(run_main, options, missing):
    result = run_main("vip_iface", **options)
    assert result["failed"]
    assert missing in result["msg"]


def test_every_wrong_vip_is_reported(run_main):
    result = run_main("vip_iface", interface="lo", vips=["web", "192.0.2.149", "10.0.0.0/8"])
    assert len(result["mistakes"]) == 2


def test_check_mode_reports_the_change(run_main, tmp_path):
    path = tmp_path / "vips.ip"
    options = {"interface": "nosuch0", "vips": ["192.0.2.149", "2001:db8::149"]}
    result = run_main("vip_iface", check=True, save=str(path), **options)
    assert (result["changed"], result["before"], result["after"]) == (True, [], LINES)
    assert not path.exists()


def test_unlisted_vips_stay_without_prune(run_main, tmp_path):
    path = tmp_path / "vips.ip"
    path.write_text("".join(f"address replace {line}\n" for line in LINES))
    options = {"interface": "nosuch0", "vips": ["192.0.2.149"], "save": str(path)}
    result = run_main("vip_iface", check=True, diff=True, prune=False, **options)
    assert result["kept"] == ["2001:db8::149"]
    assert "2001:db8::149" in result["diff"][1]["after"]
    result = run_main("vip_iface", check=True, diff=True, **options)
    assert result["kept"] == []
    assert "2001:db8::149" not in result["diff"][1]["after"]


def test_state_absent_changes_nothing_without_a_former_state(run_main, tmp_path):
    path = str(tmp_path / "vips.ip")
    options = {"interface": "nosuch0", "state": "absent", "save": path}
    assert not run_main("vip_iface", **options)["changed"]
    assert not run_main("vip_iface", **options, vips=["192.0.2.149"])["changed"]


def test_absence_of_some_keeps_the_others_in_the_file(run_main, tmp_path):
    path = tmp_path / "vips.ip"
    path.write_text("".join(f"address replace {line}\n" for line in LINES))
    options = {"interface": "nosuch0", "state": "absent", "save": str(path)}
    assert run_main("vip_iface", **options, vips=["192.0.2.149"])["changed"]
    assert path.read_text().splitlines()[1:] == [f"address replace {LINES[1]}"]
    assert not run_main("vip_iface", **options, vips=[])["changed"]
