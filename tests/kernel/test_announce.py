# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""lvs-announce on a real kernel: what BIRD sees of the interface, and what a client reaches."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _announce

VIP, VIP6 = "203.0.113.10", "2001:db8::10"


@pytest.fixture
def director(netns, monkeypatch, tmp_path):
    monkeypatch.setattr(_announce, "STATE", tmp_path / "state")
    monkeypatch.setattr(_announce, "DRAINED", tmp_path / "drained")
    made = netns

    def run(*words):
        with made.entered():
            assert _announce.main(list(words)) == 0

    run("reset")
    return made, run


def addresses(node):
    """Return the addresses of lvs-vips that are not of the link only, and whether it is up."""
    [link] = node.ip("address show lvs-vips")
    found = [each["local"] for each in link["addr_info"] if each["scope"] != "link"]
    return sorted(found), "UP" in link["flags"]


def test_vips_come_and_go_with_their_services(director):
    node, run = director
    run("up", "web", VIP, VIP6)
    run("up", "mail", VIP)
    assert addresses(node) == ([VIP6, VIP], False)
    run("open", "0")
    assert addresses(node)[1]
    run("down", "web", VIP, VIP6)
    assert addresses(node) == ([VIP], True)
    run("down", "mail", VIP)
    assert addresses(node) == ([], True)


def test_an_ipv6_vip_returns_after_the_interface_was_down(director):
    node, run = director
    run("up", "web", VIP6)
    run("open", "0")
    node.ip("link set lvs-vips down")
    run("open", "0")
    assert addresses(node) == ([VIP6], True)


def test_a_reset_after_a_crash_withdraws_all(director):
    node, run = director
    run("up", "web", VIP)
    run("open", "0")
    run("reset")
    assert addresses(node) == ([], False)
    run("reset")
    assert addresses(node) == ([], False)
