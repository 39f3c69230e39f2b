# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute the BGP configuration of each director of an inventory, and what a service needs for it.

Pure, as `_vrrp` is. With BGP every director is active, and routers spread connections over them. So
each director must choose the same real server for a connection, without knowing of the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._model import normal_address
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import Fields
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown, unknown

#: A number of an autonomous system has 4 octets (RFC 6793); 0 is reserved (RFC 7607).
MAX_AS = 2**32 - 1
#: How many destinations the lookup table of mh has slots for: its size, CONFIG_IP_VS_MH_TAB_INDEX
#: 12 of Debian, is the prime 4093 (ip_vs_mh.c).
MH_SLOTS = 4093
#: Milliseconds between two packets of BFD, and how many may be lost.
BFD_INTERVAL, BFD_MULTIPLIER = 100, 3
#: Seconds after which a session without messages is down, by BGP itself.
HOLD_TIME = 9

#: The variables of BGP.
VARIABLES = ("lvs_bgp", "lvs_bgp_neighbors")
SETTINGS = (
    "as",
    "bfd",
    "bfd_interval",
    "bfd_multiplier",
    "hold",
    "password",
    "router_id",
    "ttl_security",
)
NEIGHBOR = ("address", "as", "multihop", "password")

#: The program of the role director_bgp that keepalived starts when a service has a quorum or none.
PROGRAM = "/usr/bin/python3 -IS /usr/local/lib/lvs/lvs-announce"
#: What the collection sets of each service for keepalived with BGP, and why.
FIXED = {
    "inhibit_on_failure": "a removed real server would change the choice of the others",
    "omega": "a removed service must no longer be announced",
    "quorum_up": "it announces the VIP",
    "quorum_down": "it withdraws the VIP",
}
#: Fields that depend on the director that a connection reaches, and why.
REFUSED = {
    "alpha": "real servers would be added with weight 0, which makes the tables differ",
    "persistence_timeout": "a director does not know the persistent clients of the others",
    "upper_threshold": "a director does not know the connections of the others",
    "lower_threshold": "a director does not know the connections of the others",
    "master": "every director is active",
}
#: keepalived's defaults: seconds for a connection or a command; how often a failed check is
#: repeated, and after how many seconds, by type of check.
CONNECT_SECONDS, MISC_SECONDS = 5, 5
RETRIES = {"http": 3, "ssl": 3, "smtp": 3, "dns": 3}


class Director(NamedTuple):
    """The BGP variables of a director.

    :ivar given: the variables that are set
    :ivar local_as: its AS number; 0 if it is not set or wrong
    :ivar router_id: its ``router_id``, or its first IPv4 address
    :ivar options: its other settings, as the variables of the role director_bgp
    :ivar neighbors: the addresses of its routers, each with whether it must be on a link
    """

    name: str
    given: Sequence[str]
    local_as: int
    router_id: str
    options: Mapping[str, Any]
    neighbors: Mapping[str, bool]


def read(name: str, addresses: Sequence[str], fields: Fields) -> Director:
    """Return a director from its variables, and note what is wrong with them."""
    given = [variable for variable in VARIABLES if fields.raw.get(variable) not in (None, "", [])]
    settings = fields.raw.get("lvs_bgp") if "lvs_bgp" in given else {}
    if not isinstance(settings, Mapping):
        fields.wrong(f"lvs_bgp is {shown(settings)}; it must be a mapping such as {{as: 65010}}")
        settings = {}
    own = _Part(fields, settings, "lvs_bgp")
    own.known(SETTINGS)
    local_as = own.integer("as", 1, MAX_AS, 0)
    options = {
        "bfd": own.switch("bfd"),
        "bfd_interval": own.integer("bfd_interval", 10, 10_000, BFD_INTERVAL),
        "bfd_multiplier": own.integer("bfd_multiplier", 1, 255, BFD_MULTIPLIER),
        "hold_time": own.integer("hold", 3, 65_535, HOLD_TIME),
        "ttl_security": own.switch("ttl_security"),
    }
    own.password()
    router_id = next((a for a in addresses if ":" not in a), "")
    if settings.get("router_id") is not None:
        router_id = str(normal_address(settings["router_id"]) or "")
        if not router_id or ":" in router_id:
            own.wrong(
                f"router_id is {shown(settings['router_id'])}; it must be an IPv4 address that no"
                " other BGP router has"
            )
    return Director(name, given, local_as, router_id, options, dict(_neighbors(fields)))


