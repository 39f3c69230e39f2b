# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""FreeBSD: its interfaces, routes and settings, and its files for boot.

Interfaces and routes come as the program ``ip`` of Linux prints them (JSON), so that whatever reads
those can read these. The formats were read in sbin/ifconfig (af_inet.c, af_inet6.c), usr.sbin/arp
(print_entry() in arp.c) and usr.bin/netstat (p_rtentry_sysctl() in route.c) of FreeBSD 13, and in
both programs that are ``route``: print_getmsg() in sbin/route/route.c, and in route_netlink.c since
FreeBSD 14.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Dict

from ansible_collections.lvs.cluster.plugins.module_utils import _commands, _links, _run
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError

Data = Dict[str, Any]  # Python 3.8 takes no subscript of dict here

#: Prefix lengths in place of masks.
FORMAT = "inet:cidr,inet6:cidr"
#: What destination and mask of the default route are printed as; ``route -n`` prints addresses.
DEFAULT = ("default", "0.0.0.0", "::")

# ----------------------------------------------------------------------------------- interfaces


def links() -> list[Data]:
    """Return the interfaces with their addresses, as ``ip -json address show`` prints them."""
    return parse_links(_commands.output("ifconfig", "-f", FORMAT, "-a"))


def parse_links(said: str) -> list[Data]:
    """Return what ``ifconfig -f inet:cidr,inet6:cidr -a`` prints."""
    found: list[Data] = []
    for line in said.splitlines():
        head = re.match(r"(\S+): flags=[0-9a-f]+<([^>]*)>.* mtu (\d+)", line)
        words = line.split()
        if head:
            flags = head[2].split(",")
            # A point-to-point interface sends no ARP.
            flags += ["NOARP"] if "POINTOPOINT" in flags else []
            kind = "loopback" if "LOOPBACK" in flags else "none"
            found.append(
                {
                    "ifname": head[1],
                    "link_type": kind,
                    "address": "",
                    "flags": flags,
                    "mtu": int(head[3]),
                    "addr_info": [],
                }
            )
        elif found and words[:1] == ["ether"] and len(words) > 1:
            found[-1].update(link_type="ether", address=words[1])
        elif found and words[:1] in (["inet"], ["inet6"]) and len(words) > 1:
            found[-1]["addr_info"].append(_address(words))
    return found


def _address(words: list[str]) -> Data:
    """Return an address, of ``inet 10.0.0.1/24 broadcast ...`` or ``inet6 ::1 --> ::2/128 ...``."""
    peer = words[3] if words[2:3] == ["-->"] else ""
    bare, _slash, length = (peer or words[1]).partition("/")
    each: Data = {
        "family": words[0],
        "local": (words[1] if peer else bare).partition("%")[0],
        "prefixlen": int(length),
    }
    if peer:
        each["address"] = bare.partition("%")[0]
    if "duplicated" in words:
        each["dadfailed"] = True
    if "tentative" in words:
        each["tentative"] = True
    if "deprecated" in words:
        each["preferred_life_time"] = 0
    return each


# --------------------------------------------------------------------------------------- routes


def route(address: str, fib: int = 0) -> list[Data]:
    """Return how packets to an address leave, as ``ip -json route get`` prints it; [] for nohow.

    :param address: an address without a prefix length
    """
    family = "-inet6" if ":" in address else "-inet"
    return parse_route(_commands.printed("route", "-n", "get", family, address, *in_fib(fib)))


def default_route(family: str, fib: int = 0) -> list[Data]:
    """Return the default route, as `route` does; [] for none.

    :param family: ``-inet`` or ``-inet6``
    """
    words = ("route", "-n", "get", family, "default", *in_fib(fib))
    found = parse_route(_commands.printed(*words))
    return [each for each in found if each["dst"] == "default"]


def in_fib(fib: int) -> tuple[str, ...]:
    """Return the words of route(8) for a FIB; none for FIB 0, which is the default."""
    return ("-fib", str(fib)) if fib else ()


def parse_route(said: str | None) -> list[Data]:
    """Return what ``route -n get`` prints; [] if it printed no route."""
    fields = dict(re.findall(r"(?m)^\s*([a-z]+): (\S+)$", said or ""))
    if "interface" not in fields:
        return []
    destination = fields.get("destination", "")
    # VPNs add a route to 0.0.0.0 with the mask 128.0.0.0, which is not the default route.
    is_default = {destination, fields.get("mask", destination)} <= set(DEFAULT)
    found: Data = {
        "dst": "default" if is_default else destination,
        "dev": fields["interface"],
    }
    if "gateway" in fields:
        found["gateway"] = fields["gateway"]
    metrics = re.search(r"(?m)^(.*\bmtu\b.*)\n(.*)$", said or "")
    if metrics:
        values = dict(zip(metrics[1].split(), re.findall(r"\d+", metrics[2])))
        found["metrics"] = [{"mtu": int(values["mtu"])}] if int(values.get("mtu", 0)) else []
    return [found]


def gateways() -> set[str]:
    """Return the next routers in the routing table, by ``netstat -rn``."""
    rows = [line.split() for line in (_commands.printed("netstat", "-rn") or "").splitlines()]
    return {row[1].partition("%")[0] for row in rows if len(row) > 2 and "G" in row[2]}


# ------------------------------------------------------------------------------------- settings

