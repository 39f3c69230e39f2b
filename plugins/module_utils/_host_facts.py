# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Input and result of the host checks.

A check gets the `HostFacts` that were read on the machine and its `ExpectedRole` in the inventory,
and returns a `CheckResult`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Dict, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _links, _sysctl
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    METHODS,
    TRANSLATED,
    UNCHANGED,
)

Data = Dict[str, Any]  # Python 3.8 takes no subscript of dict or Mapping here
VS = "net/ipv4/vs/"
FORWARD = {"ipv4": "net/ipv4/ip_forward", "ipv6": "net/ipv6/conf/all/forwarding"}


class CheckResult(NamedTuple):
    """The result of one check.

    :ivar result: ``ok``, ``error``, or ``warning`` if it works now but may fail later
    :ivar message: the state; if it is not ok, what is wrong and what to do
    """

    check: str
    result: str
    message: str


def results(
    check: str, ok: str, found: Iterable[str], severity: str = "error"
) -> list[CheckResult]:
    """Return a result for each message, or one with ``ok`` if there is none.

    :param severity: the result of the messages, ``error`` or ``warning``
    """
    return [CheckResult(check, severity, message) for message in found] or [
        CheckResult(check, "ok", ok)
    ]


class ExpectedRole(NamedTuple):
    """The role of a host in the inventory.

    :ivar running: whether the roles are applied already, and not only after site.yml
    :ivar director: whether it is a director
    :ivar keepalived: whether keepalived fills its IPVS table
    :ivar bgp: whether it announces its VIPs by BGP
    :ivar instances: how many VRRP instances it has
    :ivar services: the virtual services that it load-balances, in the schema of `VirtualService`
    :ivar vips: the VIPs that it holds as a director
    :ivar lans: the interfaces that these belong on
    :ivar inner: the interfaces by which it reaches real servers and other directors
    :ivar serves: what it serves as a real server, by forwarding method
    :ivar addresses: its own addresses
    :ivar interface: its LAN interface, where the inventory sets it
    :ivar rp_filter: what is done about reverse path filtering, as the option of arp_suppress
    :ivar sysctls: the kernel settings of the inventory
    :ivar forward: what it forwards as a director, ``all`` or ``balanced``
    :ivar neighbours: the addresses that must be on one link with it
    :ivar routed_to: the addresses to which it must have a route
    :ivar mtu: the least MTU of these routes; 0 for any
    :ivar tunnel_sources: RIPs to which tunnels lead, with the sources that are accepted there
    :ivar not_gateways: the addresses that must not be a gateway of it
    :ivar gateways: the next hops of its answers
    :ivar answers: the services whose answers go through these, as return_route takes them
    :ivar route: what goes through these, ``policy`` or ``default``
    :ivar keep_ports: the ports whose answers keep their route
    :ivar fib: on FreeBSD, the routing table with the route through the gateways
    :ivar kernel_modules: the kernel modules that it needs
    :ivar ignore_owners: the programs that may run although they usually own the table
    """

    running: bool = False
    director: bool = False
    keepalived: bool = False
    bgp: bool = False
    instances: int = 0
    services: Sequence[Data] = ()
    vips: Sequence[str] = ()
    lans: Collection[str] = ()
    inner: Collection[str] = ()
    serves: Mapping[str, Sequence[Data]] = {}
    addresses: Sequence[str] = ()
    interface: str = ""
    rp_filter: str = "loose"
    sysctls: Mapping[str, str] = {}
    forward: str = "all"
    neighbours: Sequence[str] = ()
    routed_to: Sequence[str] = ()
    mtu: int = 0
    tunnel_sources: Mapping[str, Sequence[str]] = {}
    not_gateways: Sequence[str] = ()
    gateways: Sequence[str] = ()
    answers: Sequence[Data] = ()
    route: str = "policy"
    keep_ports: Sequence[int] = ()
    fib: int = 0
    kernel_modules: Sequence[str] = ()
    ignore_owners: Sequence[str] = ()

    @property
    def vrrp(self) -> bool:
        """Whether VRRP holds its VIPs."""
        return self.instances > 0

    @property
    def methods(self) -> set[str]:
        """The forwarding methods of its destinations."""
        return {each.get("method", "dr") for each in self._destinations}

    @property
    def translated(self) -> set[str]:
        """The families of its destinations of methods nat and fullnat."""
        return {
            "ipv6" if ":" in each["address"] else "ipv4"
            for each in self._destinations
            if each.get("method") in TRANSLATED
        }

    @property
    def persistent(self) -> bool:
        """Whether some service is persistent."""
        return any(service.get("persistence_timeout") for service in self.services)

    @property
    def _destinations(self) -> list[Data]:
        return [each for service in self.services for each in service["destinations"]]

    def suppressed_vips(self, *methods: str) -> list[str]:
        """Return the VIPs that it has as a real server of these forwarding methods.

        By default, of all whose packets arrive with the VIP as their destination.
        """
        methods = methods or UNCHANGED
        served = [each for method in methods for each in self.serves.get(method) or ()]
        return list(dict.fromkeys(each["vip"] for each in served if each.get("vip")))

    @property
    def units(self) -> list[str]:
        """The systemd units that apply its role at boot."""
        roles = ["director"] * self.director + ["keepalived-ha"] * self.keepalived
        roles += ["director_bgp"] * self.bgp
        roles += [METHODS[name].role for name in METHODS if self.serves_by(name)]
        units = [f"lvs-{role.replace('_', '-')}.service" for role in roles if role]
        units += ["keepalived.service"] * self.keepalived
        return units + ["bird.service"] * self.bgp

    def serves_by(self, method: str) -> bool:
        """Whether it is a real server of a forwarding method."""
        return bool(self.serves.get(method))


