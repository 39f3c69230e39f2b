# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a host for what is known to keep a cluster from working.

Pure: what was read on the machine comes in as `HostFacts`, what the inventory makes of it as an
`ExpectedRole`, and a `CheckResult` for each check goes out. A check yields a message for each
error, with what to do; docs/pitfalls.md has them all.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Dict, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _applied,
    _links,
    _sysctl,
    _units,
    _vips,
)

Data = Dict[str, Any]  # Python 3.8 takes no subscript of dict or Mapping here
VS = "net/ipv4/vs/"
FORWARD = {"ipv4": "net/ipv4/ip_forward", "ipv6": "net/ipv6/conf/all/forwarding"}
RERUN = "Run site.yml; if it comes back, something else on this machine sets it."


class CheckResult(NamedTuple):
    """What one check found.

    :ivar result: ``ok``, ``error``, or ``warning`` if it works now but may fail later
    :ivar message: the state; if it is not ok, what is wrong and what to do
    """

    check: str
    result: str
    message: str


def results(
    check: str, ok: str, found: Iterable[str], severity: str = "error"
) -> list[CheckResult]:
    """Return a result for each message found, or one that is ok where there is none.

    :param severity: what the messages are, ``error`` or ``warning``
    """
    return [CheckResult(check, severity, message) for message in found] or [
        CheckResult(check, "ok", ok)
    ]


class ExpectedRole(NamedTuple):
    """What the inventory makes of a host.

    :ivar running: whether the roles are applied already, and not only after site.yml
    :ivar director: whether it is a director
    :ivar keepalived: whether keepalived fills its IPVS table
    :ivar instances: how many VRRP instances it has
    :ivar services: the virtual services that it load-balances, in the schema of all of them
    :ivar vips: the VIPs that it holds as a director
    :ivar lans: the interfaces that these belong on
    :ivar inner: the interfaces by which it reaches real servers and other directors
    :ivar serves: what it serves as a real server, by forwarding method
    :ivar addresses: its own addresses
    :ivar interface: its LAN interface, where the inventory names it
    :ivar rp_filter: what is done about reverse path filtering, as the option of arp_suppress
    :ivar sysctls: the settings that the inventory asks for
    :ivar forward: what it forwards as a director, ``all`` or ``balanced``
    """

    running: bool = False
    director: bool = False
    keepalived: bool = False
    instances: int = 0
    services: Sequence[Data] = ()
    vips: Sequence[str] = ()
    lans: Collection[str] = ()
    inner: Collection[str] = ()
    serves: Mapping[str, Sequence[Data]] = {}
    addresses: Sequence[str] = ()
    interface: str = ""
    rp_filter: str = "loose"
    sysctls: Mapping[str, str] = {}
    forward: str = "all"

    @property
    def vrrp(self) -> bool:
        """Whether VRRP holds its VIPs."""
        return self.instances > 0

    @property
    def methods(self) -> set[str]:
        """The forwarding methods of its destinations."""
        return {each.get("method", "dr") for each in self._destinations}

    @property
    def translated(self) -> set[str]:
        """The families of its destinations of methods nat and fullnat."""
        return {
            "ipv6" if ":" in each["address"] else "ipv4"
            for each in self._destinations
            if each.get("method") in ("nat", "fullnat")
        }

    @property
    def persistent(self) -> bool:
        """Whether some service is persistent."""
        return any(service.get("persistence_timeout") for service in self.services)

    @property
    def _destinations(self) -> list[Data]:
        return [each for service in self.services for each in service["destinations"]]

    def suppressed_vips(self, *methods: str) -> list[str]:
        """Return the VIPs that it has as a real server of some forwarding methods."""
        served = [each for method in methods for each in self.serves.get(method) or ()]
        return list(dict.fromkeys(each["vip"] for each in served if each.get("vip")))

    @property
    def units(self) -> list[str]:
        """The systemd units that apply its role at boot."""
        roles = ["director"] * self.director + ["keepalived-ha"] * self.keepalived
        methods = filter(self.serves_by, ("dr", "tun", "nat"))
        roles += [f"realserver-{method}" for method in methods]
        units = [f"lvs-{role}.service" for role in roles]
        return units + ["keepalived.service"] * self.keepalived

    def serves_by(self, method: str) -> bool:
        """Whether it is a real server of a forwarding method."""
        return bool(self.serves.get(method))


