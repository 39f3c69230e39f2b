#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the return path of a real server's answers, through the director."""

from __future__ import annotations

DOCUMENTATION = r"""
module: return_route
short_description: Route a real server's answers back through the director
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - With the forwarding method NAT, the director translates addresses, so answers must return
    through it. This module makes the director's address (DIP) their next hop, now and at boot.
  - Its rules and routes have the protocol number 151, which C(ip rule) and C(ip route) show. Others
    are left alone, except the default route that O(route=default) replaces.
  - It refuses a change that would cut Ansible's own ssh connection, because its answers would get
    another next hop.
  - If a rule or a route cannot be set, what was done before it is undone.
  - On FreeBSD and SunOS, O(route) has to be V(default). The module recognises its routes by the
    file of O(save), and replaces whatever gateway the default route has.
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  gateways:
    description:
      - The director's address on this machine's link, at most one of each address family. There
        must be no router between.
      - Required for O(state=present).
    type: list
    elements: str
  answers:
    description:
      - The services of this machine whose answers go through the director. Each has an C(address),
        which is the machine's own (RIP); a C(port), with V(0) for all; and a C(protocol), which is
        V(tcp) by default, V(udp) or V(sctp). Other keys are ignored.
      - For a single UDP port the source address is not matched, since an unbound socket has none
        when the kernel looks up the route of its answer. All packets from this port go to the
        director.
      - For all ports, all packets from the address go to the director, including the machine's own
        connections.
    type: list
    elements: dict
    default: []
  route:
    description:
      - With V(policy), only answers go through the director, by rules that match their protocol,
        source address and source port, and by a routing table that has only a default route. So
        clients on the machine's own link are served, too, and the route to the operator does not
        change.
      - With V(default), the director is the machine's default route. A default route with the same
        metric is replaced, and is restored by O(state=absent) or O(route=policy). One with a larger
        metric stays, without effect. Answers to clients on the machine's own link bypass the
        director, so these clients cannot be served.
    type: str
    choices: [policy, default]
    default: policy
  table:
    description: The number of the routing table for O(route=policy), V(1) to V(4294967295).
    type: int
    default: 5251
  fib:
    description:
      - On FreeBSD, the number of the routing table (FIB) whose default route the director is. A
        server that is started with C(setfib) answers by that table, and all else on the host keeps
        its routes. On Linux it has no effect.
      - O(save) notes it. To set another, remove the return path first.
    type: int
    default: 0
  keep_ports:
    description:
      - For an address with all ports (C(port) V(0)), answers from these TCP, UDP or SCTP ports
        keep their route by the main routing table, unless O(answers) has the port itself, too.
      - By default, this is the port of ssh.
    type: list
    elements: int
    default: [22]
  prune:
    description:
      - Whether rules that this module made for other answers are removed, with O(state=present) and
        O(route=policy). If not, they stay, and are in RV(kept).
      - So a real server can answer requests until all directors have the new configuration, and be
        pruned then.
    type: bool
    default: true
  state:
    description: With V(absent), what this module made is removed.
    type: str
    choices: [present, absent]
    default: present
  save:
    description:
      - The file that restores the routes and rules of IPv4 at boot, by C(ip -4 -batch). This module
        owns the file and replaces it. IPv6 has a second file with a 6 at the end of its name, for
        C(ip -6 -batch). Without lines, a file is removed.
      - A default route that was replaced is noted there in a comment. Without O(save), it is not
        restored.
      - On FreeBSD, a file of C(rc.conf.d) takes its place for both families, which
        C(/etc/rc.d/routing) reads after C(/etc/rc.conf). For V(/etc/lvs/realserver_nat.ip), this is
        C(/etc/rc.conf.d/routing/lvs_nat).
      - On SunOS, C(route -p) keeps the route for the boot if O(save) is given. The file has the
        gateways that the module set and replaced, of both families.
    type: path
seealso:
  - module: lvs.cluster.preflight
notes:
  - A machine has one return path. Several tasks with this module on one machine undo each other's
    work.
  - systemd-networkd removes rules that are not its own whenever it starts, unless its setting
    C(ManageForeignRoutingPolicyRules) is V(no). The next run restores them.
requirements:
  - the program C(ip) (iproute2) on a target with Linux
"""

