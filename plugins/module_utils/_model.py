# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one schema of a virtual service, as values that can't change.

Everything that speaks of a virtual service (the inventory filter, the modules' arguments and
results, the netlink layer) speaks in these types. Text becomes a value in ``parse_services``, which
collects a sentence for every mistake instead of stopping at the first; a value becomes plain data
again in ``to_dict``. Values are normal: two that mean the same to the kernel are equal.

Bounds and meanings come from the kernel's ``include/uapi/linux/ip_vs.h`` and
``net/netfilter/ipvs/ip_vs_ctl.c``, and where the kernel itself is lax from ``ipvsadm(8)``.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Dict, NamedTuple, Union

FAMILIES = ("ipv4", "ipv6")
PROTOCOLS = ("tcp", "udp", "sctp")
SCHEDULERS = (
    *("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq"),
    *("fo", "ovf", "mh", "twos"),
)
#: The three flag bits of a scheduler. ``sh`` and ``mh`` give the first two a meaning.
SCHEDULER_FLAGS: dict[str, tuple[str, ...]] = {
    "sh": ("sh-fallback", "sh-port", "flag-3"),
    "mh": ("mh-fallback", "mh-port", "flag-3"),
}
PLAIN_FLAGS = ("flag-1", "flag-2", "flag-3")


class Method(NamedTuple):
    """What follows from a forwarding method.

    :ivar kernel: its name in IPVS; for fullnat, the packet filter does the source NAT that makes
        the difference to nat
    :ivar translated: whether the director translates addresses: it may change the port, and answers
        return through it. If not, packets reach the real server as the client sent them, and
        answers go past the director
    :ivar on_link: whether no router may be between director and real server
    :ivar role: the role that a real server needs, "" if it needs none
    """

    kernel: str
    translated: bool
    on_link: bool
    role: str


#: The forwarding methods of the inventory.
METHODS = {
    "dr": Method("dr", translated=False, on_link=True, role="realserver_dr"),
    "tun": Method("tun", translated=False, on_link=False, role="realserver_tun"),
    "nat": Method("nat", translated=True, on_link=True, role="realserver_nat"),
    "fullnat": Method("nat", translated=True, on_link=False, role=""),
}
UNCHANGED = tuple(name for name, method in METHODS.items() if not method.translated)
TRANSLATED = tuple(name for name, method in METHODS.items() if method.translated)
ON_LINK = tuple(name for name, method in METHODS.items() if method.on_link)
ROUTED = tuple(name for name, method in METHODS.items() if not method.on_link)
#: What may be written; ``local`` is what kernels say of an address of the director's own.
WRITTEN_METHODS = (*METHODS, "local")

TUNNEL_TYPES = ("ipip", "gue", "gre")
TUNNEL_CHECKSUMS = ("none", "checksum", "remote")

#: ipvsadm's own bounds: a month for a timeout, 16 bits for a weight.
MAX_TIMEOUT = 31 * 86400
MAX_WEIGHT = 65535
MAX_U32 = 0xFFFFFFFF
#: Debian 13's kernel (6.12) refuses a greater one; its counts of connections are signed.
MAX_THRESHOLD = 0x7FFFFFFF
#: Longer numbers are out of range, and Python may refuse to read them.
MAX_DIGITS = 20

#: What a sentence shows of a wrong value, in characters, and how many names it lists.
LONGEST_SHOWN, LISTED = 120, 12

Mask = Union[int, str]


