#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the BGP sessions of a director (read-only)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bird_info
short_description: Read the BGP sessions of BIRD, and what it announces
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns what BIRD runs on a director with BGP, its sessions with the routers, and the routes
    that it announces to each of them.
  - A session may be Established while BFD is down. Then a dead link is found late.
  - It changes nothing.
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
requirements:
  - BIRD 2
seealso:
  - module: lvs.cluster.bird_conf
"""

EXAMPLES = r"""
- name: Read the BGP sessions
  lvs.cluster.bird_info:
  register: director
"""

RETURN = r"""
bird:
  description: What BIRD runs; null if it does not run, or is not installed.
  type: dict
  returned: success
  contains:
    version:
      description: Its release.
      type: str
    digest:
      description: The digest of the configuration that it runs; null if
        M(lvs.cluster.bird_conf) has not written it.
      type: str
    sessions:
      description: The BGP sessions.
      type: list
      elements: dict
      contains:
        name:
          description: Its name in bird.conf.
          type: str
        address:
          description: The address of the router.
          type: str
        as:
          description: The AS number of the router.
          type: int
        state:
          description: Its state (RFC 4271, 8.2.2); V(Established) if routes are exchanged.
          type: str
        error:
          description: Why it last ended or could not connect.
          type: str
        bfd:
          description: The state of BFD with the router (RFC 5880, 4.1); null without BFD.
          type: str
        exported:
          description: The routes that are announced.
          type: list
          elements: str
  sample:
    version: 2.0.12
    digest: 0a1b2c
    sessions:
      - name: router1
        address: 10.99.1.1
        as: 65000
        state: Established
        error: ""
        bfd: Up
        exported: [203.0.113.10/32]
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["birdc show status: BIRD has not answered within 10 s."]
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _bird_applied, _run


def gather(_params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what BIRD runs."""
    return {"bird": _bird_applied.state()}


def main() -> None:
    """Run the module."""
    _run.report(AnsibleModule(argument_spec={}, supports_check_mode=True), gather)


if __name__ == "__main__":
    main()
