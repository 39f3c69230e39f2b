# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IPVS table of a kernel: read, and changed in batches.

A failed batch may be partly done (see `_genetlink`). The caller undoes it (see
`_table.Transition`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._genetlink import (
    GenericNetlink,
    Message,
    NetlinkError,
    NoFamily,
    nested,
    u32,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs_codec import (
    Counters,
    DestinationDecoder,
    Encoder,
    SyncDaemon,
    counters_of,
    decode_daemon,
    decode_destination,
    decode_service,
    encode_key,
)
from ansible_collections.lvs.cluster.plugins.module_utils._ipvs_uapi import (
    Cmd,
    CmdAttr,
    DestAttr,
    InfoAttr,
    SvcAttr,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    VirtualService,
)
from ansible_collections.lvs.cluster.plugins.module_utils._plan import Operation

#: Messages in one send; at 256 the kernel's part is most of the time.
BATCH = 256
_TIMEOUTS = (
    CmdAttr.IPVS_CMD_ATTR_TIMEOUT_TCP,
    CmdAttr.IPVS_CMD_ATTR_TIMEOUT_TCP_FIN,
    CmdAttr.IPVS_CMD_ATTR_TIMEOUT_UDP,
)


class IpvsError(NetlinkError):
    """The kernel refused; ``code`` is its errno."""


class NoIpvs(IpvsError):
    """The kernel has no IPVS, or its module isn't loaded."""


class Refused(IpvsError):
    """An operation of a batch failed; ``operation`` is the first that did."""

    def __init__(self, operation: Operation, code: int) -> None:
        reason = _REASONS.get(code) or os.strerror(code)
        super().__init__(f"the kernel refused to {operation}: {reason}", code)
        self.operation = operation


_REASONS = {
    errno.EEXIST: "it is there already; another program changed the table at the same time",
    errno.ESRCH: "the service is gone; another program changed the table at the same time",
    errno.ENOENT: (
        "it isn't there (a scheduler or persistence engine the kernel hasn't got, or a destination"
        " that another program removed at the same time)"
    ),
    errno.EPERM: "not permitted; IPVS needs root (CAP_NET_ADMIN)",
    errno.EINVAL: (
        "invalid for this kernel (for instance an address that is not unicast here; while lo is"
        " down, every one is refused)"
    ),
    errno.EAFNOSUPPORT: "this kernel's IPVS has no IPv6",
}


class Load(NamedTuple):
    """A destination's connections now, and its counters."""

    active: int
    inactive: int
    persistent: int
    counters: Counters


class Timeouts(NamedTuple):
    """How long a connection's entry lives without packets, in seconds."""

    tcp: int = 0
    tcp_fin: int = 0
    udp: int = 0


class Ipvs(GenericNetlink):
    """One netlink socket to the IPVS of the network namespace this process is in.

    Raises `NoIpvs` where there is none. Use it as a context manager.
    """

    def __init__(self) -> None:
        try:
            super().__init__("IPVS")
        except NoFamily:
            raise NoIpvs("this kernel has no IPVS; load its module (modprobe ip_vs)") from None

    def _error(self, code: int) -> IpvsError:
        return IpvsError(f"the kernel refused: {_reason(code)}", code)

    # -- reading ------------------------------------------------------------------------------

    def services(self) -> list[VirtualService]:
        """Return every virtual service with its pool."""
        decoder = DestinationDecoder()
        found = []
        for service, _counters in self.services_only():
            key = service.key
            pool = [decoder(key.family, *message) for message in self._dump_pool(key)]
            # A table that changes while it is dumped can show one destination twice.
            found.append(service.with_destinations({d.key: d for d in pool}.values()))
        return found

    def services_only(self) -> list[tuple[VirtualService, Counters]]:
        """Return every virtual service without its pool, and its counters."""
        found: dict[ServiceKey, tuple[VirtualService, Counters]] = {}
        for message in self._dump(Cmd.IPVS_CMD_GET_SERVICE):
            attributes = nested(CmdAttr.IPVS_CMD_ATTR_SERVICE, *message)
            service = decode_service(attributes)
            found[service.key] = (
                service,
                counters_of(attributes, SvcAttr.IPVS_SVC_ATTR_STATS64, SvcAttr.IPVS_SVC_ATTR_STATS),
            )
        return list(found.values())

    def loads(self, key: ServiceKey) -> dict[Destination, Load]:
        """Return the connections of each destination; nothing if the service is gone."""
        found = {}
        for message in self._dump_pool(key):
            attributes = nested(CmdAttr.IPVS_CMD_ATTR_DEST, *message)
            counters = counters_of(
                attributes, DestAttr.IPVS_DEST_ATTR_STATS64, DestAttr.IPVS_DEST_ATTR_STATS
            )
            found[decode_destination(attributes, key.family)] = Load(
                u32(attributes, DestAttr.IPVS_DEST_ATTR_ACTIVE_CONNS),
                u32(attributes, DestAttr.IPVS_DEST_ATTR_INACT_CONNS),
                u32(attributes, DestAttr.IPVS_DEST_ATTR_PERSIST_CONNS),
                counters,
            )
        return found

    def _dump_pool(self, key: ServiceKey) -> list[Message]:
        try:
            return self._dump(Cmd.IPVS_CMD_GET_DEST, encode_key(key))
        except IpvsError as error:
            if error.code == errno.ESRCH:  # deleted since the services were listed
                return []
            raise

    def timeouts(self) -> Timeouts:
        """Return the timeouts in effect."""
        attributes = self._ask(Cmd.IPVS_CMD_GET_CONFIG)
        return Timeouts(*(u32(attributes, field) for field in _TIMEOUTS))

    def sync_daemons(self) -> list[SyncDaemon]:
        """Return the sync daemons that run."""
        messages = self._dump(Cmd.IPVS_CMD_GET_DAEMON)
        return [
            decode_daemon(nested(CmdAttr.IPVS_CMD_ATTR_DAEMON, *message)) for message in messages
        ]

    def info(self) -> tuple[str, int]:
        """Return IPVS's version and the size of its connection table."""
        attributes = self._ask(Cmd.IPVS_CMD_GET_INFO)
        version = u32(attributes, InfoAttr.IPVS_INFO_ATTR_VERSION)
        text = f"{version >> 16 & 255}.{version >> 8 & 255}.{version & 255}"
        return text, u32(attributes, InfoAttr.IPVS_INFO_ATTR_CONN_TAB_SIZE)

    # -- writing ------------------------------------------------------------------------------

    def apply(self, operations: Sequence[Operation]) -> None:
        """Send the operations in batches; raise ``Refused`` for the first that failed.

        Other operations of the failed batch may have been done, including later ones.
        """
        encode = Encoder()
        for start in range(0, len(operations), BATCH):
            batch = operations[start : start + BATCH]
            errors = self._send([encode(operation) for operation in batch])
            if errors:
                first = min(errors)
                raise Refused(batch[first], errors[first])


def _reason(code: int) -> str:
    return _REASONS.get(code) or os.strerror(code)
