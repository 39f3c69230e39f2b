# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running cluster when its inventory changes, or a change is refused."""

from __future__ import annotations

import collections
import contextlib
import re

import pair

VIP, VIP2 = "192.168.2.149", "192.168.2.150"

#: Prints everything that site.yml could change on the director.
STATE = f"""
    ipvsadm --save --numeric
    ip -oneline address show to {VIP}
    cat /etc/lvs/* /etc/sysctl.d/*lvs* /etc/systemd/system/lvs-*
"""

#: Five mistakes, and a part of the message for each.
MISTAKES = {
    ("scheduler: wrr", "scheduler: wrrr"): "wrrr",
    ("port: 80", "port: 80000"): "80000",
    ("lvs_weight: 5", "lvs_wieght: 5"): "lvs_wieght",
    ("ansible_host: 192.168.2.32", "ansible_host: 192.168.2.31"): "192.168.2.31",
    ("protocol: tcp", "protocol: tpc"): "tpc",
}


def test_five_mistakes_get_five_messages_and_no_host_is_touched(playbook, changed, director):
    before = director.check_output(STATE)

    run = playbook("playbooks/site", inventory=changed(*MISTAKES))

    assert run.returncode != 0
    assert "5 mistakes" in run.stdout
    for word in MISTAKES.values():
        assert word in run.stdout, word
    assert "TASK [Check the host" not in run.stdout
    assert director.check_output(STATE) == before


def test_a_table_that_keepalived_owns_is_refused(playbook, director):
    before = director.check_output(STATE)
    director.check_output(
        "apt-get install --yes --no-download --no-install-recommends"
        " --option=Dpkg::Options::=--force-unsafe-io keepalived"
        " && echo 'global_defs { router_id d23 }' > /etc/keepalived/keepalived.conf"
        " && systemctl start --no-block keepalived"
        " && timeout 60 sh -c 'until pidof keepalived; do sleep 0.2; done'"
    )
    try:
        run = playbook("playbooks/site")
    finally:
        director.check_output(
            "systemctl disable --now keepalived; rm /etc/keepalived/keepalived.conf"
        )

    assert run.returncode != 0
    assert "d23: keepalived runs here" in run.stdout
    assert "changed=1" not in run.stdout
    assert director.check_output(STATE) == before


def test_weights_follow_the_inventory(playbook, changed, director):
    inventory = changed(
        ("ansible_host: 192.168.2.31", "ansible_host: 192.168.2.31\n          lvs_weight: 15")
    )

    run = playbook("playbooks/site", "--limit=lvs_directors", inventory=inventory)

    assert run.returncode == 0, run.stdout
    assert "-r 192.168.2.31:80 -g -w 15" in director.check_output("ipvsadm --save --numeric")
    run = playbook("playbooks/verify", "--extra-vars=verify_requests=20", inventory=inventory)
    assert run.returncode == 0, run.stdout
    assert "rs31  15 of 20 requests, weight 15" in run.stdout, run.stdout


def test_a_real_server_that_leaves_the_inventory_leaves_the_table(playbook, changed, director):
    inventory = changed(("        rs32:\n          ansible_host: 192.168.2.32\n", ""))

    run = playbook("playbooks/site", "--limit=lvs_directors", inventory=inventory)

    assert run.returncode == 0, run.stdout
    table = director.check_output("ipvsadm --save --numeric")
    assert table.splitlines()[1:] == [f"-a -t {VIP}:80 -r 192.168.2.31:80 -g -w 5"]
    assert director.file("/etc/lvs/director.ipvs").content_string == table + "\n"


#: A second VIP, on both real servers or on one of them.
SECOND = """      - {{name: second, vip: 192.168.2.150, port: 80, scheduler: rr, realservers: {}}}

  children:
    first: {{hosts: {{rs31: }}}}
"""


#: Tasks that run on the controller, whatever host the output shows.
ON_CONTROLLER = (
    "Check the inventory",
    "Group the real servers",
    "Validating arguments against",
)


def executions(output):
    """Count the tasks that a playbook has run on each host."""
    counts = collections.Counter()
    for task in output.partition("PLAY RECAP")[0].split("\nTASK [")[1:]:
        if not any(name in task for name in ON_CONTROLLER):
            counts.update(re.findall(r"(?m)^(?:ok|changed): \[(\w+)", task))
    return counts


AT_ONCE = 2


@contextlib.contextmanager
def requests():
    """Send requests to the second VIP continuously, few at once.

    One that is under way at the moment in which its real server leaves the table is reset whatever
    comes first, unless the real server is drained before.
    """
    traffic = pair.Traffic("c10", "stream", VIP2, "80", str(AT_ONCE), "5", "1", "0.2")
    try:
        yield traffic
    finally:
        traffic.end()


def test_a_pool_shrinks_without_a_failed_request(playbook, unchanged, changed, node):
    """Check that a removed real server keeps the VIP while the director forwards to it."""
    wide, narrow = (
        changed(("\n  children:\n", SECOND.format(group))) for group in ("lvs_realservers", "first")
    )

    def site(*options, inventory):
        run = playbook("playbooks/site", *options, inventory=inventory)
        assert run.returncode == 0, run.stdout
        return run.stdout

    def has_vip(name):
        return VIP2 in node(name).check_output(f"ip -oneline address show dev lo to {VIP2}")

    site(inventory=wide)
    with requests() as traffic:
        # The state after a run that is interrupted before the directors.
        output = site("--limit=lvs_realservers", inventory=narrow)
        assert "rs32: former configuration of realserver_dr is kept" in output
        assert [has_vip(name) for name in ("rs31", "rs32")] == [True, True]
        assert set(traffic.sample()["servers"]) == {"rs31", "rs32"}
        output = site("--check", inventory=narrow)
        assert re.search(r"(?m)^rs32 +: ok=\d+ +changed=1 ", output), output
        assert has_vip("rs32")
        site(inventory=narrow)
    print(f"\na pool shrinks: {traffic.result}")
    assert [has_vip(name) for name in ("rs31", "rs32")] == [True, False]
    assert VIP2 not in node("rs32").file("/etc/lvs/realserver_dr.ip").content_string
    # None goes unanswered: without expire_nodest_conn it would (ip_vs_core.c, ip_vs_in_hook()).
    assert set(traffic.result["errors"]) <= {"[Errno 104] Connection reset by peer"}, traffic.result
    assert traffic.result["failed"] <= AT_ONCE, traffic.result
    # If there is nothing to remove, no task searches for it.
    counts = executions(unchanged("playbooks/site", inventory=narrow))
    assert counts["rs31"] == counts["rs32"] <= 6
    assert counts["d23"] <= 12
    run = playbook("playbooks/site")
    assert run.returncode == 0, run.stdout
    assert not has_vip("rs31")
