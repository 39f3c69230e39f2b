# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Sphinx for the documentation site; build.py prepares its sources."""

project = "lvs.cluster"
author = "lvs.cluster contributors"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx wants this name
extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/ansible/latest/", "ansible.inv")}
html_theme = "furo"
html_title = "lvs.cluster"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
myst_heading_anchors = 4  # as on GitHub, so the same links work there
smartquotes = False  # options begin with two dashes
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
