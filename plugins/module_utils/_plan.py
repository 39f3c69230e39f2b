# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the table there is to the table there should be: pure functions, no I/O.

``merge`` returns the wanted table, ``plan`` the steps to it. Check mode, the diff and what
is really done come from the same plan, so they can't disagree.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    Table,
    VirtualService,
)


class Operation(NamedTuple):
    """One change of the kernel's table.

    ``action`` is ``add``, ``set`` or ``delete``; it is done to the destination if there is one,
    else to the service itself.
    """

    action: str
    service: VirtualService
    destination: Destination | None = None

    def __str__(self) -> str:
        if self.destination is None:
            return f"{self.action} service {self.service}"
        return f"{self.action} destination {self.destination} of service {self.service}"


def merge(current: Table, wanted: Iterable[VirtualService], prune: str) -> Table:
    """Return the table that should be: the wanted services among those there are.

    ``prune`` selects what goes: ``none`` nothing, so that destinations are only added and changed;
    ``destinations`` what a wanted service's pool has and isn't wanted; ``all`` also every service
    that isn't wanted.
    """
    desired = {} if prune == "all" else dict(current)
    for service in wanted:
        old = current.get(service.key)
        pool = {}
        if old and prune == "none":
            pool = {d.key: d for d in old.destinations}
        pool.update((d.key, d) for d in service.destinations)
        desired[service.key] = service.with_destinations(pool.values())
    return desired


def plan(current: Table, desired: Table) -> list[Operation]:
    """Return the operations that turn ``current`` into ``desired``, in a safe order.

    Everything is edited in place: what stays is never deleted and added again, so its connections
    live. In a pool, what adds capacity comes before what takes it away: a service that has a
    server with weight before and after has one at every moment between. Services that go, go last.
    """
    operations: list[Operation] = []
    for key, service in desired.items():
        old = current.get(key)
        if old is None:
            operations.append(Operation("add", service))
            operations += [Operation("add", service, d) for d in service.destinations]
        elif old != service:
            operations += _change(old, service)
    gone = (service for key, service in current.items() if key not in desired)
    operations += [Operation("delete", service) for service in gone]
    return operations


def _change(old: VirtualService, new: VirtualService) -> Iterator[Operation]:
    if old._replace(destinations=()) != new._replace(destinations=()):
        yield Operation("set", new)
    before = {d.key: d for d in old.destinations}
    after = {d.key for d in new.destinations}
    less = []
    for destination in new.destinations:
        was = before.get(destination.key)
        if was is None:
            yield Operation("add", new, destination)
        elif was != destination:
            change = Operation("set", new, destination)
            if destination.weight < was.weight:
                less.append(change)
            else:
                yield change
    yield from less
    for destination in old.destinations:
        if destination.key not in after:
            yield Operation("delete", new, destination)


def summary(operations: Sequence[Operation]) -> list[str]:
    """Return the operations in words, those on destinations of one service as their number."""
    words = []
    for (action, key, pool), group in itertools.groupby(
        operations, lambda each: (each.action, each.service.key, each.destination is not None)
    ):
        several = list(group)
        if pool and len(several) > 1:
            words.append(f"{action} {len(several)} destinations of service {key}")
        else:
            words += map(str, several)
    return words


def accept_local(read: Table, desired: Table) -> Table:
    """Return ``desired`` with each destination that was read as ``local`` left as it was read.

    A kernel may read ``local`` for an address of the director itself, whatever method was set;
    without this each run would change it again.
    """
    accepted = dict(desired)
    for key, service in read.items():
        local = {d.key: d for d in service.destinations if d.method == "local"}
        if local and key in desired:
            pool = (_accept_local(d, local.get(d.key)) for d in desired[key].destinations)
            accepted[key] = desired[key]._replace(destinations=tuple(pool))
    return accepted


def _accept_local(wanted: Destination, local: Destination | None) -> Destination:
    plain = wanted._replace(
        method="local", tunnel_type="ipip", tunnel_port=0, tunnel_checksum="none"
    )
    return plain if plain == local else wanted


def touched(table: Table, operations: Iterable[Operation]) -> Table:
    """Return the part of a table that operations are about."""
    keys = {operation.service.key for operation in operations}
    return {key: service for key, service in table.items() if key in keys}
