# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write lines of /etc/hosts, see hosts(5): an address and a host name in each line.

A name with a blank would be two names there, and one with a newline two lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import normal_address
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown

#: RFC 952 and RFC 1123, 2.1. An underscore is none of theirs, but the resolver takes it, and names
#: of inventories have it.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
#: They are the machine itself, on each machine.
_LOOPBACK = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})

MUST_BE = (
    "it must be a host name of letters, digits, - and _, with dots between its parts (RFC 1123),"
    " and not localhost"
)


def is_host_name(name: Any) -> bool:
    """Return whether a name is a valid host name in /etc/hosts."""
    return (
        isinstance(name, str)
        and _NAME.fullmatch(name) is not None
        and name.lower() not in _LOOPBACK
        and normal_address(name) is None
    )


def lines(names: Any) -> tuple[list[str], list[str]]:
    """Return the lines for names that each have an address, and a sentence for each mistake."""
    if not isinstance(names, Mapping):
        return [], [f"the names are {shown(names)}; they must be a mapping of names to addresses."]
    made, mistakes = [], []
    for name, value in names.items():
        address = normal_address(value)
        if not is_host_name(name):
            mistakes.append(f"the name is {shown(name)}; {MUST_BE}.")
        if address is None:
            mistakes.append(
                f"the address of {shown(name)} is {shown(value)}; it must be an IPv4 or IPv6"
                " address."
            )
        made.append(f"{address} {name}")
    return ([], mistakes) if mistakes else (made, [])
