#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the configuration of keepalived, checked before it is used."""

from __future__ import annotations

DOCUMENTATION = r"""
module: keepalived_conf
short_description: Write a configuration of keepalived that keepalived itself has checked
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Writes C(keepalived.conf) from typed data. Virtual services are described as everywhere in this
    collection, with health checks and what else keepalived adds to them.
  - Everything is checked before the file is touched, and all mistakes are reported at once. This
    module checks values, how they relate to each other, and whether the installed keepalived has
    each option. Then C(keepalived -t) reads the new text, also in check mode. Only if it reports
    nothing does the text replace the old file, in one step.
  - A keepalived before 2.2.8 kills its own check of a file whose scripts run as another user than
    root, and with O(globals.reload_check_config) does not read it at a reload. So the module leaves
    this option out there, and writes a comment instead.
  - The file has mode 0600. Secrets are in no result, no diff and no log. A diff shows each as
    C(<secret 1>), C(<secret 2>), and so on, so you see whether one changed. Secrets are passwords
    and keys, the definitions that they use, and the arguments of scripts, except names of options
    and paths.
  - Without O(applied) it does not start, reload or restart keepalived. RV(restart_needed) is true
    if a reload is not enough.
  - A service that the kernel has gets its new scheduler from this module, before keepalived reads
    the new configuration. For some milliseconds the kernel then has none and refuses clients
    (ip_vs_edit_service); this module drops the refusals, so clients retry after a second.
extends_documentation_fragment:
  - lvs.cluster.attributes
  - lvs.cluster.keepalived
options:
  path:
    description: The file.
    type: path
    default: /etc/keepalived/keepalived.conf
  state:
    description: Desired state of the file.
    type: str
    choices: [present, absent]
    default: present
  applied:
    description:
      - Whether keepalived.service runs the file, whichever task wrote it. The service is enabled.
        It is started, restarted or reloaded if it runs another configuration than the file has, for
        example after a run that was interrupted before the reload.
      - It waits until keepalived has applied the file. If keepalived refuses it, the former file is
        restored, and the module fails.
      - It needs the systemd override of the role P(lvs.cluster.keepalived_ha#role) to know what
        keepalived has read at a start. Without it, keepalived is reloaded once after each start.
      - Whether keepalived has applied a file is known if its unit is of the type C(notify). If not,
        the module relies on C(keepalived -t).
    type: bool
    default: false
requirements:
  - keepalived 2.0 or later on the target. It is tested with 2.2.7 and 2.3.3.
notes:
  - A list of destinations is sorted, so two directors with the same services select the same real
    server for each connection with the scheduler C(mh).
  - Ansible hides the value of a secret option wherever it appears in a result. With the password
    V(1111), that would hide any port 1111, too. So this module hides secrets only in their own
    places.
seealso:
  - name: keepalived.conf(5)
    description: The manual of keepalived's configuration.
    link: https://www.keepalived.org/manpage.html
"""

EXAMPLES = r"""
- name: A pair of directors, of which one is a real server, too
  lvs.cluster.keepalived_conf:
    globals:
      router_id: d23
      notification_email: [ops@example.com]
      notification_email_from: d23@example.com
      smtp_server: 192.168.2.10
      smtp_connect_timeout: 30
      sync_daemon: {interface: eth0, instance: web}
    instances:
      - name: web
        state: MASTER
        interface: eth0
        virtual_router_id: 51
        priority: 150
        advert_int: 5
        unicast_src_ip: 192.168.2.23
        unicast_peers: [192.168.2.31]
        auth_pass: "{{ vault_auth_pass }}"
        vips: [192.168.2.149]
    services:
      - name: web
        vip: 192.168.2.149
        port: 80
        scheduler: wrr
        check: {type: tcp, connect_timeout: 10, retries: 3, delay_before_retry: 3}
        destinations:
          - {address: 192.168.2.20, weight: 100}
          - {address: 192.168.2.21, weight: 100}
          - {address: 192.168.2.22, weight: 100}
          - {address: 192.168.2.31, weight: 100}
          - {address: 192.168.2.32, weight: 100}
  notify: Reload keepalived

- name: Application servers behind every port of the VIP
  lvs.cluster.keepalived_conf:
    globals: {router_id: proxy}
    instances:
      - name: tomcats
        interface: eth0
        virtual_router_id: 52
        priority: 100
        advert_int: 1
        vips: [172.16.31.188]
    services:
      - name: tomcats
        vip: 172.16.31.188
        port: 0
        scheduler: rr
        persistence_timeout: 50
        delay_loop: 3
        check:
          type: http
          connect_port: 80
          connect_timeout: 3
          retries: 3
          delay_before_retry: 3
          path: /
          status: 200
        destinations:
          - {address: 172.16.31.50}
          - {address: 172.16.31.51}

- name: An adjacent pair that fails over in a tenth of a second
  lvs.cluster.keepalived_conf:
    globals:
      enable_script_security: true
      script_user: keepalived_script
      max_auto_priority: 99
    scripts:
      - {name: nginx, command: /usr/bin/pgrep nginx, interval: 1, weight: -60}
    instances:
      - name: fast
        version: 3
        interface: eth0
        virtual_router_id: 53
        priority: 120
        advert_int: 0.02
        preempt: false
        track_scripts: [nginx]
        unicast_src_ip: 2001:db8::23
        unicast_peers: [2001:db8::31]
        vips: [2001:db8::149]
"""

