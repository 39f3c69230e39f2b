#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action of the same name, which is all there is to it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Show lines to the operator, and fail with errors
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Displays lines of text unchanged, with any callback plugin and its
    settings. M(ansible.builtin.debug) prints lines as JSON by default.
  - With O(errors), the task displays all of them, then fails.
  - It runs on the controller, connects to no host, and changes nothing.
  - Under the callback plugins P(ansible.posix.json#callback), P(ansible.posix.jsonl#callback) and
    P(community.general.null#callback), and with C(no_log), nothing is displayed, and the text is in
    the result.
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: The same as without it, since nothing is changed.
  diff_mode:
    description: Nothing is changed, so there is nothing to show.
    support: none
  platform:
    description: It runs on the controller, whatever the target is.
    platforms: all
options:
  lines:
    description: Lines of text.
    type: list
    elements: str
    default: []
  errors:
    description: The errors, as sentences. If there are any, the task fails. A single error is the
      message of the failure.
    type: list
    elements: str
    default: []
  summary:
    description: The message of the failure if there are several O(errors). C({count}) stands for
      their number. By default, it is V(There are {count} errors.).
    type: str
  data:
    description: The same as data, for programs. It is not displayed.
    type: raw
seealso:
  - module: ansible.builtin.debug
  - module: ansible.builtin.fail
"""

EXAMPLES = r"""
- name: Show the status
  lvs.cluster.report:
    lines: "{{ status.lines }}"
    data: "{{ status }}"

- name: Fail on invalid inventory
  lvs.cluster.report:
    errors: "{{ cluster.mistakes }}"
    summary: The inventory is invalid.
  run_once: true
"""

RETURN = r"""
lines:
  description: The option O(lines).
  type: list
  elements: str
  returned: unless the task failed with errors that were displayed
  sample: ["d23: active, holds 192.168.2.149"]
errors:
  description: The option O(errors).
  type: list
  elements: str
  returned: unless the task failed with errors that were displayed
  sample: []
data:
  description: The option O(data).
  type: raw
  returned: unless the task failed with errors that were displayed
  sample: {active: [d23]}
"""
