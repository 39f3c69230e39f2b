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
from typing import Any, Dict, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _commands,
    _freebsd,
    _return_path,
    _route_lookup,
    _run,
)
from ansible_collections.lvs.cluster.plugins.module_utils._commands import Command

HEADER = "# Written by Ansible (lvs.cluster.return_route), which replaces what is changed here.\n"
#: The families, as route(8) has them, by the option of ``ip`` that `_return_path` has for them.
FAMILIES = {"-4": "-inet", "-6": "-inet6"}
#: The variables of rc.conf(5), by family, for FIB 0.
ROUTERS = {"-inet": "defaultrouter", "-inet6": "ipv6_defaultrouter"}
#: What they are called for another FIB: the name of a route and the list that it has to be in.
#: (defaultrouter_fib1 and the like do not work in 13.2.)
ROUTE, ROUTES = "route_lvs_nat", "static_routes"
FORMER = "# former: "
#: Begins a note of a gateway that is being set, beside the managed one that it replaces.
SETTING = "# being set: "
NAME = "lvs_nat"

Gateways = Dict[str, str]  # by family


class State(NamedTuple):
    """What the file for boot has.

    :ivar gateways: the managed gateways
    :ivar former: the gateways that these replaced
    :ivar setting: the gateways that were being set when a run was killed
    """

    fib: int = 0
    gateways: Mapping[str, str] = {}
    former: Mapping[str, str] = {}
    setting: Mapping[str, str] = {}

    def manages(self, family: str, address: str | None) -> bool:
        """Whether a gateway was set by an earlier run."""
        return address is not None and address in (
            self.gateways.get(family),
            self.setting.get(family),
        )


def wanted(params: Mapping[str, Any]) -> Gateways:
    """Return the gateways asked for; raises `OperatorError` with all mistakes."""
    if params["state"] == "absent":
        return {}
    parsed = _return_path.parse(params)
    if parsed.route == "policy" and parsed.gateways:
        raise _run.OperatorError(
            "route is policy; on FreeBSD it must be default, since this collection sets no policy"
            " routes there. Set lvs_nat_route: default of this host in the inventory. Then all that"
            " has no other route goes through the director, and clients on this host's own link"
            " can't be served."
        )
    return {FAMILIES[option]: address for option, address in parsed.gateways.items()}


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of return_route ask for."""
    gateways = wanted(params)
    path = _freebsd.boot_file(params["save"], "routing") if params["save"] else ""
    text = _atomic_file.read(path) if path else None
    old = _atomic_file.parsed(path, text, saved)
    fib = params.get("fib") or 0
    _check_fib(fib, old, bool(gateways))
    if not gateways:
        fib = old.fib
    now = {family: gateway(family, fib) for family in ROUTERS}
    after, former = {}, {}
    for family, there in now.items():
        after[family] = there
        managed = old.manages(family, there)
        if family in gateways:
            after[family] = gateways[family]
            aside = old.former.get(family) if managed else there
            former.update({family: aside} if aside else {})
        elif managed:
            after[family] = old.former.get(family)
    concerned = [
        family
        for family in now
        if now[family] != after[family] or family in gateways or family in old.gateways
    ]
    commands = [
        change(family, fib, now[family], after[family])
        for family in concerned
        if now[family] != after[family]
    ]
    mistakes = _would_cut(after, now) if commands and not fib else []
    if mistakes:
        raise _run.OperatorError(*mistakes)
    before_lines = [line(family, fib, now[family]) for family in concerned if now[family]]
    after_lines = [line(family, fib, after[family]) for family in concerned if after[family]]
    new = State(fib, gateways, former)
    return _run.Change(
        before_lines,
        after_lines,
        apply=partial(_commands.apply, commands, "The routes are as they were."),
        files={path: (text, render(new))} if path else {},
        text=("\n".join([*before_lines, ""]), "\n".join([*after_lines, ""])),
        results={"kept": []},
        missing_requirements=_off_link(gateways.values()),
        meanwhile={path: _meanwhile(old, new) or text} if path else {},
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

    Raises `OperatorError` for one that leads to an interface: it could not be put back.
    """
    found = _freebsd.default_route(family, fib)
    if found and "gateway" not in found[0]:
        raise _run.OperatorError(
            f"The default route ({' '.join([family, *_freebsd.in_fib(fib)])}) leads to the"
            f" interface {found[0]['dev']} and not to a gateway, so it can't be replaced and put"
            " back. Remove it (route delete default), and let a gateway be the default route."
        )
    return str(found[0]["gateway"]) if found else None


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


def _off_link(gateways: Iterable[str]) -> list[str]:
    return _route_lookup.off_link(gateways, _freebsd.look_up_route)


def _would_cut(after: Mapping[str, str | None], now: Mapping[str, str | None]) -> list[str]:
    """Return a sentence if the connection by which Ansible is here would be cut."""
    link = _freebsd.connection()
    if link is None or "%" in link.client:  # of a link only, and so on one
        return []
    found = _freebsd.look_up_route(link.client)
    if found is None or found.local:
        return []
    family = FAMILIES[_return_path.family(link.client)]
    if now[family] == after[family]:
        return []
    return _route_lookup.cut(
        link, _return_path.Wanted(route="default"), found, found, after[family]
    )


def errors(params: Mapping[str, Any]) -> list[str]:
    """Return why the gateways can't be used, or would cut Ansible's connection; for preflight."""
    try:
        gateways = wanted({"state": "present", "table": _return_path.TABLE, **params})
        now = {family: gateway(family, 0) for family in ROUTERS}
    except _run.OperatorError as error:
        return list(error.mistakes)
    return [*_off_link(gateways.values()), *_would_cut({**now, **gateways}, now)]


# ------------------------------------------------------------------------- the file for boot

_VALUE = re.compile(rf'(ipv6_)?(defaultrouter|{ROUTE})="(?:default )?([^" $]+)(?: -fib (\d+))?"')
_LIST = re.compile(rf'(ipv6_)?{ROUTES}="\$\{{\1?{ROUTES}\}} {NAME}"')


def _is_comment(said: str) -> bool:
    return said.startswith("#") and not said.startswith((FORMER, SETTING))


def saved(text: str | None) -> State:
    """Return what the file for boot has; raises ValueError for a line that it can't have."""
    fib = 0
    gateways: Gateways = {}
    notes: dict[str, Gateways] = {FORMER: {}, SETTING: {}}
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
    return State(fib, gateways, notes[FORMER], notes[SETTING])


def render(state: State) -> str | None:
    """Return the text of the file for boot; None if it would restore nothing."""
    lines = [
        f"{begin}{family} default {address}"
        for begin, found in ((FORMER, state.former), (SETTING, state.setting))
        for family, address in found.items()
    ]
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


def _meanwhile(old: State, new: State) -> str | None:
    """Return the text while the change is made; it lists both, wherever the run is killed."""
    differing = {
        family: address
        for family, address in new.gateways.items()
        if old.gateways.get(family, address) != address
    }
    fib = new.fib if new.gateways else old.fib
    gateways = {**new.gateways, **old.gateways}
    return render(State(fib, gateways, {**new.former, **old.former}, differing))


def at_boot(files: Sequence[str]) -> set[str]:
    """Return the gateways that files for boot set."""
    found = [saved(_atomic_file.read(path)) for path in files]
    return {address for state in found for address in state.gateways.values()}
