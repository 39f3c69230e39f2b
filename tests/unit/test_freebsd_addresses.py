# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs on FreeBSD: the commands, the state and the file for boot, on a host of fake_freebsd.py."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd, _freebsd_addresses, _run
from ansible_collections.lvs.cluster.tests.unit.fake_freebsd import FreeBSD, install
from ansible_collections.lvs.cluster.tests.unit.freebsd_rc import check_syntax, variables

VIP, VIP2, VIP6 = "192.168.0.200", "192.168.0.201", "2001:db8::200"
SAVE = "/etc/lvs/realserver_dr.ip"
LINE = 'ifconfig_lo0_aliases="${{ifconfig_lo0_aliases}} {}"\n'
TEXT = _freebsd_addresses.HEADER + LINE.format(f"inet {VIP}/32") + LINE.format(f"inet6 {VIP6}/128")
ADD = f"ifconfig lo0 inet {VIP}/32 alias"
ADD6 = f"ifconfig lo0 inet6 {VIP6}/128 alias"


@pytest.fixture
def host(monkeypatch, tmp_path):
    found = FreeBSD()
    install(monkeypatch, tmp_path, found)
    return found


@pytest.fixture
def at_boot(tmp_path):
    return tmp_path / "rc.conf.d" / "netif" / "lvs_dr"


@pytest.fixture
def vips(host, run_main):
    """Run vip_iface as the role realserver_dr does."""

    def run(*listed, **options):
        usual = {"interface": "lo", "vips": list(listed), "save": SAVE, "director": False}
        return run_main("vip_iface", **{**usual, **options})

    return run


def absent(run_main, **options):
    return run_main("vip_iface", state="absent", save=SAVE, **options)


# ------------------------------------------------------------------------------ what is run


def test_vips_are_added_now_and_at_boot(host, vips, at_boot):
    result = vips(VIP, VIP6)
    assert (result["changed"], result["interface"]) == (True, "lo0")
    assert (result["before"], result["after"]) == (
        [],
        [f"lo0 inet {VIP}/32", f"lo0 inet6 {VIP6}/128"],
    )
    assert result["announced"] == result["kept"] == []
    assert host.ran == [ADD, ADD6]
    assert at_boot.read_text() == TEXT


def test_a_second_run_changes_nothing(host, vips, at_boot):
    vips(VIP, VIP6)
    host.ran.clear()
    result = vips(VIP, VIP6)
    assert not result["changed"]
    assert result["before"] == result["after"]
    assert host.ran == []


def test_check_mode_changes_nothing_and_shows_both(host, vips, at_boot):
    result = vips(VIP, check=True, diff=True)
    assert result["changed"]
    assert host.ran == []
    assert not at_boot.parent.exists()
    live, boot = result["diff"]
    assert live == {"before": "", "after": f"lo0 inet {VIP}/32\n"}
    assert boot["after_header"] == str(at_boot)
    assert LINE.format(f"inet {VIP}/32") in boot["after"]


def test_absence_leaves_the_host_as_it_was(host, vips, run_main, at_boot):
    before = {name: list(found) for name, found in host.addresses.items()}
    vips(VIP, VIP6)
    assert absent(run_main)["changed"]
    assert host.addresses == before
    assert not at_boot.parent.exists()
    assert not absent(run_main)["changed"]


def test_what_the_documents_set_up_before_stays(host, vips, run_main, at_boot):
    host.addresses["lo0"].append(f"inet {VIP}/32")  # ifconfig_lo0_alias0 in rc.conf
    vips(VIP, VIP2)
    assert host.ran == [f"ifconfig lo0 inet {VIP2}/32 alias"]
    assert f"{_freebsd.STAYS}\n" + LINE.format(f"inet {VIP}/32") in at_boot.read_text()
    assert not vips(VIP, VIP2)["changed"]
    absent(run_main)
    assert host.addresses["lo0"][-1] == f"inet {VIP}/32"
    assert not at_boot.exists()


def test_what_was_there_before_goes_if_it_is_named(host, vips, run_main):
    host.addresses["lo0"].append(f"inet {VIP}/32")
    vips(VIP)
    absent(run_main, interface="lo", vips=[VIP])
    assert host.ran == [f"ifconfig lo0 inet {VIP} -alias"]


