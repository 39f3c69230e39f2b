#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send requests, or keep connections open, on a client while a test changes the cluster.

    traffic.py stream VIP PORT N TIMEOUT REQUESTS INTERVAL
        N workers send requests continuously. A request fails after TIMEOUT seconds. A worker
        sends REQUESTS requests over a connection, and starts one every INTERVAL seconds.
    traffic.py hold VIP PORT N
        keeps N connections open: half of them idle, the other half with long downloads

It prints ``ready`` after the first answer. For each line of its input, it prints a sample in JSON:
what it measured since the last one. At the end of the input, it waits for requests that have
started, and prints the last sample.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import itertools
import json
import os
import socket
import sys
import threading
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: lvs\r\n\r\n"
DOWNLOAD = b"GET /large HTTP/1.1\r\nHost: lvs\r\n\r\n"
BUFFER = 16384  # bytes of a download that wait to be read
#: How many seconds late the machine has to wake a thread for a stall.
STALL = 0.1
TIMED_OUT = "timed out"  # as socket.timeout has it


def answer(connection: socket.socket) -> str:
    """Send a request; return the first line of the page, the name of the real server."""
    connection.sendall(REQUEST)
    with connection.makefile("rb") as reply:
        status = reply.readline()
        if b" 200 " not in status:
            raise OSError(f"answered {status.decode(errors='replace').strip() or 'nothing'}")
        length = 0
        for line in iter(reply.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return reply.read(length).decode().split("\n")[0]


class Stream:
    """Workers that send requests continuously."""

    def __init__(
        self, vip: str, port: int, workers: int, timeout: str, requests: str, interval: str
    ) -> None:
        self.frontend, self.timeout, self.requests = (vip, port), float(timeout), int(requests)
        self.interval = float(interval)
        self.requests_seen: list[tuple[float, float, str, str]] = []
        #: When a thread was to wake, and when it did.
        self.wakes: list[tuple[float, float]] = []
        self.first, self.ended = threading.Event(), False
        self.workers = [
            threading.Timer(self.interval * number / workers, self.run) for number in range(workers)
        ]
        for worker in self.workers:
            worker.start()
        self.first.wait()
        self.last_good = time.monotonic()

    def run(self) -> None:
        due, left = time.monotonic(), 0
        while not self.ended:
            idle = due - time.monotonic()
            time.sleep(max(0, idle))
            start = time.monotonic()
            if idle > 0:
                self.wakes.append((due, start))
            due = max(due + self.interval, start)
            server = error = ""
            try:
                if not left:
                    connection = socket.create_connection(self.frontend, self.timeout)
                    left = self.requests
                server = answer(connection)
                left -= 1
                if not left:
                    connection.close()
                self.first.set()
            except OSError as problem:
                error, left = str(problem), 0
            self.requests_seen.append((start, time.monotonic(), server, error))

    def end(self) -> None:
        """Start no more requests, and wait for those that have started."""
        self.ended = True
        for worker in self.workers:
            worker.join()

    def sample(self) -> dict[str, object]:
        """Return what was measured since the last sample.

        ``gap`` is the longest time without an answer, ``stall`` the longest delay of a timer, both
        in seconds. A request that timed out while the machine stalled is ``unclear``, and neither
        failed nor answered.
        """
        seen, self.requests_seen = self.requests_seen, []
        wakes, self.wakes = self.wakes, []
        stalls = [(due, woke) for due, woke in wakes if woke - due > STALL]
        unclear = [
            start
            for start, end, _server, error in seen
            if error == TIMED_OUT and any(due < end and woke > start for due, woke in stalls)
        ]
        good = sorted(end for _, end, server, _ in seen if server)
        # A gap that was open at the last sample continues.
        answers = [self.last_good, *good, *([] if good else [time.monotonic()])]
        self.last_good = max([self.last_good, *good])
        return {
            "requests": len(seen),
            "failed": len(seen) - len(good) - len(unclear),
            "unclear": len(unclear),
            "gap": round(max(b - a for a, b in itertools.pairwise(answers)), 3),
            "stall": round(max((woke - due for due, woke in wakes), default=0.0), 3),
            "servers": collections.Counter(server for *_, server, _ in seen if server),
            "errors": collections.Counter(error for *_, error in seen if error),
        }


class Hold:
    """Connections that stay open: idle ones, and slow downloads."""

    def __init__(self, vip: str, port: int, number: int) -> None:
        self.idle, self.downloads = [], []
        for count in range(number):
            connection = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET)
            # A small buffer: a download continues only while packets pass in both directions.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            connection.settimeout(10)
            connection.connect((vip, port))
            answer(connection)
            (self.downloads if count % 2 else self.idle).append(connection)
        for connection in self.downloads:
            connection.sendall(DOWNLOAD)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Read a little of each download, in a loop."""
        while True:
            for connection in self.downloads:
                with contextlib.suppress(OSError):
                    connection.recv(2000, socket.MSG_DONTWAIT)
            time.sleep(0.1)

    def end(self) -> None:
        """Keep the connections open for the last sample."""

    def sample(self) -> dict[str, object]:
        """Use each connection, and return how many are lost."""
        with concurrent.futures.ThreadPoolExecutor(len(self.idle + self.downloads)) as asking:
            lost = [
                *asking.map(self.request, self.idle),
                *asking.map(self.continue_download, self.downloads),
            ]
        errors = collections.Counter(filter(None, lost))
        return {"connections": len(lost), "lost": sum(errors.values()), "errors": errors}

    def request(self, connection: socket.socket) -> str:
        """Send a request over an idle connection; return the error, or an empty text."""
        try:
            answer(connection)
        except OSError as problem:
            return f"idle: {problem}"
        return ""

    def continue_download(self, connection: socket.socket) -> str:
        """Read more than the buffers hold; return the error, or an empty text."""
        try:
            left = 4 * BUFFER
            while left > 0:
                taken = len(connection.recv(left))
                if not taken:
                    return "download: closed"
                left -= taken
        except OSError as problem:
            return f"download: {problem}"
        return ""


def main(kind: str, vip: str, port: str, number: str, *options: str) -> None:
    """Print samples until the input ends."""
    start = {"stream": Stream, "hold": Hold}[kind]
    traffic = start(vip, int(port), int(number), *options)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(traffic.sample()), flush=True)
    traffic.end()
    print(json.dumps(traffic.sample()), flush=True)
    os._exit(0)  # without waiting for the thread that reads downloads


if __name__ == "__main__":
    main(*sys.argv[1:])
