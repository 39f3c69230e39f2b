# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tunnels come to in the module and the role; tests/kernel shows what the kernel does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import jinja2
import pytest
from ansible_collections.lvs.cluster.plugins.filter.service_tunnels import service_tunnels
from ansible_collections.lvs.cluster.plugins.module_utils import _tunnels

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles" / "realserver_tun"
RIP, RIP6 = "192.0.2.31", "2001:db8::31"
VIP, VIP6 = "192.0.2.149", "2001:db8::149"
OF_KERNEL = runpy.run_path(str(ROOT / "tests" / "kernel" / "test_tunnel_iface.py"))


def tunnels(*written):
    """Return tunnels as the module gets them, with its defaults."""
    usual = {"type": "ipip", "address": RIP, "inner": "ipv4", "port": None, "checksum": "none"}
    return _tunnels.parse({**usual, **fields} for fields in written)


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, ["link set dev tunl0 up"]),
        ({"inner": "ipv6"}, ["link set dev sit0 up"]),
        ({"inner": "ipv6", "address": RIP6}, ["link set dev ip6tnl0 up"]),
        ({"type": "gue"}, ["link set dev tunl0 up", "fou add port 6080 gue"]),
        (
            {"type": "gue", "port": 6081, "address": RIP6, "inner": "ipv6"},
            ["link set dev ip6tnl0 up", "fou add port 6081 gue -6"],
        ),
        ({"type": "gre", "inner": "ipv6"}, ["link set dev gre0 up"]),
        ({"type": "gre", "address": RIP6}, ["link set dev ip6gre0 up"]),
    ],
)
def test_fallback_devices(fields, lines):
    assert _tunnels.lines(tunnels(fields)) == lines


@pytest.mark.parametrize(
    ("fields", "name", "kind"),
    [
        ({"address": RIP6}, "lvs-ip6-", f"ip6tnl mode any local {RIP6} remote any"),
        (
            {"type": "gre", "checksum": "checksum"},
            "lvs-gre-",
            f"gre local {RIP} remote any icsum",
        ),
        (
            {"type": "gre", "checksum": "checksum", "address": RIP6},
            "lvs-gre6-",
            f"ip6gre local {RIP6} remote any icsum",
        ),
    ],
)
def test_managed_devices(fields, name, kind):
    [interface] = _tunnels.interfaces(tunnels(fields))
    assert interface.startswith(name)
    assert len(interface) <= 15  # IFNAMSIZ
    assert _tunnels.lines(tunnels(fields)) == [
        f"link add name {interface} type {kind}",
        f"link set dev {interface} up",
    ]


def test_tunnels_of_several_services_are_set_up_once():
    found = tunnels({}, {}, {"type": "gue"}, {"type": "gue", "checksum": "remote"})
    assert _tunnels.interfaces(found) == ["tunl0"]
    assert _tunnels.lines(found) == ["link set dev tunl0 up", "fou add port 6080 gue"]


def test_all_mistakes_are_reported_at_once(run_main):
    result = run_main(
        "tunnel_iface",
        tunnels=[
            {"address": "rs31"},
            {"address": RIP, "port": 6080, "checksum": "checksum"},
            {"address": RIP, "type": "gue", "port": 65536},
            {"address": RIP, "type": "gre", "checksum": "remote"},
            {"address": RIP6, "type": "gre", "checksum": "checksum"},
            {"address": RIP6, "type": "gre", "inner": "ipv6"},
        ],
    )
    assert [mistake[:24] for mistake in result["mistakes"]] == [
        "tunnel 1 (ipip to rs31):",
        "tunnel 2 (ipip to 192.0.",
        "tunnel 2 (ipip to 192.0.",
        "tunnel 3 (gue to 192.0.2",
        "tunnel 4 (gre to 192.0.2",
        "gre to 2001:db8::31 is l",
    ]


@pytest.mark.parametrize(
    ("options", "missing"),
    [({}, "tunnels"), ({"state": "absent"}, "save"), ({"tunnels": [{}]}, "address")],
)
def test_required_options_are_reported(run_main, options, missing):
    assert missing in run_main("tunnel_iface", **options)["msg"]


def test_the_file_has_the_former_values():
    entries = {"link set dev tunl0 up": True, "fou add port 6080 gue": False}
    text = _tunnels.render(entries, "# Written.\n")
    assert _tunnels.saved(text) == entries
    assert _tunnels.render({}, "# Written.\n") is None


@pytest.mark.parametrize("line", ["link", "link add", "fou add port", "ip link set dev tunl0 up"])
def test_an_invalid_line_of_the_file_is_reported(line):
    with pytest.raises(ValueError, match=r"line 2 is '.*'; it must be 'link add name"):
        _tunnels.saved(f"link set dev tunl0 up\n{line}\n")


def test_new_tunnels_are_set_up_before_former_ones_are_removed():
    before, after = ["fou add port 6080 gue -6", "link set dev tunl0 up"], ["link set dev sit0 up"]
    assert [step.do for step in _tunnels.plan(before, after)] == [
        "link set dev sit0 up",
        "link set dev tunl0 down",
        "fou del port 6080 -6",
    ]