def test_a_vip_that_leaves_the_list_is_removed_last(host, vips, at_boot):
    vips(VIP)
    host.ran.clear()
    vips(VIP2)
    assert host.ran == [
        f"ifconfig lo0 inet {VIP2}/32 alias",
        f"ifconfig lo0 inet {VIP} -alias",
    ]
    assert VIP + "/" not in at_boot.read_text()


def test_without_prune_it_stays(host, vips, at_boot):
    vips(VIP)
    result = vips(VIP2, prune=False)
    assert result["kept"] == [VIP]
    assert f"inet {VIP}/32" in host.addresses["lo0"]
    assert f"inet {VIP}/32" in at_boot.read_text()
    assert vips(VIP2)["changed"]
    assert f"inet {VIP}/32" not in host.addresses["lo0"]


def test_others_files_and_addresses_are_left_alone(host, vips, run_main, at_boot):
    host.addresses["lo0"].append("inet 10.9.9.9/32")
    at_boot.parent.mkdir()
    other = at_boot.with_name("local")
    other.write_text('ifconfig_lo0_aliases="inet 10.9.9.9/32"\n')
    vips(VIP)
    absent(run_main)
    assert host.addresses["lo0"][-1] == "inet 10.9.9.9/32"
    assert other.exists()


def test_a_vip_of_two_roles_goes_with_the_last_of_them(host, vips, run_main, tmp_path):
    """As when a service changes from dr to tun: the new role comes first, the former one goes."""
    other = "/etc/lvs/realserver_tun.ip"
    vips(VIP)
    assert vips(VIP, save=other)["changed"]
    absent(run_main)
    assert f"inet {VIP}/32" in host.addresses["lo0"]
    run_main("vip_iface", state="absent", save=other)
    assert f"inet {VIP}/32" not in host.addresses["lo0"]
    assert host.ran == [f"ifconfig lo0 inet {VIP}/32 alias", f"ifconfig lo0 inet {VIP} -alias"]
    assert list((tmp_path / "rc.conf.d").iterdir()) == []


# --------------------------------------------------------------------------- failures


@pytest.mark.parametrize("fail_at", [1, 2, 3])
def test_what_was_done_is_undone(host, vips, at_boot, fail_at):
    vips(VIP)
    before = sorted(host.addresses["lo0"])
    text = at_boot.read_text()
    host.ran.clear()
    host.fail_at = (fail_at,)
    result = vips(VIP2, VIP6)  # two are added, one is removed
    assert result["failed"]
    assert "Operation not permitted" in result["mistakes"][0]
    assert result["mistakes"][1:] == ["The addresses are as they were."]
    assert sorted(host.addresses["lo0"]) == before
    assert at_boot.read_text() == text
    assert len(host.ran) == 2 * fail_at - 1


def test_the_first_failure_leaves_no_folder(host, vips, at_boot):
    host.fail_at = (1,)
    assert vips(VIP)["failed"]
    assert not at_boot.parent.exists()


@pytest.mark.parametrize(("fail_at", "undo"), list(itertools.product([2, 3], [1])))
def test_what_could_not_be_undone_is_reported_and_remembered(host, vips, at_boot, fail_at, undo):
    vips(VIP)
    host.ran.clear()
    host.fail_at = (fail_at, fail_at + undo)
    result = vips(VIP2, VIP6)
    assert any("It could not be undone: ifconfig lo0" in each for each in result["mistakes"])
    assert (
        result["mistakes"][-1]
        == f"{at_boot} lists the former and the wanted state; run this again."
    )
    listed = at_boot.read_text()
    assert all(f" {each}/" in listed for each in (VIP, VIP2, VIP6))
    host.fail_at = ()
    assert not vips(VIP2, VIP6).get("failed")
    assert f"inet {VIP}/32" not in host.addresses["lo0"]
    assert {f"inet {VIP2}/32", f"inet6 {VIP6}/128"} <= set(host.addresses["lo0"])


def test_a_run_that_was_killed_is_completed(host, vips, run_main, at_boot, monkeypatch):
    def killed(*_arguments):
        raise KeyboardInterrupt

    vips(VIP)
    with monkeypatch.context() as patch:
        patch.setattr(_run.Change, "_undo", killed)  # as if the process had ended there
        patch.setattr(_freebsd_addresses, "_apply", killed)
        with pytest.raises(KeyboardInterrupt):
            vips(VIP2)
    assert all(f" {each}/" in at_boot.read_text() for each in (VIP, VIP2))
    absent(run_main)
    assert not any(each.startswith("inet 192.168.0.2") for each in host.addresses["lo0"])


