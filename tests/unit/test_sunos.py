# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers with SunOS: the modules' whole path, on a host of fake_sunos.py."""

from __future__ import annotations

import ipaddress
import os

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _commands,
    _run,
    _sunos,
    _sunos_addresses,
)
from ansible_collections.lvs.cluster.tests.unit.fake_sunos import SunOS, install

VIP, VIP2, VIP6 = "192.168.0.200", "192.168.0.201", "2001:db8::200"
NAME, NAME2 = "lo0/lvsc0a800c8", "lo0/lvsc0a800c9"
RIP, ROUTER, DIP, DIP2 = "192.168.0.180", "192.168.0.1", "192.168.0.254", "192.168.0.253"
DR = {"dr": [{"vip": VIP, "port": 80, "protocol": "tcp"}]}


@pytest.fixture
def host(monkeypatch, tmp_path):
    found = SunOS()
    install(monkeypatch, tmp_path, found)
    return found


@pytest.fixture
def vips(host, run_main):
    """Run vip_iface as the role realserver_dr does."""

    def run(*listed, **options):
        usual = {"interface": "lo", "vips": list(listed), "save": "/etc/lvs/realserver_dr.ip"}
        return run_main("vip_iface", **{**usual, **options})

    return run


@pytest.fixture
def no_vips(host, run_main):
    return lambda **options: run_main(
        "vip_iface", state="absent", save="/etc/lvs/realserver_dr.ip", **options
    )


# ------------------------------------------------------------------------------------- VIPs


def test_vips_are_address_objects_of_lo0(host, vips, no_vips):
    result = vips(VIP)
    assert (result["before"], result["after"]) == ([], [f"{NAME} {VIP}/32"])
    assert host.ran == [f"ipadm create-addr -T static -a {VIP}/32 {NAME}"]
    assert not vips(VIP)["changed"]
    assert no_vips()["changed"]
    assert host.ran[1:] == [f"ipadm delete-addr {NAME}"]
    assert host.objects == {}
    assert not no_vips()["changed"]


def test_names_are_within_the_limits_of_ipadm():
    names = [_sunos_addresses.managed_name(_ip(vip)) for vip in (VIP, "0.0.0.1", "255.255.255.255")]
    assert all(_sunos.NAME.fullmatch(name) for name in names)
    assert all(len(name.partition("/")[2]) <= 32 for name in names)


def _ip(text):
    return ipaddress.IPv4Address(text)


def test_without_a_file_they_are_temporary(host, vips):
    vips(VIP, save=None)
    created = f"ipadm create-addr -t -T static -a {VIP}/32 {NAME}"
    assert host.ran == [created]
    host.fail_at = (4,)  # the one that is removed is the last; then all is undone
    assert vips(VIP2, "192.168.0.202", save=None)["failed"]
    assert host.objects == {NAME: ["ok", f"{VIP}/32"]}


def test_check_mode_changes_nothing(host, vips):
    result = vips(VIP, check=True, diff=True)
    assert result["changed"]
    assert result["diff"]["after"] == f"{NAME} {VIP}/32\n"
    assert host.ran == []
    assert host.objects == {}


def test_a_vip_that_leaves_the_list(host, vips):
    vips(VIP)
    assert vips(VIP2, prune=False)["kept"] == [VIP]
    assert set(host.objects) == {NAME, NAME2}
    result = vips(VIP2)
    assert result["kept"] == []
    assert set(host.objects) == {NAME2}


def test_only_named_vips_are_removed(host, vips, no_vips):
    vips(VIP, VIP2)
    no_vips(interface="lo", vips=[VIP])
    assert set(host.objects) == {NAME2}


def test_an_object_of_the_admin_serves_and_stays(host, vips, no_vips):
    host.objects["lo0/vip1"] = ["ok", f"{VIP}/32"]
    assert not vips(VIP)["changed"]
    no_vips()
    assert set(host.objects) == {"lo0/vip1"}


def test_an_object_that_is_not_up_is_made_again(host, vips):
    host.objects[NAME] = ["disabled", f"{VIP}/32"]
    result = vips(VIP)
    assert result["before"] == [f"{NAME} {VIP}/32 disabled"]
    assert host.ran == [
        f"ipadm delete-addr {NAME}",
        f"ipadm create-addr -T static -a {VIP}/32 {NAME}",
    ]


