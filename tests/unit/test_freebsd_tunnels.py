# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels on FreeBSD: commands, state and file for boot, on a host of fake_freebsd.py."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd_tunnels
from ansible_collections.lvs.cluster.plugins.module_utils._freebsd_tunnels import Gif
from ansible_collections.lvs.cluster.tests.unit.fake_freebsd import FreeBSD, install
from ansible_collections.lvs.cluster.tests.unit.freebsd_rc import check_syntax, variables

RIP, DIP, DIP2 = "192.168.0.170", "192.168.0.23", "192.168.0.24"
SAVE = "/etc/lvs/realserver_tun.link"
ONE, TWO = Gif(RIP, DIP), Gif(RIP, DIP2)
ANY = Gif(RIP, "192.0.2.1", any_source=True)


@pytest.fixture
def host(monkeypatch, tmp_path):
    found = FreeBSD()
    install(monkeypatch, tmp_path, found)
    return found


@pytest.fixture
def at_boot(tmp_path):
    return tmp_path / "rc.conf.d" / "netif" / "lvs_tun_link"


@pytest.fixture
def tunnel(host, run_main):
    """Run tunnel_iface as the role realserver_tun does."""

    def run(*sources, **options):
        usual = {"tunnels": [{"address": RIP}], "sources": list(sources), "save": SAVE}
        return run_main("tunnel_iface", **{**usual, **options})

    return run


@pytest.fixture
def absent(host, run_main):
    return lambda **options: run_main("tunnel_iface", state="absent", save=SAVE, **options)


def test_one_interface_for_each_director(host, tunnel, at_boot):
    result = tunnel(DIP, DIP2)
    assert result["interfaces"] == [ONE.name, TWO.name]
    assert (result["packets"], result["warnings"]) == ([], [])
    assert host.ran == [
        f"ifconfig {ONE.name} create tunnel {RIP} {DIP}",
        f"ifconfig {ONE.name} up",
        f"ifconfig {TWO.name} create tunnel {RIP} {DIP2}",
        f"ifconfig {TWO.name} up",
    ]
    assert not tunnel(DIP, DIP2)["changed"]
    check_syntax(at_boot)


@pytest.mark.parametrize("sources", [(DIP, "10.0.0.0/8"), (f"{DIP}/32", "0.0.0.0/0")])
def test_a_network_of_sources_needs_a_packet_filter(host, tunnel, sources):
    result = tunnel(*sources)
    assert host.ran == [
        f"ifconfig {ANY.name} create tunnel {RIP} 192.0.2.1",
        f"ifconfig {ANY.name} ignore_source up",
    ]
    assert "Have a packet filter accept IP protocol 4" in result["warnings"][0]
    assert not tunnel(*sources)["changed"]


def test_without_sources_the_other_end_is_no_host(host, tunnel):
    tunnel()
    assert list(host.gifs.values()) == [[RIP, "192.0.2.1", True, True]]


def test_check_mode_changes_nothing(host, tunnel, at_boot):
    result = tunnel(DIP, check=True, diff=True)
    assert result["changed"]
    assert result["diff"][0]["after"] == f"{ONE.line}\n"
    assert host.ran == []
    assert not at_boot.parent.exists()


def test_absence_leaves_the_host_as_it_was(host, tunnel, absent, at_boot):
    host.gifs["gif0"] = ["10.0.0.1", "10.0.0.2", False, True]  # the admin's
    tunnel(DIP, DIP2)
    assert absent()["changed"]
    assert list(host.gifs) == ["gif0"]
    assert not at_boot.parent.exists()
    assert not absent()["changed"]


def test_another_director(host, tunnel):
    tunnel(DIP)
    host.ran.clear()
    tunnel(DIP2)
    assert host.ran == [
        f"ifconfig {TWO.name} create tunnel {RIP} {DIP2}",
        f"ifconfig {TWO.name} up",
        f"ifconfig {ONE.name} down",
        f"ifconfig {ONE.name} destroy",
    ]


def test_an_interface_that_is_down_is_made_again(host, tunnel):
    tunnel(DIP)
    host.gifs[ONE.name][3] = False
    assert tunnel(DIP)["changed"]
    assert host.gifs[ONE.name] == [RIP, DIP, False, True]


@pytest.mark.parametrize("fail_at", range(1, 5))
def test_what_was_done_is_undone(host, tunnel, at_boot, fail_at):
    tunnel(DIP)
    before, text, host.ran[:] = dict(host.gifs), at_boot.read_text(), []
    host.fail_at = (fail_at,)
    assert tunnel(DIP2)["mistakes"][-1] == "The tunnels are as they were."
    assert host.gifs == before
    assert at_boot.read_text() == text
    assert len(host.ran) == 2 * fail_at - 1


