# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve the description of a cluster in an inventory into virtual services.

Pure: plain data in, plain data and sentences out. Every rule that can be checked in an inventory is
checked here, and one run reports all mistakes. A sentence that is true of many hosts or services
is reported once and lists them, so that there are few lines to read.

The schema of a service and its bounds are ``_model``'s. Here is what only an inventory knows:
groups, hosts, and what must hold between them.
"""

from __future__ import annotations

import ipaddress
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _keepalived,
    _keepalived_options,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    MAX_WEIGHT,
    PROTOCOLS,
    Fields,
    ServiceKey,
    VirtualService,
    as_integer,
    endpoint,
    family_of,
    label,
    normal_address,
    one_line,
    parse_services,
    shown,
    suggestion,
    unknown,
    unusable,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils._hosts_file import MUST_BE, is_host_name

DIRECTORS = "lvs_directors"
REALSERVERS = "lvs_realservers"
CLIENTS = "lvs_clients"

#: Every variable of this collection that an inventory may set. The prefix ``lvs_`` is reserved for
#: it, so one that is not here is a typo.
VARIABLES = dict.fromkeys(
    "lvs_services lvs_method lvs_network lvs_mtu lvs_ha lvs_host_basics"  # the cluster
    " lvs_min_available"
    " lvs_address lvs_interface lvs_gateway"  # any host
    " lvs_weight lvs_weights lvs_drained lvs_nat_route lvs_tunnel_sources"  # a real server
    " lvs_forward"  # a director
    " lvs_priority lvs_virtual_router_id lvs_auth_pass lvs_advert_int lvs_keepalived".split()
).keys()
#: Where all variables and fields of an inventory are described.
DOCUMENTED = "docs/inventory.md"

#: fullnat is IPVS's nat with source NAT, so that answers return to the director by themselves.
METHODS = ("dr", "tun", "nat", "fullnat")
#: What makes the VIPs reachable: a single director by itself, or VRRP between directors.
HA = ("none", "vrrp")
#: What a director forwards beside load-balanced packets: all that it is asked to, or nothing.
FORWARD = ("all", "balanced")
#: Director and real servers have one link, or one private network, between them.
_ONE_NETWORK = ("dr", "nat")
#: Packets reach the real server as the client sent them, and answers go past the director.
_UNCHANGED = ("dr", "tun")

#: Fields of a service that hold for all its destinations, in a destination's own names.
_SHARED_FIELDS = frozenset(
    "upper_threshold lower_threshold tunnel_type tunnel_port tunnel_checksum".split()
)
_SCHEMA_FIELDS = frozenset({"name", *ServiceKey._fields, *VirtualService._fields} - {"key"})
#: Fields of a service for keepalived only. With one of them keepalived fills the IPVS table.
_KEEPALIVED_FIELDS = frozenset({"check", "sorry_server"})
_KEEPALIVED_FIELDS |= {option.name for option in _keepalived_options.SERVICE}
#: All of them, those first that are used most.
_SERVICE_FIELDS = tuple(
    dict.fromkeys(
        [
            *"name vip port protocol scheduler method realservers realserver_port check".split(),
            *"persistence_timeout fwmark match destinations master".split(),
            *sorted(_SCHEMA_FIELDS | _SHARED_FIELDS),
            *sorted(_KEEPALIVED_FIELDS),
        ]
    )
)
#: Fields of a single destination for keepalived only, in a service that lists it outright.
_DESTINATION_FIELDS = frozenset(
    {"check", *(option.name for option in _keepalived_options.DESTINATION)}
)
_MATCH_FIELDS = ("vip", "protocol", "ports")

#: RFC 8200, 5: what every link has to carry; and the longest header that a tunnel puts before it.
_IPV6_MTU, _TUNNEL_HEADER = 1280, 60

_MAX_PORT = 65535

#: Stands for all destinations that a group gives, while the model reads a service: addresses that
#: no machine has (RFC 7600 and 6666).
_STAND_IN = {"ipv4": "192.0.0.8", "ipv6": "100::"}

#: What the kernel takes (net/core/dev.c, dev_valid_name) and no file has a use of its own for; not
#: what stands for all interfaces below /proc/sys, nor what no packet arrives at.
_INTERFACE = r"(?!(?:all|default|lo|\.{1,2})$)[\w.][\w.@+-]{0,14}"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class Unreadable(NamedTuple):
    """Stands for a value whose template failed."""

    reason: str


class Frontend(NamedTuple):
    """A VIP with a protocol and a port; port 0 is every port."""

    vip: str
    protocol: str
    port: int


class Cluster(NamedTuple):
    """What an inventory comes to, as plain data.

    :ivar mistakes: a sentence for each; if there is one, all else is empty
    :ivar services: the virtual services with their destinations; a ``method`` may be ``fullnat``
    :ivar frontends: the services as clients see them, each with its ``vip``, ``protocol`` and
        ``port``; a service with a ``match`` has several
    :ivar vips: the VIPs, which the director holds
    :ivar marks: what gets which firewall mark: ``fwmark``, ``vip``, ``protocol`` and ``ports``;
        port 0 is every port that is in no later item
    :ivar keepalived_services: the virtual services for keepalived, if it fills the IPVS table
    :ivar directors: for each director its VRRP ``instances``, the addresses of its VRRP ``peers``,
        and what it serves itself as a real server while another one is master (``local``); all
        three are empty without VRRP
    :ivar masters: the directors that are to be the master of some VIP
    :ivar director_roles: the roles of a director, in the order in which they are applied
    :ivar ha: what makes the VIPs reachable, one of `HA`
    :ivar real_servers: what each host of the inventory serves, by forwarding method: the fields
        of a destination, and with them ``vip`` and ``protocol``, for ``nat`` the ``gateway``, and
        for ``tun`` the ``sources`` from which it takes tunnels
    :ivar min_available: how many real servers of a service draining has to leave, as a count or a
        percentage
    :ivar tunnel_sources: the addresses and networks from which each RIP of method tun takes tunnels
    """

    mistakes: list[str]
    services: list[dict[str, Any]] = []
    frontends: list[dict[str, Any]] = []
    vips: list[str] = []
    marks: list[dict[str, Any]] = []
    real_servers: dict[str, dict[str, list[dict[str, Any]]]] = {}
    keepalived_services: list[dict[str, Any]] = []
    directors: dict[str, dict[str, Any]] = {}
    masters: list[str] = []
    director_roles: list[str] = []
    names: dict[str, str] = {}
    min_available: str = "1"
    ha: str = "none"
    tunnel_sources: dict[str, list[str]] = {}


def resolve(
    services: Any,
    groups: Mapping[str, Sequence[str]],
    variables: Callable[[str], Mapping[str, Any]],
    drained: Collection[str] = (),
) -> Cluster:
    """Return what an inventory describes, or a sentence for each mistake in it.

    ``services`` is the value of ``lvs_services``, ``groups`` has the hosts of each group, and
    ``variables`` gives the variables of a host; it is called once for each host that matters.
    ``drained`` names real servers that are to have weight 0, whatever the inventory says.
    """
    mistakes = Mistakes()
    described = []
    for number, item in enumerate(_items(services, mistakes), 1):
        if isinstance(item, Mapping):
            described.append(_Service(item, number, groups, mistakes))
        else:
            mistakes.add("not a mapping of fields such as vip and port", "service", str(number))
    rules = _Rules(described, groups, variables, mistakes, drained)
    rules.check()
    readable = [service for service in described if service.readable]
    parsed, sentences = parse_services([service.plain() for service in readable])
    for sentence in sentences:
        mistakes.add(sentence)
    for sentence in rules.refused_by_keepalived(readable):
        mistakes.add(sentence)
    if lines := mistakes.lines():
        return Cluster([f"{line.rstrip('.')}." for line in lines])
    result = rules.result(
        [
            service.resolved(value, rules.drained)
            for service, value in zip(readable, parsed, strict=True)
        ]
    )
    # Names, and what follows from the pools.
    refused = _refused_services(result.keepalived_services) if rules.keepalived else []
    return Cluster(refused) if refused else result


def _items(services: Any, mistakes: Mistakes) -> list[Any]:
    """Return the items of ``lvs_services``; note why there are none."""
    if isinstance(services, list) and services:
        return services
    if isinstance(services, Unreadable):
        reason = _unreadable(services).rstrip(".")
        mistakes.add(f"lvs_services can't be worked out: {reason}; correct its template")
    elif services is None or services == "":
        mistakes.add("lvs_services is not set; list the cluster's services in it, for all hosts")
    elif services == []:
        mistakes.add(
            "lvs_services is empty; list a service, or remove the cluster from its hosts with the"
            " playbook lvs.cluster.teardown before you remove its last service"
        )
    else:
        mistakes.add("lvs_services is not a list; write each service as an item that begins with -")
    return []


class Mistakes:
    """Sentences, each with all the hosts or services that it is true of."""

    def __init__(self) -> None:
        self._subjects: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, sentence: str, kind: str = "", *names: str) -> None:
        """Note a sentence about things of a kind, or about the whole if no kind is given."""
        self._subjects.setdefault((kind, sentence), {}).update(dict.fromkeys(names))

    def lines(self) -> list[str]:
        """Return the sentences in the order in which they were first noted."""
        return [
            one_line(f"{_subject(kind, names)}{sentence}")
            for (kind, sentence), names in self._subjects.items()
        ]


def _subject(kind: str, names: Collection[str]) -> str:
    """Return what a sentence begins with: the hosts or services that it is about."""
    if not kind:
        return ""
    if kind == "host":  # in quotes where a name would not stand out
        names = [name if re.fullmatch(r"[\w.:@+-]+", name) else repr(name) for name in names]
    return f"{kind}{'s' if len(names) > 1 else ''} {join_names(names)}: "


class _Subject(Fields):
    """Typed fields of a host or a service, whose mistakes are joined with those of others."""

    def __init__(self, raw: Mapping[str, Any], kind: str, name: str, mistakes: Mistakes) -> None:
        super().__init__(raw, f"{kind} {name}", [])
        self.report = mistakes
        #: The names whose templates failed.
        self.failed: set[str] = set()
        self._subject = kind, name

    def wrong(self, sentence: str) -> None:
        self.report.add(sentence, *self._subject)

    def readable(self, names: Iterable[str], raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of names, but for those whose template failed."""
        values = {name: raw[name] for name in names}
        reasons = {name: _unreadable(value) for name, value in values.items()}
        for name, reason in reasons.items():
            if reason:
                self.failed.add(name)
                self.wrong(
                    f"{name} can't be worked out: {reason.rstrip('.')}; correct its template"
                )
        return {name: value for name, value in values.items() if not reasons[name]}

    def many(self, name: str) -> list[Any]:
        """Return a value that is one or a list as a list."""
        value = self.raw.get(name)
        return value if isinstance(value, list) else [] if value in (None, "") else [value]

    def addresses(self, name: str) -> list[str]:
        """Return the addresses of machines in a field that is one or a list of them."""
        found = [normal_address(item) for item in self.many(name)]
        good = [address for address in found if address and _usable(address)]
        if len(good) < len(found):
            value = shown(self.raw[name])
            self.wrong(f"{name} is {value}; it must be a machine's address, or a list")
        return good

    def networks(self, name: str) -> tuple[Network, ...]:
        """Return the networks in a field that is one or a list of them."""
        try:
            if all("/" in item for item in self.many(name)):
                return tuple(_network(item, strict=False) for item in self.many(name))
        except (TypeError, ValueError):
            pass
        value = shown(self.raw[name])
        self.wrong(f"{name} is {value}; it must be as 192.168.2.0/24, or a list of such")
        return ()

    def sources(self, name: str) -> tuple[Network, ...]:
        """Return the networks in a field that lists addresses and networks, or is ``any``."""
        said = self.many(name)
        try:
            written = ["0.0.0.0/0", "::/0"] if said == ["any"] else [str(item) for item in said]
            return tuple(map(_network, written))
        except ValueError:
            self.wrong(
                f"{name} is {shown(self.raw[name])}; it must be a list of addresses and networks,"
                " such as 192.168.2.23 or 10.1.0.0/24, or any"
            )
        return ()


