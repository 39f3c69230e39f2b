# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual service in keepalived's configuration, with its destinations and their checks.

The service and its pool are read by ``_model_parser``, as everywhere; here is what keepalived adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arguments,
    _keepalived_relations,
    _model,
    _model_parser,
    _wording,
)
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_fields import Reader, joined
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_kinds import (
    Option,
    block,
    given,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_relations import as_list, on
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import InvalidValue

#: What keepalived calls the checksums of a tunnel.
TUNNEL_CHECKSUMS = {"none": "nocsum", "checksum": "csum", "remote": "remcsum"}


class Services:
    """All virtual services: their lines, and what the model reads.

    :param names: by list of the schema, what is defined there
    """

    def __init__(self, reader: Reader, names: Mapping[str, Sequence[str]]) -> None:
        self.reader = reader
        self.names = names
        self.lines: list[str] = []
        self.parsed: list[_model.VirtualService] = []
        self.groups: set[str] = set()
        self.places: dict[_model.ServiceKey, str] = {}
        for number, raw in enumerate(reader.mappings("services"), 1):
            service = _Service(self, raw, f"service {_model_parser.label(raw) or number}")
            self.lines += service.lines
            self.parsed += service.parsed

    def check_lines(self, raw: Any, place: str, target: str) -> list[str]:
        """Return the block of the health check of a destination, given as address and port."""
        if not isinstance(raw, Mapping):
            self.reader.wrong(place, "check is not a mapping of fields")
            return []
        kind = str(raw.get("type") or "")
        if kind == "none":
            return []
        if kind not in _options.CHECKS:
            problem = f"type is {kind!r}{_wording.suggestion(kind, _options.CHECKS)}"
            known = f"it must be one of none, {', '.join(_options.CHECKS)}"
            self.reader.wrong(
                f"{place}, check", f"{problem if kind else 'type is missing'}; {known}"
            )
            return []
        place = f"{place}, check {kind}"
        check = _options.CHECKS[kind]
        self.reader.has(place, f"type {kind}", check.since)
        # Ansible gives each type the fields of all, those that were not given as null.
        fields = {name: value for name, value in raw.items() if given(raw, name)}
        lines = self._page(fields, kind, place)
        for name in sorted(map(str, fields)):
            types = _types_with(name)
            if types and kind not in types:
                self.reader.wrong(place, f"{name} goes with type {' or '.join(types)}; remove it")
                del fields[name]
        table = tuple(option for option in check.table if option.name not in lines)
        lines = {**self.reader.fields(table, fields, place, ("type",)), **lines}
        self.reader.all_wrong(place, _keepalived_relations.check(fields, target.partition(" ")[0]))
        if kind in _options.NEEDS_PORT and " " not in target and not given(raw, "connect_port"):
            self.reader.wrong(
                place, "the destination has no port of its own, so the check needs connect_port"
            )
        for what, field, source in _options.REFERENCES:
            if kind == what and given(raw, field) and str(raw[field]) not in self.names[source]:
                self.reader.wrong(place, f"{field} is {raw[field]}, which {source} does not define")
        return block(check.keyword, joined(lines))

    def _page(self, fields: dict[str, Any], kind: str, place: str) -> dict[str, list[str]]:
        """Take the only page out of a check's fields; return the lines that stand for urls."""
        if kind not in _options.OF_PAGES:
            return {}
        single = _options.page(fields)
        fields_of_page = {name: fields.pop(name) for name in _options.PAGE if name in fields}
        for name in fields_of_page if single is None else ():
            self.reader.wrong(place, f"{name} and urls are given; put {name} into an item of urls")
        if single is None:
            return {}
        return {"urls": block("url", joined(self.reader.fields(_options.URL, single, place)))}


class _Service:
    """One virtual service: read by the model, and what keepalived adds to it."""

    OF_MODEL = ("name", *_arguments.KEY, *_arguments.SETTINGS, "destinations")
    OF_DESTINATION = ("name", *_arguments.DESTINATION)

    def __init__(self, services: Services, raw: Mapping[str, Any], place: str) -> None:
        self.services = services
        self.reader = services.reader
        self.raw = raw
        self.place = place
        own = self.reader.fields(
            _options.SERVICE, raw, place, (*self.OF_MODEL, "check", "sorry_server", "endpoints")
        )
        self._name()
        self.parsed = self._parsed()
        self.lines: list[str] = []
        if not self.parsed:
            return
        service = self.parsed[0]
        self._counts(service)
        lines = [*self._of_model(service), *joined(own), *self._sorry_server(service.key)]
        pool = self._pool(service.key)
        for destination in service.destinations:
            lines += self._destination(destination, pool.get(destination.key, {}))
        self.lines = self._blocks(lines)

    def wrong(self, sentence: str) -> None:
        self.reader.wrong(self.place, sentence)

    def _name(self) -> None:
        """Check the name, which is that of a group where there are endpoints."""
        name, grouped = self.raw.get("name"), given(self.raw, "endpoints")
        if grouped and not name:
            self.wrong("name is missing; with endpoints it becomes the name of a group")
        if not name:
            return
        option = Option("name", _kinds.NAME if grouped else _kinds.TEXT)
        try:
            option.lines(name)
        except InvalidValue as error:
            for sentence in _kinds.sentences(option, name, error):
                self.wrong(sentence)
        if grouped and name in self.services.groups:
            self.wrong("there are two services with endpoints of that name; rename one of them")
        if grouped:
            self.services.groups.add(str(name))

    def _parsed(self) -> list[_model.VirtualService]:
        """Return what the model reads, a service for each endpoint."""
        base = {k: v for k, v in self.raw.items() if k in self.OF_MODEL}
        if isinstance(base.get("destinations"), list):
            base["destinations"] = list(map(self._of_destination, base["destinations"]))
        parsed: list[_model.VirtualService] = []
        for endpoint in self._endpoints():
            services, wrong = _model_parser.parse_services([{**base, **endpoint}])
            for sentence in wrong:
                self.wrong(sentence.partition(": ")[2].rstrip("."))
            parsed += services
        places = self.services.places
        for key in (service.key for service in parsed):
            if key in places:
                self.wrong(f"{key} is defined twice, first by {places[key]}; keep one of them")
            places.setdefault(key, self.place)
        if len({service.key.family for service in parsed}) > 1:
            self.wrong("endpoints are of both families; make two services of it")
        return parsed

    def _of_destination(self, raw: Any) -> Any:
        """Return what the model knows of a destination."""
        if not isinstance(raw, Mapping):
            return raw
        return {k: v for k, v in raw.items() if k in self.OF_DESTINATION}

    def _endpoints(self) -> list[Mapping[str, Any]]:
        value = self.raw.get("endpoints")
        if not value:
            return [{}]
        for name in _arguments.KEY:
            if name != "protocol" and given(self.raw, name):
                self.wrong(f"endpoints stand for {name}; remove one of them")
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.wrong("endpoints is not a list of mappings")
            return []
        known = tuple(_options.ENDPOINT)
        for number, item in enumerate(value, 1):
            self.reader.unknown(item, f"{self.place}: endpoint {number}", known)
        return [{k: v for k, v in item.items() if k in known} for item in value]

    def _counts(self, service: _model.VirtualService) -> None:
        """Check what keepalived counts."""
        if not service.destinations:
            self.wrong("it has no destinations, and keepalived ignores such a service")
            return
        if any(destination.method == "local" for destination in service.destinations):
            self.wrong("method is local, which only the kernel reports; it must be dr, tun or nat")
        quorum = _model_parser.as_integer(self.raw.get("quorum")) or 1
        hysteresis = _model_parser.as_integer(self.raw.get("hysteresis")) or 0
        total = sum(destination.weight for destination in service.destinations)
        if quorum > total:
            self.wrong(
                f"its destinations' weights add up to {total}, less than the quorum of {quorum};"
                " keep a weight for one of them, or remove the service"
            )
        if hysteresis >= quorum:
            self.wrong(f"hysteresis is {hysteresis}; it must be below the quorum, {quorum}")
        if service.key.fwmark and on(self.raw, "ha_suspend"):
            self.wrong("ha_suspend needs an address, but a firewall mark has none; remove it")

    @staticmethod
    def _of_model(service: _model.VirtualService) -> list[str]:
        """Return the lines of a service's fields that the model has."""
        key, mask = service.key, service.persistence_mask
        lines = [f"lvs_sched {service.scheduler}", *service.scheduler_flags]
        if not key.fwmark:
            lines.append(f"protocol {key.protocol.upper()}")
        elif key.family == "ipv6":
            lines.append("ip_family inet6")
        if service.one_packet:
            lines.append("ops")
        if service.persistence_engine:
            lines.append(f"persistence_engine {service.persistence_engine}")
        if service.persistence_timeout:
            lines.append(f"persistence_timeout {service.persistence_timeout}")
        if mask != _model.host_prefix(key.family):
            granularity = netmask(mask) if key.family == "ipv4" else mask
            lines.append(f"persistence_granularity {granularity}")
        return lines

    def _sorry_server(self, key: _model.ServiceKey) -> list[str]:
        raw = self.raw.get("sorry_server")
        if not raw:
            return []
        if not isinstance(raw, Mapping):
            self.wrong("sorry_server is not a mapping of fields")
            return []
        place = f"{self.place}: sorry_server"
        known = tuple(_options.SORRY_SERVER)
        own = self.reader.fields(_options.SORRY_SERVER_OPTIONS, raw, place, known)
        server, wrong = _model_parser.parse_destination({k: raw[k] for k in known if k in raw}, key)
        for sentence in wrong:
            self.reader.wrong(place, sentence.split(": ", 2)[-1].rstrip("."))
        if server is None:
            return []
        for other, fields_of_other in self._pool(key).items():
            if other == server.key:
                self.reader.all_wrong(
                    self.place, _keepalived_relations.sorry_server(raw, self.raw, fields_of_other)
                )
        return [
            f"sorry_server {self._target(server, raw)}",
            f"sorry_server_lvs_method {_method(server)}",
            *joined(own),
        ]

    def _target(self, destination: _model.Destination, raw: Mapping[str, Any]) -> str:
        """Return address and port; no port where that of an endpoint, or of the client, is it."""
        own = len({service.key.port for service in self.parsed}) == 1 or given(raw, "port")
        return f"{destination.address} {(own and destination.port) or ''}".rstrip()

    def _pool(self, key: _model.ServiceKey) -> dict[tuple[str, int], Mapping[str, Any]]:
        """Return each destination as it was written."""
        pool = {}
        for raw in as_list(self.raw.get("destinations")):
            if isinstance(raw, Mapping):
                destination = _model_parser.parse_destination(self._of_destination(raw), key)[0]
                if destination:
                    pool[destination.key] = raw
        return pool

    def _destination(self, destination: _model.Destination, raw: Mapping[str, Any]) -> list[str]:
        place = f"{self.place}: destination {raw.get('name') or destination.address}"
        own = self.reader.fields(_options.DESTINATION, raw, place, (*self.OF_DESTINATION, "check"))
        lines = [f"weight {destination.weight}", f"lvs_method {_method(destination)}"]
        if destination.upper_threshold:
            lines.append(f"uthreshold {destination.upper_threshold}")
        if destination.lower_threshold:
            lines.append(f"lthreshold {destination.lower_threshold}")
        lines += joined(own)
        target = self._target(destination, raw)
        check = raw.get("check") or self.raw.get("check")
        if check:
            whose = place if raw.get("check") else self.place
            lines += self.services.check_lines(check, whose, target)
        return block(f"real_server {target}", lines)

    def _blocks(self, lines: list[str]) -> list[str]:
        name, key = self.raw.get("name"), self.parsed[0].key
        if given(self.raw, "endpoints"):
            group = [_endpoint(service.key) for service in self.parsed]
            return [
                *block(f"virtual_server_group {name}", group),
                *block(f"virtual_server group {name}", lines),
            ]
        comment = [f"# {name}"] if name else []
        return [*comment, *block(f"virtual_server {_endpoint(key)}", lines)]


def _types_with(name: str) -> list[str]:
    """Return the types of checks that have a field."""
    return [
        kind
        for kind, check in _options.CHECKS.items()
        if name in (option.name for option in check.table)
        or (kind in _options.OF_PAGES and name in _options.PAGE)
    ]


def _endpoint(key: _model.ServiceKey) -> str:
    """Return a service as virtual_server has it; without a port it is for all of them."""
    return f"fwmark {key.fwmark}" if key.fwmark else f"{key.vip} {key.port or ''}".rstrip()


def _method(destination: _model.Destination) -> str:
    """Return what stands after lvs_method."""
    words = destination.method.upper()
    if destination.method != "tun" or destination.tunnel_type == "ipip":
        return words
    words += f" type {destination.tunnel_type}"
    if destination.tunnel_port:
        words += f" port {destination.tunnel_port}"
    return f"{words} {TUNNEL_CHECKSUMS[destination.tunnel_checksum]}"


def netmask(mask: _model.Mask) -> str:
    """Return an IPv4 prefix length as a netmask; a netmask is one already."""
    if isinstance(mask, str):
        return mask
    bits = _model.MAX_U32 << (32 - mask) & _model.MAX_U32
    return ".".join(str(byte) for byte in bits.to_bytes(4, "big"))
