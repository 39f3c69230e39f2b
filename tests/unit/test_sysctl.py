# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _sysctl
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """A tree of files in the place of /proc/sys: ``proc({"net/ipv4/ip_forward": "0"})``."""
    monkeypatch.setattr(_sysctl, "PROC", f"{tmp_path}/")

    def fill(values):
        for key, value in values.items():
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_text(f"{value}\n")
        return tmp_path

    return fill


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ("net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
    ],
)
def test_canonical(written, path):
    assert _sysctl.canonical(written) == path


@pytest.mark.parametrize(
    "written",
    [" ", "forward", "/proc/sys/net", "net/../kernel/x", "net//x", "net.ipv4.", "net/a b"],
)
def test_invalid_keys_are_refused(written):
    with pytest.raises(ValueError, match=re.escape(written)):
        _sysctl.canonical(written)


def test_parse():
    parsed = _sysctl.parse(
        {"net.ipv4.ip_forward": 1, "net/ipv4/tcp_rmem": " 4096\t131072  6291456"}
    )
    assert parsed == {"net/ipv4/ip_forward": "1", "net/ipv4/tcp_rmem": "4096 131072 6291456"}


def test_every_mistake_is_reported():
    wrong = {
        "forward": 1,
        "net/a": True,
        "net/b": None,
        "net/c": " ",
        "net/d": [1, 2],
        "net/e": "1\nnet/f = 2",
        "net/g": 1,
        "net.g": 1,
    }
    with pytest.raises(OperatorError) as error:
        _sysctl.parse(wrong)
    places = [sentence.split()[0].strip("':") for sentence in error.value.mistakes]
    assert places == ["forward", "net/a", "net/b", "net/c", "net/d", "net/e", "net/g"]


def test_read(proc):
    proc({"net/ipv4/tcp_rmem": "4096\t131072\t6291456"})
    assert _sysctl.read("net/ipv4/tcp_rmem") == "4096 131072 6291456"
    assert _sysctl.read("net/ipv4/nothing") is None
    assert _sysctl.read("net/ipv4/tcp_rmem/below") is None


@pytest.mark.parametrize("name", ["drop_entry", "drop_packet", "secure_tcp"])
def test_a_defense_that_the_kernel_shows_as_2_equals_1(name):
    key = f"net/ipv4/vs/{name}"
    assert _sysctl.planned({key: "2"}, {key: "1"}) == {key: "2"}
    assert _sysctl.planned({key: "2"}, {key: "3"}) == {key: "3"}
    assert _sysctl.planned({key: "0"}, {key: "1"}) == {key: "1"}
    assert not _sysctl.same("net/ipv4/ip_forward", "1", "2")


def test_missing(proc):
    proc({"net/ipv4/conf/eth0.100/rp_filter": 0, "net/ipv4/conf/eth0/rp_filter": 0})
    reasons = {
        "net/ipv4/vs/conntrack": "load ip_vs first (modprobe ip_vs)",
        "net/ipv4/conf/eth9/rp_filter": "there is no interface eth9",
        "net/ipv6/conf/eth9/forwarding": "there is no interface eth9",
        "net/ipv4/conf/eth0/100/rp_filter": (
            "for the interface eth0.100, write net/ipv4/conf/eth0.100/rp_filter"
        ),
        "net/ipv4/conf/eth0/colour": "this kernel has no such setting",
        "kernel/colour": "this kernel has no such setting",
    }
    assert _sysctl.missing({"net/ipv4/ip_forward": "0", **dict.fromkeys(reasons)}) == [
        f"{key} does not exist: {reason}." for key, reason in reasons.items()
    ]


def test_a_missing_setting_with_ip_vs_loaded_is_not_in_this_kernel(proc):
    proc({"net/ipv4/vs/conntrack": 0})
    assert "no such setting" in _sysctl.missing({"net/ipv4/vs/colour": None})[0]


