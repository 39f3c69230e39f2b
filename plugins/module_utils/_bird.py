# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the configuration with which BIRD 2 announces VIPs by BGP, from plain data; pure.

BIRD announces each address on one interface that is among the VIPs, and imports nothing. There is
no protocol ``kernel``, so it can't change the routes of the machine. There is a session for each
neighbor, with the channel of its family: an IPv4 session announces IPv4 VIPs only, so that every
VIP has a next hop of its own family, which all routers know.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union

from ansible_collections.lvs.cluster.plugins.module_utils._errors import OperatorError
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

HEADER = "# Written by Ansible (lvs.cluster.bird_conf), which replaces what is changed here.\n"
#: The constant of the file that has its digest: ``birdc eval`` prints the one that BIRD runs.
DIGEST = "LVS_CONFIGURATION"
_DIGEST_LINE = re.compile(rf'(?m)^define {DIGEST} = "(\w*)";$')
#: The names of protocols and of the template in the file. Those of neighbors begin with PREFIX.
DEVICE, DIRECT, BFD, TEMPLATE, PREFIX = (
    "lvs_device",
    "lvs_vips",
    "lvs_bfd",
    "lvs_router",
    "lvs_",
)
#: BIRD prints a warning about a password without this option from 2.17 on, and refuses it before.
AUTHENTICATION_SINCE = (2, 17)
#: Seconds between attempts to connect, and until the first; after an error at most ERROR_WAIT.
RETRY, DELAY, ERROR_WAIT = 3, 1, 30

#: The numbers of the options, each with its unit and bounds. BIRD refuses a hold time below 3
#: seconds (proto/bgp/config.Y), except 0, which would be none. Its BFD needs no such bounds: below
#: 10 ms a busy machine flaps, above 10 s BFD is slower than the hold timer.
BOUNDS = {
    "local_as": ("an AS number", 1, 4294967295),
    "bfd_interval": ("a number of milliseconds", 10, 10000),
    "bfd_multiplier": ("a number of lost packets", 1, 255),
    "hold_time": ("a number of seconds", 3, 65535),
}
OF_NEIGHBOR = {
    "as": ("an AS number", 1, 4294967295),
    "multihop": ("a number of hops", 1, 255),
    "port": ("a TCP port", 1, 65535),
}
#: Bytes of a password; TCP_MD5SIG_MAXKEYLEN of linux/tcp.h.
LONGEST_PASSWORD = 80
#: A name of an interface. BIRD would take * and ? in it for a pattern; 15 is IFNAMSIZ - 1.
_INTERFACE = re.compile(r"[^\s/*?\\\"\x00-\x1f\x7f-\U0010ffff]{1,15}")
#: What BIRD reads between quotes as it is: it knows no escapes (conf/cf-lex.l).
_PASSWORD = re.compile(r"[ !#-~]+")


class Neighbor(NamedTuple):
    """A router.

    :ivar address: its address, which no other neighbor has
    :ivar remote_as: its AS number
    :ivar password: of TCP MD5 (RFC 2385); None for none
    :ivar multihop: how many hops away it is; None on a shared link
    :ivar port: where it listens
    :ivar source: this machine's address of the session; None for what BIRD selects
    """

    address: Address
    remote_as: int
    password: str | None
    multihop: int | None
    port: int
    source: Address | None

    @property
    def name(self) -> str:
        """Return the name of its protocol, which stays while its address does."""
        return PREFIX + re.sub("[.:]", "_", str(self.address))


class Configuration(NamedTuple):
    """What BIRD is to do; numbers as in BOUNDS.

    :ivar vips: sorted, each once
    :ivar neighbors: sorted by their addresses
    """

    router_id: str
    local_as: int
    interface: str
    vips: Sequence[Address]
    neighbors: Sequence[Neighbor]
    bfd: bool
    bfd_interval: int
    bfd_multiplier: int
    hold_time: int
    ttl_security: bool


def parse(raw: Mapping[str, Any]) -> Configuration:
    """Return the configuration that the options define, without those that are not set.

    Raises `OperatorError` with all mistakes.
    """
    mistakes: list[str] = []
    router_id = _router_id(raw.get("router_id"), mistakes)
    interface = raw["interface"]
    if not _INTERFACE.fullmatch(interface):
        mistakes.append(
            f"interface: it is {shown(interface)}; it must be the name of one interface, such as"
            " lvs-vips."
        )
    if raw.get("local_as") is None:
        mistakes.append("local_as: it is missing; set the AS number of the directors.")
    mistakes += out_of_bounds("", raw, BOUNDS)
    vips = [_address("vips", text, mistakes) for text in raw.get("vips") or ()]
    neighbors = [
        _neighbor(number, each, mistakes)
        for number, each in enumerate(raw.get("neighbors") or (), start=1)
    ]
    if mistakes:
        raise OperatorError(*mistakes)
    found = Configuration(
        router_id,
        raw["local_as"],
        interface,
        sorted({vip for vip in vips if vip}, key=_order),
        sorted((each for each in neighbors if each), key=lambda each: _order(each.address)),
        raw["bfd"],
        raw["bfd_interval"],
        raw["bfd_multiplier"],
        raw["hold_time"],
        raw["ttl_security"],
    )
    if contradictions := list(_contradictions(found)):
        raise OperatorError(*contradictions)
    return found


