# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the status in a browser, on a screen and on a telephone, in light and dark.

The screenshots are in .cache/pages.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils.status_page import page
from ansible_collections.lvs.cluster.tests.unit import example_clusters as examples
from axe_playwright_python.sync_playwright import Axe

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "galaxy.yml").exists())
PICTURES = ROOT / ".cache" / "pages"
PAGES = {
    "good": lambda: examples.good("keepalived_ha"),
    "nat": lambda: examples.good("nat_two_networks"),
    "faulty": examples.faulty,
    "split": examples.split,
    "unread": examples.unread,
    "scale_out": examples.scale_out,
    "verified": lambda: examples.verified(examples.good("single_director_fullnat"), failed=2),
}
SIZES = {"telephone": (390, 844), "screen": (1280, 800)}
#: Names as long as inventories allow, without a place to break.
LONG = "a" * 200

#: Texts of the visible picture whose boxes are too small for them, as the browser draws them.
OVERFLOWING = """
() => [...document.querySelectorAll('svg .box')].filter(g => g.getBoundingClientRect().width)
  .flatMap(g => {
    const box = g.querySelector('.body').getBoundingClientRect();
    return [...g.querySelectorAll('text')].filter(text => {
      const own = text.getBoundingClientRect();
      return own.left < box.left || own.right > box.right || own.bottom > box.bottom + 1;
    }).map(text => text.textContent);
  })
"""


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page; what its policy refuses, and other messages, are in ``messages``."""
    contexts = []

    def open_page(example, size=SIZES["screen"], scheme="light", **options):
        file = tmp_path / "status.html"
        file.write_text(page.page(*example))
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, **options)
        contexts.append(context)
        found = context.new_page()
        found.messages, found.requests = [], []
        found.on("console", lambda message: found.messages.append(message.text))
        found.on("request", lambda request: found.requests.append(request.url))
        found.goto(file.as_uri())
        return found

    yield open_page
    for context in contexts:
        context.close()


def width(shown):
    return shown.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_is_accessible(opened, name, size, scheme):
    shown = opened(PAGES[name](), SIZES[size], scheme)
    assert width(shown) == SIZES[size][0]
    assert shown.evaluate(OVERFLOWING) == []
    visible = {kind: shown.locator(f"svg.{kind}").is_visible() for kind in ("wide", "tall")}
    assert visible == {"wide": size == "screen", "tall": size == "telephone"}
    for summary in shown.locator("summary").all()[:1]:
        summary.click()
    assert width(shown) == SIZES[size][0]
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png", full_page=True)
    found = Axe().run(shown)
    assert found.violations_count == 0, found.generate_report()
    assert found.response["passes"]
    assert shown.messages == []
    assert [url[:5] for url in shown.requests if not url.startswith("data:")] == ["file:"]


@pytest.mark.parametrize("size", SIZES)
def test_long_names_do_not_widen_the_page(opened, size):
    example = examples.faulty()
    for director in example.status["directors"]:
        director.update(name=LONG, state="unreachable", reason=LONG, vips=[LONG], macs=[LONG])
    for service in example.status["services"]:
        service.update(name=LONG, endpoints=[LONG], director=LONG, scheduler=LONG)
        for item in service["destinations"]:
            item.update(name=f"{LONG}{item['name']}", remark=LONG, connections_rate=10**9)
    shown = opened(example._replace(sources=(LONG,)), SIZES[size])
    assert width(shown) == SIZES[size][0]
    assert shown.evaluate(OVERFLOWING) == []


def test_a_hostile_text_runs_nothing(opened):
    shown = opened(examples.split())
    assert examples.HOSTILE in shown.locator("main").inner_text()
    assert shown.locator("script").count() == 0


def test_folded_tables_open_by_keyboard(opened):
    shown = opened(examples.scale_out())
    row = shown.get_by_role("rowheader", name="static-005")
    assert not row.is_visible()
    for _ in range(2):
        shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")
    assert row.is_visible()


def test_a_screen_reader_reads_the_tables_also_on_a_telephone(opened):
    shown = opened(examples.faulty(), SIZES["telephone"])
    table = shown.get_by_role("table", name="Destinations of web")
    assert table.get_by_role("row").count() == 6
    assert table.get_by_role("columnheader").count() == 11
    picture = shown.get_by_role("img", name="The cluster keepalived_ha")
    assert picture.count() == 1
    text = shown.locator("svg.tall > desc").text_content()
    assert "rs20 is drained and rs21 is out of the pool" in text


def test_a_printed_page_has_all_tables(opened):
    shown = opened(examples.scale_out(), scheme="dark")
    shown.emulate_media(media="print")
    assert shown.get_by_role("rowheader", name="static-005").is_visible()
    assert shown.locator("svg.wide").is_visible()
    color = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert color == "rgb(255, 255, 255)"
    pdf = shown.pdf(prefer_css_page_size=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "scale_out.pdf").write_bytes(pdf)
    assert pdf.startswith(b"%PDF")
