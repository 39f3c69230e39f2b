# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module nft_table in fresh network namespaces, judged by nft and by packets."""

from __future__ import annotations

import contextlib
import socket

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file

VIP, VIP6 = "192.168.2.149", "2001:db8::149"
MARKS = f"""\
chain marks {{
  type filter hook prerouting priority mangle; policy accept;
  ip daddr {VIP} tcp dport {{ 80, 443 }} meta mark set 0x7
  ip6 daddr {VIP6} tcp dport 80 counter meta mark set 0x7
}}
"""
MASQUERADE = f"""\
chain out {{
  type nat hook postrouting priority srcnat; policy accept;
  ct original ip daddr {VIP} meta l4proto tcp ct original proto-dst 80 \\
    ip daddr {{ 10.0.0.31, 10.0.0.32 }} masquerade
}}
"""
MSS = f"""\
chain mss {{ # what a tunnel carries
  type filter hook output priority mangle; policy accept;
  ip saddr {VIP} tcp flags syn tcp option maxseg size > 1440 tcp option maxseg size set 1440
}}"""
FOREIGN = """\
table inet filter {
  chain input { type filter hook input priority 0; tcp dport 22 counter; }
}"""


@pytest.fixture
def save(tmp_path):
    return tmp_path / "lvs" / "lvs.nft"


@pytest.fixture
def host(netns, tmp_path):
    """The test's own namespace, with unmanaged rules in it."""
    load(netns, FOREIGN, tmp_path)
    return netns


def load(netns, text, tmp_path):
    """Run a command of nft by hand."""
    file = tmp_path / "by-hand.nft"
    file.write_text(text + "\n")
    netns.run(f"nft -f {file}")


def listing(netns, table="inet lvs"):
    """Return how nft lists a table, with its counters and handles; nothing for no table."""
    there = f"table {table}" in netns.run("nft list tables").splitlines()
    return netns.run(f"nft --handle list table {table}") if there else ""


@contextlib.contextmanager
def others_untouched(netns):
    """See that the foreign table is byte for byte as it was, with its handles."""
    before = listing(netns, "inet filter")
    assert "tcp dport 22" in before
    yield
    assert listing(netns, "inet filter") == before


@pytest.mark.parametrize(
    "rules", [MARKS, MASQUERADE, MSS, MARKS + MASQUERADE + MSS], ids=["mark", "nat", "mss", "all"]
)
def test_a_table_is_loaded_once_and_removed(host, run_module, save, rules):
    options = {"name": "lvs", "rules": rules, "save": str(save)}
    with others_untouched(host):
        result = run_module("nft_table", diff=True, **options)
        assert result["changed"]
        assert result["before"] is None
        assert result["after"] == f"table inet lvs {{\n{rules.rstrip()}\n}}\n"
        assert result["listing"] == host.run("nft --stateless list table inet lvs")
        live, file = result["diff"]
        assert live == {"before": "", "after": result["after"]}
        assert result["after"] in file["after"]
        there, text = listing(host), save.read_text()

        again = run_module("nft_table", diff=True, **options)
        assert not again["changed"]
        assert again["before"] == again["after"] == result["listing"]
        assert (listing(host), save.read_text()) == (there, text)

        absent = {"name": "lvs", "state": "absent", "save": str(save)}
        checked = run_module("nft_table", check=True, **absent)
        assert checked["changed"]
        assert listing(host) == there
        gone = run_module("nft_table", **absent)
        assert (gone["before"], gone["after"]) == (result["listing"], None)
        assert listing(host) == ""
        assert not save.exists()
        assert not run_module("nft_table", **absent)["changed"]


@pytest.mark.parametrize(
    ("family", "rules"),
    [
        ("ip", "chain a { type filter hook input priority 0; ip saddr 192.0.2.7 drop; }"),
        ("ip6", f"chain a {{ type filter hook input priority 0; ip6 daddr {VIP6} accept; }}"),
        ("arp", "chain a { type filter hook input priority 0; arp operation request accept; }"),
        ("bridge", "chain a { type filter hook input priority 0; ether type arp accept; }"),
        ("netdev", "chain a { type filter hook ingress device lo priority 0; accept; }"),
    ],
)
def test_every_family(host, run_module, save, family, rules):
    options = {"name": "lvs", "family": family, "rules": rules, "save": str(save)}
    with others_untouched(host):
        assert run_module("nft_table", **options)["changed"]
        assert not run_module("nft_table", **options)["changed"]
        absent = {"name": "lvs", "family": family, "state": "absent", "save": str(save)}
        assert run_module("nft_table", **absent)["changed"]


