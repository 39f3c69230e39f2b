#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the VIPs of an interface."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_iface
short_description: Manage VIPs on an interface
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Adds VIPs to an interface, now and at boot. On a director this is the LAN interface; on a
    real server it is C(lo), a dummy, or the tunnel that decapsulates.
  - On an interface that does not use ARP (C(lo), dummies, tunnels), a VIP is added only while ARP
    is suppressed in effect on the host's other interfaces; see M(lvs.cluster.arp_suppress). On an
    interface that uses ARP, an added VIP is announced to the neighbours.
  - A VIP is added without duplicate address detection, because several hosts hold it by design. An
    IPv6 VIP gets the preferred lifetime 0, so the host never uses it as the source address of its
    own connections, such as health checks.
  - If an address cannot be added or removed, or announced, what was done before it is undone.
  - On FreeBSD, VIPs are added to a loopback interface by C(ifconfig), and are refused while a
    setting would make the host answer ARP for them, or drop what arrives for them. There,
    O(suppressed_on), O(director) and O(announce) have no effect.
  - On SunOS (Solaris and illumos), the same is true, with C(ipadm) or C(ifconfig). Where C(ipadm)
    keeps C(lo0), each VIP is an address object of it, whose name begins with C(lvs) and has the
    address in hexadecimal, like C(lo0/lvsc0a800c8). By this the module recognises its VIPs. IPv6
    VIPs are refused.
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  interface:
    description:
      - The interface.
      - By default, the interface of the VIPs' network, by the main routing table. With
        O(state=absent), it is needed for O(vips) only.
      - On FreeBSD it has to be a loopback interface, on SunOS V(lo0). V(lo) is understood as
        V(lo0), which is the default, and so is a tunnel's interface such as V(gif0).
    type: str
  vips:
    description:
      - The VIPs, IPv4 and IPv6. A VIP is one address, so its prefix length, if there is one, is 32
        or 128.
      - Required for O(state=present). With O(state=absent), these VIPs are removed; without
        O(vips), those that the file of O(save) lists.
    type: list
    elements: str
  state:
    description:
      - With V(present), the interface has the VIPs. A VIP that O(save) lists and O(vips) does not
        is removed (see O(prune)), and so is one that O(save) lists for another interface. Addresses
        in no list are left alone.
      - A VIP that is one of the interface's own addresses already, with a shorter prefix, is left
        as it is. On an interface that does not use ARP it is refused, since it would make a whole
        network local to the host.
      - A VIP on another interface that uses ARP is not added to this one, unless O(director) is
        true.
      - With V(absent), the interface does not have the VIPs.
    type: str
    choices: [present, absent]
    default: present
  save:
    description:
      - The file that restores the VIPs at boot, by C(ip -batch). It belongs to the task, which
        writes it whole. Without any VIP it is removed.
      - On FreeBSD, a file of C(rc.conf.d) takes its place, which C(/etc/rc.d/netif) reads beside
        C(/etc/rc.conf). For V(/etc/lvs/realserver_dr.ip), this is C(/etc/rc.conf.d/netif/lvs_dr),
        or C(/etc/rc.conf.d/network/lvs_dr) where C(/etc/rc.conf.d/netif) is a file. What was on the
        interface before it was listed first is noted there, and O(state=absent) without O(vips)
        leaves it.
      - On SunOS, if O(save) is given, C(ipadm) keeps the VIPs for the boot, and there is no file.
        Where it does not keep C(lo0), and on Solaris 10, which has no C(ipadm), the boot scripts
        read a file for each VIP, C(/etc/hostname.lo0:1) and so on, and O(save) lists these.
    type: path
  prune:
    description:
      - Whether a VIP that O(save) lists and O(vips) does not is removed, with O(state=present). If
        not, it stays where it is and in the file, and is in RV(kept).
      - So a real server can serve requests until all directors have the new configuration, and be
        pruned then.
    type: bool
    default: true
  suppressed_on:
    description:
      - The interfaces on which ARP must be suppressed before an IPv4 VIP is added to an interface
        that does not use ARP.
      - By default, all other interfaces that are up and use ARP.
    type: list
    elements: str
  director:
    description:
      - Whether the machine is one of several directors. While it is their master, it has the VIPs
        on its LAN interface as well.
    type: bool
    default: false
  announce:
    description:
      - Whether a VIP that was added is announced, three times within two seconds. For IPv4 this is
        gratuitous ARP, for IPv6 an unsolicited neighbour advertisement.
      - By default, it is announced if the interface uses ARP. An interface that is down, or is not
        Ethernet, transmits no announcement.
    type: bool
seealso:
  - module: lvs.cluster.arp_suppress
requirements:
  - python3-pyroute2 and the program C(ip) (iproute2) on a target with Linux
"""

EXAMPLES = r"""
- name: Put the VIP on a director's LAN interface
  lvs.cluster.vip_iface:
    interface: eth0
    vips: [192.168.2.149]
    save: /etc/lvs/director.ip

- name: Put the VIPs on a real server for direct routing, where lvs.cluster.arp_suppress came before
  lvs.cluster.vip_iface:
    interface: lo
    vips: [192.168.2.149, '2001:db8::149']
    save: /etc/lvs/realserver_dr.ip

- name: Take away what was put there
  lvs.cluster.vip_iface:
    state: absent
    save: /etc/lvs/realserver_dr.ip
