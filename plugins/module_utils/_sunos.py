# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SunOS, so Solaris and illumos: its interfaces, routes and settings.

Interfaces and routes come as the program ``ip`` of Linux prints them (JSON). The formats were read
in the source of illumos, below usr/src/cmd/cmd-inet: usr.sbin/ipadm/ipadm.c (print_sa_cb(),
print_si_cb()), usr.sbin/route.c (print_getmsg(), search_rtfile()) and usr.bin/netstat/netstat.c,
which arp(8) runs. Those of ifconfig(8), pargs(1) and ps(1) are from their manual pages, and all of
Solaris 10 and 11 is assumed to be the same.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any, Dict, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _commands,
    _freebsd,
    _links,
    _program,
    _run,
)
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError

Data = Dict[str, Any]  # Python 3.8 takes no subscript of dict here

# ----------------------------------------------------------------------------------- interfaces


def links() -> list[Data]:
    """Return the interfaces with their addresses, as ``ip -json address show`` prints them."""
    return parse_links(_commands.output("ifconfig", "-a"))


def parse_links(said: str) -> list[Data]:
    """Return what ``ifconfig -a`` prints, with logical interfaces (lo0:1) and IPv6 joined.

    Addresses of a logical interface that is down are left out, for they are not in use.
    """
    found: dict[str, Data] = {}
    link: Data = {}
    in_use = True
    for line in said.splitlines():
        head = re.match(r"([^\s:]+)(\S*): flags=[0-9a-f]+<([^>]*)> mtu (\d+)", line)
        words = line.split()
        if head:
            flags = head[3].split(",")
            in_use = not head[2] or "UP" in flags
            kind = "loopback" if "LOOPBACK" in flags else "none"
            link = found.setdefault(
                head[1],
                {
                    "ifname": head[1],
                    "link_type": kind,
                    "address": "",
                    "flags": flags + (["NOARP"] if "POINTOPOINT" in flags else []),
                    "mtu": int(head[4]),
                    "addr_info": [],
                },
            )
        elif link and words[:1] == ["ether"] and len(words) > 1:
            mac = ":".join(f"{int(part, 16):02x}" for part in words[1].split(":"))
            link.update(link_type="ether", address=mac)
        elif link and words[:1] in (["inet"], ["inet6"]) and words[1:2] not in ([], ["tunnel"]):
            address = _address(words) if in_use else None
            link["addr_info"] += [address] if address else []
    return list(found.values())


def _address(words: list[str]) -> Data | None:
    """Return an address of ``inet 10.0.0.1 netmask ffffff00 ...`` or ``inet6 ::1/128``."""
    local, _slash, length = words[1].partition("/")
    if "netmask" in words:
        mask = int(words[words.index("netmask") + 1], 16)
        length = str(bin(mask).count("1"))
    if ipaddress.ip_address(local).is_unspecified:  # an interface without an address has 0.0.0.0
        return None
    peer = {"address": words[3]} if words[2:3] == ["-->"] else {}
    bits = "32" if words[0] == "inet" else "128"
    return {"family": words[0], "local": local, "prefixlen": int(length or bits), **peer}


#: The names of managed objects: the address in hexadecimal, so that each has one name only.
NAME = re.compile(r"lo0/lvs[0-9a-f]{8}")


class AddressObject(NamedTuple):
    """An address object of ipadm(8).

    :ivar name: its name, as lo0/v4
    :ivar state: ok, or disabled, down, duplicate, inaccessible, tentative
    :ivar address: the address, with its prefix length
    """

    name: str
    state: str
    address: str


def address_objects() -> list[AddressObject]:
    """Return the address objects of all interfaces."""
    said = _commands.output("ipadm", "show-addr", "-p", "-o", "ADDROBJ,STATE,ADDR")
    return parse_address_objects(said)


def parse_address_objects(said: str) -> list[AddressObject]:
    """Return what ``ipadm show-addr -p -o ADDROBJ,STATE,ADDR`` prints; it escapes colons."""
    rows = [re.split(r"(?<!\\):", line) for line in said.splitlines()]
    return [
        AddressObject(*(field.replace("\\:", ":") for field in row))
        for row in rows
        if len(row) == 3
    ]


def managed_objects(objects: Iterable[AddressObject]) -> dict[str, AddressObject]:
    """Return the managed ones of some address objects, by name."""
    return {each.name: each for each in objects if NAME.fullmatch(each.name)}


# --------------------------------------------------------------------------------------- routes


def route(address: str) -> list[Data]:
    """Return how packets to an address leave, as ``ip -json route get`` prints it; [] for nohow."""
    family = "-inet6" if ":" in address else "-inet"
    return _freebsd.parse_route(_commands.printed("route", "-n", "get", family, address))


def routers(family: str) -> list[tuple[str, str]]:
    """Return destination and gateway of all routes through a router.

    :param family: ``-inet`` or ``-inet6``
    """
    said = _commands.printed("netstat", "-rn", "-f", family[1:]) or ""
    rows = [line.split() for line in said.splitlines()]
    return [(row[0], row[1]) for row in rows if len(row) > 2 and "G" in row[2]]


# ------------------------------------------------------------------------------------- settings


