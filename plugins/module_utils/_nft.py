# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of nftables, and the program ``nft`` that loads them."""

from __future__ import annotations

import errno
import subprocess
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _program


class Table(NamedTuple):
    """Which table: a name is unique within its family."""

    family: str
    name: str

    @property
    def removal(self) -> str:
        """The statements that remove the table, whether or not it exists."""
        return f"table {self.family} {self.name}\ndelete table {self.family} {self.name}\n"

    def definition(self, rules: str) -> str:
        """Return the block that makes a table with rules."""
        # The newline before the brace: the last line may be a comment.
        return f"table {self.family} {self.name} {{\n{rules.rstrip()}\n}}\n"


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run nft with a text on its standard input; raises PermissionError without root."""
    done = _program.run("nft", *arguments, text=text)
    if done.returncode and "Operation not permitted" in done.stderr:
        raise PermissionError(errno.EPERM, "Operation not permitted", "nft")
    return done
