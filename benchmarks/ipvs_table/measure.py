# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time the way to a table against ``ipvsadm --restore``, as whole processes, in turn.

Runs as root in a network namespace of its own, in a container of the lab; prints JSON.
"""

from __future__ import annotations

import copy
import ctypes
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.lvs.cluster.plugins.module_utils._ipvsadm_format import to_rules
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services

RUNS = 5
CLONE_NEWNET = 0x40000000
HERE = Path(__file__).parent
MODULE = "ansible_collections.lvs.cluster.plugins.modules.ipvs_table"


def table(services: int, destinations: int) -> list[dict]:
    """Return so many services with so many destinations each, as a person writes them."""
    return [
        {
            "vip": f"198.18.{s >> 8}.{s & 255}",
            "port": 80,
            "protocol": "tcp",
            "scheduler": "wrr",
            "destinations": [
                {"address": f"10.{s}.{d >> 8}.{d & 255}", "port": 80, "method": "dr", "weight": 5}
                for d in range(destinations)
            ],
        }
        for s in range(services)
    ]


class Ways:
    """The ways to one table: each method does it once, as a process of its own."""

    def __init__(self, services: list[dict], folder: Path) -> None:
        self.rules = folder / "rules"
        self.rules.write_text(to_rules(parse_services(services)[0]))
        self.services = folder / "services.json"
        self.services.write_text(json.dumps(services))
        arguments = {"services": services, "prune": "all"}
        self.arguments = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()

    def ipvsadm(self) -> None:
        """Restore the rules into what must be an empty table."""
        with self.rules.open() as rules:
            subprocess.run(["ipvsadm", "--restore"], stdin=rules, check=True)

    def library(self) -> None:
        """Plan from what there is, apply, read back and compare."""
        subprocess.run([sys.executable, HERE / "converge.py", self.services], check=True)

    def module(self) -> None:
        """Do the same with all that Ansible puts around it on the target."""
        subprocess.run(
            [sys.executable, "-m", MODULE],
            input=self.arguments,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def check(self) -> None:
        """Fail unless the kernel holds the table."""
        listed = subprocess.run(["ipvsadm", "-Sn"], check=True, stdout=subprocess.PIPE, text=True)
        if sorted(listed.stdout.splitlines()) != sorted(self.rules.read_text().splitlines()):
            sys.exit("The table in the kernel is not the one that was measured.")


def timed(way, before) -> float:
    """Return the seconds that a way takes, after what has to come before it."""
    before()
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def clear() -> None:
    """Empty the table."""
    subprocess.run(["ipvsadm", "--clear"], check=True)


def compare(name: str, ways: Ways, before, module: bool) -> dict:
    """Return the collection's times after ``before``, and of the peer's from an empty table."""
    runs: dict[str, list[float]] = {"library": [], "ipvsadm --restore": []}
    if module:
        runs["module"] = []
    for _run in range(RUNS):
        runs["library"].append(timed(ways.library, before))
        ways.check()
        if module:
            runs["module"].append(timed(ways.module, before))
            ways.check()
        runs["ipvsadm --restore"].append(timed(ways.ipvsadm, clear))
        ways.check()
    median = {way: statistics.median(times) for way, times in runs.items()}
    peer = median.pop("ipvsadm --restore")
    ratios = {way: round(times / peer, 3) for way, times in median.items()}
    return {"name": name, "peer": "ipvsadm --restore", "ratio": ratios, "runs": runs}


def main() -> None:
    """Measure and print."""
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        sys.exit("A network namespace of its own needs root (CAP_SYS_ADMIN).")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    measured = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        small = Ways(table(20, 100), folder)
        measured.append(compare("20 x 100 from empty", small, clear, module=False))
        services = table(100, 100)
        large = Ways(services, folder)
        measured.append(compare("100 x 100 from empty", large, clear, module=True))
        measured.append(compare("100 x 100 again, no change", large, lambda: None, module=True))
        changed = copy.deepcopy(services)
        changed[50]["destinations"][50]["weight"] = 6
        (folder / "changed").mkdir()
        other = Ways(changed, folder / "changed")

        def unchanged() -> None:
            clear()
            large.ipvsadm()

        measured.append(compare("one weight in 100 x 100", other, unchanged, module=True))
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main()
