# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what directors show to an inventory that describes it: the inverse of ``inventory``.

Pure. Pools become groups, weights become variables of hosts, and VRRP becomes what only this
cluster does otherwise (``vrrp``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_options import MAX_PRIORITY
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.sources import (
    Host,
    Messages,
    Service,
    Source,
    addresses,
    most,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.networks import usable
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import (
    DIRECTORS,
    REALSERVERS,
    SHARED_FIELDS,
)

#: What the role keepalived_ha sets in ``globals`` by itself, where an inventory doesn't; the
#: latter only where there is VRRP.
ROLE_GLOBALS = ("router_id", *_vrrp.GLOBALS)
ROLE_GLOBALS_OF_VRRP = (*_vrrp.GLOBALS_OF_VRRP, "sync_daemon")


class Writer:
    """Puts together what all sources show, and writes one inventory."""

    def __init__(
        self, sources: Sequence[Source], names: Mapping[str, str], messages: Messages
    ) -> None:
        self.messages = messages
        self.report = messages.add
        self.names = {normal_address(a) or a: name for a, name in names.items()}
        self.hosts: dict[str, Host] = {}
        self.sources = sources
        self.services: dict[ServiceKey, Service] = {}
        for source in self.sources:
            self._merge(source)
        self._name_services()
        self.vips = list(dict.fromkeys(key.vip for key in self.services if key.vip))
        self.routers = vrrp.Routers(sources, self.vips, messages)
        for source in self.sources:
            self._direct(source)
        self.directors = {source.host.name: source.host for source in self.sources}
        self.priorities = {
            source.host.name: vrrp.priority(instance)
            for source in self.sources
            if (instance := self.routers.main(source))
        }
        self._peers()
        for service in self.services.values():
            for address, _port in service.pool:
                if usable(address):
                    self._host(address)
        #: Whether VRRP holds the VIPs; keepalived may run without.
        self.vrrp = len(self.directors) > 1 or bool(self.routers.masters)
        self.keepalived = self.vrrp or any(
            service.keepalived_fields or any(service.own.values())
            for service in self.services.values()
        )
        self.masters = self._masters()
        #: The VIPs that no instance holds.
        self.unheld_vips: list[str] = []

    def _merge(self, source: Source) -> None:
        """Take a director's services beside those of others."""
        first = self.sources[0]
        for key, service in source.services.items():
            known = self.services.setdefault(key, service)
            if source is not first and known is service:
                self.report(f"{source.place} has {key}, but {first.place} does not have it.")
            elif known is not service and known.differs(service):
                self.report(
                    f"{key} differs between {known.place} and {source.place}; that of {known.place}"
                    " is used."
                )
        for key in sorted(self.services.keys() - source.services.keys()) if source.services else ():
            self.report(f"{source.place} has no {key}, which {self.services[key].place} has.")

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
            usable = service.name if re.fullmatch(r"[\w .:@+-]+", service.name) else ""
            service.name = _unique(usable or _word(name), taken)

    def _direct(self, source: Source) -> None:
        """Make a host of a director."""
        name = str(source.collected.get("name") or "")
        reached = str(source.collected.get("ansible_host") or normal_address(name) or "")
        own = [normal_address(self.routers.main(source).get("unicast_src_ip")), *source.local]
        stated = [a for a in dict.fromkeys(own) if a and a != normal_address(reached)]
        if not reached and stated:
            reached, *stated = stated
        name = name or self.names.get(reached) or (_word(f"d_{reached}") if reached else "director")
        name = _unique(name, {other.name for other in self.hosts.values()})
        source.host = Host(name, reached, stated)
        for address in [*source.host.own, name]:
            self.hosts.setdefault(address, source.host)
        if not reached:
            self.report(f"{name}: its address is not known; set its ansible_host.")

    def _peers(self) -> None:
        """Make hosts of the directors that are only known as peers of others."""
        for source in self.sources:
            instance = self.routers.main(source)
            rank = self.priorities.get(source.host.name, 0)
            higher = instance.get("state", vrrp.DEFAULTS["state"]) == "BACKUP"
            higher = higher and instance.get("preempt", True)
            for address in vrrp.peers_of(instance):
                if address in self.hosts:
                    continue
                host = self._host(address, "d")
                self.directors[host.name] = host
                higher = (higher and rank < MAX_PRIORITY) or rank == 1
                rank += 1 if higher else -1
                higher, self.priorities[host.name] = False, rank
                self.report(
                    f"the director {host.name} is known as a peer only, so its lvs_priority {rank}"
                    " is a guess; adopt its keepalived.conf too."
                )

    def _masters(self) -> dict[str, str]:
        """Return the host that is to be master of each VIP."""
        if len(self.routers.masters) < 2:
            ranks = self.priorities
            return (
                dict.fromkeys(self.vips, max(ranks, key=lambda name: ranks[name])) if ranks else {}
            )
        hosts = {source.place: source.host.name for source in self.sources}
        hosts.update((address, host.name) for address, host in self.hosts.items())
        first = next(iter(self.routers.masters.values()))
        of = self.routers.master_of
        return {vip: hosts[of.get(vip, first)] for vip in self.vips}

    def _host(self, address: str, prefix: str = "rs") -> Host:
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
        self.hosts[address] = Host(_unique(name or _word(f"{prefix}_{address}"), taken), address)
        return self.hosts[address]

    # ---- writing ---------------------------------------------------------------------------------

    def inventory(self) -> dict[str, Any]:
        """Return the inventory."""
        pools = {key: self._pool(service) for key, service in self.services.items()}
        methods = {key: service.usual().method for key, service in self.services.items()}
        common = most(methods.values(), "dr")
        groups = self._groups(pools)
        weights = self._weights(pools)
        children: dict[str, Any] = {DIRECTORS: self._directors()}
        placed: dict[str, dict[str, Any]] = {}
        for name, members in groups.items():
            children[name] = {"hosts": {host.name: {} for host in members.values()}}
            for host, variables in children[name]["hosts"].items():
                placed.setdefault(host, variables)
        if len(groups) == 1:
            _move_weight_to_group(children[REALSERVERS], weights)
        ungrouped: dict[str, Any] = {
            name: {} for name in weights if name not in placed and name not in self.directors
        }
        placed.update(ungrouped)
        for host in {id(host): host for host in self.hosts.values()}.values():
            if host.name not in self.directors and host.name in placed:
                placed[host.name].update(host.variables())
        for name, variables in weights.items():
            placed.get(name, {}).update(variables)
        services = [
            self._service(service, methods[key], common, *self._pool_of(groups, pools[key]))
            for key, service in self.services.items()
        ]
        everything: dict[str, Any] = {"vars": {"lvs_method": common, "lvs_services": services}}
        everything.update({"hosts": ungrouped} if ungrouped else {})
        self._remarks(methods)
        result: dict[str, Any] = _plain({"all": {**everything, "children": children}})
        return result

    def _pool(self, service: Service) -> tuple[dict[str, Host], list[Destination]]:
        """Return the hosts of a service's group by address, and what it lists outright."""
        pool = list(service.pool.values())
        hosts = {d.key: self.hosts[d.address] for d in pool if d.address in self.hosts}
        usual = service.usual()
        alike = [
            d
            for d in pool
            if d == usual._replace(address=d.address, weight=d.weight)
            and (d.port or not service.key.port)
            and d.key in hosts
            and hosts[d.key].toward(service, d.method) == d.address
            and not service.own[d.key]
        ]
        once = {hosts[d.key].name: d for d in alike}
        # A group whose weights are all 0 is refused; what is written out is taken as it is.
        if 2 * len(once) <= len(pool) or not any(d.weight for d in pool):
            once = {}
        members = {d.address: hosts[d.key] for d in once.values()}
        return members, [d for d in pool if d not in once.values()]

    @staticmethod
    def _pool_of(
        groups: Mapping[str, Mapping[str, Host]], pool: tuple[dict[str, Host], list[Destination]]
    ) -> tuple[str, list[Destination]]:
        """Return the group that serves, if one does, and what is listed outright."""
        found = (name for name, members in groups.items() if members.keys() == pool[0].keys())
        return next(found, "") if pool[0] else "", pool[1]

    def _groups(self, pools: Mapping[ServiceKey, Any]) -> dict[str, dict[str, Host]]:
        """Return a group for each distinct pool."""
        distinct: dict[frozenset[str], tuple[str, dict[str, Host]]] = {}
        for key, (members, _outright) in pools.items():
            if members:
                distinct.setdefault(frozenset(members), (self.services[key].name, members))
        if len(distinct) == 1:
            return {REALSERVERS: next(iter(distinct.values()))[1]}
        taken = {host.name for host in self.hosts.values()} | {"all", "ungrouped"}
        return {
            _unique(f"pool_{_word(name)}", taken): members for name, members in distinct.values()
        }

    def _weights(self, pools: Mapping[ServiceKey, Any]) -> dict[str, dict[str, Any]]:
        """Return each real server's variables of weights."""
        of_hosts: dict[str, dict[str, int]] = {}
        for key, (members, outright) in pools.items():
            service = self.services[key]
            for destination in service.pool.values():
                if destination.address not in self.hosts:
                    continue
                mine = of_hosts.setdefault(self.hosts[destination.address].name, {})
                if destination.address in members and destination not in outright:
                    mine[service.name] = destination.weight
        result: dict[str, dict[str, Any]] = {}
        for name, weights in of_hosts.items():
            usual = most(weights.values(), 1)
            others = {service: w for service, w in weights.items() if w != usual}
            result[name] = {"lvs_weight": usual} if usual != 1 else {}
            result[name].update({"lvs_weights": others} if others else {})
        return result

    def _service(
        self, service: Service, method: str, common: str, group: str, outright: list[Destination]
    ) -> dict[str, Any]:
        """Return a service as ``lvs_services`` has it."""
        members = [d for d in service.pool.values() if d not in outright] if group else []
        fields = service.value.to_dict()
        del fields["destinations"]
        result: dict[str, Any] = {"name": service.name, **fields}
        if method != common:
            result["method"] = method
        model = members[0] if members else Destination("", service.key.port, method)
        if model.port != service.key.port:
            result["realserver_port"] = model.port
        result.update({f: v for f, v in model.to_dict().items() if f in SHARED_FIELDS})
        if group and (group != REALSERVERS or outright):
            result["realservers"] = group
        if outright:
            result["destinations"] = [
                {**self._outright(d, model), **service.own[d.key]} for d in outright
            ]
        first = next(iter(self.masters.values()), "")
        if (
            len(set(self.masters.values())) > 1
            and self.masters.get(service.key.vip, first) != first
        ):
            result["master"] = self.masters[service.key.vip]
        options = {
            n: v for n, v in service.keepalived_fields.items() if v != _vrrp.SERVICE_DEFAULTS.get(n)
        }
        return {**result, **(options if self.keepalived else {})}

    def _outright(self, destination: Destination, model: Destination) -> dict[str, Any]:
        """Return a destination as it is listed: all that is not as for the service's others."""
        usual = model._replace(weight=1)
        fields = {
            field: getattr(destination, field)
            for field in Destination._fields[1:]
            if getattr(destination, field) != getattr(usual, field)
        }
        host = self.hosts.get(destination.address)
        name = {"name": host.name} if host else {}
        return {**name, "address": destination.address, **fields}

    # ---- directors ---------------------------------------------------------------------------

    def _directors(self) -> dict[str, Any]:
        """Return the group of directors, with what they share."""
        directors = [
            _vrrp.Director(name, host.own, self.priorities.get(name, 0), {}, {})
            for name, host in self.directors.items()
        ]
        own = {source.host.name: self._variables(source, directors) for source in self.sources}
        shared: dict[str, Any] = {}
        for variable in dict.fromkeys(name for variables in own.values() for name in variables):
            values = [variables.get(variable) for variables in own.values()]
            if all(value == values[0] for value in values):
                shared[variable] = values[0]
        hosts: dict[str, dict[str, Any]] = {}
        for name, host in self.directors.items():
            hosts[name] = host.variables()
            if name in self.priorities:
                hosts[name]["lvs_priority"] = self.priorities[name]
            variables = own.get(name, {})
            hosts[name].update({n: v for n, v in variables.items() if n not in shared})
        if len(self.directors) == 1 and self.vrrp:
            shared["lvs_ha"] = "vrrp"
        return {"hosts": hosts, **({"vars": shared} if shared else {})}

    def _variables(self, source: Source, directors: Sequence[_vrrp.Director]) -> dict[str, Any]:
        """Return a director's variables except its priority."""
        if not source.config or not self.keepalived:
            return {}
        variables: dict[str, Any] = {}
        keepalived: dict[str, Any] = {"globals": {}, "instance": {}}
        kept = list(self.routers.instances(source).values())
        if kept:
            self._multicast(kept, source)
            mine = next(d for d in directors if d.name == source.host.name)
            masters = self.masters or {}
            variables, keepalived["instance"] = vrrp.variables(
                source, kept, mine, directors, masters
            )
        keepalived["globals"] = self._globals(source, variables.get("lvs_interface"), kept)
        if self.vrrp:
            keepalived["scripts"] = [dict(script) for script in source.config["scripts"]]
            keepalived["sync_groups"] = list(self._sync_groups(source, kept))
        variables["lvs_keepalived"] = {part: value for part, value in keepalived.items() if value}
        return {name: value for name, value in variables.items() if value not in (None, {})}

    def _multicast(self, kept: Sequence[Mapping[str, Any]], source: Source) -> None:
        for instance in kept:
            if len(self.directors) > 1 and not instance.get("unicast_peers"):
                self.report(
                    f"vrrp_instance {instance['name']} uses multicast, but site.yml writes unicast;"
                    " stop keepalived on all directors before site.yml changes one.",
                    source.place,
                    getattr(instance, "line", 0),
                )

    def _globals(
        self, source: Source, interface: Any, kept: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return what an inventory has to set in globals, since the role doesn't."""
        settings = dict(source.config["globals"])
        of_role = (*ROLE_GLOBALS, *ROLE_GLOBALS_OF_VRRP) if self.vrrp else ROLE_GLOBALS
        missing = [name for name in of_role[1:] if name not in settings]
        if missing:
            self.report(
                f"keepalived.conf has no {join_names(missing)}; site.yml adds the values of the"
                " role keepalived_ha.",
                source.place,
            )
        if settings.get("router_id") == source.host.name:
            del settings["router_id"]
        daemon = settings.get("sync_daemon")
        names = [instance["name"] for instance in kept]
        known = isinstance(daemon, Mapping) and daemon.get("instance") in names
        if daemon and (not known or len(set(self.masters.values())) > 1):
            del settings["sync_daemon"]  # the comparison lists what becomes of it
        elif daemon and daemon == {"interface": interface, "instance": names[0]}:
            del settings["sync_daemon"]
        return settings

    def _sync_groups(
        self, source: Source, kept: Sequence[Mapping[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        names = {instance["name"] for instance in kept}
        several = len(set(self.masters.values())) > 1
        for group in source.config["sync_groups"]:
            others = set(group.get("instances") or []) - names
            if others or several:
                self.report(
                    f"vrrp_sync_group {group['name']} is left out: "
                    + (
                        f"the inventory has no instance {join_names(sorted(others))}."
                        if others
                        else "instances with different masters can't have one state."
                    ),
                    source.place,
                    group.line,
                    group,
                )
            else:
                yield {name: value for name, value in group.items() if not vrrp.undefined(name)}

    def _remarks(self, methods: Mapping[ServiceKey, str]) -> None:
        """List what can't be seen where it was looked for."""
        translated = [self.services[key].name for key, method in methods.items() if method == "nat"]
        if translated:
            self.report(
                f"{join_names(translated)}: IPVS does not distinguish nat from fullnat, so nat is"
                " written. The director's address to which answers return is unknown: if it is not"
                " ansible_host, set lvs_address."
            )
        marked = [service.name for key, service in self.services.items() if key.fwmark]
        if marked:
            self.report(
                f"{join_names(marked)}: the packets that get the firewall mark are unknown, since"
                " your packet filter sets it. Continue to set it, or write match."
            )
        if len(self.directors) == 1 and self.vrrp:
            self.report(
                "this is the file of one director; adopt the files of the others too, or add them"
                " to lvs_directors."
            )
        with_vrrp = [source for source in self.sources if source.instances]
        if len(self.directors) > 1 and len(with_vrrp) < len(self.sources):
            self.report(
                "not all directors have an instance in a keepalived.conf; site.yml makes one."
            )
        self._report_unheld_vips()

    def _report_unheld_vips(self) -> None:
        """List the VIPs that keepalived does not hold today."""
        files = [source for source in self.sources if source.config]
        held = {vip for source in files for each in source.instances for vip in addresses(each)}
        self.unheld_vips = [vip for vip in self.vips if vip not in held] if files else []
        if self.unheld_vips:
            them = "them" if self.unheld_vips[1:] else "it"
            self.report(
                f"{join_names(self.unheld_vips)}: no vrrp_instance holds {them}, so the"
                f" director has {them} in some other way; with this inventory"
                f" {'VRRP holds' if self.vrrp else 'the director itself adds'} {them}, so remove"
                f" {them} where it is configured today."
            )


# ---- small things --------------------------------------------------------------------------------


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


def _plain(value: Any) -> Any:
    """Return data as nothing but mappings and lists, none of which is there twice."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return list(map(_plain, value)) if isinstance(value, (list, tuple)) else value


def _move_weight_to_group(group: dict[str, Any], weights: dict[str, dict[str, Any]]) -> None:
    """Move a weight that all hosts of a group have to the group."""
    common = [weights.get(name, {}).get("lvs_weight") for name in group["hosts"]]
    if common[0] is not None and all(weight == common[0] for weight in common):
        group["vars"] = {"lvs_weight": common[0]}
        for name in group["hosts"]:
            del weights[name]["lvs_weight"]
