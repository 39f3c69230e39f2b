# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: status_page
short_description: Show the state of a cluster as a page
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Returns a page in HTML that shows what is not as in the inventory, a picture of the cluster, and
    tables.
  - The page is one file. It has no script and needs no network.
positional: status, sources, clients, report
options:
  _input:
    description: The cluster, as P(lvs.cluster.resolve#filter) returns it.
    type: dict
    required: true
  status:
    description: What P(lvs.cluster.status#filter) returns; empty if no director was read.
    type: dict
    required: true
  sources:
    description: The paths of the inventories. The name of the first one is the title of the page.
    type: list
    elements: str
    default: []
  clients:
    description: The hosts that sent requests.
    type: list
    elements: str
    default: []
  report:
    description: What P(lvs.cluster.probe_report#filter) returns, if requests were sent.
    type: dict
seealso:
  - plugin: lvs.cluster.status
    plugin_type: filter
  - plugin: lvs.cluster.probe_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the page of the cluster
  ansible.builtin.copy:
    content: "{{ cluster | lvs.cluster.status_page(status, ansible_inventory_sources) }}"
    dest: /srv/www/status.html
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The page.
  type: str
  sample: <!doctype html>
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def status_page(
    cluster: Mapping[str, Any],
    status: Mapping[str, Any],
    sources: Sequence[str] = (),
    clients: Sequence[str] = (),
    report: Mapping[str, Any] | None = None,
) -> str:
    """Return the page of a cluster."""
    from ansible_collections.lvs.cluster.plugins.plugin_utils.status_page import page

    return page.page(cluster, status, sources, clients, report)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"status_page": status_page}
