# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a keepalived.conf, read into the data that ``_keepalived.render`` writes.

Pure. The tables of ``_keepalived_options`` are read backwards: a word of the file names the
option, the option's kind says how to read what follows, and judges it. Whatever the data has no
place for becomes a sentence with its line; nothing is passed over.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived, _model, _secrets
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_options import (
    Kind,
    Option,
    Table,
    Unfit,
)

#: Older words, and what keepalived calls it now.
_RENAMED = {"lb_algo": "lvs_sched", "lb_kind": "lvs_method", "nb_get_retry": "retry"}
#: Fields of a service and of a destination that the model reads, by keepalived's word.
_SERVICE = {
    "lvs_sched": "scheduler",
    "persistence_engine": "persistence_engine",
    "persistence_granularity": "persistence_mask",
}
_DESTINATION = {
    "weight": "weight",
    "uthreshold": "upper_threshold",
    "lthreshold": "lower_threshold",
}
_FLAGS = {flag for names in _model.SCHEDULER_FLAGS.values() for flag in names}
_FLAGS.update(_model.PLAIN_FLAGS)
_FAMILIES = {"inet": "ipv4", "inet6": "ipv6"}
_CHECKSUMS = {word: name for name, word in _keepalived.TUNNEL_CHECKSUMS.items()}
_CHECKS = {check.keyword: kind for kind, check in _options.CHECKS.items()}
_BLOCKS = {keyword: (name, table) for name, (keyword, table) in _options.BLOCKS.items()}
_OF_GROUP = ("virtual_server", "group")
#: What keepalived takes if a persistence_timeout or an lvs_method is not said.
_PERSISTENCE, _METHOD = 360, "nat"
#: The longest range of a group that is written out.
_MOST_ADDRESSES = 256

_TOKEN = re.compile(
    r"""(?P<comment>[#!].*) | "([^"]*)"? | '([^']*)'?
    | (?P<brace>[{}]) | ((?:\$\{\w+\}|[^\s{}\#!"])+)""",
    re.VERBOSE,
)
_DEFINITION = re.compile(r"\s*\$(\w+)\s*=\s*(.*?)\s*")
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class Block(dict[str, Any]):
    """Plain data that remembers the line where it began."""

    def __init__(self, line: int = 0, **fields: Any) -> None:
        super().__init__(fields)
        self.line = line


@dataclass
class _Node:
    """A statement: its words, the statements of its block, and how it is written.

    :ivar comment: what stands alone in the line before it
    """

    line: int
    words: tuple[str, ...]
    said: str
    comment: str = ""
    children: list[_Node] | None = None

    def block(self) -> list[_Node]:
        """Return the statements of its block, which may be empty or missing."""
        return [] if self.children is None else self.children