def test_forwarding_is_written_first_because_it_resets_others(proc, monkeypatch):
    tree = proc({"net/ipv4/conf/all/accept_redirects": 1, "net/ipv4/ip_forward": 0})
    order = []
    write = _sysctl._write
    monkeypatch.setattr(_sysctl, "_write", lambda *words: (order.append(words[0]), write(*words)))
    before = {"net/ipv4/conf/all/accept_redirects": "1", "net/ipv4/ip_forward": "0"}
    _sysctl.apply(before, dict.fromkeys(before, "7"))
    assert order == ["net/ipv4/ip_forward", "net/ipv4/conf/all/accept_redirects"]
    assert (tree / order[0]).read_text() == "7\n"


def test_a_failed_write_is_reported_and_the_others_undone(proc):
    tree = proc({"net/a": 1, "net/b": 2})
    before = {"net/a": "1", "net/b": "2", "net/gone/c": "3"}
    with pytest.raises(OperatorError) as error:
        _sysctl.apply(before, {"net/a": "5", "net/b": "2", "net/gone/c": "7"})
    assert error.value.mistakes[0] == (
        "net/gone/c = 7: the kernel refused: No such file or directory."
    )
    # What is gone cannot be put back, and that is reported, too.
    assert error.value.mistakes[1].startswith("It could not be restored: net/gone/c = 3")
    assert (tree / "net/a").read_text() == "1\n"
    assert (tree / "net/b").read_text() == "2\n"


def test_a_value_that_the_kernel_does_not_keep_is_an_error(proc, monkeypatch):
    tree = proc({"net/a": 1, "net/b": 2})
    write = _sysctl._write
    monkeypatch.setattr(
        _sysctl, "_write", lambda key, value: write(key, "9" if value == "999" else value)
    )
    with pytest.raises(OperatorError) as error:
        _sysctl.apply({"net/a": "1", "net/b": "2"}, {"net/a": "5", "net/b": "999"})
    assert error.value.mistakes == [
        "net/b: the kernel keeps 9 instead of 999.",
        "All settings are as they were.",
    ]
    assert (tree / "net/a").read_text() == "1\n"


def test_a_document_has_former_and_current_values():
    values = {"net/a": "1", "net/ipv4/ip_forward": "1", "net/c": "2 3"}
    text = _sysctl.document("# a = comment\n", {"net/a": "0"}, values)
    # What resets others comes first, for boot sets them in this order.
    assert text == (
        "# a = comment\n# was: net/a = 0\nnet/ipv4/ip_forward = 1\nnet/a = 1\nnet/c = 2 3\n"
    )
    assert _sysctl.saved_values(text) == values
    assert _sysctl.former_values(text) == {"net/a": "0"}
    assert _sysctl.saved_values(None) == _sysctl.former_values(None) == {}


def test_a_managed_value_is_not_noted_as_a_former_value():
    text = _sysctl.document("", {"net/a": "0", "net/gone": "5"}, {"net/a": "1", "net/old": "1"})
    wanted = dict.fromkeys(["net/a", "net/old", "net/new", "net/none"], "2")
    before = {"net/a": "1", "net/old": "1", "net/new": "7", "net/none": None}
    assert _sysctl.values_to_note(text, before, wanted) == {"net/a": "0", "net/new": "7"}


def test_former_values_are_restored_unless_changed_since(proc):
    managed = dict.fromkeys(
        ["net/managed", "net/moved", "net/gone", "net/unknown", "net/stays"], "1"
    )
    was = {key: "0" for key in managed if key != "net/unknown"}
    defense = "net/ipv4/vs/drop_entry"
    text = _sysctl.document("", {**was, defense: "0"}, {**managed, defense: "1"})
    in_force = {**managed, "net/moved": "2", defense: "2"}
    proc({key: value for key, value in in_force.items() if key != "net/gone"})
    assert _sysctl.values_to_restore(text, {"net/stays"}) == {"net/managed": "0", defense: "0"}
    assert _sysctl.values_to_restore(None, ()) == {}


