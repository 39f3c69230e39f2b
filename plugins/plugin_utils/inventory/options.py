# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the playbooks, as ``-e`` or an inventory sets them, with their defaults.

``docs/running.md`` describes them. Those of ``adopt``, which needs no inventory, are in the
playbook.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import DRAIN_UNTIL
from ansible_collections.lvs.cluster.plugins.module_utils._wording import shown
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import Subject
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.mistakes import Mistakes

#: Options that are a number, with their least value and default.
_NUMBERS = {
    "drain_seconds": (0, 300),
    "undrain_seconds": (0, 60),
    "upgrade_seconds": (0, 60),
    "verify_requests": (1, 40),
}
_MOST = 10**6
#: Options that are one of several words; the first is the default.
_CHOICES = {"drain_until": DRAIN_UNTIL, "status_format": ("table", "json")}
#: Options that are true or false, and false by default.
_SWITCHES = ("drain_timeout_ok", "take_lease", "teardown_confirm")
#: Other options, with their defaults.
_VALUES: Mapping[str, Any] = {
    "directors": "",
    "realservers": "",
    "rollout_serial": 1,
    "rollout_tasks": "",
    "site_removed_directors": "",
    "status_file": "",
    "upgrade_tasks": "",
    "verify_identity": "body",
}


#: How the name of the status's file ends: it is a page, or data.
_STATUS_FILES = (".html", ".json")

#: Options that are the path of a file on the controller.
_PATHS = ("rollout_tasks", "status_file", "upgrade_tasks")


def read(variables: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Any]:
    """Return all options of the playbooks, and note those that have no meaning.

    A path is relative to the folder from which the playbook is started.

    :param variables: those of a host; ``-e`` sets an option for every host
    """
    fields = Subject({}, "", "", mistakes)
    names = [*_NUMBERS, *_CHOICES, *_SWITCHES, *_VALUES]
    fields.raw = fields.readable([name for name in names if name in variables], variables)
    found: dict[str, Any] = {
        name: fields.integer(name, least, _MOST, default)
        for name, (least, default) in _NUMBERS.items()
    }
    found.update({name: fields.choice(name, words, words[0]) for name, words in _CHOICES.items()})
    found.update({name: fields.boolean(name) for name in _SWITCHES})
    for name, default in _VALUES.items():
        value = fields.raw.get(name)
        found[name] = default if value is None or value == "" else value
    if found["status_file"] and not str(found["status_file"]).endswith(_STATUS_FILES):
        fields.wrong(
            f"status_file is {shown(found['status_file'])}; its name must end with .html, for a"
            " page, or with .json, for data"
        )
    # PWD is the folder as the user knows it, with its symbolic links.
    folder = os.environ.get("PWD") or os.getcwd()
    found.update({name: os.path.join(folder, str(found[name])) for name in _PATHS if found[name]})
    return found
