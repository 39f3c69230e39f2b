# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module does with its arguments; tests/kernel shows what the kernel makes of it."""

from __future__ import annotations

import pytest


def test_lo_all_and_default_are_refused(run_main, tmp_path):
    names = ["all", "eth0", "lo", "default"]
    result = run_main("arp_suppress", interfaces=names, save=str(tmp_path / "arp.conf"))
    assert result["mistakes"] == [
        f"interfaces: {name} receives no requests; it must be the LAN interface."
        for name in ("all", "lo", "default")
    ]


@pytest.mark.parametrize("interfaces", [["nosuch0"], ["nosuch0", "nosuch1"]])
def test_an_interface_that_is_not_there_has_no_values(run_main, tmp_path, interfaces):
    path = tmp_path / "arp.conf"
    result = run_main("arp_suppress", check=True, interfaces=interfaces, save=str(path))
    assert result["changed"]
    assert result["before"]["in_effect"] == dict.fromkeys(interfaces)
    assert len(result["warnings"]) == len(interfaces)
    assert not path.exists()


def test_a_boolean_from_yaml_off_is_zero(run_main, tmp_path):
    options = {"rp_filter": False, "save": str(tmp_path / "arp.conf")}
    result = run_main("arp_suppress", check=True, interfaces=["nosuch0"], **options)
    assert result["after"]["sysctls"]["net/ipv4/conf/nosuch0/rp_filter"] == "0"
