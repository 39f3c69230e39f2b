# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the description of a cluster in an inventory, check it, and return the cluster."""
