# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back-end of tunnel_iface on FreeBSD: gif(4) interfaces that decapsulate IPv4 in IPv4.

A gif takes packets with its two outer addresses only, so there is one for each director. With
``ignore_source`` it takes those of any source; this is for a network of sources (in_gif_lookup() in
sys/netinet/in_gif.c). ifconfig(8) makes them now, and a file of rc(8) at boot, which is the state
file, too.
"""

from __future__ import annotations

import ipaddress
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _commands,
    _freebsd,
    _run,
    _tunnels,
)
from ansible_collections.lvs.cluster.plugins.module_utils._commands import Command

HEADER = "# Written by Ansible (lvs.cluster.tunnel_iface), which replaces what is changed here.\n"
#: The numbers of managed interfaces: the upper half of those there can be (IF_MAXUNIT in
#: sys/net/if.h is 0x7fff).
FIRST, COUNT = 0x4000, 0x4000
#: The other end of an interface for any source: an address that no host has (RFC 5737), so that no
#: other interface has the same two ends.
NO_HOST = "192.0.2.1"
UNFILTERED = (
    "The tunnels of this host are taken from every address, since sources has a network or nothing."
    " Have a packet filter accept IP protocol 4 from the directors only."
)


class Gif(NamedTuple):
    """A gif interface.

    :ivar local: the RIP, to which directors address the outer packet
    :ivar remote: the director
    :ivar any_source: whether it takes packets of other sources, too
    """

    local: str
    remote: str
    any_source: bool = False

    @property
    def name(self) -> str:
        """Its name, which follows from the rest, so that it is the same in each run."""
        return f"gif{FIRST + zlib.crc32(' '.join(map(str, self)).encode()) % COUNT}"

    @property
    def options(self) -> tuple[str, ...]:
        """The words of ifconfig(8) with which it begins to work."""
        return ("ignore_source", "up") if self.any_source else ("up",)

    @property
    def ends(self) -> str:
        """The outer addresses in the words of ifconfig(8)."""
        return f"tunnel {self.local} {self.remote}"

    @property
    def line(self) -> str:
        """What it is, in the words of ifconfig(8)."""
        return f"{self.name} {self.ends} {' '.join(self.options)}"

    @property
    def made(self) -> list[Command]:
        """What makes it, with what undoes that."""
        return [
            Command(
                ("ifconfig", self.name, "create", "tunnel", self.local, self.remote),
                ("ifconfig", self.name, "destroy"),
            ),
            Command(("ifconfig", self.name, *self.options), ("ifconfig", self.name, "down")),
        ]

    @property
    def removed(self) -> list[Command]:
        """What removes it, with what undoes that."""
        return [Command(each.undo, each.do) for each in reversed(self.made)]


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of tunnel_iface ask for."""
    present = params["state"] == "present"
    tunnels = _tunnels.parse(params["tunnels"]) if present else []
    mistakes = unsupported(tunnels)
    if mistakes:
        raise _run.OperatorError(*mistakes)
    wanted = gifs((str(each.address) for each in tunnels), params.get("sources") or [])
    save = params["save"]
    path = _freebsd.boot_file(save, "netif", "network") if save else ""
    text = _atomic_file.read(path) if path else None
    owned = _atomic_file.parsed(path, text, saved)
    there = read()
    mistakes = _in_the_way(there, wanted, owned)
    if mistakes:
        raise _run.OperatorError(*mistakes)
    concerned = list(dict.fromkeys([*owned, *wanted]))
    # A managed interface that differs from its settings is made again.
    before = {each: there[each.name] for each in concerned if each.name in there}
    new = [each for each in wanted if before.get(each) != each.line]
    gone = [each for each in before if each in new or each not in wanted]
    commands = [
        *(command for each in gone if each in new for command in each.removed),
        *(command for each in new for command in each.made),
        *(command for each in gone if each not in new for command in each.removed),
    ]
    before_lines = sorted(before.values())
    after_lines = sorted(each.line for each in wanted)
    results: dict[str, Any] = {"interfaces": [each.name for each in wanted], "packets": []}
    if any(each.any_source for each in wanted):
        results["warnings"] = [UNFILTERED]
    return _run.Change(
        before_lines,
        after_lines,
        apply=partial(
            _commands.apply, commands, "The tunnels are as they were.", partial(_missing, wanted)
        ),
        files={path: (text, render(wanted))} if path else {},
        text=("\n".join([*before_lines, ""]), "\n".join([*after_lines, ""])),
        results=results,
        meanwhile={path: render(concerned)} if path else {},
        folders=[os.path.dirname(path)] if path else [],
    )


def _in_the_way(there: Mapping[str, str], wanted: Iterable[Gif], owned: Iterable[Gif]) -> list[str]:
    """Return a sentence for each interface of others that has the name or the ends of a wanted one.

    Two interfaces can't have the same ends (in_gif_checkdup() in sys/netinet/in_gif.c).
    """
    managed = {each.name for each in owned}
    others = {name: line for name, line in there.items() if name not in managed}
    return [
        f"{name} is {line.partition(' ')[2]} already, and this module did not make it. Remove it"
        f" (ifconfig {name} destroy), also from /etc/rc.conf."
        for each in wanted
        for name, line in others.items()
        if (name == each.name or f" {each.ends} " in line) and line != each.line
    ]


