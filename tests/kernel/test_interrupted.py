# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules killed wherever they can be, and two of them at once.

A module runs in a process of its own, a fork of this one, and ends itself by SIGKILL before its
n-th write: to a directory, to the kernel, or by a program. Whatever n, the next run with the same
options has to come to what an uninterrupted run does, and one that takes all away to what was
there at first, kernel and files alike.

An emulated machine takes minutes for every n, so by default it is the one in the middle, when the
state file is written and part of the kernel's is done. To kill before every write, and to have 100
pairs of modules at once:

    lab/lab.py exec -- python tests/kernel/run.py tests/kernel/test_interrupted.py --every-cut \\
        --pairs=100 --override-ini=faulthandler_timeout=1500
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

import pyroute2  # noqa: F401  It takes seconds in the lab, and a fork of this process has it then.
import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _boot,
    _ipvs,
    _links,
    _lock,
    _program,
    _sysctl,
)
from ansible_collections.lvs.cluster.tests.run_module import run_module

FORWARD, TTL = "net/ipv4/ip_forward", "net/ipv4/ip_default_ttl"
REDIRECTS, LONE = "net/ipv4/conf/all/accept_redirects", "net/ipv4/conf/eth1/forwarding"
PORTS = "net/ipv4/ip_local_port_range"
VIP, VIP2, VIP6 = "192.0.2.149", "192.0.2.150", "2001:db8::149"
DIRECTOR, ROUTER = "192.0.2.1", "192.0.2.9"


class Case(NamedTuple):
    """A module, what it is to make of the machine one after the other, and what that shows in.

    :ivar wishes: options; the last ones take everything away
    :ivar seen: what the test compares of the kernel: words of programs, or keys of sysctl
    :ivar seen_at_the_end: what it compares besides when all was taken away
    """

    module: str
    wishes: list[dict[str, Any]]
    seen: list[str]
    seen_at_the_end: list[str] = []


GRE = {"type": "gre", "address": "192.0.2.31", "checksum": "checksum"}
IPIP = {"type": "ipip", "address": "192.0.2.31"}
GUE = {"type": "gue", "address": "192.0.2.31", "port": 6080}


def service(port: int, scheduler: str = "rr", *pool: str) -> dict[str, Any]:
    """Return a virtual service as ipvs_table takes it."""
    destinations = [{"address": address} for address in pool or ("192.0.2.31", "192.0.2.32")]
    return {"vip": VIP, "port": port, "scheduler": scheduler, "destinations": destinations}


MARKS = "chain a {{\n  type filter hook prerouting priority mangle\n  meta mark set {}\n}}"
POLICY = {"gateways": [DIRECTOR], "answers": [{"address": "192.0.2.31", "port": 80}]}
DEFAULT = {"gateways": [DIRECTOR], "route": "default"}
NONE = {"state": "absent"}
ROUTES = ["ip -N rule show", "ip -N route show table all"]
CASES = {
    "vips": Case(
        "vip_iface",
        [
            {"interface": "lo", "vips": [VIP, VIP6]},
            {"interface": "lo", "vips": [VIP6, VIP2]},
            NONE,
        ],
        ["ip -o address show"],
    ),
    "announced": Case(
        "vip_iface",
        [{"interface": "eth0", "vips": [VIP]}, {"interface": "eth0", "vips": [VIP2]}, NONE],
        ["ip -o address show"],
    ),
    "sysctls": Case(
        "sysctls",
        [
            {"values": {FORWARD: 1, TTL: 60}},
            {"values": {TTL: 61, PORTS: "20000 50000"}},
            {"values": {FORWARD: 1, PORTS: "20001 50000"}},
            {"values": {}},
        ],
        [FORWARD, TTL, PORTS, REDIRECTS, LONE],
    ),
    "arp": Case(
        "arp_suppress",
        [
            {"interfaces": ["eth0", "eth1"], "rp_filter": "off"},
            {"interfaces": ["eth0"], "rp_filter": "loose"},
            NONE,
        ],
        [_sysctl.conf_key(name, key) for name in ("all", "eth0", "eth1") for key in _sysctl.ARP],
    ),
    "policy, default": Case("return_route", [POLICY, DEFAULT, NONE], ROUTES),
    "default, policy": Case("return_route", [DEFAULT, POLICY, NONE], ROUTES),
    "tunnels": Case(
        "tunnel_iface",
        [{"tunnels": [IPIP, GRE]}, {"tunnels": [GUE]}, NONE],
        ["ip -o -br link show", "ip fou show"],
    ),
    "table": Case(
        "ipvs_table",
        [
            {"services": [service(80), service(81)], "prune": "destinations"},
            {"services": [service(82), service(80, "wlc", "192.0.2.33")], "prune": "destinations"},
            {"services": []},
        ],
        ["ipvsadm --save --numeric"],
        ["nft list ruleset"],  # an empty guard against refusals may be left until the next change
    ),
    "rules": Case(
        "nft_table",
        [
            {"name": "one", "rules": MARKS.format(1)},
            {"name": "two", "rules": MARKS.format(2)},
            {"name": "two", **NONE},
        ],
        ["nft list ruleset"],
    ),
}


