# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for real servers load without what only Linux has, and Linux without the others'."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils._freebsd_tunnels import Gif

ROOT = Path(__file__).parents[2] / ".collections"
MODULES = (
    "vip_iface arp_suppress return_route tunnel_iface boot_unit preflight host_info nft_table"
    " sysctls"
).split()
LOAD = """
import importlib, os, signal, socket, sys
sys.path.insert(0, {root!r})
sys.platform = {platform!r}
for place, names in ((socket, ("AF_PACKET", "AF_NETLINK")), (os, {absent!r})):
    for name in names:
        if hasattr(place, name):
            delattr(place, name)
for name in {modules!r}:
    importlib.import_module("ansible_collections.lvs.cluster.plugins.modules." + name)
print(*sorted(name.rpartition(".")[2] for name in sys.modules if ".module_utils._" in name))
"""


def loaded(platform, absent=()):
    text = LOAD.format(root=str(ROOT), platform=platform, absent=absent, modules=MODULES)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("platform", ["freebsd13", "sunos5"])
def test_they_load_without_what_only_linux_has(platform):
    assert "_run" in loaded(platform, ("sched_setaffinity",))


def test_linux_loads_no_other_back_end():
    assert not [name for name in loaded("linux") if "freebsd" in name or "sunos" in name]


#: Applies and removes what the roles of a real server do, without Ansible.
DRIVE = """
import sys
sys.path.insert(0, {root!r})
sys.platform = "freebsd13"
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _freebsd, _freebsd_addresses, _freebsd_host, _freebsd_routes, _freebsd_tunnels, _host_facts,
    _program)
from ansible_collections.lvs.cluster.tests.unit.fake_freebsd import FreeBSD
host = FreeBSD()
_program.run = host.run
_freebsd.RC = {folder!r}
usual = dict(state="present", prune=True, table=5251, keep_ports=[22], answers=[], fib=0)
dr = dict(usual, interface="lo", vips=["192.168.0.200"], save="/etc/lvs/realserver_dr.ip")
nat = dict(usual, gateways=["192.168.0.254"], route="default", save="/etc/lvs/realserver_nat.ip")
tunnel = dict(address="192.168.0.170", type="ipip", inner="ipv4", port=None, checksum="none")
tun = dict(usual, tunnels=[tunnel], sources=["192.168.0.254"], save="/etc/lvs/realserver_tun.link")
steps = [(_freebsd_addresses.prepare, dr), (_freebsd_tunnels.prepare, tun),
         (_freebsd_routes.prepare, nat)]
for prepare, options in steps:
    prepare(options).carry_out()
    assert not prepare(options).changed
links = _freebsd_host.links()
expected = _host_facts.ExpectedRole(serves=dict(dr=[dict(vip="192.168.0.200")]), running=True)
print(*sorted(check.name for check in _freebsd_host.CHECKS))
print(_freebsd_host.installed_roles(), _freebsd_host.read(expected, links, dict()).roles, "")
for prepare, options in reversed(steps):
    prepare(dict(options, state="absent", vips=None)).carry_out()
print("\\n".join(host.ran))
"""
#: The same for SunOS.
DRIVE_SUNOS = """
import os, sys
del os.O_DIRECTORY
sys.path.insert(0, {root!r})
sys.platform = "sunos5"
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _host_facts, _program, _sunos_addresses, _sunos_files, _sunos_host, _sunos_routes)
from ansible_collections.lvs.cluster.tests.unit.fake_sunos import SunOS
host = SunOS()
_program.run = host.run
_program.where = lambda name: name if host.ipadm else None
_sunos_files.PREFIX = {folder!r} + "/hostname.lo0:"
_sunos_routes.DEFAULTROUTER = {folder!r} + "/defaultrouter"
usual = dict(state="present", prune=True, table=5251, keep_ports=[22], answers=[])
dr = dict(usual, interface="lo", vips=["192.168.0.200"], save="/etc/lvs/realserver_dr.ip")
nat = dict(usual, gateways=["192.168.0.254"], route="default", save={folder!r} + "/nat.ip")
for prepare, options in ((_sunos_addresses.prepare, dr), (_sunos_routes.prepare, nat)):
    prepare(options).carry_out()
    assert not prepare(options).changed
links = _sunos_host.links()
expected = _host_facts.ExpectedRole(serves=dict(dr=[dict(vip="192.168.0.200")]), running=True)
print(_sunos_host.installed_roles(), _sunos_host.read(expected, links, dict()).roles)
for prepare, options in ((_sunos_routes.prepare, nat), (_sunos_addresses.prepare, dr)):
    prepare(dict(options, state="absent", vips=None)).carry_out()
host.ipadm = False  # as on Solaris 10
ten = dict(dr, save={folder!r} + "/dr.ip")
_sunos_addresses.prepare(ten).carry_out()
assert not _sunos_addresses.prepare(ten).changed
_sunos_addresses.prepare(dict(ten, state="absent", vips=None)).carry_out()
assert not os.path.exists({folder!r})
print("\\n".join(host.ran))
"""


def pythons():
    """Return the Pythons from 3.8 on that run here, one of each release: in PATH, and of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = []
    for minor in range(8, 15):
        built = sorted(pyenv.glob(f"versions/3.{minor}.*/bin/python"))
        for path in filter(None, [shutil.which(f"python3.{minor}"), *map(str, built)]):
            # pyenv's python3.x in PATH may be a script that only prints where one is installed.
            if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
                found.append(pytest.param(path, id=f"3.{minor}"))
                break
    return found


PYTHONS = pythons()


@pytest.mark.parametrize("python", PYTHONS)
def test_the_back_ends_run_with_each_python_here(python, tmp_path):
    """FreeBSD has packages of 3.9, 3.11 and others; which are here depends on the machine."""
    gif = Gif("192.168.0.170", "192.168.0.254").name
    text = DRIVE.format(root=str(ROOT), folder=str(tmp_path / "rc.conf.d"))
    done = subprocess.run([python, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        f"{['realserver_dr', 'realserver_tun', 'realserver_nat']} " * 2,
        "ifconfig lo0 inet 192.168.0.200/32 alias",
        f"ifconfig {gif} create tunnel 192.168.0.170 192.168.0.254",
        f"ifconfig {gif} up",
        "route change -inet default 192.168.0.254",
        "route change -inet default 192.168.0.1",
        f"ifconfig {gif} down",
        f"ifconfig {gif} destroy",
        "ifconfig lo0 inet 192.168.0.200 -alias",
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_back_ends_of_sunos_run_with_each_python_here(python, tmp_path):
    text = DRIVE_SUNOS.format(root=str(ROOT), folder=str(tmp_path / "lvs"))
    done = subprocess.run([python, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "['realserver_dr'] ['realserver_dr']",
        "ipadm create-addr -T static -a 192.168.0.200/32 lo0/lvsc0a800c8",
        "route -p add -inet default 192.168.0.254",
        "route -p delete -inet default 192.168.0.1",
        "route -p add -inet default 192.168.0.1",
        "route -p delete -inet default 192.168.0.254",
        "ipadm delete-addr lo0/lvsc0a800c8",
        "ifconfig lo0 addif 192.168.0.200/32 up",
        "ifconfig lo0 removeif 192.168.0.200",
    ]
