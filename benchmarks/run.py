#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run benchmarks in the lab (``lab/lab.py exec -- benchmarks/run.py [NAME ...]``).

Each is a folder with a ``measure.py``, which runs as root in a fresh container (that of
``controller`` on this host) and prints a JSON list of measurements: ``name``, ``peer``, ``ratio``
by way, and ``runs``, the seconds of each run by way, or another ``unit``. A table is printed, and
everything written to ``benchmarks/results/NAME.json``.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import node

IMAGE = "debian12"
MACHINE = "uname -srm; grep -m1 'model name' /proc/cpuinfo | cut -d: -f2; nproc; python3 --version"


def machine(printed: str) -> dict[str, str]:
    """Return what the figures were measured on, from the output of MACHINE."""
    kernel, cpu, processors, python = printed.splitlines()
    return {"kernel": kernel, "cpu": cpu.strip(), "processors": processors, "python": python}


def in_container(name: str) -> dict:
    """Run a benchmark in a container of the lab."""
    with node.container(IMAGE) as container:
        node.prepare(container)
        measured = json.loads(node.output(container, "python3", f"benchmarks/{name}/measure.py"))
        version = node.output(container, "sh", "-c", "ipvsadm --version").split(" 20")[0]
        described = machine(node.output(container, "sh", "-c", MACHINE))
    return {
        "machine": {"image": IMAGE, **described, "ipvsadm": version},
        "measurements": measured,
    }


def on_this_host(name: str) -> dict:
    """Run a benchmark of what the controller does."""
    command = [sys.executable, str(HERE / name / "measure.py")]
    measured = json.loads(subprocess.check_output(command, text=True))
    described = machine(subprocess.check_output(["sh", "-c", MACHINE], text=True))
    return {"machine": described, "measurements": measured}


def show(name: str, measured: list[dict]) -> None:
    """Print medians and ratios."""
    print(f"\n{name}: medians")
    for row in measured:
        medians = {way: statistics.median(times) for way, times in row["runs"].items()}
        peer = medians.pop(row["peer"])
        print(f"  {row['name']}: {row['peer']} {peer:.2f} {row.get('unit', 'seconds')}")
        for way, median in medians.items():
            print(f"    {way:10} {median:10.2f}   {row['ratio'][way]:.2f} of the peer")


def main(names: list[str]) -> None:
    """Measure, print and write."""
    (HERE / "results").mkdir(exist_ok=True)
    for name in names or sorted(path.parent.name for path in HERE.glob("*/measure.py")):
        result = on_this_host(name) if name == "controller" else in_container(name)
        show(name, result["measurements"])
        (HERE / "results" / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
