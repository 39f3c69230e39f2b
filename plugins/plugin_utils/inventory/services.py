# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of the inventory, and its form for IPVS and keepalived."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    MAX_WEIGHT,
    METHODS,
    ON_LINK,
    PROTOCOLS,
    UNCHANGED,
    VirtualService,
    endpoint,
    family_of,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import as_integer, label
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown, suggestion, unknown
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import (
    Subject,
    is_name,
    template_failure,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.hosts import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import Mistakes
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.networks import (
    MAX_PORT,
    Network,
    family_name,
    usable,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import (
    DESTINATION_FIELDS,
    DOCUMENTED,
    KEEPALIVED_FIELDS,
    MATCH_FIELDS,
    REALSERVERS,
    SCHEMA_FIELDS,
    SERVICE_FIELDS,
    SHARED_FIELDS,
)

#: Stands for all destinations that a group gives, while the model reads a service: addresses that
#: no machine has (RFC 7600 and 6666).
_STAND_IN = {"ipv4": "192.0.0.8", "ipv6": "100::"}


class Frontend(NamedTuple):
    """A VIP with a protocol and a port; port 0 means all ports."""

    vip: str
    protocol: str
    port: int


class Service:
    """A service as the inventory describes it, before it is resolved."""

    def __init__(
        self,
        raw: Mapping[str, Any],
        number: int,
        groups: Mapping[str, Sequence[str]],
        mistakes: Mistakes,
    ) -> None:
        written = {field: value for field, value in raw.items() if not template_failure(value)}
        self.label = label(written) or str(number)
        self.fields = Subject(written, "service", self.label, mistakes)
        self.wrong = self.fields.wrong
        self.raw = self.fields.readable(self._known(raw), raw)
        self.readable = not self.fields.failed
        self.notes = Mistakes()
        self.name = str(self.raw.get("name") or "")
        name = self.raw.get("name")
        if name is not None and not is_name(name):
            self.wrong(f"name is {shown(name)}; it must be a line of text, in quotes")
        self.vip, self.family = self._vip()
        self.frontends = self._frontends()
        self.method = self.fields.choice("method", list(METHODS), "")
        self.networks: Sequence[Network] = ()
        self.shared = {f: self.raw[f] for f in SHARED_FIELDS if f in self.raw}
        self.group = self._group(groups)
        self.members = list(dict.fromkeys(groups[self.group])) if self.group else []
        #: Address and weight of each member, as far as they are known.
        self.pool: dict[str, tuple[str, int]] = {}
        #: The DIPs, each with whose it is.
        self.dips: dict[str | None, str] = {}
        self.keepalived_fields = {
            field: self.raw[field]
            for field in KEEPALIVED_FIELDS & self.raw.keys()
            if self.raw[field] not in (None, "")
        }
        for field in ("check", "sorry_server"):
            value = self.keepalived_fields.get(field)
            if value in (False, 0, []):  # what keepalived's writer takes for nothing
                self.wrong(f"{field} is {shown(value)}; it must be a mapping of fields")

    def _known(self, raw: Iterable[str]) -> Iterator[str]:
        for name in raw:
            if name in SERVICE_FIELDS:
                yield name
            else:
                sentence = unknown("field", name, SERVICE_FIELDS, DOCUMENTED)
                self.wrong(f"{sentence}; correct or remove it")

    def _vip(self) -> tuple[str | None, str | None]:
        """Return VIP and family, as far as they can be read."""
        if self.raw.get("fwmark"):
            return None, "ipv6" if self.raw.get("family") == "ipv6" else "ipv4"
        vip = normal_address(self.raw.get("vip"))
        if vip is None:
            return None, None
        if ipaddress.ip_address(vip).is_loopback:
            self.wrong(f"vip is {vip}, which no client can reach; set the address that clients use")
        return vip, family_of(vip)

    def _frontends(self) -> list[Frontend]:
        """Return the frontends, as far as they can be read."""
        matches = self.raw.get("match")
        if self.vip:
            port = as_integer(self.raw.get("port"))
            if matches is not None:
                self.wrong("match is set, but fwmark is not; set fwmark, or remove match")
            return [Frontend(self.vip, str(self.raw.get("protocol", "tcp")), port or 0)]
        if matches is None or not self.raw.get("fwmark"):
            return []
        if not isinstance(matches, list) or not matches:
            self.wrong(f"match is {shown(matches)}; it must be a list of vip, protocol and ports")
            return []
        frontends = [
            frontend
            for number, item in enumerate(matches, 1)
            for frontend in self._match(item, number)
        ]
        times = Counter(frontends)
        for frontend in times:
            if times[frontend] > 1:
                what = f"{frontend.protocol} {endpoint(frontend.vip, frontend.port)}"
                self.wrong(f"match has {what} more than once; keep one of them")
        return list(times)

    def _match(self, item: Any, number: int) -> list[Frontend]:
        """Return the frontends of an item of ``match``."""
        fields = Subject({}, "service", f"{self.label}: match {number}", self.fields.report)
        if not isinstance(item, Mapping):
            fields.wrong("not a mapping of vip, protocol and ports")
            return []
        fields.raw = item
        fields.known(MATCH_FIELDS)
        vip = normal_address(item.get("vip"))
        if vip is None or family_of(vip) != self.family or not usable(vip):
            fields.wrong(
                f"vip is {shown(item.get('vip'))}; it must be an address that clients can reach,"
                f" {family_name(self.family or 'ipv4')} as the service is"
            )
        ports = [as_integer(port) for port in fields.many("ports")]
        if not ports or not all(port and port < 65536 for port in ports):
            value = shown(item.get("ports"))
            fields.wrong(f"ports is {value}; it must be a list of ports, 1 to 65535")
        protocol = fields.choice("protocol", PROTOCOLS, "tcp")
        return [Frontend(vip, protocol, port) for port in ports if vip and port]

    def _group(self, groups: Mapping[str, Sequence[str]]) -> str:
        """Return the group of its real servers, or nothing."""
        group = self.raw.get("realservers", REALSERVERS)
        if "realservers" not in self.raw and (not self.readable or "destinations" in self.raw):
            if self.raw.get("destinations", True) in (None, "", []):
                self.wrong(f"destinations is empty; list some, or remove it to use {REALSERVERS}")
        elif not isinstance(group, str):
            self.wrong(f"realservers is {shown(group)}; it must be the name of one group")
        elif group not in groups:
            self.wrong(
                f"there is no group {shown(group)}{suggestion(group, groups)}; add it to the"
                " inventory, or set realservers to another group"
            )
        elif not groups[group]:
            self.wrong(
                f"the group {group} has no hosts; add some, or set realservers to another group"
            )
        else:
            return group
        return ""

    def apply_defaults(self, method: str, networks: Sequence[Network]) -> None:
        """Set from the cluster what the service does not set itself."""
        self.method = self.method or method
        self.networks = networks if self.method in ON_LINK else ()
        port = self.fields.integer("realserver_port", 1, 65535, 0)
        if port and self.method not in UNCHANGED:
            self.shared["port"] = port
        elif port and port != as_integer(self.raw.get("port")):
            self.wrong(
                f"realserver_port is {port}, but with method {self.method} packets arrive as they"
                " were sent, at the service's port; remove it, or use method nat"
            )

    def note(self, sentence: str, name: str, kind: str = "host") -> None:
        """Note a mistake about a host or destination in this service."""
        self.notes.add(sentence, kind, name)

    @property
    def explicit_destinations(self) -> Any:
        """The destinations in its list, with the fields that the service sets for all of them."""
        pool = self.raw.get("destinations")
        if pool is None or pool == "":
            return []
        if not isinstance(pool, list):
            return pool
        return [
            {
                **self.shared,
                **{f: value for f, value in item.items() if f not in DESTINATION_FIELDS},
                "method": item.get("method") or self.method,
            }
            if isinstance(item, Mapping)
            else item
            for item in pool
        ]

    @property
    def outright(self) -> list[Mapping[str, Any]]:
        """The valid destinations in its list."""
        pool = self.explicit_destinations
        return [i for i in pool if isinstance(i, Mapping)] if isinstance(pool, list) else []

    def plain(self) -> dict[str, Any]:
        """Return it in the schema, with one placeholder for the destinations of its group.

        `resolved` puts the hosts of the group in its place, with their weights.
        """
        pool = self.explicit_destinations
        if self.group and isinstance(pool, list):
            address = _STAND_IN[self.family or "ipv4"]
            name = f"in {self.group}"
            pool.append({**self.shared, "name": name, "address": address, "method": self.method})
        fields = {field: self.raw[field] for field in SCHEMA_FIELDS & self.raw.keys()}
        return {**fields, "destinations": pool}

    def stand_in(self, number: int) -> dict[str, Any]:
        """Return a valid service with the keepalived fields of this one, to check these fields."""
        port = as_integer(self.raw.get("port"))
        first = ipaddress.ip_address("2001:db8::" if self.family == "ipv6" else "10.0.0.0")
        return {
            "name": self.label,
            "vip": str(first + 2 * number + 1),
            "port": port if port and port <= MAX_PORT else 80,
            "destinations": [
                {"address": str(first + 2 * number + 2), "weight": MAX_WEIGHT},
                *({**fields, "address": str(first + 2**20 + n)} for n, fields in self._stand_ins()),
            ],
            **self.keepalived_fields,
        }

    def _stand_ins(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the keepalived fields of single destinations, with their names."""
        for number, (key, fields) in enumerate(self.destination_fields.items()):
            names = (
                i.get("name") for i in self.outright if normal_address(i.get("address")) == key[0]
            )
            yield number, {"name": str(next(names, None) or key[0]), **fields}

    def resolved(self, service: VirtualService, drained: Collection[str]) -> dict[str, Any]:
        """Return it as plain data with all its destinations, once the model has read it."""
        origins: dict[tuple[Any, int], tuple[str, str]] = {}
        pool = []
        for item in self.outright:
            address, port = normal_address(item["address"]), as_integer(item.get("port"))
            key = address, service.key.port if port is None else port
            origins[key] = str(item.get("name") or address), item["method"]
        for destination in service.destinations:
            if destination.address != _STAND_IN[service.key.family]:
                pool.append(destination)
                continue
            for host, (address, weight) in self.pool.items():
                origins[address, destination.port] = host, self.method
                pool.append(destination._replace(address=address, weight=weight))
        result = service.with_destinations(pool).to_dict()
        for destination in result["destinations"]:
            # For the model fullnat is nat; the role that does the source NAT needs to know.
            name, method = origins[destination["address"], destination["port"]]
            destination.update(name=name, method=method)
            if name in drained:
                destination["weight"] = 0
        return {"name": self.name, **result} if self.name else result

    def by_mark(self, resolved: dict[str, Any], mark: int) -> dict[str, Any]:
        """Return it as a service by firewall mark instead of VIP and port."""
        pool = [
            {**destination, "port": 0} if destination["method"] in UNCHANGED else destination
            for destination in resolved["destinations"]
        ]
        rest = {field: value for field, value in resolved.items() if field not in Frontend._fields}
        return {**rest, "fwmark": mark, "family": self.family, "destinations": pool}

    @property
    def health(self) -> dict[str, Any]:
        """The keepalived fields in their full form, once they are checked."""
        return _full(self.keepalived_fields)

    @property
    def destination_fields(self) -> dict[tuple[str | None, int | None], dict[str, Any]]:
        """The keepalived fields of single destinations, by address and port."""
        pool = self.raw.get("destinations")
        items = (
            [item for item in pool if isinstance(item, Mapping)] if isinstance(pool, list) else []
        )
        found: dict[tuple[str | None, int | None], dict[str, Any]] = {}
        for item, outright in zip(items, self.outright, strict=True):
            if fields := {field: item[field] for field in DESTINATION_FIELDS & item.keys()}:
                port = as_integer(outright.get("port", self.raw.get("port")))
                found[normal_address(item.get("address")), port or 0] = fields
        return found

    def keepalived_service(self, resolved: Mapping[str, Any]) -> dict[str, Any]:
        """Return the service with the fields for keepalived, whose checks go to its port."""
        one, port = self.destination_fields, self.frontends[0].port if self.frontends else 0
        pool = [
            {**item, **_full(one.get((item["address"], item["port"] or port), {}))}
            for item in resolved["destinations"]
        ]
        resolved = {**resolved, "destinations": pool} if one else resolved
        result = {**_vrrp.SERVICE_DEFAULTS, **resolved, **self.health}
        if not (self.vip and "fwmark" in resolved):
            return result
        port, check, sorry = self.frontends[0].port, result.get("check"), result.get("sorry_server")
        if check and port and check["type"] in _keepalived_options.NEEDS_PORT:
            result["destinations"] = [
                destination
                if destination["port"]
                else {"check": {"connect_port": port, **check}, **destination}
                for destination in resolved["destinations"]
            ]
        if sorry:
            unchanged = (sorry.get("method") or "dr") in UNCHANGED
            result["sorry_server"] = {"port": port, **sorry, **({"port": 0} if unchanged else {})}
        return result

    def gateway(self, host: Host, address: str) -> str | None:
        """Return the director's address that is the next hop of a real server's answers."""
        candidates = [*host.gateways, *filter(None, self.dips)]
        return next((each for each in candidates if family_of(each) == family_of(address)), None)


def _full(keepalived_fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keepalived fields of a service or destination, with the check in its full form."""
    check = keepalived_fields.get("check")
    full = {"check": _keepalived_options.full_check(check)} if check else {}
    return {**keepalived_fields, **full}
