# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet filter of the role keepalived_ha, and packets that other hosts forge.

The test's own namespace is a director. On its LAN are another director, an outsider, and a router
with an attacker behind it. Packets are written octet by octet, with whatever source and TTL.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import select
import socket
import struct
import subprocess
import time

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.plugin_utils import _peer_traffic

VRRP = 112  # IANA's number of the protocol; Python has no name for it
DIRECTOR = {4: "192.0.2.23", 6: "2001:db8::23"}
PEER = {4: "192.0.2.24", 6: "2001:db8::24"}
OUTSIDER = {4: "192.0.2.66", 6: "2001:db8::66"}
ROUTER = {4: "192.0.2.1", 6: "2001:db8::1"}
ATTACKER = {4: "198.51.100.66", 6: "2001:db8:66::66"}
VIP = {4: "192.0.2.149", 6: "2001:db8::149"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
#: An extension header of IPv6 with nothing but padding (RFC 8200, 4.2 and 4.3), by its number.
PADDING = bytes([0, 1, 4, 0, 0, 0, 0])
HEADERS = {"none": None, "hop-by-hop": 0, "destination options": 60}
ROUTER_ID, OTHER_ID, MARKER_ID = 51, 52, 200
GROUP, PORT = "224.0.0.81", 8848
#: What may take as long as an emulated machine needs.
PATIENCE = 30


def checksum(data):
    """Return the Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address):
    return ipaddress.ip_address(address).packed


def header(version, source, target, protocol, ttl, payload):
    """Return an IP header, whose length and checksum the kernel adds in IPv4 (raw(7))."""
    ends = packed(source) + packed(target)
    if version == 4:
        return struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, ttl, protocol, 0) + ends
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl) + ends


def advertisement(version, source, *, router=ROUTER_ID, priority=255, ttl=255, extension="none"):
    """Return an advertisement of VRRP 3 for the VIP, to the director (RFC 5798, 5.1 and 5.2.8)."""
    target, vip = DIRECTOR[version], packed(VIP[version])
    first = struct.pack("!BBBBH", 0x31, router, priority, 1, 10)  # hundredths of a second
    length = len(first) + 2 + len(vip)
    pseudo = packed(source) + packed(target) + struct.pack("!II", length, VRRP)
    payload = first + struct.pack("!H", checksum(pseudo + first + bytes(2) + vip)) + vip
    protocol = VRRP
    if HEADERS[extension] is not None:
        payload, protocol = bytes([VRRP]) + PADDING + payload, HEADERS[extension]
    return header(version, source, target, protocol, ttl, payload) + payload


def sync_message(client):
    """Return what a sync daemon sends of a connection (struct ip_vs_sync_mesg, ip_vs_sync_v4)."""
    established, seconds = 1, 100
    fields = struct.pack("!BBHIHHHHII", 0, 6, 36, 0, established, 1024, 80, 80, 0, seconds)
    fields += packed(client) + packed(VIP[4]) + packed("192.0.2.31")
    return struct.pack("!BBHBbH", 0, 0, 8 + len(fields), 1, 1, 0) + fields


def datagram(source, payload, group=GROUP, port=PORT):
    """Return a datagram, without a checksum, which UDP need not have."""
    udp = struct.pack("!HHHH", 45678, port, 8 + len(payload), 0) + payload
    return header(4, source, group, socket.IPPROTO_UDP, 1, udp) + udp


class Lan:
    """Hosts around the director, and what of their packets arrives there."""

    def __init__(self, lan, director, new_netns, stack):
        self._lan, self._new_netns, self._stack = lan, new_netns, stack
        self._writers = {}
        self.hosts = {}
        for each in (DIRECTOR, PEER, OUTSIDER):
            self._add(each, director if each is DIRECTOR else new_netns())

    def _add(self, addresses, host):
        self.hosts[addresses[4]] = host
        host.sysctl("net/ipv6/conf/default/dad_transmits", 0)
        self._lan.host(f"{addresses[4]}/24", host)
        host.address(f"{addresses[6]}/64")

    def _add_attacker(self):
        """Add a router, and a host behind it."""
        router, attacker = self._new_netns(), self._new_netns()
        self._add(ROUTER, router)
        attacker.sysctl("net/ipv6/conf/default/dad_transmits", 0)
        router.connect(attacker, interface="eth1")
        for key in ("ipv4/conf/all/forwarding", "ipv6/conf/all/forwarding"):
            router.sysctl(f"net/{key}", 1)
        for name in ("all", "eth0", "eth1"):
            router.sysctl(f"net/ipv4/conf/{name}/rp_filter", 0)
        for version, length in ((4, 24), (6, 64)):
            inner = str(ipaddress.ip_address(ATTACKER[version]) - 1)
            router.address(f"{inner}/{length}", "eth1")
            attacker.address(f"{ATTACKER[version]}/{length}")
            attacker.ip(f"-{version} route add default via {inner}")
        self.hosts[ATTACKER[4]] = attacker

    def writer(self, host, version, interface="eth0"):
        """Return a socket by which a host sends packets with headers of its own."""
        key = host[4], version, interface
        if host is ATTACKER and ATTACKER[4] not in self.hosts:
            self._add_attacker()
        if key not in self._writers:
            with self.hosts[host[4]].entered():
                raw = socket.socket(FAMILIES[version], socket.SOCK_RAW, socket.IPPROTO_RAW)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            self._writers[key] = self._stack.enter_context(raw)
        return self._writers[key]

    def send(self, host, version, packets, interface="eth0"):
        """Send packets from a host, each to the target that it has in its header."""
        writer = self.writer(host, version, interface)
        for packet in packets:
            target = packet[16:20] if version == 4 else packet[24:40]
            writer.sendto(packet, (str(ipaddress.ip_address(target)), 0))

    def arrives(self, host, version, packet, interface="eth0"):
        """Send VRRP from a host, and more that nothing drops; return whether the first arrives."""
        marker = advertisement(version, OUTSIDER[version], router=MARKER_ID, ttl=packet_ttl(packet))
        with socket.socket(FAMILIES[version], socket.SOCK_RAW, VRRP) as listener:
            listener.settimeout(PATIENCE)
            self.send(host, version, [packet, marker], interface)
            found = []
            while MARKER_ID not in found:
                received = listener.recv(200)
                # Behind the header of IPv4.
                found.append(received[21] if version == 4 else received[1])
        return found != [MARKER_ID]


def packet_ttl(packet):
    return packet[8] if packet[0] >> 4 == 4 else packet[7]


@pytest.fixture
def hosts(lan, netns, new_netns):
    with contextlib.ExitStack() as stack:
        yield Lan(lan, netns, new_netns, stack)


def instance(version, **more):
    """Return a VRRP instance of the director, as keepalived_conf takes it."""
    return {
        "name": f"lvs{version}",
        "interface": "eth0",
        "virtual_router_id": ROUTER_ID,
        "priority": 100,
        "version": 3,
        "advert_int": 0.1,
        "unicast_src_ip": DIRECTOR[version],
        "unicast_peers": [PEER[version]],
        "vips": [VIP[version]],
        **more,
    }


@pytest.fixture
def load(load_table):
    """Load the role's table for VRRP instances, by default of both families."""

    def load(*instances, peers=(PEER[4], PEER[6]), **daemon):
        mistakes = []
        daemon = {"interface": "eth0", **daemon}
        traffic = {
            "advertisements": list(
                _peer_traffic.advertisements(
                    instances or [instance(4), instance(6)], peers, mistakes
                )
            ),
            "sync": [_peer_traffic.sync(daemon, peers, mistakes)],
        }
        assert mistakes == []
        load_table(
            "keepalived_ha",
            "lvs_keepalived_ha",
            keepalived_ha_traffic=traffic,
            keepalived_ha_local=[],
        )

    return load


PACKETS = [(4, "none"), *((6, extension) for extension in HEADERS)]


@pytest.mark.parametrize(("version", "extension"), PACKETS)
def test_vrrp_of_another_host_does_not_arrive(hosts, load, version, extension):
    foreign = advertisement(version, OUTSIDER[version], extension=extension)
    assert hosts.arrives(OUTSIDER, version, foreign)  # without the table

    # Once more in the list, as an inventory may have it.
    load(peers=[PEER[4], PEER[6], PEER[4], PEER[6]])
    assert hosts.arrives(PEER, version, advertisement(version, PEER[version], extension=extension))
    assert not hosts.arrives(OUTSIDER, version, foreign)


@pytest.mark.parametrize(("version", "extension"), PACKETS)
def test_vrrp_from_behind_a_router_does_not_arrive(hosts, load, version, extension):
    """RFC 5798, 5.1.1.3: who is behind a router can't send a TTL of 255 as far as this."""
    forged = [advertisement(version, PEER[version], ttl=n, extension=extension) for n in (10, 255)]
    assert hosts.arrives(ATTACKER, version, forged[0])  # without the table

    load()
    assert not any(hosts.arrives(ATTACKER, version, each) for each in forged)
    # Where the inventory takes less, because its directors send less, less arrives.
    load(*(instance(v, unicast_ttl=200) for v in (4, 6)))
    assert [hosts.arrives(ATTACKER, version, each) for each in forged] == [False, True]


@pytest.mark.parametrize("version", [4, 6])
def test_vrrp_of_a_family_without_peers_does_not_arrive(hosts, load, version):
    load(peers=[PEER[10 - version]])
    assert not hosts.arrives(PEER, version, advertisement(version, PEER[version]))


@pytest.mark.parametrize("version", [4, 6])
def test_vrrp_that_is_for_others_arrives(hosts, load, netns, version):
    """Other instances of this machine are not judged: those that lvs_keepalived.extra has."""
    packets = {
        "number": advertisement(version, OUTSIDER[version], router=OTHER_ID, ttl=9),
        "family": advertisement(10 - version, OUTSIDER[10 - version], ttl=9),
        "interface": advertisement(version, OUTSIDER[version]),
    }
    load(instance(version))
    assert hosts.arrives(OUTSIDER, version, packets["number"])
    assert hosts.arrives(OUTSIDER, 10 - version, packets["family"])
    assert not hosts.arrives(OUTSIDER, version, packets["interface"])
    load(instance(version, interface="eth1"))
    assert hosts.arrives(OUTSIDER, version, packets["interface"])


SYNC = {
    "default": ({}, GROUP, PORT),
    "configured": ({"group": "239.1.1.1", "port": 8849}, "239.1.1.1", 8849),
}


@pytest.mark.parametrize("name", SYNC)
def test_connections_of_another_host_do_not_arrive(hosts, load, netns, name):
    daemon, group, port = SYNC[name]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        listener.bind((group, port))
        membership = packed(group) + packed(DIRECTOR[4])
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)

        def arrives(host):
            # VRRP that nothing drops comes behind it.
            hosts.send(host, 4, [datagram(host[4], b"data", group, port)])
            assert hosts.arrives(host, 4, advertisement(4, OUTSIDER[4], router=OTHER_ID))
            ready = select.select([listener], [], [], 0)[0]
            return bool(ready and listener.recv(100))

        assert arrives(OUTSIDER)  # without the table
        load(group=group, port=port - 1)  # it has a port for each of its threads
        assert not arrives(OUTSIDER)
        load(**daemon)
        assert not arrives(OUTSIDER)
        assert arrives(PEER)
        # Another group, port or interface is not managed.
        load(group="224.0.0.82", port=port)
        assert arrives(OUTSIDER)
        load(group=group, port=port + 1)
        assert arrives(OUTSIDER)
        load(group=group, port=port, interface="eth1")
        assert arrives(OUTSIDER)


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


