# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: peer_traffic
short_description: Describe the packets between directors, for a packet filter
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns what identifies the advertisements of VRRP instances and the packets of IPVS's sync
    daemon, and which hosts may send them.
  - Advertisements are identified by interface, family and virtual router ID. With a virtual MAC
    they are accepted on an interface that keepalived creates, so that all interfaces count.
  - Advertisements with a TTL or a hop limit below 255 have come through a router, and are dropped
    (RFC 5798, 5.1.1.3). C(unicast_ttl) of an instance, and C(min_ttl) of a peer, lower that.
  - By multicast, IPv6 advertisements and synchronised connections come from link-local addresses.
    If no peer has such an address, all of them are accepted.
positional: peers, daemon
options:
  _input:
    description: The VRRP instances, as M(lvs.cluster.keepalived_conf) takes them, each with its
      C(interface).
    type: list
    elements: dict
    required: true
  peers:
    description: The addresses of the other directors.
    type: list
    elements: str
    required: true
  daemon:
    description: The sync daemon, as C(sync_daemon) in the C(globals) of
      M(lvs.cluster.keepalived_conf). Without it there is none.
    type: dict
seealso:
  - module: lvs.cluster.keepalived_conf
  - module: lvs.cluster.nft_table
"""

EXAMPLES = r"""
- name: Show which advertisements are for this director
  ansible.builtin.debug:
    msg: "{{ instances | lvs.cluster.peer_traffic(['192.168.2.31']) }}"
  vars:
    instances:
      - {name: lvs, interface: eth0, virtual_router_id: 51, vips: [192.168.2.149]}
"""

RETURN = r"""
_value:
  description:
    - C(advertisements) has an item for each interface and family, with C(interface) (empty for all
      of them), C(family), C(ids), C(least_ttl) and C(sources).
    - C(sync) has an item for the sync daemon, with C(interface), C(family), C(group), C(port),
      C(last_port) (each thread of the daemon has a port of its own) and C(sources).
  type: dict
  sample:
    advertisements:
      - {interface: eth0, family: ipv4, ids: [51], least_ttl: 255, sources: [192.168.2.31]}
    sync: []
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def peer_traffic(
    instances: Sequence[Mapping[str, Any]],
    peers: Sequence[Any],
    daemon: Mapping[str, Any] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Return what directors send each other, or fail with all that is wrong."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils import _peer_traffic

    mistakes: list[str] = []
    found = {
        "advertisements": [
            each._asdict() for each in _peer_traffic.advertisements(instances, peers, mistakes)
        ],
        "sync": [_peer_traffic.sync(daemon, peers, mistakes)._asdict()] if daemon else [],
    }
    if mistakes:
        raise AnsibleFilterError("\n".join(dict.fromkeys(mistakes)))
    return found


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"peer_traffic": peer_traffic}