EXAMPLES = r"""
- name: Answer the director's clients through the director
  lvs.cluster.return_route:
    gateways: [192.168.0.254]
    answers:
      - {address: 192.168.0.160, port: 8080, protocol: tcp}
    save: /etc/lvs/realserver_nat.ip

- name: Let the director be the default route
  lvs.cluster.return_route:
    gateways: [192.168.0.254, '2001:db8::254']
    route: default
    save: /etc/lvs/realserver_nat.ip

- name: Take away what was put there, and put the former default route back
  lvs.cluster.return_route:
    state: absent
    save: /etc/lvs/realserver_nat.ip
"""

RETURN = r"""
before:
  description: The rules and routes before the change, as C(ip) takes them, on FreeBSD and
    SunOS as C(route) does.
  type: list
  elements: str
  returned: success
  sample: []
after:
  description: The rules and routes after the change.
  type: list
  elements: str
  returned: success
  sample:
    - route default via 192.168.0.254 table 5251 protocol 151
    - rule pref 5250 from 192.168.0.160 ipproto 6 sport 8080 lookup 5251 protocol 151
kept:
  description: The rules for other answers than O(answers), which stay without O(prune).
  type: list
  elements: str
  returned: success
  sample: ["pref 5250 from 192.168.0.160 ipproto 6 sport 8081 lookup 5251 protocol 151"]
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["192.168.1.254 must be the next hop of answers, but there is no route to it. ..."]
"""

import sys
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _return_path,
    _route_lookup,
    _routes,
    _run,
)

HEADER = "# Written by Ansible (lvs.cluster.return_route), which replaces what is changed here.\n"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options define."""
    wanted = _return_path.parse(params) if params["state"] == "present" else _return_path.Wanted()
    paths = _routes.files(params["save"]) if params["save"] else {}
    saved = {option: _atomic_file.read(path) for option, path in paths.items()}
    state = _routes.read()
    mistakes = _routes.foreign_default_routes(wanted, state)
    if mistakes:
        raise _run.OperatorError(*mistakes)
    former = {
        option: _atomic_file.parsed(paths.get(option, ""), saved.get(option), _routes.saved)
        for option in state
    }
    kept = {} if params["prune"] else _routes.other_rules(wanted, state)
    wanted = wanted._replace(kept=kept)
    plans = {
        option: _routes.plan(option, now, wanted, former[option]) for option, now in state.items()
    }
    steps = {option: plan.steps for option, plan in plans.items() if plan.steps}
    if steps:
        defaults = {key: plan.default for key, plan in plans.items()}
        mistakes = _route_lookup.would_cut(wanted, defaults)
        if mistakes:
            raise _run.OperatorError(*mistakes)
    files = {
        path: (
            saved[option],
            _routes.render(option, state[option], wanted, plans[option].former, HEADER),
        )
        for option, path in paths.items()
    }
    # Managed rules and routes have a protocol number; a route put aside is noted here alone.
    meanwhile = {
        path: _routes.render(
            option,
            state[option],
            wanted,
            dict.fromkeys([*plans[option].former, *former[option]]),
            HEADER,
        )
        or saved[option]
        for option, path in paths.items()
    }
    before = [line for plan in plans.values() for line in plan.before]
    after = [line for plan in plans.values() for line in plan.after]
    return _run.Change(
        before,
        after,
        apply=lambda: _routes.apply(steps),
        files=files,
        text=("\n".join([*before, ""]), "\n".join([*after, ""])),
        results={"kept": [str(rule) for rules in kept.values() for rule in rules]},
        missing_requirements=_route_lookup.off_link(wanted.gateways.values()),
        meanwhile=meanwhile,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "gateways": {"type": "list", "elements": "str"},
            "answers": {"type": "list", "elements": "dict", "default": []},
            "route": {"type": "str", "choices": ["policy", "default"], "default": "policy"},
            "table": {"type": "int", "default": _return_path.TABLE},
            "fib": {"type": "int", "default": 0},
            "keep_ports": {"type": "list", "elements": "int", "default": [22]},
            "prune": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "save": {"type": "path"},
        },
        required_if=[("state", "present", ["gateways"])],
        supports_check_mode=True,
    )
    if sys.platform.startswith("freebsd"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd_routes

        _run.run(module, _freebsd_routes.prepare)
    if sys.platform.startswith("sunos"):
        from ansible_collections.lvs.cluster.plugins.module_utils import _sunos_routes

        _run.run(module, _sunos_routes.prepare)
    _run.run(module, prepare)


if __name__ == "__main__":
    main()
