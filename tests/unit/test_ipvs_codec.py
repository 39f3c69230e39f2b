# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encoder's bytes, read by pyroute2, and the decoders on bytes laid out as the kernel does."""

from __future__ import annotations

import socket
import struct

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _genetlink,
    _ipvs_codec,
    _ipvs_uapi,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    VirtualService,
    host_prefix,
    packed_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._plan import Operation
from ansible_collections.lvs.cluster.tests.unit import strategies
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.generic import ipvs as peer

FORWARDING = {"nat": 0, "tun": 2, "dr": 3}
TUNNELS = {"ipip": 0, "gue": 1, "gre": 2}
CHECKSUMS = {"none": 0, "checksum": 1, "remote": 2}
KEY = ServiceKey("ipv4", "tcp", "192.168.2.149", 80)


def read_by_pyroute2(command, payload):
    """Return the attributes that pyroute2 finds in a command and its payload."""
    header = struct.pack("=IHHIIBBH", 20 + len(payload), 32, 1, 1, 0, command, 1, 0)
    message = peer.ipvsmsg(header + payload)
    message.decode()
    assert message["cmd"] == command
    return message


def encoded(action, service, destination=None):
    """Return how pyroute2 reads an operation."""
    return read_by_pyroute2(*_ipvs_codec.Encoder()(Operation(action, service, destination)))


def check_key(attributes, key):
    """Compare what identifies a service."""
    number = socket.AF_INET6 if key.family == "ipv6" else socket.AF_INET
    assert attributes.get("AF") == number
    if key.fwmark:
        assert attributes.get("FWMARK") == key.fwmark
        assert attributes.get("ADDR") is None
    else:
        assert attributes.get("ADDR") == key.vip
        assert attributes.get("PORT") == key.port
        assert attributes.get("PROTOCOL") == {"tcp": 6, "udp": 17, "sctp": 132}[key.protocol]


@given(strategies.services())
def test_pyroute2_reads_the_service_that_was_encoded(service):
    message = encoded("add", service)
    assert message["cmd"] == peer.IPVS_CMD_NEW_SERVICE
    attributes = message.get("SERVICE")
    check_key(attributes, service.key)
    assert attributes.get("SCHED_NAME") == service.scheduler
    assert attributes.get("TIMEOUT") == service.persistence_timeout
    assert attributes.get("PE_NAME") == (service.persistence_engine or None)
    flags = attributes.get("FLAGS")
    assert flags["mask"] == 0xFFFFFFFF
    assert bool(flags["flags"] & 1) == bool(service.persistence_timeout)
    assert bool(flags["flags"] & 4) == service.one_packet
    assert bin(flags["flags"] >> 3).count("1") == len(service.scheduler_flags)
    # pyroute2 reads every mask as an IPv4 address, which it is for IPv4 alone.
    mask = socket.inet_aton(attributes.get("NETMASK"))
    if service.key.family == "ipv4":
        assert bin(int.from_bytes(mask, "big")) == "0b" + (
            "1" * service.persistence_mask + "0" * (32 - service.persistence_mask)
        )
    else:
        assert struct.unpack("=I", mask)[0] == service.persistence_mask


@given(st.data(), strategies.keys())
def test_pyroute2_reads_the_destination_that_was_encoded(data, key):
    destination = data.draw(strategies.destinations(key))
    message = encoded("set", VirtualService(key), destination)
    assert message["cmd"] == peer.IPVS_CMD_SET_DEST
    check_key(message.get("SERVICE"), key)
    attributes = message.get("DEST")
    assert attributes.get("ADDR") == destination.address
    assert attributes.get("PORT") == destination.port
    assert attributes.get("FWD_METHOD") == FORWARDING[destination.method]
    assert attributes.get("WEIGHT") == destination.weight
    assert attributes.get("U_THRESH") == destination.upper_threshold
    assert attributes.get("L_THRESH") == destination.lower_threshold
    assert (attributes.get("TUN_TYPE") or 0) == TUNNELS[destination.tunnel_type]
    assert (attributes.get("TUN_FLAGS") or 0) == CHECKSUMS[destination.tunnel_checksum]
    # pyroute2 reads this port in host order; the kernel's is big-endian.
    assert socket.ntohs(attributes.get("TUN_PORT") or 0) == destination.tunnel_port


def test_a_delete_command_has_only_the_key_of_the_service():
    service = VirtualService(KEY, "wrr")
    message = encoded("delete", service)
    assert message["cmd"] == peer.IPVS_CMD_DEL_SERVICE
    check_key(message.get("SERVICE"), KEY)
    assert message.get("SERVICE").get("SCHED_NAME") is None


@given(strategies.services())
def test_a_service_survives_encoding_and_decoding(service):
    payload = _ipvs_codec.encode_service(service)
    attributes = _genetlink.attributes_of(payload, 4, len(payload))
    assert _ipvs_codec.decode_service(attributes) == service._replace(destinations=())


