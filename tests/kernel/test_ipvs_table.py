# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ipvs_table on a real kernel, compared with what ipvsadm shows."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

#: One of everything that a table can hold, as a person writes it.
EVERYTHING = [
    {
        "vip": "192.0.2.1",
        "port": 80,
        "scheduler": "wrr",
        "destinations": [
            {"address": "192.0.2.11", "weight": 0},
            {"address": "192.0.2.12", "method": "nat", "port": 8080, "weight": 65535},
            {"address": "192.0.2.13", "method": "tun"},
            {"address": "2001:db8::13", "method": "tun"},
            {
                "address": "192.0.2.14",
                "method": "tun",
                "tunnel_type": "gue",
                "tunnel_port": 6080,
                "tunnel_checksum": "remote",
            },
            {
                "address": "192.0.2.15",
                "method": "tun",
                "tunnel_type": "gre",
                "tunnel_checksum": "checksum",
            },
            {"address": "192.0.2.16", "upper_threshold": 100, "lower_threshold": 80},
        ],
    },
    {"vip": "192.0.2.1", "port": 0, "scheduler": "rr", "persistence_timeout": 50},
    {
        "vip": "192.0.2.1",
        "port": 443,
        "persistence_timeout": 300,
        "persistence_mask": "255.255.255.0",
    },
    {
        "vip": "192.0.2.1",
        "port": 53,
        "protocol": "udp",
        "scheduler": "sh",
        "scheduler_flags": ["sh-port", "sh-fallback"],
        "one_packet": True,
    },
    {
        "vip": "192.0.2.1",
        "port": 5060,
        "protocol": "udp",
        "persistence_timeout": 60,
        "persistence_engine": "sip",
    },
    {
        "vip": "192.0.2.1",
        "port": 9,
        "protocol": "sctp",
        "scheduler": "mh",
        "scheduler_flags": ["mh-port"],
        "destinations": [{"address": "192.0.2.11", "method": "nat"}],
    },
    {
        "vip": "2001:db8::1",
        "port": 443,
        "scheduler": "lc",
        "destinations": [{"address": "2001:db8::11"}, {"address": "192.0.2.11", "method": "tun"}],
    },
    {"fwmark": 7, "scheduler": "rr", "destinations": [{"address": "192.0.2.11"}]},
    {
        "fwmark": 7,
        "family": "ipv6",
        "persistence_timeout": 60,
        "persistence_mask": 64,
        "destinations": [{"address": "2001:db8::11"}],
    },
]


def web(*pool, **fields):
    """Return one service with its pool: numbers for 192.0.2.N, or whole destinations."""
    destinations = [{"address": f"192.0.2.{d}"} if isinstance(d, int) else d for d in pool]
    service = {"name": "web", "vip": "192.0.2.1", "port": 80, "scheduler": "rr"}
    return {**service, **fields, "destinations": destinations}


def rules(text=None):
    """Return the table as ipvsadm lists it, or given rules, in a form to compare.

    ipvsadm lists the type of a plain tunnel, too, and doesn't list thresholds.
    """
    lines = (text or subprocess.check_output(["ipvsadm", "-Sn"], text=True)).splitlines()
    return sorted(line.replace(" --tun-type ipip", "").split(" -x ")[0] for line in lines)


def test_everything_a_table_can_hold_arrives_as_ipvsadm_would_have_written_it(
    netns, run_module, tmp_path
):
    saved = tmp_path / "director.ipvs"
    result = run_module("ipvs_table", services=EVERYTHING, save=str(saved))
    assert result["changed"], result
    assert rules() == rules(saved.read_text())
    assert len(rules()) == sum(1 + len(s.get("destinations", ())) for s in EVERYTHING)

    again = run_module("ipvs_table", services=EVERYTHING, save=str(saved), prune="all", diff=True)
    assert not again["changed"], again
    assert again["operations"] == []
    assert again["before"] == again["after"] == []
    listed = run_module("ipvs_table", services=EVERYTHING, return_all=True)
    assert listed["before"] == listed["after"]
    assert len(listed["after"]) == len(EVERYTHING)

    info = run_module("ipvs_info")
    fed_back = run_module("ipvs_table", services=info["services"], prune="all")
    assert not fed_back["changed"], fed_back


