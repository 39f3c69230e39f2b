# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter removals: which former configuration of a real server is removed."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.filter.removals import FilterModule

removals = FilterModule().filters()["removals"]
NOTHING_KEPT = {"realserver_dr": [], "realserver_tun": [], "realserver_nat": []}
DR = {**NOTHING_KEPT, "realserver_dr": ["192.168.2.149"]}


@pytest.mark.parametrize(
    ("former", "kept", "roles"),
    [
        ([], NOTHING_KEPT, []),
        (["realserver_nat"], NOTHING_KEPT, [("realserver_nat", "absent")]),
        ([], DR, [("realserver_dr", "served")]),
        (["realserver_dr"], DR, [("realserver_dr", "absent")]),
        (["realserver_nat"], DR, [("realserver_dr", "served"), ("realserver_nat", "absent")]),
    ],
)
def test_roles_and_vips_no_longer_needed_are_removed(former, kept, roles):
    found = removals(former, kept, [], "rs31")
    assert [(each["role"], each["tasks_from"]) for each in found["roles"]] == roles
    assert found["lines"] == []


def test_nothing_is_removed_while_a_director_is_left_out():
    found = removals(["realserver_nat"], DR, ["d24"], "rs31")
    assert found["roles"] == []
    [line] = found["lines"]
    assert line.startswith(
        "rs31: former configuration of realserver_dr and realserver_nat is kept, since --limit"
        " leaves out d24"
    )
    assert removals([], NOTHING_KEPT, ["d24"], "rs31")["lines"] == []