def test_what_could_not_be_undone_is_found_again(host, tunnel, absent):
    host.fail_at = (2, 3)
    assert "It could not be undone" in tunnel(DIP)["mistakes"][1]
    host.fail_at = ()
    absent()
    assert host.gifs == {}


@pytest.mark.parametrize(
    ("name", "ends"),
    [(ONE.name, ["10.0.0.1", "10.0.0.2"]), ("gif0", [RIP, DIP])],
    ids=["its name", "its ends"],
)
def test_an_interface_of_others_is_not_touched(host, tunnel, name, ends):
    host.gifs[name] = [*ends, False, True]
    [mistake] = tunnel(DIP)["mistakes"]
    assert mistake.startswith(f"{name} is tunnel {' '.join(ends)} up already, and this module did")
    assert host.ran == []


def test_a_network_of_sources_after_single_ones(host, tunnel):
    """The ends of an interface are free only when it is gone, and the new one is made before."""
    tunnel(DIP)
    tunnel(DIP, "10.0.0.0/8")
    assert host.gifs == {ANY.name: [RIP, "192.0.2.1", True, True]}
    tunnel(DIP)
    assert host.gifs == {ONE.name: [RIP, DIP, False, True]}


def test_what_ifconfig_only_warns_of_is_an_error(host, tunnel, monkeypatch):
    real = host._tunnel

    def refuse(name, *words):
        found = real(name, *words)
        if words[0] == "create":
            host.gifs[name][:2] = ["", ""]
        return found

    monkeypatch.setattr(host, "_tunnel", refuse)
    mistakes = tunnel(DIP)["mistakes"]
    assert mistakes[0].startswith(f"{ONE.name} is up; it must be tunnel {RIP} {DIP} up. Run ")
    assert mistakes[1:] == ["The tunnels are as they were."]
    assert host.gifs == {}


def test_all_that_is_not_supported_is_reported_at_once(host, tunnel):
    tunnels = [
        {"address": RIP, "type": "gue"},
        {"address": RIP, "inner": "ipv6"},
        {"address": "2001:db8::1"},
        {"address": RIP},
    ]
    mistakes = tunnel(DIP, tunnels=tunnels)["mistakes"]
    assert [mistake.partition(" (")[0] for mistake in mistakes] == [
        f"tunnel {n}" for n in (1, 2, 3)
    ]


def test_a_source_that_is_none(tunnel):
    assert "'director' is no address" in tunnel("director")["mistakes"][0]


def test_numbers_are_those_of_managed_interfaces():
    numbers = {int(Gif(RIP, f"10.0.{n}.1").name[3:]) for n in range(256)}
    assert min(numbers) >= _freebsd_tunnels.FIRST
    assert max(numbers) <= 0x7FFF


def test_what_netif_finds_beside_the_admins_rc_conf(tunnel, tmp_path):
    (tmp_path / "rc.conf").write_text('cloned_interfaces="bridge0"\n')
    tunnel(DIP, "10.0.0.0/8")
    names = "cloned_interfaces", f"create_args_{ANY.name}", f"ifconfig_{ANY.name}"
    assert variables(tmp_path, "netif", *names) == {
        "cloned_interfaces": f"bridge0 {ANY.name}",
        f"create_args_{ANY.name}": f"tunnel {RIP} 192.0.2.1",
        f"ifconfig_{ANY.name}": "ignore_source up",
    }


@pytest.mark.parametrize("text", ["gif0\n", 'ifconfig_gif0="up"\n'])
def test_a_damaged_file_is_reported(tunnel, host, at_boot, text):
    at_boot.parent.mkdir()
    at_boot.write_text(text)
    assert tunnel(DIP)["mistakes"][0].startswith(f"{at_boot}: it has ")
    assert host.ran == []


def test_its_vips_are_on_lo0(host, run_main, tunnel):
    [interface] = tunnel(DIP)["interfaces"]
    run_main("vip_iface", interface=interface, vips=["192.168.0.200"], save="/etc/lvs/t.ip")
    assert "inet 192.168.0.200/32" in host.addresses["lo0"]


def test_the_other_tasks_that_remove_the_role_change_nothing(host, run_main, monkeypatch, tmp_path):
    """Those of roles/realserver_tun/tasks/absent.yml for what is on Linux only."""
    monkeypatch.setattr("shutil.which", lambda *_words, **_options: None)
    settings = str(tmp_path / "90-lvs-realserver-tun.conf")
    assert run_main("sysctls", values={}, save=settings)["changed"] is False
    options = {"name": "lvs_realserver_tun", "state": "absent", "save": str(tmp_path / "a.nft")}
    assert run_main("nft_table", **options)["changed"] is False
    assert host.ran == []