FORGED = 1000


def test_forged_connections_are_not_in_the_table(hosts, load, netns):
    """Not one of 1,000 that an outsider sends to IPVS's sync daemon."""

    def connections():
        with open("/proc/thread-self/net/ip_vs_conn", encoding="ascii") as file:
            return sum(line.startswith("TCP") for line in file)

    netns.run("ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 0")
    hosts.send(OUTSIDER, 4, [datagram(OUTSIDER[4], sync_message("203.0.113.1"))])
    wait_for(lambda: connections() == 1)  # without the table
    load()
    clients = [str(ipaddress.ip_address("203.1.0.0") + n) for n in range(FORGED)]
    hosts.send(OUTSIDER, 4, [datagram(OUTSIDER[4], sync_message(each)) for each in clients])
    hosts.send(PEER, 4, [datagram(PEER[4], sync_message("203.0.113.2"))])
    wait_for(lambda: connections() > 1)
    assert connections() == 2
    netns.run("ipvsadm --stop-daemon backup")


class Running:
    """keepalived on the director, and what it has logged."""

    def __init__(self, folder, stack, *instances):
        settings = {"globals": {"vrrp_garp_master_repeat": 1}, "instances": instances}
        assert _keepalived.mistakes(settings) == []
        (folder / "keepalived.conf").write_text(_keepalived.render(settings))
        self._log = folder / "log"
        command = ["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"]
        command += [f"--use-file={folder}/keepalived.conf"]
        command += [f"--{name}={folder}/{name}" for name in ("pid", "vrrp_pid", "checkers_pid")]
        output = stack.enter_context(self._log.open("w"))
        process = stack.enter_context(subprocess.Popen(command, stdout=output, stderr=output))
        stack.callback(process.terminate)

    def count(self, pattern):
        return len(re.findall(pattern, self._log.read_text()))

    def waits_for(self, pattern, count=1):
        end = time.monotonic() + PATIENCE
        while self.count(pattern) < count:
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.02)