RETURN = r"""
before:
  description: The file as it was; null for no file.
  type: dict
  returned: success
  contains: &file
    text:
      description: Its content, with secrets hidden.
      type: str
    mode:
      description: Who may read it.
      type: str
    owner:
      description: The number of the user who owns it.
      type: int
    service:
      description:
        - The state of keepalived.service, with O(applied). C(enabled) is whether it starts at boot,
          C(active) whether it runs, C(current) whether systemd has read the unit's files as they
          are, C(applied) whether it runs what the file has; null if that is not known.
      type: dict
  sample: null
after:
  description: The file as it is wanted; null for no file.
  type: dict
  returned: success
  contains: *file
  sample:
    text: "vrrp_instance web {\n  authentication {\n    auth_pass <secret 1>\n  }\n}\n"
    mode: "0600"
    owner: 0
restart_needed:
  description:
    - Whether keepalived has to be restarted for the change to take effect. A reload is enough for
      all others.
    - A restart is needed for O(globals.nftables), O(globals.nftables_ipvs),
      O(globals.disable_local_igmp), O(globals.tmp_config_directory), with any of which keepalived
      refuses to reload, for a change of the processes' C(cpu_affinity), of
      O(globals.min_auto_priority_delay), of SNMP, and of a O(globals.sync_daemon) without an
      instance.
  type: bool
  returned: success
  sample: false
action:
  description: What is done so that keepalived.service runs the file, with O(applied).
  type: str
  returned: success
  sample: reload
version:
  description: The installed release of keepalived; null for none.
  type: str
  returned: success
  sample: 2.3.3
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample:
    - "instance web: auth_pass: it is longer than 8 characters, and keepalived would cut it without
      a message."
"""

import contextlib
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _arguments,
    _atomic_file,
    _keepalived,
    _keepalived_applied,
    _keepalived_fields,
    _keepalived_options,
    _program,
    _run,
    _secrets,
)
from ansible_collections.lvs.cluster.plugins.module_utils._table import reschedule

MODE = 0o600
#: With a script for another user than root, keepalived before 2.2.8 takes its own check for a child
#: whose parent died, unless it has none, and ends it (its issue 2587).
KILLED = (143, -15)
ORPHANED = ("unshare", "--pid", "--fork")
SECONDS = 300
#: With this setting keepalived checks its file at a reload, in the same way.
CHECKED = re.compile(r"(?m)^( *)reload_check_config$")


def _ask(*arguments: str, by: Sequence[str] = ()) -> tuple[int, str]:
    """Run keepalived for an answer; return its exit status and its output."""
    try:
        done = _program.run(*by, "keepalived", *arguments, seconds=SECONDS)
    except subprocess.TimeoutExpired:
        raise _run.OperatorError(
            f"keepalived {' '.join(arguments)} has not ended within {SECONDS} s."
        ) from None
    return done.returncode, done.stdout + done.stderr


