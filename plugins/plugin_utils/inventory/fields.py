# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed fields of a host or a service, some of which may be templates that failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._model import normal_address
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import Fields
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import Mistakes
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.networks import (
    Network,
    parse_network,
    usable,
)


class Unreadable(NamedTuple):
    """Stands for a value whose template failed."""

    reason: str


def template_failure(value: Any) -> str:
    """Return why a template somewhere in a value failed, or nothing."""
    if isinstance(value, Unreadable):
        return " ".join(value.reason.split())
    if isinstance(value, Mapping):
        value = list(value.values())
    return next(filter(None, map(template_failure, value)), "") if isinstance(value, list) else ""


def is_name(value: Any) -> bool:
    """Whether a value is a text in one line, without blanks around it; an empty one is no name."""
    return isinstance(value, str) and value.isprintable() and value == value.strip()


class Subject(Fields):
    """Typed fields of a host or a service, whose mistakes are joined with those of others."""

    def __init__(self, raw: Mapping[str, Any], kind: str, name: str, mistakes: Mistakes) -> None:
        super().__init__(raw, f"{kind} {name}", [])
        self.report = mistakes
        #: The names whose templates failed.
        self.failed: set[str] = set()
        self._subject = kind, name

    def wrong(self, sentence: str) -> None:
        """Note a mistake about it."""
        self.report.add(sentence, *self._subject)

    def readable(self, names: Iterable[str], raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of names, except those whose template failed."""
        values = {name: raw[name] for name in names}
        reasons = {name: template_failure(value) for name, value in values.items()}
        for name, reason in reasons.items():
            if reason:
                self.failed.add(name)
                self.wrong(f"{name} can't be evaluated: {reason.rstrip('.')}; correct its template")
        return {name: value for name, value in values.items() if not reasons[name]}

    def many(self, name: str) -> list[Any]:
        """Return a value that is one or a list as a list."""
        value = self.raw.get(name)
        return value if isinstance(value, list) else [] if value in (None, "") else [value]

    def addresses(self, name: str) -> list[str]:
        """Return the addresses of machines in a field that is one or a list of them."""
        found = [normal_address(item) for item in self.many(name)]
        good = [address for address in found if address and usable(address)]
        if len(good) < len(found):
            value = shown(self.raw[name])
            self.wrong(f"{name} is {value}; it must be a machine's address, or a list of them")
        return good

    def networks(self, name: str) -> tuple[Network, ...]:
        """Return the networks in a field that is one or a list of them."""
        try:
            if all("/" in item for item in self.many(name)):
                return tuple(parse_network(item, strict=False) for item in self.many(name))
        except (TypeError, ValueError):
            pass
        value = shown(self.raw[name])
        self.wrong(
            f"{name} is {value}; it must be a network such as 192.168.2.0/24, or a list of them"
        )
        return ()

    def sources(self, name: str) -> tuple[Network, ...]:
        """Return the networks in a field that lists addresses and networks, or is ``any``."""
        entries = self.many(name)
        try:
            written = (
                ["0.0.0.0/0", "::/0"] if entries == ["any"] else [str(item) for item in entries]
            )
            return tuple(map(parse_network, written))
        except ValueError:
            self.wrong(
                f"{name} is {shown(self.raw[name])}; it must be a list of addresses and networks,"
                " such as 192.168.2.23 or 10.1.0.0/24, or any"
            )
        return ()
