# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output for an operator who installed the archive and has no ansible.cfg: lines of text.

The cluster has services by UDP as well, which get the requests of their health checks.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pair
import pytest
import yaml
from cluster import NODES, PROJECT, SCENARIO, hosts_of

VIP = "192.168.2.149"
REAL = hosts_of("lvs_realservers")
SHIPPED = PROJECT / "inventories" / f"{SCENARIO}_checks" / "hosts.yml"
UDP = {"vip": VIP, "protocol": "udp", "scheduler": "rr"}
SERVICES = [
    {
        **UDP,
        "name": "names",
        "port": 53,
        "check": {"type": "dns", "query": "A", "name": "www.example.org"},
    },
    {
        **UDP,
        "name": "ping",
        "port": 9,
        "check": {"type": "udp", "payload": "70696e67", "require_reply": "706f6e67"},
    },
    {**UDP, "name": "syslog", "port": 514},
]
#: Secrets in the syntax of keepalived, and how they begin.
SECRETS = re.compile("S3cr|S3old|S3token")
EXTRA = r"""$P=S3cr
$PW=\
  ${P}3t
SSL {
  password a$PW # was S3old
}
vrrp_script check {
  script "/bin/true --token S3token"
  user root
}
"""
TASKS = "- name: Note that it was here\n  ansible.builtin.command: touch /tmp/rolled-out\n"


@pytest.fixture(scope="module")
def inventory(playbook, node, tmp_path_factory):
    """Build the cluster with services by UDP; return its inventory."""
    described = yaml.safe_load(SHIPPED.read_text())
    described["all"]["vars"]["lvs_services"] += SERVICES
    described["all"]["vars"]["lvs_keepalived"] = {"extra": EXTRA}
    path = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    path.write_text(yaml.safe_dump(described))
    run = playbook("playbooks/site", "-vvv", "--diff", inventory=path)
    assert run.returncode == 0, run.stdout
    assert "<secret 1>" in run.stdout
    assert not SECRETS.search(run.stdout)
    program = (Path(__file__).parent / "udp_server.py").read_text()
    for name in REAL:
        addresses = f"{VIP} 192.168.2.{name[2:]}"
        node(name).check_output(
            f"cat > /run/udp_server.py <<'END'\n{program}\nEND\n"
            f"systemd-run --unit=udp-server python3 /run/udp_server.py {addresses}"
        )
    yield path
    for name in REAL:
        node(name).check_output(
            "systemctl stop udp-server; rm --force /run/udp_server.py /tmp/rolled-out"
        )


