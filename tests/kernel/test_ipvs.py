# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The netlink layer on a real kernel: what no module shows."""

from __future__ import annotations

import errno
import subprocess
import threading

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _ipvs, _ipvs_codec
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    VirtualService,
    as_table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._plan import Operation, plan
from ansible_collections.lvs.cluster.tests.unit import strategies
from hypothesis import HealthCheck, Phase, given, settings

KEY = ServiceKey("ipv4", "tcp", "192.0.2.1", 80)


@pytest.fixture
def ipvs(netns):
    """Open the IPVS of a fresh network namespace."""
    with _ipvs.Ipvs() as opened:
        yield opened


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes on an emulated machine
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(strategies.two_tables())
def test_plans_lead_the_kernel_from_any_table_to_any_other(ipvs, tables):
    for table in map(for_this_kernel, tables):
        now = as_table(ipvs.services())
        ipvs.apply(plan(now, table))
        assert as_table(ipvs.services()) == table


def for_this_kernel(table):
    """Leave out what Debian 12's kernel is built without: the scheduler twos."""
    return {
        key: service._replace(scheduler="rr", scheduler_flags=())
        if service.scheduler == "twos"
        else service
        for key, service in table.items()
    }


def big_table(services=20, destinations=500):
    """Return a table of ten thousand destinations."""
    return as_table(
        VirtualService(ServiceKey("ipv4", "tcp", f"198.51.100.{s}", 80), "rr").with_destinations(
            Destination(f"10.{s}.{d >> 8}.{d & 255}", 80) for d in range(destinations)
        )
        for s in range(services)
    )


def test_ten_thousand_destinations_are_written_and_read_whole(ipvs):
    table = big_table()
    ipvs.apply(plan({}, table))
    assert as_table(ipvs.services()) == table


def test_an_error_has_the_operation_that_failed(ipvs):
    service = VirtualService(KEY)
    gone = Operation("delete", service, Destination("192.0.2.99", 80))
    added = [Operation("add", service, Destination(f"192.0.2.{n}", 80)) for n in range(10, 20)]
    with pytest.raises(_ipvs.Refused) as caught:
        ipvs.apply([Operation("add", service), *added[:5], gone, *added[5:]])
    assert caught.value.operation == gone
    assert caught.value.code == errno.ENOENT
    assert "delete destination 192.0.2.99:80 of service tcp 192.0.2.1:80" in str(caught.value)


def test_a_batch_of_which_every_operation_fails(ipvs):
    missing = [Operation("set", VirtualService(KEY), Destination("192.0.2.9", 80))] * 1000
    with pytest.raises(_ipvs.Refused):
        ipvs.apply(missing)
    assert ipvs.services() == []


def test_reading_works_while_the_table_changes(ipvs, netns):
    steady = as_table(
        VirtualService(ServiceKey("ipv4", fwmark=n), "rr").with_destinations(
            [Destination("192.0.2.11", 0)]
        )
        for n in range(1, 50)
    )
    ipvs.apply(plan({}, steady))
    stop = threading.Event()
    trouble = []

    def churn():
        with netns.entered(), _ipvs.Ipvs() as other:
            service = VirtualService(KEY).with_destinations([Destination("192.0.2.12", 80)])
            while not stop.is_set():
                try:
                    other.apply(plan({}, {KEY: service}))
                    other.apply(plan({KEY: service}, {}))
                except _ipvs.IpvsError as error:
                    trouble.append(error)
                    return

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _round in range(10):
            read = as_table(ipvs.services())
            assert set(read) - set(steady) <= {KEY}
    finally:
        stop.set()
        thread.join()
    assert trouble == []


def test_a_service_deleted_while_its_pool_is_read_has_no_pool(ipvs):
    assert ipvs.loads(KEY) == {}


def test_timeouts_of_ipvsadm_are_returned(ipvs):
    subprocess.check_call(["ipvsadm", "--set", "1000", "10", "30"])
    assert ipvs.timeouts() == _ipvs.Timeouts(tcp=1000, tcp_fin=10, udp=30)


def test_sync_daemons_of_ipvsadm_are_returned(ipvs, netns):
    netns.ip("link add sync0 up type dummy")
    netns.ip("link set sync0 multicast on")
    netns.ip("address add 192.0.2.1/24 dev sync0")
    start = "ipvsadm --start-daemon {} --mcast-interface sync0 --syncid {}"
    more = "--sync-maxlen 1400 --mcast-group 224.0.0.99 --mcast-port 8849 --mcast-ttl 2"
    netns.run(f"{start.format('master', 51)} {more}")
    master = _ipvs_codec.SyncDaemon("master", "sync0", 51, 1400, "224.0.0.99", 8849, 2)
    assert ipvs.sync_daemons() == [master]
    netns.run(start.format("backup", 52))
    states = {daemon.state: daemon.sync_id for daemon in ipvs.sync_daemons()}
    assert states == {"master": 51, "backup": 52}
    for state in states:
        netns.run(f"ipvsadm --stop-daemon {state}")
    assert ipvs.sync_daemons() == []


def test_info_agrees_with_ipvsadm(ipvs):
    version, size = ipvs.info()
    output = subprocess.check_output(["ipvsadm", "-Ln"], text=True)
    assert output.startswith(f"IP Virtual Server version {version} (size={size})")
