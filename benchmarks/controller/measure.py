# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time what the controller does for each host in site.yml, with hosts that answer at once.

The peer is the same cluster built by the source documents' commands as plain tasks. Prints JSON.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLAYBOOKS = {"site.yml": HERE.parents[1] / "playbooks" / "site.yml", "tasks": HERE / "plain.yml"}
PEER = "tasks"
#: Real servers, and how often each number is measured.
SIZES = {10: 3, 100: 3, 500: 1}


def inventory(number: int) -> str:
    """Return a cluster of one director and so many real servers."""
    servers = {
        f"rs{n}": {"ansible_host": f"10.{1 + n // 250}.0.{1 + n % 250}"} for n in range(number)
    }
    service = {"name": "web", "vip": "10.0.0.100", "port": 80, "protocol": "tcp"}
    variables = {
        "lvs_method": "dr",
        "lvs_services": [service],
        "ansible_connection": "instant",
        "ansible_pipelining": True,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    groups = {
        "lvs_directors": {"hosts": {"d1": {"ansible_host": "10.0.0.1"}}},
        "lvs_realservers": {"hosts": servers},
    }
    return json.dumps({"all": {"vars": variables, "children": groups}})


def seconds(playbook: Path, hosts: Path) -> float:
    """Return the processor's seconds that a playbook takes, with its workers."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["ansible-playbook", "--inventory", str(hosts), str(playbook)],
        env={**os.environ, "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection")},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    measured = []
    with tempfile.TemporaryDirectory() as made:
        hosts = Path(made) / "hosts.yml"
        for number, times in SIZES.items():
            hosts.write_text(inventory(number))
            runs: dict[str, list[float]] = {way: [] for way in PLAYBOOKS}
            for _run in range(times):
                for way, playbook in PLAYBOOKS.items():
                    runs[way].append(seconds(playbook, hosts) / (number + 1))
            median = {way: statistics.median(each) for way, each in runs.items()}
            peer = median.pop(PEER)
            ratio = {way: round(times / peer, 3) for way, times in median.items()}
            name = f"{number} real servers, for each host"
            measured.append({"name": name, "peer": PEER, "ratio": ratio, "runs": runs})
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main()