class _Host:
    """A machine of the cluster, with its variables read once and checked."""

    def __init__(
        self, name: str, variables: Mapping[str, Any], mistakes: Mistakes, *, drained: bool
    ) -> None:
        self.name = name
        self._variables = variables
        self._facts: list[Interface] | None = None
        fields = self._fields = _Subject({}, "host", name, mistakes)
        self.wrong = fields.wrong
        fields.raw = fields.readable(self._known(variables), variables)
        self.method = fields.choice("lvs_method", METHODS, "")
        self.ha = fields.choice("lvs_ha", HA, "")
        self.networks = fields.networks("lvs_network")
        self.gateways = fields.addresses("lvs_gateway")
        self.stated = fields.addresses("lvs_address")
        reached = fields.readable(
            ["ansible_host"] if "ansible_host" in variables else [], variables
        )
        literal = map(normal_address, (reached.get("ansible_host"), name))
        self.reached = [address for address in literal if address and _usable(address)]
        #: The addresses that the inventory says are its own.
        self.own = list(dict.fromkeys(self.stated + self.reached))
        self.drained = fields.boolean("lvs_drained") or drained
        self.min_available = self._min_available()
        #: The least MTU between director and real servers, in bytes; RFC 791 guarantees 576.
        self.mtu = fields.integer("lvs_mtu", 576, 65535, 1500)
        self.nat_route = fields.choice("lvs_nat_route", ("policy", "default"), "policy")
        self.forward = fields.choice("lvs_forward", FORWARD, FORWARD[0])
        self.tunnel_sources = fields.sources("lvs_tunnel_sources")
        self._weight = fields.integer("lvs_weight", 0, MAX_WEIGHT, 1)
        self.weights = self._weights()
        self.vrrp = _vrrp.read(name, self.own, fields, fields.failed)
        #: Whether it is to have the names of all hosts in its /etc/hosts.
        self.knows_names = fields.boolean("lvs_host_basics")
        interface = fields.raw.get("lvs_interface")
        if interface is not None and not (
            isinstance(interface, str) and re.fullmatch(_INTERFACE, interface, re.ASCII)
        ):
            self.wrong(
                f"lvs_interface is {shown(interface)}; it must be the name of one interface, such"
                " as eth0"
            )

    @property
    def services(self) -> Any:
        """The value of ``lvs_services`` here; None if there is none, or it can't be read."""
        value = self._variables.get("lvs_services")
        return None if _unreadable(value) else value

    def _known(self, variables: Iterable[str]) -> Iterator[str]:
        for name in variables:
            if name in VARIABLES and name != "lvs_services":
                yield name
            elif name.startswith("lvs_") and name not in VARIABLES:
                self.wrong(
                    f"{unknown('variable', name, VARIABLES, DOCUMENTED)}; correct or remove it,"
                    " since all that begins with lvs_ is lvs.cluster's"
                )

    def _weights(self) -> dict[str, int]:
        weights = self._fields.raw.get("lvs_weights")
        if weights is None or weights == "":
            return {}
        if not isinstance(weights, Mapping):
            self.wrong(f"lvs_weights is {shown(weights)}; it must be a mapping such as {{web: 3}}")
            return {}
        named = {f"lvs_weights[{name}]": weight for name, weight in weights.items()}
        fields = _Subject(named, "host", self.name, self._fields.report)
        found = [fields.integer(name, 0, MAX_WEIGHT, self._weight) for name in named]
        return dict(zip(map(str, weights), found, strict=True))

    def _min_available(self) -> str:
        """Return how many real servers draining has to leave; nothing if it is not said."""
        said = self._fields.raw.get("lvs_min_available")
        number = as_integer(str(said).removesuffix("%"))
        if said is None or said == "":
            return ""
        if number is None or (str(said).endswith("%") and number > 100):
            self.wrong(
                f"lvs_min_available is {shown(said)}; it must be a count such as 2, or a percentage"
                " such as 50%"
            )
            return ""
        return str(said)

    def weight(self, service: str) -> int:
        """Return its weight in a service."""
        return 0 if self.drained else self.weights.get(service, self._weight)

    def sending(self, family: str) -> list[str]:
        """Return the addresses that may be the source of what it sends; facts tell the rest."""
        own = [address for address in self.own if family_of(address) == family]
        facts = (str(each.ip) for each in self.interfaces())
        return own or [address for address in facts if family_of(address) == family]

    def interfaces(self) -> list[Interface]:
        """Return its addresses with their networks, as its facts have them."""
        if self._facts is None:
            name = "ansible_facts"
            there = [name] if name in self._variables else []
            self._facts = list(_interfaces(self._fields.readable(there, self._variables).get(name)))
        return self._facts

    def addresses(
        self, family: str, vip: str | None, networks: Sequence[Network], vips: Collection[str]
    ) -> list[str]:
        """Return its address toward a service: none, one, or several if only facts tell it.

        What is stated is final. Else it is where Ansible reaches it, unless that is known to be
        in another network and its facts have an address in this one. What they have of ``vips``
        is not its own.
        """

        def nearest(addresses: Iterable[str]) -> list[str]:
            mine = [address for address in addresses if family_of(address) == family]
            return ([address for address in mine if _inside(address, networks)] or mine)[:1]

        reached = nearest(self.reached)
        if self.stated or (reached and _inside(reached[0], networks)):
            return nearest(self.stated) or reached
        found = [
            str(interface.ip)
            for interface in self.interfaces()
            if (
                _inside(str(interface.ip), networks)
                if networks
                else vip and ipaddress.ip_address(vip) in interface.network
            )
        ]
        return [address for address in dict.fromkeys(found) if address not in vips] or reached


