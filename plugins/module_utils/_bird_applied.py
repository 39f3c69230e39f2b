# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find and apply the configuration that BIRD runs; its file may have another one.

The file defines a constant with its own digest, and ``birdc eval`` prints the constant of the
configuration that is in effect. So what BIRD runs is known, also after BIRD has undone a change or
after an edit of the file without a reload.

BIRD reads a new configuration from a file beside its own, and its own is replaced when the sessions
are back. BIRD undoes the change by itself if it is not confirmed in time. So whatever ends this
program, file and daemon have one configuration again, except between two system calls; and then the
next run finds that they differ.
"""

from __future__ import annotations

import contextlib
import ipaddress
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _bird,
    _bird_reader,
    _errors,
    _program,
    _run,
)

#: Where Debian's BIRD is configured and controlled.
CONF = "/etc/bird/bird.conf"
SOCKET = "/run/bird/bird.ctl"
#: How long birdc may take for an answer, and BIRD to stop and start its protocols.
ANSWER_SECONDS, BUSY_SECONDS = 10, 30
#: How long sessions may take to come back after an undone change.
RESTORE_SECONDS = 60
#: How much later than this module BIRD undoes a change by itself.
GRACE_SECONDS = 10
#: For how long a session that was lost has to stay Established.
STABLE_SECONDS = 2
POLL = 0.1


class Running(NamedTuple):
    """The BIRD that runs.

    :ivar version: such as 2.0.12
    :ivar digest: of the configuration in effect; None if this collection has not written it
    """

    version: str
    digest: str | None


class Health(NamedTuple):
    """The state of a session.

    :ivar established: of BGP
    :ivar bfd: whether BFD is up
    :ivar words: the state as part of a sentence
    """

    established: bool
    bfd: bool
    words: str


def ask(socket: str, *words: str) -> tuple[int, str]:
    """Run birdc for a command; return its exit status and what it prints.

    Raises `OperatorError` if BIRD does not answer.
    """
    try:
        done = _program.run("birdc", "-s", socket, *words, seconds=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        raise _run.OperatorError(
            f"birdc {' '.join(words)}: BIRD has not answered within {ANSWER_SECONDS} s; it may be"
            " stopped or overloaded. Restart it (systemctl restart bird)."
        ) from None
    return done.returncode, done.stdout + done.stderr


def running(socket: str = SOCKET) -> Running | None:
    """Return the BIRD that runs; None if none does, or it is not installed."""
    try:
        code, output = ask(socket, "show", "status")
    except FileNotFoundError:
        return None
    found = _bird_reader.status(output)
    if found is None:
        if code and "Unable to connect" in output:
            return None
        raise _run.OperatorError(f"birdc show status failed: {_one_line(output)}")
    return Running(found.version, _digest(socket))


def state(socket: str = SOCKET) -> dict[str, Any] | None:
    """Return what a status report is made of; None if no BIRD runs.

    It has ``version``, ``digest`` as of `Running`, and ``sessions`` as of `_bird_reader.report`.
    """
    found = running(socket)
    if found is None:
        return None
    sessions = _bird_reader.sessions(ask(socket, "show", "protocols", "all")[1])
    prefixes = {
        each.name: _bird_reader.exported(ask(socket, "show", "route", "export", each.name)[1])
        for each in sessions
        if each.established
    }
    bfd = _bird_reader.bfd_sessions(ask(socket, "show", "bfd", "sessions")[1])
    return {**found._asdict(), "sessions": _bird_reader.report(sessions, bfd, prefixes)}


def reload(
    socket: str,
    path: str,
    wanted: str | None,
    neighbors: Iterable[_bird.Neighbor],
    *,
    bfd: bool,
    seconds: int,
    install: Callable[[], None],
) -> None:
    """Have BIRD run the configuration of a file, if sessions stay or come back; else undo it.

    :param path: of the file
    :param wanted: its digest
    :param neighbors: which sessions have to be Established again, if they were
    :param bfd: whether BFD has to be up again, too, where it was
    :param seconds: for how long to wait for them
    :param install: makes the file BIRD's own; called before the change is confirmed

    Raises `OperatorError` if BIRD has its former configuration again, and `NotUndone` otherwise.
    """
    end_pending_change(socket)
    former = running(socket)
    before = _health(socket)
    awaited = {
        key: (str(each.address), before[key].bfd and bfd)
        for each in neighbors
        for key in [_key(str(each.address))]
        if key in before and before[key].established
    }
    code, output = ask(socket, "configure", f'"{path}"', "timeout", str(seconds + GRACE_SECONDS))
    if code:
        raise _run.OperatorError(
            f"BIRD does not accept the configuration: {_one_line(output)}. It keeps its former one."
        )
    try:
        _wait_for_sessions(socket, awaited, seconds)
        install()
        code, output = ask(socket, "configure", "confirm")
        if code or _digest(socket) != wanted:
            raise _run.OperatorError(
                "BIRD has another configuration by now, which something else has loaded, or it"
                f" has restored its former one: {_one_line(output)}."
            )
    except BaseException as error:
        kept = _undo(socket, former, wanted, awaited)
        reasons = _errors.reasons(error)
        if kept:
            raise _errors.NotUndone(*reasons, *kept) from error
        undone = "BIRD has its former configuration again."
        interrupted = isinstance(error, _errors.Interrupted)
        kind = _errors.Interrupted if interrupted else _run.OperatorError
        raise kind(*reasons, undone) from error


def end_pending_change(socket: str) -> None:
    """Undo a change that BIRD would undo later, of a run that was killed or of an operator.

    A further change would make that one permanent: BIRD undoes only the last (``config_undo`` of
    conf/conf.c). It does not print whether there is one, except as the answer to ``confirm``.
    """
    if "confirmed" in ask(socket, "configure", "confirm")[1]:
        ask(socket, "configure", "undo")
    _wait_until_done(socket)


def _undo(
    socket: str,
    former: Running | None,
    wanted: str | None,
    awaited: Mapping[str, tuple[str, bool]],
) -> list[str]:
    """Undo the change; return a sentence for each thing that is not as before."""
    try:
        now = running(socket)
        # Not if BIRD has undone it by itself: a second time would load it again.
        if now and now.digest == wanted:
            ask(socket, "configure", "undo")
            now = running(socket)
        if now is None:
            return ["BIRD does not run any more."]
        if former and now.digest != former.digest:
            return ["BIRD has not restored its former configuration: run birdc configure."]
        # A signal that ended the wait for the change does not end this one.
        lost = _wait_until_back(socket, awaited, RESTORE_SECONDS, time.sleep, was_lost=True)
    except _run.OperatorError as error:
        return error.mistakes
    return [
        f"Neighbor {name}: BIRD has its former configuration again, but the session is not back"
        f" after {RESTORE_SECONDS} s: {words}."
        for name, words in lost
    ]


def _lost(socket: str, awaited: Mapping[str, tuple[str, bool]]) -> list[tuple[str, str]]:
    """Return the neighbors whose session is not Established, or whose BFD is to be up and is not.

    Each is an address, and the state of its session as words.
    """
    health = _health(socket)
    none = Health(False, False, "there is none")
    found = [(name, bfd, health.get(key, none)) for key, (name, bfd) in awaited.items()]
    return [
        (name, each.words)
        for name, bfd, each in found
        if not each.established or (bfd and not each.bfd)
    ]


def _wait_until_back(
    socket: str,
    awaited: Mapping[str, tuple[str, bool]],
    seconds: float,
    pause: Callable[[float], object],
    *,
    was_lost: bool = False,
) -> list[tuple[str, str]]:
    """Wait until no session is lost; return those that still are when the time is up.

    A session that was lost has to stay for a while: both sides connect again, and of two
    connections one is closed (RFC 4271, 6.8), which may end a session that was just Established.
    """
    end = time.monotonic() + seconds
    since = time.monotonic()
    while True:
        lost = _lost(socket, awaited)
        now = time.monotonic()
        if lost:
            was_lost, since = True, now
        if not lost and (not was_lost or now - since >= STABLE_SECONDS):
            return []
        if now > end + (0 if lost else STABLE_SECONDS):
            return lost
        pause(POLL)


def _wait_for_sessions(socket: str, awaited: Mapping[str, tuple[str, bool]], seconds: int) -> None:
    """Wait until sessions are Established, and BFD is up for those that have True."""
    end = time.monotonic() + seconds
    _wait_until_done(socket)
    lost = _wait_until_back(socket, awaited, end - time.monotonic(), _run.pause)
    if lost:
        raise _run.OperatorError(
            *(
                f"Neighbor {name}: the session was Established before the change, and is not"
                f" again after {seconds} s: {words}. Check what the change requires of the"
                " neighbor: its AS, address, password, TTL and BFD."
                for name, words in lost
            )
        )


def _wait_until_done(socket: str) -> None:
    """Wait until BIRD has stopped and started its protocols for a configuration."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        found = _bird_reader.status(ask(socket, "show", "status")[1])
        if found is None:
            raise _run.OperatorError("BIRD has ended.")
        if not found.busy:
            return
        if time.monotonic() > end:
            raise _run.OperatorError(
                f"BIRD has not finished a reconfiguration within {BUSY_SECONDS} s."
            )
        _run.pause(POLL)


def _health(socket: str) -> dict[str, Health]:
    """Return the state of the session with each neighbor."""
    sessions = _bird_reader.sessions(ask(socket, "show", "protocols", "all")[1])
    bfd = {
        _key(each.address): each
        for each in _bird_reader.bfd_sessions(ask(socket, "show", "bfd", "sessions")[1])
    }
    found = {}
    for each in sessions:
        key = _key(each.address)
        of_bfd = bfd.get(key)
        words = f"BGP is {each.state}{f' ({each.error})' if each.error else ''}"
        words += f", BFD is {of_bfd.state}" if of_bfd else ""
        found[key] = Health(each.established, bool(of_bfd and of_bfd.up), words)
    return found


def _key(address: str) -> str:
    """Return an address in one way of writing: Python's and BIRD's may differ."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(address).exploded
    return address


def _digest(socket: str) -> str | None:
    code, output = ask(socket, "eval", _bird.DIGEST)
    return None if code else _bird_reader.constant(output)


def _one_line(output: str) -> str:
    return "; ".join(filter(None, map(str.strip, _bird_reader.answer(output).splitlines())))
