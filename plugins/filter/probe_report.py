# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: probe_report
short_description: Compare the answers that clients received with the inventory
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Compares the results of M(lvs.cluster.vip_probe) with the inventory. Returns lines to show, and
    a sentence for each error.
  - Every service is listed. One that was not tested is listed with the reason.
  - It reports an error unless every request was answered by a real server with a weight.
  - With the schedulers V(rr) and V(wrr) and without persistence, each must have answered in
    proportion to its weight, with a tolerance of one round.
  - The director, and no other host, must answer ARP for the VIP.
  - With the methods V(dr) and V(tun), no answer may go through the director, unless it is a real
    server itself; with V(nat) and V(fullnat), all must.
  - If answers do not identify a real server, the link-layer address from which they came does, as
    long as they bypass the director.
positional: seen, status, machines
options:
  _input:
    description: The requests, as P(lvs.cluster.probes#filter) returns them.
    type: list
    elements: dict
    required: true
  seen:
    description: By client, what it registered of M(lvs.cluster.vip_probe) in a loop over the
      requests that have C(options).
    type: dict
    required: true
  status:
    description: What P(lvs.cluster.status#filter) returns.
    type: dict
    required: true
  machines:
    description: By host, what M(lvs.cluster.preflight) returned.
    type: dict
    required: true
seealso:
  - module: lvs.cluster.vip_probe
  - plugin: lvs.cluster.probes
    plugin_type: filter
  - plugin: lvs.cluster.status
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Send requests to each service
  lvs.cluster.vip_probe:
    vip: "{{ item.options.vip }}"
    port: "{{ item.options.port }}"
  loop: "{{ probes | selectattr('options') }}"
  register: seen

- name: Show what was seen
  lvs.cluster.report:
    lines: "{{ probe_report.lines }}"
    errors: "{{ probe_report.problems }}"
  vars:
    probe_report: "{{ probes | lvs.cluster.probe_report({inventory_hostname: seen}, status, {}) }}"
"""

RETURN = r"""
_value:
  description: C(lines) shows what was seen, C(problems) lists what is wrong with it, C(untested)
    which services were not tested, and why. C(results) has for each service and client how many
    requests were sent and answered, and by which real servers, if the answers identify them.
  type: dict
  sample:
    lines:
      - web, 192.168.2.149:80, wrr
      - "  rs31  20 of 40 requests, weight 5"
      - "  rs32  20 of 40 requests, weight 5"
      - "  the VIP is at 02:42:c0:a8:02:17, the director at 02:42:c0:a8:02:17"
      - "  answers came from 02:42:c0:a8:02:1f and 02:42:c0:a8:02:20, past the director"
    problems: []
    untested: []
    results:
      - title: web, 192.168.2.149:80, wrr
        client: c10
        lines: ["rs31  20 of 40 requests, weight 5", "rs32  20 of 40 requests, weight 5"]
        problems: []
        requests: 40
        answered: 40
        answers: {rs31: 20, rs32: 20}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def probe_report(
    probes: Sequence[Mapping[str, Any]],
    seen: Mapping[str, Mapping[str, Any]],
    status: Mapping[str, Any],
    machines: Mapping[str, Mapping[str, Any]],
) -> dict[str, list[Any]]:
    """Return the report: lines, errors, services that were not tested, and the results as data."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _probe_report

    return _probe_report.probe_report(probes, seen, status, machines)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"probe_report": probe_report}