class Destination(NamedTuple):
    """One real server of a virtual service.

    ``method`` is how packets are forwarded to it; ``local`` is only ever read back, from kernels
    that say so of an address of the director's own. ``weight`` 0 takes no new connections.
    Thresholds count connections; 0 is none.
    """

    address: str
    port: int
    method: str = "dr"
    weight: int = 1
    upper_threshold: int = 0
    lower_threshold: int = 0
    tunnel_type: str = "ipip"
    tunnel_port: int = 0
    tunnel_checksum: str = "none"

    @property
    def key(self) -> tuple[str, int]:
        """What distinguishes two destinations of a service: address and port."""
        return self[:2]

    def __str__(self) -> str:
        return endpoint(self.address, self.port)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: what always matters, and what else differs from its default."""
        always = {field: getattr(self, field) for field in self._fields[:4]}
        return {**always, **_set_fields(self, self._fields[4:])}


class ServiceKey(NamedTuple):
    """What distinguishes two virtual services: family, and protocol, VIP and port, or a mark."""

    family: str
    protocol: str = ""
    vip: str = ""
    port: int = 0
    fwmark: int = 0

    def __str__(self) -> str:
        if self.fwmark:
            return f"fwmark {self.fwmark}{' (ipv6)' if self.family == 'ipv6' else ''}"
        return f"{self.protocol} {endpoint(self.vip, self.port)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the key as fields of the inventory."""
        if self.fwmark:
            return {"fwmark": self.fwmark, "family": self.family}
        return {"vip": self.vip, "port": self.port, "protocol": self.protocol}


class VirtualService(NamedTuple):
    """A virtual service and its pool.

    ``persistence_timeout`` is in seconds, 0 for none. ``persistence_mask`` is the prefix length by
    which clients are grouped (or, read from a kernel where one was set that is no prefix, a
    dotted mask). ``destinations`` are sorted by address and port.
    """

    key: ServiceKey
    scheduler: str = "wlc"
    scheduler_flags: tuple[str, ...] = ()
    persistence_timeout: int = 0
    persistence_mask: Mask = 32
    persistence_engine: str = ""
    one_packet: bool = False
    destinations: tuple[Destination, ...] = ()

    def __str__(self) -> str:
        return str(self.key)

    def with_destinations(self, pool: Iterable[Destination]) -> VirtualService:
        """Return the same service with another pool, sorted."""
        return self._replace(destinations=tuple(sorted(pool, key=address_order)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that ``parse_services`` reads back to an equal value."""
        extra = _set_fields(self, self._fields[2:-1])
        if self.persistence_mask == host_prefix(self.key.family):
            extra.pop("persistence_mask", None)
        else:
            extra["persistence_mask"] = self.persistence_mask
        return {
            **self.key.to_dict(),
            "scheduler": self.scheduler,
            **{k: list(v) if isinstance(v, tuple) else v for k, v in extra.items()},
            "destinations": [d.to_dict() for d in self.destinations],
        }


Table = Dict[ServiceKey, VirtualService]


def _set_fields(value: Any, fields: Iterable[str]) -> dict[str, Any]:
    defaults = value._field_defaults
    return {f: getattr(value, f) for f in fields if getattr(value, f) != defaults[f]}


def endpoint(address: str, port: int) -> str:
    """Return ``address:port``, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def family_of(address: str) -> str:
    """Return ``ipv4`` or ``ipv6`` for a normal address."""
    return "ipv6" if ":" in address else "ipv4"


def host_prefix(family: str) -> int:
    """Return the prefix length that means one host: 32 or 128."""
    return 128 if family == "ipv6" else 32


def normal_address(text: Any) -> str | None:
    """Return the one spelling of an IPv4 or IPv6 address (RFC 5952), or None if it is none."""
    try:
        if ":" in text:
            return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, text))
    except (OSError, TypeError, ValueError):
        return None


#: The broadcast address of all networks, and that of every machine's lo.
_BROADCASTS = (b"\xff" * 4, b"\x7f\xff\xff\xff")


def unusable(address: str) -> str:
    """Return why the kernel refuses a normal address for a real server; nothing if it doesn't.

    See ``ip_vs_new_dest`` in the kernel's ``ip_vs_ctl.c``: it takes unicast addresses only.
    """
    packed = packed_address(address)
    if ":" in address:
        if packed[0] == 0xFE and packed[1] & 0xC0 == 0x80:
            return "which is link-local: it means nothing without an interface"
        multicast = packed[0] == 0xFF
    else:
        multicast = 224 <= packed[0] < 240
    if multicast or packed in _BROADCASTS or not any(packed):
        return "which no host can have"
    return ""


