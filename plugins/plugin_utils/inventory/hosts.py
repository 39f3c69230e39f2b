# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of the cluster: its variables, its addresses, its weights."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    MAX_WEIGHT,
    METHODS,
    family_of,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import as_integer
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown, unknown
from ansible_collections.lvs.cluster.plugins.plugin_utils import _bgp, _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import (
    Subject,
    template_failure,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import Mistakes
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.networks import (
    Interface,
    Network,
    inside,
    usable,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import (
    DOCUMENTED,
    FORWARD,
    HA,
    MTU,
    VARIABLES,
)

#: What the kernel takes (net/core/dev.c, dev_valid_name) and no file has a use of its own for; not
#: what stands for all interfaces below /proc/sys, nor what no packet arrives at.
_INTERFACE = r"(?!(?:all|default|lo|\.{1,2})$)[\w.][\w.@+-]{0,14}"


class Host:
    """A machine of the cluster, with its variables read once and checked."""

    def __init__(
        self, name: str, variables: Mapping[str, Any], mistakes: Mistakes, *, drained: bool
    ) -> None:
        self.name = name
        self.variables = variables
        self._facts: list[Interface] | None = None
        fields = self._fields = Subject({}, "host", name, mistakes)
        self.wrong = fields.wrong
        fields.raw = fields.readable(self._known(variables), variables)
        self.method = fields.choice("lvs_method", list(METHODS), "")
        self.ha = fields.choice("lvs_ha", HA, "")
        self.networks = fields.networks("lvs_network")
        self.gateways = fields.addresses("lvs_gateway")
        self.stated = fields.addresses("lvs_address")
        reached = fields.readable(
            ["ansible_host"] if "ansible_host" in variables else [], variables
        )
        literal = map(normal_address, (reached.get("ansible_host"), name))
        self.reached = [address for address in literal if address and usable(address)]
        #: The addresses that the inventory gives to it.
        self.own = list(dict.fromkeys(self.stated + self.reached))
        self.drained = fields.boolean("lvs_drained") or drained
        self.min_available = self._min_available()
        #: The least MTU between director and real servers, in bytes; RFC 791 guarantees 576.
        self.mtu = fields.integer("lvs_mtu", 576, 65535, MTU)
        self.nat_route = fields.choice("lvs_nat_route", ("policy", "default"), "policy")
        self.forward = fields.choice("lvs_forward", FORWARD, FORWARD[0])
        self.tunnel_sources = fields.sources("lvs_tunnel_sources")
        self._weight = fields.integer("lvs_weight", 0, MAX_WEIGHT, 1)
        self.weights = self._weights()
        self.vrrp = _vrrp.read(name, self.own, fields, fields.failed)
        self.bgp = _bgp.read(name, self.own, fields)
        #: Whether it is to have the names of all hosts in its /etc/hosts.
        self.knows_names = fields.boolean("lvs_host_basics")
        #: Its LAN interface, "" if it is not stated.
        self.interface = self._interface()

    @property
    def services(self) -> Any:
        """The value of ``lvs_services`` here; None if there is none, or it can't be read."""
        value = self.variables.get("lvs_services")
        return None if template_failure(value) else value

    def _known(self, variables: Iterable[str]) -> Iterator[str]:
        for name in variables:
            if name in VARIABLES and name != "lvs_services":
                yield name
            elif name.startswith("lvs_") and name not in VARIABLES:
                self.wrong(
                    f"{unknown('variable', name, VARIABLES, DOCUMENTED)}; correct or remove it,"
                    " since names that begin with lvs_ are reserved for lvs.cluster"
                )

    def _interface(self) -> str:
        interface = self._fields.raw.get("lvs_interface")
        if interface is None:
            return ""
        if not isinstance(interface, str) or not re.fullmatch(_INTERFACE, interface, re.ASCII):
            self.wrong(
                f"lvs_interface is {shown(interface)}; it must be the name of one interface, such"
                " as eth0"
            )
        return str(interface)

    def _weights(self) -> dict[str, int]:
        weights = self._fields.raw.get("lvs_weights")
        if weights is None or weights == "":
            return {}
        if not isinstance(weights, Mapping):
            self.wrong(f"lvs_weights is {shown(weights)}; it must be a mapping such as {{web: 3}}")
            return {}
        named = {f"lvs_weights[{name}]": weight for name, weight in weights.items()}
        fields = Subject(named, "host", self.name, self._fields.report)
        found = [fields.integer(name, 0, MAX_WEIGHT, self._weight) for name in named]
        return dict(zip(map(str, weights), found, strict=True))

    def _min_available(self) -> str:
        """Return how many real servers draining has to leave; "" if it is not set."""
        count = self._fields.raw.get("lvs_min_available")
        number = as_integer(str(count).removesuffix("%"))
        if count is None or count == "":
            return ""
        if number is None or (str(count).endswith("%") and number > 100):
            self.wrong(
                f"lvs_min_available is {shown(count)}; it must be a count such as 2, or a"
                " percentage such as 50%"
            )
            return ""
        return str(count)

    def weight(self, service: str) -> int:
        """Return its weight in a service."""
        return 0 if self.drained else self.undrained_weight(service)

    def undrained_weight(self, service: str) -> int:
        """Return its weight in a service while it is not drained."""
        return self.weights.get(service, self._weight)

    def source_addresses(self, family: str) -> list[str]:
        """Return the addresses that may be the source of what it sends, if need be by its facts."""
        own = [address for address in self.own if family_of(address) == family]
        facts = (str(each.ip) for each in self.interfaces())
        return own or [address for address in facts if family_of(address) == family]

    def interfaces(self) -> list[Interface]:
        """Return its addresses with their networks, as its facts have them."""
        if self._facts is None:
            name = "ansible_facts"
            there = [name] if name in self.variables else []
            self._facts = list(_interfaces(self._fields.readable(there, self.variables).get(name)))
        return self._facts

    def addresses(
        self, family: str, vip: str | None, networks: Sequence[Network], vips: Collection[str]
    ) -> list[str]:
        """Return its address toward a service: none, one, or several if it is only in its facts.

        What is stated is final. Else it is where Ansible reaches it, unless that is known to be
        in another network and its facts have an address in this one. What they have of ``vips``
        is not its own.
        """

        def nearest(addresses: Iterable[str]) -> list[str]:
            mine = [address for address in addresses if family_of(address) == family]
            return ([address for address in mine if inside(address, networks)] or mine)[:1]

        reached = nearest(self.reached)
        if self.stated or (reached and inside(reached[0], networks)):
            return nearest(self.stated) or reached
        found = [
            str(interface.ip)
            for interface in self.interfaces()
            if (
                inside(str(interface.ip), networks)
                if networks
                else vip and ipaddress.ip_address(vip) in interface.network
            )
        ]
        return [address for address in dict.fromkeys(found) if address not in vips] or reached


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
