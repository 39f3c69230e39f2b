# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stranger sees first agrees: metadata, versions, and the links of installed pages."""

from __future__ import annotations

import ast
import fnmatch
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())


def load(name):
    """Return the module of that file."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


version = load("tools/version.py")


def test_version_added_is_released_or_the_next_version():
    assert version.inconsistent(ROOT) == []


@pytest.fixture
def checkout(tmp_path):
    """A collection with version 0.1.0, of which 0.0.9 was released."""
    for folder in ("plugins/modules", "roles/director/meta", "changelogs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "galaxy.yml").write_text("name: cluster\nversion: 0.1.0\n")
    (tmp_path / "changelogs/changelog.yaml").write_text("releases: {0.0.9: {}}\n")
    (tmp_path / "plugins/modules/a.py").write_text(
        "version_added: 0.0.9\noptions:\n  b:\n    version_added: 0.1.0\n"
    )
    (tmp_path / "roles/director/meta/argument_specs.yml").write_text("  version_added: 0.1.0\n")
    return tmp_path


def test_a_version_that_does_not_exist_is_found(checkout):
    assert version.inconsistent(checkout) == []
    (checkout / "plugins/modules/b.py").write_text('version_added: "0.6.0"\n')
    [found] = version.inconsistent(checkout)
    assert found.startswith('plugins/modules/b.py: version_added is "0.6.0"; it must be 0.1.0,')


def test_version_added_follows_the_next_version(checkout):
    version.set_version(checkout, "1.0.0")
    assert version.next_version(checkout) == "1.0.0"
    assert "name: cluster" in (checkout / "galaxy.yml").read_text()
    module = (checkout / "plugins/modules/a.py").read_text()
    assert re.findall(r"version_added: (.*)", module) == ["0.0.9", "1.0.0"]
    assert "1.0.0" in (checkout / "roles/director/meta/argument_specs.yml").read_text()
    assert version.inconsistent(checkout) == []


def test_what_a_release_added_keeps_its_version(checkout):
    (checkout / "changelogs/changelog.yaml").write_text("releases: {0.0.9: {}, 0.1.0: {}}\n")
    version.set_version(checkout, "0.2.0")
    assert "0.1.0" in (checkout / "plugins/modules/a.py").read_text()
    assert version.inconsistent(checkout) == []


def test_a_version_has_three_numbers(checkout):
    with pytest.raises(ValueError, match="it must be three numbers"):
        version.set_version(checkout, "v1")
    assert version.next_version(checkout) == "0.1.0"


ADDRESSES = ("repository", "documentation", "homepage", "issues")


def tracked():
    """Return the files of the checkout that git has."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [
        ROOT / name
        for name in listed.splitlines()
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink()
    ]


def test_addresses_of_the_project_are_in_galaxy_yml_only():
    """The owner sets them in one place."""
    assert all(GALAXY[name].startswith(GALAXY["repository"]) for name in ADDRESSES)
    assert GALAXY["repository"].startswith("https://")
    place = GALAXY["repository"].encode()
    others = [path for path in tracked() if place in path.read_bytes()]
    assert others == [ROOT / "galaxy.yml"]


@pytest.mark.parametrize("role", sorted(ROOT.glob("roles/*")), ids=lambda path: path.name)
def test_a_role_lists_the_platforms_of_the_lab_only(role):
    """Galaxy shows them as supported, so each has to be one that clusters are tested on."""
    meta = yaml.safe_load((role / "meta" / "main.yml").read_text())
    suites = re.search(r"(?m)^NODE_SUITES = (.*)$", (ROOT / "lab" / "recipe.py").read_text())
    tested = sorted(yaml.safe_load(suites[1]).values())
    assert meta["galaxy_info"]["platforms"] == [{"name": "Debian", "versions": tested}]


def shipped():
    """Yield the files that the archive has, by the patterns of build_ignore."""

    def ignored(path):
        name = str(path.relative_to(ROOT))
        return path.is_symlink() or any(
            fnmatch.fnmatch(name, each) for each in GALAXY["build_ignore"]
        )

    places = [ROOT]
    for place in places:
        for path in filter(lambda path: not ignored(path), sorted(place.iterdir())):
            if path.is_dir():
                places.append(path)
            else:
                yield path


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text())
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def broken(pages, files):
    """Yield the relative links of pages that lead to none of the files, or to no heading."""
    folders = {parent for path in files for parent in path.parents}
    for page in pages:
        text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text())
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            place, _, anchor = link.partition("#")
            target = (page.parent / place).resolve() if place else page
            if link.startswith(("http://", "https://", "mailto:")):
                continue
            if target not in files | folders:
                yield f"{page.relative_to(ROOT)}: {link} is not there"
            elif anchor and anchor not in anchors(target):
                yield f"{page.relative_to(ROOT)}: {link} has no such heading"


