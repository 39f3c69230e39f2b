# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived.conf files as people have them: what keepalived runs is what is adopted."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import (
    adoption,
    comparison,
    statements,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve
from ansible_collections.lvs.cluster.tests.unit.test_adopt import files_of, play
from hypothesis import given, settings
from hypothesis import strategies as st


def adopted(*texts, **fields):
    """Adopt texts, each the file of a director."""
    sources = [
        {"name": f"d{n}", "ansible_host": f"192.0.2.{n}", "text": text, **fields}
        for n, text in enumerate(texts, 1)
    ]
    return adoption.adopt(sources)


def services_of(text):
    """Return lvs_services of a file."""
    return adopted(text).inventory["all"]["vars"]["lvs_services"]


def directors_of(*texts):
    """Return the group of directors."""
    return adopted(*texts).inventory["all"]["children"]["lvs_directors"]


def keepalived_services(text):
    """Return the services as keepalived gets them; the inventory has no mistake."""
    cluster = resolve(*comparison.flat(adopted(text).inventory))
    assert cluster.mistakes == []
    return cluster.keepalived_services


def service(*lines, port=80, protocol="TCP", servers=("real_server 192.0.2.21 80 {\n}",)):
    """Return a virtual_server."""
    head = [f"protocol {protocol}"] if protocol else []
    body = ["lvs_method DR", *head, *lines, *servers]
    return "\n".join([f"virtual_server 192.0.2.10 {port} {{", *body, "}", ""])


def instance(*lines, name="A", router=1, vips=("192.0.2.10",)):
    """Return a vrrp_instance."""
    held = ["virtual_ipaddress {", *vips, "}"]
    return "\n".join(
        [
            f"vrrp_instance {name} {{",
            "interface eth0",
            f"virtual_router_id {router}",
            *held,
            *lines,
            "}",
            "",
        ]
    )


def line_of(text, statement):
    """Return the number of a statement's line."""
    return text.split("\n").index(statement) + 1


def reported(text, statement):
    """Return the messages about a statement."""
    start = f"line {line_of(text, statement)}: "
    return [
        line.removeprefix(start) for line in adopted(text).unrepresented if line.startswith(start)
    ]


# ---- without VRRP --------------------------------------------------------------------------------


def test_a_file_without_vrrp_is_a_single_director_with_checks():
    text = "global_defs {\nlvs_timeouts tcp 7200 tcpfin 60 udp 60\n}\n" + service(
        servers=("real_server 192.0.2.21 80 {\nTCP_CHECK {\nconnect_timeout 3\n}\n}",)
    )
    result = adopted(text)
    assert result.inventory["all"]["vars"]["lvs_services"][0]["check"] == {
        "type": "tcp",
        "connect_timeout": 3,
    }
    assert directors_of(text)["vars"] == {
        "lvs_keepalived": {"globals": {"lvs_timeouts": {"tcp": 7200, "tcpfin": 60, "udp": 60}}}
    }
    cluster = resolve(*comparison.flat(result.inventory))
    assert (cluster.ha, cluster.director_roles) == ("none", ["keepalived_ha", "director"])


@pytest.mark.parametrize(
    ("statement", "more"),
    [
        ("vrrp_script s {", "script /bin/true\n}"),
        ("track_file load {", "file /run/load\n}"),
        ("bfd_instance b {", "neighbor_ip 192.0.2.9\n}"),
        ("vrrp_sync_group g {", "group {\nA\n}\n}"),
        ("vrrp_track_process p {", "process nginx\n}"),
    ],
)
def test_vrrp_only_statements_are_listed_without_vrrp(statement, more):
    text = service() + f"{statement}\n{more}\n"
    (line,) = reported(text, statement)
    assert line.endswith("is left out: without a vrrp_instance nothing uses it.")


def test_the_sync_daemon_is_listed_without_vrrp():
    text = service() + "global_defs {\nlvs_sync_daemon eth0 A\n}\n"
    (line,) = reported(text, "lvs_sync_daemon eth0 A")
    assert line == (
        "`lvs_sync_daemon eth0 A` is left out: without a vrrp_instance nothing uses it."
    )


def test_one_director_with_an_instance_keeps_vrrp():
    text = service() + instance("mcast_src_ip 192.0.2.1")
    variables = directors_of(text)["vars"]
    assert variables["lvs_ha"] == "vrrp"
    assert variables["lvs_keepalived"]["instance"]["mcast_src_ip"] == "192.0.2.1"