def error_messages(output: str, temporary: str, text: str, mask: _secrets.Mask) -> list[str]:
    """Return the messages of keepalived about a text, each with its line, without secrets."""
    lines = mask(text).splitlines()
    messages = []
    place = re.compile(rf"\((?:{re.escape(temporary)}: )?Line (\d+)\) ?")
    for line in filter(None, map(str.strip, output.splitlines())):
        where = place.search(line)
        number = int(where[1]) if where else 0
        about = f", line {number} ({lines[number - 1].strip()})" if 0 < number <= len(lines) else ""
        messages.append(
            f"keepalived reports{about}: {mask.words(place.sub('', line)).rstrip('.')}."
        )
    return messages or ["keepalived reports nothing."]


def check(text: str, path: str, mask: _secrets.Mask) -> bool:
    """Let keepalived check a text, as a file beside its own file.

    Return whether keepalived can do so at a reload, too (``reload_check_config``).
    """
    directory = os.path.dirname(path)
    place = directory if os.path.isdir(directory) else None  # made when the file is written
    descriptor, temporary = tempfile.mkstemp(prefix=".lvs-", dir=place)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        status, output = _ask("--config-test", "--use-file", temporary)
        killed = status in KILLED
        if killed:
            status, output = _ask("--config-test", "--use-file", temporary, by=ORPHANED)
            if output.startswith("unshare:"):
                raise _run.OperatorError(
                    "This keepalived ends its own check of scripts that run as another user (its"
                    f" issue 2587), and the workaround does not work here: {output.strip()}."
                    " Install keepalived 2.2.8 or later."
                )
    finally:
        os.unlink(temporary)
    if status:
        end = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
        raise _run.OperatorError(
            f"keepalived does not accept this configuration ({end}); {path} is as it was.",
            *error_messages(output, temporary, text, mask),
        )
    return not killed


def found(path: str) -> tuple[str | None, dict[str, Any] | None]:
    """Return the text of the file and what is reported of it; None where there is none."""
    try:
        text = _atomic_file.read(path)
    except _atomic_file.Damaged:  # not written by this module
        with open(path, encoding="latin-1") as file:
            text = file.read()
    if text is None:
        return None, None
    status = os.stat(path)
    return text, {"mode": f"{stat.S_IMODE(status.st_mode):04o}", "owner": status.st_uid}


def prepare(params: Mapping[str, Any], config: Mapping[str, Any]) -> _run.Change:
    """Return the change that makes the file hold a configuration, and keepalived run it.

    :param params: ``path``, ``state`` and ``applied``
    :param config: the configuration with its secrets
    """
    path = os.path.abspath(params["path"])
    here = _program.where("keepalived")
    version = _keepalived.parse_version(_ask("--version")[1]) if here else None
    former, about = found(path)
    mask = _secrets.Mask()
    shown = mask(former or "")
    before = {"text": shown, **about} if about else None
    results = {"version": version and _keepalived_fields.dotted(version), "restart_needed": False}
    if params["state"] == "absent":
        return _run.Change(
            before,
            None,
            apply=partial(_atomic_file.write, path, None),
            text=(shown, ""),
            results=results,
        )
    wrong = _keepalived.mistakes(config, version)
    if params["applied"] and path != _keepalived_applied.CONF:
        wrong.append(
            f"applied: keepalived.service reads {_keepalived_applied.CONF}, and path is {path}."
        )
    if wrong:
        raise _run.OperatorError(*wrong)
    text = _keepalived.render(config, version)
    service = _keepalived_applied.service() if params["applied"] else None
    runs = _keepalived_applied.applied(service) if service else former
    stale = text != former or text != runs
    reloads = check(text, path, mask) if version and stale else True
    if not reloads:
        text = CHECKED.sub(rf"\1{_keepalived_applied.UNCHECKED}", text)
    how = action(former, runs, text, service, reloads=reloads)
    results["restart_needed"] = how == "restart"
    wanted = mask(text)
    change = _run.Change(
        before,
        {"text": wanted, "mode": f"{MODE:04o}", "owner": os.geteuid()},
        text=(shown, wanted),
        results=results,
        missing_requirements=[]
        if version
        else ["There is no keepalived on this host: install keepalived."],
    )

    def apply() -> None:
        reschedule(_keepalived.services(config))
        if change.changed:
            _atomic_file.write(path, text, MODE)
        if service is not None:
            run_or_put_back(path, former, text, how, mask)

    if service is None:
        return change._replace(apply=apply)
    applied = None if runs is None else runs == former
    # After a lost reload, what is going to be run is what the file has already.
    ran = mask(runs) if text == former and runs is not None else shown
    return with_service(change._replace(text=(ran, wanted)), service, applied, how, apply)