class HostFacts(NamedTuple):
    """What was read on a host.

    :ivar release: the kernel's
    :ivar shown: the output of ``ip -json address show``
    :ivar links: the same, parsed
    :ivar sysctls: the settings of `sysctls_to_read`
    :ivar rules: the output of ``nft list ruleset``; None if there is no nft
    :ivar loaded: the kernel modules that are loaded
    :ivar at_boot: the modules that the role for tunnels has loaded at boot, None without its file
    :ivar options: the text of modprobe.d
    :ivar conn_tab_bits: what IPVS was loaded with; empty if it is not
    :ivar tunnels: the tunnel devices that the role has set up
    :ivar units: the systemd units, each with its UnitFileState and its ActiveState
    :ivar unit_errors: what the units that failed printed
    :ivar networks: the interfaces that systemd-networkd manages, each with its configuration
    :ivar networkd: the configuration of systemd-networkd as a whole
    :ivar daemons: the states of IPVS's sync daemons
    :ivar conf: keepalived's configuration
    :ivar keepalived: the release of keepalived; none if it is not known
    :ivar learned: the interfaces whose router advertisements gave it an IPv6 default route
    """

    release: str = "6.1.0"
    shown: Sequence[Data] = ()
    links: Mapping[str, _links.Link] = {}
    sysctls: Mapping[str, str | None] = {}
    rules: str | None = ""
    loaded: Collection[str] = ()
    at_boot: Sequence[str] | None = None
    options: str = ""
    conn_tab_bits: str = ""
    tunnels: Collection[str] = ()
    units: Mapping[str, tuple[str, str]] = {}
    unit_errors: Mapping[str, Sequence[str]] = {}
    networks: Mapping[str, str] = {}
    networkd: str = ""
    daemons: Sequence[str] = ()
    conf: str = ""
    keepalived: tuple[int, ...] = ()
    learned: Collection[str] = ()

    def holding(self, vip: str) -> list[_links.Link]:
        """Return the interfaces that an address is on."""
        wanted = ipaddress.ip_address(vip)
        return [
            link
            for link in self.links.values()
            if any(each.ip.ip == wanted for each in link.addresses)
        ]


def sysctls_to_read(names: Iterable[str]) -> list[str]:
    """Return the settings that the checks need, for interfaces of these names."""
    names = list(names)
    of_each = (*_sysctl.ARP, "send_redirects")
    of_vs = "backup_only conn_reuse_mode conntrack expire_nodest_conn expire_quiescent_template"
    return [
        *(_sysctl.conf(name, setting) for name in ("all", *names) for setting in of_each),
        *(VS + name for name in (*of_vs.split(), "sync_threshold")),
        *FORWARD.values(),
        *map(_sysctl.accept_ra, names),
    ]


def responds_to_arp(link: _links.Link) -> bool:
    """Whether an interface is one on which the kernel replies to ARP."""
    return link.speaks_arp and link.kind == "ether"


def is_on(facts: HostFacts, expected: ExpectedRole, name: str) -> bool:
    """Whether a setting of IPVS is on, or will be: the kernel's own default is off for all."""
    asked = {VS + "conntrack": "1"} if "fullnat" in expected.methods else {}
    return {VS + name: "0", **_known(facts.sysctls), **asked, **expected.sysctls}[VS + name] != "0"


def _known(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value is not None}


def setting_differs(
    facts: HostFacts, expected: ExpectedRole, key: str, wanted: str, why: str
) -> Iterator[str]:
    """Report a setting that is not as wanted, or as the inventory asks for instead."""
    asked, found = expected.sysctls.get(key, wanted), facts.sysctls.get(key)
    if found is None:
        yield f"There is no {key}: ip_vs is not loaded. Run site.yml."
    elif found != asked:
        yield f"{key} is {found}, not {asked}: {why}. {RERUN}"


# ---------------------------------------------------------------------------------- directors


