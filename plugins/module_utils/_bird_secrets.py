# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hide the secrets of BIRD's configuration in all output; also of one that others have written.

A password is a text in quotes, or bytes as hexadecimal digits, after one of a few keywords. It may
also be a constant, which is defined elsewhere. What is commented out is hidden as well.
"""

from __future__ import annotations

import re

from ansible_collections.lvs.cluster.plugins.module_utils import _bird

_VALUE = r"\"[^\"\n]*\"?|'[^'\n]*'?|[^\s;{}]+"
_SECRET = re.compile(rf"(\b(?:password|secret|key)\b[ \t]+)({_VALUE})")
_DEFINITION = re.compile(rf"(\bdefine[ \t]+('[^'\n]*'|\w+)[ \t]*=[ \t]*)((?:{_VALUE})[^;\n]*)")
_NAME = re.compile(r"'[^'\n]*'|[A-Za-z_]\w*")


class Mask:
    """Hides the secrets of texts; each secret has a number, so that a change of it is seen."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        """Return a text without its secrets and without its digest, with as many lines."""
        # A digest of a text with a short password would show whether a guess is right.
        digest = _bird.digest(text)
        if digest:
            text = text.replace(digest, "<digest>")
        used = {match[2].strip("'") for match in _SECRET.finditer(text)}
        known: set[str] = set()
        while used - known:
            known |= used
            for match in _DEFINITION.finditer(text):
                if match[2].strip("'") in known:
                    used.update(name.strip("'") for name in _NAME.findall(match[3]))

        def definition(match: re.Match[str]) -> str:
            if match[2].strip("'") not in known:
                return match[0]
            return match[1] + self._hidden(match[3])

        text = _SECRET.sub(lambda match: match[1] + self._hidden(match[2]), text)
        return _DEFINITION.sub(definition, text)

    def _hidden(self, word: str) -> str:
        number = self.numbers.setdefault(word.strip("\"'"), len(self.numbers) + 1)
        return f"<secret {number}>"
