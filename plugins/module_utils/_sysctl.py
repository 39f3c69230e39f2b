# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings below /proc/sys, and the ARP settings in effect on an interface.

A key is a path below /proc/sys: ``net/ipv4/conf/eth0.100/rp_filter``. A value is the text that
the kernel shows, its fields separated by one space. /proc/sys/net shows the network namespace
of the process that reads it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.lvs.cluster.plugins.module_utils._errors import failure
from ansible_collections.lvs.cluster.plugins.module_utils._run import OperatorError, checkpoint

PROC = "/proc/sys/"

# The kernel itself moves these between 1 (ready to act) and 2 (acting), as memory gets short and
# recovers (update_defense_level in net/netfilter/ipvs/ip_vs_ctl.c): 1 and 2 are one setting.
DEFENSES = frozenset(f"net/ipv4/vs/{name}" for name in ("drop_entry", "drop_packet", "secure_tcp"))


#: Without what ends a key, a line or a file's comment, and what sysctl.d(5) takes for several keys
#: or, as the first character, for a key that may fail.
_PATH = re.compile(r"(?!-)[^\s=#;*?\[\]{}\\\"'\x00-\x1f\x7f]+")


def canonical(key: str) -> str:
    """Return the path form of a key, by the rule of sysctl.d(5).

    The first separator decides. If it is a slash, the key is a path. If it is a dot, dots and
    slashes are exchanged, so ``net.ipv4.conf.eth0/100.rp_filter`` belongs to the interface
    eth0.100. Raises ValueError if the result is not a path below /proc/sys.
    """
    separator = next((letter for letter in key if letter in "./"), "")
    path = key.translate(str.maketrans("./", "/.")) if separator == "." else key
    if not separator or {"", ".", ".."}.intersection(path.split("/")) or not _PATH.fullmatch(path):
        raise ValueError(key)
    return path


def parse(values: Mapping[str, object]) -> dict[str, str]:
    """Return settings as keys and values in the kernel's form.

    Raises OperatorError with every mistake in it.
    """
    parsed: dict[str, str] = {}
    mistakes = []
    for written, value in values.items():
        try:
            key = canonical(written)
        except ValueError:
            mistakes.append(
                f"{written!r} is not a kernel setting; it must be a path below /proc/sys, such as"
                " net/ipv4/ip_forward."
            )
            continue
        if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).split():
            mistakes.append(
                f"{key}: {value!r} is not a value; it must be a number or a text, such as 1."
            )
        elif len(str(value).splitlines()) != 1:
            mistakes.append(f"{key}: its value has several lines; it must have one.")
        elif key in parsed:
            mistakes.append(f"{key} is listed twice, once as {written}; keep one of them.")
        else:
            parsed[key] = " ".join(str(value).split())
    if mistakes:
        raise OperatorError(*mistakes)
    return parsed


def read(key: str) -> str | None:
    """Return the value in effect, or None if this kernel does not have the setting (now)."""
    try:
        with open(PROC + key, encoding="utf-8") as file:
            return " ".join(file.read().split())
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_all(keys: Iterable[str]) -> dict[str, str | None]:
    """Return the values in effect of several keys."""
    return {key: read(key) for key in keys}


def same(key: str, one: str | None, other: str | None) -> bool:
    """Return whether two values of a key mean the same setting."""
    return one == other or (key in DEFENSES and {one, other} == {"1", "2"})


def planned(before: Mapping[str, str | None], wanted: Mapping[str, str]) -> dict[str, str | None]:
    """Return ``before`` with ``wanted`` set; values that mean the same setting stay."""
    changes = {key: value for key, value in wanted.items() if not same(key, before[key], value)}
    return {**before, **changes}


def missing(values: Mapping[str, str | None]) -> list[str]:
    """Return a sentence with a remedy for each key that this kernel does not have."""
    return [_missing(key) for key, value in values.items() if value is None]


