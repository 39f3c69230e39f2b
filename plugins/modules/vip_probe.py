#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: send requests to a virtual service as a client."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_probe
short_description: Send requests to a virtual service and report the answers
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Sends requests to a virtual service, one after the other, and reports which real server
    answered, how long it took, which link-layer addresses answer for the VIP, and from which ones
    the answers came.
  - It changes nothing. A request that fails is part of the result, not a failure of the
    module.
  - It must run on a client. On a host that holds the VIP, such as the director, a request never
    leaves the host, so it is refused there.
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  check_mode:
    description: The same as without it, since nothing is changed.
  diff_mode:
    description: Nothing is changed, so there is nothing to show.
    support: none
options:
  vip:
    description: The VIP, IPv4 or IPv6.
    type: str
    required: true
  port:
    description: The port of the virtual service.
    type: int
    default: 80
  protocol:
    description:
      - With V(http), each request is a GET; with V(tcp), a connection on which the server speaks
        first.
      - With V(dns), each request is a DNS query by UDP; with V(udp), a datagram. Each is sent from
        another port, so IPVS schedules each of them.
    type: str
    choices: [http, tcp, dns, udp]
    default: http
  dns:
    description: The query of O(protocol=dns). A reply is correct if it has no error code.
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
    description: What O(protocol=udp) sends and expects, as in a health check of type C(udp).
    type: dict
    suboptions:
      payload:
        description: What is sent, in hexadecimal. By default, it is random.
        type: str
      require_reply:
        description:
          - The first bytes of the reply, in hexadecimal with V(X) for any digit, or V(any).
          - Without it, no reply is required. Then a request fails only if there is an ICMP error,
            and it always waits for O(timeout).
        type: str
      min_reply_length:
        description: The least length of a reply that is required, in bytes. By default, it is 0.
        type: int
      max_reply_length:
        description: The greatest length of a reply that is required, in bytes. By default, it is
          255, or with O(udp.require_reply=any) the longest datagram.
        type: int
  path:
    description: The path that is requested.
    type: str
    default: /
  host:
    description: The Host header. By default, it is the VIP.
    type: str
  requests:
    description: How many requests are made.
    type: int
    default: 12
  interval:
    description: The pause between requests, in seconds.
    type: float
    default: 0.0
  timeout:
    description: How long a request may wait for an answer, in seconds.
    type: float
    default: 3.0
  identity:
    description:
      - How an answer identifies its real server.
      - V(body) is the first line of what it answers.
      - V(header:NAME) is the header of that name.
      - V(mac) is the link-layer address from which the answer came; V(any) if that is unknown.
      - V(none) does not identify real servers. All answers count as V(any), and with
        O(protocol=tcp) nothing is read.
      - Anything else is a regular expression with one group, which is searched for in the answer.
      - By default, it is V(body) with O(protocol=http) and O(protocol=tcp), else V(mac).
    type: str
  interface:
    description: The interface on which frames are watched. By default, it is the one by which the
      VIP is routed.
    type: str
notes:
  - It opens packet sockets, which needs C(CAP_NET_RAW), so set C(become).
requirements:
  - the program C(ip) of iproute2 on the target
seealso:
  - module: lvs.cluster.ipvs_info
"""

EXAMPLES = r"""
- name: See which real servers answer
  lvs.cluster.vip_probe:
    vip: 192.168.2.149
    requests: 10
  register: seen

- name: Require that the director alone stands for the VIP, and that both real servers answer
  ansible.builtin.assert:
    that:
      - seen.failures == []
      - seen.macs == [director_mac]
      - seen.answers | length == 2

- name: Send DNS queries
  lvs.cluster.vip_probe:
    vip: 192.168.2.149
    port: 53
    protocol: dns
    dns: {query: A, name: www.example.org}

- name: Ask servers that name themselves in a header
  lvs.cluster.vip_probe:
    vip: '2001:db8::149'
    identity: header:X-Served-By
"""

RETURN = r"""
answers:
  description: How often each real server answered. V(no reply) counts requests of O(protocol=udp)
    that had no reply, and need none.
  type: dict
  returned: success
  sample: {rs31: 5, rs32: 5}
sequence:
  description: The real server that answered each request; null for a request that failed.
  type: list
  elements: str
  returned: success
  sample: [rs31, rs32, rs31, rs32]
failures:
  description: The requests that failed.
  type: list
  elements: dict
  returned: success
  contains:
    n:
      description: Which request it was, the first one being 1.
      type: int
      sample: 3
    error:
      description: What went wrong.
      type: str
      sample: "HTTP 503 Service Unavailable"
latency_ms:
  description: The time of the requests that were answered, from connecting to the last byte, in
    milliseconds. Null if none was.
  type: dict
  returned: success
  sample: {min: 0.9, median: 1.2, max: 4.0}
interface:
  description: The interface by which the VIP is routed, or O(interface).
  type: str
  returned: success
  sample: eth0
on_link:
  description: Whether the VIP is a neighbour on that interface. If not, a router lies between, and
    RV(macs) is empty.
  type: bool
  returned: success
  sample: true
