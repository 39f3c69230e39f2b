# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the picture of the status has what: boxes, lines and texts, in pixels.

Pure. There are two pictures of the same boxes: a wide one with a column each for clients, VIPs,
directors and real servers, and a tall one, in which these are below each other. Many boxes of a
kind get one line each, and even more become the cells of one box, which lists the odd ones.

The widths of texts are estimates, since fonts differ, and long names are cut: the tables have them
whole.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ansible_collections.lvs.cluster.plugins.plugin_utils.status_page.view import (
    ACTIVE,
    DRAINED,
    OUT,
    SERVING,
    Director,
    Server,
    State,
    View,
    Vip,
    short,
)

#: More boxes of a kind than this have one line each; more than the other are cells of one box.
ROOMY, ROWS = 8, 24
#: How many odd ones a box with cells lists.
LISTED = 8
#: More lines than this between two columns meet in one point.
SEPARATE = 40

WIDE, TALL = 1180, 350
_TOP = 34  # below the headings of columns
_GAP = 10
_PAD = 12
#: The size of each kind of text, as in page.css.
SIZES = {"name": 14, "word": 12.5, "small": 11.5, "mono": 11.5, "head": 11}


class Text(NamedTuple):
    """A text with its style, a key of `SIZES`, and the tone of its colour."""

    x: float
    y: float
    text: str
    style: str
    tone: str = ""
    anchor: str = "start"
    turned: bool = False


class Box(NamedTuple):
    """A box; ``share`` is how much of its lower edge shows its share of the rate."""

    kind: str
    x: float
    y: float
    w: float
    h: float
    tone: str
    texts: tuple[Text, ...]
    title: str
    share: float = 0

    @property
    def right(self) -> float:
        """Where it ends at the right."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """Where it ends below."""
        return self.y + self.h

    @property
    def middle(self) -> float:
        """Half of its height."""
        return self.y + self.h / 2

    @property
    def center(self) -> float:
        """Half of its width."""
        return self.x + self.w / 2


class Cell(NamedTuple):
    """One of many in a box; ``level`` is from 1 to 4, by its rate."""

    x: float
    y: float
    size: float
    tone: str
    level: int
    title: str


class Line(NamedTuple):
    """A line through points, by curves or by straight lines with round corners."""

    path: str
    kind: str
    width: float
    points: tuple[tuple[float, float], ...]
    arrow: bool = False


class Picture(NamedTuple):
    """What is drawn: lines below boxes, texts and cells above them."""

    width: float
    height: float
    lines: tuple[Line, ...]
    boxes: tuple[Box, ...]
    cells: tuple[Cell, ...]
    texts: tuple[Text, ...]


class _Item(NamedTuple):
    """What one box shows, before it has a place."""

    name: str
    state: State
    words: str
    second: str
    second_right: str
    rate: int
    mono: bool
    title: str
    second_tone: str = "muted"


def text_width(text: str, style: str) -> float:
    """Return about how wide a text is; rather too much than too little."""
    return sum(map(_mono if style == "mono" else _width, text)) * SIZES[style]


def fit(text: str, width: float, style: str) -> str:
    """Return a text in one line, cut to a width."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if text_width(text, style) <= width:
        return text
    while text and text_width(text + "…", style) > width:
        text = text[:-1]
    return f"{text}…"


def _width(char: str) -> float:
    if unicodedata.east_asian_width(char) in "WF":
        return 1.1
    if char in "iljtfI.,:;|!'`()[] ":
        return 0.38
    if char in "mwMW@%&—…":
        return 1.0
    if char.isascii():
        return 0.72 if char.isupper() else 0.62
    return 1.0


def _mono(char: str) -> float:
    return 1.1 if unicodedata.east_asian_width(char) in "WF" else 0.62


def wide(view: View) -> Picture:
    """Return the picture for a wide page."""
    return _Wide(view).picture()


def tall(view: View) -> Picture:
    """Return the picture for a narrow page."""
    return _Tall(view).picture()


def _vip_item(vip: Vip) -> _Item:
    services = ", ".join(vip.services) or "no service"
    rate = f"{short(vip.rate)}/s" if vip.rate else ""
    return _Item(
        vip.address, vip.state, vip.state.word, services, rate, vip.rate, True,
        f"{vip.address}: {services}; {vip.state.word}",
    )  # fmt: skip


