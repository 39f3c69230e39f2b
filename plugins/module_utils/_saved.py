# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files from which a machine gets its settings back at boot, without Ansible."""

from __future__ import annotations

import os
import tempfile


def read(path: str) -> str | None:
    """Return the text of the file at ``path``, or None where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path: str, text: str | None, mode: int = 0o644) -> None:
    """Make the file at ``path`` hold ``text``; None takes the file away, if it is there.

    The file changes in one step: a reader, or a machine that loses power, finds the old
    text or the new one, never a part. Missing parent directories are made with mode 0755.
    Raises OSError where the file system refuses; the file is then as it was.
    """
    directory = os.path.dirname(os.path.abspath(path))
    if text is None:
        if os.path.exists(path):
            os.unlink(path)
            _sync(directory)
        return
    if not os.path.isdir(directory):
        os.makedirs(directory)
        os.chmod(directory, 0o755)  # whatever the umask
    # A name that begins with a dot and has no known ending is read by no tool at boot.
    descriptor, temporary = tempfile.mkstemp(prefix=".lvs-", dir=directory)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(descriptor, mode)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync(directory)


def _sync(directory: str) -> None:
    """Wait until the entries of ``directory`` are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
