# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces and their addresses, and how a VIP is made known to its neighbours.

The program ``ip`` reads, so that check mode and a client need no library; rtnetlink, by pyroute2,
writes. The file for boot is in the words of ``ip -batch``.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import os
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _boot, _program
from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError, checkpoint
from ansible_collections.lvs.cluster.plugins.module_utils._sysctl import suppressed

IFA_F_NODAD = 0x02  # include/uapi/linux/if_addr.h


class Address(NamedTuple):
    """An address on an interface.

    :ivar ip: the address with its prefix length
    :ivar preferred: whether the kernel may choose it as a source address by itself; an IPv6
        address with preferred lifetime 0 serves, but is never chosen (RFC 4862, 5.5.4)
    """

    interface: str
    ip: ipaddress.IPv4Interface | ipaddress.IPv6Interface
    preferred: bool = True

    @property
    def line(self) -> str:
        """The address as ``ip address`` takes it.

        A VIP is on the director and on real servers at once, so duplicate address detection
        would find a duplicate, so it is off (nodad).
        """
        options = "" if self.preferred else " nodad preferred_lft 0"
        return f"{self.ip.with_prefixlen} dev {self.interface}{options}"

    @property
    def place(self) -> tuple[str, Any]:
        """What distinguishes two addresses of a machine: interface and address with its prefix."""
        return self.interface, self.ip

    @property
    def host_only(self) -> bool:
        """Whether the address has no network: /32, or /128 for IPv6."""
        return self.ip.network.prefixlen == self.ip.max_prefixlen


class Link(NamedTuple):
    """A network interface.

    :ivar kind: what ``ip`` calls link_type: loopback, ether, ipip, none ...
    :ivar mac: the link-layer address, "" if there is none
    :ivar flags: as ``ip`` shows them: UP, LOOPBACK, NOARP ...
    """

    name: str
    kind: str = ""
    mac: str = ""
    flags: frozenset[str] = frozenset()
    addresses: tuple[Address, ...] = ()

    @property
    def up(self) -> bool:
        """Whether the interface is up."""
        return "UP" in self.flags

    def without(self, addresses: Collection[Address]) -> Link:
        """Return the interface without some of its addresses."""
        return self._replace(addresses=tuple(a for a in self.addresses if a not in addresses))

    @property
    def uses_arp(self) -> bool:
        """Whether the interface uses ARP: lo, dummies and tunnels do not."""
        return not self.flags & {"LOOPBACK", "NOARP"}


def read() -> dict[str, Link]:
    """Return the interfaces of this network namespace by name, with their addresses."""
    return parse(json.loads(ip("-json", "address", "show")))


def parse(interfaces: Iterable[Mapping[str, Any]]) -> dict[str, Link]:
    """Parse the output of ``ip -json address show``; return it by name of the interface."""
    return {
        link["ifname"]: Link(
            name=link["ifname"],
            kind=link.get("link_type", ""),
            mac=link.get("address", ""),
            flags=frozenset(link["flags"]),
            addresses=tuple(
                Address(
                    link["ifname"],
                    ipaddress.ip_interface(f"{each['local']}/{each['prefixlen']}"),
                    preferred=each.get("preferred_life_time") != 0,
                )
                for each in link.get("addr_info", [])
                # With a peer ("address"), the prefix is the peer's: a tunnel's end, no VIP.
                if "local" in each and "address" not in each
            ),
        )
        for link in interfaces
        if "ifname" in link
    }


def ip(*words: str) -> str:
    """Run ``ip`` and return what it prints; raises OperatorError with what it complains of."""
    try:
        done = _program.run("ip", *words)
    except FileNotFoundError:
        raise OperatorError(
            "The program ip is not installed: install iproute2 (iproute)."
        ) from None
    if done.returncode != 0:
        raise OperatorError(f"ip {' '.join(words)}: {' '.join(done.stderr.split())}.")
    return done.stdout


def arp_interfaces(links: Mapping[str, Link]) -> list[str]:
    """Return the names of the interfaces that are up and would answer for a VIP."""
    return [name for name, link in links.items() if link.up and link.uses_arp]


def interface_toward(vips: Sequence[str]) -> str:
    """Return the interface on whose network VIPs (bare addresses) lie; nothing for no VIPs.

    The main routing table has it, not the local one, which has the VIP itself once it is set.
    Raises OperatorError where no route but the default one leads to a VIP, or different ones do.
    """
    found: dict[str, str] = {}
    for vip in vips:
        family = "-6" if ":" in vip else "-4"
        routes = json.loads(ip("-json", family, "route", "show", "table", "main", "match", vip))
        networks = [route for route in routes if route["dst"] != "default" and "dev" in route]
        if not networks:
            raise OperatorError(
                f"No network of this host has the VIP {vip} in it, so its interface is unknown. Set"
                " interface (lvs_interface in the inventory)."
            )
        longest = max(networks, key=lambda route: ipaddress.ip_network(route["dst"]).prefixlen)
        found[longest["dev"]] = vip
    if len(found) > 1:
        places = _and(f"{vip} on {name}" for name, vip in found.items())
        raise OperatorError(
            f"The VIPs belong to different interfaces: {places}. Set an interface for each."
        )
    return next(iter(found), "")


