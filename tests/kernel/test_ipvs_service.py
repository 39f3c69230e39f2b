# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ipvs_service on a real kernel."""

from __future__ import annotations

import subprocess

WEB = {"vip": "192.0.2.1", "port": 80}


def rules():
    """Return the table as ipvsadm lists it."""
    return subprocess.check_output(["ipvsadm", "-Sn"], text=True).splitlines()


def test_a_service_is_added_and_removed(netns, run_module):
    came = run_module("ipvs_service", **WEB, scheduler="rr", persistence_timeout=50)
    assert came["changed"]
    assert came["before"] == {}
    assert rules() == ["-A -t 192.0.2.1:80 -s rr -p 50"]
    assert not run_module("ipvs_service", **WEB)["changed"]
    gone = run_module("ipvs_service", **WEB, state="absent", diff=True)
    assert gone["after"] == {}
    assert gone["diff"] == {"before": "-A -t 192.0.2.1:80 -s rr -p 50\n", "after": ""}
    assert rules() == []
    assert not run_module("ipvs_service", **WEB, state="absent")["changed"]


def test_settings_that_are_not_given_and_the_pool_stay(netns, run_module):
    run_module("ipvs_service", **WEB, scheduler="sh", scheduler_flags=["sh-port"])
    subprocess.check_call(["ipvsadm", "-a", "-t", "192.0.2.1:80", "-r", "192.0.2.11", "-w", "3"])
    run_module("ipvs_service", **WEB, persistence_timeout=50)
    assert rules()[0] == "-A -t 192.0.2.1:80 -s sh -p 50 -b sh-port"
    run_module("ipvs_service", **WEB, scheduler="lblcr")
    assert rules() == [
        "-A -t 192.0.2.1:80 -s lblcr -p 50",
        "-a -t 192.0.2.1:80 -r 192.0.2.11:80 -g -w 3",
    ]


def test_lblc_is_not_mistaken_for_lblcr(netns, run_module):
    run_module("ipvs_service", **WEB, scheduler="lblcr")
    assert run_module("ipvs_service", **WEB, scheduler="lblc")["changed"]
    assert rules() == ["-A -t 192.0.2.1:80 -s lblc"]


def test_every_scheduler_of_this_kernel_is_taken(netns, run_module):
    # twos is not among them: Debian 12's kernel is built without it.
    for scheduler in "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh".split():
        result = run_module("ipvs_service", **WEB, scheduler=scheduler)
        assert result["after"]["scheduler"] == scheduler, result
        assert rules() == [f"-A -t 192.0.2.1:80 -s {scheduler}"]


def test_a_mark_of_ipv6_is_not_the_mark_of_ipv4(netns, run_module):
    run_module("ipvs_service", fwmark=7, scheduler="rr")
    run_module("ipvs_service", fwmark=7, family="ipv6", scheduler="rr")
    assert rules() == ["-A -f 7 -s rr", "-A -f 7 -6 -s rr"]


def test_check_mode_changes_nothing(netns, run_module):
    checked = run_module("ipvs_service", check=True, **WEB)
    assert checked["changed"]
    assert checked["after"]["scheduler"] == "wlc"
    assert rules() == []


def test_a_mistake_is_reported(netns, run_module):
    result = run_module("ipvs_service", vip="192.0.2.1", port=0, scheduler="rr")
    assert result["mistakes"] == [
        (
            "service tcp 192.0.2.1:0: port 0 means all ports and needs persistence; set a"
            " persistence_timeout or a port."
        )
    ]
