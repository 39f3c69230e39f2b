# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that all modules of the collection have, for their documentation."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes of a module that changes something; others override what differs."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: The group of modules that C(module_defaults) can address together.
    support: full
    membership:
      - lvs.cluster.ipvs
  check_mode:
    description: Reports what it would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what it changes, or would change in check mode.
    support: full
  idempotent:
    description: Called again with the same options, it changes nothing.
    support: full
  platform:
    description: The operating systems it works on.
    support: full
    platforms: linux
"""
