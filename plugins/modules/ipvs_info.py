#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the IPVS table, its counters and its connections."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_info
short_description: Read the IPVS table, counters, connections and sync daemons
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns the virtual services of the kernel's table, and separately counters, connections,
    timeouts and sync daemons.
  - RV(services) is a valid value of
    O(lvs.cluster.ipvs_table#module:services).
  - A kernel without IPVS, or whose module C(ip_vs) is not loaded, has no table; RV(available) is
    false then.
options:
  gather:
    description:
      - What to read. V(connections) is the table of connections, which can have millions of entries
        and is read only on request.
    type: list
    elements: str
    choices: [services, counters, timeouts, sync_daemons, connections]
    default: [services, counters, timeouts, sync_daemons]
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
requirements:
  - A Linux kernel with IPVS (module C(ip_vs)) on the managed host; Python 3.8 and nothing else.
  - root (C(CAP_NET_ADMIN) in the network namespace).
seealso:
  - module: lvs.cluster.ipvs_table
"""

EXAMPLES = r"""
- name: Read the table
  lvs.cluster.ipvs_info:
  register: director

- name: Show how many connections each real server has
  ansible.builtin.debug:
    msg: "{{ item.address }} {{ item.active }}"
  loop: "{{ director.counters | map(attribute='destinations') | flatten }}"
  loop_control:
    label: "{{ item.address }}"

- name: See which client is connected where
  lvs.cluster.ipvs_info:
    gather: [connections]
"""

RETURN = r"""
available:
  description: Whether the kernel has IPVS.
  returned: success
  type: bool
  sample: true
version:
  description: The version of the kernel's IPVS.
  returned: when available
  type: str
  sample: 1.2.1
connection_table_size:
  description: How many buckets the hash table of connections has.
  returned: when available
  type: int
  sample: 4096
services:
  description:
    - The virtual services with their destinations, sorted, in the form that
      M(lvs.cluster.ipvs_table) takes.
  returned: when O(gather) has V(services)
  type: list
  elements: dict
  sample:
    - vip: 192.168.2.149
      port: 80
      protocol: tcp
      scheduler: wrr
      destinations:
        - {address: 192.168.2.31, port: 80, method: dr, weight: 5}
counters:
  description:
    - The traffic of each service since its counters were last zeroed, and its rates per second. The
      same of each destination, with its current connections.
    - The kernel updates them every two seconds.
    - With direct routing and tunnels, answers bypass the director, so counters of outgoing packets
      stay 0.
  returned: when O(gather) has V(counters)
  type: list
  elements: dict
  sample:
    - vip: 192.168.2.149
      port: 80
      protocol: tcp
      connections: 12
      packets_in: 72
      packets_out: 0
      bytes_in: 4632
      bytes_out: 0
      connections_rate: 1
      packets_in_rate: 6
      packets_out_rate: 0
      bytes_in_rate: 386
      bytes_out_rate: 0
      destinations:
        - address: 192.168.2.31
          port: 80
          active: 1
          inactive: 5
          persistent: 0
          connections: 12
          packets_in: 72
          packets_out: 0
          bytes_in: 4632
          bytes_out: 0
          connections_rate: 1
          packets_in_rate: 6
          packets_out_rate: 0
          bytes_in_rate: 386
          bytes_out_rate: 0
timeouts:
  description: For how many seconds the entry of a connection lives without packets.
  returned: when O(gather) has V(timeouts)
  type: dict
  sample: {tcp: 900, tcp_fin: 120, udp: 300}
sync_daemons:
  description: The daemons that synchronise connections between directors.
  returned: when O(gather) has V(sync_daemons)
  type: list
  elements: dict
  sample:
    - {state: master, interface: eth0, sync_id: 51, max_length: 1460, group: 224.0.0.81, port: 8848,
      ttl: 1}
connections:
  description: The connections, and the templates of persistence, which have client port 0.
  returned: when O(gather) has V(connections)
  type: list
  elements: dict
  sample:
    - protocol: tcp
      client: 192.168.2.10
      client_port: 40312
      vip: 192.168.2.149
      port: 80
      destination: 192.168.2.31
      destination_port: 80
      state: ESTABLISHED
      expires: 899
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import (
    Ipvs,
    IpvsError,
    NoIpvs,
)

CHOICES = ["services", "counters", "timeouts", "sync_daemons", "connections"]

ARGUMENTS = {
    "gather": {
        "type": "list",
        "elements": "str",
        "choices": CHOICES,
        "default": CHOICES[:-1],
    }
}

CONNECTIONS = "/proc/net/ip_vs_conn"


def read(ipvs, wanted):
    """Return the requested parts of the table, as plain data."""
    version, size = ipvs.info()
    found = {"version": version, "connection_table_size": size}
    if "services" in wanted:
        services = sorted(ipvs.services(), key=lambda service: service.key)
        found["services"] = [service.to_dict() for service in services]
    if "counters" in wanted:
        found["counters"] = read_counters(ipvs)
    if "timeouts" in wanted:
        found["timeouts"] = ipvs.timeouts()._asdict()
    if "sync_daemons" in wanted:
        found["sync_daemons"] = [daemon._asdict() for daemon in ipvs.sync_daemons()]
    if "connections" in wanted:
        with open(CONNECTIONS, encoding="ascii") as lines:
            next(lines, None)  # the headings
            found["connections"] = [parse_connection(line) for line in lines]
    return found


def read_counters(ipvs):
    """Return each service's counters with those of its destinations."""
    found = []
    for service, counters in sorted(ipvs.services_only()):
        loads = ipvs.loads(service.key)
        pool = [
            {
                "address": destination.address,
                "port": destination.port,
                "active": load.active,
                "inactive": load.inactive,
                "persistent": load.persistent,
                **load.counters._asdict(),
            }
            for destination, load in sorted(loads.items())
        ]
        found.append({**service.key.to_dict(), **counters._asdict(), "destinations": pool})
    return found


def parse_connection(line):
    """Return one line of the kernel's table of connections (net/netfilter/ipvs/ip_vs_conn.c).

    Addresses and ports are in hexadecimal; an IPv6 address is in brackets and has colons.
    """
    words = line.split()
    client, vip, destination = (parse_address(words[place]) for place in (1, 3, 5))
    client_port, port, destination_port = (int(words[place], 16) for place in (2, 4, 6))
    return {
        "protocol": words[0].lower(),
        "client": client,
        "client_port": client_port,
        "vip": vip,
        "port": port,
        "destination": destination,
        "destination_port": destination_port,
        "state": words[7],
        "expires": int(words[8]),
    }


def parse_address(text):
    """Return the usual spelling of an address in the table of connections."""
    if ":" in text:
        return socket.inet_ntop(
            socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text.strip("[]"))
        )
    return socket.inet_ntop(socket.AF_INET, bytes.fromhex(text))


def main():
    """Run the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        with Ipvs() as ipvs:
            found = {"available": True, **read(ipvs, module.params["gather"])}
    except NoIpvs:
        lists = [part for part in module.params["gather"] if part != "timeouts"]
        found = {"available": False, **{part: [] for part in lists}}
    except IpvsError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
