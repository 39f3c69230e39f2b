# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sysctls against the settings of a fresh network namespace."""

from __future__ import annotations

import shutil

import pytest

FORWARD = "net/ipv4/ip_forward"
FORWARD6, ACCEPT_RA = "net/ipv6/conf/all/forwarding", "net/ipv6/conf/eth0/accept_ra"
TTL = "net/ipv4/ip_default_ttl"
PORTS = "net/ipv4/ip_local_port_range"


def restore(netns, path):
    """Do with the file what is done at boot."""
    program = shutil.which("sysctl")
    netns.run(f"{program} -p {path}" if program else f"/usr/lib/systemd/systemd-sysctl {path}")


def test_sets_and_saves_and_is_idempotent(netns, run_module, tmp_path):
    netns.sysctl(FORWARD, 0)
    ports = netns.sysctl(PORTS)
    file = tmp_path / "etc" / "sysctl.d" / "90-lvs.conf"
    options = {"values": {"net.ipv4.ip_forward": 1, PORTS: "20000  50000"}, "save": str(file)}

    result = run_module("sysctls", diff=True, **options)

    assert result["changed"]
    assert result["before"][FORWARD] == "0"
    assert result["after"] == {FORWARD: "1", PORTS: "20000 50000"}
    assert netns.sysctl(FORWARD) == "1"
    assert netns.sysctl(PORTS).split() == ["20000", "50000"]
    assert file.read_text().splitlines()[1:] == [
        f"# was: {FORWARD} = 0",
        f"# was: {PORTS} = {' '.join(ports.split())}",
        f"{FORWARD} = 1",
        f"{PORTS} = 20000 50000",
    ]
    assert file.stat().st_mode & 0o777 == 0o644
    live, saved = result["diff"]
    assert f"{FORWARD} = 0\n" in live["before"]
    assert f"{FORWARD} = 1\n" in live["after"]
    assert saved == {
        "before": "",
        "after": file.read_text(),
        "before_header": str(file),
        "after_header": str(file),
    }
    assert not run_module("sysctls", **options)["changed"]


def test_boot_restores_the_saved_state(netns, new_netns, run_module, tmp_path):
    netns.ip("link add eth0.100 type veth peer name other")
    key = "net/ipv4/conf/eth0.100/rp_filter"
    file = tmp_path / "90-lvs.conf"
    assert run_module("sysctls", values={key: 2, FORWARD: 1}, save=str(file))["changed"]

    rebooted = new_netns()
    rebooted.ip("link add eth0.100 type veth peer name other")
    rebooted.sysctl(key, 0)
    rebooted.sysctl(FORWARD, 0)
    restore(rebooted, file)

    assert (rebooted.sysctl(key), rebooted.sysctl(FORWARD)) == ("2", "1")


def test_check_mode_reports_and_changes_nothing(netns, run_module, tmp_path):
    netns.sysctl(FORWARD, 0)
    file = tmp_path / "90-lvs.conf"

    result = run_module("sysctls", check=True, values={FORWARD: 1}, save=str(file))

    assert result["changed"]
    assert result["after"] == {FORWARD: "1"}
    assert netns.sysctl(FORWARD) == "0"
    assert not file.exists()


def test_a_file_that_differs_is_a_change(netns, run_module, tmp_path):
    netns.sysctl(FORWARD, 1)
    file = tmp_path / "90-lvs.conf"
    file.write_text(f"{FORWARD} = 0\n")
    assert run_module("sysctls", values={FORWARD: 1}, save=str(file))["changed"]
    assert f"{FORWARD} = 1\n" in file.read_text()


def test_a_setting_no_longer_listed_gets_its_former_value(netns, run_module, tmp_path):
    netns.sysctl(FORWARD, 0)
    ttl, ports = netns.sysctl(TTL, 64), netns.sysctl(PORTS)
    file = tmp_path / "90-lvs.conf"
    run_module("sysctls", values={FORWARD: 1, TTL: 60, PORTS: "20000 50000"}, save=str(file))
    # Another value, and a boot that sets the managed one, are no news about the former value.
    run_module("sysctls", values={FORWARD: 1, TTL: 61, PORTS: "20000 50001"}, save=str(file))
    restore(netns, file)
    run_module("sysctls", values={FORWARD: 1, TTL: 62, PORTS: "20000 50001"}, save=str(file))

    options = {"values": {FORWARD: 1}, "save": str(file)}
    checked = run_module("sysctls", check=True, diff=True, **options)
    assert netns.sysctl(TTL) == "62"
    result = run_module("sysctls", diff=True, **options)

    assert checked == result
    assert result["changed"]
    assert (result["before"][TTL], result["after"][TTL]) == ("62", "64")
    assert f"{TTL} = 64\n" in result["diff"][0]["after"]
    assert (netns.sysctl(TTL), netns.sysctl(PORTS)) == (ttl, ports)
    assert TTL not in file.read_text()
    assert not run_module("sysctls", **options)["changed"]

    options["values"] = {}
    assert run_module("sysctls", **options)["after"] == {FORWARD: "0"}
    assert netns.sysctl(FORWARD) == "0"
    assert not file.exists()
    assert not run_module("sysctls", **options)["changed"]


