# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build sentences about wrong values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

#: What a sentence shows of a wrong value, in characters, and how many names it lists.
LONGEST_SHOWN, LISTED = 120, 12


def one_line(text: str) -> str:
    """Return a text with what does not print, such as a newline, written as Python does."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def shown(value: Any) -> str:
    """Return a value as a sentence shows it: in quotes if it is a text, and cut if it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def suggestion(word: Any, known: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' if a known word is near, else nothing."""
    import difflib  # rarely needed, and each import costs time on every host

    near = difflib.get_close_matches(str(word)[:LONGEST_SHOWN], list(known), 1, 0.7)
    return f" (did you mean {near[0]}?)" if near else ""


def unknown(kind: str, name: Any, known: Iterable[str], documented: str = "") -> str:
    """Return a sentence about an unknown field, with the one that was probably meant, or all.

    :param kind: what it is, such as ``field``
    :param known: the names there are, those first that are wanted most often
    :param documented: where the rest of a long list is found
    """
    known = list(known)
    near = suggestion(name, known)
    if not near and known:
        rest = [f"{len(known) - LISTED} more"] if len(known) > LISTED + 1 else []
        names = [*known[: LISTED if rest else None], *rest]
        where = f"; see {documented}" if rest and documented else ""
        near = f" (there {'are' if len(names) > 1 else 'is'} {_and(names)}{where})"
    return f"there is no {kind} {shown(str(name))}{near}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