#: The script that sets addresses at boot.
BOOT_SCRIPT = "/lib/svc/method/net-physical"


def has_ipadm() -> bool:
    """Return whether there is ipadm(8): from Solaris 11 on, and on illumos."""
    return _program.where("ipadm") is not None


def keeps_lo0() -> bool:
    """Return whether the persistent configuration of ipadm(8) has lo0.

    If not, net-loopback makes lo0 anew at boot and enables no other address of it, although ipadm
    keeps them (i_ipadm_create_if() in usr/src/lib/libipadm/common/ipadm_if.c persists no interface
    that is there already; usr/src/cmd/svc/milestone/net-loopback).
    """
    said = _commands.printed("ipadm", "show-if", "-p", "-o", "PERSISTENT", "lo0")
    return "4" in (said or "")


def boots_by_files() -> bool:
    """Return whether files /etc/hostname.lo0:N keep VIPs for the boot, and ipadm(8) does not."""
    if not has_ipadm():
        return True
    return "/etc/hostname." in (_atomic_file.read(BOOT_SCRIPT) or "") and not keeps_lo0()


def host_model() -> str:
    """Return the host model of IPv4: weak, strong or src-priority; "" if it is not known."""
    if not has_ipadm():
        strict = _commands.printed("ndd", "-get", "/dev/ip", "ip_strict_dst_multihoming")
        return {"0": "weak", "1": "strong"}.get((strict or "").strip(), "")
    words = ("ipadm", "show-prop", "-c", "-o", "CURRENT", "-p", "hostmodel", "ipv4")
    return (_commands.printed(*words) or "").strip()


def published() -> set[str]:
    """Return the addresses of published ARP entries that are not the host's own (flag L)."""
    rows = [line.split() for line in (_commands.printed("arp", "-an") or "").splitlines()]
    return {
        row[1]
        for row in rows
        if len(row) > 3
        and re.fullmatch("[A-Za-z]+", row[3])
        and "P" in row[3]
        and "L" not in row[3]
    }


def refusals(model: str, entries: Iterable[str], vips: Iterable[str]) -> list[str]:
    """Return a sentence for each thing with which VIPs on lo0 would not work.

    SunOS answers ARP for no address of another interface than that of the request
    (arp_process_packet() in usr/src/uts/common/inet/ip/ip_arp.c), so nothing has to be set.

    :param model: the result of `host_model`
    :param entries: the result of `published`
    :param vips: the VIPs
    """
    vips = list(vips)
    found = []
    if model == "strong":
        remedy = (
            "Run ndd -set /dev/ip ip_strict_dst_multihoming 0, and remove it from what sets it."
        )
        if has_ipadm():
            remedy = "Run ipadm set-prop -p hostmodel=weak ipv4"
        found.append(
            "hostmodel of ipv4 is strong; it must be weak or src-priority, since this host drops"
            f" what arrives for a VIP on lo0 by another interface. {remedy}"
        )
    found += [
        f"{vip} is a published ARP entry, so this host answers for it in the director's place."
        f" Run arp -d {vip}, and remove what adds it at boot."
        for vip in sorted(set(entries).intersection(vips))
    ]
    found += [
        f"{vip} is an IPv6 VIP; on SunOS it must be an IPv4 one, since this collection adds no IPv6"
        " address to lo0 there. Use the method nat or fullnat for this service."
        for vip in vips
        if ":" in vip
    ]
    return found


def suppress(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of arp_suppress ask for, which is none.

    Raises `OperatorError` where the host would answer ARP for VIPs, or drop what arrives for them.
    """
    model = host_model()
    shown = _links.parse(links())
    vips = [
        str(address.ip.ip)
        for link in shown.values()
        if "LOOPBACK" in link.flags
        for address in link.addresses
        if address.ip.version == 4 and address.host_only and not address.ip.is_loopback
    ]
    state = {"sysctls": {"hostmodel": model}, "in_effect": {}}
    results: dict[str, Any] = {
        "msg": "SunOS answers ARP for no address of lo0, so nothing has to be set."
    }
    if params["state"] == "absent":
        return _run.Change(state, state, results={**results, "vips": vips})
    mistakes = [
        f"interfaces: there is no interface {name} here."
        for name in params["interfaces"] or []
        if name not in shown
    ]
    mistakes += refusals(model, published(), vips)
    if mistakes:
        raise OperatorError(*mistakes)
    return _run.Change(state, state, results=results)


def vips(params: Mapping[str, Any]) -> list[ipaddress.IPv4Address]:
    """Return the VIPs among the options of vip_iface; raises `OperatorError` with all mistakes."""
    found, refused = [], []
    for address in _links.vips("lo0", params["vips"] or []):
        vip = address.ip.ip
        if isinstance(vip, ipaddress.IPv4Address):
            found.append(vip)
        else:
            refused.append(str(vip))
    mistakes = refusals("", (), refused) if params["state"] == "present" else []
    if params["interface"] not in (None, "lo", "lo0") and found:
        mistakes.append(f"interface is {params['interface']}; on SunOS it must be lo0.")
    if mistakes:
        raise OperatorError(*mistakes)
    return found
