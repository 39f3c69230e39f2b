# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The director as the default route, on systems without policy routes: what follows from what.

Pure except `would_cut`, which is given how to ask. A gateway is text that the system's own file of
the library gives a meaning to; None stands for no default route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _return_path, _route_lookup
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError

#: The families, as route(8) has them, by the option of ``ip`` that `_return_path` has for them.
FAMILIES = {"-4": "-inet", "-6": "-inet6"}
#: Begins a note of a gateway that a managed one replaced.
FORMER = "# former: "
#: Begins a note of a gateway that is being set, beside the managed one that it replaces.
SETTING = "# being set: "


class State(NamedTuple):
    """What a state file has, by family.

    :ivar gateways: the managed gateways
    :ivar former: the gateways that these replaced
    :ivar setting: the gateways that were being set when a run was killed
    :ivar fib: on FreeBSD, the number of the routing table
    """

    gateways: Mapping[str, str] = {}
    former: Mapping[str, str] = {}
    setting: Mapping[str, str] = {}
    fib: int = 0

    def manages(self, family: str, gateway: str | None) -> bool:
        """Whether a gateway was set by an earlier run."""
        return gateway is not None and gateway in (
            self.gateways.get(family),
            self.setting.get(family),
        )

    @property
    def notes(self) -> list[str]:
        """The lines that note what is not there now."""
        return [
            f"{begin}{family} default {gateway}"
            for begin, found in ((FORMER, self.former), (SETTING, self.setting))
            for family, gateway in found.items()
        ]

    def until(self, new: State) -> State:
        """Return what the file has while the new state is made; it lists both."""
        differing = {
            family: gateway
            for family, gateway in new.gateways.items()
            if self.gateways.get(family, gateway) != gateway
        }
        return State(
            {**new.gateways, **self.gateways},
            {**new.former, **self.former},
            differing,
            new.fib if new.gateways else self.fib,
        )


def wanted(params: Mapping[str, Any], system: str) -> dict[str, str]:
    """Return the gateways asked for, by family; raises `OperatorError` with all mistakes.

    :param params: the options of return_route
    :param system: its name in messages
    """
    if params["state"] == "absent":
        return {}
    parsed = _return_path.parse(params)
    if parsed.route == "policy" and parsed.gateways:
        raise OperatorError(
            f"route is policy; on {system} it must be default, since this collection sets no policy"
            " routes there. Set lvs_nat_route: default of this host in the inventory. Then all that"
            " has no other route goes through the director, and clients on this host's own link"
            " can't be served."
        )
    return {FAMILIES[option]: address for option, address in parsed.gateways.items()}


def target(
    old: State, now: Mapping[str, str | None], gateways: Mapping[str, str]
) -> tuple[dict[str, str | None], dict[str, str]]:
    """Return the gateways as they are to be, and those to be put back one day, by family.

    :param old: what the state file has
    :param now: the gateways in use
    :param gateways: those asked for
    """
    after, former = dict(now), {}
    for family, there in now.items():
        managed = old.manages(family, there)
        if family in gateways:
            after[family] = gateways[family]
            aside = old.former.get(family) if managed else there
            former.update({family: aside} if aside else {})
        elif managed:
            after[family] = old.former.get(family)
    return after, former


def concerned(
    old: State, now: Mapping[str, str | None], after: Mapping[str, str | None]
) -> list[str]:
    """Return the families of which something is managed, was managed, or changes."""
    return [
        family for family in now if now[family] != after[family] or old.manages(family, now[family])
    ]


def would_cut(
    link: _route_lookup.Connection | None,
    look_up: Callable[[str], _route_lookup.RouteLookup | None],
    after: Mapping[str, str | None],
) -> list[str]:
    """Return a sentence if the connection by which Ansible is here would be cut.

    :param look_up: returns how packets to an address leave now
    :param after: the addresses of the gateways as they are to be, by family
    """
    if link is None or "%" in link.client:  # of a link only, and so on one
        return []
    found = look_up(link.client)
    if found is None or found.local:
        return []
    family = FAMILIES[_return_path.family(link.client)]
    return _route_lookup.cut(
        link, _return_path.Wanted(route="default"), found, found, after[family]
    )