def test_while_a_value_changes_both_are_managed(proc):
    old = _sysctl.document("# head\n", {"net/a": "7", "net/b": "8"}, {"net/a": "1", "net/b": "2"})
    assert (
        _sysctl.interim_document("# head\n", old, {}, {}, {}) == old
    )  # nothing to add: it only goes
    notes, wanted = {"net/a": "7", "net/c": "9"}, {"net/a": "3", "net/c": "4"}
    text = _sysctl.interim_document("# head\n", old, notes, wanted, {"net/b": "8"})
    assert text == (
        "# head\n# was: net/a = 7\n# was: net/b = 8\n# was: net/c = 9\n# also: net/a = 1\n"
        "net/a = 3\nnet/b = 2\nnet/c = 4\n"
    )
    _sysctl.check(text)
    for value in "1", "3":
        proc({"net/a": value, "net/b": "8", "net/c": "9"})
        assert _sysctl.values_to_restore(text, ()) == {"net/a": "7"}
    proc({"net/a": "5"})
    assert _sysctl.values_to_restore(text, ()) == {}
    # Killed once more, with yet another wish.
    text = _sysctl.interim_document("", text, {"net/a": "7"}, {"net/a": "6"}, {})
    for value in "1", "3", "6":
        proc({"net/a": value})
        assert _sysctl.values_to_restore(text, ()) == {"net/a": "7"}


@pytest.mark.parametrize("line", ["old", "# was: net/a", "# also: = 1", "net/a =", "net/../ b = 1"])
def test_an_invalid_line_of_the_file_is_reported(line):
    _sysctl.check("# head\n; by hand\n\nnet/a = 1\n# was: net/a = 0\n")
    _sysctl.check(None)
    with pytest.raises(ValueError, match=r"line 2 is '.*'; it must be a setting like") as error:
        _sysctl.check(f"# head\n{line}\n")
    assert repr(line) in str(error.value)


CONF = "net/ipv4/conf"
QUIET_ROUTER = {  # forwarding on one interface only, and no redirects accepted
    "net/ipv4/ip_forward": "0",
    f"{CONF}/all/accept_redirects": "0",
    f"{CONF}/eth0/forwarding": "1",
    f"{CONF}/eth1/forwarding": "0",
    f"{CONF}/default/forwarding": "0",
}


def test_values_that_ip_forward_resets_are_noted(proc):
    proc(QUIET_ROUTER)
    wanted = {"net/ipv4/ip_forward": "1"}
    notes = _sysctl.values_to_note(None, {"net/ipv4/ip_forward": "0"}, wanted)
    assert notes == {
        "net/ipv4/ip_forward": "0",
        f"{CONF}/all/accept_redirects": "0",
        f"{CONF}/eth0/forwarding": "1",
    }
    text = _sysctl.document("", notes, wanted)
    proc({**QUIET_ROUTER, "net/ipv4/ip_forward": "1"})
    before = {"net/ipv4/ip_forward": "1"}
    assert _sysctl.values_to_note(text, before, wanted) == notes
    assert _sysctl.values_to_restore(text, wanted) == {}
    assert _sysctl.values_to_restore(text, ()) == notes
    # Killed when forwarding has its value back and has reset the others, these are still known.
    text = _sysctl.interim_document("", text, {}, {}, notes)
    proc({**QUIET_ROUTER, f"{CONF}/all/accept_redirects": "1", f"{CONF}/eth0/forwarding": "0"})
    assert _sysctl.values_to_restore(text, ()) == notes


def test_interfaces_have_forwarding_of_both_families(proc):
    proc({"net/ipv6/conf/eth0/forwarding": 0, "net/ipv6/conf/all/forwarding": 0})
    assert _sysctl.resets({"net/ipv6/conf/all/forwarding": "1", "net/a": "1"}) == {
        "net/ipv6/conf/eth0/forwarding": "1"
    }


