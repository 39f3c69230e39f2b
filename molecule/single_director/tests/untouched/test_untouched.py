# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fresh nodes after site.yml --check: they have no trace of a cluster."""

from __future__ import annotations

import pytest
import state

# A real server with fullnat must have the same state at the end.
pytestmark = pytest.mark.usefixtures("untouched")


@pytest.mark.parametrize("name", state.NODES)
def test_check_mode_leaves_a_fresh_machine_as_it_is(node, name):
    assert state.traces(node(name)) == ""
