# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
from dataclasses import dataclass, field

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file, _lock, _program
from ansible_collections.lvs.cluster.plugins.module_utils._errors import NotUndone, failure
from ansible_collections.lvs.cluster.plugins.module_utils._run import (
    Change,
    OperatorError,
    checkpoint,
    pause,
    report,
    run,
)


class Ended(Exception):
    """The module ended with these results."""


@dataclass
class Module:
    """As much of an AnsibleModule as `run` needs."""

    params: dict = field(default_factory=dict)
    check_mode: bool = False
    _diff: bool = False
    warnings: list = field(default_factory=list)

    def warn(self, warning):
        self.warnings.append(warning)

    def exit_json(self, **results):
        raise Ended(results)

    def fail_json(self, msg, **results):
        raise Ended({"failed": True, "msg": msg, **results})


def result_of(prepare, seam=run, **module):
    with pytest.raises(Ended) as ended:
        seam(Module(**module), prepare)
    return ended.value.args[0]


def refuse(*mistakes):
    def prepare(_params):
        raise OperatorError(*mistakes)

    return prepare


def test_a_change_is_applied_and_reported():
    done = []
    change = Change([], ["vip"], apply=lambda: done.append("it"), results={"extra": 1})
    result = result_of(lambda params: change if params == {"a": 1} else None, params={"a": 1})
    assert result == {"changed": True, "before": [], "after": ["vip"], "extra": 1}
    assert done == ["it"]


def test_the_return_value_of_apply_is_in_the_result():
    assert result_of(lambda _: Change(1, 2, apply=lambda: {"announced": 3}))["announced"] == 3


def test_without_a_difference_nothing_is_applied(tmp_path):
    path = str(tmp_path / "file")
    change = Change(1, 1, apply=lambda: 1 / 0, files={path: (None, None)}, text=("a", "a"))
    assert result_of(lambda _: change) == {"changed": False, "before": 1, "after": 1}


@pytest.mark.parametrize(
    "change",
    [
        Change(1, 2),
        Change(1, 1, text=("a", "b")),
        Change(1, 1, files={"/nonexistent/file": (None, "text")}),
    ],
)
def test_check_mode_reports_any_difference_and_changes_nothing(change):
    untouched = change._replace(apply=lambda: 1 / 0)
    assert result_of(lambda _: untouched, check_mode=True)["changed"]


def test_files_are_written_and_removed(tmp_path):
    new, old = tmp_path / "sub" / "new", tmp_path / "old"
    old.write_text("old\n")
    files = {str(new): (None, "new\n"), str(old): ("old\n", None)}
    assert result_of(lambda _: Change(1, 1, files=files))["changed"]
    assert new.read_text() == "new\n"
    assert not old.exists()


def test_files_are_put_back_when_apply_fails(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_text("old\n")
    files = {str(new): (None, "new\n"), str(old): ("old\n", "changed\n")}
    seen = []

    def apply():
        seen.append((new.read_text(), old.read_text()))
        raise OperatorError("The kernel refused.")

    result = result_of(lambda _: Change(1, 2, apply=apply, files=files))
    assert result["mistakes"] == ["The kernel refused."]
    assert seen == [("new\n", "changed\n")]
    assert not new.exists()
    assert old.read_text() == "old\n"


def test_a_file_that_cannot_be_written_keeps_apply_from_happening(tmp_path):
    first, taken = tmp_path / "first", tmp_path / "taken"
    taken.mkdir()
    files = {str(first): (None, "text\n"), str(taken): ("", "text\n")}
    result = result_of(lambda _: Change(1, 2, apply=lambda: 1 / 0, files=files))
    assert result["failed"]
    assert not first.exists()


@pytest.mark.parametrize("seam", [run, report])
def test_all_mistakes_are_reported_at_once(seam):
    result = result_of(refuse("One.", "Two."), seam)
    assert result == {"failed": True, "msg": "One.\nTwo.", "mistakes": ["One.", "Two."]}


@pytest.mark.parametrize("seam", [run, report])
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            PermissionError(errno.EPERM, "Operation not permitted"),
            "Operation not permitted. This needs root: set become: true.",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/etc/lvs"),
            "/etc/lvs: Read-only file system.",
        ),
    ],
)
def test_errors_of_the_system_are_reported(seam, error, sentence):
    def prepare(_params):
        raise error

    assert result_of(prepare, seam) == {"failed": True, "msg": sentence, "mistakes": [sentence]}


def test_a_missing_requirement_fails_a_change_before_it_begins():
    change = Change(1, 2, apply=lambda: 1 / 0, missing_requirements=["Load it.", "Start it."])
    assert result_of(lambda _: change)["mistakes"] == ["Load it.", "Start it."]


def test_a_missing_requirement_is_a_warning_in_check_mode_only_if_there_is_a_change():
    module = Module(check_mode=True)
    with pytest.raises(Ended):
        run(module, lambda _: Change(1, 2, missing_requirements=["Load it."]))
    assert module.warnings == ["Load it."]
    assert not result_of(lambda _: Change(1, 1, missing_requirements=["Load it."]))["changed"]


