# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of modules, as messages for the operator."""

from __future__ import annotations


class OperatorError(Exception):
    """An error, as sentences for the operator.

    Every mistake found is in ``mistakes``, each with its place and its remedy.
    """

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = list(mistakes)


class Interrupted(OperatorError):
    """A signal asked the module to end before it had finished."""


class NotUndone(OperatorError):
    """A change failed, and undoing it failed, too."""


def failure(error: Exception, not_undone: list[str], undone: str) -> OperatorError:
    """Return the exception for a change that failed and was undone.

    :param error: why it failed, an `OperatorError` or an OSError
    :param not_undone: a sentence for each thing that could not be undone
    :param undone: the sentence if there is none
    """
    why = reasons(error)
    return NotUndone(*why, *not_undone) if not_undone else OperatorError(*why, undone)


def reasons(error: BaseException) -> list[str]:
    """Return the reasons of an error as sentences, with a remedy if one is known."""
    if isinstance(error, OperatorError):
        return error.mistakes
    if not isinstance(error, OSError):
        return [f"{type(error).__name__}: {error}."]
    what = error.strerror or str(error)
    if error.filename:
        what = f"{error.filename}: {what}"
    if isinstance(error, PermissionError):
        return [f"{what}. This needs root: set become: true."]
    return [f"{what}."]
