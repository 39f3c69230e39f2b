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
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    as_integer,
    endpoint,
    family_of,
    normal_address,
    parse_services,
    shown,
    suggestion,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils._hosts_file import MUST_BE, is_host_name
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import (
    Unreadable,
    is_name,
    template_failure,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.hosts import Host
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import (
    Mistakes,
    join_names,
    joined,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.networks import (
    MAX_PORT,
    Network,
    family_name,
    inside,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.services import (
    Frontend,
    Service,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import (
    CLIENTS,
    DIRECTORS,
    MATCH_FIELDS,
    METHODS,
    REALSERVERS,
    UNCHANGED,
)

#: RFC 8200, 5: what every link has to carry; and the longest header that a tunnel puts before it.
_IPV6_MTU, _TUNNEL_HEADER = 1280, 60


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
            described.append(Service(item, number, groups, mistakes))
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
    refused = refused_services(result.keepalived_services) if rules.keepalived else []
    return Cluster(refused) if refused else result


def _items(services: Any, mistakes: Mistakes) -> list[Any]:
    """Return the items of ``lvs_services``; note why there are none."""
    if isinstance(services, list) and services:
        return services
    if isinstance(services, Unreadable):
        reason = template_failure(services).rstrip(".")
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


class _Rules:
    """Directors, real servers and services together, and the rules that hold between them."""

    def __init__(
        self,
        services: list[Service],
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
            name: Host(name, variables(name), mistakes, drained=name in drained) for name in names
        }
        # Of those that have no part in a service, only the variables are checked.
        for name in dict.fromkeys([*(groups.get(REALSERVERS) or ()), *(groups.get(CLIENTS) or ())]):
            if name not in self.hosts:
                Host(name, variables(name), mistakes, drained=False)
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
                dict(zip(("fwmark", *MATCH_FIELDS), (*key, ports), strict=True))
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
            if destination["name"] in names and destination["method"] in UNCHANGED
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
                    for method in UNCHANGED
                    for entry in hosts.get(director.name, {}).get(method, ())
                    if len(directors) > 1
                ],
            }
        return result

    def refused_by_keepalived(self, services: Iterable[Service]) -> list[str]:
        """Return what keepalived would not take, as sentences."""
        found = Mistakes()
        all_known = not self.mistakes.lines()
        keepalived_services = [
            service.stand_in(number)
            for number, service in enumerate(services)
            if service.keepalived_fields or service.destination_fields
        ]
        refused = refused_services(keepalived_services)
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
        self, service: Service, host: Host, destination: Mapping[str, Any]
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

    def _sources(self, host: Host) -> list[str]:
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

    def _agreed(self, variable: str, of: Callable[[Host], Any]) -> Any:
        """Return what all hosts say that state a variable of the cluster."""
        values: dict[Any, list[str]] = {}
        for host in self.hosts.values():
            if of(host):
                values.setdefault(of(host), []).append(host.name)
        if len(values) > 1:
            differing = "; ".join(
                f"{joined(value)} on {join_names(who)}" for value, who in values.items()
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

    def _named(self) -> list[Host]:
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
        owners: dict[Frontend, list[Service]] = {}
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

    def _address(self, host: Host, service: Service, *, needed: bool = True) -> str | None:
        """Return a host's address toward a service."""
        families = [service.family or "ipv4"]
        if service.method == "tun":
            families += {"ipv4", "ipv6"}.difference(families)
        for family in families:
            networks = [n for n in service.networks if family_name(n) == family_name(family)]
            found = host.addresses(family, service.vip, networks, self.vips)
            if host in self.directors and not host.stated:
                found = [address for address in found if address not in self.vips]
            if found:
                break
        else:
            if needed:
                service.note(
                    f"no {family_name(families[0])} address is known; set lvs_address to the one"
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
        if not inside(address, networks):
            service.note(
                f"its address {address} is outside lvs_network ({joined(networks)}), but method"
                f" {service.method} needs director and real servers in one network; set lvs_address"
                " to its address there",
                host.name,
            )
        self.owners.setdefault(address, {})[host.name] = None
        return address

    def _fill(self, service: Service) -> None:
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

    def _check_outright(self, service: Service) -> None:
        port = as_integer(service.raw.get("port"))
        member_port = service.shared.get("port", port)
        members = {(rip, member_port): name for name, (rip, _weight) in service.pool.items()}
        for number, item in enumerate(service.outright, 1):
            name = item.get("name")
            if name is not None and not is_name(str(name)):
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

    def _check_vips(self, service: Service) -> None:
        """Check that a VIP is no host's own address, but for a NAT director's outer one."""
        for vip in dict.fromkeys(frontend.vip for frontend in service.frontends):
            owners = dict(self.rips.get(vip, {}))
            for host in self.hosts.values():
                inner = service.method in UNCHANGED or host not in self.directors
                if inner and vip in host.own:
                    owners[host.name] = None
            for name in owners:
                service.note(
                    f"{vip} is the VIP and this machine's own address; give the service a VIP that"
                    " no host has, or correct lvs_address or ansible_host",
                    name,
                )

    def _check_mtu(self, service: Service) -> None:
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

    def _check_forward(self, service: Service) -> None:
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

    def _check_gateways(self, service: Service) -> None:
        """Check the return path: through the director with nat, past it with dr and tun."""
        nat = service.method == "nat"
        dips = service.dips
        for host in self.directors:
            dip = self._address(host, service, needed=nat)
            for address in [dip] if nat else [dip, *host.own]:
                dips[address] = f"the DIP of {host.name}"
        if service.method in UNCHANGED:
            dips.update(dict.fromkeys(self.vips, "a VIP"))
        for name in service.members:
            host = self.hosts[name]
            for gateway in host.gateways if host not in self.directors else ():
                if service.method in UNCHANGED and gateway in dips:
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
            unchanged = service.method in UNCHANGED and host not in self.directors
            if unchanged and host.nat_route == "default":
                service.note(
                    "lvs_nat_route is default, which sends all answers through the director, but"
                    f" with method {service.method} they go past it; set lvs_nat_route: policy",
                    name,
                )

    def _check_floating(self, service: Service, host: Host) -> None:
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


def refused_services(services: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what keepalived would not take of services, on whichever director."""
    return _keepalived.mistakes({"globals": _vrrp.GLOBALS, "services": services})


def _free_mark(frontend: Frontend, taken: Collection[Any]) -> int:
    """Return a firewall mark for a frontend: the same one at each run, if it is free."""
    mark = (
        zlib.crc32(f"{frontend.protocol} {endpoint(frontend.vip, frontend.port)}".encode())
        % MAX_PORT
    )
    while not mark or mark in taken:
        mark = (mark + 1) % MAX_PORT
    return mark
