# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show lines to the operator, and fail with errors, each on a line of its own."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.lvs.cluster.plugins.plugin_utils import _display

ARGUMENTS = {
    "lines": {"type": "list", "elements": "str", "default": []},
    "errors": {"type": "list", "elements": "str", "default": []},
    "summary": {"type": "str"},
    "data": {"type": "raw"},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """The action of a task `lvs.cluster.report`."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Display the lines, and return them; fail if there are errors."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        lines, errors = options["lines"], options["errors"]
        shown = _display.shown() and not self._task.no_log
        summary = (options["summary"] or "There are {count} errors.").replace(
            "{count}", str(len(errors))
        )
        if shown:
            _display.show(lines)
            if len(errors) > 1:
                _display.show(errors, color=constants.COLOR_ERROR)
        if len(errors) == 1:
            result.update(failed=True, msg=errors[0])
        elif errors:
            result.update(failed=True, msg=summary if shown else "\n".join([summary, *errors]))
        # A callback plugin prints all of a failed result, which is on the terminal already.
        if not (shown and errors):
            result.update(changed=False, lines=lines, errors=errors, data=options["data"])
        return result
