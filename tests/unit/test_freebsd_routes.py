# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return path on FreeBSD: commands, state and file for boot, on a host of fake_freebsd.py."""

from __future__ import annotations

import os

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _commands, _freebsd_routes, _run
from ansible_collections.lvs.cluster.tests.unit.fake_freebsd import FreeBSD, install
from ansible_collections.lvs.cluster.tests.unit.freebsd_rc import check_syntax, variables

ROUTER, DIP, DIP2 = "192.168.0.1", "192.168.0.254", "192.168.0.253"
ROUTER6, DIP6 = "2001:db8::1", "2001:db8::254"
SAVE = "/etc/lvs/realserver_nat.ip"
RIP = "192.168.0.170"


@pytest.fixture
def host(monkeypatch, tmp_path):
    found = FreeBSD()
    found.settings["net.fibs"] = "1"
    install(monkeypatch, tmp_path, found)
    return found


@pytest.fixture
def host6(host):
    host.addresses["em0"].append("inet6 2001:db8::170/64")
    host.defaults["-inet6", 0] = ROUTER6
    return host


@pytest.fixture
def at_boot(tmp_path):
    return tmp_path / "rc.conf.d" / "routing" / "lvs_nat"


@pytest.fixture
def route(host, run_main):
    """Run return_route as the role realserver_nat does."""

    def run(*gateways, **options):
        answers = [{"address": RIP, "port": 80, "protocol": "tcp"}]
        usual = {"gateways": list(gateways), "answers": answers, "route": "default", "save": SAVE}
        return run_main("return_route", **{**usual, **options})

    return run


@pytest.fixture
def absent(host, run_main):
    return lambda **options: run_main("return_route", state="absent", save=SAVE, **options)


def test_the_director_becomes_the_default_route_now_and_at_boot(host, route, at_boot):
    result = route(DIP)
    assert (result["changed"], result["kept"]) == (True, [])
    assert result["before"] == [f"-inet default {ROUTER}"]
    assert result["after"] == [f"-inet default {DIP}"]
    assert host.ran == [f"route change -inet default {DIP}"]
    assert at_boot.read_text() == (
        f'{_freebsd_routes.HEADER}# former: -inet default {ROUTER}\ndefaultrouter="{DIP}"\n'
    )
    assert not route(DIP)["changed"]
    assert len(host.ran) == 1


def test_both_families(host6, route, at_boot, absent):
    route(DIP, DIP6)
    assert host6.ran == [
        f"route change -inet default {DIP}",
        f"route change -inet6 default {DIP6}",
    ]
    assert f'ipv6_defaultrouter="{DIP6}"' in at_boot.read_text()
    absent()
    assert host6.defaults == {("-inet", 0): ROUTER, ("-inet6", 0): ROUTER6}


def test_check_mode_changes_nothing_and_shows_both(host, route, at_boot):
    result = route(DIP, check=True, diff=True)
    assert result["changed"]
    assert host.ran == []
    assert not at_boot.parent.exists()
    live, boot = result["diff"]
    assert live == {"before": f"-inet default {ROUTER}\n", "after": f"-inet default {DIP}\n"}
    assert f'defaultrouter="{DIP}"' in boot["after"]


def test_absence_puts_the_former_route_back(host, route, absent, at_boot):
    route(DIP)
    assert absent()["changed"]
    assert host.defaults == {("-inet", 0): ROUTER}
    assert not at_boot.parent.exists()
    assert not absent()["changed"]


def test_absence_removes_what_nothing_was_before(host, route, absent):
    host.defaults.clear()
    route(DIP)
    assert host.ran == [f"route add -inet default {DIP}"]
    absent()
    assert host.ran[1:] == ["route delete -inet default"]
    assert host.defaults == {}


def test_a_route_that_was_so_before_stays(host, route, absent, at_boot):
    host.defaults["-inet", 0] = DIP
    assert route(DIP)["changed"]  # the file
    assert f'defaultrouter="{DIP}"' in at_boot.read_text()
    absent()
    assert host.defaults == {("-inet", 0): DIP}
    assert host.ran == []


def test_a_route_that_others_changed_since_is_left_alone(host, route, absent):
    route(DIP)
    host.defaults["-inet", 0] = "192.168.0.9"
    host.ran.clear()
    assert absent()["changed"]  # the file
    assert host.ran == []
    assert host.defaults == {("-inet", 0): "192.168.0.9"}


def test_another_gateway_keeps_the_note_of_the_former_one(host, route, absent, at_boot):
    route(DIP)
    route(DIP2)
    assert f"# former: -inet default {ROUTER}\n" in at_boot.read_text()
    absent()
    assert host.defaults == {("-inet", 0): ROUTER}