def _director_item(director: Director) -> _Item:
    loads = f"{short(director.rate)}/s · {short(director.active)} active"
    differs = f"{director.findings} finding{'s' if director.findings != 1 else ''}"
    return _Item(
        director.name, director.state, director.state.word,
        differs if director.findings else director.detail,
        loads if director.state == ACTIVE else "", director.rate, False,
        f"{director.name}: {director.state.word}, {director.detail}",
        "warning" if director.findings else "muted",
    )  # fmt: skip


def _server_item(server: Server) -> _Item:
    loads = f"{short(server.rate)}/s · {short(server.active)} active"
    return _Item(
        server.name, server.state, server.words, server.address,
        loads if server.state.word != "not read" else "", server.rate, False,
        f"{server.name}, {server.address}: {server.words}, {loads}",
    )  # fmt: skip


class _Layout:
    """What both pictures share."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.boxes: list[Box] = []
        self.cells: list[Cell] = []
        self.lines: list[Line] = []
        self.texts: list[Text] = []
        self.most = max((s.rate for s in view.servers), default=0)
        self.busiest = max([*(v.rate for v in view.vips), *(d.rate for d in view.directors)] or [0])

    def line_width(self, rate: float, most: float) -> float:
        """Return how thick the line of a rate is."""
        return 1.5 + 4.5 * math.sqrt(rate / most) if rate and most else 1.5

    def column(self, kind: str, items: Sequence[_Item], x: float, y: float, w: float) -> list[Box]:
        """Place boxes below each other; return one for each item, the same one for cells."""
        if len(items) > ROWS:
            return [self.grid(kind, items, x, y, w)] * len(items)
        height, gap = self.heights(len(items))
        placed = []
        for number, item in enumerate(items):
            top = y + number * (height + gap)
            placed.append((self.row if height < 40 else self.card)(kind, item, x, top, w, height))
        self.boxes += placed
        return placed

    def heights(self, number: int) -> tuple[float, float]:
        """Return the height of a box and the gap after it."""
        return (27, 5) if number > ROOMY else (50, _GAP)

    def height(self, items: Sequence[_Item], w: float) -> float:
        """Return how high a column is."""
        if len(items) > ROWS:
            return _grid_height(items, w)
        height, gap = self.heights(len(items))
        return max(len(items) * (height + gap) - gap, 0)

    def card(self, kind: str, item: _Item, x: float, y: float, w: float, h: float) -> Box:
        """Return a box with two lines of text."""
        left, right = x + _PAD + 4, x + w - _PAD
        room = right - left
        words = fit(item.words, room * 0.55, "word")
        style = "mono" if item.mono else "name"
        name = fit(item.name, room - text_width(words, "word") - 8, "name")
        second_right = fit(item.second_right, room * 0.62, "small")
        mono = kind == "server"
        second = fit(
            item.second,
            room - (text_width(second_right, "small") + 8 if second_right else 0),
            "mono" if mono else "small",
        )
        found = [
            Text(left, y + 21, name, "name", "mono" if style == "mono" else ""),
            Text(right, y + 21, words, "word", item.state.tone, "end"),
            Text(left, y + 39, second, "mono" if mono else "small", item.second_tone),
            Text(right, y + 39, second_right, "small", "muted", "end"),
        ]
        return self.box(kind, item, x, y, w, h, found)

    def row(self, kind: str, item: _Item, x: float, y: float, w: float, h: float) -> Box:
        """Return a box with one line of text."""
        left, right = x + _PAD + 4, x + w - _PAD
        room = right - left
        words = fit(item.words, room * 0.5, "word")
        rate = f"{short(item.rate)}/s" if item.rate and kind != "vip" else ""
        width = text_width(words, "word") + (58 if rate else 0)
        found = [
            Text(left, y + 18, fit(item.name, room - width - 8, "name"), "name"),
            Text(right - text_width(words, "word") - 8, y + 18, rate, "small", "muted", "end"),
            Text(right, y + 18, words, "word", item.state.tone, "end"),
        ]
        return self.box(kind, item, x, y, w, h, found)

    def box(
        self, kind: str, item: _Item, x: float, y: float, w: float, h: float, texts: list[Text]
    ) -> Box:
        """Return a box; a real server's has a bar."""
        share = item.rate / self.most if kind == "server" and self.most else 0
        return Box(
            kind, x, y, w, h, item.state.tone, tuple(t for t in texts if t.text), item.title, share
        )

    def grid(self, kind: str, items: Sequence[_Item], x: float, y: float, w: float) -> Box:
        """Place a box with a cell for each item, and the names of those that are odd."""
        size, across = _cells(len(items), w)
        most = max(item.rate for item in items) or 1
        for number, item in enumerate(items):
            level = math.ceil(4 * item.rate / most) or 1
            place = x + _PAD + number % across * (size + 3), y + 52 + number // across * (size + 3)
            self.cells.append(Cell(*place, size, item.state.tone, level, item.title))
        odd = [item for item in items if item.state.tone != "ok"]
        odd.sort(key=lambda item: ("error", "unknown", "warning").index(item.state.tone)
                 if item.state.tone in ("error", "unknown", "warning") else 3)  # fmt: skip
        top = y + 52 + math.ceil(len(items) / across) * (size + 3) + 16
        what = {"vip": "VIPs", "director": "directors", "server": "real servers"}[kind]
        fine = {"vip": "held", "director": "active", "server": "serving"}[kind]
        texts = [
            Text(x + _PAD, y + 22, f"{len(items)} {what}", "name"),
            Text(x + w - _PAD, y + 22, f"{len(items) - len(odd)} {fine}", "word", "ok", "end"),
            Text(x + _PAD, y + 40, "a cell each; stronger colour is busier", "small", "muted"),
        ]
        for number, item in enumerate(odd[:LISTED]):
            base = top + number * 18
            words = fit(item.words, w * 0.5, "word")
            name = fit(item.name, w - 3 * _PAD - text_width(words, "word"), "small")
            texts.append(Text(x + _PAD, base, name, "small"))
            texts.append(Text(x + w - _PAD, base, words, "word", item.state.tone, "end"))
        if len(odd) > LISTED:
            more = f"and {len(odd) - LISTED} more, in the tables"
            texts.append(Text(x + _PAD, top + LISTED * 18, more, "small", "muted"))
        worst = next((t for t in ("error", "warning") if t in {i.state.tone for i in odd}), "ok")
        box = Box(
            "grid", x, y, w, _grid_height(items, w), worst, tuple(texts), f"{len(items)} {what}"
        )
        self.boxes.append(box)
        return box

    def clients(self, x: float, y: float, w: float) -> Box:
        """Return the box of the clients."""
        view = self.view
        names = ", ".join(view.clients) if view.probes is not None else ""
        tone = "error" if view.probes is not None and _unanswered(view) else "idle"
        texts = [
            Text(x + w / 2, y + 24, "clients", "name", "", "middle"),
            Text(x + w / 2, y + 43, fit(view.client_words, w - 12, "small"), "small", "muted",
                 "middle"),
            Text(x + w / 2, y + 61, fit(names, w - 12, "small"), "small", "muted", "middle"),
        ]  # fmt: skip
        texts = [text for text in texts if text.text]
        height = 12 + 18.5 * len(texts)
        return Box("clients", x, y, w, height, tone, tuple(texts), f"clients {names}".strip())