def _order(address: Address) -> tuple[int, int]:
    return address.version, int(address)


def _router_id(text: str | None, mistakes: list[str]) -> str:
    with contextlib.suppress(ValueError):
        address = ipaddress.IPv4Address(text or "")
        if int(address):
            return str(address)
    what = "missing" if text is None else shown(text)
    mistakes.append(
        f"router_id: it is {what}; it must be an IPv4 address other than 0.0.0.0 that no other"
        " router has, such as this machine's own."
    )
    return ""


def _address(place: str, text: str, mistakes: list[str]) -> Address | None:
    """Return an address of one host; add to the mistakes if it is none."""
    address = None
    with contextlib.suppress(ValueError):
        address = None if "%" in text else ipaddress.ip_address(text)
    if address is None:
        mistakes.append(f"{place}: {shown(text)} is not an IPv4 or IPv6 address.")
    elif address.version == 6 and address.ipv4_mapped:
        # BIRD takes it for the IPv4 address (lib/ip.h).
        mistakes.append(f"{place}: {text} is an IPv4 address; write {address.ipv4_mapped}.")
    elif (
        address.is_unspecified
        or address.is_multicast
        or address.is_loopback
        or address.is_link_local
        or str(address) == "255.255.255.255"
    ):
        mistakes.append(
            f"{place}: {text} is an unspecified, multicast, broadcast, loopback or link-local"
            " address; it must be the address of one host that other links can reach."
        )
    else:
        return address
    return None


def out_of_bounds(
    place: str, raw: Mapping[str, Any], bounds: Mapping[str, tuple[str, int, int]]
) -> Iterator[str]:
    for name, (what, low, high) in bounds.items():
        value = raw.get(name)
        if value is not None and not low <= value <= high:
            yield f"{place}{name}: it is {value}; it must be {what} from {low} to {high}."


def _neighbor(number: int, raw: Mapping[str, Any], mistakes: list[str]) -> Neighbor | None:
    place = f"neighbors: number {number}"
    before = len(mistakes)
    address = _address(place, raw["address"], mistakes)
    place = f"neighbor {address}: " if address else f"{place}: "
    mistakes += out_of_bounds(place, raw, OF_NEIGHBOR)
    password = raw.get("password")
    if password is not None and not _PASSWORD.fullmatch(password):
        mistakes.append(
            f"{place}password: it is empty, or has a character that BIRD can't read; it must be of"
            " printable ASCII characters other than the double quote."
        )
    elif password is not None and len(password) > LONGEST_PASSWORD:
        mistakes.append(
            f"{place}password: it has {len(password)} characters; the kernel takes"
            f" {LONGEST_PASSWORD} at most."
        )
    source = None
    if raw.get("source_address") is not None:
        source = _address(f"{place}source_address", raw["source_address"], mistakes)
    if source and address and source.version != address.version:
        mistakes.append(
            f"{place}source_address: it is {source}; it must be an IPv{address.version} address, as"
            " the neighbor's is."
        )
    if len(mistakes) > before or address is None:
        return None
    return Neighbor(
        address, raw["as"], password, raw.get("multihop"), raw.get("port") or 179, source
    )


def _contradictions(config: Configuration) -> Iterator[str]:
    """Report what is wrong about values that are right by themselves."""
    if not config.neighbors:
        yield "neighbors: there is none; list the routers that BIRD announces the VIPs to."
    seen = set()
    for each in config.neighbors:
        place = f"neighbor {each.address}"
        if each.address in seen:
            yield f"{place}: it is listed twice; there is one session with a neighbor."
        seen.add(each.address)
        if each.address in config.vips:
            yield f"{place}: it is a VIP, so it can't be the address of a router."
        if each.source in config.vips:
            yield (
                f"{place}: source_address: {each.source} is a VIP, which every director has; it"
                " must be an address of this machine only."
            )
        if each.multihop and config.bfd and not each.source:
            # BIRD refuses it: "Multihop BGP with BFD requires specified local address".
            yield (
                f"{place}: multihop with BFD needs a source_address; set it to this machine's"
                " address toward the neighbor, or set bfd: false."
            )
    for version in (4, 6):
        of_family = [str(vip) for vip in config.vips if vip.version == version]
        if of_family and config.neighbors and version not in _families(config):
            yield (
                f"vips: {', '.join(of_family)}: no neighbor has an IPv{version} address, so no"
                f" router would learn of it; add a neighbor with an IPv{version} address."
            )