PROXY = "net.link.ether.inet.proxyall"
FORWARDING = "net.inet.ip.forwarding"
#: Of FreeBSD 13 and 14, and of 15.
STRONG_MODEL = ("net.inet.ip.check_interface", "net.inet.ip.rfc1122_strong_es")


def sysctls(names: Iterable[str] = (PROXY, FORWARDING, *STRONG_MODEL)) -> dict[str, str]:
    """Return the values of kernel settings, without those that this release does not have."""
    said = _commands.output("sysctl", "-i", *names)  # -i: an unknown one is left out
    return dict(re.findall(r"(?m)^([\w.]+): (.*)$", said))


def published() -> set[str]:
    """Return the addresses of published ARP entries, for which the host answers."""
    said = _commands.printed("arp", "-an") or ""
    return set(re.findall(r"(?m)^\S+ \((\S+)\) at .*\bpublished\b", said))


def refusals(
    settings: Mapping[str, str | None], entries: Iterable[str], vips: Iterable[str]
) -> list[str]:
    """Return a sentence for each setting with which VIPs on lo0 would not work.

    FreeBSD answers neither ARP nor neighbour discovery for an address of another interface than
    that of the request (in_arpinput() in sys/netinet/if_ether.c, nd6_ns_input() in
    sys/netinet6/nd6_nbr.c), so there is nothing to set for that. These are the exceptions.

    :param settings: the result of `sysctls`
    :param entries: the result of `published`
    :param vips: the VIPs, IPv4 and IPv6
    """
    found = []
    if settings.get(PROXY, "0") != "0":
        found.append(
            f"{PROXY} is {settings[PROXY]}; it must be 0, since this host would answer ARP for its"
            f" VIPs in the director's place. Run sysctl {PROXY}=0, and set arpproxy_all=NO in"
            " /etc/rc.conf."
        )
    if settings.get(FORWARDING, "0") == "0":  # ip_input() in sys/netinet/ip_input.c asks for it
        found += [
            f"{name} is {settings[name]}; it must be 0, since this host drops what arrives for a"
            f" VIP on lo0 by another interface. Run sysctl {name}=0, and remove it from"
            " /etc/sysctl.conf."
            for name in STRONG_MODEL
            if settings.get(name, "0") != "0"
        ]
    found += [
        f"{vip} is a published ARP entry, so this host answers for it in the director's place."
        f" Run arp -d {vip}, and remove what adds it at boot."
        for vip in sorted(set(entries).intersection(vips))
    ]
    return found


def suppress(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options of arp_suppress ask for, which is none.

    Raises `OperatorError` where the host would answer ARP for VIPs, or drop what arrives for them.
    """
    shown = _links.parse(links())
    settings = sysctls()
    vips = [
        str(address.ip.ip)
        for link in shown.values()
        if "LOOPBACK" in link.flags
        for address in link.addresses
        if address.host_only and not address.ip.is_loopback
    ]
    state = {"sysctls": settings, "in_effect": {}}
    results: dict[str, Any] = {
        "msg": "FreeBSD answers ARP for no address of lo0, so nothing has to be set."
    }
    if params["state"] == "absent":
        return _run.Change(state, state, results={**results, "vips": vips})
    mistakes = [
        f"interfaces: there is no interface {name} here."
        for name in params["interfaces"] or []
        if name not in shown
    ]
    mistakes += refusals(settings, published(), vips)
    if mistakes:
        raise OperatorError(*mistakes)
    return _run.Change(state, state, results=results)


# ------------------------------------------------------------------------- the files for boot

#: Where rc(8) reads variables of single scripts; see load_rc_config() of rc.subr(8).
RC = "/etc/rc.conf.d"
#: Begins a comment on the next line of a file.
STAYS = "# This was so before, and stays when the rest goes:"


def boot_file(save: str, *scripts: str) -> str:
    """Return the file of rc(8) that takes the place of a state file.

    For ``/etc/lvs/realserver_dr.ip`` it is ``/etc/rc.conf.d/netif/lvs_dr``, unless
    ``/etc/rc.conf.d/netif`` is a file of the administrator: then it is in the folder of the next
    script. Raises `OperatorError` if there is a file for each of them.

    :param save: the option ``save``
    :param scripts: the scripts that read it: ``netif``, ``routing``
    """
    name = boot_file_name(save)
    places = [os.path.join(RC, script) for script in scripts]
    there = [place for place in places if os.path.isfile(os.path.join(place, name))]
    usable = [place for place in places if os.path.isdir(place) or not os.path.lexists(place)]
    if not there + usable:
        raise OperatorError(
            f"{places[0]} is a file; it must be a folder, for rc(8) reads all files of a folder and"
            f" a file of this collection has to be beside yours. Run mv {places[0]}"
            f" {places[0]}.conf && mkdir {places[0]} && mv {places[0]}.conf {places[0]}/local"
        )
    return os.path.join((there + usable)[0], name)


def boot_files(*scripts: str) -> list[str]:
    """Return the files of this collection that scripts of rc(8) read."""
    patterns = [os.path.join(RC, script, "lvs_*") for script in scripts]
    return sorted(path for pattern in patterns for path in glob.glob(pattern))


def boot_file_name(save: str) -> str:
    """Return the name of the file of rc(8) for a state file."""
    stem, ending = os.path.splitext(os.path.basename(save))
    part = re.sub("^(realserver_|lvs_)", "", stem)
    return f"lvs_{part}{'' if ending in ('', '.ip') else ending.replace('.', '_')}"