class Reading:
    """A text that was read.

    :ivar config: the data, as ``keepalived_conf`` takes it; a service of a group has ``endpoints``
    :ivar unsaid: line and sentence of each thing that the data has no place for
    """

    def __init__(self, text: str) -> None:
        self.unsaid: list[tuple[int, str]] = []
        #: Only in a file that this collection wrote a comment is a service's name.
        self._named = text.startswith(_keepalived.HEADER[0])
        self._groups: dict[str, list[Mapping[str, Any]]] = {}
        self.config: dict[str, Any] = {"globals": Block(), "services": []}
        self.config.update((name, []) for name in _options.BLOCKS)
        statements = self._tree(text)
        for node in statements:
            if node.words[0] == "virtual_server_group":
                self._group(node)
        for node in statements:
            self._statement(node)
        used = {node.words[2:] for node in statements if node.words[:2] == _OF_GROUP}
        for node in statements:
            if node.words[0] == "virtual_server_group" and node.words[1:] not in used:
                self.cant(node, "no virtual_server is of this group")
        self.unsaid.sort(key=lambda item: item[0])

    def cant(self, node: _Node, reason: str) -> None:
        """Note that a statement is left out, and why."""
        self.unsaid.append((node.line, f"`{node.said}` is left out: {reason}."))

    def note(self, node: _Node, sentence: str) -> None:
        """Note how a statement was taken."""
        self.unsaid.append((node.line, f"`{node.said}`: {sentence}."))

    # ---- text to statements --------------------------------------------------------------------

    def _tree(self, text: str) -> list[_Node]:
        """Return the statements of the text, blocks within blocks."""
        top = _Node(0, (), "", children=[])
        open_blocks, definitions, comment = [top], dict[str, str](), ""
        shown = _secrets.Mask()(text).split("\n")
        for number, (line, masked) in enumerate(zip(text.split("\n"), shown, strict=True), 1):
            here = open_blocks[-1]
            if found := _DEFINITION.fullmatch(line):
                name, value = found.groups()
                definitions[name] = self._defined(value, definitions)
                if value.endswith("\\"):
                    node = _Node(number, (), f"${name}")
                    self.cant(node, "a definition of several lines is not read; write it out")
                continue
            said = shortened(masked)
            words: list[str] = []
            before, comment = comment, ""
            for token in _TOKEN.finditer(self._defined(line, definitions)):
                if token["comment"]:
                    comment = token["comment"] if not words and here is open_blocks[-1] else ""
                elif token["brace"]:
                    self._brace(token["brace"], words, open_blocks, (number, said, before))
                    words = []
                else:
                    words.append(next(filter(None, token.groups()), ""))
            if words:
                open_blocks[-1].block().append(_Node(number, tuple(words), said, before))
        for node in open_blocks[1:]:
            self.note(node, "its block is not closed")
        return top.block()

    @staticmethod
    def _defined(text: str, definitions: Mapping[str, str]) -> str:
        """Put in what names in a text stand for."""
        return _REFERENCE.sub(lambda m: definitions.get(m[1] or m[2], m[0]), text)

    def _brace(
        self, brace: str, words: list[str], stack: list[_Node], place: tuple[int, str, str]
    ) -> None:
        """Begin or end a block; what stands before the brace in its line is a statement."""
        here = stack[-1].block()
        node = _Node(place[0], tuple(words), *place[1:])
        if words:
            here.append(node)
        if brace == "{":
            if not here or here[-1].children is not None:
                here.append(_Node(place[0], ("{",), *place[1:]))
            here[-1].children = []
            stack.append(here[-1])
        elif len(stack) > 1:
            stack.pop()
        else:
            self.note(node, "this brace closes no block")

    # ---- statements to data --------------------------------------------------------------------

    def _statement(self, node: _Node) -> None:
        """Read a statement that stands outside of all blocks."""
        word = node.words[0]
        if word == "global_defs":
            for child in node.block():
                self._global(child)
        elif word == "virtual_server":
            self._service(node)
        elif word in _BLOCKS:
            name, table = _BLOCKS[word]
            self._named_block(node, name, table)
        elif any(word == (option.keyword or option.name) for option in _options.ROOT):
            self._field(_options.ROOT, node, self.config["globals"])
        elif word != "virtual_server_group":
            self._unknown(node, "; lvs_keepalived.extra takes text as it is")

    def _unknown(self, node: _Node, remedy: str = "") -> None:
        """Say why a statement is nothing that can be taken."""
        word = node.words[0]
        if word.startswith("include"):
            self.cant(node, "other files are not read; adopt the file with what it includes")
        elif word.startswith("@"):
            self.cant(node, "what holds on one machine only is not read; write it out without @")
        elif word.startswith("~"):
            self.cant(node, "what is repeated is not read; write it out")
        elif word == "nat_mask":
            self.cant(node, "keepalived has no such option any longer, and it did nothing")
        else:
            self.cant(node, f"the inventory has no field for it{remedy}")

    def _global(self, node: _Node) -> None:
        words = node.words
        if words[0] == "lvs_sync_daemon" and len(words) > 2:
            (known,) = (o for o in _options.GLOBALS if o.keyword == words[0])
            if words[2] not in {option.keyword or option.name for option in known.kind.of}:
                node.words = (*words[:2], "inst", *words[2:])  # the instance alone, as it once was
        self._field(_options.GLOBALS, node, self.config["globals"])

    def _named_block(self, node: _Node, name: str, table: Table) -> None:
        """Read a block that has a name."""
        found = Block(node.line)
        try:
            found["name"] = _scalar(_options.NAME, node.words[1:])
        except Unfit:
            return self.cant(node, f"its name must be {_options.NAME.says}")
        for child in self._of_instance(node, found) if name == "instances" else node.block():
            self._field(table, child, found)
        self.config[name].append(found)
        return None

    def _of_instance(self, node: _Node, found: Block) -> Iterator[_Node]:
        """Yield the statements of an instance that its table knows."""
        for child in node.block():
            if child.words[0] == "authentication":
                yield from self._password(child)
            elif child.words[0] == "lvs_sync_daemon_interface" and len(child.words) == 2:
                daemon = {"interface": child.words[1], "instance": found["name"]}
                self.config["globals"].setdefault("sync_daemon", daemon)
            else:
                yield child

    def _password(self, node: _Node) -> Iterator[_Node]:
        for child in node.block():
            if child.words[0] == "auth_pass" and len(child.words) == 2:
                password = child.words[1].encode()
                if len(password) > 8:
                    self.note(child, "keepalived takes the first 8 characters of it, and so is it")
                    child.words = ("auth_pass", password[:8].decode(errors="ignore"))
                yield child
            elif child.words != ("auth_type", "PASS"):
                self._unknown(child)

    # Services.

    def _group(self, node: _Node) -> None:
        """Read what a group of services is known by."""
        keys: list[Mapping[str, Any]] = []
        for child in node.block():
            words = child.words
            first, dash, last = words[0].partition("-")
            address = _model.normal_address(first)
            if words[0] == "fwmark" and len(words) == 2:
                keys.append({"fwmark": words[1]})
            elif not address or len(words) > 2:
                self._unknown(child)
            elif not dash:
                keys.append({"vip": address, "port": words[1] if words[1:] else 0})
            else:
                keys += self._range(child, address, last)
        self._groups[" ".join(node.words[1:])] = keys

    def _range(self, node: _Node, first: str, last: str) -> Iterable[Mapping[str, Any]]:
        """Return each address of a range, which ends with the last part of its last one."""
        start = ipaddress.ip_address(first)
        base = 16 if start.version == 6 else 10
        part = 0xFFFF if start.version == 6 else 0xFF
        try:
            count = int(last, base) - (int(start) & part) + 1
        except ValueError:
            count = 0
        if not 0 < count <= _MOST_ADDRESSES:
            self.cant(node, f"it is no range of up to {_MOST_ADDRESSES} addresses")
            return []
        port = node.words[1] if node.words[1:] else 0
        return [{"vip": str(start + number), "port": port} for number in range(count)]

    def _service(self, node: _Node) -> None:
        """Read a virtual service with its real servers."""
        service = Block(node.line, destinations=[])
        if not self._target(node, service):
            return
        servers: list[_Node] = []
        method: dict[str, Any] = {}
        for child in node.block():
            word = _RENAMED.get(child.words[0], child.words[0])
            if word == "real_server":
                servers.append(child)
            elif word == "lvs_method":
                method = self._method(child)
            elif word.startswith("sorry_server"):
                self._sorry_server(child, service)
            elif not self._of_service(word, child, service):
                self._field(_options.SERVICE, child, service)
        if not method and not all(map(_has_method, servers)):
            method = {"method": _METHOD}
            self.note(node, "it has no lvs_method, for which keepalived takes NAT, and so is it")
        if "sorry_server" in service:
            service["sorry_server"] = {**method, **service["sorry_server"]}
        for server in servers:
            self._server(server, method, service)
        first = next(iter(service["destinations"]), {"address": ""})
        if "family" not in service and "vip" not in service and ":" in first["address"]:
            service["family"] = "ipv6"  # keepalived takes it from the real servers
        self.config["services"].append(service)

    def _target(self, node: _Node, service: Block) -> bool:
        """Read what names a service; return whether it can be read."""
        target = node.words[1:]
        if target[:1] == ("group",):
            name = " ".join(target[1:])
            service["name"], service["endpoints"] = name, self._groups.get(name, [])
            if not service["endpoints"]:
                self.cant(node, "the group has no address that can be taken")
            return bool(service["endpoints"])
        if len(target) == 2 and target[0] == "fwmark":
            service["fwmark"] = target[1]
        elif len(target) in (1, 2):
            service["vip"], service["port"] = target[0], target[1] if target[1:] else 0
        else:
            self.cant(node, "it is neither an address and a port, nor a mark, nor a group")
            return False
        name = node.comment[1:].strip()
        if self._named and name:
            service["name"] = name
        return True

    def _of_service(self, word: str, node: _Node, service: Block) -> bool:
        """Take what the model knows of a service; return whether it is that."""
        values = node.words[1:]
        if word in _FLAGS and not values:
            service.setdefault("scheduler_flags", []).append(word)
        elif word == "ops" and not values:
            service["one_packet"] = True
        elif word == "persistence_timeout" and len(values) < 2:
            service[word] = values[0] if values else _PERSISTENCE
        elif len(values) != 1:
            return False
        elif word in _SERVICE:
            service[_SERVICE[word]] = values[0]
        elif word == "protocol":
            service[word] = values[0].lower()
        elif word == "ip_family" and values[0] in _FAMILIES:
            if "vip" not in service:
                service["family"] = _FAMILIES[values[0]]
        else:
            return False
        return True

    def _sorry_server(self, node: _Node, service: Block) -> None:
        word, *values = node.words
        server = service.setdefault("sorry_server", {})
        if word == "sorry_server" and len(values) in (1, 2):
            server.update(zip(("address", "port"), values, strict=False))
        elif word == "sorry_server_lvs_method":
            server.update(self._method(node))
        else:
            found = Block()
            self._field(_options.SORRY_SERVER_OPTIONS, node, found)
            server.update(found)

    def _method(self, node: _Node) -> dict[str, Any]:
        """Read how packets are forwarded, and by which tunnel."""
        method, *rest = [word.lower() for word in node.words[1:]] or [""]
        found: dict[str, Any] = {"method": method}
        while rest:
            word = rest.pop(0)
            if word in ("type", "port") and rest:
                found[f"tunnel_{word}"] = rest.pop(0)
            elif word in _CHECKSUMS:
                found["tunnel_checksum"] = _CHECKSUMS[word]
            else:
                self.note(node, f"{word} is not understood")
        if method not in _model.METHODS[:3]:
            self.cant(node, "the method must be NAT, DR or TUN")
            return {}
        return found

    def _server(self, node: _Node, method: Mapping[str, Any], service: Block) -> None:
        """Read a real server."""
        values = node.words[1:]
        if len(values) not in (1, 2):
            return self.cant(node, "it is not an address and a port")
        server = Block(node.line, address=values[0], **method)
        if values[1:]:
            server["port"] = values[1]
        for child in node.block():
            word = _RENAMED.get(child.words[0], child.words[0])
            if word == "lvs_method":
                server.update(self._method(child))
            elif word in _DESTINATION and len(child.words) == 2:
                server[_DESTINATION[word]] = child.words[1]
            elif word not in _CHECKS:
                self._field(_options.DESTINATION, child, server)
            elif "check" in server:
                self.cant(child, "a real server has one check in the inventory")
            else:
                check = server["check"] = Block(child.line, type=_CHECKS[word])
                for grandchild in child.block():
                    self._field(_options.CHECKS[check["type"]].table, grandchild, check)
        service["destinations"].append(server)
        return None

    # The tables, backwards.

    def _field(self, table: Table, node: _Node, found: Block) -> None:
        """Read a statement by the option that it is of a table, into the option's field."""
        word = _RENAMED.get(node.words[0], node.words[0])
        options = [option for option in table if word in _words(option)]
        if not options:
            return self._unknown(node)
        reason = ""
        for option in options:
            try:
                value = self._value(option, node)
                option.lines(value)
            except Unfit as error:
                reason = "; ".join(map(str, error.args)) or f"it must be {option.kind.says}"
                continue
            if isinstance(value, list):
                value = [*found.get(option.name, []), *value]
            elif option.name in found:
                self.note(node, "it is said twice, and the last of them is taken")
            found[option.name] = value
            return None
        return self.cant(node, reason)

    def _value(self, option: Option, node: _Node) -> Any:
        """Return the value of an option that a statement says, or raise `Unfit`."""
        kind, values = option.kind, node.words[1:]
        if kind.word:
            block = Block(node.line)
            for child in node.block():
                self._field(kind.of, child, block)
            return [dict(block)]
        if kind.argument["type"] == "list" and node.children is not None:
            return list(self._items(kind.of, node.children))
        if node.children is not None:
            raise Unfit("it has a block")
        if kind.argument["type"] == "list":
            return [_scalar(kind.of, (value,)) for value in values]
        if kind.argument["type"] == "bool":
            return kind.read(True) == node.words[0] if option.keyword is None else _truth(values)
        return _item(kind, values)

    def _items(self, kind: Kind, nodes: Iterable[_Node]) -> Iterator[Any]:
        """Yield the items that the lines of a block are; one line may hold several."""
        for node in nodes:
            for words in (node.words,), tuple((word,) for word in node.words):
                try:
                    items = [_item(kind, each) for each in words]
                    for item in items:
                        kind.read(item)
                except Unfit:
                    continue
                yield from items
                break
            else:
                self.cant(node, f"it must be {kind.says}")


