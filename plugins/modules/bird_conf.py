#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the configuration with which BIRD announces VIPs by BGP."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bird_conf
short_description: Announce VIPs by BGP, with a configuration that BIRD itself has checked
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Writes C(bird.conf) from typed data. BIRD then announces to its neighbors, the routers, each VIP
    that is an address of an interface. It imports no route, and can't change the routes of the
    machine.
  - Everything is checked before the file is touched, and all mistakes are reported at once. Then
    C(bird -p) reads the new text, also in check mode.
  - If BIRD runs, it gets the new configuration with a time limit. This module waits until each
    session that was Established before, and whose neighbor is still listed, is Established again,
    with BFD up if it was. Then it replaces the file and confirms the change. If not, BIRD restores
    its former configuration, the file stays as it is, and the module fails with the reason.
  - If this module is killed meanwhile, BIRD restores its former configuration by itself.
  - If BIRD does not run, the file is written only. This module does not start BIRD.
  - A running BIRD is reloaded, too, if the file is as wanted and BIRD has not read it.
  - A session that gets another password, timer, AS number or address is reset by BIRD, and is down
    for about a second. Routers that lose all sessions of a director stop sending to it meanwhile.
  - Passwords are in no result, no diff and no log. A diff shows each as C(<secret 1>),
    C(<secret 2>), and so on, so you see whether one changed.
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  router_id:
    description:
      - The router ID of this machine, an IPv4 address. It has to differ from that of every other
        router and director.
      - Required if O(state=present).
    type: str
  local_as:
    description:
      - The AS number of the directors, from 1 to 4294967295.
      - Required if O(state=present).
    type: int
  interface:
    description: The interface whose addresses are announced.
    type: str
    default: lvs-vips
  vips:
    description:
      - The addresses that may be announced, IPv4 and IPv6, each as a route to one host. An address
        of O(interface) that is not listed is not announced.
      - An IPv4 VIP is announced to neighbors with an IPv4 address, and an IPv6 VIP to those with an
        IPv6 address. So a neighbor of its family is needed.
    type: list
    elements: str
    default: []
  neighbors:
    description:
      - The routers, each with a session of its own. A router that is to learn of VIPs of both
        families is listed with each of its addresses.
      - Required if O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The address of the router. It can't be a link-local one.
        type: str
        required: true
      as:
        description: Its AS number, from 1 to 4294967295.
        type: int
        required: true
      password:
        description:
          - The password of the session, for TCP MD5 signatures (RFC 2385). It has up to 80
            printable ASCII characters, other than the double quote.
        type: str
      multihop:
        description:
          - How many hops away the router may be, from 1 to 255. Without it, the router must be on a
            link of this machine.
        type: int
      port:
        description: The port where it listens.
        type: int
        default: 179
      source_address:
        description:
          - The address of this machine for the session. By default, BIRD selects one of the link to
            the router.
          - Required with O(neighbors[].multihop) and O(bfd).
        type: str
  bfd:
    description:
      - Whether BFD detects that a neighbor or the link to it has failed. The routers must have BFD,
        too, with a session for each of the directors.
    type: bool
    default: true
  bfd_interval:
    description: Milliseconds between packets of BFD, in both directions, from 10 to 10000.
    type: int
    default: 100
  bfd_multiplier:
    description: After how many lost packets of BFD a neighbor is down, from 1 to 255.
    type: int
    default: 3
  hold_time:
    description:
      - Seconds without a message of BGP after which a session ends, from 3 to 65535. Messages are
        sent three times in that time.
    type: int
    default: 9
  ttl_security:
    description:
      - Whether packets of a session must come from the link itself (RFC 5082). The neighbor must do
        the same. It has no effect on neighbors with O(neighbors[].multihop).
    type: bool
    default: true
  path:
    description:
      - The file.
      - A file there that this collection has not written, such as Debian's, is kept beside it, with
        C(.lvs-original) at the end of its name.
    type: path
    default: /etc/bird/bird.conf
  control_socket:
    description: The socket where BIRD takes commands.
    type: path
    default: /run/bird/bird.ctl
  confirm_seconds:
    description:
      - For how many seconds to wait for sessions to be Established again after a change, from 1 to
        600. BIRD restores its former configuration by itself ten seconds later.
    type: int
    default: 30
  state:
    description:
      - Desired state of the file. V(absent) restores the file that was there before; without one,
        the file is removed. A file that this collection has not written is left alone.
      - A running BIRD gets the restored file. If the file is removed, BIRD continues to announce.
        So stop it before.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - BIRD 2.0.8 or later on the target, with birdc. It is tested with 2.0.12 and 2.17.6.
