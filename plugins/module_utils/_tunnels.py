# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnel devices by which a real server decapsulates packets of the forwarding method TUN.

Everything here is a line of ``ip -batch``: the current state, the wanted state, the steps, and the
lines of the state file.

The kernel hands a decapsulated packet to the best matching tunnel device: a managed one with this
address, or else the fallback device of the module. A fallback device is enough, with two
exceptions, which need a managed device: those of GRE drop what has a checksum (ip_tunnel_rcv() in
net/ipv4/ip_tunnel.c, __ip6_tnl_rcv() in net/ipv6/ip6_tunnel.c), and ip6tnl0 drops IPv4
(ipxip6_rcv() there).
"""

from __future__ import annotations

import ipaddress
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _links
from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError, checkpoint

GUE_PORT = 6080  # IANA's, and ipvsadm's example
MANAGED = "lvs-"  # what the name of a managed device begins with
#: What the file for boot has besides comments.
LINE = re.compile(r"link add name \S+ type \S.*|link set dev \S+ up|fou add port \d+ gue( -6)?")
STAYS = "# This was so before, and stays when the rest goes:"

#: The fallback devices that serve, by GRE or not, outer and inner IP version.
FALLBACKS = {
    (False, 4, 4): "tunl0",
    (False, 4, 6): "sit0",
    (False, 6, 6): "ip6tnl0",
    (True, 4, 4): "gre0",
    (True, 4, 6): "gre0",
    (True, 6, 4): "ip6gre0",
    (True, 6, 6): "ip6gre0",
}
#: The kernel modules they come with.
MODULES = {
    "tunl0": "ipip",
    "sit0": "sit",
    "ip6tnl0": "ip6_tunnel",
    "gre0": "ip_gre",
    "ip6gre0": "ip6_gre",
}


def is_tunnel(interface: str) -> bool:
    """Return whether the name is that of a tunnel device of a real server.

    Those are the fallback devices, and managed devices with a name of `Tunnel.interface`. Others
    may begin with ``lvs-``, too.
    """
    return interface in MODULES or bool(re.fullmatch(MANAGED + "(gre|ip)6?-[0-9a-f]{6}", interface))


#: What the fallback devices unwrap: IANA's numbers of IPv4, IPv6 and GRE as protocols over IP.
PROTOCOLS = {"tunl0": 4, "sit0": 41, "ip6tnl0": 41, "gre0": 47, "ip6gre0": 47}


class Tunnel(NamedTuple):
    """A tunnel from the director.

    :ivar kind: ``ipip``, ``gue`` or ``gre``
    :ivar address: the RIP, the destination of the outer packet
    :ivar inner: IP version of the inner packet, which is that of the VIP
    :ivar port: UDP port of GUE, else 0
    :ivar checksum: ``none``, ``checksum`` or ``remote``
    """

    kind: str
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    inner: int
    port: int = 0
    checksum: str = "none"

    @property
    def interface(self) -> str:
        """The device that decapsulates; a managed one has a separate name for each RIP."""
        if not self._own:
            return FALLBACKS[self._route]
        family = "6" if self.address.version == 6 else ""
        mark = zlib.crc32(self.address.packed) & 0xFFFFFF
        return f"{MANAGED}{'gre' if self.kind == 'gre' else 'ip'}{family}-{mark:06x}"

    @property
    def lines(self) -> list[str]:
        """The lines that set it up, in this order."""
        made = [f"link add name {self.interface} type {self._own}"] if self._own else []
        family = " -6" if self.address.version == 6 else ""
        port = [f"fou add port {self.port} gue{family}"] if self.kind == "gue" else []
        return [*made, f"link set dev {self.interface} up", *port]

    @property
    def packets(self) -> list[dict[str, str]]:
        """The expressions of nftables that match its packets, each with its address family.

        A fallback device decapsulates packets to any address of the machine, with or without the
        UDP header of GUE. A managed device checks the RIP; with ``mode any``
        it accepts both IP versions.
        """
        family = "ip" if self.address.version == 4 else "ip6"
        if not self._own:
            found = [f"meta l4proto {PROTOCOLS[self.interface]}"]
        else:
            protocols = "47" if self.kind == "gre" else "{ 4, 41 }"
            found = [f"{family} daddr {self.address} meta l4proto {protocols}"]
        if self.kind == "gue":
            found.append(f"udp dport {self.port}")
        return [{"family": family, "match": match} for match in found]

    @property
    def _own(self) -> str:
        """The type of the managed device that it needs; "" if a fallback device is enough."""
        if self.kind == "gre" and self.checksum != "none":
            kind = "gre" if self.address.version == 4 else "ip6gre"
            return f"{kind} local {self.address} remote any icsum"
        if self._route not in FALLBACKS:
            return f"ip6tnl mode any local {self.address} remote any"
        return ""

    @property
    def _route(self) -> tuple[bool, int, int]:
        return self.kind == "gre", self.address.version, self.inner


def parse(written: Iterable[Mapping[str, Any]]) -> list[Tunnel]:
    """Return the tunnels of the option; raises OperatorError with all mistakes."""
    tunnels: list[Tunnel] = []
    mistakes: list[str] = []
    for number, fields in enumerate(written, 1):
        kind, port, checksum = fields["type"], fields["port"], fields["checksum"]
        where = f"tunnel {number} ({kind} to {fields['address']})"
        address = None
        try:
            address = ipaddress.ip_address(_links.without_zone(fields["address"]))
        except ValueError:
            mistakes.append(
                f"{where}: that is not an address; it must be a RIP such as 192.168.2.31."
            )
        if port is not None and kind != "gue":
            mistakes.append(f"{where}: only gue has a port; remove it.")
        elif port is not None and not 0 < port < 65536:
            mistakes.append(f"{where}: {port} is not a port; it must be a number from 1 to 65535.")
        if checksum != "none" and kind == "ipip":
            mistakes.append(f"{where}: ipip has no checksum; remove it.")
        elif checksum == "remote" and kind == "gre":
            mistakes.append(f"{where}: only gue has the checksum remote.")
        if address:
            inner = 6 if fields["inner"] == "ipv6" else 4
            port = (port or GUE_PORT) if kind == "gue" else 0
            tunnels.append(Tunnel(kind, address, inner, port, checksum))
    mistakes += _mixed(tunnels)
    if mistakes:
        raise OperatorError(*mistakes)
    return tunnels


def _mixed(tunnels: Iterable[Tunnel]) -> list[str]:
    """Return a sentence for each address with GRE both with and without a checksum."""
    found: dict[Any, set[str]] = {}
    for tunnel in tunnels:
        if tunnel.kind == "gre":
            found.setdefault(tunnel.address, set()).add(tunnel.checksum)
    return [
        f"gre to {address} is listed both with and without a checksum: a device that accepts one of"
        " them drops the other. Choose one for all services."
        for address, checksums in found.items()
        if len(checksums) > 1
    ]


def interfaces(tunnels: Iterable[Tunnel]) -> list[str]:
    """Return the devices of the tunnels, each once, in the tunnels' order."""
    return list(dict.fromkeys(tunnel.interface for tunnel in tunnels))


