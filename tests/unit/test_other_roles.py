# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of real servers as Ansible runs them on other systems, in check mode.

Hosts are stand-ins (stand_in.py). Nothing is changed, since part of it would be this machine.
"""

from __future__ import annotations

import subprocess

import pytest
import yaml
from ansible_collections.lvs.cluster.tests.unit.stand_in import ROOT, SYSTEMS, build
from ansible_collections.lvs.cluster.tests.unit.test_resolve import Run

VIP, DIP = "192.168.0.200", "192.168.0.254"
RIP = {system: address for system, (_, _, address, _) in SYSTEMS.items()}
LINE = {"freebsd": f"lo0 inet {VIP}/32", "sunos": f"lo0/lvsc0a800c8 {VIP}/32"}
KEPT = {"freebsd": "", "sunos": " -p"}


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Run tasks on a stand-in for a system; return what the last one, a debug task, shows."""

    def run(system, *tasks):
        inventory = yaml.safe_dump({"all": {"hosts": {"rs": build(tmp_path, system)}}})
        (tmp_path / "hosts.yml").write_text(inventory)
        monkeypatch.delenv("SSH_CONNECTION", raising=False)
        done = Run(tmp_path, tmp_path / "hosts.yml", list(tasks), "--check")
        assert not done.failed, done.text
        return done.answers[-1][1]

    return run


def role(name, tasks_from="main", **variables):
    options = {"name": f"lvs.cluster.{name}", "tasks_from": tasks_from}
    return {"ansible.builtin.include_role": options, "vars": variables}


def show(expression):
    return {"ansible.builtin.debug": {"msg": f"{{{{ {expression} }}}}"}}


def preflight(system):
    serves = {
        "dr": [{"vip": VIP, "port": 80, "protocol": "tcp"}],
        "nat": [{"address": RIP[system], "port": 80, "protocol": "tcp"}],
    }
    options = {"addresses": [RIP[system]], "gateways": [DIP], "route": "default", "serves": serves}
    return {"lvs.cluster.preflight": options, "register": "_preflight"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_roles_of_dr_and_nat(play, system):
    state = "{{ _preflight.host_state }}"
    found = play(
        system,
        preflight(system),
        role("realserver_dr", realserver_dr_vips=[VIP], realserver_dr_host_state=state),
        role(
            "realserver_nat",
            realserver_nat_gateways=[DIP],
            realserver_nat_services=[{"address": RIP[system], "port": 80, "protocol": "tcp"}],
            realserver_nat_route="default",
            realserver_nat_host_state=state,
        ),
        role("realserver_nat", "absent"),
        role("realserver_dr", "absent"),
        show(
            "{'findings': _preflight.findings, 'vips': realserver_dr_served.after,"
            " 'routes': realserver_nat_served.after}"
        ),
    )
    assert found == {
        "findings": [],
        "vips": [LINE[system]],
        "routes": [f"-inet default {DIP}{KEPT[system]}"],
    }


def test_the_role_of_tun_on_freebsd(play):
    found = play(
        "freebsd",
        role(
            "realserver_tun",
            realserver_tun_services=[{"address": RIP["freebsd"], "vip": VIP, "port": 80}],
            realserver_tun_sources=["192.168.0.23"],
            realserver_tun_host_state={"os_family": "FreeBSD"},
        ),
        role("realserver_tun", "absent"),
        show("realserver_tun_devices.after + realserver_tun_served.after"),
    )
    assert found[0].endswith(f" tunnel {RIP['freebsd']} 192.168.0.23 up")
    assert found[1:] == [LINE["freebsd"]]


@pytest.mark.parametrize(
    ("system", "printed"), [("Linux", ""), ("FreeBSD", "its own, which is left to you\n")]
)
def test_the_clock_of_other_systems_is_left_to_their_admins(tmp_path, system, printed):
    """Without systemd; on Linux nothing is printed, so that the role installs chrony."""
    tasks = yaml.safe_load((ROOT / "roles" / "host_basics" / "tasks" / "main.yml").read_text())
    [command] = [
        task["ansible.builtin.shell"]["cmd"] for task in tasks if "ansible.builtin.shell" in task
    ]
    (tmp_path / "uname").write_text(f"#!/bin/sh\necho {system}\n")
    (tmp_path / "uname").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, printed)
