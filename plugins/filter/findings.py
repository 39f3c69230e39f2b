# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: findings
short_description: Return what preflight found on machines, as sentences
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Puts the findings of several machines into one list, each with the name of its machine.
options:
  _input:
    description: By host, what M(lvs.cluster.preflight) returned. A host where it could not run
      has the reason.
    type: dict
    required: true
seealso:
  - module: lvs.cluster.preflight
  - module: lvs.cluster.report
"""

EXAMPLES = r"""
- name: Fail on what was found
  lvs.cluster.report:
    errors: "{{ {inventory_hostname: checked} | lvs.cluster.findings }}"
"""

RETURN = r"""
_value:
  description: A sentence for each finding.
  type: list
  elements: str
  sample: ["rs31: 192.168.2.31 is on no interface of this machine; give it to one."]
"""

from collections.abc import Callable, Mapping
from typing import Any


def findings(machines: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is wrong on machines, with their names."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _probe_report

    return _probe_report.findings(machines)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"findings": findings}
