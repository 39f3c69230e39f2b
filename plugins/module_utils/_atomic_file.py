# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""State files, from which a machine restores its settings at boot without Ansible."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from typing import TypeVar

from ansible_collections.lvs.cluster.plugins.module_utils._errors import OperatorError

Parsed = TypeVar("Parsed")


class Damaged(OperatorError):
    """A state file that cannot be read or replaced."""


def read(path: str) -> str | None:
    """Return the text of the file at ``path``, or None where there is none.

    Raises `Damaged` if it is not UTF-8.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _damaged(path, f"byte {error.start} is not UTF-8") from None


def parsed(path: str, text: str | None, parse: Callable[[str | None], Parsed]) -> Parsed:
    """Parse the text of a state file; raises `Damaged` for a ValueError of ``parse``."""
    try:
        return parse(text)
    except ValueError as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: str, what: str) -> Damaged:
    return Damaged(
        f"{path}: {what}. Nothing was changed. Correct the file; or delete it, remove by hand what"
        " it listed of this machine's settings, and run this again."
    )


def write(path: str, text: str | None, mode: int | None = None) -> None:
    """Write ``text`` to the file at ``path``; None removes the file, if it exists.

    The file changes in one step: a reader, or a machine that loses power, finds the old
    text or the new one, never a part. If ``path`` is a symbolic link, its target is written, and
    the link stays. Missing parent directories are created with mode 0755.
    Raises OSError if the file system refuses; then the file is unchanged.

    :param mode: the mode, for a file of this process's user. By default, mode and owner stay as
        they are, and a new file has 0644
    """
    path = os.path.realpath(path)
    directory = os.path.dirname(path)
    former = _status(path)
    if text is None:
        if former:
            os.unlink(path)
            _sync(directory)
        return
    if not os.path.isdir(directory):
        _make(directory)
    try:
        _replace(path, text, former, mode)
    except OSError as error:
        error.filename = path  # not the temporary file's
        raise
    _sync(directory)


def _replace(path: str, text: str, former: os.stat_result | None, mode: int | None) -> None:
    forget_temporary(path)
    temporary = _temporary(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            if former and mode is None:
                made = os.fstat(descriptor)
                if (former.st_uid, former.st_gid) != (made.st_uid, made.st_gid):
                    os.fchown(descriptor, former.st_uid, former.st_gid)
                mode = stat.S_IMODE(former.st_mode)
            os.fchmod(descriptor, 0o644 if mode is None else mode)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def forget_temporary(path: str) -> None:
    """Delete the temporary file of a run that was killed while it wrote the file."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(_temporary(os.path.realpath(path)))


def _temporary(path: str) -> str:
    # A name that begins with a dot and has no known ending is read by no tool at boot. It is
    # always the same, so that what a killed run left is found; `_lock` keeps two runs apart.
    directory, name = os.path.split(path)
    return os.path.join(directory, f".lvs-{name}.new")


def _status(path: str) -> os.stat_result | None:
    """Return the status of a file that may be replaced; None if it does not exist."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        # Such as /dev/null, to which a link masks a file of sysctl.d(5).
        raise Damaged(
            f"{path} is a device, pipe or socket; a state file must be a regular file. Remove the"
            " link or special file."
        )
    return found


def _make(directory: str) -> None:
    """Make a directory and its parents, with mode 0755 from the beginning."""
    umask = os.umask(0o022)
    try:
        os.makedirs(directory)
    finally:
        os.umask(umask)
    _sync(os.path.dirname(directory))


def _sync(directory: str) -> None:
    """Wait until the entries of ``directory`` are on the disk."""
    # Not every system has O_DIRECTORY.
    descriptor = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