@pytest.mark.parametrize(
    ("text", "who"),
    [
        (service(), "the director itself adds it"),
        (service() + instance(vips=("192.0.2.5/24",)), "VRRP holds it"),
        (service() + instance(vips=()), "VRRP holds it"),
    ],
)
def test_a_vip_that_no_instance_holds_is_listed(text, who):
    (line,) = [line for line in adopted(text).unrepresented if "no vrrp_instance holds" in line]
    assert line.startswith("192.0.2.10: no vrrp_instance holds it, so the director has it in some")
    assert f"with this inventory {who}" in line
    cluster = resolve(*comparison.flat(adopted(text).inventory))
    assert cluster.mistakes == []
    for made in cluster.directors["d1"]["instances"]:
        assert "192.0.2.10" in made["vips"]
        assert ("192.0.2.5/24" in made["vips"]) == ("192.0.2.5" in text)


# ---- scripts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"/etc/n.sh m" root root', {"command": "/etc/n.sh m", "user": "root root"}),
        ('"/etc/n.sh m" nobody', {"command": "/etc/n.sh m", "user": "nobody"}),
        ('"/etc/n.sh m"', "/etc/n.sh m"),
        ("'/etc/n.sh m' root", {"command": "/etc/n.sh m", "user": "root"}),
        ("/etc/n.sh", "/etc/n.sh"),
        ("/etc/n.sh m", {"command": "/etc/n.sh", "user": "m"}),
    ],
)
@pytest.mark.parametrize("keyword", ["notify_master", "quorum_up", "startup_script", "notify_up"])
def test_a_script_has_its_user(keyword, written, value):
    statement = f"{keyword} {written}"
    server = "real_server 192.0.2.21 80 {\n%s\n}"
    text = {
        "notify_master": service() + instance(statement),
        "quorum_up": service(statement),
        "startup_script": service() + f"global_defs {{\n{statement}\n}}\n",
        "notify_up": service(servers=(server % statement,)),
    }[keyword]
    result = adopted(text).inventory["all"]
    keepalived = result["children"]["lvs_directors"].get("vars", {}).get("lvs_keepalived", {})
    (only,) = result["vars"]["lvs_services"]
    found = {
        "notify_master": keepalived.get("instance", {}),
        "quorum_up": only,
        "startup_script": keepalived.get("globals", {}),
        "notify_up": only.get("destinations", [{}])[0],
    }[keyword]
    assert found[keyword] == value
    again = files_of(adopted(text).inventory)["d1"] if keyword == "notify_master" else None
    assert again is None or statement.replace("'", '"') in again
    warned = [line for line in reported(text, statement) if "for the user who runs it" in line]
    assert bool(warned) == (written == "/etc/n.sh m")


def test_the_first_script_is_taken_as_keepalived_does():
    text = service() + instance("notify /bin/a", "notify /bin/b")
    assert reported(text, "notify /bin/b") == [
        "`notify /bin/b` is left out: keepalived takes the first one."
    ]
    script = "vrrp_script s {\nscript /bin/check it\n}\n"
    (found,) = directors_of(service() + instance() + script)["vars"]["lvs_keepalived"]["scripts"]
    assert found["command"] == "/bin/check"
    assert reported(service() + instance() + script, "script /bin/check it") == [
        (
            "`script /bin/check it`: keepalived takes the first word of its value, as does the"
            " inventory."
        )
    ]


# ---- checks --------------------------------------------------------------------------------------


def server(last, *lines, port=80):
    """Return a real_server with a TCP_CHECK."""
    return "\n".join([f"real_server 192.0.2.{last} {port} {{", "TCP_CHECK {", *lines, "}", "}"])


def test_a_check_keeps_its_port():
    (found,) = services_of(service(servers=(server(21, port=8080),)))
    assert found["check"] == {"type": "tcp", "connect_port": 8080}
    text = service("persistence_timeout 50", port=0, servers=(server(21),))
    (found,) = services_of(text)
    assert (found["port"], found["check"]) == (0, {"type": "tcp", "connect_port": 80})
    assert keepalived_services(text)
    text = service(port=0, servers=("real_server 192.0.2.21 {\nTCP_CHECK {\n}\n}",))
    assert "check" not in services_of(text)[0]
    assert any(
        "neither it nor the real server has a port" in line for line in adopted(text).unrepresented
    )
    text = service(servers=("real_server 192.0.2.21 {\nTCP_CHECK {\n}\n}",))
    assert any("keepalived checks port 0 with tcp" in line for line in adopted(text).unrepresented)


