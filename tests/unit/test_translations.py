# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages in Chinese are in step with the English: headings, tables, lists, commands and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRANSLATED = sorted([*ROOT.glob("*.zh-CN.md"), *ROOT.glob("docs/*.zh-CN.md")])
CODE = re.compile(r"(?ms)^ *```.*?^ *```$")
#: Links between the two.
TO_OTHER = re.compile(r"\[(?:English|中文)\]\(README\S*\)")


def shape(text):
    """Return what does not depend on the language."""
    blocks = CODE.findall(text)
    prose = CODE.sub("", TO_OTHER.sub("", text))
    links = [link.replace(".zh-CN.md", ".md") for link in re.findall(r"\]\(([^)\s]+)\)", prose)]
    return {
        "headings": [len(marks) for marks in re.findall(r"(?m)^(#+) ", prose)],
        "numbers": re.findall(r"(?m)^#+ (\d+)\.", prose),
        "code": [re.sub(r"(?m) +# .*$", "", block) for block in blocks],
        "rows": re.findall(
            r"(?m)^\| (`[^|]*`|\[[^|]*\]\([^|]*\)) \|",
            re.sub(r"\[[^`\]]+\]", "[]", prose).replace(".zh-CN.md", ".md"),
        ),
        "lists": len(re.findall(r"(?m)^- ", prose)),
        "links": links,
        "words": sorted(set(re.findall(r"`([^`\n]+)`", prose))),
    }


def test_the_readme_and_the_first_guide_are_translated():
    assert [path.name for path in TRANSLATED] == ["README.zh-CN.md", "getting_started.zh-CN.md"]


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda path: path.name)
def test_a_translation_is_in_step_with_the_english(page):
    english = page.with_name(page.name.replace(".zh-CN", ""))
    wanted, found = shape(english.read_text()), shape(page.read_text())
    for kind, each in wanted.items():
        if kind == "links":
            assert sorted(found[kind]) == sorted(each)
        else:
            assert found[kind] == each, kind


@pytest.mark.parametrize(
    ("english", "chinese", "kind"),
    [
        ("# A\n\n## B\n", "# A\n", "headings"),
        ("```console\n$ make a\n```\n", "```console\n$ make b\n```\n", "code"),
        ("| `a` | x |\n", "| `b` | x |\n", "rows"),
        ("- a\n", "a\n", "lists"),
        ("[a](b.md#c)\n", "[a](b.md)\n", "links"),
        ("`--check`\n", "x\n", "words"),
    ],
)
def test_a_difference_is_found(english, chinese, kind):
    assert shape(english)[kind] != shape(chinese)[kind]


def test_comments_of_commands_may_differ():
    assert shape("```\n$ make  # all\n```") == shape("```\n$ make  # 全部\n```")
