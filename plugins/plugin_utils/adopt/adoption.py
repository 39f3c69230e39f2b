# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what runs to an inventory that describes it: the way of ``_inventory``, backwards.

Pure: text and plain data in, plain data and sentences out. What was read is judged by ``_model``,
which holds for the inventory too; what a pair of directors does by itself is asked of ``_pair``,
so that only the rest is written; and in the end ``_inventory`` reads what came out. Each thing that
the inventory can't say is a sentence; nothing is dropped without one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arguments,
    _keepalived_options,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    VirtualService,
    family_of,
    normal_address,
    parse_destination,
    parse_key,
    parse_services,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils import _inventory, _pair
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.ipvsadm_parser import (
    are_rules,
    read_rules,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.keepalived_parser import (
    Block,
    Reading,
)

#: What the role keepalived_ha says in ``globals`` by itself, where an inventory doesn't.
ROLE_GLOBALS = (
    *("router_id", "reload_check_config", "enable_script_security"),
    *("vrrp_garp_master_refresh", "sync_daemon"),
)
#: The kernel's own; see ipvs_info.
TIMEOUTS = {"tcp": 900, "tcp_fin": 120, "udp": 300}
#: What keepalived takes for an instance that doesn't say it.
_VRRP = {"state": "BACKUP", "priority": 100, "advert_int": 1}
_DELAY_LOOP = 60
_MULTICAST = ("mcast_src_ip", "mcast_dst_ip")
#: Of a destination, what a service says of all of them.
_SHARED = ("upper_threshold", "lower_threshold", "tunnel_type", "tunnel_port", "tunnel_checksum")
_OF_MODEL = frozenset({*_arguments.KEY, *_arguments.SETTINGS})
_OF_DESTINATION = frozenset(_arguments.DESTINATION)
#: What keepalived knows of a destination that its service may say for all of them.
_WATCHED = {option.name for option in _keepalived_options.SERVICE} | {"check"}

# ---- what was found ------------------------------------------------------------------------------


@dataclass
class _Service:
    """A service as it was found.

    :ivar value: what the model knows of it, without destinations
    :ivar watching: what keepalived adds
    """

    value: VirtualService
    pool: dict[tuple[str, int], Destination]
    watching: dict[str, Any]
    place: str
    name: str = ""

    @property
    def key(self) -> ServiceKey:
        return self.value.key

    def differs(self, other: _Service) -> bool:
        """Return whether another director does it in another way."""
        mine = self.value, sorted(self.pool.values()), self.watching
        return mine != (other.value, sorted(other.pool.values()), other.watching)


@dataclass
class _Host:
    """A machine.

    :ivar reached: its address for Ansible, or its name there
    :ivar stated: its addresses toward the cluster, where that is not the same
    """

    name: str
    reached: str = ""
    stated: list[str] = field(default_factory=list)

    @property
    def own(self) -> list[str]:
        return [*self.stated, *filter(None, [normal_address(self.reached)])]

    def toward(self, service: _Service, method: str) -> str | None:
        """Return the address that ``_inventory`` will take for it in a service."""
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
class _Source:
    """What one director tells.

    :ivar config: its keepalived.conf; empty if it has none
    """

    place: str
    said: Mapping[str, Any]
    config: dict[str, Any] = field(default_factory=dict)
    services: dict[ServiceKey, _Service] = field(default_factory=dict)
    local: list[str] = field(default_factory=list)
    instance: Block = field(default_factory=Block)
    host: _Host = field(default_factory=lambda: _Host(""))


class Adopted(NamedTuple):
    """An inventory, and a sentence for each thing that it doesn't say."""

    inventory: dict[str, Any]
    unsaid: list[str]


def adopt(sources: Sequence[Mapping[str, Any]], names: Mapping[str, str] | None = None) -> Adopted:
    """Return the inventory of a cluster from what its directors tell.

    :param sources: one for each director: ``text`` (of ``ipvsadm -Sn`` or of keepalived.conf) and
        ``ipvs_info`` (what the module returns), either or both; its ``name`` and ``ansible_host``
        in the inventory, if it is in one, or the ``place`` of the text
    :param names: names of machines by their addresses
    """
    return _Adoption(sources, names or {}).result()


class _Adoption:
    """Reads all sources, then writes one inventory."""

    def __init__(self, sources: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
        self.unsaid: list[str] = []
        self.several = len(sources) > 1
        self.names = {normal_address(a) or a: name for a, name in names.items()}
        self.hosts: dict[str, _Host] = {}
        self.sources = [self._source(said, n) for n, said in enumerate(sources, 1)]
        self.services: dict[ServiceKey, _Service] = {}
        for source in self.sources:
            self._merge(source)
        self._name_services()
        self.vips = list(dict.fromkeys(key.vip for key in self.services if key.vip))
        for source in self.sources:
            self._direct(source)
        self.directors = {source.host.name: source.host for source in self.sources}
        self.priorities = {
            source.host.name: int(source.instance.get("priority", _VRRP["priority"]))
            for source in self.sources
            if source.instance
        }
        self._peers()
        for service in self.services.values():
            for address, _port in service.pool:
                if _inventory._usable(address):
                    self._host(address)

    def tell(self, sentence: str, place: str = "", line: int = 0) -> None:
        """Note what the inventory doesn't say, with its place."""
        places = [place if self.several else "", f"line {line}" if line else ""]
        told = ": ".join(filter(None, [", ".join(filter(None, places)), sentence]))
        if told not in self.unsaid:
            self.unsaid.append(told)

    # ---- reading -------------------------------------------------------------------------------

    def _source(self, said: Mapping[str, Any], number: int) -> _Source:
        source = _Source(str(said.get("name") or said.get("place") or f"source {number}"), said)
        text, table = str(said.get("text") or ""), said.get("ipvs_info") or {}
        found: list[Block] = []
        unsaid: list[tuple[int, str]] = []
        if are_rules(text):
            found, unsaid = read_rules(text)
        elif text.strip():
            reading = Reading(text)
            source.config, unsaid = reading.config, reading.unsaid
            found = [each for service in source.config["services"] for each in _apart(service)]
            if any("endpoints" in service for service in source.config["services"]):
                self.tell(
                    "of a virtual_server_group each address becomes a service of its own.",
                    source.place,
                )
        for line, sentence in unsaid:
            self.tell(sentence, source.place, line)
        for raw in found:
            self._read(raw, source, source.services)
        self._read_kernel(table, source)
        if not source.services:
            self.tell("there is no virtual service in what was read.", source.place)
        return source

    def _read_kernel(self, table: Mapping[str, Any], source: _Source) -> None:
        """Take what the kernel of a director has, beside what its file says."""
        running: dict[ServiceKey, _Service] = {}
        written = dict(source.services)
        for raw in table.get("services") or []:
            if raw.get("destinations") or parse_key(raw)[0] not in written:
                self._read(Block(0, **{**raw, "name": ""}), source, running)
        for key, service in running.items():
            if key not in written:
                source.services[key] = service
                if written:
                    self.tell(f"{key} runs, though keepalived.conf has it not.", source.place)
            elif missing := sorted(service.pool.keys() ^ written[key].pool.keys()):
                shown = _inventory.listed(str(Destination(*pair)) for pair in missing)
                self.tell(
                    f"{key}: {shown} is in one only of keepalived.conf and kernel; the file is"
                    " taken.",
                    source.place,
                )
        for key in sorted(written.keys() - running.keys()) if running else ():
            self.tell(f"{key} is in keepalived.conf, but serves nobody.", source.place)
        if source.config:
            return  # keepalived sets these
        for name, seconds in (table.get("timeouts") or {}).items():
            if seconds != TIMEOUTS.get(name):
                self.tell(f"the kernel's timeout {name} is {seconds} s.", source.place)
        for daemon in table.get("sync_daemons") or []:
            shown = f"{daemon.get('state')} on {daemon.get('interface')}"
            self.tell(f"a sync daemon runs as {shown}; keepalived has to run it.", source.place)

    def _read(self, raw: Block, source: _Source, services: dict[ServiceKey, _Service]) -> None:
        """Have the model read a service; what it refuses is told and left out."""
        base = {name: value for name, value in raw.items() if name in _OF_MODEL}
        parsed, wrong = parse_services([base])
        for sentence in wrong:
            self.tell(f"{sentence.rstrip('.')}; it is left out.", source.place, raw.line)
        if wrong or not parsed:
            return None
        (value,) = parsed
        if value.key in services:
            return self.tell(
                f"{value.key} is there already; the first is taken.", source.place, raw.line
            )
        service = _Service(value, {}, {}, source.place, str(raw.get("name") or ""))
        service.watching = {
            name: item
            for name, item in raw.items()
            if name not in _OF_MODEL and name not in ("name", "destinations")
        }
        if source.config:
            service.watching.setdefault("delay_loop", _DELAY_LOOP)
        self._read_sorry_server(service, source, raw.line)
        taken: list[Block] = []
        for item in raw.get("destinations") or []:
            self._read_destination(item, raw, source, service, taken)
        self._shared_watching(service, taken, source)
        if not service.pool:
            return self.tell(
                f"{value.key} has no destination, without which the inventory has no service; it"
                " is left out.",
                source.place,
                raw.line,
            )
        services[value.key] = service
        return None

    def _read_destination(
        self, item: Mapping[str, Any], of: Block, source: _Source, service: _Service, taken: Any
    ) -> None:
        key, line = service.key, getattr(item, "line", 0)
        base = {name: value for name, value in item.items() if name in _OF_DESTINATION}
        if base.get("method") == "local":
            # The kernel tells so of the director's own address, whatever the method was.
            methods = [other.get("method", "dr") for other in of["destinations"]]
            base["method"] = _most((m for m in methods if m != "local"), "dr")
            if str(base.get("port", key.port)) != str(key.port):
                base["method"] = "nat"
            source.local.append(str(normal_address(base.get("address"))))
        method, port = base.get("method", "dr"), base.get("port")
        if method in ("dr", "tun") and port is not None and str(port) != str(key.port):
            self.tell(
                f"{key}: destination {base.get('address')}: its port {port} has no effect with"
                f" method {method}, and is left out.",
                source.place,
                line,
            )
            del base["port"]
        destination, wrong = parse_destination(base, key)
        for sentence in wrong:
            self.tell(f"{sentence.rstrip('.')}; it is left out.", source.place, line)
        if wrong or destination is None:
            return None
        if destination.key in service.pool:
            first = next(other.line for other in taken if other["key"] == destination.key)
            where = f", first at line {first}" if first else ""
            return self.tell(
                f"{key}: destination {destination} is there twice{where}; it is taken once.",
                source.place,
                line,
            )
        service.pool[destination.key] = destination
        said = {name: value for name, value in item.items() if name not in _OF_DESTINATION}
        taken.append(Block(line, key=destination.key, said=said))
        return None

    def _read_sorry_server(self, service: _Service, source: _Source, line: int) -> None:
        raw = service.watching.pop("sorry_server", None)
        if raw is None:
            return
        base = {name: value for name, value in raw.items() if name in _OF_DESTINATION}
        server, wrong = parse_destination(base, service.key)
        for sentence in wrong:
            told = sentence.replace(": destination: ", ": sorry_server: ").rstrip(".")
            self.tell(f"{told}; it is left out.", source.place, line)
        if server and not wrong:
            usual = ("weight", *(["port"] if server.port == service.key.port else []))
            said = {name: value for name, value in server.to_dict().items() if name not in usual}
            inhibit = {name: value for name, value in raw.items() if name not in base}
            service.watching["sorry_server"] = {**said, **inhibit}

    def _shared_watching(self, service: _Service, taken: list[Block], source: _Source) -> None:
        """Have the service say what all of its destinations say; tell what only some do."""
        names = dict.fromkeys(name for block in taken for name in block["said"])
        for name in names:
            values = [_hashable(block["said"].get(name)) for block in taken]
            most = _most(values, None) if name in _WATCHED else None
            for block, value in zip(taken, values, strict=True):
                if value == most and value is not None:
                    service.watching[name] = block["said"][name]
                elif value is not None or most is not None:
                    shown = f"{service.key}: destination {Destination(*block['key'])}"
                    has = (
                        f"it has no {name}, unlike"
                        if value is None
                        else f"its {name} is not that of"
                    )
                    sentence = f"{has} the others, and a service has one for all of them."
                    if name not in _WATCHED:
                        sentence = f"its {name} is left out: the inventory has no field for it."
                    self.tell(f"{shown}: {sentence}", source.place, block.line)

    def _merge(self, source: _Source) -> None:
        """Take a director's services beside those of others."""
        first = self.sources[0]
        for key, service in source.services.items():
            known = self.services.setdefault(key, service)
            if source is not first and known is service:
                self.tell(f"{source.place} has {key}, and {first.place} has not.")
            elif known is not service and known.differs(service):
                self.tell(
                    f"{key} is not the same on {known.place} and {source.place}; that of"
                    f" {known.place} is taken."
                )
        for key in sorted(self.services.keys() - source.services.keys()) if source.services else ():
            self.tell(f"{source.place} has no {key}, which {self.services[key].place} has.")

    # ---- names and machines ----------------------------------------------------------------------

    def _name_services(self) -> None:
        taken: set[str] = set()
        short = Counter((key.protocol, key.port) for key in self.services)
        for service in sorted(self.services.values(), key=lambda service: not service.name):
            key = service.key
            name = f"mark_{key.fwmark}" + "_ipv6" * (key.family == "ipv6")
            if not key.fwmark:
                name = f"{key.protocol}_{key.port or 'all'}"
                if short[key.protocol, key.port] > 1:
                    name = f"{key.protocol}_{key.vip}_{key.port or 'all'}"
            said = service.name if re.fullmatch(r"[\w .:@+-]+", service.name) else ""
            service.name = _unique(said or _word(name), taken)

    def _direct(self, source: _Source) -> None:
        """Make a host of a director, and choose the instance that it has in the inventory."""
        instances = source.config.get("instances") or []
        holds = [i for i in instances if not set(self.vips).isdisjoint(_addresses(i))]
        source.instance = next(iter([*holds, *instances]), source.instance)
        for other in instances:
            if other is not source.instance:
                held = [vip for vip in _addresses(other) if vip not in self.vips]
                self.tell(
                    f"vrrp_instance {other['name']} is left out: the directors of an inventory have"
                    " one instance, which holds the VIPs of all services"
                    + (f", and not {_inventory.listed(held)}." if held else "."),
                    source.place,
                    other.line,
                )
        name = str(source.said.get("name") or "")
        reached = str(source.said.get("ansible_host") or normal_address(name) or "")
        own = [normal_address(source.instance.get("unicast_src_ip")), *source.local]
        stated = [a for a in dict.fromkeys(own) if a and a != normal_address(reached)]
        if not reached and stated:
            reached, *stated = stated
        name = name or self.names.get(reached) or (_word(f"d_{reached}") if reached else "director")
        name = _unique(name, {other.name for other in self.hosts.values()})
        source.host = _Host(name, reached, stated)
        for address in [*source.host.own, name]:
            self.hosts.setdefault(address, source.host)
        if not reached:
            self.tell(f"nothing tells which machine {name} is; set its ansible_host.")

    def _peers(self) -> None:
        """Make hosts of the directors that are only known as peers of others."""
        for source in self.sources:
            priority = self.priorities.get(source.host.name, 0)
            higher = source.instance.get("state", _VRRP["state"]) == "BACKUP"
            higher = higher and source.instance.get("preempt", True)
            for peer in source.instance.get("unicast_peers") or []:
                address = normal_address(peer["address"] if isinstance(peer, Mapping) else peer)
                if address is None or address in self.hosts:
                    continue
                host = self._host(address, "d")
                self.directors[host.name] = host
                priority = min(priority + 1, 254) if higher else max(priority - 1, 1)
                higher, self.priorities[host.name] = False, priority
                self.tell(
                    f"the director {host.name} is known as a peer only, and its lvs_priority"
                    f" {priority} is a guess; adopt its keepalived.conf too."
                )

    def _host(self, address: str, prefix: str = "rs") -> _Host:
        """Return the machine that has an address; a new one if none has it."""
        if address in self.hosts:
            return self.hosts[address]
        name = self.names.get(address)
        for host in self.hosts.values():
            if name == host.name:
                # Stated addresses come first, so all are.
                host.stated = [*(host.stated or host.own), address]
                self.hosts[address] = host
                return host
        taken = {host.name for host in self.hosts.values()}
        self.hosts[address] = _Host(_unique(name or _word(f"{prefix}_{address}"), taken), address)
        return self.hosts[address]

    # ---- writing ---------------------------------------------------------------------------------

    def result(self) -> Adopted:
        """Return the inventory, and what it doesn't say."""
        pools = {key: self._pool(service) for key, service in self.services.items()}
        methods = {key: _usual(service).method for key, service in self.services.items()}
        common = _most(methods.values(), "dr")
        groups = self._groups(pools)
        weights = self._weights(pools)
        children: dict[str, Any] = {_inventory.DIRECTORS: self._directors()}
        placed: dict[str, dict[str, Any]] = {}
        for name, members in groups.items():
            children[name] = {"hosts": {host.name: {} for host in members.values()}}
            for host, variables in children[name]["hosts"].items():
                placed.setdefault(host, variables)
        if len(groups) == 1:
            _lift(children[_inventory.REALSERVERS], weights)
        alone: dict[str, Any] = {
            name: {} for name in weights if name not in placed and name not in self.directors
        }
        placed.update(alone)
        for host in {id(host): host for host in self.hosts.values()}.values():
            if host.name not in self.directors and host.name in placed:
                placed[host.name].update(host.variables())
        for name, said in weights.items():
            placed.get(name, {}).update(said)
        services = [
            self._service(service, methods[key], common, *self._pool_of(groups, pools[key]))
            for key, service in self.services.items()
        ]
        everything: dict[str, Any] = {"vars": {"lvs_method": common, "lvs_services": services}}
        everything.update({"hosts": alone} if alone else {})
        inventory = _plain({"all": {**everything, "children": children}})
        self._remarks(methods)
        for mistake in _inventory.resolve(*flat(inventory)).mistakes:
            self.tell(f"site.yml refuses the inventory as it is: {mistake}")
        return Adopted(inventory, self.unsaid)

    def _pool(self, service: _Service) -> tuple[dict[str, _Host], list[Destination]]:
        """Return the hosts of a service's group by address, and what it lists outright."""
        pool = list(service.pool.values())
        hosts = {d.key: self.hosts[d.address] for d in pool if d.address in self.hosts}
        usual = _usual(service)
        alike = [
            d
            for d in pool
            if d == usual._replace(address=d.address, weight=d.weight)
            and (d.port or not service.key.port)
            and d.key in hosts
            and hosts[d.key].toward(service, d.method) == d.address
        ]
        once = {hosts[d.key].name: d for d in alike}
        # A group whose weights are all 0 is refused; what is written out is taken as it is.
        if 2 * len(once) <= len(pool) or not any(d.weight for d in pool):
            once = {}
        members = {d.address: hosts[d.key] for d in once.values()}
        return members, [d for d in pool if d not in once.values()]

    @staticmethod
    def _pool_of(
        groups: Mapping[str, Mapping[str, _Host]], pool: tuple[dict[str, _Host], list[Destination]]
    ) -> tuple[str, list[Destination]]:
        """Return the group that serves, if one does, and what is listed outright."""
        found = (name for name, members in groups.items() if members.keys() == pool[0].keys())
        return next(found, "") if pool[0] else "", pool[1]

    def _groups(self, pools: Mapping[ServiceKey, Any]) -> dict[str, dict[str, _Host]]:
        """Return a group for each distinct pool."""
        distinct: dict[frozenset[str], tuple[str, dict[str, _Host]]] = {}
        for key, (members, _outright) in pools.items():
            if members:
                distinct.setdefault(frozenset(members), (self.services[key].name, members))
        if len(distinct) == 1:
            return {_inventory.REALSERVERS: next(iter(distinct.values()))[1]}
        taken = {host.name for host in self.hosts.values()} | {"all", "ungrouped"}
        return {
            _unique(f"pool_{_word(name)}", taken): members for name, members in distinct.values()
        }

    def _weights(self, pools: Mapping[ServiceKey, Any]) -> dict[str, dict[str, Any]]:
        """Return each real server's variables of weights."""
        said: dict[str, dict[str, int]] = {}
        for key, (members, outright) in pools.items():
            service = self.services[key]
            for destination in service.pool.values():
                if destination.address not in self.hosts:
                    continue
                mine = said.setdefault(self.hosts[destination.address].name, {})
                if destination.address in members and destination not in outright:
                    mine[service.name] = destination.weight
        result: dict[str, dict[str, Any]] = {}
        for name, weights in said.items():
            usual = _most(weights.values(), 1)
            others = {service: w for service, w in weights.items() if w != usual}
            result[name] = {"lvs_weight": usual} if usual != 1 else {}
            result[name].update({"lvs_weights": others} if others else {})
        return result

    def _service(
        self, service: _Service, method: str, common: str, group: str, outright: list[Destination]
    ) -> dict[str, Any]:
        """Return a service as ``lvs_services`` has it."""
        members = [d for d in service.pool.values() if d not in outright] if group else []
        said = service.value.to_dict()
        del said["destinations"]
        result: dict[str, Any] = {"name": service.name, **said}
        if method != common:
            result["method"] = method
        model = members[0] if members else Destination("", service.key.port, method)
        if model.port != service.key.port:
            result["realserver_port"] = model.port
        result.update({f: v for f, v in model.to_dict().items() if f in _SHARED})
        if group and (group != _inventory.REALSERVERS or outright):
            result["realservers"] = group
        if outright:
            result["destinations"] = [self._outright(d, model) for d in outright]
        said = {n: v for n, v in service.watching.items() if v != _pair.WATCHED.get(n)}
        return {**result, **said}

    def _outright(self, destination: Destination, model: Destination) -> dict[str, Any]:
        """Return a destination as it is listed: all that is not as for the service's others."""
        usual = model._replace(weight=1)
        fields = [
            f for f in Destination._fields[1:] if getattr(destination, f) != getattr(usual, f)
        ]
        said = {field: getattr(destination, field) for field in fields}
        host = self.hosts.get(destination.address)
        name = {"name": host.name} if host else {}
        return {**name, "address": destination.address, **said}

    # Directors.

    def _directors(self) -> dict[str, Any]:
        """Return the group of directors, with what they share."""
        directors = [
            _pair.Director(name, host.own, self.priorities.get(name, 0), {}, {})
            for name, host in self.directors.items()
        ]
        own: dict[str, dict[str, Any]] = {
            source.host.name: self._vrrp(source, directors)
            for source in self.sources
            if source.instance
        }
        shared: dict[str, Any] = {}
        for variable in dict.fromkeys(name for said in own.values() for name in said):
            values = [said.get(variable) for said in own.values()]
            if all(value == values[0] for value in values):
                shared[variable] = values[0]
        if own and len(directors) == 1:
            shared["lvs_ha"] = "vrrp"
        hosts: dict[str, dict[str, Any]] = {}
        for name, host in self.directors.items():
            hosts[name] = host.variables()
            if name in self.priorities:
                hosts[name]["lvs_priority"] = self.priorities[name]
            said = own.get(name, {})
            hosts[name].update({n: v for n, v in said.items() if n not in shared})
        return {"hosts": hosts, **({"vars": shared} if shared else {})}

    def _vrrp(self, source: _Source, directors: Sequence[_pair.Director]) -> dict[str, Any]:
        """Return a director's variables but for its priority."""
        wanted = {**_VRRP, **source.instance}
        wanted.setdefault("version", _version(source))
        if wanted["state"] == "BACKUP" and wanted.get("preempt", True):
            wanted.setdefault("preempt_delay", 0)
        said: dict[str, Any] = {
            "lvs_interface": wanted.pop("interface", None),
            "lvs_virtual_router_id": wanted.pop("virtual_router_id", None),
            "lvs_advert_int": wanted.pop("advert_int"),
            "lvs_auth_pass": wanted.pop("auth_pass", None),
        }
        shared = {variable: said[variable] for variable in _pair.SHARED}
        mine = next(d for d in directors if d.name == source.host.name)
        mine = mine._replace(shared=shared)
        extra: dict[str, Any] = {n: wanted[n] for n in ("version", "preempt") if n in wanted}
        if extra["version"] == _pair.instance(mine, directors, self.vips)["version"]:
            del extra["version"]
        base = _pair.instance(mine._replace(keepalived={"instance": extra}), directors, self.vips)
        fields = self._expressible(wanted, source)
        extra.update((n, value) for n, value in fields if not _same(n, value, base.get(n)))
        if "vips" in extra:
            held = _addresses({"vips": extra["vips"]})
            extra["vips"] = [*extra["vips"], *(vip for vip in base["vips"] if vip not in held)]
        keepalived = {
            "globals": self._globals(source, said["lvs_interface"], wanted["name"]),
            "instance": extra,
            "scripts": [dict(script) for script in source.config["scripts"]],
            "sync_groups": list(self._sync_groups(source)),
        }
        said["lvs_keepalived"] = {part: value for part, value in keepalived.items() if value}
        return {name: value for name, value in said.items() if value not in (None, {})}

    def _expressible(self, wanted: Mapping[str, Any], source: _Source) -> Iterator[tuple[str, Any]]:
        """Yield the fields of an instance that an inventory can have; tell of the others."""
        line = source.instance.line
        place = f"vrrp_instance {wanted['name']}"
        if not wanted.get("unicast_peers"):
            self.tell(
                f"{place} speaks multicast; the directors of an inventory speak to each other only,"
                " so stop keepalived on all of them before site.yml changes one.",
                source.place,
                line,
            )
        for name, value in wanted.items():
            defined = _keepalived_options.TRACKERS.get(name, "scripts") == "scripts"
            if not defined:
                self.tell(f"{place}: {name} is left out.", source.place, line)
            elif name not in _MULTICAST:
                yield name, value

    def _globals(self, source: _Source, interface: Any, instance: str) -> dict[str, Any]:
        """Return what an inventory has to say in globals, since the role doesn't."""
        said = dict(source.config["globals"])
        missing = [name for name in ROLE_GLOBALS[1:] if name not in said]
        if missing:
            self.tell(
                f"keepalived.conf has no {_inventory.listed(missing)}; site.yml adds what the role"
                " keepalived_ha has for them.",
                source.place,
            )
        if said.get("router_id") == source.host.name:
            del said["router_id"]
        if said.get("sync_daemon") == {"interface": interface, "instance": instance}:
            del said["sync_daemon"]
        return said

    def _sync_groups(self, source: _Source) -> Iterator[dict[str, Any]]:
        for group in source.config["sync_groups"]:
            others = set(group.get("instances") or []) - {source.instance["name"]}
            if others:
                self.tell(
                    f"vrrp_sync_group {group['name']} is left out: of its instances the inventory"
                    f" has no {_inventory.listed(sorted(others))}.",
                    source.place,
                    group.line,
                )
            else:
                yield dict(group)
        for part in ("track_files", "track_processes", "bfd_instances"):
            for block in source.config[part]:
                self.tell(
                    f"{_keepalived_options.BLOCKS[part][0]} {block['name']} is left out: the"
                    " inventory has no field for it; lvs_keepalived.extra takes text as it is.",
                    source.place,
                    block.line,
                )

    def _remarks(self, methods: Mapping[ServiceKey, str]) -> None:
        """Tell what can't be seen where it was looked for."""
        translated = [self.services[key].name for key, method in methods.items() if method == "nat"]
        if translated:
            self.tell(
                f"{_inventory.listed(translated)}: IPVS doesn't tell nat from fullnat, so nat is"
                " written; nor which address of the director answers come back to: if that is not"
                " its ansible_host, set its lvs_address."
            )
        marked = [service.name for key, service in self.services.items() if key.fwmark]
        if marked:
            self.tell(
                f"{_inventory.listed(marked)}: what gets the firewall mark is the packet filter's"
                " to know; it stays yours to set, unless you write it as binds."
            )
        paired = [source for source in self.sources if source.instance]
        if len(self.directors) == 1 and paired:
            self.tell(
                "this is the file of one director; adopt the files of the others too, or add them"
                " to lvs_directors."
            )
        if len(self.directors) > 1 and len(paired) < len(self.sources):
            self.tell(
                "not all directors have an instance in a keepalived.conf; site.yml makes one."
            )


# ---- small things ------------------------------------------------------------------------------

T = TypeVar("T", bound=Hashable)


def _most(values: Iterable[T], default: T) -> T:
    """Return the value that is there most often, the first of several."""
    return next((value for value, _count in Counter(values).most_common(1)), default)


def _unique(name: str, taken: set[str]) -> str:
    """Return a name that is not taken yet, and take it."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


def _word(text: str) -> str:
    """Return a text as a name for a host or a group."""
    return re.sub(r"\W", "_", text, flags=re.ASCII)


def _usual(service: _Service) -> Destination:
    """Return what most destinations of a service have in common, as one without an address."""
    return _most(
        (d._replace(address="", weight=1) for d in service.pool.values()), Destination("", 0)
    )


def _hashable(value: Any) -> Any:
    """Return plain data as what can be counted."""
    if isinstance(value, Mapping):
        return tuple((name, _hashable(item)) for name, item in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """Return data as nothing but mappings and lists, none of which is there twice."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return list(map(_plain, value)) if isinstance(value, (list, tuple)) else value


def _apart(service: Block) -> Iterator[Block]:
    """Yield a service of keepalived for each address that it has."""
    rest = {name: value for name, value in service.items() if name != "endpoints"}
    for number, endpoint in enumerate(service.get("endpoints") or [{}]):
        yield Block(service.line, **{**rest, **endpoint, **({"name": ""} if number else {})})


def _addresses(instance: Mapping[str, Any]) -> list[str]:
    """Return the VIPs that an instance holds, without their prefixes."""
    vips = [*(instance.get("vips") or []), *(instance.get("excluded_vips") or [])]
    texts = (vip["address"] if isinstance(vip, Mapping) else vip for vip in vips)
    return [normal_address(str(text).partition("/")[0]) or "" for text in texts]


def _version(source: _Source) -> int:
    """Return the version of VRRP that keepalived takes for an instance that states none."""
    six = any(":" in vip for vip in _addresses(source.instance)[:1])
    return 3 if six else int(source.config["globals"].get("vrrp_version", 2))


def _same(name: str, value: Any, base: Any) -> bool:
    """Return whether a field says what is there without it, in whatever order."""
    if name not in ("vips", "excluded_vips", "unicast_peers"):
        return bool(value == base)

    option = next(o for o in _keepalived_options.INSTANCE if o.name == name)
    return sorted(option.lines(value or [])) == sorted(option.lines(base or []))


def _lift(group: dict[str, Any], weights: dict[str, dict[str, Any]]) -> None:
    """Have a group say the weight that all of its hosts have."""
    said = [weights.get(name, {}).get("lvs_weight") for name in group["hosts"]]
    if said[0] is not None and all(weight == said[0] for weight in said):
        group["vars"] = {"lvs_weight": said[0]}
        for name in group["hosts"]:
            del weights[name]["lvs_weight"]


def flat(
    inventory: Mapping[str, Any],
) -> tuple[Any, dict[str, list[str]], Callable[[str], Mapping[str, Any]]]:
    """Return services, groups and variables of an inventory, as ``_inventory.resolve`` takes it."""
    everything = inventory["all"]
    groups: dict[str, list[str]] = {"all": []}
    hosts: dict[str, dict[str, Any]] = {}
    parts = {"all": {"hosts": everything.get("hosts", {})}, **everything["children"]}
    for group, said in parts.items():
        groups[group] = list(said.get("hosts") or {})
        for name in groups[group]:
            hosts.setdefault(name, dict(everything["vars"])).update(said.get("vars") or {})
    for said in parts.values():
        for name, variables in (said.get("hosts") or {}).items():
            hosts[name].update(variables or {})
    groups["all"] = list(hosts)
    return everything["vars"]["lvs_services"], groups, hosts.__getitem__
