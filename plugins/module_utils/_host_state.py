# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a host by which roles skip tasks with nothing to do."""

from __future__ import annotations

import glob
import os
import re
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _program

#: The packages that roles install, by the names of all distributions.
PACKAGES = (
    "bird",
    "bird2",
    "chrony",
    "iproute",
    "iproute2",
    "ipvsadm",
    "keepalived",
    "kmod",
    "nftables",
    "python3-pyroute2",
)
#: Ansible's fact os_family, by a word of ID or ID_LIKE in os-release(5).
FAMILIES = {"debian": "Debian", "fedora": "RedHat", "rhel": "RedHat"}
#: The program that lists installed packages, by that family.
LISTS = {
    "Debian": ("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}${Package}\\n"),
    "RedHat": ("rpm", "--query", "--queryformat", "ii %{NAME}\\n"),
}
#: The kernel modules that roles load.
MODULES = ("ip_vs",)
#: Where the roles keep what is restored at boot; settings of the kernel are for systemd-sysctl.
STATE_DIRECTORY = "/etc/lvs"
STATE_FILES = (f"{STATE_DIRECTORY}/*", "/etc/sysctl.d/90-lvs-*.conf")


def read() -> dict[str, Any]:
    """Return the distribution, installed packages, loaded modules and state files."""
    family = os_family()
    return {
        "os_family": family,
        "packages": installed_packages(family),
        "kernel_modules": [name for name in MODULES if os.path.isdir(f"/sys/module/{name}")],
        "state_files": sorted(path for pattern in STATE_FILES for path in glob.glob(pattern)),
    }


def os_family(path: str = "/etc/os-release") -> str:
    """Return the family of the distribution; "" if it is none for which packages are known."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return ""
    words = [
        word
        for name in ("ID", "ID_LIKE")
        for value in re.findall(rf"(?m)^{name}=(.*)$", text)
        for word in value.strip("\"'").split()
    ]
    return next((FAMILIES[word] for word in words if word in FAMILIES), "")


def installed_packages(family: str) -> list[str]:
    """Return which of PACKAGES are installed; none if that is not known."""
    if family not in LISTS:
        return []
    try:
        # It fails if one of them is unknown to it, and lists the others.
        output = _program.run(*LISTS[family], *PACKAGES).stdout
    except FileNotFoundError:
        return []
    return sorted(set(re.findall(r"(?m)^.i (\S+)$", output)))