notes:
  - Graceful restart is off. With it, routers would continue to send to a director that is down.
  - The file has mode 0640 and belongs to the user and group C(bird), if there are such.
  - Ansible hides the value of a secret option wherever it appears in a result. With the password
    V(179), that would hide any port 179, too. So this module hides passwords only in their own
    places.
seealso:
  - module: lvs.cluster.vip_iface
  - name: BIRD 2 user's guide
    description: The manual of BIRD's configuration.
    link: https://bird.network.cz/?get_doc&f=bird.html&v=20
"""

EXAMPLES = r"""
- name: Announce the VIPs to two routers
  lvs.cluster.bird_conf:
    router_id: 10.99.1.11
    local_as: 65010
    vips: [203.0.113.10, 2001:db8:113::10]
    neighbors:
      - {address: 10.99.1.1, as: 65000, password: "{{ vault_bgp_password }}"}
      - {address: 10.99.1.2, as: 65000, password: "{{ vault_bgp_password }}"}
      - {address: "2001:db8:99::1", as: 65000}

- name: Announce the VIPs to a router that is three hops away
  lvs.cluster.bird_conf:
    router_id: 10.99.1.11
    local_as: 65010
    vips: [203.0.113.10]
    neighbors:
      - {address: 10.99.7.1, as: 65000, multihop: 3, source_address: 10.99.1.11}
    bfd_interval: 300

- name: Restore the configuration of BIRD that was there before
  lvs.cluster.bird_conf:
    state: absent
"""

RETURN = r"""
before:
  description: The file as it was; null for no file.
  type: dict
  returned: success
  contains: &file
    text:
      description: Its content, with secrets and its digest hidden.
      type: str
    mode:
      description: Who may read it.
      type: str
    owner:
      description: The user and the group who own it.
      type: str
    applied:
      description: Whether BIRD runs what the file has; null if BIRD does not run.
      type: bool
    original:
      description: Whether a file of before is kept beside it.
      type: bool
  sample: null
after:
  description: The file as it is wanted; null for no file.
  type: dict
  returned: success
  contains: *file
  sample:
    text: "router id 10.99.1.11;\n"
    mode: "0640"
    owner: bird:bird
    applied: true
    original: true
action:
  description:
    - What is done. V(write) writes or removes the file while BIRD does not run, V(reload) has BIRD
      read it, too, V(none) changes nothing.
  type: str
  returned: success
  sample: reload
version:
  description: The installed release of BIRD; null for none.
  type: str
  returned: success
  sample: 2.17.6
sessions:
  description: The sessions of the running BIRD at the end, in check mode as they are.
  type: list
  elements: dict
  returned: success, with O(state=present)
  contains:
    name:
      description: The name of its protocol in BIRD.
      type: str
    address:
      description: The address of the neighbor.
      type: str
    as:
      description: Its AS number.
      type: int
    state:
      description: The state of BGP, such as V(Established).
      type: str
    error:
      description: Why the session last ended, or could not connect; empty if BIRD reports nothing.
      type: str
    bfd:
      description: The state of BFD, such as V(Up); null for no BFD.
      type: str
    exported:
      description: The prefixes that are announced.
      type: list
      elements: str
  sample:
    - name: lvs_10_99_1_1
      address: 10.99.1.1
      as: 65000
      state: Established
      error: ""
      bfd: Up
      exported: [203.0.113.10/32]
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample:
    - "neighbor 10.99.1.1: as: it is 0; it must be an AS number from 1 to 4294967295."
