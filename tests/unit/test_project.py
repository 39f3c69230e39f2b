# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the project agree: Makefile, pre-commit, workflows, licenses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"(?m)^([a-z-]+):.*##", MAKEFILE))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def recipe(target):
    """Return the commands of a target."""
    found = re.search(rf"(?m)^{target}:.*\n((?:\t.*\n)+)", MAKEFILE)
    return [line.strip() for line in found[1].splitlines()]


def test_pre_commit_runs_what_make_lint_runs():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    [repository] = config["repos"]
    assert repository["repo"] == "local"  # nothing is fetched
    hooks = [
        hook["entry"].removeprefix("env -S PATH=${PWD}/.venv/bin:${PATH} ")
        for hook in repository["hooks"]
    ]
    assert hooks == recipe("lint")


def runs(workflow):
    """Yield the targets of make that a workflow runs."""
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for step in job["steps"]:
            for name in re.findall(r"make (\S+|\$\{\{ .*? \}\})$", step.get("run", "")):
                yield from matrix["target"] if name == "${{ matrix.target }}" else [name]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_targets_of_the_makefile(workflow):
    assert set(runs(workflow)) <= TARGETS


def test_workflows_run_every_test():
    """`make test` runs all of them; what needs no lab runs for each change."""
    assert "test" in set(runs(ROOT / ".github/workflows/clusters.yml"))
    outside = re.search(r"(?m)^OUTSIDE = (.*)$", MAKEFILE)[1].split()
    assert set(runs(ROOT / ".github/workflows/ci.yml")) >= set(outside)


def test_the_license_is_one_text():
    """REUSE wants it in LICENSES, and Galaxy and others in LICENSE."""
    text = (ROOT / "LICENSE").read_bytes()
    assert text == (ROOT / "LICENSES" / "GPL-3.0-or-later.txt").read_bytes()


def locked():
    """Return the versions of each package in the lock file, and their hashes."""
    text = (ROOT / "requirements-dev.lock").read_text().replace("\\\n", "")
    for line in text.splitlines():
        requirement, *hashes = line.split("--hash=")
        name, version = requirement.partition(";")[0].strip().split("==")
        yield canonicalize_name(name), version, hashes


def test_the_lock_has_a_hash_of_every_package():
    assert len(list(locked())) > 50
    assert [name for name, _, hashes in locked() if not hashes] == []


def test_the_lock_has_what_the_requirements_allow():
    """If not, `make lock` renews it."""
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len(wanted) > 15
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        versions = [version for found, version, _ in locked() if found == name]
        assert versions, name
        assert all(version in requirement.specifier for version in versions), name
