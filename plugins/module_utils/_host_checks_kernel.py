# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of IPVS and of the kernel settings that a director needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils import _sysctl, _vips
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    FORWARD,
    VS,
    ExpectedRole,
    HostFacts,
)

RERUN = "Run site.yml. If the value changes back, another program on this machine sets it."


def is_on(facts: HostFacts, expected: ExpectedRole, name: str) -> bool:
    """Whether a setting of IPVS is on, or will be. The kernel's default is off for all."""
    asked = {VS + "conntrack": "1"} if "fullnat" in expected.methods else {}
    return {VS + name: "0", **_known(facts.sysctls), **asked, **expected.sysctls}[VS + name] != "0"


def _known(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value is not None}


def setting_differs(
    facts: HostFacts, expected: ExpectedRole, key: str, wanted: str, why: str
) -> Iterator[str]:
    """Report a setting with another value than the inventory's, or else ``wanted``."""
    asked, found = expected.sysctls.get(key, wanted), facts.sysctls.get(key)
    if found is None:
        yield f"There is no {key}: ip_vs is not loaded. Run site.yml."
    elif found != asked:
        yield f"{key} is {found}, not {asked}: {why}. {RERUN}"


def ip_vs_not_loaded(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report that IPVS is not loaded; `not_set_at_boot` checks the next boot."""
    if facts.sysctls.get(VS + "expire_nodest_conn") is None:
        yield (
            "There is no net/ipv4/vs: ip_vs is not loaded, so its settings are missing. Run"
            " site.yml; at boot lvs-director.service loads it."
        )


def conn_tab_size_ignored(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report a conn_tab_bits that was set after ip_vs was loaded: it is read only then."""
    found = re.findall(r"(?m)^\s*options\s+ip_vs\s.*?\bconn_tab_bits=(\d+)", facts.options)
    if found and facts.conn_tab_bits and found[-1] != facts.conn_tab_bits:
        yield (
            f"/etc/modprobe.d sets conn_tab_bits={found[-1]}, but ip_vs was loaded with"
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
            f"With conntrack, this kernel ({facts.release}) delays a connection from a reused port"
            " by one second. Boot Linux 5.9 or later, or set"
            " net/ipv4/vs/conn_reuse_mode: 0 in director_sysctls."
        )


def forwarding_off(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report that answers are not forwarded, or that ICMP redirects are sent."""
    for family in sorted(expected.translated):
        yield from setting_differs(
            facts, expected, FORWARD[family], "1", "answers of the real servers are not forwarded"
        )
    redirects = [
        _sysctl.conf_key(name, "send_redirects") for name in ("all", *sorted(expected.inner))
    ]
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
    why = "clients of a removed real server hang"
    yield from setting_differs(facts, expected, VS + "expire_nodest_conn", "1", why)


def connections_not_continued(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report that connections of other directors are not continued."""
    why = "connections are lost when routers send them to this director instead of another one"
    yield from setting_differs(facts, expected, VS + "sloppy_tcp", "1", why)


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

    A director that runs both receives its own connections as a backup, and with backup_only it
    schedules nothing. Only with several masters does every director have connections to send.
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