@pytest.fixture(scope="module")
def lines(inventory, tmp_path_factory):
    """Return the output of the installed playbooks; one command runs all of them to save time."""
    user = tmp_path_factory.mktemp("user")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment = {
        **clean,
        "PWD": str(user),  # paths of the user's files are relative to it
        "ANSIBLE_COLLECTIONS_PATH": str(user),
        # How the lab reaches the nodes.
        "ANSIBLE_STRATEGY": "lab_mitogen",
        "ANSIBLE_STRATEGY_PLUGINS": str(PROJECT / "lab/plugins/strategy"),
        "ANSIBLE_CONNECTION_PLUGINS": str(PROJECT / "lab/plugins/connection"),
        "ANSIBLE_TIMEOUT": "60",
    }

    def run(*command):
        words = list(map(str, command))
        done = subprocess.run(
            words, cwd=user, env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("ansible-galaxy", "collection", "build", PROJECT, "--output-path", user)
    [archive] = user.glob("*.tar.gz")
    run("ansible-galaxy", "collection", "install", archive, "--no-deps", "--offline", "-p", user)
    (user / "tasks.yml").write_text(TASKS)
    options = {
        "realservers": "rs31",
        "rollout_tasks": "tasks.yml",
        "verify_requests": 8,
        "status_file": "status.json",
    }
    inventories = [f"--inventory={path}" for path in (inventory, *NODES)]
    names = ("status", "verify", "drain", "undrain", "rollout")
    playbooks = [f"lvs.cluster.{name}" for name in names]
    output = run(
        "ansible-playbook", *inventories, f"--extra-vars={json.dumps(options)}", *playbooks
    )
    assert [s["name"] for s in json.loads((user / "status.json").read_text())["services"]] == [
        "web",
        "names",
        "ping",
        "syslog",
    ]
    return output.splitlines()


def after(lines, title, count=1):
    """Return the lines after each line that begins with a title."""
    places = [number for number, line in enumerate(lines) if line.startswith(title)]
    assert places, "\n".join(lines)
    return ["\n".join(lines[place + 1 : place + 1 + count]) for place in places]


def test_tables_and_lists_are_lines(lines):
    assert not any(r"\n" in line for line in lines)
    assert f"d23: active, holds {VIP}" in lines
    [row, *_] = after(lines, f"web, {VIP}:80, wrr, on d23", 2)
    assert row.splitlines()[0].split()[:3] == ["server", "address", "method"]
    assert row.splitlines()[1].split()[:3] == ["rs31", "192.168.2.31:80", "dr"]
    assert "d23:" in lines  # the checks of the host
    assert [line for line in lines if line.startswith("  ok: ")]
    assert not any(
        "00:00:00:00:00:00" in line for line in lines
    )  # the address of lo, and of idle tunnels


def test_drain_undrain_and_rollout_show_their_result(lines, node):
    assert lines.count("Drained: rs31.") == 2  # rollout drains, too
    assert lines.count("In the pool: rs31.") == 2
    assert "batch 1 of 1: rs31" in lines
    assert node("rs31").file("/tmp/rolled-out").exists
    assert not node("rs32").file("/tmp/rolled-out").exists


@pytest.mark.parametrize(("name", "port"), [("names", 53), ("ping", 9)])
def test_services_by_udp_get_the_requests_of_their_checks(lines, name, port):
    [seen] = after(lines, f"{name}, udp {VIP}:{port}, rr", 2)
    assert seen.split("\n") == [
        "  rs31  4 of 8 requests, weight 5",
        "  rs32  4 of 8 requests, weight 5",
    ]


def test_services_that_were_not_tested_are_listed(lines):
    title = f"syslog, udp {VIP}:514, rr"
    reason = "not tested: it has no check; add one of type dns or udp, which defines the request"
    assert f"  {reason}" in after(lines, title)
    verified = lines[: lines.index("Drained: rs31.")]
    assert f"{title}: {reason}." in verified
    assert verified.count("There are no differences from the inventory.") == 1  # by status
    untested = f"rs31 is {reason.replace('tested', 'tested for syslog')}."
    assert lines.count(untested) == 2


def test_a_service_by_udp_that_is_dead_fails_verify(lines, inventory, node, playbook):
    for name in REAL:
        node(name).check_output("systemctl kill --signal=STOP udp-server")
    try:
        run = playbook("playbooks/verify", "--extra-vars=verify_requests=1", inventory=inventory)
    finally:
        for name in REAL:
            node(name).check_output("systemctl kill --signal=CONT udp-server")
    # The next test drains one of them, which needs the other one in the pool.
    pool = rf"(?m)^-a -u {VIP}:(?:53|9) .* -w 5$"
    table = "ipvsadm --save --numeric"
    pair.wait_until(
        lambda: len(re.findall(pool, node("d23").check_output(table))) == 4, 60, "a full pool"
    )
    assert run.returncode != 0
    for name, port in (("names", 53), ("ping", 9)):
        assert f"{name}, udp {VIP}:{port}, rr: 1 of 1 requests failed: " in run.stdout


def test_no_secret_is_shown(inventory, playbook):
    for name, options in (("status", []), ("drain", ["--check", "--extra-vars=realservers=rs31"])):
        run = playbook(f"playbooks/{name}", "-vvv", "--diff", *options, inventory=inventory)
        assert run.returncode == 0, run.stdout
        assert "password <secret " in run.stdout
        assert not SECRETS.search(run.stdout)
