# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual services and tables for hypothesis: everything the kernel accepts, and no more."""

from __future__ import annotations

import ipaddress

from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    MAX_THRESHOLD,
    MAX_TIMEOUT,
    MAX_U32,
    MAX_WEIGHT,
    PROTOCOLS,
    SCHEDULERS,
    Destination,
    ServiceKey,
    VirtualService,
    as_table,
    flag_names,
    host_prefix,
    normal_address,
    unusable,
)
from hypothesis import strategies as st

ports = st.integers(1, 65535)


def addresses(family):
    """Return addresses of a family that a host can have, in their one spelling."""
    if family == "ipv6":
        numbers = st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(ipaddress.IPv6Address)
    else:
        numbers = st.integers(1 << 24, (224 << 24) - 1).map(ipaddress.IPv4Address)
    spelled = numbers.map(lambda address: normal_address(str(address)))
    return spelled.filter(lambda address: not unusable(address))


@st.composite
def keys(draw):
    """Return what identifies a service: address, port and protocol, or a mark."""
    family = draw(st.sampled_from(["ipv4", "ipv6"]))
    if draw(st.booleans()):
        return ServiceKey(family, fwmark=draw(st.integers(1, MAX_U32)))
    protocol = draw(st.sampled_from(PROTOCOLS))
    return ServiceKey(family, protocol, draw(addresses(family)), draw(ports))


@st.composite
def destinations(draw, key):
    """Return a destination that a service with this key can have."""
    method = draw(st.sampled_from(["dr", "tun", "nat"]))
    family = draw(st.sampled_from(["ipv4", "ipv6"])) if method == "tun" else key.family
    port = draw(st.integers(0, 65535)) if method == "nat" else key.port
    upper = draw(st.integers(0, MAX_THRESHOLD))
    tunnel = ("ipip", 0, "none")
    if method == "tun":
        tunnel = draw(
            st.one_of(
                st.just(tunnel),
                st.tuples(st.just("gue"), ports, st.sampled_from(["none", "checksum", "remote"])),
                st.tuples(st.just("gre"), st.just(0), st.sampled_from(["none", "checksum"])),
            )
        )
    return Destination(
        draw(addresses(family)),
        port,
        method,
        draw(st.integers(0, MAX_WEIGHT)),
        upper,
        draw(st.integers(0, upper)),
        *tunnel,
    )


def pools(key, max_size=5):
    """Return pools in which no address and port stands twice."""
    return st.lists(destinations(key), max_size=max_size, unique_by=lambda d: d.key)


@st.composite
def services(draw, key=None):
    """Return a virtual service with its pool."""
    key = key or draw(keys())
    scheduler = draw(st.sampled_from(SCHEDULERS))
    flags = tuple(flag for flag in flag_names(scheduler) if draw(st.booleans()))
    timeout = draw(st.sampled_from([0, 1, 300, MAX_TIMEOUT]))
    mask, engine = host_prefix(key.family), ""
    if timeout:
        mask = draw(st.integers(1, mask))
        engine = draw(st.sampled_from(["", "sip"]))
    one_packet = draw(st.booleans()) if key.fwmark or key.protocol == "udp" else False
    service = VirtualService(key, scheduler, flags, timeout, mask, engine, one_packet)
    return service.with_destinations(draw(pools(key)))


def tables():
    """Return whole tables."""
    return st.lists(services(), max_size=4, unique_by=lambda service: service.key).map(as_table)


@st.composite
def two_tables(draw):
    """Return two tables that have much in common, as before and after a change."""
    before = draw(tables())
    after = draw(tables())
    for key, service in before.items():
        fate = draw(st.sampled_from(["kept", "changed", "gone"]))
        if fate == "kept":
            after[key] = service
        elif fate == "changed":
            other = draw(services(key=key))
            kept = [d for d in service.destinations if draw(st.booleans())]
            pool = {d.key: d for d in (*kept, *other.destinations)}
            reweighted = (
                d._replace(weight=draw(st.integers(0, 3))) if draw(st.booleans()) else d
                for d in pool.values()
            )
            after[key] = other.with_destinations(reweighted)
    return before, after
