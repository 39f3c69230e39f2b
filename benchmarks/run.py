#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run benchmarks in the lab (``lab/lab.py exec -- benchmarks/run.py [NAME ...]``).

Each is a folder with a ``measure.py``, which runs as root in a fresh container and prints a JSON
list of measurements: ``name``, ``peer``, ``ratio`` by way, and ``runs``, the seconds of each run by
way, or what ``unit`` says. A table is printed, and everything written to
``benchmarks/results/NAME.json``.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import node

IMAGE = "debian12"


def machine(container: str) -> dict[str, str]:
    """Print what the figures were measured on."""
    say = "uname -srm; grep -m1 'model name' /proc/cpuinfo | cut -d: -f2; nproc; python3 --version"
    kernel, cpu, processors, python = node.say(container, "sh", "-c", say).splitlines()
    version = node.say(container, "sh", "-c", "ipvsadm --version").split(" 20")[0]
    return {
        "image": IMAGE,
        "kernel": kernel,
        "cpu": cpu.strip(),
        "processors": processors,
        "python": python,
        "ipvsadm": version,
    }


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
        with node.container(IMAGE) as container:
            node.prepare(container)
            measured = json.loads(node.say(container, "python3", f"benchmarks/{name}/measure.py"))
            result = {"machine": machine(container), "measurements": measured}
        show(name, measured)
        (HERE / "results" / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
