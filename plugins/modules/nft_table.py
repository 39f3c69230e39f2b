#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: a table of nftables for this collection."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nft_table
short_description: Manage one nftables table
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Loads one table of nftables with exactly the given rules, now and at boot. Every other table is
    left alone.
  - The rules are checked by C(nft) before anything is changed, also in check mode. They replace
    those of the table in one transaction, so the table is never loaded in part. If it fails, the
    table is as it was.
  - C(nft) lists rules in a form of its own, which differs between its versions. So the file of
    O(save) keeps a digest of the listing that the rules gave. The digest shows whether the table
    was edited, flushed or removed. The rules in the file show whether O(rules) changed.
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  name:
    description:
      - The name of the table, made of letters, digits and underscores.
      - The table is replaced, whatever made it, so choose a name that is not in use.
    type: str
    required: true
  family:
    description: The address family of the table.
    type: str
    choices: [inet, ip, ip6, arp, bridge, netdev]
    default: inet
  rules:
    description:
      - The content of the table in the language of C(nft), without the surrounding C(table). It
        consists of chains, and of sets and maps, if there are any.
      - Words of that language, like C(mark) and C(snat), cannot be names of chains. A rule ends
        with its line, or with a semicolon.
      - A set to which rules add elements always differs from its listing; do not use one.
      - Required for O(state=present).
    type: str
  state:
    description: Desired state of the table. With V(absent), it and the file of O(save) are removed.
    type: str
    choices: [present, absent]
    default: present
  save:
    description:
      - The file that C(nft -f) loads at boot. The task owns the file and replaces it. If it has a
        table of another name or family, that table is removed.
      - Without it, the rules are compared with the listing, except for white space and semicolons.
        Then a rule that C(nft) lists in another form is a change in each run.
    type: path
seealso:
  - module: lvs.cluster.sysctls
requirements:
  - The program C(nft) (nftables 1.0 or later) on the target
notes:
  - A newer C(nft) may list the same rules in another form. The first run after its installation
    then loads them again.
"""

EXAMPLES = r"""
- name: Mark what is for the virtual service
  lvs.cluster.nft_table:
    name: lvs_marks
    rules: |
      chain web {
        type filter hook prerouting priority mangle; policy accept;
        ip daddr 192.168.2.149 tcp dport { 80, 443 } meta mark set 0x7
      }
    save: /etc/lvs/marks.nft

- name: Let real servers see the director as their client
  lvs.cluster.nft_table:
    name: lvs_fullnat
    family: ip
    rules: |
      chain out {
        type nat hook postrouting priority srcnat; policy accept;
        ct original ip daddr 192.168.2.149 ip daddr { 10.0.0.31, 10.0.0.32 } masquerade
      }
    save: /etc/lvs/fullnat.nft

- name: Have the table no longer
  lvs.cluster.nft_table:
    name: lvs_marks
    state: absent
    save: /etc/lvs/marks.nft
"""

RETURN = r"""
before:
  description: The former table, as C(nft --stateless list table) prints it; null for no table.
  type: str
  returned: success
  sample: null
after:
  description: The current table. After a change, and in check mode, these are the rules of
    O(rules); null for no table.
  type: str
  returned: success
  sample: "table inet lvs_marks {\nchain web {\n  ip daddr 192.168.2.149 accept\n}\n}\n"
listing:
  description: How C(nft) lists the table now.
  type: str
  returned: the table was loaded
  sample: "table inet lvs_marks {\n\tchain web {\n\t\tip daddr 192.168.2.149 accept\n\t}\n}\n"
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample:
    - "rules, line 3: nft reports: syntax error, unexpected dport: ip dport 80 accept"