def test_boot_restores_the_saved_state(host, new_netns, run_module, save):
    run_module("nft_table", name="lvs", rules=MARKS + MASQUERADE + MSS, save=str(save))
    rebooted = new_netns()
    for _ in range(2):
        rebooted.run(f"nft -f {save}")
        with rebooted.entered():
            options = {"name": "lvs", "rules": MARKS + MASQUERADE + MSS, "save": str(save)}
            assert not run_module("nft_table", **options)["changed"]
    assert host.run("nft -s list table inet lvs") == rebooted.run("nft -s list table inet lvs")


@pytest.mark.parametrize(
    "deed",
    [
        "nft add rule inet lvs marks tcp dport 81 drop",
        "nft insert rule inet lvs marks tcp dport 81 drop",
        "nft flush table inet lvs",
        "nft add chain inet lvs more",
        "nft delete table inet lvs",
    ],
)
def test_unmanaged_changes_of_the_table_are_corrected(host, run_module, save, deed):
    options = {"name": "lvs", "rules": MARKS, "save": str(save)}
    first = run_module("nft_table", **options)
    host.run(deed)
    checked = run_module("nft_table", check=True, diff=True, **options)
    assert checked["changed"]
    assert checked["before"] != first["listing"]
    with others_untouched(host):
        assert run_module("nft_table", **options)["listing"] == first["listing"]
    assert not run_module("nft_table", **options)["changed"]


def test_counters_are_no_difference(host, run_module, save):
    rules = "chain a { type filter hook output priority 0; counter; }"
    run_module("nft_table", name="lvs", rules=rules, save=str(save))
    with host.entered(), socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.sendto(b"", ("127.0.0.1", 9))
    assert "packets 0" not in listing(host)
    assert not run_module("nft_table", name="lvs", rules=rules, save=str(save))["changed"]


def test_other_rules_replace_the_rules(host, run_module, save):
    run_module("nft_table", name="lvs", rules=MARKS, save=str(save))
    with others_untouched(host):
        result = run_module("nft_table", name="lvs", rules=MSS, save=str(save))
    assert result["changed"]
    assert "chain marks" in result["before"]
    assert "chain marks" not in listing(host)
    assert "chain mss" in listing(host)
    assert not run_module("nft_table", name="lvs", rules=MSS, save=str(save))["changed"]


def test_a_table_of_another_name_in_the_file_is_removed(host, run_module, save):
    run_module("nft_table", name="lvs", rules=MARKS, save=str(save))
    with others_untouched(host):
        result = run_module("nft_table", name="lvs2", family="ip", rules=MSS, save=str(save))
    assert "table inet lvs {" in result["before"]
    assert listing(host) == ""
    assert "chain mss" in listing(host, "ip lvs2")
    options = {"name": "lvs2", "family": "ip", "rules": MSS, "save": str(save)}
    assert not run_module("nft_table", **options)["changed"]


def test_check_mode_reports_and_changes_nothing(host, run_module, save):
    result = run_module("nft_table", check=True, name="lvs", rules=MARKS, save=str(save))
    assert result["changed"]
    assert "meta mark set 0x7" in result["after"]
    assert listing(host) == ""
    assert not save.exists()


@pytest.mark.parametrize("check", [True, False])
def test_a_mistake_is_reported_with_its_line_and_changes_nothing(host, run_module, save, check):
    run_module("nft_table", name="lvs", rules=MARKS, save=str(save))
    there, text = listing(host), save.read_text()
    wrong = MARKS.replace("meta mark set 0x7", "meta mork set 0x7", 1)

    result = run_module("nft_table", check=check, name="lvs", rules=wrong, save=str(save))

    assert result["mistakes"][0].startswith("rules, line 3: nft reports: syntax error, unexpected ")
    assert "meta mork set 0x7" in result["mistakes"][0]
    assert (listing(host), save.read_text()) == (there, text)


