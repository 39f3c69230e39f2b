# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopt a cluster: read its directors, write its inventory, and compare the two.

Pure: text and plain data in, plain data and sentences out. Each thing that the inventory doesn't
have is a sentence. That none is missing is not left to those who write it: in the end the
inventory is read as site.yml reads it, and each statement of the sources is looked for in what
comes out (``comparison``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import comparison
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.inventory_writer import Writer
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.sources import (
    Messages,
    SourceReader,
)


class Adopted(NamedTuple):
    """An inventory, and a sentence for each thing that it doesn't have."""

    inventory: dict[str, Any]
    unrepresented: list[str]


def adopt(sources: Sequence[Mapping[str, Any]], names: Mapping[str, str] | None = None) -> Adopted:
    """Return the inventory of a cluster from what its directors show.

    :param sources: one for each director: ``text`` (of ``ipvsadm -Sn`` or of keepalived.conf) or
        the same as ``content``, base64-encoded as slurp returns it, and ``ipvs_info`` (what the
        module returns), either or both; its ``name`` and ``ansible_host`` in the inventory, if it
        is in one, or the ``place`` of the text
    :param names: names of machines by their addresses
    """
    messages = Messages(several=len(sources) > 1)
    found = [SourceReader(shown, n, messages).source for n, shown in enumerate(sources, 1)]
    writer = Writer(found, names or {}, messages)
    inventory = writer.inventory()
    comparison.compare(writer, inventory, messages)
    return Adopted(inventory, messages.lines)
