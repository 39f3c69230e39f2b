# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Format a table as the rules that ``ipvsadm --save --numeric`` prints and ``--restore`` reads.

Operators know this format, so diffs and the state file use it. It includes thresholds, which
``--save`` leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    VirtualService,
    endpoint,
    family_of,
    host_prefix,
    normal_address,
)

_PROTOCOL_OPTION = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
_METHOD_OPTION = {"dr": "-g", "tun": "-i", "nat": "-m", "local": "-g"}
_CHECKSUM_OPTION = {
    "none": "--tun-nocsum",
    "checksum": "--tun-csum",
    "remote": "--tun-remcsum",
}


def to_rules(services: Iterable[VirtualService]) -> str:
    """Return the rules for services with their pools, a line each, in the order of their keys."""
    lines: list[str] = []
    for service in sorted(services, key=lambda service: service.key):
        name = _name(service.key)
        lines.append(f"-A {name} -s {service.scheduler}{_settings(service)}")
        lines += [f"-a {name} -r {d}{_forwarding(d)}" for d in service.destinations]
    return "".join(f"{line}\n" for line in lines)


def _name(key: ServiceKey) -> str:
    if key.fwmark:
        return f"-f {key.fwmark}{' -6' if key.family == 'ipv6' else ''}"
    return f"{_PROTOCOL_OPTION[key.protocol]} {endpoint(key.vip, key.port)}"


def _settings(service: VirtualService) -> str:
    text = ""
    if service.persistence_timeout:
        text += f" -p {service.persistence_timeout}"
        if service.persistence_mask != host_prefix(service.key.family):
            text += f" -M {_mask(service)}"
    if service.persistence_engine:
        text += f" --pe {service.persistence_engine}"
    if service.one_packet:
        text += " -o"
    if service.scheduler_flags:
        text += f" -b {','.join(service.scheduler_flags)}"
    return text


def _mask(service: VirtualService) -> str:
    mask = service.persistence_mask
    if isinstance(mask, str) or service.key.family == "ipv6":
        return str(mask)
    return ".".join(str(0xFFFFFFFF << 32 - mask >> shift & 255) for shift in (24, 16, 8, 0))


def _forwarding(destination: Destination) -> str:
    text = f" {_METHOD_OPTION[destination.method]} -w {destination.weight}"
    if destination.tunnel_type != "ipip":
        text += f" --tun-type {destination.tunnel_type}"
        if destination.tunnel_port:
            text += f" --tun-port {destination.tunnel_port}"
        text += f" {_CHECKSUM_OPTION[destination.tunnel_checksum]}"
    if destination.upper_threshold:
        text += f" -x {destination.upper_threshold} -y {destination.lower_threshold}"
    return text


def by_service(rules: str | None) -> dict[ServiceKey, str]:
    """Return the rules of a file by service; raises ValueError for any other line but a
    comment.

    Those of a service and its pool follow each other.
    """
    found: dict[ServiceKey, str] = {}
    for number, line in enumerate((rules or "").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = _key(words) if words[0] in ("-A", "-a") else None
        if key is None or (words[0] == "-a" and key not in found):
            raise ValueError(
                f"line {number} is {line!r}; it must be '-A -t VIP:PORT -s SCHEDULER', or"
                " '-a -t VIP:PORT -r RIP:PORT ...' after the one for its service"
            )
        found[key] = f"{found.get(key, '')}{line}\n"
    return found


def _key(words: list[str]) -> ServiceKey | None:
    """Return the service of a rule's words, if it can be one."""
    protocols = {option: protocol for protocol, option in _PROTOCOL_OPTION.items()}
    if len(words) < 3:
        return None
    if words[1] == "-f" and words[2].isdigit():
        return ServiceKey("ipv6" if "-6" in words else "ipv4", fwmark=int(words[2]))
    host, _colon, port = words[2].rpartition(":")
    vip = normal_address(host.strip("[]"))
    if words[1] in protocols and vip and port.isdigit():
        return ServiceKey(family_of(vip), protocols[words[1]], vip, int(port))
    return None
