# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of keepalived, as plain data that is checked and then written down.

One walk over the data gives both the lines of the file and a sentence for every mistake, so
`mistakes` and `render` can't disagree. The fields are in ``_keepalived_options``, what each may be
in ``_keepalived_kinds``, and what fields contradict in each other in ``_keepalived_relations``.
Here is what a field names that has to be defined elsewhere in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_relations, _model
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_fields import (
    Reader,
    dotted,
    joined,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_kinds import (
    Version,
    block,
    given,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_relations import (
    as_list,
    named,
    on,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_services import Services

HEADER = (
    "# Written by Ansible (lvs.cluster.keepalived_conf), which replaces what is changed here.",
    "# It holds secrets and belongs to root.",
)
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


class _Config(Reader):
    """Reads a configuration once: the lines it becomes, and what is wrong with it."""

    def __init__(self, config: Mapping[str, Any], version: Version | None) -> None:
        super().__init__(config, version)
        self.lines: list[str] = []
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
        services = Services(self, self.names)
        self.lines += services.lines
        self.parsed = services.parsed
        self._scripts()
        self._extra()
        self._long_lines()

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
        for number, raw in enumerate(self.mappings(name), 1):
            label = str(raw.get("name") or f"number {number}")
            place = f"{what} {label}"
            lines = self.fields(table, raw, place)
            if label in names:
                self.wrong(place, f"two {name} have this name; rename one of them")
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
            for raw, sentence in _keepalived_relations.bfd_instances(self.mappings(name)):
                self.wrong(f"bfd_instance {raw.get('name')}", sentence)
        return names

    # References between instances, groups and the sync daemon.

    def _instances(self) -> None:
        routers: dict[tuple[str, str, str], str] = {}
        macs: dict[str, str] = {}
        for number, raw in enumerate(self.mappings("instances"), 1):
            label = str(raw.get("name") or f"number {number}")
            place = f"instance {label}"
            family = self._family(raw, place)
            asked = raw.get("version") or self.globals.get("vrrp_version")
            self.all_wrong(place, _keepalived_relations.protocol(raw, family, asked))
            self.all_wrong(place, _keepalived_relations.preemption(raw))
            self.all_wrong(place, _keepalived_relations.unicast_and_multicast(raw, family))
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

    def _tracked(self, raw: Mapping[str, Any], place: str) -> None:
        """Check that what is tracked is defined."""
        for field, source in _options.TRACKERS.items():
            for name, _item in named(raw.get(field)):
                if name not in self.names[source]:
                    self.wrong(place, f"{field} has {name}, which {source} does not define")

    def _groups(self) -> None:
        members: dict[str, str] = {}
        instances = self.mappings("instances")
        defined = {
            source: {str(raw.get("name")): raw for raw in self.mappings(source)}
            for source in _options.TRACKERS.values()
        }
        for number, raw in enumerate(self.mappings("sync_groups"), 1):
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
                "sync_daemon without an instance runs as master and as backup at once, which"
                " disables backup_only",
            )
        elif name and name not in self.names["instances"]:
            self.wrong("globals", f"sync_daemon has instance {name}, which is not defined")

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
                characters = " and ".join(map(repr, odd))
                return self.wrong(
                    f"extra, line {number}", f"it has {characters} in it; remove that"
                )
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


def mistakes(config: Mapping[str, Any], version: Version | None = None) -> list[str]:
    """Return a sentence for everything that is wrong with a configuration.

    :param version: the installed release of keepalived; None to leave releases out of it
    """
    return _Config(config, version).mistakes


def render(config: Mapping[str, Any], version: Version | None = None) -> str:
    """Return the text of keepalived.conf for a configuration without mistakes."""
    return "\n".join([*HEADER, *_Config(config, version).lines]) + "\n"


def services(config: Mapping[str, Any]) -> list[_model.VirtualService]:
    """Return the services that keepalived keeps in the kernel, one for each endpoint."""
    return _Config(config, None).parsed


def parse_version(output: str) -> Version | None:
    """Return the release that ``keepalived --version`` shows."""
    found = re.search(r"Keepalived v(\d+(?:\.\d+)+)", output)
    return tuple(map(int, found[1].split("."))) if found else None


def restart_needed(before: str | None, after: str) -> bool:
    """Return whether keepalived has to be restarted, not reloaded, for a text to take effect."""

    def needs_restart(words: list[str]) -> bool:
        # Without an instance, the sync daemons are started by keepalived's process for checks, not
        # by that for VRRP. At a reload each would see to them in its own time.
        both = words[0] == "lvs_sync_daemon" and "inst" not in words
        return both or words[0] in RESTART

    def fixed_statements(text: str) -> list[str]:
        lines = (line.split() for line in text.splitlines())
        return sorted(" ".join(words) for words in lines if words and needs_restart(words))

    def vrrp(text: str) -> bool:
        return any(line.startswith("vrrp_instance ") for line in text.splitlines())

    if before is None:
        return False
    # At the end of a restart VRRP has given up its VIPs; a reload returns before that.
    return fixed_statements(before) != fixed_statements(after) or (vrrp(before) and not vrrp(after))