macs:
  description:
    - The link-layer addresses of the VIP, in the order in which they answered.
    - For IPv4, all that answer an ARP request within a second. So a real server that does not
      suppress ARP is listed, too. For IPv6, the one in the neighbour table.
  type: list
  elements: str
  returned: success
  sample: ["02:42:c0:a8:02:17"]
answer_macs:
  description:
    - From which link-layer addresses the frames came that carried the answers, and how many.
    - With direct routing these are the real servers' own; the director's shows that answers pass
      through it.
  type: dict
  returned: success
  sample: {"02:42:c0:a8:02:1f": 25, "02:42:c0:a8:02:20": 25}
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["port: 0 is not between 1 and 65535."]
"""

import collections
import contextlib
import http.client
import ipaddress
import json
import re
import socket
import statistics
import struct
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _arp, _datagram, _links, _run

#: Frames of every protocol (linux/if_ether.h).
ETH_P_ALL = 0x0003
#: The protocols of requests that go by UDP; the others go by TCP.
BY_UDP = ("dns", "udp")
#: What counts for a request that had no reply, and needs none.
NO_REPLY = "no reply"


class Answer(NamedTuple):
    """What a server answered: headers (lower case) and text."""

    headers: Mapping[str, str]
    body: str


class Refused(Exception):
    """The server answered, but not correctly."""


def identify(answer: Answer, identity: str) -> str:
    """Return the name that the option ``identity`` finds in an answer; raises Refused."""
    if identity == "none":
        return "any"
    if identity == "body":
        if not answer.body.strip():
            raise Refused("the answer is empty, so it does not identify its server")
        return answer.body.strip().splitlines()[0].strip()
    if identity.startswith("header:"):
        name = identity[len("header:") :]
        if name.lower() not in answer.headers:
            raise Refused(f"the answer has no header {name}")
        return answer.headers[name.lower()]
    match = re.search(identity, answer.body)
    if not (match and match.group(1)):
        raise Refused(f"nothing in the answer matches {identity}")
    return match.group(1)


def sender(packet: bytes, protocol: int = socket.IPPROTO_TCP) -> tuple[str, int] | None:
    """Return the source address and port of an IP packet; None if it has another protocol."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20 and packet[9] == protocol:
        start, address = (packet[0] & 15) * 4, packet[12:16]
    elif version == 6 and len(packet) >= 40 and packet[6] == protocol:
        start, address = 40, packet[8:24]
    else:
        return None
    if len(packet) < start + 2:
        return None
    return str(ipaddress.ip_address(address)), struct.unpack_from("!H", packet, start)[0]


