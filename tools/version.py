#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the version of the collection: ``tools/version.py 1.2.0``.

The version in galaxy.yml is that of the next release. Plugins, options and roles that are new since
the last one have it as their ``version_added``, so both change together.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
ADDED = re.compile(r"(?m)^( *version_added: *)(\S+)$")
VERSION = re.compile(r"\d+\.\d+\.\d+")


def documented(root: Path) -> Iterator[Path]:
    """Yield the files that can have a ``version_added``."""
    yield from sorted(root.glob("plugins/**/*.py"))
    yield from sorted(root.glob("roles/*/meta/argument_specs.yml"))


def next_version(root: Path) -> str:
    """Return the version in galaxy.yml, that of the next release."""
    return str(yaml.safe_load((root / "galaxy.yml").read_text())["version"])


def released(root: Path) -> set[str]:
    """Return the versions of which the changelog has a release."""
    changelog = yaml.safe_load((root / "changelogs" / "changelog.yaml").read_text())
    return set(changelog["releases"])


def inconsistent(root: Path) -> list[str]:
    """Return each ``version_added`` that is neither released nor the next version."""
    known = released(root) | {next_version(root)}
    return [
        f"{path.relative_to(root)}: version_added is {version}; it must be {next_version(root)}, "
        "the version in galaxy.yml, or a released one"
        for path in documented(root)
        for _, version in ADDED.findall(path.read_text())
        if version.strip("'\"") not in known
    ]


def set_version(root: Path, version: str) -> None:
    """Make that the next version, in galaxy.yml and in what is new since the last release."""
    if not VERSION.fullmatch(version):
        raise ValueError(f"the version is {version!r}; it must be three numbers, such as 1.2.0")
    former = next_version(root)
    if former not in released(root):
        for path in documented(root):
            text = path.read_text()
            changed = ADDED.sub(lambda m: m[1] + (version if m[2] == former else m[2]), text)
            if changed != text:
                path.write_text(changed)
    galaxy = root / "galaxy.yml"
    galaxy.write_text(re.sub(r"(?m)^version: .*$", f"version: {version}", galaxy.read_text()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        set_version(ROOT, sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