@pytest.mark.parametrize(("rule", "why"), [
    ("jump nowhere", "No such file or directory"),
    ("iif nosuch0 accept", "Interface does not exist"),
])  # fmt: skip
def test_what_is_missing_is_reported(netns, run_module, save, rule, why):
    rules = f"chain a {{\n  {rule}\n}}"
    result = run_module("nft_table", name="lvs", rules=rules, save=str(save))
    assert result["mistakes"][0].startswith("rules, line 2: nft reports: ")
    assert why in result["mistakes"][0]
    assert result["mistakes"][0].endswith(f": {rule}")
    assert listing(netns) == ""
    assert not save.exists()


@pytest.mark.parametrize("name", ["ip", "table"])
@pytest.mark.usefixtures("host")
def test_a_word_of_nft_s_language_is_no_name(run_module, name):
    result = run_module("nft_table", name=name, rules=MARKS)
    assert result["mistakes"][0].startswith("name: nft reports: ")


def test_a_failure_after_loading_is_undone(host, run_module, save, monkeypatch):
    run_module("nft_table", name="lvs", rules=MARKS, save=str(save))
    before, text = host.run("nft list table inet lvs"), save.read_text()
    write = _atomic_file.write

    def full(path, text):
        if "digest" in (text or "") and "chain mss" in text:
            raise OSError(28, "No space left on device", path)
        write(path, text)

    monkeypatch.setattr(_atomic_file, "write", full)
    for rules in (MSS, MARKS + MSS):
        result = run_module("nft_table", name="lvs", rules=rules, save=str(save))
        assert "No space left" in result["mistakes"][0]
        assert result["mistakes"][1:] == ["The rules are as they were."]
        assert (host.run("nft list table inet lvs"), save.read_text()) == (before, text)
    assert not run_module("nft_table", name="lvs", rules=MARKS, save=str(save))["changed"]


def test_without_a_file_the_listing_is_compared_with_the_rules(host, run_module):
    rules = """\
chain a { type filter hook input priority filter; policy accept
  tcp dport {80,443} drop; }"""
    with others_untouched(host):
        assert run_module("nft_table", name="lvs", rules=rules)["changed"]
        assert not run_module("nft_table", name="lvs", rules=rules)["changed"]
        host.run("nft flush chain inet lvs a")
        assert run_module("nft_table", name="lvs", rules=rules)["changed"]
        assert run_module("nft_table", name="lvs", state="absent")["changed"]
        assert not run_module("nft_table", name="lvs", state="absent")["changed"]


# ------------------------------------------------------------------------------------- packets


IP_TRANSPARENT = 19


@pytest.fixture
def client(host, peer):
    """A host that reaches the VIPs by this one, which keeps packets with the mark 7."""
    other = peer("eth0", "192.168.2.10/24")
    other.address("2001:db8::10/64")
    host.address("192.168.2.23/24")
    host.address("2001:db8::23/64")
    other.ip(f"route add {VIP}/32 via 192.168.2.23")
    other.ip(f"-6 route add {VIP6}/128 via 2001:db8::23")
    for family in ("-4", "-6"):
        host.ip(f"{family} rule add fwmark 7 lookup 100")
        host.ip(f"{family} route add local default dev lo table 100")
    return other


def answered(host, client, address, port):
    """Try a connection; return its largest segment, or None."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.entered():
        server = socket.create_server(("", port), family=family)
        if family == socket.AF_INET:  # it may answer as the VIP, which is no address of the host
            server.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    with client.entered():
        knocker = socket.socket(family)
        knocker.settimeout(1)
    with server, knocker:
        try:
            knocker.connect((address, port))
        except OSError:
            return None
        return knocker.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)


@pytest.mark.parametrize(("address", "ports"), [(VIP, [80, 443]), (VIP6, [80])])
def test_packets_get_their_mark(host, client, run_module, save, address, ports):
    assert [answered(host, client, address, port) for port in ports] == [None] * len(ports)
    run_module("nft_table", name="lvs", rules=MARKS, save=str(save))
    assert None not in [answered(host, client, address, port) for port in ports]
    assert answered(host, client, address, 81) is None
    run_module("nft_table", name="lvs", state="absent", save=str(save))
    assert answered(host, client, address, 80) is None


def test_segments_are_clamped(host, client, run_module, save):
    run_module("nft_table", name="lvs", rules=MARKS, save=str(save))
    unclamped = answered(host, client, VIP, 80)
    run_module("nft_table", name="lvs", rules=MARKS + MSS, save=str(save))
    assert answered(host, client, VIP, 80) == unclamped - 20
