# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a keepalived.conf as a tree of statements, each with its line.

Pure. Words, quotes, comments, blocks and definitions are read as keepalived's ``lib/parser.c``
reads them (``decomment``, ``alloc_strvec_r``, ``read_line``). How a statement is shown in a message
is decided here too, so that no message has a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

#: The encoding of bytes that are not UTF-8; every byte is a character of it.
FALLBACK = "iso-8859-1"

_TOKEN = re.compile(
    r"""(?P<comment>[#!].*) | "(?P<double>[^"]*)(?P<closed>"?) | '(?P<single>[^']*)(?P<end>'?)
    | (?P<brace>[{}]) | (?P<bare>(?:\$\{\w+\}|\\.|[^\s{}\#!"])+)""",
    re.VERBOSE,
)
_DEFINITION = re.compile(r"\s*\$(\w+)\s*=\s*(.*?)\s*", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
#: A statement or block that begins with such a word may have a secret, also where it is misspelled.
_SECRET = re.compile(r"(?i)pass|pas$|pwd|secret|auth|token|^ssl$|(^|_)(key|pw)$")
#: What is shown of such statements.
_SHOWN = frozenset(
    {
        *("authentication", "auth_type", "auth_pass", "AH", "PASS", "SSL"),
        *("password", "ca", "certificate", "key", "{"),
    }
)
_HIDDEN = "<secret>"
_LONGEST = 60


class Word(str):  # noqa: SLOT000 (it has fields)
    """A word of a statement.

    :ivar quote: the quotes around it, if there are any
    :ivar glued: whether no blank is between it and the word before it
    :ivar open: whether its quotes are not closed
    """

    quote = ""
    glued = False
    open = False


@dataclass
class Statement:
    """A statement: its words, and the statements of its block.

    :ivar shown: how it is shown in messages, without secrets
    :ivar comment: the comment that is alone in the line before it
    :ivar children: the statements of its block; None if it has none
    :ivar taken: how many of its words the data has, or -1 if a message is about it
    """

    line: int
    words: tuple[Word, ...]
    shown: str
    comment: str = ""
    children: list[Statement] | None = None
    taken: int = 0
    problems: list[str] = field(default_factory=list)

    def block(self) -> list[Statement]:
        """Return the statements of its block, which may be empty or missing."""
        return [] if self.children is None else self.children

    def all(self) -> Iterator[Statement]:
        """Yield it and all statements within it."""
        yield self
        for child in self.block():
            yield from child.all()


@dataclass
class Tree:
    """The statements of a text.

    :ivar problems: line and sentence of what concerns no statement
    """

    statements: list[Statement]
    problems: list[tuple[int, str]]


def decode(data: bytes | str) -> tuple[str, list[int]]:
    """Return a file as text, and the lines that are not UTF-8.

    Ansible gives such bytes as lone surrogates, which no file and no terminal takes.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape" if _decodable(data) else "replace")
    lines, odd = [], []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            lines.append(line.decode(FALLBACK))
            odd.append(number)
    return "\n".join(lines), odd


def _decodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def shorten(text: str) -> str:
    """Return a text as it is shown in messages: in one line, and not too long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def code(line: str) -> str:
    """Return a line without its comment."""
    for token in _TOKEN.finditer(line):
        if token["comment"]:
            return line[: token.start()].rstrip()
    return line.rstrip()


def parse(text: str) -> Tree:
    """Return the statements of a text."""
    return _Parser(text).tree


class _Parser:
    def __init__(self, text: str) -> None:
        self.definitions: dict[str, str] = {}
        self.used: set[str] = set()
        self.tree = Tree([], [])
        self.stack = [Statement(0, (), "", children=self.tree.statements)]
        self.comment = ""
        defined: dict[str, int] = {}
        for number, line in self._lines(text):
            if found := _DEFINITION.fullmatch(code(line)):
                self._define(number, *found.groups())
                defined[found[1]] = number
            else:
                self._line(number, line)
        for node in self.stack[1:]:
            node.problems.append("its block is not closed")
        for name, number in defined.items():
            if name not in self.used:
                self.tree.problems.append((number, f"`${name}` is left out: it is not used."))

    @staticmethod
    def _lines(text: str) -> Iterator[tuple[int, str]]:
        r"""Yield each line with its number; one that ends with \ continues in the next one."""
        start, parts = 0, list[str]()
        for number, line in enumerate(text.split("\n"), 1):
            start = start if parts else number
            statement = code(line)
            if statement.endswith("\\"):
                parts.append(statement[:-1])
                continue
            yield start, "\\\n".join([*parts, line])
            parts = []
        if parts:
            yield start, "\\\n".join(parts)

    def _define(self, number: int, name: str, value: str) -> None:
        if "\\\n" in value:
            self.definitions.pop(name, None)
            self.used.add(name)
            problem = "a definition of several lines is not read; write it out"
            self.tree.problems.append((number, f"`${name}` is left out: {problem}."))
        else:
            self.definitions[name] = self._defined(value)

    def _defined(self, text: str) -> str:
        """Replace the names of definitions in a text by their values."""

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            self.used.add(name)
            return self.definitions.get(name, found[0])

        return _REFERENCE.sub(value, text)

    def _line(self, number: int, line: str) -> None:
        """Add the statements of a line, or begin and end blocks."""
        line = line.replace("\\\n", " ")
        here, end = self.stack[-1], -1
        before, self.comment = self.comment, ""
        # What comes from a definition may be a secret, and is shown as it is written.
        raw = _words(line) if _REFERENCE.search(line) else None
        words: list[Word] = []
        for token in _TOKEN.finditer(self._defined(line)):
            if token["comment"]:
                own_line = not words and here is self.stack[-1]
                self.comment = token["comment"] if own_line else ""
            elif token["brace"]:
                self._brace(token["brace"], words, (number, before), raw)
                words = []
            else:
                words.append(_word(token, glued=token.start() == end and bool(words)))
            end = token.end()
        if words:
            self._add(words, (number, before), raw)

    def _add(
        self,
        words: list[Word],
        place: tuple[int, str],
        raw: list[str] | None,
        *,
        opens: bool = False,
    ) -> Statement:
        heads = [node.words[0] for node in self.stack[1:] if node.words]
        shown = _shown(raw if raw is not None else [*words, *(["{"] if opens else [])], heads)
        node = Statement(place[0], tuple(words), shown, place[1])
        if any(word.open for word in words):
            node.problems.append("its quotes are not closed")
        self.stack[-1].block().append(node)
        return node

    def _brace(
        self, brace: str, words: list[Word], place: tuple[int, str], raw: list[str] | None
    ) -> None:
        """Begin or end a block; what stands before the brace in its line is a statement."""
        opens = brace == "{"
        if words:
            self._add(words, place, raw, opens=opens)
        here = self.stack[-1].block()
        if opens:
            if not here or here[-1].children is not None:
                self._add([Word("{")], place, raw)
            here[-1].children = []
            self.stack.append(here[-1])
        elif len(self.stack) > 1:
            self.stack.pop()
        else:
            self.tree.problems.append((place[0], "`}`: this brace closes no block."))


def _word(token: re.Match[str], *, glued: bool) -> Word:
    kind = next(k for k in ("double", "single", "bare") if token[k] is not None)
    quote = {"double": '"', "single": "'"}.get(kind, "")
    closed = {"double": token["closed"], "single": token["end"]}.get(kind, "-")
    word = Word(token[kind])
    word.quote, word.glued, word.open = quote, glued, not closed
    return word


def _words(line: str) -> list[str]:
    """Return the words of a line as they are written."""
    return [token[0] for token in _TOKEN.finditer(line) if not token["comment"]]


def _shown(words: Sequence[str], heads: Sequence[str]) -> str:
    """Return how a statement within blocks is shown: of what may be a secret, only known words."""
    hidden = any(map(_SECRET.search, heads))
    shown: list[str] = []
    for word in words:
        if hidden and word not in _SHOWN:
            # One for any number of words, which would show how many a password has.
            shown += [_HIDDEN] * (shown[-1:] != [_HIDDEN])
        else:
            shown.append(f'"{word}"' if isinstance(word, Word) and word.quote else word)
        hidden = hidden or bool(_SECRET.search(word))
    return shorten(" ".join(shown))
