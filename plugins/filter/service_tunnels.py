# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: service_tunnels
short_description: Compute tunnels and TCP segment sizes for services of method TUN
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns what a real server needs for its virtual services of forwarding method TUN.
options:
  _input:
    description: The services, each with C(vip), C(address), and C(tunnel_type), C(tunnel_port) and
      C(tunnel_checksum) where these are set.
    type: list
    elements: dict
    required: true
  mtu:
    description: The MTU of the path from the director to the real server, in bytes.
    type: int
    required: true
positional: mtu
"""

EXAMPLES = r"""
- name: Show the kernel modules for a service
  ansible.builtin.debug:
    msg: "{{ (services | lvs.cluster.service_tunnels(1500)).modules }}"
  vars:
    services: [{vip: 192.0.2.149, address: 192.0.2.31}]
"""

RETURN = r"""
_value:
  description:
    - C(tunnels), each once, as M(lvs.cluster.tunnel_iface) takes them.
    - C(modules), the kernel modules that decapsulate them.
    - C(clamped), for each C(vip) the C(size) of the largest TCP segment that fits into its tunnels.
  type: dict
  sample:
    tunnels: [{type: ipip, address: 192.0.2.31, inner: ipv4, port: null, checksum: none}]
    modules: [ipip]
    clamped: [{vip: 192.0.2.149, size: 1440}]
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def service_tunnels(services: Iterable[Mapping[str, Any]], mtu: int) -> dict[str, Any]:
    """Return tunnels, kernel modules and segment sizes of services."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _service_tunnels

    return _service_tunnels.service_tunnels(services, int(mtu))._asdict()


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"service_tunnels": service_tunnels}
