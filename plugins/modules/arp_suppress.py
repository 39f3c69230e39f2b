#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: keep a real server from answering ARP for the VIPs it holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: arp_suppress
short_description: Keep a real server from answering ARP for its VIPs
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - With direct routing and tunnelling, a real server holds the VIP on an interface of its own, such
    as C(lo) or C(tunl0). By default, Linux answers ARP for it on every interface, so clients bypass
    the director. This module suppresses these answers.
  - The value in effect on the receiving interface counts. The kernel uses the larger of C(conf/all)
    and C(conf/INTERFACE). The module computes this value. It makes sure that C(arp_ignore) is 1, 2
    or 8 in effect (3 to 7 answer for a VIP) and that C(arp_announce) is 2 (a larger value means 0).
    If an interface's own value would override that, it sets that one, too.
  - IPv6 does not need this. Linux answers a neighbour solicitation only for addresses of the
    receiving interface.
  - FreeBSD and SunOS do the same for ARP, so nothing is set there. With O(state=present), the
    module fails if proxy ARP or a published ARP entry would answer for VIPs, or if the host drops
    what arrives for an address of another interface, and shows what to do. It reads O(interfaces)
    and O(state) only.
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  interfaces:
    description:
      - The LAN interfaces, on which requests for the VIPs arrive; not C(lo).
      - By default, all interfaces that are up and use ARP, and those that the file of O(save)
        lists.
      - If an interface is no longer listed, its settings get their former values.
    type: list
    elements: str
  state:
    description:
      - With V(present), ARP for VIPs is suppressed.
      - With V(absent), the settings in the file get their former values, unless another program has
        changed them since, and the file is removed. Without a file, nothing is changed. A file of
        release 0.1.0 has no former values. Then C(arp_ignore) and C(arp_announce) of C(conf/all)
        get the kernel's default 0, and settings of an interface get the value of C(conf/default).
      - While a VIP is still on the host, nothing is changed, and RV(msg) has the reason. A VIP,
        here, is an IPv4 address of C(lo) other than 127.0.0.0/8, or an address with /32 on a dummy
        or tunnel interface.
    type: str
    choices: [present, absent]
    default: present
  rp_filter:
    description:
      - What to do about reverse path filtering, which drops requests whose answers would leave by
        another interface.
      - V(loose) sets C(rp_filter) of each interface to 2. That wins over any value of C(conf/all).
      - V(off) sets it to 0 for C(conf/all) and each interface.
      - V(keep) leaves it as it is.
    type: str
    choices: [loose, 'off', keep]
    default: loose
  save:
    description: The file that restores the settings at boot. This module owns the file and replaces
      it. Comments in it have the former value of each setting.
    type: path
    default: /etc/sysctl.d/90-lvs-arp.conf
seealso:
  - module: lvs.cluster.vip_iface
notes:
  - Suppress ARP before a VIP is added, and remove VIPs before suppression ends. Otherwise
    neighbours learn the wrong link-layer address.
"""

EXAMPLES = r"""
- name: Suppress ARP for the VIPs of a real server
  lvs.cluster.arp_suppress:
    interfaces: [eth0]

- name: Undo it, if no VIP is left
  lvs.cluster.arp_suppress:
    state: absent
"""

RETURN = r"""
before:
  description: The settings before the change.
  type: dict
  returned: success
  contains:
    sysctls:
      description: The settings concerned, by their path below C(/proc/sys); on FreeBSD by their
        names; on SunOS, C(hostmodel) of IPv4.
      type: dict
      sample: {net/ipv4/conf/all/arp_ignore: "0", net/ipv4/conf/all/arp_announce: "0"}
    in_effect:
      description: The values in effect on each interface; null for one that does not exist.
      type: dict
      sample: {eth0: {arp_ignore: 0, arp_announce: 0, rp_filter: 1}}
after:
  description: The settings after the change.
  type: dict
  returned: success
  contains:
    sysctls:
      description: The settings concerned, by their path below C(/proc/sys).
      type: dict
      sample: {net/ipv4/conf/all/arp_ignore: "1", net/ipv4/conf/all/arp_announce: "2"}
    in_effect:
      description: The values in effect on each interface.
      type: dict
      sample: {eth0: {arp_ignore: 1, arp_announce: 2, rp_filter: 2}}
vips:
  description: The VIPs that keep ARP suppressed; on FreeBSD and SunOS, those on C(lo0).
  type: list
  elements: str
  returned: O(state=absent)
  sample: [192.168.2.149/32 dev lo]