def test_the_result_of_a_large_change_has_no_destinations(netns, run_module):
    services = [
        {"vip": "192.0.2.1", "port": 80 + n, "destinations": pool}
        for n in range(11)
        for pool in [[{"address": f"198.51.100.{d}"} for d in range(1, 101)]]
    ]
    result = run_module("ipvs_table", services=services, return_all=True, check=True)
    assert len(result["operations"]) == 11 + 1100
    assert len(result["after"][0]["destinations"]) == 100
    result = run_module("ipvs_table", services=services)
    assert result["changed"]
    assert result["before"] == []
    assert result["after"][0] == {
        "vip": "192.0.2.1",
        "port": 80,
        "protocol": "tcp",
        "scheduler": "wlc",
    }
    assert result["operations"][:2] == [
        "add service tcp 192.0.2.1:80",
        "add 100 destinations of service tcp 192.0.2.1:80",
    ]
    assert len(result["operations"]) == 22
    services[0]["destinations"][7]["weight"] = 9
    result = run_module("ipvs_table", services=services)
    assert result["operations"] == ["set destination 198.51.100.8:80 of service tcp 192.0.2.1:80"]
    assert len(result["after"][0]["destinations"]) == 100


def test_without_services_there_is_no_state_file(netns, run_module, tmp_path):
    saved = tmp_path / "director.ipvs"
    run_module("ipvs_table", services=[web(11)], save=str(saved))
    assert run_module("ipvs_table", services=[], save=str(saved))["changed"]
    assert rules() == []
    assert not saved.exists()
    assert not run_module("ipvs_table", services=[], save=str(saved))["changed"]


def test_ipvsadm_restores_the_state_file(netns, run_module, tmp_path):
    saved = tmp_path / "director.ipvs"
    before = run_module("ipvs_table", services=EVERYTHING, save=str(saved))["after"]
    subprocess.check_call(["ipvsadm", "-C"])
    with saved.open() as file:
        subprocess.check_call(["ipvsadm", "-R"], stdin=file)
    found = run_module("ipvs_info", gather=["services"])["services"]
    assert sorted(found, key=str) == sorted(before, key=str)


def test_check_mode_reports_the_whole_change_and_makes_none(netns, run_module, tmp_path):
    run_module("ipvs_table", services=[web(11, 12)])
    before = rules()
    saved = tmp_path / "director.ipvs"
    wanted = [web(12, {"address": "192.0.2.13", "weight": 3}, scheduler="wrr")]
    options = {"services": wanted, "prune": "destinations", "save": str(saved), "diff": True}
    checked = run_module("ipvs_table", check=True, **options)
    assert checked["changed"]
    assert rules() == before
    assert not saved.exists()
    done = run_module("ipvs_table", **options)
    assert [checked[k] for k in ("before", "after", "operations", "diff")] == [
        done[k] for k in ("before", "after", "operations", "diff")
    ]
    assert "-s wrr" in done["diff"][0]["after"]


def test_nothing_is_removed_unless_it_is_asked_for(netns, run_module):
    run_module("ipvs_table", services=[web(11), web(11, port=81)])
    run_module("ipvs_table", services=[web(12)])
    assert len(rules()) == 5
    run_module("ipvs_table", services=[web(12)], prune="destinations")
    assert len(rules()) == 4
    run_module("ipvs_table", services=[web(12)], prune="all")
    assert rules() == ["-A -t 192.0.2.1:80 -s rr", "-a -t 192.0.2.1:80 -r 192.0.2.12:80 -g -w 1"]


