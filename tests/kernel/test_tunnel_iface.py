# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module tunnel_iface: real connections through real tunnels of IPVS, and what else it does.

The test's own namespace is the real server. Client and director are on its LAN, so that its answers
pass the director by.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import subprocess
import threading

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _boot, _sysctl, _tunnels

VIPS = {"ipv4": "192.0.2.149", "ipv6": "2001:db8::149"}
RIPS = {"ipv4": "192.0.2.31", "ipv6": "2001:db8::31"}
PORT, GUE = 80, 6080
UP = "link set dev tunl0 up"
WRAPPINGS = [
    ("ipip", "none"),
    ("gue", "none"),
    ("gue", "checksum"),
    ("gue", "remote"),
    ("gre", "none"),
    ("gre", "checksum"),
]


def tunnel(kind="ipip", checksum="none", inner="ipv4", outer="ipv4", **more):
    """Return one tunnel as a task lists it."""
    port = {"port": GUE} if kind == "gue" else {}
    return (
        {"type": kind, "address": RIPS[outer], "inner": inner, "checksum": checksum} | port | more
    )


class Cluster:
    """A client, a director and a real server on one LAN, and a program that serves there."""

    def __init__(self, lan, real_server, new_netns, run_module):
        self.run_module = run_module
        self.real_server, self.client, self.director = real_server, new_netns(), new_netns()
        for host, last in ((self.client, 10), (self.director, 23), (real_server, 31)):
            # A host asks for a neighbour only when its link-local address is known to be its own.
            host.sysctl("net/ipv6/conf/default/dad_transmits", 0)
            lan.host(f"192.0.2.{last}/24", host)
            host.address(f"2001:db8::{last}/64")
        for setting, value in (("arp_ignore", 1), ("arp_announce", 2)):
            real_server.sysctl(_sysctl.conf_key("all", setting), value)

    def direct(self, inner="ipv4", outer="ipv4", kind="ipip", checksum="none"):
        """Let the director hold a VIP and send its requests through a tunnel."""
        destination = {"address": RIPS[outer], "method": "tun", "tunnel_type": kind}
        destination |= {"tunnel_checksum": checksum} | (
            {"tunnel_port": GUE} if kind == "gue" else {}
        )
        service = {"vip": VIPS[inner], "port": PORT, "destinations": [destination]}
        with self.director.entered():
            held = {"interface": "eth0", "vips": [VIPS[inner]], "announce": False}
            assert self.run_module("vip_iface", **held)["changed"]
            result = self.run_module("ipvs_table", services=[service])
        assert result["changed"], result

    def hold(self, interface, inner="ipv4", rp_filter=2):
        """Let the real server hold the VIP on a device, and serve there."""
        self.real_server.sysctl(_sysctl.conf_key(interface, "rp_filter"), rp_filter)
        result = self.run_module("vip_iface", interface=interface, vips=[VIPS[inner]])
        assert not result.get("failed"), result

    def ask(self, inner="ipv4", request=b"hello", timeout=2.0):
        """Return what the client gets for a request; it raises OSError if nothing comes."""
        with self.client.entered():
            family = socket.AF_INET if inner == "ipv4" else socket.AF_INET6
            connection = socket.socket(family)
        with connection:
            connection.settimeout(timeout)
            connection.connect((VIPS[inner], PORT))
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return received(connection)


