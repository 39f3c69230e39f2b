# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seam between Ansible and the library.

A module hands `run` a function that reads its parameters and returns a `Change`: what is, what
is wanted, and how to get there. Check mode, the diff, ``changed`` and the real run all follow
from that one value, so they cannot disagree. The library itself never sees an AnsibleModule.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file, _errors, _lock
from ansible_collections.lvs.cluster.plugins.module_utils._errors import (
    Interrupted,
    NotUndone,
    reasons,
)

OperatorError = _errors.OperatorError

#: What ends a run: an operator, a connection that is lost (the tty of ssh sends HUP), ^C.
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Module(Protocol):
    """What `run` needs of an AnsibleModule."""

    params: dict[str, Any]
    check_mode: bool
    _diff: bool

    def warn(self, warning: str) -> None:
        """Add a sentence to the warnings of the result."""

    def exit_json(self, **results: Any) -> NoReturn:
        """Print the results and end the process."""

    def fail_json(self, msg: str, **results: Any) -> NoReturn:
        """Print why the module failed and end the process."""


def _nothing() -> None:
    """Do nothing: the default of `Change.apply`."""


class Change(NamedTuple):
    """A difference between what is and what is wanted.

    :ivar before: what is, as plain data for the result
    :ivar after: what is wanted, likewise
    :ivar apply: makes the running system as wanted; it is called only where something differs,
        and never in check mode. It puts back what it did before it raises. What it returns,
        if anything, is added to the result
    :ivar files: path -> (text that is, text that is wanted), None standing for no file. These
        are written before ``apply`` is called, and put back if it raises. A file that goes, goes
        after ``apply``
    :ivar meanwhile: path -> the text of one of ``files`` while ``apply`` is at work, where that
        is not the one that is wanted. It lists what is and what is wanted, so that nothing is
        forgotten wherever the run is killed: the next one finds it there
    :ivar text: (before, after) as text of a diff; default: the data itself
    :ivar results: further values of the result
    :ivar missing_requirements: what the machine lacks for ``apply``, as sentences: an error where
        something has to be changed. In check mode they are warnings, for an earlier task of the
        same play, not carried out either, may be what provides it
    :ivar afterwards: what takes its time and only reads, such as waiting for connections to end:
        it is called at the end in any case, when others may change the machine again
    :ivar folders: folders that are there for ``files`` only; they go when they are empty
    """

    before: Any
    after: Any
    apply: Callable[[], Mapping[str, Any] | None] = _nothing
    files: Mapping[str, tuple[str | None, str | None]] = {}
    text: tuple[str, str] | None = None
    results: Mapping[str, Any] = {}
    missing_requirements: Sequence[str] = ()
    meanwhile: Mapping[str, str | None] = {}
    afterwards: Callable[[], Mapping[str, Any]] = dict
    folders: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        """Whether anything differs: the data, its text, or a file."""
        pairs = [(self.before, self.after), self.text or ("", ""), *self.files.values()]
        return any(before != after for before, after in pairs)

    @property
    def diff(self) -> dict[str, Any] | list[dict[str, Any]]:
        """The difference as Ansible shows it: the running system, then each file."""
        before, after = self.text or (self.before, self.after)
        live = {"before": before, "after": after}
        files = [
            {
                "before": before or "",
                "after": after or "",
                "before_header": path,
                "after_header": path,
            }
            for path, (before, after) in self.files.items()
        ]
        return [live, *files] if files else live

    def carry_out(self) -> Mapping[str, Any]:
        """Write the files and apply, all or nothing; return what ``apply`` adds to the result."""
        try:
            return self._carry_out()
        finally:
            for folder in self.folders:
                with contextlib.suppress(OSError):  # others have files there, too
                    os.rmdir(folder)

    def _carry_out(self) -> Mapping[str, Any]:
        differing = {path: pair for path, pair in self.files.items() if pair[0] != pair[1]}
        at_first = {
            path: self.meanwhile.get(path, before if after is None else after)
            for path, (before, after) in differing.items()
        }
        touched: list[str] = []
        with defer_signals():
            try:
                for path, text in at_first.items():
                    if text != differing[path][0]:
                        touched.append(path)
                        _atomic_file.write(path, text)
                checkpoint()
                results = self.apply() or {}
            except BaseException as error:
                mixed = self._undo(error, touched)
                if mixed is None:
                    raise
                raise mixed from error
            for path, (_before, after) in differing.items():
                if at_first[path] != after:
                    self._finish(path, after)
        return results

    def _undo(self, error: BaseException, touched: Sequence[str]) -> NotUndone | None:
        """Put the files back after ``apply`` or a write failed; return what to raise instead."""
        if isinstance(error, NotUndone):
            # Part of what is wanted may be there, so it must not be forgotten.
            kept = [
                f"{path} lists the former and the wanted state; run this again." for path in touched
            ]
            return NotUndone(*error.mistakes, *kept)

        def undo_error(path: str) -> str | None:
            before = self.files[path][0]
            try:
                if _atomic_file.read(path) != before:  # else writing is what failed
                    _atomic_file.write(path, before)
            except OSError as refused:
                return (
                    f"{path} could not be restored ({refused.strerror}): it lists the former and"
                    " the wanted state. Correct that and run this again."
                )
            return None

        not_undone = list(filter(None, map(undo_error, touched)))
        return NotUndone(*reasons(error), *not_undone) if not_undone else None

    def _finish(self, path: str, text: str | None) -> None:
        """Write the file that is wanted, now that ``apply`` has done what it lists."""
        try:
            _atomic_file.write(path, text)
        except OSError as error:
            raise NotUndone(
                f"The change is made, but {path} could not be written ({error.strerror}): it still"
                " lists what was removed, which a reboot would restore. Correct that and run this"
                " again."
            ) from error


