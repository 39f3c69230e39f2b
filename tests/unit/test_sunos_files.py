# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs on SunOS where files keep them for the boot: Solaris 10, and illumos by default."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _run, _sunos_files
from ansible_collections.lvs.cluster.tests.unit.fake_sunos import SunOS, install

VIP, VIP2, VIP3 = "192.168.0.200", "192.168.0.201", "192.168.0.202"
DR = {"dr": [{"vip": VIP, "port": 80, "protocol": "tcp"}]}
LINE, LINE2 = f"lo0 inet {VIP}/32", f"lo0 inet {VIP2}/32"
TEXT = "{} netmask 255.255.255.255\nup\n"
#: What matters of the boot script of illumos.
NET_PHYSICAL = 'interface_names="`echo /etc/hostname.*[0-9] 2>/dev/null`"\n'


@pytest.fixture(params=["Solaris 10", "illumos"])
def host(monkeypatch, tmp_path, request):
    found = SunOS(ipadm=request.param == "illumos", keeps_lo0=False)
    install(monkeypatch, tmp_path, found)
    (tmp_path / "net-physical").write_text(NET_PHYSICAL)
    return found


@pytest.fixture
def file(tmp_path):
    return tmp_path / "lvs" / "realserver_dr.ip"


@pytest.fixture
def vips(host, run_main, file):
    """Run vip_iface as the role realserver_dr does."""

    def run(*listed, **options):
        usual = {"interface": "lo", "vips": list(listed), "save": str(file)}
        return run_main("vip_iface", **{**usual, **options})

    return run


@pytest.fixture
def no_vips(host, run_main, file):
    return lambda **options: run_main("vip_iface", state="absent", save=str(file), **options)


@pytest.fixture
def boot(tmp_path):
    """Return the files for boot, by number."""
    return lambda: {
        int(path.name.partition(":")[2]): path.read_text() for path in tmp_path.glob("hostname.*")
    }


def addresses(host):
    return sorted(each[1] for each in host.objects.values())


def test_a_vip_is_set_now_and_at_boot(host, vips, no_vips, boot, file):
    result = vips(VIP)
    assert (result["before"], result["after"]) == ([], [LINE])
    assert host.ran == [f"ifconfig lo0 addif {VIP}/32 up"]
    assert boot() == {1: TEXT.format(VIP)}
    assert not vips(VIP)["changed"]
    assert no_vips()["changed"]
    assert host.ran[1:] == [f"ifconfig lo0 removeif {VIP}"]
    assert (host.objects, boot(), file.parent.exists()) == ({}, {}, False)
    assert not no_vips()["changed"]


def test_a_file_has_two_lines_so_that_its_mask_stays(vips, boot):
    """inet_process_hostname() of net_include.sh adds ``netmask +`` to a file of one line."""
    vips(VIP)
    assert len(boot()[1].splitlines()) == 2


def test_check_mode_changes_nothing(host, vips, boot, file):
    result = vips(VIP, check=True, diff=True)
    assert [each["after"] for each in result["diff"]] == [
        f"{LINE}\n",
        f"{_sunos_files.HEADER}lo0:1 {VIP}\n",
        TEXT.format(VIP),
    ]
    assert (host.ran, boot(), file.exists()) == ([], {}, False)


def test_a_vip_that_leaves_the_list(host, vips, boot):
    vips(VIP)
    assert vips(VIP2, prune=False)["kept"] == [VIP]
    assert boot() == {1: TEXT.format(VIP), 2: TEXT.format(VIP2)}
    result = vips(VIP2)
    assert (result["before"], result["after"], result["kept"]) == ([LINE, LINE2], [LINE2], [])
    assert boot() == {2: TEXT.format(VIP2)}
    vips(VIP2, VIP3)
    assert boot() == {1: TEXT.format(VIP3), 2: TEXT.format(VIP2)}
    assert addresses(host) == [f"{VIP2}/32", f"{VIP3}/32"]


def test_only_named_vips_are_removed(host, vips, no_vips, boot):
    vips(VIP, VIP2)
    no_vips(interface="lo", vips=[VIP])
    assert addresses(host) == [f"{VIP2}/32"]
    assert boot() == {2: TEXT.format(VIP2)}


def test_files_of_the_admin_are_left_alone(host, vips, no_vips, boot, tmp_path):
    host.objects["lo0/_a"] = ["ok", f"{VIP}/32"]
    own = f"{VIP} netmask 255.255.255.255 up\n"
    (tmp_path / "hostname.lo0:1").write_text(own)
    assert not vips(VIP)["changed"]
    vips(VIP, VIP2)
    assert boot() == {1: own, 2: TEXT.format(VIP2)}
    no_vips()
    assert (boot(), addresses(host)) == ({1: own}, [f"{VIP}/32"])


