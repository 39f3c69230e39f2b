# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machines of T3 look like before anything is built on them."""

from __future__ import annotations

import state


def test_how_machines_look_is_kept_for_later(node):
    state.keep(state.look(node))