def packed_address(address: str) -> bytes:
    """Return the 4 or 16 bytes of a normal address, in network order."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def address_order(destination: Destination) -> tuple[bytes, int]:
    """Sort key of a pool. Two directors must fill mh's table in the same order."""
    return packed_address(destination.address), destination.port


def flag_names(scheduler: str) -> tuple[str, ...]:
    """Return the names of a scheduler's three flags, lowest bit first."""
    return SCHEDULER_FLAGS.get(scheduler, PLAIN_FLAGS)


def as_table(services: Iterable[VirtualService]) -> Table:
    """Return services by key."""
    return {service.key: service for service in services}


def parse_services(raw: Any) -> tuple[list[VirtualService], list[str]]:
    """Read virtual services from plain data.

    Returns the services and a sentence for every mistake, each with its place. The services are
    worth using only if there is no mistake.
    """
    mistakes: list[str] = []
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        return [], ["The services are not a list."]
    places: dict[ServiceKey, str] = {}
    services = []
    for number, item in enumerate(raw, 1):
        if not isinstance(item, Mapping):
            mistakes.append(f"service {number} is not a mapping of fields.")
            continue
        place = f"service {label(item) or number}"
        service = _service(item, place, mistakes)
        if service is None:
            continue
        if service.key in places:
            mistakes.append(
                f"{place}: {service.key} is described a second time, first by"
                f" {places[service.key]}; keep one of them."
            )
        places.setdefault(service.key, place)
        services.append(service)
    return services, mistakes


def parse_key(item: Mapping[str, Any]) -> tuple[ServiceKey | None, list[str]]:
    """Read only what names a service, with a sentence for every mistake."""
    mistakes: list[str] = []
    fields = Fields(item, f"service {label(item) or ''}".rstrip(), mistakes)
    return _key(fields), mistakes


def parse_destination(
    item: Mapping[str, Any], key: ServiceKey
) -> tuple[Destination | None, list[str]]:
    """Read one destination of the service ``key``, with a sentence for every mistake."""
    mistakes: list[str] = []
    return _destination(item, key, f"service {key}: destination", mistakes), mistakes


def label(item: Mapping[str, Any]) -> str:
    """Return what a service is called in sentences: its name, else what clients ask for."""
    text = ""
    if item.get("name"):
        text = str(item["name"])
    elif item.get("fwmark"):
        text = f"fwmark {item['fwmark']}"
    elif item.get("vip"):
        text = f"{item.get('protocol') or 'tcp'} {item['vip']}:{item.get('port')}"
    return one_line(text)


def one_line(text: str) -> str:
    """Return a text with what does not print, such as a newline, written as Python does."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def shown(value: Any) -> str:
    """Return a value as a sentence shows it: in quotes if it is a text, and cut if it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


class Fields:
    """Takes typed fields out of one mapping; what is wrong becomes a sentence with its place.

    A field that is missing or null has its default. Text that spells a number is one, since
    that is what a template in an inventory gives.
    """

    def __init__(self, raw: Mapping[str, Any], place: str, mistakes: list[str]) -> None:
        self.raw = raw
        self.place = place
        self.mistakes = mistakes

    def wrong(self, sentence: str) -> None:
        self.mistakes.append(one_line(f"{self.place}: {sentence}."))

    def known(self, names: Collection[str]) -> None:
        """Note each field that is none of ``names``."""
        if not self.raw.keys() <= set(names):
            for name in sorted(set(map(str, self.raw)).difference(names)):
                self.wrong(unknown("field", name, names))

    def integer(self, name: str, low: int, high: int, default: int) -> int:
        value = self.raw.get(name)
        if value is None:
            return default
        number = as_integer(value)
        if number is None or not low <= number <= high:
            self.wrong(f"{name} is {shown(value)}; it must be a whole number from {low} to {high}")
            return default
        return number

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self.raw.get(name)
        if value is None or value == "":
            return default
        if value not in choices:
            self.wrong(
                f"{name} is {shown(value)}{suggestion(value, choices)};"
                f" it must be one of {', '.join(choices)}"
            )
            return default
        return str(value)

    def boolean(self, name: str) -> bool:
        value = self.raw.get(name)
        if isinstance(value, bool) or value is None:
            return bool(value)
        # As the filter bool of Ansible reads it, except what that takes for false silently.
        word = str(value).lower() if isinstance(value, (str, int)) else ""
        if word in ("yes", "on", "true", "1"):
            return True
        if word not in ("no", "off", "false", "0"):
            self.wrong(f"{name} is {shown(value)}; it must be true or false")
        return False


