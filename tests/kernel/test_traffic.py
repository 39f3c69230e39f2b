# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic through what the modules set up: protocols, marks, persistence, thresholds, IPv6.

All of it by direct routing on one LAN, where the real servers hold the VIPs too.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import select
import socket
import threading
import time

import pytest

VIP, VIP6 = "192.0.2.149", "2001:db8::149"
RS31, RS32 = "192.0.2.31", "192.0.2.32"
POOL = [{"address": RS31}, {"address": RS32}]
POOL6 = [{"address": "2001:db8::31"}, {"address": "2001:db8::32"}]
CLIENTS = ("192.0.2.10", "192.0.2.11")
CLIENT6 = "2001:db8::10"
TCP, UDP = (socket.SOCK_STREAM, 0), (socket.SOCK_DGRAM, 0)
SCTP = (socket.SOCK_STREAM, 132)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Cluster:
    """A director, two real servers and a client with two addresses; sockets that know them."""

    def __init__(self, lan, run_module, folder):
        self.lan, self.run_module, self.folder = lan, run_module, folder
        self.director = lan.host("192.0.2.23/24")
        self.client = lan.host(f"{CLIENTS[0]}/24")
        self.client.address(f"{CLIENTS[1]}/24")
        self.real = {RS31: lan.host(f"{RS31}/24"), RS32: lan.host(f"{RS32}/24")}
        self.opened = contextlib.ExitStack()
        self.listeners = {}

    def module(self, host, name, **options):
        """Run a module on a host; it must not fail."""
        with host.entered():
            result = self.run_module(name, **options)
        assert not result.get("failed"), result["msg"]
        return result

    def hold_vips(self, *vips):
        """Give real servers and director the VIPs as the roles do."""
        for name, host in self.real.items():
            arp = self.folder / f"{name}.conf"
            self.module(host, "arp_suppress", interfaces=["eth0"], save=str(arp))
            self.module(host, "vip_iface", interface="lo", vips=vips)
        self.module(self.director, "vip_iface", interface="eth0", vips=vips, announce=False)

    def table(self, *services):
        """Have these services and none else."""
        self.module(self.director, "ipvs_table", services=services, prune="all")

    def serve(self, port, kind=TCP, vip=VIP):
        """Listen at the VIP on all real servers."""
        for name, host in self.real.items():
            with host.entered():
                listener = self.opened.enter_context(socket.socket(family(vip), *kind))
            listener.bind((vip, port))
            if kind[0] == socket.SOCK_STREAM:
                listener.listen()
            self.listeners[listener] = name

    def asking(self, kind=TCP, client=CLIENTS[0]):
        """Return a client's socket."""
        with self.client.entered():
            asking = self.opened.enter_context(socket.socket(family(client), *kind))
        asking.settimeout(10)
        asking.bind((client, 0))
        return asking

    def asked(self):
        """Return the socket at which something arrives, and whose it is."""
        ready, _, _ = select.select(self.listeners, [], [], 10)
        (listener,) = ready
        return listener, self.listeners[listener]

    def connect(self, port, kind=TCP, vip=VIP, client=CLIENTS[0]):
        """Open a connection that stays; return who has it and its two ends."""
        asking = self.asking(kind, client)
        asking.connect((vip, port))
        listener, name = self.asked()
        answering, _ = listener.accept()
        self.opened.enter_context(answering)
        answering.sendall(name.encode())
        assert asking.recv(100) == name.encode()
        return name, asking, answering

    def ask(self, port, **where):
        """Open a connection and end it; return who had it."""
        name, asking, answering = self.connect(port, **where)
        asking.close()
        answering.close()
        return name

    def send(self, asking, port):
        """Send a datagram from a client's socket, and let it be answered; return by whom."""
        asking.sendto(b"?", (VIP, port))
        listener, name = self.asked()
        _, client = listener.recvfrom(100)
        listener.sendto(name.encode(), client)
        assert asking.recvfrom(100) == (name.encode(), (VIP, port))
        return name


@pytest.fixture
def bare(lan, run_module, tmp_path):
    """The cluster, in which no host holds a VIP."""
    made = Cluster(lan, run_module, tmp_path)
    with made.opened:
        yield made


@pytest.fixture
def cluster(bare):
    bare.hold_vips(VIP)
    return bare