def test_a_check_of_the_real_server_itself_serves_all_services():
    servers = tuple(server(n, f"connect_ip 192.0.2.{n}") for n in (21, 22))
    (found,) = services_of(service(servers=servers))
    assert found["check"] == {"type": "tcp"}
    assert "destinations" not in found
    asked = [each["check"] for each in keepalived_services(service(servers=servers))]
    assert asked == [{"type": "tcp"}]


def test_each_server_keeps_a_check_of_its_own():
    misc = (
        'real_server 192.0.2.{0} 80 {{\nMISC_CHECK {{\nmisc_path "/bin/check 192.0.2.{0}"\n}}\n}}'
    )
    text = service(servers=(misc.format(21), misc.format(22), "real_server 192.0.2.23 80 {\n}"))
    (found,) = keepalived_services(text)
    commands = {
        each["address"]: each.get("check", {}).get("command") for each in found["destinations"]
    }
    assert commands == {
        "192.0.2.21": "/bin/check 192.0.2.21",
        "192.0.2.22": "/bin/check 192.0.2.22",
        "192.0.2.23": None,
    }
    others = tuple(server(n) for n in (24, 25, 26))
    (found,) = keepalived_services(
        service(servers=(*others, misc.format(21), "real_server 192.0.2.23 80 {\n}"))
    )
    assert found["check"] == {"type": "tcp"}
    kinds = {each["address"]: each.get("check", {}).get("type") for each in found["destinations"]}
    assert kinds == {
        **{f"192.0.2.{n}": None for n in (24, 25, 26)},
        "192.0.2.21": "misc",
        "192.0.2.23": "none",
    }


# ---- what keepalived corrects --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "field", "value", "message"),
    [
        (service(port=0), "persistence_timeout", 360, "a service of every port"),
        (
            service("persistence_granularity 255.255.255.0"),
            "persistence_timeout",
            360,
            "persistence_granularity a persistence_timeout of 360",
        ),
        (service("ops"), "one_packet", None, "one-packet scheduling is for UDP"),
        (service("lvs_sched mh", "sh-fallback"), "scheduler_flags", None, "before it is mh"),
        (service("sh-port", "lvs_sched sh"), "scheduler_flags", None, "no scheduler is set before"),
        (service(protocol=""), "protocol", "udp", "keepalived takes UDP"),
        (service("quorum 7"), "quorum", 1, "the weights add up to 1"),
        (service("persistence_engine sip"), "persistence_engine", None, "no effect without"),
        (service("persistence_timeout 0"), "persistence_timeout", None, "keepalived ignores it"),
        (service("protocol HTTP"), "protocol", "tcp", "must be TCP, UDP or SCTP"),
        (service("weight 7"), "lvs_weight", 7, ""),
    ],
)
def test_a_service_is_as_keepalived_runs_it(text, field, value, message):
    result = adopted(text)
    (found,) = result.inventory["all"]["vars"]["lvs_services"]
    weights = result.inventory["all"]["children"]["lvs_realservers"].get("vars", {})
    assert {**weights, **found}.get(field) == value
    assert any(message in line for line in result.unrepresented)
    assert keepalived_services(text)


def test_a_server_with_another_tunnel_keeps_it():
    gue = "lvs_method TUN type gue port 6080"
    servers = (
        "real_server 192.0.2.21 80 {\n}",
        "real_server 192.0.2.22 80 {\nlvs_method TUN type gre csum\n}",
        "real_server 192.0.2.23 80 {\nlvs_method TUN type gre port 5\n}",
        "real_server 192.0.2.24 80 {\nlvs_method NAT\n}",
    )
    (found,) = keepalived_services(service(gue, servers=servers).replace("lvs_method DR\n", "", 1))
    tunnels = {
        each["address"]: (each["method"], each.get("tunnel_type"), each.get("tunnel_port"))
        for each in found["destinations"]
    }
    assert tunnels == {
        "192.0.2.21": ("tun", "gue", 6080),
        "192.0.2.22": ("tun", "gre", None),
        "192.0.2.23": ("tun", "gue", 6080),  # keepalived ignores a tunnel that can't be
        "192.0.2.24": ("nat", None, None),
    }