@pytest.fixture
def no_pauses(monkeypatch):
    """Announce VIPs without the pauses between; no neighbour is looked at here."""
    monkeypatch.setattr(_boot, "time", mock.Mock())


@pytest.fixture(params=CASES)
def case(request, netns, peer, tmp_path, no_pauses):
    """A case, in a namespace that has what its module needs."""
    found = CASES[request.param]
    peer("eth0", "192.0.2.1/24").address("2001:db8::1/64")
    peer("eth1")
    netns.address("192.0.2.31/24")
    netns.address("2001:db8::31/64")
    for key, value in {FORWARD: 0, REDIRECTS: 0, LONE: 1}.items():
        netns.sysctl(key, value)
    suppressed = found.module == "vip_iface" and request.param == "vips"
    for name in "all", "default", "eth0", "eth1":
        netns.sysctl(_sysctl.conf_key(name, "arp_ignore"), int(suppressed and name == "all"))
        netns.sysctl(
            _sysctl.conf_key(name, "arp_announce"), 2 if suppressed and name == "all" else 0
        )
        netns.sysctl(_sysctl.conf_key(name, "rp_filter"), 0 if name == "all" else 1)
    if found.module == "arp_suppress":
        netns.sysctl(_sysctl.conf_key("eth1", "arp_ignore"), 3)
    if found.module == "return_route":
        netns.run(f"ip route add default via {ROUTER}")
        netns.run("ip -6 route add default via 2001:db8::9 metric 1")
    if found.module == "tunnel_iface":
        for name in "tunl0", "gre0":
            netns.ip(f"link show {name}")  # what the lab's kernel has from the beginning
    save = tmp_path / "lvs" / "file.conf"
    save.parent.mkdir()
    return found._replace(wishes=[{**wish, "save": str(save)} for wish in found.wishes])


def state(case: Case, *, end: bool = False) -> dict[str, Any]:
    """Return what there is, of the kernel and of files; ``end`` when all was taken away."""
    seen: dict[str, Any] = {}
    for what in [*case.seen, *(case.seen_at_the_end if end else [])]:
        if " " in what:
            done = subprocess.run(what.split(), check=False, capture_output=True, text=True)
            lines = done.stdout.replace(" tentative", "").splitlines()
            # The kernel adds addresses and routes of links by itself, some time later.
            seen[what] = sorted(line for line in lines if "fe80:" not in line)
        else:
            seen[what] = _sysctl.read(what)
    folder = os.path.dirname(case.wishes[0]["save"])
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            # In a file for `ip -batch`, what was listed before comes first.
            seen[name] = (f"{os.stat(path).st_mode:o}", sorted(file))
    return seen


def run(case: Case, wish: dict[str, Any]) -> dict[str, Any]:
    """Run the module, in this process."""
    result = run_module(case.module, **wish)
    assert "failed" not in result, result
    return result


# ------------------------------------------------------------------------------------- killing


