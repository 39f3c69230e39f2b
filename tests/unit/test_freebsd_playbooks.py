# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks on a real server with FreeBSD, from the first run to the removal.

The host is a stand-in (stand_in.py): Ansible packs, sends and runs the real modules, and programs
answer that keep their state. So this shows which commands the playbooks run there, and not what a
kernel makes of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import yaml
from ansible_collections.lvs.cluster.tests.unit.fake_freebsd import FreeBSD
from ansible_collections.lvs.cluster.tests.unit.stand_in import ROOT, build, commands, state

RIP, DIP, VIP = "192.168.0.170", "192.168.0.254", "192.168.0.200"
#: The services of each inventory. The director is the default route with nat, so with that only.
SERVICES = {
    "dr and tun": [
        {"name": "web", "vip": VIP, "port": 80, "protocol": "tcp", "method": "dr"},
        {"name": "far", "vip": "192.168.0.201", "port": 80, "protocol": "tcp", "method": "tun"},
    ],
    "nat": [
        {"name": "web", "vip": "192.168.10.254", "port": 80, "protocol": "tcp", "method": "nat"}
    ],
}
#: What changes the host when the cluster is built, and the files for boot that are there then.
BUILT = {
    "dr and tun": [
        f"ifconfig lo0 inet {VIP}/32 alias",
        f"ifconfig GIF create tunnel {RIP} {DIP}",
        "ifconfig GIF up",
        "ifconfig lo0 inet 192.168.0.201/32 alias",
    ],
    "nat": [f"route change -inet default {DIP}"],
}
FILES = {
    "dr and tun": ["netif/lvs_dr", "netif/lvs_tun", "netif/lvs_tun_link"],
    "nat": ["routing/lvs_nat"],
}
CHANGES = {"alias", "-alias", "create", "destroy", "add", "change", "delete", "up", "down"}
PROGRAMS = {"ifconfig", "route", "sysctl", "arp", "netstat", "sh", "ps"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    return tmp_path


@pytest.fixture
def playbook(folder):
    """Run a playbook for the real server only; return what it printed."""

    def run(name, *options, limit="rs170", fails=False):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook", "-i", folder / "hosts.yml"),
                *(ROOT / "playbooks" / f"{name}.yml", "--limit", limit, *options),
            ],
            cwd=folder,
            env={
                **{key: value for key, value in os.environ.items() if key != "ANSIBLE_CONFIG"},
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout

    return run


def write_inventory(folder, services, **variables):
    (folder / "ssh").write_text("#!/bin/sh\nexit 255\n")
    (folder / "ssh").chmod(0o755)
    unreachable = {"ansible_ssh_executable": str(folder / "ssh"), "ansible_ssh_retries": 0}
    realserver = {**build(folder, "freebsd"), "lvs_nat_route": "default", **variables}
    if services[0]["method"] != "nat":
        del realserver["lvs_nat_route"]
    groups = {
        "lvs_directors": {"hosts": {"d254": {"ansible_host": DIP, **unreachable}}},
        "lvs_realservers": {"hosts": {"rs170": realserver}},
        "lvs_clients": {"hosts": {"c10": {"ansible_host": "192.168.10.10"}}},
    }
    cluster = {"lvs_network": "192.168.0.0/24", "lvs_services": services}
    inventory = {"all": {"vars": cluster, "children": groups}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))


def changing(folder):
    """Return the commands since the last call that change the host; all must be known ones."""
    found = commands(folder)
    assert {each.partition(" ")[0] for each in found} <= PROGRAMS
    return [re.sub(r"gif\d+", "GIF", each) for each in found if CHANGES & set(each.split())]


def recap(printed):
    """Return the numbers of tasks that changed something, and that failed."""
    return [int(number) for number in re.findall(r" (?:changed|failed)=(\d+)", printed)]


@pytest.mark.parametrize("case", SERVICES)
def test_from_the_first_run_to_the_removal(playbook, folder, case):
    write_inventory(folder, SERVICES[case])
    rc = folder / "rc.conf.d"
    playbook("preflight")
    assert changing(folder) == []

    printed = playbook("site", "--check", "--diff")
    assert {"dr and tun": f"+lo0 inet {VIP}/32", "nat": f"+-inet default {DIP}"}[case] in printed
    assert changing(folder) == []
    assert list(rc.iterdir()) == []

    playbook("site")
    assert changing(folder) == BUILT[case]
    assert sorted(str(path.relative_to(rc)) for path in rc.glob("*/*")) == FILES[case]

    assert recap(playbook("site")) == [0, 0]
    assert changing(folder) == []

    # It has errors for the director, which is not reachable.
    printed = playbook("verify", limit="rs170,d254", fails=True)
    checks = re.findall(r"(?m)^  (\w+): ([^:\n]+): ", printed[printed.index("rs170:\n") :])
    results = {check: result for result, check in checks}
    assert {"system", "boot"} <= results.keys()
    assert set(results.values()) == {"ok"}
    assert changing(folder) == []

    playbook("teardown", "-e", "teardown_confirm=true")
    found, usual = state(folder), FreeBSD()
    assert (found.addresses, found.defaults, found.gifs) == (usual.addresses, usual.defaults, {})
    assert list(rc.iterdir()) == []


def test_names_and_time(playbook, folder):
    """In check mode, since /etc/hosts would be that of this machine. No package is installed."""
    write_inventory(folder, SERVICES["dr and tun"])
    inventory = yaml.safe_load((folder / "hosts.yml").read_text())
    inventory["all"]["vars"]["lvs_host_basics"] = True
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    printed = playbook("site", "--check")
    assert "TASK [lvs.cluster.host_basics : Check what sets the clock]" in printed
    assert "uname" in commands(folder)
    ran = re.findall(r"(?m)^TASK \[(.*)\] \*+\n(?!skipping)", printed)
    assert not [
        task for task in ran if "chrony" in task or "Install packages" in task.split(" : ")[1:]
    ]


def test_a_policy_route_is_refused_before_anything_is_changed(playbook, folder):
    write_inventory(folder, SERVICES["nat"], lvs_nat_route="policy")
    printed = playbook("site", fails=True)
    assert "route is policy; on FreeBSD it must be default" in printed
    assert changing(folder) == []
