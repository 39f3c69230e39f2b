#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manage one virtual service of IPVS, without its destinations."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_service
short_description: Manage one virtual service of IPVS
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Adds, changes or removes one virtual service. Its destinations are left as they are;
    M(lvs.cluster.ipvs_dest) manages them one by one, and M(lvs.cluster.ipvs_table) a whole table at
    once.
  - Changes are made in place, so existing connections continue.
  - An option that is not set keeps the current value. For a new service, it has the default that
    its description has.
options:
  scheduler:
    description:
      - How a destination is chosen. V(wlc) for a new service. A new scheduler does not inherit the
        flags of the former one.
    type: str
    choices: [rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos]
  scheduler_flags:
    description:
      - Flags of the scheduler. V(sh-fallback) and V(sh-port) belong to V(sh), V(mh-fallback) and
        V(mh-port) to V(mh); V(flag-1), V(flag-2) and V(flag-3) are the bits themselves. None for a
        new service.
    type: list
    elements: str
  persistence_timeout:
    description:
      - For how many seconds a client stays with its real server. V(0), no persistence, for a new
        service. At most 31 days.
    type: int
  persistence_mask:
    description:
      - By which prefix length (or IPv4 netmask) clients are grouped. One host for a new service.
    type: str
  persistence_engine:
    description:
      - What distinguishes clients beside their address. V(sip) is the Call-ID. None for a new
        service.
    type: str
    choices: [sip]
  one_packet:
    description:
      - Whether each datagram is scheduled by itself, for V(udp) and firewall marks. V(false) for a
        new service.
    type: bool
  state:
    description: Desired state of the service. V(absent) removes its destinations, too.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - lvs.cluster.virtual_service
  - lvs.cluster.virtual_service.key
  - lvs.cluster.attributes
seealso:
  - module: lvs.cluster.ipvs_dest
  - module: lvs.cluster.ipvs_table
"""

EXAMPLES = r"""
- name: A service whose clients stay with their real server for five minutes
  lvs.cluster.ipvs_service:
    vip: 192.168.2.149
    port: 443
    scheduler: wlc
    persistence_timeout: 300

- name: HTTP and HTTPS as one service, by a firewall mark that nftables sets
  lvs.cluster.ipvs_service:
    fwmark: 80
    scheduler: sh
    scheduler_flags: [sh-port]

- name: Take a service away
  lvs.cluster.ipvs_service:
    vip: 192.168.2.149
    port: 443
    state: absent
"""

RETURN = r"""
before:
  description: The service as it was, without its destinations, or nothing.
  returned: success
  type: dict
  sample: {}
after:
  description: The service as it is now, or would be in check mode, or nothing.
  returned: success
  type: dict
  sample: {vip: 192.168.2.149, port: 443, protocol: tcp, scheduler: wlc, persistence_timeout: 300}
operations:
  description: What was done, or would be in check mode, in its order.
  returned: success
  type: list
  elements: str
  sample: ["add service tcp 192.168.2.149:443"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _arguments
from ansible_collections.lvs.cluster.plugins.module_utils._model import Table
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import (
    parse_key,
    parse_services,
)
from ansible_collections.lvs.cluster.plugins.module_utils._run import (
    Change,
    OperatorError,
    run,
)
from ansible_collections.lvs.cluster.plugins.module_utils._table import transition

ARGUMENTS = {
    **_arguments.KEY,
    **_arguments.SETTINGS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **_arguments.IGNORE_OWNERS,
}


def prepare(params):
    """Return the change that makes the service what the parameters define."""
    key, mistakes = parse_key(_arguments.given(params, _arguments.KEY))
    if key is None:
        raise OperatorError(*mistakes)
    settings = _arguments.given(params, _arguments.SETTINGS)

    def desire(current: Table) -> Table:
        desired = dict(current)
        old = desired.pop(key, None)
        if params["state"] == "present":
            kept = settings_of(old)
            if kept.get("scheduler") != settings.get("scheduler", kept.get("scheduler")):
                kept.pop("scheduler_flags", None)
            services, wrong = parse_services([{**kept, **settings, **key.to_dict()}])
            if wrong:
                raise OperatorError(*wrong)
            desired[key] = services[0]._replace(destinations=old.destinations if old else ())
        return desired

    planned = transition(desire, params["ignore_owners"])
    return Change(
        settings_of(planned.before.get(key)),
        settings_of(planned.after.get(key)),
        planned.apply,
        text=planned.text,
        results={"operations": [str(operation) for operation in planned.operations]},
        missing_requirements=planned.missing_requirements,
    )


def settings_of(service):
    """Return a service's fields without its pool; none for no service."""
    fields = service.to_dict() if service else {}
    fields.pop("destinations", None)
    return fields


def main():
    """Run the module."""
    run(AnsibleModule(ARGUMENTS, supports_check_mode=True), prepare)


if __name__ == "__main__":
    main()