class _Part(Fields):
    """The fields of a mapping inside a variable."""

    def __init__(self, fields: Fields, raw: Mapping[str, Any], place: str) -> None:
        super().__init__(raw, place, [])
        self._fields = fields

    def wrong(self, sentence: str) -> None:
        """Note a mistake about it."""
        self._fields.wrong(f"{self.place}: {sentence}")

    def known(self, names: Any) -> None:
        """Report each field that is not in ``names``."""
        for name in sorted(set(map(str, self.raw)).difference(names)):
            self.wrong(f"{unknown('field', name, names)}; correct or remove it")

    def switch(self, name: str) -> bool:
        """Return whether something is on, which it is by default."""
        return self.boolean(name) if self.raw.get(name) is not None else True

    def password(self) -> None:
        """Check the password. A mistake in it does not repeat it. RFC 2385: 1 to 80 octets."""
        value = self.raw.get("password")
        if value is None or value == "":
            return
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            self.wrong("password is not a text; put it in quotes")
        elif not re.fullmatch(r"[!#-~]+", str(value)):
            self.wrong(
                "password has a character that BIRD can't read; use ASCII letters, digits and signs"
                " other than quotes, without blanks"
            )
        elif len(str(value)) > 80:
            self.wrong("password is longer than 80 characters; shorten it")


def _neighbors(fields: Fields) -> Iterator[tuple[str, bool]]:
    """Yield the address of each router, and whether it must be on a link of the director."""
    entries = fields.raw.get("lvs_bgp_neighbors")
    if entries in (None, ""):
        return
    if not isinstance(entries, list):
        fields.wrong(
            f"lvs_bgp_neighbors is {shown(entries)}; it must be a list such as"
            " [{address: 10.99.1.1, as: 65000}]"
        )
        return
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            fields.wrong(
                f"lvs_bgp_neighbors {number} is {shown(entry)}; it must be a mapping of address"
                " and as"
            )
            continue
        each = _Part(fields, entry, f"lvs_bgp_neighbors {number}")
        each.known(NEIGHBOR)
        hops = each.integer("multihop", 1, 255, 0)
        each.password()
        if not each.integer("as", 1, MAX_AS, 0) and entry.get("as") is None:
            each.wrong("as is missing; set the AS number of this router")
        address = each.address("address", "address is missing; set the address of this router")
        if address in seen:
            each.wrong(f"{address} is listed twice; remove one of them")
        if address:
            seen.add(address)
            yield address, not hops


def mistakes(directors: Sequence[Director], *, bgp: bool, ha: str) -> Iterator[tuple[str, str]]:
    """Yield the name of a director and what is wrong with its variables together.

    :param bgp: whether the cluster uses BGP
    """
    for director in directors:
        if not bgp:
            for variable in director.given:
                yield (
                    director.name,
                    (
                        f"{variable} is an option of BGP, but lvs_ha is {ha}; remove it, or set"
                        " lvs_ha: bgp"
                    ),
                )
            continue
        if "lvs_bgp" not in director.given:
            yield (
                director.name,
                (
                    "lvs_ha is bgp, but lvs_bgp is not set; set it to the AS number of the"
                    " directors, such as lvs_bgp: {as: 65010}"
                ),
            )
        elif not director.local_as:
            yield director.name, "lvs_bgp has no as; set it to the AS number of the directors"
        if "lvs_bgp_neighbors" not in director.given:
            yield (
                director.name,
                (
                    "lvs_ha is bgp, but lvs_bgp_neighbors is not set; list the routers of the"
                    " director, such as [{address: 10.99.1.1, as: 65000}]"
                ),
            )
        if not director.router_id:
            yield (
                director.name,
                "it has no IPv4 address that can be its router ID; set router_id in its lvs_bgp",
            )


