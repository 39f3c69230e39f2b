# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with every option of keepalived, adopted, resolved and written again: nothing is lost.

Each statement of a file is in the keepalived.conf that site.yml makes of the inventory, or a
message has its line. The files come from the tables of options, so a new option is tried, too.
"""

from __future__ import annotations

import math
import re

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as options
from ansible_collections.lvs.cluster.plugins.module_utils._keepalived_values import InvalidValue
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt import (
    adoption,
    comparison,
    inventory_writer,
    option_reader,
    statements,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve
from hypothesis import event, given, settings
from hypothesis import strategies as st

#: Texts of all kinds; a kind takes those that it accepts.
TEXTS = (
    *("eth0", "eth1", "lvs", "web", "LVS DEVEL", "root", "nobody nogroup", "any", "0a 1b", "077"),
    *("/usr/bin/check", "/usr/bin/check it now", "/run/lvs/state", "/index.html", "eth0:1"),
    *("10.0.0.1", "10.0.9.0/24", "fd00::1", "224.0.0.99", "ff02::99", "10.0.0.1:2525"),
    *(
        "www.example.org",
        "ops@example.org",
        "200",
        "200-299",
        "192.0.2.0/24 dev eth1",
        "from 192.0.2.0/24 table 5 preference 1000",
    ),
    "0123456789abcdef0123456789abcdef",
)
#: What refers to something that has to be there, and what decides how the rest is read.
REFERRING = frozenset(
    "name vips excluded_vips track_scripts track_files track_processes track_bfds instances"
    " sync_daemon no_virtual_ipaddress interface virtual_router_id auth_pass version state"
    " unicast_src_ip unicast_peers unicast_ttl check_unicast_src vrrp_version".split()
)


def fits(kind, value):
    """Return whether a value is of a kind."""
    try:
        kind.read(value)
    except InvalidValue:
        return False
    return True


def values(kind):
    """Return values of a kind, from its table or its bounds."""
    argument = kind.argument
    if argument["type"] == "list":
        item = values(kind.of) if isinstance(kind.of, kinds.Kind) else fields(kind.of)
        return st.lists(item, min_size=1, max_size=2, unique_by=repr)
    if kind.of:
        return fields(kind.of).filter(lambda value: fits(kind, value))
    if "choices" in argument:
        return st.sampled_from(argument["choices"])
    if argument["type"] == "bool":
        return st.booleans()
    if argument["type"] in ("int", "float"):
        bounds = re.search(r"from (-?\d[^\s,;]*) to (-?\d[^\s,;]*)", kind.must_be)
        low, high = map(float, bounds.groups())
        whole = math.ceil(low), math.floor(high)
        numbers = st.one_of(st.integers(*whole), st.sampled_from(whole))
        return numbers.filter(lambda number: fits(kind, number))  # bounds are written rounded
    found = [text for text in TEXTS if fits(kind, text)]
    assert found, kind.must_be
    return st.sampled_from(found)


def fields(table, without=()):
    """Return mappings by a table: what is required, and some of the rest."""
    known = {option.name: values(option.kind) for option in table if option.name not in without}
    required = {option.name for option in table if option.required}
    return st.fixed_dictionaries(
        {name: value for name, value in known.items() if name in required},
        optional={name: value for name, value in known.items() if name not in required},
    )


def lines_of(table, raw):
    """Return the lines of a mapping."""
    return [line for o in table if o.name in raw for line in o.lines(raw[o.name])]


GLOBALS = fields(options.GLOBALS, REFERRING)
ROOT = fields(options.ROOT)
INSTANCE = fields(options.INSTANCE, REFERRING)
SERVICE = fields(options.SERVICE)
DESTINATION = fields(options.DESTINATION)
NAMED = {
    name: fields(options.BLOCKS[name][1], {"name"})
    for name in ("scripts", "track_files", "track_processes", "bfd_instances")
}
CHECKS = {
    kind: fields(check.table)
    for kind, check in options.CHECKS.items()
    if kind not in ("file", "bfd")
}


@st.composite
def servers(draw, number):
    """Return the lines of a real server."""
    lines = [f"weight {draw(st.integers(1, 9))}"]
    lines += lines_of(options.DESTINATION, draw(DESTINATION))
    kind = draw(st.sampled_from([None, *CHECKS]))
    if kind:
        check = options.CHECKS[kind]
        raw = draw(CHECKS[kind])
        if raw.get("connect_ip") and draw(st.booleans()):
            raw["connect_ip"] = f"10.1.0.{number}"
        lines += kinds.block(check.keyword, lines_of(check.table, raw))
    port = draw(st.sampled_from([80, 80, 8080]))
    return kinds.block(f"real_server 10.1.0.{number} {port}", lines)


@st.composite
def services(draw, number):
    """Return the lines of a virtual service."""
    sched, method = draw(st.sampled_from([("lvs_sched", "lvs_method"), ("lb_algo", "lb_kind")]))
    lines = [f"{sched} {draw(st.sampled_from(['rr', 'wlc', 'sh']))}", "protocol TCP"]
    lines += [f"{method} {draw(st.sampled_from(['DR', 'TUN', 'TUN type gue port 6080 nocsum']))}"]
    lines += lines_of(options.SERVICE, draw(SERVICE))
    if draw(st.booleans()):
        lines += [
            "sorry_server 10.1.0.99 80",
            *draw(st.sampled_from([[], ["sorry_server_inhibit"]])),
        ]
    for server in range(1, draw(st.integers(1, 3)) + 1):
        lines += draw(servers(server))
    return kinds.block(f"virtual_server 10.0.0.{number} 80", lines)


@st.composite
def instances(draw, scripts):
    """Return the lines of a VRRP instance, with what refers to it."""
    raw = draw(INSTANCE)
    if "vmac_interface" in raw:
        raw.pop("use_vmac", None)  # one statement
    lines = ["interface eth0", "virtual_router_id 7", *lines_of(options.INSTANCE, raw)]
    tracked = [line.split()[1] for line in scripts]
    lines += kinds.block("track_script", tracked) if tracked else []
    held = st.sampled_from([["10.0.0.1/24"], ["10.0.0.2"], ["10.0.0.1", "10.0.0.2 dev eth1"]])
    lines += kinds.block("virtual_ipaddress", draw(held))
    optional = (
        ["state MASTER"],
        ["state BACKUP"],
        ["version 2"],
        ["version 3"],
        kinds.block("authentication", ["auth_type PASS", "auth_pass 12345678"]),
        kinds.block("virtual_ipaddress_excluded", ["fd00::5/64", "10.0.0.7 dev eth1"]),
        ["unicast_src_ip 10.0.0.200", *kinds.block("unicast_peer", ["10.0.0.201"])],
        ["unicast_src_ip 10.0.0.200"],
        ["unicast_ttl 3"],
        ["lvs_sync_daemon_interface eth1"],
    )
    for statement in optional:
        lines += statement if draw(st.booleans()) else []
    text = kinds.block("vrrp_instance VI_1", lines)
    group = kinds.block("vrrp_sync_group G", kinds.block("group", draw(GROUPED)))
    daemon = kinds.block("global_defs", ["lvs_sync_daemon eth1 VI_1 id 5"])
    return [*text, *draw(st.sampled_from([[], group, daemon]))]


GROUPED = st.sampled_from([["VI_1"], ["VI_1", "VI_2"]])


@st.composite
def files(draw):
    """Return a keepalived.conf: with VRRP or without, and with whatever the tables have."""
    text = kinds.block("global_defs", lines_of(options.GLOBALS, draw(GLOBALS)))
    text += lines_of(options.ROOT, draw(ROOT))
    for name, strategy in NAMED.items():
        keyword, table = options.BLOCKS[name]
        if draw(st.booleans()):
            text += kinds.block(f"{keyword} {name}1", lines_of(table, draw(strategy)))
    text += draw(
        st.one_of(st.just([]), instances([line for line in text if line.startswith("vrrp_script")]))
    )
    for number in range(1, draw(st.integers(1, 2)) + 1):
        text += draw(services(number))
    return "\n".join(text) + "\n"


def of_role(instances):
    """Return the globals of the role that a file may have in the same words."""
    return {"router_id": "d", "reload_check_config": True, "enable_script_security": True}


def rendered(inventory):
    """Return the keepalived.conf that a director gets, or nothing where it gets none."""
    cluster = resolve(*comparison.flat(inventory))
    if cluster.mistakes:
        return None
    variables = comparison.flat(inventory)[2]("d")
    if "keepalived_ha" not in cluster.director_roles:
        return ""
    own = variables.get("lvs_keepalived", {})
    secret = {"auth_pass": variables["lvs_auth_pass"]} if "lvs_auth_pass" in variables else {}
    instances = cluster.directors["d"]["instances"]
    config = {
        **{part: own.get(part, []) for part in ("scripts", "sync_groups")},
        "globals": {**of_role(instances), **own.get("globals", {})},
        "instances": [
            {"interface": variables.get("lvs_interface"), **i, **secret} for i in instances
        ],
        "services": cluster.keepalived_services,
    }
    assert _keepalived.mistakes(config) == []
    return _keepalived.render(config)


def heads(nodes, path=()):
    """Yield each statement with the statements around it, and with its line and theirs."""
    for node in nodes:
        here = (*path, node)
        yield here
        yield from heads(node.block(), here)


def words(node):
    """Return a statement as it can be compared: a number however it is written."""
    words = [re.sub(r"^(\d+)\.(\d*?)0+$", r"\1.\2", word).rstrip(".") for word in node.words]
    words[0] = option_reader.RENAMED.get(words[0], words[0])
    if words[1:] == ["true"]:
        del words[1:]
    return tuple(re.sub(r"^(\d+\.\d+\.\d+\.\d+)/32$", r"\1", word) for word in words)


def known(text):
    """Return the statements of a file, as paths of words."""
    return {tuple(map(words, path)) for path in heads(statements.parse(text).statements)}


def lost(text, result):
    """Return the statements of a file that neither came back nor are listed."""
    again = known(rendered(result.inventory) or "")
    messages = {
        int(n) for line in result.unrepresented for n in re.findall(r"(?<=^line )\d+", line)
    }
    found = []
    for path in heads(statements.parse(text).statements):
        here = tuple(map(words, path))
        # A service has what all of its real servers have.
        shared = here[:1] + here[2:] if here[0][0] == "virtual_server" and len(here) == 3 else here
        # The port of a real server with these methods is that of the service.
        port = tuple(("real_server", w[1], "80") if w[0] == "real_server" else w for w in here)
        if {here, shared, port} & again or messages & {node.line for node in path}:
            continue
        if here[-1][0] == "lvs_method" and any(
            each[:1] == here[:1] and each[-1] == here[-1] for each in again
        ):
            continue  # each real server has it
        if here[-1][0] in ("lvs_sync_daemon_interface", "lvs_sync_daemon") and any(
            each[-1][:2] == ("lvs_sync_daemon", here[-1][1]) for each in again
        ):
            continue  # its former spellings
        if here[-1] == ("auth_type", "PASS") or here[-1][0] == "authentication":
            continue  # auth_pass is what matters of it
        if here[-1][0] == "connect_ip" and here[-1][1] == here[-3][1]:
            continue  # that is whom a check asks by itself
        flag = here[-1][1:] == ("false",) and (here[0], here[-1][:1]) not in again
        if here[-1] in (("preempt",), ("accept",)) or (len(here) == 3 and flag):
            continue  # that is so without it
        found.append(" / ".join(map(" ".join, here)))
    return found


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(files())
def test_each_statement_is_adopted_or_listed(text):
    result = adoption.adopt([{"name": "d", "ansible_host": "10.0.0.200", "text": text}])
    refused = [line for line in result.unrepresented if line.startswith("site.yml refuses")]
    event("refused" if refused else "resolved")
    if not refused:
        assert lost(text, result) == [], text


FORGETFUL = """\
global_defs {
  router_id web
  lvs_timeouts tcp 60
}
vrrp_script up {
  script /bin/up
}
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 7
  garp_master_delay 9
  virtual_ipaddress {
    10.0.0.1/24 dev eth1
  }
}
vrrp_sync_group G {
  group {
    VI_1
  }
}
virtual_server 10.0.0.1 80 {
  protocol TCP
  lvs_sched rr
  lvs_method DR
  quorum 2
  sorry_server 10.1.0.9 80
  persistence_timeout 50
  real_server 10.1.0.1 80 {
    weight 3
    smtp_alert false
    TCP_CHECK {
      connect_timeout 4
    }
  }
}
"""


@pytest.mark.parametrize(
    ("method", "forgotten", "lines"),
    [
        ("_globals", (), {2, 3}),
        ("_sync_groups", (), {16}),
        ("_variables", ("lvs_keepalived",), {2, 3, 5, 8, 11, 12, 16}),
        ("_variables", ("lvs_virtual_router_id",), {10}),
        ("_service", ("quorum",), {25}),
        ("_service", ("sorry_server",), {26}),
        ("_service", ("persistence_timeout",), {27}),
        ("_service", ("scheduler",), {23}),
        ("_service", ("check",), {31}),
        ("_outright", ("weight",), {28}),
        ("_service", ("destinations",), {28}),
    ],
)
def test_a_statement_that_the_writer_omits_is_listed(monkeypatch, method, forgotten, lines):
    written = getattr(inventory_writer.Writer, method)

    def forget(*arguments):
        value = written(*arguments)
        found = [] if method == "_sync_groups" else {} if not forgotten else dict(value)
        for name in forgotten:
            found.pop(name, None)
        return found

    monkeypatch.setattr(inventory_writer.Writer, method, forget)
    result = adoption.adopt([{"name": "d", "ansible_host": "10.0.0.200", "text": FORGETFUL}])
    messages = {
        int(n) for line in result.unrepresented for n in re.findall(r"(?<=^line )\d+", line)
    }
    assert lines <= messages, result.unrepresented


def test_nothing_is_listed_where_the_writer_omits_nothing():
    result = adoption.adopt([{"name": "d", "ansible_host": "10.0.0.200", "text": FORGETFUL}])
    assert not any(line.startswith("line") for line in result.unrepresented), result.unrepresented
