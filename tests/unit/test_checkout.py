# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout itself: its files agree with each other, and its links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BUILT = {".ansible", ".cache", ".git", ".venv"}  # by tools, some of which link to the checkout


def links():
    """Return the checkout's symbolic links."""
    tops = [path for path in ROOT.iterdir() if path.name not in BUILT]
    inner = [path for top in tops if not top.is_symlink() for path in top.rglob("*")]
    return [path for path in tops + inner if path.is_symlink()]


def test_no_link_leads_to_a_folder_that_it_is_in():
    """Tools that follow links would not come to an end."""
    assert links()
    assert [path for path in links() if path.resolve(strict=True) in path.parents] == []


COLLECTION = "ansible_collections.lvs.cluster.plugins"
# Files that use the collection, and run in the lab only.
IN_THE_LAB = [
    path
    for folder in ("benchmarks", "molecule", "tests/kernel")
    for path in ROOT.glob(f"{folder}/**/*.py")
]


def names_taken(tree):
    """Yield each module of the collection that a file uses, with the name that it takes from it."""
    modules = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(
            COLLECTION
        ):
            for alias in statement.names:
                yield statement.module, alias.name
                modules[alias.asname or alias.name] = f"{statement.module}.{alias.name}"
    for use in ast.walk(tree):
        of = use.value if isinstance(use, ast.Attribute) else None
        if isinstance(of, ast.Name) and of.id in modules:
            yield modules[of.id], use.attr


def has(module, name):
    """Return whether a module, or a value of one, has that name."""
    try:
        return hasattr(importlib.import_module(module), name) or bool(
            importlib.import_module(f"{module}.{name}")
        )
    except ModuleNotFoundError:
        outer, _, inner = module.rpartition(".")
        return hasattr(getattr(importlib.import_module(outer), inner), name)


def test_files_that_the_lab_uses_exist():
    """A name that is gone would be missed after minutes only, when the lab is up."""
    taken = {
        (path, *each) for path in IN_THE_LAB for each in names_taken(ast.parse(path.read_text()))
    }
    assert len({path for path, *_ in taken}) > 10
    missing = [
        f"{path.relative_to(ROOT)}: {module.removeprefix(COLLECTION)}.{name}"
        for path, module, name in sorted(taken)
        if not has(module, name)
    ]
    assert missing == []


def test_a_filter_imports_the_collection_when_it_is_called():
    """Ansible loads all filters of a collection to find one, in the worker of each task.

    So an import at the top of any of them is paid by every task that uses another one
    (Jinja2Loader.get_with_context in ansible/plugins/loader.py).
    """
    files = sorted(ROOT.glob("plugins/filter/*.py"))
    assert files
    early = [
        path.name
        for path in files
        for statement in ast.parse(path.read_text()).body
        if isinstance(statement, ast.ImportFrom) and "ansible_collections" in statement.module
    ]
    assert early == []


def of_noxfile(name):
    """Return a constant of noxfile.py, which can't be imported where there is no nox."""
    for statement in ast.parse((ROOT / "noxfile.py").read_text()).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == name:
            return ast.literal_eval(statement.value)
    raise AssertionError(name)


CORES = of_noxfile("CORES")
OLDEST, NEWEST = next(iter(CORES)), next(reversed(CORES))


def test_the_required_ansible_core_is_the_tested_one():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    major, minor = NEWEST.split(".")
    assert runtime["requires_ansible"] == f">={OLDEST}.0,<{major}.{int(minor) + 1}.0"


@pytest.mark.parametrize("role", sorted(ROOT.glob("roles/*")), ids=lambda path: path.name)
def test_a_role_asks_for_the_oldest_that_is_tested(role):
    meta = yaml.safe_load((role / "meta" / "main.yml").read_text())
    assert meta["galaxy_info"]["min_ansible_version"] == OLDEST


def test_readme_lists_the_tested_versions():
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"ansible-core {OLDEST} to {NEWEST}," in readme
    with_cores = dict(
        re.findall(r"(3\.\d+) or later with (?:ansible-core )?([\d. and]+\d)", readme)
    )
    named = {core: python for python, cores in with_cores.items() for core in cores.split(" and ")}
    assert named == {core: oldest for core, (_, oldest) in CORES.items()}


def test_target_code_is_checked_for_the_oldest_python_of_a_target():
    target = of_noxfile("TARGET")
    assert target == min(CORES.values(), key=lambda pythons: int(pythons[1][2:]))[1]
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    checked = {f"{path}/*" for path in of_noxfile("TARGET_CODE")}
    assert ruff["per-file-target-version"] == dict.fromkeys(checked, f"py{target.replace('.', '')}")
