# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read from keepalived.conf the settings on which directors of a VRRP instance must agree.

A director drops the advertisements of a director that differs in any of it, and both become master:
vrrp_check_packet() in keepalived's vrrp.c. Apart from ``_keepalived``, whose import takes longer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

#: A comment, a text in quotes, a brace, or a word; in a text in quotes, ``#`` is no comment.
_TOKEN = re.compile(r'[#!].*|"[^"\n]*"?|[{}]|[^\s{}"#!]+')
_LINE = re.compile(r".+")
#: keepalived's defaults: VRRP_VERSION_2 except with IPv6, VRRP_ADVER_DFL.
_ADVERT_INT = 1.0


class Agreement(NamedTuple):
    """Settings that all directors of an instance must share; messages use the field names.

    :ivar advert_int: with version 2 only; in version 3 a backup takes the master's
    :ivar password: "" for none
    :ivar peers: the addresses of all of its directors; none with multicast
    :ivar vips: the addresses in the advertisements
    """

    virtual_router_id: int
    version: int
    advert_int: float
    interface: str
    password: str
    peers: frozenset[str]
    vips: frozenset[str]


class Instance(NamedTuple):
    """A VRRP instance.

    :ivar source: the address from which it sends unicast advertisements, "" if none is set
    """

    name: str
    source: str
    agreement: Agreement


def address(written: Any) -> str:
    """Return the address of an entry in its normal form."""
    text = str(written.get("address") if isinstance(written, Mapping) else written)
    try:
        return str(ipaddress.ip_interface(text).ip)
    except ValueError:
        return text.partition("/")[0]


def _agreement(
    values: Mapping[str, Any], peers: Iterable[Any], vips: Iterable[Any], version: Any = None
) -> Agreement:
    """Return the agreement of an instance.

    :param values: single values, by the names that they have in the file
    :param version: the version where the instance sets none
    """
    held = frozenset(map(address, vips))
    default = 3 if any(":" in vip for vip in held) else 2
    speaks = _number(values.get("version") or version or default)
    others = frozenset(map(address, peers))
    source = values.get("unicast_src_ip")
    return Agreement(
        int(_number(values.get("virtual_router_id"))),
        int(speaks),
        _number(values.get("advert_int") or _ADVERT_INT) if speaks == 2 else 0.0,
        str(values.get("interface") or ""),
        str(values.get("auth_pass") or ""),
        others | {address(source)} if others and source else others,
        held,
    )


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def wanted(instances: Iterable[Mapping[str, Any]], interface: str, password: str) -> list[Instance]:
    """Return the instances of an inventory, given in the form of ``keepalived_conf``.

    :param interface: the LAN's, where an instance sets none
    """
    return [
        Instance(
            str(each.get("name")),
            str(each.get("unicast_src_ip") or ""),
            _agreement(
                {"interface": interface, "auth_pass": password, **each},
                each.get("unicast_peers") or (),
                each.get("vips") or (),
            ),
        )
        for each in instances
    ]


def parse(text: str) -> list[Instance]:
    """Return the instances of a keepalived.conf; other blocks, which may be large, are skipped."""
    version = re.search(r"(?m)^[^#!\n]*\bvrrp_version[ \t]+(\d)", text)
    begun = re.finditer(r"(?m)^[ \t]*vrrp_instance[ \t]", text)
    return [_instance(_statements(text, at.start()), version and version[1]) for at in begun]


def _instance(statements: Iterable[list[str]], version: str | None) -> Instance:
    """Return the instance whose head is the first of the statements."""
    path: list[str] = []
    values: dict[str, str] = {}
    lists: dict[str, list[str]] = {"unicast_peer": [], "virtual_ipaddress": []}
    name = ""
    for words in statements:
        if words[-1] == "{":
            name = name or (words[1] if len(words) > 2 else "")
            path.append(words[0])
        elif words == ["}"]:
            path = path[:-1]
            if not path:
                break
        elif path and path[-1] in lists:
            lists[path[-1]].append(words[0])
        elif len(words) > 1 and path in (["vrrp_instance"], ["vrrp_instance", "authentication"]):
            values[words[0]] = words[1]
    source = address(values["unicast_src_ip"]) if "unicast_src_ip" in values else ""
    peers, vips = lists["unicast_peer"], lists["virtual_ipaddress"]
    return Instance(name, source, _agreement(values, peers, vips, version))


def _statements(text: str, start: int) -> Iterator[list[str]]:
    """Yield lines of a file as words; a brace ends one, wherever it stands."""
    for line in _LINE.finditer(text, start):
        words: list[str] = []
        for token in _TOKEN.findall(line[0]):
            if token[0] in "#!":
                break
            if token == "}" and words:
                yield words
                words = []
            words.append(token.strip('"'))
            if token in "{}":
                yield words
                words = []
        if words:
            yield words


def differences(here: Sequence[Instance], new: Iterable[Instance]) -> list[str]:
    """Return the names of the settings that differ between a file and the wanted instances.

    A file without an instance differs in nothing. An instance that matches none of the file is new;
    if another one has its VIPs, that one's ``vips`` differ.
    """
    found: dict[str, None] = {}
    for instance in new if here else ():
        agreement = instance.agreement
        if any(other.agreement == agreement for other in here):
            continue
        router = agreement.virtual_router_id
        like = next(
            (i for i in here if i.name == instance.name or i.agreement.virtual_router_id == router),
            here[0],
        )
        pairs = zip(Agreement._fields, agreement, like.agreement)
        found.update(dict.fromkeys(name for name, value, former in pairs if value != former))
    return list(found)
