# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VIPs a machine holds as a director, by what ``ip -json address show`` prints."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _tunnels, _vips
from ansible_collections.lvs.cluster.plugins.module_utils._errors import OperatorError

VIP, VIP6 = "192.168.2.149", "2001:db8::149"
RIP = ipaddress.ip_address("192.168.2.31")
#: Managed devices, by the names that the role for tunnels gives them.
OWN = [
    _tunnels.Tunnel("gre", RIP, 4, checksum="checksum").interface,
    _tunnels.Tunnel("gre", ipaddress.ip_address("2001:db8::31"), 6, checksum="checksum").interface,
    _tunnels.Tunnel("ipip", ipaddress.ip_address("2001:db8::31"), 4).interface,
]


def link(name, *addresses, flags=("UP",), **about):
    return {
        "ifname": name,
        "flags": list(flags),
        "addr_info": [{"local": address, **about} for address in addresses],
    }


@pytest.mark.parametrize("interface", ["lo", *_tunnels.MODULES, *OWN])
def test_a_vip_of_a_real_server_is_not_held(interface):
    links = [link(interface, VIP, VIP6), link("eth0", "192.168.2.31")]
    assert _vips.held(links, [VIP, VIP6]) == {}


@pytest.mark.parametrize("interface", ["eth0", "eth0.100", "vrrp.51", "dummy0", "lvs-lan", "lo1"])
def test_a_vip_on_any_other_interface_is_held(interface):
    links = [{}, link("lo", "127.0.0.1", VIP), link(interface, "192.168.2.23", VIP)]
    assert _vips.held(links, [VIP, VIP6]) == {VIP: interface}


@pytest.mark.parametrize(
    "links",
    [
        [],
        [link("eth0", "192.168.2.23")],
        [link("eth0", VIP, flags=("BROADCAST",))],
        [link("eth0", VIP, dadfailed=True)],
    ],
    ids=["nothing", "other address", "interface down", "refused"],
)
def test_an_address_that_is_not_up_is_not_held(links):
    assert _vips.held(links, [VIP]) == {}


def test_vips_come_back_as_they_are_written():
    written = "2001:DB8:0::149"
    assert _vips.held([link("eth0", VIP6)], [written]) == {written: "eth0"}


def test_all_invalid_addresses_are_reported_at_once():
    assert _vips.parse([VIP, "2001:DB8:0::149"]) == list(map(ipaddress.ip_address, [VIP, VIP6]))
    with pytest.raises(OperatorError) as error:
        _vips.parse(["vip", VIP, f"{VIP}/32", "fe80::1%eth0 } drop"])
    remedy = "it must be an address such as 192.168.2.149."
    assert error.value.mistakes == [
        f"vips: {text!r}: {remedy}" for text in ("vip", f"{VIP}/32", "fe80::1%eth0 } drop")
    ]
