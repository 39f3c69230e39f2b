# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of machines: everything that a role can change, and what it must not change."""

from __future__ import annotations

import concurrent.futures
import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from cluster import INVENTORY, hosts_of
from testinfra.host import Host

SERVICES = yaml.safe_load(INVENTORY.read_text())["all"]["vars"]["lvs_services"]
VIPS = [service["vip"] for service in SERVICES if "vip" in service]
NODES = list(dict.fromkeys([*hosts_of("lvs_directors"), *hosts_of("lvs_realservers")]))

#: Prints a snapshot. It leaves out what changes by itself: Docker's own rules for its name server
#: are new at each start of a node, and a tunnel device has IPv6 settings once it was up.
COMMANDS = r"""
    ip -oneline address | sed -E 's/^[0-9]+: //; s/@if[0-9]+//; s/link-netnsid [0-9]+//' | sort
    ip -brief link | sed -E 's/@if[0-9]+//; s/ +/ /g' | sort
    for family in -4 -6; do
        echo "== $family"
        ip $family rule
        ip $family route show table all | sort
        ip $family fou show
    done
    nft list tables | grep -v 'table ip nat' | while read -r table; do
        nft --stateless list $table
    done
    sysctl --all --pattern '^net\.(ipv[46]|netfilter)\.' 2>/dev/null |
        grep -vE 'conntrack_count|^net\.ipv6\.(conf|neigh)\.(tunl|gre|ip6tnl|ip6gre)0\.'
    ! command -v ipvsadm >/dev/null || ipvsadm --save --numeric
    grep --recursive --no-messages '' /etc/lvs /etc/sysctl.d /etc/systemd/system/lvs-*
    find /etc/systemd /etc/modules-load.d /usr/local/lib -name '*lvs*' | sort
    grep --with-filename --no-messages '' /etc/keepalived/*.conf
    sort /etc/hosts
    systemctl list-units --all --plain --no-legend 'lvs-*'
    true
"""

#: Everything that the roles put on a machine, or change on it.
TRACES = f"""
    ls -d /etc/lvs /etc/sysctl.d/*lvs* /etc/systemd/system/lvs-* 2>/dev/null
    ls -d /etc/systemd/system/*.wants/lvs-* /etc/modules-load.d/*lvs* 2>/dev/null
    ls -d /etc/systemd/system/*.d/lvs* /usr/local/lib/lvs 2>/dev/null
    ls /etc/keepalived 2>/dev/null
    dpkg-query --show ipvsadm keepalived python3-pyroute2 2>/dev/null
    for vip in {" ".join(VIPS)}; do ip -oneline address show to $vip; done
    grep -v 0 /proc/sys/net/ipv4/conf/*/arp_ignore /proc/sys/net/ipv4/conf/*/arp_announce
    grep -v 0 /proc/sys/net/ipv4/vs/expire_*
    tail -n +4 /proc/net/ip_vs
    true
"""

Snapshot = Mapping[str, list[str]]


def traces(host: Host) -> str:
    """Return all traces of a cluster on a machine."""
    return host.check_output(TRACES)


def snapshot(node) -> Snapshot:
    """Return a snapshot of the machines, by name."""
    with concurrent.futures.ThreadPoolExecutor() as workers:
        shown = workers.map(lambda name: node(name).check_output(COMMANDS).splitlines(), NODES)
        return dict(zip(NODES, shown, strict=True))


def assert_same(then: Snapshot, now: Snapshot) -> None:
    """Fail with a diff if two snapshots differ."""
    lines = [
        f"{name}: {line}"
        for name in now
        for line in difflib.unified_diff(then[name], now[name], lineterm="", n=0)
    ]
    assert not lines, "\n".join(lines)


#: The file with the snapshot that was taken before anything was built.
UNTOUCHED = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "untouched.json")


def save_snapshot(untouched: Snapshot) -> None:
    """Save a snapshot for tests of a later step."""
    UNTOUCHED.write_text(json.dumps(untouched))


def saved_snapshot() -> Snapshot:
    """Return the snapshot that was saved."""
    return json.loads(UNTOUCHED.read_text())


def assert_untouched(now: Snapshot) -> None:
    """Fail if machines differ from the saved snapshot.

    Settings of a kernel module that stays loaded until the next boot are left out.
    """
    then = saved_snapshot()
    of_modules = ("net.ipv4.vs.", "net.netfilter.")
    left = {
        name: [line for line in lines if line in then[name] or not line.startswith(of_modules)]
        for name, lines in now.items()
    }
    assert_same(then, left)
