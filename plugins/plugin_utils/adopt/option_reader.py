# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read statements of a keepalived.conf into data, by the tables of ``_keepalived_options``.

Pure. The keyword selects the option; the option's kind defines how to read the value, and checks
it.

Nothing is lost: each statement counts the words of it that the data has (`Reader.take`) or is the
subject of a message, and what is neither in the end is listed (`Reader.report_unread`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_kinds import (
    Kind,
    Option,
    Table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import InvalidValue
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import statements
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.statements import Statement, Word

#: Former keywords, and what keepalived calls it now.
RENAMED = {
    "lb_algo": "lvs_sched",
    "lb_kind": "lvs_method",
    "nb_get_retry": "retry",
    "neighbour_ip": "neighbor_ip",
    "lvs_flush_onstop": "lvs_flush_on_stop",
    "vmac_garp_intvl": "garp_extra_if",
    "vrrp_vmac_garp_intvl": "vrrp_garp_extra_if",
}
RENAMED.update({f"{name}_rlimit_rtime": f"{name}_rlimit_rttime" for name in ("vrrp", "bfd")})
RENAMED["checker_rlimit_rtime"] = "checker_rlimit_rttime"
#: Kinds that keepalived reads from several words; of all others it takes the first.
_SEVERAL_WORDS = tuple(
    getattr(_kinds, name) for name in ("USER", "SERVER", "ROUTE", "HEX", "REPLY")
)
#: Kinds that keepalived reads like a shell, with both quotes (alloc_strvec_quoted_escaped).
_SHELL = (_kinds.COMMAND, _options.NOTIFY)


class Block(dict[str, Any]):
    """Plain data that knows where it was read.

    :ivar line: the line where it begins
    :ivar shown: how its first statement is shown
    :ivar where: of each field, line and text of the statements that it is from
    """

    def __init__(self, line: int = 0, shown: str = "", **fields: Any) -> None:
        super().__init__(fields)
        self.line = line
        self.shown = shown
        self.where: dict[str, list[tuple[int, str]]] = {}

    def copy_with(self, **fields: Any) -> Block:
        """Return a copy with other fields, from the same place."""
        copy = Block(self.line, self.shown, **{**self, **fields})
        copy.where = self.where
        return copy


class Reader:
    """Reads statements into data, and lists what the data has no place for."""

    def __init__(self) -> None:
        self.unrepresented: list[tuple[int, str]] = []

    def take(self, node: Statement, words: int | None = None) -> None:
        """Note that the data has the first words of a statement; by default all of them."""
        if node.taken >= 0:
            node.taken = len(node.words) if words is None else words

    def skip(self, node: Statement, reason: str) -> None:
        """Note that a statement with its block is left out, and why."""
        self.unrepresented.append((node.line, f"`{node.shown}` is left out: {reason}."))
        for each in node.all():
            each.taken = -1

    def note(self, node: Statement, sentence: str) -> None:
        """Note how a statement was taken."""
        self.unrepresented.append((node.line, f"`{node.shown}`: {sentence}."))
        node.taken = -1

    def put(
        self, found: Block, name: str, value: Any, node: Statement, *, more: bool = False
    ) -> None:
        """Set a field that a statement gives, and list what gave it before.

        :param more: whether the value has the former one in it
        """
        if not more:
            self.replaced(found.where.pop(name, []), node)
        found[name] = value
        found.where.setdefault(name, []).append((node.line, node.shown))

    def replaced(self, places: Iterable[tuple[int, str]], node: Statement) -> None:
        """List former statements that a later one replaces."""
        for line, shown in places:
            reason = f"line {node.line} sets it again"
            self.unrepresented.append((line, f"`{shown}` is left out: {reason}."))

    def unknown(self, node: Statement, remedy: str = "") -> None:
        """List a statement that the data has no field for."""
        word = node.words[0]
        if word.startswith("include"):
            self.skip(node, "other files are not read; adopt the file with what it includes")
        elif word.startswith("@"):
            self.skip(node, "what holds on one machine only is not read; write it out without @")
        elif word.startswith("~"):
            self.skip(node, "what is repeated is not read; write it out")
        elif word in ("nat_mask", "hashed"):
            self.skip(node, "keepalived no longer has this option, and it had no effect")
        else:
            self.skip(node, f"the inventory has no field for it{remedy}")

    def report_unread(self, nodes: Iterable[Statement]) -> None:
        """List all that was neither taken nor listed yet."""
        for top in nodes:
            for node in top.all():
                for problem in node.problems:
                    self.note(node, problem)
                if node.taken < 0:
                    continue
                rest = node.words[node.taken :]
                if not node.taken:
                    self.unknown(node)
                elif rest:
                    shown = (
                        ""
                        if "<secret>" in node.shown
                        else f" ({statements.shorten(' '.join(rest))})"
                    )
                    self.note(node, f"what follows its first words{shown} is left out")

    # ---- tables, backwards -------------------------------------------------------------------

    def field(self, table: Table, node: Statement, found: Block) -> None:
        """Read a statement by the option of a table that it is, into the option's field."""
        word = RENAMED.get(node.words[0], node.words[0])
        options = [option for option in table if word in _words(option)]
        if not options:
            return self.unknown(node)
        reason = ""
        for option in options:
            try:
                value = self._value(option, node)
                option.lines(value)
            except InvalidValue as error:
                reason = "; ".join(map(str, error.args)) or f"it must be {option.kind.must_be}"
                continue
            if value in ("", [], {}):
                reported = any(each.taken < 0 for child in node.block() for each in child.all())
                return self.note(
                    node, "nothing of it is left" if reported else "it is empty, and left out"
                )
            if isinstance(value, list):
                value = [*found.get(option.name, []), *value]
            elif option.name in found and option.kind == _options.NOTIFY:
                # notify_script_init's callers: "already specified - ignoring"
                return self.skip(node, "keepalived takes the first one")
            self.put(found, option.name, value, node, more=isinstance(value, list))
            self.take(node)
            return None
        return self.skip(node, reason)

    def _value(self, option: Option, node: Statement) -> Any:
        """Return the value of an option that a statement gives, or raise `InvalidValue`."""
        kind, values = option.kind, node.words[1:]
        _check_quotes(kind, values)
        if kind.word:
            if values:
                raise InvalidValue("its name is followed by more than its block")
            block = Block(node.line, node.shown)
            for child in node.block():
                self.field(kind.of, child, block)
            return [dict(block)]
        if node.children is not None:
            if kind.argument["type"] != "list" or values:
                raise InvalidValue("it has a block")
            return list(self._items(kind.of, node.children))
        if kind.argument["type"] == "list":
            return [scalar(kind.of, (value,)) for value in values]
        if kind.argument["type"] == "bool":
            if option.keyword is not None:
                return _boolean(values)
            if values:
                raise InvalidValue("it stands alone")
            return kind.read(True) == node.words[0]
        return _item(kind, self._words_read(option, node, values))

    def _words_read(
        self, option: Option, node: Statement, values: tuple[Word, ...]
    ) -> tuple[Word, ...]:
        """Return the words that keepalived takes of a value."""
        if len(values) < 2:
            return values
        if option.kind == _options.NOTIFY:
            if not values[0].quote:
                self.note(
                    node,
                    f"keepalived takes {values[1]} for the user who runs it, and so does the"
                    " inventory; if it is an argument, put command and arguments in quotes",
                )
        elif not option.kind.of and option.kind not in _SEVERAL_WORDS:
            if option.name == "process":
                raise InvalidValue("the inventory has no field for a process's parameters")
            self.note(node, "keepalived takes the first word of its value, as does the inventory")
            return values[:1]
        return values

    def _items(self, kind: Kind, nodes: Iterable[Statement]) -> Iterator[Any]:
        """Yield the items that the lines of a block are; one line may have several."""
        for node in nodes:
            for words in (node.words,), tuple((word,) for word in node.words):
                try:
                    if node.children is not None or any(word.glued for word in node.words):
                        raise InvalidValue
                    items = [_item(kind, each) for each in words]
                    for item in items:
                        kind.read(item)
                except InvalidValue:
                    continue
                self.take(node)
                yield from items
                break
            else:
                self.skip(node, f"it must be {kind.must_be}")


def _words(option: Option) -> set[str]:
    """Return the words with which an option begins in the file."""
    if option.keyword is not None:
        return {option.keyword or option.name}
    if option.kind.argument["type"] == "bool":
        return {str(option.kind.read(value)) for value in (True, False)}
    return {option.kind.word}


def _check_quotes(kind: Kind, values: Sequence[Word]) -> None:
    """Raise `InvalidValue` where keepalived reads quotes in another way than this does."""
    if kind not in _SHELL and any(word.glued or word.quote == "'" for word in values):
        raise InvalidValue("it has quotes that keepalived takes for a part of the text")
    if any(word.glued for word in values):
        raise InvalidValue("it has quotes within a word; write it in one pair of quotes")


def _boolean(words: Sequence[str]) -> bool:
    if len(words) > 1:
        raise InvalidValue
    word = (words or ("true",))[0].lower()
    if word not in ("true", "on", "yes", "false", "off", "no"):
        raise InvalidValue
    return word in ("true", "on", "yes")


def _item(kind: Kind, words: Sequence[str]) -> Any:
    """Return the value that words are: a mapping by its table, or one that is simple."""
    return _inline(kind, list(words)) if kind.of else scalar(kind, words)


def _inline(kind: Kind, words: list[str]) -> Any:
    """Read a mapping that stands in one line: first what has no keyword, then pairs."""
    table: Table = kind.of
    found: dict[str, Any] = {}
    for option in table:
        if option.keyword is None and words:
            # A user may be followed by a group.
            count = 2 if option.kind is _kinds.USER else 1
            found[option.name] = scalar(option.kind, words[:count])
            del words[:count]
    known = {
        option.keyword or option.name: option for option in table if option.keyword is not None
    }
    while words:
        word = words.pop(0)
        if word not in known:
            raise InvalidValue(f"{word} is not known here")
        option = known[word]
        if option.kind.argument["type"] == "bool":
            found[option.name] = True
        else:
            found[option.name] = scalar(option.kind, [words.pop(0)] if words else [])
    return found[table[0].name] if kind.argument["type"] == "raw" and len(found) == 1 else found


def scalar(kind: Kind, words: Sequence[str]) -> Any:
    """Return the number or text that words are, or raise `InvalidValue`."""
    text = " ".join(words)
    if kind.argument["type"] in ("int", "float"):
        if not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
            raise InvalidValue
        return float(text) if float(text) % 1 else int(text.partition(".")[0])
    try:
        kind.read(text)
    except InvalidValue:
        # What is one text here may be written apart, as a server and its port, or not at all.
        apart = "[{}]:{}" if ":" in text else "{}:{}"
        spelling = apart.format(*words) if len(words) == 2 else "any"
        if len(words) == 1 or _written(kind, spelling) != text.lower():
            raise
        return spelling
    return text


def _written(kind: Kind, value: str) -> str | None:
    """Return what stands in the file for a value, if it is of that kind."""
    try:
        return str(kind.read(value)).lower()
    except InvalidValue:
        return None
