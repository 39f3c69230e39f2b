# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the collection Ansible sends with each module.

A host gets a module and all that it imports, and compiles that anew at each task. So an import that
is not needed costs every host a little at every run.
"""

from __future__ import annotations

import ast
import zlib
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
PREFIX = "ansible_collections.lvs.cluster.plugins.module_utils"

#: The size of each module and of what it imports, compressed, in KiB. If you raise one, say why in
#: the commit: a new back-end of all modules, or an import that only one of its functions needs?
LIMITS = {
    "arp_suppress": 39,
    "bird_conf": 30,
    "bird_info": 30,
    "boot_unit": 15,
    "director_lease": 9,
    "host_info": 52,
    "ipvs_dest": 41,
    "ipvs_info": 20,
    "ipvs_service": 40,
    "ipvs_table": 41,
    "ipvs_wait": 34,
    "keepalived_conf": 79,
    "nft_table": 15,
    "preflight": 101,
    "realserver_probe": 10,
    "report": 3,
    "return_route": 58,
    "sysctls": 18,
    "tunnel_iface": 44,
    "vip_handover": 72,
    "vip_iface": 48,
    "vip_probe": 37,
}


def imported(path):
    """Yield the files of the collection that a file imports."""
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(PREFIX):
            parts = statement.module.removeprefix(PREFIX).strip(".").split(".")
            names = parts if parts != [""] else [alias.name for alias in statement.names]
            yield from (PLUGINS / "module_utils" / f"{name}.py" for name in names)


def sent(path):
    """Return the files that Ansible sends with a module, the module itself included."""
    files, left = set(), [path]
    while left:
        file = left.pop()
        if file not in files:
            files.add(file)
            left += imported(file)
    return files


MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))


def test_each_module_has_a_limit():
    assert sorted(LIMITS) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_no_more_than_it_uses(module):
    files = sent(PLUGINS / "modules" / f"{module}.py")
    size = sum(len(zlib.compress(file.read_bytes())) for file in files) / 1024
    assert size <= LIMITS[module], sorted(file.stem for file in files)
