# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keepalived of each Debian, unpacked into the cache and run in namespaces of its own.

`Keepalived` runs one of them with the unpacked tree as its root directory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "lab")]

import debians
import host

PACKAGES = ("keepalived", "coreutils")  # coreutils has a script for the tests, true
FILES: dict[str, str | Path] = {
    "etc/passwd": """\
root:x:0:0:root:/:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
keepalived_script:x:999:999:scripts:/:/bin/false
""",
    "etc/group": "root:x:0:\nnogroup:x:65534:\nkeepalived_script:x:999:\n",
    "etc/hosts": "127.0.0.1 localhost\n192.168.2.10 mail.example.com\n",
}


class Release(NamedTuple):
    """A keepalived to test against: the Debian suite that it comes from, and its version."""

    suite: str
    version: tuple[int, ...]


RELEASES = {
    "debian12": Release("bookworm", (2, 2, 7)),
    "debian13": Release("trixie", (2, 3, 3)),
}


def unpacked() -> Path:
    """Return the directory with a root directory for each of RELEASES; unpack them if need be."""
    suites = {name: release.suite for name, release in RELEASES.items()}
    return debians.unpacked("keepalived", suites, PACKAGES, FILES)


class Keepalived:
    """Runs one release's ``keepalived -t``; a context manager that ends with its namespaces."""

    def __init__(self, name: str) -> None:
        root = unpacked() / f"keepalived-{name}"
        command = ["unshare", "--net", "--mount", sys.executable, str(HERE / "namespaces.py")]
        self._process = subprocess.Popen(
            host.as_root([*command, str(root)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Keepalived:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.stdin.close()
        self._process.wait(10)

    def run(self, *arguments: str, text: str = "") -> tuple[int, str]:
        """Run keepalived with a text as its file; return its exit status and its output."""
        self._process.stdin.write(json.dumps([arguments, text]) + "\n")
        answer = self._process.stdout.readline()
        if not answer:
            raise AssertionError(f"{HERE / 'namespaces.py'} ended with {self._process.wait(10)}")
        status, output = json.loads(answer)
        return status, output

    def test(self, text: str) -> tuple[int, str]:
        """Return the exit status of ``keepalived -t`` for a text, and its output."""
        return self.run("--config-test", text=text)
