# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations and inventories for hypothesis, from the tables of ``_keepalived_options``.

Each field has what its kind allows. That fields refer to each other is made likely, not certain: a
test passes over what the collection refuses, and counts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import values
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils import _model
from hypothesis import strategies as st

#: The option that names what a list of the schema defines, and that list.
NAMING = {**_options.TRACKERS, "instances": "instances", "instance": "instances"}
DEFINED = ("scripts", "track_files", "track_processes", "bfd_instances", "instances")


class Maker:
    """Makes values for one example, for a release of keepalived.

    :param wanted: an option that is to be among them, with its table
    """

    def __init__(
        self, draw: Any, version: Sequence[int], wanted: tuple[str, str] | None = None
    ) -> None:
        self.draw = draw
        self.wanted = wanted
        self.version = tuple(version)
        #: The names that each list of the schema defines.
        self.names: dict[str, list[str]] = {}

    def one(self, *items: Any) -> Any:
        return self.draw(st.sampled_from(items))

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def number(self, low: int, high: int) -> Any:
        return self.draw(values.numbers(low, high))

    def several(self, strategy: values.Strategy, most: int = 2) -> list[Any]:
        return self.draw(st.lists(strategy, min_size=1, max_size=most, unique=True))

    def value(self, option: _kinds.Option) -> Any:
        """Return a value of an option."""
        if option.name in values.OF_OPTION:
            return self.draw(values.OF_OPTION[option.name])
        return self.kind(option.kind, NAMING.get(option.name, ""))

    def kind(self, kind: _kinds.Kind, source: str) -> Any:
        """Return a value of a kind; ``source`` is the list that defines the names in it."""
        if source and kind is _kinds.NAME:
            return self.name(source)
        if kind.of is None or kind.must_be in values.OF_KIND:
            return self.draw(values.plain(kind))
        if isinstance(kind.of, _kinds.Kind) or kind.word:
            count = self.draw(st.integers(1, values.LONGEST_LIST))
            if kind.word:
                return [self.mapping(kind.of, place=f"{kind.word}s") for _ in range(count)]
            items = [self.kind(kind.of, source) for _ in range(count)]
            if kind.of.argument["type"] != "raw":
                return items
            first = kind.of.of[0].name
            return list(
                {str(i.get(first) if isinstance(i, dict) else i): i for i in items}.values()
            )
        if kind.argument["type"] == "raw" and self.maybe():
            return self.kind(kind.of[0].kind, source)
        return self.mapping(kind.of, source=source)

    def name(self, source: str) -> str:
        """Return a name that is defined, if one is."""
        known = self.names.get(source)
        return self.one(*known) if known else self.draw(values.names)

    def mapping(
        self,
        table: _kinds.Table,
        most: int = 4,
        source: str = "",
        but: Sequence[str] = (),
        place: str = "",
    ) -> dict[str, Any]:
        """Return a mapping with the required fields of a table, and some of the others."""
        there = [o for o in table if o.since <= self.version and o.name not in but]
        wanted = [option for option in there if option.required]
        extra = [option for option in there if not option.required]
        if extra:
            picks = st.lists(st.integers(0, len(extra) - 1), max_size=most, unique=True)
            wanted += [extra[pick] for pick in self.draw(picks)]
        wanted += [o for o in extra if (place, o.name) == self.wanted and o not in wanted]
        made = {
            option.name: self.kind(option.kind, source)
            if source and option.kind is _kinds.NAME
            else self.value(option)
            for option in wanted
        }
        if "reverse" in made:
            made.setdefault("weight", 1)
        return made

    # What belongs together.

    def check(self) -> dict[str, Any]:
        """Return a health check of any type."""
        known = [kind for kind, check in _options.CHECKS.items() if check.since <= self.version]
        undefined = {
            what for what, _field, source in _options.REFERENCES if not self.names.get(source)
        }
        kinds = [kind for kind in known if kind not in undefined]
        place, name = self.wanted or ("", "")
        has = [k for k in kinds if name in {o.name for o in _options.CHECKS[k].table}]
        if place == "urls":
            has = ["http", "ssl"]
        kind = self.one(*has) if place in ("checks", "urls") and has else self.one("none", *kinds)
        if kind == "none":
            return {"type": kind}
        raw = self.mapping(
            _options.CHECKS[kind].table, but=("bindto", "connect_ip"), place="checks"
        )
        if kind in _options.NEEDS_PORT:
            raw.setdefault("connect_port", self.number(1, 65535))
            if self.maybe():
                family = self.one(values.addresses4, values.addresses6)
                raw.update(bindto=self.draw(family), connect_ip=self.draw(family))
        for what, field, source in _options.REFERENCES:
            if kind == what:
                raw[field] = self.name(source)
        if {"min_reply_length", "max_reply_length"} & raw.keys():
            raw["max_reply_length"] = max(
                int(raw.get("min_reply_length", 0)), self.draw(st.integers(0, 65535))
            )
        return {"type": kind, **raw}

    def health(self, weight: int) -> dict[str, Any]:
        """Return what keepalived does with a service whose pool has a weight."""
        raw = self.mapping(_options.SERVICE, place="services")
        if {"quorum", "hysteresis"} & raw.keys():
            raw["quorum"] = self.number(1, max(weight, 1))
        if "hysteresis" in raw:
            raw["hysteresis"] = self.number(0, int(raw["quorum"]) - 1)
        if self.maybe():
            raw["check"] = self.check()
        return raw

    def scheduling(self) -> dict[str, Any]:
        """Return how a service is scheduled."""
        raw: dict[str, Any] = {}
        if self.maybe():
            raw["scheduler"] = self.one(*_model.SCHEDULERS)
            flags = _model.flag_names(raw["scheduler"])
            raw["scheduler_flags"] = [flag for flag in flags if self.maybe()]
        if self.maybe():
            raw["persistence_timeout"] = self.number(1, _model.MAX_TIMEOUT)
            raw["persistence_mask"] = self.number(1, 32)
        return raw

    def service(self) -> dict[str, Any]:
        """Return a virtual service with its pool, as the module takes it."""
        family, other = self.one(
            *[(values.addresses4, values.addresses6)] * 2, (values.addresses6, values.addresses4)
        )
        pool = [self.destination(family, other) for _ in range(self.draw(st.integers(1, 3)))]
        pool = list({destination["address"]: destination for destination in pool}.values())
        weight = sum(int(destination["weight"]) for destination in pool)
        raw = {**self.scheduling(), **self.health(weight), "destinations": pool}
        if self.maybe():
            raw["name"] = self.draw(values.texts(200))
        if self.maybe():
            raw["sorry_server"] = {
                "address": self.draw(family),
                "method": self.one("nat", "dr", "tun"),
                "inhibit": self.maybe(),
            }
        kind = self.one("vip", "vip", "fwmark", "every port", "endpoints")
        if kind == "fwmark":
            raw["fwmark"] = self.number(1, _model.MAX_U32)
            raw["family"] = "ipv4" if family is values.addresses4 else "ipv6"
            raw["one_packet"] = self.maybe()
        elif kind == "endpoints":
            raw["name"] = self.draw(values.names)
            ports = self.several(st.integers(1, 65535))
            raw["endpoints"] = [{"vip": self.draw(family), "port": port} for port in ports]
        else:
            raw.update(vip=self.draw(family), port=self.number(1, 65535))
            raw["protocol"] = self.one(*_model.PROTOCOLS)
            raw["one_packet"] = raw["protocol"] == "udp" and self.maybe()
        if kind == "every port":
            raw["port"] = 0
            raw.setdefault("persistence_timeout", self.number(1, _model.MAX_TIMEOUT))
        return raw

    def destination(self, family: values.Strategy, other: values.Strategy) -> dict[str, Any]:
        """Return a real server of a service."""
        raw = self.mapping(_options.DESTINATION, 3, place="destinations")
        raw.update(
            address=self.draw(family),
            method=self.one("dr", "nat", "tun"),
            weight=self.number(1, _model.MAX_WEIGHT),
        )
        if raw["method"] == "tun":
            raw["address"] = self.draw(family | other)
            raw["tunnel_type"] = self.one(*_model.TUNNEL_TYPES)
            if raw["tunnel_type"] == "gue":
                raw["tunnel_port"] = self.number(1, 65535)
        if self.maybe():
            raw["check"] = self.check()
        if self.maybe():
            raw["upper_threshold"] = self.number(1, _model.MAX_THRESHOLD)
            raw["lower_threshold"] = self.number(0, int(raw["upper_threshold"]))
        return raw

    def of_instance(self, family: values.Strategy) -> dict[str, Any]:
        """Return fields of a VRRP instance, except its name, number, interface and VIPs."""
        raw = self.mapping(
            _options.INSTANCE,
            5,
            but=("interface", "virtual_router_id", "vips"),
            place="instances",
        )
        if {"unicast_peers", "unicast_src_ip", "unicast_ttl", "check_unicast_src"} & raw.keys():
            raw["unicast_peers"] = self.several(family)
            raw.pop("mcast_dst_ip", None)
        if self.maybe() and "unicast_peers" in raw:
            raw["unicast_peers"] = [
                {"address": a, "min_ttl": self.number(0, 9), "max_ttl": self.number(9, 255)}
                for a in raw["unicast_peers"]
            ]
        if "mcast_dst_ip" in raw:
            raw["mcast_dst_ip"] = self.draw(
                values.multicasts4 if family is values.addresses4 else values.multicasts6
            )
        for name in ("unicast_src_ip", "mcast_src_ip"):
            if name in raw:
                raw[name] = self.draw(family)
        if "state" in raw:
            raw["priority"] = self.number(1, 254)
        if "timer_expired_backup" in raw:
            raw["preempt"] = False
        if {"use_vmac", "vmac_interface", "vmac_xmit_base"} & raw.keys():
            raw.update(use_vmac=True, vmac_xmit_base=True)
            raw.pop("promote_secondaries", None)
        if "advert_int" in raw and self.maybe():
            raw["advert_int"] = int(raw["advert_int"]) or 1
        return raw

    def instance(self, name: str, number: int) -> dict[str, Any]:
        """Return a VRRP instance, as the module takes it."""
        family = self.one(values.addresses4, values.addresses4, values.addresses6)
        raw = {
            "name": name,
            "interface": self.draw(values.interfaces),
            "virtual_router_id": number,
            **self.of_instance(family),
        }
        raw["vips"] = self.several(family)
        if family is values.addresses4 and self.maybe():
            raw["vips"].append(
                {"address": "198.51.100.1/24", **self.mapping(_options.VIP.of, but=("address",))}
            )
        if raw.get("no_virtual_ipaddress") is True and self.maybe():
            del raw["vips"]
        return raw

    def defined(self, source: str) -> list[dict[str, Any]]:
        """Return the items of a list of the schema that have names."""
        table = _options.BLOCKS[source][1]
        items = [{**self.mapping(table, place=source), "name": name} for name in self.names[source]]
        for number, raw in enumerate(items):
            if source == "bfd_instances":
                family = self.one(values.addresses4, values.addresses6)
                raw["neighbor_ip"] = (
                    "192.0.2.{}" if family is values.addresses4 else "fd00::{}"
                ).format(number + 1)
                if "source_ip" in raw:
                    raw["source_ip"] = self.draw(family)
                if "max_hops" in raw:
                    raw["ttl"] = 255
                    raw.pop("hoplimit", None)
            if "quorum_max" in raw:
                raw["quorum"] = self.number(1, max(1, int(raw["quorum_max"])))
        return items

    def globals(self) -> dict[str, Any]:
        """Return what is true of keepalived as a whole."""
        raw = self.mapping((*_options.ROOT, *_options.GLOBALS), 10, place="globals")
        if "sync_daemon" in raw and not self.names.get("instances"):
            del raw["sync_daemon"]
        elif "sync_daemon" in raw:
            raw["sync_daemon"]["instance"] = self.name("instances")
        return raw

    def sync_group(self) -> dict[str, Any]:
        """Return a group of all instances."""
        raw = self.mapping(_options.SYNC_GROUP, place="sync_groups")
        if self.one(True, True, True, False):
            raw["sync_group_tracking_weight"] = True
        return {"name": self.draw(values.names), **raw, "instances": list(self.names["instances"])}

    def configuration(self) -> dict[str, Any]:
        """Return a whole configuration, as the module takes it."""
        for source in DEFINED:
            least = 2 if self.wanted else 0
            several = st.lists(values.names, min_size=least, max_size=2, unique=True)
            self.names[source] = self.draw(several)
        config: dict[str, Any] = {source: self.defined(source) for source in DEFINED[:-1]}
        config["instances"] = [
            self.instance(name, n) for n, name in enumerate(self.names["instances"], 1)
        ]
        grouped = self.wanted is None or self.wanted[0] == "sync_groups"
        if len(config["instances"]) > 1 and grouped:
            config["sync_groups"] = [self.sync_group()]
        config["globals"] = {**self.globals(), "enable_script_security": True}
        config["services"] = [
            self.service() for _ in range(self.draw(st.integers(bool(self.wanted), 2)))
        ]
        return config

    # An inventory.

    def inventory(self) -> dict[str, Any]:
        """Return the services, the groups and the variables of every host."""
        count = self.one(1, 2, 2, 3)
        directors = [f"d{n}" for n in range(1, count + 1)]
        realservers = [f"rs{n}" for n in range(1, self.draw(st.integers(1, 3)) + 1)]
        self.names = {
            "scripts": self.draw(st.lists(values.names, max_size=2, unique=True)),
            "instances": ["lvs"],
        }
        every: dict[str, Any] = {
            "lvs_method": self.one("dr", "tun", "nat", "fullnat"),
            "lvs_ha": "vrrp",
        }
        if self.maybe():
            every["lvs_auth_pass"] = self.draw(values.plain(_kinds.AUTH_PASS))
        if self.maybe():
            every["lvs_advert_int"] = (
                self.one(1, 2, 255) if "lvs_auth_pass" in every else self.one(0.01, 0.5, 1, 40.95)
            )
        if self.maybe():
            every["lvs_virtual_router_id"] = self.number(1, 255)
        if self.maybe():
            every["lvs_interface"] = self.draw(values.interfaces)
        if every["lvs_method"] == "nat":
            every["lvs_gateway"] = "192.168.2.254" if count > 1 else "192.168.2.1"
        every["lvs_keepalived"] = self.keepalived(
            floating=every["lvs_method"] == "nat" and count > 1
        )
        return {
            "services": [self.described(n, directors) for n in range(self.draw(st.integers(1, 3)))],
            "groups": {
                "all": directors + realservers,
                "lvs_directors": directors,
                "lvs_realservers": realservers,
            },
            "every": every,
        }

    def keepalived(self, *, floating: bool) -> dict[str, Any]:
        """Return a value of lvs_keepalived."""
        own = self.of_instance(values.addresses4)
        for name in (
            "unicast_peers",
            "unicast_src_ip",
            "state",
            "auth_pass",
            "mcast_src_ip",
            "mcast_dst_ip",
            "use_vmac",
            "priority",
        ):
            if not self.maybe():
                own.pop(name, None)
        if floating:
            own["excluded_vips"] = [{"address": "192.168.2.254/24", "interface": "eth0"}]
        parts = {
            "globals": self.globals(),
            "instance": own,
            "scripts": self.defined("scripts"),
            "extra": self.one("", "static_routes {\n  192.0.2.0/24 dev eth0\n}\n"),
        }
        return {part: value for part, value in parts.items() if value and self.maybe()}

    def described(self, number: int, directors: Sequence[str]) -> dict[str, Any]:
        """Return a service, as an inventory describes it."""
        raw = {
            "name": f"service {number}",
            "vip": f"192.168.2.{200 + number}",
            "port": self.number(1, 65535),
            **self.scheduling(),
            **self.health(1),
        }
        if self.maybe():
            raw["sorry_server"] = {"address": "192.168.2.199", "inhibit": self.maybe()}
        if self.maybe():
            raw["master"] = self.one(*directors)
        return raw


@st.composite
def configurations(
    draw: Any, version: Sequence[int], wanted: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Return whole configurations, as the module takes them, most with an option that is wanted."""
    return Maker(draw, version, wanted).configuration()


@st.composite
def inventories(draw: Any, version: Sequence[int]) -> dict[str, Any]:
    """Return inventories: services, groups, and the variables of every host."""
    return Maker(draw, version).inventory()


def hosts(inventory: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variables of each host of an inventory."""
    return {
        name: {"ansible_host": f"192.168.2.{number}", **inventory["every"]}
        for number, name in enumerate(inventory["groups"]["all"], 1)
    }


def leaves(raw: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in plain data, mappings and lists among them."""
    items = (
        raw.items() if isinstance(raw, Mapping) else enumerate(raw) if isinstance(raw, list) else ()
    )
    below = [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    return ([path] if path else []) + below


def put(raw: Any, path: Sequence[Any], new: Any) -> None:
    """Put a value where another one stands."""
    for key in path[:-1]:
        raw = raw[key]
    raw[path[-1]] = new
