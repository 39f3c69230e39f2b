# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of T3 before anything is built: they have no trace of a cluster."""

from __future__ import annotations

import pytest
import state

# The state after teardown is compared with this.
pytestmark = pytest.mark.usefixtures("untouched")


@pytest.mark.parametrize("name", state.NODES)
def test_a_fresh_machine_has_nothing_of_a_cluster(node, name):
    assert state.traces(node(name)) == ""
