# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back-end of return_route on SunOS: the director as the default route.

route(8) sets it now, and with ``-p`` keeps it for the boot. The state file notes what was there.
A gateway is text as `_default_route` has it: its address, and `KEPT` after it if it is kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _commands,
    _default_route,
    _return_path,
    _route_lookup,
    _run,
    _sunos,
)
from ansible_collections.lvs.cluster.plugins.module_utils._commands import Command
from ansible_collections.lvs.cluster.plugins.module_utils._default_route import State

HEADER = "# Written by Ansible (lvs.cluster.return_route), which replaces what is changed here.\n"
FAMILIES = ("-inet", "-inet6")
#: Marks a gateway of ``route -p``.
KEPT = " -p"
#: A list of gateways that older releases read at boot; it would bring another default route.
DEFAULTROUTER = "/etc/defaultrouter"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of return_route ask for."""
    asked = _default_route.wanted(params, "SunOS")
    kept = KEPT if params["save"] else ""
    gateways = {family: f"{address}{kept}" for family, address in asked.items()}
    path = params["save"]
    text = _atomic_file.read(path) if path else None
    old = _atomic_file.parsed(path, text, saved)
    there = current()
    now = {family: in_use(family, there[family], old) for family in FAMILIES}
    after, former = _default_route.target(old, now, gateways)
    replaced = {family: {now[family], former.get(family)} for family in FAMILIES}
    commands = [
        command
        for family in FAMILIES
        for command in changes(
            family,
            there[family],
            after[family],
            [
                each
                for each in there[family]
                if old.manages(family, each) or each in replaced[family]
            ],
        )
    ]
    mistakes = _would_cut(after) if commands else []
    if mistakes:
        raise _run.OperatorError(*mistakes)
    concerned = [
        family
        for family in FAMILIES
        if there[family] != [after[family]][: bool(after[family])]
        or old.manages(family, now[family])
    ]
    before_lines = [f"{family} default {each}" for family in concerned for each in there[family]]
    after_lines = [f"{family} default {after[family]}" for family in concerned if after[family]]
    new = State(gateways, former)
    return _run.Change(
        before_lines,
        after_lines,
        apply=partial(_commands.apply, commands, "The routes are as they were."),
        files={path: (text, render(new))} if path else {},
        text=("\n".join([*before_lines, ""]), "\n".join([*after_lines, ""])),
        results={"kept": []},
        missing_requirements=_unusable(asked) if asked else [],
        meanwhile={path: render(old.until(new)) or text} if path else {},
        folders=[os.path.dirname(path)] if path else [],
    )


def current() -> dict[str, list[str]]:
    """Return the gateways of all default routes, by family."""
    kept = persistent_defaults()
    found: dict[str, list[str]] = {family: [] for family in FAMILIES}
    for family in FAMILIES:
        for name, hop in _sunos.routers(family):
            gateway = f"{hop}{KEPT if (family, hop) in kept else ''}"
            if name == "default" and gateway not in found[family]:
                found[family].append(gateway)
    return found


def persistent_defaults() -> set[tuple[str, str]]:
    """Return family and gateway of the default routes that ``route -p`` keeps for the boot."""
    said = _commands.printed("route", "-p", "show") or ""
    pattern = r"(?m)^persistent: route add (-inet6 )?(?:-inet )?(?:-?net )?default (\S+)"
    found = re.findall(pattern, said)
    return {("-inet6" if six else "-inet", gateway) for six, gateway in found}


def look_up_route(address: str) -> _route_lookup.RouteLookup | None:
    """Return how packets to an address leave; None if they can't."""
    found = _sunos.route(address)
    if not found:
        return None
    own = {each["local"] for link in _sunos.links() for each in link["addr_info"]}
    return _route_lookup.RouteLookup(
        found[0].get("gateway", ""),
        default=found[0]["dst"] == "default",
        local=address in own,
    )


def connection() -> _route_lookup.Connection | None:
    """Return the ssh connection by which Ansible runs this process, None if it is by no such.

    pargs(1) prints the environment of this process's ancestors, out of which sudo takes nothing.
    """
    found = _route_lookup.parse_connection(os.environ.get("SSH_CONNECTION"))
    process = str(os.getppid())
    while found is None and process not in ("", "0", "1"):
        said = _commands.printed("pargs", "-e", process) or ""
        variable = re.search(r"(?m)^envp\[\d+\]: SSH_CONNECTION=(.*)$", said)
        found = _route_lookup.parse_connection(variable and variable[1])
        process = (_commands.printed("ps", "-o", "ppid=", "-p", process) or "").strip()
    return found


