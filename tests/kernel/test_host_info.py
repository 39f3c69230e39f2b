# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module host_info: what a machine holds on real interfaces, and what it waits for."""

from __future__ import annotations

import threading
import time

import pytest

VIP, VIP6 = "192.0.2.149", "2001:db8::149"
RIP = {"ipv4": "192.0.2.31", "ipv6": "2001:db8::31"}
#: Each kind of device at which the role for real servers has a tunnel end.
TUNNELS = {
    "tunl0": {"type": "ipip", "address": RIP["ipv4"]},
    "gre0": {"type": "gre", "address": RIP["ipv4"]},
    "lvs-gre-": {"type": "gre", "address": RIP["ipv4"], "checksum": "checksum"},
    "lvs-gre6-": {"type": "gre", "address": RIP["ipv6"], "checksum": "checksum"},
    "lvs-ip6-": {"type": "ipip", "address": RIP["ipv6"]},
}


@pytest.fixture
def lan_interface(netns, peer):
    peer("eth0")
    netns.raise_link("eth0")
    netns.address("192.0.2.23/24")


@pytest.mark.parametrize("name", TUNNELS)
def test_a_vip_at_the_end_of_a_tunnel_is_not_held(netns, lan_interface, run_module, name):
    [interface] = run_module("tunnel_iface", tunnels=[TUNNELS[name]])["interfaces"]
    assert interface.startswith(name)
    netns.address(f"{VIP}/32", interface)
    netns.address(f"{VIP}/32", "lo")
    found = run_module("host_info", vips=[VIP, VIP6])
    assert (found["held_vips"], found["vip_interfaces"]) == ([], {})

    netns.address(f"{VIP}/32")
    found = run_module("host_info", vips=[VIP, VIP6])
    assert (found["held_vips"], found["vip_interfaces"]) == ([VIP], {VIP: "eth0"})
    assert not found["changed"]


def test_an_interface_that_is_down_holds_nothing(netns, lan_interface, run_module):
    netns.address(f"{VIP}/32")
    netns.ip("link set eth0 down")
    assert run_module("host_info", vips=[VIP])["held_vips"] == []


def test_it_waits_until_vips_are_held_or_released(netns, lan_interface, run_module):
    def after(seconds, command):
        timer = threading.Timer(seconds, lambda: netns.ip(command))
        timer.start()
        return timer

    timer = after(1, f"address add {VIP}/32 dev eth0")
    found = run_module("host_info", vips=[VIP], seconds=20)
    timer.join()
    assert found["held_vips"] == [VIP]
    timer = after(1, f"address delete {VIP}/32 dev eth0")
    found = run_module("host_info", vips=[VIP], state="released", seconds=20)
    timer.join()
    assert found["held_vips"] == []


def test_a_wait_that_times_out_is_no_failure(netns, lan_interface, run_module):
    start = time.monotonic()
    found = run_module("host_info", vips=[VIP], seconds=1)
    assert time.monotonic() - start >= 1
    assert (found.get("failed", False), found["held_vips"]) == (False, [])
    start = time.monotonic()
    assert run_module("host_info", vips=[VIP], seconds=60, check=True)["held_vips"] == []
    assert time.monotonic() - start < 30


def test_files_are_returned_without_secrets(netns, run_module, tmp_path):
    conf = tmp_path / "keepalived.conf"
    conf.write_text("$PW=s3cret\nauthentication {\n  auth_pass $PW\n  auth_type PASS\n}\n")
    missing = str(tmp_path / "director.ipvs")
    found = run_module("host_info", files=[str(conf), missing])
    assert found["files"][missing] is None
    assert "auth_type PASS" in found["files"][str(conf)]
    assert "s3cret" not in str(found)


def test_a_vip_that_is_no_address_is_refused(run_module):
    found = run_module("host_info", vips=[VIP, "vip"])
    assert found["mistakes"] == ["vips: 'vip': it must be an address such as 192.168.2.149."]