@pytest.mark.parametrize("version", [4, 6])
def test_forged_advertisements_do_not_change_the_state_of_keepalived(
    hosts, load, tmp_path, version
):
    """Not one of 1,000 of priority 255, from off the link and from an outsider on it."""
    name = f"lvs{version}"
    master, backup = (rf"\({name}\) Entering {state} STATE" for state in ("MASTER", "BACKUP"))
    with contextlib.ExitStack() as stack:
        running = Running(tmp_path, stack, instance(version))
        running.waits_for(master)
        before = running.count(backup)
        hosts.send(ATTACKER, version, [advertisement(version, PEER[version], ttl=10)])
        running.waits_for(backup, before + 1)  # without the table
        running.waits_for(master, 2)

        load()
        hosts.send(ATTACKER, version, [advertisement(version, PEER[version], ttl=10)] * FORGED)
        hosts.send(OUTSIDER, version, [advertisement(version, OUTSIDER[version])] * FORGED)
        # A peer's, of lower priority, is heard of: a master stays one.
        hosts.send(PEER, version, [advertisement(version, PEER[version], priority=1)])
        running.waits_for("lower priority 1")
        assert running.count(backup) == before + 1
        # And one that is higher is obeyed.
        hosts.send(PEER, version, [advertisement(version, PEER[version])])
        running.waits_for(backup, before + 2)


def test_advertisements_of_keepalived_by_ipv6_multicast_arrive(hosts, load, tmp_path):
    """They come from a link-local address, which no inventory has."""
    multicast = instance(6, unicast_peers=[])
    del multicast["unicast_src_ip"]
    load(multicast)
    group = packed("ff02::12") + struct.pack("@I", socket.if_nametoindex("eth0"))
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_RAW, VRRP))
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        listener.settimeout(PATIENCE)
        with hosts.hosts[PEER[4]].entered() as peer:
            peer.ip("link set eth0 multicast on")
            Running(tmp_path, stack, multicast)
        received, (source, *_) = listener.recvfrom(200)
        assert received[1] == ROUTER_ID
        assert ipaddress.ip_address(source.partition("%")[0]).is_link_local
