#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On a client: make requests, or hold connections, while something happens to the cluster.

    traffic.py stream VIP PORT N SECONDS REQUESTS INTERVAL
        requests all the time, by N workers, each given up after that time, so many over a
        connection; a worker begins one every INTERVAL seconds
    traffic.py hold VIP PORT N
        N connections: one half idle, the other long downloads

It prints ``ready`` once all is well, and for each line that comes in what it saw since the last, in
JSON; and so at the end of the input, once what was under way has ended.
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


def answer(connection: socket.socket) -> str:
    """Make a request and return the first line of the page: who has answered."""
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
    """Requests one after the other, and a new connection after so many of them."""

    def __init__(
        self, vip: str, port: int, workers: int, timeout: str, requests: str, interval: str
    ) -> None:
        self.frontend, self.timeout, self.requests = (vip, port), float(timeout), int(requests)
        self.interval = float(interval)
        self.requests_seen: list[tuple[float, float, str, str]] = []
        self.stall = 0.0
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
            if idle > 0:  # the machine has woken it so much too late
                self.stall = max(self.stall, start - due)
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
        """Begin no request any more, and wait for those that are under way."""
        self.ended = True
        for worker in self.workers:
            worker.join()

    def sample(self) -> dict[str, object]:
        seen, self.requests_seen = self.requests_seen, []
        stall, self.stall = self.stall, 0.0
        good = sorted(end for _, end, server, _ in seen if server)
        # A gap continues where the last look found it.
        answers = [self.last_good, *good, *([] if good else [time.monotonic()])]
        self.last_good = max([self.last_good, *good])
        return {
            "requests": len(seen),
            "failed": len(seen) - len(good),
            "gap": round(max(b - a for a, b in itertools.pairwise(answers)), 3),
            "stall": round(stall, 3),
            "servers": collections.Counter(server for *_, server, _ in seen if server),
            "errors": collections.Counter(error for *_, error in seen if error),
        }


class Hold:
    """Connections that stay: idle ones, and downloads that hardly get on."""

    def __init__(self, vip: str, port: int, number: int) -> None:
        self.idle, self.downloads = [], []
        for count in range(number):
            connection = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET)
            # So that little is under way, and a download is alive only if packets go both ways.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            connection.settimeout(10)
            connection.connect((vip, port))
            answer(connection)
            (self.downloads if count % 2 else self.idle).append(connection)
        for connection in self.downloads:
            connection.sendall(DOWNLOAD)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Take a little of each download, again and again."""
        while True:
            for connection in self.downloads:
                with contextlib.suppress(OSError):
                    connection.recv(2000, socket.MSG_DONTWAIT)
            time.sleep(0.1)

    def end(self) -> None:
        """Hold them until the last look."""

    def sample(self) -> dict[str, object]:
        with concurrent.futures.ThreadPoolExecutor(len(self.idle + self.downloads)) as asking:
            lost = [
                *asking.map(self.request, self.idle),
                *asking.map(self.continue_download, self.downloads),
            ]
        errors = collections.Counter(filter(None, lost))
        return {"connections": len(lost), "lost": sum(errors.values()), "errors": errors}

    def request(self, connection: socket.socket) -> str:
        """Make a request, and return what was wrong."""
        try:
            answer(connection)
        except OSError as problem:
            return f"idle: {problem}"
        return ""

    def continue_download(self, connection: socket.socket) -> str:
        """Read on, more than was under way, and return what was wrong."""
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
    """Go on until the input ends."""
    begin = {"stream": Stream, "hold": Hold}[kind]
    traffic = begin(vip, int(port), int(number), *options)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(traffic.sample()), flush=True)
    traffic.end()
    print(json.dumps(traffic.sample()), flush=True)
    os._exit(0)  # whatever a thread that holds connections is at


if __name__ == "__main__":
    main(*sys.argv[1:])
