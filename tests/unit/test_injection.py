# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No value begins or adds a line, a statement or an entry in a file that a role writes.

Each file is made twice: of harmless values, and of odd ones in their place. Odd values are refused,
or the file has the same structure. That of keepalived.conf is in test_keepalived.py.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.lvs.cluster.plugins.filter.hosts_lines import hosts_lines
from ansible_collections.lvs.cluster.plugins.filter.nft_words import nft_words
from ansible_collections.lvs.cluster.plugins.filter.peer_traffic import peer_traffic
from ansible_collections.lvs.cluster.plugins.filter.service_tunnels import service_tunnels
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _ipvsadm_format,
    _links,
    _model_parser,
    _return_path,
    _routes,
    _sysctl,
    _tunnels,
)
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError
from ansible_collections.lvs.cluster.plugins.modules import boot_unit, nft_table
from ansible_collections.lvs.cluster.tests.unit.test_resolve import Run
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
VIP, RIP = "192.0.2.149", "192.0.2.31"

ENDS = [
    "\n",
    "\r",
    "\x0b",
    "\x85",
    "\u2028",
    " ",
    "\t",
    ";",
    "#",
    "}",
    "{",
    ",",
    '"',
    "'",
    "\\",
    "=",
]
REST = [
    "accept",
    "-F",
    "127.0.0.1 localhost",
    "net/ipv4/ip_forward=0",
    "route flush",
    "%",
    "*",
    "$x",
]
BASES = [VIP, "2001:db8::1", "fe80::1%", "eth0", "tcp", "80", "a.b", "net/ipv4/ip_forward", "1", ""]
#: Values with something after, before or in place of what is right.
odd = st.lists(st.sampled_from([*ENDS, *REST, *BASES]), min_size=1, max_size=4).map(
    "".join
) | st.text(max_size=6)
anything = odd | st.none() | st.booleans() | st.integers() | st.lists(odd, max_size=2)


def made_or_refused(make, *values):
    """Return a text made of values, or None where they are refused."""
    try:
        return make(*values)
    except (AnsibleFilterError, OperatorError, TypeError, ValueError):
        return None


def shape(text):
    """Return what gives a text its structure: for each line the words' number and the signs."""
    return [(len(line.split()), re.findall(r"[{};,#=\"'\\]", line)) for line in text.splitlines()]


@given(st.dictionaries(odd, anything, max_size=3))
def test_etc_hosts_has_a_line_of_two_words_for_each_name(names):
    lines = made_or_refused(hosts_lines, names)
    if lines is not None:
        text = "\n".join(lines)
        assert shape(text) == [(2, [])] * len(names)


def test_names_of_hosts_get_their_lines():
    names = {"d23": "192.0.2.23", "rs_31.example.org": "2001:DB8::31"}
    assert hosts_lines(names) == ["192.0.2.23 d23", "2001:db8::31 rs_31.example.org"]
    with pytest.raises(AnsibleFilterError, match=r"the name is 'a b'; it must be a host name"):
        hosts_lines({"a b": "192.0.2.1"})
    with pytest.raises(
        AnsibleFilterError, match=r"the address of 'a' is '192\.0\.2\.1 b'; it must"
    ):
        hosts_lines({"a": "192.0.2.1 b"})
    with pytest.raises(AnsibleFilterError, match="the names are"):
        hosts_lines(["a"])


@given(odd, odd | st.integers())
def test_settings_of_the_kernel_have_one_line_each(key, value):
    def make(key, value):
        return _sysctl.document("# head\n", {}, _sysctl.parse({key: value}))

    text = made_or_refused(make, key, value)
    if text is not None:
        head, line = text.splitlines()
        assert head == "# head"
        name, sign, rest = line.partition("=")
        assert sign
        assert len(name.split()) == 1
        assert name.strip() == _sysctl.canonical(key)
        assert rest.split() == str(value).split()
        assert not re.search(r"^-|[#;*?\[\]]", name)