def _unanswered(view: View) -> bool:
    return any(probe.problems for probe in view.probes or ())


def _cells(number: int, w: float) -> tuple[float, int]:
    """Return the size of cells that make a block a third as high as wide, and how many in a row."""
    room = w - 2 * _PAD
    size = max(6.0, min(17.0, math.sqrt(room * room * 0.5 / number) - 3))
    return size, max(1, int((room + 3) // (size + 3)))


def _grid_height(items: Sequence[_Item], w: float) -> float:
    size, across = _cells(len(items), w)
    odd = sum(item.state.tone != "ok" for item in items)
    listed = min(odd, LISTED) + (odd > LISTED)
    return 52 + math.ceil(len(items) / across) * (size + 3) + (listed * 18 + 8 if listed else 6)


def _curve(a: tuple[float, float], b: tuple[float, float]) -> str:
    half = (a[0] + b[0]) / 2
    return f"M{a[0]:g} {a[1]:g}C{half:g} {a[1]:g} {half:g} {b[1]:g} {b[0]:g} {b[1]:g}"


def _polyline(points: Sequence[tuple[float, float]], radius: float = 10) -> str:
    """Return a path of straight lines with round corners."""
    path = "M{:g} {:g}".format(*points[0])
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _toward(at, before, radius), _toward(at, after, radius)
        path += "L{:g} {:g}Q{:g} {:g} {:g} {:g}".format(*near, *at, *far)
    return path + "L{:g} {:g}".format(*points[-1])


def _toward(a: tuple[float, float], b: tuple[float, float], distance: float) -> tuple[float, float]:
    """Return the point at a distance from a to b, or halfway if that is less."""
    length = math.hypot(b[0] - a[0], b[1] - a[1]) or 1
    part = min(distance / length, 0.5)
    return round(a[0] + (b[0] - a[0]) * part, 1), round(a[1] + (b[1] - a[1]) * part, 1)


def line_kind(state: State) -> str:
    """Return how a line to something in that state is drawn."""
    if state == SERVING:
        return "flow"
    return {"warning": "drained", "error": "failed", "unknown": "strange"}.get(state.tone, "idle")


class _Wide(_Layout):
    """The picture for a wide page."""

    CLIENTS, VIPS, DIRECTORS, SERVERS = (2, 124), (196, 250), (520, 268), (858, 320)

    def picture(self) -> Picture:
        """Return the picture."""
        view = self.view
        vips = list(map(_vip_item, view.vips))
        directors = list(map(_director_item, view.directors))
        servers = list(map(_server_item, view.servers))
        columns = (
            ("vip", vips, *self.VIPS),
            ("director", directors, *self.DIRECTORS),
            ("server", servers, *self.SERVERS),
        )
        middle = _TOP + max(80, *(self.height(items, w) for _kind, items, _x, w in columns)) / 2
        clients = self.clients(self.CLIENTS[0], 0, self.CLIENTS[1])
        clients = _moved(clients, middle - clients.h / 2)
        self.boxes.append(clients)
        vip_boxes, director_boxes, server_boxes = (
            self.column(kind, items, x, middle - self.height(items, w) / 2, w)
            for kind, items, x, w in columns
        )
        for title, (x, _w) in (
            ("CLIENTS", self.CLIENTS),
            ("VIPS", self.VIPS),
            ("DIRECTORS", self.DIRECTORS),
            ("REAL SERVERS", self.SERVERS),
        ):
            self.texts.append(Text(x, 16, title, "head", "muted"))
        self.to_vips(clients, vip_boxes)
        self.to_directors(vip_boxes, director_boxes)
        self.to_servers(director_boxes, server_boxes)
        bottom = max(box.bottom for box in self.boxes)
        bottom = self.answers(clients, director_boxes, server_boxes, bottom)
        return Picture(
            WIDE, math.ceil(bottom + 8), tuple(self.lines), tuple(self.boxes), tuple(self.cells),
            tuple(self.texts),
        )  # fmt: skip

    def to_vips(self, clients: Box, boxes: Sequence[Box]) -> None:
        """Draw lines from the clients to the VIPs."""
        for vip, box in _unique(self.view.vips, boxes):
            kind = "failed" if vip.state.tone == "error" else "flow"
            kind = "idle" if vip.state.tone == "idle" else kind
            self.connect(clients, box, kind, self.line_width(vip.rate, self.busiest))

    def to_directors(self, vips: Sequence[Box], directors: Sequence[Box]) -> None:
        """Draw lines from each VIP to the directors that hold it."""
        by_name = dict(zip((d.name for d in self.view.directors), directors, strict=True))
        pairs: dict[tuple[Box, Box], tuple[str, float]] = {}
        for vip, box in zip(self.view.vips, vips, strict=True):
            kind = "failed" if vip.state.tone == "error" else "flow"
            for holder in vip.holders:
                width = self.line_width(vip.rate / len(vip.holders), self.busiest)
                pairs[box, by_name[holder]] = kind, width
        self.bundle(pairs)

    def to_servers(self, directors: Sequence[Box], servers: Sequence[Box]) -> None:
        """Draw lines from the directors to their real servers."""
        by_name = dict(zip((d.name for d in self.view.directors), directors, strict=True))
        rates = {d.name: d.rate for d in self.view.directors}
        one = len(set(servers)) < len(servers)  # they are cells
        pairs: dict[tuple[Box, Box], tuple[str, float]] = {}
        for server, box in zip(self.view.servers, servers, strict=True):
            for name in server.directors:
                width = self.line_width(
                    rates[name] if one else server.rate / len(server.directors),
                    self.busiest if one else self.most,
                )
                kind = "flow" if one else line_kind(server.state)
                pairs[by_name[name], box] = kind, width
        self.bundle(pairs)

    def bundle(self, pairs: dict[tuple[Box, Box], tuple[str, float]]) -> None:
        """Draw lines between boxes, by one point if there are many."""
        if len(pairs) <= SEPARATE:
            for (a, b), (kind, width) in pairs.items():
                self.connect(a, b, kind, width)
            return
        left, right = (list(dict.fromkeys(p[side] for p in pairs)) for side in (0, 1))
        x = (left[0].right + right[0].x) / 2
        ys = [box.middle for box in (*left, *right)]
        hub = x, (min(ys) + max(ys)) / 2
        for box in left:
            self.curve((box.right, box.middle), hub, "flow", 1.5)
        for box in right:
            kinds = {kind for (_a, b), (kind, _w) in pairs.items() if b == box}
            kind = kinds.pop() if len(kinds) == 1 else "flow"
            self.curve(hub, (box.x, box.middle), kind, 1.5)

    def connect(self, a: Box, b: Box, kind: str, width: float) -> None:
        """Draw a curve from the right of a box to the left of another one."""
        self.curve((a.right, a.middle), (b.x, b.middle), kind, width)

    def curve(
        self, a: tuple[float, float], b: tuple[float, float], kind: str, width: float
    ) -> None:
        """Draw a curve."""
        self.lines.append(Line(_curve(a, b), kind, round(width, 1), (a, b)))

    def answers(
        self, clients: Box, directors: Sequence[Box], servers: Sequence[Box], bottom: float
    ) -> float:
        """Draw how answers return, below everything; return where that ends."""
        if not servers:
            return bottom
        of_servers = max(box.bottom for box in servers)
        of_directors = max((box.bottom for box in directors), default=0)
        for number, (through, methods) in enumerate(self.view.returns):
            y, shift = bottom + 30, 40 * number
            start = servers[0].center - shift, of_servers
            end = clients.center - 14 * number, clients.bottom
            if through and directors:
                center = directors[0].center
                back = [start, (start[0], y), (center + 14, y), (center + 14, of_directors + 2)]
                self.answer(back)
                on = [(center - 14, of_directors), (center - 14, y), (end[0], y)]
                self.answer([*on, (end[0], end[1] + 2)])
                words, x = "answers return through the director", (center + start[0]) / 2
            else:
                self.answer([start, (start[0], y), (end[0], y), (end[0], end[1] + 2)])
                words, x = "answers bypass the directors", directors[0].center
            label = f"{words} ({', '.join(methods)})"
            self.texts.append(Text(x, y - 8, label, "small", "muted", "middle"))
            bottom = y
        return bottom

    def answer(self, points: Sequence[tuple[float, float]]) -> None:
        """Draw a dotted line with an arrow at its end."""
        self.lines.append(Line(_polyline(points), "answer", 1.5, tuple(points), arrow=True))


def _moved(box: Box, y: float) -> Box:
    """Return a box at another height, with its texts."""
    texts = tuple(text._replace(y=text.y + y - box.y) for text in box.texts)
    return box._replace(y=y, texts=texts)


def _unique(vips: Sequence[Vip], boxes: Sequence[Box]) -> Iterator[tuple[Vip, Box]]:
    """Yield each VIP with its box; of those in one box, the one with the greatest rate."""
    best: dict[Box, Vip] = {}
    for vip, box in zip(vips, boxes, strict=True):
        if box not in best or vip.rate > best[box].rate:
            best[box] = vip
    yield from ((vip, box) for box, vip in best.items())


class _Tall(_Layout):
    """The picture for a narrow page."""

    LEFT, RIGHT = 24, 30

    def picture(self) -> Picture:
        """Return the picture."""
        view = self.view
        x, w = self.LEFT, TALL - self.LEFT - self.RIGHT
        clients = self.clients(x, 2, w)
        self.boxes.append(clients)
        y = clients.bottom
        placed: list[list[Box]] = []
        for kind, title, items in (
            ("vip", "VIPS", list(map(_vip_item, view.vips))),
            ("director", "DIRECTORS", list(map(_director_item, view.directors))),
            ("server", "REAL SERVERS", list(map(_server_item, view.servers))),
        ):
            self.texts.append(Text(x, y + 26, title, "head", "muted"))
            placed.append(self.column(kind, items, x, y + 36, w))
            y = max([y + 36, *(box.bottom for box in placed[-1])])
        vips, directors, servers = placed
        self.requests(clients, vips, directors, servers)
        self.answers(clients, directors, servers)
        return Picture(
            TALL, math.ceil(y + 4), tuple(self.lines), tuple(self.boxes), tuple(self.cells),
            tuple(self.texts),
        )  # fmt: skip

    def requests(
        self, clients: Box, vips: Sequence[Box], directors: Sequence[Box], servers: Sequence[Box]
    ) -> None:
        """Draw lines at the left: to the VIPs, on to the directors, on to the real servers."""
        view, edge = self.view, self.LEFT
        for vip, box in _unique(view.vips, vips):
            kind = {"error": "failed", "idle": "idle"}.get(vip.state.tone, "flow")
            width = self.line_width(vip.rate, self.busiest)
            self.bracket(clients.middle, box.middle, edge - 16, kind, width)
        # The trunk to the directors begins at the last VIP, where that to the VIPs ends.
        active = [box for d, box in zip(view.directors, directors, strict=True) if d.vips or
                  d.state == ACTIVE]  # fmt: skip
        if vips:
            for box in dict.fromkeys(active):
                self.bracket(vips[-1].middle, box.middle, edge - 8, "flow", 2)
        if not active:
            return
        drawn: set[Box] = set()
        for server, box in zip(view.servers, servers, strict=True):
            if box not in drawn and server.directors:
                drawn.add(box)
                grid = box.kind == "grid"
                kind = "flow" if grid else line_kind(server.state)
                self.bracket(active[-1].middle, box.middle, edge - 16, kind, 2)

    def bracket(self, top: float, bottom: float, x: float, kind: str, width: float) -> None:
        """Draw a line from the left of a box to the left of a lower one."""
        points = [(self.LEFT, top), (x, top), (x, bottom), (self.LEFT, bottom)]
        self.lines.append(Line(_polyline(points, 6), kind, round(width, 1), tuple(points)))

    def answers(self, clients: Box, directors: Sequence[Box], servers: Sequence[Box]) -> None:
        """Draw how answers return, at the right."""
        if not servers:
            return
        right = TALL - self.RIGHT
        for number, (through, _methods) in enumerate(self.view.returns):
            x = right + 8 + 7 * number
            start, end = servers[0].middle + 5 * number, clients.middle + 5 * number
            if through and directors:
                at = directors[0].middle
                self.answer([(right, start), (x, start), (x, at + 5), (right + 2, at + 5)])
                self.answer([(right, at - 5), (x, at - 5), (x, end), (right + 2, end)])
            else:
                self.answer([(right, start), (x, start), (x, end), (right + 2, end)])
        words = {False: "bypass the directors", True: "return through the director"}
        label = "answers " + ", ".join(f"{words[t]} ({', '.join(m)})" for t, m in self.view.returns)
        middle = (clients.middle + servers[0].middle) / 2
        room = servers[0].middle - clients.middle
        text = fit(label, room, "small")
        self.texts.append(Text(TALL - 3, middle, text, "small", "muted", "middle", turned=True))

    def answer(self, points: Sequence[tuple[float, float]]) -> None:
        """Draw a dotted line with an arrow at its end."""
        self.lines.append(Line(_polyline(points, 6), "answer", 1.5, tuple(points), arrow=True))


#: States that the legend explains, with the kind of their lines.
LEGEND = (
    ("flow", "new connections, thicker is more"),
    ("drained", DRAINED.word),
    ("failed", f"{OUT.word}, missing, or held by the wrong directors"),
    ("answer", "answers"),
)
