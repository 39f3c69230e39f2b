# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: probes
short_description: Return the requests that show whether virtual services work
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns the request for each service of each VIP. For a service by UDP, it is the request of its
    health check, of type C(dns) or C(udp).
positional: names
options:
  _input:
    description: The cluster, as P(lvs.cluster.resolve#filter) returns it.
    type: dict
    required: true
  names:
    description: Whether the answer must identify its real server. Then the request to a service by
      TCP is HTTP, unless its health check is of another protocol. If not, it is HTTP only if the
      health check is.
    type: bool
    default: false
seealso:
  - module: lvs.cluster.vip_probe
  - plugin: lvs.cluster.probe_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Send requests to each service
  lvs.cluster.vip_probe:
    vip: "{{ item.options.vip }}"
    port: "{{ item.options.port }}"
    protocol: "{{ item.options.protocol }}"
    dns: "{{ item.options.dns | default(omit) }}"
    udp: "{{ item.options.udp | default(omit) }}"
  loop: "{{ cluster | lvs.cluster.probes | selectattr('options') }}"
  vars:
    cluster: "{{ lvs_services | lvs.cluster.resolve(groups, hostvars) }}"
"""

RETURN = r"""
_value:
  description:
    - C(title) identifies the service, C(service) has its fields.
    - C(options) are those of M(lvs.cluster.vip_probe). Where there are none, C(untested) has the
      reason.
  type: list
  elements: dict
  sample:
    - title: web, 192.168.2.149:80, wrr
      service: {name: web, vip: 192.168.2.149, port: 80, protocol: tcp, scheduler: wrr}
      options: {vip: 192.168.2.149, port: 80, protocol: tcp, identity: none}
      untested: ""
"""

from collections.abc import Callable, Mapping
from typing import Any


def probes(cluster: Mapping[str, Any], names: bool = False) -> list[dict[str, Any]]:
    """Return for each service of each VIP the requests to send to it."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _probes

    return _probes.of_clients(cluster, names)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"probes": probes}
