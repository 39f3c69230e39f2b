# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute the VRRP configuration of each director of an inventory.

Pure, as `inventory` is, which gives the directors and the VIPs. ``_keepalived`` checks what
keepalived accepts. This file computes the master, the peers, and the settings that all directors
must share. It also refuses variables of VRRP on a director without VRRP.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _keepalived,
    _keepalived_kinds,
    _keepalived_options,
    _keepalived_values,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_relations import as_list, off
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import MAX_PASSWORD
from ansible_collections.lvs.cluster.plugins.module_utils._model import family_of, normal_address
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import Fields, as_integer
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown, unknown

#: The name of the VRRP instance, in keepalived's log and for the sync daemon. If there are several,
#: the others have their master's name behind it.
INSTANCE = "lvs"
ROUTER, LAST_ROUTER = 51, 255
#: What distinguishes several instances, so that lvs_keepalived can't set it for all.
OF_EACH = ("name", "vips", "excluded_vips")
FIRST_PRIORITY, PRIORITIES = 150, 100
#: Seconds. VRRP 2 knows whole ones only.
ADVERT_INT = {2: 1, 3: 0.5}

#: Seconds in which a director that is to be master again learns which real servers answer, and from
#: the master which connections there are; keepalived waits so only with the initial state BACKUP.
PREEMPT_DELAY = 15

#: Seconds between health checks of a real server: the default of keepalived is a minute.
SERVICE_DEFAULTS = {"delay_loop": 5}

#: The variables that have to be the same on all directors. `_vrrp_agreement.Agreement` has what
#: they agree on in keepalived.conf.
SHARED = ("lvs_virtual_router_id", "lvs_auth_pass", "lvs_advert_int")
#: What lvs_keepalived may have: further configuration of keepalived, in its own words.
PARTS = ("globals", "instance", "scripts", "sync_groups", "extra")
#: Those of them that only VRRP uses.
VRRP_PARTS = ("instance", "scripts", "sync_groups")
#: Stands for the LAN where its name is known only once the machine has been read.
LAN = "lvs-lan-unknown"
#: What the role keepalived_ha sets by itself, see its vars/main.yml.
GLOBALS = {"reload_check_config": True, "enable_script_security": True}
GLOBALS_OF_VRRP = {"vrrp_garp_master_refresh": 60}
_SHAPES: dict[str, tuple[type, str]] = {
    "globals": (Mapping, "a mapping such as {router_id: d23}"),
    "instance": (Mapping, "a mapping such as {preempt: false}"),
    "scripts": (list, "a list of mappings such as {name: up, command: /usr/local/bin/up}"),
    "sync_groups": (list, "a list of mappings such as {name: all, instances: [lvs]}"),
    "extra": (str, "a text"),
}
#: The fields of an instance that have a variable of their own.
OWN_FIELDS = {
    "lvs_priority": "priority",
    "lvs_virtual_router_id": "virtual_router_id",
    "lvs_advert_int": "advert_int",
}


class Director(NamedTuple):
    """The VRRP variables of a director.

    :ivar priority: its VRRP priority; 0 if it is not set
    :ivar shared: the values of `SHARED`, None for what is not set
    :ivar keepalived: its ``lvs_keepalived``
    :ivar wrong: the variables that have a value which can't be used
    :ivar interface: its ``lvs_interface``, the LAN; `LAN` if it is not set
    """

    name: str
    addresses: Sequence[str]
    priority: int
    shared: Mapping[str, Any]
    keepalived: Mapping[str, Any]
    wrong: Collection[str] = ()
    interface: str = LAN


