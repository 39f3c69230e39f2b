# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module's main() in this process, with any ansible-core that the collection works with."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from typing import Any
from unittest import mock

from ansible.module_utils import _internal
from ansible.module_utils.common import parameters, warnings
from ansible.module_utils.testing import patch_module_args


def run_module(
    name: str,
    /,
    *,
    check: bool = False,
    diff: bool = False,
    invocation: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Run a module of the collection as Ansible does on a target and return its result.

    A module that fails has ``failed`` in its result. ``warnings`` is always a list of sentences.
    ``invocation`` has the result carry the module's arguments, as `INJECT_INVOCATION` does since
    ansible-core 2.21; earlier ones always do.
    """
    module = importlib.import_module(f"ansible_collections.lvs.cluster.plugins.modules.{name}")
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": diff}
    if "inject_invocation" in parameters.PASS_VARS:
        arguments["_ansible_inject_invocation"] = invocation
    with (
        patch_module_args(arguments),
        # An earlier module in this process may have warned.
        mock.patch.object(warnings, "_global_warnings", {}),
        # Other tests of this process load what only a controller has; a module runs on a target.
        mock.patch.object(_internal, "is_controller", new=False, create=True),
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.suppress(SystemExit),
    ):
        module.main()
    printed: dict[str, Any] = json.loads(output.getvalue())
    # Ansible takes away what only it reads: since 2.22 the secrets that it masks are among it.
    result = {key: value for key, value in printed.items() if not key.startswith("_ansible_")}
    # A warning is wrapped in where it came from.
    result["warnings"] = [warning["event"]["msg"] for warning in result.get("warnings", [])]
    return result
