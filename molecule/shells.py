# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands on nodes in shells that stay open.

Testinfra starts each command by ``docker exec``. In an emulated machine, that takes more than a
second of processor time, but most commands take a few hundredths.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.backend.docker import DockerBackend

#: Runs on the node: reads a command in JSON from each line, prints the exit status and the output.
PROGRAM = """
import json, os, subprocess, sys
for line in sys.stdin:
    outputs = [os.fdopen(os.memfd_create("output"), "w+b") for _ in range(2)]
    done = subprocess.run(
        ["/bin/sh", "-c", json.loads(line)],
        stdin=subprocess.DEVNULL, stdout=outputs[0], stderr=outputs[1],
    )
    printed = []
    for output in outputs:
        output.seek(0)
        printed.append(output.read().decode("latin-1"))
        output.close()
    print(json.dumps([done.returncode, *printed]), flush=True)
"""


class Shell:
    """One shell on a node, for one command at a time."""

    def __init__(self, container: str) -> None:
        self._process = subprocess.Popen(
            ["docker", "exec", "--interactive", container, "python3", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def ended(self) -> bool:
        """Whether the shell has ended, for example with its node."""
        return self._process.poll() is not None

    def run(self, command: str) -> tuple[int, str, str]:
        """Return a command's exit status and output; those of ``docker exec`` if that ended."""
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            return tuple(json.loads(answer))
        _, error = self._process.communicate()
        return self._process.returncode or 1, "", error


class ShellBackend(DockerBackend):
    """Testinfra's backend for containers, with a shell for each command that runs at once."""

    def __init__(self, container: str) -> None:
        super().__init__(container)
        self._free: list[Shell] = []

    def run(self, command: str, *args: str, **_kwargs: Any) -> CommandResult:
        words = self.get_command(command, *args)
        shell = self._take() or Shell(self.name)
        status, output, error = shell.run(words)
        self._free.append(shell)
        printed = (text.encode("latin-1", "replace") for text in (output, error))
        return self.result(status, self.encode(words), *printed)

    def _take(self) -> Shell | None:
        """Take an unused shell, and drop those that have ended."""
        while self._free:
            shell = self._free.pop()
            if not shell.ended:
                return shell
        return None
