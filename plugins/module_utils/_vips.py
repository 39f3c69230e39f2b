# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs in the options of modules, and the definition of which VIPs a machine holds."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Union

from ansible_collections.lvs.cluster.plugins.module_utils._errors import OperatorError
from ansible_collections.lvs.cluster.plugins.module_utils._tunnels import is_tunnel

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


def parse(vips: Iterable[str]) -> list[Address]:
    """Return the addresses of an option ``vips``; raises OperatorError with all mistakes."""
    parsed = {vip: _address(vip) for vip in vips}
    mistakes = [
        f"vips: {vip!r}: it must be an address such as 192.168.2.149."
        for vip, address in parsed.items()
        if address is None
    ]
    if mistakes:
        raise OperatorError(*mistakes)
    return [address for address in parsed.values() if address is not None]


def _address(text: str) -> Address | None:
    """Return an address; None for what is none, or has a zone, which may be any text."""
    with contextlib.suppress(ValueError):
        return None if "%" in text else ipaddress.ip_address(text)
    return None


def held(links: Iterable[Mapping[str, Any]], vips: Iterable[str]) -> dict[str, str]:
    """Return the VIPs that a machine holds as a director, each with its interface.

    A director holds a VIP if it is on an interface that is up and is not one that this collection
    uses for a real server's VIPs: lo (lo0 on FreeBSD) and tunnel devices. An address that duplicate
    address detection has refused is not held.

    :param links: what ``ip -json address show`` prints
    :param vips: the VIPs to check; they are returned as they are written here
    """
    found: dict[Any, str] = {}
    for link in links:
        name = link.get("ifname", "")  # ip prints {} for an interface that it filters out
        if "UP" not in link.get("flags", ()) or name in ("lo", "lo0") or is_tunnel(name):
            continue
        for each in link.get("addr_info", ()):
            if "local" in each and not each.get("dadfailed"):
                found.setdefault(ipaddress.ip_address(each["local"]), name)
    wanted = {vip: ipaddress.ip_address(vip) for vip in vips}
    return {vip: found[address] for vip, address in wanted.items() if address in found}
