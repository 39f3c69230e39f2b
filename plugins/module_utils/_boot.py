# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that restores at boot what the state files list, without Ansible.

The module boot_unit installs this file as it is, and a unit of systemd starts it:

    python3 -IS lvs-director sysctl=FILE nft=FILE ipvs=FILE ip=FILE announce=FILE

Each word is a step. A step restores every line of its file that it can, and skips lines that are
already in effect. A missing file counts as empty. Lines that could not be restored are printed, and
the program fails at its end. After ``--need``, the file must exist and its step must succeed, or
the following steps are skipped: a real server gets no VIP if ARP is not suppressed. Only the
standard library is used, since nothing else may be installed.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PROC = "/proc/sys"
#: How the program ends: all is restored, some of it is not, some may be restored in a while.
DONE, FAILED, LATER = 0, 1, 75  # the last one is EX_TEMPFAIL of sysexits.h
ETH_P_ARP = 0x0806
ARP_REQUEST, ARP_REPLY = 1, 2
BROADCAST = "ff:ff:ff:ff:ff:ff"
NO_MAC = "00:00:00:00:00:00"
MARK = "-f"  # ipvsadm's option for a service by firewall mark


class Failure(NamedTuple):
    """Something that could not be restored.

    :ivar later: whether it may succeed later, when a network card or a module has appeared
    """

    text: str
    later: bool = False


class Seen(NamedTuple):
    """Data that steps pass to later steps.

    :ivar listed: the VIPs of the services that the state file of the IPVS table lists, and MARK
        where services by firewall mark are among them
    :ivar lost: those of which no service is in the table, and MARK where marks are not set
    """

    listed: set[str]
    lost: set[str]

    def serves(self, vip: str) -> bool:
        """Whether a VIP has a service; services by firewall mark count for every VIP."""
        return (vip if vip in self.listed else MARK) not in self.lost & self.listed


