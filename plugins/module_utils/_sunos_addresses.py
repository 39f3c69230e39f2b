# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back-end of vip_iface on SunOS: VIPs on lo0, as address objects.

ipadm(8) sets them now and keeps them for the boot, so there is no state file: what is managed has a
name that begins with ``lo0/lvs``. Where ipadm does not keep lo0, `_sunos_files` does it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _commands,
    _run,
    _sunos,
    _sunos_files,
)
from ansible_collections.lvs.cluster.plugins.module_utils._commands import Command
from ansible_collections.lvs.cluster.plugins.module_utils._sunos import AddressObject


def managed_name(vip: ipaddress.IPv4Address) -> str:
    """Return the name of the object of a VIP, as lo0/lvsc0a800c8 for 192.168.0.200."""
    return f"lo0/lvs{int(vip):08x}"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of vip_iface ask for."""
    there = _sunos.address_objects() if _sunos.has_ipadm() else []
    managed = _sunos.managed_objects(there)
    # What an earlier run has begun goes on in the same way.
    if not managed and (_listed(params["save"]) or _sunos.boots_by_files()):
        return _sunos_files.prepare(params)
    present, wanted = params["state"] == "present", _sunos.vips(params)
    others = [each for each in there if each.name not in managed]
    bare = {str(vip) for vip in wanted}
    #: A VIP that the admin has on lo0 serves as it is.
    served = {
        str(vip)
        for vip in wanted
        if any(_is_vip(each, vip) and each.state == "ok" for each in others)
    }
    listed = {
        name: AddressObject(name, "ok", f"{vip}/32")
        for vip in wanted
        for name in [managed_name(vip)]
        if str(vip) not in served or name in managed
    }
    after = dict(managed)
    unlisted: list[str] = []
    if present:
        unlisted = [_bare(each) for name, each in managed.items() if name not in listed]
        if params["prune"]:
            after, unlisted = {}, []
        after.update(listed)
    else:
        names = list(managed) if params["vips"] is None else [managed_name(vip) for vip in wanted]
        after = {name: each for name, each in managed.items() if name not in names}
    added = [each for name, each in after.items() if managed.get(name) != each]
    kept = bool(params["save"])
    commands = [
        command
        for each in added
        for command in ([_delete(managed[each.name], kept)] if each.name in managed else [])
        + [_create(each, kept)]
    ]
    commands += [_delete(each, kept) for name, each in managed.items() if name not in after]
    before_lines, after_lines = _lines(managed.values()), _lines(after.values())
    return _run.Change(
        before_lines,
        after_lines,
        apply=partial(_apply, commands),
        text=("\n".join([*before_lines, ""]), "\n".join([*after_lines, ""])),
        results={"interface": "lo0", "kept": unlisted},
        missing_requirements=_obstacles(others, bare) if added else [],
    )


def _listed(path: str | None) -> bool:
    """Return whether a state file lists VIPs with files for boot."""
    return path is not None and _atomic_file.read(path) is not None


def _apply(commands: Iterable[Command]) -> Mapping[str, Any]:
    _commands.apply(commands, "The addresses are as they were.")
    return {"announced": []}


def _bare(each: AddressObject) -> str:
    return each.address.partition("/")[0]


def _is_vip(each: AddressObject, vip: ipaddress.IPv4Address) -> bool:
    return each.name.startswith("lo0/") and each.address == f"{vip}/32"


def _lines(objects: Iterable[AddressObject]) -> list[str]:
    """Return the objects with their addresses, and with a state that is not ok."""
    return sorted(
        f"{each.name} {each.address}{'' if each.state == 'ok' else f' {each.state}'}"
        for each in objects
    )


def _create(each: AddressObject, persistent: bool) -> Command:
    temporary = () if persistent else ("-t",)
    return Command(
        ("ipadm", "create-addr", *temporary, "-T", "static", "-a", each.address, each.name),
        ("ipadm", "delete-addr", each.name),
    )


def _delete(each: AddressObject, persistent: bool) -> Command:
    created = _create(each, persistent)
    return Command(created.undo, created.do)


def _obstacles(others: Iterable[AddressObject], vips: Iterable[str]) -> list[str]:
    """Return a sentence for everything that keeps VIPs from being added to lo0."""
    vips = sorted(vips)
    found = [
        f"{_bare(each)} is {each.name} ({each.address}, {each.state}): before it can be on lo0 with"
        f" /32, remove it there (ipadm delete-addr {each.name})."
        for each in others
        if _bare(each) in vips and not (each.name.startswith("lo0/") and each.state == "ok")
    ]
    found += [
        f"{each.address} is {each.name}, which makes all of"
        f" {ipaddress.ip_interface(each.address).network} local to this host: remove it"
        f" (ipadm delete-addr {each.name}) and run this again."
        for each in others
        if _bare(each) in vips
        and each.name.startswith("lo0/")
        and each.state == "ok"
        and not each.address.endswith("/32")
    ]
    return found + _sunos.refusals(_sunos.host_model(), _sunos.published(), vips)
