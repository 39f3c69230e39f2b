#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of this folder with the BIRD of every Debian; arguments go to pytest.

The releases are unpacked into the cache first, then their tests run side by side.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import birds
import debians

if __name__ == "__main__":
    birds.unpacked()
    sys.exit(debians.run_tests(HERE, birds.RELEASES, sys.argv[1:]))