def run(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program with a text on its standard input; return its output, in English."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    # There is no module here whose run_command this could be.
    return subprocess.run(  # pylint: disable=ansible-bad-function
        words,
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        env={"PATH": path, "LC_ALL": "C"},
        check=False,
    )


def lines(path: str) -> list[str]:
    """Return the lines of a state file without comments."""
    text = Path(path).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def one_line(text: str) -> str:
    """Return the output of a program as one line."""
    return " ".join(text.split()) or "no reason is given"


# ---------------------------------------------------------------- kernel settings, packet filter


def sysctl(path: str, _seen: Seen) -> list[Failure]:
    """Set the settings of a sysctl.d file, and read them back."""
    return [failure for line in lines(path) for failure in _set_sysctl(path, line)]


def log(priority: int, text: str) -> None:
    """Write a line to the journal, with a priority of syslog: see sd-daemon(3)."""
    sys.stderr.write(f"<{priority}>{text}\n")


def _set_sysctl(path: str, line: str) -> list[Failure]:
    key, _sign, value = (part.strip() for part in line.partition("="))
    file = Path(PROC, key)
    of_interface = re.fullmatch(r"net/ipv[46]/\w+/([^/]+)/\w+", key)
    if of_interface and not Path(PROC, "net/ipv4/conf", of_interface[1]).exists():
        # udev sets it when the interface comes (99-systemd.rules starts systemd-sysctl for it).
        log(6, f"{path}: {line}: there is no interface {of_interface[1]} yet")
        return []
    try:
        if file.read_text(encoding="utf-8").split() != value.split():
            file.write_text(value, encoding="utf-8")
    except FileNotFoundError:
        why = "this kernel has no such setting, or its module is not loaded"
        return [Failure(f"{path}: {line}: {why}")]
    except OSError as error:
        return [Failure(f"{path}: {line}: {error.strerror}")]
    return []


def nft(path: str, seen: Seen) -> list[Failure]:
    """Load a table of the packet filter in one transaction, whether or not it exists."""
    done = run("nft", "--file", path)
    if not done.returncode:
        return []
    seen.lost.add(MARK)
    return [Failure(f"nft --file {path}: {one_line(done.stderr)}")]


# ----------------------------------------------------------------------------- the IPVS table


def place(text: str) -> tuple[str, str]:
    """Return address and port of ``192.0.2.1:80`` or ``[2001:db8::1]:80``, however written."""
    host, _colon, port = text.rpartition(":")
    return str(ipaddress.ip_address(host.strip("[]"))), port


def entry(line: str) -> tuple[Any, Any] | None:
    """Return the service of a rule of ``ipvsadm --save``, and the destination if there is one."""
    words = line.split()
    try:
        name: Any = (words[2], "-6" in words) if words[1] == MARK else place(words[2])
        destination = place(words[words.index("-r") + 1]) if "-r" in words else None
    except (LookupError, ValueError):
        return None
    return (words[1], name), destination


def ipvs(path: str, seen: Seen) -> list[Failure]:
    """Add the missing services and destinations of a file to the IPVS table.

    The file goes to ``ipvsadm --restore`` as a whole, which is fast. Its exit status is not
    reliable: the exit status is that of the last line (ipvsadm.c, restore_table), and it ends at a
    line that it can't parse. So the table is read again, and each line that is missing is tried by
    itself.
    """
    read = {line: entry(line) for line in lines(path)}
    failures = [
        Failure(f"{path}: {line}: it is not a rule of ipvsadm; run site.yml")
        for line, key in read.items()
        if not key
    ]
    rules = {key: line for line, key in read.items() if key}
    names = {service: _vip_or_mark(service) for service, _destination in rules}
    seen.listed.update(names.values())
    there, why = _table()
    if there is None:
        seen.lost.update(seen.listed)
        return [*failures, Failure(f"{path}: {why}", later=True)]
    missing = [line for key, line in rules.items() if key not in there]
    if missing:
        run("ipvsadm", "--restore", text="".join(f"{line}\n" for line in missing))
        there = _table()[0] or set()
    refused = set()
    for (service, destination), line in rules.items():
        if (service, destination) in there or service in refused:
            continue
        done = run("ipvsadm", *line.split())
        if done.returncode:
            failures.append(Failure(f"{path}: {line}: {one_line(done.stderr)}"))
            refused |= {service} if destination is None else set()
    seen.lost.update(seen.listed - {names[service] for service in names.keys() - refused})
    return failures


def _vip_or_mark(service: Any) -> str:
    kind, (vip, _port) = service
    return MARK if kind == MARK else str(vip)


def _table() -> tuple[set[tuple[Any, Any] | None] | None, str]:
    """Return which entries the IPVS table has, or why it can't be read."""
    done = run("ipvsadm", "--save", "--numeric")
    if done.returncode:
        return None, one_line(done.stderr)
    return {entry(line) for line in done.stdout.splitlines()}, ""


# ------------------------------------------------------------------- interfaces, addresses, routes


def ip(path: str, seen: Seen, *options: str) -> list[Failure]:
    """Run the lines of a file for ``ip -batch``, except those of VIPs without a service.

    A director that has a VIP without its services would refuse its clients.
    """
    failures, words = [], []
    for line in lines(path):
        vip = _vip(line)
        if vip and not seen.serves(vip):
            why = "the VIP is not added, since none of its services is in the IPVS table"
            failures.append(Failure(f"{path}: {line}: {why}"))
        else:
            words.append(line)
    return failures + run_batch(path, words, *options)


def ip4(path: str, seen: Seen) -> list[Failure]:
    """Add the routes and rules of IPv4."""
    return ip(path, seen, "-4")


def ip6(path: str, seen: Seen) -> list[Failure]:
    """Add the routes and rules of IPv6."""
    return ip(path, seen, "-6")


def link(path: str, _seen: Seen) -> list[Failure]:
    """Add the missing devices and GUE ports of a file, and set devices up."""
    failures = []
    ports = {f"fou add {line.strip()}" for line in run("ip", "fou", "show").stdout.splitlines()}
    for line in lines(path):
        added = line.split()[3:4] if line.startswith("link add name ") else []
        if line not in ports and not _interfaces().intersection(added):
            failures += run_each(path, [line])
    return failures


def run_batch(path: str, words: Sequence[str], *options: str) -> list[Failure]:
    """Run the lines of a file with ``ip -batch``; if that fails, run each line separately.

    At a line that the kernel refuses, ``ip -batch`` continues with ``-force`` only, and at one that
    it can't parse it ends in any case (iproute2, lib/utils.c, invarg). All lines may come twice.
    """
    if run("ip", *options, "-batch", "-", text="".join(f"{line}\n" for line in words)).returncode:
        return run_each(path, words, *options)
    return []


def run_each(path: str, words: Iterable[str], *options: str) -> list[Failure]:
    """Run each line with ``ip``, even if others fail."""
    failures = []
    for line in words:
        done = run("ip", *options, *line.split())
        if done.returncode:
            failures.append(
                Failure(f"{path}: {line}: {one_line(done.stderr)}", _may_work_later(line))
            )
    return failures


def _interfaces() -> set[str]:
    return {name for _index, name in socket.if_nameindex()}


def _may_work_later(line: str) -> bool:
    """Whether the interface of a line, or the network of its gateway, may appear later."""
    words = line.split()
    names = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "dev"]
    return words[0] in ("route", "rule") or not _interfaces().issuperset(names)


