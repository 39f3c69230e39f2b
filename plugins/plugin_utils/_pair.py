# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP between the directors of an inventory: what keepalived is to do on each of them.

Pure, as `_inventory` is, which gives the directors and the VIPs. What the file of keepalived takes
is ``_keepalived``'s; here is what follows from VRRP: who is master, who are the peers, and what has
to be the same on all. A director without VRRP is checked here, too, for what only VRRP can use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Fields,
    family_of,
    normal_address,
)

#: The name of the VRRP instance, in keepalived's log and for the sync daemon. If there are several,
#: the others have their master's name behind it.
INSTANCE = "lvs"
ROUTER, LAST_ROUTER = 51, 255
#: What tells several instances apart, so that lvs_keepalived can't say it of all.
OF_EACH = ("name", "virtual_router_id", "priority", "vips", "excluded_vips")
#: RFC 5798 and 9568, 5.2.3 and 5.2.4: 255 is for the owner of an address, 0 for who gives up.
FIRST_PRIORITY, PRIORITIES = 150, 100
LONGEST_PASSWORD = 8
#: Seconds. VRRP 2 knows whole ones only.
ADVERT_INT = {2: 1, 3: 0.5}

#: Seconds in which one that is to be master again learns which real servers answer, and from the
#: master which connections there are; keepalived waits so only with the initial state BACKUP.
PREEMPT_DELAY = 15

#: How often a real server is looked at, in seconds: keepalived by itself does once a minute.
WATCHED = {"delay_loop": 5}

#: What all directors have to agree on.
SHARED = ("lvs_virtual_router_id", "lvs_auth_pass", "lvs_advert_int")
#: What lvs_keepalived may have: further configuration of keepalived, in its own words.
PARTS = ("globals", "instance", "scripts", "sync_groups", "extra")
#: Those of them that only VRRP uses.
VRRP_PARTS = ("instance", "scripts", "sync_groups")


class Director(NamedTuple):
    """What the inventory says of a director.

    :ivar priority: its VRRP priority; 0 if it is not said
    :ivar shared: the values of `SHARED`, None for what is not said
    :ivar keepalived: its ``lvs_keepalived``
    """

    name: str
    addresses: Sequence[str]
    priority: int
    shared: Mapping[str, Any]
    keepalived: Mapping[str, Any]


def read(name: str, addresses: Sequence[str], fields: Fields) -> Director:
    """Return a director from its variables."""
    raw = fields.raw
    said = raw.get("lvs_keepalived") or {}
    if not isinstance(said, Mapping):
        fields.wrong(f"lvs_keepalived is {said!r}; it must be a mapping of {', '.join(PARTS)}")
        said = {}
    for part in sorted(set(map(str, said)) - set(PARTS)):
        fields.wrong(f"lvs_keepalived has no part {part!r}; it may have {', '.join(PARTS)}")
    # A password that is a number is its text.
    password = str(raw["lvs_auth_pass"]) if raw.get("lvs_auth_pass") else None
    if password and len(password) > LONGEST_PASSWORD:
        fields.wrong(
            f"lvs_auth_pass is longer than the {LONGEST_PASSWORD} characters that VRRP takes;"
            " shorten it"
        )
        password = None
    return Director(
        name,
        addresses,
        fields.integer("lvs_priority", 1, 254, 0),
        {
            "lvs_virtual_router_id": fields.integer("lvs_virtual_router_id", 1, 255, 0) or None,
            "lvs_auth_pass": password,
            "lvs_advert_int": raw.get("lvs_advert_int"),
        },
        {part: said[part] for part in PARTS if said.get(part) is not None},
    )