number = st.integers(0, 9).map(str)
interfaces = st.lists(st.sampled_from(["eth0", "eth1", "eth0.100"]), min_size=1, unique=True)


@st.composite
def settings_in_force(draw):
    names = draw(interfaces)
    return names, {key: draw(number) for key in _sysctl.arp_keys(names)}


@given(settings_in_force(), st.sampled_from(["loose", "off", "keep"]))
def test_arp_suppression_works_with_any_former_values(in_force, rp_filter):
    names, values = in_force
    wanted = _sysctl.suppression(values, names, rp_filter)
    after = _sysctl.planned(values, wanted)
    for name in names:
        effect = _sysctl.in_effect(after, name)
        assert _sysctl.suppressed(effect)
        if rp_filter == "loose":
            assert effect["rp_filter"] >= 2
        elif rp_filter == "off":
            assert effect["rp_filter"] == 0
        else:
            assert effect["rp_filter"] == _sysctl.in_effect(values, name)["rp_filter"]
    assert _sysctl.suppression(after, names, rp_filter, managed=wanted) == wanted
    assert _sysctl.planned(after, wanted) == after


@pytest.mark.parametrize("ignore", range(10))
def test_only_three_values_of_arp_ignore_suppress(ignore):
    suppressed = _sysctl.suppressed({"arp_ignore": ignore, "arp_announce": 2})
    assert suppressed is (ignore in (1, 2, 8))


def test_a_stricter_value_of_the_interface_stays():
    values = dict.fromkeys(_sysctl.arp_keys(["eth0"]), "0")
    values["net/ipv4/conf/eth0/arp_ignore"] = "2"
    assert _sysctl.suppression(values, ["eth0"], "keep") == {
        "net/ipv4/conf/all/arp_ignore": "1",
        "net/ipv4/conf/all/arp_announce": "2",
    }


def test_a_missing_interface_has_no_settings_in_effect():
    values = {**dict.fromkeys(_sysctl.arp_keys(["eth9"])), "net/ipv4/conf/all/arp_ignore": "1"}
    assert _sysctl.in_effect(values, "eth9") is None
    assert _sysctl.suppression(values, ["eth9"], "loose")["net/ipv4/conf/eth9/rp_filter"] == "2"


def test_an_interface_without_a_former_value_gets_the_default():
    values = {
        "net/ipv4/conf/eth0/rp_filter": "2",
        "net/ipv4/conf/gone/rp_filter": None,
        "net/ipv4/conf/all/rp_filter": "0",
        "net/ipv4/conf/default/rp_filter": "1",
    }
    values.update({"net/ipv4/conf/all/arp_ignore": "1", "unmanaged": None})
    assert _sysctl.unsuppression(values, [*values, "net.ipv4.tcp_sack"]) == {
        "net/ipv4/conf/default/rp_filter": "1",
        "net/ipv4/conf/all/arp_ignore": "0",
        "net/ipv4/conf/eth0/rp_filter": "1",
    }
    assert _sysctl.unsuppression(values, []) == {}


def test_the_module_refuses_keys_that_are_not_settings(run_main):
    result = run_main("sysctls", values={"forward": 1, "net/ipv4/ip_forward": True})
    assert result["failed"]
    assert len(result["mistakes"]) == 2


def test_the_module_reads_without_root(run_main):
    result = run_main("sysctls", check=True, values={"net.ipv4.ip_default_ttl": 17})
    assert result["changed"]
    assert result["after"] == {"net/ipv4/ip_default_ttl": "17"}


def test_a_file_does_not_depend_on_how_it_came_to_its_values():
    values = {"net/ipv4/conf/eth0/rp_filter": "2", "net/ipv4/ip_forward": "1", "a/b": "0"}
    backwards = dict(reversed(values.items()))
    text = _sysctl.document("", values, values)
    assert text == _sysctl.document("", backwards, backwards)
    # What resets others still comes first.
    assert next(iter(_sysctl.saved_values(text))) == "net/ipv4/ip_forward"
