# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file


def test_written_text_is_read_back(tmp_path):
    path = tmp_path / "a" / "b" / "file.conf"
    assert _atomic_file.read(str(path)) is None
    _atomic_file.write(str(path), "one\n")
    _atomic_file.write(str(path), "zwölf\n")
    assert _atomic_file.read(str(path)) == "zwölf\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.conf"]


def test_modes_do_not_depend_on_the_umask(tmp_path):
    path = tmp_path / "etc" / "file.conf"
    umask = os.umask(0o077)
    try:
        _atomic_file.write(str(path), "one\n")
        _atomic_file.write(str(tmp_path / "secret"), "one\n", mode=0o600)
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_mode_and_owner_of_a_file_stay(tmp_path):
    path = tmp_path / "file.conf"
    path.write_text("one\n")
    path.chmod(0o640)
    owner = (os.geteuid(), os.getegid())
    if os.geteuid() == 0:
        owner = (12, 34)
        os.chown(path, *owner)
    _atomic_file.write(str(path), "two\n")
    assert path.read_text() == "two\n"
    status = path.stat()
    assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o640, *owner)
    _atomic_file.write(str(path), "three\n", mode=0o600)  # a secret: for this user alone
    status = path.stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o600, os.geteuid())


def test_a_symbolic_link_stays(tmp_path):
    path, place = tmp_path / "file.conf", tmp_path / "elsewhere" / "real.conf"
    path.symlink_to("elsewhere/real.conf")
    _atomic_file.write(str(path), "one\n")
    _atomic_file.write(str(path), "two\n")
    assert path.is_symlink()
    assert place.read_text() == _atomic_file.read(str(path)) == "two\n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["elsewhere", "file.conf"]
    _atomic_file.write(str(path), None)
    assert path.is_symlink()
    assert not place.exists()
    assert _atomic_file.read(str(path)) is None


@pytest.mark.parametrize("text", ["one\n", None])
def test_only_regular_files_are_replaced(tmp_path, text):
    fifo, path = tmp_path / "fifo", tmp_path / "file.conf"
    os.mkfifo(fifo)
    path.symlink_to(fifo)
    with pytest.raises(
        _atomic_file.Damaged, match="fifo is a device, pipe or socket; a state file must"
    ):
        _atomic_file.write(str(path), text)
    assert fifo.is_fifo()


def test_the_temporary_file_of_a_killed_run_is_removed(tmp_path):
    path = tmp_path / "file.conf"
    left = tmp_path / ".lvs-file.conf.new"
    left.write_text("half")
    _atomic_file.write(str(path), "one\n")
    assert path.read_text() == "one\n"
    assert not left.exists()
    left.write_text("half")
    _atomic_file.forget_temporary(str(path))
    _atomic_file.forget_temporary(str(path))
    _atomic_file.forget_temporary(str(tmp_path / "nowhere" / "file.conf"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.conf"]


def test_a_damaged_file_is_reported(tmp_path):
    path = tmp_path / "file.conf"
    path.write_bytes(b"one \xff\n")
    with pytest.raises(_atomic_file.Damaged) as error:
        _atomic_file.read(str(path))
    remedy = (
        "Nothing was changed. Correct the file; or delete it, remove by hand what it listed of this"
        " machine's settings, and run this again."
    )
    assert error.value.mistakes == [f"{path}: byte 4 is not UTF-8. {remedy}"]

    def parse(_text):
        raise ValueError("line 1 is odd")

    with pytest.raises(_atomic_file.Damaged) as error:
        _atomic_file.parsed(str(path), "odd", parse)
    assert error.value.mistakes == [f"{path}: line 1 is odd. {remedy}"]


def test_none_removes_the_file(tmp_path):
    path = tmp_path / "file.conf"
    path.write_text("one\n")
    _atomic_file.write(str(path), None)
    assert not path.exists()
    _atomic_file.write(str(path), None)
    _atomic_file.write(str(tmp_path / "nowhere" / "file.conf"), None)
    assert not (tmp_path / "nowhere").exists()


def test_a_write_that_fails_leaves_the_old_text_and_nothing_beside_it(tmp_path):
    path = tmp_path / "file.conf"
    path.write_text("one\n")
    with pytest.raises(UnicodeEncodeError):
        _atomic_file.write(str(path), "half \udcff")
    assert path.read_text() == "one\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.conf"]


def test_no_temporary_file_is_left_where_the_file_system_refuses(tmp_path):
    (tmp_path / "file.conf").mkdir()
    with pytest.raises(OSError, match="directory") as error:
        _atomic_file.write(str(tmp_path / "file.conf"), "one\n")
    assert error.value.filename == str(tmp_path / "file.conf")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.conf"]