@contextlib.contextmanager
def defer_signals() -> Iterator[None]:
    """Keep signals that end a run waiting, for `checkpoint` and `pause` to find between steps.

    So no step is cut in two, what was done is undone, and undoing it is not cut short. Programs
    that are started meanwhile have the signals blocked, too. None is left waiting at the end.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        while _pending_signals():
            signal.sigtimedwait(_pending_signals(), 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _pending_signals() -> list[signal.Signals]:
    """Return the signals that wait; one that is ignored (nohup) waits too, but is none."""
    waiting = signal.sigpending()
    return [s for s in ENDING if s in waiting and signal.getsignal(s) != signal.SIG_IGN]


def checkpoint() -> None:
    """Raise `Interrupted` if a signal asked this run to end; called between steps of ``apply``."""
    for each in _pending_signals():
        raise _interrupted(each)


def pause(seconds: float) -> None:
    """Wait between steps while `defer_signals`; raise `Interrupted` at once if one ends the run."""
    ending = [s for s in ENDING if signal.getsignal(s) != signal.SIG_IGN]
    found = signal.sigtimedwait(ending, seconds)
    if found:
        raise _interrupted(signal.Signals(found.si_signo))


def _interrupted(by: signal.Signals) -> Interrupted:
    return Interrupted(f"{by.name} ended this run before it had finished.")


def run(module: Module, prepare: Callable[[Mapping[str, Any]], Change]) -> NoReturn:
    """End the module with the change that ``prepare`` finds for its parameters.

    ``prepare`` only reads, and no other module changes anything between it and the change.
    A mistake it or the change raises as `OperatorError` ends the module with all sentences in
    ``msg`` and each of them in ``mistakes``.
    """
    # Check mode changes nothing, so it may read while others write.
    only_module: contextlib.AbstractContextManager[None] = (
        contextlib.nullcontext() if module.check_mode else _lock.held(_name(module))
    )
    with reporting_errors(module):
        with only_module:
            change = prepare(module.params)
            results = dict(change.results)
            if module.check_mode:
                for lacking in change.missing_requirements if change.changed else ():
                    module.warn(lacking)
            else:
                for path in change.files:
                    _atomic_file.forget_temporary(path)
                if change.changed and change.missing_requirements:
                    raise OperatorError(*change.missing_requirements)
                if change.changed:
                    results.update(change.carry_out())
        results.update(change.afterwards())
    if module._diff:
        results["diff"] = change.diff
    module.exit_json(changed=change.changed, before=change.before, after=change.after, **results)


def report(module: Module, ask: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> NoReturn:
    """End a module that changes nothing with what ``ask`` finds, its ``warnings`` apart."""
    with reporting_errors(module):
        results = dict(ask(module.params))
        for warning in results.pop("warnings", []):
            module.warn(warning)
    module.exit_json(changed=False, **results)


def _name(module: Module) -> str:
    """Return what the module is called in messages."""
    return str(getattr(module, "_name", None) or "a module")


@contextlib.contextmanager
def reporting_errors(module: Module) -> Iterator[None]:
    """End the module with the mistakes of an `OperatorError` or OSError raised inside."""
    try:
        yield
    except (OperatorError, OSError) as error:
        mistakes = reasons(error)
        module.fail_json(msg="\n".join(mistakes), mistakes=mistakes)
