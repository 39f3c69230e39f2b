#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send requests to real servers directly, until they answer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: realserver_probe
short_description: Wait until real servers answer requests to their own addresses
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Sends requests to real servers at their own addresses, past IPVS, until all of them answer.
  - A real server with O(servers[].path) gets an HTTP request, with O(servers[].dns) a DNS query,
    with O(servers[].udp) a datagram. Any other must accept a TCP connection.
  - Run it on a director, from which health checks come. It changes nothing.
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  check_mode:
    description: It sends each request once, and does not wait.
  diff_mode:
    description: Nothing is changed, so there is nothing to show.
    support: none
options:
  servers:
    description: The real servers. If one is listed several times, it must answer each request.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name in messages.
        type: str
      address:
        description: Its address.
        type: str
        required: true
      port:
        description: The port to which requests go.
        type: int
        required: true
      path:
        description: The path of an HTTP request.
        type: str
      host:
        description: The Host header of the request. By default, it is the address.
        type: str
      status:
        description: The accepted statuses, such as V(200) or V(200-299).
        type: list
        elements: str
        default: [200-399]
      dns:
        description: A DNS query. A reply is correct if it has no error code.
        type: dict
        suboptions:
          query:
            description: The type of record.
            type: str
            choices: [A, NS, CNAME, SOA, MX, TXT, AAAA]
            default: SOA
          name:
            description: The domain.
            type: str
            default: .
      udp:
        description: A datagram, as in a health check of type C(udp).
        type: dict
        suboptions:
          payload:
            description: What is sent, in hexadecimal. By default, it is random.
            type: str
          require_reply:
            description:
              - The first bytes of the reply, in hexadecimal with V(X) for any digit, or V(any).
              - Without it, no reply is required. Then an ICMP error is the only failure.
            type: str
          min_reply_length:
            description: The least length of a reply that is required, in bytes. By default, it is
              0.
            type: int
          max_reply_length:
            description: The greatest length of a reply that is required, in bytes. By default, it
              is 255, or with O(servers[].udp.require_reply=any) the longest datagram.
            type: int
  seconds:
    description: How many seconds it waits for all answers before it fails.
    type: int
    default: 60
  timeout:
    description: How long an answer may take, in seconds.
    type: float
    default: 3.0
seealso:
  - module: lvs.cluster.vip_probe
"""

EXAMPLES = r"""
- name: Wait until the server is up again
  lvs.cluster.realserver_probe:
    servers:
      - {name: rs20, address: 192.168.2.20, port: 80, path: /health, status: [200]}
      - {name: rs20, address: 192.168.2.20, port: 53, dns: {query: A, name: www.example.org}}
"""

RETURN = r"""
silent:
  description: The real servers without a correct answer at the end, and the reasons.
  type: list
  elements: str
  returned: always
  sample: ["rs20 (192.168.2.20:80): [Errno 111] Connection refused"]
"""

import http.client
import socket
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _datagram
from ansible_collections.lvs.cluster.plugins.module_utils._model import endpoint

#: Seconds between two requests.
POLL = 1


def refusal(server, timeout):
    """Return why a server does not answer correctly; nothing if it does."""
    where = server["address"], server["port"]
    try:
        if server["dns"] or server["udp"]:
            _datagram.request(*where, timeout, server["dns"], server["udp"])
            return ""
        if server["path"] is None:
            socket.create_connection(where, timeout).close()
            return ""
        connection = http.client.HTTPConnection(*where, timeout=timeout)
        headers = {"Host": server["host"]} if server["host"] else {}
        try:
            connection.request("GET", server["path"], headers=headers)
            answer = connection.getresponse()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, _datagram.BadReply) as error:
        return str(error) or type(error).__name__
    if any(within(answer.status, statuses) for statuses in server["status"]):
        return ""
    return f"HTTP {answer.status} {answer.reason}".rstrip()


def within(status, statuses):
    """Return whether a status is one of 200, or of 200-299."""
    low, _dash, high = statuses.partition("-")
    return int(low) <= status <= int(high or low)


def silent(servers, timeout):
    """Return a line for each server that does not answer correctly."""
    lines = []
    for server in servers:
        why = refusal(server, timeout)
        if why:
            where = endpoint(server["address"], server["port"])
            lines.append(f"{server['name'] or 'the real server'} ({where}): {why}")
    return lines


def main():
    """Run the module."""
    server = {
        "name": {"type": "str"},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "path": {"type": "str"},
        "host": {"type": "str"},
        "status": {"type": "list", "elements": "str", "default": ["200-399"]},
        "dns": {"type": "dict", "options": _datagram.DNS},
        "udp": {"type": "dict", "options": _datagram.UDP},
    }
    pool = {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": server,
        "mutually_exclusive": [("path", "dns", "udp")],
    }
    module = AnsibleModule(
        {
            "servers": pool,
            "seconds": {"type": "int", "default": 60},
            "timeout": {"type": "float", "default": 3.0},
        },
        supports_check_mode=True,
    )
    servers, seconds = module.params["servers"], module.params["seconds"]
    for statuses in {each for server in servers for each in server["status"]}:
        if not all(part.isdecimal() for part in statuses.split("-", 1)):
            module.fail_json(msg=f"status is {statuses!r}; it must be such as 200 or 200-299.")
    for each in servers:
        mistakes = _datagram.mistakes(each["dns"], each["udp"])
        if mistakes:
            module.fail_json(msg=mistakes[0], mistakes=mistakes)
    end = time.monotonic() + (0 if module.check_mode else seconds)
    left = silent(servers, module.params["timeout"])
    while left and time.monotonic() < end:
        time.sleep(POLL)
        left = silent(servers, module.params["timeout"])
    if left and not module.check_mode:
        reasons = "; ".join(left)
        module.fail_json(
            msg=f"After {seconds} s, not all real servers answer: {reasons}.", silent=left
        )
    module.exit_json(changed=False, silent=left)


if __name__ == "__main__":
    main()
