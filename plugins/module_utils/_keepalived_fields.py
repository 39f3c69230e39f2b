# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the fields of keepalived's configuration by their table.

A `Reader` gathers what is wrong with the whole configuration, and which fields run scripts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils import _wording
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_kinds import Table, Version
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import InvalidValue

#: Where all fields are described.
DOCUMENTED = "ansible-doc lvs.cluster.keepalived_conf"


def dotted(version: Version) -> str:
    """Return a version in dotted form."""
    return ".".join(map(str, version))


def joined(lines: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the lines of all fields."""
    return [line for of_field in lines.values() for line in of_field]


class Reader:
    """Reads fields; notes a sentence for each mistake, and which of them are scripts.

    :param config: the whole configuration
    :param version: the installed release of keepalived; None to leave releases out of it
    """

    def __init__(self, config: Mapping[str, Any], version: Version | None) -> None:
        self.config = config
        self.version = version
        self.mistakes: list[str] = []
        self.scripts: list[str] = []

    def wrong(self, place: str, sentence: str) -> None:
        message = _wording.one_line(f"{place}: {sentence}.")
        if message not in self.mistakes:
            self.mistakes.append(message)

    def all_wrong(self, place: str, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self.wrong(place, sentence)

    def unknown(self, raw: Mapping[str, Any], place: str, known: Sequence[str]) -> None:
        for name in sorted(set(map(str, raw)).difference(known)):
            self.wrong(place, _wording.unknown("field", name, known, DOCUMENTED))

    def has(self, place: str, what: str, since: Version) -> None:
        """Report a field that the installed release does not have."""
        if self.version and since > self.version:
            self.wrong(
                place,
                f"{what} needs keepalived {dotted(since)} or later, and {dotted(self.version)} is"
                " installed",
            )

    def fields(
        self, table: Table, raw: Mapping[str, Any], place: str, known: Iterable[str] = ()
    ) -> dict[str, list[str]]:
        """Return the lines of each field, in the table's order; note all that is wrong."""
        names = dict.fromkeys([*known, *(option.name for option in table)])
        self.unknown(raw, place, list(names))
        lines: dict[str, list[str]] = {}
        for option in table:
            if _kinds.absent(option, raw):
                if option.required:
                    self.wrong(place, f"{option.name} is missing")
                continue
            value = raw[option.name]
            self.has(place, option.name, option.since)
            if option.kind in (_kinds.COMMAND, _options.NOTIFY):
                self.scripts.append(f"{place} has {option.name}")
            try:
                lines[option.name] = option.lines(value)
            except InvalidValue as error:
                for sentence in _kinds.sentences(option, value, error):
                    self.wrong(place, sentence)
        return lines

    def mappings(self, name: str) -> list[Mapping[str, Any]]:
        """Return a list of the schema; note what is no mapping in it."""
        value = [] if self.config.get(name) is None else self.config[name]
        if not isinstance(value, Sequence) or isinstance(value, str):
            self.wrong(name, "it is not a list")
            return []
        for number, item in enumerate(value, 1):
            if not isinstance(item, Mapping):
                self.wrong(f"{name}, number {number}", "it is not a mapping of fields")
        return [item for item in value if isinstance(item, Mapping)]
