# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the facts of the host checks on a machine. Nothing is changed."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arp,
    _atomic_file,
    _host_checks,
    _host_state,
    _links,
    _program,
    _return_path,
    _route_lookup,
    _run,
    _sysctl,
    _table_owner,
    _units,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    Data,
    ExpectedRole,
    HostFacts,
    addresses_of,
    router_of,
    sysctls_to_read,
)

CHECKS = _host_checks.CHECKS
host_state = _host_state.read

UNITS = "/etc/systemd/system"
NETWORKD = "systemd-networkd.service"
KEEPALIVED_CONF = "/etc/keepalived/keepalived.conf"
#: Where configuration is looked for.
PLACES = ("/usr/lib", "/run", "/etc")
#: The roles that leave something on a host; each has a unit of its name.
ROLES = (
    "director",
    "director_bgp",
    "realserver_dr",
    "realserver_tun",
    "realserver_nat",
    "keepalived_ha",
)
#: What _routes is asked about, of what is expected of a host.
RETURN_PATH = ("gateways", "answers", "route", "keep_ports")


def links() -> list[Data]:
    """Return the interfaces with their addresses."""
    return ip("-details", "address", "show")


def route(address: str) -> list[Data]:
    """Return how packets to an address leave; [] if they can't."""
    return ip("route", "get", address)


def read(
    expected: ExpectedRole, shown: Sequence[Data], routes: Mapping[str, Sequence[Data]]
) -> HostFacts:
    """Read the facts for the checks of a host with this role."""
    places = {vip: _vip_interface(vip, shown, expected.interface) for vip in expected.vips}
    facts = HostFacts(
        release=os.uname().release,
        shown=shown,
        routes=routes,
        gateways=_gateways() if expected.not_gateways else (),
        return_path_errors=_return_path_errors(expected) if expected.gateways else (),
        missing_modules=list(filter(_is_missing, expected.kernel_modules)),
        vip_interfaces=places,
        arp_replies=_arp_replies(places, shown, expected.neighbours),
        owner_errors=_owner_errors(expected.ignore_owners) if expected.director else (),
    )
    return _read_role(facts, expected) if expected.units else facts


def _gateways() -> set[str]:
    """Return the next routers in all routing tables, without those of return_route."""
    show = ("route", "show", "table", "all")
    routes = [route for family in ("-4", "-6") for route in ip("-N", family, *show)]
    others = [route for route in routes if route.get("protocol") != str(_return_path.PROTOCOL)]
    hops = [hop for route in others for hop in (route, *route.get("nexthops", ()))]
    return {router_of(hop) for hop in hops}


def _return_path_errors(expected: ExpectedRole) -> list[str]:
    """Return why answers can't go through the gateways, or would cut Ansible's connection."""
    options = {name: getattr(expected, name) for name in RETURN_PATH}
    try:
        wanted = _return_path.parse({**options, "table": _return_path.TABLE})
    except _run.OperatorError as error:
        return list(error.mistakes)
    defaults = wanted.gateways if wanted.route == "default" else {}
    return [
        *_route_lookup.off_link(wanted.gateways.values()),
        *_route_lookup.would_cut(wanted, defaults),
    ]


def _is_missing(module: str) -> bool:
    """Whether a kernel module is neither in the kernel nor available."""
    return (
        not os.path.isdir(f"/sys/module/{module}")
        and succeeds("modprobe", "--dry-run", "--quiet", module) is None
    )


def _vip_interface(vip: str, links: Iterable[Data], interface: str) -> str | None:
    """Return the interface that a VIP is on, or belongs on; None if it is in no network."""
    here = addresses_of(links)
    name = here[vip]["ifname"] if vip in here else interface
    if name:
        return str(name)
    routes = ip("route", "get", vip)
    return None if not routes or router_of(routes[0]) else str(routes[0]["dev"])


def _arp_replies(
    places: Mapping[str, str | None], links: Iterable[Data], neighbours: Iterable[str]
) -> dict[str, dict[str, list[str]]]:
    """Return for each IPv4 VIP which MACs answer for it and for the neighbours on its link."""
    ether = [link for link in links if link["link_type"] == "ether"]
    by_name = {link["ifname"]: link for link in ether if "NOARP" not in link["flags"]}
    others = [address for address in neighbours if ":" not in address]
    return {
        vip: _arp.who_has(name, by_name[name]["address"], [vip, *others])
        for vip, name in places.items()
        if name is not None and name in by_name and ":" not in vip
    }


