# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hide the secrets of keepalived's configuration in all output.

What keepalived's parser (its ``lib/parser.c``) takes for a secret can be written in many ways: as
a definition, as one that uses another, as part of a word, over several lines, as an argument of a
script. So all words after the keyword of a secret are hidden to the end of the line, and each
definition that they use. What is written with a mistaken syntax is hidden as well.

Apart from ``_keepalived``, whose import takes longer than most of what a module does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_START = r"(?<![\w./:@$-])"
_SECRET = re.compile(_START + r"(?:auth_pass|auth_hmac|password|active_key|key)(?![\w.-])\"?")
_SCRIPT = re.compile(
    _START + r"(?:script|misc_path|(?:\w+_)?notify\w*|quorum_(?:up|down)|\w+down_script"
    r"|startup_script)(?=[\s\"'])\"?(?!\s*\{)"
)
#: What a line has if it has any of this. Most lines of a long file have none.
_ANY = re.compile(r"auth_|password|key|script|misc_path|notify|quorum_|[$~@?&]")
#: ``$NAME=value``; also in a comment, after a condition, and with spaces that keepalived refuses.
_DEFINITION = re.compile(r"(?:[\s#!]|@\S+\s)*\$\{?(\w+)\}?(?:\([^)]*\))?\s*=\s*")
#: ``~LST(NAME, value, value)`` gives the values to a definition, one after the other.
_VALUES = re.compile(r"~\w+\(([^)]*)")
_USE = re.compile(r"\$\{?(\w+)\}?")
#: In an address, a name with a password; in its query, what is called like a secret.
_LOGIN = re.compile(r"(?<=://)[^/\s@\"']+(?=@)")
_QUERY = re.compile(
    r"([?&][\w.-]*(?:auth|credential|key|pass|pw|secret|sig|token)[\w.-]*=)([^&\s\"'#]+)", re.I
)
_WORD = re.compile(r"\"(?:[^\"\\]|\\.)*\"?|[{}]|(?:\$\{[^}]*\}|[^\s{}])+")
#: Words that are no part of a secret: braces, and what begins a comment.
_MARKS = ("{", "}", "#", "!")
#: What is shown of a script's arguments: names of options, and paths.
_PLAIN = re.compile(r"--[\w-]+|-\w|/[\w./-]*|[#!{}]+")
#: How many definitions may be within one another, and how long a line may get by them.
_DEEP, _LONG = 20, 4096

Definitions = Mapping[str, Sequence[str]]
#: Takes a word and whether it is a secret by its keyword, and returns what is shown for it.
Hide = Callable[[str, bool], str]


class Mask:
    """Hides the secrets of texts; each secret has a number, so that a change of it is seen."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._certain: set[str] = set()

    def __call__(self, text: str) -> str:
        """Return a text without its secrets, with as many lines."""
        lines = text.split("\n")
        definitions = _definitions(lines)
        used: set[str] = set()
        known = frozenset({""})

        def note(word: str, _certain: bool) -> str:
            used.update(_USE.findall(word))
            return word

        # What a hidden definition uses is hidden, too, and so on.
        while used != known:
            known = frozenset(used)
            list(_lines(lines, definitions, known, note))
        return "\n".join(_lines(lines, definitions, known, self._hidden))

    def options(self, value: Any) -> Any:
        """Return options of the module without what may be secrets in the commands of scripts."""
        if isinstance(value, list):
            return [self.options(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            name: _arguments(each, self._hidden)
            if isinstance(each, str) and (name == "command" or _SCRIPT.match(f"{name} "))
            else self.options(each)
            for name, each in value.items()
        }

    def _hidden(self, word: str, certain: bool = True) -> str:
        secret = word.strip('"')
        number = self.numbers.setdefault(secret, len(self.numbers) + 1)
        # An argument of a script is most often an everyday word.
        if certain or len(secret) >= 8:
            self._certain.add(secret)
        return f"<secret {number}>"

    def words(self, text: str) -> str:
        """Return what a program prints, without a word that is a secret known by now."""
        for secret, number in self.numbers.items():
            if secret in self._certain and secret:
                text = re.sub(
                    rf"(?<![\w.:-])(?<!Line ){re.escape(secret)}(?![\w.:-])",
                    f"<secret {number}>",
                    text,
                )
        return text


def _definitions(lines: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each definition, one that continues over several lines as one value."""
    found: dict[str, list[str]] = {}
    open_value: list[str] | None = None
    for line in lines:
        if open_value is None and "$" not in line:
            continue
        match = None if open_value is not None else _DEFINITION.match(line)
        if match:
            open_value = found.setdefault(match[1], [])
            open_value.append("")
        if open_value is not None:
            value = line[match.end() :] if match else line
            open_value[-1] += " " + value.rstrip().rstrip("\\")
            if not line.rstrip().endswith("\\"):
                open_value = None
    return found


