# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _saved


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "a" / "b" / "file.conf"
    assert _saved.read(str(path)) is None
    _saved.write(str(path), "one\n")
    _saved.write(str(path), "zwölf\n")
    assert _saved.read(str(path)) == "zwölf\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.conf"]


def test_modes_do_not_depend_on_the_umask(tmp_path):
    path = tmp_path / "etc" / "file.conf"
    umask = os.umask(0o077)
    try:
        _saved.write(str(path), "one\n")
        _saved.write(str(tmp_path / "secret"), "one\n", mode=0o600)
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_none_takes_the_file_away(tmp_path):
    path = tmp_path / "file.conf"
    path.write_text("one\n")
    _saved.write(str(path), None)
    assert not path.exists()
    _saved.write(str(path), None)
    _saved.write(str(tmp_path / "nowhere" / "file.conf"), None)
    assert not (tmp_path / "nowhere").exists()


def test_a_write_that_fails_leaves_the_old_text_and_nothing_beside_it(tmp_path):
    path = tmp_path / "file.conf"
    path.write_text("one\n")
    with pytest.raises(UnicodeEncodeError):
        _saved.write(str(path), "half \udcff")
    assert path.read_text() == "one\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.conf"]


def test_where_the_file_system_refuses_nothing_is_left(tmp_path):
    (tmp_path / "file.conf").mkdir()
    with pytest.raises(OSError, match="directory"):
        _saved.write(str(tmp_path / "file.conf"), "one\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.conf"]
