# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for each statement of the sources in what site.yml makes of the inventory.

Pure. The inventory is resolved as site.yml does it. What keepalived or the kernel would not get
again, and no sentence is about yet, is listed. So a field that a later change forgets to write is
listed, not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_kinds import (
    Option,
    Table,
    given,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_relations import (
    as_list,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import InvalidValue
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    ServiceKey,
    VirtualService,
    family_of,
    normal_address,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import (
    as_integer,
    label,
    parse_services,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.inventory_writer import (
    Writer,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.option_reader import Block
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.sources import (
    INHERITED,
    OF_DESTINATION,
    OF_MODEL,
    Messages,
    Service,
    Source,
    addresses,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import join_names
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import (
    REALSERVERS,
    SHARED_FIELDS,
)

#: Why what is missing can't be in an inventory, where that is known.
_NO_KEEPALIVED = "keepalived does not run on a single director without health checks"
_NO_VRRP = "without a vrrp_instance nothing uses it"
_NO_FIELD = "the inventory has no equivalent"
_EXTRA = "the inventory has no field for it; lvs_keepalived.extra takes text as it is"
_PARTS = ("globals", "scripts", "sync_groups", "instances")


def compare(writer: Writer, inventory: Mapping[str, Any], messages: Messages) -> None:
    """List what the sources have and an inventory doesn't, and what site.yml reports of it."""
    services, groups, variables = flat(inventory)
    cluster = resolve(services, groups, variables)
    for source in writer.sources:
        settings = variables(source.host.name)
        if cluster.mistakes:
            result = _intended(writer, source, services, groups, variables)
        else:
            result = _configured(cluster, services, source, settings)
        _Comparison(source, result, writer, messages).run()
    for mistake in cluster.mistakes:
        messages.add(f"site.yml refuses the inventory as it is: {mistake}")


def _configured(
    cluster: Cluster,
    services: Iterable[Mapping[str, Any]],
    source: Source,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what configure_director.yml gives to keepalived of an inventory, on a director."""
    name = source.host.name
    runs = "keepalived_ha" in cluster.director_roles
    own = settings.get("lvs_keepalived") or {} if runs else {}
    instances = cluster.directors[name]["instances"]
    return {
        **{part: own.get(part) or [] for part in ("scripts", "sync_groups")},
        "globals": own.get("globals") or {},
        "instances": [_instance(each, settings) for each in instances],
        "services": [
            _by_address(raw, own)
            for raw, own in zip(
                cluster.keepalived_services if runs else cluster.services, services, strict=True
            )
        ],
    }


def _by_address(raw: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a service that goes by a firewall mark of ``inventory`` as its VIP and port.

    :param own: the service as the inventory has it
    """
    if own.get("fwmark") or "fwmark" not in raw:
        return raw
    port = own["port"]
    pool = []
    for each in raw["destinations"]:
        pool.append(item := {**each, "port": each["port"] or port})
        if item.get("check", {}).get("connect_port") == item["port"]:
            item["check"] = {n: v for n, v in item["check"].items() if n != "connect_port"}
    rest = {name: value for name, value in raw.items() if name not in ("fwmark", "family")}
    key = {name: own[name] for name in ("vip", "port", "protocol")}
    return {**rest, **key, "destinations": pool}


def _intended(
    writer: Writer,
    source: Source,
    services: Iterable[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    variables: Callable[[str], Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the same of an inventory that has a mistake and so comes to nothing."""
    settings = variables(source.host.name)
    own = settings.get("lvs_keepalived") or {}
    directors = [
        _vrrp.Director(
            name,
            host.own,
            writer.priorities.get(name, 0),
            {variable: settings.get(variable) for variable in _vrrp.SHARED},
            own if name == source.host.name else {},
        )
        for name, host in writer.directors.items()
    ]
    mine = next(d for d in directors if d.name == source.host.name)
    made = _vrrp.instances(mine, directors, writer.masters) if writer.vrrp else []
    return {
        **{part: own.get(part) or [] for part in ("scripts", "sync_groups")},
        "globals": own.get("globals") or {},
        "instances": [_instance(each, settings) for each in made],
        "services": [_with_group_destinations(service, groups, variables) for service in services],
    }


def _with_group_destinations(
    service: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    variables: Callable[[str], Mapping[str, Any]],
) -> dict[str, Any]:
    """Return a service of an inventory with the destinations that its group gives."""
    family = "ipv6" if ":" in str(service.get("vip", "")) else service.get("family", "ipv4")
    outright = service.get("destinations", [])
    group = service.get("realservers", "" if outright else REALSERVERS)
    pool: list[dict[str, Any]] = []
    for name in groups.get(group, ()):
        settings = variables(name)
        own = as_list(settings.get("lvs_address")) or [settings.get("ansible_host", name)]
        near = [address for address in own if family_of(str(address)) == family]
        weight = settings.get("lvs_weights", {}).get(service["name"], settings.get("lvs_weight", 1))
        pool.append({"address": (near or own)[0], "weight": weight})
    shared = {name: service[name] for name in SHARED_FIELDS if name in service}
    shared["method"] = service.get("method") or next(map(variables, groups["all"]))["lvs_method"]
    if "realserver_port" in service:
        shared["port"] = service["realserver_port"]
    rest = {name: service[name] for name in service if name not in (*SHARED_FIELDS, "method")}
    return {**rest, "destinations": [{**shared, **item} for item in [*pool, *outright]]}


def _instance(instance: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    known = {"interface": "lvs_interface", "auth_pass": "lvs_auth_pass"}
    beside = {name: settings[variable] for name, variable in known.items() if variable in settings}
    return {**beside, **instance}


class _Comparison:
    """One source beside what its director gets."""

    def __init__(
        self, source: Source, result: Mapping[str, Any], writer: Writer, messages: Messages
    ) -> None:
        self.source = source
        self.result = result
        self.writer = writer
        self.messages = messages
        self.found = {id(service.block): service for service in source.services.values()}
        self.made = _by_key(result["services"])

    def run(self) -> None:
        """List all that is missing."""
        if self.source.config:
            self._globals()
            for part in (
                "scripts",
                "sync_groups",
                "track_files",
                "track_processes",
                "bfd_instances",
            ):
                self._part(part)
            self._instances()
        for block in self.source.blocks:
            self._service(block)

    def report(self, sentence: str, line: int) -> None:
        self.messages.add(sentence, self.source.place, line)

    # ---- fields of a table -------------------------------------------------------------------

    def _fields(
        self, table: Table, block: Block, result: Mapping[str, Any], reason: str = ""
    ) -> None:
        """List the fields of a block that are not in what became of it."""
        for option in table:
            if not given(block, option.name) or self.messages.covers(block, option.name):
                continue
            here = _lines(option, block[option.name])
            there = _lines(option, result[option.name]) if given(result, option.name) else []
            gone = [line for line in here if line not in there]
            if gone:
                self._field(option, block, gone, there, reason)

    def _field(
        self, option: Option, block: Block, gone: list[str], there: list[str], reason: str
    ) -> None:
        """List what is gone of a field."""
        secret = option.kind.argument.get("no_log")
        blocks = isinstance(option.kind.argument.get("elements"), str) and not secret
        where = block.where.get(option.name) or [(block.line, block.shown)]
        for line, text in where:
            shown = text
            inner = [each.strip() for each in gone if each.startswith("  ")]
            if blocks and inner:
                shown = f"{option.keyword or option.name} {{ {join_names(inner)} }}"
            if not there:
                sentence = f"`{shown}` is left out: {reason or self._reason()}."
            elif secret:
                sentence = f"`{shown}`: site.yml writes another one."
            elif blocks and inner:
                more = [each.strip() for each in there if each.startswith("  ")]
                sentence = f"`{shown}`: site.yml writes {join_names(more)} instead."
            else:
                sentence = f"`{shown}`: site.yml writes `{join_names(there)}` instead."
            self.report(sentence, line)

    def _reason(self) -> str:
        return _NO_FIELD if self.writer.keepalived else _NO_KEEPALIVED

    def _globals(self) -> None:
        block: Block = self.source.config["globals"]
        result = {"router_id": self.source.host.name, **self.result["globals"]}
        made = self.result["instances"]
        if made and "sync_daemon" not in result:
            one = (
                {"instance": made[0]["name"]}
                if len(made) == 1
                else {"id": made[0]["virtual_router_id"]}
            )
            result["sync_daemon"] = {"interface": made[0].get("interface"), **one}
        if not self.writer.keepalived:
            result = {}
        elif not self.writer.vrrp and "sync_daemon" in block:
            self._fields(_only(_options.GLOBALS, "sync_daemon"), block, {}, _NO_VRRP)
            self.messages.cover(block, ["sync_daemon"])
        self._fields((*_options.ROOT, *_options.GLOBALS), block, result)

    def _part(self, part: str) -> None:
        """Compare blocks that have a name."""
        keyword, table = _options.BLOCKS[part]
        result = {str(each["name"]): each for each in self.result.get(part) or []}
        for block in self.source.config[part]:
            if self.messages.covers(block):
                continue
            name = str(block["name"])
            if name in result:
                self._fields(table, block, result[name])
                continue
            reason = self._reason() if part in _PARTS else _EXTRA
            if self.writer.keepalived and not self.writer.vrrp:
                reason = _NO_VRRP
            self.report(f"{keyword} {name} is left out: {reason}.", block.line)

    # ---- instances ---------------------------------------------------------------------------

    def _instances(self) -> None:
        made: list[Mapping[str, Any]] = list(self.result["instances"])
        for number, block in enumerate(self.writer.routers.instances(self.source).values()):
            self.messages.cover(block, self._not_representable(block))
            held = set(addresses(block))
            alike = [each for each in made if held.intersection(addresses(each))]
            result = next(iter([*alike, *made[number : number + 1]]), None)
            if result is None:
                self.report(f"vrrp_instance {block['name']} is left out.", block.line)
                continue
            self._fields(_options.BLOCKS["instances"][1], block, result)
            self._added(block, result)
        kept = self.writer.routers.instances(self.source).values()
        for block in self.source.instances:
            if all(block is not each for each in kept) and not self.messages.covers(block):
                self.report(f"vrrp_instance {block['name']} is left out.", block.line)

    def _not_representable(self, block: Block) -> list[str]:
        """List the fields of an instance that no inventory has; return them."""
        fields = [name for name in block if vrrp.undefined(name)]
        for name in fields:
            option = next(o for o in _options.INSTANCE if o.name == name)
            for line, shown in block.where.get(name, []):
                self.report(
                    f"`{shown}` is left out: the inventory can't define what"
                    f" {option.keyword or name} refers to.",
                    line,
                )
        return fields

    def _added(self, block: Block, result: Mapping[str, Any]) -> None:
        """List what an instance has from now on, though its file doesn't set it."""
        known = {*addresses(block), *self.writer.unheld_vips}
        more = [vip for vip in addresses(result) if vip not in known]
        if more:
            self.report(
                f"vrrp_instance {block['name']}: with site.yml it also holds {join_names(more)}.",
                block.line,
            )
        wanted = {**vrrp.DEFAULTS, "preempt_delay": 0, "version": result.get("version"), **block}
        skipped = ("vips", "excluded_vips", "unicast_src_ip", "unicast_peers", *block)
        for option in _options.INSTANCE:
            if option.name in skipped or not given(result, option.name):
                continue
            lines = _lines(option, result[option.name])
            usual = _lines(option, wanted[option.name]) if given(wanted, option.name) else []
            if lines != usual:
                self.report(
                    f"vrrp_instance {block['name']}: site.yml adds `{join_names(lines)}`.",
                    block.line,
                )

    # ---- services ----------------------------------------------------------------------------

    def _service(self, block: Block) -> None:
        """Compare a service and its destinations."""
        if self.messages.covers(block):
            return None
        found = self.found.get(id(block))
        pair = self.made.get(found.key) if found else None
        if found is None or pair is None:
            shown = f"`{block.shown}`" if block.shown else label(block)
            return self.report(f"{shown} is left out.", block.line)
        value, raw = pair
        taken = self.writer.services[found.key]
        reason = f"the service of {taken.place} is used" if taken is not found else self._reason()
        if value.with_destinations([]) != found.value:
            here, there = found.value.to_dict(), value.to_dict()
            for name in sorted(here.keys() | there.keys()):
                if here.get(name) != there.get(name) and name != "destinations":
                    line = next(iter(block.where.get(name) or []), (block.line, ""))[0]
                    self.report(
                        f"{found.key}: {name} is {here.get(name)}, and site.yml writes"
                        f" {there.get(name)}.",
                        line,
                    )
        if self.source.config:
            self._fields(_options.SERVICE, block, raw, reason)
            if found.keepalived_fields.get("sorry_server") and not _same_server(found, raw):
                line = next(iter(block.where.get("sorry_server") or []), (block.line, ""))[0]
                self.report(f"{found.key}: site.yml writes another sorry_server.", line)
        items = {
            (normal_address(item["address"]), as_integer(item.get("port", found.key.port))): item
            for item in raw["destinations"]
        }
        pool = {destination.key: destination for destination in value.destinations}
        keys = {id(item): key for key, item in found.blocks.items()}
        for item in block["destinations"]:
            key = keys.get(id(item))
            if self.messages.covers(item):
                continue
            result = items.get(key) if key else None
            if key is None or result is None or pool.get(key) != found.pool[key]:
                shown = f"destination {item.get('address')}"
                self.report(f"{found.key}: {shown} is left out, or not the same.", item.line)
            elif self.source.config:
                there = {name: raw[name] for name in INHERITED if name in raw}
                self._destination(item, found, key, {**there, **result}, reason)
        return None

    def _destination(
        self,
        item: Block,
        found: Service,
        key: tuple[str, int],
        there: Mapping[str, Any],
        reason: str,
    ) -> None:
        """Compare what keepalived does with a destination."""
        self._fields(_options.DESTINATION, item, there, reason)
        wanted = found.own[key].get("check", found.keepalived_fields.get("check"))
        if _check(wanted) == _check(there.get("check")):
            return
        block = item.get("check")
        if block is None:
            self.report(
                f"{found.key}: site.yml adds a check of destination {item['address']}.", item.line
            )
        elif not self.messages.covers(block):
            self.report(f"`{block.shown}` of {found.key} is left out: {reason}.", block.line)


def _by_key(
    services: Iterable[Mapping[str, Any]],
) -> dict[ServiceKey, tuple[VirtualService, Mapping[str, Any]]]:
    """Return services by their keys, as the model has them and as keepalived gets them."""
    made: dict[ServiceKey, tuple[VirtualService, Mapping[str, Any]]] = {}
    for raw in services:
        base = {name: value for name, value in raw.items() if name in OF_MODEL}
        base["destinations"] = [
            {name: value for name, value in item.items() if name in OF_DESTINATION}
            for item in raw["destinations"]
        ]
        made.update((value.key, (value, raw)) for value in parse_services([base])[0])
    return made


def _only(table: Table, *names: str) -> Table:
    return tuple(option for option in table if option.name in names)


def _lines(option: Option, value: Any) -> list[str]:
    """Return the lines of a value, those of a block in any order."""
    try:
        return option.lines(value)
    except InvalidValue:
        return [repr(value)]


def _check(raw: Any) -> tuple[str, list[str]]:
    """Return what a check comes to."""
    kind = str((raw or {}).get("type", "none"))
    if kind == "none":
        return "none", []
    table = _options.CHECKS[kind].table
    used = [option for option in table if given(raw, option.name)]
    return kind, [line for option in used for line in _lines(option, raw[option.name])]


def _same_server(found: Service, raw: Mapping[str, Any]) -> bool:
    return bool(found.keepalived_fields.get("sorry_server") == raw.get("sorry_server"))


def flat(
    inventory: Mapping[str, Any],
) -> tuple[Any, dict[str, list[str]], Callable[[str], Mapping[str, Any]]]:
    """Return services, groups and variables of an inventory, as ``resolve`` takes it."""
    everything = inventory["all"]
    groups: dict[str, list[str]] = {"all": []}
    hosts: dict[str, dict[str, Any]] = {}
    parts = {"all": {"hosts": everything.get("hosts", {})}, **everything["children"]}
    for group, part in parts.items():
        groups[group] = list(part.get("hosts") or {})
        for name in groups[group]:
            hosts.setdefault(name, dict(everything["vars"])).update(part.get("vars") or {})
    for part in parts.values():
        for name, variables in (part.get("hosts") or {}).items():
            hosts[name].update(variables or {})
    groups["all"] = list(hosts)
    return everything["vars"]["lvs_services"], groups, hosts.__getitem__
