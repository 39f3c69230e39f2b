# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: adopt
short_description: Write the inventory of a running cluster
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Writes an inventory for this collection from the IPVS table of directors, as C(ipvsadm -Sn)
    prints it or M(lvs.cluster.ipvs_info) returns it, or from the text of a C(keepalived.conf).
  - Nothing is dropped silently. What is not representable in the inventory is listed, with its line
    in a text, and so is what P(lvs.cluster.resolve#filter) finds wrong with the inventory. To
    verify that, the inventory is resolved, and each statement of a C(keepalived.conf) is searched
    for in the result.
  - What keepalived corrects or ignores is adopted as keepalived runs it, and listed.
  - If a C(keepalived.conf) has virtual services, these are used, and differences of the kernel are
    listed.
  - The inventory has the password of VRRP, if there is one. The messages don't.
options:
  _input:
    description:
      - A text of C(ipvsadm -Sn), or of a C(keepalived.conf); or a result of
        M(lvs.cluster.ipvs_info); or a list with a mapping for each director.
      - Such a mapping has C(text) or C(ipvs_info) or both. In place of C(text) it may have
        C(content), the bytes of a file as M(ansible.builtin.slurp) returns them, or its whole
        result. They need not be UTF-8; what is not is read as ISO 8859-1.
      - C(name) and C(ansible_host) are the director's in an inventory, if it is in one, and
        C(place) is where a text is from, or C(item), as in a result of a loop.
    type: raw
    required: true
  names:
    description:
      - Names of machines by their addresses. A machine without one is named after its address, such
        as C(rs_192_168_2_31).
    type: dict
    default: {}
seealso:
  - module: lvs.cluster.ipvs_info
"""

EXAMPLES = r"""
- name: Show what a saved table is as an inventory
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'table.rules') | lvs.cluster.adopt }}"

- name: Read the table of a director
  lvs.cluster.ipvs_info:
  register: director

- name: List what the inventory does not have
  ansible.builtin.debug:
    msg: "{{ (director | lvs.cluster.adopt(names={'192.168.2.31': 'rs31'})).unrepresented }}"
"""

RETURN = r"""
_value:
  description: C(inventory) is the content of an inventory file, C(unrepresented) what is not
    representable in it.
  type: dict
  sample:
    inventory:
      all:
        vars:
          lvs_method: dr
          lvs_services:
            - {name: tcp_80, vip: 192.168.2.149, port: 80, protocol: tcp, scheduler: wrr}
        children:
          lvs_directors:
            hosts: {d23: {ansible_host: 192.168.2.23}}
          lvs_realservers:
            vars: {lvs_weight: 5}
            hosts:
              rs_192_168_2_31: {ansible_host: 192.168.2.31}
              rs_192_168_2_32: {ansible_host: 192.168.2.32}
    unrepresented:
      - "line 9: `-E -t 192.168.2.149:80 -s rr` is left out: it adds neither a service nor a
        destination."
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def adopt(found: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return an inventory of what was found, and what is not representable in it."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import adoption

    sources = found if isinstance(found, list) else [found]
    if isinstance(found, str):
        sources = [{"text": found}]
    elif isinstance(found, Mapping) and not {"text", "content", "ipvs_info"} & set(found):
        sources = [{"ipvs_info": found}]
    if not all(isinstance(source, Mapping) for source in sources):
        raise AnsibleFilterError("adopt takes a text, a result of ipvs_info, or a list of mappings")
    return adoption.adopt([_source(source) for source in sources], names)._asdict()


def _source(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a source in the form without results of modules."""
    content = raw.get("content")
    if isinstance(content, Mapping):  # no content where the file does not exist
        content = content.get("content")
    return {**raw, "content": content, "place": raw.get("place") or raw.get("item")}


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"adopt": adopt}
