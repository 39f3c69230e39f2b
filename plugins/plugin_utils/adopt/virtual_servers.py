# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual services of a keepalived.conf, as keepalived runs them.

Pure. keepalived corrects or ignores much that a person writes, and continues (``check_parser.c``;
``validate_check_config`` in ``check_data.c``). Here the same becomes of it, each time with a
message, so that a service is not left out for what keepalived itself takes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _keepalived_services,
    _model,
    _model_parser,
    _wording,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.option_reader import (
    RENAMED,
    Block,
    Reader,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.statements import Statement

#: Fields of a service and of a destination that the model reads, by keepalived's word.
_SERVICE = {
    "persistence_engine": "persistence_engine",
    "persistence_granularity": "persistence_mask",
}
_DESTINATION = {"uthreshold": "upper_threshold", "lthreshold": "lower_threshold"}
_FLAGS = {flag for names in _model.SCHEDULER_FLAGS.values() for flag in names}
_FLAGS.update(_model.PLAIN_FLAGS)
_FAMILIES = {"inet": "ipv4", "inet6": "ipv6"}
_CHECKSUMS = {word: name for name, word in _keepalived_services.TUNNEL_CHECKSUMS.items()}
_CHECKS = {check.keyword: kind for kind, check in _options.CHECKS.items()}
#: IPVS_SVC_PERSISTENT_TIMEOUT in libipvs.h, IPVS_DEF_SCHED in ipvswrapper.h, and the method and
#: protocol that validate_check_config sets.
_PERSISTENCE, _SCHEDULER, _METHOD, _PROTOCOL = 360, "wlc", "nat", "udp"
#: The longest range of a group that is written out.
_MOST_ADDRESSES = 256

Method = Mapping[str, Any]


class Servers:
    """Reads virtual_server and virtual_server_group.

    :param named: whether a comment before a service is its name
    """

    def __init__(self, reader: Reader, nodes: Sequence[Statement], *, named: bool) -> None:
        self.reader = reader
        self.named = named
        self.services: list[Block] = []
        self.groups: dict[str, list[Mapping[str, Any]]] = {}
        self.heads: dict[str, Statement] = {}
        self.used: set[str] = set()
        for node in nodes:
            if node.words[0] == "virtual_server_group":
                self._group(node)

    def finish(self) -> list[Block]:
        """Return all services; a group that none uses is listed."""
        for name, node in self.heads.items():
            if name not in self.used:
                self.reader.skip(node, "no virtual_server is of this group")
        return self.services

    # ---- groups ------------------------------------------------------------------------------

    def _group(self, node: Statement) -> None:
        """Read what a group of services is known by."""
        keys: list[Mapping[str, Any]] = []
        for child in node.block():
            words = child.words
            first, dash, last = words[0].partition("-")
            address = _model.normal_address(first)
            if words[0] == "fwmark" and len(words) == 2:
                keys.append({"fwmark": words[1]})
            elif not address or len(words) > 2:
                self.reader.unknown(child)
                continue
            elif not dash:
                keys.append({"vip": address, "port": words[1] if words[1:] else 0})
            else:
                keys += self._range(child, address, last)
            self.reader.take(child)
        name = " ".join(node.words[1:])
        if name in self.groups:
            return self.reader.skip(node, "there is a group of that name already")
        self.groups[name] = keys
        self.heads[name] = node
        return self.reader.take(node)

    def _range(self, node: Statement, first: str, last: str) -> list[Mapping[str, Any]]:
        """Return each address of a range, which ends with the last part of its last one."""
        start = ipaddress.ip_address(first)
        base = 16 if start.version == 6 else 10
        part = 0xFFFF if start.version == 6 else 0xFF
        try:
            count = int(last, base) - (int(start) & part) + 1
        except ValueError:
            count = 0
        if not 0 < count <= _MOST_ADDRESSES:
            self.reader.skip(node, f"it is no range of up to {_MOST_ADDRESSES} addresses")
            return []
        port = node.words[1] if node.words[1:] else 0
        return [{"vip": str(start + number), "port": port} for number in range(count)]

    # ---- services ----------------------------------------------------------------------------

    def server(self, node: Statement) -> None:
        """Read a virtual service with its real servers."""
        service = Block(node.line, node.shown, destinations=[])
        if not self._target(node, service):
            return
        servers: list[tuple[Statement, Method]] = []
        method: Method = {}
        for child in node.block():
            word = RENAMED.get(child.words[0], child.words[0])
            if word == "real_server":
                servers.append((child, method))  # alloc_rs copies what is known by now
            elif word == "lvs_method":
                unused = not servers or servers[-1][1] != method
                self.reader.replaced(service.where.pop("method", []) if unused else [], child)
                service.where["method"] = [(child.line, child.shown)]
                method = self._method(child, method)
            elif word.startswith("sorry_server"):
                self._sorry_server(child, service, method)
            elif not self._of_service(word, child, service):
                self.reader.field(_options.SERVICE, child, service)
        if not method and not all(_has_method(child) for child, _known in servers):
            method = {"method": _METHOD}
            self.reader.note(
                node, "it has no lvs_method, so keepalived takes NAT and the inventory has that"
            )
        if "sorry_server" in service:
            service["sorry_server"] = {**method, **service["sorry_server"]}
        for child, known in servers:
            self._server(child, known or method, service)
        first = next(iter(service["destinations"]), {"address": ""})
        if "family" not in service and "vip" not in service and ":" in first["address"]:
            service["family"] = "ipv6"  # vs_end_handler takes it from the real servers
        self._correct(node, service)
        self.services.append(service)

    def _target(self, node: Statement, service: Block) -> bool:
        """Read what selects a service; return whether it can be read."""
        target = node.words[1:]
        if target[:1] == ("group",):
            name = " ".join(target[1:])
            self.used.add(name)
            service["name"], service["endpoints"] = name, self.groups.get(name, [])
            if not service["endpoints"]:
                self.reader.skip(node, "the group has no address that can be taken")
                return False
        elif len(target) == 2 and target[0] == "fwmark":
            service["fwmark"] = target[1]
        elif len(target) in (1, 2):
            # inet_stosockaddr in keepalived's lib/utils.c ends the address there.
            address = target[0].partition("/")[0]
            if address != target[0]:
                self.reader.note(node, f"keepalived takes {address}, and so does the inventory")
            service["vip"], service["port"] = address, target[1] if target[1:] else 0
        else:
            self.reader.skip(node, "it is neither an address and a port, nor a mark, nor a group")
            return False
        name = node.comment[1:].strip()
        if self.named and name and "name" not in service:
            service["name"] = name
        self.reader.take(node)
        return True

    def _of_service(self, word: str, node: Statement, service: Block) -> bool:
        """Take what the model knows of a service; return whether it is that."""
        values = node.words[1:]
        if word in _FLAGS and not values:
            self._flag(word, node, service)
        elif word == "ops" and not values:
            self.reader.put(service, "one_packet", True, node)
        elif word == "persistence_timeout" and len(values) < 2:
            self._persistence(node, service)
        elif len(values) != 1:
            return False
        elif word in _SERVICE:
            self.reader.put(service, _SERVICE[word], str(values[0]), node)
        elif word in ("lvs_sched", "protocol", "weight", "ip_family"):
            reason = self._set(word, str(values[0]), node, service)
            if reason:
                self.reader.skip(node, reason)
        else:
            return False
        self.reader.take(node)
        return True

    def _set(self, word: str, value: str, node: Statement, service: Block) -> str:
        """Take a value; return why keepalived ignores it, if it does."""
        if word == "lvs_sched":
            if value not in _model.SCHEDULERS:
                near = _wording.suggestion(value, _model.SCHEDULERS)
                known = service.get("scheduler", _SCHEDULER)
                return f"keepalived has no such scheduler{near}, and takes {known}"
            self.reader.put(service, "scheduler", value, node)
        elif word == "protocol":
            if value.lower() not in _model.PROTOCOLS:
                return "keepalived ignores it; it must be TCP, UDP or SCTP"
            self.reader.put(service, word, value.lower(), node)
        elif word == "weight":
            if not _weight(value):
                return "keepalived ignores it; a weight is from 1 to 65535"
            self.reader.put(service, "default_weight", int(value), node)
        elif value not in _FAMILIES:
            return "keepalived ignores it; it must be inet or inet6"
        elif "vip" not in service:
            self.reader.put(service, "family", _FAMILIES[value], node)
        elif (value == "inet6") != (":" in service["vip"]):
            return "keepalived ignores it, since the address is of the other family"
        return ""

    def _flag(self, word: str, node: Statement, service: Block) -> None:
        """Take a scheduler's flag, which keepalived reads by the scheduler set before it."""
        scheduler = service.get("scheduler", "")
        if word in _model.PLAIN_FLAGS or word.startswith(f"{scheduler}-"):
            self.reader.put(
                service,
                "scheduler_flags",
                [*service.get("scheduler_flags", []), word],
                node,
                more=True,
            )
            return
        self.reader.skip(
            node,
            f"keepalived ignores it, since the scheduler that is set before it is {scheduler}"
            if scheduler
            else "keepalived ignores it, since no scheduler is set before it",
        )

    def _persistence(self, node: Statement, service: Block) -> None:
        value = node.words[1] if node.words[1:] else str(_PERSISTENCE)
        number = _model_parser.as_integer(value)
        if number is None or not 1 <= number <= _model.MAX_TIMEOUT:
            self.reader.skip(
                node, f"keepalived ignores it; it must be from 1 to {_model.MAX_TIMEOUT}"
            )
        else:
            self.reader.put(service, "persistence_timeout", number, node)

    def _correct(self, node: Statement, service: Block) -> None:
        """Make of a service what keepalived does once it is read (validate_check_config)."""

        def note(field: str, sentence: str) -> None:
            where = service.where.get(field) or [(node.line, node.shown)]
            self.reader.unrepresented.append((where[0][0], f"`{where[0][1]}`: {sentence}."))

        endpoints = service.get("endpoints") or [service]
        by_address = any("vip" in endpoint for endpoint in endpoints)
        if by_address and "protocol" not in service:
            service["protocol"] = _PROTOCOL
            note(
                "",
                "it has no protocol, so keepalived takes UDP and the inventory has that; if TCP"
                " is meant, write protocol: tcp in the inventory",
            )
        if not by_address and "protocol" in service:
            del service["protocol"]
            note("protocol", "keepalived ignores it, since a firewall mark has no protocol")
        if by_address and service.get("one_packet") and service["protocol"] != "udp":
            del service["one_packet"]
            note("one_packet", "keepalived ignores it, since one-packet scheduling is for UDP")
        mask = service.get("persistence_mask")
        if "persistence_timeout" not in service:
            zero = any("vip" in each and not _number(each["port"]) for each in endpoints)
            if mask is not None or zero:
                service["persistence_timeout"] = _PERSISTENCE
                kind = "a service of every port" if mask is None else "persistence_granularity"
                note(
                    "" if mask is None else "persistence_mask",
                    f"keepalived gives {kind} a persistence_timeout of {_PERSISTENCE}, and so does"
                    " the inventory",
                )
            elif service.pop("persistence_engine", None):
                note("persistence_engine", "it has no effect without a persistence_timeout")
        self._count(service, note)
        if not by_address and service.get("ha_suspend"):
            del service["ha_suspend"]
            note("ha_suspend", "keepalived ignores it, since a firewall mark has no address")

    @staticmethod
    def _count(service: Block, note: Any) -> None:
        """Bound quorum and hysteresis as keepalived does."""
        weights = [_number(item.get("weight", 1)) for item in service["destinations"]]
        total = sum(filter(None, weights))
        quorum = service.get("quorum", 1)
        if total and quorum > total:
            service["quorum"] = quorum = total
            note(
                "quorum", f"the weights add up to {total}, and keepalived takes that, as does this"
            )
        if service.get("hysteresis", 0) >= quorum:
            service["hysteresis"] = quorum - 1
            note("hysteresis", f"keepalived takes {quorum - 1}, which is below the quorum")

    # ---- servers -----------------------------------------------------------------------------

    def _sorry_server(self, node: Statement, service: Block, method: Method) -> None:
        word, *values = node.words
        server: dict[str, Any] = service.get("sorry_server", {})
        if word == "sorry_server" and len(values) in (1, 2):
            self.reader.replaced(service.where.pop("sorry_server", []), node)
            server = {**method, **dict(zip(("address", "port"), map(str, values), strict=False))}
            self.reader.take(node)
        elif not server:
            return self.reader.skip(node, "keepalived ignores it before a sorry_server")
        elif word == "sorry_server_lvs_method":
            known = {name: server[name] for name in server if name not in ("address", "port")}
            server = {
                **{name: server[name] for name in ("address", "port") if name in server},
                **self._method(node, known),
            }
        else:
            found = Block()
            self.reader.field(_options.SORRY_SERVER_OPTIONS, node, found)
            server = {**server, **found}
        self.reader.put(service, "sorry_server", server, node, more=True)
        return None

    def _method(self, node: Statement, known: Method) -> Method:
        """Read how packets are forwarded, and by which tunnel (svr_forwarding_handler)."""
        method, *rest = map(str, node.words[1:] or [""])
        if method not in ("NAT", "DR", "TUN"):
            self.reader.skip(node, "the method must be NAT, DR or TUN")
            return known
        found: dict[str, Any] = {"method": method.lower()}
        tunnel: dict[str, Any] = {}
        self.reader.take(node)
        while rest:
            word = rest.pop(0)
            if word in ("type", "port") and rest:
                tunnel[f"tunnel_{word}"] = rest.pop(0)
            elif word in _CHECKSUMS:
                tunnel["tunnel_checksum"] = _CHECKSUMS[word]
            else:
                self.reader.note(node, f"keepalived does not know {word} and ignores the tunnel")
                return {**_tunnel(known), **found} if method == "TUN" else found
        if method != "TUN":
            if tunnel:
                self.reader.note(node, f"its tunnel has no effect with {method}")
            return found
        tried = {"address": "192.0.2.1", **found, **tunnel}
        wrong = _model_parser.parse_destination(
            tried, _model.ServiceKey("ipv4", "tcp", "192.0.2.2", 1)
        )[1]
        if wrong:
            reason = wrong[0].rstrip(".").rpartition(": ")[2]
            self.reader.note(node, f"{reason}, so keepalived ignores this tunnel")
            return {**_tunnel(known), **found}
        return {**found, **tunnel}

    def _server(self, node: Statement, method: Method, service: Block) -> None:
        """Read a real server."""
        values = node.words[1:]
        if len(values) not in (1, 2):
            return self.reader.skip(node, "it is not an address and a port")
        server = Block(node.line, node.shown, address=str(values[0]), **method)
        self.reader.take(node)
        if values[1:]:
            server["port"] = str(values[1])
        if "default_weight" in service:
            server["weight"] = service["default_weight"]
        for child in node.block():
            self._of_server(child, server)
        service["destinations"].append(server)
        return None

    def _of_server(self, node: Statement, server: Block) -> None:
        """Read a statement of a real server."""
        word = RENAMED.get(node.words[0], node.words[0])
        if word == "lvs_method":
            self.reader.replaced(server.where.pop("method", []), node)
            server.where["method"] = [(node.line, node.shown)]
            known = {name: value for name, value in server.items() if name in _METHOD_FIELDS}
            for name in known:
                del server[name]
            server.update(self._method(node, known))
        elif word == "weight" and len(node.words) == 2:
            if node.words[1] == "0" or _weight(node.words[1]):
                self.reader.put(server, "weight", int(node.words[1]), node)
                self.reader.take(node)
            else:
                self.reader.skip(
                    node, "keepalived ignores it and takes 1; a weight is from 0 to 65535"
                )
        elif word in _DESTINATION and len(node.words) == 2:
            self.reader.put(server, _DESTINATION[word], str(node.words[1]), node)
            self.reader.take(node)
        elif word not in _CHECKS:
            self.reader.field(_options.DESTINATION, node, server)
        elif "check" in server:
            self.reader.skip(node, "a real server has one check in the inventory")
        else:
            check = Block(node.line, node.shown, type=_CHECKS[word])
            self.reader.take(node, 1)
            for child in node.block():
                self.reader.field(_options.CHECKS[check["type"]].table, child, check)
            self.reader.put(server, "check", check, node)


_METHOD_FIELDS = ("method", "tunnel_type", "tunnel_port", "tunnel_checksum")


def _tunnel(method: Method) -> dict[str, Any]:
    return {name: value for name, value in method.items() if name.startswith("tunnel_")}


def _has_method(server: Statement) -> bool:
    return any(child.words[0] in ("lvs_method", "lb_kind") for child in server.block())


def _weight(text: str) -> bool:
    return 1 <= (_number(text) or 0) <= _model.MAX_WEIGHT


def _number(value: Any) -> int | None:
    return _model_parser.as_integer(value if isinstance(value, int) else str(value))


def expand_endpoints(service: Block) -> Iterator[Block]:
    """Yield a service of keepalived for each endpoint that it has."""
    rest = Block(
        service.line,
        service.shown,
        **{n: v for n, v in service.items() if n not in ("endpoints", "default_weight")},
    )
    rest.where = service.where
    for number, endpoint in enumerate(service.get("endpoints") or [{}]):
        named = {"name": ""} if number else {}
        # keepalived ignores the protocol of a mark in a group with addresses.
        gone = {"protocol": None} if "fwmark" in endpoint else {}
        copy = rest.copy_with(**endpoint, **named, **gone)
        for name in [name for name, value in copy.items() if value is None]:
            del copy[name]
        yield copy
