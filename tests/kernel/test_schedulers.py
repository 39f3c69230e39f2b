# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each scheduler of the kernel promises, shown by real connections.

A promise is a function that asserts. It has to hold under its own scheduler and under no other one:
that a table carries the right name is not enough. Under ``twos``, which draws lots, any of them can
hold now and then, so one counts as held if it is held each time.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import select
import socket
import struct

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _model

#: Each stands for a network whose every address is the host's own: thousands of clients, VIPs
#: and real servers without an `ip` command for each.
CLIENTS, SERVERS, VIPS = "10.1", "10.2", "10.3"
MARK = f"table ip t {{ chain c {{ type filter hook prerouting priority mangle; \
ip daddr {VIPS}.0.0/16 meta mark set 1; }}; }}"
CLOSE_AT_ONCE = struct.pack("ii", 1, 0)
REFUSED = "-"
#: How often a scheduler has to keep a promise. Lots keep the easiest one some four times in 100.
TIMES = 10


class Missing(Exception):
    """The kernel has no such scheduler."""


class Site:
    """Clients, a director that translates addresses, and real servers; a host for each kind.

    The virtual service is a firewall mark, which all VIPs share.
    """

    def __init__(self, new_netns, run_module, folder):
        self.clients, self.director, self.servers = new_netns(), new_netns(), new_netns()
        self.run_module = run_module
        self.ports = itertools.count(20000)
        self.pools = itertools.count(1)
        self.director.connect(self.clients, interface="lan0")
        self.director.connect(self.servers, interface="inside0")
        own = "address add {0}.255.1/30 dev eth0\nroute add default via {0}.255.2\n"
        own += "route add local {0}.0.0/17 dev lo\n"
        there = "address add {0}.255.2/30 dev {1}\nroute add {0}.0.0/16 via {0}.255.1\n"
        for host, lines in (
            (self.clients, own.format(CLIENTS)),
            (self.servers, own.format(SERVERS)),
            (
                self.director,
                there.format(CLIENTS, "lan0")
                + there.format(SERVERS, "inside0")
                + f"route add local {VIPS}.0.0/16 dev lo\n",
            ),
        ):
            batch = folder / "batch.ip"
            batch.write_text(lines)
            host.run(f"ip -batch {batch}")
        rules = folder / "mark.nft"
        rules.write_text(MARK)
        self.director.run(f"nft -f {rules}")
        self.director.sysctl("net/ipv4/ip_forward", 1)
        # Each refused client gets an ICMP error, and not one client a second only.
        self.director.sysctl("net/ipv4/icmp_ratelimit", 0)
        with self.servers.entered():
            self.listener = socket.create_server(("0.0.0.0", 80), backlog=100)
        self.listener.settimeout(10)

    def under(self, scheduler, *flags):
        """Return a service, still without a pool, under that scheduler."""
        return Service(self, scheduler, flags)


class Service:
    """A virtual service under one scheduler, with real servers called by letters.

    Each service has real servers of its own, for the kernel remembers those of a former one while
    they have connections.
    """

    def __init__(self, site, scheduler, flags):
        self.site = site
        self.network = f"{SERVERS}.{next(site.pools)}"
        self.settings = {"scheduler": scheduler, "scheduler_flags": list(flags)}
        self.held = collections.defaultdict(list)

    def pool(self, limit=None, **weights):
        """Have these real servers, with these weights, and none else.

        ``limit`` is how many connections one of them may have: {"a": 1}.
        """
        destinations = [
            {
                "address": f"{self.network}.{ord(letter)}",
                "method": "nat",
                "weight": weight,
                "upper_threshold": (limit or {}).get(letter, 0),
            }
            for letter, weight in weights.items()
        ]
        service = {"fwmark": 1, **self.settings, "destinations": destinations}
        with self.site.director.entered():
            result = self.site.run_module("ipvs_table", services=[service], prune="all")
        if "a scheduler or persistence engine the kernel hasn't got" in result.get("msg", ""):
            raise Missing(result["msg"])
        if result.get("failed"):
            raise RuntimeError(result["msg"])

    def hold(self, client=1, vip=1, port=None):
        """Open a connection; return which real server has it, or REFUSED."""
        with self.site.clients.entered():
            asking = socket.socket()
        asking.settimeout(10)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_AT_ONCE)
        # The kernel would choose ports at random, now and then one that IPVS still knows.
        asking.bind((f"{CLIENTS}.0.{client}", port or next(self.site.ports)))
        try:
            asking.connect((f"{VIPS}.0.{vip}", 80))
        except ConnectionRefusedError:
            asking.close()
            return REFUSED
        answering, _client = self.site.listener.accept()
        network, _, number = answering.getsockname()[0].rpartition(".")
        if network != self.network:
            raise RuntimeError(f"{network} is no network of this service")
        server = chr(int(number))
        self.held[server].append((asking, answering))
        return server

    def ask(self, **where):
        """Open a connection and end it; return which real server had it, or REFUSED."""
        server = self.hold(**where)
        if server != REFUSED:
            self._end(*self.held[server].pop())
        return server

    def release(self, server):
        """End all connections that are held at a real server."""
        for ends in self.held.pop(server, ()):
            self._end(*ends)

    def loads(self):
        """Return how many connections each real server holds."""
        return {server: len(ends) for server, ends in sorted(self.held.items()) if ends}

    @staticmethod
    def _end(asking, answering):
        """Reset a connection; when the server has noticed, the director has too."""
        asking.close()
        with answering, contextlib.suppress(ConnectionResetError):
            select.select([answering], [], [], 10)
            answering.recv(1)


