# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mitogen's linear strategy by the lab's own name, wherever Mitogen is installed.

For each module Mitogen wants the folders of all collections, and finds them in the worker that runs
the module: a third of a second, since it reads every collection's metadata. Here they are found
once, before workers begin.
"""

from __future__ import annotations

from ansible.collections.list import list_collection_dirs
from ansible_mitogen import planner
from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule

COLLECTIONS = {path.decode() for path in list_collection_dirs()}


def load_collections(invocation: planner.Invocation) -> None:
    """Note the folders of collections for a module."""
    invocation._extra_sys_paths.update(COLLECTIONS)


planner._load_collections = load_collections

__all__ = ["StrategyModule"]
