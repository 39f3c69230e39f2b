# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and networks, as far as an inventory has to judge them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ansible_collections.lvs.cluster.plugins.module_utils._model import unusable

MAX_PORT = 65535

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def family_name(what: Network | str) -> str:
    """Return IPv4 or IPv6, as spelled in messages."""
    return "IPv6" if what == "ipv6" or ":" in str(what) else "IPv4"


def usable(address: str) -> bool:
    """Whether a machine can have an address toward others."""
    return not unusable(address) and not ipaddress.ip_address(address).is_loopback


def inside(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks, or none is known."""
    return not networks or any(ipaddress.ip_address(address) in network for network in networks)


def parse_network(text: str, *, strict: bool = True) -> Network:
    """Return a network; raises ValueError for none, and for a zone, which Python takes as any text.

    :param strict: whether bits behind the prefix are a mistake
    """
    if "%" in text:
        raise ValueError(text)
    return ipaddress.ip_network(text, strict=strict)
