#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: a unit of systemd that is ours."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_unit
short_description: Have a unit of systemd that does its work now and at every boot
version_added: 0.2.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Writes a unit, enables it and starts it. A unit that changed is started anew.
  - Takes it away again with all that systemd knows of it, be it running, failed or disabled.
  - If the unit can't be started, the former one is put back, and the end of its log is shown.
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  name:
    description: The unit's name with its type, like V(lvs-director.service).
    type: str
    required: true
  content:
    description:
      - The unit, as it stands in its file in C(/etc/systemd/system).
      - Required for O(state=present).
    type: str
  state:
    description: Whether there is the unit.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - systemd on the target
"""

EXAMPLES = r"""
- name: Bring the settings back at boot
  lvs.cluster.boot_unit:
    name: lvs-director.service
    content: "{{ lookup('ansible.builtin.file', 'lvs-director.service') }}\n"

- name: Have the unit no longer
  lvs.cluster.boot_unit:
    name: lvs-director.service
    state: absent
"""

RETURN = r"""
before:
  description: The unit as it was; null for none.
  type: dict
  returned: success
  contains: &unit
    content:
      description: The text of its file.
      type: str
    enabled:
      description: Whether it is started at boot.
      type: bool
    active:
      description: Whether it runs, or has done its work.
      type: bool
    current:
      description: Whether systemd has read the file as it is now.
      type: bool
  sample:
    content: "[Service]\nType=oneshot\nExecStart=true\n"
    enabled: true
    active: false
    current: true
after:
  description: The unit as it is wanted; null for none.
  type: dict
  returned: success
  contains: *unit
  sample:
    content: "[Service]\nType=oneshot\nExecStart=true\n"
    enabled: true
    active: true
    current: true
mistakes:
  description: Each thing that is wrong, as a sentence of its own.
  type: list
  elements: str
  returned: failure
  sample:
    - "lvs-director.service can't be started: ..."
"""

import os
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _program, _run, _saved

FOLDER = "/etc/systemd/system"

systemctl = partial(_program.run, "systemctl")


def demand(name: str, failing: str, *words: str) -> None:
    """Run systemctl; say what could not be done with a unit where it fails."""
    done = systemctl(*words, name)
    if done.returncode == 0:
        return
    told = _program.run("journalctl", "--unit", name, "--lines=5", "--output=cat", "--no-pager")
    why = " ".join((done.stderr if not told.stdout.strip() else told.stdout).split())
    raise _run.OperatorError(f"{name} can't be {failing}: {why}")


def properties(said: str) -> dict[str, bool]:
    """Return what ``systemctl show`` says of a unit."""
    values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return {
        "enabled": values.get("UnitFileState") == "enabled",
        "active": values.get("ActiveState") == "active",
        "current": values.get("NeedDaemonReload") == "no",
    }


def unit(name: str, path: str) -> dict[str, Any] | None:
    """Return the unit as it is; None where it has no file."""
    content = _saved.read(path)
    if content is None:
        return None
    said = systemctl("show", "--property=UnitFileState,ActiveState,NeedDaemonReload", name)
    return {"content": content, **properties(said.stdout)}


def start(name: str, path: str, before: Mapping[str, Any] | None, content: str) -> None:
    """Make the unit as wanted; put the former one back before an error is raised."""
    former = before["content"] if before else None
    same = before is not None and before["current"] and former == content
    try:
        _saved.write(path, content)
        # Before systemd reads its files: enabling alone would make it read them once more.
        demand(name, "enabled", "enable", "--no-reload", "--quiet")
        if not same:
            systemctl("daemon-reload")
        demand(name, "started", "start" if same else "restart")
    except (OSError, _run.OperatorError):
        if former is None:
            remove(name, path)
        elif not same:
            _saved.write(path, former)
            systemctl("daemon-reload")
            if before and before["active"]:
                systemctl("restart", name)
        raise


def remove(name: str, path: str) -> None:
    """Stop the unit and take it away."""
    systemctl("disable", "--now", "--no-reload", "--quiet", name)
    _saved.write(path, None)
    systemctl("daemon-reload")
    systemctl("reset-failed", name)


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options ask for."""
    name, content = params["name"], params["content"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9:_.@-]*\.(service|path|target|timer)", name):
        raise _run.OperatorError(
            f"name: {name!r} is no name of a unit: give it with its type, like lvs.service."
        )
    path = os.path.join(FOLDER, name)
    before = unit(name, path)
    missing = [] if _program.where("systemctl") else ["There is no systemd on this host."]
    text = ((before or {}).get("content", ""), content or "")
    if params["state"] == "absent":
        return _run.Change(before, None, apply=lambda: remove(name, path), text=text, unmet=missing)
    after = {"content": content, "enabled": True, "active": True, "current": True}
    return _run.Change(
        before,
        after,
        apply=lambda: start(name, path, before, content),
        text=text,
        unmet=missing,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "content": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["content"])],
        supports_check_mode=True,
    )
    _run.run(module, prepare)


if __name__ == "__main__":
    main()
