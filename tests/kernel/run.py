#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of this folder against the lab's kernels, on every Debian that it has an image of.

Each Debian's tests run in a container of its own, side by side: Debian 12's in the lab, Debian 13's
in the second lab (``lab/lab.py up --second``), which has that Debian's kernel, or in the lab too
where there is no second one. The arguments go to pytest; a file of this folder among them is run by
itself. Line coverage of one lands in .cache/coverage.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve()
LAB = HERE.parents[2] / "lab"
sys.path.insert(0, str(LAB))

import node as lab

#: The images, and which of the labs their tests run in.
NODES = {"debian12": [], "debian13": ["--second"]}
#: Tests of modules that are killed, which depend on no kernel: they run where none is measured.
ONCE = "tests/kernel/test_interrupted.py"
#: Whose line coverage is measured: its Python, from 3.12 on, does that at little cost.
MEASURED = "debian13"
DURATIONS = "/run/durations"  # in the container, see tests/durations.py
LIMIT = 1500  # seconds for one Debian's tests
STUCK = 120  # seconds after which one test is stuck: where, is shown, and the run ends


def run(node: str, arguments: list[str]) -> int:
    """Run the tests in a fresh container of that node's image; return pytest's exit status."""
    with lab.container(node) as container:
        lab.prepare(container)
        print(f"kernel {lab.output(container, 'uname', '--kernel-release')}", flush=True)
        tests = ["python3", "-m"]
        if node == MEASURED:
            tests += ["coverage", "run", f"--data-file={lab.HERE}/coverage/{node}", "-m"]
        named = any(word.startswith("tests/") for word in arguments)
        tests += ["pytest", *([] if named else ["tests/kernel"])]
        if node == MEASURED and not named:
            tests += [f"--ignore={ONCE}"]
        tests += [f"--override-ini=faulthandler_timeout={STUCK}"]
        tests += ["--override-ini=faulthandler_exit_on_timeout=true", *arguments]
        options = ["--workdir", lab.HERE, "--env", f"LVS_DURATIONS={DURATIONS}"]
        options += ["--env", "COVERAGE_CORE=sysmon"]
        command = ["docker", "exec", *options, container, *tests]
        try:
            tested = subprocess.run(command, check=False, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            there = lab.docker("top", container).decode()
            print(f"The tests on {node} have not ended in {LIMIT} s. What runs there:\n{there}")
            return 1
        if node == MEASURED:
            measured = lab.docker("cp", f"{container}:{lab.HERE}/coverage", "-")
            with tarfile.open(fileobj=io.BytesIO(measured)) as tar:
                tar.extraction_filter = getattr(tarfile, "data_filter", None)  # 3.11.2 has none
                tar.extractall(lab.CACHE)
        if file := os.environ.get("LVS_DURATIONS"):
            durations = lab.output(container, "cat", DURATIONS).replace("\t", f"\t{node} ")
            with Path(file).open("a") as lines:
                lines.write(durations)
    return tested.returncode


def main(arguments: list[str]) -> int:
    """Run the tests on all of NODES side by side: one alone leaves a processor idle.

    Their output is shown when they have ended, that of failed ones last.
    """
    running: dict[str, subprocess.Popen[bytes]] = {}
    outputs: dict[str, IO[bytes]] = {}
    with contextlib.ExitStack() as stack:
        for node, options in NODES.items():
            outputs[node] = stack.enter_context(tempfile.TemporaryFile())
            command = [sys.executable, str(LAB / "lab.py"), "exec", *options, "--"]
            command += [sys.executable, str(HERE), f"--node={node}", *arguments]
            running[node] = subprocess.Popen(command, stdout=outputs[node], stderr=outputs[node])
            stack.callback(stop, running[node])
        for node in sorted(NODES, key=lambda node: running[node].wait()):
            print(f"== tests/kernel on {node}", flush=True)
            outputs[node].seek(0)
            shutil.copyfileobj(outputs[node], sys.stdout.buffer)
            sys.stdout.flush()
    return max(process.returncode for process in running.values())


def stop(process: subprocess.Popen[bytes]) -> None:
    """Have a Debian's tests end, and take their container away."""
    process.terminate()
    process.wait()


def end(*_: object) -> None:
    """End at the first request to do so, and take the containers away undisturbed by others."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    if sys.argv[1:2] and sys.argv[1].startswith("--node="):
        sys.exit(run(sys.argv[1].removeprefix("--node="), sys.argv[2:]))
    sys.exit(main(sys.argv[1:]))
