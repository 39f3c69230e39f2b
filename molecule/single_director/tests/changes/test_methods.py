# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running cluster goes from one forwarding method to another by its inventory alone.

The inventories are those that are shipped: T1-DR, T1-TUN, T1-NAT and FULLNAT. Wherever it comes
from, the cluster ends in the same state, what was on the machines before and is unmanaged is as it
was, and at no time does a real server claim a VIP.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import state
from cluster import PROJECT, SCENARIO, unit_is_active

HERE = Path(__file__).parent
VIP, VIP2 = "192.168.2.149", "192.168.2.150"
VIP6, VIP62 = "fd00:192:168:2::149", "fd00:192:168:2::150"
DIRECTOR = "02:42:c0:a8:02:17"

INVENTORIES = {
    "dr": PROJECT / "inventories" / SCENARIO,
    **{m: PROJECT / "inventories" / f"{SCENARIO}_{m}" for m in ("tun", "nat", "fullnat")},
    "mixed": HERE.parents[1] / "mixed.yml",
}
#: Where the cluster goes, and what unit a real server then has.
METHODS = ("tun", "nat", "fullnat", "mixed", "dr")
UNITS = {
    "dr": {"dr"},
    "tun": {"tun"},
    "nat": {"nat"},
    "fullnat": set(),
    "mixed": {"dr", "tun", "nat"},
}

#: A snapshot for each method, taken the first time that it was applied.
snapshots: dict[str, state.Snapshot] = {}


@pytest.fixture(scope="module")
def claims(node, playbook):
    """Record on the client which hosts claim a VIP by ARP, as long as the tests run."""
    run = playbook("playbooks/site")  # undoes changes of other tests
    assert run.returncode == 0, run.stdout
    client = node("c10")
    program = (HERE / "watch.py").read_text()
    client.check_output(
        f"cat > /tmp/watch.py <<'END'\n{program}\nEND\n"
        "nohup python3 /tmp/watch.py eth0 /tmp/claims"
        f" {VIP} {VIP2} {VIP6} {VIP62} > /tmp/watch 2>&1 &"
    )
    snapshots["dr"] = state.snapshot(node)

    def claims():
        watching = client.run("pgrep --full /tmp/watch.py")
        assert watching.rc == 0, client.check_output("cat /tmp/watch")
        lines = client.file("/tmp/claims").content_string.splitlines()
        return {tuple(line.split()) for line in lines}

    return claims


def requests(node, vip, port=80, count=8):
    """Send requests from the client; return the names of the real servers, sorted."""
    url = f"http://[{vip}]:{port}/" if ":" in vip else f"http://{vip}:{port}/"
    command = f"for n in $(seq {count}); do curl --silent --max-time 5 {url}; done"
    return sorted(node("c10").check_output(command).split())


@pytest.mark.parametrize(
    "step", range(len(METHODS)), ids=lambda step: f"{step + 1}-{METHODS[step]}"
)
def test_a_cluster_changes_its_method(step, playbook, cut, node, claims):
    method = METHODS[step]
    inventory = INVENTORIES[method]

    if method == "dr":  # its snapshot exists; test_interrupted.py has more of these
        cut("Fill the IPVS table", "playbooks/site", inventory=inventory)
    run = playbook("playbooks/site", inventory=inventory)

    assert run.returncode == 0, run.stdout
    now = state.snapshot(node)
    state.assert_same(snapshots.setdefault(method, now), now)
    for name in ("rs31", "rs32"):
        units = node(name).check_output("cd /etc/systemd/system; ls -d lvs-* 2>/dev/null; true")
        assert units.split() == sorted(f"lvs-realserver-{m}.service" for m in UNITS[method])
        assert all(unit_is_active(node(name), unit) for unit in units.split())
    assert requests(node, VIP) == ["rs31"] * 4 + ["rs32"] * 4
    # Only the director answered ARP for a VIP, and the VIP did not move.
    assert {mac for _, mac in claims()} == {DIRECTOR}

    seen = playbook("playbooks/verify", "--extra-vars=verify_requests=8", inventory=inventory)
    assert seen.returncode == 0, seen.stdout
    globals()[f"check_{method}"](node)
    if method == "tun":
        check_tunnel_sources(playbook, node, inventory)
    if method in ("tun", "fullnat"):  # the others have scenarios with a power cut
        power_cut(playbook, node, inventory)
        state.assert_same(snapshots[method], state.snapshot(node))
        assert requests(node, VIP) == ["rs31"] * 4 + ["rs32"] * 4


