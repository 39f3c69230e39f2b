# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module vip_handover in network namespaces: what a client's connections see of it.

The unit that is stopped is one of a systemctl of the test.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _program, _run
from ansible_collections.lvs.cluster.plugins.modules import vip_handover
from ansible_collections.lvs.cluster.tests.run_module import run_module

VIPS = {"ipv4": "192.0.2.149", "ipv6": "2001:db8::149"}
OWN = {"ipv4": "192.0.2.23", "ipv6": "2001:db8::23"}
VIP = VIPS["ipv4"]
ADDRESSES = list(VIPS.values())
TABLE = "table inet lvs_handover"
UNIT = "keepalived.service"
MASTER = {"name": "lvs", "vips": ADDRESSES, "advert_int": 1, "preempt_delay": 0}
PORT = 80
#: Seconds in which an answer would come, and in which a client has sent a SYN again.
SOON, AGAIN = 0.3, 10


@pytest.fixture
def client(netns, peer):
    """Make this namespace a director with VIPs, which answers itself; return the client's."""
    other = peer("eth0", "192.0.2.10/24")
    other.address("2001:db8::10/64")
    for address in (*OWN.values(), *VIPS.values()):
        netns.address(f"{address}/{64 if ':' in address else 24}")
    return other


@pytest.fixture(autouse=True)
def stopped(monkeypatch, tmp_path):
    """Have a systemctl that shows an active unit; return a test of whether it was stopped."""
    program, calls = tmp_path / "systemctl", tmp_path / "calls"
    program.write_text(
        "#!/bin/sh\n"
        '[ "$1" != show ] || exec printf "LoadState=loaded\\nActiveState=active\\n"\n'
        f'echo "$*" >> {calls}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return lambda: calls.exists() and calls.read_text() == f"stop {UNIT}\n"


@pytest.fixture
def server(client):
    """Accept connections in the director's namespace."""
    with socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True) as found:
        found.settimeout(AGAIN)
        yield found


def loaded(netns) -> bool:
    """Return whether the table is there."""
    return TABLE in netns.run("nft list tables").splitlines()


def begin(client, address: str) -> socket.socket:
    """Have a client send a SYN; return its socket at once."""
    with client.entered():
        found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    found.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        found.connect((address, PORT))
    return found


def accepted(server: socket.socket, *clients: socket.socket, seconds: float = AGAIN) -> int:
    """Return how many of some connections are accepted within some time."""
    names = {each.getsockname()[1] for each in clients}
    end, count = time.monotonic() + seconds, 0
    while count < len(names) and (left := end - time.monotonic()) > 0:
        server.settimeout(left)
        with contextlib.suppress(TimeoutError):
            connection, address = server.accept()
            connection.close()
            count += address[1] in names
    return count


def exchange(one: socket.socket, other: socket.socket) -> None:
    """Send something each way over a connection."""
    for sender, receiver in ((one, other), (other, one)):
        receiver.settimeout(AGAIN)
        sender.sendall(b"ping")
        assert receiver.recv(4) == b"ping"


@contextlib.contextmanager
def connected(client, server: socket.socket, address: str) -> Iterator[Callable[[], None]]:
    """Have a connection; what is given shows that it works."""
    with begin(client, address) as one:
        server.settimeout(AGAIN)
        with server.accept()[0] as other:
            yield lambda: exchange(one, other)


class Pauses:
    """Takes the place of the module's pauses, and does something in each instead.

    :ivar seconds: how long they would have been
    """

    def __init__(self, *deeds: Callable[[], Any]) -> None:
        self.seconds: list[float] = []
        self.deeds = list(deeds)

    def __call__(self, seconds: float) -> None:
        """Do what comes next, and pause if that is nothing."""
        self.seconds.append(seconds)
        deed = self.deeds.pop(0) if self.deeds else lambda: time.sleep(seconds)
        deed()


@pytest.mark.parametrize("family", VIPS)
def test_new_connections_are_held_back_during_a_hand_over(
    netns, client, server, stopped, monkeypatch, family
):
    waiting = []

    def meanwhile():
        assert not stopped()
        keeps_on()
        waiting.append(begin(client, VIPS[family]))
        assert accepted(server, *waiting, seconds=SOON) == 0
        with begin(client, OWN[family]) as other:  # no VIP
            assert accepted(server, other) == 1

    pauses = Pauses(meanwhile)
    monkeypatch.setattr(_run, "pause", pauses)
    with connected(client, server, VIPS[family]) as keeps_on:
        result = run_module("vip_handover", vips=ADDRESSES, unit=UNIT, diff=True)
        assert (result.get("msg"), result["changed"]) == (None, True)
        assert pauses.seconds == [vip_handover.SYNCHRONISED]
        assert stopped()
        assert not loaded(netns)
        keeps_on()
        assert accepted(server, *waiting) == 1  # by its next SYN
    waiting[0].close()


def test_check_mode_delays_no_connections(client, stopped, monkeypatch):
    pauses = Pauses()
    monkeypatch.setattr(_run, "pause", pauses)
    monkeypatch.setattr(vip_handover, "load", lambda _text: 1 / 0)
    result = run_module("vip_handover", vips=ADDRESSES, unit=UNIT, check=True)
    assert (result["changed"], result["before"]) == (True, {"active": True})
    result = run_module("vip_handover", vips=ADDRESSES, preempted_by=[MASTER], check=True)
    assert (result["changed"], result["held_vips"]) == (False, ADDRESSES)
    assert not stopped()
    assert pauses.seconds == []


