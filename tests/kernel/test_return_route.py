# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module return_route in fresh network namespaces: what it sets, and what it refuses."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _routes, _run

RIP, RIP6 = "10.0.0.31", "2001:db8::31"
DIP, DIP6 = "10.0.0.254", "2001:db8::254"
ROUTER, ROUTER6 = "10.0.0.1", "2001:db8::1"
MANAGER, NEIGHBOUR6 = "10.0.0.99", "2001:db8::99"  # on the real server's own LAN
FAR, FAR6 = "198.51.100.9", "2001:db8:1::9"  # beyond the router
WEB = {"address": RIP, "port": 80, "protocol": "tcp"}
WEB6 = {"address": RIP6, "port": 80}
LINES = [
    f"route default via {DIP} table 5251 protocol 151",
    f"rule pref 5250 from {RIP} ipproto 6 sport 80 lookup 5251 protocol 151",
]
LINES6 = [
    f"-6 route default via {DIP6} table 5251 metric 1 protocol 151",
    f"-6 rule pref 5250 from {RIP6} ipproto 6 sport 80 lookup 5251 protocol 151",
]


@pytest.fixture
def save(tmp_path):
    return tmp_path / "lvs" / "nat.ip"


@pytest.fixture(autouse=True)
def no_ssh(monkeypatch):
    """These tests may themselves be run by ssh."""
    monkeypatch.setenv("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 22")


@pytest.fixture
def real(netns, lan):
    """A real server, the test's own namespace, with a router that is not the director."""
    lan.host(f"{RIP}/24", netns)
    netns.address(f"{RIP6}/64")
    netns.ip(f"route add default via {ROUTER}")
    netns.ip(f"-6 route add default via {ROUTER6}")
    return netns


@pytest.fixture
def route(run_module, save):
    """Run the module with the director's addresses and a file."""

    def run(*answers, **options):
        options = {"gateways": [DIP, DIP6], "answers": list(answers), **options}
        if options.get("state") == "absent":
            options = {"state": "absent"}
        return run_module("return_route", save=str(save), **options)

    return run


def state(host):
    """Return all rules and routes of a namespace, except the kernel's own."""
    return [
        line
        for family in ("-4", "-6")
        for what in ("rule show", "route show table all")
        for line in host.run(f"ip {family} {what}").splitlines()
        if "table local" not in line and "fe80::" not in line
    ]


TCP, UDP = 6, 17


def next_hop(host, client, port, protocol=TCP, source=RIP):
    """Return the next hop of what a namespace sends from a port."""
    output = host.ip(f"route get {client} from {source} ipproto {protocol} sport {port} dport 4000")
    return output[0].get("gateway", "")


def test_only_answers_go_through_the_director(real, route):
    dns = {"address": RIP, "port": 53, "protocol": "udp", "weight": 1}
    chat = {"address": RIP, "port": 9, "protocol": "sctp", "vip": "192.0.2.149"}

    result = route(WEB, WEB6, dns, chat)

    assert result["changed"], result
    assert (result["before"], result["after"]) == (
        [],
        [
            LINES[0],
            f"rule pref 5250 from {RIP} ipproto 132 sport 9 lookup 5251 protocol 151",
            LINES[1],
            "rule pref 5250 from all ipproto 17 sport 53 lookup 5251 protocol 151",
            *LINES6,
        ],
    )
    for client in (FAR, MANAGER):
        assert next_hop(real, client, 80) == next_hop(real, client, 53, UDP) == DIP
        assert (
            next_hop(real, client, 81)
            == next_hop(real, client, 22)
            == next_hop(real, client, 80, UDP)
        )
    assert (next_hop(real, FAR, 22), next_hop(real, MANAGER, 22)) == (ROUTER, "")
    assert next_hop(real, FAR6, 80, source=RIP6) == DIP6
    assert next_hop(real, FAR6, 22, source=RIP6) == ROUTER6
    # A socket that is bound to no address:
    assert real.ip(f"route get {FAR} ipproto 17 sport 53")[0]["gateway"] == DIP
    assert real.ip(f"route get {FAR} ipproto 17 dport 53")[0]["gateway"] == ROUTER
    again = route(WEB, WEB6, dns, chat)
    assert not again["changed"], again
    assert again["before"] == again["after"] == result["after"]


