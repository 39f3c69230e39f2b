# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of the collection, with the systemd of a node: started, at boot, and removed."""

from __future__ import annotations

import contextlib
import json
import subprocess

import pair
import pytest
from cluster import INVENTORY, NODES, unit_is_active

NAME = "lvs-test.service"
WORKS = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=touch /run/lvs-test-{}\n"
WORKS += "[Install]\nWantedBy=multi-user.target\n"
FAILS = WORKS.replace("touch", "sh -c 'echo no luck here; false'")


@pytest.fixture(scope="module")
def client(node):
    """Return a node that has no other unit of the collection."""
    return node("c10")


@pytest.fixture
def boot_unit():
    def run(**options):
        inventories = [f"--inventory={path}" for path in (INVENTORY, *NODES)]
        arguments = json.dumps({"name": NAME, **options})
        task = ["--module-name=lvs.cluster.boot_unit", f"--args={arguments}", "--become"]
        command = ["ansible", *inventories, "--one-line", *task, "c10"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout

    return run


def test_a_unit_is_started_corrected_and_removed(boot_unit, client):
    assert "CHANGED" in boot_unit(content=WORKS.format(1))
    assert unit_is_active(client, NAME)
    assert client.file("/run/lvs-test-1").exists
    assert "SUCCESS" in boot_unit(content=WORKS.format(1))

    client.check_output(f"systemctl disable --now {NAME}")
    assert "CHANGED" in boot_unit(content=WORKS.format(1))
    assert unit_is_active(client, NAME)

    failed = boot_unit(content=FAILS.format(2))
    assert "FAILED" in failed
    assert f"{NAME} can't be started: " in failed
    assert "no luck here" in failed
    assert client.file(f"/etc/systemd/system/{NAME}").content_string == WORKS.format(1)
    assert unit_is_active(client, NAME)

    assert "CHANGED" in boot_unit(content=WORKS.format(3))
    assert unit_is_active(client, NAME)
    assert client.file("/run/lvs-test-3").exists

    assert "CHANGED" in boot_unit(state="absent")
    assert client.run(f"systemctl cat {NAME}").rc != 0
    assert client.run("find /etc/systemd -name 'lvs-test*'").stdout == ""
    assert "SUCCESS" in boot_unit(state="absent")


def test_a_unit_that_fails_to_start_leaves_nothing(boot_unit, client):
    assert "can't be started" in boot_unit(content=FAILS.format(4))
    assert client.run("find /etc/systemd -name 'lvs-test*'").stdout == ""
    assert client.run("systemctl list-units --all --plain --no-legend 'lvs-test*'").stdout == ""


DIRECTOR = "lvs-director.service"
VIP, OTHER = "192.168.2.149", "192.168.2.151"
TABLE = "table inet lvs_test"


@contextlib.contextmanager
def replaced(host, path, text):
    """Replace the text of a file for a while, and restart the unit of the director."""
    before = host.file(path).content_string
    host.run(f"cat > {path} <<'EOF'\n{text(before)}\nEOF")
    try:
        yield
    finally:
        host.run(f"cat > {path} <<'EOF'\n{before}EOF")
        host.check_output(f"systemctl restart {DIRECTOR}")


def state_of(host):
    return host.check_output(f"systemctl show --value --property=ActiveState {DIRECTOR}")


def test_a_boot_reports_what_it_can_t_restore_and_restores_the_rest(director, playbook):
    rules = "/etc/lvs/director.ipvs"
    table = director.check_output("ipvsadm --save --numeric")
    with replaced(director, rules, lambda text: f"-A -u {OTHER}:53 -s no_such\n{text}"):
        director.check_output(f"ipvsadm --clear && ip address delete {VIP}/32 dev eth0")
        assert director.run(f"systemctl restart {DIRECTOR}").rc != 0
        assert state_of(director) == "failed"
        log = director.check_output(f"journalctl --unit {DIRECTOR} --lines 9 --priority err")
        assert f"{rules}: -A -u {OTHER}:53 -s no_such: " in log
        assert director.check_output("ipvsadm --save --numeric") == table
        assert VIP in director.check_output("ip -oneline address show eth0")
        shown = " ".join(playbook("playbooks/status").stdout.split())
        assert f"{DIRECTOR} is failed: {rules}: -A -u {OTHER}:53 -s no_such" in shown
        assert f"systemctl restart {DIRECTOR}" in shown
    assert unit_is_active(director, DIRECTOR)


def test_an_interface_that_comes_late_gets_its_vip(director):
    addresses = "/etc/lvs/director.ip"
    late = f"address replace {OTHER}/32 dev late0"
    with replaced(director, addresses, lambda text: text + late):
        assert director.run(f"systemctl restart {DIRECTOR}").rc != 0
        assert state_of(director) == "activating"
        director.check_output("ip link add late0 up type veth peer late1")
        director.check_output("ip link set late1 up")
        try:
            pair.wait_until(lambda: state_of(director) == "active", 60, "the unit is tried again")
            assert OTHER in director.check_output("ip -oneline address show late0")
        finally:
            director.check_output("ip link delete late0")
    assert unit_is_active(director, DIRECTOR)


def test_managed_tables_are_loaded_again_after_nftables_service(director):
    """Start, reload and stop of nftables.service flush all tables.

    Here they delete one: Docker's rules for its name server would come back with the node only.
    """
    rules, conf = "/etc/lvs/director.nft", "/etc/nftables.conf"
    drop_in = "/run/systemd/system/nftables.service.d/test.conf"
    flush = f"add {TABLE}; delete {TABLE}"
    stop = f"[Service]\nExecStop=\nExecStop=nft '{flush}'"
    director.check_output(
        f"cp {conf} /run/ && echo '{flush}' > {conf} && echo '{flush}; add {TABLE}' > {rules} &&"
        f" mkdir -p {drop_in.rpartition('/')[0]} && cat > {drop_in} <<'EOF'\n{stop}\nEOF\n"
        "systemctl daemon-reload"
    )
    try:
        for action in ("start", "reload", "restart", "stop"):
            director.check_output(f"nft '{flush}' && systemctl {action} nftables.service")
            assert TABLE in director.check_output("nft list tables"), action
            assert unit_is_active(director, DIRECTOR)
        director.check_output(f"echo nonsense > {rules} && systemctl start nftables.service")
        pair.wait_until(lambda: state_of(director) == "failed", 30, "the unit fails")
    finally:
        director.check_output(
            f"rm {rules}; mv /run/nftables.conf {conf}; systemctl stop nftables.service;"
            f" nft '{flush}'; rm {drop_in}; systemctl daemon-reload; systemctl restart {DIRECTOR}"
        )
    assert unit_is_active(director, DIRECTOR)
