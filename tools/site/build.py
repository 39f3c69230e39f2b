#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation site into .cache/docs/html, and check it.

The guides are the Markdown files of the repository, at the same paths. antsibull-docs writes the
reference of modules, filters and roles. Pages with the variables, the inventories and the roles are
made of the files that have them. A warning of Sphinx, or a local link that leads nowhere, is an
error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILT = ROOT / ".cache" / "docs"
#: Pages beside those in docs/.
PAGES = ["SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md"]
PAGES += ["lab/README.md", "benchmarks/README.md"]

FENCE = re.compile(r"(?ms)(^ *```.*?^ *```$)")
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
VARIABLE = re.compile(r"(?m)^\| ((?:`lvs_\w+`(?:, )?)+) \|(.*)\|(.*)\|$")
FOREIGN = ("http:", "https:", "mailto:", "data:", "javascript:")


#: Labels of Ansible's documentation that the reference refers to, and their pages there. Those of
#: plugins follow a rule.
LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
PLUGIN = re.compile(r"ansible_collections\.(\w+)\.(\w+)\.(\w+_[a-z]+)(?![\w.])")


def site_link(page: str, link: str) -> str | None:
    """Return where a link of a page leads on the site; None if the site does not have it.

    :param page: the path of the page in the repository
    :param link: the link; one to another site, to a heading or to a page stays as it is
    """
    place, mark, anchor = link.partition("#")
    if link.startswith(FOREIGN) or not place:
        return link
    above = "../" * page.count("/")
    target = os.path.normpath(os.path.join(os.path.dirname(page), place))
    if module := re.fullmatch(r"plugins/modules/(\w+)\.py", target):
        return f"{above}reference/{module[1]}_module.rst"
    if inventory := re.fullmatch(r"inventories(?:/(\w+))?(?:/hosts\.yml)?", target):
        return f"{above}inventories.md" + (f"#{inventory[1]}" if inventory[1] else "")
    return f"{above}{target}{mark}{anchor}" if target.endswith(".md") else None


def rewrite(text: str, change: Callable[[str], str | None]) -> str:
    """Return a text with changed links; one that becomes None is replaced by its text."""

    def one(found: re.Match[str]) -> str:
        link = change(found[2])
        return found[1] if link is None else f"[{found[1]}]({link})"

    return LINK.sub(one, text)


def site_page(page: str, text: str) -> str:
    """Return the text of a page with the links of the site."""
    parts = FENCE.split(text)
    parts[::2] = [rewrite(part, partial(site_link, page)) for part in parts[::2]]
    return "".join(parts)


def variables(pages: dict[str, str]) -> str:
    """Return the page with a table of all variables of the inventory.

    :param pages: the texts by their paths; rows of their tables that begin with variables are taken
    """
    rows: dict[str, tuple[str, str]] = {}
    for page, text in pages.items():
        for found in VARIABLE.finditer(text):
            names, *cells = found.groups()
            meaning, default = (rewrite(cell, partial(_from_top, page)).strip() for cell in cells)
            for name in re.findall(r"`(lvs_\w+)`", names):
                if name not in rows or default:  # a row without a default refers to another one
                    rows[name] = (meaning, default)
    table = "\n".join(f"| `{name}` | {' | '.join(cells)} |" for name, cells in sorted(rows.items()))
    return f"""# All variables

This page lists every variable `lvs_*` of an inventory. [The inventory](docs/inventory.md) describes
where each of them belongs, and the fields of a service.

| variable | meaning | default |
|---|---|---|
{table}

## What can go wrong

Any other variable that begins with `lvs_` is refused, since it may be a typo: see [The
inventory](docs/inventory.md#what-can-go-wrong).
"""


def _from_top(page: str, link: str) -> str | None:
    """Return a link of a page as a page at the top has it."""
    if link.startswith(FOREIGN):
        return link
    if link.startswith("#"):
        return page + link
    link = os.path.normpath(os.path.join(os.path.dirname(page), link))
    return site_link("variables.md", link)


def inventories(root: Path) -> str:
    """Return the page with all inventories of the repository."""
    parts = [
        f"## {path.parent.name}\n\n```yaml\n{path.read_text().rstrip()}\n```\n"
        for path in sorted(root.glob("inventories/*/hosts.yml"))
    ]
    return "\n".join(["# Example inventories\n\nThe inventories of the repository.\n", *parts])


