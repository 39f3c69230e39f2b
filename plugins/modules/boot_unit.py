#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: a systemd unit of this collection."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_unit
short_description: Install a systemd unit, and start it now and at every boot
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Writes a unit, enables it and starts it. A unit that changed is restarted.
  - Removes a unit in any state (running, failed or disabled), and its state in systemd.
  - If the unit can't be started, the former one is restored, and the end of its log is shown.
  - On request, it installs a program that the unit starts, and loads a file of nftables again
    whenever C(nftables.service) loads or flushes the packet filter.
  - On a system other than Linux, which has no systemd, it changes nothing. There, the files of the
    other modules are files of the system's own, which restore at boot what they list.
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  name:
    description: The unit's name with its type, like V(lvs-director.service).
    type: str
    required: true
  content:
    description:
      - The content of the unit file in C(/etc/systemd/system).
      - Required for O(state=present).
    type: str
  program:
    description:
      - The text of a Python program that the unit starts. It is installed for this unit alone, for
        C(lvs-director.service) as C(/usr/local/lib/lvs/lvs-director).
      - The roles of this collection give C(plugins/module_utils/_boot.py), which restores what is
        in their state files.
    type: str
  nft:
    description:
      - A file of nftables that is loaded again whenever C(nftables.service) is started, reloaded or
        stopped. Each of these flushes all tables.
      - If it can't be loaded, the unit is restarted, which then fails.
    type: path
  state:
    description: Desired state of the unit.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - systemd on a target with Linux
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
      description: Whether it is active. A unit of type oneshot is, once it has succeeded.
      type: bool
    current:
      description: Whether systemd has read the files as they are now.
      type: bool
    files:
      description: The SHA-256 of each file that belongs to the unit, by path.
      type: dict
  sample:
    content: "[Service]\nType=oneshot\nExecStart=true\n"
    enabled: true
    active: false
    current: true
    files: {}
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
    files: {}
msg:
  description: Why nothing is changed.
  type: str
  returned: on a system other than Linux
  sample: "There is no systemd on freebsd14: its own files restore at boot what was configured."
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample:
    - "lvs-director.service can't be started: ..."
"""

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _program,
    _run,
    _units,
)

FOLDER = "/etc/systemd/system"
PROGRAMS = "/usr/local/lib/lvs"
FOLLOWED = "nftables.service"

systemctl = partial(_program.run, "systemctl")

#: Loaded from here, since PartOf= would follow no start, and stop this unit with nftables.service.
DROP_IN = """\
# Written by Ansible (lvs.cluster.boot_unit), which replaces what is changed here.
# A start, a reload and a stop of nftables.service flush the tables of all programs.
[Service]
ExecStartPost={command}
ExecReload={command}
ExecStopPost={command}
"""
LOAD = "-/bin/sh -c '[ ! -e {nft} ] || nft -f {nft} || systemctl --no-block try-restart {name}'"


def run_systemctl(name: str, failing: str, *words: str) -> None:
    """Run systemctl; raise OperatorError with the unit's messages if it fails."""
    done = systemctl(*words, name)
    if done.returncode == 0:
        return
    messages = _units.error_lines(name)
    if not messages:
        log = _program.run("journalctl", "--unit", name, "--lines=5", "--output=cat", "--no-pager")
        messages = [" ".join((log.stdout if log.stdout.strip() else done.stderr).split())]
    raise _run.OperatorError(f"{name} can't be {failing}: {'; '.join(messages)}")


def properties(output: str) -> dict[str, bool]:
    """Return the properties of a unit, and of others after it, from ``systemctl show``."""
    blocks = _units.blocks(output) or [{}]
    return {
        "enabled": blocks[0].get("UnitFileState") == "enabled",
        "active": blocks[0].get("ActiveState") == "active",
        "current": all(block.get("NeedDaemonReload") == "no" for block in blocks),
    }