def _families(config: Configuration) -> set[int]:
    return {each.address.version for each in config.neighbors}


def render(config: Configuration, version: Sequence[int] | None) -> str:
    """Return the text of the file.

    :param version: of BIRD, such as (2, 17, 6); None for one that is not known, taken for an old
        one
    """
    blocks = [
        HEADER + f"log syslog all;\nrouter id {config.router_id};\n",
        f'# birdc eval {DIGEST} prints that of the running configuration.\ndefine {DIGEST} = "";\n',
        *_vips(config),
        f"protocol device {DEVICE} {{\n}}\n",
        f'protocol direct {DIRECT} {{\n  ipv4;\n  ipv6;\n  interface "{config.interface}";\n}}\n',
        *([_bfd(config)] if config.bfd else []),
        _template(config),
        *(_session(config, each, version) for each in config.neighbors),
    ]
    text = "\n".join(blocks)
    value = hashlib.sha256(text.encode()).hexdigest()
    return _DIGEST_LINE.sub(f'define {DIGEST} = "{value}";', text, count=1)


def digest(text: str | None) -> str | None:
    """Return the digest in the text of a file; None if this collection has not written it."""
    found = _DIGEST_LINE.search(text or "")
    return found[1] if found else None


def is_managed(text: str | None) -> bool:
    """Return whether this collection has written a text."""
    return (text or "").startswith(HEADER)


def _vips(config: Configuration) -> Iterator[str]:
    for version in (4, 6):
        nets = [
            f"  {vip}/{vip.max_prefixlen}" for vip in config.vips if vip.version == version
        ]  # BIRD has no empty set
        if nets:
            yield f"define LVS_VIPS{version} = [\n" + ",\n".join(nets) + "\n];\n"


def _bfd(config: Configuration) -> str:
    """Return BIRD's BFD. It has sessions with neighbors of BGP only, whatever their interface."""
    timers = (
        f"interval {config.bfd_interval} ms;",
        f"multiplier {config.bfd_multiplier};",
    )
    families, far = _families(config), {bool(each.multihop) for each in config.neighbors}
    accept = [f"ipv{version}" for version in families] if len(families) == 1 else []
    accept += ["multihop" if True in far else "direct"] if len(far) == 1 else []
    lines = [f"  accept {' '.join(accept)};"] if accept else []
    places = {'interface "*"': False in far, "multihop": True in far}
    for place in (place for place, is_there in places.items() if is_there):
        lines += [f"  {place} {{", *(f"    {timer}" for timer in timers), "  };"]
    return f"protocol bfd {BFD} {{\n" + "\n".join(lines) + "\n}\n"


def _template(config: Configuration) -> str:
    # With graceful restart, routers would keep the route of a director that is down.
    lines = (
        f"local as {config.local_as};",
        f"hold time {config.hold_time};",
        f"keepalive time {config.hold_time // 3};",
        f"connect delay time {DELAY};",
        f"connect retry time {RETRY};",
        f"error wait time {RETRY}, {ERROR_WAIT};",
        "graceful restart off;",
        f"bfd {'on' if config.bfd else 'off'};",
    )
    return f"template bgp {TEMPLATE} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def _session(config: Configuration, each: Neighbor, version: Sequence[int] | None) -> str:
    family = each.address.version
    has_vips = any(vip.version == family for vip in config.vips)
    wanted = f"where source = RTS_DEVICE && net ~ LVS_VIPS{family}" if has_vips else "none"
    port = "" if each.port == 179 else f" port {each.port}"
    lines = [
        f"neighbor {each.address}{port} as {each.remote_as};",
        f"multihop {each.multihop};" if each.multihop else "direct;",
        f"ttl security {'on' if config.ttl_security and not each.multihop else 'off'};",
    ]
    lines += [f"source address {each.source};"] if each.source else []
    if each.password:
        named = version is not None and tuple(version) >= AUTHENTICATION_SINCE
        lines += ["authentication md5;"] if named else []
        lines += [f'password "{each.password}";']
    lines += [f"ipv{family} {{", "  import none;", f"  export {wanted};", "};"]
    return (
        f"protocol bgp {each.name} from {TEMPLATE} {{\n"
        + "".join(f"  {line}\n" for line in lines)
        + "}\n"
    )