def packets(tunnels: Iterable[Tunnel]) -> list[dict[str, str]]:
    """Return the matches for packets of the tunnels, each once."""
    found: list[dict[str, str]] = []
    for tunnel in tunnels:
        found += [each for each in tunnel.packets if each not in found]
    return found


def lines(tunnels: Iterable[Tunnel]) -> list[str]:
    """Return the lines that set the tunnels up, each once."""
    return list(dict.fromkeys(line for tunnel in tunnels for line in tunnel.lines))


# ----------------------------------------------------------------------------- what there is


class Found(NamedTuple):
    """The tunnel devices of this network namespace.

    :ivar names: all interfaces
    :ivar lines: the tunnel devices and GUE ports that are set up
    :ivar gue: whether the kernel knows GUE
    """

    names: list[str]
    lines: list[str]
    gue: bool = True


def read(gue: bool) -> Found:
    """Read the current state; GUE ports only on request."""
    links = json.loads(_links.ip("-json", "-details", "link", "show"))
    try:
        ports = json.loads(_links.ip("-json", "fou", "show") or "[]") if gue else []
    except OperatorError:  # the kernel knows no such thing yet
        return Found([link["ifname"] for link in links], devices(links), gue=False)
    return Found([link["ifname"] for link in links], [*devices(links), *gue_ports(ports)])