def answer(destination, with_stats=True):
    """Return a destination as the kernel lays it out (ip_vs_genl_fill_dest)."""
    attribute, u32 = _genetlink.attribute, _genetlink.attr_u32
    given_back = _ipvs_codec.encode_destination(destination)
    fields = _genetlink.attributes_of(given_back, 4, len(given_back))
    order = (1, 2, 3, 4, 5, 6)
    tunnel = ((13, b"\0"), (14, b"\0\0"), (15, b"\0\0"))
    inner = b"".join(
        (
            *(attribute(kind, fields[kind].ljust(16 if kind == 1 else 0, b"\0")) for kind in order),
            *(attribute(kind, fields.get(kind, default)) for kind, default in tunnel),
            *(u32(kind, 7) for kind in (7, 8, 9)),
            attribute(11, fields[11]),
            attribute(10, b"\0" * 96) if with_stats else b"",
        )
    )
    return attribute(2 | 0x8000, inner)


@given(st.data(), strategies.keys())
def test_both_decoders_return_equal_destinations(data, key):
    pool = [Destination("192.0.2.1", key.port), Destination("192.0.2.2", key.port, "nat")]
    pool += data.draw(strategies.pools(key))
    decode = _ipvs_codec.DestinationDecoder()
    for destination in pool:
        message = answer(destination)
        assert decode(key.family, message, 0, len(message)) == destination


def test_an_answer_with_its_attributes_in_another_order_is_decoded():
    decode = _ipvs_codec.DestinationDecoder()
    first = answer(Destination("192.0.2.1", 80, weight=5))
    decode("ipv4", first, 0, len(first))
    # weight and upper threshold change places: the same length, other headers
    weight, upper = _genetlink.attr_u32(4, 9), _genetlink.attr_u32(5, 1)
    second = first.replace(_genetlink.attr_u32(4, 5) + _genetlink.attr_u32(5, 0), upper + weight)
    assert second != first
    read = decode("ipv4", second, 0, len(second))
    assert (read.weight, read.upper_threshold) == (9, 1)


def test_a_destination_without_a_family_has_that_of_its_service():
    attribute = _genetlink.attribute
    fields = (
        (1, socket.inet_pton(socket.AF_INET6, "2001:db8::1")),
        (2, b"\0\x50"),
        *((kind, struct.pack("=I", 3)) for kind in (3, 4)),
    )
    message = attribute(2, b"".join(attribute(kind, value) for kind, value in fields))
    read = _ipvs_codec.DestinationDecoder()("ipv6", message, 0, len(message))
    assert read == Destination("2001:db8::1", 80, "dr", 3)


def test_a_mask_that_is_not_a_prefix_is_kept():
    service = VirtualService(KEY, persistence_timeout=5, persistence_mask="255.0.255.0")
    payload = _ipvs_codec.encode_service(service)
    decoded = _ipvs_codec.decode_service(_genetlink.attributes_of(payload, 4, len(payload)))
    assert decoded.persistence_mask == "255.0.255.0"


def test_the_default_persistence_mask_is_not_shown():
    flagless = VirtualService(KEY)
    payload = _ipvs_codec.encode_service(flagless).replace(
        struct.pack("=HHI", 8, 8, 0), struct.pack("=HHI", 8, 8, 360)
    )
    decoded = _ipvs_codec.decode_service(_genetlink.attributes_of(payload, 4, len(payload)))
    assert decoded == flagless
    assert decoded.persistence_mask == host_prefix("ipv4")


@pytest.mark.parametrize("group", ["224.0.0.99", "ff02::81"])
def test_a_sync_daemon_is_decoded(group):
    field = _ipvs_uapi.DaemonAttr
    six = ":" in group
    payload = b"".join(
        [
            _genetlink.attr_u32(field.IPVS_DAEMON_ATTR_STATE, 2),
            _genetlink.attr_text(field.IPVS_DAEMON_ATTR_MCAST_IFN, "eth0"),
            _genetlink.attr_u32(field.IPVS_DAEMON_ATTR_SYNC_ID, 51),
            _genetlink.attr_u16(field.IPVS_DAEMON_ATTR_SYNC_MAXLEN, 1400),
            _genetlink.attribute(
                field.IPVS_DAEMON_ATTR_MCAST_GROUP6 if six else field.IPVS_DAEMON_ATTR_MCAST_GROUP,
                packed_address(group),
            ),
            _genetlink.attr_u16(field.IPVS_DAEMON_ATTR_MCAST_PORT, 8848),
            _genetlink.attribute(field.IPVS_DAEMON_ATTR_MCAST_TTL, b"\x03"),
        ]
    )
    decoded = _ipvs_codec.decode_daemon(_genetlink.attributes_of(payload, 0, len(payload)))
    assert decoded == _ipvs_codec.SyncDaemon("backup", "eth0", 51, 1400, group, 8848, 3)
