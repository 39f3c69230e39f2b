# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the IPVS table what a file of services (JSON, its argument) defines, as ipvs_table does.

The library alone, without what Ansible puts around a module: read, plan, apply, read back, compare.
"""

from __future__ import annotations

import json
import sys

from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.module_utils._plan import merge
from ansible_collections.lvs.cluster.plugins.module_utils._table import transition

with open(sys.argv[1], encoding="utf-8") as file:
    services, mistakes = parse_services(json.load(file))
if mistakes:
    sys.exit("\n".join(mistakes))
transition(lambda current: merge(current, services, "all")).apply()
