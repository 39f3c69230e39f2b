# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit tests share."""

from __future__ import annotations

import importlib
import json
from unittest import mock

import pytest
from ansible.module_utils import _internal
from ansible.module_utils.testing import patch_module_args


@pytest.fixture
def run_main(capsys):
    """Run a module's main() here, as far as that goes without root, and return its result.

    ``run_main("sysctls", check=True, values={...})``
    """

    def run(name, /, *, check=False, **options):
        module = importlib.import_module(f"ansible_collections.lvs.cluster.plugins.modules.{name}")
        arguments = {**options, "_ansible_check_mode": check}
        # Other tests of this process use what only a controller has; a module runs on a target.
        on_target = mock.patch.object(_internal, "is_controller", new=False)
        with on_target, patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run