# -------------------------------------------------------------------------- what is refused


def test_a_vip_on_a_network_card_is_refused(host, vips, at_boot):
    host.addresses["em0"].append(f"inet {VIP}/32")
    assert vips(VIP)["mistakes"] == [
        (
            f"{VIP} is on em0: before it can be on lo0, remove it there (ifconfig em0 inet {VIP}"
            " -alias), also from /etc/rc.conf."
        )
    ]
    assert host.ran == []
    assert not at_boot.parent.exists()


def test_in_check_mode_that_is_a_warning(host, vips):
    host.addresses["em0"].append(f"inet {VIP}/32")
    result = vips(VIP, check=True)
    assert result["changed"]
    assert len(result["warnings"]) == 1


def test_a_classful_mask_is_refused(host, vips):
    host.addresses["lo0"].append(f"inet {VIP}/24")  # in_setdefaultmask: class C
    assert vips(VIP)["mistakes"] == [
        (
            f"{VIP}/24 is on lo0, which makes all of 192.168.0.0/24 local to this host: remove it"
            f" (ifconfig lo0 inet {VIP} -alias), also from /etc/rc.conf, and run this again."
        )
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("em0", "interface is em0; on FreeBSD it must be a loopback interface such as lo0: "),
        ("lo7", "interface: there is no interface lo7 here; there are em0, lo0."),
    ],
)
def test_only_a_loopback_interface_takes_vips(host, vips, name, said):
    [mistake] = vips(VIP, interface=name)["mistakes"]
    assert mistake.startswith(said)


REFUSED = [
    ({"net.link.ether.inet.proxyall": "1"}, "", "arpproxy_all=NO"),
    ({"net.inet.ip.check_interface": "1"}, "", "sysctl net.inet.ip.check_interface=0"),
    ({"net.inet.ip.rfc1122_strong_es": "1"}, "", "sysctl net.inet.ip.rfc1122_strong_es=0"),
    (
        {},
        f"? ({VIP}) at 08:00:27:12:34:56 on em0 permanent published [ethernet]\n",
        f"arp -d {VIP}",
    ),
    (
        {},
        f"? ({VIP}) at 08:00:27:12:34:56 on em0 permanent published (proxy only) [ethernet]\n",
        f"arp -d {VIP}",
    ),
]


@pytest.mark.parametrize(("settings", "arp", "remedy"), REFUSED)
def test_pitfalls_are_refused_with_their_remedy(host, vips, run_main, settings, arp, remedy):
    host.settings.update(settings)
    host.arp += arp
    [mistake] = vips(VIP)["mistakes"]
    assert remedy in mistake
    assert host.ran == []
    host.addresses["lo0"].append(f"inet {VIP}/32")
    assert run_main("arp_suppress", interfaces=["em0"])["mistakes"] == [mistake]
    assert not run_main("arp_suppress", state="absent").get("failed")


def test_all_pitfalls_are_reported_at_once(host, run_main):
    host.addresses["lo0"].append(f"inet {VIP}/32")
    for settings, arp, _remedy in REFUSED[:4]:
        host.settings.update(settings)
        host.arp += arp
    assert len(run_main("arp_suppress", interfaces=["em7"])["mistakes"]) == 5


def test_forwarding_turns_the_strong_model_off(host, vips):
    host.settings.update({"net.inet.ip.check_interface": "1", "net.inet.ip.forwarding": "1"})
    assert vips(VIP)["changed"]


def test_arp_suppress_has_nothing_to_set(host, run_main, tmp_path):
    save = tmp_path / "90-lvs-arp.conf"
    result = run_main("arp_suppress", interfaces=["em0"], save=str(save))
    assert not result["changed"]
    assert result["msg"] == "FreeBSD answers ARP for no address of lo0, so nothing has to be set."
    assert result["before"]["sysctls"] == host.settings
    assert host.ran == []
    assert not save.exists()


# ---------------------------------------------------------------------- the file for boot


def test_a_damaged_file_is_reported(vips, host, at_boot):
    at_boot.parent.mkdir()
    at_boot.write_text('ifconfig_lo0_aliases="inet 192.168.0.200"\n')
    [mistake] = vips(VIP)["mistakes"]
    assert mistake.startswith(f"{at_boot}: line 1 is ")
    assert host.ran == []