def _vip(line: str) -> str | None:
    """Return the address that a line adds; None if there is none."""
    words = line.split()
    if words[:2] != ["address", "replace"] or len(words) < 5:
        return None
    try:
        return str(ipaddress.ip_interface(words[2]).ip)
    except ValueError:
        return None


# -------------------------------------------------------------------------- announcements


def announce(path: str, _seen: Seen) -> list[Failure]:
    """Announce the VIPs of a file that are on an interface with neighbours.

    The neighbours' caches have the link-layer address of the former holder. The kernel's arp_notify
    and ndisc_notify announce when an interface comes up (devinet.c, inetdev_event), and not when
    an address is added to one that is up.
    """
    wanted = {(_vip(line), line.split()[4]) for line in lines(path) if _vip(line)}
    failures = []
    for interface in json.loads(run("ip", "-json", "address", "show").stdout):
        name, flags = interface.get("ifname", ""), interface.get("flags", ())
        if interface.get("link_type") != "ether" or "NOARP" in flags:
            continue
        there = [each["local"] for each in interface.get("addr_info", ()) if "local" in each]
        vips = [vip for vip in there if (vip, name) in wanted]
        named = ", ".join(vips)
        # What is sent without a carrier is lost without an error (sch_generic.c, noop_enqueue).
        if vips and ("UP" not in flags or "NO-CARRIER" in flags):
            failures.append(Failure(f"{name} has no link to announce {named} on", later=True))
            continue
        try:
            forwarding = Path(PROC, "net/ipv6/conf", name, "forwarding")
            router = forwarding.exists() and forwarding.read_text(encoding="utf-8").strip() != "0"
            send_announcements(name, interface["address"], vips, router)
        except OSError as error:
            why = f"{name} did not announce {named}: {error.strerror}"
            failures.append(Failure(why, later=True))
    return failures


def octets(mac: str) -> bytes:
    """Return a link-layer address, like 02:00:00:00:00:01, as it is in a frame."""
    return bytes.fromhex(mac.replace(":", ""))


def arp(operation: int, sender_mac: str, sender: str, target_mac: str, target: str) -> bytes:
    """Return an ARP packet for IPv4 over Ethernet (RFC 826) as it follows the Ethernet header."""
    return struct.pack(
        "!HHBBH6s4s6s4s",
        1,
        0x0800,
        6,
        4,
        operation,
        octets(sender_mac),
        socket.inet_aton(sender),
        octets(target_mac),
        socket.inet_aton(target),
    )


