# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What variables a script of FreeBSD's rc(8) gets from rc.conf and rc.conf.d.

rc.subr itself is not here. `LOAD` has the order of load_rc_config() in libexec/rc/rc.subr of 13:
rc.conf, then rc.conf.d/NAME if that is a file, else each file in the folder of that name, in the
order of the shell's pattern.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

LOAD = """
load() {
    if [ -f "$RC/rc.conf.d/$1" ]; then
        . "$RC/rc.conf.d/$1"
    elif [ -d "$RC/rc.conf.d/$1" ]; then
        for file in "$RC/rc.conf.d/$1"/*; do
            [ ! -f "$file" ] || . "$file"
        done
    fi
}
[ ! -f "$RC/rc.conf" ] || . "$RC/rc.conf"
"""


def variables(folder: Path, script: str, *names: str) -> dict[str, str]:
    """Return variables as a script finds them, with the files below a folder in place of /etc.

    netif reads what is for "network" first (the end of libexec/rc/rc.d/netif).
    """
    loads = ["network", "netif"] if script == "netif" else [script]
    text = LOAD + "".join(f"load {name}\n" for name in loads)
    text += "".join(f'printf "%s\\n" "${name}"\n' for name in names)
    done = subprocess.run(
        ["sh", "-e", "-c", text],
        env={"RC": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return dict(zip(names, done.stdout.splitlines(), strict=True))


def check_syntax(path: Path) -> None:
    """Fail where the shell finds an error in a file; nothing of it is run."""
    done = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def shown(folder: Path | str) -> str:
    """Return what the script of `_freebsd_host` prints with the files below a folder."""
    names = {
        "aliases": ("netif", "ifconfig_lo0_aliases"),
        "defaultrouter": ("routing", "defaultrouter"),
        "ipv6_defaultrouter": ("routing", "ipv6_defaultrouter"),
    }
    lines = [
        f"{name}: {variables(Path(folder), script, variable)[variable]}\n"
        for name, (script, variable) in names.items()
    ]
    return "".join([*lines, "arpproxy_all: NO\n", "dhcp:\n"])