def disagreements(directors: Sequence[Director]) -> Iterator[tuple[str, list[str]]]:
    """Yield a sentence for each disagreement between directors, and their names."""
    if len({director.local_as for director in directors if director.local_as}) > 1:
        yield (
            (
                "lvs_bgp.as differs between directors, and routers don't spread connections over"
                " different AS paths; set the same AS number for all"
            ),
            [director.name for director in directors],
        )
    of_id: dict[str, list[str]] = {}
    for director in directors:
        if director.router_id:
            of_id.setdefault(director.router_id, []).append(director.name)
    for router_id, names in of_id.items():
        if len(names) > 1:
            yield f"they have the same router ID, {router_id}; give each its own", names


def service_mistakes(raw: Mapping[str, Any], method: str, size: int) -> Iterator[str]:
    """Yield what of a service would depend on the director that a connection reaches.

    :param raw: the fields of a service
    :param method: its forwarding method
    :param size: how many destinations it has
    """
    flags = raw.get("scheduler_flags") or []
    flags = [flags] if isinstance(flags, str) else flags
    if raw.get("scheduler") != "mh":
        yield (
            f"scheduler is {shown(raw.get('scheduler', 'wlc'))}, but with lvs_ha: bgp each director"
            " has to choose the same real server for a connection; set scheduler: mh and"
            " scheduler_flags: [mh-fallback, mh-port]"
        )
    elif "mh-fallback" not in flags:
        yield (
            "scheduler_flags has no mh-fallback, so clients of a drained real server would be"
            " refused; set scheduler_flags: [mh-fallback, mh-port]"
        )
    if method in ("nat", "fullnat"):
        yield (
            f"method is {method}, but with lvs_ha: bgp answers can't go back through the director"
            " that a request came through; set method: tun, or dr if directors and real servers"
            " are on one link"
        )
    for field, why in REFUSED.items():
        if raw.get(field) not in (None, "", 0, False):
            yield f"{field} is set, but with lvs_ha: bgp {why}; remove it"
    for field, why in FIXED.items():
        if raw.get(field) not in (None, ""):
            yield f"{field} is set by the collection with lvs_ha: bgp, since {why}; remove it"
    if size > MH_SLOTS:
        yield (
            f"it has {size} destinations, more than the slots of mh ({MH_SLOTS}); split the service"
        )


def keepalived_service(service: Mapping[str, Any], vips: Sequence[str]) -> dict[str, Any]:
    """Return a service for keepalived with what announces its VIPs.

    :param service: one of ``keepalived_services``
    :param vips: the VIPs of its frontends
    """
    if "fwmark" in service:
        name = f"{service.get('family', 'ipv4')}-mark-{service['fwmark']}"
    else:
        name = f"{service['protocol']}-{service['vip']}-{service['port']}"
    words = " ".join([name, *vips])
    return {
        **service,
        "inhibit_on_failure": True,
        "omega": True,
        "quorum_up": {"command": f"{PROGRAM} up {words}", "user": "root"},
        "quorum_down": {"command": f"{PROGRAM} down {words}", "user": "root"},
    }


def round_seconds(services: Sequence[Mapping[str, Any]]) -> int:
    """Return within how many seconds keepalived has the result of each real server's first check.

    It begins a check within ``warmup`` seconds, which is ``delay_loop`` by default, and repeats a
    failed one (keepalived.conf(5)).
    """
    longest = 0.0
    for service in services:
        checks = [
            {**service, **check}
            for each in [service, *service["destinations"]]
            if isinstance(check := each.get("check"), Mapping)
        ]
        for check in checks:
            times = RETRIES.get(check["type"], 1)
            retries, pause = (
                _number(check, name, times) for name in ("retries", "delay_before_retry")
            )
            timeout = _number(check, "connect_timeout", CONNECT_SECONDS)
            if check["type"] == "misc":
                timeout = _number(check, "timeout", MISC_SECONDS)
            begin = _number(check, "warmup", _number(check, "delay_loop", 0))
            longest = max(longest, begin + timeout + retries * (timeout + pause))
    return int(longest + 0.999)


def _number(fields: Mapping[str, Any], name: str, default: float) -> float:
    value = fields.get(name)
    return default if value is None or value == "" else float(value)