def test_unmanaged_changes_and_unnoted_values_stay(netns, run_module, tmp_path):
    netns.ip("link add eth0.100 type veth peer name other")
    gone = "net/ipv4/conf/eth0.100/rp_filter"
    file = tmp_path / "90-lvs.conf"
    run_module("sysctls", values={TTL: 60, PORTS: "20000 50000", gone: 2}, save=str(file))
    netns.sysctl(TTL, 77)
    netns.ip("link delete eth0.100")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if f"was: {PORTS}" not in line))

    result = run_module("sysctls", values={}, save=str(file))

    assert result["changed"]
    assert result["before"] == result["after"] == {}
    assert (netns.sysctl(TTL), netns.sysctl(PORTS).split()) == ("77", ["20000", "50000"])
    assert not file.exists()


def test_settings_that_forwarding_resets_are_restored(netns, run_module, tmp_path):
    redirects, lone = "net/ipv4/conf/all/accept_redirects", "net/ipv4/conf/lan0/forwarding"
    netns.ip("link add lan0 type veth peer name lan1")
    other = "net/ipv4/conf/lan1/forwarding"
    values = {FORWARD: 0, redirects: 0, lone: 1}
    for key, value in values.items():
        netns.sysctl(key, value)
    file = tmp_path / "90-lvs.conf"

    def state():
        return [netns.sysctl(key) for key in (FORWARD, redirects, lone, other)]

    before = state()
    failed = run_module("sysctls", values={FORWARD: 1, TTL: 999}, save=str(file))
    assert failed["mistakes"][1:] == ["All settings are as they were."]
    assert state() == before == ["0", "0", "1", "0"]

    run_module("sysctls", values={FORWARD: 1}, save=str(file))
    assert state() == ["1", "0", "1", "1"]
    assert not run_module("sysctls", values={FORWARD: 1}, save=str(file))["changed"]
    assert run_module("sysctls", values={}, save=str(file))["changed"]
    assert state() == before


def test_wanted_values_hold_although_ip_forward_resets_them(netns, run_module, tmp_path):
    redirects = "net/ipv4/conf/all/accept_redirects"
    netns.sysctl(FORWARD, 0)
    options = {"values": {redirects: 1, FORWARD: 1}, "save": str(tmp_path / "90-lvs.conf")}
    assert run_module("sysctls", **options)["changed"]
    assert netns.sysctl(redirects) == "1"
    assert not run_module("sysctls", **options)["changed"]


def test_a_failure_undoes_restored_values_as_well(netns, run_module, tmp_path):
    netns.sysctl(FORWARD, 0)
    file = tmp_path / "90-lvs.conf"
    run_module("sysctls", values={FORWARD: 1}, save=str(file))
    text = file.read_text()
    result = run_module("sysctls", values={TTL: 999}, save=str(file))
    assert result["mistakes"][1:] == ["All settings are as they were."]
    assert (netns.sysctl(FORWARD), file.read_text()) == ("1", text)


def test_a_refused_value_leaves_everything_as_it_was(netns, run_module, tmp_path):
    before = netns.sysctl(FORWARD, 0), netns.sysctl(PORTS), netns.sysctl(TTL)
    file = tmp_path / "90-lvs.conf"
    file.write_text("kernel/panic = 10\n")

    result = run_module(
        "sysctls", values={FORWARD: 1, PORTS: "20000 50000", TTL: 999}, save=str(file)
    )

    assert result["failed"]
    assert f"{TTL} = 999: the kernel refused: Invalid argument." in result["mistakes"]
    assert (netns.sysctl(FORWARD), netns.sysctl(PORTS), netns.sysctl(TTL)) == before
    assert file.read_text() == "kernel/panic = 10\n"


def test_all_missing_settings_are_reported_before_a_write(netns, run_module):
    netns.sysctl(FORWARD, 0)
    netns.ip("link add eth0.100 type veth peer name other")
    absent = {
        "net/ipv4/conf/eth9/rp_filter": "there is no interface eth9",
        "net.ipv4.conf.eth0.100.rp_filter": (
            "for the interface eth0.100, write net/ipv4/conf/eth0.100/rp_filter"
        ),
        "net/ipv4/ip_backward": "this kernel has no such setting",
    }

    result = run_module("sysctls", values={FORWARD: 1, **dict.fromkeys(absent, 1)})

    assert result["failed"]
    assert len(result["mistakes"]) == len(absent)
    for sentence, reason in zip(result["mistakes"], absent.values(), strict=True):
        assert reason in sentence
    assert netns.sysctl(FORWARD) == "0"


@pytest.mark.parametrize("name", ["drop_entry", "drop_packet", "secure_tcp"])
def test_values_1_and_2_of_a_defense_are_one_setting(netns, run_module, name):
    key = f"net/ipv4/vs/{name}"
    netns.sysctl(key, 2)
    assert not run_module("sysctls", values={key: 1})["changed"]
    assert run_module("sysctls", values={key: 3})["changed"]
    assert netns.sysctl(key) == "3"


def test_a_setting_of_several_numbers_is_compared_by_its_fields(netns, run_module):
    key = "net/ipv4/vs/sync_threshold"
    assert run_module("sysctls", values={key: "5 60"})["changed"]
    assert not run_module("sysctls", values={key: "5\t60"})["changed"]
    assert netns.sysctl(key).split() == ["5", "60"]


@pytest.mark.parametrize("taken", [1, 2])
def test_forwarding_drops_a_default_route_unless_advertisements_are_taken(
    netns, advertised, run_module, tmp_path, taken
):
    file = tmp_path / "90-lvs.conf"
    values = {FORWARD6: 1, ACCEPT_RA: taken}
    assert run_module("sysctls", values=values, save=str(file))["changed"]
    assert bool(netns.ip("-6 route show default")) == (taken == 2)
    # At boot they are set in this order, too.
    assert [line.split()[0] for line in file.read_text().splitlines()[-2:]] == [ACCEPT_RA, FORWARD6]
