# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generic netlink by the family that every kernel has: the one that lists the families."""

from __future__ import annotations

import errno

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _genetlink

CONTROL = "nlctrl"


@pytest.fixture
def control():
    with _genetlink.GenericNetlink(CONTROL) as opened:
        yield opened


def test_a_dump_has_each_family(control):
    messages = control._dump(_genetlink.CTRL_CMD_GETFAMILY)
    families = [_genetlink.attributes_of(*message) for message in messages]
    names = [_genetlink.string(each, _genetlink.CTRL_ATTR_FAMILY_NAME) for each in families]
    assert CONTROL in names
    number = families[names.index(CONTROL)]
    assert _genetlink.u16(number, _genetlink.CTRL_ATTR_FAMILY_ID) == _genetlink.GENL_ID_CTRL


def test_errors_of_a_batch_have_the_places_of_their_messages(control):
    get = _genetlink.CTRL_CMD_GETFAMILY
    named = _genetlink.attr_text(_genetlink.CTRL_ATTR_FAMILY_NAME, CONTROL)
    unknown = _genetlink.attr_text(_genetlink.CTRL_ATTR_FAMILY_NAME, "nix")
    errors = control._send([(get, unknown), (get, named), (99, b""), (get, named)])
    assert errors == {0: errno.ENOENT, 2: errno.EOPNOTSUPP}


def test_a_single_error_is_raised(control):
    with pytest.raises(_genetlink.NetlinkError) as caught:
        control._ask(99)
    assert caught.value.code == errno.EOPNOTSUPP


def test_a_family_that_the_kernel_does_not_have():
    with pytest.raises(_genetlink.NoFamily, match="no netlink family nix"):
        _genetlink.GenericNetlink("nix")
