# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module does with its arguments, answers and frames."""

from __future__ import annotations

import socket
import struct

import pytest
from ansible_collections.lvs.cluster.plugins.modules import vip_probe
from hypothesis import given
from hypothesis import strategies as st

PAGE = vip_probe.Answer({"x-served-by": "rs32"}, "\n  rs31  \nserver=rs33\n")


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("body", "rs31"),
        ("none", "any"),
        ("header:X-Served-By", "rs32"),
        (r"server=(\w+)", "rs33"),
    ],
)
def test_identify(identity, name):
    assert vip_probe.identify(PAGE, identity) == name


@pytest.mark.parametrize(
    ("identity", "answer", "reason"),
    [
        ("body", vip_probe.Answer({}, " \n"), "empty"),
        ("header:X-Host", PAGE, "no header X-Host"),
        (r"host=(\w+)", PAGE, "nothing in the answer matches"),
        (r"(server=9)?nothing", PAGE, "nothing in the answer matches"),
        (r"server=rs33(x)?", PAGE, "nothing in the answer matches"),
    ],
)
def test_an_answer_without_a_server_name(identity, answer, reason):
    with pytest.raises(vip_probe.Refused, match=reason):
        vip_probe.identify(answer, identity)


def ipv4(source, port, protocol=socket.IPPROTO_TCP, options=b""):
    start = struct.pack("!BxHHHBBH", 0x45 + len(options) // 4, 40, 0, 0, 64, protocol, 0)
    addresses = socket.inet_aton(source) + socket.inet_aton("192.0.2.10")
    return start + addresses + options + struct.pack("!HH", port, 40000)


def ipv6(source, port, protocol=socket.IPPROTO_TCP):
    start = struct.pack("!IHBB", 0x60000000, 20, protocol, 64)
    addresses = b"".join(
        socket.inet_pton(socket.AF_INET6, each) for each in (source, "2001:db8::10")
    )
    return start + addresses + struct.pack("!HH", port, 40000)


@pytest.mark.parametrize(
    ("packet", "sender"),
    [
        (ipv4("192.0.2.149", 80), ("192.0.2.149", 80)),
        (ipv4("192.0.2.149", 8080, options=b"\1" * 8), ("192.0.2.149", 8080)),
        (ipv4("192.0.2.149", 80, protocol=socket.IPPROTO_UDP), None),
        (ipv6("2001:db8::149", 443), ("2001:db8::149", 443)),
        (ipv6("2001:db8::149", 443, protocol=socket.IPPROTO_ICMPV6), None),
        (ipv4("192.0.2.149", 80)[:20], None),
        (b"", None),
    ],
)
def test_sender(packet, sender):
    assert vip_probe.sender(packet) == sender


def test_sender_of_a_datagram():
    datagram = ipv4("192.0.2.149", 53, protocol=socket.IPPROTO_UDP)
    assert vip_probe.sender(datagram, socket.IPPROTO_UDP) == ("192.0.2.149", 53)
    assert vip_probe.sender(ipv4("192.0.2.149", 53), socket.IPPROTO_UDP) is None
    datagram = ipv6("2001:db8::149", 53, protocol=socket.IPPROTO_UDP)
    assert vip_probe.sender(datagram, socket.IPPROTO_UDP) == ("2001:db8::149", 53)


@given(st.binary(max_size=128))
def test_any_frame_is_counted_or_ignored(packet):
    assert vip_probe.sender(packet) is None or packet[0] >> 4 in (4, 6)


def test_summary():
    assert vip_probe.summary([]) is None
    assert vip_probe.summary([3.0004, 1, 2]) == {"min": 1, "median": 2, "max": 3.0}


def test_every_wrong_option_is_reported(run_main):
    wrong = {"vip": "web", "port": 0, "requests": 0, "timeout": 0, "interval": -1}
    result = run_main("vip_probe", **wrong, protocol="tcp", identity="header:Server")
    places = ["vip:", "port:", "requests:", "timeout:", "interval:", "identity:"]
    assert [sentence.split()[0] for sentence in result["mistakes"]] == places


def test_options_of_another_protocol_and_wrong_ones(run_main):
    options = {"protocol": "dns", "dns": {"name": "a..b"}, "udp": {"payload": "0"}}
    result = run_main("vip_probe", vip="192.0.2.149", **options)
    assert [sentence.split(";")[0] for sentence in result["mistakes"]] == [
        "udp: the protocol is dns",
        "dns: name is 'a..b'",
        "udp: payload is '0'",
    ]
    result = run_main("vip_probe", vip="192.0.2.149", protocol="udp", identity="header:Server")
    assert "only HTTP has headers" in result["msg"]


@pytest.mark.parametrize("identity", ["(unclosed", "no group", "(two)(groups)"])
def test_an_expression_that_finds_no_name(run_main, identity):
    result = run_main("vip_probe", vip="192.0.2.149", identity=identity)
    assert len(result["mistakes"]) == 1
    assert identity in result["msg"]


def test_a_vip_of_this_host_is_not_probed(run_main):
    assert "probe from a client" in run_main("vip_probe", vip="127.0.0.1")["msg"]
