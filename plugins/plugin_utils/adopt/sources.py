# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What directors and their files show: services, machines, and the configuration of keepalived.

Pure. What was read is judged by ``_model_parser``, which holds for the inventory too. What it
refuses is left out, with a message.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arguments,
    _keepalived_options,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    UNCHANGED,
    Destination,
    ServiceKey,
    VirtualService,
    family_of,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import (
    as_integer,
    parse_destination,
    parse_key,
    parse_services,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.ipvsadm_parser import (
    are_rules,
    read_rules,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.keepalived_parser import Reading
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.option_reader import Block
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.statements import decode
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.virtual_servers import (
    expand_endpoints,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names

#: The kernel's own; see ipvs_info.
TIMEOUTS = {"tcp": 900, "tcp_fin": 120, "udp": 300}
#: KEEPALIVED_DEFAULT_DELAY in keepalived's check_data.h, in seconds.
DELAY_LOOP = 60
OF_MODEL = frozenset({*_arguments.KEY, *_arguments.SETTINGS})
OF_DESTINATION = frozenset(_arguments.DESTINATION)
_TIMING = frozenset(option.name for option in _keepalived_options.TIMING)
#: What a destination takes from its service if it has none of its own (validate_check_config);
#: smtp_alert and snmp_name have another meaning in a service.
INHERITED = frozenset({*_TIMING, "retries", "alpha", "inhibit_on_failure", "virtualhost", "check"})
_REFERENCES = {kind: source for kind, _field, source in _keepalived_options.REFERENCES}

T = TypeVar("T", bound=Hashable)


@dataclass
class Service:
    """A service as it was found.

    :ivar value: what the model knows of it, without destinations
    :ivar keepalived_fields: what keepalived adds
    :ivar own: what keepalived adds to single destinations
    :ivar blocks: where its destinations were read
    :ivar block: where it was read
    """

    value: VirtualService
    pool: dict[tuple[str, int], Destination]
    keepalived_fields: dict[str, Any]
    own: dict[tuple[str, int], dict[str, Any]]
    blocks: dict[tuple[str, int], Block]
    block: Block
    place: str
    name: str = ""

    @property
    def key(self) -> ServiceKey:
        """What distinguishes it from others."""
        return self.value.key

    def differs(self, other: Service) -> bool:
        """Return whether another director has it in another way."""
        mine = self.value, sorted(self.pool.values()), self.keepalived_fields, self.own
        return mine != (
            other.value,
            sorted(other.pool.values()),
            other.keepalived_fields,
            other.own,
        )

    def usual(self) -> Destination:
        """Return what most destinations have in common, as one without an address."""
        alike = (d._replace(address="", weight=1) for d in self.pool.values())
        return most(alike, Destination("", 0))


@dataclass
class Host:
    """A machine.

    :ivar reached: its address for Ansible, or its name there
    :ivar stated: its addresses toward the cluster, where that is not the same
    """

    name: str
    reached: str = ""
    stated: list[str] = field(default_factory=list)

    @property
    def own(self) -> list[str]:
        """Its addresses."""
        return [*self.stated, *filter(None, [normal_address(self.reached)])]

    def toward(self, service: Service, method: str) -> str | None:
        """Return the address that ``inventory`` will take for it in a service."""
        families = [service.key.family, *(("ipv4", "ipv6") if method == "tun" else ())]
        return next((a for f in families for a in self.own if family_of(a) == f), None)

    def variables(self) -> dict[str, Any]:
        """Return its addresses as the inventory has them."""
        known = self.reached in ("", self.name)
        found: dict[str, Any] = {} if known else {"ansible_host": self.reached}
        if self.stated:
            found["lvs_address"] = self.stated if len(self.stated) > 1 else self.stated[0]
        return found


@dataclass
class Source:
    """What one director shows.

    :ivar config: its keepalived.conf; empty if it has none
    :ivar blocks: all services that were read in it, one for each address
    :ivar local: its own addresses among the real servers
    """

    place: str
    collected: Mapping[str, Any]
    config: dict[str, Any] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    services: dict[ServiceKey, Service] = field(default_factory=dict)
    local: list[str] = field(default_factory=list)
    host: Host = field(default_factory=lambda: Host(""))

    @property
    def instances(self) -> list[Block]:
        """The VRRP instances of its keepalived.conf."""
        return list(self.config.get("instances") or [])


class Messages:
    """What the inventory doesn't have, each with its place."""

    def __init__(self, *, several: bool) -> None:
        self.lines: list[str] = []
        self.several = several
        self._covered: set[tuple[int, str]] = set()
        self._kept: list[Block] = []

    def add(
        self,
        sentence: str,
        place: str = "",
        line: int = 0,
        block: Block | None = None,
        fields: Iterable[str] = ("",),
    ) -> None:
        """Note a sentence.

        :param block: what it is about: the whole of it, or only ``fields``; no other message
            is about that
        """
        places = [place if self.several else "", f"line {line}" if line else ""]
        message = ": ".join(filter(None, [", ".join(filter(None, places)), sentence]))
        if message not in self.lines:
            self.lines.append(message)
        if block is not None:
            self.cover(block, fields)

    def cover(self, block: Block, fields: Iterable[str]) -> None:
        """Note that fields of a block need no further sentence; the empty name is all of it."""
        self._kept.append(block)  # so that its id stays its own
        self._covered.update((id(block), name) for name in fields)

    def covers(self, block: Any, name: str = "") -> bool:
        """Return whether there is a sentence about a block, or about a field of it."""
        return not {(id(block), ""), (id(block), name)}.isdisjoint(self._covered)


class SourceReader:
    """Reads what one director shows."""

    def __init__(self, collected: Mapping[str, Any], number: int, messages: Messages) -> None:
        self.messages = messages
        place = str(collected.get("name") or collected.get("place") or f"source {number}")
        self.source = source = Source(place, collected)
        text = self._text(collected)
        unrepresented: list[tuple[int, str]] = []
        if are_rules(text):
            source.blocks, unrepresented = read_rules(text)
        elif text.strip():
            reading = Reading(text)
            source.config, unrepresented = reading.config, reading.unrepresented
            source.blocks = [
                each for service in source.config["services"] for each in expand_endpoints(service)
            ]
            if any("endpoints" in service for service in source.config["services"]):
                self.report("each address of a virtual_server_group becomes a service of its own.")
        for line, sentence in unrepresented:
            self.report(sentence, line)
        for block in source.blocks:
            self._service(block, source.services)
        self._kernel(collected.get("ipvs_info") or {})
        if not source.services:
            self.report("there is no virtual service in what was read.")

    def report(
        self,
        sentence: str,
        line: int = 0,
        block: Block | None = None,
        fields: Iterable[str] = ("",),
    ) -> None:
        """Note what the inventory doesn't have."""
        self.messages.add(sentence, self.source.place, line, block, fields)

    def _text(self, collected: Mapping[str, Any]) -> str:
        """Return a director's file as text."""
        encoded = collected.get("content")
        data = base64.b64decode(encoded) if encoded else str(collected.get("text") or "")
        text, odd = decode(data)
        if odd:
            lines = (
                f"line {odd[0]} is" if len(odd) == 1 else f"lines {join_names(map(str, odd))} are"
            )
            self.report(f"{lines} not UTF-8; read as ISO 8859-1.")
        return text

    def _kernel(self, table: Mapping[str, Any]) -> None:
        """Take what the kernel of a director has, beside what its file has."""
        source = self.source
        running: dict[ServiceKey, Service] = {}
        written = dict(source.services)
        for raw in table.get("services") or []:
            if raw.get("destinations") or parse_key(raw)[0] not in written:
                self._service(Block(0, "", **{**raw, "name": ""}), running)
        for key, service in running.items():
            if key not in written:
                source.services[key] = service
                source.blocks.append(service.block)
                if written:
                    self.report(f"{key} runs, though keepalived.conf does not have it.")
            elif missing := sorted(service.pool.keys() ^ written[key].pool.keys()):
                shown = join_names(str(Destination(*pair)) for pair in missing)
                self.report(
                    f"{key}: {shown} is only in one of keepalived.conf and the kernel; the file is"
                    " used."
                )
        for key in sorted(written.keys() - running.keys()) if running else ():
            self.report(f"{key} is in keepalived.conf, but not in the kernel.")
        if source.config:
            return  # keepalived sets these
        for name, seconds in (table.get("timeouts") or {}).items():
            if seconds != TIMEOUTS.get(name):
                self.report(f"the kernel's timeout {name} is {seconds} s.")
        for daemon in table.get("sync_daemons") or []:
            shown = f"{daemon.get('state')} on {daemon.get('interface')}"
            self.report(f"a sync daemon runs as {shown}; keepalived has to run it.")

    # ---- services ----------------------------------------------------------------------------

    def _service(self, raw: Block, services: dict[ServiceKey, Service]) -> None:
        """Have the model read a service; what it refuses is listed and left out."""
        base = {name: value for name, value in raw.items() if name in OF_MODEL}
        parsed, wrong = parse_services([base])
        for sentence in wrong:
            self.report(f"{sentence.rstrip('.')}; it is left out.", raw.line, raw)
        if wrong or not parsed:
            return None
        (value,) = parsed
        if value.key in services:
            sentence = f"{value.key} is defined twice; the first is used."
            return self.report(sentence, raw.line, raw)
        service = Service(value, {}, {}, {}, {}, raw, self.source.place, str(raw.get("name") or ""))
        service.keepalived_fields = {
            name: item
            for name, item in raw.items()
            if name not in OF_MODEL and name not in ("name", "destinations")
        }
        self._sorry_server(service, raw)
        raw["destinations"] = [
            item if isinstance(item, Block) else Block(0, "", **item)
            for item in raw.get("destinations") or []
        ]
        for item in raw["destinations"]:
            self._destination(item, raw, service)
        if not service.pool:
            return self.report(
                f"{value.key} has no destination, but a service of the inventory needs one; it is"
                " left out.",
                raw.line,
                raw,
            )
        _lift_common_fields(service)
        if self.source.config:
            service.keepalived_fields.setdefault("delay_loop", DELAY_LOOP)
        services[value.key] = service
        return None

    def _destination(self, item: Block, of: Block, service: Service) -> None:
        key, line = service.key, item.line
        base = {name: value for name, value in item.items() if name in OF_DESTINATION}
        if base.get("method") == "local":
            # The kernel reports so of the director's own address, whatever the method was.
            methods = [other.get("method", "dr") for other in of["destinations"]]
            base["method"] = most((m for m in methods if m != "local"), "dr")
            if str(base.get("port", key.port)) != str(key.port):
                base["method"] = "nat"
            self.source.local.append(str(normal_address(base.get("address"))))
        method, port = base.get("method", "dr"), base.get("port")
        if (
            method == "nat"
            and key.port
            and port is not None
            and str(port) == "0"
            and self.source.config
        ):
            del base["port"]  # validate_check_config: the service's
        if method in UNCHANGED and port is not None and str(port) != str(key.port):
            asked = "check" in item and "connect_port" not in item["check"]
            self.report(
                f"{key}: destination {base.get('address')}: its port {port} has no effect with"
                f" method {method}"
                + (" except for the check, which keeps it." if asked else ", and is left out."),
                line,
            )
            del base["port"]
        destination, wrong = parse_destination(base, key)
        for sentence in wrong:
            self.report(f"{sentence.rstrip('.')}; it is left out.", line, item)
        if wrong or destination is None:
            return None
        if destination.key in service.pool:
            first = service.blocks[destination.key].line
            where = f", first at line {first}" if first else ""
            return self.report(
                f"{key}: destination {destination} is there twice{where}; it is used once.",
                line,
                item,
            )
        service.pool[destination.key] = destination
        own = {name: value for name, value in item.items() if name not in OF_DESTINATION}
        if "check" in own and not self._check(own, destination, port, key):
            del own["check"]
        service.own[destination.key] = own
        service.blocks[destination.key] = item
        return None

    def _check(self, own: dict[str, Any], of: Destination, port: Any, key: ServiceKey) -> bool:
        """Reduce a check to what differs from keepalived's defaults; False to leave it out.

        keepalived asks the address and the port that a real server is written with (queue_checker
        in check_api.c), and in IPVS corrects the port later.
        """
        check: Block = own["check"]
        kind = str(check["type"])
        shown = f"{key}: destination {of}"
        if kind in _REFERENCES:
            self.report(
                f"{shown}: its check {kind} is left out: the inventory has no {_REFERENCES[kind]}.",
                check.line,
                check,
            )
            return False
        plain = dict(check)
        if normal_address(plain.get("connect_ip")) == of.address:
            del plain["connect_ip"]
        own["check"] = plain
        asked = as_integer(port) or 0
        if kind not in _keepalived_options.NEEDS_PORT or "connect_port" in plain:
            return True
        if asked:
            if asked != of.port:
                plain["connect_port"] = asked
            return True
        if not of.port:
            self.report(
                f"{shown}: its check {kind} is left out: neither it nor the real server"
                " has a port.",
                check.line,
                check,
            )
            return False
        self.report(
            f"{shown}: keepalived checks port 0 with {kind}, since the real server has no port; the"
            f" inventory checks port {of.port}.",
            check.line,
        )
        return True

    def _sorry_server(self, service: Service, raw: Block) -> None:
        found = service.keepalived_fields.pop("sorry_server", None)
        if found is None:
            return
        line = next(iter(raw.where.get("sorry_server") or []), (raw.line, ""))[0]
        base = {name: value for name, value in found.items() if name in OF_DESTINATION}
        if base.get("method") in UNCHANGED and str(base.get("port", "")) not in (
            "",
            str(service.key.port),
        ):
            self.report(
                f"{service.key}: sorry_server {base.get('address')}: its port"
                f" {base.pop('port')} has no effect with method {base['method']}, and is left out.",
                line,
            )
        server, wrong = parse_destination(base, service.key)
        for sentence in wrong:
            message = sentence.replace(": destination: ", ": sorry_server: ").rstrip(".")
            self.report(f"{message}; it is left out.", line, raw, ("sorry_server",))
        if server and not wrong:
            usual = ("weight", *(["port"] if server.port == service.key.port else []))
            fields = {name: value for name, value in server.to_dict().items() if name not in usual}
            inhibit = {name: value for name, value in found.items() if name not in OF_DESTINATION}
            service.keepalived_fields["sorry_server"] = {**fields, **inhibit}


def _lift_common_fields(service: Service) -> None:
    """Move to a service what all of its destinations have, and the check that most have."""
    pool = list(service.own.values())
    for name in dict.fromkeys(name for own in pool for name in own if name in INHERITED):
        values = [hashable(own.get(name)) for own in pool]
        usual, count = Counter(values).most_common(1)[0]
        needed = len(values) // 2 + 1 if name == "check" else len(values)
        if usual is None or count < needed or name in service.keepalived_fields:
            continue
        service.keepalived_fields[name] = next(
            own[name] for own in pool if hashable(own.get(name)) == usual
        )
        for own, value in zip(pool, values, strict=True):
            if value == usual:
                del own[name]
            elif value is None:
                own[name] = {"type": "none"}


def most(values: Iterable[T], default: T) -> T:
    """Return the value that is there most often, the first of several."""
    return next((value for value, _count in Counter(values).most_common(1)), default)


def hashable(value: Any) -> Any:
    """Return plain data as what can be counted."""
    if isinstance(value, Mapping):
        return tuple(sorted((name, hashable(item)) for name, item in value.items()))
    return tuple(map(hashable, value)) if isinstance(value, (list, tuple)) else value


def addresses(instance: Mapping[str, Any]) -> list[str]:
    """Return the addresses that an instance holds, without their prefixes."""
    vips: Sequence[Any] = [*(instance.get("vips") or []), *(instance.get("excluded_vips") or [])]
    texts = (vip["address"] if isinstance(vip, Mapping) else vip for vip in vips)
    return [normal_address(str(text).partition("/")[0]) or "" for text in texts]
