# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs of the modules, built from one description of each field.

``_model_parser`` checks values, all fields at once. Here are only names, types and
choices.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _model
from ansible_collections.lvs.cluster.plugins.module_utils._table_owner import OWNERS

KEY = {
    "vip": {"type": "str"},
    "port": {"type": "int"},
    "protocol": {"type": "str", "choices": list(_model.PROTOCOLS)},
    "fwmark": {"type": "int"},
    "family": {"type": "str", "choices": list(_model.FAMILIES)},
}

SETTINGS = {
    "scheduler": {"type": "str", "choices": list(_model.SCHEDULERS)},
    "scheduler_flags": {"type": "list", "elements": "str"},
    "persistence_timeout": {"type": "int"},
    "persistence_mask": {"type": "str"},
    "persistence_engine": {"type": "str", "choices": ["sip"]},
    "one_packet": {"type": "bool"},
}

DESTINATION = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int"},
    "method": {"type": "str", "choices": list(_model.WRITTEN_METHODS)},
    "weight": {"type": "int"},
    "upper_threshold": {"type": "int"},
    "lower_threshold": {"type": "int"},
    "tunnel_type": {"type": "str", "choices": list(_model.TUNNEL_TYPES)},
    "tunnel_port": {"type": "int"},
    "tunnel_checksum": {"type": "str", "choices": list(_model.TUNNEL_CHECKSUMS)},
}

IGNORE_OWNERS = {
    "ignore_owners": {
        "type": "list",
        "elements": "str",
        "choices": list(OWNERS),
        "default": [],
    }
}


def given(params: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a description that are set."""
    return {name: params[name] for name in names if params.get(name) is not None}


def without_unset(value: Any) -> Any:
    """Return plain data without unset arguments, at any depth."""
    if isinstance(value, dict):
        return {k: without_unset(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_unset(item) for item in value]
    return value
