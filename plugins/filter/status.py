# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: status
short_description: Compare the state of the directors with the inventory
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Compares the state of the directors, as it was read there, with the inventory.
  - It compares three states, which are what the inventory wants, what was applied, in a file on the
    director, and the kernel's table. Where keepalived runs, table and file differ by the results of
    its checks.
positional: states, time
options:
  _input:
    description: The cluster, as P(lvs.cluster.resolve#filter) returns it.
    type: dict
    required: true
  states:
    description:
      - One for each director, with its C(name).
      - C(info) is what M(lvs.cluster.ipvs_info) returns, C(text) the director's C(keepalived.conf)
        or the table that the role C(director) saved, C(links) what C(ip -json address show) prints.
      - C(keepalived) is what M(lvs.cluster.host_info) returns of keepalived's service.
      - C(reason) is why these could not be read.
    type: list
    elements: dict
    required: true
  time:
    description: When the states were read.
    type: str
    default: ""
seealso:
  - module: lvs.cluster.ipvs_info
  - plugin: lvs.cluster.draining
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what runs
  lvs.cluster.report:
    lines: "{{ (cluster | lvs.cluster.status([state])).lines }}"
  vars:
    state: {name: d23, info: "{{ table }}", text: "{{ rules }}", links: "{{ links }}"}
    cluster: "{{ lvs_services | lvs.cluster.resolve(groups, hostvars) }}"
"""

RETURN = r"""
_value:
  description:
    - C(directors) has of each whether it is V(active), V(standby) or V(unreachable), which VIPs it
      holds, which link-layer addresses it has, in which states its sync daemons are, and how many
      connections its table has. C(active) has the names of those that hold VIPs, C(held_vips) the
      VIPs of each by its name. C(sync_daemons) is how many sync daemons each of them should run.
    - C(trouble) lists what is wrong with which directors are active, and where keepalived runs
      another configuration than its file has. C(unseen) lists why no director could be read.
    - C(services) has what the table of the director has that holds their VIP, with rates per
      second, and beside it what is missing there. C(endpoints) has their VIPs and ports, C(vips)
      the VIPs. A destination that is not in the table has no C(weight). C(remark) is a note for the
      operator.
    - C(serving) has the names of the real servers that have a weight in the table.
    - C(drained) has the real servers with an applied weight of 0, though the inventory has another.
    - C(pending) has what of the inventory is not applied to the directors, C(differences) that,
      units of systemd that failed, and all else that is not as in the inventory, as sentences.
    - C(lines) is all of it as text. C(time) is the option O(time).
  type: dict
  sample:
    directors:
      - {name: d23, state: active, vips: [192.168.2.149], macs: ["02:42:c0:a8:02:17"], sync: [],
         connections_rate: 12, active: 3}
    active: [d23]
    held_vips: {d23: [192.168.2.149]}
    serving: []
    sync_daemons: 0
    trouble: []
    unseen: []
    services:
      - name: web
        vip: 192.168.2.149
        port: 80
        protocol: tcp
        scheduler: wrr
        endpoints: ["192.168.2.149:80"]
        vips: [192.168.2.149]
        director: d23
        running: true
        connections_rate: 12
        packets_in_rate: 80
        bytes_in_rate: 6100
        bytes_out_rate: 0
        destinations:
          - name: rs31
            address: 192.168.2.31
            port: 80
            method: dr
            weight: 0
            active: 3
            inactive: 9
            connections_rate: 0
            packets_in_rate: 8
            bytes_in_rate: 600
            bytes_out_rate: 0
            remark: drained, until undrain.yml or site.yml
    drained: [rs31]
    pending: []
    differences: []
    lines: ["d23: active, holds 192.168.2.149"]
    time: 2026-11-28 22:40:05 UTC
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def status(
    cluster: Mapping[str, Any], states: Sequence[Mapping[str, Any]], time: str = ""
) -> dict[str, Any]:
    """Return what runs beside what the inventory describes, as plain data."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _status

    return _status.status(cluster, states, time)._asdict()


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"status": status}