def test_a_family_that_leaves_gets_its_former_route_back(host6, route, at_boot):
    route(DIP, DIP6)
    route(DIP)
    assert host6.defaults == {("-inet", 0): DIP, ("-inet6", 0): ROUTER6}
    assert "ipv6" not in at_boot.read_text()


# --------------------------------------------------------------------------------- FIBs


def test_in_another_fib(host, route, absent, at_boot):
    host.settings["net.fibs"] = "2"
    route(DIP, fib=1)
    assert host.ran == [f"route add -inet default {DIP} -fib 1"]
    assert host.defaults == {("-inet", 0): ROUTER, ("-inet", 1): DIP}
    assert at_boot.read_text().splitlines()[1:] == [
        'static_routes="${static_routes} lvs_nat"',
        f'route_lvs_nat="default {DIP} -fib 1"',
    ]
    assert not route(DIP, fib=1)["changed"]
    assert route(DIP)["failed"]  # in FIB 0, beside it
    absent()
    assert host.defaults == {("-inet", 0): ROUTER}


def test_both_families_in_another_fib(host6, route, tmp_path):
    host6.settings["net.fibs"] = "2"
    (tmp_path / "rc.conf").write_text(
        'static_routes="office"\nroute_office="-net 10.0.0.0/8 192.168.0.9"\n'
    )
    route(DIP, DIP6, fib=1)
    names = "static_routes", "route_lvs_nat", "ipv6_static_routes", "ipv6_route_lvs_nat"
    assert variables(tmp_path, "routing", *names) == {
        "static_routes": "office lvs_nat",
        "route_lvs_nat": f"default {DIP} -fib 1",
        "ipv6_static_routes": " lvs_nat",
        "ipv6_route_lvs_nat": f"default {DIP6} -fib 1",
    }
    assert not route(DIP, DIP6, fib=1)["changed"]


def test_a_fib_that_is_not_there_is_refused(host, route):
    [mistake] = route(DIP, fib=1)["mistakes"]
    assert mistake.startswith("fib is 1; it must be less than 1, the number of this host's FIBs.")


# ----------------------------------------------------------------------------- failures


@pytest.mark.parametrize("fail_at", [1, 2])
@pytest.mark.parametrize("earlier", [(), (DIP2, ROUTER6)])
def test_what_was_done_is_undone(host6, route, at_boot, fail_at, earlier):
    if earlier:
        route(*earlier)
    defaults, host6.ran[:] = dict(host6.defaults), []
    text = at_boot.read_text() if earlier else None
    host6.fail_at = (fail_at,)
    result = route(DIP, DIP6)
    assert result["mistakes"][-1] == "The routes are as they were."
    assert host6.defaults == defaults
    assert len(host6.ran) == 2 * fail_at - 1
    assert (at_boot.read_text() if at_boot.exists() else None) == text
    assert at_boot.parent.exists() == bool(earlier)


@pytest.mark.parametrize("fail_at", [1, 2])
def test_absence_is_undone(host6, route, absent, at_boot, fail_at):
    route(DIP, DIP6)
    defaults, text, host6.ran[:] = dict(host6.defaults), at_boot.read_text(), []
    host6.fail_at = (fail_at,)
    assert absent()["failed"]
    assert (host6.defaults, at_boot.read_text()) == (defaults, text)
    host6.fail_at = ()
    assert not absent().get("failed")
    assert host6.defaults == {("-inet", 0): ROUTER, ("-inet6", 0): ROUTER6}


def test_what_could_not_be_undone_is_reported_and_remembered(host6, route, absent, at_boot):
    host6.fail_at = (2, 3)
    result = route(DIP, DIP6)
    assert f"It could not be undone: route change -inet default {ROUTER}: " in result["mistakes"][1]
    assert (
        result["mistakes"][-1]
        == f"{at_boot} lists the former and the wanted state; run this again."
    )
    host6.fail_at = ()
    absent()
    assert host6.defaults == {("-inet", 0): ROUTER, ("-inet6", 0): ROUTER6}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("then", ["absent", "present"])
def test_a_run_that_was_killed_is_completed(
    host, route, absent, at_boot, monkeypatch, when, managed, then
):
    class Killed(BaseException):
        pass

    def apply(commands, _said):
        if when == "after":
            for command in commands:
                host.run(*command.do)
        raise Killed

    def end(*_arguments):
        raise Killed

    if managed:
        route(DIP2)
    with monkeypatch.context() as patch:
        patch.setattr(_run.Change, "_undo", end)  # as if the process had ended there
        patch.setattr(_commands, "apply", apply)
        with pytest.raises(Killed):
            route(DIP)
    if then == "present":
        route(DIP)
        assert host.defaults == {("-inet", 0): DIP}
    absent()
    assert host.defaults == {("-inet", 0): ROUTER}
    assert not at_boot.exists()


# ------------------------------------------------------------------------ what is refused


