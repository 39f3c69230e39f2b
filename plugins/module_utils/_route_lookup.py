# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up routes, and whether a return path would cut Ansible's own connection."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._links import ip
from ansible_collections.lvs.cluster.plugins.module_utils._return_path import (
    MAIN,
    PROTOCOLS,
    Answer,
    Wanted,
    family,
)
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError

RTN_LOCAL = "2"  # include/uapi/linux/rtnetlink.h


class Connection(NamedTuple):
    """The ssh connection of the operator."""

    client: str
    client_port: int
    server: str
    port: int


class RouteLookup(NamedTuple):
    """The route of packets to an address.

    :ivar gateway: the next router, "" if the address is on a link
    :ivar default: whether it is the default route of the main table that leads there
    :ivar local: whether the address is this machine's own
    """

    gateway: str = ""
    default: bool = False
    local: bool = False


def parse_connection(text: str | None) -> Connection | None:
    """Parse a variable SSH_CONNECTION; return None if it is unset or can't be read."""
    words = (text or "").split()
    if len(words) != 4 or not (words[1].isdecimal() and words[3].isdecimal()):
        return None
    return Connection(words[0], int(words[1]), words[2], int(words[3]))


def connection() -> Connection | None:
    """Return the ssh connection by which Ansible runs this process; None without ssh.

    sudo removes the variable from the environment, so those of the ancestor processes are read,
    too.
    """
    found = parse_connection(os.environ.get("SSH_CONNECTION"))
    process = os.getppid()
    while found is None and process > 1:
        try:
            with open(f"/proc/{process}/environ", encoding="utf-8", errors="replace") as file:
                variables = dict(v.partition("=")[::2] for v in file.read().split("\0"))
            with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
                # The second field, the name in parentheses, may have anything in it.
                process = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            return None
        found = parse_connection(variables.get("SSH_CONNECTION"))
    return found


def look_up_route(address: str, *selectors: str) -> RouteLookup | None:
    """Return the route of packets to an address; None if there is none."""
    words = ("-N", "-json", family(address), "route", "get", "fibmatch", address, *selectors)
    try:
        routes = json.loads(ip(*words) or "[]")
    except OperatorError:
        return None
    if not routes:
        return None
    route = routes[0]
    return RouteLookup(
        str(route.get("gateway", route.get("via", {}).get("host", ""))),
        default=route["dst"] == "default" and int(route.get("table", MAIN)) == MAIN,
        local=str(route.get("type")) == RTN_LOCAL,
    )


def look_up_return_route(link: Connection) -> tuple[RouteLookup | None, RouteLookup | None]:
    """Return the route of answers to a connection, with and without managed rules.

    Each of these has a protocol, so a lookup without one does not match them.
    """
    ports = (
        "ipproto",
        str(PROTOCOLS["tcp"]),
        "sport",
        str(link.port),
        "dport",
        str(link.client_port),
    )
    source = ("from", link.server)
    return look_up_route(link.client, *source, *ports), look_up_route(link.client, *source)


def cut(
    link: Connection, wanted: Wanted, now: RouteLookup, without: RouteLookup, default: str | None
) -> list[str]:
    """Return a sentence if the route of answers to a connection would change.

    :param now: their current route
    :param without: their route without any managed rule
    :param default: the gateway of the default route then, None without one
    """
    covered = wanted.route == "policy" and any(_covers(a, link, wanted) for a in wanted.answers)
    then = default if without.default else without.gateway
    if covered:
        then = wanted.gateways[family(link.server)]
    if then == now.gateway:
        return []
    later = "nowhere" if then is None else f"through {then}" if then else "directly"
    remedy = "Let Ansible reach this machine from its own network"
    if covered:
        remedy = (
            f"Remove port {link.port} of {link.server} from the services, or let Ansible reach this"
            " machine by another port or address"
        )
    elif wanted.route == "default":
        remedy += ", or use route: policy (realserver_nat_route)"
    today = f"through {now.gateway}" if now.gateway else "directly"
    sentence = (
        f"This would cut Ansible's own connection: answers to {link.client} leave {today} now, and"
        f" would leave {later}. {remedy}."
    )
    return [sentence]


def _covers(answer: Answer, link: Connection, wanted: Wanted) -> bool:
    """Return whether a policy for an answer matches the answers of an ssh server."""
    return (
        answer.protocol == "tcp"
        and answer.address == link.server
        and (answer.port == link.port or (answer.port == 0 and link.port not in wanted.keep_ports))
    )


def would_cut(wanted: Wanted, defaults: Mapping[str, str | None]) -> list[str]:
    """Return a sentence if the wanted return path would cut Ansible's connection.

    :param defaults: the gateway of the default route then, by family
    """
    link = connection()
    if link is None or "%" in link.client:  # of a link only, and so on one
        return []
    now, without = look_up_return_route(link)
    if now is None or without is None or now.local:
        return []
    option = family(link.client)
    return cut(link, wanted, now, without, defaults.get(option, without.gateway))


def off_link(
    gateways: Iterable[str], look_up: Callable[[str], RouteLookup | None] = look_up_route
) -> list[str]:
    """Return a sentence for each director's address that is not on a link with this machine."""
    found = []
    for gateway in gateways:
        found_route = look_up(gateway)
        remedy = "Give the director an address in this machine's network, or use fullnat."
        if found_route is None:
            found.append(
                f"{gateway} must be the next hop of answers, but there is no route to it. {remedy}"
            )
        elif found_route.local:
            found.append(
                f"{gateway} must be the next hop of answers, but it is an address of this machine."
                " A director that is its own real server needs no return path: remove it."
            )
        elif found_route.gateway:
            found.append(
                f"{gateway} must be the next hop of answers, but it is reached through the router"
                f" {found_route.gateway}. {remedy}"
            )
    return found