# ------------------------------------------------------------------------------- the role


def filter_rules(services, packets=(), sources=()):
    """Return the rules of the role's table."""
    environment = jinja2.Environment(trim_blocks=True, autoescape=False)
    environment.tests["search"] = lambda value, pattern: bool(re.search(pattern, value))
    text = (ROLE / "templates" / "lvs_realserver_tun.nft.j2").read_text()
    return environment.from_string(text).render(
        realserver_tun_clamped=service_tunnels(services, 1500)["clamped"],
        realserver_tun_packets=packets,
        realserver_tun_sources=sources,
    )


def dropped(sources, *tunnels):
    """Return the rules about whose tunnels are taken."""
    plain = {"type": "ipip", "address": RIP, "inner": "ipv4", "port": None, "checksum": "none"}
    packets = _tunnels.packets(_tunnels.parse([{**plain, **each} for each in tunnels]))
    rules = filter_rules([], packets, sources).splitlines()
    return [line.strip() for line in rules if line.endswith(" drop")]


@pytest.mark.parametrize(
    ("tunnel", "matches"),
    [
        ({}, ["meta l4proto 4 ip"]),
        ({"inner": "ipv6"}, ["meta l4proto 41 ip"]),
        ({"inner": "ipv6", "address": RIP6}, ["meta l4proto 41 ip6"]),
        ({"address": RIP6}, [f"ip6 daddr {RIP6} meta l4proto {{ 4, 41 }} ip6"]),
        ({"type": "gre"}, ["meta l4proto 47 ip"]),
        ({"type": "gre", "checksum": "checksum"}, [f"ip daddr {RIP} meta l4proto 47 ip"]),
        ({"type": "gue", "port": 7000}, ["meta l4proto 4 ip", "udp dport 7000 ip"]),
    ],
)
def test_the_role_drops_tunnels_from_other_hosts(tunnel, matches):
    sources = ["192.168.2.23", "10.1.0.0/24", "2001:db8::23", "192.168.2.23"]
    known = {"ip": "192.168.2.23, 10.1.0.0/24", "ip6": "2001:db8::23"}
    assert dropped(sources, tunnel, tunnel) == [
        f"{match} saddr != {{ {known[match.split()[-1]]} }} drop" for match in matches
    ]


def test_the_role_drops_all_of_a_family_without_sources_and_nothing_where_all_may_send():
    assert dropped(["2001:db8::23"], {}) == ["meta l4proto 4 meta nfproto ipv4 drop"]
    assert dropped(["192.168.2.23"], {"address": RIP6}) == [
        f"ip6 daddr {RIP6} meta l4proto {{ 4, 41 }} meta nfproto ipv6 drop"
    ]
    assert dropped(["0.0.0.0/0", "::/0"], {}, {"address": RIP6}) == []


@pytest.mark.parametrize(("kind", "checksum", "inner", "outer", "size"), OF_KERNEL["SIZES"])
def test_the_role_clamps_to_the_sizes_of_the_kernel_tests(kind, checksum, inner, outer, size):
    vip = {"ipv4": VIP, "ipv6": VIP6}[inner]
    service = {"vip": vip, "address": {"ipv4": RIP, "ipv6": RIP6}[outer], "port": 80}
    service |= {"tunnel_type": kind, "tunnel_checksum": checksum}
    larger = {"vip": vip, "address": RIP}
    rules = filter_rules([larger, service, larger])
    ip = "ip6" if inner == "ipv6" else "ip"
    limit = f"tcp option maxseg size > {size} tcp option maxseg size set {size}"
    assert [line for line in rules.splitlines() if "maxseg" in line] == [
        f"  {ip} saddr {vip} tcp flags & (syn | rst) == syn {limit}"
    ]


def test_the_role_sets_up_the_tunnels_of_the_services():
    services = [
        {"vip": VIP, "address": RIP, "port": 80, "weight": 5},
        {"vip": VIP, "address": RIP, "port": 443},
        {"vip": VIP6, "address": RIP, "tunnel_type": "gue"},
        {"vip": VIP, "address": RIP6, "tunnel_type": "gre", "tunnel_checksum": "checksum"},
    ]
    needed = service_tunnels(services, 9000)
    assert needed["tunnels"] == [
        {"type": "ipip", "address": RIP, "inner": "ipv4", "port": None, "checksum": "none"},
        {"type": "gue", "address": RIP, "inner": "ipv6", "port": 6080, "checksum": "none"},
        {"type": "gre", "address": RIP6, "inner": "ipv4", "port": None, "checksum": "checksum"},
    ]
    assert needed["modules"] == ["ipip", "sit", "fou", "ip6_gre"]
    assert {each["vip"]: each["size"] for each in needed["clamped"]} == {VIP: 8912, VIP6: 8908}
    assert len(_tunnels.parse(needed["tunnels"])) == 3