def test_check_mode_and_diff(real, route, save):
    before = state(real)

    result = route(WEB, check=True, diff=True)

    assert result["changed"]
    assert result["after"] == LINES
    assert result["diff"][0]["after"] == "\n".join([*LINES, ""])
    assert f"rule add {LINES[1].partition('rule ')[2]}\n" in result["diff"][1]["after"]
    assert state(real) == before
    assert not save.exists()


@pytest.mark.parametrize("options", [{}, {"route": "default"}])
def test_boot_restores_the_saved_state(real, route, save, options):
    reboot = state(real)
    route(WEB, WEB6, {**WEB, "port": 0}, **options)
    wanted = state(real)
    saved = {"-4": save.read_text(), "-6": Path(f"{save}6").read_text()}
    assert route(state="absent")["changed"]
    assert state(real) == reboot
    for _ in range(2):
        for family, text in saved.items():
            save.write_text(text)
            real.run(f"ip {family} -batch {save}")
        assert state(real) == wanted


def test_managed_routes_no_longer_wanted_are_removed_and_unmanaged_ones_stay(real, route, save):
    real.ip("rule add pref 100 from 10.9.9.9 lookup 77 protocol 77")
    real.ip("rule add pref 5250 from 10.9.9.9 lookup 5251")
    real.ip(f"route add default via {ROUTER} table 77")
    others = state(real)
    route(WEB, WEB6, {**WEB, "port": 443})

    result = route({**WEB, "port": 8080}, gateways=["10.0.0.253"], table=7)

    assert sorted(result["before"]) == sorted(
        [*LINES, *LINES6, LINES[1].replace("sport 80", "sport 443")]
    )
    assert result["after"] == [
        "route default via 10.0.0.253 table 7 protocol 151",
        LINES[1].replace("sport 80", "sport 8080").replace("5251", "7"),
    ]
    assert not Path(f"{save}6").exists()
    assert next_hop(real, FAR, 8080) == "10.0.0.253"
    assert next_hop(real, FAR, 80) == ROUTER
    assert route(state="absent")["changed"]
    assert state(real) == others
    assert not save.exists()
    assert not route(state="absent")["changed"]


def test_rules_for_other_answers_stay_until_they_are_pruned(real, route, save):
    route(WEB, WEB6)
    other = {**WEB, "port": 8080}

    result = route(other, gateways=[DIP], prune=False)

    assert [rule.partition(" ")[2].partition(" ")[2] for rule in result["kept"]] == [
        line.partition("from")[1] + line.partition("from")[2] for line in (LINES[1], LINES6[1])
    ]
    assert [next_hop(real, FAR, port) for port in (80, 8080)] == [DIP, DIP]
    assert "sport 80 " in save.read_text()
    assert Path(f"{save}6").exists()
    assert not route(other, gateways=[DIP], prune=False)["changed"]
    pruned = route(other, gateways=[DIP])
    assert (pruned["changed"], pruned["kept"]) == (True, [])
    assert [next_hop(real, FAR, port) for port in (80, 8080)] == [ROUTER, DIP]
    assert not Path(f"{save}6").exists()
    assert route(state="absent")["changed"]


def test_missing_rules_and_routes_are_added_again(real, route):
    route(WEB, WEB6)
    wanted = state(real)
    real.ip("rule flush protocol 151")
    assert route(WEB, WEB6, check=True)["changed"]
    assert route(WEB, WEB6)["changed"]
    assert state(real) == wanted
    real.ip("link set eth0 down")
    real.ip("link set eth0 up")
    real.address(f"{RIP6}/64")
    result = route(WEB, WEB6)
    assert result["before"] == [LINES[1], LINES6[1]]
    assert next_hop(real, FAR, 80) == DIP