def test_a_vip_that_was_there_before_stays(host, vips, no_vips, boot, file):
    host.objects["lo0/_a"] = ["ok", f"{VIP}/32"]
    vips(VIP)
    assert boot() == {1: TEXT.format(VIP)}
    assert file.read_text().endswith(f"lo0:1 {VIP} stays\n")
    no_vips()
    assert (boot(), addresses(host), host.ran) == ({}, [f"{VIP}/32"], [])


def test_without_a_file_nothing_is_kept(host, vips, boot):
    vips(VIP, save=None)
    assert (addresses(host), boot()) == ([f"{VIP}/32"], {})


@pytest.mark.parametrize("fail_at", [1, 2])
def test_what_was_done_is_undone(host, vips, boot, file, fail_at):
    vips(VIP)
    before, text, host.ran[:] = (addresses(host), boot()), file.read_text(), []
    host.fail_at = (fail_at,)
    result = vips(VIP2)  # one is added, one is removed
    assert result["mistakes"][-1] == "The addresses are as they were."
    assert ((addresses(host), boot()), file.read_text()) == (before, text)
    assert len(host.ran) == 2 * fail_at - 1


def test_what_could_not_be_undone_is_reported_and_found_again(host, vips, no_vips, boot):
    vips(VIP)
    host.ran.clear()
    host.fail_at = (2, 3)
    assert "It could not be undone: ifconfig lo0 removeif" in vips(VIP2)["mistakes"][1]
    host.fail_at = ()
    no_vips()
    assert (addresses(host), boot()) == ([], {})


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_run_that_was_killed_is_found_again(host, vips, no_vips, boot, monkeypatch, steps):
    class Killed(BaseException):
        pass

    def end(*_arguments):
        raise Killed

    def apply(commands, *_others):
        for command in commands[:steps]:
            host.run(*command.do)
        raise Killed

    vips(VIP)
    with monkeypatch.context() as patch:
        patch.setattr(_run.Change, "_undo", end)
        patch.setattr(_sunos_files._commands, "apply", apply)
        with pytest.raises(Killed):
            vips(VIP2)
    no_vips()
    assert (addresses(host), boot()) == ([], {})


@pytest.mark.parametrize(
    ("name", "address", "part"),
    [
        ("net0/_a", f"{VIP}/32", f"{VIP}/32 is on net0: before it can be on lo0 with /32"),
        ("lo0/_a", f"{VIP}/24", f"{VIP}/24 is on lo0: before it can be on lo0 with /32"),
    ],
)
def test_a_vip_in_another_place_is_refused(host, vips, monkeypatch, name, address, part):
    interface = ipaddress.ip_interface(address)
    link = name.partition("/")[0]
    found = _sunos_files._sunos.links()
    [place] = [each for each in found if each["ifname"] == link]
    mask = interface.network.prefixlen
    place["addr_info"].append({"family": "inet", "local": VIP, "prefixlen": mask})
    monkeypatch.setattr(_sunos_files._sunos, "links", lambda: found)
    assert part in vips(VIP)["mistakes"][0]
    assert host.ran == []


def test_the_strong_host_model_is_refused(host, vips):
    host.model = "strong"
    [mistake] = vips(VIP)["mistakes"]
    assert ("ipadm set-prop" if host.ipadm else "ndd -set /dev/ip") in mistake


def test_ipv6_is_refused(vips):
    assert "is an IPv6 VIP; on SunOS it must be an IPv4 one" in vips("2001:db8::1")["mistakes"][0]


def test_preflight_finds_the_role(host, vips, run_main):
    options = {"addresses": ["192.168.0.180"], "serves": DR}
    result = run_main("preflight", **options)
    assert {each["result"] for each in result["checks"]} == {"ok"}
    vips(VIP)
    result = run_main("preflight", running=True, **options)
    assert {each["result"] for each in result["checks"]} == {"ok"}
    assert result["installed_roles"] == ["realserver_dr"]
    assert len(result["host_state"]["state_files"]) == 1


@pytest.mark.parametrize("text", ["lo0:1\n", f"lo0:1 {VIP}.1\n", f"net0:1 {VIP}\n"])
def test_a_damaged_file_is_reported(host, vips, file, text):
    file.parent.mkdir()
    file.write_text(text)
    assert f"line 1 is {text.strip()!r}; it must be 'lo0:NUMBER VIP'" in vips(VIP)["mistakes"][0]
    assert host.ran == []


def test_a_system_that_reads_no_such_files_has_address_objects(host, vips, tmp_path, boot):
    """Solaris 11 does not read them; what it does not keep, preflight reports."""
    host.ipadm = True
    (tmp_path / "net-physical").write_text("/sbin/ipadm enable-if -t $intf\n")
    vips(VIP)
    assert host.ran == [f"ipadm create-addr -T static -a {VIP}/32 lo0/lvsc0a800c8"]
    assert boot() == {}


def test_what_was_begun_with_files_goes_on_with_them(host, vips, no_vips, boot):
    vips(VIP)
    host.ipadm = host.keeps_lo0 = True
    vips(VIP, VIP2)
    assert set(boot()) == {1, 2}
    no_vips()
    assert (addresses(host), boot()) == ([], {})
