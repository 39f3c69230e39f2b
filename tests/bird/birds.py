# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BIRD of each Debian, unpacked into the cache."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import debians


class Release(NamedTuple):
    """A BIRD to test against: the Debian suite that it comes from, and the first of its version."""

    suite: str
    version: tuple[int, ...]


RELEASES = {
    "debian12": Release("bookworm", (2, 0, 12)),
    "debian13": Release("trixie", (2, 17)),
}


def unpacked() -> Path:
    """Return the directory with a root directory for each of RELEASES; unpack them if need be."""
    suites = {name: release.suite for name, release in RELEASES.items()}
    return debians.unpacked("bird", suites, ("bird2",), {})


class Bird:
    """Runs the programs of one release, with its own loader and libraries."""

    def __init__(self, name: str) -> None:
        root = unpacked() / f"bird-{name}"
        [loader] = root.glob("usr/lib/*/ld-linux*.so.*")
        self._command = [str(loader), "--library-path", str(loader.parent)]
        self._programs = root / "usr/sbin"

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run bird; return its exit status and its output."""
        command = [*self._command, str(self._programs / "bird"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test(self, text: str) -> tuple[int, str]:
        """Return the exit status of ``bird -p`` for a text, and its output."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".conf") as file:
            file.write(text)
            file.flush()
            return self.run("-p", "-c", file.name)
