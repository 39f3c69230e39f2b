# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a change of VRRP without two masters, or refuse it.

Pure: what ``resolve`` and ``preflight`` return comes in, plain data and sentences go out. Directors
whose instances differ in what ``_vrrp_agreement`` lists ignore each other's advertisements. So one
of them runs with the new settings while keepalived is stopped on the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names

Data = Mapping[str, Any]

#: Fields of an agreement, as named in messages.
_NAMES = {"vips": "VIPs", "peers": "addresses of directors"}


class VrrpChange(NamedTuple):
    """The VRRP changes of a run.

    :ivar mistakes: why the change is refused
    :ivar pending: what it would change, by director, as sentences
    :ivar first: the director that gets new settings first, "" if none does
    :ivar waiting: the others, which get them afterwards
    :ivar stopped: those of them that have VRRP instances, so that keepalived is stopped until then
    """

    mistakes: list[str]
    pending: list[str]
    first: str
    waiting: list[str]
    stopped: list[str]


def change(cluster: Data, checked: Mapping[str, Data], removed: Any = ()) -> VrrpChange:
    """Return the VRRP changes of a run.

    :param cluster: what ``resolve`` returns
    :param checked: by host that takes part, what ``preflight`` returned
    :param removed: addresses of former directors that no longer run, a list or with commas
    """
    directors = list(cluster["directors"])
    states = {name: checked[name]["vrrp"] for name in directors if "vrrp" in checked.get(name, {})}
    differing = {n: state["differences"] for n, state in states.items() if state["differences"]}
    entries = removed.split(",") if isinstance(removed, str) else removed or ()
    mistakes = [
        *_left_out(cluster, states, differing),
        *_unknown_peers(cluster, checked, states, {str(each).strip() for each in entries}),
    ]
    pending = [
        f"{name}: VRRP in the inventory differs from keepalived.conf there ({_named(fields)}); run"
        " site.yml."
        for name, fields in differing.items()
    ]
    first = _first(states) if differing else ""
    waiting = [name for name in states if first and name != first]
    stopped = [name for name in waiting if states[name]["instances"]]
    return VrrpChange(mistakes, pending, first, waiting, stopped)


def _named(fields: Iterable[str]) -> str:
    return join_names(_NAMES.get(field, field) for field in fields)


def _left_out(
    cluster: Data, states: Mapping[str, Data], differing: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Report directors that would be masters beside those that --limit leaves out."""
    left_out = [name for name in cluster["directors"] if name not in states]
    if cluster["ha"] != "vrrp" or not left_out:
        return
    for name, fields in differing.items():
        yield (
            f"{name}: settings on which all directors have to agree change here"
            f" ({_named(fields)}), and {join_names(left_out)} would be a second MASTER; run this"
            " for all directors, without --limit."
        )
    for name, state in states.items():
        if not state["instances"]:
            yield (
                f"{name}: this director has no VRRP instance yet, and {join_names(left_out)} may"
                " not accept its advertisements; run this for all directors, without --limit."
            )


def _unknown_peers(
    cluster: Data,
    checked: Mapping[str, Data],
    states: Mapping[str, Data],
    removed: Iterable[str],
) -> Iterator[str]:
    """Report peers that are no longer directors, but may still be masters."""
    known = {*removed}
    for director in cluster["directors"].values():
        known.update(director["peers"])
    for result in checked.values():
        known.update(result.get("addresses", ()), result.get("vrrp", {}).get("sources", ()))
    for name, state in states.items():
        gone = [peer for peer in state["peers"] if peer not in known]
        if gone:
            yield (
                f"{name}: {join_names(gone)} is a peer in keepalived.conf here, but no host of this"
                " run has this address. If keepalived still runs there, both would"
                " hold the VIPs. If a host of the inventory has it, run this without --limit. If"
                " not, add it to lvs_directors again and remove it with teardown.yml --limit. Once"
                f" keepalived does not run there, set -e site_removed_directors={','.join(gone)}."
            )


def _first(states: Mapping[str, Data]) -> str:
    """Return a director that is master, preferably one that already has the new settings."""

    def rank(name: str) -> tuple[bool, bool]:
        return not states[name]["holds"], bool(states[name]["differences"])

    return min(states, key=rank)
