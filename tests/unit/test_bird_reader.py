# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What birdc printed: recordings of BIRD in Debian 12 and 13, in the folder bird.

A director with five neighbors: one Established with a password, one by IPv6, one that is not there,
one that is disabled, and one over five hops.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _bird_reader as reader
from hypothesis import given
from hypothesis import strategies as st

RECORDINGS = Path(__file__).parent / "bird"
VERSIONS = sorted(path.name for path in RECORDINGS.iterdir())
DIGESTS = {"2.0.12": "ca90321934097c78", "2.17.6": "14b3e2d13cbc50d4"}
PARSERS = [
    reader.version,
    reader.answer,
    reader.status,
    reader.constant,
    reader.protocols,
    reader.sessions,
    reader.bfd_sessions,
    reader.exported,
]


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def recorded(version):
    """Return what a command printed."""
    return lambda name: (RECORDINGS / version / f"{name}.txt").read_text()


def test_there_are_recordings_of_both_debians():
    assert sorted(DIGESTS) == VERSIONS


def test_version(recorded, version):
    assert reader.version(recorded("version")) == tuple(map(int, version.split(".")))
    assert reader.version("BIRD version v2.0.12-3-gabc") == (2, 0, 12)
    assert reader.version("bird: command not found") is None


def test_status(recorded, version):
    status = reader.status(recorded("status"))
    assert (status.version, status.router_id) == (version, "10.99.1.11")
    assert status.reconfigured.startswith("2026-11-29 18:00:")
    assert not status.busy
    now = recorded("status").replace("Daemon is up and running", "Reconfiguration in progress")
    assert reader.status(now).busy
    assert reader.status(recorded("not-running")) is None


def test_the_digest_of_the_running_configuration(recorded, version):
    assert reader.constant(recorded("eval")).startswith(DIGESTS[version])
    assert reader.constant(recorded("eval-undefined")) is None
    assert reader.constant(recorded("not-running")) is None


def test_protocols(recorded):
    found = reader.protocols(recorded("protocols"))
    assert [(each.name, each.kind) for each in found][:3] == [
        ("lvs_device", "Device"),
        ("lvs_vips", "Direct"),
        ("lvs_bfd", "BFD"),
    ]
    assert {each.name: each.state for each in found if each.kind == "BGP"}["lvs_10_99_1_8"] == (
        "down"
    )
    assert len(found) == 8
    up = next(each for each in found if each.name == "lvs_10_99_1_1")
    assert (up.state, up.info) == ("up", "Established")
    assert up.since.startswith("18:00:")


def test_a_protocol_that_changed_on_another_day():
    [short] = reader.protocols("web   BGP   ---   up   2026-11-28   Established   \n")
    assert (short.since, short.info) == ("2026-11-28", "Established")
    [long] = reader.protocols("'my web' BGP --- start 2026-11-28 18:00:16 Active Socket: refused\n")
    assert long == ("my web", "BGP", "start", "2026-11-28 18:00:16", "Active Socket: refused")


def test_sessions(recorded):
    found = {each.address: each for each in reader.sessions(recorded("protocols"))}
    assert list(found) == ["10.99.1.1", "10.99.1.7", "10.99.1.8", "10.99.9.1", "2001:db8:99::1"]
    for address, remote_as in (("10.99.1.1", 65000), ("2001:db8:99::1", 65000)):
        each = found[address]
        assert (each.state, each.remote_as, each.local_as) == ("Established", remote_as, 65010)
        assert each.established
        assert each.error == ""
    missing = found["10.99.1.7"]
    assert missing.state in ("Active", "Connect")
    assert missing.error == "Socket: No route to host"
    assert not missing.established
    assert found["10.99.1.8"].state == "Down"
    assert found["10.99.9.1"].remote_as == 65009
    assert found["2001:db8:99::1"].name == "lvs_2001_db8_99__1"


def test_bfd_sessions(recorded, version):
    found = {each.address: each for each in reader.bfd_sessions(recorded("bfd"))}
    assert set(found) == {"10.99.1.1", "10.99.1.7", "10.99.9.1", "2001:db8:99::1"}
    up = found["10.99.1.1"]
    assert (up.interface, up.state, up.interval, up.timeout) == ("eth0", "Up", 0.1, 0.3)
    assert up.up
    assert not found["10.99.1.7"].up
    assert found["10.99.9.1"].interface == "---"


def test_exported_prefixes(recorded):
    assert reader.exported(recorded("export4")) == ["203.0.113.10/32", "203.0.113.11/32"]
    assert reader.exported(recorded("export6")) == ["2001:db8:113::10/128"]
    assert reader.exported(recorded("export-down")) == []


def test_answers_to_a_configuration(recorded, version):
    path = f"/tmp/bx/r-{version}.conf"
    assert reader.answer(recorded("configure")).splitlines() == [
        f"Reading configuration from {path}",
        "Undo scheduled in 20 s",
        "Reconfigured",
    ]
    assert reader.answer(recorded("confirm")) == "Reconfiguration confirmed"
    assert reader.answer(recorded("confirm-nothing")) == "Nothing to do"
    assert "a4.conf:1:10 syntax error" in reader.answer(recorded("configure-error"))


def test_a_report_joins_bgp_with_bfd_and_routes(recorded):
    sessions = reader.sessions(recorded("protocols"))
    prefixes = {"lvs_10_99_1_1": reader.exported(recorded("export4"))}
    found = reader.report(sessions, reader.bfd_sessions(recorded("bfd")), prefixes)
    assert found[0] == {
        "name": "lvs_10_99_1_1",
        "address": "10.99.1.1",
        "as": 65000,
        "state": "Established",
        "error": "",
        "bfd": "Up",
        "exported": ["203.0.113.10/32", "203.0.113.11/32"],
    }
    disabled = found[2]
    assert (disabled["state"], disabled["bfd"], disabled["exported"]) == ("Down", None, [])


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.text() | st.sampled_from(["lvs BGP --- up 1 \n Neighbor address: x", "1::/0 "]))
def test_any_output_is_parsed(parse, text):
    parse(text)
