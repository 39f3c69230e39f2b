# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests share."""

pytest_plugins = ["ansible_collections.lvs.cluster.tests.durations"]
