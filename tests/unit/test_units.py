# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages about systemd units."""

from __future__ import annotations

from ansible_collections.lvs.cluster.plugins.module_utils import _units


def test_output_of_systemctl_is_split_by_unit():
    output = "Id=a.service\nActiveState=active\n\nId=b.service\nActiveState=failed\n"
    assert [unit["ActiveState"] for unit in _units.blocks(output)] == ["active", "failed"]
    assert _units.blocks("") == []


def test_a_failed_unit_is_reported_with_its_reason_and_the_remedy():
    message = _units.remedy("lvs-director.service", "failed", ["a.", "b"])
    assert message == (
        "lvs-director.service is failed: a; b. Mend what it complains of"
        " (journalctl -u lvs-director.service), and start it:"
        " systemctl restart lvs-director.service."
    )
    assert "is activating and is tried again every 10 seconds. Mend" in _units.remedy(
        "lvs-director.service", "activating", []
    )
