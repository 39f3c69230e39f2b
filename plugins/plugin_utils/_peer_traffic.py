# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets between directors: how a packet filter matches them, and who may send them.

Pure. Values come from a role's variables; results are safe in rules of nft.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _keepalived_values,
)
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_relations import (
    as_list,
    family,
    named,
    on,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import as_integer
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown

#: RFC 5798 and 9568, 5.1.1.3 and 5.1.2.3: no router has forwarded a packet with the highest value.
ON_LINK = 255
#: include/net/ip_vs.h and net/netfilter/ipvs/ip_vs_sync.c (Linux): IP_VS_SYNC_GROUP, _PORT.
SYNC_GROUP, SYNC_PORT = "224.0.0.81", 8848
#: The most that net/ipv4/vs/sync_ports may be (IPVS_SYNC_PORTS_MAX): one port after the other.
SYNC_PORTS, LAST_PORT = 64, 65535
#: Who sends multicast by IPv6 has an address of the link as its source (RFC 5798, 5.1.2.1).
LINK_LOCAL = "fe80::/10"


class Advertisements(NamedTuple):
    """The advertisements of the VRRP instances on an interface, of one family.

    :ivar interface: where they arrive; "" for any, since keepalived creates that of a virtual MAC
    :ivar ids: the virtual router IDs, the second octet of an advertisement (RFC 5798, 5.1)
    :ivar least_ttl: the least TTL or hop limit that is accepted; 0 for all
    :ivar sources: the addresses and networks that may send them
    """

    interface: str
    family: str
    ids: list[int]
    least_ttl: int
    sources: list[str]


class Sync(NamedTuple):
    """The packets of IPVS's sync daemon.

    :ivar port: the first port; each thread has its own
    """

    interface: str
    family: str
    group: str
    port: int
    last_port: int
    sources: list[str]


def advertisements(
    instances: Iterable[Mapping[str, Any]], peers: Iterable[Any], mistakes: list[str]
) -> Iterator[Advertisements]:
    """Yield the advertisements for VRRP instances, each given as keepalived_conf takes it."""
    found: dict[tuple[str, str], list[tuple[int, Mapping[str, Any]]]] = {}
    for number, instance in enumerate(instances, 1):
        label = f"instance {instance.get('name') or number}"
        router = as_integer(instance.get("virtual_router_id"))
        if router is None or not 0 < router <= 255:
            mistakes.append(
                f"{label}: virtual_router_id is {shown(instance.get('virtual_router_id'))}; it must"
                " be a whole number from 1 to 255."
            )
            continue
        interface = _read("interface", _kinds.INTERFACE, instance, label, mistakes)
        virtual = on(instance, "use_vmac") or _kinds.given(instance, "vmac_interface")
        key = ("" if virtual else interface, _family(instance))
        found.setdefault(key, []).append((router, instance))
    of_family = sources(peers, mistakes)
    for (interface, version), several in found.items():
        multicast = any(not as_list(each.get("unicast_peers")) for _router, each in several)
        yield Advertisements(
            interface,
            version,
            sorted({router for router, _instance in several}),
            min(_least_ttl(instance) for _router, instance in several),
            _with_link_local(of_family[version], version) if multicast else of_family[version],
        )


def sync(daemon: Mapping[str, Any], peers: Iterable[Any], mistakes: list[str]) -> Sync:
    """Return the packets of a sync daemon, given as keepalived_conf takes it."""
    wanted = {"group": SYNC_GROUP, "port": SYNC_PORT, **{k: v for k, v in daemon.items() if v}}
    label = "sync_daemon"
    group = _read("group", _kinds.MULTICAST, wanted, label, mistakes)
    version = "ipv6" if ":" in group else "ipv4"
    port = int(_read("port", _kinds.PORT, wanted, label, mistakes) or 0)
    return Sync(
        _read("interface", _kinds.INTERFACE, wanted, label, mistakes),
        version,
        group,
        port,
        min(port + SYNC_PORTS - 1, LAST_PORT),
        _with_link_local(sources(peers, mistakes)[version], version),
    )


def sources(peers: Iterable[Any], mistakes: list[str]) -> dict[str, list[str]]:
    """Return addresses and networks by their family, each once."""
    found: dict[str, dict[str, None]] = {"ipv4": {}, "ipv6": {}}
    for text, _rest in named(list(peers), "address"):
        try:
            if "%" in text:  # a zone, which Python takes as any text
                raise ValueError(text)
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            mistakes.append(f"a peer is {shown(text)}; it must be an address.")
        else:
            written = str(network if "/" in text else network.network_address)
            found[f"ipv{network.version}"][written] = None
    return {version: list(several) for version, several in found.items()}


def _with_link_local(peers: Sequence[str], version: str) -> list[str]:
    """Return the sources of multicast, with link-local addresses, which are seldom known."""
    known = any(ipaddress.ip_network(peer).is_link_local for peer in peers)
    return [*peers, *([LINK_LOCAL] if version == "ipv6" and not known else [])]


def _read(
    field: str,
    kind: _kinds.Kind,
    raw: Mapping[str, Any],
    label: str,
    mistakes: list[str],
) -> str:
    """Return a field as in keepalived's file, without quotes."""
    try:
        return str(kind.read(raw.get(field))).strip('"')
    except _keepalived_values.InvalidValue:
        mistakes.append(f"{label}: {field} is {shown(raw.get(field))}; it must be {kind.must_be}.")
        return ""


def _family(instance: Mapping[str, Any]) -> str:
    """Return the family of an instance's advertisements, that of its VIPs."""
    vips = [address for address, _rest in named(instance.get("vips"), "address")]
    peers = [address for address, _rest in named(instance.get("unicast_peers"), "address")]
    own = [instance.get(field) for field in ("unicast_src_ip", "mcast_src_ip", "mcast_dst_ip")]
    return next(filter(None, map(family, [*vips, *own, *peers])), "ipv4")


def _least_ttl(instance: Mapping[str, Any]) -> int:
    """Return the least TTL of an instance's advertisements.

    With multicast it is 255. keepalived sends to peers with ``unicast_ttl``, and accepts any TTL
    unless a peer has a ``min_ttl`` (vrrp.c, vrrp_in_chk). Peers are on the link, so no router
    lowers it.
    """
    peers = named(instance.get("unicast_peers"), "address")
    ttls = [as_integer(peer.get("min_ttl")) for _address, peer in peers]
    ttls += [as_integer(instance.get("unicast_ttl"))] if peers else []
    return min([ttl for ttl in ttls if ttl is not None], default=ON_LINK)
