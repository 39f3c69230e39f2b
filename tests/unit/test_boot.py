# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that restores at boot, as far as it needs no kernel of its own; see tests/kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _boot,
    _ipvsadm_format,
    _model_parser,
)

PROGRAM = Path(_boot.__file__)
NO_SETTING = "this kernel has no such setting, or its module is not loaded"
VIP, VIP6 = "192.0.2.149", "2001:db8::149"


def test_the_program_needs_nothing_but_python(tmp_path):
    words = [sys.executable, "-IS", str(PROGRAM), f"ip={tmp_path}/none", f"nft={tmp_path}/none"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_required_file_ends_the_program(tmp_path, capsys):
    other = tmp_path / "other.ip"
    other.write_text("what ip does not know\n")
    arguments = ["--need", f"sysctl={tmp_path}/none.conf", f"ip={other}"]
    assert _boot.restore(arguments) == _boot.FAILED
    assert capsys.readouterr().err.splitlines() == [
        f"<3>{tmp_path}/none.conf: there is no {tmp_path}/none.conf",
        "<3>the settings that must precede this are not restored",
    ]


@pytest.fixture
def proc(monkeypatch, tmp_path):
    """Have a folder of the test for /proc/sys, with two interfaces."""
    folder = tmp_path / "proc"
    for name in ("all", "eth0"):
        path = folder / "net/ipv4/conf" / name
        path.mkdir(parents=True)
        path.joinpath("arp_ignore").write_text("0\n")
    monkeypatch.setattr(_boot, "PROC", str(folder))
    return folder


def test_settings_are_set_and_missing_ones_reported(proc, tmp_path, capsys):
    conf = tmp_path / "90-lvs.conf"
    conf.write_text(
        "# was: net/ipv4/conf/all/arp_ignore = 0\nnet/ipv4/conf/all/arp_ignore = 1\n"
        "net/ipv4/vs/conntrack = 1\nnet/ipv4/conf/eth0/arp_ignore = 2\n"
        "net/ipv4/conf/eth9/arp_ignore = 1\n"
    )
    assert _boot.restore([f"sysctl={conf}"]) == _boot.FAILED
    assert proc.joinpath("net/ipv4/conf/all/arp_ignore").read_text() == "1"
    assert proc.joinpath("net/ipv4/conf/eth0/arp_ignore").read_text() == "2"
    assert capsys.readouterr().err.splitlines() == [
        # udev sets it when the interface comes, so it is no failure.
        f"<6>{conf}: net/ipv4/conf/eth9/arp_ignore = 1: there is no interface eth9 yet",
        f"<3>{conf}: net/ipv4/vs/conntrack = 1: {NO_SETTING}",
    ]


def test_a_rule_s_service_and_destination_are_known_however_they_are_written():
    web = ("-t", (VIP, "80"))
    assert _boot.entry(f"-A -t {VIP}:80 -s wrr -p 300") == (web, None)
    assert _boot.entry(f"-a -t {VIP}:80 -r 192.0.2.31:80 -g -w 1") == (web, ("192.0.2.31", "80"))
    long = _boot.entry("-A -t [2001:db8:0::0149]:80 -s wlc")
    assert long == _boot.entry(f"-A -t [{VIP6}]:80 -s wrr") == (("-t", (VIP6, "80")), None)
    assert _boot.entry("-A -f 7 -6 -s rr") != _boot.entry("-A -f 7 -s rr")
    for line in ("", "# -A", "-A -t", "-A -t x:80", "-a -t 1.2.3.4:80 -r"):
        assert _boot.entry(line) is None


def test_each_line_of_a_saved_table_is_one_entry():
    pool = [{"address": "192.0.2.31"}, {"address": "192.0.2.32"}]
    names = [{"vip": VIP, "port": 80}, {"vip": VIP, "port": 80, "protocol": "udp"}, {"fwmark": 7}]
    names += [{"fwmark": 7, "family": "ipv6"}, {"vip": VIP, "port": 80, "protocol": "sctp"}]
    services = [{**name, "destinations": pool} for name in names]
    services[3] = {**services[3], "destinations": [{"address": "2001:db8::31"}]}
    parsed, mistakes = _model_parser.parse_services(services)
    assert not mistakes
    lines = _ipvsadm_format.to_rules(parsed).splitlines()
    assert len({_boot.entry(line) for line in lines} - {None}) == len(lines) == 14


def test_a_vip_without_any_service_is_left_out():
    seen = _boot.Seen({VIP, "192.0.2.150", _boot.MARK}, {VIP})
    assert not seen.serves(VIP)
    assert seen.serves("192.0.2.150")
    assert seen.serves("192.0.2.151")  # by mark
    assert not _boot.Seen({VIP, _boot.MARK}, {_boot.MARK}).serves("192.0.2.151")
    assert _boot.Seen(set(), {_boot.MARK}).serves(VIP)  # there are no services by mark