@pytest.mark.parametrize(
    ("lines", "gone", "message"),
    [
        (("nopreempt", "preempt_delay 5"), "preempt_delay", "nopreempt is set"),
        (("state MASTER", "priority 9", "nopreempt"), "preempt", "the initial state is MASTER"),
        (("version 3", "authentication {", "auth_pass x", "}"), "auth_pass", "no authentication"),
        (
            ("use_vmac", "unicast_src_ip 192.0.2.1", "unicast_peer {", "192.0.2.2", "}"),
            "",
            "keepalived sets vmac_xmit_base",
        ),
        (("unicast_ttl 9",), "unicast_ttl", "there are no unicast peers"),
        (("track_interface {", "eth0", "}"), "track_interfaces", "is its own interface"),
        (("track_script {", "s", "}"), "track_scripts", "is not defined"),
    ],
)
def test_an_instance_is_as_keepalived_runs_it(lines, gone, message):
    text = service() + instance(*lines)
    result = adopted(text)
    assert not any("site.yml refuses" in line for line in result.unrepresented), (
        result.unrepresented
    )
    variables = directors_of(text)["vars"]
    assert not variables["lvs_keepalived"].get("instance", {}).get(gone)
    assert "lvs_auth_pass" not in variables
    assert any(message in line for line in result.unrepresented), result.unrepresented


# ---- two masters ---------------------------------------------------------------------------------


def pair(number, *, unicast=True):
    """Return the file of one of two directors, each of which is master of one VIP."""
    peers = f"unicast_src_ip 192.0.2.{number}", "unicast_peer {", f"192.0.2.{3 - number}", "}"
    first, second = (150, 100) if number == 1 else (100, 150)
    both = [
        instance(
            f"state {'MASTER' if rank == 150 else 'BACKUP'}",
            f"priority {rank}",
            "garp_master_delay 3",
            *(peers if unicast else ()),
            name=name,
            router=router,
            vips=(vip,),
        )
        for name, router, vip, rank in (
            ("VI_1", 51, "192.0.2.10", first),
            ("VI_2", 52, "192.0.2.11", second),
        )
    ]
    return "".join(both) + service() + service().replace("192.0.2.10 80", "192.0.2.11 80")


def test_directors_with_a_master_each_are_adopted_as_such():
    result = adopted(pair(1), pair(2))
    first, second = result.inventory["all"]["vars"]["lvs_services"]
    assert (first.get("master"), second.get("master")) == (None, "d2")
    cluster = resolve(*comparison.flat(result.inventory))
    assert cluster.mistakes == []
    ranks = {
        name: [
            (each["vips"], each["virtual_router_id"], each["priority"])
            for each in work["instances"]
        ]
        for name, work in cluster.directors.items()
    }
    assert ranks == {
        "d1": [(["192.0.2.10"], 51, 150), (["192.0.2.11"], 52, 100)],
        "d2": [(["192.0.2.10"], 51, 100), (["192.0.2.11"], 52, 150)],
    }
    assert cluster.directors["d1"]["instances"][1]["garp_master_delay"] == 3
    # What one inventory can't set for two instances is listed: their names, and the first state.
    assert sum("`vrrp_instance VI_" in line for line in result.unrepresented) == 4
    assert sum("`state MASTER`: site.yml writes" in line for line in result.unrepresented) == 2


def test_directors_that_serve_are_adopted_with_a_master_each():
    texts = [
        pair(n).replace("real_server 192.0.2.21 80 {", "real_server 192.0.2.2 80 {\nTCP_CHECK {\n}")
        for n in (1, 2)
    ]
    result = adopted(*texts)
    cluster = resolve(*comparison.flat(result.inventory))
    assert cluster.mistakes == []
    assert all("fwmark" in each for each in cluster.keepalived_services)
    assert not any("destination" in line or "TCP_CHECK" in line for line in result.unrepresented)


def test_one_file_shows_that_its_peer_is_master_of_the_other_vip():
    result = adopted(pair(1))
    _first, second = result.inventory["all"]["vars"]["lvs_services"]
    assert second["master"] == "d_192_0_2_2"
    assert (
        "master" not in adopted(pair(1, unicast=False)).inventory["all"]["vars"]["lvs_services"][1]
    )


