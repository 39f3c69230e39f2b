#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: facts of a machine of the cluster (read-only)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Read the addresses of a machine, the VIPs that it holds, and its configuration
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns which VIPs a machine holds as a director, what is on its interfaces, the text of
    configuration files without the secrets in them, and whether the units of this collection
    succeeded.
  - A director holds a VIP if it is on an interface that is up, and that the roles of this
    collection do not use for a real server's VIPs. They use C(lo), the kernel's fallback tunnel
    devices such as C(tunl0), and their own tunnel devices such as C(lvs-gre-0a1b2c).
  - On request it returns whether keepalived runs what its file has, see O(keepalived).
  - It changes nothing. On request it waits until VIPs are held, or are no longer held. If the time
    is up, that is a result and not a failure.
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  check_mode:
    description: Reads once, and does not wait.
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  vips:
    description: The VIPs to find.
    type: list
    elements: str
    default: []
  files:
    description: The files whose text is returned.
    type: list
    elements: path
    default: []
  keepalived:
    description:
      - Whether RV(keepalived) is returned. It is known where the role
        P(lvs.cluster.keepalived_ha#role) has configured keepalived.
    type: bool
    default: false
  state:
    description:
      - The state to wait for. With V(held), the machine holds all of O(vips), with V(released) none
        of them.
    type: str
    choices: [held, released]
    default: held
  seconds:
    description: How many seconds it waits at most. With V(0) it reads once.
    type: float
    default: 0
requirements:
  - The program C(ip) of iproute2 on a target with Linux
seealso:
  - module: lvs.cluster.ipvs_info
  - module: lvs.cluster.preflight
"""

EXAMPLES = r"""
- name: Read what a director holds, and its configuration
  lvs.cluster.host_info:
    vips: [192.168.2.149]
    files: [/etc/keepalived/keepalived.conf]
  register: director

- name: Wait until the director is master
  lvs.cluster.host_info:
    vips: [192.168.2.149]
    seconds: 20
  register: director
  failed_when: director.held_vips | length == 0
"""

RETURN = r"""
held_vips:
  description: Those of O(vips) that the machine holds as a director, as they are written there.
  type: list
  elements: str
  returned: success
  sample: [192.168.2.149]
vip_interfaces:
  description: The interface of each of RV(held_vips).
  type: dict
  returned: success
  sample: {192.168.2.149: eth0}
links:
  description: The interfaces with their addresses, as C(ip -json address show) prints them. On
    FreeBSD and SunOS, they have the keys of the sample and C(mtu).
  type: list
  elements: dict
  returned: success
  sample:
    - ifname: eth0
      link_type: ether
      address: "02:42:c0:a8:02:17"
      flags: [BROADCAST, MULTICAST, UP, LOWER_UP]
      addr_info:
        - {family: inet, local: 192.168.2.23, prefixlen: 24}
files:
  description:
    - The text of each file of O(files); null if there is no such file.
    - Passwords and keys of keepalived, the definitions that they use, and the arguments of scripts
      are replaced by C(<secret 1>), with another number for each secret.
  type: dict
  returned: success
  sample:
    /etc/keepalived/keepalived.conf: "vrrp_instance lvs {\n  interface eth0\n}\n"
units:
  description: The units of systemd that roles of this collection installed.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Its name.
      type: str
    active:
      description: Its C(ActiveState). A unit that succeeded is V(active). A unit that is tried
        again, for example until a network card appears, is V(activating).
      type: str
    errors:
      description: What it printed at its last start, if it is not active.
      type: list
      elements: str
  sample:
    - name: lvs-director.service
      active: failed
      errors:
        - "/etc/lvs/director.ipvs: -A -t 192.168.2.149:80 -s wrr: Scheduler not found"
keepalived:
  description:
    - The state of keepalived.service; null without O(keepalived).
  type: dict
  returned: success
  contains:
    active:
      description: Whether it runs.
      type: bool
    current:
      description: Whether systemd has read the unit's files as they are.
      type: bool
    applied:
      description: Whether it runs what its file has; null if it does not run, or that is not known.
      type: bool
  sample: {active: true, current: true, applied: true}
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["vips: 'vip': it must be an address such as 192.168.2.149."]
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _keepalived_applied,
    _links,
    _run,
    _secrets,
    _units,
    _vips,
)

#: Seconds between two reads.
POLL = 0.2


def keepalived() -> dict[str, Any]:
    """Return whether keepalived runs what its file has."""
    found = _keepalived_applied.service()
    runs = _keepalived_applied.applied(found)
    same = None if runs is None else runs == _atomic_file.read(_keepalived_applied.CONF)
    return {"active": found.active, "current": found.current, "applied": same}


def ip_links() -> list[dict[str, Any]]:
    """Return the interfaces with their addresses, as the program ip prints them."""
    found: list[dict[str, Any]] = json.loads(_links.ip("-json", "address", "show"))
    return found


def gather(
    params: Mapping[str, Any], read_links: Callable[[], list[dict[str, Any]]] = ip_links
) -> dict[str, Any]:
    """Return the facts of the machine, once the wanted state is reached or the time is up."""
    vips = params["vips"]
    _vips.parse(vips)
    end = time.monotonic() + params["seconds"]
    while True:
        links = read_links()
        held = _vips.held(links, vips)
        reached = len(held) == len(set(vips)) if params["state"] == "held" else not held
        if reached or time.monotonic() >= end:
            break
        time.sleep(POLL)
    texts = {path: _atomic_file.read(path) for path in params["files"]}
    mask = _secrets.Mask()
    return {
        "held_vips": list(held),
        "vip_interfaces": held,
        "links": links,
        "files": {path: text and mask(text) for path, text in texts.items()},
        "units": _units.managed(),
        "keepalived": keepalived() if params["keepalived"] else None,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "vips": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "path", "default": []},
            "keepalived": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
            "seconds": {"type": "float", "default": 0.0},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.params["seconds"] = 0
    if sys.platform.startswith("freebsd"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd

        _run.report(module, lambda params: gather(params, _freebsd.links))
    if sys.platform.startswith("sunos"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _sunos

        _run.report(module, lambda params: gather(params, _sunos.links))
    _run.report(module, gather)


if __name__ == "__main__":
    main()
