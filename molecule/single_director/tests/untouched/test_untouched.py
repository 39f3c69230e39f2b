# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After site.yml --check on fresh nodes: nothing of a cluster is there."""

from __future__ import annotations

import pytest
import state

# A real server that a method asks nothing of has to look the same in the end.
pytestmark = pytest.mark.usefixtures("untouched")


@pytest.mark.parametrize("name", state.NODES)
def test_check_mode_leaves_a_fresh_machine_as_it_is(node, name):
    assert state.traces(node(name)) == ""