class Knife:
    """Counts what a module does to the machine, and kills the process before one such deed.

    :ivar limit: the number of the deed that is not done any more; 0 for none
    :ivar pause: for up to how many seconds to wait before each, so that another one comes between
    """

    def __init__(self, limit: int = 0, pause: float = 0) -> None:
        self.limit = limit
        self.pause = pause
        self.count = 0

    def tick(self) -> None:
        """Count a deed."""
        self.count += 1
        if self.pause:
            time.sleep(random.uniform(0, self.pause))
        if self.count == self.limit:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, stack: contextlib.ExitStack, where: Any, name: str) -> None:
        """Count each call of a function as a deed, except to take away a file that is not there."""
        original = getattr(where, name)

        def counted(*words: Any, **options: Any) -> Any:
            if name != "unlink" or os.path.lexists(words[0]):
                self.tick()
            return original(*words, **options)

        stack.enter_context(mock.patch.object(where, name, counted))

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Count what is done meanwhile."""
        program = _program.run

        def run(*words: str, text: str = "", **options: Any) -> Any:
            if "-json" in words or "--check" in words or text.startswith("list "):
                return program(*words, text=text, **options)  # it only reads
            if "-batch" not in words:
                self.tick()
                return program(*words, text=text, **options)
            for line in text.splitlines():
                self.tick()
                done = program(*words, text=f"{line}\n", **options)
                assert done.returncode == 0, done
            return done

        with contextlib.ExitStack() as stack:
            # Before a file is renamed, its text is in one beside it: that is a cut of its own.
            for name in "rename", "unlink":
                self.watch(stack, _atomic_file.os, name)
            self.watch(stack, _sysctl, "_write")
            self.watch(stack, _links, "carry_out")
            self.watch(stack, _links, "announce")
            self.watch(stack, _ipvs.Ipvs, "_send")
            stack.enter_context(mock.patch.object(_ipvs, "BATCH", 1))
            stack.enter_context(mock.patch.object(_program, "run", run))
            yield
            self.tick()  # and after the last deed


def in_child(work: Callable[[], Any]) -> tuple[int, Callable[[], Any]]:
    """Start work in a process of its own; return its id and what waits for its answer.

    The answer is None if the process was killed.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):  # nothing of pytest's is to be run here
            os.close(read_end)
            os.write(write_end, json.dumps(work()).encode())
            status = 0
        os._exit(status)
    os.close(write_end)

    def wait() -> Any:
        with open(read_end, "rb") as file:
            text = file.read()
        _child, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return None
        assert status == 0, "the child failed"
        return json.loads(text)

    return child, wait


def cut(case: Case, wish: dict[str, Any], limit: int) -> int | None:
    """Run the module until its deed of that number, and return None if it was killed there.

    If there is no such deed, return how many there are.
    """

    def work() -> Any:
        knife = Knife(limit)
        with knife.at_work():
            result = run_module(case.module, **wish)
        return [knife.count, result]

    _child, wait = in_child(work)
    answer = wait()
    if answer is None:
        return None
    count, result = answer
    assert "failed" not in result, result
    assert count > 2, "too few deeds were counted"
    return int(count)


