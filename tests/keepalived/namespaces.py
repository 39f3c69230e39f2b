# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run keepalived for each line of standard input, apart from the machine.

Started by ``releases.Keepalived`` in a network and a mount namespace of its own, with the root
directory for keepalived as its argument. A line is JSON, ``[arguments, text of the file]``; the
answer is ``[exit status, output]``.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

#: Interfaces by pairs, each with the addresses of the first. keepalived refuses lo for VRRP.
PAIRS = {
    ("eth0", "eth1"): ("192.168.2.23/24", "2001:db8::23/64"),
    ("eth2", "lan.7"): ("192.168.3.23/24",),
    # What keepalived's parser takes for a directive where a line begins with it.
    ("include", "includer"): (),
    ("@d23", "@^d24"): (),
}
#: What keepalived looks for to know if the kernel can do without reports of link-local groups.
SETTING = "sys/net/ipv4/igmp_link_local_mcast_reports"
FILE = "tmp/keepalived.conf"


def main(root: str) -> None:
    """Set the namespaces up, then answer until standard input ends."""
    batch = ["link set lo up"]
    for (first, second), addresses in PAIRS.items():
        batch.append(f"link add {first} type veth peer name {second}")
        batch += [f"link set {name} up" for name in (first, second)]
        batch += [f"address add {each} dev {first}" for each in addresses]
    ip = ["ip", "-batch", "-"]
    subprocess.run(ip, input="\n".join(batch) + "\n", text=True, check=True)
    for directory in ("tmp", "proc"):
        subprocess.run(["mount", "-t", "tmpfs", "none", f"{root}/{directory}"], check=True)
    setting = pathlib.Path(f"{root}/proc/{SETTING}")
    setting.parent.mkdir(parents=True)
    setting.touch()
    # keepalived 2.2.7 takes itself for a child whose parent died, unless it has none (issue 2587).
    command = ["unshare", "--pid", "--fork", f"--root={root}", "keepalived"]
    for line in sys.stdin:
        arguments, text = json.loads(line)
        with open(f"{root}/{FILE}", "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run(
            [*command, "--use-file", f"/{FILE}", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        print(json.dumps([done.returncode, done.stdout + done.stderr]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