def as_integer(value: Any) -> int | None:
    """Return a whole number given as one or as its text, else None. True and False are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and value.isdecimal() and value.isascii():
        return int(value) if len(value) <= MAX_DIGITS else None
    return None


def suggestion(word: Any, known: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' if a known word is near, else nothing."""
    import difflib  # rarely needed, and each import costs time on every host

    near = difflib.get_close_matches(str(word)[:LONGEST_SHOWN], list(known), 1, 0.7)
    return f" (did you mean {near[0]}?)" if near else ""


def unknown(kind: str, name: Any, known: Iterable[str], documented: str = "") -> str:
    """Return that there is no such field, and which one was meant, or which there are.

    :param kind: what it is, such as ``field``
    :param known: the names there are, those first that are wanted most often
    :param documented: where the rest of a long list is found
    """
    known = list(known)
    near = suggestion(name, known)
    if not near and known:
        rest = [f"{len(known) - LISTED} more"] if len(known) > LISTED + 1 else []
        names = [*known[: LISTED if rest else None], *rest]
        where = f"; see {documented}" if rest and documented else ""
        near = f" (there {'are' if len(names) > 1 else 'is'} {_and(names)}{where})"
    return f"there is no {kind} {shown(str(name))}{near}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


_KEY_FIELDS = ("name", "vip", "port", "protocol", "fwmark", "family")
_SERVICE_FIELDS = (*_KEY_FIELDS, *VirtualService._fields[1:])
_DESTINATION_FIELDS = ("name", *Destination._fields)
_PLAIN_FIELDS = frozenset({"name", "address", "port", "method", "weight"})


def _key(fields: Fields) -> ServiceKey | None:
    raw = fields.raw
    before = len(fields.mistakes)
    # A number that is no mark is reported below, with all other mistakes.
    if raw.get("fwmark"):
        mark = fields.integer("fwmark", 1, MAX_U32, 1)
        for name in ("vip", "port"):
            if raw.get(name) not in (None, ""):
                fields.wrong(f"a firewall mark stands for VIP and port; remove {name} or fwmark")
        key = ServiceKey(fields.choice("family", FAMILIES, "ipv4"), fwmark=mark)
        return key if len(fields.mistakes) == before else None
    if raw.get("fwmark") != "":
        fields.integer("fwmark", 1, MAX_U32, 1)
    vip = normal_address(raw.get("vip"))
    if raw.get("vip") is None:
        fields.wrong("it has neither a vip nor a fwmark; give one of them")
    elif vip is None:
        fields.wrong(f"vip is {shown(raw['vip'])}, which is no IPv4 or IPv6 address")
    elif unusable(vip):
        fields.wrong(f"vip is {vip}, {unusable(vip)}")
    if raw.get("port") is None:
        fields.wrong("it has no port; give one, or 0 for every port (with persistence)")
    port = fields.integer("port", 0, 65535, 0)
    protocol = fields.choice("protocol", PROTOCOLS, "tcp")
    if vip and raw.get("family") not in (None, "", family_of(vip)):
        fields.wrong(f"family is {shown(raw['family'])}, but the VIP {vip} is {family_of(vip)}")
    if vip is None or len(fields.mistakes) > before:
        return None
    return ServiceKey(family_of(vip), protocol, vip, port)


