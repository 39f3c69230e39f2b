# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: they lead where they should, in an order that is safe at every moment."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    VirtualService,
    as_table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._plan import (
    Operation,
    accept_local,
    merge,
    plan,
    summary,
    touched,
)
from ansible_collections.lvs.cluster.tests.unit import strategies
from hypothesis import given

KEY = ServiceKey("ipv4", "tcp", "192.168.2.149", 80)


def rs(number, weight=1, **fields):
    """Return the destination 192.168.2.NUMBER."""
    return Destination(f"192.168.2.{number}", 80, weight=weight, **fields)


def web(*destinations, **fields):
    """Return a table with the one service and its pool."""
    return as_table([VirtualService(KEY, **fields).with_destinations(destinations)])


def carry_out(table, operation):
    """Return the table after an operation, refusing what the kernel refuses."""
    action, service, destination = operation
    table = dict(table)
    old = table.get(service.key)
    if destination is None:
        assert (old is None) == (action == "add"), operation
        if action == "delete":
            del table[service.key]
        else:
            table[service.key] = service._replace(destinations=old.destinations if old else ())
        return table
    pool = {d.key: d for d in old.destinations}
    assert (destination.key in pool) == (action != "add"), operation
    if action == "delete":
        del pool[destination.key]
    else:
        pool[destination.key] = destination
    table[service.key] = old.with_destinations(pool.values())
    return table


def bears(service):
    """Return whether a service has a server that takes connections."""
    return any(destination.weight for destination in service.destinations)


@given(strategies.two_tables())
def test_a_plan_leads_from_any_table_to_the_desired_one(tables):
    table, desired = tables
    for operation in plan(table, desired):
        table = carry_out(table, operation)
    assert table == desired


@given(strategies.tables())
def test_a_table_that_is_as_desired_needs_nothing(table):
    assert plan(table, dict(table)) == []


@given(strategies.two_tables())
def test_a_service_that_serves_before_and_after_serves_at_every_moment(tables):
    table, desired = tables
    served = [k for k in desired if k in table and bears(table[k]) and bears(desired[k])]
    for operation in plan(table, desired):
        table = carry_out(table, operation)
        assert all(bears(table[key]) for key in served), operation


@given(strategies.two_tables())
def test_unchanged_entries_are_never_deleted(tables):
    table, desired = tables
    for operation in plan(table, desired):
        if operation.action == "delete" and operation.service.key in desired:
            stays = {d.key for d in desired[operation.service.key].destinations}
            assert operation.destination.key not in stays


def test_destinations_are_added_before_others_are_removed():
    before = web(rs(31, 5), rs(32, 0), rs(33, 1))
    after = web(rs(31, 0), rs(32, 5), rs(34, 1))
    assert [(o.action, o.destination) for o in plan(before, after)] == [
        ("set", rs(32, 5)),
        ("add", rs(34, 1)),
        ("set", rs(31, 0)),
        ("delete", rs(33, 1)),
    ]


def test_a_new_scheduler_is_set_in_place():
    service = VirtualService(KEY, "sh").with_destinations([rs(31)])
    assert plan(web(rs(31)), as_table([service])) == [Operation("set", service)]


@pytest.mark.parametrize(
    ("old", "new"),
    [(rs(31, 1), rs(31, 10)), (rs(31), rs(31, method="nat")), (rs(31, 0), rs(31, 1))],
)
def test_any_field_of_a_destination_makes_a_difference(old, new):
    assert [o.action for o in plan(web(old), web(new))] == ["set"]


@pytest.mark.parametrize(
    ("prune", "pool", "services"),
    [("none", [31, 32], 2), ("destinations", [32], 2), ("all", [32], 1)],
)
def test_prune_selects_what_is_removed(prune, pool, services):
    other = VirtualService(ServiceKey("ipv4", fwmark=7))
    current = {**web(rs(31)), other.key: other}
    merged = merge(current, web(rs(32)).values(), prune)
    assert [d.address for d in merged[KEY].destinations] == [f"192.168.2.{n}" for n in pool]
    assert len(merged) == services


def test_a_destination_that_the_kernel_reports_as_local_is_unchanged():
    read = web(rs(31, method="local"))
    assert accept_local(read, web(rs(31))) == read
    assert (
        accept_local(read, web(rs(31, method="tun", tunnel_type="gue", tunnel_port=6080))) == read
    )


def test_a_local_destination_with_another_weight_is_a_difference():
    read, desired = web(rs(31, 1, method="local")), web(rs(31, 2))
    assert accept_local(read, desired) == desired


def test_only_services_that_operations_touch_are_compared_afterwards():
    other = VirtualService(ServiceKey("ipv4", fwmark=7))
    table = {**web(rs(31)), other.key: other}
    assert touched(table, [Operation("set", table[KEY])]) == web(rs(31))


def test_a_summary_has_the_number_of_destinations_of_each_service():
    other = VirtualService(ServiceKey("ipv4", fwmark=7)).with_destinations([rs(31), rs(32)])
    desired = {**web(rs(31), rs(32), rs(33)), other.key: other}
    assert summary(plan(web(rs(34)), desired)) == [
        "add 3 destinations of service tcp 192.168.2.149:80",
        "delete destination 192.168.2.34:80 of service tcp 192.168.2.149:80",
        "add service fwmark 7",
        "add 2 destinations of service fwmark 7",
    ]