def test_the_diff_is_shown_on_request():
    change = Change([1], [2])
    assert result_of(lambda _: change, check_mode=True, _diff=True)["diff"] == {
        "before": [1],
        "after": [2],
    }
    messages = change._replace(text=("a\n", "b\n"), files={"/nonexistent/file": (None, "text\n")})
    live, file = result_of(lambda _: messages, check_mode=True, _diff=True)["diff"]
    assert live == {"before": "a\n", "after": "b\n"}
    assert (file["before"], file["after"]) == ("", "text\n")
    assert file["before_header"] == file["after_header"] == "/nonexistent/file"


def test_a_report_changes_nothing():
    assert result_of(lambda params: params, report, params={"answers": 1}) == {
        "changed": False,
        "answers": 1,
    }


def texts_of(*paths):
    return [path.read_text() if path.exists() else None for path in paths]


@pytest.fixture(autouse=True)
def lock(tmp_path_factory, monkeypatch):
    """Lock no real modules out."""
    path = tmp_path_factory.mktemp("run") / "lvs" / "lock"
    monkeypatch.setattr(_lock, "PATH", str(path))
    return path


def test_state_files_list_what_is_removed_until_it_is_removed(tmp_path):
    """While something is removed, the files list what was and what is wanted."""
    new, changed, gone = (tmp_path / name for name in ("new", "changed", "gone"))
    changed.write_text("old\n")
    gone.write_text("old\n")
    files = {
        str(new): (None, "new\n"),
        str(changed): ("old\n", "new\n"),
        str(gone): ("old\n", None),
    }
    seen = []
    change = Change(
        1,
        2,
        apply=lambda: seen.extend(texts_of(new, changed, gone)),
        files=files,
        meanwhile={str(changed): "old\nnew\n"},
    )
    assert result_of(lambda _: change)["changed"]
    assert seen == ["new\n", "old\nnew\n", "old\n"]
    assert texts_of(new, changed, gone) == ["new\n", "new\n", None]


def test_entries_that_could_not_be_undone_stay_listed(tmp_path):
    path = tmp_path / "file"
    path.write_text("old\n")

    def apply():
        raise NotUndone("The kernel refused.", "It could not be undone: it refused again.")

    files = {str(path): ("old\n", "new\n")}
    result = result_of(lambda _: Change(1, 2, apply, files, meanwhile={str(path): "old\nnew\n"}))
    assert result["mistakes"] == [
        "The kernel refused.",
        "It could not be undone: it refused again.",
        f"{path} lists the former and the wanted state; run this again.",
    ]
    assert path.read_text() == "old\nnew\n"


FULL = OSError(errno.ENOSPC, "No space left on device")


def fill_disk(monkeypatch, place):
    """Let writing fail from the ``place``-th time on; taking a file away needs no space."""
    write, calls = _atomic_file.write, []

    def full(path, text, mode=None):
        calls.append(path)
        if len(calls) >= place and text is not None:
            raise FULL
        write(path, text)

    monkeypatch.setattr(_atomic_file, "write", full)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OperatorError("The kernel refused."), "The kernel refused."),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files."),
        (KeyError("odd"), "KeyError: 'odd'."),
    ],
)
def test_a_full_disk_is_reported_with_the_first_error_and_the_resulting_state(
    tmp_path, monkeypatch, error, reason
):
    path = tmp_path / "file"
    path.write_text("old\n")
    fill_disk(monkeypatch, 2)

    def apply():
        raise error

    files = {str(path): ("old\n", "new\n")}
    result = result_of(lambda _: Change(1, 2, apply, files, meanwhile={str(path): "old\nnew\n"}))
    not_back = (
        f"{path} could not be restored (No space left on device): it lists the former and the"
        " wanted state. Correct that and run this again."
    )
    assert result["mistakes"] == [reason, not_back]
    assert path.read_text() == "old\nnew\n"


