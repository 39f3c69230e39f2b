# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back-end of return_route on FreeBSD: the director as the default route.

route(8) sets it now, and a file of rc(8) at boot, which is the state file, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _commands,
    _default_route,
    _freebsd,
    _return_path,
    _route_lookup,
    _run,
)
from ansible_collections.lvs.cluster.plugins.module_utils._commands import Command
from ansible_collections.lvs.cluster.plugins.module_utils._default_route import (
    FORMER,
    SETTING,
    State,
)

HEADER = "# Written by Ansible (lvs.cluster.return_route), which replaces what is changed here.\n"
#: The variables of rc.conf(5), by family, for FIB 0.
ROUTERS = {"-inet": "defaultrouter", "-inet6": "ipv6_defaultrouter"}
#: What they are called for another FIB: the name of a route and the list that it has to be in.
#: (static_inet() in libexec/rc/rc.d/routing of 13 sets another variable for defaultrouter_fib1.)
ROUTE, ROUTES = "route_lvs_nat", "static_routes"
NAME = "lvs_nat"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of return_route ask for."""
    gateways = _default_route.wanted(params, "FreeBSD")
    path = _freebsd.boot_file(params["save"], "routing") if params["save"] else ""
    text = _atomic_file.read(path) if path else None
    old = _atomic_file.parsed(path, text, saved)
    fib = params.get("fib") or 0
    _check_fib(fib, old, bool(gateways))
    if not gateways:
        fib = old.fib
    now = {family: gateway(family, fib) for family in ROUTERS}
    after, former = _default_route.target(old, now, gateways)
    differing = [family for family in now if now[family] != after[family]]
    commands = [change(family, fib, now[family], after[family]) for family in differing]
    mistakes = _would_cut(after) if commands and not fib else []
    if mistakes:
        raise _run.OperatorError(*mistakes)
    concerned = _default_route.concerned(old, now, after)
    before_lines = [line(family, fib, now[family]) for family in concerned if now[family]]
    after_lines = [line(family, fib, after[family]) for family in concerned if after[family]]
    new = State(gateways, former, fib=fib)
    return _run.Change(
        before_lines,
        after_lines,
        apply=partial(_commands.apply, commands, "The routes are as they were."),
        files={path: (text, render(new))} if path else {},
        text=("\n".join([*before_lines, ""]), "\n".join([*after_lines, ""])),
        results={"kept": []},
        missing_requirements=_off_link(gateways.values()),
        meanwhile={path: render(old.until(new)) or text} if path else {},
        folders=[os.path.dirname(path)] if path else [],
    )


def _check_fib(fib: int, old: State, present: bool) -> None:
    """Raise `OperatorError` for a FIB that is not there, or is another than that of the file."""
    count = int(_freebsd.sysctls(["net.fibs"]).get("net.fibs", "1"))
    if fib < 0 or fib >= count:
        raise _run.OperatorError(
            f"fib is {fib}; it must be less than {count}, the number of this host's FIBs. Set"
            " net.fibs in /boot/loader.conf and reboot for more."
        )
    if present and old.gateways and old.fib != fib:
        raise _run.OperatorError(
            f"fib is {fib}, and the return path is in FIB {old.fib} now: remove it (state: absent)"
            " before you set it in another."
        )


def gateway(family: str, fib: int) -> str | None:
    """Return the gateway of the default route; None without a default route.

    Raises `OperatorError` for one that could not be put back: it leads to an interface, to several
    gateways, or to a gateway of the other family.
    """
    found = _freebsd.default_route(family, fib)
    if not found:
        return None
    address = str(found[0].get("gateway", ""))
    if (":" in address) != (family == "-inet6") or not address:
        place = f"the gateway {address}" if address else f"the interface {found[0]['dev']}"
        raise _run.OperatorError(
            f"The default route ({' '.join([family, *_freebsd.in_fib(fib)])}) leads to {place};"
            f" it must lead to one gateway of its own family, so that it can be replaced and put"
            f" back. Remove it (route delete {family} default), and add one by a gateway."
        )
    return address


def change(family: str, fib: int, now: str | None, then: str | None) -> Command:
    """Return what leads from one gateway of the default route to another; None stands for none."""
    tail = _freebsd.in_fib(fib)

    def words(former: str | None, later: str | None) -> tuple[str, ...]:
        if later is None:
            return ("route", "delete", family, "default", *tail)
        action = "add" if former is None else "change"
        return ("route", action, family, "default", later, *tail)

    return Command(words(now, then), words(then, now))


def line(family: str, fib: int, address: str | None) -> str:
    """Return a default route in the words of route(8)."""
    return " ".join([family, "default", address or "", *_freebsd.in_fib(fib)])


def look_up_route(address: str) -> _route_lookup.RouteLookup | None:
    """Return how packets to an address leave; None if they can't."""
    found = _freebsd.route(address)
    if not found:
        return None
    return _route_lookup.RouteLookup(
        found[0].get("gateway", ""),
        default=found[0]["dst"] == "default",
        local=re.fullmatch(r"lo\d+", found[0]["dev"]) is not None,
    )


