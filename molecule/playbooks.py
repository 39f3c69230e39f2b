#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one playbook after the other, over connections that stay open.

Starting Python on a node takes seconds in the lab, more than most playbooks.

For each line of the input, the arguments of ansible-playbook in JSON, it prints the exit status
and the output of the playbook, in JSON. ANSIBLE_STRATEGY has to be Mitogen's.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile

# First: Ansible must be set up before its other parts are imported.
from ansible.cli.playbook import PlaybookCLI
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, strategy_loader
from ansible.template import Templar, trust_as_template

# Before Mitogen's parts: they import a collection, which has to be found as Ansible finds them.
init_plugin_loader()

# The process that first asks for connections owns them: this one.
from ansible_mitogen.process import get_classic_worker_model  # noqa: E402

LIMIT = 900  # seconds that a playbook may take


def main() -> None:
    """Run each playbook in a child process, so Ansible starts from the beginning."""
    get_classic_worker_model()
    # Done once for all children: find the collections, load the filters and tests of Ansible.
    strategy_loader.get(os.environ["ANSIBLE_STRATEGY"], class_only=True)
    Templar(DataLoader()).template(trust_as_template("{{ 1 | int is number }}"))
    for line in sys.stdin:
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if not child:
                signal.alarm(LIMIT)
                with open(os.devnull, encoding="utf-8") as nothing:
                    os.dup2(nothing.fileno(), 0)
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                try:
                    PlaybookCLI.cli_executor(["ansible-playbook", *json.loads(line)])
                except SystemExit as end:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(end.code)  # exit handlers belong to the parent
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            output.seek(0)
            print(json.dumps([status, output.read().decode(errors="replace")]), flush=True)


if __name__ == "__main__":
    main()
