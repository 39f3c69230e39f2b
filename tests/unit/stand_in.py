# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that Ansible takes for FreeBSD or SunOS, so that it packs and runs the modules as there.

The interpreter has another ``sys.platform``, and its PATH has the programs of fake_freebsd.py and
fake_sunos.py only. What they change is kept in a file of the folder, and so are FreeBSD's files for
boot and the lock. Nothing else redirects the modules: what they write elsewhere is on this machine.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

ROOT = next(
    folder for folder in Path(__file__).resolve().parents if (folder / "galaxy.yml").exists()
)
COLLECTIONS = ROOT / ".collections"
#: The platform, the class of the host, its address, and the programs that it has.
SYSTEMS = {
    "freebsd": (
        "freebsd13",
        "FreeBSD",
        "192.168.0.170",
        "ifconfig route sysctl arp netstat ps sh uname",
    ),
    "sunos": (
        "sunos5",
        "SunOS",
        "192.168.0.180",
        "ifconfig route ipadm arp netstat ps pargs uname",
    ),
}
PROGRAM = """\
#!{python}
import os, pickle, sys
sys.path.insert(0, {collections!r})
from ansible_collections.lvs.cluster.tests.unit.fake_{system} import {host}
from ansible_collections.lvs.cluster.tests.unit.freebsd_rc import shown
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
with open({folder!r} + "/log", "a") as log:
    log.write(" ".join(word.partition("\\n")[0] for word in words) + "\\n")
try:
    with open({folder!r} + "/state", "rb") as file:
        host = pickle.load(file)
except FileNotFoundError:
    host = {host}()
if words[0] == "sh":
    host.rc = shown({folder!r})
done = host.run(*words)
with open({folder!r} + "/state", "wb") as file:
    pickle.dump(host, file)
sys.stdout.write(done.stdout)
sys.stderr.write(done.stderr)
sys.exit(done.returncode)
"""
INTERPRETER = """\
#!/bin/sh
PYTHONPATH={folder} PATH={folder}/bin exec {python} "$@"
"""
SITE = """\
import builtins, sys
sys.platform = {platform!r}
import_module = builtins.__import__
PLACES = (("_freebsd", "RC", "/rc.conf.d"), ("_lock", "PATH", "/lock"))

def redirected(*words, **named):
    found = import_module(*words, **named)
    for name, variable, place in PLACES:
        module = sys.modules.get("ansible_collections.lvs.cluster.plugins.module_utils." + name)
        if hasattr(module, variable):
            setattr(module, variable, {folder!r} + place)
    return found

builtins.__import__ = redirected
"""


def build(folder: Path, system: str) -> dict[str, Any]:
    """Make a host below a folder; return the variables with which Ansible reaches it."""
    platform, host, address, programs = SYSTEMS[system]
    fields = {"folder": str(folder), "python": sys.executable, "collections": str(COLLECTIONS)}
    files = dict.fromkeys(programs.split(), PROGRAM.format(**fields, system=system, host=host))
    files["../python"] = INTERPRETER.format(**fields)
    (folder / "bin").mkdir()
    (folder / "rc.conf.d").mkdir()  # which a new FreeBSD has (etc/mtree/BSD.root.dist)
    for name, text in files.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "sitecustomize.py").write_text(SITE.format(folder=str(folder), platform=platform))
    return {
        "ansible_host": address,
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": str(folder / "python"),
    }


def commands(folder: Path) -> list[str]:
    """Return the commands that were run since the last call; of a script, its first line."""
    log = folder / "log"
    found = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def state(folder: Path) -> Any:
    """Return the host as the commands have left it."""
    return pickle.loads((folder / "state").read_bytes())