class Files:
    """The files of a unit.

    :ivar unit: where the unit itself is
    :ivar others: where the files are that may belong to it
    """

    def __init__(self, name: str) -> None:
        self.name = name
        stem = name.rpartition(".")[0]
        self.unit = os.path.join(FOLDER, name)
        self.program = os.path.join(PROGRAMS, stem)
        self.drop_in = os.path.join(FOLDER, f"{FOLLOWED}.d", f"{stem}.conf")
        self.others = [self.program, self.drop_in]

    def read(self) -> dict[str, str | None]:
        """Return their texts."""
        return {path: _atomic_file.read(path) for path in [self.unit, *self.others]}

    def wanted(self, params: Mapping[str, Any]) -> dict[str, str | None]:
        """Return the texts that the options ask for; None for those that are not to be there."""
        if params["state"] == "absent":
            # preflight finds an installed role by its unit, so the unit goes last.
            return dict.fromkeys([*self.others, self.unit])
        load = LOAD.format(nft=params["nft"], name=self.name)
        return {
            self.unit: params["content"],
            self.program: params["program"] or None,
            self.drop_in: DROP_IN.format(command=load) if params["nft"] else None,
        }

    def write(self, texts: Mapping[str, str | None]) -> None:
        """Write what differs; remove a drop-in folder that is empty then."""
        for path, text in texts.items():
            if _atomic_file.read(path) != text:
                _atomic_file.write(path, text)
        for path in self.others:
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(path))

    def state(self, texts: Mapping[str, str | None]) -> dict[str, Any]:
        """Return the texts for the result."""
        digests = {
            path: hashlib.sha256(text.encode()).hexdigest()
            for path, text in texts.items()
            if text is not None and path != self.unit
        }
        return {"content": texts[self.unit], "files": digests}


def now(files: Files, texts: Mapping[str, str | None]) -> dict[str, Any] | None:
    """Return the unit as it is; None where it has no file."""
    if all(text is None for text in texts.values()):
        return None
    names = [files.name] + [FOLLOWED] * (texts[files.drop_in] is not None)
    shown = systemctl("show", "--property=UnitFileState,ActiveState,NeedDaemonReload", *names)
    return {**files.state(texts), **properties(shown.stdout)}


def start(
    files: Files,
    before: Mapping[str, Any] | None,
    former: Mapping[str, str | None],
    texts: Mapping[str, str | None],
) -> None:
    """Install and start the unit; restore the former one before an error is raised."""
    name = files.name
    same = before is not None and before["current"] and former == texts
    try:
        files.write(texts)
        # Before systemd reads its files: enabling alone would make it read them once more.
        run_systemctl(name, "enabled", "enable", "--no-reload", "--quiet")
        if not same:
            systemctl("daemon-reload")
        run_systemctl(name, "started", "start" if same else "restart")
    except (OSError, _run.OperatorError):
        if former[files.unit] is None:
            remove(files, former)
        elif not same:
            files.write(former)
            systemctl("daemon-reload")
            if before and before["active"]:
                systemctl("restart", name)
        raise


def remove(files: Files, texts: Mapping[str, str | None]) -> None:
    """Stop and remove the unit with all of its files."""
    systemctl("disable", "--now", "--no-reload", "--quiet", files.name)
    files.write(texts)
    systemctl("daemon-reload")
    systemctl("reset-failed", files.name)


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options define."""
    name = params["name"]
    if not _units.NAME.fullmatch(name):
        raise _run.OperatorError(
            f"name: {name!r} is not the name of a unit; it must include the type, as in"
            " lvs.service."
        )
    if params["nft"] and not re.fullmatch(r"/[A-Za-z0-9/._-]+", params["nft"]):
        raise _run.OperatorError(
            f"nft: the path is {params['nft']!r}; it must be an absolute one of plain letters,"
            " since systemd and a shell read it."
        )
    files = Files(name)
    former, wanted = files.read(), files.wanted(params)
    before = now(files, former)
    missing = [] if _program.where("systemctl") else ["There is no systemd on this host."]
    shown = ("".join(filter(None, former.values())), "".join(filter(None, wanted.values())))
    if params["state"] == "absent":
        gone = partial(remove, files, wanted)
        return _run.Change(before, None, apply=gone, text=shown, missing_requirements=missing)
    after = {**files.state(wanted), "enabled": True, "active": True, "current": True}
    return _run.Change(
        before,
        after,
        apply=partial(start, files, before, former, wanted),
        text=shown,
        missing_requirements=missing,
    )


def without_systemd(_params: Mapping[str, Any]) -> _run.Change:
    """Return the change on a system other than Linux, which is none."""
    said = (
        f"There is no systemd on {sys.platform}: its own files restore at boot what was configured."
    )
    return _run.Change(None, None, results={"msg": said})


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "content": {"type": "str"},
            "program": {"type": "str"},
            "nft": {"type": "path"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["content"])],
        supports_check_mode=True,
    )
    _run.run(module, prepare if sys.platform == "linux" else without_systemd)


if __name__ == "__main__":
    main()