msg:
  description: Why ARP stays suppressed; on FreeBSD and SunOS, why there is nothing to set.
  type: str
  returned: O(state=absent) and a VIP is still there, or on FreeBSD and SunOS
  sample: "ARP stays suppressed: 192.168.2.149/32 dev lo would be answered for."
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["interfaces: there is no interface eth9 here."]
"""

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _links,
    _run,
    _sysctl,
)

HEADER = "# Written by Ansible (lvs.cluster.arp_suppress), which replaces what is changed here.\n"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options define."""
    links = _links.read()
    saved = _atomic_file.read(params["save"])
    _atomic_file.parsed(params["save"], saved, _sysctl.check)
    managed = _sysctl.saved_values(saved)
    interfaces = params["interfaces"] or _default_interfaces(links, managed)
    odd = [name for name in interfaces if name in ("all", "default", "lo")]
    if odd:
        raise _run.OperatorError(
            *(
                f"interfaces: {name} receives no requests; it must be the LAN interface."
                for name in odd
            )
        )
    before = _sysctl.read_all([*_sysctl.arp_keys(interfaces), *managed])
    missing_requirements: list[str] = []
    results: dict[str, Any] = {}
    text: str | None
    notes: dict[str, str] = {}
    listed: dict[str, str] = {}
    restored = {}
    if params["state"] == "present":
        listed = _sysctl.suppression(before, interfaces, params["rp_filter"], managed)
        notes = _sysctl.values_to_note(saved, before, listed)
        text = _sysctl.document(HEADER, notes, listed)
        restored = _sysctl.values_to_restore(saved, listed)
        wanted = {**listed, **restored}
        missing_requirements = [
            f"interfaces: there is no interface {name} here."
            for name in interfaces
            if _sysctl.in_effect(before, name) is None
        ]
    else:
        vips = [address.line for address in _links.suppressed_vips(links.values())]
        results["vips"] = vips
        wanted, text = {}, saved
        if vips:
            results["msg"] = f"ARP stays suppressed: {', '.join(vips)} would be answered for."
        else:
            defaults = _sysctl.read_all(_sysctl.conf_key("default", name) for name in _sysctl.ARP)
            unknown = managed.keys() - _sysctl.former_values(saved).keys()
            wanted = _sysctl.unsuppression({**before, **defaults}, unknown)
            restored = _sysctl.values_to_restore(saved, ())
            wanted.update(restored)
            text = None
    after = _sysctl.planned(before, wanted)
    return _run.Change(
        _state(before, interfaces),
        _state(after, interfaces),
        apply=partial(_sysctl.apply, before, after),
        files={params["save"]: (saved, text)},
        text=(_sysctl.render(before), _sysctl.render(after)),
        results=results,
        missing_requirements=missing_requirements,
        meanwhile={
            params["save"]: _sysctl.interim_document(HEADER, saved, notes, listed, restored)
        },
    )


def _default_interfaces(links: Mapping[str, _links.Link], managed: Iterable[str]) -> list[str]:
    """Return the default interfaces.

    One where ARP was suppressed stays so while it is down: a VIP may be there when it is up again.
    """
    suppressed = {key.rpartition("/")[0] + "/" for key in managed}
    return [
        name
        for name, link in links.items()
        if link.uses_arp and (link.up or _sysctl.conf_key(name, "") in suppressed)
    ]


def _state(values: Mapping[str, str | None], interfaces: list[str]) -> dict[str, Any]:
    """Return the settings and the values in effect, for the result."""
    effects = {name: _sysctl.in_effect(values, name) for name in interfaces}
    return {"sysctls": values, "in_effect": effects}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "interfaces": {"type": "list", "elements": "str"},
            "state": {
                "type": "str",
                "choices": ["present", "absent"],
                "default": "present",
            },
            "rp_filter": {
                "type": "str",
                "choices": ["loose", "off", "keep"],
                "default": "loose",
            },
            "save": {"type": "path", "default": "/etc/sysctl.d/90-lvs-arp.conf"},
        },
        supports_check_mode=True,
    )
    if sys.platform.startswith("freebsd"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd

        _run.run(module, _freebsd.suppress)
    if sys.platform.startswith("sunos"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _sunos

        _run.run(module, _sunos.suppress)
    _run.run(module, prepare)


if __name__ == "__main__":
    main()
