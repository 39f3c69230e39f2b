# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back-end of vip_iface on SunOS where ipadm(8) does not keep VIPs: files for boot.

ifconfig(8) sets the VIPs now. At boot, /lib/svc/method/net-physical gives each line of
/etc/hostname.lo0:N to ifconfig. It adds ``netmask + broadcast + up`` to a file of one line, which
sets the mask of netmasks(5), so these files have two (inet_process_hostname() in
usr/src/cmd/svc/shell/net_include.sh of illumos, the same since OpenSolaris began in 2005). No line
can be a comment, so the state file lists which files are managed.
"""

from __future__ import annotations

import glob
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _commands,
    _links,
    _run,
    _sunos,
)
from ansible_collections.lvs.cluster.plugins.module_utils._commands import Command

HEADER = "# Written by Ansible (lvs.cluster.vip_iface), which replaces what is changed here.\n"
#: What comes before the number of a file for boot.
PREFIX = "/etc/hostname.lo0:"
Vip = ipaddress.IPv4Address


class Entry(NamedTuple):
    """What the state file has of a VIP.

    :ivar number: the number of its file for boot
    :ivar stays: whether it was on lo0 before that was written, so that it stays there
    """

    number: int
    stays: bool

    @property
    def path(self) -> str:
        """The file for boot."""
        return f"{PREFIX}{self.number}"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of vip_iface ask for."""
    present, listed = params["state"] == "present", _sunos.vips(params)
    path = params["save"]
    text = _atomic_file.read(path) if path else None
    owned = _atomic_file.parsed(path, text, saved)
    links = _links.parse(_sunos.links())
    lo0 = links.get("lo0", _links.Link("lo0"))
    there = {each.ip.ip for each in lo0.addresses if each.host_only and each.ip.version == 4}
    unlisted = [vip for vip in owned if vip not in listed] if present else []
    if present:
        added, gone = [vip for vip in listed if vip not in there], unlisted * params["prune"]
    else:
        added, gone = [], list(owned) if params["vips"] is None else listed
    # What was there before the role goes only if it is named.
    named = not present and params["vips"] is not None
    leaving = [vip for vip in gone if vip in there and (named or not owned[vip].stays)]
    entries = {vip: each for vip, each in owned.items() if vip not in gone}
    for vip in listed if present and path else ():
        if vip not in entries and not _kept_by_others(vip, owned):
            entries[vip] = Entry(_free({**owned, **entries}), vip in there)
    files = {
        each.path: (_atomic_file.read(each.path), boot_text(vip) if vip in entries else None)
        for vip, each in {**owned, **entries}.items()
    }
    before = [vip for vip in dict.fromkeys([*listed, *gone]) if vip in there]
    before_lines = sorted(map(line, before))
    after_lines = sorted(map(line, {*before, *added} - {*leaving}))
    return _run.Change(
        before_lines,
        after_lines,
        apply=partial(_apply, [*map(_add, added), *map(_remove, leaving)]),
        files={**({path: (text, render(entries))} if path else {}), **files},
        text=("\n".join([*before_lines, ""]), "\n".join([*after_lines, ""])),
        results={"interface": "lo0", "kept": [] if params["prune"] else list(map(str, unlisted))},
        missing_requirements=_obstacles(links, added) if added else [],
        meanwhile={path: render({**owned, **entries})} if path else {},
        folders=[os.path.dirname(path)] if path else [],
    )


def _kept_by_others(vip: Vip, owned: Mapping[Vip, Entry]) -> bool:
    """Return whether the administrator has a file for boot with the VIP."""
    managed = {each.path for each in owned.values()}
    paths = [path for path in glob.glob(f"{PREFIX}*") if path not in managed]
    return any(str(vip) in re.split(r"[\s/]+", _atomic_file.read(path) or "") for path in paths)


def _free(entries: Mapping[Vip, Entry]) -> int:
    """Return the lowest number without a file."""
    used = {each.number for each in entries.values()}
    number = 1
    while number in used or os.path.lexists(f"{PREFIX}{number}"):
        number += 1
    return number


def _apply(commands: Iterable[Command]) -> Mapping[str, Any]:
    _commands.apply(commands, "The addresses are as they were.")
    return {"announced": []}


def line(vip: Vip) -> str:
    """Return a VIP in the words of ifconfig(8)."""
    return f"lo0 inet {vip}/32"


def _add(vip: Vip) -> Command:
    return Command(
        ("ifconfig", "lo0", "addif", f"{vip}/32", "up"), ("ifconfig", "lo0", "removeif", str(vip))
    )


def _remove(vip: Vip) -> Command:
    added = _add(vip)
    return Command(added.undo, added.do)


def _obstacles(links: Mapping[str, _links.Link], added: Iterable[Vip]) -> list[str]:
    """Return a sentence for everything that keeps VIPs from being added to lo0."""
    added = sorted(added)
    found = [
        f"{there.ip} is on {link.name}: before it can be on lo0 with /32, remove it there (ifconfig"
        f" {link.name} removeif {there.ip.ip}), also from /etc/hostname.{link.name} and the like."
        for link in links.values()
        for there in link.addresses
        if there.ip.ip in added
    ]
    return found + _sunos.refusals(_sunos.host_model(), _sunos.published(), map(str, added))


def boot_text(vip: Vip) -> str:
    """Return the text of the file for boot of a VIP."""
    return f"{vip} netmask 255.255.255.255\nup\n"


# ------------------------------------------------------------------------------ the state file


def saved(text: str | None) -> dict[Vip, Entry]:
    """Return what the state file has; raises ValueError for a line that it can't have."""
    found: dict[Vip, Entry] = {}
    for number, said in enumerate((text or "").splitlines(), 1):
        match = re.fullmatch(r"lo0:(\d+) ([\d.]+)( stays)?", said)
        try:
            if match:
                found[Vip(match[2])] = Entry(int(match[1]), bool(match[3]))
                continue
        except ValueError:
            pass
        if f"{said}\n" != HEADER:
            raise ValueError(f"line {number} is {said!r}; it must be 'lo0:NUMBER VIP'")
    return found


def render(entries: Mapping[Vip, Entry]) -> str | None:
    """Return the text of the state file; None if it would list nothing."""
    lines = [
        f"lo0:{each.number} {vip}{' stays' if each.stays else ''}\n"
        for vip, each in entries.items()
    ]
    return HEADER + "".join(lines) if lines else None
