# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request by UDP, to servers of this process."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _datagram
from hypothesis import given
from hypothesis import strategies as st

A = {"query": "A", "name": "www.example.org"}


@pytest.fixture
def serve():
    """Answer datagrams: ``serve(reply)`` returns the port; ``reply`` returns a list of them."""
    running = []

    def start(reply):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                sent, udp_socket = self.request
                for each in reply(sent):
                    udp_socket.sendto(each, self.client_address)

        server = socketserver.UDPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server.server_address[1]

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def response(sent, code=0, number=None):
    header = struct.unpack_from("!6H", sent)
    return struct.pack("!6H", header[0] if number is None else number, 0x8180 | code, 1, 0, 0, 0)


def test_a_query_on_the_wire():
    sent = _datagram.query("www.example.org.", "AAAA", 0x1234)
    assert sent.hex() == ("12340100000100000000000003777777076578616d706c65036f726700001c0001")
    assert _datagram.query(".", "SOA", 1).hex() == "0001010000010000000000000000060001"


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "ä.org", ".".join(["x" * 60] * 5), "..a"])
def test_an_invalid_domain_name_is_reported(name):
    [sentence] = _datagram.mistakes({"query": "A", "name": name}, None)
    assert sentence.startswith(f"dns: name is {name!r}; ")


@given(st.text(max_size=300))
def test_a_name_is_encoded_or_refused(name):
    try:
        wire = _datagram.encode_name(name)
    except ValueError:
        return
    assert wire.endswith(b"\0")
    assert len(wire) <= 255


def test_a_good_reply(serve):
    port = serve(lambda sent: [response(sent)])
    assert len(_datagram.request("127.0.0.1", port, 5, A)) == 12


def test_replies_to_other_queries_are_waited_past(serve):
    junk = [b"", b"short", b"\0" * 12]
    port = serve(lambda sent: [*junk, response(sent, 5, number=7), sent, response(sent)])
    assert _datagram.request("127.0.0.1", port, 5, A)


@pytest.mark.parametrize(
    ("code", "reason"), [(2, "SERVFAIL for A www.example.org"), (3, "NXDOMAIN"), (11, "RCODE 11")]
)
def test_an_error_code(serve, code, reason):
    port = serve(lambda sent: [response(sent, code)])
    with pytest.raises(_datagram.BadReply, match=reason):
        _datagram.request("127.0.0.1", port, 5, A)


def test_a_missing_reply_and_a_closed_port(serve):
    port = serve(lambda _sent: [])
    with pytest.raises(OSError, match=r"no reply within 0\.1 s"):
        _datagram.request("127.0.0.1", port, 0.1, A)
    with pytest.raises(OSError, match="no reply"):
        _datagram.request("127.0.0.1", port, 0.1, udp={"require_reply": "any"})
    assert _datagram.request("127.0.0.1", port, 0.1, udp={}) is None
    with socket.socket(type=socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        _datagram.request("127.0.0.1", closed, 5, udp={})


@pytest.mark.parametrize(
    ("udp", "wrong"),
    [
        ({}, None),
        ({"require_reply": "any"}, None),
        ({"require_reply": "abCD"}, None),
        ({"require_reply": "aX cX"}, None),
        ({"require_reply": "ab ce"}, "it must be abce"),
        ({"require_reply": "ab", "min_reply_length": 4}, "has 3 bytes; it must have 4 to 255"),
        ({"require_reply": "any", "max_reply_length": 2}, "has 3 bytes; it must have 0 to 2"),
        ({"require_reply": "ab cd ef 00"}, None),  # keepalived compares what there is
    ],
)
def test_replies_are_checked_against_the_requirements(serve, udp, wrong):
    got = []
    port = serve(lambda sent: [got.append(sent) or b"\xab\xcd\xef"])
    ask = {"payload": "00 ff", **udp}
    if wrong is None:
        assert _datagram.request("127.0.0.1", port, 5, udp=ask) == b"\xab\xcd\xef"
    else:
        with pytest.raises(_datagram.BadReply, match=wrong):
            _datagram.request("127.0.0.1", port, 5, udp=ask)
    assert got == [b"\x00\xff"]


@pytest.mark.parametrize(
    "udp", [{"payload": "0"}, {"payload": "xx"}, {"require_reply": "0"}, {"require_reply": "any 1"}]
)
def test_invalid_hexadecimal_is_reported(udp):
    [sentence] = _datagram.mistakes(None, udp)
    assert "it must be bytes in hexadecimal" in sentence
