# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seam between Ansible and the library.

A module hands `run` a function that reads its parameters and returns a `Change`: what is, what
is wanted, and how to get there. Check mode, the diff, ``changed`` and the real run all follow
from that one value, so they cannot disagree. The library itself never sees an AnsibleModule.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from ansible_collections.lvs.cluster.plugins.module_utils import _saved
from ansible_collections.lvs.cluster.plugins.module_utils._errors import (
    OperatorError as OperatorError,
)
from ansible_collections.lvs.cluster.plugins.module_utils._errors import (
    reasons,
)


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
        are written before ``apply`` is called, and put back if it raises
    :ivar text: (before, after) as people read it in a diff; default: the data itself
    :ivar results: further values of the result
    :ivar unmet: what the machine lacks for ``apply``, as sentences: an error where something has
        to be changed. In check mode they are warnings, for an earlier task of the same play,
        not carried out either, may be what provides it
    """

    before: Any
    after: Any
    apply: Callable[[], Mapping[str, Any] | None] = _nothing
    files: Mapping[str, tuple[str | None, str | None]] = {}
    text: tuple[str, str] | None = None
    results: Mapping[str, Any] = {}
    unmet: Sequence[str] = ()

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
        written: dict[str, str | None] = {}
        try:
            for path, (before, after) in self.files.items():
                if before != after:
                    written[path] = before
                    _saved.write(path, after)
            return self.apply() or {}
        except BaseException:
            for path, before in written.items():
                _saved.write(path, before)
            raise


def run(module: Module, prepare: Callable[[Mapping[str, Any]], Change]) -> NoReturn:
    """End the module with the change that ``prepare`` finds for its parameters.

    ``prepare`` only reads; a mistake it or the change raises as `OperatorError` ends the module
    with all sentences in ``msg`` and each of them in ``mistakes``.
    """
    with _told(module):
        change = prepare(module.params)
        results = dict(change.results)
        if change.changed and module.check_mode:
            for sentence in change.unmet:
                module.warn(sentence)
        elif change.changed:
            if change.unmet:
                raise OperatorError(*change.unmet)
            results.update(change.carry_out())
    if module._diff:
        results["diff"] = change.diff
    module.exit_json(changed=change.changed, before=change.before, after=change.after, **results)


def report(module: Module, ask: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> NoReturn:
    """End a module that changes nothing with what ``ask`` finds, its ``warnings`` apart."""
    with _told(module):
        results = dict(ask(module.params))
        for sentence in results.pop("warnings", []):
            module.warn(sentence)
    module.exit_json(changed=False, **results)


@contextlib.contextmanager
def _told(module: Module) -> Iterator[None]:
    """Let the module fail with what goes wrong inside, said for the operator."""
    try:
        yield
    except (OperatorError, OSError) as error:
        mistakes = reasons(error)
        module.fail_json(msg="\n".join(mistakes), mistakes=mistakes)
