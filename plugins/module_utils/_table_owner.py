# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find other programs that write the IPVS table of this network namespace.

Two owners of one table undo each other's changes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError

#: Programs that keep a table by themselves, by the name the kernel knows them by.
OWNERS = ("keepalived", "kube-proxy", "kube-router", "ldirectord")


def running_owners(proc: str = "/proc") -> dict[str, int]:
    """Return the owners that run in this network namespace, with a process id of each."""
    here = os.readlink(f"{proc}/self/ns/net")
    found: dict[str, int] = {}
    for entry in os.listdir(proc):
        if entry.isdecimal():
            try:
                with open(f"{proc}/{entry}/comm", encoding="utf-8", errors="replace") as file:
                    name = file.read().strip()
                if name in OWNERS and os.readlink(f"{proc}/{entry}/ns/net") == here:
                    found.setdefault(name, int(entry))
            except OSError:
                continue  # ended since it was listed
    return found


def refuse_other_owners(ignored: Sequence[str] = ()) -> None:
    """Raise `OperatorError` if a program that isn't ignored owns the table."""
    raise_for = {n: pid for n, pid in running_owners().items() if n not in ignored}
    if raise_for:
        raise OperatorError(
            *(
                f"{name} runs here (process {pid}) and owns this IPVS table: it would undo this"
                f" change, and this change its work. Stop {name} and disable it, or make the"
                f" change in its own configuration; if it leaves IPVS alone, list it in"
                f" ignore_owners."
                for name, pid in sorted(raise_for.items())
            )
        )