def _missing(key: str) -> str:
    parts = key.split("/")
    reason = "this kernel has no such setting"
    if key.startswith("net/ipv4/vs/") and not os.path.isdir(PROC + "net/ipv4/vs"):
        reason = "load ip_vs first (modprobe ip_vs)"
    elif key.startswith(("net/ipv4/conf/", "net/ipv6/conf/")) and len(parts) > 4:
        interface = ".".join(parts[3:-1])
        path = "/".join((*parts[:3], interface))
        if not os.path.isdir(PROC + path):
            reason = f"there is no interface {interface}"
        elif len(parts) > 5:
            reason = f"for the interface {interface}, write {path}/{parts[-1]}"
    return f"{key} does not exist: {reason}."


# inet_forward_change() in net/ipv4/devinet.c and addrconf_fixup_forwarding() in
# net/ipv6/addrconf.c: setting one of these sets forwarding of every interface, too.
FORWARDING = {
    "net/ipv4/ip_forward": "net/ipv4/conf",
    "net/ipv4/conf/all/forwarding": "net/ipv4/conf",
    "net/ipv6/conf/all/forwarding": "net/ipv6/conf",
}


def resets(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the settings that the kernel changes itself when these values are set."""
    reset: dict[str, str | None] = {}
    for key in FORWARDING.keys() & values.keys():
        folder = FORWARDING[key]
        names = os.listdir(PROC + folder) if os.path.isdir(PROC + folder) else []
        reset.update({f"{folder}/{name}/forwarding": values[key] for name in names})
        if folder == "net/ipv4/conf":
            reset[conf_key("all", "accept_redirects")] = "1" if values[key] == "0" else "0"
    return {key: reset[key] for key in sorted(reset.keys() - values.keys() - FORWARDING.keys())}


def accept_ra(interface: str) -> str:
    """Return the key that decides whether an interface accepts router advertisements."""
    return f"net/ipv6/conf/{interface}/accept_ra"


def _in_order(keys: Iterable[str]) -> list[str]:
    """Return the keys with those first that reset others.

    Before them comes accept_ra, by which forwarding spares routes that were learned from router
    advertisements (rt6_purge_dflt_routers() in net/ipv6/route.c).
    """
    learning = re.compile(accept_ra("[^/]+"))
    return sorted(keys, key=lambda key: (not learning.fullmatch(key), key not in FORWARDING))


def apply(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> None:
    """Set the values that differ; check that the kernel accepted them and changed no others.

    Raises OperatorError with the key that failed; then the others are restored.
    """
    differing = {key: value for key, value in after.items() if value != before[key]}
    reset = resets(differing)
    found = {**read_all(reset), **before}
    keys = _in_order([*differing, *reset])
    wanted = {key: after[key] for key in keys if after.get(key) is not None}
    try:
        for key, value in wanted.items():
            checkpoint()
            if not same(key, read(key), value):
                _write(key, value)
        for key, value in wanted.items():
            now = read(key)
            if not same(key, now, value):
                raise OperatorError(f"{key}: the kernel keeps {now} instead of {value}.")
    except (OSError, OperatorError) as error:
        not_undone = _undo({key: found[key] for key in keys if found[key] is not None})
        raise failure(error, not_undone, "All settings are as they were.") from error


def _undo(found: Mapping[str, str | None]) -> list[str]:
    """Restore the keys; return a sentence for each that could not be restored."""

    def undo_error(key: str) -> str | None:
        try:
            if not same(key, read(key), found[key]):
                _write(key, found[key])
        except (OSError, OperatorError) as error:
            return f"It could not be restored: {error}"
        return None

    return list(filter(None, map(undo_error, found)))


def _write(key: str, value: str | None) -> None:
    try:
        with open(PROC + key, "w", encoding="utf-8") as file:
            file.write(f"{value}\n")
    except OSError as error:
        raise OperatorError(f"{key} = {value}: the kernel refused: {error.strerror}.") from error


def render(values: Mapping[str, str | None]) -> str:
    """Return the settings as lines of sysctl.d(5)."""
    return "".join(f"{key} = {value}\n" for key, value in values.items() if value is not None)


# ------------------------------------------------------------------------------------ the file
#
# It lists what is set, and in comments what was in force before that, so that what leaves the
# list can be given back. What systemd-sysctl sets from it at boot is no news about the machine.

NOTE = "# was: "
#: What a key may have instead while a change is being made, which the module sets, too.
ALSO = "# also: "


def document(
    header: str,
    notes: Mapping[str, str],
    values: Mapping[str, str],
    also: Iterable[tuple[str, str]] = (),
) -> str:
    """Return the text of the file that sets the values at boot, whatever order they come in."""
    noted = "".join(f"{NOTE}{line}\n" for line in render(dict(sorted(notes.items()))).splitlines())
    noted += "".join(f"{ALSO}{key} = {value}\n" for key, value in sorted(also))
    return header + noted + render({key: values[key] for key in _in_order(sorted(values))})


def interim_document(
    header: str,
    text: str | None,
    notes: Mapping[str, str],
    wanted: Mapping[str, str],
    back: Mapping[str, str],
) -> str:
    """Return the text of the file during a change from its values to ``wanted``.

    Whatever has been set when a run is killed, the next one finds that it is managed, and what was
    before. Setting forwarding resets other keys, so also one that has it back already may have
    keys left to be given back with it.

    :param text: the file as it is
    :param notes: those of the file that is wanted
    :param back: what is given back
    """
    managed = saved_values(text)
    values = {**managed, **wanted}
    also = {*managed.items(), *_interim_pairs(text)}
    also |= {(key, back[key]) for key in FORWARDING.keys() & managed.keys() & back.keys()}
    also = {(key, value) for key, value in also if values.get(key, value) != value}
    return document(header, {**former_values(text), **notes}, values, also)


def check(text: str | None) -> None:
    """Raise ValueError if `document` can't have written a line of a file."""
    for number, line in enumerate((text or "").splitlines(), 1):
        for start in (NOTE, ALSO):
            setting = line[len(start) :] if line.startswith(start) else line
            if setting != line:
                break
        if not setting.strip() or setting[0] in "#;":
            continue
        key, _sign, value = setting.partition("=")
        if not value.strip() or not _PATH.fullmatch(key.strip()):
            raise ValueError(f"line {number} is {line!r}; it must be a setting like {_EXAMPLE!r}")


_EXAMPLE = "net/ipv4/ip_forward = 1"


def saved_values(text: str | None) -> dict[str, str]:
    """Return the values that a file of `document` sets; none for no file."""
    return _pairs(line for line in (text or "").splitlines() if line[:1] != "#")


def former_values(text: str | None) -> dict[str, str]:
    """Return the former values that a file has in its comments."""
    lines = (text or "").splitlines()
    return _pairs(line[len(NOTE) :] for line in lines if line.startswith(NOTE))


def _interim_pairs(text: str | None) -> list[tuple[str, str]]:
    """Return what the keys of a file of `interim_document` may have instead of what it sets."""
    lines = [line[len(ALSO) :] for line in (text or "").splitlines() if line.startswith(ALSO)]
    return [pair for line in lines for pair in _pairs([line]).items()]


def _pairs(lines: Iterable[str]) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): " ".join(value.split()) for key, _sign, value in pairs}


