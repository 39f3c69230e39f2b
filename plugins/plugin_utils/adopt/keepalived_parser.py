# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a keepalived.conf, read into the data that ``_keepalived.render`` writes.

Pure. ``statements`` makes statements of the text, ``option_reader`` reads them by the tables of
options, ``virtual_servers`` what is about services. What keepalived itself corrects or ignores is
read as it runs, with a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_kinds import Table
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import (
    MAX_PASSWORD,
    InvalidValue,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import instances, statements
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.option_reader import (
    Block,
    Reader,
    scalar,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.statements import Statement, Word
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.virtual_servers import Servers

_BLOCKS = {keyword: (name, table) for name, (keyword, table) in _options.BLOCKS.items()}


class Reading(Reader):
    """A text that was read.

    :ivar config: the data, as ``keepalived_conf`` takes it; a service of a group has ``endpoints``
    :ivar unrepresented: line and sentence of each thing that the data has no place for
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"globals": Block(), "services": []}
        self.config.update((name, []) for name in _options.BLOCKS)
        tree = statements.parse(text)
        self.unrepresented += tree.problems
        servers = Servers(self, tree.statements, named=text.startswith(_keepalived.HEADER[0]))
        for node in tree.statements:
            self._statement(node, servers)
        self.config["services"] = servers.finish()
        for instance in self.config["instances"]:
            instances.correct(self, instance, self.config)
        for group in self.config["sync_groups"]:
            instances.correct_group(self, group, self.config)
        self.report_unread(tree.statements)
        self.unrepresented = sorted(dict.fromkeys(self.unrepresented), key=lambda item: item[0])

    def _statement(self, node: Statement, servers: Servers) -> None:
        """Read a statement that stands outside of all blocks."""
        word = node.words[0]
        if word == "global_defs":
            self.take(node, 1)
            for child in node.block():
                self._global(child)
        elif word == "virtual_server":
            servers.server(node)
        elif word in _BLOCKS:
            name, table = _BLOCKS[word]
            self._named_block(node, name, table)
        elif any(word == (option.keyword or option.name) for option in _options.ROOT):
            self.field(_options.ROOT, node, self.config["globals"])
        elif word != "virtual_server_group":
            self.unknown(node, "; lvs_keepalived.extra takes text as it is")

    def _global(self, node: Statement) -> None:
        words = node.words
        if words[0] == "lvs_sync_daemon" and len(words) > 2:
            (known,) = (o for o in _options.GLOBALS if o.keyword == words[0])
            if words[2] not in {option.keyword or option.name for option in known.kind.of}:
                # The instance alone, as it once was.
                node.words = (*words[:2], Word("inst"), *words[2:])
        self.field(_options.GLOBALS, node, self.config["globals"])

    def _named_block(self, node: Statement, name: str, table: Table) -> None:
        """Read a block that has a name."""
        found = Block(node.line, node.shown)
        try:
            self.put(found, "name", scalar(_kinds.NAME, node.words[1:]), node)
        except InvalidValue:
            return self.skip(node, f"its name must be {_kinds.NAME.must_be}")
        self.take(node)
        for child in self._of_instance(node, found) if name == "instances" else node.block():
            self.field(table, child, found)
        missing = [o.keyword or o.name for o in table if o.required and o.name not in found]
        if missing:
            return self.skip(node, f"it has no {' and no '.join(missing)}")
        self.config[name].append(found)
        return None

    def _of_instance(self, node: Statement, found: Block) -> Iterator[Statement]:
        """Yield the statements of an instance that its table knows."""
        for child in node.block():
            if child.words[0] == "authentication":
                self.take(child, 1)
                yield from self._password(child)
            elif child.words == ("priority", "255"):
                highest = str(_options.MAX_PRIORITY)
                self.note(child, f"the inventory has no owner of addresses, and takes {highest}")
                child.words = (child.words[0], Word(highest))
                yield child
            elif child.words[0] == "lvs_sync_daemon_interface" and len(child.words) == 2:
                self._sync_daemon(child, str(found["name"]))
            else:
                yield child

    def _sync_daemon(self, node: Statement, instance: str) -> None:
        """Read the former way to have a sync daemon."""
        if "sync_daemon" in self.config["globals"]:
            return self.skip(node, "there is an lvs_sync_daemon already")
        daemon = {"interface": str(node.words[1]), "instance": instance}
        self.put(self.config["globals"], "sync_daemon", daemon, node)
        return self.take(node)

    def _password(self, node: Statement) -> Iterator[Statement]:
        for child in node.block():
            if child.words[0] == "auth_pass" and len(child.words) == 2:
                password = child.words[1].encode()
                if len(password) > MAX_PASSWORD:
                    self.note(
                        child,
                        f"keepalived takes its first {MAX_PASSWORD} characters, and the inventory"
                        " has these",
                    )
                    short = password[:MAX_PASSWORD].decode(errors="ignore")
                    child.words = (child.words[0], Word(short))
                yield child
            elif child.words == ("auth_type", "PASS"):
                self.take(child)
