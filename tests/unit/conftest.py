# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit tests share."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.tests.run_module import run_module
from hypothesis import settings

# For a second run of the same tests, with another ansible-core.
settings.register_profile("few", settings.get_profile("ci"), max_examples=10)


@pytest.fixture
def run_main():
    """Run a module's main() here, as far as that goes without root, and return its result.

    ``run_main("sysctls", check=True, values={...})``
    """
    return run_module
