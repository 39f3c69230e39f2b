# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A unit of ours with the systemd of a node: now, at boot, and no longer."""

from __future__ import annotations

import json
import subprocess

import pytest
from cluster import INVENTORY, NODES, unit_is_well

NAME = "lvs-test.service"
WORKS = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=touch /run/lvs-test-{}\n"
WORKS += "[Install]\nWantedBy=multi-user.target\n"
FAILS = WORKS.replace("touch", "sh -c 'echo no luck here; false'")


@pytest.fixture(scope="module")
def client(node):
    """A node that has no unit of ours otherwise."""
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


def test_a_unit_works_at_once_is_mended_and_goes(boot_unit, client):
    assert "CHANGED" in boot_unit(content=WORKS.format(1))
    assert unit_is_well(client, NAME)
    assert client.file("/run/lvs-test-1").exists
    assert "SUCCESS" in boot_unit(content=WORKS.format(1))

    client.check_output(f"systemctl disable --now {NAME}")
    assert "CHANGED" in boot_unit(content=WORKS.format(1))
    assert unit_is_well(client, NAME)

    failed = boot_unit(content=FAILS.format(2))
    assert "FAILED" in failed
    assert f"{NAME} can't be started: " in failed
    assert "no luck here" in failed
    assert client.file(f"/etc/systemd/system/{NAME}").content_string == WORKS.format(1)
    assert unit_is_well(client, NAME)

    assert "CHANGED" in boot_unit(content=WORKS.format(3))
    assert unit_is_well(client, NAME)
    assert client.file("/run/lvs-test-3").exists

    assert "CHANGED" in boot_unit(state="absent")
    assert client.run(f"systemctl cat {NAME}").rc != 0
    assert client.run("find /etc/systemd -name 'lvs-test*'").stdout == ""
    assert "SUCCESS" in boot_unit(state="absent")


def test_a_unit_that_never_worked_leaves_nothing(boot_unit, client):
    assert "can't be started" in boot_unit(content=FAILS.format(4))
    assert client.run("find /etc/systemd -name 'lvs-test*'").stdout == ""
    assert client.run("systemctl list-units --all --plain --no-legend 'lvs-test*'").stdout == ""
