# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong values at every place of an inventory: resolve answers with sentences and never raises."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.filter.nft_words import nft_words
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options
from ansible_collections.lvs.cluster.plugins.plugin_utils import _vrrp
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.fields import Unreadable
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import VARIABLES
from hypothesis import given, settings
from hypothesis import strategies as st

VIP, VIP6, OTHER_VIP = "192.0.2.149", "2001:db8::149", "192.0.2.150"


def facts(last):
    """Return a host's facts as the setup module gives them."""
    return {
        "interfaces": ["lo", "eth0", "br-lan"],
        "lo": {"ipv4": {"address": "127.0.0.1", "prefix": "8"}},
        "eth0": {
            "ipv4": {"address": f"192.0.2.{last}", "netmask": "255.255.255.0"},
            "ipv4_secondaries": [{"address": "198.51.100.7", "prefix": "24"}],
            "ipv6": [{"address": f"2001:db8::{last}", "prefix": "64"}],
        },
        "br_lan": {"ipv4": {"address": "10.0.0.1", "prefix": "8"}},
    }


def pair():
    """Return the services and the hosts of a right inventory that sets nearly everything."""
    services = [
        {
            "name": "web",
            "vip": VIP,
            "port": 80,
            "scheduler": "mh",
            "scheduler_flags": ["mh-port"],
            "persistence_timeout": 300,
            "persistence_mask": "255.255.255.0",
            "check": {
                "type": "http",
                "retries": 3,
                "urls": [{"path": "/", "status": [200, "300-399"]}],
            },
            "sorry_server": {"address": "192.0.2.99", "inhibit": True},
            "quorum": 1,
            "master": "d24",
        },
        {
            "name": "shop",
            "fwmark": 7,
            "match": [{"vip": OTHER_VIP, "protocol": "tcp", "ports": [80, 443]}],
            "realservers": "shops",
            "destinations": [{"name": "old", "address": "192.0.2.77", "weight": 3}],
            "check": {"type": "tcp", "connect_port": 80},
        },
        {"name": "dns", "vip": VIP6, "port": 53, "protocol": "udp", "method": "tun"},
    ]
    every = {
        "lvs_method": "dr",
        "lvs_network": ["192.0.2.0/24", "2001:db8::/64"],
        "lvs_mtu": 1500,
        "lvs_host_basics": True,
        "lvs_min_available": "50%",
        "lvs_interface": "eth0",
        "lvs_gateway": ["192.0.2.1"],
        "lvs_nat_route": "policy",
        "lvs_forward": "all",
    }
    directors = {
        "lvs_virtual_router_id": 52,
        "lvs_advert_int": 1,
        "lvs_auth_pass": "secret",
        "lvs_keepalived": {
            "globals": {"router_id": "r", "notification_email": ["ops@example.org"]},
            "instance": {
                "preempt": False,
                "track_scripts": [{"name": "up", "weight": 2}],
                "garp_master_delay": 5,
            },
            "scripts": [{"name": "up", "command": "/bin/true", "interval": 2}],
            "extra": "# nothing",
        },
    }
    hosts = {
        "d23": {**directors, "ansible_host": "192.0.2.23", "lvs_priority": 150},
        "d24": {**directors, "ansible_host": "192.0.2.24", "lvs_priority": 100},
        "rs31": {"lvs_address": ["192.0.2.31", "2001:db8::31"], "lvs_weight": 2},
        "rs32": {"ansible_facts": facts(32), "lvs_weights": {"web": 3}, "lvs_drained": False},
        "c10": {"ansible_host": "192.0.2.10"},
    }
    return services, {
        name: {**every, "lvs_services": services, **variables} for name, variables in hosts.items()
    }


def single():
    """Return a right inventory of one director with method nat and facts."""
    services = [
        {"name": "web", "vip": VIP, "port": 80, "method": "nat", "realserver_port": 8080},
        {"name": "tls", "vip": VIP, "port": 443, "method": "fullnat", "upper_threshold": 5},
    ]
    hosts = {
        "d23": {"ansible_facts": facts(23)},
        "d24": {},
        "rs31": {"ansible_host": "192.0.2.31", "lvs_gateway": "192.0.2.23"},
        "rs32": {"ansible_facts": facts(32)},
        "c10": {},
    }
    return services, hosts


