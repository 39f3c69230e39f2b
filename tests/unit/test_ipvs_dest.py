# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How ipvs_dest waits for a drain, with made-up counts of connections and a simulated clock."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.lvs.cluster.plugins.modules import ipvs_dest


class Clock:
    """A clock that only sleep advances."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def drain(monkeypatch):
    """Drain with these counts, one at each read; return the result, the seconds and warnings."""

    def drained(counts, timeout, until="active", check=False):
        clock, left, warnings = Clock(), iter(counts), []
        module = SimpleNamespace(
            params={"drain_until": until, "address": "192.0.2.11"},
            check_mode=check,
            warn=warnings.append,
        )

        def connections(_key, _name):
            active, inactive = next(left)
            return {"active": active, "inactive": inactive, "persistent": 0}

        monkeypatch.setattr(ipvs_dest, "time", clock)
        monkeypatch.setattr(ipvs_dest, "connections", connections)
        result = ipvs_dest.drain(module, "web", ("192.0.2.11", 80), timeout)
        assert next(left, None) is None, "it did not read often enough"
        return result["drained"], clock.now, warnings

    return drained


def test_a_drain_needs_two_empty_reads_in_a_row(drain):
    # At the second read a handshake is under way, which counts as inactive.
    assert drain([(1, 0), (0, 1), (1, 0), (0, 0), (0, 0)], 30) == (True, 4, [])


def test_a_drain_may_wait_for_inactive_connections_as_well(drain):
    assert drain([(0, 1), (0, 0), (0, 0)], 30, until="all") == (True, 2, [])


def test_a_drain_ends_with_a_warning_when_its_time_is_up(drain):
    drained, seconds, (warning,) = drain([(2, 0), (2, 0), (2, 0)], 1.5)
    assert (drained, seconds) == (False, 1.5)
    assert "still has 2 connections after 1.5 s" in warning


def test_the_second_read_is_made_even_if_the_time_is_up(drain):
    assert drain([(1, 0), (0, 0), (0, 0)], 1) == (True, 2, [])


@pytest.mark.parametrize("active", [0, 1])
def test_without_a_timeout_there_is_one_read(drain, active):
    drained, seconds, warnings = drain([(active, 0)], 0)
    assert (drained, seconds, len(warnings)) == (not active, 0, active)


def test_check_mode_warns_of_nothing(drain):
    assert drain([(1, 0)], 0, check=True) == (False, 0, [])
