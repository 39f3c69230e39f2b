# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module does without nft; tests/kernel shows what it does to connections."""

from __future__ import annotations

import errno
import ipaddress

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _lock, _nft, _program
from ansible_collections.lvs.cluster.plugins.modules import vip_handover
from ansible_collections.lvs.cluster.plugins.modules.vip_handover import vips_to_preempt

VIP, VIP2, VIP6 = "192.0.2.149", "192.0.2.150", "2001:db8::149"
UNIT = "keepalived.service"
OWN = {"name": "lvs", "vips": [VIP], "advert_int": 1, "preempt_delay": 30}


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 27),
        ({"advert_int": 5}, 35),
        ({"advert_int": 0.5, "preempt_delay": "10"}, 6),
        ({"preempt_delay": 0}, 0),
        ({"preempt_delay": None, "advert_int": 4}, 3),
        ({"preempt": True}, 27),
    ],
)
def test_connections_are_held_back_shortly_before_the_director_preempts(fields, seconds):
    assert vips_to_preempt([VIP], [{**OWN, **fields}]) == ([VIP], seconds)


@pytest.mark.parametrize("preempt", [False, "no"])
def test_a_director_without_preemption_has_no_vips_to_preempt(preempt):
    assert vips_to_preempt([VIP], [{**OWN, "preempt": preempt}]) == ([], 0)
    assert vips_to_preempt([VIP], []) == ([], 0)


def test_vips_are_preempted_at_the_earliest_time_of_their_instances():
    late = {**OWN, "vips": [VIP2], "preempt_delay": 300}
    assert vips_to_preempt([VIP, VIP2, VIP6], [OWN, late]) == ([VIP, VIP2], 27)
    assert vips_to_preempt([VIP2], [OWN, late]) == ([VIP2], 297)


@pytest.mark.parametrize(
    "written", [[VIP6], [f"{VIP6}/64"], ["2001:DB8:0::149"], [{"address": VIP6, "dev": "eth0"}]]
)
@pytest.mark.parametrize("field", ["vips", "excluded_vips"])
def test_vips_are_the_same_however_they_are_written(field, written):
    own = {**OWN, "vips": [], field: written}
    assert vips_to_preempt(["2001:db8:0:0::149"], [own]) == (["2001:db8:0:0::149"], 27)


def test_the_rules_drop_syn_packets_only():
    lines = vip_handover.rules(map(ipaddress.ip_address, [VIP, VIP6])).splitlines()
    assert lines == [
        "  set for_a_while { type inet_proto; timeout 20s; elements = { 6 }; }",
        "  chain prerouting {",
        "    type filter hook prerouting priority raw",
        "    meta l4proto != @for_a_while accept",
        f"    ip daddr {VIP} tcp flags & (syn | ack) == syn drop",
        f"    ip6 daddr {VIP6} tcp flags & (syn | ack) == syn drop",
        "  }",
    ]
    assert vip_handover.EXPIRES > vip_handover.SYNCHRONISED + vip_handover.LEAVE


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Have a systemctl that shows a unit as it is set, and notes its other calls."""
    monkeypatch.setattr(_lock, "PATH", str(tmp_path / "lock"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program, calls = tmp_path / "systemctl", tmp_path / "calls"

    def shows(active="active", load="loaded", stop="true"):
        calls.write_text("")
        program.write_text(
            "#!/bin/sh\n"
            f'[ "$1" != show ] || exec echo "LoadState={load}\nActiveState={active}"\n'
            f'echo "$*" >> {calls}\n{stop}\n'
        )
        program.chmod(0o755)
        return lambda: calls.read_text().splitlines()

    return shows


@pytest.fixture
def no_nft(monkeypatch):
    """Have no program nft."""
    there = _program.where
    monkeypatch.setattr(_program, "where", lambda name: None if name == "nft" else there(name))


def test_without_vips_the_unit_is_stopped_at_once(run_main, systemctl, no_nft):
    calls = systemctl()
    result = run_main("vip_handover", vips=[], unit=UNIT, diff=True)
    assert (result["changed"], result["before"], result["after"]) == (
        True,
        {"active": True},
        {"active": False},
    )
    assert result["diff"] == {"before": {"active": True}, "after": {"active": False}}
    assert calls() == [f"stop {UNIT}"]


@pytest.mark.parametrize("active", ["inactive", "failed"])
def test_a_unit_that_is_not_active_is_no_change(run_main, systemctl, no_nft, active):
    calls = systemctl(active=active)
    assert not run_main("vip_handover", vips=[VIP], unit=UNIT)["changed"]
    assert calls() == []


def test_without_nft_the_unit_is_not_stopped(run_main, systemctl, no_nft):
    calls = systemctl()
    result = run_main("vip_handover", vips=[VIP], unit=UNIT)
    assert result["mistakes"] == ["There is no program nft on this host: install nftables."]
    assert calls() == []


def test_check_mode_stops_nothing(run_main, systemctl, no_nft):
    calls = systemctl()
    result = run_main("vip_handover", vips=[VIP], unit=UNIT, check=True)
    assert (result["changed"], result["after"]) == (True, {"active": False})
    assert result["warnings"] == ["There is no program nft on this host: install nftables."]
    assert calls() == []


def test_a_unit_that_can_not_be_stopped(run_main, systemctl):
    systemctl(stop="echo Job canceled. >&2; exit 1")
    result = run_main("vip_handover", vips=[], unit=UNIT)
    assert result["mistakes"] == [
        f"{UNIT} can't be stopped: Job canceled. See journalctl -u {UNIT}."
    ]


@pytest.mark.parametrize("check", [False, True])
def test_mistakes(run_main, systemctl, check):
    systemctl(active="inactive", load="not-found")

    def mistakes(**options):
        return run_main("vip_handover", check=check, **options)["mistakes"]

    assert mistakes(vips=[VIP, "vip"], unit=UNIT) == [
        "vips: 'vip': it must be an address such as 192.168.2.149."
    ]
    assert mistakes(vips=[f"{VIP}/32"], preempted_by=[OWN]) == [
        f"vips: '{VIP}/32': it must be an address such as 192.168.2.149."
    ]
    assert mistakes(vips=[VIP], unit="keepalived") == [
        (
            "unit: 'keepalived' is not the name of a unit; it must include the type, as in"
            " keepalived.service."
        )
    ]
    [no_unit] = mistakes(vips=[VIP], unit=UNIT)
    assert no_unit.startswith(f"unit: there is no {UNIT} on this host; it must be ")


def test_a_unit_or_the_director_that_preempts_has_to_be_given(run_main):
    assert "unit, preempted_by" in run_main("vip_handover", vips=[VIP])["msg"]
    result = run_main("vip_handover", vips=[VIP], unit=UNIT, preempted_by=[OWN])
    assert "mutually exclusive" in result["msg"]


def test_a_table_that_can_not_be_removed_is_reported_with_the_reason(monkeypatch):
    def fail(*_words, **_options):
        raise OSError(errno.ENOMEM, "Cannot allocate memory", "nft")

    monkeypatch.setattr(_nft, "run", fail)
    [sentence] = vip_handover.removed()
    assert sentence.startswith(
        "The table could not be removed: nft: Cannot allocate memory. It has"
    )
    assert sentence.endswith("Remove it: nft delete table inet lvs_handover.")