def read(name: str, addresses: Sequence[str], fields: Fields, failed: Collection[str]) -> Director:
    """Return a director from its variables.

    :param failed: the variables whose templates failed
    """
    keepalived = _keepalived_parts(fields)
    own = keepalived.get("instance", {})
    values: dict[str, Any] = {
        "lvs_priority": fields.integer("lvs_priority", 1, _keepalived_options.MAX_PRIORITY, 0)
        or None,
        "lvs_virtual_router_id": fields.integer("lvs_virtual_router_id", 1, 255, 0) or None,
        "lvs_auth_pass": _password(fields),
        "lvs_advert_int": _interval(fields),
    }
    given = {variable for variable in values if fields.raw.get(variable) not in (None, "")}
    wrong = {variable for variable in given if values[variable] is None}
    for variable, field in OWN_FIELDS.items():
        number = _number(own.get(field))
        if own.get(field) is None or variable in wrong:
            continue
        if variable not in given:
            values[variable] = number
        elif number != values[variable]:
            fields.wrong(
                f"{variable} is {shown(fields.raw[variable])}, but lvs_keepalived.instance.{field}"
                f" is {shown(own[field])}; remove one of them"
            )
            wrong.add(variable)
    if own.get("auth_pass") is not None:
        fields.wrong(
            "lvs_keepalived.instance has an auth_pass, which would be shown with the rest of it;"
            " set lvs_auth_pass instead"
        )
    return Director(
        name,
        addresses,
        values.pop("lvs_priority") or 0,
        {variable: values[variable] for variable in SHARED},
        keepalived,
        {*wrong, *failed},
        _interface(fields.raw.get("lvs_interface")),
    )


def _interface(value: Any) -> str:
    """Return the name of an interface, or a placeholder."""
    try:
        _keepalived_kinds.INTERFACE.read(value)
    except _keepalived_values.InvalidValue:
        return LAN
    return str(value)


def _keepalived_parts(fields: Fields) -> dict[str, Any]:
    """Return the parts of ``lvs_keepalived`` that are of their type."""
    variable = fields.raw.get("lvs_keepalived")
    if variable is None:
        return {}
    if not isinstance(variable, Mapping):
        fields.wrong(
            f"lvs_keepalived is {shown(variable)}; it must be a mapping of {', '.join(PARTS)}"
        )
        return {}
    for part in sorted(set(map(str, variable)).difference(PARTS)):
        fields.wrong(f"{unknown('part', part, PARTS)} in lvs_keepalived; correct or remove it")
    parts: dict[str, Any] = {}
    for part, (kind, what) in _SHAPES.items():
        value = variable.get(part)
        if isinstance(value, kind):
            parts[part] = value
        elif value is not None:
            fields.wrong(f"lvs_keepalived.{part} is {shown(value)}; it must be {what}")
    if "instance" in parts:  # null means not set
        parts["instance"] = {f: v for f, v in parts["instance"].items() if v is not None}
    return parts


def _password(fields: Fields) -> str | None:
    """Return the password. A mistake in it does not repeat it."""
    value = fields.raw.get("lvs_auth_pass")
    if value is None or value == "":
        return None
    # A whole number is its text. YAML makes others of what is written: 1.10 is 1.1, yes is true.
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        fields.wrong(
            f"lvs_auth_pass is not a text; it must have at most {MAX_PASSWORD} characters;"
            " put it in quotes"
        )
        return None
    if len(str(value).encode(errors="replace")) > MAX_PASSWORD:
        fields.wrong(
            f"lvs_auth_pass is longer than the {MAX_PASSWORD} characters that VRRP takes;"
            " shorten it"
        )
        return None
    return str(value)


def _interval(fields: Fields) -> float | None:
    """Return the seconds between two advertisements."""
    value = fields.raw.get("lvs_advert_int")
    number = _number(value)
    bounds = _keepalived_options.ADVERT_BOUNDS
    (_second, high), (low, longest) = bounds[2], bounds[3]
    if value is not None and (number is None or not low <= number <= high):
        fields.wrong(
            f"lvs_advert_int is {shown(value)}; it must be the seconds between two advertisements,"
            f" {low} to {longest}, or whole ones up to {high} with lvs_auth_pass"
        )
        return None
    return number


def _number(value: Any) -> float | None:
    """Return a number that is given as one or as its text; a whole one as an integer."""
    whole = as_integer(value)
    if whole is not None:
        return whole
    try:
        return _keepalived_values.decimal(value)
    except _keepalived_values.InvalidValue:
        return None


