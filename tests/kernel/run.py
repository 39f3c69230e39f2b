#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of this folder against the lab's kernel, on every Debian that it has an image of.

Called with Docker's variables set (``lab/lab.py exec -- ...``); its arguments go to pytest, and a
file of this folder among them is run by itself. Line coverage of each run lands in .cache/coverage.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2] / "lab"))

import node as lab

#: The images, and what is not run there again: how the kernel shares out, which is the same one.
NODES = {
    "debian12": [],
    "debian13": [f"--ignore=tests/kernel/test_{name}.py" for name in ("schedulers", "traffic")],
}
LIMIT = 1500  # seconds for one Debian's tests
STUCK = 120  # seconds after which one test is stuck: where, is shown, and the run ends


def run(node: str, container: str, arguments: list[str], output: IO[bytes]) -> int:
    """Run the tests in a fresh container of that node's image; return pytest's exit status."""
    lab.prepare(container)
    tests = ["python3", "-m", "coverage", "run", f"--data-file={lab.HERE}/coverage/{node}"]
    named = any(word.startswith("tests/") for word in arguments)
    tests += ["-m", "pytest", *([] if named else ["tests/kernel"])]
    tests += [f"--override-ini=faulthandler_timeout={STUCK}"]
    tests += ["--override-ini=faulthandler_exit_on_timeout=true", *NODES[node], *arguments]
    command = ["docker", "exec", "--workdir", lab.HERE, container, *tests]
    try:
        tested = subprocess.run(command, stdout=output, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        there = lab.docker("top", container).decode()
        print(f"The tests on {node} have not ended in {LIMIT} s. What runs there:\n{there}")
        return 1
    measured = lab.docker("cp", f"{container}:{lab.HERE}/coverage", "-")
    with tarfile.open(fileobj=io.BytesIO(measured)) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's has none
        tar.extractall(lab.CACHE)
    return tested.returncode


def main(arguments: list[str]) -> int:
    """Run the tests on all of NODES side by side: one alone leaves a processor idle.

    What they say is shown when they have ended, what failed last: there one looks for it.
    """
    running: dict[str, concurrent.futures.Future[int]] = {}
    said: dict[str, IO[bytes]] = {}
    with contextlib.ExitStack() as stack:
        workers = stack.enter_context(concurrent.futures.ThreadPoolExecutor())
        for node in NODES:
            container = stack.enter_context(lab.container(node))
            said[node] = stack.enter_context(tempfile.TemporaryFile())
            running[node] = workers.submit(run, node, container, arguments, said[node])
        for node in sorted(NODES, key=lambda node: running[node].result()):
            print(f"== tests/kernel on {node}", flush=True)
            said[node].seek(0)
            shutil.copyfileobj(said[node], sys.stdout.buffer)
            sys.stdout.flush()
        return max(future.result() for future in running.values())


def end(*_: object) -> None:
    """End at the first request to do so, and take the containers away undisturbed by others."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    sys.exit(main(sys.argv[1:]))