def _service(raw: Mapping[str, Any], place: str, mistakes: list[str]) -> VirtualService | None:
    fields = Fields(raw, place, mistakes)
    fields.known(_SERVICE_FIELDS)
    key = _key(fields)
    scheduler = fields.choice("scheduler", SCHEDULERS, "wlc")
    flags = _scheduler_flags(fields, scheduler)
    timeout = fields.integer("persistence_timeout", 0, MAX_TIMEOUT, 0)
    engine = fields.choice("persistence_engine", ("sip",), "")
    one_packet = fields.boolean("one_packet")
    pool = _pool(fields, key)
    if engine and not timeout:
        fields.wrong("persistence_engine needs a persistence_timeout")
    if key is None:
        return None
    mask = _mask(fields, key.family)
    if not timeout:
        if mask != host_prefix(key.family):
            fields.wrong(
                "persistence_mask needs a persistence_timeout; give one or remove the mask"
            )
        if key.port == 0 and not key.fwmark:
            fields.wrong(
                "port 0 means every port and needs persistence; give a persistence_timeout or a"
                " port"
            )
    if one_packet and not key.fwmark and key.protocol != "udp":
        fields.wrong(f"one_packet is for udp; this service is {key.protocol}")
    return VirtualService(key, scheduler, flags, timeout, mask, engine, one_packet, pool)


def _mask(fields: Fields, family: str) -> Mask:
    whole = host_prefix(family)
    value = fields.raw.get("persistence_mask")
    if value is None or value == "":
        return whole
    if family == "ipv4" and isinstance(value, str) and "." in value:
        dotted = normal_address(value)
        if dotted:
            return mask_length(packed_address(dotted))
    number = as_integer(value)
    if number is not None and (1 if family == "ipv6" else 0) <= number <= whole:
        return number
    fields.wrong(
        f"persistence_mask is {shown(value)}; it must be a prefix length up to {whole}"
        + (" or a netmask" if family == "ipv4" else "")
    )
    return whole


def mask_length(packed: bytes) -> Mask:
    """Return an IPv4 netmask's prefix length, or its dotted text if it is no prefix."""
    bits = f"{int.from_bytes(packed, 'big'):032b}"
    if "01" in bits:
        return socket.inet_ntop(socket.AF_INET, packed)
    return bits.count("1")


def _scheduler_flags(fields: Fields, scheduler: str) -> tuple[str, ...]:
    value = fields.raw.get("scheduler_flags")
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        value = [flag.strip() for flag in value.split(",")]
    if not isinstance(value, Sequence):
        fields.wrong(f"scheduler_flags is {shown(value)}; it must be a list")
        value = ()
    names = flag_names(scheduler)
    chosen = set()
    for flag in value:
        if flag in names:
            chosen.add(flag)
        elif flag in PLAIN_FLAGS:
            chosen.add(names[PLAIN_FLAGS.index(flag)])
        else:
            known = ", ".join(names)
            fields.wrong(f"scheduler {scheduler} has no flag {shown(flag)}; it has {known}")
    return tuple(name for name in names if name in chosen)


def _pool(fields: Fields, key: ServiceKey | None) -> tuple[Destination, ...]:
    raw = fields.raw.get("destinations")
    if raw is None or raw == "":
        return ()
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        fields.wrong("destinations is not a list")
        return ()
    pool: dict[tuple[str, int], Destination] = {}
    for number, item in enumerate(raw, 1):
        if not isinstance(item, Mapping):
            fields.wrong(f"destination {number} is not a mapping of fields")
            continue
        destination = _plain_destination(item, key) if key else None
        if destination is None:
            name = item.get("name") or item.get("address") or number
            place = f"{fields.place}: destination {name}"
            destination = _destination(item, key, place, fields.mistakes)
        if destination is None:
            continue
        if destination.key in pool:
            name = item.get("name") or f"number {number}"
            fields.wrong(f"{destination} is in the pool twice, again as {name}; remove one of them")
        pool[destination.key] = destination
    return tuple(sorted(pool.values(), key=address_order))


