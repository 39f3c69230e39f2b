# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout itself: what its files say of each other, and where its links lead."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT = {".ansible", ".cache", ".git", ".venv"}  # by tools, some of which link to the checkout


def links():
    """Return the checkout's symbolic links."""
    tops = [path for path in ROOT.iterdir() if path.name not in BUILT]
    inner = [path for top in tops if not top.is_symlink() for path in top.rglob("*")]
    return [path for path in tops + inner if path.is_symlink()]


def test_no_link_leads_to_a_folder_that_it_is_in():
    """Tools that follow links would not come to an end."""
    assert links()
    assert [path for path in links() if path.resolve(strict=True) in path.parents] == []
