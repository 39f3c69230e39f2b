# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module does before nft is asked; tests/kernel shows what nft and the kernel do."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _program
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError
from ansible_collections.lvs.cluster.plugins.modules import nft_table
from ansible_collections.lvs.cluster.plugins.modules.nft_table import Table

RULES = "chain a {\n  accept # the last }\n}"
LISTING = "table inet lvs {\n\tchain a {\n\t\taccept\n\t}\n}\n"


def test_the_file_can_be_loaded_again_and_again():
    table = Table("inet", "lvs")
    file = nft_table.document(table.removal + table.definition(RULES), LISTING)
    header, digest, *program = file.splitlines()
    assert header.startswith("# Written by Ansible")
    assert digest.startswith("# ")
    assert len(digest.split()[-1]) == 64
    assert program == [
        "table inet lvs",
        "delete table inet lvs",
        "table inet lvs {",
        *RULES.splitlines(),
        "}",
    ]
    assert nft_table.owned(file) == [table]
    assert nft_table.owned(None) == nft_table.owned("table inet lvs\n") == []
    # While it takes the place of a table of another name, that one is owned, too.
    former = Table("ip", "former")
    assert nft_table.owned(former.removal + file) == [former, table]


def test_the_digest_is_of_the_listing():
    files = {nft_table.document("", listing) for listing in (None, LISTING, f"{LISTING} ")}
    assert len(files) == 3


@pytest.mark.parametrize(
    ("name", "rules", "wrong"),
    [
        ("lvs", RULES, []),
        ("lvs", 'chain a { accept comment "}}" }', []),
        ("lvs", 'chain a {\n# }\n accept comment "\n}" # "\n}', []),
        ("lvs 2", RULES, ["name: 'lvs 2' is not the name of a table; "]),
        ("l; flush ruleset", RULES, ["name: 'l; flush ruleset' is not the name of a table; "]),
        ("2lvs", "", ["name: '2lvs' is not the name of a table; "]),
        ("lvs", '# {\nchain a { accept comment "\n{" }\n}', ["rules, line 4: this brace closes"]),
        (
            "lvs",
            "chain a {\n}\n} table inet other {\n",
            ["rules, line 3: this brace closes none: } table inet other {"],
        ),
    ],
)
def test_mistakes(name, rules, wrong):
    found = nft_table.mistakes(name, rules)
    assert len(found) == len(wrong)
    assert all(sentence.startswith(start) for sentence, start in zip(found, wrong, strict=True))


def test_rules_never_leave_their_table():
    options = {"family": "inet", "name": "lvs", "rules": "}\nflush ruleset\n{", "save": None}
    with pytest.raises(OperatorError) as error:
        nft_table.prepare(options)
    assert error.value.mistakes == ["rules, line 1: this brace closes none: }"]


STDERR = """\
/dev/stdin:1:12-13: Error: syntax error, unexpected ip, expecting string
table inet ip
           ^^
/dev/stdin:5:3-5: Error: syntax error, unexpected foo
  foo bar
  ^^^
/dev/stdin:7:1-1: Error: syntax error, unexpected end of file
}
^
"""


def test_errors_of_nft_have_their_line_in_the_rules():
    table = Table("inet", "ip")
    rules = "chain a {\n  foo bar\n"
    text = table.removal + table.definition(rules)
    assert nft_table.error_messages(STDERR, text, rules.rstrip()) == [
        "name: nft reports: syntax error, unexpected ip, expecting string.",
        "rules, line 2: nft reports: syntax error, unexpected foo: foo bar",
        "rules, at their end: nft reports: syntax error, unexpected end of file.",
    ]
    elsewhere = "/dev/stdin:3:7-8: Error: No such file or directory; did you mean table 'x'?\n"
    assert nft_table.error_messages(elsewhere, text, rules.rstrip()) == [
        "nft reports: No such file or directory; did you mean table 'x'?"
    ]
    messages = nft_table.error_messages(
        "Error: Could not process rule:\n  Device busy\n", text, rules
    )
    assert messages == ["nft reports: Error: Could not process rule: Device busy."]


def test_words_are_those_of_a_listing():
    written = (
        "chain a { type filter hook input priority 0; policy accept\n"
        ' tcp dport {80,443} log prefix "a; b" }'
    )
    listed = (
        "chain a {\n\t\ttype filter hook input priority 0; policy accept;\n"
        '\t\ttcp dport { 80, 443 } log prefix "a; b"\n\t}\n'
    )
    assert nft_table.words(written) == nft_table.words(listed)
    assert nft_table.words(written) != nft_table.words(written.replace("a; b", "a;  b"))


def test_without_nft_a_change_is_reported_and_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_program, "where", lambda _name: None)
    save = str(tmp_path / "lvs.nft")
    options = {"family": "inet", "name": "lvs", "rules": RULES, "save": save, "state": "present"}
    change = nft_table.prepare(options)
    assert change.changed
    assert change.missing_requirements == [
        "There is no program nft on this host: install nftables."
    ]
    assert not nft_table.prepare({**options, "state": "absent"}).changed
