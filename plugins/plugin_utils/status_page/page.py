# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the status as HTML.

Everything is in one file: styles, pictures, tables. Its policy (Content-Security-Policy) forbids
scripts, everything from the network, and styles other than its own. Names and messages come from
hosts; the template escapes all of them.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from ansible_collections.lvs.cluster.plugins.plugin_utils.status_page import layout
from ansible_collections.lvs.cluster.plugins.plugin_utils.status_page.view import (
    View,
    short,
    view,
)

_HERE = Path(__file__).parent
#: Pools of more destinations are shown on request.
FOLDED = 24
#: So many findings are shown, the others on request.
FINDINGS = 10
_COLORS = {"ok": "#12805c", "note": "#12805c", "warning": "#b7791f", "error": "#c0322b"}
_SIGNS = {"ok": "✓", "note": "✓", "warning": "!", "error": "✕"}
#: Names of files that say nothing about the cluster.
_PLAIN = ("hosts", "inventory", "main", "all")


def page(
    cluster: Mapping[str, Any],
    status: Mapping[str, Any],
    sources: Sequence[str] = (),
    clients: Sequence[str] = (),
    report: Mapping[str, Any] | None = None,
) -> str:
    """Return the page of a cluster.

    :param sources: the inventories, of which the first one gives the page its title
    """
    return render(view(cluster, status, title_of(sources), clients, report))


def title_of(sources: Sequence[str]) -> str:
    """Return the name of a cluster, by that of its inventory."""
    if not sources or "," in sources[0]:
        return "LVS cluster"
    folder, name = os.path.split(os.path.abspath(sources[0]))
    stem = name.partition(".")[0]
    return (os.path.basename(folder) if stem in _PLAIN else stem) or "LVS cluster"


def render(shown: View) -> str:
    """Return the page of a view."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FileSystemLoader(_HERE),
    )
    environment.filters["short"] = short
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        v=shown,
        wide=layout.wide(shown),
        tall=layout.tall(shown),
        legend=layout.LEGEND,
        style=style,
        digest=digest,
        icon=_icon(shown.severity),
        sign=_SIGNS[shown.severity],
        folded=FOLDED,
        most=FINDINGS,
    )


def _icon(severity: str) -> str:
    """Return the picture of the browser's tab: a dot, or a square with errors."""
    radius = 2 if severity == "error" else 8
    shape = f'<rect width="16" height="16" rx="{radius}" fill="{_COLORS[severity]}"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{shape}</svg>'
    return f"data:image/svg+xml,{quote(svg)}"
