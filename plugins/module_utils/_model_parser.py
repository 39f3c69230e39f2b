# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads virtual services and destinations from plain data, with all mistakes at once.

Where the kernel itself is lax, bounds and rules are those of ``ipvsadm(8)``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    FAMILIES,
    MAX_THRESHOLD,
    MAX_TIMEOUT,
    MAX_U32,
    MAX_WEIGHT,
    METHODS,
    PLAIN_FLAGS,
    PROTOCOLS,
    SCHEDULERS,
    TUNNEL_CHECKSUMS,
    TUNNEL_TYPES,
    UNCHANGED,
    WRITTEN_METHODS,
    Destination,
    Mask,
    ServiceKey,
    VirtualService,
    address_order,
    family_of,
    flag_names,
    host_prefix,
    mask_length,
    normal_address,
    packed_address,
    unusable,
)
from ansible_collections.lvs.cluster.plugins.module_utils._wording import (
    one_line,
    shown,
    suggestion,
    unknown,
)

#: Longer numbers are out of range, and Python may refuse to read them.
MAX_DIGITS = 20

_KEY_FIELDS = ("name", "vip", "port", "protocol", "fwmark", "family")
_SERVICE_FIELDS = (*_KEY_FIELDS, *VirtualService._fields[1:])
_DESTINATION_FIELDS = ("name", *Destination._fields)
_PLAIN_FIELDS = frozenset({"name", "address", "port", "method", "weight"})


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
                f"{place}: {service.key} is defined twice, first by"
                f" {places[service.key]}; keep one of them."
            )
        places.setdefault(service.key, place)
        services.append(service)
    return services, mistakes


def parse_key(item: Mapping[str, Any]) -> tuple[ServiceKey | None, list[str]]:
    """Read only what identifies a service, with a sentence for every mistake."""
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
    """Return the label of a service in messages: its name, or else its VIP and port or mark."""
    text = ""
    if item.get("name"):
        text = str(item["name"])
    elif item.get("fwmark"):
        text = f"fwmark {item['fwmark']}"
    elif item.get("vip"):
        text = f"{item.get('protocol') or 'tcp'} {item['vip']}:{item.get('port')}"
    return one_line(text)


class Fields:
    """Reads typed fields of a mapping; a mistake becomes a sentence with its place.

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
        """Report each field that is not in ``names``."""
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

    def address(self, name: str, missing: str) -> str | None:
        """Return an address that a host can have; ``missing`` is the sentence if none is given."""
        value = self.raw.get(name)
        address = normal_address(value)
        if value is None:
            self.wrong(missing)
        elif address is None:
            self.wrong(f"{name} is {shown(value)}, which is not an IPv4 or IPv6 address")
        elif unusable(address):
            self.wrong(f"{name} is {address}, {unusable(address)}")
        return address

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


def _key(fields: Fields) -> ServiceKey | None:
    raw = fields.raw
    before = len(fields.mistakes)
    # A number that is no mark is reported below, with all other mistakes.
    if raw.get("fwmark"):
        mark = fields.integer("fwmark", 1, MAX_U32, 1)
        for name in ("vip", "port"):
            if raw.get(name) not in (None, ""):
                fields.wrong(f"a firewall mark replaces VIP and port; remove {name} or fwmark")
        key = ServiceKey(fields.choice("family", FAMILIES, "ipv4"), fwmark=mark)
        return key if len(fields.mistakes) == before else None
    if raw.get("fwmark") != "":
        fields.integer("fwmark", 1, MAX_U32, 1)
    vip = fields.address("vip", "it has neither a vip nor a fwmark; set one of them")
    if raw.get("port") is None:
        fields.wrong("it has no port; set one, or 0 for all ports (with persistence)")
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
            fields.wrong("persistence_mask needs a persistence_timeout; set one or remove the mask")
        if key.port == 0 and not key.fwmark:
            fields.wrong(
                "port 0 means all ports and needs persistence; set a persistence_timeout or a port"
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
    """Read a valid destination with common fields only; for any other return None.

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
    address = fields.address("address", "it has no address")
    method = _forwarding(fields.choice("method", WRITTEN_METHODS, "dr"))
    port = fields.integer("port", 0, 65535, key.port if key else 0)
    weight = fields.integer("weight", 0, MAX_WEIGHT, 1)
    upper = fields.integer("upper_threshold", 0, MAX_THRESHOLD, 0)
    lower = fields.integer("lower_threshold", 0, MAX_THRESHOLD, 0)
    if lower > upper:
        fields.wrong(
            f"lower_threshold {lower} is above upper_threshold {upper}; it must be at most that"
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
    """Check what a forwarding method requires of service and destination together."""
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
    for name, default in zip(("tunnel_type", "tunnel_port", "tunnel_checksum"), nothing):
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
