# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add, on the controller, the run of a playbook for which a director's lease is taken.

The controller also knows whether a run of its own that has the lease still exists.
"""

from __future__ import annotations

import getpass
import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase


def process() -> int:
    """Return the process of the run: an action is run by a child of it."""
    parent = multiprocessing.parent_process()
    return parent.pid if parent and parent.pid else os.getpid()


def controller() -> str:
    """Return what identifies this controller until its next boot, and the container it runs in."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:  # a controller that does not run Linux
        return f"{socket.gethostname()}:0"


def ended(run: str) -> bool:
    """Return whether a run was one of this controller, and its process no longer exists."""
    where, number = run.rpartition(":")[::2]
    if where != controller() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is another user's
        return False
    return False


def user() -> str:
    """Return the user's name, or number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """The action of a task `lvs.cluster.director_lease`."""

    _supports_check_mode = True
    _supports_async = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run the module for this run, and once more if the run that has the lease has ended."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        playbooks = context.CLIARGS.get("args") or ["a playbook"]
        options = {
            **self._task.args,
            "run": f"{controller()}:{process()}",
            "holder": f"{os.path.basename(playbooks[0])} of {user()} on {socket.gethostname()}"
            f" (process {process()})",
        }

        def ask(replace: str) -> dict[str, Any]:
            answer: dict[str, Any] = self._execute_module(
                "lvs.cluster.director_lease", {**options, "replace": replace}, task_vars=task_vars
            )
            return answer

        answer = ask("")
        held_by = answer.get("held_by", {})
        if held_by and ended(held_by["run"]):
            answer = ask(held_by["run"])
        result.update(answer)
        if answer.get("held_by"):
            host = (task_vars or {}).get("inventory_hostname", "")
            result["refused"] = f"{host}: {answer['msg']}"
        return result