def values_to_note(
    text: str | None, before: Mapping[str, str | None], wanted: Mapping[str, str]
) -> dict[str, str]:
    """Return the former values to write to the file when ``wanted`` is set.

    What the file lists is managed already: of that, it alone knows what was before. Where
    forwarding is set, what taking it back would not restore is noted, too.
    """
    managed, known = saved_values(text), former_values(text)
    new = {key: before[key] for key in wanted if key not in managed}
    usual = resets({key: value for key, value in new.items() if value is not None})
    by_the_way = {key: value for key, value in read_all(usual).items() if value != usual[key]}
    kept = wanted.keys() | resets(wanted).keys()
    found = {**by_the_way, **new, **{key: known[key] for key in known if key in kept}}
    return {key: value for key, value in found.items() if value is not None}


def values_to_restore(text: str | None, wanted: Collection[str]) -> dict[str, str]:
    """Return the former values of keys that the file lists and ``wanted`` does not.

    A key that has another value now, or no longer exists, is left alone.
    """
    known, set_by_us = former_values(text), [*saved_values(text).items(), *_interim_pairs(text)]
    restored = {
        key: known[key]
        for key, value in set_by_us
        if key in known and key not in wanted and same(key, read(key), value)
    }
    also = {key: known[key] for key in resets(restored) if key in known and key not in wanted}
    return {**restored, **also}


