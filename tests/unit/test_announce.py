# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VIPs lvs-announce adds and removes. tests/kernel/test_announce.py runs it on a kernel."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _announce

VIP, VIP6 = "203.0.113.10", "2001:db8::10"


class Interface:
    """Stands for lvs-vips: the addresses that ``ip`` added, and whether it is up."""

    def __init__(self):
        self.addresses, self.up = set(), False

    def ip(self, *words):
        if words[:2] == ("link", "set"):
            self.up = words[3] == "up"
        elif words[:2] == ("address", "replace"):
            self.addresses.add(words[2])
        elif words[:2] == ("address", "delete"):
            self.addresses.remove(words[2])
        elif words[:2] == ("address", "flush"):
            self.addresses.clear()
        elif words[0] == "-oneline":
            return words[-1] if words[-1] in self.addresses else ""
        else:
            assert words == ("link", "add", "name", "lvs-vips", "type", "dummy")
        return ""


@pytest.fixture
def interface(tmp_path, monkeypatch):
    made = Interface()
    monkeypatch.setattr(_announce, "ip", made.ip)
    monkeypatch.setattr(_announce, "enable_ipv6", lambda: None)
    monkeypatch.setattr(_announce, "STATE", tmp_path / "state")
    monkeypatch.setattr(_announce, "DRAINED", tmp_path / "drained")
    assert _announce.main(["reset"]) == 0
    return made


def run(*words):
    assert _announce.main(list(words)) == 0


def test_a_vip_is_there_while_one_of_its_services_has_a_quorum(interface):
    run("up", "web", VIP)
    run("up", "mail", VIP)
    assert interface.addresses == {f"{VIP}/32"}
    run("down", "web", VIP)
    assert interface.addresses == {f"{VIP}/32"}
    run("down", "mail", VIP)
    assert interface.addresses == set()
    run("down", "mail", VIP)  # keepalived may say it twice
    assert interface.addresses == set()


def test_a_service_may_have_several_vips(interface):
    run("up", "both", VIP, VIP6)
    assert interface.addresses == {f"{VIP}/32", f"{VIP6}/128"}
    run("down", "both", VIP, VIP6)
    assert interface.addresses == set()


def test_nothing_is_announced_before_each_real_server_was_checked(interface):
    run("up", "web", VIP)
    assert not interface.up
    run("open", "0")
    assert interface.up


def test_addresses_are_added_again_after_the_interface_was_down(interface):
    run("up", "web", VIP6)
    interface.addresses.clear()  # as the kernel does at a down
    run("open", "0")
    assert interface.addresses == {f"{VIP6}/128"}


def test_a_drained_director_announces_nothing(interface, capsys):
    run("up", "web", VIP)
    _announce.DRAINED.touch()
    run("open", "0")
    assert not interface.up
    assert "is drained" in capsys.readouterr().err
    _announce.DRAINED.unlink()
    run("open", "0")
    assert interface.up


def test_a_start_of_keepalived_forgets_what_had_a_quorum(interface):
    run("up", "web", VIP)
    run("open", "0")
    run("reset")
    assert (interface.addresses, interface.up) == (set(), False)
    run("open", "0")
    assert interface.addresses == set()


def test_a_command_that_fails_is_shown(monkeypatch, tmp_path, capsys):
    def fail(*words):
        raise _announce.Failure("ip link add: Operation not permitted")

    monkeypatch.setattr(_announce, "ip", fail)
    monkeypatch.setattr(_announce, "STATE", tmp_path / "state")
    assert _announce.main(["up", "web", VIP]) == 1
    assert "Operation not permitted" in capsys.readouterr().err


def test_a_drain_waits_until_no_packets_come(interface, monkeypatch, tmp_path):
    counted = iter([5, 6, 7, *[7] * 100])
    monkeypatch.setattr(_announce, "packets", lambda: next(counted))
    monkeypatch.setattr(_announce, "QUIET", 0.3)
    run("up", "web", VIP)
    run("open", "0")
    run("drain", "10")
    assert not interface.up
    assert next(counted) == 7
    run("open", "0")
    assert not interface.up  # also after a reboot
    run("undrain")
    assert interface.up


def test_a_drain_that_does_not_end_is_an_error(interface, monkeypatch, capsys):
    counted = iter(range(1000))
    monkeypatch.setattr(_announce, "packets", lambda: next(counted))
    assert _announce.main(["drain", "0.3"]) == 1
    assert "still arrive 0.3 s after" in capsys.readouterr().err


def test_packets_are_read_from_the_totals(monkeypatch, tmp_path):
    text = """\
   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
      1C       AB        0             7D2A                0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       0        0        0                0                0
"""
    (tmp_path / "stats").write_text(text)
    monkeypatch.setattr(_announce, "STATISTICS", tmp_path / "stats")
    assert _announce.packets() == 0xAB


def test_mh_learns_the_weights_of_drained_real_servers(interface, monkeypatch, tmp_path):
    rules = ["-e -t 203.0.113.10:80 -r 10.99.3.21:80 -i -w 3", "-e -t 203.0.113.10:80 -r gone -w 1"]
    (tmp_path / "weights").write_text("".join(f"{rule}\n" for rule in rules))
    monkeypatch.setattr(_announce, "WEIGHTS", tmp_path / "weights")
    ran = []

    def record(*words):
        if "gone" in words:
            raise _announce.Failure("ipvsadm: No such destination")
        ran.append(" ".join(words))
        return ""

    monkeypatch.setattr(_announce, "run", record)
    run("open", "0")
    edit = "ipvsadm -e -t 203.0.113.10:80 -r 10.99.3.21:80 -i"
    assert ran == [f"{edit} -w 3", f"{edit} -w 0"]
    assert interface.up
