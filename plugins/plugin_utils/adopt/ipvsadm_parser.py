# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``ipvsadm --save --numeric`` prints, read into the data of virtual services.

Pure. Scripts of such commands are read too, as far as they have addresses and not variables.
``_ipvsadm_format`` writes what is read here, and its words are taken from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _ipvsadm_format
from ansible_collections.lvs.cluster.plugins.module_utils._model import normal_address
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.option_reader import Block
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.statements import shorten

_COMMAND = r"(?:(?:\S*ipvsadm\S*|\$\S+)\s+)?"
_ADD = re.compile(rf"^\s*{_COMMAND}(?:-A|--add-service)\s", re.MULTILINE | re.IGNORECASE)
_RULES = {"-A": "service", "--add-service": "service", "-a": "server", "--add-server": "server"}
_PROTOCOL = {option: protocol for protocol, option in _ipvsadm_format._PROTOCOL_OPTION.items()}
_PROTOCOL.update({"--tcp-service": "tcp", "--udp-service": "udp"})
#: ipvsadm's words that a value follows; some have two spellings, some are saved without hyphens.
_VALUES = {
    **dict.fromkeys(("-s", "--scheduler"), "scheduler"),
    **dict.fromkeys(("-M", "--netmask"), "persistence_mask"),
    **dict.fromkeys(("--pe", "pe"), "persistence_engine"),
    **dict.fromkeys(("-b", "--sched-flags"), "scheduler_flags"),
    **dict.fromkeys(("-w", "--weight"), "weight"),
    **dict.fromkeys(("-x", "--u-threshold"), "upper_threshold"),
    **dict.fromkeys(("-y", "--l-threshold"), "lower_threshold"),
    "--tun-type": "tunnel_type",
    "--tun-port": "tunnel_port",
}
#: Options without a value, with the field that each sets.
_WITHOUT_VALUE: dict[str, tuple[str, Any]] = {
    **{
        o: ("method", method)
        for method, o in _ipvsadm_format._METHOD_OPTION.items()
        if method != "local"
    },
    "--gatewaying": ("method", "dr"),
    "--ipip": ("method", "tun"),
    "--masquerading": ("method", "nat"),
    **{
        o: ("tunnel_checksum", checksum) for checksum, o in _ipvsadm_format._CHECKSUM_OPTION.items()
    },
    **dict.fromkeys(("-6", "--ipv6"), ("family", "ipv6")),
    **dict.fromkeys(("-o", "--ops", "ops"), ("one_packet", True)),
}
#: For how many seconds -p alone keeps a client.
_PERSISTENCE = "300"


def are_rules(text: str) -> bool:
    """Return whether a text is of ipvsadm's commands, those that add a service among them."""
    return bool(_ADD.search(text))


def read_rules(text: str) -> tuple[list[Block], list[tuple[int, str]]]:
    """Return the services of a text, and line and sentence of each thing that is not taken."""
    services: dict[Any, Block] = {}
    unrepresented: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        rule = re.sub(f"^{_COMMAND}", "", line.partition("#")[0].strip(), flags=re.IGNORECASE)
        if not rule:
            continue
        try:
            _add(rule.split(), number, services)
        except ValueError as error:
            unrepresented.append((number, f"`{shorten(rule)}` is left out: {error}."))
    return list(services.values()), unrepresented


def _add(words: Sequence[str], number: int, services: dict[Any, Block]) -> None:
    """Take one rule; raises ValueError with the reason if it can't be."""
    kind = _RULES.get(words[0])
    if kind is None:
        raise ValueError("it adds neither a service nor a destination")
    key, fields = _rule(words[1:])
    if kind == "service":
        if key in services:
            raise ValueError(f"the same service is at line {services[key].line} already")
        services[key] = Block(number, **dict(key), **fields, destinations=[])
    elif key not in services:
        raise ValueError("there is no such service before it")
    else:
        services[key]["destinations"].append(Block(number, **fields))


def _rule(words: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """Return the key of a rule's service, and its other fields."""
    rest = list(words)
    key: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    while rest:
        word = rest.pop(0)
        value = rest[0] if rest and not rest[0].startswith("-") else ""
        if word in _WITHOUT_VALUE:
            name, value = _WITHOUT_VALUE[word]
            fields[name] = value
            continue
        if word in ("-p", "--persistent"):
            fields["persistence_timeout"] = value if value.isdigit() else _PERSISTENCE
            if not value.isdigit():
                continue
        elif not value:
            raise ValueError(f"{word} is not understood")
        elif word in _PROTOCOL:
            vip, port = _endpoint(value)
            key = {"vip": vip, "port": port or 0, "protocol": _PROTOCOL[word]}
        elif word in ("-f", "--fwmark-service"):
            key = {"fwmark": value}
        elif word in ("-r", "--real-server"):
            fields["address"], port = _endpoint(value)
            fields.update({"port": port} if port is not None else {})
        elif word in _VALUES:
            fields[_VALUES[word]] = value
        else:
            raise ValueError(f"{word} is not understood")
        del rest[0]
    family = fields.pop("family", "ipv4")
    if "fwmark" in key:
        key["family"] = family
    if not key:
        raise ValueError("it has no service")
    return tuple(key.items()), fields


def _endpoint(text: str) -> tuple[str, int | None]:
    """Return address and port; no port if there is none."""
    if address := normal_address(text):
        return address, None
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?", text, re.ASCII)
    address = normal_address(found[1] or found[2]) if found else None
    if found is None or address is None:
        raise ValueError(f"{text} is not an address and a port, as `ipvsadm -Sn` writes them")
    return address, int(found[3]) if found[3] else None
