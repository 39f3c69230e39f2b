# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawn status: a page of the cluster, written by ``status.yml`` and ``verify.yml``."""