def devices(links: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines of the tunnel devices in the output of ``ip -json -details link``."""
    found = []
    for link in links:
        name = link["ifname"]
        if name.startswith(MANAGED):
            info = link.get("linkinfo", {})
            data = info.get("info_data", {})
            mode = f" mode {data['proto']}" if info.get("info_kind") == "ip6tnl" else ""
            ends = f" local {data.get('local')} remote {data.get('remote')}"
            checked = " icsum" if data.get("icsum") else ""
            found.append(f"link add name {name} type {info.get('info_kind')}{mode}{ends}{checked}")
        if "UP" in link["flags"] and (name in MODULES or name.startswith(MANAGED)):
            found.append(f"link set dev {name} up")
    return found


def gue_ports(ports: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines of the GUE ports in the output of ``ip -json fou show``."""
    families = {"inet": "", "inet6": " -6"}
    return [
        f"fou add port {port['port']} gue{families.get(port['family'], '')}"
        for port in ports
        if "gue" in port
    ]


def missing(found: Found, wanted: Iterable[str]) -> list[str]:
    """Return a sentence for each kernel module that must be loaded first."""
    sentences = []
    for line in wanted:
        name = subject(line)
        if name in MODULES and name not in found.names:
            sentences.append(
                f"There is no interface {name} here: load its module (modprobe {MODULES[name]})."
            )
    if not found.gue and any(line.startswith("fou ") for line in wanted):
        sentences.append("This kernel knows no GUE yet: load its module (modprobe fou).")
    return sentences


# ------------------------------------------------------------------------------- what is done


def subject(line: str) -> str:
    """Return the device of a line; for a GUE port, the line itself."""
    words = line.split()
    return words[3] if words[0] == "link" else line


def inverse(line: str) -> str:
    """Return the line that removes what a line sets up."""
    if line.startswith("fou add "):
        return line.replace("fou add", "fou del").replace(" gue", "")
    if line.startswith("link add "):
        return f"link delete dev {subject(line)}"
    return f"link set dev {subject(line)} down"


def target(
    found: Iterable[str], wanted: Sequence[str], owned: Mapping[str, bool]
) -> tuple[list[str], list[str]]:
    """Return the current and the wanted lines, sorted.

    They can also be run in this order.

    :param found: the lines of all there is
    :param wanted: the lines of the wanted tunnels
    :param owned: those of the file, and whether they were so before it was written (`saved`)
    """
    concerned = {subject(line) for line in (*wanted, *owned)}
    before = sorted(line for line in found if subject(line) in concerned)
    unwanted = {subject(line) for line, stays in owned.items() if not stays}
    unwanted |= {subject(line) for line in wanted if _is_managed(line)}
    return before, sorted({*wanted, *(line for line in before if subject(line) not in unwanted)})


def entries(
    found: Iterable[str], wanted: Iterable[str], owned: Mapping[str, bool]
) -> dict[str, bool]:
    """Return the lines for the file, and whether they were so before."""
    there = set(found)
    return {line: owned.get(line, line in there and not _is_managed(line)) for line in wanted}


def _is_managed(line: str) -> bool:
    """Return whether a line is about a managed device, by its name."""
    return subject(line).startswith(MANAGED)


class Step(NamedTuple):
    """A line, and the line that undoes it."""

    do: str
    undo: str


def plan(before: Sequence[str], after: Sequence[str]) -> list[Step]:
    """Return the steps from the current to the wanted lines.

    What is new comes first, so that nothing is lost if it fails. Only a managed device that
    was changed goes before it is made again.
    """
    made = {subject(line) for line in after if line.startswith("link add ") and line not in before}
    again = made & {subject(line) for line in before}
    gone = [line for line in reversed(before) if line not in after or subject(line) in again]
    new = [line for line in after if line not in before or subject(line) in again]
    return [
        *(Step(inverse(line), line) for line in gone if subject(line) in again),
        *(Step(line, inverse(line)) for line in new),
        *(Step(inverse(line), line) for line in gone if subject(line) not in again),
    ]


def apply(steps: Iterable[Step]) -> None:
    """Run the steps; if one fails, undo the others and raise OperatorError."""
    done: list[Step] = []
    try:
        for step in steps:
            checkpoint()
            _links.ip(*step.do.split())
            done.append(step)
    except (OSError, OperatorError) as error:
        raise failure(error, _undo(done), "The tunnels are as they were.") from error


def _undo(done: Sequence[Step]) -> list[str]:
    """Undo steps, the last one first; return a sentence for each that could not be undone."""

    def undo_error(step: Step) -> str | None:
        try:
            _links.ip(*step.undo.split())
        except (OSError, OperatorError) as error:
            return f"It could not be undone: {error}"
        return None

    return list(filter(None, map(undo_error, reversed(done))))


# ------------------------------------------------------------------------- the file for boot


def saved(text: str | None) -> dict[str, bool]:
    """Return the lines of a state file, and whether each was in effect before.

    Raises ValueError for a line that it can't have.
    """
    found: dict[str, bool] = {}
    stays = False
    for number, line in enumerate((text or "").splitlines(), 1):
        if line and not line.startswith("#"):
            if not LINE.fullmatch(line):
                raise ValueError(
                    f"line {number} is {line!r}; it must be 'link add name NAME type ...',"
                    " 'link set dev NAME up' or 'fou add port PORT gue'"
                )
            found[line] = stays
        stays = line == STAYS
    return found


def render(entries: Mapping[str, bool], header: str) -> str | None:
    """Return the text of the state file; None if it would be empty."""
    body = "".join(
        f"{STAYS}\n{line}\n" if stays else f"{line}\n" for line, stays in entries.items()
    )
    return header + body if body else None
