# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the tests take: noted by pytest, of which this is a plugin, and shown as a table.

`make test` names in LVS_DURATIONS a file to which each test, and each part of the tests, adds a
line: seconds, a tab, a name. Without that variable nothing is noted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

SCENARIO = "tests/integration/test_molecule.py::test_scenario"
PART = "part "
SHOWN = 20


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what a test took, or setting it up, or what came after it."""
    file = os.environ.get("LVS_DURATIONS")
    if file and "PYTEST_XDIST_WORKER" not in os.environ:  # the process that started it notes it
        note(Path(file), report.duration, report.nodeid)


def note(file: Path, seconds: float, name: str) -> None:
    """Add a line to the file."""
    with file.open("a") as lines:
        lines.write(f"{seconds:.2f}\t{name}\n")


def total(lines: Iterable[str]) -> dict[str, float]:
    """Return the seconds by name, in the order of the lines."""
    seconds: dict[str, float] = {}
    for line in lines:
        taken, name = line.rstrip("\n").split("\t", 1)
        seconds[name] = seconds.get(name, 0) + float(taken)
    return seconds


def table(seconds: dict[str, float]) -> Iterator[str]:
    """Yield the lines of the table: parts, Molecule's scenarios, and the slowest tests."""
    parts = {name.removeprefix(PART): s for name, s in seconds.items() if name.startswith(PART)}
    scenarios = {n[len(SCENARIO) + 1 : -1]: s for n, s in seconds.items() if n.startswith(SCENARIO)}
    others = {name: s for name, s in seconds.items() if not name.startswith((PART, SCENARIO))}
    slowest = dict(sorted(others.items(), key=lambda item: -item[1])[:SHOWN])
    for title, found in {
        "part; those outside the labs run beside those in the labs": parts,
        "scenario": scenarios,
        f"the {SHOWN} slowest tests": slowest,
    }.items():
        if found:
            yield f"\n{'seconds':>8}  {title}"
            yield from (f"{s:8.0f}  {name}" for name, s in found.items())


if __name__ == "__main__":
    path = Path(os.environ["LVS_DURATIONS"])
    if sys.argv[1:]:
        note(path, float(sys.argv[1]), PART + " ".join(sys.argv[2:]))
    else:
        print("\n".join(table(total(path.read_text().splitlines()))))
