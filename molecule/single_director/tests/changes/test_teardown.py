# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""teardown.yml restores the machines to the state before anything was built."""

from __future__ import annotations

import state

VIP = "192.168.2.149"


def test_teardown_needs_a_confirmation(playbook, node):
    before = state.snapshot(node)
    run = playbook("playbooks/teardown")
    assert run.returncode != 0
    assert "-e teardown_confirm=true" in run.stdout
    run = playbook("playbooks/teardown", "--check")
    assert run.returncode == 0, run.stdout
    state.assert_same(before, state.snapshot(node))


def test_teardown_restores_the_machines(playbook, unchanged, node):
    run = playbook("playbooks/teardown", "--extra-vars=teardown_confirm=true")
    assert run.returncode == 0, run.stdout
    state.assert_untouched(state.snapshot(node))
    for name in state.NODES:
        assert not node(name).file("/etc/lvs").exists
    assert node("c10").run(f"curl --silent --max-time 2 http://{VIP}/").rc != 0

    unchanged("playbooks/teardown", "--extra-vars=teardown_confirm=true")
