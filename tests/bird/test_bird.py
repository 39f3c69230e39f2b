# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bird_conf accepts, BIRD accepts without a warning; judged by ``bird -p`` of each release."""

from __future__ import annotations

import ipaddress
import re

import birds
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lvs.cluster.plugins.module_utils import _bird, _errors
from ansible_collections.lvs.cluster.plugins.modules import bird_conf
from hypothesis import given
from hypothesis import strategies as st

#: Texts that a careless writer would let end a statement, a text or a line.
ODD = ['"', "'", ";", "}", "{", "#", "//", "/*", "*/", "\\", "\n", "\r", "\0", "é", "`", "$", "*"]
TEXTS = st.lists(st.sampled_from([*ODD, *ODD, "lvs", "a b", "1", " "]), max_size=6).map("".join)
#: Also what the module refuses.
FOUR, SIX = st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str)
HOSTS4 = st.integers(1, 254).map(lambda n: f"192.0.2.{n}")
HOSTS6 = st.integers(1, 0xFFFF).map(lambda n: str(ipaddress.ip_address((0x20010DB8 << 96) + n)))
PASSWORDS = st.none() | st.text(
    st.characters(codec="ascii", exclude_characters='"', exclude_categories=["Cc"]),
    min_size=1,
    max_size=80,
)


def bounded(name):
    _what, low, high = {**_bird.BOUNDS, **_bird.OF_NEIGHBOR}[name]
    return st.sampled_from([low, high]) | st.integers(low, high)


def neighbors(hosts):
    return st.fixed_dictionaries(
        {"address": hosts, "as": bounded("as"), "password": PASSWORDS},
        optional={
            "port": bounded("port"),
            "source_address": hosts,
            "multihop": bounded("multihop"),
        },
    )


@st.composite
def configurations(draw):
    """Return options of the module, most of which it accepts."""
    families = draw(st.sampled_from([[HOSTS4], [HOSTS6], [HOSTS4, HOSTS6]]))
    routers = [draw(st.lists(neighbors(hosts), min_size=1, max_size=4)) for hosts in families]
    vips = [draw(st.lists(hosts, max_size=4)) for hosts in families]
    return {
        "router_id": draw(HOSTS4),
        "vips": [vip for some in vips for vip in some],
        "neighbors": [router for some in routers for router in some],
        **{name: draw(bounded(name)) for name in _bird.BOUNDS},
        "interface": draw(st.sampled_from(["lvs-vips", "eth0.100", "a" * 15, "lan@1", "x;y{"])),
        "bfd": draw(st.booleans()),
        "ttl_security": draw(st.booleans()),
    }


def parsed(options):
    """Return what the module makes of options; None if it refuses them."""
    validated = ArgumentSpecValidator(bird_conf.OPTIONS).validate(options)
    assert validated.error_messages == []
    try:
        return _bird.parse(validated.validated_parameters)
    except _errors.OperatorError as error:
        sentences = error.mistakes
    assert all(re.fullmatch(r"[^\n]+\.", sentence) for sentence in sentences)
    return None


def judge(bird, version, config):
    text = _bird.render(config, version)
    status, output = bird.test(text)
    assert (status, output) == (0, ""), f"{output}\n{text}"
    return text


def test_the_releases_are_those_that_are_tested(release, version):
    wanted = birds.RELEASES[release].version
    assert version[: len(wanted)] == wanted


def test_bird_accepts_every_accepted_configuration(bird, version):
    count = {True: 0, False: 0}

    @given(options=configurations())
    def check(options):
        config = parsed(options)
        count[config is not None] += 1
        if config:
            judge(bird, version, config)

    check()
    assert count[True] > count[False], "most configurations are to be accepted"


def leaves(options):
    """Return the places of all texts and numbers, by their names."""
    found = {name: [(options, name)] for name in ("router_id", "interface", *_bird.BOUNDS)}
    found["vips"] = [(options["vips"], number) for number in range(len(options["vips"]))]
    for neighbor in options["neighbors"]:
        for name in neighbor:
            found.setdefault(name, []).append((neighbor, name))
    return {**found, "password": found["password"][:1]}  # of the others, some have none


def test_no_value_changes_the_statements_around_it(bird, version):
    """A wrong value is a mistake, or stands in the file as the text that it is."""
    accepted = {"password": 0, "interface": 0}

    @given(data=st.data())
    def check(data):
        options = data.draw(configurations())
        options["neighbors"][0]["password"] = "x"
        before = parsed(options)
        places = leaves(options)
        name = data.draw(st.sampled_from([*places, *["password", "interface"] * 5]))
        place, key = data.draw(st.sampled_from(places[name] or [(options, "router_id")]))
        if isinstance(place[key], int):
            place[key] = data.draw(st.integers(-2, 1 << 33))
        else:
            place[key] = data.draw(TEXTS | FOUR | SIX)
        after = parsed(options)
        if not after:
            return
        text = judge(bird, version, after)
        if before and name in accepted:
            former = _bird.render(before, version)
            accepted[name] += 1
            differing = [
                line
                for line, other in zip(text.splitlines(), former.splitlines(), strict=True)
                if line != other and _bird.DIGEST not in line
            ]
            assert all(re.fullmatch(rf' +{name} "[^"]*";', line) for line in differing)

    check()
    assert all(accepted.values()), accepted


@pytest.mark.parametrize("name", ["local_as", "hold_time", "multihop", "port"])
def test_bounds_are_those_of_bird(bird, version, name):
    """BIRD refuses the next number, or takes it for another one."""
    router = {"address": "192.0.2.1", "as": 65000, "multihop": 3, "source_address": "192.0.2.9"}
    options = {"router_id": "192.0.2.9", "local_as": 65010, "neighbors": [router]}
    config = parsed(options)
    _what, low, high = {**_bird.BOUNDS, **_bird.OF_NEIGHBOR}[name]
    for value, accepted in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        if name in _bird.BOUNDS:
            changed = config._replace(**{name: value})
        else:
            changed = config._replace(neighbors=[config.neighbors[0]._replace(**{name: value})])
        if name == "multihop" and value == 0:
            continue  # is written as direct
        text = _bird.render(changed, version).replace("keepalive time 0;", "keepalive time 1;")
        assert (bird.test(text)[0] == 0) == accepted, text
