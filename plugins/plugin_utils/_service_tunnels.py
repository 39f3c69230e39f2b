# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute what the services of a real server with method TUN require of it.

Pure: services come in, tunnels, kernel modules and TCP segment sizes go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils._model import family_of
from ansible_collections.lvs.cluster.plugins.module_utils._tunnels import GUE_PORT

#: Bytes of an IP header (RFC 791, RFC 8200), and of a TCP header without options.
IP_HEADER = {"ipv4": 20, "ipv6": 40}
TCP_HEADER = 20
#: Bytes of UDP and GUE, and of the option of a remote checksum (ip_vs_xmit.c, ipvs_gue_encap).
GUE, REMOTE_CHECKSUM = 12, 8
#: Bytes of GRE, and of its checksum (RFC 2784).
GRE, GRE_CHECKSUM = 4, 4

Service = Mapping[str, Any]


class ServiceTunnels(NamedTuple):
    """The tunnels of the services of a real server, as plain data.

    :ivar tunnels: each once, as the module ``tunnel_iface`` takes them
    :ivar modules: the kernel modules that decapsulate them
    :ivar clamped: for each ``vip`` the ``size`` of the largest TCP segment that fits into its
        tunnels
    """

    tunnels: list[dict[str, Any]]
    modules: list[str]
    clamped: list[dict[str, Any]]


def service_tunnels(services: Iterable[Service], mtu: int) -> ServiceTunnels:
    """Return the tunnels, kernel modules and segment sizes of services.

    :param services: ``vip``, ``address`` and the tunnel's fields of each
    :param mtu: the MTU of the path from the director, in bytes
    """
    tunnels: list[dict[str, Any]] = []
    modules: dict[str, None] = {}
    sizes: dict[str, int] = {}
    for service in services:
        tunnel = _tunnel(service)
        if tunnel not in tunnels:
            tunnels.append(tunnel)
            modules.update(dict.fromkeys(_modules(tunnel)))
        vip = service["vip"]
        size = mtu - _headers(tunnel) - TCP_HEADER
        sizes[vip] = min(size, sizes.get(vip, size))
    return ServiceTunnels(
        tunnels, list(modules), [{"vip": vip, "size": size} for vip, size in sizes.items()]
    )


def _tunnel(service: Service) -> dict[str, Any]:
    kind = service.get("tunnel_type") or "ipip"
    return {
        "type": kind,
        "address": service["address"],
        "inner": family_of(service["vip"]),
        "port": (service.get("tunnel_port") or GUE_PORT) if kind == "gue" else None,
        "checksum": service.get("tunnel_checksum") or "none",
    }


def _modules(tunnel: Mapping[str, Any]) -> list[str]:
    """Return the modules of a tunnel. GUE contains the same encapsulation as without it."""
    if family_of(tunnel["address"]) == "ipv6":
        device = "ip6_gre" if tunnel["type"] == "gre" else "ip6_tunnel"
    elif tunnel["type"] == "gre":
        device = "ip_gre"
    else:
        device = "sit" if tunnel["inner"] == "ipv6" else "ipip"
    return [device, "fou"] if tunnel["type"] == "gue" else [device]


def _headers(tunnel: Mapping[str, Any]) -> int:
    """Return the bytes of all headers before TCP: outer IP, encapsulation, inner IP."""
    checksum = tunnel["checksum"]
    encapsulation = {
        "ipip": 0,
        "gue": GUE + (REMOTE_CHECKSUM if checksum == "remote" else 0),
        "gre": GRE + (GRE_CHECKSUM if checksum == "checksum" else 0),
    }[tunnel["type"]]
    return IP_HEADER[family_of(tunnel["address"])] + encapsulation + IP_HEADER[tunnel["inner"]]