"""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file, _nft, _program, _run
from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure
from ansible_collections.lvs.cluster.plugins.module_utils._nft import Table

HEADER = "# Written by Ansible (lvs.cluster.nft_table), which replaces what is changed here.\n"
DIGEST = "# The digest of what nft lists once this is loaded: "


def document(text: str, listing: str | None) -> str:
    """Return the file that loads ``text``, and what it has been listed as, if that is known."""
    digest = f"{DIGEST}{hashlib.sha256(listing.encode()).hexdigest()}\n" if listing else ""
    return HEADER + digest + text


def owned(saved: str | None) -> list[Table]:
    """Return the table that a file of `document` loads, after those that it removes."""
    found = re.findall(r"^delete table (\w+) (\w+)$", saved or "", re.MULTILINE)
    return [Table(*words) for words in found]


def words(listing: str) -> list[str]:
    """Return a listing, or rules, without white space and what else separates lines."""
    return re.findall(r'"[^"\n]*"|[{},]|[^\s{},;"]+', listing)


def mistakes(name: str, rules: str) -> list[str]:
    """Return the mistakes of the options that nft does not check."""
    wrong = []
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        wrong.append(
            f"name: {name!r} is not the name of a table; it must consist of letters, digits and"
            " underscores."
        )
    # A brace in a string, which may have several lines, or in a comment is none.
    blanked = re.sub(r'"[^"]*"|#[^\n]*', lambda found: "\n" * found[0].count("\n"), rules)
    depth = 0
    for number, line in enumerate(blanked.split("\n")):
        for brace in re.findall("[{}]", line):
            depth += 1 if brace == "{" else -1
            if depth < 0:
                # What follows would be outside of the table.
                written = rules.split("\n")[number].strip()
                return [*wrong, f"rules, line {number + 1}: this brace closes none: {written}"]
    return wrong


def error_messages(stderr: str, text: str, rules: str) -> list[str]:
    """Return the messages of nft about a text with ``rules`` in it, each with its place there."""
    lines = text.splitlines()
    first = text[: text.index(rules)].count("\n") if rules else len(lines)
    messages = []
    for place, complaint in re.findall(r"^/dev/stdin:(\d+):\S* Error: (.*)$", stderr, re.MULTILINE):
        line = int(place) - first
        what = f"nft reports: {complaint}"
        if 0 < line <= len(rules.splitlines()):
            what = f"rules, line {line}: {what}: {lines[int(place) - 1].strip()}"
        elif line > 0:
            what = f"rules, at their end: {what}."
        elif complaint.startswith("syntax error"):
            what = f"name: {what}."
        messages.append(what)
    return messages or [f"nft reports: {' '.join(stderr.split()) or 'nothing, but it failed'}."]


def _listing(table: Table) -> str | None:
    """Return the table as nft lists it, without what counts and changes; None for no table."""
    text = f"list table {table.family} {table.name}\n"
    done = _nft.run("--stateless", "--file", "-", text=text)
    if done.returncode == 0:
        return done.stdout
    if "No such file or directory" in done.stderr:
        return None
    raise _run.OperatorError(*error_messages(done.stderr, text, ""))


def _load(text: str, *, rules: str = "", check: bool = False) -> None:
    """Run a text with nft in one transaction, or only check it."""
    done = _nft.run(*(["--check"] if check else []), "--file", "-", text=text)
    if done.returncode:
        raise _run.OperatorError(*error_messages(done.stderr, text, rules))


def _undo(found: Mapping[Table, str | None], why: Exception) -> _run.OperatorError:
    """Restore the tables; return the error to raise."""
    not_undone = []
    try:
        _load("".join(table.removal + (listing or "") for table, listing in found.items()))
    except (OSError, _run.OperatorError) as error:
        not_undone = [f"The former rules could not be loaded again: {error}"]
    return failure(why, not_undone, "The rules are as they were.")


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options define."""
    rules, path = (params["rules"] or "").rstrip(), params["save"]
    wrong = mistakes(params["name"], rules)
    if wrong:
        raise _run.OperatorError(*wrong)
    table = Table(params["family"], params["name"])
    saved = _atomic_file.read(path) if path else None
    # A table that the file holds under another name is managed, too.
    tables = list(dict.fromkeys([*owned(saved), table]))
    found = {each: _listing(each) for each in tables} if _program.where("nft") else {}
    before = "".join(filter(None, found.values())) or None
    absence = "".join(each.removal for each in tables)
    missing = [] if found else ["There is no program nft on this host: install nftables."]
    if params["state"] == "absent":
        return _run.Change(
            before,
            None,
            apply=partial(_load, absence),
            files={path: (saved, None)} if path else {},
            text=(before or "", ""),
            missing_requirements=missing,
        )

    after = table.definition(rules)
    file = table.removal + after
    if before and (saved == document(file, before) if path else words(before) == words(after)):
        return _run.Change(before, before)
    if not missing:
        _load(absence + after, rules=rules, check=True)

    def apply() -> Mapping[str, Any]:
        _load(absence + after, rules=rules)
        try:
            listing = _listing(table)
            if path:
                _atomic_file.write(path, document(file, listing))
        except (OSError, _run.OperatorError) as error:
            raise _undo(found, error) from error
        return {"listing": listing}

    return _run.Change(
        before,
        after,
        apply=apply,
        # How nft lists the rules is not known before they are loaded: apply adds that, and leaves
        # out the table of another name, which is gone then.
        files={path: (saved, document(absence + after, None))} if path else {},
        text=(before or "", after),
        missing_requirements=missing,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "family": {
                "type": "str",
                "choices": ["inet", "ip", "ip6", "arp", "bridge", "netdev"],
                "default": "inet",
            },
            "rules": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "save": {"type": "path"},
        },
        required_if=[("state", "present", ["rules"])],
        supports_check_mode=True,
    )
    _run.run(module, prepare)


if __name__ == "__main__":
    main()