def _expanded(line: str, definitions: Definitions, which: int) -> str:
    """Return a line with the values of its definitions, of several the first or the last."""
    for _use in range(_DEEP):
        longer = _USE.sub(
            lambda use: definitions[use[1]][which].strip() if use[1] in definitions else use[0],
            line,
        )
        if longer == line or len(longer) > _LONG:
            break
        line = longer
    return line


def _keywords(line: str) -> int:
    return len(_SECRET.findall(line)) + len(_SCRIPT.findall(line))


def _lines(
    lines: Sequence[str], definitions: Definitions, hidden: frozenset[str], hide: Hide
) -> Iterator[str]:
    """Yield lines with what ``hide`` returns for each secret.

    :param hidden: the definitions that are secrets
    """
    goes_on = ""
    for line in lines:
        if not goes_on and not _ANY.search(line):
            yield line
            continue
        place, kind = (0, goes_on) if goes_on else _exposed(line, definitions, hidden)
        shown, rest = line[:place], line[place:]
        # What makes a line go on is no part of a secret.
        end = re.search(r"\s*\\?\s*$", rest)
        tail = rest[end.start() :] if end else ""
        rest = rest[: len(rest) - len(tail)]
        if kind == "script":
            rest = _arguments(rest, hide, program=not goes_on)
        elif kind == "value":
            rest = hide(rest, True) if rest else ""
        elif kind:
            rest = _WORD.sub(lambda m: m[0] if m[0] in _MARKS else hide(m[0], True), rest)
        shown = _QUERY.sub(lambda m: m[1] + hide(m[2], True), shown)
        yield _LOGIN.sub(lambda m: hide(m[0], True), shown) + rest + tail
        goes_on = kind if "\\" in tail else ""


def _exposed(line: str, definitions: Definitions, hidden: frozenset[str]) -> tuple[int, str]:
    """Return where in a line secrets begin, and their kind: none, script, value, secret."""
    definition = _DEFINITION.match(line)
    if definition and definition[1] in hidden:
        return definition.end(), "value"
    values = _VALUES.search(line)
    if values and hidden.intersection(re.findall(r"\w+", values[1])):
        return values.start(1), "secret"
    secret, script = _SECRET.search(line), _SCRIPT.search(line)
    place = min((match.end() for match in (secret, script) if match), default=len(line))
    kind = "" if place == len(line) else "script" if script and place == script.end() else "secret"
    use = _USE.search(line, definition.end() if definition else 0)
    if use and not (definition and not kind):
        # A definition may be the keyword, or part of it.
        spelled = (_expanded(line, definitions, which) for which in (0, -1))
        if any(_keywords(each) > _keywords(line) for each in spelled):
            return min(place, use.start()), "secret"
    return place, kind


def _arguments(command: str, hide: Hide, *, program: bool = True) -> str:
    """Return a command with what is plain of its arguments.

    :param program: whether it begins with the program, which is shown
    """

    def word(match: re.Match[str]) -> str:
        nonlocal program
        text = match[0]
        first, program = program, program and "=" in text
        option, equals, value = text.partition("=")
        if (first and not equals) or _PLAIN.fullmatch(text):
            return text
        if equals and _PLAIN.fullmatch(option) and value:
            return option + equals + hide(value, False)
        return hide(text, False)

    return re.sub(r"[^\s\"']+", word, command)
