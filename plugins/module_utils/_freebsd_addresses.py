# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back-end of vip_iface on FreeBSD: VIPs on lo0.

ifconfig(8) sets them now, and a file of rc(8) at boot, which is the state file, too.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _commands,
    _freebsd,
    _links,
    _run,
)
from ansible_collections.lvs.cluster.plugins.module_utils._commands import Command
from ansible_collections.lvs.cluster.plugins.module_utils._links import Address

HEADER = "# Written by Ansible (lvs.cluster.vip_iface), which replaces what is changed here.\n"
#: rc.conf(5) adds what this variable lists beside ifconfig_lo0_alias0, ifconfig_lo0_alias1, ...
LINE = re.compile(r'ifconfig_(lo\d+)_aliases="\$\{ifconfig_\1_aliases\} inet6? (\S+)"')


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of vip_iface ask for."""
    present = params["state"] == "present"
    interface = params["interface"] or "lo0"
    if interface == "lo" or re.fullmatch(r"gif\d+", interface):
        # What comes out of a tunnel is taken for addresses of all interfaces; a gif has two ends.
        interface = "lo0"
    listed = [
        address._replace(preferred=True) for address in _links.vips(interface, params["vips"] or [])
    ]
    path = _freebsd.boot_file(params["save"], "netif", "network") if params["save"] else ""
    text = _atomic_file.read(path) if path else None
    owned = _atomic_file.parsed(path, text, saved)
    elsewhere = _listed_elsewhere(path)
    unlisted: list[str] = []
    if present:
        wanted, unwanted = listed, [each for each in owned if each not in listed]
        if not params["prune"]:
            here = {each.ip.ip for each in listed}  # one on another interface moves
            unlisted = [str(each.ip.ip) for each in unwanted if each.ip.ip not in here]
            unwanted = [each for each in unwanted if each.ip.ip in here]
    else:
        wanted, unwanted = [], list(owned) if params["vips"] is None else listed
    # What was there before the role goes only if it is named.
    named = unwanted if not present and params["vips"] is not None else []
    leaving = [
        each for each in unwanted if each not in elsewhere and (each in named or not owned[each])
    ]

    links = _links.parse(_freebsd.links())
    mistakes = _mistakes(links, interface, wanted)
    if mistakes:
        raise _run.OperatorError(*mistakes)
    there = {address.place for link in links.values() for address in link.addresses}
    before = [each for each in dict.fromkeys([*wanted, *unwanted]) if each.place in there]
    after = [each for each in before if each not in leaving]
    added = [each for each in wanted if each not in before]
    after += added
    commands = [*map(_add, added), *map(_remove, (each for each in before if each not in after))]
    kept = {each: stays for each, stays in owned.items() if each not in unwanted}
    for each in wanted:
        kept[each] = owned.get(each, elsewhere.get(each, each in before))
    lines, wanted_lines = sorted(map(line, before)), sorted(map(line, after))
    return _run.Change(
        lines,
        wanted_lines,
        apply=partial(_apply, commands),
        files={path: (text, render(kept))} if path else {},
        text=("\n".join([*lines, ""]), "\n".join([*wanted_lines, ""])),
        results={"interface": interface, "kept": list(dict.fromkeys(unlisted))},
        missing_requirements=_obstacles(links, interface, added) if added else [],
        meanwhile={path: render({**owned, **kept})} if path else {},
        folders=[os.path.dirname(path)] if path else [],
    )


def _listed_elsewhere(path: str) -> dict[Address, bool]:
    """Return what the files of other roles list: with tunnels, too, the VIPs are on lo0."""
    found: dict[Address, bool] = {}
    for other in _freebsd.boot_files("netif", "network"):
        if other != path and not other.endswith("_link"):  # which lists tunnels
            found.update(_atomic_file.parsed(other, _atomic_file.read(other), saved))
    return found


def _apply(commands: Iterable[Command]) -> Mapping[str, Any]:
    _commands.apply(commands, "The addresses are as they were.")
    return {"announced": []}


def line(address: Address) -> str:
    """Return an address in the words of ifconfig(8)."""
    return f"{address.interface} {_family(address)} {address.ip.with_prefixlen}"


def _family(address: Address) -> str:
    return "inet" if address.ip.version == 4 else "inet6"


def _add(address: Address) -> Command:
    """Return what adds an address; its prefix length is always given, the default is classful."""
    interface, family, bare = address.interface, _family(address), str(address.ip.ip)
    return Command(
        ("ifconfig", interface, family, address.ip.with_prefixlen, "alias"),
        ("ifconfig", interface, family, bare, "-alias"),
    )


def _remove(address: Address) -> Command:
    added = _add(address)
    return Command(added.undo, added.do)


def _mistakes(
    links: Mapping[str, _links.Link], interface: str, wanted: Iterable[Address]
) -> list[str]:
    """Return why the interface can't hold the VIPs, and which are on it with a whole network."""
    wanted = list(wanted)
    link = links.get(interface)
    if wanted and link is None:
        return [f"interface: there is no interface {interface} here; there are {', '.join(links)}."]
    if wanted and link is not None and "LOOPBACK" not in link.flags:
        return [
            (
                f"interface is {interface}; on FreeBSD it must be a loopback interface such as lo0:"
                " another one would answer ARP for the VIPs in the director's place. Directors run"
                " Linux."
            )
        ]
    bare = {address.ip.ip for address in wanted}
    return [
        f"{there.ip} is on {interface}, which makes all of {there.ip.network} local to this host:"
        f" remove it (ifconfig {interface} {_family(there)} {there.ip.ip} -alias), also from"
        " /etc/rc.conf, and run this again."
        for there in (link.addresses if link else ())
        if not there.host_only and there.ip.ip in bare
    ]