GROUPS = {
    "lvs_realservers": ["rs31", "rs32"],
    "shops": ["rs31"],
    "lvs_clients": ["c10"],
    "all": ["d23", "d24", "rs31", "rs32", "c10"],
}


def answer(services, hosts, directors=("d23", "d24")):
    """Resolve an inventory, and see that the answer is a cluster or sentences."""
    groups = {"lvs_directors": list(directors), **GROUPS}
    cluster = resolve(services, groups, hosts.__getitem__)
    assert isinstance(cluster, Cluster)
    if cluster.mistakes:
        assert cluster == Cluster(cluster.mistakes)
    for line in cluster.mistakes:
        assert line.isprintable(), line
        assert line.endswith("."), line
    # What rules of the packet filter are made of is checked on no machine first.
    nft_words([*cluster.services, *cluster.marks])
    for director in cluster.directors.values():
        nft_words([*director["peers"], *director["local"]])
    for entries in cluster.real_servers.values():
        for entry in (entry for several in entries.values() for entry in several):
            nft_words([entry, *entry.get("sources", ())])
    return cluster


@pytest.mark.parametrize(("made", "directors"), [(pair, ["d23", "d24"]), (single, ["d23"])])
def test_the_inventories_of_this_file_are_valid(made, directors):
    services, hosts = made()
    cluster = answer(services, hosts, directors)
    assert cluster.mistakes == []
    assert cluster.services


