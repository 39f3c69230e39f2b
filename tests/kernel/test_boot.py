# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the boot units on a real kernel: what it restores, and what it reports."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _arp, _boot

VIP, VIP2, VIP6 = "192.0.2.149", "192.0.2.150", "2001:db8::149"
RULES = f"""\
-A -t {VIP}:80 -s wrr
-a -t {VIP}:80 -r 192.0.2.31:80 -g -w 5
-a -t {VIP}:80 -r 192.0.2.32:80 -g -w 5
-A -u {VIP}:53 -s no_such
-a -u {VIP}:53 -r 192.0.2.31:53 -g -w 1
-A -t {VIP2}:80 -s no_such
-a -t {VIP2}:80 -r 192.0.2.31:80 -g -w 1
-A -t [{VIP6}]:80 -s rr
-a -t [{VIP6}]:80 -r [2001:db8::31]:80 -g -w 1
"""
REFUSED = {f"-A -u {VIP}:53 -s no_such", f"-A -t {VIP2}:80 -s no_such"}


@pytest.fixture
def host(netns, peer):
    """A director with a LAN interface, and a neighbour at its other end."""
    netns.neighbour = peer("eth0", "192.0.2.1/24")
    netns.neighbour.address("2001:db8::1/64")
    netns.address("192.0.2.23/24")
    netns.address("2001:db8::23/64")
    return netns


@pytest.fixture
def files(tmp_path):
    """Write state files: ``files(ipvs=..., ip=...)`` returns the program's arguments."""

    def write(**texts):
        for kind, text in texts.items():
            tmp_path.joinpath(f"director.{kind}").write_text(text)
        return [f"{kind}={tmp_path}/director.{kind}" for kind in texts]

    return write


