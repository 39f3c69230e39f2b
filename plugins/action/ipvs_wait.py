# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a director's table repeatedly, and show the operator the remaining connections.

A module has no output until it ends; so it reads once, and the controller does the waiting.
"""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.lvs.cluster.plugins.module_utils._model import EMPTY_READS
from ansible_collections.lvs.cluster.plugins.modules.ipvs_wait import ARGUMENTS
from ansible_collections.lvs.cluster.plugins.plugin_utils import _display

#: Seconds between two reads, and after which the same line is shown again.
POLL = 1
REMIND = 10
#: How many reads in a row have to find nothing that is waited for.
READS = {"drained": EMPTY_READS, "serving": 1}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """What Ansible looks for in this file."""

    _supports_check_mode = True
    _supports_async = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Wait, and return what is left in the end."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        end = time.monotonic() + options["seconds"]
        empty_reads, shown, due = 0, list[str](), 0.0
        while True:
            result.update(
                self._execute_module("lvs.cluster.ipvs_wait", options, task_vars=task_vars)
            )
            left = result.get("left", [])
            empty_reads = 0 if left else empty_reads + 1
            now = time.monotonic()
            if (
                result.get("failed")
                or self._task.check_mode
                or empty_reads == READS[options["state"]]
                or (left and now >= end)
            ):
                break
            if left and (left != shown or now >= due):
                shown, due = left, now + REMIND
                _display.show(f"{line}, {end - now:.0f} s left" for line in left)
            time.sleep(POLL)
        if result.get("left") and not self._task.check_mode:
            waiting = "; ".join(result["left"])
            result.update(failed=True, msg=f"After {options['seconds']} s: {waiting}.")
        return result
