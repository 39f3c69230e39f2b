# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ipvs_wait waits for, as far as that goes without a kernel."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.modules.ipvs_wait import remaining


@pytest.mark.parametrize(
    ("weight", "active", "inactive", "until", "lines"),
    [
        (0, 0, 0, "active", []),
        (0, 0, 9, "active", []),
        (0, 0, 9, "all", ["web: rs20 has 9 connections (0 active)"]),
        (0, 1, 0, "active", ["web: rs20 has 1 connection (1 active)"]),
        (0, 3, 9, "active", ["web: rs20 has 12 connections (3 active)"]),
        (5, 0, 0, "active", ["web: rs20 still has weight 5"]),
    ],
)
def test_remaining_connections_are_listed(weight, active, inactive, until, lines):
    assert remaining("web: rs20", weight, active, inactive, until) == lines


def test_invalid_services_are_reported(run_main):
    result = run_main("ipvs_wait", services=[{"name": "web", "destinations": []}], hosts=["rs20"])
    assert result["mistakes"] == [
        "service web: it has neither a vip nor a fwmark; set one of them.",
        "service web: it has no port; set one, or 0 for all ports (with persistence).",
    ]
