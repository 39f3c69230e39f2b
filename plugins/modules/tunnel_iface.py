#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: tunnel devices of a real server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel_iface
short_description: Manage tunnel devices on a real server
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - With the forwarding method TUN, a director encapsulates each packet of a client and sends it to
    a real server. This module makes the real server decapsulate it, now and at boot.
  - If possible, it uses the fallback device of the kernel module, C(tunl0) for IPv4 in
    IPv4, C(sit0) for IPv6 in IPv4, C(ip6tnl0) for IPv6 in IPv6, C(gre0) and C(ip6gre0) for GRE.
    These drop GRE with a checksum, and IPv4 in IPv6. For these, it adds a device whose name begins
    with V(lvs-).
  - GUE uses UDP, so it needs a port (C(ip fou)) in addition to the device for the inner packet.
  - A fallback device accepts tunnels from any host to any address of this one. Use RV(packets) for
    a packet filter that accepts them from the directors only, as the role
    P(lvs.cluster.realserver_tun#role) does.
  - If something cannot be set up or removed, what was done before it is undone.
  - On FreeBSD, O(tunnels) have to be V(ipip) with IPv4 inside and outside. They end at managed
    interfaces (C(gif)), one for each of O(sources), and RV(packets) is empty.
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  tunnels:
    description:
      - The tunnels that end on this host. Several services may use the same tunnel.
      - Required for O(state=present). With O(state=absent) it is ignored.
    type: list
    elements: dict
    suboptions:
      type:
        description: The type of encapsulation, the C(tunnel_type) of the destination.
        type: str
        choices: [ipip, gue, gre]
        default: ipip
      address:
        description: The RIP, the destination address of the outer packet.
        type: str
        required: true
      inner:
        description: The family of the inner packet, which is that of the VIP.
        type: str
        choices: [ipv4, ipv6]
        default: ipv4
      port:
        description: The UDP port for O(tunnels[].type=gue), 6080 if it is not given.
        type: int
      checksum:
        description:
          - The checksum of the outer packet, the C(tunnel_checksum) of the destination. V(remote)
            is for O(tunnels[].type=gue) only. With O(tunnels[].type=gre), all services of an
            address must have the same value.
        type: str
        choices: [none, checksum, remote]
        default: none
  sources:
    description:
      - On FreeBSD, the addresses and networks from which the tunnels come, those of the directors.
        With addresses only, tunnels from all others are not taken. With a network, or with nothing,
        they are taken from every address, and the module warns. On Linux it has no effect; there,
        a packet filter does that.
    type: list
    elements: str
    default: []
  state:
    description:
      - With V(present), O(tunnels) are set up, and others that O(save) lists are removed.
      - With V(absent), all tunnels that O(save) lists are removed. A device that was already set up
        before this module listed it, such as a C(tunl0) that was up, stays.
    type: str
    choices: [present, absent]
    default: present
  save:
    description:
      - The file that restores the tunnels at boot, in the format of C(ip -batch). It belongs to the
        task, which writes it whole. Without lines it is removed.
      - C(ip) fails if a device exists, so a program that runs again must skip existing devices, as
        the unit of the role P(lvs.cluster.realserver_tun#role) does.
      - Required for O(state=absent).
      - On FreeBSD, a file of C(rc.conf.d) takes its place, which C(/etc/rc.d/netif) reads beside
        C(/etc/rc.conf). For V(/etc/lvs/realserver_tun.link), this is
        C(/etc/rc.conf.d/netif/lvs_tun_link).
    type: path
seealso:
  - module: lvs.cluster.vip_iface
  - module: lvs.cluster.arp_suppress
notes:
  - The kernel modules must be loaded before (C(ipip), C(sit), C(ip6_tunnel), C(ip_gre),
    C(ip6_gre), C(fou)).
  - Reverse path filtering drops decapsulated packets, unless C(rp_filter) is 0 or 2 in effect
    on its device; see M(lvs.cluster.sysctls).
requirements:
  - the program C(ip) (iproute2) on a target with Linux
"""

EXAMPLES = r"""
- name: Unpack IPv4 in IPv4, by tunl0
  lvs.cluster.tunnel_iface:
    tunnels:
      - address: 192.168.2.31
    save: /etc/lvs/realserver_tun.link

- name: Unpack GUE for VIPs of both families, and GRE with checksums
  lvs.cluster.tunnel_iface:
    tunnels:
      - {type: gue, address: 192.168.2.31, port: 6080, inner: ipv4}
      - {type: gue, address: 192.168.2.31, port: 6080, inner: ipv6}
      - {type: gre, address: 192.168.2.31, checksum: checksum}
    save: /etc/lvs/realserver_tun.link

- name: Take away what was set up there
  lvs.cluster.tunnel_iface:
    state: absent
    save: /etc/lvs/realserver_tun.link
"""

RETURN = r"""
before:
  description: The tunnels before the change, in the format of C(ip -batch), on FreeBSD in the words
    of C(ifconfig).
  type: list
  elements: str
  returned: success
  sample: []
after:
  description: The tunnels after the change.
  type: list
  elements: str
  returned: success
  sample: [link set dev tunl0 up, fou add port 6080 gue]
interfaces:
  description: The devices at which O(tunnels) end, in their order.
  type: list
  elements: str
  returned: success
  sample: [tunl0]
packets:
  description: Expressions of nftables that match the packets of O(tunnels) in a table C(inet).
  type: list
  elements: dict
  returned: success
  contains:
    family:
      description: The family of the outer packet's addresses, V(ip) or V(ip6).
      type: str
      sample: ip
    match:
      description: The expression; it matches packets from any source.
      type: str
      sample: meta l4proto 4
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["There is no interface tunl0 here: load its module (modprobe ipip)."]
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file, _run, _tunnels

HEADER = "# Written by Ansible (lvs.cluster.tunnel_iface), which replaces what is changed here.\n"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options define."""
    present = params["state"] == "present"
    tunnels = _tunnels.parse(params["tunnels"]) if present else []
    wanted = _tunnels.lines(tunnels)
    saved = _atomic_file.read(params["save"]) if params["save"] else None
    owned = _atomic_file.parsed(params["save"], saved, _tunnels.saved)
    found = _tunnels.read(gue=any(line.startswith("fou ") for line in (*wanted, *owned)))
    before, after = _tunnels.target(found.lines, wanted, owned)
    files, meanwhile = {}, {}
    if params["save"]:
        entries = _tunnels.entries(found.lines, wanted, owned)
        files[params["save"]] = (saved, _tunnels.render(entries, HEADER))
        meanwhile[params["save"]] = _tunnels.render({**owned, **entries}, HEADER)
    return _run.Change(
        before,
        after,
        apply=partial(_tunnels.apply, _tunnels.plan(before, after)),
        files=files,
        text=("\n".join([*before, ""]), "\n".join([*after, ""])),
        results={
            "interfaces": _tunnels.interfaces(tunnels),
            "packets": _tunnels.packets(tunnels),
        },
        missing_requirements=_tunnels.missing(found, wanted),
        meanwhile=meanwhile,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "tunnels": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "type": {"type": "str", "choices": ["ipip", "gue", "gre"], "default": "ipip"},
                    "address": {"type": "str", "required": True},
                    "inner": {"type": "str", "choices": ["ipv4", "ipv6"], "default": "ipv4"},
                    "port": {"type": "int"},
                    "checksum": {
                        "type": "str",
                        "choices": ["none", "checksum", "remote"],
                        "default": "none",
                    },
                },
            },
            "sources": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "save": {"type": "path"},
        },
        required_if=[("state", "present", ["tunnels"]), ("state", "absent", ["save"])],
        supports_check_mode=True,
    )
    if sys.platform.startswith("freebsd"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd_tunnels

        _run.run(module, _freebsd_tunnels.prepare)
    _run.run(module, prepare)


if __name__ == "__main__":
    main()