def test_all_ports_except_keep_ports(real, route):
    every = [{**WEB, "port": 0}, {**WEB, "port": "0", "protocol": "udp"}, {**WEB6, "port": 0}]

    result = route(*every, keep_ports=[22, 2222])

    assert result["changed"], result
    for client in (FAR, MANAGER):
        assert next_hop(real, client, 5000) == next_hop(real, client, 5000, UDP) == DIP
    for port in (22, 2222):
        assert next_hop(real, FAR, port) == ROUTER
        assert next_hop(real, MANAGER, port) == ""
        assert next_hop(real, FAR6, port, source=RIP6) == ROUTER6
    assert next_hop(real, FAR6, 5000, source=RIP6) == DIP6
    # What this machine itself asks for by UDP names no address yet.
    assert real.ip(f"route get {FAR} ipproto 17 dport 53")[0]["gateway"] == ROUTER
    assert not route(*every, keep_ports=[22, 2222])["changed"]
    # A port that is served explicitly is served.
    assert route(*every, {**WEB, "port": 22})["changed"]
    assert next_hop(real, FAR, 22) == DIP


@pytest.mark.parametrize("then", [{"state": "absent"}, {"route": "policy"}])
def test_the_default_route_is_replaced_and_put_back(real, route, save, then):
    former = f"default via {ROUTER} dev eth0 proto static src {RIP} advmss 1300"
    real.ip(f"route replace {former}")
    before = state(real)

    result = route(WEB, route="default")

    assert result["before"][0].startswith(f"route default via {ROUTER} dev eth0 proto 4 src {RIP}")
    assert result["after"] == [
        f"route default via {DIP} protocol 151",
        f"-6 route default via {DIP6} metric 1 protocol 151",
    ]
    assert [next_hop(real, client, 22) for client in (FAR, MANAGER)] == [DIP, ""]
    assert next_hop(real, FAR6, 22, source=RIP6) == DIP6
    assert f"# former: default via {ROUTER}" in save.read_text()
    assert not route(WEB, route="default")["changed"]
    assert route(WEB, route="default", gateways=["10.0.0.253", DIP6])["changed"]
    assert next_hop(real, FAR, 22) == "10.0.0.253"

    assert route(WEB, **then)["changed"]

    assert next_hop(real, FAR, 22) == ROUTER
    assert next_hop(real, FAR6, 22, source=RIP6) == ROUTER6
    assert next_hop(real, FAR, 80) == (DIP if "route" in then else ROUTER)
    assert not route(WEB, **then)["changed"]
    assert route(state="absent")["changed"] == ("route" in then)
    assert state(real) == before


def test_a_former_default_route_by_several_routers_is_restored(real, route):
    hops = f"nexthop via {ROUTER} dev eth0 weight 1 nexthop via 10.0.0.2 dev eth0 weight 3"
    real.ip(f"route replace default {hops}")
    before = state(real)
    assert route(WEB, route="default")["changed"]
    assert route(state="absent")["changed"]
    assert state(real) == before


def test_a_default_route_with_another_metric_stays(real, route, save):
    real.ip(f"route del default via {ROUTER}")
    real.ip(f"route add default via {ROUTER} metric 100")
    before = state(real)
    assert route(route="default")["before"] == []
    assert next_hop(real, FAR, 22) == DIP
    assert "# former" not in save.read_text()
    assert route(state="absent")["changed"]
    assert state(real) == before


@pytest.mark.parametrize("metric", ["", " metric 100"])
def test_an_unmanaged_default_route_by_the_director_is_kept(real, route, save, metric):
    real.ip(f"route del default via {ROUTER}")
    real.ip(f"route add default via {DIP}{metric}")
    before = state(real)
    assert not route(route="default", gateways=[DIP])["changed"]
    assert not save.exists()
    assert not route(state="absent")["changed"]
    assert state(real) == before


