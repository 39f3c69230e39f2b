# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vrrp_change
short_description: Return the order in which directors change VRRP without two masters
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Directors that differ in what VRRP has to be the same on all of them (the virtual router ID, the
    version, the password, the interface, the addresses of the directors, the VIPs) ignore each
    other's advertisements, so each of them becomes a master. So keepalived is stopped on all but
    one while these change.
  - It is a mistake to change them on some directors only, and to leave out a director on which
    keepalived may still run.
positional: cluster, removed
options:
  _input:
    description: By host that takes part, what M(lvs.cluster.preflight) returned.
    type: dict
    required: true
  cluster:
    description: The cluster, as P(lvs.cluster.resolve#filter) returns it.
    type: dict
    required: true
  removed:
    description: Addresses of former directors on which keepalived does not run any longer, a list
      or with commas between them.
    type: raw
    default: []
seealso:
  - module: lvs.cluster.preflight
  - plugin: lvs.cluster.resolve
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Fail on a change of VRRP that would make two masters
  lvs.cluster.report:
    errors: "{{ (checked | lvs.cluster.vrrp_change(cluster)).mistakes }}"
"""

RETURN = r"""
_value:
  description:
    - C(mistakes) has a sentence for each reason why the change is refused.
    - C(pending) has a sentence for each director that would be changed.
    - C(first) is the director that is changed first, and C(waiting) are the others. C(stopped) are
      those of them that have VRRP instances, so that keepalived is stopped there until then.
  type: dict
  sample:
    mistakes: []
    pending:
      - "d23: VRRP in the inventory differs from keepalived.conf there (password); run site.yml."
    first: d23
    waiting: [d31]
    stopped: [d31]
"""

from collections.abc import Callable, Mapping
from typing import Any


def vrrp_change(
    checked: Mapping[str, Mapping[str, Any]], cluster: Mapping[str, Any], removed: Any = ()
) -> dict[str, Any]:
    """Return what a run changes of VRRP, or what keeps it from that."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp_change

    return _vrrp_change.change(cluster, checked, removed)._asdict()


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"vrrp_change": vrrp_change}