def _plain_destination(raw: Mapping[str, Any], key: ServiceKey) -> Destination | None:
    """Read a destination that has only what most have, and right; None sends it the careful way.

    Pools of ten thousand are read at each run, nearly all of them like this.
    """
    weight = raw.get("weight", 1)
    method = raw.get("method", "dr")
    port = raw.get("port", key.port)
    if (
        _PLAIN_FIELDS.issuperset(raw)
        and isinstance(weight, int)
        and not isinstance(weight, bool)
        and 0 <= weight <= MAX_WEIGHT
        and isinstance(port, int)
        and not isinstance(port, bool)
        and port == key.port
        and method in WRITTEN_METHODS
    ):
        address = normal_address(raw.get("address"))
        if address is not None and (":" in address) == (key.family == "ipv6"):
            destination = Destination(address, key.port, _forwarding(method), weight)
            return None if unusable(address) else destination
    return None


def _destination(
    raw: Mapping[str, Any], key: ServiceKey | None, place: str, mistakes: list[str]
) -> Destination | None:
    fields = Fields(raw, place, mistakes)
    fields.known(_DESTINATION_FIELDS)
    address = normal_address(raw.get("address"))
    if raw.get("address") is None:
        fields.wrong("it has no address")
    elif address is None:
        fields.wrong(f"address is {shown(raw['address'])}, which is no IPv4 or IPv6 address")
    elif unusable(address):
        fields.wrong(f"address is {address}, {unusable(address)}")
    method = _forwarding(fields.choice("method", WRITTEN_METHODS, "dr"))
    port = fields.integer("port", 0, 65535, key.port if key else 0)
    weight = fields.integer("weight", 0, MAX_WEIGHT, 1)
    upper = fields.integer("upper_threshold", 0, MAX_THRESHOLD, 0)
    lower = fields.integer("lower_threshold", 0, MAX_THRESHOLD, 0)
    if lower > upper:
        fields.wrong(
            f"lower_threshold {lower} is above upper_threshold {upper}; the kernel refuses that"
        )
    tunnel = _tunnel(fields) if method == "tun" else _no_tunnel(fields, method)
    if address is None:
        return None
    destination = Destination(address, port, method, weight, upper, lower, *tunnel)
    if key:
        _check_method(fields, key, destination)
    return destination


def _forwarding(method: str) -> str:
    """Return the IPVS method for a method of the inventory."""
    return METHODS[method].kernel if method in METHODS else method


def _check_method(fields: Fields, key: ServiceKey, destination: Destination) -> None:
    """Check what a forwarding method asks of service and destination together."""
    method, port, family = destination.method, destination.port, family_of(destination.address)
    if method in UNCHANGED and port != key.port:
        fields.wrong(
            f"port is {port}, but with method {method} packets arrive unchanged, at the service's"
            f" port {key.port}; use that port, or method nat"
        )
    if method != "tun" and family != key.family:
        fields.wrong(
            f"{destination.address} is {family} and the service {key.family}; only method tun can"
            " mix them"
        )


def _no_tunnel(fields: Fields, method: str) -> tuple[str, int, str]:
    nothing = ("ipip", 0, "none")
    for name, default in zip(Destination._fields[6:], nothing):
        if fields.raw.get(name) not in (None, "", default):
            fields.wrong(f"{name} goes with method tun, and the method is {method}")
    return nothing


def _tunnel(fields: Fields) -> tuple[str, int, str]:
    kind = fields.choice("tunnel_type", TUNNEL_TYPES, "ipip")
    port = fields.integer("tunnel_port", 0, 65535, 0)
    checksum = fields.choice("tunnel_checksum", TUNNEL_CHECKSUMS, "none")
    if kind == "gue" and not port:
        fields.wrong("tunnel_type gue needs a tunnel_port (often 6080)")
    if kind != "gue" and port:
        fields.wrong(f"tunnel_port is for gue; tunnel_type is {kind}")
    if kind == "ipip" and checksum != "none":
        fields.wrong("tunnel_checksum is for gue and gre; tunnel_type is ipip")
    if kind == "gre" and checksum == "remote":
        fields.wrong("gre has no remote checksum; use none or checksum")
    return kind, port, checksum
