# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""T3 after site.yml."""

from __future__ import annotations

import pair
import pytest
import state

VIP = "172.16.31.188"
ADDRESSES = {
    "tom1": "172.16.31.50",
    "tom2": "172.16.31.51",
}
TABLE = f"ipvsadm --list --numeric --tcp-service {VIP}:0"


@pytest.fixture(autouse=True)
def settled(node):
    pair.wait_for_only_holder(node, "proxy", VIP)
    for rip in ("172.16.31.50", "172.16.31.51"):
        pair.wait_until(
            lambda rip=rip: rip in node("proxy").check_output(TABLE), 60, f"{rip} serves"
        )


def ask(node, port=80):
    """Return the real server that answers the client."""
    return node("c10").check_output(f"curl --silent --max-time 5 http://{VIP}:{port}/")


def test_every_port_is_served_and_a_client_stays_with_its_server(node, verified):
    assert {ask(node) for _ in range(4)} == {ask(node, 8080)}
    table = node("proxy").check_output("ipvsadm --save --numeric").splitlines()
    assert table[0] == f"-A -t {VIP}:0 -s rr -p 50"
    assert "the VIP is at" in verified


@pytest.mark.parametrize(
    ("fail", "repair"),
    [
        ("systemctl stop nginx", "systemctl start nginx"),
        ("chmod 0 /var/www/html/index.html", "chmod 644 /var/www/html/index.html"),
    ],
    ids=["dead", "answers 403"],
)
def test_a_failed_server_leaves_the_pool_and_returns_by_itself(node, fail, repair):
    server = ask(node)
    other = {"tom1": "tom2", "tom2": "tom1"}[server]
    node(server).check_output(fail)
    gone = lambda: ADDRESSES[server] not in node("proxy").check_output(TABLE)  # noqa: E731
    pair.wait_until(gone, 60, f"{server} is out")
    assert {ask(node) for _ in range(4)} == {other}
    node(server).check_output(repair)
    pair.wait_until(lambda: not gone(), 60, f"{server} is back")


def test_teardown_restores_the_machines(playbook, node):
    run = playbook("playbooks/teardown", "--extra-vars=teardown_confirm=true")
    assert run.returncode == 0, run.stdout
    state.assert_untouched(state.snapshot(node))
