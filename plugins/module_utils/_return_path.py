# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse the options of return_route: which answers return through the director, and how.

Managed objects in the kernel have the number `PROTOCOL`, rules and routes alike.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._links import without_zone
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError

#: Who made a rule or a route (rtnetlink(7), rtm_protocol): a number that no known program has.
PROTOCOL = 151
MAIN = 254
TABLE = 5251  # where the route to the director is, unless another is chosen
KERNELS = (0, 253, 254, 255)  # unspec, default, main, local: the kernel's own
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


def family(address: str) -> str:
    """Return the option of ``ip`` for an address."""
    return "-6" if ":" in address else "-4"


class Answer(NamedTuple):
    """Answers of a service: source address, port and protocol of the packets.

    :ivar port: 0 stands for all ports
    """

    address: str
    port: int
    protocol: str


class Rule(NamedTuple):
    """A managed rule: which packets are looked up in a routing table.

    :ivar source: an address, or ``all``
    :ivar port: the source port; 0 stands for all
    """

    priority: int
    source: str
    protocol: str
    port: int
    table: int

    def __str__(self) -> str:
        """Return the words for ``ip rule add``, and for ``delete``.

        Protocols are numbers there, for not every machine has a list of their names.
        """
        port = f" sport {self.port}" if self.port else ""
        table = "main" if self.table == MAIN else self.table
        return (
            f"pref {self.priority} from {self.source} ipproto {PROTOCOLS[self.protocol]}{port}"
            f" lookup {table} protocol {PROTOCOL}"
        )


class Wanted(NamedTuple):
    """The return path of answers.

    :ivar gateways: the director's address by family
    :ivar route: ``policy``, for the answers alone, or ``default``, for all packets without another
        route
    :ivar kept: by family, rules for other answers, which are to stay
    """

    gateways: Mapping[str, str] = {}
    answers: tuple[Answer, ...] = ()
    route: str = "policy"
    table: int = TABLE
    keep_ports: tuple[int, ...] = ()
    kept: Mapping[str, Sequence[Rule]] = {}


def parse(params: Mapping[str, Any]) -> Wanted:
    """Return the options, parsed; raises OperatorError with all mistakes."""
    mistakes: list[str] = []
    gateways: dict[str, str] = {}
    for text in params["gateways"] or []:
        address = _address("gateways", text, mistakes)
        if address is None:
            continue
        if address.is_loopback or address.is_multicast or address.is_unspecified:
            mistakes.append(
                f"gateways: {address} is not a machine's address; it must be the director's."
            )
        elif address.is_link_local:
            mistakes.append(
                f"gateways: {address} is link-local; it must be an address of the director that is"
                " valid on every link."
            )
        elif gateways.setdefault(family(str(address)), str(address)) != str(address):
            mistakes.append(
                f"gateways: there are {gateways[family(str(address))]} and {address}, but answers"
                " have one path; keep one of each address family."
            )
    answers = [_answer(f"answers[{n}]", a, mistakes) for n, a in enumerate(params["answers"] or [])]
    lacking = {a.address for a in answers if a and family(a.address) not in gateways}
    if not mistakes:
        mistakes += [
            f"answers: {address} has no return path: gateways has none of its address family."
            for address in sorted(lacking)
        ]
    if params["table"] in KERNELS or not 0 < params["table"] < 2**32:
        mistakes.append(
            f"table is {params['table']}; it must be a number from 1 to 4294967295 other than the"
            " kernel's own, 253 to 255."
        )
    mistakes += [
        f"keep_ports: {port} is not a port; it must be a whole number from 1 to 65535."
        for port in params["keep_ports"] or []
        if not 1 <= port <= 65535
    ]
    if mistakes:
        raise OperatorError(*mistakes)
    return Wanted(
        gateways,
        tuple(dict.fromkeys(filter(None, answers))),
        params["route"],
        params["table"],
        tuple(dict.fromkeys(params["keep_ports"] or [])),
    )


def _address(
    place: str, text: object, mistakes: list[str]
) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(without_zone(str(text)))
    except ValueError:
        mistakes.append(f"{place}: {text!r} is not an address; it must be such as 192.168.0.254.")
        return None


def _answer(place: str, written: Mapping[str, Any], mistakes: list[str]) -> Answer | None:
    """Return an item of ``answers``; its other fields are not read."""
    address = _address(f"{place}: address", written.get("address"), mistakes)
    port, protocol = str(written.get("port")), written.get("protocol", "tcp")
    good = port.isdecimal() and int(port) <= 65535
    if not good:
        mistakes.append(
            f"{place}: port is {written.get('port')!r}; it must be a whole number from 0 (all"
            " ports) to 65535."
        )
    if protocol not in PROTOCOLS:
        mistakes.append(
            f"{place}: protocol is {protocol!r}; it must be one of {', '.join(PROTOCOLS)}."
        )
    if address is None or not good or protocol not in PROTOCOLS:
        return None
    return Answer(str(address), int(port), protocol)
