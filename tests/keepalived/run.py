#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of this folder with the keepalived of every Debian; arguments go to pytest.

The releases are unpacked into the cache first, then their tests run side by side. Their output is
shown when they have ended. Line coverage of each run lands in .cache/coverage.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import releases


def main(arguments: list[str]) -> int:
    """Run the tests and return the highest of pytest's exit statuses."""
    releases.unpacked()
    running = {}
    with contextlib.ExitStack() as stack:
        for name in releases.RELEASES:
            output = stack.enter_context(tempfile.TemporaryFile())
            data = f"--data-file={ROOT}/.cache/coverage/keepalived-{name}"
            command = [sys.executable, "-m", "coverage", "run", data, "-m", "pytest", str(HERE)]
            command += ["-k", name, "-p", "no:cacheprovider", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
            running[name] = stack.enter_context(process), output
        for name, (process, output) in running.items():
            process.wait()
            print(f"== tests/keepalived with keepalived of {name}", flush=True)
            output.seek(0)
            shutil.copyfileobj(output, sys.stdout.buffer)
            sys.stdout.flush()
        return max(process.returncode for process, _output in running.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