def received(connection):
    """Return all that comes until the other end has sent all."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def answer(connection):
    """Answer with what came, three times."""
    with connection, contextlib.suppress(OSError):  # the client has gone
        connection.settimeout(5)
        connection.sendall(received(connection) * 3)


def serve(listener):
    """Answer all connections, beside each other."""
    with contextlib.suppress(OSError):  # the end of the test
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


@pytest.fixture
def cluster(netns, lan, new_netns, run_module):
    cluster = Cluster(lan, netns, new_netns, run_module)
    with socket.create_server(
        ("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True
    ) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield cluster
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def save(tmp_path):
    return tmp_path / "lvs" / "tunnels.link"


def state():
    """Return all that is set up here."""
    return sorted(_tunnels.read(gue=True).lines)


def load(host, name, rules):
    """Give a host a table of packet filter rules."""
    with host.entered():
        text = f"table inet {name} {{\n{rules}\n}}\n"
        subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


#: Those that differ in what the packet filter sees.
FILTERED = [each for each in WRAPPINGS if each[0] != "gue" or each[1] == "none"]


@pytest.mark.parametrize("outer", RIPS)
@pytest.mark.parametrize("inner", VIPS)
@pytest.mark.parametrize(("kind", "checksum"), [each for each in WRAPPINGS if each not in FILTERED])
def test_a_request_comes_through_the_tunnel(
    cluster, run_module, save, kind, checksum, inner, outer
):
    cluster.direct(inner, outer, kind, checksum)
    options = {"tunnels": [tunnel(kind, checksum, inner, outer)], "save": str(save)}

    result = run_module("tunnel_iface", **options)

    assert result["changed"], result
    [interface] = result["interfaces"]
    cluster.hold(interface, inner)
    assert cluster.ask(inner) == b"hello" * 3
    assert not run_module("tunnel_iface", **options)["changed"]
    assert run_module("tunnel_iface", state="absent", save=str(save))["changed"]
    assert state() == []


@pytest.mark.parametrize(("inner", "outer"), [("ipv4", "ipv4"), ("ipv4", "ipv6")])
def test_strict_reverse_path_filtering_drops_what_comes_out(
    cluster, run_module, save, inner, outer
):
    cluster.direct(inner, outer)
    [interface] = run_module("tunnel_iface", tunnels=[tunnel(outer=outer)])["interfaces"]
    cluster.hold(interface, rp_filter=1)
    with pytest.raises(TimeoutError):
        cluster.ask(timeout=0.5)
    values = {_sysctl.conf_key(interface, "rp_filter"): 2}
    assert run_module("sysctls", values=values)["changed"]
    assert cluster.ask() == b"hello" * 3


INSIDE = 5300  # the UDP port of what is forged
IPV6_HOPOPTS = 54  # include/uapi/linux/in6.h
NUMBERS = {"ipv4": (4, 0x0800), "ipv6": (41, 0x86DD)}  # as a protocol over IP, and as an EtherType
FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
ADDRESSES = {
    name: {"ipv4": f"192.0.2.{n}", "ipv6": f"2001:db8::{n}"}
    for name, n in (("client", 10), ("director", 23))
}


def checksum_of(data):
    """Return the Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(inner):
    """Return a packet from the client to the VIP."""
    source, vip = (ipaddress.ip_address(a[inner]).packed for a in (ADDRESSES["client"], VIPS))
    udp = struct.pack("!HHHH", 40000, INSIDE, 13, 0) + b"inner"
    pseudo = source + vip + struct.pack("!IxxxB", len(udp), socket.IPPROTO_UDP)
    udp = udp[:6] + struct.pack("!H", checksum_of(pseudo + udp)) + udp[8:]
    if inner == "ipv6":
        header = struct.pack("!IHBB", 6 << 28, len(udp), socket.IPPROTO_UDP, 64)
        return header + source + vip + udp
    header = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP)
    sum_ = struct.pack("!H", checksum_of(header + source + vip))
    return header + sum_ + source + vip + udp


def wrapped(kind, checksum, inner):
    """Return the protocol over IP and the payload that carry a datagram."""
    packet, (protocol, ethertype) = datagram(inner), NUMBERS[inner]
    if kind == "ipip":
        return protocol, packet
    if kind == "gue":  # its header without options: version 0, no control, what follows
        return socket.IPPROTO_UDP, struct.pack("!BBH", 0, protocol, 0) + packet
    if checksum == "none":
        return socket.IPPROTO_GRE, struct.pack("!HH", 0, ethertype) + packet
    header = struct.pack("!HH", 0x8000, ethertype)
    sum_ = checksum_of(header + bytes(4) + packet)
    return socket.IPPROTO_GRE, header + struct.pack("!HH", sum_, 0) + packet


