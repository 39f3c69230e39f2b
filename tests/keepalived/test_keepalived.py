# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection accepts, keepalived accepts; what it writes means what was given.

Judged by ``keepalived -t`` of each release, for generated inventories and configurations.
"""

from __future__ import annotations

import collections
import contextlib
import copy
import re

import configurations
import parser
import role
import values
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lvs.cluster.plugins.module_utils import _arguments, _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_kinds as _kinds
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.resolve import resolve
from hypothesis import given, settings
from hypothesis import strategies as st

#: How often a configuration with an option is tried that none has had yet.
TRIES = 400
#: How many configurations are tried beside the inventories.
SHARE = settings().max_examples * 3 // 5
#: keepalived's messages about what only the machine has: there is no such interface, user, script.
MACHINE = re.compile(
    r"interface .*(doesn't exist|not found)|[Uu]nknown interface|Unable to set|not found/accessible"
    r"|Unable to resolve|user '.*'|realpath\(\)"
)


class FoundError(Exception):
    """Ends a search for a configuration."""


def judge(keepalived, version, config, *, rubbish=False):
    """Render an accepted configuration as the module does, and have keepalived read it.

    Return whether it is accepted: what only the machine knows may be wrong with rubbish in it.
    """
    spec = _options.argument_spec()
    validated = ArgumentSpecValidator(spec).validate(config)
    assert validated.error_messages == []
    arguments = _arguments.given(validated.validated_parameters, spec)
    arguments = _arguments.without_unset(arguments)
    assert _keepalived.mistakes(arguments, version) == []
    text = _keepalived.render(arguments, version)
    status, output = keepalived.test(text)
    if rubbish and status and MACHINE.search(output):
        return False
    assert (status, output) == (0, ""), f"{output}\n{text}"
    return True


def spoil(data, described, *path):
    """Put rubbish in the place of one value of something described."""
    for key in path:
        described = described[key]
    # What stands in extra is a person's own text, which only keepalived can judge.
    leaves = [leaf for leaf in configurations.leaves(described) if leaf[-1] != "extra"]
    if leaves:
        leaf = data.draw(st.sampled_from(leaves))
        configurations.put(described, leaf, data.draw(st.sampled_from(values.RUBBISH)))


def used(tables, raw):
    """Return the options of the tables that a part of a configuration gives, with their places."""
    items = raw if isinstance(raw, list) else [raw] if raw else []
    return {
        (place, option.name)
        for place, table in tables.items()
        for option in table
        for item in items
        if _kinds.given(item, option.name)
    }


def options_of(config):
    """Return the options that a configuration gives, each with its table."""
    found = used({"globals": (*_options.ROOT, *_options.GLOBALS)}, config.get("globals"))
    for name, (_keyword, table) in _options.BLOCKS.items():
        found |= used({name: table}, config.get(name))
    for service in config.get("services", []):
        found |= used({"services": _options.SERVICE}, service)
        found |= used({"destinations": _options.DESTINATION}, service["destinations"])
        for check in filter(
            None, (each.get("check") for each in (service, *service["destinations"]))
        ):
            table = _options.CHECKS[check["type"]].table if check["type"] != "none" else ()
            found |= used({"checks": table}, check)
            found |= used({"urls": _options.URL}, check.get("urls"))
    return found


def all_options(version):
    """Return the options that a release has, each with its table."""
    tables = {
        "globals": (*_options.ROOT, *_options.GLOBALS),
        **{name: table for name, (_keyword, table) in _options.BLOCKS.items()},
        "services": _options.SERVICE,
        "destinations": _options.DESTINATION,
        "checks": [
            option
            for check in _options.CHECKS.values()
            for option in check.table
            if check.since <= version
        ],
        "urls": _options.URL,
    }
    return {
        (place, option.name)
        for place, table in tables.items()
        for option in table
        if option.since <= version
    }


def lan(inventory):
    """Return an interface that may be found to be the LAN: one that the inventory does not name.

    A director tracks its LAN by itself, and which one that is only the machine knows.
    """
    named = repr(inventory)
    return next(name for name in values.INTERFACES if repr(name) not in named)


def test_keepalived_accepts_every_accepted_inventory(keepalived, version):
    """A value that is rubbish, in every third, never raises an exception."""
    count = collections.Counter()

    @given(data=st.data())
    def check(data):
        inventory = data.draw(configurations.inventories(version))
        rubbish = data.draw(st.integers(0, 2)) == 0
        if rubbish:
            parts = [("services",), ("every", "lvs_keepalived")]
            spoil(data, inventory, *data.draw(st.sampled_from(parts)))
        hosts = configurations.hosts(inventory)
        cluster = resolve(inventory["services"], inventory["groups"], hosts.__getitem__)
        assert all(isinstance(line, str) and line for line in cluster.mistakes)
        count[rubbish, bool(cluster.mistakes)] += 1
        if "keepalived_ha" in cluster.director_roles:
            director = data.draw(st.sampled_from(inventory["groups"]["lvs_directors"]))
            config = role.configuration(cluster, director, hosts[director], lan(inventory))
            judge(keepalived, version, config, rubbish=rubbish)

    check()
    assert count[False, False] > count[False, True], "most inventories are to be accepted"


def test_keepalived_accepts_every_accepted_configuration(keepalived, version):
    """Every option of the tables is among them."""
    seen = set()

    @settings(max_examples=SHARE)
    @given(data=st.data())
    def check(data):
        config = data.draw(configurations.configurations(version))
        rubbish = data.draw(st.integers(0, 3)) == 0
        if rubbish:
            spoil(data, config)
        mistakes = _keepalived.mistakes(config, version)
        assert all(isinstance(line, str) and line for line in mistakes)
        if not mistakes and judge(keepalived, version, config, rubbish=rubbish):
            seen.update(options_of(config))

    def judge_one_with(option):
        @settings(max_examples=TRIES, report_multiple_bugs=False)
        @given(config=configurations.configurations(version, option))
        def search(config):
            if option in options_of(config) and not _keepalived.mistakes(config, version):
                found.append(config)
                raise FoundError

        found = []
        with contextlib.suppress(FoundError):
            search()
        if found and judge(keepalived, version, found[0]):
            seen.update(options_of(found[0]))

    check()
    for option in sorted(all_options(version) - seen):
        if option not in seen:
            judge_one_with(option)
    assert all_options(version) - seen == set()


def test_no_value_changes_the_statements_around_it(keepalived, version):
    """A text is one word of the file, whatever it is, and the word that was meant."""

    @settings(max_examples=SHARE)
    @given(data=st.data())
    def check(data):
        config = data.draw(configurations.configurations(version))
        texts = [
            leaf for leaf in configurations.leaves(config) if isinstance(at(config, leaf), str)
        ]
        if not texts:
            return
        leaf = data.draw(st.sampled_from(texts))
        odd = data.draw(
            st.sampled_from([each for each in values.RUBBISH if each and isinstance(each, str)])
        )
        other = copy.deepcopy(config)
        configurations.put(other, leaf, odd)
        if _keepalived.mistakes(config, version) or _keepalived.mistakes(other, version):
            return
        before, after = (statements(each, version) for each in (config, other))
        if leaf[-1] == "name" and leaf[0] != "services":
            return  # also the order of blocks may be another one
        for former, now in parser.differences(before, after):
            assert odd in " ".join(now), (former, now)
            assert former[0] == now[0] or at(config, leaf) in former[0], (former, now)

    check()


def at(raw, path):
    for key in path:
        raw = raw[key]
    return raw


def statements(config, version):
    """Return the statements of a configuration; each service may have its name in a comment."""
    text = _keepalived.render(config, version)
    named = sum(
        bool(service.get("name")) for service in config["services"] if not service.get("endpoints")
    )
    return parser.statements(text, comments=len(_keepalived.HEADER) + named)