def web(**fields):
    return {"vip": VIP, "port": 80, "scheduler": "rr", "destinations": POOL, **fields}


def test_datagrams_of_one_socket_stay_together_unless_each_is_scheduled(cluster):
    cluster.serve(53, UDP)
    service = web(port=53, protocol="udp")
    cluster.table(service)
    first, second = cluster.asking(UDP), cluster.asking(UDP)
    to_first = {cluster.send(first, 53) for _ in range(3)}
    to_second = {cluster.send(second, 53) for _ in range(3)}
    assert sorted([*to_first, *to_second]) == [RS31, RS32]

    cluster.table({**service, "one_packet": True})
    third = cluster.asking(UDP)
    turn = [cluster.send(third, 53) for _ in range(4)]
    assert sorted(turn[:2]) == [RS31, RS32]
    assert turn[2:] == turn[:2]


def test_sctp(cluster):
    try:
        cluster.serve(3868, SCTP)
    except OSError as error:
        if error.errno != errno.EPROTONOSUPPORT:
            raise
        pytest.skip("this kernel has no SCTP; the lab's has")
    cluster.table(web(port=3868, protocol="sctp"))
    turn = [cluster.ask(3868, kind=SCTP) for _ in range(4)]
    assert sorted(turn[:2]) == [RS31, RS32]
    assert turn[2:] == turn[:2]


def test_with_a_mark_a_client_has_one_server_at_two_ports(cluster, tmp_path):
    rules = tmp_path / "mark.nft"
    rules.write_text(
        "table ip lvs { chain prerouting { type filter hook prerouting priority mangle;"
        f" ip daddr {VIP} tcp dport {{ 80, 443 }} meta mark set 7; }}; }}\n"
    )
    cluster.director.run(f"nft -f {rules}")
    cluster.serve(80)
    cluster.serve(443)
    marked = {"fwmark": 7, "scheduler": "rr", "destinations": POOL}
    cluster.table(marked)
    assert {cluster.ask(80), cluster.ask(443)} == {RS31, RS32}

    cluster.table({**marked, "persistence_timeout": 60})
    both = [{cluster.ask(port, client=c) for port in (80, 443, 80)} for c in CLIENTS]
    assert sorted(both, key=str) == [{RS31}, {RS32}]


def test_port_0_is_every_port_and_a_client_stays_with_its_server(cluster):
    ports = (80, 443, 8080)
    for port in ports:
        cluster.serve(port)
    cluster.table(web(port=0, persistence_timeout=50))
    homes = [{cluster.ask(port, client=client) for port in ports} for client in CLIENTS]
    assert sorted(homes, key=str) == [{RS31}, {RS32}]
    # A service of its own takes its port out of that.
    cluster.table(web(port=0, persistence_timeout=50), web(port=8080))
    assert {cluster.ask(8080), cluster.ask(8080)} == {RS31, RS32}


def test_clients_are_grouped_by_the_mask_of_persistence(cluster):
    cluster.serve(80)
    cluster.table(web(persistence_timeout=50, persistence_mask=24))
    assert len({cluster.ask(80, client=client) for client in CLIENTS * 2}) == 1
    cluster.table()
    cluster.table(web(persistence_timeout=50))
    assert len({cluster.ask(80, client=client) for client in CLIENTS * 2}) == 2


@pytest.mark.parametrize("expire", [0, 1])
def test_weight_0_and_a_persistent_client(cluster, expire):
    """Its next connection goes where its last one went, unless the kernel is set otherwise."""
    cluster.director.sysctl("net/ipv4/vs/expire_quiescent_template", expire)
    cluster.serve(80)
    cluster.table(web(persistence_timeout=50))
    home, asking, answering = cluster.connect(80)
    (other,) = {RS31, RS32} - {home}
    drained = [{"address": home, "weight": 0}, {"address": other}]
    cluster.table(web(persistence_timeout=50, destinations=drained))

    assert cluster.ask(80) == (other if expire else home)
    assert cluster.ask(80, client=CLIENTS[1]) == other
    asking.sendall(b"still here")
    assert answering.recv(100) == b"still here"