# ---- bytes and secrets ---------------------------------------------------------------------------


LATIN = b"global_defs {\n router_id Hauptger\xe4t # pr\xfcfen\n vrrp_strict\n}\n"


@pytest.mark.parametrize("form", ["content", "text"])
def test_a_file_of_any_encoding_is_read(form):
    data = LATIN + service().encode()
    source = {
        "content": base64.b64encode(data).decode(),
        "text": data.decode("utf-8", "surrogateescape"),
    }[form]
    result = adoption.adopt([{form: source}])
    keepalived = result.inventory["all"]["children"]["lvs_directors"]["vars"]["lvs_keepalived"]
    assert keepalived["globals"]["router_id"] == "Hauptgerät"
    assert result.unrepresented[0] == "line 2 is not UTF-8; read as ISO 8859-1."
    assert any(
        line.startswith("line 3: `vrrp_strict` is left out") for line in result.unrepresented
    )


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read(data):
    text, _odd = statements.decode(data)
    assert statements.decode(data.decode("utf-8", "surrogateescape"))[0] == text
    result = adoption.adopt([{"content": base64.b64encode(data).decode()}])
    for line in result.unrepresented:
        line.encode()
        assert line.isprintable()


def test_the_playbook_lists_what_a_file_in_latin_1_has(tmp_path):
    (tmp_path / "d23.conf").write_bytes(LATIN + service().encode())
    status, output = play(tmp_path, "-e", "adopt_from=d23.conf")
    assert status == 0, output
    assert "line 3: `vrrp_strict` is left out" in output
    assert "Hauptgerät" in (tmp_path / "adopted" / "hosts.yml").read_text()


@pytest.mark.parametrize(
    "written",
    [
        "authentication {\n auth_pas sEcr3t\n}",
        "authentication {\n auth_pass sEcr3t again sEcr3t\n}",
        "authentication {\n auth_pass\n sEcr3t\n}",
        "authentication {\n auth_type sEcr3t\n}",
        "authentication {\n sEcr3t auth_pass\n}",
        "authentification {\n auth_pass sEcr3t\n}",
        "authentication {\n auth_pass $PW\n}",
        "authentication {\n auth_pas ${PW}\n}",
        "auth_pass sEcr3t",
        "authpass sEcr3t",
        "priority 100 auth_pass sEcr3t",
        "authentication {\n auth_type PASS auth_pass sEcr3t }",
        "authentication {\n auth_pass 'sEcr3t'\n}",
        'authentication {\n auth_pass "sEcr3t\n}',
        "password sEcr3t",
        "garp_extra_if $PW",
        "notify $PW",
    ],
)
def test_a_message_about_a_typo_near_a_password_does_not_show_it(written):
    text = "$PW=sEcr3t\n" + service() + instance(*written.split("\n"))
    result = adopted(text, text.replace("priority 100", "priority 90"))
    assert not any("Ecr3" in line for line in result.unrepresented), result.unrepresented