@pytest.mark.parametrize("fail_at", [1, 2])
def test_what_was_done_is_undone(host, vips, fail_at):
    vips(VIP)
    objects, host.ran[:] = dict(host.objects), []
    host.fail_at = (fail_at,)
    result = vips(VIP2)  # one is added, one is removed
    assert result["mistakes"][-1] == "The addresses are as they were."
    assert host.objects == objects
    assert len(host.ran) == 2 * fail_at - 1


def test_what_could_not_be_undone_is_reported_and_found_again(host, vips):
    vips(VIP)
    host.ran.clear()
    host.fail_at = (2, 3)
    assert "It could not be undone: ipadm delete-addr" in vips(VIP2)["mistakes"][1]
    host.fail_at = ()
    vips(VIP2)
    assert set(host.objects) == {NAME2}


@pytest.mark.parametrize(
    ("name", "fields", "part"),
    [
        ("net0/vip", ["ok", f"{VIP}/24"], "remove it there (ipadm delete-addr net0/vip)"),
        ("lo0/vip", ["ok", f"{VIP}/24"], "makes all of 192.168.0.0/24 local"),
        ("lo0/vip", ["down", f"{VIP}/32"], "remove it there (ipadm delete-addr lo0/vip)"),
    ],
)
def test_a_vip_in_another_place_is_refused(host, vips, name, fields, part):
    host.objects[name] = fields
    [mistake] = vips(VIP)["mistakes"]
    assert part in mistake
    assert host.ran == []


def test_pitfalls_are_refused_with_their_remedy(host, vips, run_main):
    host.model = "strong"
    host.arp = f"net0   {VIP}        255.255.255.255 SP       02:08:20:1a:0b:0c\n"
    mistakes = vips(VIP)["mistakes"]
    assert "ipadm set-prop -p hostmodel=weak ipv4" in mistakes[0]
    assert f"arp -d {VIP}" in mistakes[1]
    host.objects[NAME] = ["ok", f"{VIP}/32"]
    assert run_main("arp_suppress", interfaces=["net0"])["mistakes"] == mistakes
    assert not run_main("arp_suppress", state="absent").get("failed")


def test_src_priority_takes_a_vip(host, vips):
    host.model = "src-priority"
    assert vips(VIP)["changed"]


def test_ipv6_is_refused(host, vips):
    [mistake] = vips(VIP, VIP6)["mistakes"]
    assert mistake.startswith(f"{VIP6} is an IPv6 VIP; on SunOS it must be an IPv4 one")


def test_other_interfaces_are_refused(host, vips):
    assert vips(VIP, interface="net0")["mistakes"] == [
        "interface is net0; on SunOS it must be lo0."
    ]


def test_arp_suppress_has_nothing_to_set(host, run_main):
    result = run_main("arp_suppress", interfaces=["net0"])
    assert not result["changed"]
    assert "nothing has to be set" in result["msg"]
    [mistake] = run_main("arp_suppress", interfaces=["net7"])["mistakes"]
    assert mistake == "interfaces: there is no interface net7 here."


# ------------------------------------------------------------------------------ return path


@pytest.fixture
def file(tmp_path):
    return tmp_path / "lvs" / "realserver_nat.ip"


@pytest.fixture
def route(host, run_main, file):
    """Run return_route as the role realserver_nat does."""

    def run(*gateways, **options):
        usual = {"gateways": list(gateways), "route": "default", "save": str(file)}
        return run_main("return_route", **{**usual, **options})

    return run


@pytest.fixture
def no_route(host, run_main, file):
    return lambda: run_main("return_route", state="absent", save=str(file))


def both(*gateways):
    return [("-inet", gateway) for gateway in gateways]


def test_the_director_becomes_the_default_route(host, route, no_route, file):
    result = route(DIP)
    assert result["before"] == [f"-inet default {ROUTER} -p"]
    assert result["after"] == [f"-inet default {DIP} -p"]
    assert host.ran == [
        f"route -p add -inet default {DIP}",
        f"route -p delete -inet default {ROUTER}",
    ]
    assert file.read_text().splitlines()[1:] == [
        f"# former: -inet default {ROUTER} -p",
        f"-inet default {DIP} -p",
    ]
    assert not route(DIP)["changed"]
    no_route()
    assert host.defaults == host.kept == both(ROUTER)
    assert not file.parent.exists()
    assert not no_route()["changed"]


def test_a_router_that_is_not_kept_is_put_back_so(host, route, no_route):
    host.kept.clear()  # from DHCP
    route(DIP)
    assert (host.defaults, host.kept) == (both(DIP), both(DIP))
    no_route()
    assert (host.defaults, host.kept) == (both(ROUTER), [])