def test_a_full_server_gets_no_more_until_it_has_room(cluster):
    cluster.serve(80)
    full = {"address": RS31, "upper_threshold": 2, "lower_threshold": 1}
    cluster.table(web(destinations=[full, {"address": RS32}]))
    # An entry lives on for a while when its connection has ended, and counts.
    cluster.director.run("ipvsadm --set 0 1 0")
    held = [cluster.connect(80) for _ in range(6)]
    assert sorted(name for name, _, _ in held) == [RS31] * 2 + [RS32] * 4
    for _, asking, answering in held:
        asking.close()
        answering.close()
    deadline = time.monotonic() + 15
    while cluster.ask(80) != RS31:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_no_client_is_refused_while_the_scheduler_changes(cluster):
    """The kernel has none then, for some milliseconds."""
    cluster.serve(80)
    cluster.table(web())
    done, served, failed = threading.Event(), [], []

    def answer(listener):
        listener.settimeout(0.5)
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()

    def ask():
        with cluster.client.entered():
            while not done.is_set():
                try:
                    socket.create_connection((VIP, 80), timeout=10).close()
                    served.append(True)
                except OSError as error:
                    failed.append(error)

    threads = [threading.Thread(target=answer, args=[listener]) for listener in cluster.listeners]
    threads += [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(20):
            cluster.table(web(scheduler=("wrr", "rr")[turn % 2]))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert served
    assert not failed
    assert "lvs_reschedule" not in cluster.director.run("nft list tables")


@pytest.fixture
def both_families(bare):
    """The cluster with an IPv4 and an IPv6 VIP, and a service at each."""
    for number, host in ((23, bare.director), (31, bare.real[RS31]), (32, bare.real[RS32])):
        host.address(f"2001:db8::{number}/64")
    bare.client.address(f"{CLIENT6}/64")
    bare.hold_vips(VIP, VIP6)
    bare.table(web(), web(vip=VIP6, destinations=POOL6))
    for vip in (VIP, VIP6):
        bare.serve(80, vip=vip)
    return bare


def ipv6_addresses(host, interface):
    """Return the IPv6 addresses of an interface with their flags."""
    (link,) = host.ip(f"-6 address show dev {interface}")
    return {ipaddress.ip_address(each["local"]): each for each in link["addr_info"]}


def dad(host, interface):
    """Return the state of duplicate address detection for the VIP on an interface."""
    flags = ipv6_addresses(host, interface)[ipaddress.ip_address(VIP6)]
    return "failed" if "dadfailed" in flags else "under way" if "tentative" in flags else "passed"


def test_each_address_family_is_load_balanced_by_itself(both_families):
    where = ({"vip": VIP}, {"vip": VIP6, "client": CLIENT6})
    turn = [both_families.ask(80, **where[number % 2]) for number in range(8)]
    for answers in (turn[::2], turn[1::2]):
        assert sorted(answers[:2]) == [RS31, RS32]
        assert answers[2:] == answers[:2]


def test_only_the_director_answers_for_an_ipv6_vip(both_families):
    client, director = both_families.client, both_families.director
    both_families.ask(80, vip=VIP6, client=CLIENT6)
    (entry,) = client.ip(f"-6 neighbour show to {VIP6}")
    assert entry["lladdr"] == director.mac()

    client.sysctl("net/ipv6/neigh/eth0/retrans_time_ms", 100)
    director.ip("link set eth0 down")
    client.ip("-6 neighbour flush dev eth0")
    asking = both_families.asking(client=CLIENT6)
    with pytest.raises(OSError, match="No route to host"):
        asking.connect((VIP6, 80))
    # It is the interface that matters: on this one a real server would answer.
    both_families.real[RS31].address(f"{VIP6}/128")
    assert both_families.ask(80, vip=VIP6, client=CLIENT6) == RS31


def test_duplicate_address_detection_fails_no_vip(both_families):
    holders = [(both_families.director, "eth0")]
    holders += [(host, "lo") for host in both_families.real.values()]
    assert [dad(host, interface) for host, interface in holders] == ["passed"] * 3

    backup = both_families.lan.host("192.0.2.24/24")
    backup.ip(f"address add {VIP6}/128 dev eth0")
    deadline = time.monotonic() + 10
    while dad(backup, "eth0") != "failed":  # what happens without care
        assert time.monotonic() < deadline
        time.sleep(0.1)
    backup.ip(f"address delete {VIP6}/128 dev eth0")
    both_families.module(backup, "vip_iface", interface="eth0", vips=[VIP6], announce=False)
    assert dad(backup, "eth0") == "passed"
