# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program by which keepalived announces and withdraws VIPs, without Ansible.

The role director_bgp installs this file as it is:

    lvs-announce reset                   when keepalived starts: no service has a quorum yet
    lvs-announce up SERVICE VIP ...      a service has a quorum of real servers
    lvs-announce down SERVICE VIP ...    it has none
    lvs-announce open SECONDS            announce from now on, after so many seconds
    lvs-announce drain SECONDS           withdraw all VIPs, and wait until no packets come any more
    lvs-announce undrain                 announce again

BIRD announces the VIPs of the interface lvs-vips while that is up. A VIP is on it while at least
one of its services has a quorum. The interface is down until every real server was checked once,
and while the director is drained. It is set down by keepalived's unit before keepalived stops.

A director receives packets to the VIPs at any time, since they are on lo, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

INTERFACE = "lvs-vips"
#: For each VIP a directory, with a file for each service that has a quorum.
STATE = Path("/run/lvs-announce")
#: Is there while the director is drained, also after a reboot.
DRAINED = Path("/etc/lvs/director_drained")
#: The weights of drained real servers, as rules of ipvsadm.
WEIGHTS = Path("/etc/lvs/director_bgp.ipvs")
#: Totals of IPVS: connections, packets and bytes, in hexadecimal (ip_vs_ctl.c, ip_vs_stats_show).
STATISTICS = Path("/proc/net/ip_vs_stats")
#: The director is drained if no packet came for so many seconds.
QUIET = 1.0


class Failure(Exception):
    """What a command printed that failed."""


def run(*words: str) -> str:
    """Run a program; return its output."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    # There is no module here whose run_command this could be.
    done = subprocess.run(  # pylint: disable=ansible-bad-function
        words,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        env={"PATH": path, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode:
        raise Failure(f"{' '.join(words)}: {' '.join(done.stderr.split())}")
    return done.stdout


def ip(*words: str) -> str:
    """Run ``ip``; return its output."""
    return run("ip", *words)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let other instances of this program wait: keepalived starts several at once."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    with (STATE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def add_interface() -> None:
    """Add the interface, down, if it is not there."""
    if INTERFACE not in {name for _index, name in socket.if_nameindex()}:
        ip("link", "add", "name", INTERFACE, "type", "dummy")


def prefix(vip: str) -> str:
    """Return a VIP as an address of its own network."""
    return f"{vip}/{128 if ':' in vip else 32}"


def enable_ipv6() -> None:
    """Have IPv6 on the interface, which may be disabled on new ones."""
    setting = Path("/proc/sys/net/ipv6/conf", INTERFACE, "disable_ipv6")
    if setting.read_text(encoding="ascii").strip() != "0":
        setting.write_text("0", encoding="ascii")


def add_address(vip: str) -> None:
    """Add a VIP to the interface, or do nothing if it is there.

    An IPv6 VIP must not be the source of the machine's own packets (RFC 6724, 5, rule 3).
    """
    if ":" in vip:
        enable_ipv6()
    options = ["nodad", "preferred_lft", "0"] if ":" in vip else []
    ip("address", "replace", prefix(vip), "dev", INTERFACE, *options)


def remove_address(vip: str) -> None:
    """Remove a VIP from the interface, if it is there."""
    if ip("-oneline", "address", "show", "dev", INTERFACE, "to", prefix(vip)).strip():
        ip("address", "delete", prefix(vip), "dev", INTERFACE)


def services(vip: str) -> list[Path]:
    """Return the files of a VIP's services that have a quorum."""
    directory = STATE / vip
    return sorted(directory.iterdir()) if directory.is_dir() else []


def vips() -> list[str]:
    """Return the VIPs of which a service has a quorum."""
    return sorted(each.name for each in STATE.iterdir() if each.is_dir() and services(each.name))


def reset() -> None:
    """Withdraw all VIPs, and forget which services have a quorum."""
    add_interface()
    ip("link", "set", INTERFACE, "down")
    ip("address", "flush", "dev", INTERFACE)
    for vip in vips():
        for file in services(vip):
            file.unlink()


def up(service: str, *names: str) -> None:
    """Note that a service has a quorum."""
    add_interface()
    for vip in names:
        (STATE / vip).mkdir(exist_ok=True)
        (STATE / vip / service).touch()
        add_address(vip)


def down(service: str, *names: str) -> None:
    """Note that a service has no quorum; withdraw those of its VIPs that have no other one."""
    add_interface()
    for vip in names:
        (STATE / vip / service).unlink(missing_ok=True)
        if not services(vip):
            remove_address(vip)


def equalize() -> None:
    """Let mh know the weights of drained real servers, as on directors that drained them later.

    keepalived has added them with weight 0. mh gives a destination its share of the table by its
    last weight above 0 (ip_vs_mh.c, last_weight), so without one the choice of the others differs.
    """
    rules = WEIGHTS.read_text(encoding="utf-8").splitlines() if WEIGHTS.exists() else []
    for rule in rules:
        with contextlib.suppress(Failure):  # it may be in no table any more
            run("ipvsadm", *rule.split())
            run("ipvsadm", *re.sub(r"-w \d+", "-w 0", rule).split())


def announce() -> None:
    """Set the interface up, unless the director is drained.

    The kernel removes IPv6 addresses from an interface that is set down (addrconf.c,
    addrconf_ifdown), so they are added again.
    """
    if DRAINED.exists():
        sys.stderr.write("The director is drained, so it announces no VIP.\n")
        return
    add_interface()
    for vip in vips():
        add_address(vip)
    ip("link", "set", INTERFACE, "up")


def packets() -> int:
    """Return how many packets IPVS has received."""
    lines = STATISTICS.read_text(encoding="ascii").splitlines()
    totals = next(line for line in lines if re.fullmatch(r"(\s*[0-9A-F]+){5}\s*", line))
    return int(totals.split()[1], 16)


def drain(seconds: str) -> None:
    """Withdraw all VIPs, also after a reboot, and wait until clients use the other directors."""
    DRAINED.touch()
    add_interface()
    ip("link", "set", INTERFACE, "down")
    end = time.monotonic() + float(seconds)
    before, since = packets(), time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(0.1)
        now = packets()
        if now != before:
            before, since = now, time.monotonic()
        if time.monotonic() > end:
            raise Failure(
                f"Packets to the VIPs still arrive {seconds} s after they were withdrawn. Check"
                " that the routers have no other route to this director. It stays drained."
            )


def undrain() -> None:
    """Announce the VIPs again."""
    DRAINED.unlink(missing_ok=True)
    announce()


COMMANDS: Mapping[str, Callable[..., None]] = {
    "reset": reset,
    "up": up,
    "down": down,
    "drain": drain,
    "undrain": undrain,
}


def main(words: list[str]) -> int:
    """Run one command; return the exit status."""
    command, arguments = words[0], words[1:]
    try:
        if command == "open":
            time.sleep(float(arguments[0]))
        with locked():
            if command == "open":
                equalize()
                announce()
            else:
                COMMANDS[command](*arguments)
    except Failure as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    raise SystemExit(main(sys.argv[1:]))
