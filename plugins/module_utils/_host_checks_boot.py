# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what a reboot or systemd-networkd would undo."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.lvs.cluster.plugins.module_utils import _units
from ansible_collections.lvs.cluster.plugins.module_utils._host_facts import (
    ExpectedRole,
    HostFacts,
    responds_to_arp,
)


def not_set_at_boot(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report units that are not enabled, or not active."""
    for unit in expected.units:
        enabled, active = facts.units.get(unit, ("", "inactive"))
        if enabled != "enabled":
            yield (
                f"{unit} is not enabled, so a reboot does not restore what it sets up. Run"
                " site.yml."
            )
        elif active != "active":
            yield _units.remedy(unit, active, facts.unit_errors.get(unit, ()))


def tunnel_modules_missing(facts: HostFacts, _expected: ExpectedRole) -> Iterator[str]:
    """Report modules for tunnels that are not loaded, now or at boot."""
    if facts.at_boot is None:
        yield (
            "There is no /etc/modules-load.d/lvs-realserver-tun.conf, so after a reboot this"
            " machine decapsulates nothing. Run site.yml."
        )
    for name in facts.at_boot or ():
        if name not in facts.loaded:
            yield f"The kernel module {name} for tunnels is not loaded. Run site.yml."


def _last_value(name: str, text: str) -> str:
    """Return the last value of a setting in a systemd file, in lower case."""
    found = re.findall(rf"(?m)^\s*{name}\s*=\s*(\S+)", text)
    return str(found[-1]).lower() if found else ""


def removed_by_networkd(facts: HostFacts, expected: ExpectedRole) -> Iterator[str]:
    """Report addresses and rules that systemd-networkd would remove when it restarts."""
    at_stake = {*expected.lans} if expected.vips else set()
    for vip in expected.suppressed_vips():
        at_stake.update(link.name for link in facts.links_with(vip) if not responds_to_arp(link))
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
                f" networkctl status {name}), even if netplan wrote that file, and run networkctl"
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