def test_a_route_that_is_there_is_kept_for_the_boot(host, route, no_route):
    host.defaults, host.kept = both(DIP), []
    route(DIP)
    assert host.ran == [f"route -p add -inet default {DIP}"]
    assert host.kept == both(DIP)
    no_route()
    assert (host.defaults, host.kept) == (both(DIP), [])


def test_without_a_former_route(host, route, no_route):
    host.defaults, host.kept = [], []
    route(DIP)
    no_route()
    assert (host.defaults, host.kept) == ([], [])


def test_another_gateway_keeps_the_note(host, route, no_route):
    route(DIP2)
    route(DIP)
    no_route()
    assert host.defaults == host.kept == both(ROUTER)


@pytest.mark.parametrize("fail_at", [1, 2])
@pytest.mark.parametrize("kept", [True, False])
def test_a_failed_change_of_routes_is_undone(host, route, file, fail_at, kept):
    host.kept = both(ROUTER) if kept else []
    before = (list(host.defaults), list(host.kept))
    host.fail_at = (fail_at,)
    assert route(DIP)["mistakes"][-1] == "The routes are as they were."
    assert (host.defaults, host.kept) == before
    assert not file.parent.exists()


def test_keeping_a_route_is_undone_if_the_other_family_fails(host, route):
    host.defaults, host.kept = [*both(DIP), ("-inet6", "2001:db8::1")], []
    host.fail_at = (2,)
    before = (sorted(host.defaults), list(host.kept))
    assert route(DIP, "2001:db8::1")["failed"]
    assert (sorted(host.defaults), host.kept) == before


@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("then", ["absent", "present"])
@pytest.mark.parametrize("managed", [False, True])
def test_a_run_that_was_killed_is_completed(
    host, route, no_route, monkeypatch, steps, then, managed
):
    class Killed(BaseException):
        pass

    def apply(commands, _said):
        for command in commands[:steps]:
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
        assert host.defaults == host.kept == both(DIP)
    no_route()
    assert host.defaults == host.kept == both(ROUTER)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_an_absence_that_was_killed_is_completed(host, route, no_route, monkeypatch, steps, file):
    class Killed(BaseException):
        pass

    def apply(commands, _said):
        for command in commands[:steps]:
            host.run(*command.do)
        raise Killed

    def end(*_arguments):
        raise Killed

    route(DIP)
    with monkeypatch.context() as patch:
        patch.setattr(_run.Change, "_undo", end)
        patch.setattr(_commands, "apply", apply)
        with pytest.raises(Killed):
            no_route()
    no_route()
    assert host.defaults == host.kept == both(ROUTER)
    assert not file.exists()


def test_several_default_routes_are_refused(host, route):
    host.defaults += both("192.168.0.2")
    [mistake] = route(DIP)["mistakes"]
    assert mistake.startswith("There are several default routes (-inet), by 192.168.0.1 and 192.")


def test_a_list_of_default_routers_is_refused(host, route, tmp_path):
    (tmp_path / "defaultrouter").write_text(f"{ROUTER}\n")
    [mistake] = route(DIP)["mistakes"]
    assert f"route -p add default {ROUTER} && rm " in mistake
    (tmp_path / "defaultrouter").write_text(f"{DIP}\n")
    assert route(DIP)["changed"]


def test_policy_routes_are_refused(host, route):
    [mistake] = route(DIP, route="policy")["mistakes"]
    assert mistake.startswith("route is policy; on SunOS it must be default")


@pytest.mark.parametrize(
    ("gateway", "said"), [("10.1.1.1", "through the router"), (RIP, "an address of this machine")]
)
def test_a_gateway_that_is_no_neighbour_is_refused(host, route, gateway, said):
    assert said in route(gateway)["mistakes"][0]


@pytest.mark.parametrize("by_sudo", [False, True])
def test_ansibles_own_connection_is_not_cut(host, route, monkeypatch, by_sudo):
    variable = f"198.51.100.9 50000 {RIP} 22"
    if by_sudo:
        host.environments[os.getppid()] = (77, "77: sudo\nenvp[0]: USER=root\n")
        host.environments[77] = (1, f"77: sh\nenvp[0]: A=b\nenvp[1]: SSH_CONNECTION={variable}\n")
    else:
        monkeypatch.setenv("SSH_CONNECTION", variable)
    assert "would cut Ansible's own connection" in route(DIP)["mistakes"][0]
    assert host.ran == []


