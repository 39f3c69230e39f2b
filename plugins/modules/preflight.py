#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: check a machine for errors and known pitfalls."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check a director or real server for errors and known pitfalls
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Checks a current or future director or real server against the rules of its cluster, and for
    known pitfalls.
  - Each check has a result in RV(checks), also if it is V(ok). An option enables its
    checks.
  - On FreeBSD and SunOS, the checks are those of a real server with this system.
  - It changes nothing. An error that it finds is a result and not a failure, so a playbook can show
    the findings of all machines together.
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
    description: The addresses of the machine in the inventory.
    type: list
    elements: str
    default: []
  neighbours:
    description: The addresses that must be on one link with the machine, with no router between.
    type: list
    elements: str
    default: []
  routed_to:
    description: The addresses to which the machine must have a route, through any number of
      routers.
    type: list
    elements: str
    default: []
  mtu:
    description:
      - The MTU, in bytes, that the routes to the addresses of O(routed_to) must have at least.
        With V(0) it is not checked.
      - The MTU of a route is its own, or that of its interface. The MTUs of routers on the path are
        not known here.
    type: int
    default: 0
  tunnel_sources:
    description:
      - The addresses of real servers to which tunnels lead, each with the addresses and networks
        from which tunnelled packets are accepted there.
      - It is a finding if packets to one of O(routed_to) have another source, and if one of
        O(addresses) has no source of its family.
    type: dict
    default: {}
  not_gateways:
    description:
      - The addresses that must not be a gateway of the machine, in no routing table.
      - Routes of M(lvs.cluster.return_route) are exempt, since the playbooks remove them with the
        forwarding method that needed them.
    type: list
    elements: str
    default: []
  gateways:
    description:
      - The addresses that must be the next hop of the machine's answers. They must be on one link
        with it.
    type: list
    elements: str
    default: []
  answers:
    description:
      - The services whose answers go through O(gateways), in the form of
        M(lvs.cluster.return_route). It is a finding if that would cut Ansible's ssh connection.
    type: list
    elements: dict
    default: []
  route:
    description: Which packets go through O(gateways); see M(lvs.cluster.return_route).
    type: str
    choices: [policy, default]
    default: policy
  fib:
    description: On FreeBSD, the routing table that has the route through O(gateways); see
      M(lvs.cluster.return_route).
    type: int
    default: 0
  keep_ports:
    description: The ports whose answers keep their route; see M(lvs.cluster.return_route).
    type: list
    elements: int
    default: [22]
  vips:
    description:
      - The VIPs that only this machine must hold. It is a finding if another machine answers ARP
        for one. The machines of O(neighbours) are exempt, since the roles suppress ARP there.
    type: list
    elements: str
    default: []
  interface:
    description: The interface of the VIPs. By default, it is the one by which they are routed.
    type: str
  kernel_modules:
    description: The kernel modules that must be loaded or available.
    type: list
    elements: str
    default: []
  exclusive_table:
    description: Whether the machine is a director whose IPVS table the roles write. Then no other
      program may own the table.
    type: bool
    default: false
  ignore_owners:
    description: Programs that may run although they usually own the table.
    type: list
    elements: str
    choices: [keepalived, kube-proxy, kube-router, ldirectord]
    default: []
  running:
    description:
      - Whether the roles are applied already. Then their settings in effect are checked, too, and
        whether they are restored at boot.
      - Without it, only what the roles do not correct is checked.
    type: bool
    default: false
  services:
    description: The virtual services of a director, as
      P(lvs.cluster.resolve#filter) returns them.
    type: list
    elements: dict
    default: []
  serves:
    description: What a real server serves, by forwarding method, as C(real_servers) of
      P(lvs.cluster.resolve#filter) has it.
    type: dict
    default: {}
  keepalived:
    description: Whether keepalived fills the IPVS table of the machine.
    type: bool
    default: false
  bgp:
    description: Whether the machine is a director that announces its VIPs by BGP.
    type: bool
    default: false
  vrrp_instances:
    description:
      - The VRRP instances that the inventory defines for a director, in the form of
        O(lvs.cluster.keepalived_conf#module:instances). They are compared with those of
        C(/etc/keepalived/keepalived.conf) in what all directors have to agree on. The default of
        C(interface) is O(interface), or the interface of the VIPs.
    type: list
    elements: dict
    default: []
  auth_pass:
    description: The password of all O(vrrp_instances).
    type: str
    default: ""
  rp_filter:
    description: What is done about reverse path filtering; see M(lvs.cluster.arp_suppress). With
      V(keep), it is checked on tunnels only.
    type: str
    choices: [loose, 'off', keep]
    default: loose
  forward:
    description: What a director must forward with V(nat) and V(fullnat), as the role
      P(lvs.cluster.director#role) has it.
    type: str
    choices: [all, balanced]
    default: all
  sysctls:
    description: The kernel settings of the inventory, in the form of M(lvs.cluster.sysctls). A
      setting with this value is ok.
    type: dict
    default: {}
  roles:
    description: The roles of the machine in the inventory. Other RV(installed_roles) are in
      RV(former_director_roles) and RV(former_realserver_roles).
    type: list
    elements: str
    default: []
notes:
  - The packet filter is read with C(nft list ruleset). It does not include rules of
    iptables-legacy.
requirements:
  - the program C(ip) of iproute2 on a target with Linux
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

- name: Check a configured real server
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
lines:
  description: RV(checks) as text.
  type: list
  elements: str
  returned: success
  sample: ["  ok: ARP: ARP is suppressed for the VIPs"]
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
vip_interface:
  description: O(interface), or the interface in whose network the O(vips) are; empty where there is
    none.
  type: str
  returned: success
  sample: eth0
macs:
  description: The link-layer addresses of RV(interfaces) and RV(vip_interface), as other machines
    see them.
  type: list
  elements: str
  returned: success
  sample: ["02:42:c0:a8:02:17"]
all_macs:
  description: The link-layer addresses of all Ethernet interfaces that are up, from which its
    packets come.
  type: list
  elements: str
  returned: success
  sample: ["02:42:c0:a8:02:17"]
addresses:
  description: The addresses of the machine, on all interfaces.
  type: list
  elements: str
  returned: success
  sample: [127.0.0.1, 192.168.2.23]
vrrp:
  description: The VRRP configuration in C(/etc/keepalived/keepalived.conf).
  type: dict
  returned: success
  contains:
    instances:
      description: The names of its instances.
      type: list
      elements: str
      sample: [lvs]
    differences:
      description: The settings in which the instances differ from O(vrrp_instances), and on which
        all directors must agree. C(password) is listed, but its value is not shown. Empty without
        an instance.
      type: list
      elements: str
      sample: [virtual_router_id, password]
    peers:
      description: The addresses of the other directors, by unicast.
      type: list
      elements: str
      sample: [192.168.2.31]
    sources:
      description: The addresses from which this director sends advertisements to them.
      type: list
      elements: str
      sample: [192.168.2.23]
    holds:
      description: Whether the machine holds one of O(vips) as a director.
      type: bool
installed_roles:
  description: The roles of this collection that were applied to the machine, by their units; on
    FreeBSD and SunOS, by what they keep for the boot.
  type: list
  elements: str
  returned: success
  sample: [realserver_dr]
former_director_roles:
  description: Those of RV(installed_roles) of a director that are not in O(roles), in the order in
    which they are to be removed.
  type: list
  elements: str
  returned: success
  sample: []
former_realserver_roles:
  description: Those of RV(installed_roles) of a real server that are not in O(roles).
  type: list
  elements: str
  returned: success
  sample: []
host_state:
  description: Facts of the machine by which roles of this collection skip tasks with nothing to
    do.
  type: dict
  returned: success
  contains:
    os_family:
      description: The family of its distribution, as Ansible's fact of that name has it; empty for
        another one than V(Debian), V(RedHat), V(FreeBSD) and V(Solaris).
      type: str
      sample: Debian
    packages:
      description: The installed packages, of those that roles install.
      type: list
      elements: str
      sample: [iproute2, ipvsadm]
    kernel_modules:
      description: The loaded kernel modules, of those that roles load.
      type: list
      elements: str
      sample: [ip_vs]
    state_files:
      description: The existing state files of the roles.
      type: list
      elements: str
      sample: [/etc/lvs/director.ip, /etc/sysctl.d/90-lvs-director.conf]
"""

import ipaddress
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arguments,
    _host_checks,
    _host_reader,
    _keepalived_applied,
    _run,
    _sysctl,
    _vips,
    _vrrp_agreement,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    Data,
    ExpectedRole,
    addresses_of,
)

#: The roles of a director, in the order in which they are removed.
DIRECTOR_ROLES = ("keepalived_ha", "director_bgp", "director")


def examine(params: Mapping[str, Any], system: Any = _host_reader) -> dict[str, Any]:
    """Return the findings about this machine.

    :param system: the file of the library that reads a machine with this system
    """
    links = system.links()
    reached = [*params["neighbours"], *params["routed_to"]]
    routes = {address: system.route(address) for address in reached}
    devices = {found[0]["dev"] for found in routes.values() if found} - {"lo", "lo0"}
    lans = {params["interface"] or lan(vip, links) for vip in params["vips"]} - {""}
    expected = expected_role(params, lans, devices)
    facts = system.read(expected, links, routes)
    checks = _host_checks.run_checks(facts, expected, system.CHECKS)
    vip_interface = params["interface"] or min(lans, default="")
    installed = system.installed_roles()
    former = [role for role in installed if role not in params["roles"]]
    return {
        "checks": [each._asdict() for each in checks],
        "lines": [f"  {each.result}: {each.check}: {each.message}" for each in checks],
        "findings": [each.message for each in checks if each.result == "error"],
        "warnings": [each.message for each in checks if each.result == "warning"],
        "interfaces": sorted(devices),
        "vip_interface": vip_interface,
        "macs": sorted({link["address"] for link in links if has_mac_on(link, devices | lans)}),
        "all_macs": sorted({link["address"] for link in links if has_mac(link)}),
        "addresses": sorted(addresses_of(links)),
        "vrrp": vrrp(params, links, vip_interface),
        "installed_roles": installed,
        "former_director_roles": [role for role in DIRECTOR_ROLES if role in former],
        "former_realserver_roles": [role for role in former if role not in DIRECTOR_ROLES],
        "host_state": system.host_state(),
    }


def expected_role(
    params: Mapping[str, Any], lans: Collection[str], inner: Collection[str]
) -> ExpectedRole:
    """Return the role that the options give to the machine."""
    same = params.keys() & set(ExpectedRole._fields)
    return ExpectedRole(
        **{
            **{name: params[name] for name in same},
            "director": params["exclusive_table"],
            "instances": len(params["vrrp_instances"]) if params["exclusive_table"] else 0,
            "lans": lans,
            "inner": inner,
            "interface": params["interface"] or "",
            "sysctls": _sysctl.parse(params["sysctls"]),
        }
    )


def vrrp(params: Mapping[str, Any], links: Sequence[Data], interface: str) -> dict[str, Any]:
    """Return the VRRP configuration that keepalived runs, and its differences from the inventory.

    Its file may be newer: a run that wrote it may have ended before keepalived was reloaded.
    """
    here = _vrrp_agreement.parse(
        _host_reader.text(_keepalived_applied.COPY)
        or _host_reader.text(_host_reader.KEEPALIVED_CONF)
    )
    wanted = _vrrp_agreement.wanted(params["vrrp_instances"], interface, params["auth_pass"])
    sources = {each.source for each in here} - {""}
    return {
        "instances": [each.name for each in here],
        "differences": _vrrp_agreement.differences(here, wanted),
        "peers": sorted({peer for each in here for peer in each.agreement.peers} - sources),
        "sources": sorted(sources),
        "holds": bool(_vips.held(links, params["vips"])),
    }


def lan(vip: str, links: Iterable[Data]) -> str:
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


def has_mac_on(link: Data, names: Collection[str]) -> bool:
    """Whether an interface is one of those named, and is seen by a link-layer address."""
    return link["ifname"] in names and link["link_type"] == "ether"


def has_mac(link: Data) -> bool:
    """Whether an interface is up and has a link-layer address; a tunnel's that is down is zeros."""
    return link["link_type"] == "ether" and "UP" in link["flags"]


def main() -> None:
    """Run the module."""
    lists = "addresses neighbours routed_to not_gateways gateways vips kernel_modules roles".split()
    module = AnsibleModule(
        argument_spec={
            **{name: {"type": "list", "elements": "str", "default": []} for name in lists},
            "mtu": {"type": "int", "default": 0},
            "answers": {"type": "list", "elements": "dict", "default": []},
            "tunnel_sources": {"type": "dict", "default": {}},
            "route": {"type": "str", "choices": ["policy", "default"], "default": "policy"},
            "fib": {"type": "int", "default": 0},
            "keep_ports": {"type": "list", "elements": "int", "default": [22]},
            "interface": {"type": "str"},
            "exclusive_table": {"type": "bool", "default": False},
            "running": {"type": "bool", "default": False},
            "keepalived": {"type": "bool", "default": False},
            "bgp": {"type": "bool", "default": False},
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
    if sys.platform.startswith("freebsd"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd_host

        _run.report(module, lambda _shown: examine(params, _freebsd_host))
    if sys.platform.startswith("sunos"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _sunos_host

        _run.report(module, lambda _shown: examine(params, _sunos_host))
    _run.report(module, lambda _shown: examine(params))


if __name__ == "__main__":
    main()
