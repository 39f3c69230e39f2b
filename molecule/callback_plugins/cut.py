# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill a playbook before one of its tasks, and record which of them changed a host."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: cut
type: aggregate
short_description: Kill a playbook before one of its tasks
description:
  - The file named in LVS_CUT holds the number (1, 2, ...) of the task to kill Ansible before, or a
    part of its name.
  - Where it holds neither, the playbook runs to its end, and the file then lists the tasks that
    changed a host, each with its number and its name.
author: lvs.cluster contributors (@lvs-cluster)
"""


class CallbackModule(CallbackBase):
    """Count tasks as they start."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "cut"

    def __init__(self) -> None:
        super().__init__()
        self.file = Path(os.environ["LVS_CUT"])
        text = self.file.read_text()
        self.before = "" if text.startswith("[") else text
        self.number = 0
        self.name = ""
        self.changed: dict[int, str] = {}

    def v2_playbook_on_task_start(self, task, is_conditional):  # noqa: ARG002
        """Kill this process before the given task."""
        self.number += 1
        self.name = task.get_name()
        by_number = self.before.isdecimal() and self.number == int(self.before)
        if by_number or (self.before and self.before in self.name):
            os.kill(os.getpid(), signal.SIGKILL)

    def v2_runner_on_ok(self, result):
        """Record a task that has changed something."""
        if result.is_changed():
            self.changed[self.number] = self.name

    def v2_playbook_on_stats(self, stats):  # noqa: ARG002
        """Write the tasks that have changed something."""
        self.file.write_text(json.dumps(list(self.changed.items())))
