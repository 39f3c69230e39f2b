# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of T1-DR, and a real server that is drained and undrained."""

from __future__ import annotations

import json

import pytest

VIP = "192.168.2.149"
DRAINED = "--extra-vars=realservers=rs31"


@pytest.fixture(scope="module", autouse=True)
def built(playbook):
    """Undo changes of other tests."""
    run = playbook("playbooks/site")
    assert run.returncode == 0, run.stdout


def table(director):
    return director.check_output("ipvsadm --save --numeric").splitlines()[1:]


def weights(director):
    return [line.split()[-1] for line in table(director)]


def test_status_shows_what_runs_and_changes_nothing(playbook, unchanged, director, tmp_path):
    file = tmp_path / "status.json"
    output = unchanged("playbooks/status", f"--extra-vars=status_file={file}")
    assert f"web, {VIP}:80, wrr, on d23" in output
    assert "There are no differences from the inventory." in output
    [service] = json.loads(file.read_text())["services"]
    assert [(d["name"], d["weight"]) for d in service["destinations"]] == [("rs31", 5), ("rs32", 5)]

    director.check_output(f"ipvsadm --edit-service --tcp-service {VIP}:80 --scheduler lc")
    run = playbook("playbooks/status")
    assert "d23: service web: scheduler is lc, in the inventory wrr." in run.stdout


def test_a_drain_changes_a_weight_and_lasts(playbook, director, node):
    run = playbook("playbooks/drain", DRAINED)
    assert run.returncode == 0, run.stdout
    drained = [f"-a -t {VIP}:80 -r 192.168.2.{n}:80 -g -w {w}" for n, w in ((31, 0), (32, 5))]
    assert table(director) == drained
    saved = director.file("/etc/lvs/director.ipvs").content_string.splitlines()
    assert [line for line in saved if line.startswith("-a")] == drained
    answers = node("c10").check_output(f"curl -s http://{VIP}/; curl -s http://{VIP}/")
    assert answers.split() == ["rs32", "rs32"]

    run = playbook("playbooks/drain", "--extra-vars=realservers=rs32")
    assert run.returncode != 0
    assert "With rs32 drained, no real server would be left of service web" in run.stdout
    assert table(director) == drained
    assert "drained, until undrain.yml or site.yml" in playbook("playbooks/status").stdout

    run = playbook("playbooks/undrain", DRAINED)
    assert run.returncode == 0, run.stdout
    assert weights(director) == ["5", "5"]


def test_site_ends_a_drain(playbook, director):
    assert playbook("playbooks/drain", DRAINED).returncode == 0
    run = playbook("playbooks/site", "--limit=lvs_directors")
    assert run.returncode == 0, run.stdout
    assert weights(director) == ["5", "5"]


def test_check_mode_drains_no_real_server(playbook, director):
    run = playbook("playbooks/drain", DRAINED, "--check")
    assert run.returncode == 0, run.stdout
    assert weights(director) == ["5", "5"]


def test_an_adopted_cluster_needs_no_change(playbook, unchanged, tmp_path):
    path = tmp_path / "hosts.yml"
    names = {"192.168.2.31": "rs31", "192.168.2.32": "rs32"}
    options = {"adopt_to": str(path), "adopt_names": names}
    run = playbook("playbooks/adopt", f"--extra-vars={json.dumps(options)}")
    assert run.returncode == 0, run.stdout
    assert "represents the whole cluster." in " ".join(run.stdout.split())
    unchanged("playbooks/site", inventory=path)


def test_a_single_director_is_not_upgraded(playbook):
    run = playbook("playbooks/upgrade")
    assert run.returncode != 0
    assert "lvs_directors has one host; it must have two or more" in run.stdout