class _Service:
    """A service as the inventory describes it, before it is resolved."""

    def __init__(
        self,
        raw: Mapping[str, Any],
        number: int,
        groups: Mapping[str, Sequence[str]],
        mistakes: Mistakes,
    ) -> None:
        written = {field: value for field, value in raw.items() if not _unreadable(value)}
        self.label = label(written) or str(number)
        self.fields = _Subject(written, "service", self.label, mistakes)
        self.wrong = self.fields.wrong
        self.raw = self.fields.readable(self._known(raw), raw)
        self.readable = not self.fields.failed
        self.notes = Mistakes()
        self.name = str(self.raw.get("name") or "")
        name = self.raw.get("name")
        if name is not None and not _is_name(name):
            self.wrong(f"name is {shown(name)}; it must be a line of text, in quotes")
        self.vip, self.family = self._vip()
        self.frontends = self._frontends()
        self.method = self.fields.choice("method", METHODS, "")
        self.networks: Sequence[Network] = ()
        self.shared = {f: self.raw[f] for f in _SHARED_FIELDS & self.raw.keys()}
        self.group = self._group(groups)
        self.members = list(dict.fromkeys(groups[self.group])) if self.group else []
        #: Address and weight of each member, as far as they are known.
        self.pool: dict[str, tuple[str, int]] = {}
        #: The DIPs, each with whose it is.
        self.dips: dict[str | None, str] = {}
        self.keepalived_fields = {
            field: self.raw[field]
            for field in _KEEPALIVED_FIELDS & self.raw.keys()
            if self.raw[field] not in (None, "")
        }
        for field in ("check", "sorry_server"):
            value = self.keepalived_fields.get(field)
            if value in (False, 0, []):  # what keepalived's writer takes for nothing
                self.wrong(f"{field} is {shown(value)}; it must be a mapping of fields")

    def _known(self, raw: Iterable[str]) -> Iterator[str]:
        for name in raw:
            if name in _SERVICE_FIELDS:
                yield name
            else:
                sentence = unknown("field", name, _SERVICE_FIELDS, DOCUMENTED)
                self.wrong(f"{sentence}; correct or remove it")

    def _vip(self) -> tuple[str | None, str | None]:
        """Return VIP and family, as far as there are."""
        if self.raw.get("fwmark"):
            return None, "ipv6" if self.raw.get("family") == "ipv6" else "ipv4"
        vip = normal_address(self.raw.get("vip"))
        if vip is None:
            return None, None
        if ipaddress.ip_address(vip).is_loopback:
            self.wrong(f"vip is {vip}, which no client can reach; give the address clients use")
        return vip, family_of(vip)

    def _frontends(self) -> list[Frontend]:
        """Return what clients ask for, as far as it can be read."""
        matches = self.raw.get("match")
        if self.vip:
            port = as_integer(self.raw.get("port"))
            if matches is not None:
                self.wrong("match lists what gets its fwmark, and it has none; remove or add one")
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
        """Return what an item of ``match`` gives the service's firewall mark."""
        fields = _Subject({}, "service", f"{self.label}: match {number}", self.fields.report)
        if not isinstance(item, Mapping):
            fields.wrong("not a mapping of vip, protocol and ports")
            return []
        fields.raw = item
        fields.known(_MATCH_FIELDS)
        vip = normal_address(item.get("vip"))
        if vip is None or family_of(vip) != self.family or not _usable(vip):
            fields.wrong(
                f"vip is {shown(item.get('vip'))}; it must be an address that clients can reach,"
                f" {_spelled(self.family or 'ipv4')} as the service is"
            )
        ports = [as_integer(port) for port in fields.many("ports")]
        if not ports or not all(port and port < 65536 for port in ports):
            value = shown(item.get("ports"))
            fields.wrong(f"ports is {value}; it must be a list of ports, 1 to 65535")
        protocol = fields.choice("protocol", PROTOCOLS, "tcp")
        return [Frontend(vip, protocol, port) for port in ports if vip and port]

    def _group(self, groups: Mapping[str, Sequence[str]]) -> str:
        """Return the group that gives it destinations, or nothing."""
        group = self.raw.get("realservers", REALSERVERS)
        if "realservers" not in self.raw and (not self.readable or "destinations" in self.raw):
            if self.raw.get("destinations", True) in (None, "", []):
                self.wrong(f"destinations is empty; list some, or remove it to use {REALSERVERS}")
        elif not isinstance(group, str):
            self.wrong(f"realservers is {shown(group)}; it must be the name of one group")
        elif group not in groups:
            self.wrong(
                f"there is no group {shown(group)}{suggestion(group, groups)}; add it to the"
                " inventory, or name another with realservers"
            )
        elif not groups[group]:
            self.wrong(
                f"the group {group} has no hosts; add some, or name another with realservers"
            )
        else:
            return group
        return ""

    def apply_defaults(self, method: str, networks: Sequence[Network]) -> None:
        """Set from the cluster what the service does not set itself."""
        self.method = self.method or method
        self.networks = networks if self.method in _ONE_NETWORK else ()
        port = self.fields.integer("realserver_port", 1, 65535, 0)
        if port and self.method not in _UNCHANGED:
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
        """What it lists outright, completed by what it says of all its destinations."""
        pool = self.raw.get("destinations")
        if pool is None or pool == "":
            return []
        if not isinstance(pool, list):
            return pool
        return [
            {
                **self.shared,
                **{f: value for f, value in item.items() if f not in _DESTINATION_FIELDS},
                "method": item.get("method") or self.method,
            }
            if isinstance(item, Mapping)
            else item
            for item in pool
        ]

    @property
    def outright(self) -> list[Mapping[str, Any]]:
        """The destinations that it lists outright."""
        pool = self.explicit_destinations
        return [i for i in pool if isinstance(i, Mapping)] if isinstance(pool, list) else []

    def plain(self) -> dict[str, Any]:
        """Return it in the schema, one destination standing for all that its group gives."""
        pool = self.explicit_destinations
        if self.group and isinstance(pool, list):
            address = _STAND_IN[self.family or "ipv4"]
            name = f"in {self.group}"
            pool.append({**self.shared, "name": name, "address": address, "method": self.method})
        fields = {field: self.raw[field] for field in _SCHEMA_FIELDS & self.raw.keys()}
        return {**fields, "destinations": pool}

    def stand_in(self, number: int) -> dict[str, Any]:
        """Return a service that is right, with what keepalived is to do with this one."""
        port = as_integer(self.raw.get("port"))
        first = ipaddress.ip_address("2001:db8::" if self.family == "ipv6" else "10.0.0.0")
        return {
            "name": self.label,
            "vip": str(first + 2 * number + 1),
            "port": port if port and port <= _MAX_PORT else 80,
            "destinations": [
                {"address": str(first + 2 * number + 2), "weight": MAX_WEIGHT},
                *({**said, "address": str(first + 2**20 + n)} for n, said in self._stand_ins()),
            ],
            **self.keepalived_fields,
        }

    def _stand_ins(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield what keepalived is to do with single destinations, with the names of these."""
        for number, (key, said) in enumerate(self.destination_fields.items()):
            names = (
                i.get("name") for i in self.outright if normal_address(i.get("address")) == key[0]
            )
            yield number, {"name": str(next(names, None) or key[0]), **said}

    def resolved(self, service: VirtualService, drained: Collection[str]) -> dict[str, Any]:
        """Return it as plain data with all its destinations, once the model has read it."""
        said: dict[tuple[Any, int], tuple[str, str]] = {}
        pool = []
        for item in self.outright:
            address, port = normal_address(item["address"]), as_integer(item.get("port"))
            key = address, service.key.port if port is None else port
            said[key] = str(item.get("name") or address), item["method"]
        for destination in service.destinations:
            if destination.address != _STAND_IN[service.key.family]:
                pool.append(destination)
                continue
            for host, (address, weight) in self.pool.items():
                said[address, destination.port] = host, self.method
                pool.append(destination._replace(address=address, weight=weight))
        result = service.with_destinations(pool).to_dict()
        for destination in result["destinations"]:
            # For the model fullnat is nat; the role that does the source NAT needs to know.
            name, method = said[destination["address"], destination["port"]]
            destination.update(name=name, method=method)
            if name in drained:
                destination["weight"] = 0
        return {"name": self.name, **result} if self.name else result

    def by_mark(self, resolved: dict[str, Any], mark: int) -> dict[str, Any]:
        """Return it as a service of the packets with a firewall mark, not of a VIP and a port."""
        pool = [
            {**destination, "port": 0} if destination["method"] in _UNCHANGED else destination
            for destination in resolved["destinations"]
        ]
        rest = {field: value for field, value in resolved.items() if field not in Frontend._fields}
        return {**rest, "fwmark": mark, "family": self.family, "destinations": pool}

    @property
    def health(self) -> dict[str, Any]:
        """What keepalived does with it, in the full form, once that is known to be right."""
        return _full(self.keepalived_fields)

    @property
    def destination_fields(self) -> dict[tuple[str | None, int | None], dict[str, Any]]:
        """What keepalived is to do with single destinations, by their address and port."""
        pool = self.raw.get("destinations")
        items = (
            [item for item in pool if isinstance(item, Mapping)] if isinstance(pool, list) else []
        )
        found: dict[tuple[str | None, int | None], dict[str, Any]] = {}
        for item, outright in zip(items, self.outright, strict=True):
            if said := {field: item[field] for field in _DESTINATION_FIELDS & item.keys()}:
                port = as_integer(outright.get("port", self.raw.get("port")))
                found[normal_address(item.get("address")), port or 0] = said
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
            unchanged = (sorry.get("method") or "dr") in _UNCHANGED
            result["sorry_server"] = {"port": port, **sorry, **({"port": 0} if unchanged else {})}
        return result

    def gateway(self, host: _Host, address: str) -> str | None:
        """Return the director's address that is the next hop of a real server's answers."""
        candidates = [*host.gateways, *filter(None, self.dips)]
        return next((each for each in candidates if family_of(each) == family_of(address)), None)


class _Rules:
    """Directors, real servers and services together, and the rules that hold between them."""

    def __init__(
        self,
        services: list[_Service],
        groups: Mapping[str, Sequence[str]],
        variables: Callable[[str], Mapping[str, Any]],
        mistakes: Mistakes,
        drained: Collection[str],
    ) -> None:
        self.mistakes = mistakes
        self.services = services
        directors = list(dict.fromkeys(groups.get(DIRECTORS) or ()))
        inventory = set(groups.get("all") or ())
        members = [name for service in services for name in service.members]
        named = [str(item.get("name")) for service in services for item in service.outright]
        names = dict.fromkeys([*directors, *members, *(n for n in named if n in inventory)])
        self.hosts = {
            name: _Host(name, variables(name), mistakes, drained=name in drained) for name in names
        }
        # Of those that have no part in a service, only the variables are checked.
        for name in dict.fromkeys([*(groups.get(REALSERVERS) or ()), *(groups.get(CLIENTS) or ())]):
            if name not in self.hosts:
                _Host(name, variables(name), mistakes, drained=False)
        #: Who is to have weight 0, also where a service lists it outright.
        self.drained = {*drained, *(host.name for host in self.hosts.values() if host.drained)}
        self.directors = [self.hosts[name] for name in directors]
        self.vips = dict.fromkeys(
            frontend.vip for service in services for frontend in service.frontends
        )
        #: The director that is to be the master of each VIP.
        self.masters: dict[str, str] = {}
        #: The hosts that have an address toward some service.
        self.owners: dict[str, dict[str, None]] = {}
        #: The hosts that have it as real servers.
        self.rips: dict[str, dict[str, None]] = {}

    def check(self) -> None:
        """Give each service its pool, and note what is wrong."""
        self.ha = self._agreed("lvs_ha", lambda host: host.ha) or (
            "vrrp" if len(self.directors) > 1 else "none"
        )
        #: Whether keepalived fills the IPVS table.
        self.keepalived = self.ha == "vrrp" or any(
            service.keepalived_fields or service.destination_fields for service in self.services
        )
        self._check_directors()
        method = self._agreed("lvs_method", lambda host: host.method) or "dr"
        networks = self._agreed("lvs_network", lambda host: host.networks) or ()
        self.min_available = self._agreed("lvs_min_available", lambda host: host.min_available)
        for service in self.services:
            service.apply_defaults(method, networks)
            if service.family:
                self._fill(service)
        self._check_names()
        self._check_masters()
        self._check_frontends()
        for service in self.services:
            if service.family:
                self._check_outright(service)
                self._check_vips(service)
                self._check_gateways(service)
                self._check_mtu(service)
                self._check_forward(service)
            for line in service.notes.lines():
                service.wrong(line)
        for address, names in self.owners.items():
            if len(names) > 1:
                self.mistakes.add(
                    f"they have one address, {address}; give each its own lvs_address, or keep one"
                    " name for one machine",
                    "host",
                    *names,
                )

    def result(self, services: list[dict[str, Any]]) -> Cluster:
        """Return what a right inventory comes to, given its services with their destinations."""
        frontends: list[dict[str, Any]] = []
        marks: dict[tuple[int, str, str], list[int]] = {}
        hosts: dict[str, dict[str, list[dict[str, Any]]]] = {}
        services = self._assign_marks(services)
        for service, resolved in zip(self.services, services, strict=True):
            for frontend in service.frontends:
                frontends.append({**resolved, **service.health, **frontend._asdict()})
                if "fwmark" in resolved:
                    key = resolved["fwmark"], frontend.vip, frontend.protocol
                    marks.setdefault(key, []).append(frontend.port)
            for destination in resolved["destinations"]:
                host = self.hosts.get(destination["name"])
                if host is None:
                    continue
                served = hosts.setdefault(host.name, {method: [] for method in METHODS})
                served[destination["method"]] += self._served(service, host, destination)
        return Cluster(
            [],
            services,
            frontends,
            list(self.vips),
            [
                dict(zip(("fwmark", *_MATCH_FIELDS), (*key, ports), strict=True))
                for key, ports in sorted(marks.items(), key=lambda item: item[1] != [0])
            ],
            hosts,
            [
                service.keepalived_service(said)
                for service, said in zip(self.services, services, strict=True)
            ],
            self._directors(hosts),
            list(dict.fromkeys(self.masters.values())),
            self._director_roles(),
            {host.name: host.own[0] for host in self._named()},
            self.min_available or Cluster._field_defaults["min_available"],
            self.ha,
            {
                entry["address"]: entry["sources"]
                for served in hosts.values()
                for entry in served["tun"]
            },
        )

    def _director_roles(self) -> list[str]:
        """Return the roles of a director, in their order: a service comes before its VIP.

        Without VRRP the role director adds the VIPs, so keepalived fills the table first. With VRRP
        keepalived adds them itself, once the role director has set the kernel and packet filter.
        """
        if not self.keepalived:
            return ["director"]
        return ["director", "keepalived_ha"] if self.ha == "vrrp" else ["keepalived_ha", "director"]

    def _assign_marks(self, services: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the services, with a firewall mark for those that would be scheduled twice.

        With several masters every director schedules, and one that is a real server too must not
        schedule what another director forwards to it; such packets don't get the mark. All services
        of a VIP have a mark, since the service of every port would take the packets of the others.
        """
        if len(set(self.masters.values())) < 2:
            return services
        names = {host.name for host in self.directors}
        shared = {
            frontend.vip
            for service, resolved in zip(self.services, services, strict=True)
            for destination in resolved["destinations"]
            if destination["name"] in names and destination["method"] in _UNCHANGED
            for frontend in service.frontends
        }
        taken = {resolved.get("fwmark") for resolved in services}
        result = []
        for service, resolved in zip(self.services, services, strict=True):
            if service.vip in shared:
                mark = _free_mark(service.frontends[0], taken)
                taken.add(mark)
                result.append(service.by_mark(resolved, mark))
            else:
                result.append(resolved)
        return result

    def _directors(self, hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return what VRRP is to do on each director: nothing without VRRP."""
        directors = [host.vrrp for host in self.directors]
        if self.ha != "vrrp":
            none = {
                "instances": [],
                "awaited": {"vips": [], "seconds": 0},
                "peers": [],
                "local": [],
            }
            return {director.name: none for director in directors}
        result: dict[str, dict[str, Any]] = {}
        made = {each.name: _vrrp.instances(each, directors, self.masters) for each in directors}
        for director in directors:
            instances = made[director.name]
            result[director.name] = {
                "instances": instances,
                "awaited": _vrrp.awaited(director.name, made),
                "peers": _vrrp.peers(director, directors, instances),
                # What reaches this machine as a real server, while another one is master.
                "local": [
                    {field: entry[field] for field in Frontend._fields}
                    for method in _UNCHANGED
                    for entry in hosts.get(director.name, {}).get(method, ())
                    if len(directors) > 1
                ],
            }
        return result

    def refused_by_keepalived(self, services: Iterable[_Service]) -> list[str]:
        """Return what keepalived would not take, as sentences."""
        found = Mistakes()
        all_known = not self.mistakes.lines()
        keepalived_services = [
            service.stand_in(number)
            for number, service in enumerate(services)
            if service.keepalived_fields or service.destination_fields
        ]
        refused = _refused_services(keepalived_services)
        directors = [host.vrrp for host in self.directors]
        for director in directors:
            if len(directors) > 1 and not director.addresses:
                remedy = "the other directors need its address; set lvs_address"
                found.add(remedy, "host", director.name)
                continue
            sentences = (
                _vrrp.mistakes(
                    director, directors, self.masters, keepalived_services, all_known=all_known
                )
                if self.ha == "vrrp"
                else _vrrp.mistakes_alone(
                    director, keepalived=self.keepalived, services=keepalived_services
                )
            )
            for sentence in sentences:
                if sentence not in refused:
                    found.add(sentence.rstrip("."), "host", director.name)
        return refused + found.lines()

    def _served(
        self, service: _Service, host: _Host, destination: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Yield what a host serves as a destination, for each frontend."""
        return_path = {"gateway": service.gateway(host, destination["address"])}
        for vip, protocol, port in service.frontends or [Frontend("", "tcp", 0)]:
            yield {
                **destination,
                "vip": vip,
                "protocol": protocol,
                # What a firewall mark stands for arrives at the port it was sent to.
                "port": destination["port"] or port,
                **(return_path if destination["method"] == "nat" else {}),
                **({"sources": self._sources(host)} if destination["method"] == "tun" else {}),
            }

    def _sources(self, host: _Host) -> list[str]:
        """Return the sources of tunnels to a real server: the directors, and its own option."""
        known = [director.sending(f) for director in self.directors for f in ("ipv4", "ipv6")]
        networks = [ipaddress.ip_network(address) for each in known for address in each]
        networks += host.tunnel_sources
        # In a set of the packet filter they must not overlap.
        least: list[Network] = [
            *ipaddress.collapse_addresses(n for n in networks if n.version == 4),
            *ipaddress.collapse_addresses(n for n in networks if n.version == 6),
        ]
        return [str(n.network_address if n.num_addresses == 1 else n) for n in least]

    def _agreed(self, variable: str, of: Callable[[_Host], Any]) -> Any:
        """Return what all hosts say that state a variable of the cluster."""
        values: dict[Any, list[str]] = {}
        for host in self.hosts.values():
            if of(host):
                values.setdefault(of(host), []).append(host.name)
        if len(values) > 1:
            differing = "; ".join(
                f"{_shown(value)} on {join_names(who)}" for value, who in values.items()
            )
            self.mistakes.add(
                f"{variable} differs within the cluster ({differing}); state one for all hosts"
                + ", and a service's own with method" * (variable == "lvs_method")
            )
        return next(iter(values), None)

    def _check_directors(self) -> None:
        """Check what keepalived needs of several directors."""
        names = [host.name for host in self.directors]
        if not names:
            self.mistakes.add(
                f"there is no director; put the host that is to balance into the group {DIRECTORS}"
            )
        if self.ha == "none" and len(names) > 1:
            self.mistakes.add(
                f"lvs_ha is none, but there are {len(names)} directors ({join_names(names)}); set"
                f" lvs_ha: vrrp, or leave one host in {DIRECTORS}"
            )
        said = {host.name: host.services for host in self.directors if host.services is not None}
        if any(services != next(iter(said.values())) for services in said.values()):
            self.mistakes.add(
                "lvs_services is not the same on all directors; set it once, for all hosts",
                "host",
                *said,
            )
        for sentence, several in _vrrp.disagreements([host.vrrp for host in self.directors]):
            self.mistakes.add(sentence, "host", *several)

    def _check_names(self) -> None:
        names = [service.name for service in self.services if service.name]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                self.mistakes.add(
                    f"{names.count(name)} services have this name; give each its own, since"
                    " lvs_weights goes by it",
                    "service",
                    name,
                )
        for host in self.hosts.values() if names else ():
            for name in sorted(host.weights.keys() - names):
                host.wrong(
                    f"lvs_weights names a service {shown(name)} that is not in lvs_services"
                    f"{suggestion(name, names)}; correct or remove it"
                )

        if any(host.knows_names for host in self.hosts.values()):
            for host in self._named():
                if not is_host_name(host.name):
                    host.wrong(
                        f"the name goes into /etc/hosts by lvs_host_basics; {MUST_BE}; rename the"
                        " host, or set lvs_host_basics: false"
                    )

    def _named(self) -> list[_Host]:
        """Return the hosts that others may know by a name; an address is none."""
        return [h for h in self.hosts.values() if h.own and normal_address(h.name) is None]

    def _check_masters(self) -> None:
        """Find the master of each VIP, on which all of its services have to agree."""
        names = _vrrp.master_order([host.vrrp for host in self.directors])
        said: dict[str, dict[str, list[str]]] = {}
        for service in self.services if names else ():
            master = service.raw.get("master") or names[0]
            if master not in names:
                service.wrong(
                    f"master is {shown(master)}{suggestion(master, names)}; it must be a host of"
                    f" {DIRECTORS}: {join_names(names)}"
                )
                master = names[0]
            if service.raw.get("master") and service.raw.get("fwmark") and not service.frontends:
                service.wrong(
                    "master is the director that holds the VIPs, and a fwmark without match has"
                    " none; remove it"
                )
            for frontend in service.frontends:
                services = said.setdefault(frontend.vip, {}).setdefault(master, [])
                services += [service.label] * (service.label not in services)
        for vip, masters in said.items():
            self.masters[vip] = next(iter(masters))
            if len(masters) > 1:
                differing = "; ".join(
                    f"{name} for {join_names(who)}" for name, who in masters.items()
                )
                self.mistakes.add(
                    f"{vip} can't have several masters ({differing}); name one with each of its"
                    f" services, since without a name it is {names[0]}",
                    "service",
                    *(label for who in masters.values() for label in who),
                )

    def _check_frontends(self) -> None:
        """Check that what gets a firewall mark belongs to one service only."""
        owners: dict[Frontend, list[_Service]] = {}
        for service in self.services:
            for frontend in service.frontends:
                owners.setdefault(frontend, []).append(service)
        for frontend, several in owners.items():
            # Two that name it as vip and port are one and the same service: the model tells that.
            if len(several) > 1 and any(service.vip is None for service in several):
                self.mistakes.add(
                    f"{frontend.protocol} {endpoint(frontend.vip, frontend.port)} belongs to each"
                    " of them, and packets with a firewall mark reach no other service; leave it in"
                    " one",
                    "service",
                    *(service.label for service in several),
                )

    def _address(self, host: _Host, service: _Service, *, needed: bool = True) -> str | None:
        """Return a host's address toward a service."""
        families = [service.family or "ipv4"]
        if service.method == "tun":
            families += {"ipv4", "ipv6"}.difference(families)
        for family in families:
            networks = [n for n in service.networks if _spelled(n) == _spelled(family)]
            found = host.addresses(family, service.vip, networks, self.vips)
            if host in self.directors and not host.stated:
                found = [address for address in found if address not in self.vips]
            if found:
                break
        else:
            if needed:
                service.note(
                    f"no {_spelled(families[0])} address is known; set lvs_address to the one"
                    " between director and real servers",
                    host.name,
                )
            return None
        address = found[0]
        if len(found) > 1:
            service.note(
                f"its facts show several addresses for it ({join_names(found)}); choose one with"
                " lvs_address",
                host.name,
            )
        if not _inside(address, networks):
            service.note(
                f"its address {address} is outside lvs_network ({_shown(networks)}), but method"
                f" {service.method} needs director and real servers in one network; set lvs_address"
                " to its address there",
                host.name,
            )
        self.owners.setdefault(address, {})[host.name] = None
        return address

    def _fill(self, service: _Service) -> None:
        """Find the address and weight of each host of a service's group."""
        for name in service.members:
            host = self.hosts[name]
            address = self._address(host, service)
            if address:
                self.rips.setdefault(address, {})[name] = None
                service.pool[name] = address, host.weight(service.name)
        weights = [self.hosts[name].weight(service.name) for name in service.members]
        weights += [as_integer(item.get("weight")) != 0 for item in service.outright]
        willing = [name for name in service.members if not self.hosts[name].drained]
        if willing and not any(weights):
            service.wrong(
                "every destination has weight 0, so no client is served; raise lvs_weight of"
                f" {join_names(willing)}, or take hosts out on purpose with lvs_drained: true"
            )

    def _check_outright(self, service: _Service) -> None:
        port = as_integer(service.raw.get("port"))
        member_port = service.shared.get("port", port)
        members = {(rip, member_port): name for name, (rip, _weight) in service.pool.items()}
        for number, item in enumerate(service.outright, 1):
            name = item.get("name")
            if name is not None and not _is_name(str(name)):
                service.note(
                    f"name is {shown(name)}; it must be a line of text", str(number), "destination"
                )
            address = normal_address(item.get("address"))
            if not address:
                continue  # the model tells it
            name = str(item.get("name") or address)
            own = self.hosts[name].own if name in self.hosts else []
            twin = members.get((address, as_integer(item.get("port", port))))
            wrong = []
            if own and address not in own:
                wrong.append(
                    f"the inventory says {join_names(own)}; correct the address or the name"
                )
            if twin:
                who = f"{twin} of the group {service.group}"
                wrong.append(f"it is in the pool already, as {who}; remove one of them")
            if address == service.vip:
                wrong.append("that is the VIP; give the real server's own address")
            for sentence in wrong:
                service.note(f"its address is {address}; {sentence}", name, "destination")

    def _check_vips(self, service: _Service) -> None:
        """Check that a VIP is no host's own address, but for a NAT director's outer one."""
        for vip in dict.fromkeys(frontend.vip for frontend in service.frontends):
            owners = dict(self.rips.get(vip, {}))
            for host in self.hosts.values():
                inner = service.method in _UNCHANGED or host not in self.directors
                if inner and vip in host.own:
                    owners[host.name] = None
            for name in owners:
                service.note(
                    f"{vip} is the VIP and this machine's own address; give the service a VIP that"
                    " no host has, or correct lvs_address or ansible_host",
                    name,
                )

    def _check_mtu(self, service: _Service) -> None:
        """Check that the MTU inside a tunnel is enough for the VIP's family."""
        least = _IPV6_MTU + _TUNNEL_HEADER
        for name in service.members:
            mtu = self.hosts[name].mtu
            if service.method == "tun" and service.family == "ipv6" and mtu < least:
                service.note(
                    f"lvs_mtu is {mtu}, but IPv6 needs {_IPV6_MTU} bytes inside the tunnel; raise"
                    f" the MTU between director and real servers to {least} or more",
                    name,
                )

    def _check_forward(self, service: _Service) -> None:
        """Check that a director can recognise answers among other forwarded packets: by the VIP.

        A mark without match is not set by the roles, and its VIPs are not known here.
        """
        methods = [service.method, *(item.get("method") for item in service.outright)]
        translated = "nat" in methods or "fullnat" in methods
        for host in self.directors:
            if host.forward == "balanced" and translated and not service.frontends:
                service.note(
                    "lvs_forward is balanced, so it forwards answers from known VIPs only, and a"
                    " fwmark without match has none; list them in match, or set lvs_forward: all",
                    host.name,
                )

    def _check_gateways(self, service: _Service) -> None:
        """Check the return path: through the director with nat, past it with dr and tun."""
        nat = service.method == "nat"
        dips = service.dips
        for host in self.directors:
            dip = self._address(host, service, needed=nat)
            for address in [dip] if nat else [dip, *host.own]:
                dips[address] = f"the DIP of {host.name}"
        if service.method in _UNCHANGED:
            dips.update(dict.fromkeys(self.vips, "a VIP"))
        for name in service.members:
            host = self.hosts[name]
            for gateway in host.gateways if host not in self.directors else ():
                if service.method in _UNCHANGED and gateway in dips:
                    service.note(
                        f"lvs_gateway is {gateway}, {dips[gateway]}, but with method"
                        f" {service.method} answers go past the director; set the router's address",
                        name,
                    )
                elif nat and len(self.directors) == 1 and gateway not in dips and None not in dips:
                    service.note(
                        f"lvs_gateway is {gateway}, but with method nat answers go back through"
                        " the director; set"
                        f" {join_names(f'{a}, {whose}' for a, whose in dips.items())}",
                        name,
                    )
            if nat and len(self.directors) > 1 and host not in self.directors:
                self._check_floating(service, host)
            unchanged = service.method in _UNCHANGED and host not in self.directors
            if unchanged and host.nat_route == "default":
                service.note(
                    "lvs_nat_route is default, which sends all answers through the director, but"
                    f" with method {service.method} they go past it; set lvs_nat_route: policy",
                    name,
                )

    def _check_floating(self, service: _Service, host: _Host) -> None:
        """Check that the return path goes through whichever director is master."""
        gateways = [g for g in host.gateways if family_of(g) == service.family]
        held = [_vrrp.floating(director.vrrp) for director in self.directors]
        if not gateways or not all(gateways[0] in addresses for addresses in held):
            said = f"lvs_gateway is {gateways[0]}" if gateways else "there is no lvs_gateway"
            service.note(
                f"{said}, but with method nat answers go back through whichever director is master;"
                " set it to an address in its network that no machine has, and have the master hold"
                " that: {address: ..., interface: ...} in lvs_keepalived.instance.excluded_vips",
                host.name,
            )


def _full(keepalived_fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what keepalived does with a service or destination, its check in the full form."""
    check = keepalived_fields.get("check")
    full = {"check": _keepalived_options.full_check(check)} if check else {}
    return {**keepalived_fields, **full}


def _refused_services(services: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what keepalived would not take of services, on whichever director."""
    return _keepalived.mistakes({"globals": _vrrp.GLOBALS, "services": services})


def join_names(names: Iterable[str], limit: int = 5) -> str:
    """Return names joined for a sentence; of many only the first ones, and how many more."""
    names = list(names)
    if len(names) > limit:
        names[limit - 1 :] = [f"{len(names) - limit + 1} more"]
    return " and ".join([", ".join(names[:-1]), *names[-1:]] if len(names) > 1 else names)


def _free_mark(frontend: Frontend, taken: Collection[Any]) -> int:
    """Return a firewall mark for a frontend: the same one at each run, if it is free."""
    mark = (
        zlib.crc32(f"{frontend.protocol} {endpoint(frontend.vip, frontend.port)}".encode())
        % _MAX_PORT
    )
    while not mark or mark in taken:
        mark = (mark + 1) % _MAX_PORT
    return mark


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else join_names(map(str, value))


def _spelled(what: Network | str) -> str:
    """Return IPv4 or IPv6, as spelled in messages."""
    return "IPv6" if what == "ipv6" or ":" in str(what) else "IPv4"


def _usable(address: str) -> bool:
    """Whether a machine can have an address toward others."""
    return not unusable(address) and not ipaddress.ip_address(address).is_loopback


def _inside(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks, or none is known."""
    return not networks or any(ipaddress.ip_address(address) in network for network in networks)


def _unreadable(value: Any) -> str:
    """Return why a template somewhere in a value failed, or nothing."""
    if isinstance(value, Unreadable):
        return " ".join(value.reason.split())
    if isinstance(value, Mapping):
        value = list(value.values())
    return next(filter(None, map(_unreadable, value)), "") if isinstance(value, list) else ""


def _network(text: str, *, strict: bool = True) -> Network:
    """Return a network; raises ValueError for none, and for a zone, which Python takes as any text.

    :param strict: whether bits behind the prefix are a mistake
    """
    if "%" in text:
        raise ValueError(text)
    return ipaddress.ip_network(text, strict=strict)


def _is_name(value: Any) -> bool:
    """Whether a value is a text in one line, without blanks around it; an empty one is no name."""
    return isinstance(value, str) and value.isprintable() and value == value.strip()


def _interfaces(facts: Any) -> Iterator[Interface]:
    """Return a host's addresses with their networks, as Ansible's setup module found them.

    Those that stand alone in their network are left out: VIPs are such. So is what is no address,
    for facts of their own are a host's to give.
    """
    facts = _mapping(facts)
    names = facts.get("interfaces")
    for name in names if isinstance(names, list) else ():
        fact = _mapping(facts.get(str(name).replace("-", "_")))
        for entries in (fact.get(key) for key in ("ipv4", "ipv4_secondaries", "ipv6")):
            for entry in map(_mapping, entries if isinstance(entries, list) else [entries]):
                mask = entry.get("prefix") or entry.get("netmask")
                try:
                    address = normal_address(entry.get("address"))
                    interface = ipaddress.ip_interface(f"{address}/{mask}")
                except ValueError:
                    continue
                if interface.network.num_addresses > 1:
                    yield interface


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping; anything else is an empty one."""
    return value if isinstance(value, Mapping) else {}
