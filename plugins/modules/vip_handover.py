#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the hand-over of VIPs from this director to another one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_handover
short_description: Hand over the VIPs of a director without losing new connections
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - The kernel synchronises a connection to the other directors within three seconds. If they take
    over before, it is lost.
  - So this module first drops the packets that begin a TCP connection to the VIPs (SYN), for 3.2
    seconds, and until the VIPs have left this host. Clients send a SYN again after 1, 3 and 7
    seconds, which then reaches the other director. Existing connections continue.
  - With O(unit), it then stops the unit that holds the VIPs on this host. With O(preempted_by),
    another director preempts this one. The module waits until shortly before that, and then for up
    to 10 seconds until the VIPs have left.
  - The SYNs are dropped by a table of nftables, C(inet lvs_handover). It is removed at the end,
    also if the module fails or is ended by SIGTERM, SIGHUP or SIGINT. If the module is killed, the
    table has no effect 20 seconds after it was loaded. The next run removes it.
  - UDP is not delayed.
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  check_mode:
    description: Delays no connections, stops no unit, and does not wait.
  diff_mode:
    description: Shows that O(unit) is stopped. With O(preempted_by), there is nothing to show.
options:
  vips:
    description:
      - The VIPs to hand over. Without any, no connections are delayed, and O(unit) is stopped at
        once.
    type: list
    elements: str
    required: true
  unit:
    description:
      - The unit of systemd that holds the VIPs on this host, with its type. It is stopped.
      - If it is not active, no connections are delayed.
    type: str
  preempted_by:
    description:
      - The VRRP instances of the director that preempts this one, in the form of
        O(lvs.cluster.keepalived_conf#module:instances). It must just have been started, since
        C(preempt_delay) counts from then on.
      - Of O(vips), only those in C(vips) or C(excluded_vips) of an instance without
        C(preempt=false) are delayed and waited for. If this host holds none of these, the module
        ends at once.
      - It waits for C(preempt_delay) and twice C(advert_int), less 5 seconds, before it delays
        connections.
    type: list
    elements: dict
seealso:
  - module: lvs.cluster.host_info
  - module: lvs.cluster.keepalived_conf
requirements:
  - root
  - The programs C(nft) (nftables 1.0 or later) and C(ip) of iproute2, and systemd on the target
notes:
  - If the VIPs are still here after 10 seconds, that is a result and not a failure; see
    RV(held_vips).
  - M(lvs.cluster.host_info) shows whether another director holds the VIPs.
"""

EXAMPLES = r"""
- name: Stop keepalived after connections are synchronised
  lvs.cluster.vip_handover:
    vips: [192.168.2.149, "2001:db8::149"]
    unit: keepalived.service

- name: Synchronise connections before the former master preempts this director
  lvs.cluster.vip_handover:
    vips: [192.168.2.149]
    preempted_by:
      - {name: lvs, vips: [192.168.2.149], advert_int: 1, preempt_delay: 30}
"""

RETURN = r"""
before:
  description: Whether the unit was active.
  type: dict
  returned: with O(unit), on success
  sample: {active: true}
after:
  description: Whether the unit is active now; in check mode, whether it would be.
  type: dict
  returned: with O(unit), on success
  sample: {active: false}
held_vips:
  description: Those of the VIPs that were waited for that this host still holds in the end.
  type: list
  elements: str
  returned: with O(preempted_by), on success
  sample: []
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["vips: 'vip': it must be an address such as 192.168.2.149."]
"""

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _links,
    _nft,
    _program,
    _run,
    _units,
    _vips,
)
from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure, reasons
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_relations import (
    as_list,
    number,
    off,
)
from ansible_collections.lvs.cluster.plugins.module_utils._vrrp_agreement import address

TABLE = _nft.Table("inet", "lvs_handover")

#: Seconds within which connections are synchronised: the kernel collects them for two, and checks
#: once a second (IPVS_SYNC_FLUSH_TIME, IPVS_SYNC_CHECK_PERIOD in its ip_vs_sync.c).
SYNCHRONISED = 3.2
#: Seconds to wait for VIPs to leave.
LEAVE = 10
#: Seconds between two reads.
POLL = 0.1
#: Seconds after which the table has no effect: more than it takes to synchronise and to leave.
EXPIRES = 20
#: Seconds before the earliest preemption: to synchronise, and for Ansible to start this module.
AHEAD = 5

ACCEPTED = "New TCP connections to the VIPs are accepted again."


def rules(vips: Iterable[_vips.Address]) -> str:
    """Return the rules of the table.

    The set has one element, TCP (6), with a timeout. Once it has expired, the first rule accepts
    every packet.
    """
    drops = [
        f"{'ip6' if vip.version == 6 else 'ip'} daddr {vip} tcp flags & (syn | ack) == syn drop"
        for vip in vips
    ]
    lines = ["type filter hook prerouting priority raw", "meta l4proto != @for_a_while accept"]
    return "\n".join(
        [
            f"  set for_a_while {{ type inet_proto; timeout {EXPIRES}s; elements = {{ 6 }}; }}",
            "  chain prerouting {",
            *(f"    {line}" for line in [*lines, *drops]),
            "  }",
        ]
    )


def load(text: str) -> None:
    """Run a text with nft in one transaction."""
    done = _nft.run("--file", "-", text=text)
    if done.returncode:
        raise _run.OperatorError(
            f"nft refused the table {TABLE.family} {TABLE.name}:"
            f" {' '.join(done.stderr.split()) or 'it failed without a message'}. Check that this"
            " kernel has nf_tables: nft list ruleset."
        )


def removed() -> list[str]:
    """Remove the table; return a sentence if that fails."""
    try:
        load(TABLE.removal)
    except (OSError, _run.OperatorError) as error:
        sentence = (
            f"The table could not be removed: {' '.join(reasons(error))} It has no effect"
            f" {EXPIRES} s after it was loaded. Remove it: nft delete table {TABLE.family}"
            f" {TABLE.name}."
        )
        return [sentence]
    return []


@contextlib.contextmanager
def held_back(vips: Sequence[_vips.Address]) -> Iterator[None]:
    """Delay new TCP connections to VIPs; enter the context when existing ones are synchronised.

    Use it inside `_run.defer_signals`.
    """
    if not vips:
        yield
        return
    load(TABLE.removal + TABLE.definition(rules(vips)))
    try:
        _run.pause(SYNCHRONISED)
        yield
    except (OSError, _run.OperatorError) as error:
        raise failure(error, removed(), ACCEPTED) from error
    except BaseException:
        removed()
        raise
    errors = removed()
    if errors:
        raise _run.OperatorError(*errors)


def missing(vips: Sequence[_vips.Address]) -> list[str]:
    """Return a sentence if there are VIPs, and no nft to hold connections back."""
    if not vips or _program.where("nft"):
        return []
    return ["There is no program nft on this host: install nftables."]


# --------------------------------------------------------------------- this host gives them up


def active(unit: str) -> bool:
    """Return whether a unit runs, or is about to; raises OperatorError if there is none."""
    shown = _program.run("systemctl", "show", "--property=LoadState,ActiveState", unit)
    state = next(iter(_units.blocks(shown.stdout)), None)
    if shown.returncode or state is None:
        raise _run.OperatorError(f"systemctl show {unit}: {' '.join(shown.stderr.split())}.")
    runs = state["ActiveState"] not in ("inactive", "failed")
    if state["LoadState"] == "not-found" and not runs:
        raise _run.OperatorError(
            f"unit: there is no {unit} on this host; it must be the unit that holds the VIPs."
            " Correct its name."
        )
    return runs


def stop(unit: str, vips: Sequence[_vips.Address]) -> None:
    """Stop a unit while new connections are held back."""
    with held_back(vips):
        done = _program.run("systemctl", "stop", unit)
        if done.returncode:
            raise _run.OperatorError(
                f"{unit} can't be stopped: {' '.join(done.stderr.split())} See journalctl -u"
                f" {unit}."
            )


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change: the unit that holds the VIPs is stopped."""
    vips, unit = _vips.parse(params["vips"]), params["unit"]
    if not _units.NAME.fullmatch(unit):
        raise _run.OperatorError(
            f"unit: {unit!r} is not the name of a unit; it must include the type, as in"
            " keepalived.service."
        )
    if not _program.where("systemctl"):
        raise _run.OperatorError("There is no systemd on this host, which stops the unit.")
    return _run.Change(
        {"active": active(unit)},
        {"active": False},
        apply=partial(stop, unit, vips),
        missing_requirements=missing(vips),
    )


# ---------------------------------------------------------------- another director takes them


def vips_to_preempt(
    vips: Iterable[str], instances: Iterable[Mapping[str, Any]]
) -> tuple[list[str], float]:
    """Return the VIPs that a director preempts after its start, and when to delay connections.

    It becomes master preempt_delay and up to 3 x advert_int + skew after its start (RFC 5798, 6.1).

    :param instances: its VRRP instances
    :return: the VIPs as they are written, and the seconds after its start
    """
    starts: dict[str, float] = {}
    for own in instances:
        if off(own, "preempt"):
            continue
        earliest = number(own, "preempt_delay", 0) + 2 * number(own, "advert_int", 1)
        for written in as_list(own.get("vips")) + as_list(own.get("excluded_vips")):
            starts[address(written)] = max(earliest - AHEAD, 0)
    found = [vip for vip in vips if address(vip) in starts]
    return found, min((starts[address(vip)] for vip in found), default=0)


def held(vips: Sequence[str]) -> list[str]:
    """Return which of some VIPs this host holds."""
    return list(_vips.held(json.loads(_links.ip("-json", "address", "show")), vips))


def await_preemption(params: Mapping[str, Any], *, check: bool = False) -> dict[str, Any]:
    """Delay new connections until the VIPs have left this host; return those that have not.

    :param check: whether to return at once, and change nothing
    """
    _vips.parse(params["vips"])
    vips, seconds = vips_to_preempt(params["vips"], params["preempted_by"])
    left = held(vips)
    if not left or check:
        return {"held_vips": left}
    lacking = missing(_vips.parse(left))
    if lacking:
        raise _run.OperatorError(*lacking)
    with _run.defer_signals():
        _run.pause(seconds)
        # What has left by now may be a real server's here, which is to take connections.
        left = held(vips)
        with held_back(_vips.parse(left)):
            end = time.monotonic() + LEAVE
            while True:
                left = held(left)
                if not left or time.monotonic() >= end:
                    break
                _run.pause(POLL)
    return {"held_vips": left}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "vips": {"type": "list", "elements": "str", "required": True},
            "unit": {"type": "str"},
            "preempted_by": {"type": "list", "elements": "dict"},
        },
        required_one_of=[("unit", "preempted_by")],
        mutually_exclusive=[("unit", "preempted_by")],
        supports_check_mode=True,
    )
    if module.params["unit"] is None:
        _run.report(module, partial(await_preemption, check=module.check_mode))
    _run.run(module, prepare)


if __name__ == "__main__":
    main()