ODD_TEXTS = [
    *("", " ", "x", "yes", "0", "-1", "1.5", "nan", "\uff18\uff10", "192.0.2.31", "fe80::1", "::"),
    *("a\nb", "a\n", "a\u2028b", "e{0}", "%s", "eth0;x", "}", '"', "# x", "9" * 5000, "\ud800"),
    *("fe80::1%a\nb", "192.0.2.0/24", "include", "lvs_services", "dr", "rs31", "d23", "web"),
]
ODD = [
    *(None, True, False, 0, 1, -1, 80, 256, 2**64, 10**400, 0.5, -1.5, 1e308),
    *(float("nan"), float("inf"), Unreadable("'x' is\nundefined")),
    *ODD_TEXTS,
]
KEYS = [
    None,
    True,
    5,
    1.5,
    "",
    "x",
    "a\nb",
    "name",
    "address",
    "type",
    "interface",
    "web",
    "prefix",
]
odd = st.recursive(
    st.sampled_from(ODD),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(KEYS), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value, path=()):
    """Yield the path of each thing in nested data."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else inner:
        yield from places(each, (*path, key))


def put(value, path, new):
    """Put something at a place; where it is no longer there, nothing is changed."""
    *parents, last = path
    for step in parents:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return
    if isinstance(value, dict) or (
        isinstance(value, list) and isinstance(last, int) and last < len(value)
    ):
        value[last] = new


def names(table):
    return [option.name for option in table]


#: What may be added, by what is at the end of the path to it.
CHECK_FIELDS = ["type", "path", "status", "digest", "host"]
for _check in _keepalived_options.CHECKS.values():
    CHECK_FIELDS += names(_check.table)
HOST_FIELDS = [*sorted(VARIABLES), "lvs_other", "ansible_host", "ansible_facts"]
SERVICE_FIELDS = [
    *("name", "vip", "port", "protocol", "fwmark", "family", "scheduler", "scheduler_flags"),
    *("persistence_timeout", "persistence_mask", "persistence_engine", "one_packet", "method"),
    *("destinations", "realservers", "realserver_port", "match", "check", "sorry_server", "master"),
    *("upper_threshold", "lower_threshold", "tunnel_type", "tunnel_port", "tunnel_checksum"),
    *names(_keepalived_options.SERVICE),
]
DESTINATION_FIELDS = ["name", "address", "port", "method", "weight", "check", "tunnel_type"]


#: The fields of the mappings that are found under a name.
FIELDS = {
    "check": CHECK_FIELDS,
    "lvs_keepalived": _vrrp.PARTS,
    "globals": names((*_keepalived_options.ROOT, *_keepalived_options.GLOBALS)),
    "instance": names(_keepalived_options.BLOCKS["instances"][1]),
}


def fields_at(path):
    """Return the fields that a mapping at a place may have."""
    if len(path) == 2:
        return SERVICE_FIELDS if path[0] == "services" else HOST_FIELDS
    return FIELDS.get(path[-1], DESTINATION_FIELDS)


INVENTORIES = [
    (made, directors) for made in (pair, single) for directors in (["d23"], ["d23", "d24"])
]


@st.composite
def poisoned(draw):
    """Return services, hosts and directors, with odd values at up to three places."""
    made, directors = draw(st.sampled_from(INVENTORIES))
    services, hosts = copy.deepcopy(made())
    for host in hosts.values():
        host.pop("lvs_services", None)
    inventory = {"services": services, "hosts": hosts}
    for _number in range(draw(st.integers(1, 3))):
        inside = [path for path in places(inventory) if path[:1] == ("services",) or len(path) > 1]
        path = draw(st.sampled_from(inside))
        at = inventory
        for step in path:
            at = at[step]
        if isinstance(at, dict) and (path[:1] + path[2:] == ("hosts",) or draw(st.booleans())):
            path = (*path, draw(st.sampled_from(fields_at(path))))
        value = draw(odd)
        put(inventory, path, value)
        # As a variable of the group all would have it.
        if path[0] == "hosts" and draw(st.booleans()):
            for name in hosts:
                put(inventory, ("hosts", name, *path[2:]), value)
    return inventory["services"], inventory["hosts"], directors


@settings(max_examples=10 * settings().max_examples, deadline=None)
@given(poisoned())
def test_any_value_of_any_field_is_resolved_or_reported(inventory):
    answer(*inventory)


# What was accepted, though wrong.


def mistakes_with(every=None, services=None, **hosts):
    """Return the sentences about the pair, with some variables of all hosts, or of single ones."""
    described, known = pair()
    for host in known.values():
        host.pop("lvs_services")
        host.update(every or {})
    for name, variables in hosts.items():
        known.setdefault(name, {}).update(variables)
    return answer(described if services is None else services, known).mistakes


def of(*names):
    return "hosts d23 and d24: " if not names else f"host {names[0]}: "


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"lvs_advert_int": 0},
            (
                "lvs_advert_int is 0; it must be the seconds between two advertisements, 0.01 to"
                " 40.95, or whole ones up to 255 with lvs_auth_pass."
            ),
        ),
        ({"lvs_advert_int": -1}, "lvs_advert_int is -1; it must be the seconds"),
        ({"lvs_advert_int": True}, "lvs_advert_int is True; it must be the seconds"),
        ({"lvs_advert_int": float("nan")}, "lvs_advert_int is nan; it must be the seconds"),
        ({"lvs_advert_int": "1 s"}, "lvs_advert_int is '1 s'; it must be the seconds"),
        ({"lvs_auth_pass": True}, "lvs_auth_pass is not a text; it must have at most 8"),
        ({"lvs_auth_pass": 1.5}, "lvs_auth_pass is not a text; it must have at most 8"),
        ({"lvs_auth_pass": ["a"]}, "lvs_auth_pass is not a text; it must have at most 8"),
        ({"lvs_auth_pass": "\u00e9" * 5}, "lvs_auth_pass is longer than the 8 characters"),
        ({"lvs_host_basics": "sure"}, "lvs_host_basics is 'sure'; it must be true or false."),
        ({"lvs_host_basics": 2}, "lvs_host_basics is 2; it must be true or false."),
        ({"lvs_interface": "e{0}"}, "lvs_interface is 'e{0}'; it must be the name of one"),
        ({"lvs_interface": "eth0;x"}, "lvs_interface is 'eth0;x'; it must be the name of one"),
        ({"lvs_interface": "all"}, "lvs_interface is 'all'; it must be the name of one"),
        ({"lvs_interface": "lo"}, "lvs_interface is 'lo'; it must be the name of one"),
        ({"lvs_interface": "-4"}, "lvs_interface is '-4'; it must be the name of one"),
        ({"lvs_interface": ".."}, "lvs_interface is '..'; it must be the name of one"),
        ({"lvs_interface": "eth0\n"}, "lvs_interface is 'eth0\\n'; it must be the name of one"),
        ({"lvs_min_available": "\uff11"}, "lvs_min_available is '\uff11'; it must be a count"),
        ({"lvs_mtu": "9" * 5000}, f"lvs_mtu is '{'9' * 119}...; it must be a whole number"),
        ({"lvs_keepalived": False}, "lvs_keepalived is False; it must be a mapping of"),
        ({"lvs_keepalived": {"instance": True}}, "lvs_keepalived.instance is True; it must be a"),
        ({"lvs_keepalived": {"instance": ["a"]}}, "lvs_keepalived.instance is ['a']; it must be"),
        ({"lvs_keepalived": {"globals": "x"}}, "lvs_keepalived.globals is 'x'; it must be a"),
        ({"lvs_keepalived": {"scripts": "x"}}, "lvs_keepalived.scripts is 'x'; it must be a list"),
        ({"lvs_keepalived": {"extra": 5}}, "lvs_keepalived.extra is 5; it must be a text."),
        (
            {"lvs_keepalived": {"instance": {"version": [3]}}},
            "instance lvs: version is [3]; it must be a whole number from 2 to 3.",
        ),
        (
            {"lvs_keepalived": {"instance": {"auth_pass": "abc"}}},
            (
                "lvs_keepalived.instance has an auth_pass, which would be shown with the rest of"
                " it; set lvs_auth_pass instead."
            ),
        ),
        (
            {"lvs_keepalived": {"instance": {"virtual_router_id": 53}}},
            (
                "lvs_virtual_router_id is 52, but lvs_keepalived.instance.virtual_router_id is 53;"
                " remove one of them."
            ),
        ),
    ],
)
def test_a_wrong_variable_of_directors_is_reported_once(variables, sentence):
    # A mistake of an instance itself is reported for each of its instances.
    found = [
        line
        for line in mistakes_with(d23=variables, d24=variables)
        if "instance lvs_d24" not in line
    ]
    assert [line[: len(of() + sentence)] for line in found] == [of() + sentence]


@pytest.mark.parametrize("zone", ["eth0", "a b", "a\nb", "} accept"])
@pytest.mark.parametrize("variable", ["lvs_network", "lvs_tunnel_sources"])
def test_a_network_has_no_zone(variable, zone):
    value = [f"2001:db8::%{zone}/64"]
    [sentence] = mistakes_with(every={variable: value})
    assert sentence.startswith(
        f"hosts d23, d24, rs31, rs32 and c10: {variable} is {value}; it must"
    )


def test_vips_of_an_instance_leave_none_of_the_services_out():
    other = {"lvs_keepalived": {"instance": {"vips": ["192.0.2.200"]}}}
    services = [{"name": "web", "vip": VIP, "port": 80}]
    assert mistakes_with(services=services, every={"lvs_weights": {}}, d23=other, d24=other) == [
        (
            f"hosts d23 and d24: lvs_keepalived.instance.vips lacks {VIP}, a VIP of lvs_services;"
            " add it, or remove vips, since an instance has all VIPs by default."
        )
    ]
    both = {
        "lvs_keepalived": {"instance": {"vips": ["192.0.2.200", {"address": VIP, "scope": "link"}]}}
    }
    assert mistakes_with(services=services, every={"lvs_weights": {}}, d23=both, d24=both) == []


def test_one_priority_for_all_directors_is_refused_wherever_it_stands():
    group = {"lvs_priority": None, "lvs_keepalived": {"instance": {"priority": 100}}}
    assert mistakes_with(d23=group, d24=group) == [
        (
            "hosts d23 and d24: they have the same priority, 100, by lvs_keepalived.instance;"
            " remove it"
            " there, and give each director its own lvs_priority, the highest to the preferred"
            " master."
        )
    ]
    own = {"lvs_priority": None, "lvs_keepalived": {"instance": {"priority": 90}}}
    assert mistakes_with(d23=group, d24=own) == []
    assert mistakes_with(d23={**group, "lvs_priority": 100}, d24={**own, "lvs_priority": 90}) == []


def test_directors_speak_one_version_of_vrrp():
    three = {"lvs_auth_pass": None, "lvs_keepalived": {"instance": {"version": 3}}}
    two = {"lvs_auth_pass": None, "lvs_keepalived": {"instance": {"version": 2}}}
    unrepresented = {"lvs_auth_pass": None}
    services = [{"name": "web", "vip": VIP, "port": 80}]
    for others, known in ((three, True), (unrepresented, True), (two, False)):
        found = mistakes_with(services=services, every={"lvs_weights": {}}, d23=three, d24=others)
        if known:
            assert found == []
        else:
            assert found == [
                (
                    "hosts d23 and d24: lvs_keepalived.instance.version differs between directors;"
                    " set the same value for all."
                )
            ]


@pytest.mark.parametrize("wrong", [255, "high", Unreadable("'x' is undefined")])
@pytest.mark.parametrize(
    ("variable", "bounds"), [("lvs_priority", "1 to 254"), ("lvs_virtual_router_id", "1 to 255")]
)
def test_a_wrong_number_of_one_director_is_reported_once(variable, bounds, wrong):
    if variable == "lvs_virtual_router_id" and wrong == 255:
        wrong = 256
    [sentence] = mistakes_with(d23={variable: wrong})
    assert sentence.startswith(f"host d23: {variable} ")
    assert bounds in sentence or "can't be evaluated" in sentence


def test_services_that_differ_between_directors_are_refused():
    services, hosts = pair()
    other = [{"name": "other", "vip": "192.0.2.150", "port": 443}]
    hosts["d24"]["lvs_services"] = other
    assert answer(services, hosts).mistakes == [
        (
            "hosts d23 and d24: lvs_services is not the same on all directors; set it once, for all"
            " hosts."
        )
    ]
    hosts["d24"]["lvs_services"] = copy.deepcopy(services)
    hosts["rs31"]["lvs_services"] = other  # it is not read there
    assert answer(services, hosts).mistakes == []


@pytest.mark.parametrize("host", ["d23", "rs31", "c10", "spare"])
def test_an_unknown_variable_is_refused_on_every_host_of_the_cluster(host):
    services, hosts = pair()
    hosts["spare"] = {}
    hosts[host]["lvs_interfaces"] = "eth0"
    groups = {"lvs_directors": ["d23", "d24"], **GROUPS, "lvs_clients": ["c10"]}
    groups["lvs_realservers"] = ["rs31", "rs32"]
    for service in services:
        service["realservers"] = "shops"
    groups["shops"] = ["rs31"]
    groups["lvs_realservers"].append("spare")
    hosts["rs32"].pop("lvs_weights")
    assert resolve(services, groups, hosts.__getitem__).mistakes == [
        (
            f"host {host}: there is no variable 'lvs_interfaces' (did you mean lvs_interface?);"
            " correct or remove it, since names that begin with lvs_ are reserved for lvs.cluster."
        )
    ]


def test_a_host_without_a_part_is_checked_and_has_no_other_effect():
    plain, hosts = pair()
    without = answer(plain, hosts)
    hosts["c10"].update(lvs_method="nat", lvs_network="10.0.0.0/8", lvs_min_available=7)
    assert answer(plain, hosts) == without
    hosts["c10"]["lvs_drained"] = "perhaps"
    [sentence] = answer(plain, hosts).mistakes
    assert sentence == "host c10: lvs_drained is 'perhaps'; it must be true or false."


def test_a_host_twice_in_a_group_is_one_destination():
    services, hosts = single()
    groups = {**GROUPS, "lvs_directors": ["d23", "d23"], "lvs_realservers": ["rs31"] * 2}
    cluster = resolve(services, groups, hosts.__getitem__)
    assert cluster.mistakes == []
    assert len(cluster.services[0]["destinations"]) == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"fwmark": 0}, "fwmark is 0; it must be a whole number from 1 to 4294967295."),
        ({"fwmark": False}, "fwmark is False; it must be a whole number from 1 to 4294967295."),
        ({"scheduler_flags": False}, "scheduler_flags is False; it must be a list."),
        ({"check": False}, "check is False; it must be a mapping of fields."),
        ({"check": 0}, "check is 0; it must be a mapping of fields."),
        ({"sorry_server": []}, "sorry_server is []; it must be a mapping of fields."),
        ({"destinations": False, "realservers": "shops"}, "destinations is not a list."),
        ({"one_packet": 2, "protocol": "udp"}, "one_packet is 2; it must be true or false."),
    ],
)
def test_falsy_values_of_another_type_are_refused(fields, sentence):
    web = {"name": "web", "vip": VIP, "port": 80, "realservers": "lvs_realservers", **fields}
    assert mistakes_with(services=[web], every={"lvs_weights": {}}) == [f"service web: {sentence}"]


def test_true_is_no_port():
    web = {"name": "web", "vip": VIP, "port": 1, "destinations": [{"address": "192.0.2.77"}]}
    assert mistakes_with(services=[web], every={"lvs_weights": {}}) == []
    web["destinations"][0]["port"] = True
    assert mistakes_with(services=[web], every={"lvs_weights": {}}) == [
        (
            "service web: destination 192.0.2.77: port is True; it must be a whole number from 0 to"
            " 65535."
        )
    ]


@pytest.mark.parametrize("name", ["a\nb", " ", "a\u2028b"])
def test_a_destination_s_name_is_a_line_of_text(name):
    web = {"name": "web", "vip": VIP, "port": 80, "destinations": [{"address": "192.0.2.77"}]}
    web["destinations"][0]["name"] = name
    assert mistakes_with(services=[web], every={"lvs_weights": {}}) == [
        f"service web: destination 1: name is {name!r}; it must be a line of text."
    ]


# What was refused, though right, and what was reported as something else.


def test_a_single_address_is_accepted_as_a_list():
    variables = {"lvs_keepalived": {"instance": {"excluded_vips": "192.0.2.254/24"}}}
    services = [{"name": "web", "vip": VIP, "port": 80}]
    found, hosts = services, pair()[1]
    for name, host in hosts.items():
        host.pop("lvs_services")
        host.pop("lvs_weights", None)
        if name.startswith("d"):
            host.update(variables)
    cluster = answer(found, hosts)
    assert cluster.mistakes == []
    assert cluster.directors["d23"]["instances"][0]["excluded_vips"] == ["192.0.2.254/24"]


@pytest.mark.parametrize("variable", ["ansible_host", "ansible_facts"])
def test_an_address_whose_template_fails_is_reported(variable):
    services, hosts = single()
    hosts["rs32"] = {variable: Unreadable("'lan' is undefined")}
    found = answer(services, hosts, ["d23"]).mistakes
    assert found[0] == (
        f"host rs32: {variable} can't be evaluated: 'lan' is undefined; correct its template."
    )


@pytest.mark.parametrize(
    "name",
    ["rs31\n198.51.100.6 bank.example.org", "rs32 www", "rs33#", "localhost", "-a", "a.", "a" * 64],
)
def test_a_name_that_is_no_host_name_does_not_reach_etc_hosts(name):
    services, hosts = single()
    hosts[name] = {"ansible_host": "192.0.2.33"}
    groups = {**GROUPS, "lvs_directors": ["d23"], "lvs_realservers": ["rs31", name]}
    cluster = resolve(services, groups, hosts.__getitem__)
    assert cluster.mistakes == []
    hosts["d23"]["lvs_host_basics"] = True
    [sentence] = resolve(services, groups, hosts.__getitem__).mistakes
    assert sentence.isprintable()
    shown = repr(name) if re.search(r"[\s#]", name) else name
    assert sentence.startswith(f"host {shown}: the name goes into /etc/hosts by lvs_host_basics;")


def test_names_of_inventories_reach_etc_hosts():
    services, hosts = single()
    hosts["rs_33.example.org"] = {"ansible_host": "192.0.2.33", "lvs_host_basics": True}
    hosts["192.0.2.34"] = {}
    names_of = ["rs31", "rs_33.example.org", "192.0.2.34"]
    groups = {**GROUPS, "lvs_directors": ["d23"], "lvs_realservers": names_of}
    cluster = resolve(services, groups, hosts.__getitem__)
    assert cluster.mistakes == []
    assert cluster.names == {"rs31": "192.0.2.31", "rs_33.example.org": "192.0.2.33"}


def test_playbooks_take_null_for_a_variable_that_is_not_set():
    """As resolve does; a plain default() would give null to a role."""
    playbooks = (Path(__file__).parents[2] / "playbooks").rglob("*.yml")
    text = "\n".join(playbook.read_text() for playbook in playbooks)
    variable = "|".join(VARIABLES)
    default = rf"\b(?:{variable})(?:\.\w+)? \| default\((?:[^()]|\([^()]*\))*\)(?: \S+){{0,2}}"
    reads = re.findall(default, text)
    assert len(reads) > 3
    odd = ("true)", "| bool", "is none")
    assert [read for read in reads if not any(word in read for word in odd)] == []
    assert re.findall(rf"\b(?:{variable}) is defined", text) == []
