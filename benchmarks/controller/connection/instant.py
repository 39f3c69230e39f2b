# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to no host at all: each module has the same answer at once, nothing to change."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: instant
short_description: No host, whose modules answer at once
description: For measuring what Ansible does itself. No module runs, nothing is copied.
author: lvs.cluster contributors (@lvs-cluster)
"""

#: What the first module of site.yml returns for a host that is as the inventory wants it.
PREFLIGHT: dict[str, Any] = {
    **{name: [] for name in ("lines", "checks", "findings", "macs", "all_macs", "addresses")},
    "former_director_roles": [],
    "former_realserver_roles": [],
    "installed_roles": ["director", "realserver_dr"],
    "interfaces": ["eth0"],
    "vip_interface": "eth0",
    "vrrp": {"instances": [], "differences": [], "peers": [], "sources": [], "holds": False},
    "host_state": {
        "os_family": "Debian",
        "packages": ["iproute2", "ipvsadm", "kmod", "nftables", "python3-pyroute2"],
        "kernel_modules": ["ip_vs"],
        "state_files": [],
    },
}
MODULE = re.compile(rb"(?:plugins\.modules|ansible\.modules)\.(\w+)")


class Connection(ConnectionBase):  # type: ignore[misc]  # Ansible has no types
    """Answers with the result of the module that is sent."""

    transport = "instant"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(
        self,
        cmd: str,
        in_data: bytes | None = None,
        sudoable: bool = True,  # noqa: ARG002  # Ansible passes it
    ) -> tuple[int, bytes, bytes]:
        """Return what the module in ``in_data`` would print."""
        found = MODULE.search(in_data or b"")
        if not found:
            raise AnsibleConnectionFailure(f"This is no module: {cmd}")
        answer: dict[str, Any] = {"changed": False, "interface": "lo", "kept": []}
        if found[1] == b"preflight":
            answer |= PREFLIGHT
        return 0, json.dumps(answer).encode(), b""

    def put_file(self, in_path: str, out_path: str) -> None:
        """Fail: nothing is copied."""
        raise AnsibleConnectionFailure(f"{in_path} can't be copied to {out_path}.")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Fail: nothing is copied."""
        raise AnsibleConnectionFailure(f"{in_path} can't be copied to {out_path}.")

    def close(self) -> None:
        """End the connection."""
        self._connected = False
