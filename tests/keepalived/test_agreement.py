# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directors that differ in what ``_vrrp_agreement`` lists are masters both; in turns, none are."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import releases
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived, _vrrp_agreement
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve

VIP = "192.168.2.149"
HOSTS = {name: {"ansible_host": f"192.168.2.{name[1:]}"} for name in ("d23", "d31", "r20")}
GROUPS = {"lvs_directors": ["d23", "d31"], "lvs_realservers": ["r20"], "all": list(HOSTS)}
WEB = {"name": "web", "vip": VIP, "port": 80, "scheduler": "rr"}
BEFORE = {"lvs_auth_pass": "1111", "lvs_advert_int": 1}
#: By field, a change of the inventory.
CHANGES = {
    "virtual_router_id": {"lvs_virtual_router_id": 77},
    "password": {"lvs_auth_pass": "2222"},
    "advert_int": {"lvs_advert_int": 2},
    "version": {"lvs_auth_pass": None},
    "vips": {"services": [WEB, {**WEB, "name": "more", "vip": "192.168.2.150"}]},
}
#: Seconds after which a backup that receives no advertisement is master: RFC 3768, 6.1, with an
#: advertisement each second and a priority of 100; and some more for a busy machine.
DOWN, MORE = 3.7, 3


def file(name, services=(WEB,), **variables):
    """Return a director's instances, as they are wanted and as its file has them."""
    every = {**BEFORE, **variables}
    found = resolve(list(services), GROUPS, lambda host: {**HOSTS[host], **every})
    assert found.mistakes == []
    password = every["lvs_auth_pass"] or ""
    more = {"interface": "eth0", **({"auth_pass": password} if password else {})}
    made = [{**more, **each} for each in found.directors[name]["instances"]]
    settings = {"router_id": name, "vrrp_garp_master_refresh": 60}
    wanted = _vrrp_agreement.wanted(made, "eth0", password)
    return wanted, _keepalived.render({"globals": settings, "instances": made})


def comm(process):
    return Path(f"/proc/{process}/comm").read_text().strip()


class Director:
    """keepalived of a release in a network namespace of its own."""

    def __init__(self, root, name, stack):
        self.root, self.name, self.process = root, name, None
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "sleep", "600"])
        stack.callback(self.holder.wait)
        stack.callback(self.holder.kill)
        stack.callback(self.stop)
        # Only then are its mounts private.
        until(lambda: comm(self.holder.pid) == "sleep", MORE)
        self.run("mount", "-t", "tmpfs", "none", f"{root}/tmp")
        self.run("mount", "-t", "proc", "none", f"{root}/proc")
        self.run("ip", "link", "set", "lo", "up")

    def enter(self, *command):
        return ["nsenter", f"--target={self.holder.pid}", "--net", "--mount", *command]

    def run(self, *command, text=None):
        done = subprocess.run(
            self.enter(*command), input=text, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, text):
        self.run("tee", f"{self.root}/tmp/keepalived.conf", text=text)

    def start(self, text):
        self.write(text)
        options = "--dont-fork --vrrp --use-file=/tmp/keepalived.conf".split()
        options += [f"--{name}pid=/tmp/{name}pid" for name in ("", "vrrp_")]
        self.process = subprocess.Popen(
            self.enter("chroot", self.root, "keepalived", *options),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    @property
    def holds(self):
        return VIP in self.run("ip", "-oneline", "address", "show", "dev", "eth0")


def directors(root, stack):
    """Return two directors on one link, of which the first is going to be the master."""
    d23, d31 = (Director(root, name, stack) for name in ("d23", "d31"))
    d23.run(*"ip link add eth0 type veth peer name eth0 netns".split(), str(d31.holder.pid))
    for each in (d23, d31):
        each.run(*f"ip address add 192.168.2.{each.name[1:]}/24 dev eth0".split())
        each.run(*"ip link set eth0 up".split())
        each.start(file(each.name)[1])
    return d23, d31


def until(truth, seconds):
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_directors_change_in_turns_and_would_be_masters_both(release):
    """All changes at once, each with a pair of its own."""
    if os.geteuid() != 0:
        pytest.skip("a link between network namespaces needs root")
    if release != "debian12":
        pytest.skip("the VRRP process of 2.3.3 crashes in a root directory without devices")
    root = str(releases.unpacked() / f"keepalived-{release}")
    with contextlib.ExitStack() as stack:
        pairs = {field: directors(root, stack) for field in CHANGES}
        until(lambda: all(d23.holds for d23, _ in pairs.values()), DOWN + MORE)

        # As site.yml does it. The master keeps its VIPs, if it is no other router from now on.
        for field, (d23, d31) in pairs.items():
            d31.stop()
            d23.write(file("d23", **CHANGES[field])[1])
            d23.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        for field, (_, d31) in pairs.items():
            d31.start(file("d31", **CHANGES[field])[1])
        held = {field: [] for field in pairs}
        end = time.monotonic() + DOWN + MORE
        while time.monotonic() < end:
            for field, (d23, d31) in pairs.items():
                held[field].append(d23.holds)
                assert not d31.holds, field
        assert [field for field, seen in held.items() if not seen[-1]] == []
        assert {field for field, seen in held.items() if not all(seen)} <= {"virtual_router_id"}

        # A director that goes another way alone.
        before, text = file("d31")
        for field, (_, d31) in pairs.items():
            assert field in _vrrp_agreement.differences(before, file("d31", **CHANGES[field])[0])
            d31.stop()
            d31.start(text)
        until(lambda: all(d31.holds for _, d31 in pairs.values()), 2 * DOWN + MORE)
        assert [field for field, (d23, _) in pairs.items() if not d23.holds] == []