def ip_vs_not_loaded(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that IPVS is not loaded; `not_set_at_boot` checks the next boot."""
    if facts.sysctls.get(VS + "expire_nodest_conn") is None:
        yield (
            "There is no net/ipv4/vs: ip_vs is not loaded, and what was to be set there is not. Run"
            " site.yml; at boot lvs-director.service loads it."
        )


def conn_tab_size_ignored(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report a conn_tab_bits that was set after ip_vs was loaded, which alone reads it."""
    found = re.findall(r"(?m)^\s*options\s+ip_vs\s.*?\bconn_tab_bits=(\d+)", facts.options)
    if found and facts.conn_tab_bits and found[-1] != facts.conn_tab_bits:
        yield (
            f"/etc/modprobe.d asks for conn_tab_bits={found[-1]}, and ip_vs was loaded with"
            f" {facts.conn_tab_bits}. Reboot, or correct the file."
        )


def reused_port_delayed(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report the delay of a second when a port is reused, before Linux 5.9."""
    numbers = tuple(map(int, re.findall(r"\d+", facts.release)[:2]))
    mode = {VS + "conn_reuse_mode": "1", **_known(facts.sysctls), **expected.sysctls}
    if (
        numbers < (5, 9)
        and is_on(facts, expected, "conntrack")
        and mode[VS + "conn_reuse_mode"] != "0"
    ):
        yield (
            f"With conntrack, this kernel ({facts.release}) delays a connection from a port that"
            " is used again by a second. Boot Linux 5.9 or later, or set"
            " net/ipv4/vs/conn_reuse_mode: 0 in director_sysctls."
        )


def forwarding_off(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report that answers are not forwarded, or that ICMP redirects are sent."""
    for family in sorted(expected.translated):
        yield from setting_differs(
            facts, expected, FORWARD[family], "1", "answers of the real servers stop here"
        )
    redirects = [_sysctl.conf(name, "send_redirects") for name in ("all", *sorted(expected.inner))]
    on = [key for key in redirects if facts.sysctls.get(key) not in (None, "0")]
    if on and "ipv4" in expected.translated:
        yield (
            f"{' and '.join(on)} {'is' if len(on) == 1 else 'are'} on: ICMP redirects would show"
            f" real servers a way past this director. {RERUN}"
        )


def ra_route_dropped(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report an IPv6 default route that the kernel drops when forwarding is turned on.

    rt6_purge_dflt_routers() (net/ipv6/route.c) passes over interfaces with accept_ra 2. Where
    another program reads the advertisements, accept_ra is 0, and the route is that program's.
    """
    for name in sorted(facts.learned):
        key = _sysctl.accept_ra(name)
        if expected.sysctls.get(key, facts.sysctls.get(key)) == "1":
            yield (
                f"The IPv6 default route by {name} comes from router advertisements, and a kernel"
                f" that forwards IPv6 drops it at once while {key} is 1. Set {key}: 2 in"
                " director_sysctls (with the settings of its default, which it replaces), or give"
                " the machine a static route in its place."
            )


def conntrack_off(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report that conntrack does not track IPVS connections, so no source is translated."""
    why = "fullnat's source addresses are not translated"
    yield from setting_differs(facts, expected, VS + "conntrack", "1", why)


def removed_destination_kept(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report that connections to a removed destination are not reset."""
    why = "clients of a real server that is taken out of the table hang"
    yield from setting_differs(facts, expected, VS + "expire_nodest_conn", "1", why)


def quiescent_template_kept(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report that persistence keeps sending clients to a quiescent real server."""
    why = "persistence keeps clients at a real server that has weight 0"
    yield from setting_differs(facts, expected, VS + "expire_quiescent_template", "1", why)


def backup_schedules(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report a backup that would schedule again what the master has scheduled to it."""
    why = "as a backup it would schedule again what the master forwards to it"
    if expected.instances > 1:
        why = "it receives connections as a backup while it is a master, and would schedule nothing"
    wanted = "0" if expected.instances > 1 else "1"
    yield from setting_differs(facts, expected, VS + "backup_only", wanted, why)


def sync_daemon_missing(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report a director without the sync daemon of its VRRP state.

    One that runs both takes its own connections for another's, and with backup_only schedules
    nothing. Only with several masters every director has connections to send.
    """
    role = "master" if _vips.held(facts.shown, expected.vips) else "backup"
    wanted = ["backup", "master"] if expected.instances > 1 else [role]
    if sorted(facts.daemons) != wanted:
        yield (
            f"The sync daemon is {' and '.join(facts.daemons) or 'not running'}, not"
            f" {' and '.join(wanted)}, and this director is {role}. See ipvsadm --list --daemon,"
            " and keepalived's log."
        )


def sync_threshold_default(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report the kernel's default, with which short or idle connections are never synchronised."""
    if facts.sysctls.get(VS + "sync_threshold") in (None, "3 50"):
        why = "another director receives connections too late, and they break at a fail-over"
        yield from setting_differs(facts, expected, VS + "sync_threshold", "0 1", why)


# ---------------------------------------------------------------------------- keepalived.conf


def _words(conf: str) -> list[list[str]]:
    """Return the words of each line of keepalived's file, without comments."""
    found = [re.split("[#!]", line, maxsplit=1)[0].split() for line in conf.splitlines()]
    return [words for words in found if words]


def _has(conf: str, *names: str) -> list[list[str]]:
    return [words for words in _words(conf) if words[0] in names]


def reload_unchecked(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that an invalid file would end keepalived at a reload."""
    if not _has(facts.conf, "reload_check_config") and _applied.UNCHECKED not in facts.conf:
        yield (
            "keepalived.conf has no reload_check_config, so a mistake in it ends keepalived at a"
            " reload. Run site.yml, and leave it out of lvs_keepalived.globals."
        )


def garp_not_repeated(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that a lost gratuitous ARP would not be repeated."""
    said = _has(facts.conf, "vrrp_garp_master_refresh", "garp_master_refresh")
    if not any(words[1:] and words[1] != "0" for words in said):
        yield (
            "keepalived.conf has no vrrp_garp_master_refresh, so a neighbour that missed the"
            " announcement of a VIP sends to the former master. Run site.yml, and leave it out of"
            " lvs_keepalived.globals."
        )


def strict_mode(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report strict mode, in which keepalived drops packets to the VIPs."""
    modes = [
        words
        for words in _has(facts.conf, "strict_mode")
        if words[1:2] not in (["off"], ["no"], ["false"])
    ]
    if modes or _has(facts.conf, "vrrp_strict"):
        yield (
            "keepalived.conf has vrrp_strict or strict_mode, which drops what is sent to VIPs. Take"
            " it out of lvs_keepalived and run site.yml."
        )


def removed_keywords(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report keywords that were removed from keepalived."""
    if _has(facts.conf, "nat_mask"):
        yield (
            "keepalived.conf has nat_mask, which keepalived knows no longer. Take it out of"
            " lvs_keepalived.extra and run site.yml."
        )


def empty_unicast_peer(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report an empty list of peers, which is multicast before keepalived 2.2.4."""
    text = " ".join(word for words in _words(facts.conf) for word in words)
    if re.search(r"\bunicast_peer ?{ ?}", text) and facts.keepalived < (2, 2, 4):
        yield (
            "keepalived.conf has an empty unicast_peer, and this keepalived"
            f" ({'.'.join(map(str, facts.keepalived)) or 'unknown'}) takes that for multicast."
            " Name the peers, or install keepalived 2.2.4 or later."
        )


# ------------------------------------------------------------------------- the packet filter

_BASE = re.compile(r"type \w+ hook (\w+)")
_JUMP = re.compile(r"\b(?:jump|goto) ([\w.-]+)")
_STATE = re.compile(r"\bct state (?!vmap|!=).*?\binvalid\b.*\b(?:drop|reject)\b")
_MAPPED = re.compile(r"\bct state vmap .*?\binvalid : (?:drop|reject)\b")
#: What matches some packets only.
_SOME = re.compile(r"\b(?:[io]if(?:name)?|[sd]addr)\b")


def invalid_dropped(rules: str) -> dict[str, str]:
    """Return where packets of no known connection are dropped: hook -> table and chain.

    Rules that are about some interfaces or addresses only are left out.
    """
    hooks: dict[str, tuple[str, str]] = {}
    jumps: dict[tuple[str, str], set[str]] = {}
    dropping: set[tuple[str, str]] = set()
    table, chain = "", ("", "")
    for line in map(str.strip, rules.splitlines()):
        words = line.split()
        if words[:1] == ["table"]:
            table = " ".join(words[1:3])
        elif words[:1] == ["chain"] and words[1:]:
            chain = table, words[1]
        elif base := _BASE.match(line):
            hooks.setdefault(f"{base[1]} {' '.join(chain)}", chain)
        elif (_STATE.search(line) or _MAPPED.search(line)) and not _SOME.search(line):
            dropping.add(chain)
        else:
            jumps.setdefault(chain, set()).update(_JUMP.findall(line))
    found: dict[str, str] = {}
    for name, base_chain in hooks.items():
        reached, new = {base_chain}, {base_chain}
        while new:
            targets = {(each[0], target) for each in new for target in jumps.get(each, ())}
            new = targets - reached
            reached |= new
        for bad in sorted(reached & dropping):
            found.setdefault(name.split()[0], " ".join(bad))
    return found


def untracked_dropped(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report rules that drop packets of a director as packets of no connection."""
    places = invalid_dropped(facts.rules or "")
    every = (facts.rules or "").splitlines()
    notrack = [line.split() for line in every if "notrack" in line.split()]
    exempt = all(any(vip in words for words in notrack) for vip in expected.vips)
    for hook in ("prerouting", "input"):
        if hook in places and expected.methods & {"dr", "tun"} and not exempt:
            yield (
                f"The chain {places[hook]} drops packets of no known connection (ct state invalid)."
                " With dr and tun answers don't come by here, so it drops what clients send, like"
                " resets. Leave that rule out, or have no connections tracked for the VIPs: a rule"
                f" `ip daddr {next(iter(expected.vips), 'VIP')} notrack` in a chain with priority"
                " raw."
            )
            break
    if (
        "forward" in places
        and expected.methods & {"nat", "fullnat"}
        and not is_on(facts, expected, "conntrack")
    ):
        yield (
            f"The chain {places['forward']} drops packets of no known connection (ct state"
            " invalid), and so the answers of the real servers. Set net/ipv4/vs/conntrack: 1 in"
            " director_sysctls, or leave that rule out."
        )


FLUSHED = (
    "Run site.yml; if it comes back, something flushes the whole ruleset: have it flush its own"
    " tables only."
)


def _has_chain(facts: HostFacts, table: str, chain: str) -> bool:
    """Return whether a table of the roles has a chain whose name begins with ``chain``."""
    found = re.search(rf"(?ms)^table inet {table} {{$(.*?)^}}$", facts.rules or "")
    return bool(found and re.search(rf"(?m)^\s*chain {chain}", found[1]))


def adverts_unfiltered(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that advertisements are accepted from other hosts, or through a router."""
    if not _has_chain(facts, "lvs_keepalived_ha", "adverts_"):
        yield (
            "The packet filter accepts advertisements from hosts that are not directors, or through"
            f" routers, and these can take the VIPs. {FLUSHED}"
        )


def forwarding_unrestricted(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that more is forwarded than the inventory asks for."""
    if not _has_chain(facts, "lvs_director", "forwarded"):
        yield (
            "lvs_forward is balanced, and the packet filter lets this machine forward whatever it"
            f" is asked to. {FLUSHED}"
        )


def _unfiltered(facts: HostFacts) -> str:
    if facts.rules is None:
        return "not checked, since nft is not installed or fails"
    return "no rule of nftables drops what it needs"


# ------------------------------------------------------------------------------ real servers


def arp_not_suppressed(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report where ARP is not suppressed: the receiving interface counts."""
    links = facts.links
    for name in [expected.interface] if expected.interface else _links.arp_speakers(links):
        effect = _sysctl.in_effect({**_unread(name), **facts.sysctls}, name)
        if effect and not _sysctl.suppressed(effect):
            yield (
                f"On {name}, arp_ignore {effect['arp_ignore']} and arp_announce"
                f" {effect['arp_announce']} are in effect, the larger of conf/all and conf/{name},"
                " so this machine answers for the VIPs in the director's place. They have to be 1"
                f" and 2. {RERUN}"
            )


def _unread(name: str) -> dict[str, str | None]:
    return dict.fromkeys(_sysctl.arp_keys([name]))


def strict_rp_filter(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report where rp_filter drops requests whose answers leave by another interface."""
    for name in sorted(_receiving(facts, expected)):
        effect = _sysctl.in_effect({**_unread(name), **facts.sysctls}, name)
        if effect and effect["rp_filter"] == 1:
            yield (
                f"On {name}, rp_filter 1 is in effect, the larger of conf/all and conf/{name}: it"
                " drops requests whose answers leave by another interface. It has to be 2, or 0 in"
                f" both. {RERUN}"
            )


def _receiving(facts: HostFacts, expected: ExpectedRole) -> set[str]:
    """Return the interfaces that receive requests for IPv4 VIPs, tunnels included."""
    found: set[str] = set()
    if (
        any(":" not in vip for vip in expected.suppressed_vips("dr"))
        and expected.rp_filter != "keep"
    ):
        named = [expected.interface] if expected.interface else []
        links = [link for address in expected.addresses for link in facts.holding(address)]
        found.update(named or [link.name for link in links if responds_to_arp(link)])
    inner = [vip for vip in expected.suppressed_vips("tun") if ":" not in vip]
    if inner:
        holding = [link for vip in inner for link in facts.holding(vip)]
        found.update(link.name for link in holding if link.kind not in ("ether", "loopback"))
        found.update(facts.tunnels)
    return found


def tunnel_modules_missing(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report modules for tunnels that are not loaded, now or at boot."""
    if facts.at_boot is None:
        yield (
            "There is no /etc/modules-load.d/lvs-realserver-tun.conf, so after a reboot nothing"
            " decapsulates what the director sends. Run site.yml."
        )
    for name in facts.at_boot or ():
        if name not in facts.loaded:
            yield f"The kernel module {name} for tunnels is not loaded. Run site.yml."


def mss_not_clamped(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that the MSS is not reduced to what fits into a tunnel."""
    if not re.search(r"(?m)^\s*table inet lvs_realserver_tun\b", facts.rules or ""):
        yield (
            "There is no table inet lvs_realserver_tun in the packet filter, so clients send"
            f" segments that don't fit into the tunnel. {FLUSHED}"
        )


def within(address: str, networks: Iterable[str]) -> bool:
    """Return whether an address is in one of the networks."""
    return any(
        ipaddress.ip_address(address) in ipaddress.ip_network(network) for network in networks
    )


def _sources(expected: ExpectedRole) -> list[str]:
    """Return the addresses and networks from which it takes tunnels."""
    served = expected.serves.get("tun") or ()
    return list(dict.fromkeys(source for each in served for source in each.get("sources", ())))


def tunnels_unfiltered(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report that tunnelled packets are accepted from others than the directors."""
    table = re.search(r"(?ms)^table inet lvs_realserver_tun \{$(.*?)^\}$", facts.rules or "")
    asked_for = any(network.endswith("/0") for network in _sources(expected))
    if not asked_for and not (table and re.search(r"(?m)^\s*chain tunnels\b", table[1])):
        yield (
            "The packet filter accepts tunnelled packets from any host, which can so send packets"
            f" with any source address through this machine. {FLUSHED}"
        )


#: Tunnel devices, each with its outer IP version and whether it is GRE.
_DEVICES = {
    "ipip": (4, False),
    "sit": (4, False),
    "gre": (4, True),
    "gretap": (4, True),
    "ip6tnl": (6, False),
    "ip6gre": (6, True),
    "ip6gretap": (6, True),
}


def foreign_tunnels(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report unmanaged tunnels of a kind that is accepted from the directors only."""
    served = expected.serves.get("tun") or ()
    used = {
        (6 if ":" in each["address"] else 4, each.get("tunnel_type") == "gre")
        for each in served
        if "address" in each
    }
    for link in facts.shown:
        info = link.get("linkinfo", {})
        remote = info.get("info_data", {}).get("remote", "any")
        if remote == "any" or _DEVICES.get(info.get("info_kind", "")) not in used:
            continue
        if not within(remote, _sources(expected)):
            yield (
                f"The tunnel {link['ifname']} to {remote} is of a kind by which directors send, and"
                f" the packet filter drops what comes by it. Add {remote} to lvs_tunnel_sources of"
                " this machine, or use another tunnel_type."
            )


# --------------------------------------------------------------------------------- addresses


def vip_misplaced(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report VIPs that are not on the LAN on a director, or are there on a real server."""
    for vip in expected.vips if expected.director and not expected.vrrp else ():
        names = [link.name for link in facts.holding(vip)]
        on_lan = _vips.held(facts.shown, [vip])
        if not (expected.interface in names if expected.interface else on_lan):
            where = f"on {' and '.join(names)}" if names else "on no interface"
            place = expected.interface or "the interface of its network"
            yield f"The VIP {vip} is {where} here, and not on {place}. Run site.yml."
    for vip in expected.suppressed_vips("dr", "tun"):
        places = facts.holding(vip)
        if all(map(responds_to_arp, places)):
            yield (
                f"The VIP {vip} is not on lo nor a tunnel here, so what the director sends is not"
                " taken. Run site.yml."
            )
        for link in filter(responds_to_arp, () if expected.director else places):
            yield (
                f"The VIP {vip} is on {link.name}, which answers for it in the director's place."
                f" Remove it (ip address delete {_written(link, vip)} dev {link.name}) and find"
                " what has put it there."
            )


def _written(link: _links.Link, vip: str) -> str:
    return next(each.ip.with_prefixlen for each in link.addresses if str(each.ip.ip) == vip)


def vips6(expected: ExpectedRole) -> list[str]:
    """Return the IPv6 VIPs that a machine may have."""
    return [
        vip
        for vip in dict.fromkeys([*expected.vips, *expected.suppressed_vips("dr", "tun")])
        if ":" in vip
    ]


def duplicate_address(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report VIPs that failed duplicate address detection, or may be a source address."""
    for link in facts.shown:
        for each in link.get("addr_info", ()):
            vip, name = each.get("local"), link["ifname"]
            if vip not in vips6(expected):
                continue
            anew = f"Remove it (ip address delete {vip}/{each['prefixlen']} dev {name})"
            # keepalived sees to its own; a shorter prefix is that of the machine's own address.
            own = each["prefixlen"] == 128 and not (expected.vrrp and name in expected.lans)
            if each.get("tentative") or each.get("dadfailed"):
                yield (
                    f"The VIP {vip} on {name} does not serve, for duplicate address detection found"
                    f" it elsewhere or has not ended. {anew} and run site.yml, which adds it with"
                    " nodad."
                )
            elif own and each.get("preferred_life_time") != 0:
                yield (
                    f"The VIP {vip} on {name} has a preferred lifetime, so this machine may take it"
                    f" for the source of its own connections. {anew} and run site.yml, which adds"
                    " it with preferred_lft 0."
                )


# ------------------------------------------------------------------------------------ systemd


def not_set_at_boot(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report units that would not apply their part after a reboot."""
    for unit in expected.units:
        enabled, active = facts.units.get(unit, ("", "inactive"))
        if enabled != "enabled":
            yield f"{unit} is not enabled, so after a reboot its part is missing. Run site.yml."
        elif active != "active":
            yield _units.remedy(unit, active, facts.unit_errors.get(unit, ()))


def _last_value(name: str, text: str) -> str:
    """Return the last value of a setting in a systemd file, in lower case."""
    found = re.findall(rf"(?m)^\s*{name}\s*=\s*(\S+)", text)
    return str(found[-1]).lower() if found else ""


def removed_by_networkd(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report what systemd-networkd removes: what it has not set itself, where it manages."""
    at_stake = {*expected.lans} if expected.vips else set()
    for vip in expected.suppressed_vips("dr", "tun"):
        at_stake.update(link.name for link in facts.holding(vip) if not responds_to_arp(link))
    at_stake |= {"lo"} if expected.suppressed_vips("dr") else set()
    for name in sorted(at_stake & facts.networks.keys()):
        if _last_value("KeepConfiguration", facts.networks[name]) not in (
            "static",
            "yes",
            "true",
            "1",
        ):
            yield (
                f"systemd-networkd manages {name}, and removes VIPs from it when it restarts."
                " Write KeepConfiguration=static below [Network] into a drop-in of its file (see"
                f" networkctl status {name}), also where netplan wrote that, and run networkctl"
                " reload."
            )
    if expected.serves_by("nat") and facts.networks:
        names = ("ManageForeignRoutes", "ManageForeignRoutingPolicyRules")
        no = ("no", "false", "0", "off")
        missing = [f"{name}=no" for name in names if _last_value(name, facts.networkd) not in no]
        if missing:
            yield (
                "systemd-networkd removes the return path through the director when it restarts."
                f" Write {' and '.join(missing)} below [Network] into"
                " /etc/systemd/networkd.conf.d/lvs.conf, and restart it."
            )


# --------------------------------------------------------------------------------- all of them


class Check(NamedTuple):
    """A check, and which hosts it is for.

    :ivar name: its name in the results
    :ivar ok: the message if nothing is wrong
    :ivar find: yields a message for each thing that is wrong
    :ivar concerns: whether it matters for a host with this role
    :ivar before: whether it is made before the cluster is built, too: it is about what the roles do
        not manage, and so its messages are warnings
    :ivar certain: whether these are errors nevertheless: site.yml would break it
    """

    name: str
    ok: str | Callable[[HostFacts], str]
    find: Callable[[HostFacts, ExpectedRole], Iterator[str]]
    concerns: Callable[[ExpectedRole], Any]
    before: bool = False
    certain: bool = False


def _is_director(expected: ExpectedRole) -> bool:
    return expected.director


def _keepalived(expected: ExpectedRole) -> bool:
    return expected.keepalived


def _vrrp(expected: ExpectedRole) -> bool:
    return expected.vrrp


def _is_backup(expected: ExpectedRole) -> bool:
    """Whether it receives packets that another director has scheduled."""
    return expected.instances > 1 or (
        expected.vrrp and (expected.serves_by("dr") or expected.serves_by("tun"))
    )


def _takes_tunnels(expected: ExpectedRole) -> bool:
    return expected.serves_by("tun")


def _suppresses_arp(expected: ExpectedRole) -> bool:
    """Whether it has VIPs for which ARP must be suppressed."""
    return any(":" not in vip for vip in expected.suppressed_vips("dr", "tun"))


CHECKS = (
    Check(
        "packet filter",
        _unfiltered,
        untracked_dropped,
        _is_director,
        before=True,
    ),
    Check(
        "networkd",
        "systemd-networkd removes nothing",
        removed_by_networkd,
        lambda expected: expected.units,
        before=True,
    ),
    Check(
        "conn_tab_bits",
        "the table of connections has the size asked for",
        conn_tab_size_ignored,
        _is_director,
        before=True,
    ),
    Check(
        "conn_reuse_mode",
        "a reused port is not delayed",
        reused_port_delayed,
        _is_director,
        before=True,
    ),
    Check(
        "router advertisements",
        "no IPv6 default route that forwarding would drop",
        ra_route_dropped,
        lambda expected: "ipv6" in expected.translated,
        before=True,
        certain=True,
    ),
    Check("ip_vs", "it is loaded", ip_vs_not_loaded, _is_director),
    Check(
        "forwarding",
        "it forwards, and sends no redirects",
        forwarding_off,
        lambda expected: expected.translated,
    ),
    Check(
        "forwarded packets",
        "answers of balanced connections only",
        forwarding_unrestricted,
        lambda expected: expected.forward == "balanced" and expected.translated,
    ),
    Check(
        "conntrack", "1, for fullnat", conntrack_off, lambda expected: "fullnat" in expected.methods
    ),
    Check("expire_nodest_conn", "as wanted", removed_destination_kept, _is_director),
    Check(
        "expire_quiescent_template",
        "as wanted",
        quiescent_template_kept,
        lambda expected: expected.persistent,
    ),
    Check("backup_only", "as wanted", backup_schedules, _is_backup),
    Check("sources of adverts", "the other directors, on the link", adverts_unfiltered, _vrrp),
    Check("sync daemon", "it matches the VRRP state", sync_daemon_missing, _vrrp),
    Check("sync_threshold", "connections are synchronised in time", sync_threshold_default, _vrrp),
    Check("reload_check_config", "keepalived checks its file", reload_unchecked, _keepalived),
    Check("garp_master_refresh", "the master repeats its gratuitous ARP", garp_not_repeated, _vrrp),
    Check("vrrp_strict", "not there", strict_mode, _vrrp),
    Check("nat_mask", "not there", removed_keywords, _keepalived),
    Check("unicast_peer", "not empty", empty_unicast_peer, _vrrp),
    Check("ARP", "ARP is suppressed for the VIPs", arp_not_suppressed, _suppresses_arp),
    Check("rp_filter", "requests are accepted", strict_rp_filter, _suppresses_arp),
    Check("tunnel modules", "loaded, now and at boot", tunnel_modules_missing, _takes_tunnels),
    Check("tunnel sources", "the directors, or as asked for", tunnels_unfiltered, _takes_tunnels),
    Check(
        "other tunnels",
        "none that the packet filter drops",
        foreign_tunnels,
        _takes_tunnels,
        before=True,
    ),
    Check("tunnel MSS", "segments fit into the tunnel", mss_not_clamped, _takes_tunnels),
    Check(
        "place of the VIPs",
        "on the expected interfaces",
        vip_misplaced,
        lambda expected: (
            (expected.director and not expected.vrrp) or expected.suppressed_vips("dr", "tun")
        ),
    ),
    Check("IPv6 VIPs", "they serve, and are no source address", duplicate_address, vips6),
    Check(
        "boot", "all units are enabled and active", not_set_at_boot, lambda expected: expected.units
    ),
)


def run_checks(facts: HostFacts, expected: ExpectedRole) -> list[CheckResult]:
    """Return the results of all checks that concern a machine with this role."""
    return [
        result
        for check in CHECKS
        if (check.before or expected.running) and check.concerns(expected)
        for ok in [check.ok if isinstance(check.ok, str) else check.ok(facts)]
        for severity in ["warning" if check.before and not check.certain else "error"]
        for result in results(check.name, ok, check.find(facts, expected), severity)
    ]
