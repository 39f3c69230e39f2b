# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of systemd units, and what they printed when they failed."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _program

#: The name of a unit, with its type.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]*\.(service|path|target|timer)")
#: Where the units of this collection are.
MANAGED = "/etc/systemd/system/lvs-*.service"
#: The states of a unit that has complained: it failed, or waits to be tried again.
TROUBLED = ("failed", "activating")


def blocks(output: str) -> list[dict[str, str]]:
    """Parse the output of ``systemctl show``: the properties of each unit."""
    return [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in output.split("\n\n")
        if block.strip()
    ]


def error_lines(name: str) -> list[str]:
    """Return the errors that the processes of a unit printed since it was last started."""
    shown = _program.run("systemctl", "show", "--property=InvocationID", "--value", name)
    run = shown.stdout.strip()
    if not run:
        return []
    # systemd's own messages about the unit have another field, INVOCATION_ID.
    log = _program.run(
        "journalctl",
        "--priority=err",
        "--output=cat",
        "--no-pager",
        f"_SYSTEMD_INVOCATION_ID={run}",
    )
    return list(dict.fromkeys(filter(None, map(str.strip, log.stdout.splitlines()))))


def remedy(name: str, active: str, errors: Sequence[str]) -> str:
    """Return a sentence about a unit that is not active: the reason if known, and the remedy."""
    again = " and is tried again every 10 seconds" if active == "activating" else ""
    why = f": {'; '.join(error.rstrip('.') for error in errors)}" if errors else ""
    return (
        f"{name} is {active}{again}{why}. Mend what it complains of (journalctl -u {name}), and"
        f" start it: systemctl restart {name}."
    )


def managed() -> list[dict[str, Any]]:
    """Return the units of this collection on this machine; nothing without systemd."""
    names = sorted(map(os.path.basename, glob.glob(MANAGED)))
    if not names or not _program.where("systemctl"):
        return []
    shown = _program.run("systemctl", "show", "--property=Id,ActiveState", *names)
    return [
        {
            "name": unit["Id"],
            "active": unit["ActiveState"],
            "errors": error_lines(unit["Id"]) if unit["ActiveState"] in TROUBLED else [],
        }
        for unit in blocks(shown.stdout)
    ]
