# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running cluster goes from one forwarding method to another by its inventory alone.

Wherever it comes from, its machines end in the same state as one that was built so from the
beginning, what was there before and isn't ours is as it was, and at no time does a real server say
that a VIP is its own. It is the same cluster as T1's, with IPv4, IPv6 and a firewall mark.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

VIPS = ("192.168.2.149", "192.168.2.150", "fd00:192:168:2::149")
NODES = ("d23", "rs31", "rs32")
DIRECTOR = "02:42:c0:a8:02:17"

#: Two clusters, each from new machines on; the first time that a method is reached says how it
#: looks, and every other time has to look the same.
WAYS = (
    ("dr", "tun", "nat", "fullnat", "dr"),
    ("nat", "dr", "fullnat", "tun", "nat"),
)

#: What an operator has on a machine beside us. One of it is a setting that we need otherwise.
FOREIGN = """
    nft add table inet foreign
    nft add chain inet foreign watch '{ type filter hook input priority 10; policy accept; }'
    nft add rule inet foreign watch ip saddr 198.51.100.7 counter drop
    ip address replace 198.51.100.9/32 dev eth0
    ip rule add from 198.51.100.7 lookup 77 priority 1000
    ip route replace blackhole 198.51.100.0/24 table 77
    printf 'net.ipv4.conf.all.arp_announce = 1\nnet.ipv4.conf.eth0.send_redirects = 0\n' \
        > /etc/sysctl.d/10-foreign.conf
    sysctl --quiet --load /etc/sysctl.d/10-foreign.conf
"""

#: All that a role can change on a machine, and what it must not. Docker's own rules, for its
#: name server, are new at each start of a node.
STATE = r"""
    ip -oneline address | sed -E 's/^[0-9]+: //; s/@if[0-9]+//' | sort
    ip -brief link | sed -E 's/@if[0-9]+//' | sort
    for family in -4 -6; do
        echo "== $family"
        ip $family rule
        ip $family route show table all | sort
        ip $family fou show
    done
    nft list tables | grep -v 'table ip nat' | while read -r table; do
        nft --stateless list $table
    done
    sysctl --all --pattern '^net\.(ipv[46]|netfilter)\.' 2>/dev/null | grep -v conntrack_count
    ! command -v ipvsadm >/dev/null || ipvsadm --save --numeric
    grep --recursive --no-messages '' /etc/lvs /etc/sysctl.d /etc/systemd/system/lvs-*
    find /etc/systemd -name 'lvs-*' | sort
    systemctl list-units --all --plain --no-legend 'lvs-*'
    true
"""


@pytest.fixture
def look(node):
    """Return the state of all machines, by name."""
    return lambda: {name: node(name).check_output(STATE).splitlines() for name in NODES}


@pytest.fixture
def machines(playbook, node):
    """Bring up new machines, with something of their operator's on each."""
    assert playbook("lab/destroy").returncode == 0
    run = playbook("lab/create")
    assert run.returncode == 0, run.stdout
    for name in NODES:
        node(name).check_output(FOREIGN)


@pytest.fixture
def watch(machines, node):
    """Watch from the client who says that it has a VIP; return who did, by VIP."""
    client = node("c10")
    program = (Path(__file__).parent / "watch.py").read_text()
    client.check_output(
        f"cat > /tmp/watch.py <<'END'\n{program}\nEND\n"
        f"nohup python3 /tmp/watch.py eth0 /tmp/claims {' '.join(VIPS)} > /tmp/watch 2>&1 &"
    )

    def claims():
        assert client.run("pgrep --full /tmp/watch.py").rc == 0, client.check_output(
            "cat /tmp/watch"
        )
        return {
            tuple(line.split()) for line in client.file("/tmp/claims").content_string.splitlines()
        }

    return claims


def assert_same(now, then, what):
    """Compare the states of all machines."""
    for name in NODES:
        difference = difflib.unified_diff(then[name], now[name], "then", "now", lineterm="", n=0)
        assert not (lines := list(difference)), "\n".join([f"{name}, {what}:", *lines])


#: How the machines look, by method.
looks: dict[str, dict[str, list[str]]] = {}


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_a_cluster_goes_from_method_to_method(way, playbook, look, watch):
    before = look()

    for method in way:
        run = playbook("playbooks/site", f"--extra-vars=lvs_method={method}")
        assert run.returncode == 0, run.stdout
        now = look()
        assert_same(now, looks.setdefault(method, now), f"with {method} on the way {way}")
        seen = playbook("playbooks/verify", "--extra-vars=verify_requests=8")
        assert seen.returncode == 0, seen.stdout
        assert seen.stdout.count("rs32  4 of 8 requests, weight 1") == 4, seen.stdout

    assert watch() == {(vip, DIRECTOR) for vip in VIPS}
    untouched = {name: looks["fullnat"][name] for name in ("rs31", "rs32")}
    assert_same({**before, **untouched}, before, "with fullnat")
