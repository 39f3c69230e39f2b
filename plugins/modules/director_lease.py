#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take or release a director's lease. The action of the same name adds the run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: director_lease
short_description: Take or release the lease of a director
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - A run of a playbook takes the lease of a director before it changes anything there, and releases
    it at the end. Meanwhile the lease is refused to other runs.
  - A lease ends by itself after O(seconds), at the next boot of the director, and at once if the
    run no longer exists, for runs on the same controller.
  - Only runs that take the lease are excluded, as the playbooks of this collection do.
options:
  state:
    description: V(present) takes the lease, or extends the lease of this run;
      V(absent) releases it.
    type: str
    choices: [present, absent]
    default: present
  seconds:
    description: After how many seconds the lease ends by itself.
    type: int
    default: 3600
  take:
    description: Take the lease also from another run.
    type: bool
    default: false
  run:
    description: Identifies the run of the playbook. The action sets it; do not set it yourself.
    type: str
    default: ""
  holder:
    description: A description of the run. The action sets it; do not set it yourself.
    type: str
    default: a run
  replace:
    description: A run that no longer exists. The action sets it; do not set it yourself.
    type: str
    default: ""
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  action:
    description: Runs on the controller, and on the director.
    support: full
  check_mode:
    description: It takes no lease. A lease that another run has is a warning.
  diff_mode:
    description: A lease is no setting of the director, so there is no difference to show.
    support: none
requirements:
  - root
seealso:
  - module: lvs.cluster.preflight
"""

EXAMPLES = r"""
- name: Take the lease
  lvs.cluster.director_lease:
    seconds: 600

- name: Release the lease
  lvs.cluster.director_lease:
    state: absent
"""

RETURN = r"""
refused:
  description: Why the lease is refused, with the name of the host.
  type: str
  returned: where another run has it
held_by:
  description: The run that has the lease.
  type: dict
  returned: where another run has it
  contains:
    holder:
      description: A description of the run.
      type: str
    run:
      description: Identifies it.
      type: str
    since:
      description: Since when, in UTC.
      type: str
  sample:
    holder: rollout.yml of anna on admin1 (process 4711)
    run: "c4b1:4026531836:4711"
    since: "2026-11-28 22:40:05"
"""

import json
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file, _errors, _lock

#: Gone after a boot, as is the run that had it.
PATH = "/run/lvs/lease"


def found(path=PATH):
    """Return the current lease; None without one.

    A file that no module wrote is no lease.
    """
    try:
        lease = json.loads(_atomic_file.read(path) or "null")
        return lease if lease and lease["ends"] > now() else None
    except (ValueError, KeyError, TypeError, _atomic_file.Damaged):
        return None


def now():
    """Return the seconds since boot, a clock that can't be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def refusal(lease):
    """Return why the lease is refused, as a sentence."""
    minutes = int(lease["ends"] - now()) // 60 + 1
    return (
        f"{lease['holder']} has been changing this director since {lease['since']} UTC. Run this"
        f" again when that run has ended. If it was killed, its lease ends in {minutes} minutes; to"
        " take the lease at once, add -e take_lease=true."
    )


def lease(params, path=PATH):
    """Take or release the lease; return the lease of another run that prevents it."""
    held = found(path)
    mine = held is not None and held["run"] == params["run"]
    if params["state"] == "absent":
        if mine:
            _atomic_file.write(path, None)
        return None
    if held and not mine and not params["take"] and held["run"] != params["replace"]:
        return held
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    taken = {
        "holder": params["holder"],
        "run": params["run"],
        "since": held["since"] if mine else since,
        "ends": now() + params["seconds"],
    }
    _atomic_file.write(path, json.dumps(taken) + "\n")
    return None


def main():
    """Run the module."""
    module = AnsibleModule(
        {
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "seconds": {"type": "int", "default": 3600},
            "take": {"type": "bool", "default": False},
            "run": {"type": "str", "default": ""},
            "holder": {"type": "str", "default": "a run"},
            "replace": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        held = found()
        if held and module.params["state"] == "present" and held["run"] != module.params["run"]:
            module.warn(
                f"{held['holder']} has been changing this director since {held['since']} UTC."
            )
        module.exit_json(changed=False)
    try:
        with _lock.held("director_lease"):
            other = lease(module.params)
    except (_errors.OperatorError, OSError) as error:
        module.fail_json(msg="\n".join(_errors.reasons(error)))
    if other:
        held_by = {name: other[name] for name in ("holder", "run", "since")}
        module.fail_json(msg=refusal(other), held_by=held_by)
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
