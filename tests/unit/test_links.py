# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _arp, _boot, _links, _program
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError
from hypothesis import given
from hypothesis import strategies as st

MAC = "02:42:c0:a8:02:17"


def address(text, interface="lo", preferred=True):
    return _links.Address(interface, ipaddress.ip_interface(text), preferred)


def link(name, *texts, flags=("UP",), kind="ether"):
    addresses = tuple(address(text, name) for text in texts)
    return _links.Link(name, kind, MAC, frozenset(flags), addresses)


LO = link("lo", "127.0.0.1/8", "192.0.2.149/32", flags=("UP", "LOOPBACK"), kind="loopback")
ETH0 = link("eth0", "192.0.2.31/24")


def test_parse():
    """What iproute2 6.1 prints, shortened."""
    output = [
        {},
        {
            "ifname": "lo",
            "flags": ["LOOPBACK", "UP"],
            "link_type": "loopback",
            "address": "00:00:00:00:00:00",
            "addr_info": [
                {"family": "inet", "local": "127.0.0.1", "prefixlen": 8},
                {
                    "family": "inet6",
                    "local": "2001:db8::9",
                    "prefixlen": 128,
                    "preferred_life_time": 0,
                },
            ],
        },
        {
            "ifname": "vpn0",
            "flags": ["POINTOPOINT", "NOARP"],
            "link_type": "none",
            "addr_info": [{"local": "10.0.0.1", "address": "10.0.0.2", "prefixlen": 32}],
        },
        {"ifname": "eth0", "flags": ["BROADCAST"], "link_type": "ether", "address": MAC},
    ]
    links = _links.parse(output)
    assert [each.line for each in links["lo"].addresses] == [
        "127.0.0.1/8 dev lo",
        "2001:db8::9/128 dev lo nodad preferred_lft 0",
    ]
    assert links["vpn0"].addresses == ()
    assert [links[name].uses_arp for name in ("lo", "vpn0", "eth0")] == [False, False, True]
    assert [links[name].up for name in ("lo", "vpn0", "eth0")] == [True, False, False]
    assert links["eth0"].mac == MAC


def test_the_output_of_iproute2_is_parsed():
    lo = _links.read()["lo"]
    assert not lo.uses_arp
    assert lo.kind == "loopback"


def test_errors_of_ip_are_reported():
    with pytest.raises(OperatorError, match=r"ip address show nosuch0: Device .nosuch0. does not"):
        _links.ip("address", "show", "nosuch0")


def test_without_ip_the_remedy_is_reported(monkeypatch):
    def run(*_words, **_options):
        raise FileNotFoundError

    monkeypatch.setattr(_program, "run", run)
    with pytest.raises(OperatorError, match="install iproute2"):
        _links.ip("link")


def test_vips():
    written = ["192.0.2.149", "192.0.2.149/32", "2001:DB8::0:149", "2001:db8::150/128"]
    assert [each.line for each in _links.vips("lo", written)] == [
        "192.0.2.149/32 dev lo",
        "2001:db8::149/128 dev lo nodad preferred_lft 0",
        "2001:db8::150/128 dev lo nodad preferred_lft 0",
    ]


def test_every_invalid_vip_is_reported():
    wrong = ["192.0.2.149/24", "web", "127.0.0.2", "224.0.0.1", "fe80::1", "0.0.0.0", "10.0.0.256"]
    with pytest.raises(OperatorError) as error:
        _links.vips("lo", [*wrong, "192.0.2.149"])
    assert len(error.value.mistakes) == len(wrong)
    for text, sentence in zip(wrong, error.value.mistakes, strict=True):
        assert text in sentence
    assert "write 192.0.2.149 or 192.0.2.149/32" in error.value.mistakes[0]


def test_vips_on_interfaces_without_arp():
    tunnel = link("tunl0", "192.0.2.150/32", "10.1.1.1/30", flags=("NOARP",), kind="ipip")
    dummy = link("dummy0", "192.0.2.151/32", "2001:db8::9/128", flags=("NOARP",))
    vpn = link("wg0", "10.8.0.2/32", flags=("NOARP", "POINTOPOINT"), kind="none")
    network = link("lo", "127.0.0.1/8", "192.0.2.0/24", flags=("LOOPBACK",), kind="loopback")
    lan = link("eth0", "192.0.2.152/32")
    found = _links.suppressed_vips([LO, tunnel, dummy, vpn, network, lan])
    assert [each.line for each in found] == [
        "192.0.2.149/32 dev lo",
        "192.0.2.150/32 dev tunl0",
        "192.0.2.151/32 dev dummy0",
        "192.0.2.0/24 dev lo",
    ]


