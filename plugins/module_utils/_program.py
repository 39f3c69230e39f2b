# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs of the machine, independent of Ansible's path and language."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

#: Open files that programs get besides their own.
_inherited: list[int] = []


@contextlib.contextmanager
def inheriting(descriptor: int) -> Iterator[None]:
    """Let programs that are started meanwhile inherit an open file, such as the lock.

    They may continue after this process was killed, and no other module may start before they end.
    """
    _inherited.append(descriptor)
    try:
        yield
    finally:
        _inherited.remove(descriptor)


def _path() -> str:
    """Return the path with the sbin folders, which it may lack."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def where(name: str) -> str | None:
    """Return the path of a program; None if it is not installed."""
    return shutil.which(name, path=_path())


def run(
    *words: str, text: str = "", seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program; return its exit status and its output, in English.

    :param text: what it reads
    :param seconds: after how long it is ended, with subprocess.TimeoutExpired; None for never

    Raises FileNotFoundError where there is no such program.
    """
    # There is no module at hand whose run_command this could be.
    return subprocess.run(  # pylint: disable=ansible-bad-function
        words,
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        env={**os.environ, "PATH": _path(), "LC_ALL": "C"},
        timeout=seconds,
        pass_fds=_inherited,
        check=False,
    )