def test_a_former_route_that_another_program_added_again_is_replaced(real, route):
    """As a DHCP client may do."""
    before = state(real)
    route(route="default")
    real.ip(f"route replace default via {ROUTER}")
    assert route(route="default")["changed"]
    assert next_hop(real, FAR, 22) == DIP
    assert route(state="absent")["changed"]
    assert state(real) == before


def test_a_failure_in_one_family_is_undone_in_the_other(real, route, save):
    route(WEB)
    real.ip(f"-6 route add {DIP6}/128 dev lo")  # the kernel takes no gateway there
    before, text = state(real), save.read_text()

    result = route({**WEB, "port": 81}, WEB6, gateways=["10.0.0.2", DIP6])

    [first, second] = result["mistakes"]
    assert first.startswith(f"ip -6 route replace default via {DIP6} table 5251 metric 1 protocol")
    assert second == "Rules and routes are as they were."
    assert state(real) == before
    assert save.read_text() == text
    assert not Path(f"{save}6").exists()


def test_a_failure_half_way_is_undone(real):
    rule = f"pref 5250 from {RIP} lookup 77"
    before = state(real)
    steps = [
        _routes.Step(f"rule add {rule}", f"rule delete {rule}"),
        _routes.Step(f"rule add {rule}", f"rule delete {rule}"),  # there already
        _routes.Step(f"route replace default via {DIP}", f"route replace default via {ROUTER}"),
    ]
    with pytest.raises(_run.OperatorError, match="File exists") as raised:
        _routes.apply({"-4": steps})
    assert raised.value.mistakes[1:] == ["Rules and routes are as they were."]
    assert state(real) == before


@pytest.mark.parametrize(
    ("gateway", "sentence"),
    [
        ("192.0.2.254", f"it is reached through the router {ROUTER}"),
        (RIP, "it is an address of this machine"),
    ],
)
def test_a_director_has_to_be_on_a_link_with_the_machine(real, route, gateway, sentence):
    before = state(real)
    assert sentence in route(WEB, gateways=[gateway])["msg"]
    assert sentence in route(WEB, gateways=[gateway], check=True)["warnings"][0]
    real.ip(f"route del default via {ROUTER}")
    assert "there is no route to it" in route(WEB, gateways=["192.0.2.254"])["msg"]
    real.ip(f"route add default via {ROUTER}")
    assert state(real) == before


def test_an_unmanaged_routing_table_is_refused(real, route):
    real.ip(f"route add default via {ROUTER} table 5251")
    before = state(real)
    result = route(WEB)
    assert result["msg"].startswith("Routing table 5251 is in use")
    assert state(real) == before
    assert route(WEB, table=5252)["changed"]


SSH, SSH_FAR = f"{MANAGER} 50000 {RIP} 22", f"{FAR} 50000 {RIP} 22"
SSH_FAR6 = f"{FAR6} 50000 {RIP6} 22"
ALL = {**WEB, "port": 0}
REFUSED, DONE = True, False