def boot(*arguments):
    """Run the program as its unit does; return how it ended and what it printed, by line."""
    command = [sys.executable, "-IS", _boot.__file__, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def table():
    return subprocess.check_output(["ipvsadm", "-Sn"], text=True).splitlines()


def refused(output):
    """Return the lines of a state file that the program reports as not restored."""
    assert all(line.startswith("<3>/") for line in output)
    return {line.split(": ")[1] for line in output}


def link_is(host, state):
    """Wait until the kernel shows that of eth0; it does not do that at once (link_watch.c)."""
    end = time.monotonic() + 10
    while host.ip("link show eth0")[0]["operstate"] not in (state, f"LOWERLAYER{state}"):
        assert time.monotonic() < end
        time.sleep(0.05)


def addresses(*vips, interface="eth0"):
    return "".join(
        f"address replace {vip}/32 dev {interface}\n"
        if ":" not in vip
        else f"address replace {vip}/128 dev {interface} nodad preferred_lft 0\n"
        for vip in vips
    )


def test_refused_lines_are_reported_and_all_others_restored(host, files):
    arguments = files(ipvs=RULES, ip=addresses(VIP, VIP2, VIP6))
    status, output = boot(*arguments)
    assert status == _boot.FAILED
    lost = f"address replace {VIP2}/32 dev eth0"
    assert refused(output) == {*REFUSED, lost}
    [why] = [line for line in output if lost in line]
    assert why.endswith("the VIP is not added, since none of its services is in the IPVS table")
    assert len(table()) == 5
    # Of VIP, one of two services is there. That of VIP2 is not, and it would refuse its clients.
    held = host.addresses("eth0")
    assert {f"{VIP}/32", f"{VIP6}/128"} <= set(held)
    assert f"{VIP2}/32" not in held


def test_a_refused_last_line_keeps_no_other_from_being_restored(host, files):
    last = RULES.replace("no_such", "rr") + "-A -f 7 -s no_such\n"
    status, output = boot(*files(ipvs=last, ip=addresses(VIP, VIP2, VIP6)))
    assert (status, refused(output)) == (_boot.FAILED, {"-A -f 7 -s no_such"})
    assert len(table()) == 9
    assert f"{VIP2}/32" in host.addresses("eth0")


def test_a_line_that_ipvsadm_can_t_parse_keeps_no_other_from_being_restored(netns, files):
    bad = "-A -t 192.0.2.151:80 -s rr --no-such-option"
    status, output = boot(*files(ipvs=f"{bad}\n{RULES}what is this\n"))
    assert (status, refused(output)) == (_boot.FAILED, {bad, "what is this", *REFUSED})
    assert len(table()) == 5


def test_a_second_start_adds_what_is_missing_and_leaves_the_rest(host, files):
    boot(*files(ipvs=RULES, ip=addresses(VIP, VIP2)))
    by_hand = ["-e", "-t", f"{VIP}:80", "-r", "192.0.2.31:80", "-g", "-w", "0"]
    subprocess.check_call(["ipvsadm", *by_hand])
    subprocess.check_call(["ipvsadm", "-d", "-t", f"{VIP}:80", "-r", "192.0.2.32:80"])

    status, output = boot(*files(ipvs=RULES.replace("no_such", "rr"), ip=addresses(VIP, VIP2)))
    assert (status, output) == (_boot.DONE, [])
    assert len(table()) == 9
    assert f"-a -t {VIP}:80 -r 192.0.2.31:80 -g -w 0" in table()
    assert f"-a -t {VIP}:80 -r 192.0.2.32:80 -g -w 5" in table()
    assert f"{VIP2}/32" in host.addresses("eth0")
    before = table()
    assert boot(*files(ipvs=RULES.replace("no_such", "rr"))) == (_boot.DONE, [])
    assert table() == before


def test_a_missing_interface_is_tried_again(host, files, new_netns):
    arguments = files(ip=addresses(VIP) + addresses(VIP2, interface="eth1"))
    arguments += [arguments[0].replace("ip=", "announce=")]
    status, output = boot(*arguments)
    assert status == _boot.LATER
    [line] = output
    assert line.endswith('Cannot find device "eth1"')
    assert f"{VIP}/32" in host.addresses("eth0")

    host.connect(new_netns(), interface="eth1")
    assert boot(*arguments) == (_boot.DONE, [])
    assert f"{VIP2}/32" in host.addresses("eth1")


def test_an_invalid_address_keeps_no_other_from_being_restored(host, files):
    status, output = boot(*files(ip=f"address replace x dev eth0\n{addresses(VIP, VIP6)}"))
    assert (status, refused(output)) == (_boot.FAILED, {"address replace x dev eth0"})
    assert {f"{VIP}/32", f"{VIP6}/128"} <= set(host.addresses("eth0"))


def test_a_route_waits_for_the_network_of_its_gateway(netns, peer, files):
    lines = "route replace default via 192.0.2.1 dev eth0 table 5251\nrule flush protocol 251\n"
    lines += "rule add from 192.0.2.31 lookup 5251 protocol 251\n"
    arguments = files(ip4=lines)
    peer("eth0")
    status, output = boot(*arguments)
    assert (status, len(output)) == (_boot.LATER, 1)
    netns.address("192.0.2.31/24")
    assert boot(*arguments) == boot(*arguments) == (_boot.DONE, [])
    assert len([rule for rule in netns.ip("rule show") if rule.get("protocol") == "251"]) == 1
    assert netns.ip("route show table 5251")[0]["gateway"] == "192.0.2.1"


def test_a_failed_required_step_ends_the_program(netns, files, tmp_path):
    nft = tmp_path / "filter.nft"
    nft.write_text("table inet lvs_test { nonsense }\n")
    status, output = boot("--need", f"nft={nft}", *files(ip=addresses(VIP, interface="lo")))
    assert status == _boot.FAILED
    assert f"nft --file {nft}: " in output[0]
    assert output[1:] == ["<3>the settings that must precede this are not restored"]
    assert f"{VIP}/32" not in netns.addresses("lo")
    nft.write_text("table inet lvs_test { }\n")
    assert boot("--need", f"nft={nft}", *files(ip=addresses(VIP, interface="lo"))) == (0, [])
    assert f"{VIP}/32" in netns.addresses("lo")


def test_vips_are_announced_by_their_interface(host, files):
    stale = "02:00:00:00:00:99"
    for vip in (VIP, VIP6):
        host.neighbour.ip(f"neighbour replace {vip} lladdr {stale} dev eth0 nud stale")
    with host.neighbour.entered():
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        ear.bind(("eth0", _boot.ETH_P_ARP))
        ear.setblocking(False)
    arguments = files(ip=addresses(VIP, VIP6) + addresses(VIP2, interface="lo"))
    status = boot(*arguments, arguments[0].replace("ip=", "announce="))
    packets = []
    with ear, contextlib.suppress(BlockingIOError):
        while True:
            packets.append(_arp.Arp.decode(ear.recv(128)))
    assert status == (_boot.DONE, [])
    senders = [packet.sender_ip for packet in packets if packet.sender_ip in (VIP, VIP2)]
    assert senders == [VIP] * 6
    known = host.neighbour.ip("neighbour show dev eth0")
    macs = {entry["dst"]: entry["lladdr"] for entry in known if entry["dst"] in (VIP, VIP6)}
    assert macs == {VIP: host.mac(), VIP6: host.mac()}


def test_an_announcement_waits_for_the_link(host, files):
    arguments = files(ip=addresses(VIP))
    arguments.append(arguments[0].replace("ip=", "announce="))
    host.neighbour.ip("link set eth0 down")
    output = [f"<3>eth0 has no link to announce {VIP} on"]
    link_is(host, "DOWN")
    assert boot(*arguments) == (_boot.LATER, output)
    host.neighbour.ip("link set eth0 up")
    link_is(host, "UP")
    assert boot(*arguments) == (_boot.DONE, [])


def test_an_announcement_that_is_lost_is_tried_again(host, files):
    arguments = files(ip=addresses(VIP))
    host.run("tc qdisc add dev eth0 root pfifo limit 0")
    status, output = boot(*arguments, arguments[0].replace("ip=", "announce="))
    assert status == _boot.LATER
    assert output == [f"<3>eth0 did not announce {VIP}: No buffer space available"]


@pytest.mark.parametrize("kept", [0, 1])
def test_an_ipv6_vip_stays_while_its_link_is_down_with_keep_addr_on_down(host, files, kept):
    """What the sysctl is for: without it, the kernel forgets the VIP; it keeps those of IPv4."""
    conf = f"net/ipv6/conf/eth0/keep_addr_on_down = {kept}\n"
    assert boot(*files(sysctl=conf, ip=addresses(VIP, VIP6))) == (_boot.DONE, [])
    host.ip("link set eth0 down")
    host.ip("link set eth0 up")
    held = host.addresses("eth0")
    assert f"{VIP}/32" in held
    assert (f"{VIP6}/128" in held) == bool(kept)
    flags = Path("/proc/net/if_inet6").read_text()
    if kept:
        [line] = [
            line for line in flags.splitlines() if line.startswith("20010db8" + "149".zfill(24))
        ]
        assert not int(line.split()[4], 16) & 0x48  # tentative, or refused by DAD