@pytest.mark.parametrize(
    "key",
    [
        "net/ipv4/ip_forward\n",
        " net/x",
        "net/a=0/b",
        "#net/x",
        "-net/x",
        "net/ipv4/conf/*/rp_filter",
    ],
)
def test_a_key_that_is_more_than_a_path_is_refused(key):
    with pytest.raises(OperatorError, match="is not a kernel setting"):
        _sysctl.parse({key: 1})


@given(odd)
def test_addresses_for_boot_have_one_line_each(vip):
    def make(vip):
        return _links.render(_links.vips("eth0", [vip]), "# head\n")

    text = made_or_refused(make, vip)
    if text is not None:
        assert re.fullmatch(r"# head\naddress replace [0-9a-f.:]+/\d+ dev eth0[ a-z_0-9]*\n", text)


@pytest.mark.parametrize("text", ["2001:db8::1%a\nb", "2001:db8::1%eth0", "fe80::1%x y"])
def test_an_address_with_a_zone_is_refused_everywhere(text):
    with pytest.raises(OperatorError, match="is not an address"):
        _links.vips("eth0", [text])
    with pytest.raises(OperatorError, match="is not an address"):
        _return_path.parse(
            {"gateways": [text], "answers": [], "table": 5, "keep_ports": [], "route": "policy"}
        )
    tunnel = {"type": "ipip", "address": text, "inner": "ipv4", "port": None, "checksum": "none"}
    with pytest.raises(OperatorError, match="that is not an address"):
        _tunnels.parse([tunnel])


@given(odd, odd, anything, odd)
def test_routes_for_boot_have_the_lines_of_plain_values(gateway, address, port, protocol):
    def make(gateway, address, port, protocol):
        answer = {"address": address, "port": port, "protocol": protocol}
        options = {"gateways": [gateway], "answers": [answer], "table": 5251, "keep_ports": [22]}
        wanted = _return_path.parse({**options, "route": "policy"})
        return "\n".join(map(str, _routes.rules(wanted, "-4")))

    text = made_or_refused(make, gateway, address, port, protocol)
    if text is not None:
        assert re.fullmatch(r"[0-9a-z.: \n]*", text)


@given(odd, st.sampled_from(["ipip", "gue", "gre"]), st.sampled_from(["ipv4", "ipv6"]))
def test_tunnels_for_boot_have_the_lines_of_plain_values(address, kind, inner):
    def make(address):
        tunnel = {
            "type": kind,
            "address": address,
            "inner": inner,
            "port": None,
            "checksum": "none",
        }
        return "\n".join(_tunnels.lines(_tunnels.parse([tunnel])))

    text = made_or_refused(make, address)
    if text is not None:
        assert re.fullmatch(r"((link|fou) [-0-9a-z.: ]+\n?)+", text)


SERVICE_FIELDS = ["vip", "port", "protocol", "scheduler", "scheduler_flags", "persistence_timeout"]
SERVICE_FIELDS += ["persistence_mask", "persistence_engine", "one_packet", "name", "fwmark"]
DESTINATION_FIELDS = [
    "address",
    "port",
    "method",
    "weight",
    "upper_threshold",
    "tunnel_type",
    "name",
]


@given(
    st.dictionaries(st.sampled_from(SERVICE_FIELDS), anything, max_size=2),
    st.dictionaries(st.sampled_from(DESTINATION_FIELDS), anything, max_size=2),
)
def test_a_saved_table_has_one_line_for_each_entry(fields, of_destination):
    destination = {"address": RIP, "method": "tun", **of_destination}
    service = {"name": "web", "vip": VIP, "port": 80, **fields, "destinations": [destination]}
    services, mistakes = _model_parser.parse_services([service])
    if not mistakes:
        lines = _ipvsadm_format.to_rules(services).splitlines()
        assert [line[:3] for line in lines] == ["-A ", "-a "]
        assert all(re.fullmatch(r"[-0-9A-Za-z.:,_ \[\]]+", line) for line in lines)
        assert [len(re.findall(r"(?<= )-[rs] ", line)) for line in lines] == [1, 1]


# The packet filter.


@cache
def template(role, name):
    environment = jinja2.Environment(trim_blocks=True)
    environment.tests["search"] = lambda value, pattern: bool(re.search(pattern, value))
    return environment.from_string((ROOT / "roles" / role / "templates" / name).read_text())


