# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on T2 lose no request of a client, and reset no connection."""

from __future__ import annotations

import json
import re
import time

import pair
import pytest
from cluster import hosts_of

VIP = "192.168.2.149"
MASTER, BACKUP = "d23", "d31"
SERVERS = hosts_of("lvs_realservers")
RIPS = {name: f"192.168.2.{name[-2:]}" for name in SERVERS}
OTHER_SCHEDULER = ("scheduler: wrr", "scheduler: wlc")
CHANGES = (
    OTHER_SCHEDULER,
    ("        rs32:\n          ansible_host: 192.168.2.32\n", ""),
    ("        rs20:\n", "        rs20:\n          lvs_weight: 50\n"),
    (
        "\n  children:\n",
        """      - {name: more, vip: 192.168.2.149, port: 8080, scheduler: rr, check: {type: tcp}}

  children:
""",
    ),
)
CONF = "cat /etc/keepalived/keepalived.conf"
#: What directors have to agree on.
AGREEMENT = (
    ("lvs_virtual_router_id: 51", "lvs_virtual_router_id: 77"),
    ('lvs_auth_pass: "1111"', 'lvs_auth_pass: "2222"'),
)
#: Runs on a director: records when it holds the VIP.
HOLDS = f"""rm -f /tmp/held; nohup sh -c 'while sleep 0.1; do
    ip -oneline address show dev eth0 to {VIP} | grep -q . && date +%s.%N
done' > /tmp/held 2>&1 & echo $!"""
ENOUGH = ("    lvs_method: dr\n", "    lvs_method: dr\n    lvs_min_available: 80%\n")

#: Fails on a host that has /tmp/fail, and is slow on one that has /tmp/slow.
RESTART = """---
- name: Restart the web server, and note when
  ansible.builtin.shell: |
    if [ -e /tmp/fail ]; then exit 1; fi
    systemctl restart nginx
    date >> /tmp/rollout
    if [ -e /tmp/slow ]; then sleep 60; fi
  changed_when: true
"""


@pytest.fixture(scope="module", autouse=True)
def inventory(node, build):
    """Build the cluster, with real servers that keep connections open and offer a large file."""
    pair.keep_connections_open(node)
    return build(*pair.SHORT_TIMERS)


@pytest.fixture
def operate(playbook, inventory):
    """Run a playbook, which must succeed, and return its output."""

    def run(name, *options):
        done = playbook(f"playbooks/{name}", *options, inventory=inventory)
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.fixture(autouse=True)
def settled(node):
    pair.wait_for_only_holder(node, MASTER, VIP)


def weights(node, director=MASTER):
    """Return the weight of each real server in a director's table."""
    table = node(director).check_output("ipvsadm --save --numeric")
    found = dict(re.findall(rf"-a -t {VIP}:80 -r ([\d.]+):80 -g -w (\d+)", table))
    return {name: int(found[rip]) for name, rip in RIPS.items() if rip in found}


def test_status_shows_the_table(operate):
    output = operate("status")
    assert f"{MASTER}: active, holds {VIP}, sync daemon master" in output
    assert f"{BACKUP}: standby, sync daemon backup" in output
    assert f"web, {VIP}:80, wrr, on {MASTER}" in output
    for rip in RIPS.values():
        assert f"{rip}:80  dr         100" in output
    assert "There are no differences from the inventory." in output
    assert "1111" not in output


def test_a_dead_real_server_and_a_dead_director_are_reported(node, operate, playbook, inventory):
    node("rs21").check_output("systemctl stop nginx")
    try:
        pair.wait_until(lambda: "rs21" not in weights(node), 30, "rs21 is out of the pool")
        assert "out of the pool by keepalived's check" in operate("status")
    finally:
        node("rs21").check_output("systemctl start nginx")
    pair.docker("kill", pair.container(BACKUP))
    try:
        assert f"{BACKUP} can't be read: " in operate("status")
        run = playbook("playbooks/verify", "--extra-vars=verify_requests=20", inventory=inventory)
        assert run.returncode != 0
        shown = run.stdout.partition("PLAY [Show the result]")[2]
        assert " of 20 requests, weight 100" in shown  # clients sent requests nevertheless
        assert f"web, {VIP}:80, wrr, on {MASTER}" in shown
        assert f"{BACKUP} can't be read: " in shown
    finally:
        pair.docker("start", pair.container(BACKUP))
    pair.wait_until(lambda: "rs21" in weights(node), 30, "rs21 is back")
    pair.wait_until(lambda: weights(node) == weights(node, BACKUP), 90, f"{BACKUP} is back")