def arrives(cluster, sender, kind, checksum, inner, outer, extended=False):
    """Send a datagram through the tunnel from some host; return whether it comes out."""
    host = {"client": cluster.client, "director": cluster.director}[sender]
    protocol, payload = wrapped(kind, checksum, inner)
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket(FAMILIES[inner], socket.SOCK_DGRAM))
        listener.bind((VIPS[inner], INSIDE))
        listener.settimeout(0.5)
        with host.entered():
            how = (socket.SOCK_DGRAM, 0) if kind == "gue" else (socket.SOCK_RAW, protocol)
            speaker = opened.enter_context(socket.socket(FAMILIES[outer], *how))
        speaker.bind((ADDRESSES[sender][outer], 0))
        if extended:
            speaker.setsockopt(socket.IPPROTO_IPV6, IPV6_HOPOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
        for _ in range(3):
            speaker.sendto(payload, (RIPS[outer], GUE if kind == "gue" else 0))
            with contextlib.suppress(TimeoutError):
                return listener.recv(100) == b"inner"
    return False


@pytest.mark.parametrize("outer", RIPS)
@pytest.mark.parametrize("inner", VIPS)
@pytest.mark.parametrize(("kind", "checksum"), FILTERED)
def test_a_request_comes_through_the_tunnel_from_the_directors_only(
    cluster, run_module, save, load_table, kind, checksum, inner, outer
):
    cluster.direct(inner, outer, kind, checksum)
    options = {"tunnels": [tunnel(kind, checksum, inner, outer)], "save": str(save)}
    result = run_module("tunnel_iface", **options)
    cluster.hold(result["interfaces"][0], inner)
    how = kind, checksum, inner, outer
    ways = [False, True] if outer == "ipv6" and kind != "gue" else [False]

    def load(*sources):
        load_table(
            "realserver_tun",
            "lvs_realserver_tun",
            realserver_tun_clamped=[],
            realserver_tun_packets=result["packets"],
            realserver_tun_sources=sources,
        )

    assert all(arrives(cluster, "client", *how, extended=way) for way in ways)  # without the table
    load(*ADDRESSES["director"].values())
    assert [way for way in ways if arrives(cluster, "client", *how, extended=way)] == []
    if kind == "gue":  # what is in it is taken without it, too
        assert not arrives(cluster, "client", "ipip", checksum, inner, outer)
    assert arrives(cluster, "director", *how)
    assert cluster.ask(inner) == b"hello" * 3
    load("0.0.0.0/0", "::/0")
    assert arrives(cluster, "client", *how)
    assert not run_module("tunnel_iface", **options)["changed"]
    assert run_module("tunnel_iface", state="absent", save=str(save))["changed"]
    assert state() == []


def test_the_role_drops_no_packets_of_unmanaged_tunnels(cluster, run_module, load_table, netns):
    """GRE of others arrives where directors send by IPIP."""
    result = run_module("tunnel_iface", tunnels=[tunnel()])
    netns.ip(
        f"link add theirs up type gre local {RIPS['ipv4']} remote {ADDRESSES['client']['ipv4']}"
    )
    netns.address(f"{VIPS['ipv4']}/32", "theirs")
    load_table(
        "realserver_tun",
        "lvs_realserver_tun",
        realserver_tun_clamped=[],
        realserver_tun_packets=result["packets"],
        realserver_tun_sources=[ADDRESSES["director"]["ipv4"]],
    )
    assert arrives(cluster, "client", "gre", "none", "ipv4", "ipv4")


#: What fits into each kind of tunnel where the way to the real server takes 1500 bytes.
SIZES = [
    ("ipip", "none", "ipv4", "ipv4", 1440),
    ("gue", "none", "ipv4", "ipv4", 1428),
    ("gue", "remote", "ipv6", "ipv6", 1380),
    ("gre", "checksum", "ipv6", "ipv4", 1412),
    ("gre", "none", "ipv4", "ipv6", 1416),
]


@pytest.mark.parametrize(("kind", "checksum", "inner", "outer", "size"), SIZES)
def test_large_requests_arrive_only_with_clamped_segments(
    cluster, run_module, kind, checksum, inner, outer, size
):
    """No ICMP error "too big" arrives: the client's firewall drops it, as many do."""
    cluster.direct(inner, outer, kind, checksum)
    [interface] = run_module("tunnel_iface", tunnels=[tunnel(kind, checksum, inner, outer)])[
        "interfaces"
    ]
    cluster.hold(interface, inner)
    deaf = """chain input {
        type filter hook input priority filter; policy accept;
        icmp type destination-unreachable drop
        icmpv6 type packet-too-big drop
    }"""
    load(cluster.client, "deaf", deaf)
    request = bytes(350_000)
    assert cluster.ask(inner) == b"hello" * 3
    with pytest.raises(TimeoutError):
        cluster.ask(inner, request, timeout=0.7)

    ip_ = "ip" if inner == "ipv4" else "ip6"
    clamp = f"""chain answers {{
        type filter hook output priority mangle; policy accept;
        {ip_} saddr {VIPS[inner]} tcp flags & (syn | rst) == syn tcp option maxseg size > {size} \
tcp option maxseg size set {size}
    }}"""
    load(cluster.real_server, "lvs_realserver_tun", clamp)
    assert cluster.ask(inner, request, timeout=5) == request * 3


MANY = [
    tunnel(),
    tunnel("gue", inner="ipv6"),
    tunnel("gue", "checksum", outer="ipv6"),
    tunnel("gre", "checksum"),
]


def test_boot_and_restart_restore_the_saved_state(netns, new_netns, run_module, save):
    result = run_module("tunnel_iface", tunnels=MANY, save=str(save))
    assert len(result["interfaces"]) == 4
    assert result["after"] == state()
    rebooted = new_netns()
    for _ in range(2):
        with rebooted.entered():
            assert _boot.restore([f"link={save}"]) == _boot.DONE
            assert state() == result["after"]
    assert not run_module("tunnel_iface", tunnels=MANY, save=str(save))["changed"]


def test_check_mode_reports_and_changes_nothing(netns, run_module, save):
    options = {"tunnels": MANY, "save": str(save), "diff": True}
    checked = run_module("tunnel_iface", check=True, **options)
    assert (checked["changed"], checked["before"], state()) == (True, [], [])
    assert not save.exists()
    done = run_module("tunnel_iface", **options)
    assert {**checked, "changed": True} == done
    assert done["diff"][1]["after"] == save.read_text()


def test_devices_no_longer_listed_are_removed_and_former_ones_stay(netns, run_module, save):
    netns.ip("link set tunl0 up")
    netns.ip("link set sit0 up")
    foreign = ["fou add port 7000 gue", "link set dev sit0 up"]
    netns.run("ip " + foreign[0])
    wanted = [tunnel(), tunnel("gre"), tunnel("gue"), tunnel("gre", address="192.0.2.32")]
    run_module("tunnel_iface", tunnels=wanted, save=str(save))
    managed = ["fou add port 6080 gue", "link set dev gre0 up", UP]
    assert state() == sorted([*foreign, *managed])

    result = run_module("tunnel_iface", tunnels=[tunnel("gue")], save=str(save))
    assert result["changed"]
    assert state() == sorted([*foreign, managed[0], UP])
    # tunl0 was up before it was in the file.
    assert run_module("tunnel_iface", state="absent", save=str(save))["changed"]
    assert state() == sorted([*foreign, UP])
    assert not save.exists()
    assert not run_module("tunnel_iface", state="absent", save=str(save))["changed"]


def test_a_changed_device_of_the_role_is_corrected(netns, run_module, save):
    options = {"tunnels": [tunnel("gre", "checksum")], "save": str(save)}
    first = run_module("tunnel_iface", **options)
    [name] = first["interfaces"]
    netns.ip(f"link delete {name}")
    netns.ip(f"link add name {name} type gre local 192.0.2.99 remote any")
    again = run_module("tunnel_iface", **options)
    assert again["changed"]
    assert again["after"] == first["after"] == state()


def test_a_failure_half_way_is_undone(netns, run_module, save):
    run_module("tunnel_iface", tunnels=[tunnel()], save=str(save))
    before, text = state(), save.read_text()
    netns.ip("link add name theirs type gre local 192.0.2.31 remote any")
    wanted = [tunnel("gue"), tunnel("gre", "checksum"), tunnel(inner="ipv6")]
    result = run_module("tunnel_iface", tunnels=wanted, save=str(save))
    assert result["failed"]
    assert "link add name lvs-gre-" in result["mistakes"][0]
    assert "File exists" in result["mistakes"][0]
    assert result["mistakes"][1:] == ["The tunnels are as they were."]
    assert state() == before
    assert save.read_text() == text


def test_a_port_in_use_is_reported(netns, run_module, save):
    with socket.socket(type=socket.SOCK_DGRAM) as program:
        program.bind(("", GUE))
        result = run_module("tunnel_iface", tunnels=[tunnel("gue")], save=str(save))
    assert "fou add port 6080 gue" in result["msg"]
    assert "in use" in result["msg"]
    assert state() == []


def test_a_missing_kernel_module_is_reported(netns, run_module, save):
    netns.ip("link set tunl0 name other0")
    options = {"tunnels": [tunnel()], "save": str(save)}
    sentence = "There is no interface tunl0 here: load its module (modprobe ipip)."
    assert run_module("tunnel_iface", **options)["mistakes"] == [sentence]
    checked = run_module("tunnel_iface", check=True, **options)
    assert (checked["warnings"], checked["interfaces"]) == ([sentence], ["tunl0"])
