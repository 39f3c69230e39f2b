# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock, so that only one module at a time reads and changes a machine.

There is one lock for all modules of the collection on a machine, because they depend on each
other: ``vip_iface`` on what ``arp_suppress`` set, several on one IPVS table, and each on the state
file that belongs to what it changes in the kernel.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator

from ansible_collections.lvs.cluster.plugins.module_utils import _program
from ansible_collections.lvs.cluster.plugins.module_utils._errors import OperatorError

#: Not in /run/lock, which every user may write to and so could hold it for ever. Only Linux has
#: /run.
PATH = "/run/lvs/lock" if sys.platform == "linux" else "/var/run/lvs/lock"
WAIT = 120  # seconds; a module that is at work takes few, keepalived's check of many services more
POLL = 0.05


@contextlib.contextmanager
def held(name: str) -> Iterator[None]:
    """Hold the lock of this machine.

    The lock ends when this process and the programs that it started have ended. Raises
    `OperatorError` if another module holds it for too long.

    :param name: the module, for the message of a module that waits
    """
    descriptor = _acquire(time.monotonic() + WAIT)
    if descriptor is None:
        yield
        return
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    try:
        with contextlib.suppress(OSError):  # a full /run is no reason to stop
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{name} (process {os.getpid()}, since {since})".encode(), 0)
        with _program.inheriting(descriptor):
            yield
    finally:
        os.close(descriptor)


def _acquire(deadline: float) -> int | None:
    """Return the locked file; None without root, since then nothing can be changed."""
    while True:
        try:
            os.makedirs(os.path.dirname(PATH), mode=0o755, exist_ok=True)
            descriptor = os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError:
            if os.geteuid() == 0:
                raise
            return None
        try:
            if _lock(descriptor, deadline):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the file was deleted meanwhile: others lock a new one


def _lock(descriptor: int, deadline: float) -> bool:
    """Wait for the lock of an open file; return whether it still is the file at `PATH`."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = os.pread(descriptor, 500, 0).decode("utf-8", "replace") or "a process"
                raise OperatorError(
                    f"Another run is changing this machine: {holder} holds {PATH}. This run has"
                    f" waited {WAIT} s and changed nothing; run it again when the other has ended."
                ) from None
            time.sleep(POLL)
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(PATH))
    except FileNotFoundError:
        return False