"""

RETURN = r"""
before:
  description: The VIPs that were on the interface, as C(ip address) prints them, on FreeBSD in the
    words of C(ifconfig), on SunOS the address objects.
  type: list
  elements: str
  returned: success
  sample: []
after:
  description: The VIPs that are on the interface now.
  type: list
  elements: str
  returned: success
  sample: [192.168.2.149/32 dev lo, '2001:db8::149/128 dev lo nodad preferred_lft 0']
kept:
  description: The VIPs that O(save) lists and O(vips) does not, and that stay without O(prune).
  type: list
  elements: str
  returned: success
  sample: [192.168.2.150]
interface:
  description: The interface, given or found.
  type: str
  returned: success
  sample: eth0
announced:
  description: The VIPs that were announced.
  type: list
  elements: str
  returned: something was changed
  sample: [192.168.2.149]
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["interface: there is no interface tunl0 here."]
"""

import sys
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _links,
    _run,
    _sysctl,
)

HEADER = "# Written by Ansible (lvs.cluster.vip_iface), which replaces what is changed here.\n"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options define."""
    path = params["save"]
    listed = _links.vips(params["interface"] or "", params["vips"] or [])
    interface = params["interface"] or _links.interface_toward([str(vip.ip.ip) for vip in listed])
    listed = [vip._replace(interface=interface) for vip in listed]
    saved = _atomic_file.read(path) if path else None
    owned = _atomic_file.parsed(path, saved, _links.saved)
    unlisted: list[str] = []
    if params["state"] == "present":
        wanted, unwanted = listed, [address for address in owned if address not in listed]
        if not params["prune"]:
            here = {address.ip.ip for address in listed}  # one on another interface moves
            unlisted = [str(each.ip.ip) for each in unwanted if each.ip.ip not in here]
            unwanted = [address for address in unwanted if address.ip.ip in here]
    else:
        wanted, unwanted = [], owned if params["vips"] is None else listed

    links = _links.read()
    link = links.get(interface, _links.Link(interface))
    mistakes = _links.networks(link, wanted)
    if mistakes:
        raise _run.OperatorError(*mistakes)
    before, after = _links.target(links, wanted, unwanted)
    operations = _links.plan(before, after)
    added = [after[key] for key in after if key not in before]
    announce = link.uses_arp if params["announce"] is None else params["announce"]
    late = _links.unannounced(saved)  # of a run that was killed before it got there
    fresh = [a for a in after.values() if a in added or (a in wanted and str(a.ip.ip) in late)]
    heralded = fresh if announce and link.up and link.kind == "ether" else []

    def apply() -> Mapping[str, Any]:
        _links.apply(operations)
        try:
            if heralded:
                router = _sysctl.read(f"net/ipv6/conf/{interface}/forwarding") not in (None, "0")
                _links.announce(link, heralded, router)
        except OSError as error:
            refused = _run.OperatorError(
                f"{interface} did not transmit the announcement of its VIPs: {error.strerror}."
            )
            raise _links.undo(operations, refused) from error
        return {"announced": [str(address.ip.ip) for address in heralded]}

    kept = [address for address in owned if address not in unwanted]
    kept += [address for address in wanted if address.place in after and address not in kept]
    files = {path: (saved, _links.render(kept, HEADER))} if path else {}
    both = [*owned, *(address for address in kept if address not in owned)]
    staying = {name: each.without(unwanted) for name, each in links.items()}
    missing_requirements = _obstacles(staying, link, added, params) if added else []
    return _run.Change(
        _lines(before),
        _lines(after),
        apply=apply,
        files=files,
        text=("\n".join([*_lines(before), ""]), "\n".join([*_lines(after), ""])),
        results={"interface": interface, "kept": list(dict.fromkeys(unlisted))},
        missing_requirements=[*_links.missing_library(), *missing_requirements]
        if operations
        else [],
        meanwhile={path: _links.render(both, HEADER, heralded)} if path else {},
    )


def _lines(addresses: Mapping[Any, _links.Address]) -> list[str]:
    return sorted(address.line for address in addresses.values())


def _obstacles(
    links: Mapping[str, _links.Link],
    link: _links.Link,
    added: list[_links.Address],
    params: Mapping[str, Any],
) -> list[str]:
    """Read the ARP settings, and return the reasons why VIPs can't be added."""
    suppressed_on = params["suppressed_on"]
    if suppressed_on is None:
        suppressed_on = _links.arp_interfaces(links)
    names = [name for name in suppressed_on if name != link.name]
    values = _sysctl.read_all(_sysctl.arp_keys(names))
    effects = {name: _sysctl.in_effect(values, name) for name in names}
    return _links.obstacles(links, link.name, added, effects, params["director"])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str"},
            "vips": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "save": {"type": "path"},
            "prune": {"type": "bool", "default": True},
            "suppressed_on": {"type": "list", "elements": "str"},
            "director": {"type": "bool", "default": False},
            "announce": {"type": "bool"},
        },
        required_if=[
            ("state", "present", ["vips"]),
            ("state", "absent", ["vips", "save"], True),
        ],
        supports_check_mode=True,
    )
    if sys.platform.startswith("freebsd"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd_addresses

        _run.run(module, _freebsd_addresses.prepare)
    if sys.platform.startswith("sunos"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _sunos_addresses

        _run.run(module, _sunos_addresses.prepare)
    _run.run(module, prepare)


if __name__ == "__main__":
    main()