def gratuitous(mac: str, vip: str) -> tuple[bytes, bytes]:
    """Return both forms of an announcement; hosts differ in which one they accept.

    The request is that of RFC 5227, 2.3; the reply that of RFC 5944, 4.6.
    """
    return arp(ARP_REQUEST, mac, vip, NO_MAC, vip), arp(ARP_REPLY, mac, vip, mac, vip)


def advertisement(mac: str, vip: str, router: bool) -> bytes:
    """Return an unsolicited neighbour advertisement (RFC 4861, 4.4).

    The kernel fills in its checksum.

    :param router: the router flag; without it, neighbours drop their routes through a host that
        forwards
    """
    override = 0x20000000
    flags = override | (0x80000000 if router else 0)
    target = socket.inet_pton(socket.AF_INET6, vip)
    link_layer = struct.pack("!BB6s", 2, 1, octets(mac))
    return struct.pack("!BBHI", 136, 0, 0, flags) + target + link_layer


def send_announcements(name: str, mac: str, vips: Iterable[str], router: bool = False) -> None:
    """Announce addresses to the neighbours on a link.

    It is announced three times, and the last time more than a second after the first, because a
    neighbour may ignore an update that follows sooner (net/ipv4/neigh/*/locktime).
    Raises OSError if the link does not transmit it.
    """
    for round_ in range(3 if vips else 0):
        if round_:
            time.sleep(0.6)
        for vip in vips:
            if ":" in vip:
                _announce6(name, mac, vip, router)
            else:
                _announce4(name, mac, vip)


def _announce4(name: str, mac: str, vip: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as packets:
        for packet in gratuitous(mac, vip):
            packets.sendto(packet, (name, ETH_P_ARP, 0, 0, octets(BROADCAST)))


def _announce6(name: str, mac: str, vip: str, router: bool) -> None:
    index = socket.if_nametoindex(name)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as icmp:
        # A receiver takes it only with hop limit 255: it came from the link itself.
        icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        icmp.bind((vip, 0, 0, index))
        icmp.sendto(advertisement(mac, vip, router), ("ff02::1", 0, 0, index))


# ------------------------------------------------------------------------------- the program

STEPS: Mapping[str, Callable[[str, Seen], list[Failure]]] = {
    "sysctl": sysctl,
    "nft": nft,
    "ipvs": ipvs,
    "link": link,
    "ip": ip,
    "ip4": ip4,
    "ip6": ip6,
    "announce": announce,
}


def step(name: str, path: str, seen: Seen) -> list[Failure]:
    """Run a step; an exception is a failure of the step."""
    try:
        return STEPS[name](path, seen)
    except FileNotFoundError as error:
        return [Failure(f"{path}: there is no {error.filename}")]
    except OSError as error:
        return [Failure(f"{path}: {error.strerror}")]
    except (LookupError, ValueError) as error:
        return [Failure(f"{path} can't be read: {error}; run site.yml, which writes it again")]


def restore(words: Sequence[str]) -> int:
    """Run the steps, print what could not be restored, and return the exit status."""
    seen = Seen(set(), set())
    failures: list[Failure] = []
    needed = False
    for word in words:
        if word == "--need":
            needed = True
            continue
        name, _sign, path = word.partition("=")
        found = step(name, path, seen) if needed or Path(path).exists() else []
        failures += found
        if found and needed:
            failures.append(Failure("the settings that must precede this are not restored"))
            break
        needed = False
    for failure in failures:
        log(3, failure.text)
    if any(failure.later for failure in failures):
        return LATER
    return FAILED if failures else DONE


if __name__ == "__main__":
    raise SystemExit(restore(sys.argv[1:]))
