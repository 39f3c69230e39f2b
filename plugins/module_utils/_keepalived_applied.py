# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find and apply the configuration that keepalived runs; its file may have another one.

The applied configuration is saved as a copy of the file, in a runtime directory that systemd
creates when keepalived.service starts and removes when it stops. So a copy always belongs to the
running process. The role's systemd override writes it at each start, and removes it at a reload
that `activate` did not request; then the running configuration is unknown.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file, _program, _run

UNIT = "keepalived.service"
CONF = "/etc/keepalived/keepalived.conf"
OVERRIDE = "/etc/systemd/system/keepalived.service.d/lvs.conf"
PROPERTIES = (
    "ActiveState,UnitFileState,NeedDaemonReload,DropInPaths,MainPID,Type,"
    "StateChangeTimestampMonotonic"
)
#: roles/keepalived_ha/files/keepalived-override.conf, the override, has them, too.
DIRECTORY = "/run/lvs-keepalived"
COPY = f"{DIRECTORY}/applied.conf"

#: Stands in the file for reload_check_config where keepalived would refuse each reload by it.
UNCHECKED = "# reload_check_config is left out: this keepalived ends its check (its issue 2587)"

#: keepalived ends its own check of a file after 5 seconds (start_validate_reload_conf_child of its
#: main.c), and before 2.3.0 takes minutes to apply one with tens of thousands of real servers.
ACCEPT_SECONDS, APPLY_SECONDS = 30, 300
POLL = 0.1


class Service(NamedTuple):
    """The state of keepalived.service in systemd.

    :ivar state: such as active, reloading, failed
    :ivar enabled: whether it starts at boot
    :ivar current: whether systemd has read its files as they are now
    :ivar pid: its main process; 0 for none
    :ivar notifies: whether keepalived notifies systemd that it reloads, and that it is ready
    :ivar since: when the state last changed
    """

    state: str
    enabled: bool
    current: bool
    pid: int
    notifies: bool
    since: str

    @property
    def active(self) -> bool:
        """Whether it runs."""
        return self.state in ("active", "reloading")


def service() -> Service:
    """Return the state of keepalived.service, also where there is none."""
    try:
        output = _program.run("systemctl", "show", f"--property={PROPERTIES}", UNIT).stdout
    except FileNotFoundError:
        output = ""
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    return Service(
        values.get("ActiveState", "inactive"),
        values.get("UnitFileState") == "enabled",
        # By itself, systemd does not find the first override in a new directory.
        values.get("NeedDaemonReload") != "yes"
        and (OVERRIDE in values.get("DropInPaths", "").split()) == os.path.exists(OVERRIDE),
        int(values.get("MainPID") or 0),
        values.get("Type", "").startswith("notify"),
        values.get("StateChangeTimestampMonotonic", ""),
    )


def applied(found: Service) -> str | None:
    """Return the text that keepalived runs; None if it does not run or that is unknown."""
    return _atomic_file.read(COPY) if found.active else None


def record(text: str | None) -> None:
    """Record the text that keepalived runs; None records that it is unknown."""
    if text is not None:
        os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    _atomic_file.write(COPY, text, 0o600)


def activate(text: str, how: str) -> None:
    """Make keepalived run the text of its file, and record it.

    :param how: start, restart or reload; empty for changes of the unit only

    Raises `OperatorError` if keepalived does not accept it.
    """
    found = service()
    if not found.current:
        _systemctl("daemon-reload")
    if not found.enabled:
        _systemctl("enable", "--quiet", UNIT)
    if how == "reload":
        _reload(text)
        record(text)
    elif how != "none":
        _systemctl("reset-failed", UNIT, check=False)
        _systemctl(how, UNIT)
        # Unless the override has. keepalived is ready for systemd once it has read the file.
        if applied(service()) is None:
            record(text)


def _systemctl(*words: str, check: bool = True) -> None:
    done = _program.run("systemctl", *words)
    if check and done.returncode:
        raise _run.OperatorError(
            f"systemctl {' '.join(words)} failed: {' '.join(done.stderr.split())}"
        )


def _reload(text: str) -> None:
    """Reload keepalived, and wait until it has applied its file.

    systemctl reload only sends the signal, and keepalived reports nothing of a file that it
    refuses. Only if it accepts the file, it sends RELOADING=1 and at the end READY=1 (main.c,
    do_reload; config_notify.c), with which systemd changes the unit's state twice.
    """
    before = _wait_for_ready(service())
    record(None)
    os.kill(before.pid, signal.SIGHUP)
    if not before.notifies:
        return
    end = time.monotonic() + ACCEPT_SECONDS
    while True:
        now = service()
        if now.pid != before.pid and now.state == "active" and applied(now) == text:
            return  # it ended, and systemd started it again
        if now.pid == before.pid and now.active and now.since != before.since:
            _wait_for_ready(now)
            return
        if time.monotonic() > end:
            raise _run.OperatorError(
                f"keepalived did not accept {CONF} at a reload and keeps its former configuration."
            )
        time.sleep(POLL)


def _wait_for_ready(found: Service) -> Service:
    """Wait until a reload has ended."""
    end = time.monotonic() + APPLY_SECONDS
    while found.state == "reloading":
        if time.monotonic() > end:
            raise _run.OperatorError(f"A reload of {UNIT} did not end within {APPLY_SECONDS} s.")
        time.sleep(POLL)
        found = service()
    if found.state != "active" or not found.pid:
        raise _run.OperatorError(f"{UNIT} is {found.state}; it must be active to be reloaded.")
    return found


def log() -> list[str]:
    """Return the last messages of keepalived."""
    with contextlib.suppress(FileNotFoundError):
        words = ("--unit", UNIT, "--lines=4", "--output=cat", "--no-pager")
        return _program.run("journalctl", *words).stdout.splitlines()
    return []
