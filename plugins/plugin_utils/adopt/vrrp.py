# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP as directors have it, and what of it an inventory has to set.

Pure. What a director does by itself is asked of ``_vrrp``, so that only the rest is written. An
inventory has a VRRP instance for each director that is to be master of some VIP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options
from ansible_collections.lvs.cluster.plugins.module_utils._model import normal_address
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.option_reader import Block
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.sources import (
    Messages,
    Source,
    addresses,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names

#: keepalived's defaults of an instance.
DEFAULTS = {"state": "BACKUP", "priority": 100, "advert_int": 1}
_MULTICAST = ("mcast_src_ip", "mcast_dst_ip")
#: What of an instance is a variable of the inventory, in that order.
_VARIABLES = {
    "interface": "lvs_interface",
    "virtual_router_id": "lvs_virtual_router_id",
    "advert_int": "lvs_advert_int",
    "auth_pass": "lvs_auth_pass",
}

Router = tuple[str, ...]


def router_of(instance: Mapping[str, Any]) -> Router:
    """Return what the instances of one virtual router have in common on all directors."""
    held = addresses(instance)
    family = "ipv6" if any(":" in vip for vip in held[:1]) else "ipv4"
    return str(instance.get("virtual_router_id")), family


def priority(instance: Mapping[str, Any]) -> int:
    """Return the priority of an instance."""
    return int(instance.get("priority", DEFAULTS["priority"]))


class Routers:
    """The virtual routers of all directors: who is master of which VIP.

    A master is the ``place`` of a source, or the address of a peer that has none.

    :ivar masters: the master of each router that has an instance in the inventory, the main one
        first
    :ivar master_of: the master of each VIP that an instance holds
    """

    def __init__(self, sources: Sequence[Source], vips: Sequence[str], messages: Messages) -> None:
        self.vips = vips
        self._only_source = len(sources) == 1
        self._instances: dict[Router, dict[str, Block]] = {}
        for source in sources:
            for instance in source.instances:
                self._instances.setdefault(self._router(instance, source), {})[source.place] = (
                    instance
                )
        holding = [router for router in self._instances if self._held(router)]
        self.masters: dict[Router, str] = {}
        self.master_of: dict[str, str] = {}
        for router in holding or list(self._instances)[:1]:
            master = self._master(router)
            if master not in self.masters.values():
                self.masters[router] = master
            for vip in self._held(router):
                self.master_of.setdefault(vip, master)
        for source in sources:
            self._left_out(source, messages)

    def _router(self, instance: Block, source: Source) -> Router:
        """Return the virtual router that an instance belongs to.

        Two directors with the same VIPs are one, also where their numbers differ by mistake.
        """
        router = router_of(instance)
        known = self._instances.get(router, {})
        if source.place in known:
            return (*router, str(len(self._instances)))
        for other, instances in self._instances.items():
            shared = {vip for each in instances.values() for vip in addresses(each)}
            if not known and source.place not in instances and shared & {*addresses(instance)}:
                return other
        return router

    def _held(self, router: Router) -> list[str]:
        """Return the services' VIPs that a router has on some director."""
        found = [vip for each in self._instances[router].values() for vip in addresses(each)]
        return [vip for vip in dict.fromkeys(found) if vip in self.vips]

    def _master(self, router: Router) -> str:
        """Return the director that has the highest priority, as far as is known."""
        here = self._instances[router]
        if self._only_source:
            (instance,) = here.values()
            peers = peers_of(instance)
            everywhere = [each for known in self._instances.values() for each in known.values()]
            waits = instance.get("state", DEFAULTS["state"]) == "BACKUP"
            if waits and len(peers) == 1 and any(i.get("state") == "MASTER" for i in everywhere):
                return peers[0]
        ranks = {
            place: (priority(instance), instance.get("state") == "MASTER")
            for place, instance in here.items()
        }
        return max(ranks, key=lambda place: ranks[place])

    def instances(self, source: Source) -> dict[Router, Block]:
        """Return those instances of a director that the inventory has, the main one first."""
        mine = {router: self._instances[router].get(source.place) for router in self.masters}
        return {router: instance for router, instance in mine.items() if instance is not None}

    def main(self, source: Source) -> Block:
        """Return a director's instance of the main router; an empty one if it has none."""
        return next(iter(self.instances(source).values()), Block())

    def _left_out(self, source: Source, messages: Messages) -> None:
        """List the instances of a director that the inventory does not have."""
        kept = {id(instance) for instance in self.instances(source).values()}
        for instance in source.instances:
            if id(instance) in kept:
                continue
            other = [vip for vip in addresses(instance) if vip not in self.vips]
            messages.add(
                f"vrrp_instance {instance['name']} is left out: the directors of an inventory have"
                " one instance for each master, which holds the VIPs of its services"
                + (f", and not {join_names(other)}." if other else "."),
                source.place,
                instance.line,
                instance,
            )


def peers_of(instance: Mapping[str, Any]) -> list[str]:
    """Return the addresses of an instance's peers."""
    peers = instance.get("unicast_peers") or []
    texts = (peer["address"] if isinstance(peer, Mapping) else peer for peer in peers)
    return [address for address in map(normal_address, texts) if address]


def variables(
    source: Source,
    kept: Sequence[Block],
    mine: _vrrp.Director,
    others: Sequence[_vrrp.Director],
    masters: Mapping[str, str],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a director's variables of VRRP except its priority, and its part ``instance``.

    :param kept: its instances that the inventory has, the main one first
    :param masters: the VIPs, each with the name of its master
    """
    wanted = [_wanted(instance, source, several=len(kept) > 1) for instance in kept]
    values = {
        variable: value
        for name, variable in _VARIABLES.items()
        if (value := wanted[0].get(name)) is not None
    }
    shared = {variable: values.get(variable) for variable in _vrrp.SHARED}
    mine = mine._replace(shared=shared)
    directors = [mine if each.name == mine.name else each for each in others]
    extra: dict[str, Any] = {n: wanted[0][n] for n in ("version", "preempt") if n in wanted[0]}
    by_instance = list(_vrrp.vips_by_instance(directors, masters).items())

    def made(instance: dict[str, Any]) -> list[dict[str, Any]]:
        director = mine._replace(keepalived={"instance": instance})
        return [_vrrp.instance(director, directors, vips, number) for number, vips in by_instance]

    if extra.get("version") == made({})[0]["version"]:
        del extra["version"]
    base = made(extra)
    one = len(by_instance) == 1
    for name, value in wanted[0].items():
        multicast = name in _MULTICAST and len(directors) == 1
        if (
            name == "priority"
            or name in _VARIABLES
            or undefined(name)
            or (name in _MULTICAST and not multicast)
        ):
            continue
        if not one and (
            name in _vrrp.OF_EACH
            or any(name not in other or not same(name, other[name], value) for other in wanted[1:])
        ):
            continue
        if not all(same(name, value, each.get(name)) for each in base):
            extra[name] = value
    if "vips" in extra:
        # A list of one's own is all that VRRP holds, and it holds the VIPs of all services.
        held = addresses(wanted[0])
        extra["vips"] = [*extra["vips"], *(vip for vip in base[0]["vips"] if vip not in held)]
    return values, extra


def _wanted(instance: Block, source: Source, *, several: bool) -> dict[str, Any]:
    """Return an instance with keepalived's defaults for what it does not set."""
    wanted: dict[str, Any] = {**DEFAULTS, **instance}
    wanted.setdefault("version", _version(instance, source))
    # Several instances are all BACKUP at first, as _vrrp has them.
    if (several or wanted["state"] == "BACKUP") and wanted.get("preempt", True):
        wanted.setdefault("preempt_delay", 0)
    return wanted


def _version(instance: Block, source: Source) -> int:
    """Return the version of VRRP that keepalived takes for an instance that states none."""
    six = any(":" in vip for vip in addresses(instance)[:1])
    return 3 if six else int(source.config["globals"].get("vrrp_version", 2))


def undefined(name: str) -> bool:
    """Return whether a field refers to what the inventory can't define."""
    return _keepalived_options.TRACKERS.get(name, "scripts") != "scripts"


def same(name: str, value: Any, base: Any) -> bool:
    """Return whether a field has the value that is there without it, in any order."""
    if name not in ("vips", "excluded_vips", "unicast_peers"):
        return bool(value == base)
    option = next(o for o in _keepalived_options.INSTANCE if o.name == name)
    return sorted(option.lines(value or [])) == sorted(option.lines(base or []))