def test_beside_a_file_for_netif_the_folder_of_network_is_used(host, vips, run_main, tmp_path):
    (tmp_path / "rc.conf.d" / "netif").write_text('ifconfig_em0="DHCP"\n')
    vips(VIP)
    path = tmp_path / "rc.conf.d" / "network" / "lvs_dr"
    assert f"inet {VIP}/32" in path.read_text()
    (tmp_path / "rc.conf.d" / "netif").unlink()
    assert not vips(VIP)["changed"]  # it stays where it is
    absent(run_main)
    assert not path.parent.exists()


def test_files_for_both_are_refused(host, vips, tmp_path):
    for name in ("netif", "network"):
        (tmp_path / "rc.conf.d" / name).write_text("")
    [mistake] = vips(VIP)["mistakes"]
    assert "netif is a file; it must be a folder" in mistake
    assert host.ran == []


ADMINS = [
    ("", []),
    ('ifconfig_lo0_aliases="inet 10.9.9.9/32"\n', ["inet 10.9.9.9/32"]),
    # As the documents have it: this is another variable, and stays.
    (f'ifconfig_lo0_alias0="inet {VIP2} netmask 0xffffffff"\n', []),
    ('hostname="web170"\nifconfig_em0="inet 192.168.0.170/24"\ndefaultrouter="10.0.0.1"\n', []),
]


@pytest.mark.parametrize(("rc_conf", "others"), ADMINS)
def test_what_netif_finds_beside_the_admins_rc_conf(vips, tmp_path, at_boot, rc_conf, others):
    (tmp_path / "rc.conf").write_text(rc_conf)
    names = ("ifconfig_lo0_aliases", "ifconfig_lo0_alias0", "ifconfig_em0", "defaultrouter")
    before = variables(tmp_path, "netif", *names)
    vips(VIP, VIP6)
    check_syntax(at_boot)
    after = variables(tmp_path, "netif", *names)
    listed = after.pop("ifconfig_lo0_aliases").split()
    assert listed == [*" ".join(others).split(), "inet", f"{VIP}/32", "inet6", f"{VIP6}/128"]
    assert after == {name: before[name] for name in after}


def test_what_netif_finds_beside_the_admins_file_for_netif(vips, tmp_path):
    mine = tmp_path / "rc.conf.d" / "netif"
    mine.write_text('ifconfig_lo0_aliases="${ifconfig_lo0_aliases} inet 10.9.9.9/32"\n')
    vips(VIP)
    check_syntax(tmp_path / "rc.conf.d" / "network" / "lvs_dr")
    found = variables(tmp_path, "netif", "ifconfig_lo0_aliases")["ifconfig_lo0_aliases"]
    assert found.split() == ["inet", f"{VIP}/32", "inet", "10.9.9.9/32"]


def test_a_note_of_what_was_there_before_is_a_comment(host, vips, tmp_path, at_boot):
    host.addresses["lo0"].append(f"inet {VIP}/32")
    vips(VIP)
    check_syntax(at_boot)
    found = variables(tmp_path, "netif", "ifconfig_lo0_aliases")
    assert found["ifconfig_lo0_aliases"].split() == ["inet", f"{VIP}/32"]


@pytest.mark.parametrize(
    ("save", "name"),
    [
        ("/etc/lvs/realserver_dr.ip", "lvs_dr"),
        ("/etc/lvs/realserver_tun.ip", "lvs_tun"),
        ("/etc/lvs/realserver_tun.link", "lvs_tun_link"),
        ("/etc/rc.conf.d/netif/lvs_web", "lvs_web"),
    ],
)
def test_its_name_follows_from_the_state_file_of_linux(save, name):
    assert _freebsd.boot_file_name(save) == name


@pytest.mark.parametrize("program", ["ifconfig", "sysctl"])
@pytest.mark.parametrize("fails", [True, False])
def test_without_what_a_program_prints_nothing_is_changed(host, vips, monkeypatch, program, fails):
    """The program fails, or is not there."""
    found = (lambda _words: (1, f"{program}: no.")) if fails else None
    monkeypatch.setattr(host, f"_{program}", found, raising=False)
    [mistake] = vips(VIP)["mistakes"]
    if fails:
        assert mistake.startswith(f"{program} -")
        assert mistake.endswith(f": {program}: no.")
    else:
        assert mistake == f"The program {program} is not on this host."
    assert host.ran == []