def peers(
    director: Director, directors: Sequence[Director], instances: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Return the addresses from which a director accepts advertisements and connection sync.

    These are the other directors of the inventory, their source addresses in ``lvs_keepalived``,
    and peers that it sets.
    """
    others = [other for other in directors if other != director]
    found: list[Any] = [address for other in others for address in other.addresses]
    for other in others:
        own = other.keepalived.get("instance", {})
        found += [own.get(field) for field in ("unicast_src_ip", "mcast_src_ip")]
    named = [peer for each in instances for peer in as_list(each.get("unicast_peers"))]
    found += [peer.get("address") if isinstance(peer, Mapping) else peer for peer in named]
    return list(dict.fromkeys(filter(None, map(normal_address, found))))


def addresses_of_master(director: Director) -> set[str]:
    """Return the addresses beside the VIPs that a director has while it is master."""
    entries = as_list(director.keepalived.get("instance", {}).get("excluded_vips"))
    written = [e.get("address") if isinstance(e, Mapping) else e for e in entries]
    return {a for a in (normal_address(str(w).partition("/")[0]) for w in written) if a}


def disagreements(directors: Sequence[Director]) -> Iterable[tuple[str, list[str]]]:
    """Yield a sentence for each disagreement between directors, and their names."""
    if not any("lvs_priority" in director.wrong for director in directors):
        yield from _equal_priorities(directors)
    for variable in SHARED:
        readable = [director for director in directors if variable not in director.wrong]
        if len({director.shared[variable] for director in readable}) > 1:
            names = [director.name for director in readable]
            yield f"{variable} differs between directors; set the same value for all", names
    with_version = [d for d in directors if "version" in d.keepalived.get("instance", {})]
    if with_version and len(set(map(version, directors))) > 1:
        yield (
            "lvs_keepalived.instance.version differs between directors; set the same value for all",
            [director.name for director in directors],
        )


def _equal_priorities(directors: Sequence[Director]) -> Iterator[tuple[str, list[str]]]:
    priorities: dict[int, list[Director]] = {}
    for director in directors:
        priorities.setdefault(director.priority, []).append(director)
    for priority, several in priorities.items():
        names = [director.name for director in several]
        if not priority and len(priorities) > 1:
            sentence = (
                "no lvs_priority, though other directors have one; give each director its own"
            )
        elif len(several) < 2 or not priority:
            continue
        elif any("priority" in director.keepalived.get("instance", {}) for director in several):
            sentence = (
                f"they have the same priority, {priority}, by lvs_keepalived.instance;"
                " remove it there, and give each director its own lvs_priority"
            )
        else:
            sentence = f"they have the same lvs_priority, {priority}; give each director its own"
        yield f"{sentence}, the highest to the preferred master", names


def priorities(directors: Sequence[Director]) -> dict[str, int]:
    """Return the priority of each director: the one that is set, or by the order of hosts."""
    step = PRIORITIES // max(len(directors), 2)
    return {
        director.name: director.priority or FIRST_PRIORITY - number * step
        for number, director in enumerate(directors)
    }


def master_order(directors: Sequence[Director]) -> list[str]:
    """Return the directors' names, the master of services without a ``master`` first."""
    ranks = priorities(directors)
    return sorted(ranks, key=lambda name: ranks[name] < max(ranks.values()))


def vips_by_instance(
    directors: Sequence[Director], masters: Mapping[str, str]
) -> dict[int, list[str]]:
    """Return the VIPs of each instance, in the order of masters; without VIPs there is one."""
    held: dict[int, list[str]] = {} if masters else {0: []}
    for vip, master in masters.items():
        held.setdefault(master_order(directors).index(master), []).append(vip)
    return dict(sorted(held.items()))


def instances(
    director: Director, directors: Sequence[Director], masters: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the VRRP instances of one of several directors: one for each master of VIPs.

    :param masters: the VIPs, each with the name of its master
    """
    return [
        instance(director, directors, vips, number)
        for number, vips in vips_by_instance(directors, masters).items()
    ]


def instance(
    director: Director, directors: Sequence[Director], vips: Sequence[str], number: int = 0
) -> dict[str, Any]:
    """Return a VRRP instance of one of several directors, without its password.

    VIPs of the other family than the first one's move with it, but are in no advertisement: RFC
    5798 allows one family in each.

    :param number: the position of its master in `master_order`; the other directors follow by
        priority
    """
    own_fields = dict(director.keepalived.get("instance", {}))
    more = as_list(own_fields.pop("excluded_vips", None))
    for field in ("virtual_router_id", "priority"):
        if as_integer(own_fields.get(field)) is not None:
            del own_fields[field]  # it is that of the director, see `read`
    family = family_of(vips[0]) if vips else "ipv4"
    first = master_order(directors)[number]
    own_ranks = priorities(directors)
    order = sorted(own_ranks, key=lambda name: (name != first, -own_ranks[name]))
    ranks = dict(zip(order, sorted(own_ranks.values(), reverse=True), strict=True))
    own = {
        d.name: next((a for a in d.addresses if family_of(a) == family), None) for d in directors
    }
    peers = [address for name, address in own.items() if name != director.name and address]
    fields = {
        "name": f"{INSTANCE}_{first}" if number else INSTANCE,
        "state": "BACKUP",
        "virtual_router_id": first_router_id(director) + number,
        "priority": ranks[director.name],
        "version": version(director),
        "advert_int": director.shared["lvs_advert_int"] or ADVERT_INT.get(version(director), 1),
        "unicast_src_ip": own[director.name],
        "unicast_peers": peers,
        "vips": [vip for vip in vips if family_of(vip) == family],
        "excluded_vips": [vip for vip in vips if family_of(vip) != family] + more,
        **own_fields,
    }
    if fields["state"] == "BACKUP" and not off(fields, "preempt"):
        fields.setdefault("preempt_delay", PREEMPT_DELAY)
    if not fields["unicast_peers"]:  # multicast
        del fields["unicast_src_ip"], fields["unicast_peers"]
    return fields


def version(director: Director) -> int:
    """Return the VRRP version of a director."""
    number = as_integer(director.keepalived.get("instance", {}).get("version"))
    return number or (2 if director.shared["lvs_auth_pass"] else 3)


def preempted_vips(name: str, made: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the ``vips`` that a director preempts, and within how many ``seconds``.

    Those are of the instances in which it has the highest priority and preempts. RFC 5798, 6.1: it
    becomes master 3 x advert_int + skew after it has started, and after preempt_delay if another
    one is master then.

    :param made: the instances of each director
    """
    vips: list[str] = []
    seconds = 0.0
    for own in made[name]:
        same = [i for each in made.values() for i in each if i["name"] == own["name"]]
        ranks = [int(instance["priority"]) for instance in same]
        preempts = not off(own, "preempt") and int(own["priority"]) == max(ranks)
        if preempts and own["vips"]:
            written = [v["address"] if isinstance(v, Mapping) else v for v in own["vips"]]
            vips += [str(vip).partition("/")[0] for vip in written]
            delay = float(own.get("preempt_delay") or 0) + 4 * float(own["advert_int"])
            seconds = max(seconds, delay + 5)
    return {"vips": vips, "seconds": seconds}


def first_router_id(director: Director) -> int:
    """Return the number of the first instance; those of the others follow."""
    return director.shared["lvs_virtual_router_id"] or ROUTER


def configuration(
    director: Director,
    instances: Sequence[Mapping[str, Any]],
    services: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the options of keepalived_conf on a director, as the role keepalived_ha sets them.

    :param instances: its VRRP instances; none without VRRP
    """
    parts = dict(director.keepalived)
    parts.pop("instance", None)
    password = director.shared["lvs_auth_pass"]
    beside = {"interface": director.interface, **({"auth_pass": password} if password else {})}
    settings: dict[str, Any] = {"router_id": director.name, **GLOBALS}
    if instances:
        named = {"instance": instances[0]["name"]}
        several = {"id": instances[0]["virtual_router_id"]}
        daemon = {"interface": director.interface, **(several if len(instances) > 1 else named)}
        settings.update({**GLOBALS_OF_VRRP, "sync_daemon": daemon})
    own = parts.get("globals") or {}
    if isinstance(own, Mapping):
        own_daemon = own.get("sync_daemon")
        if isinstance(own_daemon, Mapping):
            own = {**own, "sync_daemon": {**settings.get("sync_daemon", {}), **own_daemon}}
        parts["globals"] = {**settings, **own}
    return {**parts, "instances": [{**beside, **each} for each in instances], "services": services}


def mistakes(
    director: Director,
    directors: Sequence[Director],
    masters: Mapping[str, str],
    services: Sequence[Mapping[str, Any]] = (),
    *,
    all_known: bool = True,
) -> list[str]:
    """Return what keepalived would refuse of a director's instances and ``lvs_keepalived``.

    :param all_known: whether the VIPs of all services could be read
    """
    parts = dict(director.keepalived)
    held = vips_by_instance(directors, masters)
    last, found = max(held), []
    first = first_router_id(director)
    if first + last > LAST_ROUTER:
        found.append(
            f"lvs_virtual_router_id is {first}, but the instances of further masters use IDs up"
            f" to {first + last}; set it to {LAST_ROUTER - last} or less"
        )
    if len(held) > 1:
        of_all = dict(parts.get("instance", {}))
        found += [
            f"lvs_keepalived.instance sets {field} for all instances, but there is one for each"
            " master; remove it"
            for field in OF_EACH
            if of_all.pop(field, None) is not None
        ]
        director = director._replace(keepalived={**parts, "instance": of_all})
    fitting = {n: vips for n, vips in held.items() if first + n <= LAST_ROUTER}
    vrrp_instances = [instance(director, directors, vips, n) for n, vips in fitting.items()]
    if not (masters or all_known):
        vrrp_instances = [{"no_virtual_ipaddress": True, **each} for each in vrrp_instances]
    for each, vips in zip(vrrp_instances, fitting.values(), strict=True):
        found += _left_out(each, vips)
    return found + _keepalived.mistakes(configuration(director, vrrp_instances, services))


def _left_out(made: Mapping[str, Any], vips: Sequence[str]) -> Iterator[str]:
    """Report VIPs that a list of VIPs in ``lvs_keepalived.instance`` leaves out."""
    entries = [*as_list(made["vips"]), *as_list(made["excluded_vips"])]
    written = [each.get("address") if isinstance(each, Mapping) else each for each in entries]
    held = {normal_address(str(each).partition("/")[0]) for each in written}
    missing = [vip for vip in vips if vip not in held]
    if missing:
        yield (
            f"lvs_keepalived.instance.vips lacks {', '.join(missing)}, a VIP of lvs_services;"
            " add it, or remove vips, since an instance has all VIPs by default"
        )


def mistakes_without_vrrp(
    director: Director,
    *,
    ha: str = "none",
    keepalived: bool,
    services: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """Return what is wrong with the settings of a director without VRRP.

    :param ha: what makes the VIPs reachable instead
    :param keepalived: whether keepalived fills the IPVS table, by its health checks
    """
    parts = dict(director.keepalived)
    instance = parts.get("instance", {})
    values = {**director.shared, "lvs_priority": director.priority or None}
    unused = [
        name
        for name, value in values.items()
        if value is not None and OWN_FIELDS.get(name) not in instance
    ]
    unused += [f"lvs_keepalived.{part}" for part in VRRP_PARTS if parts.pop(part, None)]
    who = "a director with lvs_ha: bgp" if ha == "bgp" else "a single director"
    found = [
        f"{name} is an option of VRRP, but {who} does not run VRRP; remove it, or set lvs_ha: vrrp"
        for name in unused
    ]
    if keepalived:
        reduced = director._replace(keepalived=parts)
        return found + _keepalived.mistakes(configuration(reduced, [], services))
    found += [
        f"lvs_keepalived.{part} has no effect, since keepalived does not run here: no service has a"
        " check; remove it, or give a service a check"
        for part in parts
    ]
    return found