def in_use(family: str, there: Sequence[str], old: State) -> str | None:
    """Return the gateway that counts as the one in use; None without a default route.

    A run that was killed may have left the new one beside the former one. Raises `OperatorError`
    where others made several, of which each connection would use one.
    """
    managed = [each for each in there if old.manages(family, each)]
    others = [each for each in there if each not in managed]
    unknown = [each for each in others if each != old.former.get(family)] if managed else others
    if len(unknown) > (0 if managed else 1):
        raise _run.OperatorError(
            f"There are several default routes ({family}), by"
            f" {' and '.join(map(_address, there))}, and answers would take any of them. Remove all"
            " but one (route -p delete default GATEWAY)."
        )
    return next(iter(managed or others), None)


def changes(
    family: str, there: Sequence[str], then: str | None, gone: Sequence[str]
) -> list[Command]:
    """Return what leads to one gateway; it comes first, so that there always is one.

    :param there: the gateways that are there
    :param gone: those of them that go, unless they are the one
    """
    commands = []
    same = [each for each in there if then and _address(each) == _address(then)]
    if then and not same:
        commands.append(_add(family, then))
    elif then and then not in same:
        keep = _keep(family, _address(then))
        commands.append(keep if then.endswith(KEPT) else Command(keep.undo, keep.do))
    for each in gone:
        if each not in same:
            added = _add(family, each)
            commands.append(Command(added.undo, added.do))
    return commands


def _add(family: str, gateway: str) -> Command:
    options = ("-p",) if gateway.endswith(KEPT) else ()
    words = (family, "default", _address(gateway))
    return Command(("route", *options, "add", *words), ("route", *options, "delete", *words))


def _keep(family: str, address: str) -> Command:
    """Return what keeps a route that is there for the boot.

    ``route -p`` ignores that it is there (route(8)); to delete with ``-p`` removes it now, too.
    """
    words = f"{family} default {address}"
    return Command(
        ("route", "-p", "add", *words.split()),
        ("sh", "-c", f"route -p delete {words} && route add {words}"),
    )


def _address(gateway: str) -> str:
    return gateway.partition(" ")[0]


def _unusable(gateways: Mapping[str, str]) -> list[str]:
    """Return why the gateways can't be the next hop of answers, now or after a reboot."""
    found = _route_lookup.off_link(gateways.values(), look_up_route)
    listed = (_atomic_file.read(DEFAULTROUTER) or "").split()
    others = [each for each in listed if each not in gateways.values()]
    if "-inet" in gateways and others:
        found.append(
            f"{DEFAULTROUTER} has {' '.join(others)}, which would be another default route after a"
            f" reboot. Run route -p add default {others[0]} && rm {DEFAULTROUTER}; removing the"
            " role restores that route."
        )
    return found


def _would_cut(after: Mapping[str, str | None]) -> list[str]:
    addresses = {family: gateway and _address(gateway) for family, gateway in after.items()}
    return _default_route.would_cut(connection(), look_up_route, addresses)


def errors(params: Mapping[str, Any]) -> list[str]:
    """Return why the gateways can't be used, or would cut Ansible's connection; for preflight."""
    options = {"state": "present", "table": _return_path.TABLE, **params}
    try:
        gateways = _default_route.wanted(options, "SunOS")
        there = current()
        now = {family: in_use(family, there[family], State()) for family in FAMILIES}
    except _run.OperatorError as error:
        return list(error.mistakes)
    return [*_unusable(gateways), *_would_cut({**now, **gateways})]


# ------------------------------------------------------------------------------ the state file


def saved(text: str | None) -> State:
    """Return what the state file has; raises ValueError for a line that it can't have."""
    found: dict[str, dict[str, str]] = {
        "": {},
        _default_route.FORMER: {},
        _default_route.SETTING: {},
    }
    begin = "|".join(found)
    for number, line in enumerate((text or "").splitlines(), 1):
        match = re.fullmatch(rf"({begin})(-inet6?) default (\S+(?:{KEPT})?)", line)
        if match:
            found[match[1]][match[2]] = match[3]
        elif f"{line}\n" != HEADER:
            raise ValueError(f"line {number} is {line!r}; it must be '-inet default GATEWAY -p'")
    return State(found[""], found[_default_route.FORMER], found[_default_route.SETTING])


def render(state: State) -> str | None:
    """Return the text of the state file; None if it would list nothing."""
    lines = [f"{family} default {gateway}" for family, gateway in state.gateways.items()]
    lines = [*state.notes, *lines]
    return HEADER + "".join(f"{each}\n" for each in lines) if lines else None
