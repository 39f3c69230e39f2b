# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Display text unchanged on the operator's terminal.

Callback plugins print results as JSON by default, in which line breaks are escaped. Only the
operator can change that. Text that an action displays is printed unchanged by any of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible import constants
from ansible.utils.display import Display

#: Callback plugins whose output programs read, or that print nothing.
_FOR_PROGRAMS = ("json", "jsonl", "null")

_display = Display()


def shown() -> bool:
    """Return whether lines are displayed under the callback plugin in use."""
    return str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2] not in _FOR_PROGRAMS


def show(lines: Iterable[str], color: str | None = None) -> None:
    """Display lines if they are `shown`, all at once, since other hosts may display lines, too."""
    text = "\n".join(str(line) for line in lines)
    if text and shown():
        _display.display(text, color=color)