# ---------------------------------------------------------------------------------------- ARP
#
# A request is judged by the settings of the interface it came in by, and of those the kernel
# takes the larger of conf/all and conf/INTERFACE (IN_DEV_MAXCONF in include/linux/inetdevice.h).

ARP = ("arp_ignore", "arp_announce", "rp_filter")

# arp_ignore() in net/ipv4/arp.c: 1 and 2 answer for the interface's own addresses only, 8 for
# none. 3 answers for other interfaces' addresses too, 4 to 7 and beyond 8 mean 0.
# arp_solicit() there: 2 never has a VIP as the sender; beyond 2 means 0. The first value is set.
SUPPRESSING = {"arp_ignore": (1, 2, 8), "arp_announce": (2,)}


def conf_key(interface: str, setting: str) -> str:
    """Return the key of an interface's IPv4 setting."""
    return f"net/ipv4/conf/{interface}/{setting}"


def arp_keys(interfaces: Iterable[str]) -> list[str]:
    """Return the keys of the ARP settings of interfaces."""
    return [conf_key(name, setting) for name in ("all", *interfaces) for setting in ARP]


def in_effect(values: Mapping[str, str | None], interface: str) -> dict[str, int] | None:
    """Return the ARP settings in effect on an interface; None if there is no such interface."""
    if values[conf_key(interface, "arp_ignore")] is None:
        return None
    return {
        setting: max(int(values[conf_key(name, setting)] or 0) for name in ("all", interface))
        for setting in ARP
    }


def suppressed(effect: Mapping[str, int]) -> bool:
    """Return whether settings in effect suppress ARP for a VIP on another interface."""
    return all(effect[setting] in suppressing for setting, suppressing in SUPPRESSING.items())


def suppression(
    values: Mapping[str, str | None],
    interfaces: Iterable[str],
    rp_filter: str,
    managed: Collection[str] = (),
) -> dict[str, str]:
    """Return the settings that suppress ARP for VIPs on the interfaces.

    They include an interface's own value if it would override the one of ``all``.

    :param values: the values in effect, for all `arp_keys` of the interfaces
    :param rp_filter: ``loose``, ``off`` or ``keep``
    :param managed: keys that were set for that reason before, and so are set again
    """
    wanted = {
        conf_key("all", name): str(suppressing[0]) for name, suppressing in SUPPRESSING.items()
    }
    if rp_filter == "off":
        wanted[conf_key("all", "rp_filter")] = "0"
    for name in interfaces:
        effect = in_effect({**values, **wanted}, name) or {}
        for setting, suppressing in SUPPRESSING.items():
            key = conf_key(name, setting)
            if key in managed or effect.get(setting, suppressing[0]) not in suppressing:
                wanted[key] = wanted[conf_key("all", setting)]
        if rp_filter != "keep":
            wanted[conf_key(name, "rp_filter")] = "2" if rp_filter == "loose" else "0"
    return wanted


def unsuppression(values: Mapping[str, str | None], managed: Iterable[str]) -> dict[str, str]:
    """Return the settings that end suppression if the file has no former values.

    :param values: the values in effect, for the keys and `arp_keys` of ``default``
    :param managed: what `suppression` once set: an interface gets the value a new one gets
    """
    wanted = {}
    for key in managed:
        *_folders, interface, setting = ["", *key.split("/")]
        if key != conf_key(interface, setting) or values[key] is None:
            continue
        if interface != "all":
            wanted[key] = values.get(conf_key("default", setting)) or "0"
        elif setting in SUPPRESSING:
            wanted[key] = "0"
    return wanted