def with_service(
    change: _run.Change,
    service: _keepalived_applied.Service,
    applied: bool | None,
    how: str,
    apply: Callable[[], None],
) -> _run.Change:
    """Return the change of the file and of the service that runs it."""
    is_ = {"enabled": service.enabled, "active": service.active, "current": service.current}
    former: dict[str, bool | None] = {**is_, "applied": applied}
    wanted: dict[str, bool | None] = dict.fromkeys(former, True)
    before, after = change.text or ("", "")
    if change.before and former != wanted:
        before, after = before + _words(former), after + _words(wanted)
    here = [] if _program.where("systemctl") else ["There is no systemd on this host."]
    return change._replace(
        before={**change.before, "service": former} if change.before else None,
        after={**change.after, "service": wanted},
        apply=apply,
        text=(before, after),
        results={**change.results, "action": how},
        missing_requirements=[*change.missing_requirements, *here],
    )


def _words(service: Mapping[str, bool | None]) -> str:
    """Return the state of the service as the last line of a diff."""
    words = {True: "", False: "not ", None: "not known to be "}
    return (
        f"# {_keepalived_applied.UNIT}: "
        + ", ".join(words[is_] + what for what, is_ in service.items())
        + "\n"
    )


def action(
    former: str | None,
    runs: str | None,
    text: str,
    service: _keepalived_applied.Service | None,
    *,
    reloads: bool = True,
) -> str:
    """Return what keepalived needs to run a text: none, start, reload or restart.

    :param former: what its file had
    :param runs: what it runs, None if that is not known
    :param service: None if only the file is seen to
    :param reloads: whether keepalived can check the text by itself at a reload
    """
    if service and not service.active:
        return "start"
    if runs == text:
        return "none"
    ran = former if runs is None else runs
    # A keepalived that ends its own check of a file does not read it at a reload, and logs nothing.
    refused = not reloads and CHECKED.search(ran or "")
    return "restart" if refused or _keepalived.restart_needed(ran, text) else "reload"


def run_or_put_back(
    path: str, former: str | None, text: str, how: str, mask: _secrets.Mask
) -> None:
    """Let keepalived run the new file; restore the former one if it refuses."""
    try:
        _keepalived_applied.activate(text, how)
    except _run.OperatorError as error:
        messages = [f"keepalived reports: {mask.words(line)}" for line in _keepalived_applied.log()]
        if former is not None and former != text:
            _atomic_file.write(path, former, MODE)
            messages.insert(0, f"{path} is as it was.")
            # At a reload, too: a process of keepalived that is started anew would take the file
            # that was refused, of which the check has left a copy (lib/parser.c, init_data).
            with contextlib.suppress(_run.OperatorError):
                _keepalived_applied.activate(former, how)
        raise _run.OperatorError(*error.mistakes, *messages) from None


def take_secrets(module: AnsibleModule) -> dict[str, Any]:
    """Return the configuration; hide its secrets in what Ansible shows of the arguments.

    Ansible has them as values to hide wherever they appear, which made its log of this call safe.
    From here on they are hidden where they stand, so a port that equals a password is shown.
    """
    names = _keepalived_options.argument_spec()
    config: dict[str, Any] = _arguments.without_unset(_arguments.given(module.params, names))
    mask = _secrets.Mask()
    module.params.update(mask.options({name: module.params.get(name) for name in names}))
    for instance in module.params["instances"] or []:
        if instance.get("auth_pass") is not None:
            instance["auth_pass"] = "<secret>"
    if module.params["extra"]:
        module.params["extra"] = mask(module.params["extra"])
    module.no_log_values.clear()
    return config


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **_keepalived_options.argument_spec(),
            "path": {"type": "path", "default": "/etc/keepalived/keepalived.conf"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "applied": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    config = take_secrets(module)
    _run.run(module, lambda params: prepare(params, config))


if __name__ == "__main__":
    main()
