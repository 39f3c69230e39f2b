# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of keepalived, as plain data that is checked and then written down.

One walk over the data gives both the lines of the file and a sentence for every mistake, so
`mistakes` and `render` can't disagree. What a field may be stands in ``_keepalived_options``;
here is what fields say of each other. Virtual services and their pools are read by ``_model``,
as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arguments,
    _keepalived_relations,
    _model,
)
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_options import (
    Option,
    Table,
    Version,
    block,
    given,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_relations import (
    as_list,
    named,
    off,
    on,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import (
    InvalidValue,
    decimal,
)

HEADER = (
    "# Written by Ansible (lvs.cluster.keepalived_conf), which replaces what is changed here.",
    "# It holds secrets and belongs to root.",
)
#: Where all fields are described.
DOCUMENTED = "ansible-doc lvs.cluster.keepalived_conf"
#: keepalived reads 1023 bytes of a line and takes the rest for another one.
MAX_LINE = 1000
#: A line that begins with one of them changes what only a restart changes: keepalived refuses to
#: reload with another value, or a process keeps the former one.
RESTART = frozenset(
    {
        *("net_namespace", "net_namespace_ipvs", "instance", "nftables", "nftables_ipvs"),
        *("tmp_config_directory", "disable_local_igmp"),
        *("vrrp_cpu_affinity", "checker_cpu_affinity", "bfd_cpu_affinity"),
        *("min_auto_priority_delay", "snmp_socket", "enable_snmp_vrrp", "enable_snmp_checker"),
        *("enable_snmp_rfc", "enable_snmp_rfcv2", "enable_snmp_rfcv3", "enable_dbus"),
    }
)


def dotted(version: Version) -> str:
    """Return a version in dotted form."""
    return ".".join(map(str, version))


class _Writer:
    """Reads a configuration once: the lines it becomes, and what is wrong with it."""

    def __init__(self, config: Mapping[str, Any], version: Version | None) -> None:
        self.config = config
        self.version = version
        self.mistakes: list[str] = []
        self.lines: list[str] = []
        self.groups: set[str] = set()
        self.services: dict[_model.ServiceKey, str] = {}
        self.parsed: list[_model.VirtualService] = []
        self.scripts: list[str] = []
        if version and version < _options.OLDEST:
            self.wrong(
                "keepalived",
                f"{dotted(version)} is installed; this needs {dotted(_options.OLDEST)} or later",
            )
        known = ("globals", *_options.BLOCKS, "services", "extra")
        self.unknown(config, "keepalived_conf", known)
        self.globals = self._globals()
        self.names = {name: self._named(name) for name in _options.BLOCKS}
        self._instances()
        self._groups()
        self._sync_daemon()
        self._services()
        self._scripts()
        self._extra()
        self._long_lines()

    def wrong(self, place: str, sentence: str) -> None:
        message = _model.one_line(f"{place}: {sentence}.")
        if message not in self.mistakes:
            self.mistakes.append(message)

    def all_wrong(self, place: str, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self.wrong(place, sentence)

    def unknown(self, raw: Mapping[str, Any], place: str, known: Sequence[str]) -> None:
        for name in sorted(set(map(str, raw)).difference(known)):
            self.wrong(place, _model.unknown("field", name, known, DOCUMENTED))

    def has(self, place: str, what: str, since: Version) -> None:
        """Report a field that the installed release does not have."""
        if self.version and since > self.version:
            self.wrong(
                place,
                f"{what} needs keepalived {dotted(since)} or later, and {dotted(self.version)} is"
                " installed",
            )

    def fields(
        self, table: Table, raw: Mapping[str, Any], place: str, known: Iterable[str] = ()
    ) -> dict[str, list[str]]:
        """Return the lines of each field, in the table's order; note all that is wrong."""
        names = dict.fromkeys([*known, *(option.name for option in table)])
        self.unknown(raw, place, list(names))
        lines: dict[str, list[str]] = {}
        for option in table:
            if _options.absent(option, raw):
                if option.required:
                    self.wrong(place, f"{option.name} is missing")
                continue
            value = raw[option.name]
            self.has(place, option.name, option.since)
            if option.kind in (_options.COMMAND, _options.NOTIFY):
                self.scripts.append(f"{place} has {option.name}")
            try:
                lines[option.name] = option.lines(value)
            except InvalidValue as error:
                for sentence in _options.sentences(option, value, error):
                    self.wrong(place, sentence)
        return lines

    def _mappings(self, name: str) -> list[Mapping[str, Any]]:
        """Return a list of the schema; note what is no mapping in it."""
        value = [] if self.config.get(name) is None else self.config[name]
        if not isinstance(value, Sequence) or isinstance(value, str):
            self.wrong(name, "it is not a list")
            return []
        for number, item in enumerate(value, 1):
            if not isinstance(item, Mapping):
                self.wrong(f"{name}, number {number}", "it is not a mapping of fields")
        return [item for item in value if isinstance(item, Mapping)]

    def _globals(self) -> Mapping[str, Any]:
        """Write what is true of keepalived as a whole; return it."""
        raw = {} if self.config.get("globals") is None else self.config["globals"]
        if not isinstance(raw, Mapping):
            self.wrong("globals", "it is not a mapping of fields")
            return {}
        lines = self.fields((*_options.ROOT, *_options.GLOBALS), raw, "globals")
        outside = {option.name: lines.pop(option.name, []) for option in _options.ROOT}
        self.lines += block("global_defs", joined(lines)) if lines else []
        self.lines += joined(outside)
        return raw

    def _named(self, name: str) -> list[str]:
        """Write the blocks of a list that have names; return the names."""
        keyword, table = _options.BLOCKS[name]
        what = name[:-1].replace("processe", "process")
        names: list[str] = []
        for number, raw in enumerate(self._mappings(name), 1):
            label = str(raw.get("name") or f"number {number}")
            place = f"{what} {label}"
            lines = self.fields(table, raw, place)
            if label in names:
                self.wrong(place, f"there are two {name} of that name; rename one of them")
            names.append(label)
            if lines.get("vmac_interface"):
                lines.pop("use_vmac", None)  # one line of the file
            if lines.get("auth_pass"):
                password = ["auth_type PASS", *lines["auth_pass"]]
                lines["auth_pass"] = block("authentication", password)
            head = " ".join([keyword, *lines.pop("name", [])])
            self.lines += block(head, joined(lines))
            if name == "track_processes":
                self.all_wrong(place, _keepalived_relations.track_process(raw))
        if name == "bfd_instances":
            for raw, sentence in _keepalived_relations.bfd_instances(self._mappings(name)):
                self.wrong(f"bfd_instance {raw.get('name')}", sentence)
        return names

    # What instances, groups and the sync daemon say of each other.

    def _instances(self) -> None:
        routers: dict[tuple[str, str, str], str] = {}
        macs: dict[str, str] = {}
        for number, raw in enumerate(self._mappings("instances"), 1):
            label = str(raw.get("name") or f"number {number}")
            place = f"instance {label}"
            family = self._family(raw, place)
            self._protocol(raw, place, family)
            self._preemption(raw, place)
            self._casting(raw, place, family)
            self._tracked(raw, place)
            self.all_wrong(place, _keepalived_relations.instance(raw, family))
            mac = str(raw["vmac_interface"]) if given(raw, "vmac_interface") else ""
            if mac and macs.setdefault(mac, label) != label:
                self.wrong(
                    place,
                    f"vmac_interface is {mac}, that of instance {macs[mac]}, too; choose another",
                )
            if given(raw, "interface") and given(raw, "virtual_router_id"):
                router = (str(raw["interface"]), str(raw["virtual_router_id"]), family)
                if router in routers:
                    self.wrong(
                        place,
                        f"virtual_router_id {router[1]} is that of instance {routers[router]} on"
                        f" {router[0]}, too; choose another",
                    )
                routers.setdefault(router, label)

    def _family(self, raw: Mapping[str, Any], place: str) -> str:
        """Return an instance's family, which all of its VIPs must have."""
        families: dict[str, str] = {}
        for vip in as_list(raw.get("vips")):
            text = str(vip.get("address") if isinstance(vip, Mapping) else vip)
            address = _model.normal_address(text.partition("/")[0])
            if address:
                families.setdefault(_model.family_of(address), address)
        if len(families) > 1:
            self.wrong(
                place,
                f"vips are of both families ({families['ipv4']} and {families['ipv6']}), but an"
                " instance has one; move the others to excluded_vips, or to an instance of their"
                " own",
            )
        if not given(raw, "vips") and not on(raw, "no_virtual_ipaddress"):
            self.wrong(place, "vips is missing; give at least one address")
        return next(iter(families), "ipv4")

    def _protocol(self, raw: Mapping[str, Any], place: str, family: str) -> None:
        """Check what the version of VRRP allows."""
        asked = raw.get("version") or self.globals.get("vrrp_version")
        if family == "ipv6" and str(raw.get("version")) == "2":
            self.wrong(place, "VRRP version 2 has no IPv6; set version: 3")
        version = 3 if family == "ipv6" else _model.as_integer(asked) or 2
        if version == 3 and given(raw, "auth_pass"):
            self.wrong(
                place,
                "auth_pass needs VRRP version 2, and this instance speaks version 3; remove it, and"
                " let a firewall accept VRRP from the peers only",
            )
        try:
            interval = decimal(raw.get("advert_int", 1))
        except InvalidValue:
            return  # already reported
        if version == 2 and interval != int(interval):
            self.wrong(
                place,
                f"advert_int is {interval:g}, and VRRP version 2 counts whole seconds; set"
                " version: 3",
            )
        elif version == 3 and (interval > 40.95 or round(interval * 100, 6) % 1):
            self.wrong(
                place,
                f"advert_int is {interval:g}, and VRRP version 3 counts hundredths of a second up"
                " to 40.95",
            )

    def _preemption(self, raw: Mapping[str, Any], place: str) -> None:
        master = raw.get("state") == "MASTER"
        if master and not given(raw, "priority"):
            self.wrong(
                place,
                "state MASTER without a priority means 255, the owner of the addresses; give a"
                " priority",
            )
        stays = off(raw, "preempt")
        if master and stays:
            self.wrong(place, "preempt: false needs the initial state BACKUP, on every director")
        if given(raw, "preempt_delay"):
            if master:
                self.wrong(place, "preempt_delay needs the initial state BACKUP")
            if stays:
                self.wrong(place, "preempt_delay does nothing with preempt: false; remove one")

    def _casting(self, raw: Mapping[str, Any], place: str, family: str) -> None:
        """Check unicast against multicast."""
        peers = as_list(raw.get("unicast_peers"))
        if not peers:
            for name in ("unicast_src_ip", "unicast_ttl", "check_unicast_src"):
                if given(raw, name) and raw[name] is not False:
                    self.wrong(
                        place,
                        f"{name} is given without unicast_peers, and keepalived would use"
                        " multicast; give the peers, or remove it",
                    )
            return
        for name in ("mcast_src_ip", "mcast_dst_ip"):
            if given(raw, name):
                self.wrong(place, f"{name} is for multicast; unicast_peers are given")
        vmac = on(raw, "use_vmac") or given(raw, "vmac_interface")
        if vmac and not on(raw, "vmac_xmit_base"):
            self.wrong(place, "use_vmac with unicast_peers needs vmac_xmit_base: true")
        source = _model.normal_address(raw.get("unicast_src_ip"))
        seen = set()
        for peer in peers:
            address = _model.normal_address(
                peer.get("address") if isinstance(peer, Mapping) else peer
            )
            if address is None:
                continue  # already reported
            if address == source:
                self.wrong(place, f"unicast_peers has {address}, which is unicast_src_ip itself")
            if address in seen:
                self.wrong(place, f"unicast_peers has {address} twice")
            if _model.family_of(address) != family:
                self.wrong(place, f"unicast_peers has {address}, but the vips are {family}")
            seen.add(address)

    def _tracked(self, raw: Mapping[str, Any], place: str) -> None:
        """Check that what is tracked is defined."""
        for field, source in _options.TRACKERS.items():
            for name, _item in named(raw.get(field)):
                if name not in self.names[source]:
                    self.wrong(place, f"{field} has {name}, which {source} does not define")

    def _groups(self) -> None:
        members: dict[str, str] = {}
        instances = self._mappings("instances")
        defined = {
            source: {str(raw.get("name")): raw for raw in self._mappings(source)}
            for source in _options.TRACKERS.values()
        }
        for number, raw in enumerate(self._mappings("sync_groups"), 1):
            label = str(raw.get("name") or f"number {number}")
            place = f"sync_group {label}"
            self._tracked(raw, place)
            for name in map(str, as_list(raw.get("instances"))):
                if name not in self.names["instances"]:
                    self.wrong(place, f"there is no instance {name}")
                if name in members:
                    self.wrong(place, f"instance {name} is in sync_group {members[name]} already")
                members.setdefault(name, label)
            theirs = [
                i
                for i in instances
                if str(i.get("name")) in map(str, as_list(raw.get("instances")))
            ]
            self.all_wrong(place, _keepalived_relations.group(raw, theirs, defined))

    def _sync_daemon(self) -> None:
        daemon = self.globals.get("sync_daemon")
        if not isinstance(daemon, Mapping):
            return
        name = str(daemon.get("instance") or "")
        if not name and len(self.names["instances"]) < 2:
            self.wrong(
                "globals",
                "sync_daemon without an instance runs as master and as backup at once, which takes"
                " the effect of backup_only away",
            )
        elif name and name not in self.names["instances"]:
            self.wrong("globals", f"sync_daemon names instance {name}, which there is not")

    # Virtual services.

    def _services(self) -> None:
        for number, raw in enumerate(self._mappings("services"), 1):
            place = f"service {_model.label(raw) or number}"
            service = _Service(self, raw, place)
            self.lines += service.lines
            self.parsed += service.parsed

    def check_lines(self, raw: Any, place: str, target: str) -> list[str]:
        """Return the block of the health check of a destination, given as address and port."""
        if not isinstance(raw, Mapping):
            self.wrong(place, "check is not a mapping of fields")
            return []
        kind = str(raw.get("type") or "")
        if kind == "none":
            return []
        if kind not in _options.CHECKS:
            said = f"type is {kind!r}{_model.suggestion(kind, _options.CHECKS)}"
            known = f"it must be one of none, {', '.join(_options.CHECKS)}"
            self.wrong(f"{place}, check", f"{said if kind else 'type is missing'}; {known}")
            return []
        place = f"{place}, check {kind}"
        check = _options.CHECKS[kind]
        self.has(place, f"type {kind}", check.since)
        # Ansible gives each type the fields of all, those that were not given as null.
        fields = {name: value for name, value in raw.items() if given(raw, name)}
        lines = self._page(fields, kind, place)
        for name in sorted(map(str, fields)):
            types = _types_with(name)
            if types and kind not in types:
                self.wrong(place, f"{name} goes with type {' or '.join(types)}; remove it")
                del fields[name]
        table = tuple(option for option in check.table if option.name not in lines)
        lines = {**self.fields(table, fields, place, ("type",)), **lines}
        self.all_wrong(place, _keepalived_relations.check(fields, target.partition(" ")[0]))
        if kind in _options.NEEDS_PORT and " " not in target and not given(raw, "connect_port"):
            self.wrong(
                place, "the destination has no port of its own, so the check needs connect_port"
            )
        for what, field, source in _options.REFERENCES:
            if kind == what and given(raw, field) and str(raw[field]) not in self.names[source]:
                self.wrong(place, f"{field} is {raw[field]}, which {source} does not define")
        return block(check.keyword, joined(lines))

    def _page(self, fields: dict[str, Any], kind: str, place: str) -> dict[str, list[str]]:
        """Take the only page out of a check's fields; return the lines that stand for urls."""
        if kind not in _options.OF_PAGES:
            return {}
        alone = _options.page(fields)
        said = {name: fields.pop(name) for name in _options.PAGE if name in fields}
        for name in said if alone is None else ():
            self.wrong(place, f"{name} and urls are given; put {name} into an item of urls")
        if alone is None:
            return {}
        return {"urls": block("url", joined(self.fields(_options.URL, alone, place)))}

    def _scripts(self) -> None:
        """Check that scripts are run with keepalived's own precautions, which it asks for."""
        if self.scripts and not on(self.globals, "enable_script_security"):
            known = "enable_script_security" in self.globals
            self.wrong(
                "globals",
                f"enable_script_security is {'false' if known else 'not set'}, but"
                f" {self.scripts[0]}, and keepalived runs scripts only with it; set it to true",
            )

    def _extra(self) -> None:
        """Take free text as it is, if its braces balance; the rest is seen by keepalived -t."""
        text = "" if self.config.get("extra") is None else self.config["extra"]
        if not isinstance(text, str):
            return self.wrong("extra", "it is not a text")
        depth = 0
        for number, line in enumerate(text.split("\n"), 1):
            odd = sorted({each for each in line if not each.isprintable() and each != "\t"})
            if odd:
                said = " and ".join(map(repr, odd))
                return self.wrong(f"extra, line {number}", f"it has {said} in it; remove that")
            # A brace in a string or in a comment is none.
            for brace in re.findall("[{}]", re.sub(r'"[^"]*"|[!#].*', "", line)):
                depth += 1 if brace == "{" else -1
                if depth < 0:
                    return self.wrong(f"extra, line {number}", "this brace closes none")
        if depth:
            return self.wrong("extra", f"{depth} of its braces are not closed")
        self.lines += text.rstrip().split("\n") if text.strip() else []
        return None

    def _long_lines(self) -> None:
        for line in self.lines:
            if len(line.encode()) > MAX_LINE:
                word = (line.split() or [""])[0]
                self.wrong(
                    word,
                    f"it makes a line of {len(line.encode())} bytes, and keepalived reads"
                    f" {MAX_LINE} at most",
                )


class _Service:
    """One virtual service: read by the model, and what keepalived adds to it."""

    OF_MODEL = ("name", *_arguments.KEY, *_arguments.SETTINGS, "destinations")
    OF_DESTINATION = ("name", *_arguments.DESTINATION)

    def __init__(self, writer: _Writer, raw: Mapping[str, Any], place: str) -> None:
        self.writer = writer
        self.raw = raw
        self.place = place
        own = writer.fields(
            _options.SERVICE, raw, place, (*self.OF_MODEL, "check", "sorry_server", "endpoints")
        )
        self._name()
        self.parsed = self._parsed()
        self.lines: list[str] = []
        if not self.parsed:
            return
        service = self.parsed[0]
        self._counts(service)
        lines = [*self._of_model(service), *joined(own), *self._sorry_server(service.key)]
        pool = self._pool(service.key)
        for destination in service.destinations:
            lines += self._destination(destination, pool.get(destination.key, {}))
        self.lines = self._blocks(lines)

    def wrong(self, sentence: str) -> None:
        self.writer.wrong(self.place, sentence)

    def _name(self) -> None:
        """Check the name, which is that of a group where there are endpoints."""
        name, grouped = self.raw.get("name"), given(self.raw, "endpoints")
        if grouped and not name:
            self.wrong("name is missing; with endpoints it becomes the name of a group")
        if not name:
            return
        option = Option("name", _options.NAME if grouped else _options.TEXT)
        try:
            option.lines(name)
        except InvalidValue as error:
            for sentence in _options.sentences(option, name, error):
                self.wrong(sentence)
        if grouped and name in self.writer.groups:
            self.wrong("there are two services with endpoints of that name; rename one of them")
        if grouped:
            self.writer.groups.add(str(name))

    def _parsed(self) -> list[_model.VirtualService]:
        """Return what the model reads, a service for each endpoint."""
        base = {k: v for k, v in self.raw.items() if k in self.OF_MODEL}
        if isinstance(base.get("destinations"), list):
            base["destinations"] = list(map(self._of_destination, base["destinations"]))
        parsed: list[_model.VirtualService] = []
        for endpoint in self._endpoints():
            services, wrong = _model.parse_services([{**base, **endpoint}])
            for sentence in wrong:
                self.wrong(sentence.partition(": ")[2].rstrip("."))
            parsed += services
        places = self.writer.services
        for key in (service.key for service in parsed):
            if key in places:
                self.wrong(
                    f"{key} is described a second time, first by {places[key]}; keep one of them"
                )
            places.setdefault(key, self.place)
        if len({service.key.family for service in parsed}) > 1:
            self.wrong("endpoints are of both families; make two services of it")
        return parsed

    def _of_destination(self, raw: Any) -> Any:
        """Return what the model knows of a destination."""
        if not isinstance(raw, Mapping):
            return raw
        return {k: v for k, v in raw.items() if k in self.OF_DESTINATION}

    def _endpoints(self) -> list[Mapping[str, Any]]:
        value = self.raw.get("endpoints")
        if not value:
            return [{}]
        for name in _arguments.KEY:
            if name != "protocol" and given(self.raw, name):
                self.wrong(f"endpoints stand for {name}; remove one of them")
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.wrong("endpoints is not a list of mappings")
            return []
        known = tuple(_options.ENDPOINT)
        for number, item in enumerate(value, 1):
            self.writer.unknown(item, f"{self.place}: endpoint {number}", known)
        return [{k: v for k, v in item.items() if k in known} for item in value]

    def _counts(self, service: _model.VirtualService) -> None:
        """Check what keepalived counts."""
        if not service.destinations:
            self.wrong("it has no destinations, and keepalived ignores such a service")
            return
        if any(destination.method == "local" for destination in service.destinations):
            self.wrong("method local is what a kernel reports; keepalived takes dr, tun or nat")
        quorum = _model.as_integer(self.raw.get("quorum")) or 1
        hysteresis = _model.as_integer(self.raw.get("hysteresis")) or 0
        total = sum(destination.weight for destination in service.destinations)
        if quorum > total:
            self.wrong(
                f"its destinations' weights add up to {total}, less than the quorum of {quorum};"
                " leave one of them a weight, or take the service away"
            )
        if hysteresis >= quorum:
            self.wrong(f"hysteresis is {hysteresis}; it must be below the quorum, {quorum}")
        if service.key.fwmark and on(self.raw, "ha_suspend"):
            self.wrong("ha_suspend follows an address, and a firewall mark has none; remove it")

    @staticmethod
    def _of_model(service: _model.VirtualService) -> list[str]:
        """Return the lines that say what the model knows of a service."""
        key, mask = service.key, service.persistence_mask
        lines = [f"lvs_sched {service.scheduler}", *service.scheduler_flags]
        if not key.fwmark:
            lines.append(f"protocol {key.protocol.upper()}")
        elif key.family == "ipv6":
            lines.append("ip_family inet6")
        if service.one_packet:
            lines.append("ops")
        if service.persistence_engine:
            lines.append(f"persistence_engine {service.persistence_engine}")
        if service.persistence_timeout:
            lines.append(f"persistence_timeout {service.persistence_timeout}")
        if mask != _model.host_prefix(key.family):
            said = netmask(mask) if key.family == "ipv4" else mask
            lines.append(f"persistence_granularity {said}")
        return lines

    def _sorry_server(self, key: _model.ServiceKey) -> list[str]:
        raw = self.raw.get("sorry_server")
        if not raw:
            return []
        if not isinstance(raw, Mapping):
            self.wrong("sorry_server is not a mapping of fields")
            return []
        place = f"{self.place}: sorry_server"
        known = tuple(_options.SORRY_SERVER)
        own = self.writer.fields(_options.SORRY_SERVER_OPTIONS, raw, place, known)
        server, wrong = _model.parse_destination({k: raw[k] for k in known if k in raw}, key)
        for sentence in wrong:
            self.writer.wrong(place, sentence.split(": ", 2)[-1].rstrip("."))
        if server is None:
            return []
        for other, said in self._pool(key).items():
            if other == server.key:
                self.writer.all_wrong(
                    self.place, _keepalived_relations.sorry_server(raw, self.raw, said)
                )
        return [
            f"sorry_server {self._target(server, raw)}",
            f"sorry_server_lvs_method {_method(server)}",
            *joined(own),
        ]

    def _target(self, destination: _model.Destination, raw: Mapping[str, Any]) -> str:
        """Return address and port; no port where that of an endpoint, or of the client, is it."""
        own = len({service.key.port for service in self.parsed}) == 1 or given(raw, "port")
        return f"{destination.address} {(own and destination.port) or ''}".rstrip()

    def _pool(self, key: _model.ServiceKey) -> dict[tuple[str, int], Mapping[str, Any]]:
        """Return each destination as it was written."""
        pool = {}
        for raw in as_list(self.raw.get("destinations")):
            if isinstance(raw, Mapping):
                destination = _model.parse_destination(self._of_destination(raw), key)[0]
                if destination:
                    pool[destination.key] = raw
        return pool

    def _destination(self, destination: _model.Destination, raw: Mapping[str, Any]) -> list[str]:
        place = f"{self.place}: destination {raw.get('name') or destination.address}"
        own = self.writer.fields(_options.DESTINATION, raw, place, (*self.OF_DESTINATION, "check"))
        lines = [f"weight {destination.weight}", f"lvs_method {_method(destination)}"]
        if destination.upper_threshold:
            lines.append(f"uthreshold {destination.upper_threshold}")
        if destination.lower_threshold:
            lines.append(f"lthreshold {destination.lower_threshold}")
        lines += joined(own)
        target = self._target(destination, raw)
        check = raw.get("check") or self.raw.get("check")
        if check:
            whose = place if raw.get("check") else self.place
            lines += self.writer.check_lines(check, whose, target)
        return block(f"real_server {target}", lines)

    def _blocks(self, lines: list[str]) -> list[str]:
        name, key = self.raw.get("name"), self.parsed[0].key
        if given(self.raw, "endpoints"):
            group = [_endpoint(service.key) for service in self.parsed]
            return [
                *block(f"virtual_server_group {name}", group),
                *block(f"virtual_server group {name}", lines),
            ]
        comment = [f"# {name}"] if name else []
        return [*comment, *block(f"virtual_server {_endpoint(key)}", lines)]


def _types_with(name: str) -> list[str]:
    """Return the types of checks that have a field."""
    return [
        kind
        for kind, check in _options.CHECKS.items()
        if name in (option.name for option in check.table)
        or (kind in _options.OF_PAGES and name in _options.PAGE)
    ]


def _endpoint(key: _model.ServiceKey) -> str:
    """Return how keepalived names a service; without a port it is for all of them."""
    return f"fwmark {key.fwmark}" if key.fwmark else f"{key.vip} {key.port or ''}".rstrip()


def joined(lines: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the lines of all fields."""
    return [line for said in lines.values() for line in said]


def _method(destination: _model.Destination) -> str:
    """Return what stands after lvs_method."""
    said = destination.method.upper()
    if destination.method != "tun" or destination.tunnel_type == "ipip":
        return said
    said += f" type {destination.tunnel_type}"
    if destination.tunnel_port:
        said += f" port {destination.tunnel_port}"
    return f"{said} {TUNNEL_CHECKSUMS[destination.tunnel_checksum]}"


TUNNEL_CHECKSUMS = {"none": "nocsum", "checksum": "csum", "remote": "remcsum"}


def netmask(mask: _model.Mask) -> str:
    """Return an IPv4 prefix length as a netmask; a netmask is one already."""
    if isinstance(mask, str):
        return mask
    bits = _model.MAX_U32 << (32 - mask) & _model.MAX_U32
    return ".".join(str(byte) for byte in bits.to_bytes(4, "big"))


def mistakes(config: Mapping[str, Any], version: Version | None = None) -> list[str]:
    """Return a sentence for everything that is wrong with a configuration.

    :param version: the installed release of keepalived; None to leave releases out of it
    """
    return _Writer(config, version).mistakes


def render(config: Mapping[str, Any], version: Version | None = None) -> str:
    """Return the text of keepalived.conf for a configuration without mistakes."""
    return "\n".join([*HEADER, *_Writer(config, version).lines]) + "\n"


def services(config: Mapping[str, Any]) -> list[_model.VirtualService]:
    """Return the services that keepalived keeps in the kernel, one for each endpoint."""
    return _Writer(config, None).parsed


def parse_version(said: str) -> Version | None:
    """Return the release that ``keepalived --version`` shows."""
    found = re.search(r"Keepalived v(\d+(?:\.\d+)+)", said)
    return tuple(map(int, found[1].split("."))) if found else None


def restart_needed(before: str | None, after: str) -> bool:
    """Return whether keepalived has to be restarted, not reloaded, for a text to take effect."""

    def stays(words: list[str]) -> bool:
        # Without an instance, the sync daemons are started by keepalived's process for checks, not
        # by that for VRRP. At a reload each would see to them in its own time.
        both = words[0] == "lvs_sync_daemon" and "inst" not in words
        return both or words[0] in RESTART

    def fixed(text: str) -> list[str]:
        lines = (line.split() for line in text.splitlines())
        return sorted(" ".join(words) for words in lines if words and stays(words))

    def vrrp(text: str) -> bool:
        return any(line.startswith("vrrp_instance ") for line in text.splitlines())

    if before is None:
        return False
    # At the end of a restart VRRP has given up its VIPs; a reload returns before that.
    return fixed(before) != fixed(after) or (vrrp(before) and not vrrp(after))
