# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation site is made of, and the check of its links."""

from __future__ import annotations

import importlib.util
import re
import zlib
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils.inventory.vocabulary import VARIABLES

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("build", ROOT / "tools" / "site" / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)


@pytest.mark.parametrize(
    ("page", "link", "leads"),
    [
        ("docs/a.md", "b.md#c", "../docs/b.md#c"),
        ("docs/a.md", "../roles/director/README.md", "../roles/director/README.md"),
        ("docs/a.md", "../plugins/modules/report.py", "../reference/report_module.rst"),
        ("README.md", "inventories/keepalived_ha/hosts.yml", "inventories.md#keepalived_ha"),
        ("docs/a.md", "../inventories", "../inventories.md"),
        ("docs/a.md", "https://www.example.org/a.py", "https://www.example.org/a.py"),
        ("docs/a.md", "#b", "#b"),
        ("docs/a.md", "../lab/lab.py", None),
    ],
)
def test_a_link_leads_to_the_page_of_the_site(page, link, leads):
    assert build.site_link(page, link) == leads


def test_a_link_to_a_file_that_the_site_lacks_is_text():
    assert build.site_page("docs/a.md", "See [a\nb](../lab/lab.py), [c](d.md).") == (
        "See a\nb, [c](../docs/d.md)."
    )


def test_code_is_not_changed():
    code = "```\n[a](../lab/lab.py)\n```\n"
    assert build.site_page("docs/a.md", code) == code


def table(*pages):
    """Return the page with all variables, and their names."""
    page = build.variables(dict(pages))
    return page, re.findall(r"(?m)^\| `(lvs_\w+)` \|", page)


def test_every_variable_of_the_inventory_is_in_the_table():
    pages = ("docs/inventory.md", "docs/keepalived.md")
    _, names = table(*((page, (ROOT / page).read_text()) for page in pages))
    assert names == sorted({name for name in VARIABLES if name.startswith("lvs_")})


def test_a_row_with_a_default_counts_more_than_a_reference():
    reference = "| `lvs_a`, `lvs_b` | see [there](keepalived.md#b) | |\n"
    page, names = table(
        ("docs/inventory.md", reference),
        ("docs/keepalived.md", "| `lvs_a` | as [here](#a) | 50 |\n"),
    )
    assert names == ["lvs_a", "lvs_b"]
    assert "| `lvs_a` | as [here](docs/keepalived.md#a) | 50 |" in page
    assert "| `lvs_b` | see [there](docs/keepalived.md#b) |  |" in page


def test_labels_of_ansible_are_known_without_network():
    text = ":ref:`a <ansible_collections.ansible.builtin.slurp_module>`"
    *head, body = build.inventory_of_ansible(text).split(b"\n", 4)
    assert head[0] == b"# Sphinx inventory version 2"
    assert (
        "ansible_collections.ansible.builtin.slurp_module std:label -1 "
        "collections/ansible/builtin/slurp_module.html" in zlib.decompress(body).decode()
    )


def test_a_page_of_errors_is_found(tmp_path):
    (tmp_path / "a_role.rst").write_text("Synopsis\n")
    (tmp_path / "b_role.rst").write_text("The documentation for the role, b,  was malformed.\n")
    assert build.error_pages(tmp_path) == ["b_role"]


def test_links_of_the_site_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.html").write_text('<h1 id="c%C3%BC">C</h1>')
    (tmp_path / "index.html").write_text(
        '<a href="a/b.html#c%25C3%25BC">1</a> <a href="a/b.html#d">2</a> <a href="e.html">3</a>'
        ' <a href="https://www.example.org">4</a> <a href="#f">5</a> <img src="g.png">'
    )
    assert list(build.broken(tmp_path)) == [
        "index.html: #f has no such heading",
        "index.html: a/b.html#d has no such heading",
        "index.html: e.html is not there",
        "index.html: g.png is not there",
    ]


def test_every_guide_is_in_a_menu_of_the_site():
    index = (ROOT / "tools" / "site" / "index.md").read_text()
    listed = set(re.findall(r"(?m)^docs/(\S+)$", index))
    assert listed == {path.stem for path in ROOT.glob("docs/*.md")}


def test_the_comparison_of_methods_has_the_measured_ratios():
    measured = (ROOT / "benchmarks" / "README.md").read_text()
    nat, fullnat, dr, tun = re.search(
        r"(?m)^\| bytes .*\n\| ratio to NAT \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", measured
    ).groups()
    page = (ROOT / "docs" / "methods.md").read_text()
    assert f"compared with `nat` | {dr} | {tun} | {nat} | {fullnat} |" in page