def _owner_errors(ignored: Sequence[str]) -> list[str]:
    """Return which other programs own the table; keepalived may, if the collection runs it."""
    own = ["keepalived"] if "keepalived_ha" in installed_roles() else []
    try:
        _table_owner.refuse_other_owners([*ignored, *own])
    except _run.OperatorError as error:
        return list(error.mistakes)
    return []


def _read_role(facts: HostFacts, expected: ExpectedRole) -> HostFacts:
    """Return the facts, with what the checks of roles need."""
    links = facts.shown
    units = states([*expected.units, NETWORKD])
    managed = links if units.get(NETWORKD, ("", ""))[1] == "active" else []
    networks = {link["ifname"]: network(link["ifindex"]) for link in managed}
    conf = text(KEEPALIVED_CONF) if expected.keepalived else ""
    # Not with _keepalived: importing it takes longer than all of this.
    version = succeeds("keepalived", "--version") if "unicast_peer" in conf else ""
    listing = succeeds("ipvsadm", "--list", "--daemon") if expected.vrrp else ""
    at_boot = _atomic_file.read("/etc/modules-load.d/lvs-realserver-tun.conf")
    state_file = text(f"{_host_state.STATE_DIRECTORY}/realserver_tun.link")
    return facts._replace(
        links=_links.parse(links),
        sysctls=_sysctl.read_all(sysctls_to_read(link["ifname"] for link in links)),
        rules=succeeds("nft", "--terse", "list", "ruleset"),
        loaded=frozenset(os.listdir("/sys/module")),
        at_boot=None if at_boot is None else re.findall(r"(?m)^(\w+)", at_boot),
        options=text(*(f"{place}/modprobe.d/*.conf" for place in PLACES)),
        conn_tab_bits=text("/sys/module/ip_vs/parameters/conn_tab_bits").strip(),
        tunnels=re.findall(r"(?m)^link set dev (\S+) up", state_file),
        units=units,
        unit_errors={
            unit: _units.error_lines(unit)
            for unit in expected.units
            if expected.running and units.get(unit, ("", ""))[1] in _units.TROUBLED
        },
        networks={name: files for name, files in networks.items() if files},
        networkd=text(
            "/etc/systemd/networkd.conf",
            *(f"{place}/systemd/networkd.conf.d/*.conf" for place in PLACES),
        ),
        daemons=re.findall(r"(?m)^(master|backup) sync daemon", listing or ""),
        conf=conf,
        learned={
            hop["dev"]
            for route in ip("-6", "route", "show", "default")
            if route.get("protocol") == "ra"
            for hop in route.get("nexthops", [route])
        },
        keepalived=tuple(map(int, re.findall(r"\d+", (version or "").partition(",")[0])[:3])),
    )


def states(units: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return for each unit of systemd whether it is enabled, and whether it is active."""
    properties = "--property=Id,UnitFileState,ActiveState"
    output = succeeds("systemctl", "show", properties, *units) or ""
    blocks = [dict(re.findall(r"(?m)^(\w+)=(.*)", block)) for block in output.split("\n\n")]
    return {
        block["Id"]: (block.get("UnitFileState", ""), block.get("ActiveState", ""))
        for block in blocks
        if "Id" in block
    }


def network(index: int) -> str:
    """Return systemd-networkd's configuration of an interface; "" if it does not manage it."""
    found = re.search(r"(?m)^NETWORK_FILE=(.+)", text(f"/run/systemd/netif/links/{index}"))
    if not found:
        return ""
    dropins = f"systemd/network/{os.path.basename(found[1])}.d/*.conf"
    return "[Network]\n" + text(found[1]) + text(*(f"{place}/{dropins}" for place in PLACES))


def text(*patterns: str) -> str:
    """Return the text of files in the order of their names; missing ones are empty."""
    paths = [path for pattern in patterns for path in glob.glob(pattern)]
    found = []
    for path in sorted(paths, key=os.path.basename):
        with open(path, encoding="utf-8", errors="replace") as file:
            found.append(f"{file.read()}\n")
    return "".join(found)


def installed_roles() -> list[str]:
    """Return the names of the roles that were applied here, by their units."""
    units = {name: os.path.join(UNITS, unit(name)) for name in ROLES}
    return [name for name, path in units.items() if os.path.exists(path)]


def unit(role: str) -> str:
    """Return the name of a role's unit."""
    return f"lvs-{role.replace('_', '-')}.service"


def succeeds(*words: str) -> str | None:
    """Run a program; return what it prints, or None if it fails or isn't there."""
    try:
        done = _program.run(*words)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout


def ip(*words: str) -> list[Data]:
    """Return the output of the program ip, and nothing if it fails."""
    output: list[Data] = json.loads(succeeds("ip", "-json", *words) or "[]")
    return output