def roles(root: Path) -> str:
    """Return the page that lists the roles."""
    names = sorted(path.parent.name for path in root.glob("roles/*/README.md"))
    tree = "\n".join(f"roles/{name}/README" for name in names)
    return f"# Roles\n\nWhat each role configures.\n\n```{{toctree}}\n{tree}\n```\n"


def write(source: Path) -> None:
    """Write the sources of the site, except for the reference."""
    guides = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/*.md"))]
    guides += [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("roles/*/README.md"))]
    for page in guides + PAGES:
        target = source / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(site_page(page, (ROOT / page).read_text()))
    tables = ["docs/inventory.md", "docs/keepalived.md"]
    (source / "variables.md").write_text(variables({p: (ROOT / p).read_text() for p in tables}))
    (source / "inventories.md").write_text(inventories(ROOT))
    (source / "roles.md").write_text(roles(ROOT))
    (source / "_static").mkdir()
    shutil.copy(HERE / "site.css", source / "_static")
    shutil.copy(HERE / "index.md", source)
    shutil.copy(HERE / "conf.py", source)


def reference(place: Path) -> None:
    """Write the reference of modules, filters and roles."""
    place.mkdir()
    command = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy"]
    command += ["--no-add-antsibull-docs-version", "--dest-dir", str(place), "lvs.cluster"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    if malformed := error_pages(place):
        sys.exit("antsibull-docs can't render: " + ", ".join(malformed))
    text = "".join(path.read_text() for path in place.glob("*.rst"))
    (place.parent / "ansible.inv").write_bytes(inventory_of_ansible(text))


def error_pages(place: Path) -> list[str]:
    """Return the pages on which antsibull-docs wrote errors in place of the documentation."""
    pages = sorted(place.glob("*.rst"))
    return [path.stem for path in pages if "was malformed" in path.read_text()]


def inventory_of_ansible(text: str) -> bytes:
    """Return Sphinx's list of the labels of Ansible's documentation that a text refers to.

    With it the site is built without network.
    """
    pages = dict(LABELS)
    for namespace, name, plugin in PLUGIN.findall(text):
        label = f"ansible_collections.{namespace}.{name}.{plugin}"
        pages[label] = f"collections/{namespace}/{name}/{plugin}.html"
    lines = [f"{label} std:label -1 {page} {label}\n" for label, page in sorted(pages.items())]
    head = "# Sphinx inventory version 2\n# Project: Ansible\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    return head.encode() + zlib.compress("".join(lines).encode())


class Page(HTMLParser):
    """The links of a page, and the names to which links can lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag refers to, and its name."""
        del tag
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name == "id" and value:
                self.names.add(value)


def broken(html: Path) -> Iterator[str]:
    """Yield the local links of a site that lead nowhere."""
    pages = {path: Page(path.read_text()) for path in sorted(html.rglob("*.html"))}
    for path, page in pages.items():
        for link in sorted(page.links):
            place, _, anchor = urllib.parse.unquote(link).partition("#")
            if link.startswith((*FOREIGN, "//")):
                continue
            target = (path.parent / place.partition("?")[0]).resolve() if place else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                yield f"{path.relative_to(html)}: {link} is not there"
            elif anchor and target in pages and anchor not in pages[target].names:
                yield f"{path.relative_to(html)}: {link} has no such heading"


def report(faults: Iterable[str]) -> int:
    """Print faults, and return the exit status."""
    lines = list(faults)
    print("\n".join(lines), end="\n" if lines else "", file=sys.stderr)
    return 1 if lines else 0


def main() -> int:
    """Build and check the site, and return the exit status."""
    source, html = BUILT / "source", BUILT / "html"
    shutil.rmtree(BUILT, ignore_errors=True)
    source.mkdir(parents=True)
    write(source)
    reference(source / "reference")
    build = ["sphinx-build", "-q", "-W", "--keep-going", "-b", "html", str(source), str(html)]
    done = subprocess.run(build, check=False)
    status = done.returncode or report(broken(html))
    if not status:
        print(f"{html / 'index.html'}: {len(list(html.rglob('*.html')))} pages")
    return status


if __name__ == "__main__":
    sys.exit(main())