def test_a_drained_server_gets_no_connections_until_it_is_undrained(
    node, operate, playbook, inventory
):
    with pair.stream("c10", VIP) as traffic:
        operate("drain", "--extra-vars=realservers=rs20")
        first = traffic.sample()
        assert [weights(node, name)["rs20"] for name in (MASTER, BACKUP)] == [0, 0]
        time.sleep(2)
        without = traffic.sample()
        assert "rs20" not in without["servers"]
        assert len(without["servers"]) == 4
        # It is not undrained while it does not answer, and stays drained when its check succeeds.
        node("rs20").check_output("systemctl stop nginx")
        options = "--extra-vars=realservers=rs20", "--extra-vars=undrain_seconds=5"
        run = playbook("playbooks/undrain", *options, inventory=inventory)
        assert run.returncode != 0
        assert "After 5 s, not all real servers answer: rs20 (192.168.2.20:80)" in run.stdout
        pair.wait_until(lambda: "rs20" not in weights(node), 30, "its check has failed")
        assert "drained, until undrain.yml or site.yml, out of the pool" in operate("status")
        node("rs20").check_output("systemctl start nginx")
        pair.wait_until(lambda: weights(node).get("rs20") == 0, 30, "its check is good")
        second = traffic.sample()
        assert "rs20" not in second["servers"]
        operate("undrain", "--extra-vars=realservers=rs20")
        traffic.sample()
        time.sleep(2)
    assert set(weights(node, BACKUP).values()) == {100}
    assert sorted(traffic.result["servers"]) == sorted(SERVERS)
    for sample in (first, without, second, traffic.result):
        assert sample["failed"] == 0, sample


def test_existing_connections_continue_during_a_drain(node, playbook, operate, inventory):
    with pair.open_connections("c10", VIP, 20) as traffic:
        options = "--extra-vars=realservers=rs20", "--extra-vars=drain_seconds=5"
        run = playbook("playbooks/drain", *options, inventory=inventory)
        assert run.returncode != 0
        assert "After 5 s: web: rs20 has " in run.stdout
        assert " s left" in run.stdout
        assert weights(node)["rs20"] == 0
        operate("undrain", "--extra-vars=realservers=rs20")
    assert traffic.result["lost"] == 0, traffic.result


def test_a_drain_is_refused_while_other_changes_are_pending(node, playbook, changed):
    other = changed(*pair.SHORT_TIMERS, OTHER_SCHEDULER)
    run = playbook("playbooks/drain", "--extra-vars=realservers=rs20", inventory=other)
    assert run.returncode != 0
    assert "scheduler is wrr, in the inventory wlc; run site.yml" in run.stdout
    assert set(weights(node).values()) == {100}


@pytest.fixture
def rollout(node, tmp_path):
    """Options of a rollout that restarts the web servers, and how often each was restarted."""
    for name in SERVERS:
        node(name).check_output("rm -f /tmp/rollout")
    path = tmp_path / "restart.yml"
    path.write_text(RESTART)

    def restarts():
        counts = "cat /tmp/rollout 2>/dev/null | wc -l"
        return {name: int(node(name).check_output(counts)) for name in SERVERS}

    return f"--extra-vars=rollout_tasks={path}", restarts


def test_a_rollout_keeps_enough_real_servers(node, playbook, changed, rollout):
    option, restarts = rollout
    strict = changed(*pair.SHORT_TIMERS, ENOUGH)
    run = playbook("playbooks/rollout", option, "--extra-vars=rollout_serial=2", inventory=strict)
    assert run.returncode != 0
    assert "With rs20 and rs21 drained, only rs22, d31 and rs32 would be left" in run.stdout
    assert restarts() == dict.fromkeys(SERVERS, 0)


def test_a_rollout_over_five_real_servers_that_fails_and_is_killed_meanwhile(
    node, playbook, operate, killed_playbook, inventory, rollout
):
    option, restarts = rollout
    node("rs21").check_output("touch /tmp/fail")
    node("rs22").check_output("touch /tmp/slow")
    # One stream opens a connection for each request, the other keeps them for two seconds.
    with pair.stream("c10", VIP) as one, pair.stream("c10", VIP, requests=10) as two:
        run = playbook("playbooks/rollout", option, inventory=inventory)
        assert run.returncode != 0
        assert restarts() == {**dict.fromkeys(SERVERS, 0), "rs20": 1}
        assert weights(node) == {**dict.fromkeys(SERVERS, 100), "rs21": 0}

        options = option, "--extra-vars=realservers=rs22"

        def refuses_others():
            if restarts()["rs22"] == 0:
                return False
            other = "playbooks/drain", "--extra-vars=realservers=rs20"
            run = playbook(*other, inventory=inventory)
            assert run.returncode != 0
            assert "rollout.yml of " in run.stdout
            assert "has been changing this director since " in run.stdout
            return True

        killed_playbook(refuses_others, "playbooks/rollout", *options, inventory=inventory)
        # Its health check may have failed just now.
        assert {"rs22": 0, **weights(node)} == {
            **dict.fromkeys(SERVERS, 100),
            "rs21": 0,
            "rs22": 0,
        }

        node("rs21").check_output("rm /tmp/fail")
        node("rs22").check_output("rm /tmp/slow")
        output = operate("rollout", option, "--extra-vars=rollout_serial=2")
        time.sleep(2)
    # Real servers that are already drained come first.
    assert output.partition("(item=")[2].startswith("rs21, rs22)")
    assert restarts() == {**dict.fromkeys(SERVERS, 1), "rs20": 2, "rs22": 2}
    print(f"\nrollout: {one.result}, {two.result}")
    assert one.result["requests"] + two.result["requests"] > 1000
    assert one.result["failed"] == two.result["failed"] == 0, (one.result, two.result)
    assert [set(weights(node, name).values()) for name in (MASTER, BACKUP)] == [{100}] * 2