def test_a_disk_that_is_full_from_the_beginning_is_reported_once(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old\n")
    fill_disk(monkeypatch, 1)
    result = result_of(lambda _: Change(1, 2, lambda: 1 / 0, {str(path): ("old\n", "new\n")}))
    assert result["mistakes"] == ["No space left on device."]
    assert path.read_text() == "old\n"


def test_a_disk_that_is_full_at_the_end_is_reported_with_the_state(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old\n")
    fill_disk(monkeypatch, 2)
    files = {str(path): ("old\n", "new\n")}
    result = result_of(lambda _: Change(1, 2, files=files, meanwhile={str(path): "old\nnew\n"}))
    assert result["msg"] == (
        f"The change is made, but {path} could not be written (No space left on device): it still"
        " lists what was removed, which a reboot would restore. Correct that and run this again."
    )
    assert path.read_text() == "old\nnew\n"


@pytest.fixture
def disposed():
    """Set what becomes of a signal, for one test: these may run by nohup, which ignores one."""
    before = {}

    def dispose(number, disposition):
        before[number] = signal.signal(number, disposition)

    yield dispose
    for number, disposition in before.items():
        signal.signal(number, disposition)


@pytest.mark.parametrize("step", [checkpoint, lambda: pause(600)], ids=["checkpoint", "pause"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_between_two_steps_undoes_what_was_done(tmp_path, disposed, sent, step):
    disposed(sent, signal.SIG_DFL)
    path = tmp_path / "file"
    seen = []

    def apply():
        signal.raise_signal(sent)  # to this thread: pytest's workers have others
        seen.append("first step, whole")
        try:
            step()
        except OperatorError as error:
            signal.raise_signal(sent)  # impatience does not cut undoing short
            seen.append("undone")
            raise failure(error, [], "All is as it was.") from error
        seen.append("second step")

    result = result_of(lambda _: Change(1, 2, apply, {str(path): (None, "new\n")}))
    name = signal.Signals(sent).name
    assert result["mistakes"] == [
        f"{name} ended this run before it had finished.",
        "All is as it was.",
    ]
    assert seen == ["first step, whole", "undone"]
    assert not path.exists()
    assert not signal.sigpending()
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("step", [checkpoint, lambda: pause(0.01)], ids=["checkpoint", "pause"])
def test_a_signal_that_is_ignored_ends_nothing(disposed, step):
    def apply():
        signal.raise_signal(signal.SIGHUP)
        step()

    disposed(signal.SIGHUP, signal.SIG_IGN)
    assert result_of(lambda _: Change(1, 2, apply))["changed"]


def test_the_temporary_files_of_a_killed_run_are_removed(tmp_path):
    path, left = tmp_path / "file", tmp_path / ".lvs-file.new"
    left.write_text("half")
    assert not result_of(lambda _: Change(1, 1, files={str(path): (None, None)}))["changed"]
    assert not left.exists()


def free(lock):
    """Return whether a lock could be had."""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_no_other_module_changes_the_host_between_reading_and_writing(lock):
    """No other module is at work from before `prepare` until after the change."""
    seen = []

    def prepare(_params):
        seen.append(free(lock))
        return Change(
            1,
            2,
            apply=lambda: seen.append(free(lock)),
            afterwards=lambda: {"free": free(lock)},
        )

    assert result_of(prepare)["free"]  # what takes its time keeps no other module waiting
    assert seen == [False, False]
    assert lock.stat().st_mode & 0o777 == 0o600
    result_of(refuse("No."))
    assert free(lock)


def test_check_mode_waits_for_no_other_module(lock):
    assert result_of(lambda _: Change(1, 2), check_mode=True)["changed"]
    assert not lock.exists()


def test_a_module_that_waits_too_long_reports_for_which(lock, monkeypatch):
    monkeypatch.setattr(_lock, "WAIT", 0.1)
    with _lock.held("lvs.cluster.vip_iface"):
        result = result_of(lambda _: 1 / 0)
    assert re.fullmatch(
        rf"Another run is changing this machine: lvs\.cluster\.vip_iface \(process {os.getpid()},"
        rf" since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC\) holds {lock}\. This run has waited 0\.1 s"
        r" and changed nothing; run it again when the other has ended\.",
        result["msg"],
    )


def test_the_lock_outlives_a_killed_module_as_long_as_a_program_of_its_own_runs(lock, tmp_path):
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    module = os.fork()
    if not module:
        with _lock.held("a module"):
            _program.run("sh", "-c", f"echo $$ > {begun}; exec sleep 60")
        os._exit(0)
    program = int(begun.read_text())
    os.kill(module, signal.SIGKILL)
    os.waitpid(module, 0)
    assert not free(lock)
    os.kill(program, signal.SIGKILL)
    with _lock.held("the next"):
        assert lock.read_text().startswith("the next (process ")


def test_a_deleted_lock_file_locks_no_module(lock):
    with _lock.held("one"):
        lock.unlink()
        with _lock.held("two"):
            assert not free(lock)


def test_a_folder_that_was_made_for_a_file_goes_with_it(tmp_path):
    """Both when the file is removed, and when the change that brought it fails."""
    path = tmp_path / "folder" / "file"
    shared = tmp_path / "shared" / "file"
    shared.parent.mkdir()
    shared.with_name("other").touch()
    folders = [str(path.parent), str(shared.parent)]

    def files(before, after):
        return {str(each): (before, after) for each in (path, shared)}

    def apply():
        raise OperatorError("The kernel refused.")

    assert result_of(lambda _: Change(1, 2, apply, files(None, "new\n"), folders=folders))["failed"]
    assert not path.parent.exists()
    result_of(lambda _: Change(1, 2, files=files(None, "new\n"), folders=folders))
    assert path.exists()
    result_of(lambda _: Change(2, 1, files=files("new\n", None), folders=folders))
    assert not path.parent.exists()
    assert shared.parent.exists()