def test_policy_routes_are_refused(host, route):
    [mistake] = route(DIP, route="policy")["mistakes"]
    assert mistake.startswith("route is policy; on FreeBSD it must be default")
    assert "lvs_nat_route: default" in mistake
    assert host.ran == []


def test_all_mistakes_are_reported_at_once(host, route):
    assert len(route("director", "fe80::1", DIP, DIP2)["mistakes"]) == 3


@pytest.mark.parametrize(
    ("gateway", "said"),
    [
        ("10.1.1.1", "it is reached through the router 192.168.0.1"),
        (RIP, "it is an address of this machine"),
        (DIP6, "there is no route to it"),
    ],
)
def test_a_gateway_that_is_no_neighbour_is_refused(host, route, gateway, said):
    [mistake] = route(gateway, answers=[])["mistakes"]
    assert said in mistake
    assert host.ran == []


@pytest.mark.parametrize(
    ("gateway", "interface", "place"),
    [
        ("", "tun0", "the interface tun0"),
        ("    gateway: fe80::1%em0\n", "em0", "the gateway fe80::1%em0"),
        ("", "if#0", "the interface if#0"),  # several gateways, as route of FreeBSD 14 prints them
    ],
)
def test_a_default_route_that_could_not_be_put_back_is_refused(
    host, route, monkeypatch, gateway, interface, place
):
    said = "   route to: 0.0.0.0\ndestination: 0.0.0.0\n       mask: 0.0.0.0\n"
    said += f"{gateway}        fib: 0\n  interface: {interface}\n      flags: <UP,DONE,STATIC>\n"
    monkeypatch.setattr(host, "_route_get", lambda *_words: (0, said))
    [mistake] = route(DIP)["mistakes"]
    assert mistake.startswith(f"The default route (-inet) leads to {place}; it must lead to one")
    assert host.ran == []


PEER = "198.51.100.9"


@pytest.mark.parametrize("by_sudo", [False, True])
def test_ansibles_own_connection_is_not_cut(host, route, monkeypatch, by_sudo):
    variable = f"{PEER} 50000 {RIP} 22"
    if by_sudo:  # which takes it out of the environment: a parent of the parent has it
        host.processes[os.getppid()] = "  77 sudo -H -u root sh -c python3\n"
        host.processes[77] = f" 1 SHELL=/bin/sh SSH_CONNECTION={variable} USER=admin sh -c sudo\n"
    else:
        monkeypatch.setenv("SSH_CONNECTION", variable)
    [mistake] = route(DIP)["mistakes"]
    assert mistake.startswith(
        f"This would cut Ansible's own connection: answers to {PEER} leave through {ROUTER} now,"
        f" and would leave through {DIP}."
    )
    assert host.ran == []


def test_a_connection_from_the_own_network_is_not_cut(host, route, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", f"192.168.0.9 50000 {RIP} 22")
    assert route(DIP)["changed"]


def test_another_fib_cuts_no_connection(host, route, monkeypatch):
    host.settings["net.fibs"] = "2"
    monkeypatch.setenv("SSH_CONNECTION", f"{PEER} 50000 {RIP} 22")
    assert route(DIP, fib=1)["changed"]


# ---------------------------------------------------------------------- the file for boot


@pytest.mark.parametrize("rc_conf", ["", 'defaultrouter="192.168.0.1"\narpproxy_all="NO"\n'])
def test_what_routing_finds_beside_the_admins_rc_conf(route, tmp_path, at_boot, absent, rc_conf):
    (tmp_path / "rc.conf").write_text(rc_conf)
    before = variables(tmp_path, "routing", "defaultrouter", "arpproxy_all")
    route(DIP)
    check_syntax(at_boot)
    after = variables(tmp_path, "routing", "defaultrouter", "arpproxy_all")
    assert after == {**before, "defaultrouter": DIP}
    absent()
    assert variables(tmp_path, "routing", "defaultrouter", "arpproxy_all") == before


def test_a_file_for_routing_is_refused(host, route, tmp_path):
    (tmp_path / "rc.conf.d" / "routing").write_text('defaultrouter="192.168.0.1"\n')
    [mistake] = route(DIP)["mistakes"]
    assert "routing is a file; it must be a folder" in mistake
    assert host.ran == []


@pytest.mark.parametrize("text", ["defaultrouter=DIP\n", "# former: by tun0\n", "route add x\n"])
def test_a_damaged_file_is_reported(host, route, at_boot, text):
    at_boot.parent.mkdir()
    at_boot.write_text(text)
    [mistake] = route(DIP)["mistakes"]
    assert mistake.startswith(f"{at_boot}: line 1 is ")


def test_boot_units_are_for_linux(host, run_main):
    for options in ({"state": "absent"}, {"content": "[Service]\n"}):
        result = run_main("boot_unit", name="lvs-realserver-nat.service", **options)
        assert not result["changed"]
        assert result["msg"].startswith("There is no systemd on freebsd13: ")