"""

import contextlib
import grp
import os
import pwd
import re
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _atomic_file,
    _bird,
    _bird_applied,
    _bird_reader,
    _bird_secrets,
    _errors,
    _program,
    _run,
)

MODE = 0o640
#: The user and the group that Debian's BIRD runs as. It reads its file anew at each reload.
USER = "bird"
ORIGINAL = ".lvs-original"
CHECK_SECONDS = 60
CONFIRM = {"confirm_seconds": ("a number of seconds", 1, 600)}
MISSING = "There is no BIRD on this host: install bird2."


class File(NamedTuple):
    """A file as it is found.

    :ivar path: where it is, links followed
    :ivar text: its content; None for no file
    :ivar about: mode and owner for the result
    :ivar original: where the file of before is kept, or would be
    :ivar kept: whether it is, and the file is another one
    """

    path: str
    text: str | None
    about: dict[str, Any]
    original: str
    kept: bool


def find(path: str) -> File:
    """Read the file at a path."""
    path = os.path.realpath(path)
    original = path + ORIGINAL
    about = {}
    try:
        text = _atomic_file.read(path)
    except _atomic_file.Damaged:  # not written by this module
        with open(path, encoding="latin-1") as file:
            text = file.read()
    if text is not None:
        status = os.stat(path)
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        about = {"mode": mode, "owner": _owner(status.st_uid, status.st_gid)}
    # A run that was killed may have left the original as a second name of the file itself.
    kept = os.path.lexists(original) and not (text is not None and _same(path, original))
    return File(path, text, about, original, kept)


def _same(path: str, other: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samefile(path, other)
    return False


def _owner(user: int, group: int) -> str:
    """Return names, or numbers that have none."""
    names = [str(user), str(group)]
    with contextlib.suppress(KeyError):
        names[0] = pwd.getpwuid(user).pw_name
    with contextlib.suppress(KeyError):
        names[1] = grp.getgrgid(group).gr_name
    return ":".join(names)


def wanted_owner() -> tuple[int, int]:
    """Return the numbers of the user and the group who are to own the file."""
    user, group = os.geteuid(), os.getegid()
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(USER).pw_uid
    with contextlib.suppress(KeyError):
        group = grp.getgrnam(USER).gr_gid
    return user, group


def error_messages(output: str, temporary: str, text: str) -> list[str]:
    """Return the messages of ``bird -p`` about a text, each with its line, without secrets."""
    lines = _bird_secrets.Mask()(text).splitlines()
    place = re.compile(rf"(?:bird: )?{re.escape(temporary)}:(\d+):\d+:? ?")
    messages = []
    for line in filter(None, map(str.strip, output.splitlines())):
        where = place.search(line)
        number = int(where[1]) if where else 0
        about = f", line {number} ({lines[number - 1].strip()})" if 0 < number <= len(lines) else ""
        messages.append(f"BIRD reports{about}: {place.sub('', line).rstrip('.')}.")
    return messages or ["BIRD reports nothing."]


def check(text: str, path: str) -> None:
    """Let BIRD check a text, as a file beside its own; raises `OperatorError` if it refuses."""
    directory = os.path.dirname(path)
    place = directory if os.path.isdir(directory) else None  # made when the file is written
    descriptor, temporary = tempfile.mkstemp(prefix=".lvs-", dir=place)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        done = _program.run("bird", "-p", "-c", temporary, seconds=CHECK_SECONDS)
    except subprocess.TimeoutExpired:
        raise _run.OperatorError(f"bird -p has not ended within {CHECK_SECONDS} s.") from None
    finally:
        os.unlink(temporary)
    if done.returncode:
        raise _run.OperatorError(
            f"BIRD does not accept this configuration (exit status {done.returncode}); {path} is"
            " as it was.",
            *error_messages(done.stdout + done.stderr, temporary, text),
        )


def installed_version() -> tuple[int, ...] | None:
    """Return the release of the installed BIRD; None for none."""
    if not (_program.where("bird") and _program.where("birdc")):
        return None
    done = _program.run("bird", "--version", seconds=CHECK_SECONDS)
    found = _bird_reader.version(done.stdout + done.stderr)
    if found is None or found < (2,):
        raise _run.OperatorError(
            f"bird --version prints {(done.stdout + done.stderr).strip()!r}; BIRD 2 is needed:"
            " install bird2."
        )
    return found


def stage(file: File, text: str) -> str:
    """Write a text beside the file, for BIRD to read; return its path."""
    os.makedirs(os.path.dirname(file.path), mode=0o755, exist_ok=True)
    staged = file.path + ".lvs-new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(staged)  # of a run that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(staged, flags, 0o600)
    with open(descriptor, "w", encoding="utf-8") as new:
        new.write(text)
        os.fchown(descriptor, *wanted_owner())
        os.fchmod(descriptor, MODE)
        new.flush()
        os.fsync(descriptor)
    return staged


def install(file: File, staged: str) -> None:
    """Replace the file in one step, and keep one that this collection has not written."""
    if file.text is not None and not _bird.is_managed(file.text):
        with contextlib.suppress(FileExistsError):  # an older one, or this one already
            os.link(file.path, file.original)
    os.rename(staged, file.path)
    _sync(file.path)


def put_back(file: File) -> None:
    """Restore the file as it was before `install`."""
    if not file.kept and os.path.lexists(file.original):
        os.rename(file.original, file.path)
        if os.path.lexists(file.original):
            os.unlink(file.original)  # it was the same file, and then a rename does nothing
    elif file.text is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file.path)
    elif _atomic_file.read(file.path) != file.text:
        os.rename(stage(file, file.text), file.path)
    _sync(file.path)


def _sync(path: str) -> None:
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prepare(params: Mapping[str, Any], raw: Mapping[str, Any]) -> _run.Change:
    """Return the change that makes the file hold a configuration, and BIRD run it.

    :param params: all options
    :param raw: those of the configuration, with passwords
    """
    file = find(os.path.abspath(params["path"]))
    if params["state"] == "absent":
        return removal(file, params["control_socket"])
    config = configuration(params, raw)
    version = installed_version()
    text = _bird.render(config, version)
    socket = params["control_socket"]
    running = _bird_applied.running(socket) if version else None
    digest = _bird.digest(text)
    applied = None
    if running:
        own = _bird.digest(file.text) if _bird.is_managed(file.text) else None
        applied = own is not None and running.digest == own
    if version and (text != file.text or not applied):
        check(text, file.path)
    mask = _bird_secrets.Mask()
    shown, wanted = mask(file.text or ""), mask(text)
    foreign = file.text is not None and not _bird.is_managed(file.text)
    before = {"text": shown, **file.about, "applied": applied, "original": file.kept}
    after = {
        "text": wanted,
        "mode": f"{MODE:04o}",
        "owner": _owner(*wanted_owner()),
        "applied": True if running else None,
        "original": file.kept or foreign,
    }
    change = _run.Change(
        before if file.text is not None else None,
        after,
        text=(shown + _line(before), wanted + _line(after)) if file.text else (shown, wanted),
        missing_requirements=[] if version else [MISSING],
        afterwards=partial(sessions, socket),
    )

    def apply() -> None:
        staged = stage(file, text)
        put = partial(install, file, staged)
        try:
            if running:
                _bird_applied.reload(
                    socket,
                    staged,
                    digest,
                    config.neighbors,
                    bfd=config.bfd,
                    seconds=params["confirm_seconds"],
                    install=put,
                )
            else:
                put()
        except BaseException:
            put_back(file)
            raise
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(staged)

    return _finished(change._replace(apply=apply), version, reloads=bool(running))


def _line(file: Mapping[str, Any]) -> str:
    """Return what a diff shows of a file besides its text."""
    applied = {True: "applied", False: "not applied", None: "BIRD does not run"}[file["applied"]]
    return f"# mode {file['mode']}, owner {file['owner']}, {applied}\n"


def _finished(
    change: _run.Change, version: tuple[int, ...] | None, *, reloads: bool
) -> _run.Change:
    """Return a change with the results that follow from it."""
    action = "none" if not change.changed else "reload" if reloads else "write"
    dotted = ".".join(map(str, version)) if version else None
    return change._replace(results={"action": action, "version": dotted})


def configuration(params: Mapping[str, Any], raw: Mapping[str, Any]) -> _bird.Configuration:
    """Return the configuration; raises `OperatorError` with all mistakes."""
    mistakes = list(_bird.out_of_bounds("", params, CONFIRM))
    try:
        config = _bird.parse(raw)
    except _run.OperatorError as error:
        mistakes = [*error.mistakes, *mistakes]
    if mistakes:
        raise _run.OperatorError(*mistakes)
    return config


def sessions(socket: str) -> dict[str, Any]:
    """Return the sessions of the running BIRD, as a result."""
    state = _bird_applied.state(socket)
    return {"sessions": state["sessions"] if state else []}


def removal(file: File, socket: str) -> _run.Change:
    """Return the change that restores the file of before, or removes the module's own."""
    version = installed_version()
    running = _bird_applied.running(socket) if version else None
    mask = _bird_secrets.Mask()
    shown = mask(file.text or "")
    before = {"text": shown, **file.about, "applied": None, "original": file.kept}
    if file.text is not None and not _bird.is_managed(file.text):
        before["original"] = os.path.lexists(file.original)
        after = {**before, "original": file.kept}
        change = _run.Change(before, after, apply=partial(os.unlink, file.original))
        return _finished(change._replace(text=(shown, shown)), version, reloads=False)
    if not file.kept:
        change = _run.Change(
            before if file.text is not None else None,
            None,
            apply=partial(_atomic_file.write, file.path, None),
            text=(shown, ""),
        )
        return _finished(change, version, reloads=False)
    former = find(file.original)
    wanted = mask(former.text or "")
    after = {"text": wanted, **former.about, "applied": None, "original": False}

    def apply() -> None:
        os.rename(file.original, file.path)
        _sync(file.path)
        if running:
            _bird_applied.end_pending_change(socket)
            code, output = _bird_applied.ask(socket, "configure", f'"{file.path}"')
            if code:
                raise _errors.NotUndone(
                    f"{file.path} is restored, but BIRD does not accept it and keeps its former"
                    f" configuration: {_bird_reader.answer(output)}"
                )

    change = _run.Change(
        before if file.text is not None else None, after, apply=apply, text=(shown, wanted)
    )
    return _finished(change, version, reloads=bool(running))