def power_cut(playbook, node, inventory):
    """Cut the power of the machines, and turn it on again."""
    run = playbook("molecule/restart", "--limit=!lvs_clients", inventory=inventory)
    assert run.returncode == 0, run.stdout


def check_dr(node):
    """Check nothing: T1-DR has tests of its own."""


def check_tun(node):
    """Check that requests arrive by the tunnel, large ones too."""
    received = "cat /sys/class/net/tunl0/statistics/rx_bytes"
    before = [int(node(name).check_output(received)) for name in ("rs31", "rs32")]
    for name in ("rs31", "rs32"):
        node(name).check_output("head -c 1000000 /dev/zero > /var/www/html/large")
    request = "curl -s --max-time 20 --header X-Large:$(head -c 6000 /dev/zero | tr '\\0' x)"
    for _ in range(2):
        answer = node("c10").check_output(f"{request} http://{VIP}/large | wc -c")
        assert answer == "1000000"
    after = [int(node(name).check_output(received)) for name in ("rs31", "rs32")]
    assert all(now - then > 6000 for then, now in zip(before, after, strict=True))


def decapsulated(node, sender):
    """Send ten IPIP packets to rs31; return how many tunl0 decapsulates."""
    count = "cat /sys/class/net/tunl0/statistics/rx_packets"
    before = int(node("rs31").check_output(count))
    program = (HERE / "forge.py").read_text()
    options = f"192.168.2.31 192.168.2.10 {VIP} 10"
    node(sender).check_output(f"python3 - {options} <<'END'\n{program}\nEND")
    return int(node("rs31").check_output(count)) - before


def check_tunnel_sources(playbook, node, inventory):
    """Check that tunnels of other hosts are accepted only with lvs_tunnel_sources."""
    assert decapsulated(node, "d23") == 10
    assert decapsulated(node, "c10") == 0
    run = playbook("playbooks/site", "--extra-vars=lvs_tunnel_sources=any", inventory=inventory)
    assert run.returncode == 0, run.stdout
    assert decapsulated(node, "c10") == 10
    run = playbook("playbooks/site", inventory=inventory)
    assert run.returncode == 0, run.stdout
    assert decapsulated(node, "c10") == 0


def check_nat(node):
    """Check that only answers go through the director, and that the port is mapped."""
    for name, rip in (("rs31", "10.0.0.31"), ("rs32", "10.0.0.32")):
        assert f"-r {rip}:8080 -m -w 5" in node("d23").check_output("ipvsadm --save --numeric")
        way = f"ip route get 192.168.2.10 from {rip} ipproto 6 dport 40000 sport"
        assert "via 10.0.0.23 " in node(name).check_output(f"{way} 8080")
        assert "via" not in node(name).check_output(f"{way} 22")


def check_fullnat(node):
    """Check that real servers are unchanged, and see the director's address as the client's."""
    real_servers = {name: lines for name, lines in snapshots["fullnat"].items() if name != "d23"}
    state.assert_same(state.saved_snapshot(), real_servers)
    clients = "tail --lines 4 /var/log/nginx/access.log | cut -d' ' -f1 | sort -u"
    assert node("rs31").check_output(clients) == "10.0.0.23"
    # Packets that the director only forwards keep their source address.
    way = "10.0.0.31 via 192.168.2.23"
    node("c10").check_output(f"ip route add {way}")
    assert node("c10").check_output("curl --silent http://10.0.0.31:8080/") == "rs31"
    node("c10").check_output(f"ip route delete {way}")
    assert "192.168.2.10" in node("rs31").check_output(clients)


def check_mixed(node):
    """Check services with different methods: IPv6, mapped ports, a firewall mark with two ports."""
    both = ["rs31"] * 4 + ["rs32"] * 4
    assert requests(node, VIP6) == both
    assert requests(node, VIP62) == both
    assert requests(node, VIP2, 80) == both
    assert requests(node, VIP2, 8080) == both
    table = node("d23").check_output("ipvsadm --save --numeric")
    assert "-a -f 7 -r 192.168.2.31:0 -m" in table
    assert f"-a -t [{VIP62}]:80 -r [fd00:192:168:2::31]:8080 -m" in table
