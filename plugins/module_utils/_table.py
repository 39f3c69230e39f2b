# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way in which modules change the kernel's table: plan, apply, read again, compare."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _program
from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure
from ansible_collections.lvs.cluster.plugins.module_utils._ipvsadm_format import to_rules
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Table,
    VirtualService,
    as_table,
)
from ansible_collections.lvs.cluster.plugins.module_utils._netlink import (
    Ipvs,
    IpvsError,
    NoIpvs,
)
from ansible_collections.lvs.cluster.plugins.module_utils._plan import (
    Operation,
    plan,
    settle,
    touched,
)
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError
from ansible_collections.lvs.cluster.plugins.module_utils._table_owner import (
    OWNERS,
    refuse_other_owners,
)

#: Drops the answer of a service that can't choose a destination. The set empties itself: should
#: nobody take the table away, it soon does nothing any more. 1 is ICMP, 58 ICMPv6: a machine may
#: have no names for them.
NOBODY_IS_REFUSED = """
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

GONE = "table inet lvs_reschedule\ndelete table inet lvs_reschedule\n"


@contextlib.contextmanager
def nobody_refused() -> Iterator[None]:
    """Have no client refused while a scheduler changes; it asks again after a second.

    A service has none for some milliseconds (ip_vs_edit_service in the kernel's ip_vs_ctl.c), and
    who comes then is told that the port is unreachable (ip_vs_leave in ip_vs_core.c). Where there
    is no nft, it is as it is.
    """
    _nft(GONE + NOBODY_IS_REFUSED)
    try:
        yield
    finally:
        _nft(GONE)


@contextlib.contextmanager
def leftover_removed() -> Iterator[None]:
    """Take away the table of `nobody_refused` that a run has left which was killed within it."""
    _nft(GONE)
    yield


def _nft(rules: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        _program.run("nft", "--file", "-", text=rules)


class Transition(NamedTuple):
    """A table as it is and as it should be, and the operations between.

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
            guard = nobody_refused() if self.reschedules else leftover_removed()
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
            raise self._taken_back(ipvs, OperatorError(f"{error}.")) from error
        left = plan(now, settle(now, touched(self.after, self.operations)))
        if left:
            sentences = (f"The kernel took the change, but it remains to {op}." for op in left)
            raise self._taken_back(ipvs, OperatorError(*sentences))

    def _now(self, ipvs: Ipvs) -> Table:
        return touched(as_table(ipvs.services()), self.operations)

    def _taken_back(self, ipvs: Ipvs, why: OperatorError) -> OperatorError:
        """Bring what operations touched back to what it was; return the error to raise."""
        lost = []
        try:
            ipvs.apply(plan(self._now(ipvs), touched(self.before, self.operations)))
        except IpvsError as error:
            lost = [f"Undoing what was done failed too ({error}); compare with 'ipvsadm -Sn'."]
        return failure(why, lost, "What had been done is undone, the table is as it was.")


def transition(desire: Callable[[Table], Table], ignore_owners: Sequence[str] = ()) -> Transition:
    """Read the table and plan the way to what ``desire`` makes of it.

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
    after = settle(before, desire(before))
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
