#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: what about a machine would keep its cluster from working."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Find what keeps a cluster from working, before it is built and after
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Checks a machine that is or is to be a director or a real server for what breaks a rule of its
    cluster, and for known pitfalls.
  - Each check has a result in RV(checks), also if it is V(ok). An option enables the checks that it
    is for.
  - It changes nothing. An error that it finds is in its result and does not make it fail, so that
    the findings of all machines can be shown together.
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  check_mode:
    description: The same as without it, since nothing is changed.
  diff_mode:
    description: Nothing is changed, so there is nothing to show.
    support: none
options:
  addresses:
    description: The addresses that the inventory says the machine has.
    type: list
    elements: str
    default: []
  neighbours:
    description: The addresses that have to be on a link with the machine, with no router between.
    type: list
    elements: str
    default: []
  routed_to:
    description: The addresses that the machine has to have a route to, through whatever routers.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  mtu:
    description:
      - The MTU, in octets, that the routes to the addresses of O(routed_to) must have at least.
        With V(0) it is not checked.
      - The MTU of a route is its own, or that of its interface. Those of routers further on are not
        known here.
    type: int
    default: 0
    version_added: 0.2.0
  tunnel_sources:
    description:
      - The addresses of real servers to which tunnels lead, each with the addresses and networks
        from which tunnelled packets are accepted there.
      - It is a finding if what the machine sends to one of O(routed_to) has another source, and if
        there is no source of the family of one of O(addresses).
    type: dict
    default: {}
    version_added: 0.5.0
  not_gateways:
    description:
      - The addresses that must not be a gateway of the machine, in no routing table.
      - Routes that M(lvs.cluster.return_route) made are excepted, for the playbooks take them away
        with the forwarding method that needed them.
    type: list
    elements: str
    default: []
  gateways:
    description:
      - The addresses that are to be the next hop of the machine's answers, so that they have to be
        on a link with it.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  answers:
    description:
      - What is to be answered through O(gateways), as M(lvs.cluster.return_route) takes it. It is
        a finding if that would cut the ssh connection by which Ansible is on the machine.
    type: list
    elements: dict
    default: []
    version_added: 0.2.0
  route:
    description: What is to go through O(gateways); see M(lvs.cluster.return_route).
    type: str
    choices: [policy, default]
    default: policy
    version_added: 0.2.0
  keep_ports:
    description: The ports whose answers keep their route; see M(lvs.cluster.return_route).
    type: list
    elements: int
    default: [22]
    version_added: 0.2.0
  vips:
    description:
      - The VIPs that the machine is to hold alone. One that another machine answers ARP for is a
        finding. The machines of O(neighbours) are excepted, since the roles suppress ARP on a real
        server that does not yet.
    type: list
    elements: str
    default: []
  interface:
    description: The interface of the VIPs. By default, it is the one by which they are routed.
    type: str
  kernel_modules:
    description: The kernel modules that have to be loaded, or be there to load.
    type: list
    elements: str
    default: []
  exclusive_table:
    description: Whether the machine is a director. Its IPVS table is to be written, so that no
      other program may own it.
    type: bool
    default: false
  ignore_owners:
    description: Programs that may run all the same although they usually own the table.
    type: list
    elements: str
    choices: [keepalived, kube-proxy, kube-router, ldirectord]
    default: []
  running:
    description:
      - Whether the roles are applied already. Then their settings are checked, too, as they are in
        effect now, and whether they are restored at boot.
      - Without it, only what the roles do not correct is checked.
    type: bool
    default: false
    version_added: 0.3.0
  services:
    description: The virtual services of a director, as
      P(lvs.cluster.resolve#filter) returns them.
    type: list
    elements: dict
    default: []
    version_added: 0.3.0
  serves:
    description: What a real server serves, by forwarding method, as C(real_servers) of
      P(lvs.cluster.resolve#filter) has it.
    type: dict
    default: {}
    version_added: 0.3.0
  keepalived:
    description: Whether keepalived fills the IPVS table of the machine.
    type: bool
    default: false
    version_added: 0.4.0
  instances:
    description: How many VRRP instances keepalived has on the machine.
    type: int
    default: 0
    version_added: 0.3.0
  vrrp_instances:
    description:
      - The VRRP instances that a director is to have, in the form of
        O(lvs.cluster.keepalived_conf#module:instances). They are compared with those of
        C(/etc/keepalived/keepalived.conf) in what all directors have to agree on. One without an
        C(interface) is on O(interface), or where the VIPs are.
    type: list
    elements: dict
    default: []
    version_added: 0.6.0
  auth_pass:
    description: The password of all O(vrrp_instances).
    type: str
    default: ""
    version_added: 0.6.0
  rp_filter:
    description: What is done about reverse path filtering; see M(lvs.cluster.arp_suppress). With
      V(keep), it is checked on tunnels only.
    type: str
    choices: [loose, 'off', keep]
    default: loose
    version_added: 0.3.0
  forward:
    description: What a director is to forward with V(nat) and V(fullnat), as the role
      P(lvs.cluster.director#role) has it.
    type: str
    choices: [all, balanced]
    default: all
    version_added: 0.5.0
  sysctls:
    description: The kernel settings that the inventory asks for, as M(lvs.cluster.sysctls) takes
      them. A setting that has the value asked for is ok.
    type: dict
    default: {}
    version_added: 0.3.0
notes:
  - The packet filter is read with C(nft list ruleset). Rules that iptables-legacy made are not in
    it.
requirements:
  - the program C(ip) of iproute2 on the target
"""

EXAMPLES = r"""
- name: Check a director
  lvs.cluster.preflight:
    addresses: [192.168.2.23]
    neighbours: [192.168.2.31, 192.168.2.32]
    vips: [192.168.2.149]
    kernel_modules: [ip_vs]
    exclusive_table: true
  register: director

- name: Check a real server for direct routing
  lvs.cluster.preflight:
    addresses: [192.168.2.31]
    not_gateways: [192.168.2.23]
  register: real_server

- name: Check a real server for NAT
  lvs.cluster.preflight:
    addresses: [192.168.0.160]
    gateways: [192.168.0.254]
    answers:
      - {address: 192.168.0.160, port: 80, protocol: tcp}

- name: Check the director of a cluster with tunnels
  lvs.cluster.preflight:
    routed_to: [10.1.0.31, 10.2.0.31]
    mtu: 1500

- name: Check a real server that serves already
  lvs.cluster.preflight:
    addresses: [192.168.2.31]
    serves:
      dr:
        - {vip: 192.168.2.149, port: 80, protocol: tcp}
    running: true
"""

RETURN = r"""
checks:
  description: The result of each check.
  type: list
  elements: dict
  returned: success
  version_added: 0.3.0
  contains:
    check:
      description: The name of the check.
      type: str
      sample: ARP
    result:
      description:
        - V(ok), V(error), or V(warning) for what the collection does not manage; it works now but
          may fail later.
      type: str
      sample: ok
    message:
      description: The state; if it is not V(ok), what is wrong and what to do.
      type: str
      sample: ARP is suppressed for the VIPs
findings:
  description: The messages of RV(checks) that are errors. The module warns with those of warnings.
  type: list
  elements: str
  returned: success
  sample: ["192.168.2.31 is reached through the router 192.168.2.1, ..."]
interfaces:
  description: The interfaces by which O(neighbours) and O(routed_to) are reached, C(lo) left out.
  type: list
  elements: str
  returned: success
  sample: [eth1]
  version_added: 0.2.0
vip_interfaces:
  description: The interfaces in whose networks the O(vips) are, or O(interface).
  type: list
  elements: str
  returned: success
  sample: [eth0]
  version_added: 0.3.0
macs:
  description: The link-layer addresses of RV(interfaces) and RV(vip_interfaces), as other machines
    see them.
  type: list
  elements: str
  returned: success
  sample: ["02:42:c0:a8:02:17"]
  version_added: 0.3.0
all_macs:
  description: The link-layer addresses of all Ethernet interfaces that are up, from which its
    packets come.
  type: list
  elements: str
  returned: success
  sample: ["02:42:c0:a8:02:17"]
  version_added: 0.5.0
addresses:
  description: The addresses of the machine, on whatever interface.
  type: list
  elements: str
  returned: success
  sample: [127.0.0.1, 192.168.2.23]
  version_added: 0.6.0
vrrp:
  description: What C(/etc/keepalived/keepalived.conf) has of VRRP.
  type: dict
  returned: success
  version_added: 0.6.0
  contains:
    instances:
      description: The names of its instances.
      type: list
      elements: str
      sample: [lvs]
    differences:
      description: In what the instances differ from O(vrrp_instances), as far as all directors have
        to agree on it. A C(password) is named and not shown. Nothing without an instance.
      type: list
      elements: str
      sample: [virtual_router_id, password]
    peers:
      description: The addresses of the other directors, by unicast.
      type: list
      elements: str
      sample: [192.168.2.31]
    sources:
      description: The addresses from which this one advertises to them.
      type: list
      elements: str
      sample: [192.168.2.23]
    holds:
      description: Whether the machine holds one of O(vips) as a director.
      type: bool
installed_roles:
  description: The roles of this collection that were applied to the machine, by their units.
  type: list
  elements: str
  returned: success
  sample: [realserver_dr]
  version_added: 0.2.0
"""

import glob
import ipaddress
import json
import os
import re
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _applied,
    _arguments,
    _atomic_file,
    _boot,
    _host_checks,
    _host_facts,
    _links,
    _program,
    _routes,
    _run,
    _sysctl,
    _table_owner,
    _units,
    _vips,
    _vrrp_agreement,
)

Facts = Dict[str, Any]  # Python 3.8 takes no subscript of dict or Mapping here
UNITS = "/etc/systemd/system"
NETWORKD = "systemd-networkd.service"
KEEPALIVED_CONF = "/etc/keepalived/keepalived.conf"
#: Where configuration is looked for.
PLACES = ("/usr/lib", "/run", "/etc")
#: The roles that leave something on a host; each has a unit of its name.
ROLES = ("director", "realserver_dr", "realserver_tun", "realserver_nat", "keepalived_ha")


def examine(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the findings about this machine."""
    links = ip("-details", "address", "show")
    reached = [*params["neighbours"], *params["routed_to"]]
    routes = {address: ip("route", "get", address) for address in reached}
    devices = {found[0]["dev"] for found in routes.values() if found} - {"lo"}
    lans = {params["interface"] or lan(vip, links) for vip in params["vips"]} - {""}
    checks = [*rules(params, links, routes), *host_checks(params, links, lans, devices)]
    return {
        "checks": [each._asdict() for each in checks],
        "findings": [each.message for each in checks if each.result == "error"],
        "warnings": [each.message for each in checks if each.result == "warning"],
        "interfaces": sorted(devices),
        "vip_interfaces": sorted(lans),
        "macs": sorted({link["address"] for link in links if has_mac_on(link, devices | lans)}),
        "all_macs": sorted({link["address"] for link in links if has_mac(link)}),
        "addresses": sorted(addresses(links)),
        "vrrp": vrrp(params, links, lans),
        "installed_roles": installed_roles(),
    }


def vrrp(
    params: Mapping[str, Any], links: Sequence[Facts], lans: Collection[str]
) -> dict[str, Any]:
    """Return what keepalived runs of VRRP, and in what it differs from what is wanted.

    Its file may be newer: a run that wrote it may have ended before keepalived was reloaded.
    """
    here = _vrrp_agreement.parse(text(_applied.COPY) or text(KEEPALIVED_CONF))
    interface = params["interface"] or min(lans, default="")
    wanted = _vrrp_agreement.wanted(params["vrrp_instances"], interface, params["auth_pass"])
    sources = {each.source for each in here} - {""}
    return {
        "instances": [each.name for each in here],
        "differences": _vrrp_agreement.differences(here, wanted),
        "peers": sorted({peer for each in here for peer in each.agreement.peers} - sources),
        "sources": sorted(sources),
        "holds": bool(_vips.held(links, params["vips"])),
    }


def rules(
    params: Mapping[str, Any], links: Sequence[Facts], routes: Mapping[str, list[Facts]]
) -> Iterator[_host_facts.CheckResult]:
    """Yield the results of the checks that compare the machine with the inventory."""
    checks: dict[str, tuple[str, str, Iterator[str]]] = {
        "addresses": (
            "addresses",
            "those of the inventory",
            missing_addresses(params["addresses"], links),
        ),
        "neighbours": (
            "link",
            "all of them are on-link",
            off_link_neighbours(params["neighbours"], routes),
        ),
        "routed_to": (
            "routes",
            "present, with a sufficient MTU",
            missing_routes(params, routes, links),
        ),
        "tunnel_sources": (
            "sources of tunnels",
            "accepted by the real servers",
            sources_not_accepted(params, routes),
        ),
        "not_gateways": (
            "gateway",
            "past the director",
            director_as_gateway(params["not_gateways"]),
        ),
        "gateways": ("return path", "through the director", unusable_return_path(params)),
        "kernel_modules": (
            "kernel modules",
            "available",
            missing_modules(params["kernel_modules"]),
        ),
        "vips": ("VIPs", "no other host answers ARP for them", vips_in_use(params, links)),
        "exclusive_table": ("owner of the table", "no other program", table_owners(params)),
    }
    for option, check in checks.items():
        if params[option]:
            yield from _host_facts.results(*check)


def table_owners(params: Mapping[str, Any]) -> Iterator[str]:
    """Report other programs that write the table."""
    own = ["keepalived"] if "keepalived_ha" in installed_roles() else []
    try:
        _table_owner.refuse_other_owners([*params["ignore_owners"], *own])
    except _run.OperatorError as error:
        yield from error.mistakes


def host_checks(
    params: Mapping[str, Any],
    links: Sequence[Facts],
    lans: Collection[str],
    inner: Collection[str],
) -> list[_host_facts.CheckResult]:
    """Return the results of the checks that concern the machine's role."""
    same = "running keepalived instances services vips serves addresses rp_filter forward".split()
    expected = _host_facts.ExpectedRole(
        **{name: params[name] for name in same},
        director=params["exclusive_table"],
        lans=lans,
        inner=inner,
        interface=params["interface"] or "",
        sysctls=_sysctl.parse(params["sysctls"]),
    )
    return _host_checks.run_checks(read(expected, links), expected) if expected.units else []


def read(expected: _host_facts.ExpectedRole, links: Sequence[Facts]) -> _host_facts.HostFacts:
    """Read the facts that the checks need."""
    units = states([*expected.units, NETWORKD])
    managed = links if units.get(NETWORKD, ("", ""))[1] == "active" else []
    networks = {link["ifname"]: network(link["ifindex"]) for link in managed}
    conf = text(KEEPALIVED_CONF) if expected.keepalived else ""
    # Not with _keepalived: importing it takes longer than all of this.
    version = succeeds("keepalived", "--version") if "unicast_peer" in conf else ""
    said = succeeds("ipvsadm", "--list", "--daemon") if expected.vrrp else ""
    at_boot = _atomic_file.read("/etc/modules-load.d/lvs-realserver-tun.conf")
    made = text("/etc/lvs/realserver_tun.link")
    return _host_facts.HostFacts(
        release=os.uname().release,
        shown=links,
        links=_links.parse(links),
        sysctls=_sysctl.read_all(_host_facts.sysctls_to_read(link["ifname"] for link in links)),
        rules=succeeds("nft", "--terse", "list", "ruleset"),
        loaded=frozenset(os.listdir("/sys/module")),
        at_boot=None if at_boot is None else re.findall(r"(?m)^(\w+)", at_boot),
        options=text(*(f"{place}/modprobe.d/*.conf" for place in PLACES)),
        conn_tab_bits=text("/sys/module/ip_vs/parameters/conn_tab_bits").strip(),
        tunnels=re.findall(r"(?m)^link set dev (\S+) up", made),
        units=units,
        unit_errors={
            unit: _units.complaints(unit)
            for unit in expected.units
            if expected.running and units.get(unit, ("", ""))[1] in _units.TROUBLED
        },
        networks={name: said for name, said in networks.items() if said},
        networkd=text(
            "/etc/systemd/networkd.conf",
            *(f"{place}/systemd/networkd.conf.d/*.conf" for place in PLACES),
        ),
        daemons=re.findall(r"(?m)^(master|backup) sync daemon", said or ""),
        conf=conf,
        learned={
            hop["dev"]
            for route in ip("-6", "route", "show", "default")
            if route.get("protocol") == "ra"
            for hop in route.get("nexthops", [route])
        },
        keepalived=tuple(map(int, re.findall(r"\d+", (version or "").partition(",")[0])[:3])),
    )


def states(units: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return for each unit of systemd whether it is enabled, and whether it is active."""
    properties = "--property=Id,UnitFileState,ActiveState"
    said = succeeds("systemctl", "show", properties, *units) or ""
    blocks = [dict(re.findall(r"(?m)^(\w+)=(.*)", block)) for block in said.split("\n\n")]
    return {
        block["Id"]: (block.get("UnitFileState", ""), block.get("ActiveState", ""))
        for block in blocks
        if "Id" in block
    }


def network(index: int) -> str:
    """Return systemd-networkd's configuration of an interface; "" if it does not manage it."""
    found = re.search(r"(?m)^NETWORK_FILE=(.+)", text(f"/run/systemd/netif/links/{index}"))
    if not found:
        return ""
    dropins = f"systemd/network/{os.path.basename(found[1])}.d/*.conf"
    return "[Network]\n" + text(found[1]) + text(*(f"{place}/{dropins}" for place in PLACES))


def text(*patterns: str) -> str:
    """Return the text of files, by their names in order; nothing of those that aren't there."""
    paths = [path for pattern in patterns for path in glob.glob(pattern)]
    found = []
    for path in sorted(paths, key=os.path.basename):
        with open(path, encoding="utf-8", errors="replace") as file:
            found.append(f"{file.read()}\n")
    return "".join(found)


def lan(vip: str, links: Iterable[Facts]) -> str:
    """Return the interface in whose network an address is; "" where there is none."""
    address = ipaddress.ip_address(vip)
    found = [
        (each["prefixlen"], link["ifname"])
        for link in links
        if link["link_type"] == "ether"
        for each in link["addr_info"]
        if each["local"] != vip
        and address in ipaddress.ip_network(f"{each['local']}/{each['prefixlen']}", strict=False)
    ]
    return max(found, default=(0, ""))[1]


def has_mac_on(link: Facts, names: Collection[str]) -> bool:
    """Whether an interface is one of those named, and is seen by a link-layer address."""
    return link["ifname"] in names and link["link_type"] == "ether"


def has_mac(link: Facts) -> bool:
    """Whether an interface is up and has a link-layer address; a tunnel's that is down is zeros."""
    return link["link_type"] == "ether" and "UP" in link["flags"]


def installed_roles() -> list[str]:
    """Return the names of the roles that were applied here, by their units."""
    units = {name: os.path.join(UNITS, unit(name)) for name in ROLES}
    return [name for name, path in units.items() if os.path.exists(path)]


def unit(role: str) -> str:
    """Return the name of a role's unit."""
    return f"lvs-{role.replace('_', '-')}.service"


def succeeds(*words: str) -> str | None:
    """Run a program; return what it prints, or None if it fails or isn't there."""
    try:
        done = _program.run(*words)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout


def ip(*words: str) -> list[Facts]:
    """Return the output of the program ip, and nothing if it fails."""
    said: list[Facts] = json.loads(succeeds("ip", "-json", *words) or "[]")
    return said


def addresses(links: Iterable[Facts]) -> dict[str, Facts]:
    """Return the machine's addresses, each with the interface that it is on."""
    return {each["local"]: link for link in links for each in link["addr_info"]}


def gateway(route: Facts) -> str:
    """Return the address of a route's next router, "" if the link itself is next."""
    return str(route.get("gateway") or route.get("via", {}).get("host", ""))


def missing_addresses(wanted: Iterable[str], links: Iterable[Facts]) -> Iterator[str]:
    """Report addresses of the inventory that the machine does not have."""
    here = addresses(links)
    for address in wanted:
        if address not in here:
            yield (
                f"{address} is on no interface of this machine. If Ansible reaches it by an address"
                " that is not its own, set lvs_address to the one it has."
            )


def off_link_neighbours(
    neighbours: Iterable[str], routes: Mapping[str, list[Facts]]
) -> Iterator[str]:
    """Report neighbours that are not on-link."""
    for address in neighbours:
        if not routes[address]:
            yield f"{address} is to be on a link with this machine, and there is no route to it."
        elif router := gateway(routes[address][0]):
            yield (
                f"{address} is reached through the router {router}, but it has to be on a link with"
                " this machine, for the methods dr and nat. Put both on one link, or use the method"
                " tun or fullnat."
            )


def missing_routes(
    params: Mapping[str, Any], routes: Mapping[str, list[Facts]], links: Iterable[Facts]
) -> Iterator[str]:
    """Report addresses without a route, or with a route of too small an MTU."""
    mtus = {link["ifname"]: link["mtu"] for link in links}
    for address in params["routed_to"]:
        if not routes[address]:
            yield f"There is no route to {address}. Give this machine one, or correct the address."
            continue
        route = routes[address][0]
        stated = [metrics["mtu"] for metrics in route.get("metrics", ()) if "mtu" in metrics]
        mtu = min([*stated, mtus[route["dev"]]])
        if mtu < params["mtu"]:
            yield (
                f"The route to {address} carries packets of {mtu} octets by {route['dev']}, not of"
                f" {params['mtu']}. Set lvs_mtu: {mtu}, or raise the MTU of the interface or route."
            )


def sources_not_accepted(
    params: Mapping[str, Any], routes: Mapping[str, list[Facts]]
) -> Iterator[str]:
    """Report tunnels whose packets have a source that the real server does not accept.

    IPVS has the source from the route (__ip_vs_get_out_rt() in net/netfilter/ipvs/ip_vs_xmit.c).
    """
    for address, taken in params["tunnel_sources"].items():
        for route in routes.get(address, ()):
            source = route.get("prefsrc", "")
            if source and route.get("dev") != "lo" and not _host_facts.within(source, taken):
                yield (
                    f"What this machine sends to {address} has the source {source}; that real"
                    f" server accepts tunnels from {', '.join(taken) or 'no address'} only. Add"
                    f" {source} to lvs_address of this director, or to lvs_tunnel_sources of the"
                    " real server."
                )
        if address in params["addresses"] and not any(
            (":" in s) == (":" in address) for s in taken
        ):
            yield (
                f"Tunnels to {address} are taken from the directors only, and no address of a"
                f" director is known of the family {'IPv6' if ':' in address else 'IPv4'}. Set"
                " lvs_address of the directors, or lvs_tunnel_sources of this machine."
            )


def unusable_return_path(params: Mapping[str, Any]) -> Iterator[str]:
    """Report return paths that can't be used, or would cut Ansible's connection."""
    if not params["gateways"]:
        return
    try:
        wanted = _routes.parse({**params, "table": _routes.TABLE})
    except _run.OperatorError as error:
        yield from error.mistakes
        return
    yield from _routes.off_link(wanted.gateways.values())
    yield from _routes.would_cut(wanted, wanted.gateways if wanted.route == "default" else {})


def director_as_gateway(not_gateways: Iterable[str]) -> Iterator[str]:
    """Report gateways of the machine that it must not have."""
    show = ("route", "show", "table", "all")
    routes = [route for family in ("-4", "-6") for route in ip("-N", family, *show)]
    others = [route for route in routes if route.get("protocol") != str(_routes.PROTOCOL)]
    hops = [hop for route in others for hop in (route, *route.get("nexthops", ()))]
    for address in sorted({gateway(hop) for hop in hops}.intersection(not_gateways)):
        yield (
            f"Its gateway is {address}, the director, but with the methods dr and tun answers go to"
            " the clients past the director. Give it the network's own router as its gateway."
        )


def missing_modules(modules: Iterable[str]) -> Iterator[str]:
    """Report kernel modules that are neither in the kernel nor available."""
    for name in modules:
        if os.path.isdir(f"/sys/module/{name}"):
            continue
        if succeeds("modprobe", "--dry-run", "--quiet", name) is None:
            yield (
                f"This kernel ({os.uname().release}) has no module {name}. Install the package with"
                " the rest of its modules; in a container, load it on the host."
            )


def vips_in_use(params: Mapping[str, Any], links: Iterable[Facts]) -> Iterator[str]:
    """Report VIPs that another host answers for, or that fit no interface here."""
    here, by_name = addresses(links), {link["ifname"]: link for link in links}
    own = {link.get("address") for link in links}
    neighbours = [address for address in params["neighbours"] if ":" not in address]
    for vip in params["vips"]:
        name = here[vip]["ifname"] if vip in here else params["interface"]
        if not name:
            routes = ip("route", "get", vip)
            if not routes or gateway(routes[0]):
                yield (
                    f"The VIP {vip} is in no network of this machine. Name the interface that is to"
                    " hold it with lvs_interface."
                )
                continue
            name = routes[0]["dev"]
        link = by_name.get(name)
        if link is None:
            yield f"There is no interface {name} on this machine. Correct lvs_interface."
        elif link["link_type"] == "ether" and ":" not in vip:
            replies = who_has(link, [vip, *neighbours])
            known = {mac for address in neighbours for mac in replies.get(address, ())}
            for mac in sorted(replies.get(vip, set()) - known - own):
                yield (
                    f"The VIP {vip} is in use: {mac} answers for it on {name}. Remove it there,"
                    " or choose another."
                )


def who_has(link: Facts, targets: Iterable[str], wait: float = 1.0) -> dict[str, set[str]]:
    """Return the link-layer addresses that answer for IPv4 addresses within ``wait`` seconds.

    The requests have no sender address (a probe, RFC 5227, 2.1.1), so no neighbour caches it.
    """
    replies: dict[str, set[str]] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as packets:
        packets.bind((link["ifname"], _boot.ETH_P_ARP))
        broadcast = (link["ifname"], _boot.ETH_P_ARP, 0, 0, _boot.octets(_boot.BROADCAST))
        for target in targets:
            question = _links.Arp(
                _boot.ARP_REQUEST, link["address"], "0.0.0.0", _boot.NO_MAC, target
            )
            packets.sendto(question.encode(), broadcast)
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            packets.settimeout(left)
            try:
                reply = _links.Arp.decode(packets.recv(128))
            except socket.timeout:
                break
            if reply and reply.operation == _boot.ARP_REPLY:
                replies.setdefault(reply.sender_ip, set()).add(reply.sender_mac)
    return replies


def main() -> None:
    """Run the module."""
    lists = "addresses neighbours routed_to not_gateways gateways vips kernel_modules".split()
    module = AnsibleModule(
        argument_spec={
            **{name: {"type": "list", "elements": "str", "default": []} for name in lists},
            "mtu": {"type": "int", "default": 0},
            "answers": {"type": "list", "elements": "dict", "default": []},
            "tunnel_sources": {"type": "dict", "default": {}},
            "route": {"type": "str", "choices": ["policy", "default"], "default": "policy"},
            "keep_ports": {"type": "list", "elements": "int", "default": [22]},
            "interface": {"type": "str"},
            "exclusive_table": {"type": "bool", "default": False},
            "running": {"type": "bool", "default": False},
            "keepalived": {"type": "bool", "default": False},
            "instances": {"type": "int", "default": 0},
            "services": {"type": "list", "elements": "dict", "default": []},
            "serves": {"type": "dict", "default": {}},
            "vrrp_instances": {"type": "list", "elements": "dict", "default": []},
            "auth_pass": {"type": "str", "default": "", "no_log": True},
            "rp_filter": {"type": "str", "choices": ["loose", "off", "keep"], "default": "loose"},
            "forward": {"type": "str", "choices": ["all", "balanced"], "default": "all"},
            "sysctls": {"type": "dict", "default": {}},
            **_arguments.IGNORE_OWNERS,
        },
        supports_check_mode=True,
    )
    params = dict(module.params)
    # It is in no result, and Ansible would hide whatever equals it, such as a part of an address.
    module.no_log_values.clear()
    if module.params["auth_pass"]:
        module.params["auth_pass"] = "<secret>"
    _run.report(module, lambda _shown: examine(params))


if __name__ == "__main__":
    main()
