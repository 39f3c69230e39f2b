# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules of the IPVS table share."""

from __future__ import annotations


class ModuleDocFragment:
    """The requirements of the modules, and their notes on other owners of the table."""

    DOCUMENTATION = r"""
requirements:
  - A Linux kernel with IPVS (module C(ip_vs)) on the managed host; Python 3.8 and nothing else.
  - root (C(CAP_NET_ADMIN) in the network namespace).
notes:
  - The table belongs to the network namespace in which the module runs.
options:
  ignore_owners:
    description:
      - Programs that may run beside this module although they usually own the IPVS table.
      - Without it a change is refused, also in check mode, where one of them runs in the same
        network namespace.
    type: list
    elements: str
    choices: [keepalived, kube-proxy, kube-router, ldirectord]
    default: []
"""

    KEY = r"""
options:
  vip:
    description: The address that clients use (VIP), IPv4 or IPv6.
    type: str
  port:
    description:
      - The port that clients use, V(0) to V(65535). V(0) is every port and needs
        O(persistence_timeout).
    type: int
  protocol:
    description: The transport protocol. V(tcp) if not given.
    type: str
    choices: [tcp, udp, sctp]
  fwmark:
    description:
      - A firewall mark, V(1) to V(4294967295), instead of O(vip), O(port) and O(protocol).
    type: int
  family:
    description: The address family of a service by firewall mark. V(ipv4) if not given.
    type: str
    choices: [ipv4, ipv6]
"""
