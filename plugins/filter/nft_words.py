# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nft_words
short_description: Check that values are single words of nft
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns the values unchanged if each of them is one word of C(nft), such as an address, a
    protocol or a port, and fails otherwise.
  - A template of rules may then use them, since none of them can end a rule or a set, or begin
    another one.
options:
  _input:
    description:
      - A list of texts and numbers, or of mappings. Of a mapping and what is in it, C(vip),
        C(address), C(protocol), C(fwmark), C(port), C(ports), C(exclude_macs) and C(destinations)
        are checked.
    type: list
    required: true
"""

EXAMPLES = r"""
- name: Render rules of checked values
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.template', 'peers.nft.j2', template_vars=checked) }}"
  vars:
    checked:
      peers: "{{ ['192.168.2.23', '192.168.2.31'] | lvs.cluster.nft_words }}"
"""

RETURN = r"""
_value:
  description: The values.
  type: list
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

#: No blank, comma, semicolon, brace, comment or range, and no option or expression.
_WORD = re.compile(r"[A-Za-z0-9:][A-Za-z0-9_.:/]*")
_ITEM = "a value"
_FIELDS = ("vip", "address", "protocol", "fwmark", "port", "ports", "exclude_macs", "destinations")


def nft_words(values: Any) -> Any:
    """Return values that are single words of nft, or fail with all that are not."""
    if mistakes := list(dict.fromkeys(_mistakes(values, _ITEM))):
        raise AnsibleFilterError("\n".join(mistakes))
    return values


def _mistakes(value: Any, place: str) -> Iterator[str]:
    from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown

    if isinstance(value, Mapping) and place in (_ITEM, "destinations"):
        for name in _FIELDS:
            # Empty is the VIP of a firewall mark that has none.
            if value.get(name) not in (None, ""):
                yield from _mistakes(value[name], name)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _mistakes(each, place)
    elif (
        isinstance(value, bool)
        or not isinstance(value, (str, int))
        or not _WORD.fullmatch(str(value))
    ):
        yield f"{place} is {shown(value)}; it must be an address, a name or a number."


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"nft_words": nft_words}