def test_networks():
    lo = link("lo", "192.0.2.149/24", "192.0.2.150/32", flags=("LOOPBACK",))
    wanted = _links.vips("lo", ["192.0.2.149", "192.0.2.150"])
    assert len(_links.networks(lo, wanted)) == 1
    assert "ip address delete 192.0.2.149/24 dev lo" in _links.networks(lo, wanted)[0]
    assert _links.networks(link("lo", "192.0.2.149/24"), wanted) == []


def test_obstacles():
    links = {"lo": LO, "eth0": link("eth0", "192.0.2.31/24", "2001:db8::149/128")}
    noisy = {"arp_ignore": 0, "arp_announce": 2, "rp_filter": 0}
    suppressed = {"arp_ignore": 1, "arp_announce": 2, "rp_filter": 2}
    vips = _links.vips("lo", ["192.0.2.150", "2001:db8::149"])

    found = _links.obstacles(links, "lo", vips, {"eth0": noisy, "eth1": None, "eth2": suppressed})
    assert len(found) == 3
    assert "2001:db8::149 is on eth0" in found[0]
    assert "ARP is not suppressed on eth0" in found[1]
    assert "answer ARP there for 192.0.2.150 instead" in found[1]
    assert found[2] == "suppressed_on: there is no interface eth1 here."
    # IPv6 needs no suppression, nor does an interface that answers for its VIPs by design.
    assert _links.obstacles(links, "lo", vips[1:], {"eth1": noisy}) == found[:1]
    assert _links.obstacles({"eth0": ETH0}, "eth0", vips, {"eth1": noisy}) == []
    # The master of several directors has them on its LAN as well, and suppresses ARP as a backup.
    assert _links.obstacles(links, "lo", vips, {"eth2": suppressed}, director=True) == []
    assert len(_links.obstacles(links, "lo", vips, {"eth0": noisy}, director=True)) == 1
    assert "there is no interface tunl0 here; there are lo, eth0." in str(
        _links.obstacles(links, "tunl0", vips, {})
    )


BARE = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"]
some = st.lists(st.sampled_from(BARE), unique=True)


@st.composite
def on_the_interface(draw):
    """Addresses of an interface: VIPs in every shape they may be met in."""
    return [
        address(f"{bare}/{draw(st.sampled_from([64, 128] if ':' in bare else [24, 32]))}", "eth0",
                draw(st.booleans()) if ":" in bare else True)
        for bare in draw(some)
    ]  # fmt: skip


def carried_out(operations, addresses):
    """Return the lines an interface has once ``ip address`` has carried the operations out."""
    lines = {each.line.split(" nodad")[0]: each.line for each in addresses}
    for operation in operations:
        verb, line = operation.split(" ", 1)
        place = line.split(" nodad")[0]
        if verb == "delete":
            del lines[place]  # ip complains of what is not there
        else:
            lines[place] = line
    return set(lines.values())


@given(on_the_interface(), some, some)
def test_plan(there, wanted, unwanted):
    eth0 = _links.Link("eth0", "ether", MAC, frozenset({"UP"}), tuple(there))
    wanted = _links.vips("eth0", wanted)
    unwanted = [each for each in _links.vips("eth0", unwanted) if each not in wanted]

    before, after = _links.target({"eth0": eth0}, wanted, unwanted)
    operations = _links.plan(before, after)

    now = carried_out([str(each.do) for each in operations], there)
    lines = {each.line for each in there}
    for each in wanted:
        others = {other.line for other in there if other.ip.ip == each.ip.ip}
        assert each.line in now or (others and others <= now)
    assert not now & {each.line for each in unwanted}
    concerned = {each.ip for each in (*wanted, *unwanted)}
    assert {each.line for each in there if each.ip not in concerned} <= now
    assert carried_out(
        [str(each.undo) for each in reversed(operations)],
        [*after.values(), *(each for each in there if each.place not in before)],
    ) == lines  # fmt: skip
    assert _links.plan(after, after) == []


