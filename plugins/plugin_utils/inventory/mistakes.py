# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes of an inventory as sentences, and how these list names and values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._wording import one_line


class Mistakes:
    """Sentences, each with all hosts or services that it is about."""

    def __init__(self) -> None:
        self._subjects: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, sentence: str, kind: str = "", *names: str) -> None:
        """Add a sentence about hosts or services of a kind, or about the cluster without a kind."""
        self._subjects.setdefault((kind, sentence), {}).update(dict.fromkeys(names))

    def lines(self) -> list[str]:
        """Return the sentences in the order in which they were first noted."""
        return [
            one_line(f"{_subject(kind, names)}{sentence}")
            for (kind, sentence), names in self._subjects.items()
        ]


def _subject(kind: str, names: Collection[str]) -> str:
    """Return the beginning of a sentence: the hosts or services that it is about."""
    if not kind:
        return ""
    if kind == "host":  # in quotes where a name would not stand out
        names = [name if re.fullmatch(r"[\w.:@+-]+", name) else repr(name) for name in names]
    return f"{kind}{'s' if len(names) > 1 else ''} {join_names(names)}: "


def join_names(names: Iterable[str], limit: int = 5) -> str:
    """Return names joined for a sentence; of many only the first ones, and how many more."""
    names = list(names)
    if len(names) > limit:
        names[limit - 1 :] = [f"{len(names) - limit + 1} more"]
    return " and ".join([", ".join(names[:-1]), *names[-1:]] if len(names) > 1 else names)


def joined(value: Any) -> str:
    """Return a text as it is, and several values joined for a sentence."""
    return value if isinstance(value, str) else join_names(map(str, value))