def _missing(wanted: Iterable[Gif]) -> list[str]:
    """Return a sentence for each interface that is not as wanted.

    ifconfig(8) only warns, and ends with status 0, if it could not set the ends or options
    (in_set_tunnel() in sbin/ifconfig/af_inet.c, setgifopts() in ifgif.c).
    """
    there = read()
    return [
        f"{each.name} is {there.get(each.name, '').partition(' ')[2] or 'not there'}; it must be"
        f" {each.line.partition(' ')[2]}. Run ifconfig {each.name} create {each.ends} to see why."
        for each in wanted
        if there.get(each.name) != each.line
    ]


def unsupported(tunnels: Iterable[_tunnels.Tunnel]) -> list[str]:
    """Return a sentence for each tunnel that this collection does not set up on FreeBSD."""
    return [
        f"tunnel {number} ({each.kind} to {each.address}): on FreeBSD it must be ipip, with IPv4"
        " inside and outside. Set tunnel_type: ipip of the service, or use another method for this"
        " host."
        for number, each in enumerate(tunnels, 1)
        if (each.kind, each.address.version, each.inner) != ("ipip", 4, 4)
    ]


def gifs(addresses: Iterable[str], sources: Iterable[str]) -> list[Gif]:
    """Return the interfaces for tunnels to some addresses.

    :param addresses: the RIPs
    :param sources: the addresses and networks from which tunnels come; raises `OperatorError` for
        what is neither
    """
    listed, mistakes = [], []
    for text in sources:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            mistakes.append(
                f"sources: {text!r} is no address: write a director's like 192.168.2.23."
            )
            continue
        listed += [network] if network.version == 4 else []
    if mistakes:
        raise _run.OperatorError(*mistakes)
    hosts = [str(each[0]) for each in listed if each.num_addresses == 1]
    exact = bool(listed) and len(hosts) == len(listed)
    remotes = hosts if exact else [NO_HOST]
    return [
        Gif(address, remote, not exact)
        for address in dict.fromkeys(addresses)
        for remote in dict.fromkeys(remotes)
    ]


def read() -> dict[str, str]:
    """Return the lines of the gif interfaces that are there, by name."""
    return parse(_commands.output("ifconfig", "-f", _freebsd.FORMAT, "-a"))


def parse(said: str) -> dict[str, str]:
    """Return the lines of the gif interfaces in what ``ifconfig -a`` prints.

    The format is that of gif_status() in sbin/ifconfig/ifgif.c, and of in_status_tunnel() in
    af_inet.c there. An
    interface without outer addresses, or that is down, has a line that no managed one has.
    """
    found: dict[str, str] = {}
    for block in re.split(r"(?m)^(?=\S)", said):
        head = re.match(r"(gif\d+): flags=\w+<([^>]*)>", block)
        if head:
            ends = re.search(r"(?m)^\ttunnel inet (\S+) --> (\S+)$", block)
            words = ["tunnel", ends[1], ends[2]] if ends else []
            words += ["ignore_source"] if "IGNORE_SOURCE" in block else []
            words += ["up" if "UP" in head[2].split(",") else "down"]
            found[head[1]] = " ".join([head[1], *words])
    return found


# ------------------------------------------------------------------------- the file for boot

_LINES = re.compile(
    r'cloned_interfaces="\$\{cloned_interfaces\} (?P<name>gif\d+)"\n'
    r'create_args_(?P=name)="tunnel (?P<local>[\d.]+) (?P<remote>[\d.]+)"\n'
    r'ifconfig_(?P=name)="(?P<any>ignore_source )?up"\n'
)


def saved(text: str | None) -> list[Gif]:
    """Return the interfaces that the file for boot makes; raises ValueError if it has others."""
    body = re.sub(r"(?m)^#.*\n", "", text or "")
    found = [
        Gif(each["local"], each["remote"], bool(each["any"])) for each in _LINES.finditer(body)
    ]
    rest = _LINES.sub("", body).strip()
    odd = [each.name for each in found if f"ifconfig_{each.name}=" not in body]
    if rest or odd:
        raise ValueError(
            f"it has {rest.splitlines()[0] if rest else odd[0]!r}; for each interface it must have"
            " cloned_interfaces, create_args_NAME and ifconfig_NAME, as the module wrote them"
        )
    return found


def render(entries: Iterable[Gif]) -> str | None:
    """Return the text of the file for boot; None if it would make nothing."""
    lines = [
        f'cloned_interfaces="${{cloned_interfaces}} {each.name}"\n'
        f'create_args_{each.name}="tunnel {each.local} {each.remote}"\n'
        f'ifconfig_{each.name}="{" ".join(each.options)}"\n'
        for each in entries
    ]
    return HEADER + "".join(lines) if lines else None