@pytest.mark.parametrize(
    ("ssh", "answer", "options", "outcome"),
    [
        pytest.param(SSH, WEB, {}, DONE, id="other port"),
        pytest.param(SSH, {**WEB, "port": 22}, {}, REFUSED, id="own port"),
        pytest.param(SSH_FAR, {**WEB, "port": 22}, {}, REFUSED, id="own port, from afar"),
        pytest.param(SSH, {**WEB, "port": 22, "protocol": "udp"}, {}, DONE, id="other protocol"),
        pytest.param(SSH, {**WEB, "port": 22, "address": "10.0.0.32"}, {}, DONE, id="address"),
        pytest.param(SSH, ALL, {}, DONE, id="all ports, ssh keeps its way"),
        pytest.param(SSH, ALL, {"keep_ports": [80]}, REFUSED, id="all ports"),
        pytest.param(SSH_FAR6, {**WEB6, "port": 22}, {}, REFUSED, id="own port, IPv6"),
        pytest.param(SSH, WEB, {"route": "default"}, DONE, id="default, same LAN"),
        pytest.param(SSH_FAR, WEB, {"route": "default"}, REFUSED, id="default"),
        pytest.param(SSH_FAR6, WEB, {"route": "default"}, REFUSED, id="default, IPv6"),
        pytest.param(
            SSH_FAR6, WEB, {"route": "default", "gateways": [DIP]}, DONE, id="other family"
        ),
        pytest.param(f"{FAR} 5 10.0.0.77 22", WEB, {"route": "default"}, DONE, id="not here"),
        pytest.param(f"{DIP} 50000 {RIP} 22", WEB, {"route": "default"}, DONE, id="director"),
        pytest.param("fe80::1%eth0 5 fe80::2%eth0 22", ALL, {}, DONE, id="link-local"),
    ],
)
def test_a_run_does_not_cut_its_own_connection(
    real, route, run_module, monkeypatch, save, ssh, answer, options, outcome
):
    monkeypatch.setenv("SSH_CONNECTION", ssh)
    before = state(real)
    asked = {"gateways": [DIP, DIP6], "answers": [answer], **options}
    messages = [f for f in run_module("preflight", **asked)["findings"] if "cut" in f]

    result = route(answer, **options)

    if outcome == REFUSED:
        assert "This would cut Ansible's own connection" in result["msg"]
        assert route(answer, check=True, **options)["failed"]
        assert messages == result["mistakes"]
        assert state(real) == before
        assert not save.exists()
    else:
        assert result["changed"], result
        assert messages == []


@pytest.mark.parametrize("route_", ["policy", "default"])
def test_a_connection_through_the_director_is_not_cut(real, route, monkeypatch, route_):
    real.ip(f"route replace default via {DIP}")
    monkeypatch.setenv("SSH_CONNECTION", SSH_FAR)
    assert not route({**WEB, "port": 22}, route=route_).get("failed")


def test_removing_routes_does_not_cut_the_connection(real, route, monkeypatch):
    route(route="default")
    before = state(real)
    monkeypatch.setenv("SSH_CONNECTION", SSH_FAR)
    assert not route(route="default")["changed"]
    for refused in (route(state="absent"), route(WEB)):
        assert f"leave through {DIP} now, and would leave through {ROUTER}" in refused["msg"]
    assert state(real) == before
    monkeypatch.setenv("SSH_CONNECTION", SSH)
    assert route(state="absent")["changed"]


def test_the_connection_is_found_where_sudo_has_hidden_it():
    look = (
        "from ansible_collections.lvs.cluster.plugins.module_utils import _route_lookup;"
        "print(_route_lookup.connection())"
    )
    environment = {**os.environ, "SSH_CONNECTION": SSH, "LOOK": look, "PYTHON": sys.executable}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    script = 'env -u SSH_CONNECTION sh -c \'"$PYTHON" -c "$LOOK"; true\'; true'
    output = subprocess.check_output(["sh", "-c", script], env=environment, text=True)
    assert f"client='{MANAGER}'" in output
    assert "port=22" in output


# ------------------------------------------------------------------------------- real traffic

VIP, VIP6 = "192.0.2.149", "2001:db8:9::149"
VIP_INSIDE, VIP6_INSIDE = "10.0.0.149", "2001:db8::149"
CLIENT, CLIENT6 = "192.0.2.10", "2001:db8:9::10"