def peers(
    director: Director, directors: Sequence[Director], instances: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Return the addresses from which a director takes adverts and synchronised connections.

    These are the other directors of the inventory, and peers that ``lvs_keepalived`` names.
    """
    found = [a for other in directors if other != director for a in other.addresses]
    named = [peer for each in instances for peer in each.get("unicast_peers") or ()]
    found += [peer["address"] if isinstance(peer, Mapping) else peer for peer in named]
    return list(dict.fromkeys(filter(None, map(normal_address, found))))


def floating(director: Director) -> set[str]:
    """Return the addresses beside the VIPs that a director has while it is master."""
    said = director.keepalived.get("instance") or {}
    entries = said.get("excluded_vips") if isinstance(said, Mapping) else None
    written = [e.get("address") if isinstance(e, Mapping) else e for e in entries or []]
    return {a for a in (normal_address(str(w).partition("/")[0]) for w in written) if a}


def disagreements(directors: Sequence[Director]) -> Iterable[tuple[str, list[str]]]:
    """Yield each thing that is wrong between directors, and the names of those it is true of."""
    remedy = "give each director its own, the highest to the one that is to be master"
    priorities: dict[int, list[str]] = {}
    for director in directors:
        priorities.setdefault(director.priority, []).append(director.name)
    for priority, names in priorities.items():
        if priority and len(names) > 1:
            yield f"they have one lvs_priority, {priority}; {remedy}", names
        elif not priority and len(priorities) > 1:
            yield f"no lvs_priority, though other directors have one; {remedy}", names
    for variable in SHARED:
        if len({director.shared[variable] for director in directors}) > 1:
            names = [director.name for director in directors]
            yield f"{variable} is not the same on all directors; make it so", names


def priorities(directors: Sequence[Director]) -> dict[str, int]:
    """Return the priority of each: what is said, else falling in the inventory's order."""
    step = PRIORITIES // max(len(directors), 2)
    return {
        director.name: director.priority or FIRST_PRIORITY - number * step
        for number, director in enumerate(directors)
    }


def turns(directors: Sequence[Director]) -> list[str]:
    """Return the directors' names, the one first that is master of what names none."""
    ranks = priorities(directors)
    return sorted(ranks, key=lambda name: ranks[name] < max(ranks.values()))


def numbered(directors: Sequence[Director], masters: Mapping[str, str]) -> dict[int, list[str]]:
    """Return the VIPs of each instance, by its master's turn; without VIPs there is one, too."""
    held: dict[int, list[str]] = {} if masters else {0: []}
    for vip, master in masters.items():
        held.setdefault(turns(directors).index(master), []).append(vip)
    return dict(sorted(held.items()))


def instances(
    director: Director, directors: Sequence[Director], masters: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the VRRP instances of one of several directors: one for each master of VIPs.

    :param masters: the VIPs, each with the name of its master
    """
    return [
        instance(director, directors, vips, number)
        for number, vips in numbered(directors, masters).items()
    ]


def instance(
    director: Director, directors: Sequence[Director], vips: Sequence[str], number: int = 0
) -> dict[str, Any]:
    """Return a VRRP instance of one of several directors, without its password.

    VIPs of the other family than the first one's go with it, but are in no advert: RFC 5798 has
    one family in each.

    :param number: whose turn it is to be master; the others follow by their own priorities
    """
    said = dict(director.keepalived.get("instance") or {})
    more = said.pop("excluded_vips", None) or []
    family = family_of(vips[0]) if vips else "ipv4"
    first = turns(directors)[number]
    own_ranks = priorities(directors)
    order = sorted(own_ranks, key=lambda name: (name != first, -own_ranks[name]))
    ranks = dict(zip(order, sorted(own_ranks.values(), reverse=True), strict=True))
    version = said.get("version", 2 if director.shared["lvs_auth_pass"] else 3)
    own = {
        d.name: next((a for a in d.addresses if family_of(a) == family), None) for d in directors
    }
    peers = [address for name, address in own.items() if name != director.name and address]
    made = {
        "name": f"{INSTANCE}_{first}" if number else INSTANCE,
        "state": "BACKUP",
        "virtual_router_id": router(director) + number,
        "priority": ranks[director.name],
        "version": version,
        "advert_int": director.shared["lvs_advert_int"] or ADVERT_INT.get(version, 1),
        "unicast_src_ip": own[director.name],
        "unicast_peers": peers,
        "vips": [vip for vip in vips if family_of(vip) == family],
        "excluded_vips": [vip for vip in vips if family_of(vip) != family] + more,
        **said,
    }
    if made["state"] == "BACKUP" and made.get("preempt", True):
        made.setdefault("preempt_delay", PREEMPT_DELAY)
    if not made["unicast_peers"]:  # multicast
        del made["unicast_src_ip"], made["unicast_peers"]
    return made


def router(director: Director) -> int:
    """Return the number of the first instance; those of the others follow."""
    return director.shared["lvs_virtual_router_id"] or ROUTER


def mistakes(
    director: Director, directors: Sequence[Director], masters: Mapping[str, str]
) -> list[str]:
    """Return what keepalived would not take of a director's instances and ``lvs_keepalived``."""
    said = dict(director.keepalived)
    held = numbered(directors, masters)
    last, found = max(held), []
    if router(director) + last > LAST_ROUTER:
        found.append(
            f"lvs_virtual_router_id is {router(director)}, and VIPs with masters of their own take"
            f" numbers up to {router(director) + last}; set it to {LAST_ROUTER - last} or less"
        )
    if len(held) > 1:
        of_all = dict(said.get("instance") or {})
        found += [
            f"lvs_keepalived.instance says {field} for all instances, and there is one for each"
            " master of VIPs; remove it"
            for field in OF_EACH
            if of_all.pop(field, None) is not None
        ]
        director = director._replace(keepalived={**said, "instance": of_all})
    fitting = {n: vips for n, vips in held.items() if router(director) + n <= LAST_ROUTER}
    password = director.shared["lvs_auth_pass"]
    # Which interface is not known before the machine has been looked at.
    beside = {"interface": "eth0", **({"auth_pass": password} if password else {})}
    made = [{**beside, **instance(director, directors, v, n)} for n, v in fitting.items()]
    said.pop("instance", None)
    return found + _keepalived.mistakes({**said, "instances": made})


def mistakes_alone(director: Director, *, keepalived: bool) -> list[str]:
    """Return what is wrong with the settings of a director without VRRP.

    :param keepalived: whether keepalived fills the IPVS table, by its health checks
    """
    said = dict(director.keepalived)
    unused = [name for name, value in director.shared.items() if value is not None]
    unused += ["lvs_priority"] * bool(director.priority)
    unused += [f"lvs_keepalived.{part}" for part in VRRP_PARTS if said.pop(part, None)]
    found = [
        f"{name} is for VRRP, and a single director runs none; remove it, or set lvs_ha: vrrp"
        for name in unused
    ]
    if keepalived:
        return found + _keepalived.mistakes(said)
    found += [
        f"lvs_keepalived.{part} has no effect, since keepalived does not run here: no service has a"
        " check; remove it, or give a service a check"
        for part in said
    ]
    return found
