# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which changes of VRRP are made, in which order, and which are refused."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp_change

D23, D31, D33 = "192.168.2.23", "192.168.2.31", "192.168.2.33"
ADDRESSES = {"d23": D23, "d31": D31, "d33": D33}


def cluster(*directors, ha="vrrp"):
    others = {name: [ADDRESSES[n] for n in directors if n != name] for name in directors}
    alone = ha == "none"
    return {"ha": ha, "directors": {n: {"peers": [] if alone else p} for n, p in others.items()}}


def vrrp_state(name, *differences, peers=None, holds=False, **more):
    """Return what preflight returns for one of a pair."""
    peers = (
        [a for n, a in ADDRESSES.items() if n in ("d23", "d31") and n != name]
        if (peers is None)
        else peers
    )
    vrrp = {
        "instances": ["lvs"],
        "differences": list(differences),
        "peers": peers,
        "sources": [ADDRESSES[name]],
        "holds": holds,
        **more,
    }
    return {"vrrp": vrrp, "addresses": ["127.0.0.1", ADDRESSES[name]]}


NOTHING = ([], [], "", [], [])
NEW = {"instances": [], "sources": []}


def change(*directors, removed=(), ha="vrrp", **checked):
    return _vrrp_change.change(cluster(*directors, ha=ha), checked, removed)


def test_nothing_differs():
    found = change("d23", "d31", d23=vrrp_state("d23", holds=True), d31=vrrp_state("d31"))
    assert found == NOTHING
    assert change("d23", "d31", d23=vrrp_state("d23", holds=True)) == NOTHING


@pytest.mark.parametrize(
    ("d23", "d31", "waiting"),
    [
        (vrrp_state("d23", "peers", holds=True), vrrp_state("d31", "peers"), ["d31"]),
        (vrrp_state("d23", "peers"), vrrp_state("d31", "peers", holds=True), ["d23"]),
        # It died once the master was changed: now both hold the VIPs.
        (vrrp_state("d23", holds=True), vrrp_state("d31", "peers", holds=True), ["d31"]),
        (vrrp_state("d23", "peers", holds=True), vrrp_state("d31", holds=True), ["d23"]),
        (vrrp_state("d23", "peers"), vrrp_state("d31", "peers"), ["d31"]),
    ],
)
def test_all_directors_but_one_master_wait(d23, d31, waiting):
    found = change("d23", "d31", d23=d23, d31=d31)
    assert (found.mistakes, found.waiting, found.stopped) == ([], waiting, waiting)
    assert {found.first, *waiting} == {"d23", "d31"}


def test_a_new_director_waits_too():
    found = change(
        "d23",
        "d31",
        "d33",
        d23=vrrp_state("d23", "peers", holds=True),
        d31=vrrp_state("d31", "peers"),
        d33=vrrp_state("d33", peers=[], **NEW),
    )
    assert (found.mistakes, found.waiting, found.stopped) == ([], ["d31", "d33"], ["d31"])


def test_agreed_settings_are_not_changed_on_some_directors_only():
    found = change("d23", "d31", d23=vrrp_state("d23", "virtual_router_id", "vips", holds=True))
    [sentence] = found.mistakes
    assert sentence.startswith("d23: ")
    assert "(virtual_router_id and VIPs), and d31 would be a second MASTER" in sentence
    [pending] = found.pending
    assert pending.endswith("(virtual_router_id and VIPs); run site.yml.")


def test_a_new_director_needs_the_others_in_the_run():
    [sentence] = change("d23", "d31", d31=vrrp_state("d31", peers=[], **NEW)).mistakes
    assert "d31: this director has no VRRP instance yet, and d23 may not accept" in sentence
    # A single director becomes one of a pair.
    both = {"d23": vrrp_state("d23", peers=[], **NEW), "d31": vrrp_state("d31", peers=[], **NEW)}
    assert change("d23", "d31", **both) == NOTHING


def test_a_director_that_the_inventory_no_longer_has_is_a_mistake():
    [sentence] = change("d23", ha="none", d23=vrrp_state("d23", holds=True)).mistakes
    assert f"d23: {D31} is a peer in keepalived.conf here" in sentence
    assert f"-e site_removed_directors={D31}." in sentence
    for removed in (D31, f" {D31}, {D33}", [D31]):
        assert change("d23", ha="none", removed=removed, d23=vrrp_state("d23")).mistakes == []
    three = change(
        "d23", "d33", d23=vrrp_state("d23", "peers"), d33=vrrp_state("d33", peers=[D23, D31])
    )
    assert len(three.mistakes) == 2


def test_a_director_that_is_a_real_server_from_now_on_is_known():
    """Also if an earlier run died when keepalived was gone there."""
    for own in (vrrp_state("d31"), vrrp_state("d31", peers=[], **NEW)):
        assert change("d23", ha="none", d23=vrrp_state("d23", holds=True), d31=own).mistakes == []


def test_a_director_with_another_address_is_known_by_its_former_one():
    d31 = vrrp_state("d31", "peers")
    d31["addresses"] = ["192.168.2.131"]
    assert change("d23", "d31", d23=vrrp_state("d23", "peers"), d31=d31).mistakes == []


def test_hosts_that_could_not_be_read_are_left_out():
    found = change("d23", "d31", d23=vrrp_state("d23"), d31={"unreachable": True})
    assert found == NOTHING