def suppressed_vips(links: Iterable[Link]) -> list[Address]:
    """Return the IPv4 addresses that look like VIPs of a real server.

    These are the addresses of lo other than 127.0.0.0/8, and host addresses of interfaces that
    do no ARP, such as dummies and tunnels (not of virtual private networks: kind none).
    """
    return [
        address
        for link in links
        if not link.uses_arp and link.kind != "none"
        for address in link.addresses
        if address.ip.version == 4 and not address.ip.is_loopback
        if "LOOPBACK" in link.flags or address.host_only
    ]


def without_zone(text: str) -> str:
    """Return the text of an address; raises ValueError for one with a zone (RFC 4007, 11).

    Python takes any text for a zone, also lines of a file.
    """
    if "%" in text:
        raise ValueError(text)
    return text


def vips(interface: str, written: Iterable[str]) -> list[Address]:
    """Parse the VIPs of an interface; raises OperatorError with all mistakes."""
    parsed: dict[str, Address] = {}
    mistakes = []
    for text in written:
        try:
            address = Address(interface, ipaddress.ip_interface(without_zone(text)))
        except ValueError:
            mistakes.append(f"{text!r} is not an address; it must be such as 192.168.2.149.")
            continue
        bare = address.ip.ip
        if not address.host_only:
            mistakes.append(
                f"{text}: a VIP is one address, not a network: write {bare} or "
                f"{bare}/{bare.max_prefixlen}."
            )
        elif bare.is_loopback or bare.is_multicast or bare.is_unspecified or bare.is_link_local:
            mistakes.append(f"{text} cannot be a VIP: no client could reach it.")
        else:
            parsed[str(bare)] = address._replace(preferred=bare.version == 4)
    if mistakes:
        raise OperatorError(*mistakes)
    return list(parsed.values())


def networks(link: Link, wanted: Iterable[Address]) -> list[str]:
    """Return a sentence for each VIP that would add a network to an interface without ARP."""
    bare = {address.ip.ip for address in wanted}
    return [
        f"{there.ip} is on {link.name}, which makes all of {there.ip.network} local to this host: "
        f"remove it (ip address delete {there.ip} dev {link.name}) and run this again."
        for there in link.addresses
        if not link.uses_arp and not there.host_only and there.ip.ip in bare
    ]


def target(
    links: Mapping[str, Link], wanted: Iterable[Address], unwanted: Iterable[Address]
) -> tuple[dict[Any, Address], dict[Any, Address]]:
    """Return the current and the wanted addresses, by their ``place``.

    A wanted VIP with another prefix length is one of the host's own addresses, and stays as it
    is. Addresses in neither list are left alone.
    """
    wanted, unwanted = list(wanted), list(unwanted)
    concerned = {(address.interface, address.ip.ip) for address in (*wanted, *unwanted)}
    before = {
        each.place: each
        for link in links.values()
        for each in link.addresses
        if (each.interface, each.ip.ip) in concerned
    }
    there = {(interface, ip_.ip) for interface, ip_ in before}
    after = dict(before)
    for address in unwanted:
        after.pop(address.place, None)
    for address in wanted:
        if address.place in before or (address.interface, address.ip.ip) not in there:
            after[address.place] = address
    return before, after


def obstacles(
    links: Mapping[str, Link],
    interface: str,
    added: Iterable[Address],
    effects: Mapping[str, Mapping[str, int] | None],
    director: bool = False,
) -> list[str]:
    """Return a sentence for each reason why VIPs can't be added to an interface.

    :param links: all interfaces
    :param effects: the ARP settings in effect on the interfaces that must not answer ARP for a VIP
        of ``interface`` if that one does no ARP itself; None for an interface that is not there
    :param director: whether the machine may answer for the VIPs, as the master of several directors
    """
    link = links.get(interface)
    if link is None:
        return [f"interface: there is no interface {interface} here; there are {_and(links)}."]
    bare = {address.ip.ip for address in added}
    found = [
        f"{there.ip.ip} is on {other.name}, which answers for it: before it can be on {interface}, "
        f"remove it there (ip address delete {there.ip} dev {other.name})."
        for other in links.values()
        if other.uses_arp and not director
        for there in other.addresses
        if there.ip.ip in bare
    ]
    vips4 = [str(address.ip.ip) for address in added if address.ip.version == 4]
    if vips4 and not link.uses_arp:
        for name, effect in effects.items():
            if effect is None:
                found.append(f"suppressed_on: there is no interface {name} here.")
            elif not suppressed(effect):
                found.append(
                    f"ARP is not suppressed on {name} (in effect are arp_ignore "
                    f"{effect['arp_ignore']} and arp_announce {effect['arp_announce']}, they must"
                    f" be 1 and 2): this host would answer ARP there for {_and(vips4)} instead of"
                    f" the director. Run lvs.cluster.arp_suppress with interfaces: [{name}] first."
                )
    return found