def check(params: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the options, as sentences."""
    mistakes = []
    try:
        ipaddress.ip_address(params["vip"])
    except ValueError:
        mistakes.append(f"vip: {params['vip']!r} is no address: write it like 192.168.2.149.")
    if not 0 < params["port"] < 65536:
        mistakes.append(f"port: {params['port']} is not between 1 and 65535.")
    if params["requests"] < 1:
        mistakes.append("requests: it must be 1 or more.")
    if params["timeout"] <= 0:
        mistakes.append("timeout: it must be longer than 0 seconds.")
    if params["interval"] < 0:
        mistakes.append("interval: it must be 0 seconds or longer.")
    mistakes += [
        f"{option}: the protocol is {params['protocol']}; it must be {option} for this."
        for option in BY_UDP
        if params[option] and params["protocol"] != option
    ]
    mistakes += _datagram.mistakes(params["dns"], params["udp"])
    return mistakes + check_identity(params["identity"] or "none", params["protocol"])


def check_identity(identity: str, protocol: str) -> list[str]:
    """Return what is wrong with the option ``identity``, as sentences."""
    if identity in ("body", "mac", "none"):
        return []
    if identity.startswith("header:"):
        if protocol == "http":
            return []
        return ["identity: only HTTP has headers: leave header: to protocol http."]
    try:
        groups = re.compile(identity).groups
    except re.error as error:
        return [f"identity: {identity!r} is no regular expression: {error}."]
    return [] if groups == 1 else [f"identity: {identity!r} has {groups} groups, it takes one."]


def ask(params: Mapping[str, Any]) -> Answer | None:
    """Make one request and return its answer; raises OSError, HTTPException, Refused or BadReply.

    None is returned for a datagram that has no reply, and needs none.
    """
    vip, port, timeout = params["vip"], params["port"], params["timeout"]
    if params["protocol"] in BY_UDP:
        # Without options, a query has those that are documented.
        dns = params["dns"] or {name: option["default"] for name, option in _datagram.DNS.items()}
        dns = dns if params["protocol"] == "dns" else None
        reply = _datagram.request(vip, port, timeout, dns, params["udp"])
        return None if reply is None else Answer({}, reply.decode(errors="replace"))
    if params["protocol"] == "tcp":
        with socket.create_connection((vip, port), timeout) as stream:
            if params["identity"] == "none":
                return Answer({}, "")
            return Answer({}, stream.recv(4096).decode(errors="replace"))
    headers = {"Connection": "close", "User-Agent": "lvs.cluster.vip_probe"}
    if params["host"]:
        headers["Host"] = params["host"]
    connection = http.client.HTTPConnection(vip, port, timeout=timeout)
    try:
        connection.request("GET", params["path"], headers=headers)
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    finally:
        connection.close()
    if response.status >= 400:
        raise Refused(f"HTTP {response.status} {response.reason}")
    return Answer({name.lower(): value for name, value in response.getheaders()}, body)


class Watch:
    """Counts from which link-layer addresses the frames come that a port of a VIP sends.

    The kernel gives a frame to sockets for all protocols before IP gets it, and to those for one
    protocol afterwards (``__netif_receive_skb_core`` in net/core/dev.c). Only the first have seen
    an answer's frame for sure when the answer is read.

    :ivar macs: frames by their link-layer addresses
    """

    def __init__(self, interface: str, vip: str, port: int, protocol: int) -> None:
        self.source, self.protocol = (vip, port), protocol
        self.macs: collections.Counter[str] = collections.Counter()
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)

    def close(self) -> None:
        """Stop watching."""
        self.socket.close()

    def count(self) -> str:
        """Count what came in since the last time; return where most of it came from, or any."""
        new: collections.Counter[str] = collections.Counter()
        while True:
            try:
                packet, origin = self.socket.recvfrom(128)
            except BlockingIOError:
                break
            to_us = origin[2] == socket.PACKET_HOST and origin[4]
            if to_us and sender(packet, self.protocol) == self.source:
                new[origin[4].hex(":")] += 1
        self.macs += new
        return new.most_common(1)[0][0] if new else "any"


def probe(params: Mapping[str, Any]) -> dict[str, Any]:
    """Send the requests and return the result."""
    mistakes = check(params)
    if mistakes:
        raise _run.OperatorError(*mistakes)
    vip = str(ipaddress.ip_address(params["vip"]))
    by = ("oif", params["interface"]) if params["interface"] else ()
    route = json.loads(_links.ip("-json", "route", "get", vip, *by))[0]
    if route.get("type") == "local":
        raise _run.OperatorError(
            f"vip: {vip} is on this host, so a probe would not leave it: probe from a client."
        )
    link = _links.read()[route["dev"]]
    on_link = "gateway" not in route and "via" not in route and link.kind == "ether"

    macs: list[str] = []
    if on_link and ":" not in vip:
        source = route.get("prefsrc", "0.0.0.0")
        macs = _arp.who_has(link.name, link.mac, [vip], source).get(vip, [])
    sequence: list[str | None] = []
    failures = []
    latencies = []
    by_udp = params["protocol"] in BY_UDP
    identity = params["identity"] or ("mac" if by_udp else "body")
    protocol = socket.IPPROTO_UDP if by_udp else socket.IPPROTO_TCP
    with contextlib.closing(Watch(link.name, vip, params["port"], protocol)) as watch:
        for n in range(1, params["requests"] + 1):
            if n > 1:
                time.sleep(params["interval"])
            watch.count()  # what is left of the request before
            start = time.perf_counter()
            try:
                answer = ask({**params, "vip": vip, "identity": identity})
                latency = (time.perf_counter() - start) * 1000
                mac = watch.count()
                if answer is None:
                    sequence.append(NO_REPLY)
                    continue
                sequence.append(mac if identity == "mac" else identify(answer, identity))
                latencies.append(latency)
            except (OSError, http.client.HTTPException, Refused, _datagram.BadReply) as error:
                sequence.append(None)
                failures.append({"n": n, "error": str(error) or type(error).__name__})
        watch.count()
    if on_link and ":" in vip:
        known = json.loads(_links.ip("-json", "neighbour", "show", "to", vip, "dev", link.name))
        macs = [entry["lladdr"] for entry in known if "lladdr" in entry]
    return {
        "answers": collections.Counter(name for name in sequence if name is not None),
        "sequence": sequence,
        "failures": failures,
        "latency_ms": summary(latencies),
        "interface": link.name,
        "on_link": on_link,
        "macs": macs,
        "answer_macs": watch.macs,
    }


def summary(latencies: list[float]) -> dict[str, float] | None:
    """Return the least, the median and the greatest of some latencies; None for none."""
    if not latencies:
        return None
    figures = {
        "min": min(latencies),
        "median": statistics.median(latencies),
        "max": max(latencies),
    }
    return {name: round(figure, 3) for name, figure in figures.items()}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "vip": {"type": "str", "required": True},
            "port": {"type": "int", "default": 80},
            "protocol": {
                "type": "str",
                "choices": ["http", "tcp", *BY_UDP],
                "default": "http",
            },
            "dns": {"type": "dict", "options": _datagram.DNS},
            "udp": {"type": "dict", "options": _datagram.UDP},
            "path": {"type": "str", "default": "/"},
            "host": {"type": "str"},
            "requests": {"type": "int", "default": 12},
            "interval": {"type": "float", "default": 0.0},
            "timeout": {"type": "float", "default": 3.0},
            "identity": {"type": "str"},
            "interface": {"type": "str"},
        },
        supports_check_mode=True,
    )
    _run.report(module, probe)


if __name__ == "__main__":
    main()
