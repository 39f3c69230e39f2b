# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as ipvsadm's rules. That ipvsadm understands them is shown in tests/kernel."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils._ipvsadm_format import (
    by_service,
    to_rules,
)
from ansible_collections.lvs.cluster.plugins.module_utils._model import (
    Destination,
    ServiceKey,
    VirtualService,
)
from ansible_collections.lvs.cluster.tests.unit import strategies
from hypothesis import given

WEB = ServiceKey("ipv4", "tcp", "192.168.2.149", 80)


def test_rules_read_as_an_operator_would_type_them():
    pool = (Destination("192.168.2.31", 80, weight=5), Destination("192.168.2.32", 80, "nat", 0))
    services = [
        VirtualService(WEB, "wrr", destinations=pool),
        VirtualService(ServiceKey("ipv6", fwmark=7), "mh", ("mh-port",), 50, 64),
        VirtualService(ServiceKey("ipv4", "tcp", "192.168.2.149", 0), "rr", (), 50, 24),
    ]
    assert to_rules(services).splitlines() == [
        "-A -t 192.168.2.149:0 -s rr -p 50 -M 255.255.255.0",
        "-A -t 192.168.2.149:80 -s wrr",
        "-a -t 192.168.2.149:80 -r 192.168.2.31:80 -g -w 5",
        "-a -t 192.168.2.149:80 -r 192.168.2.32:80 -m -w 0",
        "-A -f 7 -6 -s mh -p 50 -M 64 -b mh-port",
    ]


@given(strategies.tables())
def test_the_services_of_rules_are_found_again(table):
    rules = to_rules(table.values())
    found = by_service(rules)
    assert found.keys() == table.keys()
    assert "".join(found.values()) == rules
    for key, service in table.items():
        assert found[key] == to_rules([service])


def test_comments_and_no_file_describe_no_service():
    assert by_service("# by hand\n\n") == by_service(None) == {}


@pytest.mark.parametrize(
    "line",
    [
        "-A",
        "-A -t nonsense:80 -s rr",
        "-A -t 192.0.2.1:x",
        "-E -t 192.0.2.1:80 -s rr",
        "-a -t 192.0.2.1:80 -r 192.0.2.31:80",
        "anything",
    ],
)
def test_a_line_that_is_not_a_rule_is_reported(line):
    with pytest.raises(ValueError, match=r"line 2 is '.*'; it must be '-A -t VIP:PORT -s") as error:
        by_service(f"-A -t 192.0.2.2:80 -s rr\n{line}\n")
    assert repr(line) in str(error.value)
