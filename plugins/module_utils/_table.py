# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the kernel's table, in all modules: plan, apply, read again, compare."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _program
from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs import (
    Ipvs,
    IpvsError,
    NoIpvs,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvsadm_format import to_rules
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Table,
    VirtualService,
    as_table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._plan import (
    Operation,
    accept_local,
    plan,
    touched,
)
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError
from ansible_collections.lvs.cluster.plugins.module_utils._table_owner import (
    OWNERS,
    refuse_other_owners,
)

#: Drops the ICMP error of a service that can't choose a destination. The elements of the set
#: expire, so a table that is left behind soon has no effect. 1 is ICMP, 58 ICMPv6: a host may have
#: no names for them.
DROP_PORT_UNREACHABLE = """
table inet lvs_reschedule {
  set for_a_while { type inet_proto; timeout 20s; elements = { 1, 58 }; }
  chain output {
    type filter hook output priority filter
    meta l4proto != @for_a_while accept
    icmp type destination-unreachable icmp code port-unreachable drop
    icmpv6 type destination-unreachable icmpv6 code port-unreachable drop
  }
}
"""

REMOVE_TABLE = "table inet lvs_reschedule\ndelete table inet lvs_reschedule\n"


@contextlib.contextmanager
def suppress_port_unreachable() -> Iterator[None]:
    """Send no ICMP port unreachable while a scheduler changes; clients retry after a second.

    A service has no scheduler for some milliseconds (ip_vs_edit_service in the kernel's
    ip_vs_ctl.c), and a new connection then gets port unreachable (ip_vs_leave in ip_vs_core.c).
    Without nft nothing is suppressed.
    """
    _nft(REMOVE_TABLE + DROP_PORT_UNREACHABLE)
    try:
        yield
    finally:
        _nft(REMOVE_TABLE)


@contextlib.contextmanager
def remove_leftover() -> Iterator[None]:
    """Remove the table that a run left which was killed in `suppress_port_unreachable`."""
    _nft(REMOVE_TABLE)
    yield


def _nft(rules: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        _program.run("nft", "--file", "-", text=rules)


class Transition(NamedTuple):
    """A table before and after a change, and the operations of the change.

    ``missing_requirements`` has a sentence where there is no IPVS to apply them to.
    """

    before: Table
    after: Table
    operations: Sequence[Operation]
    missing_requirements: Sequence[str] = ()

    @property
    def text(self) -> tuple[str, str]:
        """What operations touch, as ipvsadm's rules before and after."""
        before, after = (
            to_rules(touched(table, self.operations).values())
            for table in (self.before, self.after)
        )
        return before, after

    def apply(self) -> Mapping[str, object]:
        """Do the operations, read the table again and compare.

        If the kernel refuses one, or doesn't hold what was written, what was done is undone.
        Raises `OperatorError`.
        """
        if self.operations:
            guard = suppress_port_unreachable() if self.reschedules else remove_leftover()
            with guard, Ipvs() as ipvs:
                self._apply(ipvs)
        return {}

    @property
    def reschedules(self) -> bool:
        """Whether a service that there is gets another scheduler."""
        return any(
            key in self.after and self.after[key].scheduler != service.scheduler
            for key, service in self.before.items()
        )

    def _apply(self, ipvs: Ipvs) -> None:
        try:
            ipvs.apply(self.operations)
            now = self._now(ipvs)
        except IpvsError as error:
            raise self._undo(ipvs, OperatorError(f"{error}.")) from error
        left = plan(now, accept_local(now, touched(self.after, self.operations)))
        if left:
            sentences = (f"The kernel took the change, but it remains to {op}." for op in left)
            raise self._undo(ipvs, OperatorError(*sentences))

    def _now(self, ipvs: Ipvs) -> Table:
        return touched(as_table(ipvs.services()), self.operations)

    def _undo(self, ipvs: Ipvs, why: OperatorError) -> OperatorError:
        """Bring what operations touched back to what it was; return the error to raise."""
        not_undone = []
        try:
            ipvs.apply(plan(self._now(ipvs), touched(self.before, self.operations)))
        except IpvsError as error:
            not_undone = [
                f"Undoing what was done failed too ({error}); compare with 'ipvsadm -Sn'."
            ]
        return failure(why, not_undone, "What had been done is undone, the table is as it was.")


def transition(desire: Callable[[Table], Table], ignore_owners: Sequence[str] = ()) -> Transition:
    """Read the table and plan the operations to what ``desire`` makes of it.

    A kernel without IPVS counts as an empty table, which is what it will be when IPVS is loaded.
    Raises `OperatorError`, also where something has to change and another program owns the table.
    """
    missing_requirements = []
    try:
        with Ipvs() as ipvs:
            before = as_table(ipvs.services())
    except NoIpvs as error:
        before, missing_requirements = {}, [f"{error}."]
    except IpvsError as error:
        raise OperatorError(f"{error}.") from error
    after = accept_local(before, desire(before))
    operations = plan(before, after)
    if operations:
        refuse_other_owners(ignore_owners)
    return Transition(before, after, operations, missing_requirements)


def reschedule(services: Iterable[VirtualService]) -> None:
    """Give those of the services that the kernel has their scheduler, for another owner's sake."""

    def desire(current: Table) -> Table:
        changed = {
            new.key: old._replace(scheduler=new.scheduler, scheduler_flags=new.scheduler_flags)
            for new in services
            if (old := current.get(new.key)) and old.scheduler != new.scheduler
        }
        return {**current, **changed}

    transition(desire, OWNERS).apply()
