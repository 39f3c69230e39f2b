# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of keepalived's configuration, hidden in whatever is shown of it.

Apart from ``_keepalived``, whose import takes longer than most of what a module does.
"""

from __future__ import annotations

import re


class Mask:
    """Hides the secrets of texts; each secret has a number, so that a change of it is seen."""

    SECRET = re.compile(
        r"(?<![\w-])(auth_pass|password|active_key|key)([ \t]+)(\"[^\"\n]*\"?|\$\{\w+\}|[^\s{}]+)"
    )

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        """Return a text without its secrets, also those that it has from a definition."""
        for words in self.SECRET.findall(text):
            name = re.fullmatch(r"\$(?:\{(\w+)\}|(\w+))", words[2].strip('"'))
            if name:
                found = rf"(?m)^(\s*\${name[1] or name[2]}=)(.*)$"
                text = re.sub(found, lambda line: line[1] + self._hidden(line[2]), text)
        return self.SECRET.sub(lambda m: m[1] + m[2] + self._hidden(m[3]), text)

    def _hidden(self, secret: str) -> str:
        number = self.numbers.setdefault(secret.strip('"'), len(self.numbers) + 1)
        return f"<secret {number}>"

    def words(self, text: str) -> str:
        """Return what a program says, without a word that is a secret known by now."""
        for secret, number in self.numbers.items():
            if secret:
                text = re.sub(
                    rf"(?<![\w.:-])(?<!Line ){re.escape(secret)}(?![\w.:-])",
                    f"<secret {number}>",
                    text,
                )
        return text
