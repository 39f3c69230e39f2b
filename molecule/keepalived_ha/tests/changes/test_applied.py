# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""T2 after runs that wrote keepalived.conf but did not apply it."""

from __future__ import annotations

import pair
import pytest

VIP = "192.168.2.149"
MASTER, BACKUP = "d23", "d31"
CONF = "/etc/keepalived/keepalived.conf"
APPLIED = "/run/lvs-keepalived/applied.conf"
PENDING = f"{MASTER}: keepalived.conf is pending: "
UNKNOWN = f"{BACKUP}: the configuration that keepalived runs is unknown"
TABLE = "ipvsadm --save --numeric"
WLC = ("scheduler: wrr", "scheduler: wlc")


@pytest.fixture(scope="module", autouse=True)
def inventory(node, build):
    path = build(*pair.SHORT_TIMERS)
    pair.wait_for_only_holder(node, MASTER, VIP)
    return path


def is_applied(node, name):
    return node(name).run(f"cmp {CONF} {APPLIED}").rc == 0


def test_a_missing_reload_is_reported_and_done_by_the_next_run(
    node, changed, playbook, build, unchanged
):
    """One director has the file of the inventory, but was not reloaded."""
    wanted = changed(*pair.SHORT_TIMERS, WLC)
    node(MASTER).check_output(f"sed --in-place 's/lvs_sched wrr/lvs_sched wlc/' {CONF}")
    # The other one was reloaded by hand, and systemd has not read the override of its unit.
    node(BACKUP).check_output(
        "systemctl reload keepalived; touch /etc/systemd/system/keepalived.service.d/lvs.conf"
    )
    shown = playbook("playbooks/status", inventory=wanted).stdout
    assert PENDING in shown
    assert UNKNOWN in shown
    assert f"{BACKUP}: the unit files of keepalived.service are pending" in shown
    checked = playbook("playbooks/site", "--check", "--diff", inventory=wanted).stdout
    assert "-  lvs_sched wrr" in checked
    assert "not applied" in checked
    assert not is_applied(node, MASTER)

    build(*pair.SHORT_TIMERS, WLC)
    for name in (MASTER, BACKUP):
        assert "-s wlc" in node(name).check_output(TABLE)
        assert is_applied(node, name)
        assert "NeedDaemonReload=no" in node(name).check_output(
            "systemctl show --property=NeedDaemonReload keepalived"
        )
    assert pair.vip_holders(node, VIP) == [MASTER]  # no director was restarted
    unchanged("playbooks/site", inventory=wanted)
    assert " is pending: " not in playbook("playbooks/status", inventory=wanted).stdout


def test_keepalived_runs_its_file_after_any_start(node):
    """Restart it by systemd, after a crash, and with other files before."""
    for command in (
        f"cat {APPLIED} > /tmp/former; echo '# more' >> {CONF}; systemctl restart keepalived",
        f"cat /tmp/former > {CONF}; systemctl kill --kill-who=main --signal=KILL keepalived",
    ):
        node(BACKUP).check_output(command)
        pair.wait_until(lambda: is_applied(node, BACKUP), 30, "it runs its file")
    assert node(BACKUP).file(APPLIED).mode == 0o600
    assert node(BACKUP).file("/run/lvs-keepalived").mode == 0o700


def test_a_refused_reload_fails_and_leaves_all_as_it_was(node, changed, playbook):
    """keepalived -t accepts the file, but the reload does not: another instance needs a restart.

    The role does not see that, behind a condition on the machine's name.
    """
    before = node(BACKUP).check_output(f"cat {CONF}")
    refused = changed(
        *pair.SHORT_TIMERS,
        WLC,
        (
            "    lvs_keepalived:\n",
            '    lvs_keepalived:\n      extra: "@d31 instance x"\n',
        ),
    )
    run = playbook("playbooks/site", inventory=refused)
    assert run.returncode != 0
    assert "keepalived did not accept" in run.stdout
    assert "Cannot change instance name at a reload" in run.stdout  # its reason
    assert node(BACKUP).check_output(f"cat {CONF}") == before
    assert is_applied(node, BACKUP)
    assert pair.vip_holders(node, VIP) == [MASTER]
    # The other director applied it, and applies the former one again.
    built = playbook("playbooks/site", inventory=changed(*pair.SHORT_TIMERS, WLC))
    assert built.returncode == 0, built.stdout
