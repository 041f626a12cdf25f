import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from jvlgs_jax.inference.alarms import AlarmConfig, AlarmStream
from jvlgs_jax.inference.frame_table import FrameRow
from jvlgs_jax.inference.report import Findings, clock, render_report, verdict
from jvlgs_jax.inference.snapshots import Snapshots
from jvlgs_jax.inference.summary import Summary
from jvlgs_jax.inference.timeline import Timeline

VOID = {"meta", "img", "link", "br", "hr", "input"}
RATE = 15.0


class Page(HTMLParser):
    """The elements of a page, in order; fails where an end tag does not fit its start tag."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append((tag, len(self.elements) - 1))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, index in self.open:
            self.text[index] = self.text.get(index, "") + data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def texts(self, tag):
        return [self.text.get(i, "").strip() for i, (name, _) in enumerate(self.elements) if name == tag]


def _findings(letters, title="clip.mp4", **about):
    """A letter a frame: A gas, ! the camera moves, . nothing. Alarms need 2 of 2 frames."""
    stream = AlarmStream(AlarmConfig(window_s=2 / RATE, persistence=1.0, refractory_s=0.0), RATE)
    timeline, snapshots, counts = Timeline(), Snapshots(), [0, 0, 0, 0]
    for frame, letter in enumerate(letters):
        area = (10 + frame, (10 + frame) / 1000, 1, 2, 3, 4) if letter == "A" else (0, 0.0)
        row = FrameRow(frame, frame / RATE, 0.9 if letter == "A" else 0.1, *area)
        step = stream.push(row, suspended=letter == "!")
        row = row._replace(alarm=int(step.alarm is not None), suspended=int(letter == "!"))
        timeline.push(row)
        if step.alarm:
            snapshots.see(row, np.full((30, 40, 3), 128, np.uint8))
        if step.ended:
            snapshots.end(step.ended)
        counts = [a + b for a, b in zip(counts, [row.area_px > 0, row.alarm, row.suspended, step.raised], strict=True)]
    last = stream.finish()
    if last:
        snapshots.end(last)
    gas, alarmed, suspended, alarms = counts
    return Findings(
        title=title,
        frames_per_second=RATE,
        made=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        evidence=0.5,
        summary=Summary(
            frames=len(letters),
            frames_with_gas=gas,
            frames_in_alarm=alarmed,
            frames_suspended=suspended,
            alarms=alarms,
        ),
        spans=timeline.spans,
        snapshots=snapshots.in_order(),
        about=about or {"rule": {"name": "confidence_gate", "low": 0.25, "prompts": ["white steam", "smoke"]}},
    )


@pytest.fixture(scope="module")
def page():
    return Page(render_report(_findings("..AAA...!!..AAAA")))


def test_the_page_stands_alone(page):
    text = render_report(_findings("AA"))
    assert not re.findall(r"<script|<link|@import|url\((?!#)|src=\"(?!data:)|href=", text)
    assert "http" not in re.sub(r"http://www.w3.org/\S+", "", text)


def test_a_phone_and_a_screen_reader_can_read_it(page):
    assert page.all("html") == [{"lang": "en"}]
    assert any("width=device-width" in meta.get("content", "") for meta in page.all("meta"))
    assert page.texts("title") == ["clip.mp4: 2 alarms"]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert len(page.all("main")) == 1
    assert all(image["alt"] for image in page.all("img"))
    assert all(heading["scope"] == "row" for heading in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    for picture in page.all("svg"):
        assert picture.get("aria-hidden") == "true" or (picture["role"] == "img" and picture["aria-label"])
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(names)) == len(names)
    assert {section["aria-labelledby"] for section in page.all("section")} <= set(names)


def test_every_alarm_has_a_picture_and_its_times(page):
    assert page.texts("h3") == ["Alarm 1: 0:00.1 to 0:00.3", "Alarm 2: 0:00.8 to 0:01.0"]
    for image in page.all("img"):
        encoded = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"))
        shown = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape[:2] == (int(image["height"]), int(image["width"])) == (30, 40)
    assert "Frame 4 at 0:00.3: an outline around 14 pixels marked as gas, 3 x 4 pixels from (1, 2)." in [
        image["alt"] for image in page.all("img")
    ]


def test_a_picture_of_an_alarm_without_a_mask_says_so():
    findings = _findings("..AA..")
    (snapshot,) = findings.snapshots
    empty = snapshot._replace(row=FrameRow(snapshot.row.frame, snapshot.row.time_s, 0.6, 0, 0.0))
    page = Page(render_report(replace(findings, snapshots=[empty])))
    assert [image["alt"] for image in page.all("img")] == ["Frame 3 at 0:00.2: nothing marked."]


def test_the_timeline_shows_probability_area_alarms_and_camera(page):
    probability, area = [svg for svg in page.all("svg") if "plot" in svg.get("class", "")]
    assert probability["viewbox"] == area["viewbox"] == "0 0 16 100"
    assert "largest probability is 0.90" in probability["aria-label"]
    assert "2.50% of the picture, at 0:01.0" in area["aria-label"]
    svg = ElementTree.fromstring(re.findall(r"<svg class=.*?</svg>", render_report(_findings("..AAA...!!")), re.S)[0])
    shades = [(rect.get("x"), rect.get("width")) for rect in svg.iter("rect") if rect.get("height") == "100"]
    assert shades == [("8", "2"), ("3", "2")]
    curve, level = (path.get("d") for path in svg.iter("path"))
    assert curve == "M0 100V90h1V90h1V10h1V10h1V10h1V90h1V90h1V90h1V90h1V90h1V100Z"
    assert level == "M0 50.0H10"


@pytest.mark.parametrize(
    ("letters", "word", "sentences"),
    [
        ("..AAA..AA", "2 alarms", ["Alarms were on for 0:00.2 of 0:00.6, the first from 0:00.2."]),
        ("AA", "1 alarm", ["Alarms were on for"]),
        ("..A..A", "Some gas, but no alarm", ["Something was marked in 2 of 6 frames"]),
        ("......", "Nothing found", ["That does not say that there is no leak"]),
        (".!!!", "Nothing found", ["For 0:00.2 the camera moved: no alarm could be on then."]),
        (".", "Nothing found", ["Nothing was marked in any frame."]),
    ],
)
def test_the_verdict_says_what_was_found_and_no_more(letters, word, sentences):
    found = _findings(letters)
    text = render_report(found)
    assert verdict(found.summary) == word
    assert f'<p class="word">{word}</p>' in text
    for sentence in sentences:
        assert sentence in text
    Page(text)


def test_settings_and_limits_are_told(page):
    cells = dict(zip(page.texts("th"), page.texts("td"), strict=True))
    assert cells["Low"] == "0.25"
    assert cells["Prompts"] == "white steam, smoke"
    assert "Limits of use" in page.texts("h2")


def test_names_are_text_and_never_markup():
    text = render_report(_findings("AA", title="<script>alert(1)</script>", model={"name": '"><img src=x>'}))
    assert "<script" not in text
    assert len(Page(text).all("img")) == 1


def test_many_alarms_make_a_page_that_opens():
    found = _findings(("AA" + 7 * ".") * 200)
    text = render_report(found)
    assert found.summary.alarms == 200
    assert len(Page(text).all("img")) == 24
    assert "The 24 with the largest areas of 200; events.json has all." in text
    assert "Each point is the largest of 2 frames." in text
    assert len(text) < 200_000


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0, "0:00.0"), (7.26, "0:07.3"), (59.96, "1:00.0"), (3727.3, "1:02:07.3")]
)
def test_times_are_read_like_a_clock(seconds, shown):
    assert clock(seconds) == shown


@pytest.mark.slow
def test_the_report_opens_in_a_browser_without_a_network(tmp_path, browser, grave_violations):
    file = tmp_path / "report.html"
    file.write_text(render_report(_findings("..AAA...!!..AAAA", model={"sha256": "0123456789abcdef" * 4})))
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(file.as_uri())
        assert page.evaluate("[...document.images].every(image => image.naturalWidth === 40)")
        assert grave_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {url for url in asked if not url.startswith("data:")} == {file.as_uri()}
    page.close()
