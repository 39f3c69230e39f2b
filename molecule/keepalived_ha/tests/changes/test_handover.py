# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade of both directors of T2, one after the other: it loses no request and no connection.

The pair has the default preempt_delay. If that is shorter than the 10 seconds of
sync_refresh_period, a connection may be lost when the upgraded MASTER returns: keepalived removed
the services there, and with them connections that had a packet at that moment.

This file is run after test_faults.py, whose last test leaves the pair with the same inventory.
"""

from __future__ import annotations

import time

import pair

VIP = "192.168.2.149"
MASTER, BACKUP = "d23", "d31"
#: The only source of packages is a folder with a keepalived that is newer than the installed one.
NEWER = """
    set -e
    mkdir --parents /srv/packages /tmp/newer
    cd /tmp/newer
    dpkg-deb --raw-extract /var/cache/apt/archives/keepalived_*.deb .
    sed --in-place 's/^Version: .*/&+lab/' DEBIAN/control
    dpkg-deb --build -Znone . /srv/packages/keepalived.deb
    cd /srv/packages
    {
        dpkg-deb --field keepalived.deb
        echo "Filename: ./keepalived.deb"
        echo "Size: $(stat --format %s keepalived.deb)"
        echo "SHA256: $(sha256sum keepalived.deb | cut --delimiter ' ' --fields 1)"
    } > Packages
    rm --recursive --force /etc/apt/sources.list.d
    echo 'deb [trusted=yes] file:/srv/packages ./' > /etc/apt/sources.list
    echo 'force-unsafe-io' > /etc/dpkg/dpkg.cfg.d/lab
"""


def test_directors_are_upgraded_one_after_the_other(node, build, playbook):
    pair.keep_connections_open(node)
    inventory = build(*pair.SHORT_TIMERS_DEFAULT_DELAY)
    pair.wait_for_only_holder(node, MASTER, VIP)
    for name in (MASTER, BACKUP):
        node(name).check_output(NEWER)
    # A client sends its first packet again after 1, 3 and 7 seconds.
    with (
        pair.open_connections("c10", VIP, 20) as connections,
        pair.stream("c10", VIP, 10) as traffic,
    ):
        run = playbook("playbooks/upgrade", inventory=inventory)
        assert run.returncode == 0, run.stdout
        pair.wait_for_only_holder(node, MASTER, VIP)
        time.sleep(3)
    print(f"\nupgrade: {traffic.result}, {connections.result}")
    assert traffic.result["failed"] == 0, traffic.result
    assert connections.result["lost"] == 0, connections.result
    for name in (MASTER, BACKUP):
        assert node(name).package("keepalived").version.endswith("+lab")