def _words(option: Option) -> set[str]:
    """Return the words with which an option begins in the file."""
    if option.keyword is not None:
        return {option.keyword or option.name}
    if option.kind.argument["type"] == "bool":
        return {str(option.kind.read(value)) for value in (True, False)}
    return {option.kind.word}


def _has_method(server: _Node) -> bool:
    return any(child.words[0] in ("lvs_method", "lb_kind") for child in server.block())


def _truth(words: Sequence[str]) -> bool:
    if len(words) > 1:
        raise Unfit
    said = (words or ("true",))[0].lower()
    if said not in ("true", "on", "yes", "false", "off", "no"):
        raise Unfit
    return said in ("true", "on", "yes")


def _item(kind: Kind, words: Sequence[str]) -> Any:
    """Return the value that words are: a mapping by its table, or one that is simple."""
    return _inline(kind, list(words)) if kind.of else _scalar(kind, words)


def _inline(kind: Kind, words: list[str]) -> Any:
    """Read a mapping that stands in one line: first what has no keyword, then pairs."""
    table: Table = kind.of
    found: dict[str, Any] = {}
    for option in table:
        if option.keyword is None and words:
            found[option.name] = _scalar(option.kind, [words.pop(0)])
    known = {
        option.keyword or option.name: option for option in table if option.keyword is not None
    }
    while words:
        word = words.pop(0)
        if word not in known:
            raise Unfit(f"{word} is not known here")
        option = known[word]
        if option.kind.argument["type"] == "bool":
            found[option.name] = True
        else:
            found[option.name] = _scalar(option.kind, [words.pop(0)] if words else [])
    return found[table[0].name] if kind.argument["type"] == "raw" and len(found) == 1 else found


def _scalar(kind: Kind, words: Sequence[str]) -> Any:
    """Return the number or text that words are, or raise `Unfit`."""
    text = " ".join(words)
    if kind.argument["type"] in ("int", "float"):
        if not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
            raise Unfit
        return float(text) if float(text) % 1 else int(text.partition(".")[0])
    try:
        kind.read(text)
    except Unfit:
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
    except Unfit:
        return None


def shortened(line: str) -> str:
    """Return a line as it is shown."""
    text = " ".join(re.sub(r"(auth_pass\s+).*", r"\1<secret>", line).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