def connection() -> _route_lookup.Connection | None:
    """Return the ssh connection by which Ansible runs this process, None if it is by no such.

    sudo and its like take the variable out of the environment, and there is no /proc: ps(1) prints
    the environment of this process's ancestors.
    """
    found = _route_lookup.parse_connection(os.environ.get("SSH_CONNECTION"))
    process = str(os.getppid())
    while found is None and process not in ("", "0", "1"):
        words = ("ps", "-e", "-ww", "-o", "ppid=", "-o", "command=", "-p", process)
        process, _space, said = (_commands.printed(*words) or "").strip().partition(" ")
        variable = re.search(r"\bSSH_CONNECTION=(\S+ \d+ \S+ \d+)\b", said)
        found = _route_lookup.parse_connection(variable and variable[1])
    return found


def _off_link(gateways: Iterable[str]) -> list[str]:
    return _route_lookup.off_link(gateways, look_up_route)


def _would_cut(after: Mapping[str, str | None]) -> list[str]:
    return _default_route.would_cut(connection(), look_up_route, after)


def errors(params: Mapping[str, Any]) -> list[str]:
    """Return why the gateways can't be used, or would cut Ansible's connection; for preflight."""
    options = {"state": "present", "table": _return_path.TABLE, **params}
    try:
        gateways = _default_route.wanted(options, "FreeBSD")
        _check_fib(params["fib"], State(), present=True)
        now = {family: gateway(family, params["fib"]) for family in ROUTERS}
    except _run.OperatorError as error:
        return list(error.mistakes)
    cut = [] if params["fib"] else _would_cut({**now, **gateways})
    return [*_off_link(gateways.values()), *cut]


# ------------------------------------------------------------------------- the file for boot

_VALUE = re.compile(rf'(ipv6_)?(defaultrouter|{ROUTE})="(?:default )?([^" $]+)(?: -fib (\d+))?"')
_LIST = re.compile(rf'(ipv6_)?{ROUTES}="\$\{{\1?{ROUTES}\}} {NAME}"')


def _is_comment(said: str) -> bool:
    return said.startswith("#") and not said.startswith((FORMER, SETTING))


def saved(text: str | None) -> State:
    """Return what the file for boot has; raises ValueError for a line that it can't have."""
    fib = 0
    gateways: dict[str, str] = {}
    notes: dict[str, dict[str, str]] = {FORMER: {}, SETTING: {}}
    for number, said in enumerate((text or "").splitlines(), 1):
        note = re.fullmatch(rf"({FORMER}|{SETTING})(-inet6?) default (\S+)", said)
        match = _VALUE.fullmatch(said)
        if note:
            notes[note[1]][note[2]] = note[3]
        elif match:
            gateways["-inet6" if match[1] else "-inet"] = match[3]
            fib = int(match[4] or 0)
        elif said and not _LIST.fullmatch(said) and not _is_comment(said):
            raise ValueError(
                f"line {number} is {said!r}; it must be 'defaultrouter=\"GATEWAY\"', or"
                f" '{FORMER}-inet default GATEWAY'"
            )
    return State(gateways, notes[FORMER], notes[SETTING], fib)


def render(state: State) -> str | None:
    """Return the text of the file for boot; None if it would restore nothing."""
    lines = state.notes
    for family, address in state.gateways.items():
        prefix = "ipv6_" if family == "-inet6" else ""
        if state.fib:
            lines += [
                f'{prefix}{ROUTES}="${{{prefix}{ROUTES}}} {NAME}"',
                f'{prefix}{ROUTE}="default {address} -fib {state.fib}"',
            ]
        else:
            lines.append(f'{ROUTERS[family]}="{address}"')
    return HEADER + "".join(f"{each}\n" for each in lines) if lines else None


def at_boot(files: Sequence[str]) -> set[str]:
    """Return the gateways that files for boot set."""
    found = [saved(_atomic_file.read(path)) for path in files]
    return {address for state in found for address in state.gateways.values()}