def test_services_of_the_former_file_are_removed_and_unmanaged_ones_stay(
    netns, run_module, tmp_path
):
    saved = str(tmp_path / "director.ipvs")
    run_module("ipvs_table", services=[web(11), web(11, port=81)], save=saved)
    subprocess.check_call(["ipvsadm", "-A", "-u", "192.0.2.1:53", "-s", "rr"])
    result = run_module("ipvs_table", services=[web(11)], save=saved)
    assert result["operations"] == ["delete service tcp 192.0.2.1:81"]
    assert "-A -u 192.0.2.1:53 -s rr" in rules()


def test_a_failure_in_the_middle_leaves_the_table_as_it_was(netns, run_module, tmp_path):
    # No kernel takes the broadcast address of a link; everything around it would succeed.
    netns.address("198.51.100.1/24", "lo")
    saved = tmp_path / "director.ipvs"
    run_module("ipvs_table", services=[web(11, 12)], save=str(saved))
    before, file_before = rules(), saved.read_text()
    wanted = [
        web(13, {"address": "192.0.2.11", "weight": 9}, scheduler="wrr"),
        web({"address": "198.51.100.255"}, port=81),
        web(11, port=82),
    ]
    result = run_module("ipvs_table", services=wanted, prune="all", save=str(saved))
    assert result["failed"]
    assert "add destination 198.51.100.255:81 of service tcp 192.0.2.1:81" in result["msg"]
    assert "undone" in result["msg"]
    assert rules() == before
    assert saved.read_text() == file_before


def test_mistakes_are_all_reported_and_nothing_is_changed(netns, run_module):
    run_module("ipvs_table", services=[web(11)])
    before = rules()
    result = run_module(
        "ipvs_table",
        services=[
            web(12, {"address": "192.0.2.13", "port": 81}),
            web(12, name="other"),
            web({"address": "x"}, vip="192.0.2.2"),
        ],
    )
    assert result["failed"]
    assert len(result["mistakes"]) == 3, result["mistakes"]
    assert rules() == before


def test_a_change_of_weight_keeps_the_counters_so_the_destination_was_not_replaced(
    netns, new_netns, run_module
):
    client = new_netns()
    netns.connect(client)
    netns.ip("address add 192.0.2.1/24 dev eth0")
    client.ip("address add 192.0.2.100/24 dev eth0")
    run_module("ipvs_table", services=[web(11)])
    with client.entered():
        # No host answers at 192.0.2.11: what matters is that the director scheduled it.
        subprocess.call(["timeout", "1", "bash", "-c", "echo > /dev/tcp/192.0.2.1/80"])
    # The kernel adds up its processors' counters every two seconds.
    deadline = time.monotonic() + 10
    while not destination_counters(run_module)["connections"] and time.monotonic() < deadline:
        time.sleep(0.5)
    run_module("ipvs_table", services=[web({"address": "192.0.2.11", "weight": 5}, 12)])
    assert destination_counters(run_module)["connections"] == 1
    assert "-w 5" in rules()[1]


def destination_counters(run_module):
    """Return the counters of 192.0.2.11."""
    counters = run_module("ipvs_info", gather=["counters"])["counters"]
    (found,) = (d for d in counters[0]["destinations"] if d["address"] == "192.0.2.11")
    return found


@pytest.mark.parametrize("owner", ["keepalived", "kube-proxy"])
def test_a_table_that_another_program_owns_is_left_alone(netns, run_module, tmp_path, owner):
    # A process of that name in this network namespace is what the module looks for.
    program = shutil.copy("/bin/sleep", tmp_path / owner)
    with subprocess.Popen([program, "300"]) as process:
        try:
            # The kernel returns before it has given the process that name.
            while Path(f"/proc/{process.pid}/comm").read_text().strip() != owner:
                time.sleep(0.01)
            refused = run_module("ipvs_table", check=True, services=[web(11)])
            assert refused["failed"]
            assert f"{owner} runs here (process {process.pid})" in refused["msg"]
            assert rules() == []
            assert run_module("ipvs_table", services=[web(11)], ignore_owners=[owner])["changed"]
            # The table is as it should be: there is nothing to refuse.
            assert not run_module("ipvs_table", services=[web(11)]).get("failed")
        finally:
            process.terminate()