@pytest.mark.parametrize(
    "written", ["password sEcr3t", "pasword sEcr3t", "key /etc/sEcr3t {", "sEcr3t"]
)
def test_the_secrets_of_the_ssl_block_are_not_shown(written):
    text = service() + f"SSL {{\n {written}\n}}\nSLL {{\n {written}\n}}\n"
    if written == "sEcr3t":
        text = text.replace("SLL", "SSL")
    assert not any("Ecr3" in line for line in adopted(text).unrepresented)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("protocol UDP", "protocol TCP"),
        ("lvs_sched rr", "lvs_sched wrr"),
        ("lvs_method NAT", "lvs_method DR"),
        ("persistence_timeout 5", "persistence_timeout 6"),
        ("delay_loop 5", "delay_loop 6"),
        ("sorry_server 192.0.2.9 80", "sorry_server 192.0.2.8 80"),
        ("quorum 1", "quorum 1"),
    ],
)
def test_a_statement_that_another_one_replaces_is_listed(first, second):
    text = service(first + " ", second).replace("protocol TCP\n", "", 1)
    text = text.replace("lvs_method DR\n", "", 1) if "method" in first else text
    assert reported(text, first + " ") == [
        f"`{first}` is left out: line {line_of(text, second)} sets it again."
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("weight 5", "weight 6"),
        ("uthreshold 5", "uthreshold 6"),
        ("lvs_method TUN", "lvs_method DR"),
        ("alpha", "alpha false"),
    ],
)
def test_a_statement_of_a_server_that_another_one_replaces_is_listed(first, second):
    text = service(servers=(f"real_server 192.0.2.21 80 {{\n{first} \n{second}\n}}",))
    assert reported(text, first + " ")[0] == (
        f"`{first}` is left out: line {line_of(text, first + ' ') + 1} sets it again."
    )


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (service().replace("80 {", "80 {\nprotocol TCP UDP", 1), 2, "`protocol TCP UDP` is left"),
        ("global_defs nonsense {\n}\n", 1, "what follows its first words (nonsense)"),
        (service(servers=(server(21).replace("TCP_CHECK {", "TCP_CHECK x {"),)), 5, "(x) is left"),
        (instance("track_script {", "}"), 7, "it is empty, and left out"),
        (service("url x"), 4, "`url x` is left out: the inventory has no field"),
        (service("alpha", "{", "x", "}"), 4, "it has a block"),
        (service("virtual_server_group x {", "}"), 4, "is left out"),
        (instance("preempt no"), 7, "it stands alone"),
        (instance("notify '/bin/a' x\"y\""), 7, "quotes within a word"),
        ("global_defs {\nrouter_id 'a b'\n}", 2, "takes for a part of the text"),
        ('global_defs {\nrouter_id "a b\n}', 2, "its quotes are not closed"),
        ("$A = 1\n", 1, "it is not used"),
        ("@a {\nx\n}\n", 1, "what holds on one machine only"),
        (service("weight 5 6"), 4, "left out"),
        (service().replace("192.0.2.21 80", "192.0.2.21/24 80"), 4, "address is"),
        (service().replace("192.0.2.10 80", "192.0.2.10/24 80"), 1, "keepalived takes 192.0.2.10"),
        ("virtual_server_group g {\n192.0.2.1 80\n}\n" * 2, 4, "there is a group of that name"),
    ],
)
def test_options_not_representable_are_listed_with_their_lines(text, line, message):
    lines = [each for each in adopted(text).unrepresented if each.startswith(f"line {line}: ")]
    assert any(message in each for each in lines), adopted(text).unrepresented


# ---- the inventory, for what keepalived knows of one destination ---------------------------------


def inventory_with(*destinations, **service_fields):
    """Return a resolved inventory whose service lists its destinations."""
    web = {"name": "web", "vip": "10.0.0.9", "port": 80, "destinations": list(destinations)}
    groups = {"all": ["d"], "lvs_directors": ["d"]}
    return resolve([{**web, **service_fields}], groups, lambda _name: {"ansible_host": "10.0.0.1"})


def test_a_destination_may_have_a_check_of_its_own():
    one = {"address": "10.0.0.2", "check": {"type": "misc", "command": "/bin/check"}}
    cluster = inventory_with(one, {"address": "10.0.0.3"}, check={"type": "tcp"})
    assert cluster.mistakes == []
    assert cluster.director_roles == ["keepalived_ha", "director"]
    (found,) = cluster.keepalived_services
    assert [each.get("check") for each in found["destinations"]] == [one["check"], None]
    assert all("check" not in each for each in cluster.services[0]["destinations"])
    assert inventory_with(one).director_roles == ["keepalived_ha", "director"]
    assert inventory_with({"address": "10.0.0.2"}).director_roles == ["director"]


def test_a_wrong_check_of_a_destination_is_refused():
    cluster = inventory_with({"address": "10.0.0.2", "check": {"type": "tcpp"}})
    (line,) = cluster.mistakes
    assert line.startswith(
        "service web: destination 10.0.0.2, check: type is 'tcpp' (did you mean tcp?)"
    )


def test_the_later_source_address_is_taken():
    text = service() + instance("unicast_src_ip 192.0.2.3", "mcast_src_ip 192.0.2.4")
    assert directors_of(text)["vars"]["lvs_keepalived"]["instance"]["mcast_src_ip"] == "192.0.2.4"
    assert reported(text, "unicast_src_ip 192.0.2.3")
    text = service() + instance("mcast_src_ip 192.0.2.4", "unicast_src_ip 192.0.2.3")
    assert reported(text, "mcast_src_ip 192.0.2.4")
    assert directors_of(text)["vars"]["lvs_keepalived"]["instance"]["mcast_src_ip"] == "192.0.2.3"
