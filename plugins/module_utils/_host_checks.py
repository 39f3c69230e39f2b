# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of host checks: known reasons why a cluster does not work.

Pure. Each check is a function in a file of its topic, ``_host_checks_*``. It yields a message with
a remedy for each error. docs/pitfalls.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._host_checks_addresses import (
    arp_not_suppressed,
    duplicate_address,
    strict_rp_filter,
    vip_misplaced,
    vips6,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_checks_boot import (
    not_set_at_boot,
    removed_by_networkd,
    tunnel_modules_missing,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_checks_filter import (
    advertisements_unfiltered,
    foreign_tunnels,
    forwarding_unrestricted,
    mss_not_clamped,
    tunnels_unfiltered,
    unfiltered,
    untracked_dropped,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_checks_keepalived import (
    empty_unicast_peer,
    garp_not_repeated,
    reload_unchecked,
    removed_keywords,
    strict_mode,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_checks_kernel import (
    backup_schedules,
    conn_tab_size_ignored,
    connections_not_continued,
    conntrack_off,
    forwarding_off,
    ip_vs_not_loaded,
    quiescent_template_kept,
    ra_route_dropped,
    removed_destination_kept,
    reused_port_delayed,
    sync_daemon_missing,
    sync_threshold_default,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_checks_network import (
    director_as_gateway,
    missing_addresses,
    missing_modules,
    missing_routes,
    off_link_neighbours,
    other_owners,
    sources_not_accepted,
    unusable_return_path,
    vips_in_use,
)
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    CheckResult,
    ExpectedRole,
    HostFacts,
    results,
)


class Check(NamedTuple):
    """A check, and which hosts it is for.

    :ivar name: its name in the results
    :ivar ok: the message if nothing is wrong
    :ivar find: yields a message for each thing that is wrong
    :ivar concerns: whether it matters for a host with this role
    :ivar before: whether it also runs before the cluster is built, since it is about what the roles
        do not manage; then its messages are warnings
    :ivar certain: whether these are errors nevertheless, since site.yml would fail or break
        something
    :ivar any_host: whether it is for hosts without a role, too
    """

    name: str
    ok: str | Callable[[HostFacts], str]
    find: Callable[[HostFacts, ExpectedRole], Iterator[str]]
    concerns: Callable[[ExpectedRole], Any]
    before: bool = False
    certain: bool = False
    any_host: bool = False


def _is_director(expected: ExpectedRole) -> bool:
    return expected.director


def _keepalived(expected: ExpectedRole) -> bool:
    return expected.keepalived


def _vrrp(expected: ExpectedRole) -> bool:
    return expected.vrrp


def _is_backup(expected: ExpectedRole) -> bool:
    """Whether the host receives packets that another director has scheduled."""
    return expected.instances > 1 or (
        expected.vrrp and (expected.serves_by("dr") or expected.serves_by("tun"))
    )


def _takes_tunnels(expected: ExpectedRole) -> bool:
    return expected.serves_by("tun")


def _suppresses_arp(expected: ExpectedRole) -> bool:
    """Whether the host has VIPs for which ARP must be suppressed."""
    return any(":" not in vip for vip in expected.suppressed_vips())


def _of_network(
    name: str,
    ok: str,
    find: Callable[[HostFacts, ExpectedRole], Iterator[str]],
    concerns: Callable[[ExpectedRole], Any],
) -> Check:
    """Return a check of the network, which must pass before any role is applied."""
    return Check(name, ok, find, concerns, before=True, certain=True, any_host=True)


CHECKS = (
    _of_network(
        "addresses",
        "as in the inventory",
        missing_addresses,
        lambda expected: expected.addresses,
    ),
    _of_network(
        "link",
        "all of them are on-link",
        off_link_neighbours,
        lambda expected: expected.neighbours,
    ),
    _of_network(
        "routes",
        "present, with a sufficient MTU",
        missing_routes,
        lambda expected: expected.routed_to,
    ),
    _of_network(
        "sources of tunnels",
        "accepted by the real servers",
        sources_not_accepted,
        lambda expected: expected.tunnel_sources,
    ),
    _of_network(
        "gateway",
        "past the director",
        director_as_gateway,
        lambda expected: expected.not_gateways,
    ),
    _of_network(
        "return path",
        "through the director",
        unusable_return_path,
        lambda expected: expected.gateways,
    ),
    _of_network(
        "kernel modules",
        "available",
        missing_modules,
        lambda expected: expected.kernel_modules,
    ),
    _of_network(
        "VIPs",
        "no other host answers ARP for them",
        vips_in_use,
        lambda expected: expected.vips,
    ),
    _of_network("owner of the table", "no other program", other_owners, _is_director),
    Check(
        "packet filter",
        unfiltered,
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
        "the connection table has the configured size",
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
    Check("expire_nodest_conn", "as required", removed_destination_kept, _is_director),
    Check(
        "expire_quiescent_template",
        "as required",
        quiescent_template_kept,
        lambda expected: expected.persistent,
    ),
    Check(
        "sloppy_tcp",
        "as required",
        connections_not_continued,
        lambda expected: expected.bgp,
    ),
    Check("backup_only", "as required", backup_schedules, _is_backup),
    Check(
        "sources of advertisements",
        "the other directors, on the link",
        advertisements_unfiltered,
        _vrrp,
    ),
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
    Check(
        "tunnel sources",
        "the directors and lvs_tunnel_sources only",
        tunnels_unfiltered,
        _takes_tunnels,
    ),
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
        lambda expected: (expected.director and not expected.vrrp) or expected.suppressed_vips(),
    ),
    Check("IPv6 VIPs", "usable, and not used as source addresses", duplicate_address, vips6),
    Check(
        "boot", "all units are enabled and active", not_set_at_boot, lambda expected: expected.units
    ),
)


def run_checks(
    facts: HostFacts, expected: ExpectedRole, checks: Iterable[Check] = CHECKS
) -> list[CheckResult]:
    """Return the results of all checks that concern a machine with this role.

    :param checks: those of its system
    """
    return [
        result
        for check in checks
        if (check.any_host or expected.units)
        and (check.before or expected.running)
        and check.concerns(expected)
        for ok in [check.ok if isinstance(check.ok, str) else check.ok(facts)]
        for severity in ["warning" if check.before and not check.certain else "error"]
        for result in results(check.name, ok, check.find(facts, expected), severity)
    ]