def test_connections_are_delayed_until_preempted_vips_have_left(netns, client, server, monkeypatch):
    waiting = []

    def before():
        assert not loaded(netns)

    def meanwhile():
        waiting.extend(begin(client, vip) for vip in ADDRESSES)
        assert accepted(server, *waiting, seconds=SOON) == 0

    def take(vip):
        assert loaded(netns)
        netns.ip(f"address delete {vip}/{64 if ':' in vip else 24} dev eth0")

    pauses = Pauses(before, meanwhile, *(lambda vip=vip: take(vip) for vip in ADDRESSES))
    monkeypatch.setattr(_run, "pause", pauses)
    late = {**MASTER, "preempt_delay": 30}
    result = run_module("vip_handover", vips=ADDRESSES, preempted_by=[late])
    assert (result.get("msg"), result["held_vips"], result["changed"]) == (None, [], False)
    assert pauses.seconds == [27, vip_handover.SYNCHRONISED, *2 * [vip_handover.POLL]]
    assert not loaded(netns)
    for each in waiting:
        each.close()


def test_vips_that_do_not_leave_are_a_result(netns, client, monkeypatch):
    monkeypatch.setattr(vip_handover, "SYNCHRONISED", 0)
    monkeypatch.setattr(vip_handover, "LEAVE", 0.2)
    result = run_module("vip_handover", vips=ADDRESSES, preempted_by=[{**MASTER, "vips": [VIP]}])
    assert (result.get("msg"), result["held_vips"]) == (None, [VIP])
    assert not loaded(netns)


@pytest.mark.parametrize("fields", [{"preempt": False}, {"vips": ["192.0.2.150"]}])
def test_vips_that_are_not_preempted_are_not_awaited(netns, client, monkeypatch, fields):
    monkeypatch.setattr(_run, "pause", lambda _seconds: 1 / 0)
    result = run_module("vip_handover", vips=ADDRESSES, preempted_by=[{**MASTER, **fields}])
    assert (result.get("msg"), result["held_vips"]) == (None, [])


def test_the_table_is_removed_after_an_error(netns, client, monkeypatch):
    monkeypatch.setattr(vip_handover, "SYNCHRONISED", 0)
    run = _program.run

    def fail(*words, **options):
        if words[:2] == ("systemctl", "stop"):
            assert loaded(netns)
            raise OSError(errno.ENOMEM, "Cannot allocate memory", "systemctl")
        return run(*words, **options)

    monkeypatch.setattr(_program, "run", fail)
    result = run_module("vip_handover", vips=ADDRESSES, unit=UNIT)
    assert result["mistakes"] == [
        "systemctl: Cannot allocate memory.",
        "New TCP connections to the VIPs are accepted again.",
    ]
    assert not loaded(netns)


class Child:
    """The module in a process of its own, a fork of this one, which is stuck in a pause."""

    def __init__(self, **options: Any) -> None:
        self._read_end, write_end = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            status = 1
            with contextlib.suppress(BaseException):  # nothing of pytest's is to be run here
                for each in _run.ENDING:  # nohup ignores one
                    signal.signal(each, signal.SIG_DFL)
                os.close(self._read_end)
                os.write(write_end, json.dumps(run_module("vip_handover", **options)).encode())
                status = 0
            os._exit(status)
        os.close(write_end)

    def end(self, sent: signal.Signals) -> Any:
        """Send a signal; return the module's result, None if there is none."""
        os.kill(self.pid, sent)
        with open(self._read_end, "rb") as file:
            text = file.read()
        os.waitpid(self.pid, 0)
        return json.loads(text) if text else None


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("options", [{"unit": UNIT}, {"preempted_by": [MASTER]}])
@pytest.mark.parametrize("sent", _run.ENDING)
def test_the_table_is_removed_by_a_module_that_is_asked_to_end(
    netns, client, stopped, monkeypatch, sent, options
):
    # One ends while connections are synchronised, the other while VIPs are to leave.
    stuck = "SYNCHRONISED" if "unit" in options else "LEAVE"
    monkeypatch.setattr(vip_handover, "SYNCHRONISED", 0)
    monkeypatch.setattr(vip_handover, stuck, 600)
    child = Child(vips=ADDRESSES, **options)
    wait_for(lambda: loaded(netns))
    result = child.end(sent)
    assert result["mistakes"] == [
        f"{sent.name} ended this run before it had finished.",
        "New TCP connections to the VIPs are accepted again.",
    ]
    assert not loaded(netns)
    assert not stopped()


def test_the_table_of_a_killed_module_expires(netns, client, server, monkeypatch):
    monkeypatch.setattr(vip_handover, "SYNCHRONISED", 600)
    monkeypatch.setattr(vip_handover, "EXPIRES", 2)
    child = Child(vips=ADDRESSES, unit=UNIT)
    wait_for(lambda: loaded(netns))
    with begin(client, VIP) as one:
        assert accepted(server, one, seconds=SOON) == 0
        assert child.end(signal.SIGKILL) is None
        assert loaded(netns)
        assert accepted(server, one) == 1
    assert loaded(netns)

    monkeypatch.setattr(vip_handover, "SYNCHRONISED", 0)
    assert run_module("vip_handover", vips=ADDRESSES, unit=UNIT)["changed"]
    assert not loaded(netns)
