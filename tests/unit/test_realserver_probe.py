# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module realserver_probe asks servers of this process."""

from __future__ import annotations

import http.server
import socket
import socketserver
import threading

import pytest


class Page(http.server.BaseHTTPRequestHandler):
    """Answers 200 for /good, and 503 with the requested host for the rest."""

    def do_GET(self):
        good = self.path == "/good"
        self.send_response(200 if good else 503, None if good else self.headers["Host"])
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def refused():
    """A port at which no program listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


def at(port, **fields):
    return {"name": "rs20", "address": "127.0.0.1", "port": port, **fields}


def test_servers_that_answer(run_main, port):
    servers = [at(port), at(port, path="/good"), at(port, path="/no", status=["200", "500-599"])]
    assert run_main("realserver_probe", servers=servers)["silent"] == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"path": "/no", "host": "example.org"}, "HTTP 503 example.org"),
        ({"path": "/good", "status": ["204"]}, "HTTP 200 OK"),
    ],
)
def test_an_answer_with_another_status(run_main, port, fields, why):
    result = run_main("realserver_probe", servers=[at(port, **fields)], seconds=0)
    assert result["failed"]
    assert result["silent"] == [f"rs20 (127.0.0.1:{port}): {why}"]


def test_a_server_that_is_unreachable(run_main, refused):
    result = run_main("realserver_probe", servers=[at(refused)], seconds=0)
    assert result["msg"].startswith("After 0 s, not all real servers answer: rs20 (127.0.0.1:")
    assert "refused" in result["silent"][0]
    looked = run_main("realserver_probe", check=True, servers=[at(refused)])
    assert not looked.get("failed")
    assert looked["silent"] == result["silent"]


def test_a_server_that_recovers_in_time_is_ok(run_main, refused):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def come_back():
        listener.bind(("127.0.0.2", refused))
        listener.listen()

    timer = threading.Timer(0.5, come_back)
    timer.start()
    try:
        servers = [at(refused, address="127.0.0.2")]
        assert run_main("realserver_probe", servers=servers, seconds=20)["silent"] == []
    finally:
        timer.join()
        listener.close()


def test_invalid_statuses_are_reported(run_main, port):
    result = run_main("realserver_probe", servers=[at(port, path="/", status=["ok"])])
    assert result["msg"] == "status is 'ok'; it must be such as 200 or 200-299."


@pytest.fixture
def pong():
    """A port that answers each datagram with pong."""

    class Pong(socketserver.BaseRequestHandler):
        def handle(self):
            self.request[1].sendto(b"pong", self.client_address)

    server = socketserver.UDPServer(("127.0.0.1", 0), Pong)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_servers_that_are_asked_by_udp(run_main, pong, refused):
    good = {"payload": "00", "require_reply": "706f6e67"}
    assert run_main("realserver_probe", servers=[at(pong, udp=good)])["silent"] == []
    bad = [at(pong, udp={"require_reply": "00"}), at(refused, udp={}), at(pong, dns={})]
    silent = run_main("realserver_probe", servers=bad, seconds=0, timeout=0.2)["silent"]
    assert [line.rpartition(": ")[2] for line in silent] == [
        "the reply is 706f6e67; it must be 00",
        "[Errno 111] Connection refused",
        "no reply within 0.2 s",
    ]


def test_a_request_has_valid_options_of_one_protocol(run_main, pong):
    both = at(pong, path="/", udp={})
    assert "mutually exclusive" in run_main("realserver_probe", servers=[both])["msg"]
    result = run_main("realserver_probe", servers=[at(pong, dns={"name": "a..b"})])
    assert result["msg"].startswith("dns: name is 'a..b'")