@pytest.fixture
def site(new_netns, run_module, tmp_path):
    made = Site(new_netns, run_module, tmp_path)
    yield made
    made.listener.close()


# -- what they promise -------------------------------------------------------------------------


def rr(service):
    """Each in turn, whatever weight and load."""
    service.pool(a=1, b=2, c=3)
    turn = [service.hold(), service.ask(), service.ask()]
    assert sorted(turn) == ["a", "b", "c"]
    assert [service.ask() for _ in range(6)] == turn * 2


def wrr(service):
    """In turn and in proportion to weight, whatever the load."""
    service.pool(a=1, b=2, c=3)
    turn = [service.hold(), *(service.ask() for _ in range(5))]
    assert collections.Counter(turn) == {"a": 1, "b": 2, "c": 3}
    assert [service.ask() for _ in range(6)] == turn


def lc(service):
    """To the one with the fewest connections, whatever the weight."""
    service.pool(a=1, b=2, c=3)
    for _ in range(6):
        service.hold()
    assert service.loads() == {"a": 2, "b": 2, "c": 2}
    service.release("b")
    assert [service.hold(), service.hold()] == ["b", "b"]


def wlc(service):
    """To the one with the fewest connections for its weight: 2 of 1 are as many as 8 of 4."""
    service.pool(a=1, b=4)
    assert {service.hold(), service.hold()} == {"a", "b"}
    for _ in range(5):
        service.hold()
    assert service.loads() == {"a": 2, "b": 5}
    for _ in range(3):
        service.hold()
    assert service.loads() == {"a": 2, "b": 8}
    service.release("a")
    assert [service.hold(), service.hold()] == ["a", "a"]


def sed(service):
    """To the one with the least (connections + 1) / weight, even if another has none."""
    service.pool(a=1, b=4)
    assert [service.hold() for _ in range(3)] == ["b"] * 3
    for _ in range(4):
        service.hold()
    assert service.loads() == {"a": 1, "b": 6}
    service.release("a")
    assert service.hold() == "a"


def nq(service):
    """To one that has none; if there is none such, as under sed."""
    service.pool(a=1, b=4)
    assert {service.hold(), service.hold()} == {"a", "b"}
    service.release("a")
    assert service.hold() == "a"
    assert [service.hold() for _ in range(5)] == ["b"] * 5


def _by_client(service):
    """The same client to the same server, whatever destination and load.

    Returns, of the clients of two servers, which share kept theirs when a third had left.
    """
    clients = range(1, 26)
    service.pool(a=1, b=1, c=1)
    homes = [service.ask(client=n) for n in clients]
    assert set(homes) == {"a", "b", "c"}
    assert [service.hold(client=n, vip=n) for n in clients] == homes
    service.pool(a=1, b=1)
    now = [service.ask(client=n) for n in clients]
    assert set(now) == {"a", "b"}
    kept = [home == new for home, new in zip(homes, now, strict=True) if home != "c"]
    return kept.count(True) / len(kept)


def sh(service):
    """As for _by_client, and a change of the pool moves the clients of all servers."""
    assert _by_client(service) < 0.7


def mh(service):
    """As for _by_client, and a change of the pool moves hardly any others."""
    assert _by_client(service) > 0.9


def dh(service):
    """The same destination to the same server, whatever its load."""
    service.pool(a=2, b=2, c=2)
    homes = [service.ask(vip=n) for n in range(1, 14)]
    assert set(homes) == {"a", "b", "c"}
    assert [service.ask(vip=n, client=n) for n in range(1, 14)] == homes
    assert [service.hold(vip=1) for _ in range(5)] == [homes[0]] * 5


def _locality(service):
    """The same destination to the same server until that has more connections than its weight.

    Returns that server, which has no connections any more, and the one that took over.
    """
    service.pool(a=2, b=2, c=2)
    first = service.hold()
    assert [service.hold(client=2), service.hold(client=3)] == [first] * 2
    second = service.hold()
    assert second != first
    service.release(first)
    return first, second


def lblc(service):
    """As for _locality, and there it stays; another destination goes where the load is least."""
    first, second = _locality(service)
    assert [service.hold(), service.hold()] == [second] * 2
    assert service.hold(vip=2) not in (first, second)


