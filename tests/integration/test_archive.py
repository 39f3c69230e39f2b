# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users get, the archive or a checkout, works wherever it is put."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MODULES = {f"lvs.cluster.{path.stem}" for path in ROOT.glob("plugins/modules/*.py")}
ROLES = {f"lvs.cluster.{path.name}" for path in ROOT.glob("roles/*")}
FILTERS = {
    f"lvs.cluster.{name}"
    for path in ROOT.glob("plugins/filter/*.py")
    for name in re.findall(r"^name: (\w+)$", path.read_text(), re.MULTILINE)
}
PLAYBOOKS = [f"lvs.cluster.{path.stem}" for path in sorted((ROOT / "playbooks").glob("*.yml"))]
FOR_USERS = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "README.zh-CN.md",
    "SECURITY.md",
    "changelogs",
    "docs",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
INVENTORY = ROOT / "inventories" / "single_director"


@pytest.fixture(params=["installed", "checkout"])
def place(request, tmp_path):
    """Where a user stands, and the variables that lead Ansible to the collection from there.

    A checkout, in a folder of any name, needs none.
    """
    if request.param == "installed":
        elsewhere = request.getfixturevalue("elsewhere")
        return elsewhere, {"ANSIBLE_COLLECTIONS_PATH": str(elsewhere)}
    built = shutil.ignore_patterns(".git", ".venv", ".*cache", "__pycache__", ".hypothesis")
    checkout = tmp_path / "some folder"
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=built)
    return checkout, {}


def test_the_archive_has_what_users_need_and_no_more(archive):
    with tarfile.open(archive) as tar:
        shipped = {Path(entry.name) for entry in tar if entry.isfile()}
    assert {path.parts[0] for path in shipped} <= FOR_USERS
    for folder in ("plugins", "roles", "playbooks", "meta"):
        files = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert shipped >= {path for path in files if path.suffix != ".pyc"}


def test_the_action_group_has_every_module():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert {f"lvs.cluster.{name}" for name in runtime["action_groups"]["ipvs"]} == MODULES


@pytest.fixture
def documented(run, place):
    """Return what ansible-doc shows of plugins or roles: ``documented("module", names)``."""
    folder, variables = place

    def show(kind, names):
        output = run("ansible-doc", "--json", "--type", kind, *names, cwd=folder, **variables)
        documents = json.loads(output)
        assert set(documents) == set(names)
        return documents

    return show


def test_modules_are_documented(documented):
    for name, parts in documented("module", MODULES).items():
        assert parts["doc"]["options"] is not None, name
        assert parts["examples"].strip(), name
        assert parts["return"], name


def test_filters_are_documented(documented):
    for name, parts in documented("filter", FILTERS).items():
        assert parts["doc"]["options"], name
        assert parts["examples"].strip(), name
        assert parts["return"], name


def test_roles_are_documented(documented):
    for name, parts in documented("role", ROLES).items():
        assert parts["entry_points"]["main"]["options"], name
        assert all(entry["short_description"] for entry in parts["entry_points"].values()), name


def test_playbooks_are_callable_by_their_names(place, run):
    folder, variables = place
    command = ["ansible-playbook", "--syntax-check", "-i", INVENTORY, *PLAYBOOKS]
    run(*command, cwd=folder, **variables)