def take_passwords(module: AnsibleModule) -> dict[str, Any]:
    """Return the configuration; hide its passwords in what Ansible shows of the arguments.

    Ansible has them as values to hide wherever they appear, which made its log of this call safe.
    From here on they are hidden where they stand, so a port that equals a password is shown.
    """
    config: dict[str, Any] = {name: module.params[name] for name in OPTIONS}
    config["neighbors"] = [dict(neighbor) for neighbor in config["neighbors"]]
    for neighbor in module.params["neighbors"]:
        if neighbor.get("password") is not None:
            neighbor["password"] = "<secret>"
    module.no_log_values.clear()
    return config


NEIGHBOR = {
    "address": {"type": "str", "required": True},
    "as": {"type": "int", "required": True},
    "password": {"type": "str", "no_log": True},
    "multihop": {"type": "int"},
    "port": {"type": "int", "default": 179},
    "source_address": {"type": "str"},
}
OPTIONS = {
    "router_id": {"type": "str"},
    "local_as": {"type": "int"},
    "interface": {"type": "str", "default": "lvs-vips"},
    "vips": {"type": "list", "elements": "str", "default": []},
    "neighbors": {"type": "list", "elements": "dict", "default": [], "options": NEIGHBOR},
    "bfd": {"type": "bool", "default": True},
    "bfd_interval": {"type": "int", "default": 100},
    "bfd_multiplier": {"type": "int", "default": 3},
    "hold_time": {"type": "int", "default": 9},
    "ttl_security": {"type": "bool", "default": True},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "path": {"type": "path", "default": _bird_applied.CONF},
            "control_socket": {"type": "path", "default": _bird_applied.SOCKET},
            "confirm_seconds": {"type": "int", "default": 30},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    raw = take_passwords(module)
    _run.run(module, lambda params: prepare(params, raw))


if __name__ == "__main__":
    main()
