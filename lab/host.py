# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab asks of the machine it runs on: commands, packages, a cache, and locks."""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lvs-lab"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LabError(Exception):
    """A sentence for the person at the terminal: what failed, where to look, what to do."""


class Machine(NamedTuple):
    """What differs between processor architectures."""

    arch: str  # as Debian and Docker name it
    emulator: str
    package: str  # the package the emulator comes in
    options: tuple[str, ...]
    tcg_cpu: str
    console: str


# Registers that the emulated processor does not have need not be kept at each change of process.
MACHINES = {
    "x86_64": Machine("amd64", "qemu-system-x86_64", "qemu-system-x86", (), "Nehalem", "ttyS0"),
    "aarch64": Machine(
        "arm64",
        "qemu-system-aarch64",
        "qemu-system-arm",
        ("-M", "virt,gic-version=max"),
        "max,pauth-impdef=on",
        "ttyAMA0",
    ),
}

_running: set[subprocess.Popen[bytes]] = set()


def machine() -> Machine:
    """Return what this processor needs."""
    if found := MACHINES.get(platform.machine()):
        return found
    raise LabError(f"This is a {platform.machine()} host; the lab runs on {' or '.join(MACHINES)}.")


def as_root(command: Sequence[str]) -> list[str]:
    """Prefix a command with sudo unless this is root."""
    return list(command) if os.getuid() == 0 else ["sudo", *command]


def run(name: str, command: Sequence[str], *, cwd: Path | None = None) -> None:
    """Run a command with its output in a log; a failure shows the log's path and its end.

    It leads a process group of its own, so that it can be ended with all that it started.
    """
    log = CACHE / "logs" / f"{name}.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
        _running.add(process)
        try:
            code = process.wait()
        except BaseException:
            end_commands([process])
            raise
        finally:
            _running.discard(process)
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise LabError(f"{command[0]} ended with {code}; its whole output is in {log}:\n{tail}")


def end_commands(processes: Collection[subprocess.Popen[bytes]]) -> None:
    """End commands that this process started, which may be root's, and let them tidy up."""
    if groups := [f"-{process.pid}" for process in processes if process.poll() is None]:
        # The shell's own kill: a program of that name needs a package (procps).
        end = f"kill -s TERM -- {' '.join(groups)}"
        subprocess.run(as_root(["sh", "-c", end]), capture_output=True, check=False)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)


def show(what: str, start: float, outcome: str = "") -> None:
    """Print a step with its time, over the line that announced it where that is possible."""
    line = f"{what}{outcome}: {time.monotonic() - start:.1f} s"
    print(f"\r{line}" if sys.stdout.isatty() else line, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Show a step and, once it is done, its time."""
    start = time.monotonic()
    print(f"{what} ...", end="" if sys.stdout.isatty() else "\n", flush=True)
    try:
        yield
    except BaseException:
        show(what, start, " failed")
        raise
    show(what, start)


def in_parallel(jobs: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Do jobs side by side, show the time of each as it ends, and return their results.

    The first failure, or a signal to this process, ends the others.
    """
    print(f"{', '.join(jobs)} ...", flush=True)
    start = time.monotonic()

    def timed(name: str) -> Any:
        result = jobs[name]()
        show(name, start)
        return result

    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        futures = {pool.submit(timed, name): name for name in jobs}
        try:
            return {futures[f]: f.result() for f in concurrent.futures.as_completed(futures)}
        except BaseException:
            # A job may be starting a command just now, so one look is not enough.
            while not all(future.done() for future in futures):
                end_commands(list(_running))
                concurrent.futures.wait(futures, 0.2)
            raise


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock; wait, with a message, while another process has it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another lab.py, which holds {path}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove(directory: Path) -> None:
    """Remove a directory of the cache, which may have root's files in it."""
    if directory.exists():
        run("remove", as_root(["rm", "-rf", "--one-file-system", str(directory)]))


def install(tools: Mapping[str, str]) -> None:
    """Install the packages of those tools (name or path: package) that are missing."""
    if not missing_packages(tools):
        return
    with lock(CACHE / "install.lock"):  # apt-get refuses to run beside another one
        packages = missing_packages(tools)
        if not packages:
            return
        if not shutil.which("apt-get"):
            raise LabError(
                f"The lab needs {', '.join(packages)} (their names in Debian). It installs them "
                "itself on Debian and Ubuntu only: install them by hand here."
            )
        with step(f"install {' '.join(packages)}"):
            run("apt-update", as_root(["apt-get", "update"]))
            apt_get = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes"]
            run("install", as_root([*apt_get, "--no-install-recommends", "install", *packages]))


def missing_packages(tools: Mapping[str, str]) -> list[str]:
    """Return the packages of those tools that are not here."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    return [p for t, p in tools.items() if not (Path(t).exists() or shutil.which(t, path=path))]


def debian_mirror() -> str:
    """Return the Debian mirror that this host's apt uses, else the public one."""
    command = ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)"]
    with contextlib.suppress(OSError):
        known = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if found := re.search(r"^Debian (https?://\S+)$", known, re.MULTILINE):
            return found[1].rstrip("/")
    return "http://deb.debian.org/debian"


def identity(pid: int) -> str:
    """Return what distinguishes a process from later ones of its number; empty if it is gone."""
    try:
        boot = BOOT_ID.read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else f"{boot} {fields[19]}"
