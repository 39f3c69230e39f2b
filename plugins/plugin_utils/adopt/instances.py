# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VRRP instances of a keepalived.conf, as keepalived runs them.

Pure. keepalived corrects or ignores what does not go together (``vrrp_complete_instance`` in
``vrrp.c``). Here the same becomes of it, each time with a message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options as _options
from ansible_collections.lvs.cluster.plugins.plugin_utils.adopt.option_reader import Block, Reader

#: The priority of the owner of an address, which an inventory doesn't have.
_OWNER = 255


def correct(reader: Reader, instance: Block, config: Mapping[str, Any]) -> None:
    """Make of an instance what keepalived does once it is read."""
    correction = _Correction(reader, instance)
    correction.version(config["globals"])
    correction.preemption()
    correction.unicast_and_multicast()
    correction.tracking({_name(script) for script in config["scripts"]})


def correct_group(reader: Reader, group: Block, config: Mapping[str, Any]) -> None:
    """Make of a group of instances what keepalived does once it is read."""
    _Correction(reader, group).tracking({_name(script) for script in config["scripts"]})


class _Correction:
    def __init__(self, reader: Reader, block: Block) -> None:
        self.reader = reader
        self.block = block

    def note(self, field: str, sentence: str) -> None:
        """Note what becomes of a field."""
        for line, shown in self.block.where.get(field) or [(self.block.line, self.block.shown)]:
            self.reader.unrepresented.append((line, f"`{shown}`: {sentence}."))

    def drop(self, field: str, reason: str) -> None:
        """Leave a field out that keepalived ignores."""
        if field in self.block:
            del self.block[field]
            self.note(field, f"keepalived ignores it, since {reason}")

    def version(self, known: Mapping[str, Any]) -> None:
        """Check what depends on the version of VRRP."""
        block = self.block
        six = ":" in next((_name(vip) for vip in block.get("vips", [])), "")
        if six and block.get("version") == 2:
            block["version"] = 3
            self.note("version", "keepalived takes version 3 for IPv6, and so does the inventory")
        version = 3 if six else block.get("version", known.get("vrrp_version", 2))
        if version == 3:
            self.drop("auth_pass", "VRRP version 3 has no authentication")
        unit, most = _options.ADVERT_BOUNDS[version]
        interval = block.get("advert_int", 1)
        taken = min(max(round(int(interval / unit + 0.5 + 1e-9) * unit, 2), unit), most)
        if taken != interval:
            block["advert_int"] = taken
            self.note(
                "advert_int", f"keepalived takes {taken:g} s for it, and so does the inventory"
            )

    def preemption(self) -> None:
        """Check what the initial state allows."""
        block = self.block
        if block.get("state") == "MASTER":
            for field in ("preempt", "preempt_delay"):
                if block.get(field) is not True:
                    self.drop(field, "the initial state is MASTER")
            if "priority" not in block:
                block["priority"] = _options.MAX_PRIORITY
                self.note(
                    "state",
                    f"without a priority keepalived takes {_OWNER}, that of an owner of the"
                    f" addresses; the inventory takes {_options.MAX_PRIORITY}",
                )
        elif block.get("preempt") is False:
            self.drop("preempt_delay", "nopreempt is set")

    def unicast_and_multicast(self) -> None:
        """Check what goes with unicast or with multicast only."""
        block = self.block
        one, other = "mcast_src_ip", "unicast_src_ip"
        if block.get("unicast_peers"):
            self.drop("mcast_dst_ip", "there are unicast peers")
            vmac = next((name for name in ("use_vmac", "vmac_interface") if block.get(name)), "")
            if vmac and not block.get("vmac_xmit_base"):
                block["vmac_xmit_base"] = True
                self.note(
                    vmac,
                    "with unicast peers keepalived sets vmac_xmit_base, and so does the inventory",
                )
        else:
            one, other = other, one
            for field in ("unicast_ttl", "check_unicast_src"):
                self.drop(field, "there are no unicast peers")
        if one not in block:
            return None
        # keepalived has one source address for both; the later statement sets it.
        value, places = block.pop(one), block.where.get(one, [])
        if other in block and block.where.get(other, []) > places:
            return self.note(one, f"keepalived takes {other}, which stands after it")
        if other in block:
            self.note(other, f"it is left out: keepalived takes {one}, which stands after it")
        block[other], block.where[other] = value, places
        return self.note(one, f"keepalived takes it for {other} here, and so does the inventory")

    def tracking(self, scripts: Collection[str]) -> None:
        """Leave out what keepalived does not track."""
        own = self.block.get("interface")
        for field, ignored in (
            ("track_scripts", lambda name: name not in scripts),
            ("track_interfaces", lambda name: name == own),
        ):
            gone = [each for each in self.block.get(field, []) if ignored(_name(each))]
            if gone:
                self.block[field] = [each for each in self.block[field] if each not in gone]
                shown = ", ".join(dict.fromkeys(map(_name, gone)))
                reason = "is its own interface" if field == "track_interfaces" else "is not defined"
                self.note(field, f"keepalived does not track {shown}, which {reason}")


def _name(item: Any) -> str:
    """Return the name or address of an item that is one or a mapping with one."""
    if isinstance(item, Mapping):
        return str(item.get("name", item.get("address", "")))
    return str(item)