def serve(host, port, name, kind=socket.SOCK_STREAM, family=socket.AF_INET):
    """Answer at a port of a namespace with a name, until the process ends.

    A UDP socket of this kind is bound to no address.
    """
    with host.entered():
        ear = socket.socket(family, kind)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind(("", port))

    def answer():
        while True:
            if kind == socket.SOCK_DGRAM:
                ear.sendto(name.encode(), ear.recvfrom(64)[1])
                continue
            link, _ = ear.accept()
            with link, contextlib.suppress(OSError):
                link.sendall(name.encode())

    if kind == socket.SOCK_STREAM:
        ear.listen(16)
    threading.Thread(target=answer, daemon=True).start()


#: Seconds: for an answer that must not come, and for one that must, though a packet is lost once.
SHORT, LONG = 1, 8


def ask(host, address, port, kind=socket.SOCK_STREAM, wait=LONG):
    """Return which host answers a namespace at an address; nothing if none does."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.entered(), socket.socket(family, kind) as link:
        link.settimeout(wait)
        try:
            link.connect((address, port))
            link.send(b"?")
            return link.recv(64).decode()
        except OSError:
            return ""


@pytest.fixture
def cluster(real, lan, new_netns, run_module):
    """A director that masquerades between an outer network with a client and the real server's."""
    director, client = new_netns(), new_netns()
    lan.host(f"{DIP}/24", director)
    director.address(f"{DIP6}/64")
    director.connect(client, interface="eth1")
    for address in ("192.0.2.1/24", f"{VIP}/32", "2001:db8:9::1/64", f"{VIP6}/128"):
        director.address(address, "eth1")
    director.address(f"{VIP_INSIDE}/32")
    director.sysctl("net/ipv4/ip_forward", 1)
    director.sysctl("net/ipv6/conf/all/forwarding", 1)
    for name in ("all", "eth0", "eth1"):
        director.sysctl(f"net/ipv4/conf/{name}/send_redirects", 0)
    client.address(f"{CLIENT}/24")
    client.address(f"{CLIENT6}/64")
    # The real server's own router, which knows nothing of the client, and a client on its LAN.
    router = lan.host(f"{ROUTER}/24")
    router.address(f"{ROUTER6}/64")
    neighbour = lan.host(f"{MANAGER}/24")
    serve(real, 80, "real")
    serve(real, 8080, "real 8080")

    def balance(*destinations, vip=VIP, port=80, **fields):
        pool = [{"method": "nat", **destination} for destination in destinations]
        service = {"vip": vip, "port": port, "scheduler": "rr", "destinations": pool, **fields}
        with director.entered():
            result = run_module("ipvs_table", services=[service])
        assert not result.get("failed"), result

    director.client, director.neighbour, director.balance = client, neighbour, balance
    return director


def test_a_client_is_answered_only_with_a_return_path(cluster, route):
    cluster.balance({"address": RIP})
    assert ask(cluster.client, VIP, 80, wait=SHORT) == ""

    assert route(WEB)["changed"]

    assert [ask(cluster.client, VIP, 80) for _ in range(3)] == ["real"] * 3
    assert route(state="absent")["changed"]
    assert ask(cluster.client, VIP, 80, wait=SHORT) == ""
    assert route(route="default")["changed"]
    assert ask(cluster.client, VIP, 80) == "real"


def test_a_client_on_the_real_server_s_own_lan(cluster, route):
    cluster.balance({"address": RIP}, vip=VIP_INSIDE)
    assert ask(cluster.neighbour, VIP_INSIDE, 80, wait=SHORT) == ""
    route(route="default", gateways=[DIP])
    assert ask(cluster.neighbour, VIP_INSIDE, 80, wait=SHORT) == ""

    route(WEB)

    assert [ask(cluster.neighbour, VIP_INSIDE, 80) for _ in range(3)] == ["real"] * 3
    assert ask(cluster.neighbour, RIP, 8080) == "real 8080"