def rendered(role, name, **variables):
    """Return the rules that a role gives nft_table, of values that are checked as the role does."""
    checked = {variable: nft_words(value) for variable, value in variables.items()}
    return template(role, name).render(**checked)


def director(vip, protocol, port, mac, rip, fwmark):
    mark = {
        "fwmark": fwmark,
        "vip": vip,
        "protocol": protocol,
        "ports": [port],
        "exclude_macs": [mac],
    }
    pool = [{"address": rip, "method": "fullnat", "name": "any\nname"}]
    service = {"vip": vip, "protocol": protocol, "port": 80, "destinations": pool}
    by_mark = {"fwmark": fwmark, "destinations": pool}
    return rendered(
        "director",
        "lvs_director.nft.j2",
        director_marks=[mark],
        director_services=[service, by_mark],
        director_translated=[rip],
        director_forward="balanced",
        director_vips=[vip],
        director_fullnat=pool,
    )


def keepalived_ha(peer, vip, protocol, interface, router, group):
    instance = {"name": "lvs", "interface": interface, "virtual_router_id": router, "vips": [VIP]}
    return template("keepalived_ha", "lvs_keepalived_ha.nft.j2").render(
        keepalived_ha_traffic=peer_traffic(
            [instance], [peer], {"interface": interface, "group": group}
        ),
        keepalived_ha_local=nft_words([{"vip": vip, "protocol": protocol, "port": 80}]),
    )


def realserver_tun(vip, address, source):
    return template("realserver_tun", "lvs_realserver_tun.nft.j2").render(
        realserver_tun_clamped=nft_words(
            service_tunnels(nft_words([{"vip": vip, "address": address}]), 1500)["clamped"]
        ),
        realserver_tun_sources=nft_words([source]),
        realserver_tun_packets=[{"family": "ip", "match": "meta l4proto 4"}],
    )


@pytest.mark.parametrize(
    ("make", "plain"),
    [
        (realserver_tun, [VIP, RIP, "192.0.2.23"]),
        (director, [VIP, "tcp", 80, "02:42:c0:a8:02:17", RIP, 7]),
        (keepalived_ha, ["192.0.2.24", VIP, "tcp", "eth0", 51, "224.0.0.81"]),
    ],
)
@settings(deadline=None)
@given(data=st.data())
def test_rules_have_the_structure_of_those_of_plain_values(make, plain, data):
    values = list(plain)
    place = data.draw(st.integers(0, len(plain) - 1))
    values[place] = data.draw(odd | st.integers() | st.booleans())
    text = made_or_refused(make, *values)
    if text is None or not values[place]:  # without a VIP there is no rule
        return
    # A value may be of IPv6, or name another protocol, in the place of a word.
    others = "a:b", "0", "0/0", "2001:db8::1", "ff02::81"
    possible = [plain, *(plain[:place] + [other] + plain[place + 1 :] for other in others)]
    made = [made_or_refused(make, *each) for each in possible]
    assert shape(text) in [shape(each) for each in made if each is not None]
    assert nft_table.mistakes("lvs", text) == []


@pytest.mark.parametrize(
    "text", ["1.2.3.4, 5.6.7.8", "1.2.3.4 }", "a;", "a\n", "1-9", "$x", "@set", True]
)
def test_a_value_that_is_not_one_word_of_nft_is_refused(text):
    with pytest.raises(
        AnsibleFilterError, match=r"vip is .*; it must be an address, a name or a number"
    ):
        nft_words([{"vip": text}] if text is not True else [{"vip": [1.5]}])
    with pytest.raises(AnsibleFilterError):
        nft_words([text] if text is not True else [{"destinations": [{"address": {}}]}])


