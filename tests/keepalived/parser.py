# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How keepalived reads a file, by its lib/parser.c: decomment, read_line and alloc_strvec_r.

Of what a text may set off there, everything is an error here: directives, conditions, loops,
definitions and comments, except the comments that this collection writes itself.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

WORD = re.compile(r'\s*(?:"([^"]*)"|([^\s"]+))')
DIRECTIVE = re.compile(r"include[rmwba]?\s|[@~$]")


class Statement(NamedTuple):
    """A line of the file, and the block that it opens."""

    words: tuple[str, ...]
    block: tuple[Any, ...] = ()


def statements(text: str, comments: int) -> tuple[Statement, ...]:
    """Return the statements of a file that has so many lines of comments, outside of blocks."""
    assert re.fullmatch(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]*", text)
    lines = iter(text.split("\n"))
    found = _block(lines, outer=True)
    assert text.count("\n#") + text.startswith("#") == comments
    assert next(lines, None) is None
    return found


def _block(lines: Any, *, outer: bool) -> tuple[Statement, ...]:
    found: list[Statement] = []
    for line in lines:
        assert len(line.encode()) < 1024, "keepalived reads 1023 bytes of a line"
        plain = line.strip(" ")
        if not plain or (outer and plain.startswith("#")):
            continue
        if plain == "}":
            assert not outer
            return tuple(found)
        bare = re.sub(r'"[^"]*"', "", plain)
        assert not re.search(r"[\"'!#\\$]", bare), f"a comment, a quote or a definition: {line}"
        assert not DIRECTIVE.match(plain + " "), f"a directive: {line}"
        opens = plain.endswith(" {")
        assert not re.search(r"[{}]", bare.removesuffix("{")), f"a brace: {line}"
        words = [quoted or word for quoted, word in WORD.findall(plain.removesuffix(" {"))]
        found.append(Statement(tuple(words), _block(lines, outer=False) if opens else ()))
    assert outer, "a block does not end"
    return tuple(found)


def differences(one: Any, other: Any) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the statements that differ between files with the same blocks and keywords."""
    assert len(one) == len(other), "there are other statements"
    found = []
    for left, right in zip(one, other, strict=True):
        found += [(left.words, right.words)] if left.words != right.words else []
        found += differences(left.block, right.block)
    return found
