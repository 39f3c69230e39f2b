# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of the machine's own programs, each with the one that undoes it.

For systems on which the collection has no interface to the kernel of its own (FreeBSD, SunOS).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Tuple

from ansible_collections.lvs.cluster.plugins.module_utils import _program
from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError, checkpoint

Words = Tuple[str, ...]  # Python 3.8 takes no subscript of tuple here


class Command(NamedTuple):
    """A command, and the one that undoes it; both as the words of a program."""

    do: Words
    undo: Words


def output(*words: str) -> str:
    """Run a program and return what it prints.

    Raises `OperatorError` with what it complains of, or if there is no such program.
    """
    try:
        done = _program.run(*words)
    except FileNotFoundError:
        raise OperatorError(f"The program {words[0]} is not on this host.") from None
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split()).rstrip(".")
        raise OperatorError(f"{' '.join(words)}: {said or f'exit status {done.returncode}'}.")
    return done.stdout


def printed(*words: str) -> str | None:
    """Run a program that only reads; return what it prints, None if it fails or is not there."""
    try:
        return output(*words)
    except OperatorError:
        return None


def apply(
    commands: Iterable[Command], undone: str, missing: Callable[[], Sequence[str]] = tuple
) -> None:
    """Run the commands; if one fails, undo the former and raise `OperatorError`.

    :param undone: what to add to the error where all could be undone
    :param missing: returns a sentence for each thing that is not as wanted afterwards, for programs
        that only warn of errors
    """
    done: list[Command] = []
    try:
        for command in commands:
            checkpoint()
            output(*command.do)
            done.append(command)
        mistakes = missing()
        if mistakes:
            raise OperatorError(*mistakes)
    except (OSError, OperatorError) as error:
        raise failure(error, _undo(done), undone) from error


def _undo(done: Sequence[Command]) -> list[str]:
    """Undo commands, the last one first; return a sentence for each that could not be."""

    def undo_error(command: Command) -> str | None:
        try:
            output(*command.undo)
        except (OSError, OperatorError) as error:
            return f"It could not be undone: {error}"
        return None

    return list(filter(None, map(undo_error, reversed(done))))
