# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests with BIRD itself share: one of its releases after the other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parent))

import birds

#: How many configurations are generated for each release. With a number of one's own they are
#: others at each run.
EXAMPLES = int(os.environ.get("BIRD_EXAMPLES") or 500)

settings.register_profile(
    "bird",
    max_examples=EXAMPLES,
    derandomize="BIRD_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("bird")


@pytest.fixture(scope="session", params=birds.RELEASES)
def release(request):
    """Return the name of a release."""
    return request.param


@pytest.fixture(scope="session")
def bird(release):
    return birds.Bird(release)


@pytest.fixture(scope="session")
def version(bird):
    """Return its version as the module reads it."""
    from ansible_collections.lvs.cluster.plugins.module_utils import _bird_reader

    return _bird_reader.version(bird.run("--version")[1])