def test_an_adopted_pair_needs_no_change(unchanged, operate, tmp_path):
    path = tmp_path / "hosts.yml"
    names = {rip: name for name, rip in RIPS.items()}
    options = {"adopt_to": str(path), "adopt_names": names}
    output = operate("adopt", f"--extra-vars={json.dumps(options)}")
    assert "represents the whole cluster." in " ".join(output.split())
    unchanged("playbooks/site", inventory=path)


def test_the_inventory_changes_under_traffic(node, operate, build):
    """Remove and add a real server and a service; change a weight and a scheduler."""
    more = "curl --silent --max-time 5 http://192.168.2.149:8080/"
    # A client sends its first packet again after a second.
    with pair.stream("c10", VIP, 10) as traffic:
        operate("drain", "--extra-vars=realservers=rs32")
        with pair.open_connections("c10", VIP, 20) as connections:
            build(*pair.SHORT_TIMERS, *CHANGES)
            assert weights(node) == {"rs20": 50, "rs21": 100, "rs22": 100, "d31": 100}
            table = node(MASTER).check_output("ipvsadm --save --numeric")
            assert f"-A -t {VIP}:80 -s wlc" in table
            output = node("c10").check_output(f"for n in 1 2 3 4; do {more}; done")
            assert len(set(output.split())) == 4
            build(*pair.SHORT_TIMERS)
            assert weights(node) == dict.fromkeys(SERVERS, 100)
            assert node("c10").run(more).rc != 0
            time.sleep(1)
    print(f"\nchanges: {traffic.result}, {connections.result}")
    assert traffic.result["failed"] == 0, traffic.result
    assert traffic.result["servers"]["rs32"] > 0
    assert connections.result["lost"] == 0


def test_agreed_settings_change_without_two_masters(node, playbook, changed, build):
    other, before = changed(*pair.SHORT_TIMERS, *AGREEMENT), node(BACKUP).check_output(CONF)
    run = playbook("playbooks/site", f"--limit={BACKUP}", inventory=other)
    assert run.returncode != 0
    assert "(virtual_router_id and password), and d23 would be a second MASTER" in run.stdout
    run = playbook("playbooks/drain", "--extra-vars=realservers=rs20", inventory=other)
    assert run.returncode != 0
    assert "d31: VRRP in the inventory differs from keepalived.conf there" in run.stdout
    assert node(BACKUP).check_output(CONF) == before

    watching = {name: node(name).check_output(HOLDS) for name in (MASTER, BACKUP)}
    with pair.stream("c10", VIP) as traffic:
        build(*pair.SHORT_TIMERS, *AGREEMENT)
        pair.wait_until(
            lambda: pair.vip_holders(node, VIP) == [MASTER], 30, f"{MASTER} holds {VIP}"
        )
        time.sleep(2)
    for name, process in watching.items():
        node(name).check_output(f"kill {process}")
    print(f"\nanother virtual router ID and password: {traffic.result}")
    assert node(MASTER).check_output("wc -l < /tmp/held") != "0"
    assert node(BACKUP).check_output("cat /tmp/held") == ""
    for name in (MASTER, BACKUP):
        assert "virtual_router_id 77" in node(name).check_output(CONF)
        assert node(name).service("keepalived").is_running


def test_a_director_that_the_inventory_no_longer_has_is_reported(playbook, changed):
    """It would continue as a master."""
    without_d31 = changed(
        *pair.SHORT_TIMERS,
        *AGREEMENT,
        ("        d31:\n          ansible_host: 192.168.2.31\n          lvs_priority: 100\n", ""),
        ("        d31:\n        rs32:", "        rs32:"),
        ("    lvs_method: dr\n", "    lvs_method: dr\n    lvs_ha: vrrp\n"),
    )
    run = playbook("playbooks/preflight", inventory=without_d31)
    assert run.returncode != 0
    assert "d23: 192.168.2.31 is a peer in keepalived.conf here" in run.stdout