def lblcr(service):
    """As for _locality, and from then on to the lesser loaded of both."""
    first, second = _locality(service)
    assert [service.hold(), service.hold()] == [first, second]
    assert service.hold(vip=2) not in (first, second)


def fo(service):
    """To the one with the highest weight only."""
    service.pool(a=1, b=2, c=3)
    assert {service.hold(client=n, vip=n) for n in range(1, 9)} == {"c"}
    service.pool(a=1, b=2, c=0)
    assert {service.hold(client=n, vip=n) for n in range(1, 9)} == {"b"}


def ovf(service):
    """To the one with the highest weight while it has no more connections than its weight."""
    service.pool(a=1, b=2, c=3)
    assert "".join(service.hold(client=n, vip=n) for n in range(1, 11)) == "ccccbbbaa" + REFUSED
    service.release("b")
    assert service.hold() == "b"
    service.release("c")
    assert service.hold() == "c"


def twos(service):
    """To the lesser loaded of two that are drawn by lot, so seldom to the most loaded.

    A lot falls on the server that was added last with one chance in two, on each other one with
    one in four (ip_vs_twos.c: from 0 to the sum of weights, both included). Both lots fall on the
    server that was added first one time in sixteen.
    """
    service.pool(c=1)
    for _ in range(6):
        service.hold()
    service.pool(c=1, a=1, b=1)
    answers = collections.Counter(service.ask() for _ in range(24))
    assert len(answers) > 1
    answers.update(service.ask() for _ in range(200))
    assert 0 < answers["c"] < 224 / 6
    assert min(answers["a"], answers["b"]) > 224 / 6


PROMISES = {
    promise.__name__: promise
    for promise in (rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos)
}


def test_all_schedulers_are_here():
    assert set(PROMISES) == set(_model.SCHEDULERS)


@pytest.mark.parametrize("scheduler", PROMISES)
def test_a_scheduler_keeps_its_promise_and_no_other_one_would(site, scheduler):
    promise = PROMISES[scheduler]
    others = []
    for other in PROMISES:
        if other != scheduler:
            with contextlib.suppress(AssertionError, Missing):
                for _ in range(TIMES):
                    promise(site.under(other))
                others.append(other)
    assert others == []
    try:
        promise(site.under(scheduler))
    except Missing as missing:
        pytest.skip(str(missing))


# -- their flags, and what holds for all -------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_fallback_serves_the_clients_of_a_server_that_is_full(site, scheduler):
    clients = range(1, 14)
    for flags in ([], [f"{scheduler}-fallback"]):
        service = site.under(scheduler, *flags)
        service.pool(a=1, b=1, c=1)
        homes = [service.ask(client=n) for n in clients]
        service.pool(a=1, b=1, c=1, limit={"c": 1})
        service.hold(client=1 + homes.index("c"))
        now = [service.ask(client=n) for n in clients]
        others = {new for home, new in zip(homes, now, strict=True) if home == "c"}
        assert all(home in (new, "c") for home, new in zip(homes, now, strict=True))
        assert others <= {"a", "b"} if flags else others == {REFUSED}


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_with_the_flag_port_the_connections_of_a_client_are_distributed(site, scheduler):
    service = site.under(scheduler, f"{scheduler}-port")
    service.pool(a=1, b=1, c=1)
    ports = range(40001, 40014)
    homes = [service.ask(port=port) for port in ports]
    assert set(homes) == {"a", "b", "c"}
    assert [service.ask(port=port, vip=2) for port in ports] == homes


def test_weight_0_gets_nothing(site):
    """Where a server belongs to a client or destination, these are refused until it is back."""
    refusing = set()
    for scheduler in PROMISES:
        service = site.under(scheduler)
        try:
            service.pool(a=1, b=1)
        except Missing:
            continue
        service.hold()
        service.pool(a=0, b=1)
        answers = {service.ask(client=n, vip=n) for n in range(1, 9)}
        assert answers in ({"b"}, {"b", REFUSED}), scheduler
        if REFUSED in answers:
            refusing.add(scheduler)
    assert refusing == {"sh", "dh", "mh"}


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_fallback_serves_the_clients_of_a_server_with_weight_0(site, scheduler):
    service = site.under(scheduler, f"{scheduler}-fallback")
    service.pool(a=1, b=1, c=1)
    homes = [service.ask(client=n) for n in range(1, 14)]
    service.pool(a=1, b=1, c=0)
    now = [service.ask(client=n) for n in range(1, 14)]
    assert all(home in (new, "c") for home, new in zip(homes, now, strict=True))
    assert set(now) == {"a", "b"}


def test_a_scheduler_changes_in_place(site):
    service = site.under("rr")
    service.pool(a=1, b=1)
    held = [service.hold(), service.hold(), service.hold()]
    service.settings["scheduler"] = "lc"
    service.pool(a=1, b=1)
    # What began under the former one counts.
    assert service.hold() == held[1]