def test_links_of_installed_pages_lead_to_installed_files():
    files = set(shipped())
    pages = {path for path in files if path.suffix == ".md"}
    assert len(pages) > 15
    assert list(broken(sorted(pages), files)) == []


def test_links_of_all_pages_lead_somewhere():
    files = set(tracked())
    site = ROOT / "tools" / "site"  # `make docs` checks its links
    pages = sorted(path for path in files if path.suffix == ".md" and site not in path.parents)
    assert list(broken(pages, files)) == []


def test_a_broken_link_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page, other = tmp_path / "a.md", tmp_path / "b.md"
    page.write_text(
        "[a](b.md#one-more) [b](c.md) [c](b.md#none) [d](https://example.net) [e](#f)\n"
    )
    other.write_text("# One `more`\n\n```\n# none\n```\n")
    assert list(broken([page], {page, other})) == [
        "a.md: c.md is not there",
        "a.md: b.md#none has no such heading",
        "a.md: #f has no such heading",
    ]


#: Paths that roles read or make, and that are no files of theirs.
NOT_WRITTEN = {
    "/etc/lvs/fullnat.nft",  # of an example
    "/etc/lvs/marks.nft",  # likewise
    "/etc/systemd/system/bird.service.d",
    "/etc/systemd/system/keepalived.service.d",
}
WRITTEN = re.compile(
    r"/(?:etc/(?:bird/|hosts$|keepalived|lvs|modules-load|sysctl\.d|systemd)|run/lvs|usr/local/)"
)


def written():
    """Return the files that roles and modules write on Linux, as their sources have them."""
    places = [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/files/*")]
    places += [
        ROOT / f"plugins/{name}.py"
        for name in ("module_utils/_lock", "modules/director_lease", "module_utils/_announce")
    ]
    text = "\n".join(path.read_text() for path in places)
    found = {path.rstrip(".") for path in re.findall(r"(?<![\w/.}])/[a-z]+/[\w./-]+", text)}
    for tasks in ROOT.glob("roles/*/tasks/main.yml"):
        role = tasks.read_text()
        for unit in re.findall(r"name: (lvs-[\w-]+)\.service", role):
            found |= {f"/etc/systemd/system/{unit}.service", f"/usr/local/lib/lvs/{unit}"}
            if re.search(r"(?m)^    nft: ", role):
                found.add(f"/etc/systemd/system/nftables.service.d/{unit}.conf")
    return {path for path in found if WRITTEN.match(path)} - NOT_WRITTEN


def test_every_file_that_is_written_is_documented_and_no_other():
    page = (ROOT / "docs" / "machines.md").read_text()
    documented = set(re.findall(r"(?m)^\| `(/[^`]+)` \|", page))
    assert len(documented) > 30
    assert documented == written()


@pytest.mark.parametrize("path", sorted(ROOT.glob("roles/*/vars/main.yml")), ids=str)
def test_packages_are_documented(path):
    role = path.parts[-3]
    packages = yaml.safe_load(path.read_text()).get(f"{role}_packages_of")
    if packages:
        row = f"| `{role}` | {', '.join(packages['Debian'])} |"
        assert row in (ROOT / "docs" / "machines.md").read_text()


def test_every_suite_of_the_lab_and_every_ansible_core_is_in_the_support_matrix():
    page = (ROOT / "docs" / "support.md").read_text()
    cores = re.search(r"(?ms)^CORES = (\{.*?^\})", (ROOT / "noxfile.py").read_text())
    for core, (pythons, target) in ast.literal_eval(cores[1]).items():
        assert f"| {core} | {', '.join(pythons.split())} | {target} and later |" in page
    releases = (ROOT / "tests" / "keepalived" / "releases.py").read_text()
    tested = re.findall(r'"debian(\d+)": Release\("\w+", \((\d+), (\d+), (\d+)\)\)', releases)
    assert len(tested) == 2
    for debian, *version in tested:
        assert re.search(
            rf"\| Debian {debian}: .*keepalived {re.escape('.'.join(version))} \|", page
        )
