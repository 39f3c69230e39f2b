# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: missing_packages
short_description: Select the packages that a host may lack
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns the packages of a role that are not known to be installed on a host. A role includes
    P(lvs.cluster.packages#role) only if there are any.
options:
  _input:
    description: The packages for each value of Ansible's fact C(os_family).
    type: dict
    required: true
  host_state:
    description:
      - What is known of the host, as RV(lvs.cluster.preflight#module:host_state) has it. If its
        C(os_family) is unknown, the packages of all families are returned.
    type: dict
    required: true
  names:
    description: Packages instead of those of the input, for any distribution.
    type: list
    elements: str
    default: []
positional: host_state, names
"""

EXAMPLES = r"""
- name: Show what the host lacks
  ansible.builtin.debug:
    msg: "{{ {'Debian': ['ipvsadm', 'kmod']} | lvs.cluster.missing_packages(state) }}"
  vars:
    state: {os_family: Debian, packages: [kmod]}
"""

RETURN = r"""
_value:
  description: The names of the packages.
  type: list
  elements: str
  sample: [ipvsadm]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def missing_packages(
    packages: Mapping[str, Sequence[str]], host_state: Mapping[str, Any], names: Sequence[str] = ()
) -> list[str]:
    """Return the packages that are not known to be installed on a host."""
    family = host_state.get("os_family")
    wanted = names or (
        packages.get(family, ())
        if family
        else [name for each in packages.values() for name in each]
    )
    return [name for name in wanted if name not in host_state.get("packages", ())]


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"missing_packages": missing_packages}