@pytest.mark.parametrize("role", ["director", "keepalived_ha", "realserver_tun"])
def test_templates_of_rules_get_their_values_checked(role):
    """In each role that has such a template, what it uses of the role's variables is checked."""
    folder = ROOT / "roles" / role
    variables = yaml.safe_load((folder / "vars" / "main.yml").read_text())
    options = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text())
    options = options["argument_specs"]["main"]["options"]
    checked = variables[f"{role}_checked"]
    traffic = checked.pop("keepalived_ha_traffic", None)
    assert (role == "keepalived_ha") == ("| lvs.cluster.peer_traffic(" in str(traffic))
    computed = {"realserver_tun_clamped": "realserver_tun_needed.clamped"}
    for name, value in checked.items():
        assert value == f"{{{{ {computed.get(name, name)} | lvs.cluster.nft_words }}}}"
    for template in (folder / "templates").glob("*.nft.j2"):
        used = set(re.findall(rf"\b{role}_\w+", template.read_text())) & options.keys()
        lists = {name for name in used if options[name]["type"] == "list"}
        assert lists == checked.keys() - computed, template.name
        assert f"'{template.name}', template_vars={role}_checked" in variables[f"{role}_rules"]


#: Variables from which each role makes rules, with VIP in the place of an address.
RULES = {
    "director": {
        "director_services": [
            {
                "vip": "192.0.2.149",
                "port": 80,
                "destinations": [{"address": "10.0.0.31", "method": "fullnat"}],
            }
        ],
        "director_marks": [{"fwmark": 7, "vip": "VIP", "protocol": "tcp", "ports": [80]}],
    },
    "keepalived_ha": {
        "keepalived_ha_peers": ["192.0.2.24"],
        "keepalived_ha_local": [{"vip": "VIP", "protocol": "tcp", "port": 80}],
        "keepalived_ha_interface": "eth0",
        "keepalived_ha_instances": [{"name": "lvs", "virtual_router_id": 51}],
    },
    "realserver_tun": {
        "realserver_tun_services": [{"vip": "VIP", "address": "192.0.2.31"}],
        "realserver_tun_sources": ["192.0.2.23"],
        "realserver_tun_devices": {"packets": [{"family": "ip", "match": "meta l4proto 4"}]},
    },
}


@pytest.mark.parametrize("role", RULES)
def test_a_role_s_rules_are_made_of_checked_values(tmp_path, role):
    folder = ROOT / "roles" / role
    (tmp_path / "templates").symlink_to(folder / "templates")
    tasks = [
        {"ansible.builtin.include_vars": str(folder / "defaults" / "main.yml")},
        {"ansible.builtin.include_vars": str(folder / "vars" / "main.yml")},
        {"ansible.builtin.debug": {"msg": f"{{{{ {role}_rules }}}}"}},
    ]

    def rules(vip):
        messages = yaml.safe_load(yaml.safe_dump(RULES[role]).replace("VIP", vip))
        (tmp_path / "values.yml").write_text(yaml.safe_dump(messages))
        return Run(tmp_path, "localhost ansible_connection=local\n", tasks, "-e", "@values.yml")

    good = rules("192.0.2.150")
    assert not good.failed, good.text
    assert "192.0.2.150" in good.text
    odd = rules("192.0.2.150 accept; x")
    assert odd.failed
    assert "vip is '192.0.2.150 accept; x'; it must be an address" in " ".join(odd.text.split())


@given(odd)
def test_a_unit_is_a_file_of_its_folder(name):
    options = {"name": name, "content": "[Unit]\n", "state": "present", "program": "", "nft": None}
    change = made_or_refused(boot_unit.prepare, options)
    if change is not None:
        assert re.fullmatch(r"[A-Za-z0-9][\w:.@-]*", name, re.ASCII)


@given(odd)
def test_a_drop_in_of_nftables_has_three_commands(path):
    options = {"name": "lvs.service", "content": "[Unit]\n", "state": "present", "program": ""}
    files = boot_unit.Files("lvs.service")
    if made_or_refused(boot_unit.prepare, {**options, "nft": f"/etc/lvs/{path}.nft"}):
        text = files.wanted({**options, "nft": f"/etc/lvs/{path}.nft"})[files.drop_in]
        assert len(text.splitlines()) == 6
        file = f"/etc/lvs/{path}.nft"
        again = "systemctl --no-block try-restart lvs.service"
        command = f"-/bin/sh -c '[ ! -e {file} ] || nft -f {file} || {again}'"
        assert set(re.findall("(?m)^Exec[^=]*=(.*)$", text)) == {command}
