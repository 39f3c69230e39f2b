# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests with keepalived itself share: one of its releases after the other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

sys.path.insert(0, str(Path(__file__).resolve().parent))

import releases

#: How many inventories are generated for each release. With a number of one's own they are others
#: at each run.
EXAMPLES = int(os.environ.get("KEEPALIVED_EXAMPLES") or 500)

settings.register_profile(
    "keepalived",
    max_examples=EXAMPLES,
    derandomize="KEEPALIVED_EXAMPLES" not in os.environ,
    # keepalived's message has the line; to find the smallest example takes many minutes.
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("keepalived")


@pytest.fixture(scope="session", params=releases.RELEASES)
def release(request):
    """Return the name of a release."""
    return request.param


@pytest.fixture(scope="session")
def version(release):
    return releases.RELEASES[release].version


@pytest.fixture(scope="session")
def keepalived(release):
    with releases.Keepalived(release) as running:
        yield running
