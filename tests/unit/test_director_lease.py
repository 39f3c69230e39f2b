# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a playbook at a time has a director's lease."""

from __future__ import annotations

import multiprocessing
import os

import pytest
from ansible_collections.lvs.cluster.plugins.action import director_lease as action
from ansible_collections.lvs.cluster.plugins.modules import director_lease

ANNA, BERT = "boot1:1:100", "boot2:1:200"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "lease")


@pytest.fixture
def ask(path):
    """Ask for the lease in the name of a run; return the lease that keeps it from that."""

    def ask(run, state="present", seconds=3600, *, take=False, replace=""):
        options = {"run": run, "holder": f"site.yml of {run}", "state": state, "take": take}
        options |= {"seconds": seconds, "replace": replace}
        return director_lease.lease(options, path)

    return ask


def test_a_run_holds_the_lease_until_it_releases_it(ask):
    assert ask(ANNA) is None
    held = ask(BERT)
    assert held["run"] == ANNA
    assert "site.yml of boot1:1:100 has been changing this director" in director_lease.refusal(held)
    assert "ends in 60 minutes" in director_lease.refusal(held)
    assert ask(BERT, "absent") is None
    assert ask(BERT), "one can't give back the lease of another"
    assert ask(ANNA, "absent") is None
    assert ask(BERT) is None
    assert ask(ANNA)["run"] == BERT


def test_a_lease_is_renewed_by_its_run(ask, path):
    ask(ANNA, seconds=60)
    first = director_lease.found(path)
    ask(ANNA)
    second = director_lease.found(path)
    assert second["since"] == first["since"]
    assert second["ends"] > first["ends"] + 3000


def test_a_lease_expires(ask, path, monkeypatch):
    ask(ANNA, seconds=60)
    assert ask(BERT)
    later = director_lease.now() + 61
    monkeypatch.setattr(director_lease, "now", lambda: later)
    assert director_lease.found(path) is None
    assert ask(BERT) is None
    assert ask(ANNA)["run"] == BERT


@pytest.mark.parametrize("options", [{"take": True}, {"replace": ANNA}])
def test_a_lease_can_be_taken_from_another_run(ask, options):
    ask(ANNA)
    assert ask(BERT, **options) is None
    assert ask(ANNA)["run"] == BERT


def test_only_the_given_run_is_replaced(ask):
    ask(ANNA)
    assert ask(BERT, replace="boot3:1:300")["run"] == ANNA


@pytest.mark.parametrize("text", ["", "{", "7", "[]", '{"run": "x"}', '{"ends": "soon"}', "\udcff"])
def test_a_file_that_no_module_wrote_is_no_lease(ask, path, text):
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    assert ask(ANNA) is None
    assert ask(BERT)["run"] == ANNA


def test_a_run_that_has_ended_is_known_on_its_own_controller_only():
    gone = multiprocessing.get_context("fork").Process(target=os.getpid)
    gone.start()
    gone.join()
    assert action.ended(f"{action.controller()}:{gone.pid}")
    assert not action.ended(f"{action.controller()}:{os.getpid()}")
    assert not action.ended(f"{action.controller()}:1"), "a process that exists"
    assert not action.ended(f"boot9:1:{gone.pid}")
    assert not action.ended("")
