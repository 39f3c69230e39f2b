# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the status: its words, its text in HTML, and where the pictures have what."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import random
from html.parser import HTMLParser

import pytest
from ansible_collections.lvs.cluster.plugins.filter.status_page import FilterModule
from ansible_collections.lvs.cluster.plugins.plugin_utils.status_page import layout, page
from ansible_collections.lvs.cluster.plugins.plugin_utils.status_page import view as views
from ansible_collections.lvs.cluster.tests.unit import example_clusters as examples
from hypothesis import given
from hypothesis import strategies as st

status_page = FilterModule().filters()["status_page"]

PICTURES = [layout.wide, layout.tall]
#: Elements without an end.
VOID = {"meta", "link"}
ELEMENTS = VOID | set(
    "html head title style body header h1 h2 h3 p time main section span ul li dl div dt dd svg"
    " desc defs marker path g rect text table caption thead tbody tr th td details summary article"
    " footer".split()
)


class Parsed(HTMLParser):
    """The elements of a page, its text, and the attributes of all elements."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.attributes, self.texts = [], set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.remove(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def values(self, name):
        return [value for _tag, attribute, value in self.attributes if attribute == name]


def shown(example):
    """Return the view of an example."""
    title = page.title_of(example.sources)
    return views.view(example.cluster, example.status, title, example.clients, example.report)


def sentences(example):
    return [tuple(finding) for finding in shown(example).findings]


def figures(example):
    return {figure.label: figure.value for figure in shown(example).figures}


# The words.


@pytest.mark.parametrize("name", examples.INVENTORIES)
def test_a_cluster_without_differences(name):
    found = shown(examples.good(name))
    assert (found.severity, found.headline) == ("ok", "No differences from the inventory")
    assert found.findings == ()
    assert {server.state for server in found.servers} == {views.SERVING}
    assert [vip.state.tone for vip in found.vips] == ["ok"] * len(found.vips)
    assert found.directors[0].state == views.ACTIVE
    active = tuple(each.name for each in found.directors if each.state == views.ACTIVE)
    assert {server.directors for server in found.servers} == {active}


def test_what_is_drained_out_and_different():
    found = examples.faulty()
    assert shown(found).headline == "Not as in the inventory: 1 error and 1 warning"
    assert sentences(found) == [
        ("error", "web: 1 of 5 real servers is out of the pool by keepalived's check: rs21."),
        ("warning", "d31: service web: scheduler is rr, in the inventory wrr; run site.yml."),
        ("note", "Drained, until undrain.yml or site.yml: rs20."),
    ]
    states = {server.name: server.state for server in shown(found).servers}
    assert (states["rs20"], states["rs21"]) == (views.DRAINED, views.OUT)
    assert [d.findings for d in shown(found).directors] == [0, 1]
    expected = {"real servers serving": "3", "drained": "1", "out or missing": "1"}
    assert expected.items() <= figures(found).items()


def test_two_holders_and_what_is_not_in_the_inventory():
    found = shown(examples.split())
    vips = {vip.address: vip.state for vip in found.vips}
    assert vips["192.168.2.149"] == ("held by 2", "error")
    assert vips["192.168.2.7"] == views.UNKNOWN_VIP
    severities = [finding.severity for finding in found.findings]
    assert severities == ["error", "error", "warning", "warning"]
    assert [service.known for service in found.services] == [True, False]
    assert figures(examples.split())["services available"] == "1"


def test_several_holders_are_right_if_the_status_does_not_report_them():
    found = shown(examples.scale_out())
    assert {vip.state for vip in found.vips} == {views.State("held by 19", "ok")}


def test_a_service_without_a_real_server_is_an_error():
    found = shown(examples.empty_pool())
    assert found.severity == "error"
    lines = [finding.text for finding in found.findings]
    assert lines[0] == "web has no real server with a weight; clients get no connection."
    assert figures(examples.empty_pool())["services available"] == "0"


def test_a_missing_service_and_a_missing_real_server_are_errors():
    cluster, _groups = examples.resolved("single_director")
    [state] = examples.first_holds_all(cluster, out=["rs31"])
    state["text"] = examples.first_holds_all(cluster)[0]["text"]
    lacks = examples.Example(cluster, examples.status(cluster, [state])._asdict(), ())
    assert sentences(lacks) == [("error", "d23: service web: rs31 is missing.")]
    state["info"]["services"] = []
    empty = examples.Example(cluster, examples.status(cluster, [state])._asdict(), ())
    assert ("error", "web is not in the IPVS table of d23.") in sentences(empty)


def test_a_sorry_server_answers_for_a_pool():
    found = examples.empty_pool()
    item = {"name": "192.0.2.9:80", "address": "192.0.2.9", "port": 80, "method": "dr"}
    item |= {"weight": 1, "remark": "sorry server"}
    found.status["services"][0]["destinations"].append(item)
    lines = [finding.text for finding in shown(found).findings]
    assert lines[0] == "web has no real server with a weight; only its sorry server answers."
    assert shown(found).servers[-1].state == views.SORRY


@pytest.mark.parametrize("status", [{}, None])
def test_hosts_are_listed_if_no_director_was_read(status):
    found = examples.unread()
    if status is not None:
        found = found._replace(status=status)
    assert shown(found).severity == "error"
    assert shown(found).headline.startswith("The state of the cluster is unknown")
    assert shown(found).figures == ()  # a 0 would be wrong
    assert "\N{EN DASH}" in Parsed(status_page(*found)).texts
    assert shown(found).vips[0].services == ("tomcat on all ports",)
    assert [d.name for d in shown(found).directors] == list(found.cluster["directors"])
    assert {server.state for server in shown(found).servers} == {views.UNREAD}
    assert {vip.state for vip in shown(found).vips} == {views.UNREAD}


def test_a_director_that_was_left_out_is_a_note():
    found = examples.good("keepalived_ha")
    found.status["directors"].pop()
    assert sentences(found) == [
        ("note", "Not read, since it failed or --limit leaves it out: d31.")
    ]
    assert shown(found).headline == "No differences from the inventory"


def test_a_real_server_of_several_services_has_its_worst_state():
    cluster, _groups = examples.resolved("single_director")
    services = cluster["services"]
    services.append({**services[0], "name": "tls", "port": 443})
    state = examples.read(cluster, "d23", cluster["vips"])
    state["info"]["services"][1]["destinations"].pop(0)
    found = shown(examples.Example(cluster, examples.status(cluster, [state])._asdict(), ()))
    assert [server.words for server in found.servers] == ["missing in 1 of 2", "weight 5"]


def test_what_the_clients_received():
    found = shown(examples.verified(examples.good("single_director")))
    assert found.headline == "The cluster works: 40 requests were answered"
    [probe] = found.probes
    assert (probe.client, probe.answered, probe.requests) == ("c10", 40, 40)
    assert probe.answers == (("rs31", 20, 0.5), ("rs32", 20, 0.5))
    assert not [line for line in probe.lines if line.startswith("rs3")]
    failed = examples.verified(examples.good("keepalived_ha"), failed=3)
    assert shown(failed).severity == "error"
    assert figures(failed)["requests answered"] == "37"
    assert shown(failed).client_words == "37/40 answered"


def test_answers_return_as_the_method_requires():
    assert shown(examples.good("nat_two_networks")).returns == ((True, ("nat",)),)
    assert shown(examples.good("keepalived_ha")).returns == ((False, ("dr",)),)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (999.6, "1k"), (4130, "4.13k"), (35123, "35.1k"), (999_700, "1M")],
)
def test_numbers_are_short(number, text):
    assert views.short(number) == text


@pytest.mark.parametrize(
    ("sources", "title"),
    [
        ([], "LVS cluster"),
        (["inventories/keepalived_ha"], "keepalived_ha"),
        (["/srv/shop/hosts.yml", "/srv/other.yml"], "shop"),
        (["/srv/shop.yml"], "shop"),
        (["d23,d31"], "LVS cluster"),
    ],
)
def test_the_title_is_the_name_of_the_inventory(sources, title):
    assert page.title_of(sources) == title


# The text in HTML.

ALL = {
    **{name: lambda name=name: examples.good(name) for name in examples.INVENTORIES},
    "faulty": examples.faulty,
    "split": examples.split,
    "unread": examples.unread,
    "empty_pool": examples.empty_pool,
    "large": examples.large,
    "scale_out": examples.scale_out,
    "verified": lambda: examples.verified(examples.good("single_director"), failed=2),
}


@pytest.mark.parametrize("name", ALL)
def test_every_host_is_on_the_page(name):
    found = ALL[name]()
    text = status_page(*found)
    parsed = Parsed(text)
    assert parsed.open == []
    for host in (*shown(found).directors, *shown(found).servers):
        assert host.name in parsed.texts
    assert examples.TIME in parsed.texts
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
    referred = [word for value in parsed.values("aria-labelledby") for word in value.split()]
    assert set(referred) <= set(ids)


@pytest.mark.parametrize("name", ALL)
def test_the_page_has_no_script_and_needs_no_network(name):
    text = status_page(*ALL[name]())
    parsed = Parsed(text)
    assert parsed.names <= ELEMENTS
    names = {attribute for _tag, attribute, _value in parsed.attributes}
    assert not {each for each in names if each.startswith("on")} | names & {"src", "style"}
    assert [v[:5] for v in parsed.values("href")] == ["data:"]
    assert all(v.startswith("url(#") for v in parsed.values("marker-end"))


def test_the_policy_allows_only_the_style_of_the_page():
    text = status_page(*examples.good("single_director"))
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [v for v in Parsed(text).values("content") if v.startswith("default-src")]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_texts_are_shown_as_texts():
    raw = examples.HOSTILE
    found = examples.verified(examples.faulty())

    def replaced(value):
        """Put the hostile text into every text but those that are compared."""
        if isinstance(value, dict):
            return {k: replaced(v) if k != "state" else v for k, v in value.items()}
        if isinstance(value, list):
            return list(map(replaced, value))
        return f"{value}{raw}" if isinstance(value, str) else value

    status = replaced(json.loads(json.dumps(found.status)))
    report = replaced(json.loads(json.dumps(found.report)))
    text = status_page(found.cluster, status, [raw], [raw], report)
    parsed = Parsed(text)
    assert parsed.names <= ELEMENTS
    assert raw in "".join(parsed.texts)
    assert "<script" not in text
    assert f"d23{raw}" in parsed.texts
    assert len(parsed.texts) > 100


def test_a_large_cluster_folds_its_tables_and_counts_its_cells():
    text = status_page(*examples.large())
    assert text.count("<details>") == 8
    assert text.count('class="cell ') == 400  # in two pictures
    assert len(text) < 300_000
    assert "<details>" not in status_page(*examples.good("keepalived_ha"))


def test_many_findings_are_folded():
    found = examples.scale_out()
    found.status["differences"] += [f"lb1: {number} differs." for number in range(20)]
    text = status_page(*found)
    assert "<summary>18 more</summary>" in text
    assert "lb1: 19 differs." in text


# Where the pictures have what.

NAMES = st.lists(st.text(min_size=1, max_size=70), min_size=1, max_size=4)
SIZES = st.sampled_from([1, 2, 3, 8, 9, 24, 25, 60])
RATES = (0, 1, 9, 950, 123_456)


@st.composite
def clusters(draw):
    """Draw the view of any cluster, with any names."""
    texts = draw(NAMES)
    choice = random.Random(draw(st.integers(0, 2**32))).choice

    def names():
        return [f"{choice(texts)}{number}" for number in range(draw(SIZES))]

    def few(values):
        return tuple(dict.fromkeys(choice(values) for _ in range(choice([0, 1, 1, 4]))))

    found = names()
    directors = [
        views.Director(
            name,
            choice([*views.DIRECTOR_STATES.values(), views.UNREAD]),
            *(choice(texts), choice(RATES), choice(RATES), choice([0, 1, 12])),
            *((), (), (), ""),
        )
        for name in found
    ]
    servers = [
        views.Server(
            *(name, choice(texts), choice(views.STATES), choice(texts)),
            *(choice(RATES), choice(RATES), few(found)),
        )
        for name in names()
    ]
    tones = ("ok", "error", "idle", "unknown")
    vips = [
        views.Vip(
            *(address, few(texts), few(found)),
            *(views.State(choice(texts), choice(tones)), choice(RATES)),
        )
        for address in names()
    ]
    returns = ((False, ("dr", "tun")), (True, ("nat",)))
    return views.View(
        *("any", "", "ok", "", (), (), few(texts), choice(texts)),
        *(tuple(vips), tuple(directors), tuple(servers[choice([0, 0, len(servers)]) :]), ()),
        *(choice([(), returns[:1], returns[1:], returns]), choice([None, ()]), ""),
    )


def apart(a, b):
    return a.right <= b.x or b.right <= a.x or a.bottom <= b.y or b.bottom <= a.y


def extent(text):
    """Return where a text begins and ends."""
    width = layout.text_width(text.text, text.style)
    begin = {"start": text.x, "end": text.x - width, "middle": text.x - width / 2}[text.anchor]
    return begin, begin + width


@pytest.mark.parametrize("draw_picture", PICTURES)
@given(cluster=clusters())
def test_boxes_are_apart_and_inside(draw_picture, cluster):
    picture = draw_picture(cluster)
    assert picture.width in (layout.WIDE, layout.TALL)
    for box in picture.boxes:
        assert box.x >= 1
        assert box.y >= 0
        assert box.right <= picture.width - 1
        assert box.bottom <= picture.height - 1
    for a, b in itertools.combinations(picture.boxes, 2):
        assert apart(a, b), (a, b)
    for line in picture.lines:
        for x, y in line.points:
            assert 0 <= x <= picture.width
            assert 0 <= y <= picture.height


@pytest.mark.parametrize("draw_picture", PICTURES)
@given(cluster=clusters())
def test_every_host_has_a_box_or_a_cell(draw_picture, cluster):
    picture = draw_picture(cluster)
    titles = [each.title for each in (*picture.boxes, *picture.cells)]
    for item in (*cluster.directors, *cluster.servers):
        assert any(title.startswith(item.name) for title in titles)
    for vip in cluster.vips:
        assert any(title.startswith(f"{vip.address}: ") for title in titles)
    assert len(titles) <= 4 + len(cluster.directors) + len(cluster.servers) + len(cluster.vips)


@pytest.mark.parametrize("draw_picture", PICTURES)
@given(cluster=clusters())
def test_texts_stay_in_their_box_and_apart(draw_picture, cluster):
    for box in draw_picture(cluster).boxes:
        for text in box.texts:
            begin, end = extent(text)
            assert box.x <= begin
            assert end <= box.right
            assert box.y < text.y < box.bottom
            assert text.text.isprintable()
        for a, b in itertools.combinations(box.texts, 2):
            (a1, a2), (b1, b2) = extent(a), extent(b)
            assert abs(a.y - b.y) > 10 or a2 <= b1 or b2 <= a1, (a, b)


@pytest.mark.parametrize("draw_picture", PICTURES)
@pytest.mark.parametrize("number", [32, 64, 200, 1000])
def test_cells_are_inside_their_box_and_apart(draw_picture, number):
    found = shown(examples.large(servers=number))
    picture = draw_picture(found)
    [grid] = [box for box in picture.boxes if box.kind == "grid"]
    assert len(picture.cells) == len(found.servers)
    lowest = max(cell.y + cell.size for cell in picture.cells)
    assert len({(cell.x, cell.y) for cell in picture.cells}) == len(picture.cells)
    for cell in picture.cells:
        assert grid.x < cell.x
        assert cell.x + cell.size < grid.right
    assert lowest < grid.bottom
    assert not [text for text in grid.texts if grid.y + 45 < text.y < lowest + 12]


def test_drained_and_failed_are_also_dashed():
    kinds = {line.kind for line in layout.wide(shown(examples.faulty())).lines}
    assert kinds == {"flow", "drained", "failed", "answer"}
    style = (page._HERE / "page.css").read_text()
    for kind in ("drained", "failed", "strange"):
        [rule] = [line for line in style.splitlines() if line.startswith(f".k-{kind} ")]
        assert "stroke-dasharray" in rule


def test_many_lines_meet_in_one_point():
    lines = layout.wide(shown(examples.scale_out())).lines
    assert len(lines) < 60
    [hub] = {
        line.points[1] for line in lines if line.points[1][0] < 520 and line.points[0][0] > 400
    }
    assert 446 < hub[0] < 520