def test_a_damaged_file_is_reported(host, route, file):
    file.parent.mkdir()
    file.write_text("default\n")
    assert route(DIP)["mistakes"][0].startswith(f"{file}: line 1 is 'default'; it must be ")


# -------------------------------------------------------------------------------- preflight


def test_a_real_server(host, run_main, vips, route):
    options = {"addresses": [RIP], "neighbours": [DIP], "serves": DR, "not_gateways": [DIP]}
    result = run_main("preflight", **options)
    assert {each["result"] for each in result["checks"]} == {"ok"}
    assert result["macs"] == ["02:08:20:1a:0b:0c"]
    assert result["interfaces"] == ["net0"]
    assert result["installed_roles"] == []
    vips(VIP)
    result = run_main("preflight", running=True, **options)
    assert {each["result"] for each in result["checks"]} == {"ok"}
    assert {"place of the VIPs", "boot"} <= {each["check"] for each in result["checks"]}
    assert result["installed_roles"] == result["former_realserver_roles"] == ["realserver_dr"]
    route(DIP)
    result = run_main("preflight", **options)
    assert result["installed_roles"] == ["realserver_dr", "realserver_nat"]
    assert "gateway" not in {each["check"] for each in result["checks"] if each["result"] != "ok"}
    assert result["host_state"]["os_family"] == "Solaris"


@pytest.mark.parametrize(
    ("options", "check", "part"),
    [
        ({"exclusive_table": True}, "system", "a director must run Linux"),
        ({"serves": {"tun": [{"vip": VIP, "address": RIP}]}}, "system", "no tunnels"),
        ({"serves": {"dr": [{"vip": VIP6}]}}, "ARP", "IPv6 VIP"),
        ({"gateways": [DIP], "serves": {"nat": [{}]}}, "return path", "lvs_nat_route: default"),
        ({"serves": DR, "running": True}, "place of the VIPs", "not on lo0"),
        ({"serves": DR, "running": True}, "boot", "realserver_dr is kept here"),
    ],
)
def test_what_preflight_refuses(host, run_main, options, check, part):
    found = run_main("preflight", **options)["checks"]
    assert [part in each["message"] for each in found if each["check"] == check] == [True]


def test_an_interface_that_ipadm_does_not_keep(host, run_main, vips):
    vips(VIP)
    host.keeps_lo0 = False
    checks = run_main("preflight", serves=DR, running=True)["checks"]
    [message] = [each["message"] for each in checks if each["check"] == "boot"]
    assert message.startswith(f"{NAME} is kept, but its interface lo0 is not (ipadm show-if -o")


def test_host_info(host, run_main, vips):
    vips(VIP)
    result = run_main("host_info", vips=[VIP, RIP])
    assert result["held_vips"] == [RIP]
    assert [link["ifname"] for link in result["links"]] == ["lo0", "net0"]


# ----------------------------------------------------------------------------------- parsers


def test_interfaces():
    said = (
        "tun0: flags=10011008d1<UP,POINTOPOINT,RUNNING,NOARP,MULTICAST,IPv4> mtu 1480 index 3\n"
        "\tinet tunnel src 10.0.0.1 tunnel dst 10.0.0.2\n"
        "\tinet 172.16.0.1 --> 172.16.0.2 netmask ffffffff\n"
        "net1: flags=1000842<BROADCAST,RUNNING,MULTICAST,IPv4> mtu 9000 index 4\n"
        "\tinet 0.0.0.0 netmask 0\n"
        "net1:1: flags=1000842<BROADCAST,RUNNING,MULTICAST,IPv4> mtu 9000 index 4\n"
        "\tinet 10.0.0.9 netmask ffffff00 broadcast 10.0.0.255\n"
    )
    tunnel, empty = _sunos.parse_links(said)
    assert tunnel["addr_info"] == [
        {"family": "inet", "local": "172.16.0.1", "prefixlen": 32, "address": "172.16.0.2"}
    ]
    assert (empty["mtu"], empty["addr_info"], "UP" in empty["flags"]) == (9000, [], False)


def test_address_objects_with_colons():
    said = "lo0/v6:ok:\\:\\:1/128\nnet0/v6:tentative:fe80\\:\\:1/10\nbroken\n"
    assert _sunos.parse_address_objects(said) == [
        ("lo0/v6", "ok", "::1/128"),
        ("net0/v6", "tentative", "fe80::1/10"),
    ]
