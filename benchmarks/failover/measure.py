# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The longest time that a client is without an answer when the master's link goes.

Two directors, a real server and a client are network namespaces on one switch; each director runs a
keepalived of its own with what the role would write for it. Each profile is measured several times,
with the link of another one as master in between.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived

# What makes hosts for the tests on a real kernel makes them here.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "kernel"))

from conftest import Lan, Namespace

VIP, CLIENT, SERVER = "192.0.2.149", "192.0.2.10", "192.0.2.31"
DIRECTORS = {"192.0.2.23": 150, "192.0.2.24": 100}
PORT = 80
RUNS = 3
#: The documents', this collection's default, and one for who wants it fast.
PROFILES = {
    "documents": {"version": 2, "advert_int": 5, "auth_pass": "1111"},
    "default": {"version": 3, "advert_int": 0.5},
    "fast": {"version": 3, "advert_int": 0.1},
}
PATIENCE = 0.2  # seconds that a request may take
WORKERS = 8


def configuration(address: str, profile: dict) -> str:
    """Return keepalived.conf of a director."""
    instance = {
        "name": "lvs",
        "interface": "eth0",
        "virtual_router_id": 51,
        "priority": DIRECTORS[address],
        "state": "MASTER" if DIRECTORS[address] == max(DIRECTORS.values()) else "BACKUP",
        "unicast_src_ip": address,
        "unicast_peers": [peer for peer in DIRECTORS if peer != address],
        "vips": [VIP],
        **profile,
    }
    service = {
        "vip": VIP,
        "port": PORT,
        "scheduler": "rr",
        "destinations": [{"address": SERVER, "method": "dr", "weight": 1}],
    }
    return _keepalived.render({"instances": [instance], "services": [service]})


@contextlib.contextmanager
def keepalived(host: Namespace, address: str, profile: dict) -> Iterator[None]:
    """Run keepalived in a namespace."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "keepalived.conf")
        file.write_text(configuration(address, profile))
        pids = [f"--{name}={folder}/{name}" for name in ("pid", "vrrp_pid", "checkers_pid")]
        command = ["keepalived", "--dont-fork", "--log-console", f"--use-file={file}", *pids]
        with host.entered():
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def serve(host: Namespace) -> None:
    """Answer at the VIP on the real server, which suppresses ARP for it."""
    for setting, value in (("arp_ignore", 1), ("arp_announce", 2)):
        host.sysctl(f"net/ipv4/conf/all/{setting}", value)
    host.address(f"{VIP}/32", "lo")
    with host.entered():
        listener = socket.create_server(("", PORT), backlog=1000)

    def work() -> None:
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"here\n")

    threading.Thread(target=work, daemon=True).start()


class Client:
    """Asks the VIP all the time and keeps the times of the answers."""

    def __init__(self, host: Namespace) -> None:
        self.host = host
        self.answers: list[float] = []
        self.ended = threading.Event()
        for _ in range(WORKERS):
            threading.Thread(target=self.work, daemon=True).start()

    def work(self) -> None:
        """Ask, again and again."""
        while not self.ended.wait(0.02):
            with contextlib.suppress(OSError):
                with self.host.entered():
                    connection = socket.socket()
                with connection:
                    connection.settimeout(PATIENCE)
                    connection.connect((VIP, PORT))
                    if connection.recv(10):
                        self.answers.append(time.monotonic())

    def answered_since(self, moment: float) -> bool:
        """Return whether there was an answer later than that."""
        return any(answer > moment for answer in self.answers[-WORKERS:])

    def gap(self) -> float:
        """Return the longest time between two answers, in seconds."""
        answers = sorted(self.answers)
        return max(later - earlier for earlier, later in itertools.pairwise(answers))


def failover(profile: dict) -> float:
    """Return the gap, in seconds, when the master's link goes."""
    hosts: list[Namespace] = []

    def host() -> Namespace:
        hosts.append(Namespace())
        return hosts[-1]

    lan = Lan(host)
    with contextlib.ExitStack() as running:
        serve(lan.host(f"{SERVER}/24"))
        directors = {address: lan.host(f"{address}/24") for address in DIRECTORS}
        for address, director in directors.items():
            running.enter_context(keepalived(director, address, profile))
        client = Client(lan.host(f"{CLIENT}/24"))
        running.callback(client.ended.set)
        master = directors[max(DIRECTORS, key=lambda address: DIRECTORS[address])]
        wait(lambda: VIP in str(master.addresses("eth0")) and client.answers, "a master")
        # So that the last advertisement is not always as old as at the start.
        time.sleep(2 * profile["advert_int"])
        client.answers.clear()
        time.sleep(1)
        master.ip("link set eth0 down")
        # An answer that was under way may still come in.
        others = [director for director in directors.values() if director is not master]
        wait(lambda: any(VIP in str(other.addresses("eth0")) for other in others), "another one")
        moment = time.monotonic()
        wait(lambda: client.answered_since(moment), "an answer by it")
        time.sleep(1)
        return client.gap()


def wait(truth, what: str) -> None:
    """Wait until something is true."""
    end = time.monotonic() + 60
    while not truth():
        if time.monotonic() > end:
            sys.exit(f"There is no sign of {what} in 60 s.")
        time.sleep(0.05)


def main() -> None:
    """Print the gaps by profile."""
    runs: dict[str, list[float]] = {name: [] for name in PROFILES}
    for _ in range(RUNS):
        for name, profile in PROFILES.items():
            runs[name].append(failover(profile))
    middle = {name: sorted(gaps)[len(gaps) // 2] for name, gaps in runs.items()}
    print(
        json.dumps(
            [
                {
                    "name": "longest time without an answer, master's link down",
                    "peer": "documents",
                    "ratio": {name: middle[name] / middle["documents"] for name in PROFILES},
                    "runs": runs,
                }
            ]
        )
    )


if __name__ == "__main__":
    main()