class HostFacts(NamedTuple):
    """The facts that were read on a host.

    :ivar release: the kernel's
    :ivar shown: the output of ``ip -json address show``
    :ivar links: the same, parsed
    :ivar sysctls: the settings of `sysctls_to_read`
    :ivar rules: the output of ``nft list ruleset``; None if there is no nft
    :ivar loaded: the kernel modules that are loaded
    :ivar at_boot: the modules that the role for tunnels has loaded at boot, None without its file
    :ivar options: the text of modprobe.d
    :ivar conn_tab_bits: what IPVS was loaded with; empty if it is not
    :ivar tunnels: the tunnel devices that the role has set up
    :ivar units: the systemd units, each with its UnitFileState and its ActiveState
    :ivar unit_errors: what the units that failed printed
    :ivar networks: the interfaces that systemd-networkd manages, each with its configuration
    :ivar networkd: the configuration of systemd-networkd as a whole
    :ivar daemons: the states of IPVS's sync daemons
    :ivar conf: keepalived's configuration
    :ivar keepalived: the release of keepalived; none if it is not known
    :ivar learned: the interfaces whose router advertisements gave it an IPv6 default route
    :ivar routes: the output of ``ip -json route get`` for its neighbours and what it is routed to
    :ivar gateways: the next routers in its routing tables, without those of return_route
    :ivar return_path_errors: why answers can't go through the gateways, as messages
    :ivar missing_modules: the kernel modules it needs that are neither loaded nor available
    :ivar vip_interfaces: the interface that each VIP belongs on; None if it is in no network
    :ivar arp_replies: for each VIP, which MACs answered for it and for its neighbours
    :ivar owner_errors: which other programs own the IPVS table, as messages
    :ivar roles: on other systems than Linux, the roles that were applied
    :ivar published: there, the addresses of published ARP entries
    :ivar rc: there, what is read of the configuration for boot, by name
    """

    release: str = "6.1.0"
    shown: Sequence[Data] = ()
    links: Mapping[str, _links.Link] = {}
    sysctls: Mapping[str, str | None] = {}
    rules: str | None = ""
    loaded: Collection[str] = ()
    at_boot: Sequence[str] | None = None
    options: str = ""
    conn_tab_bits: str = ""
    tunnels: Collection[str] = ()
    units: Mapping[str, tuple[str, str]] = {}
    unit_errors: Mapping[str, Sequence[str]] = {}
    networks: Mapping[str, str] = {}
    networkd: str = ""
    daemons: Sequence[str] = ()
    conf: str = ""
    keepalived: tuple[int, ...] = ()
    learned: Collection[str] = ()
    routes: Mapping[str, Sequence[Data]] = {}
    gateways: Collection[str] = ()
    return_path_errors: Sequence[str] = ()
    missing_modules: Sequence[str] = ()
    vip_interfaces: Mapping[str, str | None] = {}
    arp_replies: Mapping[str, Mapping[str, Collection[str]]] = {}
    owner_errors: Sequence[str] = ()
    roles: Collection[str] = ()
    published: Collection[str] = ()
    rc: Mapping[str, str] = {}

    def links_with(self, vip: str) -> list[_links.Link]:
        """Return the interfaces that an address is on."""
        wanted = ipaddress.ip_address(vip)
        return [
            link
            for link in self.links.values()
            if any(each.ip.ip == wanted for each in link.addresses)
        ]


def sysctls_to_read(names: Iterable[str]) -> list[str]:
    """Return the settings that the checks need, for interfaces of these names."""
    names = list(names)
    of_each = (*_sysctl.ARP, "send_redirects")
    of_vs = "backup_only conn_reuse_mode conntrack expire_nodest_conn expire_quiescent_template"
    of_vs += " sloppy_tcp"
    return [
        *(_sysctl.conf_key(name, setting) for name in ("all", *names) for setting in of_each),
        *(VS + name for name in (*of_vs.split(), "sync_threshold")),
        *FORWARD.values(),
        *map(_sysctl.accept_ra, names),
    ]


def responds_to_arp(link: _links.Link) -> bool:
    """Whether an interface is one on which the kernel replies to ARP."""
    return link.uses_arp and link.kind == "ether"


def within(address: str, networks: Iterable[str]) -> bool:
    """Return whether an address is in one of the networks."""
    return any(
        ipaddress.ip_address(address) in ipaddress.ip_network(network) for network in networks
    )


def addresses_of(links: Iterable[Data]) -> dict[str, Data]:
    """Return the machine's addresses, each with the interface that it is on."""
    return {each["local"]: link for link in links for each in link["addr_info"]}


def router_of(route: Data) -> str:
    """Return the address of a route's next router, "" if the link itself is next."""
    return str(route.get("gateway") or route.get("via", {}).get("host", ""))
