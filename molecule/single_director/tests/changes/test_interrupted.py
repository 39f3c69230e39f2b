# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml and teardown.yml are killed between tasks; the next run reaches the same state.

Each is killed right after a task that changed something: with LVS_CUTS=2 after two tasks of each,
with LVS_CUTS=all after every one. That takes long, so it is done on request only; test_methods.py
always kills one run. What a kill within a task leaves is shown by tests/kernel.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import state

#: Every role of a real server, and a director with marks.
MIXED = Path(__file__).parents[2] / "mixed.yml"
CONFIRMED = ["--extra-vars=teardown_confirm=true"]
CUTS = os.environ.get("LVS_CUTS")
# CI has a limit of 90 minutes, and a kill after every task takes hours. In each run,
# test_methods.py kills one playbook between tasks, and tests/kernel/test_interrupted.py kills
# modules before some writes.
pytestmark = pytest.mark.skipif(
    not CUTS, reason="takes hours, and CI has 90 minutes; set LVS_CUTS (see CONTRIBUTING.md)"
)


@pytest.fixture(scope="module")
def run(playbook, cut_file):
    """Run a playbook to its end, and return the tasks that changed something."""

    def run(*words, **options):
        done = playbook(*words, **options)
        assert done.returncode == 0, done.stdout
        return json.loads(cut_file.read_text())

    return run


def after(changes):
    """Return numbers and names of the tasks after which to kill a playbook, without the last."""
    chosen = changes[:-1]
    if CUTS and CUTS != "all":
        step = max(1, len(chosen) // int(CUTS))
        chosen = chosen[step // 2 :: step][: int(CUTS)]
    return [(number + 1, name) for number, name in chosen]


def test_an_interrupted_change_converges(run, cut, node):
    """Interrupt a change of method. test_methods.py shows that a change back restores all."""
    run("playbooks/site")
    there = run("playbooks/site", inventory=MIXED)
    mixed = state.snapshot(node)
    back = run("playbooks/site")
    plain = state.snapshot(node)
    ways = [(after(there), {"inventory": MIXED}, mixed), (after(back), {}, plain)]
    for change in range(max(len(cuts) for cuts, *_ in ways)):
        for cuts, options, wanted in ways:
            before, name = cuts[min(change, len(cuts) - 1)]
            print(f"site.yml is killed after {name!r}", flush=True)
            cut(before, "playbooks/site", **options)
            run("playbooks/site", **options)
            state.assert_same(wanted, state.snapshot(node))


def test_an_interrupted_teardown_and_build_converge(run, cut, node):
    run("playbooks/site", inventory=MIXED)
    built = state.snapshot(node)
    taken = after(run("playbooks/teardown", *CONFIRMED))
    state.assert_untouched(state.snapshot(node))
    made = after(run("playbooks/site", inventory=MIXED))
    state.assert_same(built, state.snapshot(node))
    for number, (before, name) in enumerate(taken):
        print(f"teardown.yml is killed after {name!r}", flush=True)
        cut(before, "playbooks/teardown", *CONFIRMED)
        if number % 2:
            run("playbooks/site", inventory=MIXED)
            state.assert_same(built, state.snapshot(node))
        else:
            run("playbooks/teardown", *CONFIRMED)
            state.assert_untouched(state.snapshot(node))
            run("playbooks/site", inventory=MIXED)
    for before, name in made:
        run("playbooks/teardown", *CONFIRMED)
        print(f"site.yml is killed after {name!r}", flush=True)
        cut(before, "playbooks/site", inventory=MIXED)
        run("playbooks/site", inventory=MIXED)
        state.assert_same(built, state.snapshot(node))
    run("playbooks/site")