def _and(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


class Step(NamedTuple):
    """A change of one address: ``replace``, which also adds it, or ``delete``."""

    action: str
    address: Address

    def __str__(self) -> str:
        return f"{self.action} {self.address.line}"


class Operation(NamedTuple):
    """A step, and the step that undoes it."""

    do: Step
    undo: Step


def plan(before: Mapping[Any, Address], after: Mapping[Any, Address]) -> list[Operation]:
    """Return the operations from the current to the wanted addresses of `target`."""
    operations = []
    for key, address in after.items():
        there = before.get(key)
        if there is None:
            operations.append(Operation(Step("replace", address), Step("delete", address)))
        elif there != address:
            operations.append(Operation(Step("replace", address), Step("replace", there)))
    for key, there in before.items():
        if key not in after:
            operations.append(Operation(Step("delete", there), Step("replace", there)))
    return operations


def missing_library() -> list[str]:
    """Return a sentence if pyroute2, which changes addresses, is not installed."""
    if importlib.util.find_spec("pyroute2"):
        return []
    return [
        (
            "Python's pyroute2 is not installed, but setting addresses needs it: install"
            " python3-pyroute2."
        )
    ]


def carry_out(step: Step) -> None:
    """Run one step by rtnetlink; raises OperatorError with the kernel's message.

    pyroute2 is imported only for changes, since its import takes longer than all the rest.
    """
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    address = step.address
    options: dict[str, Any] = {}
    if step.action == "replace" and not address.preferred:
        # preferred_lft alone is lost on pyroute2 0.7 (Debian 12, 13), cacheinfo alone on 0.9.
        options = {"flags": IFA_F_NODAD, "preferred_lft": 0, "cacheinfo": {"preferred": 0}}
    try:
        with IPRoute() as route:
            route.addr(
                step.action,
                index=socket.if_nametoindex(address.interface),
                address=str(address.ip.ip),
                prefixlen=address.ip.network.prefixlen,
                **options,
            )
    except NetlinkError as error:
        reason = os.strerror(error.code)
        raise OperatorError(f"The kernel refused to {step}: {reason}.") from error
    except OSError as error:  # of if_nametoindex
        raise OperatorError(f"There is no interface {address.interface} to {step}.") from error


def apply(operations: Iterable[Operation]) -> None:
    """Run the operations; if one fails, undo the others and raise OperatorError."""
    done: list[Operation] = []
    try:
        for operation in operations:
            checkpoint()
            carry_out(operation.do)
            done.append(operation)
    except (OSError, OperatorError) as error:
        raise undo(done, error) from error


def undo(done: Sequence[Operation], error: Exception) -> OperatorError:
    """Undo operations, the last one first; return the error to raise."""

    def undo_error(operation: Operation) -> str | None:
        try:
            carry_out(operation.undo)
        except (OSError, OperatorError) as error:
            return f"It could not be undone: {error}"
        return None

    not_undone = list(filter(None, map(undo_error, reversed(done))))
    return failure(error, not_undone, "The addresses are as they were.")


# ------------------------------------------------------------------------- the file for boot


def saved(text: str | None) -> list[Address]:
    """Return the addresses of a file for ``ip -batch``; raises ValueError for any other line."""
    lines = enumerate((text or "").splitlines(), 1)
    return [_saved_address(n, line) for n, line in lines if line.split("#")[0].strip()]


def _saved_address(number: int, line: str) -> Address:
    words = line.split("#")[0].split()
    try:
        if words[:2] == ["address", "replace"] and words[3] == "dev":
            return Address(words[4], ipaddress.ip_interface(words[2]), "nodad" not in words)
    except (IndexError, ValueError):
        pass
    raise ValueError(
        f"line {number} is {line!r}; it must be 'address replace ADDRESS/LENGTH dev INTERFACE'"
    )


#: Begins a comment on a VIP that was being added, and is not yet announced to neighbours.
UNANNOUNCED = "# not announced yet: "


def unannounced(text: str | None) -> set[str]:
    """Return the VIPs that a state file notes as added and perhaps not announced."""
    lines = (text or "").splitlines()
    return {line[len(UNANNOUNCED) :] for line in lines if line.startswith(UNANNOUNCED)}


def render(
    addresses: Iterable[Address], header: str, heralded: Iterable[Address] = ()
) -> str | None:
    """Return the text of the state file; None if it would be empty.

    :param heralded: those that are still to be announced
    """
    lines = [f"address replace {address.line}\n" for address in addresses]
    lines += [f"{UNANNOUNCED}{address.ip.ip}\n" for address in heralded]
    return header + "".join(lines) if lines else None


# -------------------------------------------------------------------------- announcements


def announce(link: Link, addresses: Sequence[Address], router: bool = False) -> None:
    """Announce the addresses to the neighbours on a link.

    Raises OSError if the link does not transmit it.
    """
    _boot.send_announcements(
        link.name, link.mac, [str(address.ip.ip) for address in addresses], router
    )