@pytest.fixture
def places(request):
    """Return the numbers of the deeds before which a run of so many deeds is killed."""

    def choose(count: int) -> Iterable[int]:
        every = request.config.getoption("every_cut")
        return range(1, count + 1) if every else [count // 2 + 1]

    return choose


def test_a_module_may_be_killed_anywhere(case, places):
    first = state(case, end=True)
    *_wishes, nothing = case.wishes
    counts, reached = [], []
    for wish in case.wishes:
        counts.append(cut(case, wish, 0))
        reached.append(state(case, end=wish is nothing))
    assert reached[-1] == first

    for place, wish in enumerate(case.wishes):
        wanted = reached[place]

        def kill(place: int, number: int) -> dict[str, Any]:
            for each in case.wishes[:place]:
                run(case, each)
            assert cut(case, case.wishes[place], number) is None
            return state(case)

        for number in places(counts[place]):
            where = f"{case.module}, options {place}, killed before deed {number}"
            left = kill(place, number)
            run(case, wish)
            assert state(case, end=wish is nothing) == wanted, f"{where}: {left}"
            if wish is nothing:
                continue
            run(case, nothing)
            # The other way round: not run again, but all taken away.
            left = kill(place, number)
            run(case, nothing)
            assert state(case, end=True) == first, f"{where}, then all taken away: {left}"
        run(case, nothing)
    assert not os.listdir(os.path.dirname(nothing["save"]))


@pytest.mark.parametrize("case", ["announced"], indirect=True)
def test_a_vip_is_announced_by_the_next_run_if_it_was_not(case):
    wish, *_others, nothing = case.wishes
    assert cut(case, wish, 0) == 5
    # The VIP is there when the third deed, to announce it, is left out, and the file is not
    # written again before the fourth. Killed at the very end, a run has left nothing to be done.
    for number, announced in {3: [VIP], 4: [VIP], 5: []}.items():
        run(case, nothing)
        assert cut(case, wish, number) is None
        assert f"{VIP}/32" in str(state(case)["ip -o address show"])
        assert run(case, wish).get("announced", []) == announced


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("case", ["vips", "sysctls"], indirect=True)
def test_a_module_that_gets_a_signal_undoes_its_changes(case, sent):
    first_wish, wish, *_others = case.wishes
    run(case, first_wish)
    before = state(case)
    deed = _sysctl if case.module == "sysctls" else _links
    name = "_write" if case.module == "sysctls" else "carry_out"
    original = getattr(deed, name)

    def work() -> Any:
        def interrupted(*words: Any) -> Any:
            os.kill(os.getpid(), sent)
            return original(*words)

        with mock.patch.object(deed, name, interrupted):
            return run_module(case.module, **wish)

    _child, wait = in_child(work)
    result = wait()
    assert result["mistakes"][0] == f"{sent.name} ended this run before it had finished."
    assert result["mistakes"][1:] == [
        "All settings are as they were."
        if case.module == "sysctls"
        else "The addresses are as they were."
    ]
    assert state(case) == before


@pytest.mark.parametrize("case", ["vips", "sysctls", "arp", "table", "rules"], indirect=True)
def test_two_modules_at_once_end_in_the_state_of_one(case, capsys, request):
    pairs = request.config.getoption("pairs")
    one, two, *_others = case.wishes
    nothing = case.wishes[-1]
    reached = {}
    for name, wish in {"one": one, "two": two}.items():
        run(case, nothing)
        run(case, wish)
        reached[name] = state(case)
    assert reached["one"] != reached["two"]
    last = []
    for pair in range(pairs):
        go, ready = os.pipe()

        def work(wish: dict[str, Any], gate: int = go, other: int = ready) -> Any:
            os.close(other)
            os.read(gate, 1)  # both begin when it is closed
            with Knife(pause=0.002).at_work():
                return run_module(case.module, **wish)

        order = [one, two] if pair % 2 else [two, one]
        waits = [in_child(partial(work, wish))[1] for wish in order]
        os.close(ready)
        os.close(go)
        for wait in waits:
            result = wait()
            assert "failed" not in result, result
        now = state(case)
        assert now in reached.values(), now
        last.append("one" if now == reached["one"] else "two")
    with capsys.disabled():
        print(f"{case.module}: of {pairs} pairs {last.count('one')} ended in one, the rest in two")


@pytest.fixture
def small_disk(tmp_path):
    """A folder that is soon full: of three blocks."""
    folder = tmp_path / "small"
    folder.mkdir()
    size = 3 * os.sysconf("SC_PAGE_SIZE")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(path):
    """Write to a file until the disk is full."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1000))


def test_a_full_disk_is_reported_with_what_was_done(netns, run_module, small_disk, monkeypatch):
    ttl = netns.sysctl(TTL)
    save, full = small_disk / "file.conf", small_disk / "full"
    run_module("sysctls", values={TTL: 60}, save=str(save))
    write = _sysctl._write

    def fills(key, value):
        fill(full)
        write(key, value)

    monkeypatch.setattr(_sysctl, "_write", fills)
    refused = "net/ipv4/tcp_syn_retries"
    result = run_module("sysctls", values={TTL: 61, refused: 999}, save=str(save))
    *reasons, not_back = result["mistakes"]
    assert reasons == [
        f"{refused} = 999: the kernel refused: Invalid argument.",
        "All settings are as they were.",
    ]
    assert not_back.startswith(f"{save} could not be restored (No space left on device): it lists")
    assert netns.sysctl(TTL) == "60"

    full.unlink()
    # The settings are made and the disk is full when one goes from the file.
    result = run_module("sysctls", values={TTL: 62}, save=str(save))
    assert f"The change is made, but {save} could not be written (No space" in result["msg"]
    assert netns.sysctl(TTL) == "62"
    assert run_module("sysctls", values={}, save=str(save))["changed"]  # needs no space
    assert netns.sysctl(TTL) == ttl
    assert [entry.name for entry in small_disk.iterdir()] == ["full"]


def test_a_module_waits_for_another_one_and_reports_it(netns, run_module, monkeypatch, tmp_path):
    monkeypatch.setattr(_lock, "WAIT", 0.2)
    options = {"values": {TTL: 61}, "save": str(tmp_path / "file.conf")}
    with _lock.held("lvs.cluster.arp_suppress"):
        result = run_module("sysctls", **options)
        assert result["failed"]
        assert f"lvs.cluster.arp_suppress (process {os.getpid()}, since 2" in result["msg"]
        assert run_module("sysctls", check=True, **options)["changed"]
    assert run_module("sysctls", **options)["changed"]