def test_a_failed_apply_reports_its_error_and_undoes_the_rest(monkeypatch):
    ran = []

    def carry_out(step):
        ran.append(step)
        if "broken" in step:
            raise OperatorError("It broke.")

    monkeypatch.setattr(_links, "carry_out", carry_out)
    operation = _links.Operation
    with pytest.raises(OperatorError) as error:
        _links.apply([operation("one", "eno"), operation("two", "broken"), operation("broken", "")])
    assert ran == ["one", "two", "broken", "broken", "eno"]
    assert error.value.mistakes == ["It broke.", "It could not be undone: It broke."]


def test_the_saved_file():
    text = (
        "# Written by a module\n"
        "address replace 192.0.2.149/32 dev lo\n"
        "address replace 2001:db8::9/128 dev lo nodad preferred_lft 0 # a VIP\n"
        "address replace 192.0.2.149/32 dev lo0\n"
        "\n"
    )
    listed = _links.saved(text)
    assert listed == [
        *_links.vips("lo", ["192.0.2.149", "2001:db8::9"]),
        *_links.vips("lo0", ["192.0.2.149"]),
    ]
    again = _links.render(listed, "# header\n")
    assert again.splitlines()[0] == "# header"
    assert _links.saved(again) == listed
    assert _links.saved(None) == []
    assert _links.render([], "# header\n") is None


@pytest.mark.parametrize(
    "line",
    [
        "address",
        "address replace",
        "address replace 192.0.2.149/32 dev",
        "address replace 192.0.2.149/33 dev lo",
        "address delete 192.0.2.149/32 dev lo",
        "route add default via 192.0.2.1",
    ],
)
def test_an_invalid_line_of_the_file_is_reported(line):
    with pytest.raises(ValueError, match=r"line 2 is '.*'; it must be 'address replace") as error:
        _links.saved(f"# header\n{line}\n")
    assert repr(line) in str(error.value)


def test_vips_that_are_still_to_be_announced_are_noted():
    one, two = _links.vips("eth0", ["192.0.2.149", "2001:db8::9"])
    text = _links.render([one, two], "# header\n", [two])
    assert _links.saved(text) == [one, two]
    assert _links.unannounced(text) == {"2001:db8::9"}
    assert _links.unannounced(_links.render([one, two], "")) == _links.unannounced(None) == set()


def test_arp_packets_are_those_of_rfc_826():
    packet = _arp.Arp(1, MAC, "192.168.2.23", _boot.NO_MAC, "192.168.2.149").encode()
    assert packet.hex() == (
        "0001080006040001" + "0242c0a80217" + "c0a80217" + "000000000000" + "c0a80295"
    )
    assert _arp.Arp.decode(packet + b"\0" * 18).target_ip == "192.168.2.149"


macs = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
ips = st.ip_addresses(v=4).map(str)


@given(st.builds(_arp.Arp, st.integers(0, 65535), macs, ips, macs, ips))
def test_arp_round_trip(packet):
    assert _arp.Arp.decode(packet.encode()) == packet


@given(st.binary(max_size=40))
def test_other_packets_are_not_decoded_as_arp(packet):
    assert _arp.Arp.decode(packet) is None or packet[:6] == b"\0\1\x08\0\6\4"


def test_an_announcement_names_the_vip_on_both_sides():
    request, reply = map(_arp.Arp.decode, _boot.gratuitous(MAC, "192.0.2.149"))
    assert (request.operation, reply.operation) == (1, 2)
    assert {request.sender_ip, request.target_ip} == {"192.0.2.149"}
    assert {request.sender_mac, reply.sender_mac, reply.target_mac} == {MAC}


@pytest.mark.parametrize(("router", "flags"), [(False, "20000000"), (True, "a0000000")])
def test_a_neighbour_advertisement_is_that_of_rfc_4861(router, flags):
    message = _boot.advertisement(MAC, "2001:db8::149", router)
    assert message.hex() == (
        "88000000" + flags + "20010db8000000000000000000000149" + "0201" + "0242c0a80217"
    )