def _obstacles(
    links: Mapping[str, _links.Link], interface: str, added: Iterable[Address]
) -> list[str]:
    """Return a sentence for everything that keeps VIPs from being added to a loopback interface."""
    bare = {address.ip.ip for address in added}
    found = [
        f"{there.ip.ip} is on {other.name}: before it can be on {interface}, remove it there"
        f" (ifconfig {other.name} {_family(there)} {there.ip.ip} -alias), also from /etc/rc.conf."
        for other in links.values()
        if other.name != interface
        for there in other.addresses
        if there.ip.ip in bare
    ]
    vips = [str(address.ip.ip) for address in added]
    return found + _freebsd.refusals(_freebsd.sysctls(), _freebsd.published(), vips)


# ------------------------------------------------------------------------- the file for boot


def saved(text: str | None) -> dict[Address, bool]:
    """Return what the file for boot lists, and whether that was so before it was written.

    Raises ValueError for a line that it can't have.
    """
    found: dict[Address, bool] = {}
    stays = False
    for number, said in enumerate((text or "").splitlines(), 1):
        if said and not said.startswith("#"):
            found[_saved_address(number, said)] = stays
        stays = said == _freebsd.STAYS
    return found


def _saved_address(number: int, said: str) -> Address:
    match = LINE.fullmatch(said)
    try:
        if match:
            return Address(match[1], ipaddress.ip_interface(match[2]))
    except ValueError:
        pass
    raise ValueError(
        f"line {number} is {said!r}; it must be"
        " 'ifconfig_lo0_aliases=\"${ifconfig_lo0_aliases} inet ADDRESS/32\"'"
    )


def render(entries: Mapping[Address, bool]) -> str | None:
    """Return the text of the file for boot; None if it would list nothing.

    :param entries: the addresses, and whether they were there before
    """
    lines = [HEADER]
    for address, stays in entries.items():
        variable = f"ifconfig_{address.interface}_aliases"
        words = f"{_family(address)} {address.ip.with_prefixlen}"
        lines += [f"{_freebsd.STAYS}\n"] if stays else []
        lines.append(f'{variable}="${{{variable}}} {words}"\n')
    return "".join(lines) if entries else None