def test_an_ipv6_client_on_the_real_server_s_own_lan(cluster, real, route, run_module):
    """The director redirects a real server to the direct route, which mostly accepts that."""

    def redirects():
        return re.search(r"Icmp6InRedirects\s+(\d+)", real.run("cat /proc/net/snmp6"))[1]

    serve(real, 81, "real 6", family=socket.AF_INET6)
    cluster.neighbour.address(f"{NEIGHBOUR6}/64")
    cluster.address(f"{VIP6_INSIDE}/128")
    cluster.balance({"address": RIP6, "port": 81}, vip=VIP6_INSIDE)
    route({**WEB6, "port": 81})
    end = (
        time.monotonic() + 10
    )  # until no other host is known to have the address that it sends from
    while redirects() == "0":
        assert time.monotonic() < end
        ask(cluster.neighbour, VIP6_INSIDE, 80, wait=SHORT)

    with cluster.entered():
        # As the role's lvs_director.nft.j2 has it.
        rule = f"ip6 daddr {RIP6} icmpv6 type nd-redirect drop"
        chain = f"chain redirects {{ type filter hook output priority filter; {rule}; }}"
        assert run_module("nft_table", name="lvs_director", rules=chain)["changed"]
    real.run("ip -6 route flush cache table all")  # what it believes
    before = redirects()

    answers = [ask(cluster.neighbour, VIP6_INSIDE, 80) for _ in range(3)]
    assert answers == ["real 6"] * 3
    assert redirects() == before


def test_ports_can_be_mapped(cluster, route):
    cluster.balance({"address": RIP, "port": 8080})
    route(WEB)
    assert ask(cluster.client, VIP, 80, wait=SHORT) == ""
    route({**WEB, "port": 8080})
    assert ask(cluster.client, VIP, 80) == "real 8080"


def test_ipv6(cluster, real, route):
    serve(real, 81, "real 6", family=socket.AF_INET6)
    cluster.balance({"address": RIP6, "port": 81}, vip=VIP6)
    assert ask(cluster.client, VIP6, 80, wait=SHORT) == ""
    route({**WEB6, "port": 81})
    assert [ask(cluster.client, VIP6, 80) for _ in range(3)] == ["real 6"] * 3


def test_udp_from_a_socket_that_is_bound_to_no_address(cluster, real, route):
    serve(real, 53, "name", kind=socket.SOCK_DGRAM)
    cluster.balance({"address": RIP}, port=53, protocol="udp")
    assert ask(cluster.client, VIP, 53, kind=socket.SOCK_DGRAM, wait=SHORT) == ""
    route({**WEB, "port": 53, "protocol": "udp"})
    answers = [ask(cluster.client, VIP, 53, kind=socket.SOCK_DGRAM) for _ in range(3)]
    assert answers == ["name"] * 3


def test_all_ports_except_ssh(cluster, real, route):
    """The operator is beyond the real server's own router, where the director could not reach."""
    serve(real, 22, "shell")
    operator = cluster.neighbour
    operator.ip(f"route add {RIP}/32 dev eth0")
    cluster.balance({"address": RIP}, port=0, persistence_timeout=50)
    assert ask(operator, RIP, 22) == "shell"
    assert ask(cluster.client, VIP, 8080, wait=SHORT) == ""

    route({**WEB, "port": 0})

    assert [ask(cluster.client, VIP, port) for port in (80, 8080)] == ["real", "real 8080"]
    cluster.sysctl("net/ipv4/ip_forward", 0)
    assert ask(operator, RIP, 22) == "shell"
    assert ask(operator, RIP, 80, wait=SHORT) == ""


@pytest.mark.parametrize("port", [80, 8000])
def test_the_director_is_one_of_its_own_real_servers(cluster, route, port):
    """By its inner address, at the service's port or another."""
    serve(cluster, port, "director")
    cluster.balance({"address": RIP}, {"address": DIP, "port": port})
    route(WEB)
    answers = [ask(cluster.client, VIP, 80) for _ in range(4)]
    assert sorted(answers) == ["director", "director", "real", "real"]
    assert answers[:2] == answers[2:]
