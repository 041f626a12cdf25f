"""The page in a real browser, beside a network that is made up."""

import threading

import pytest

from jvlgs_jax.serve.address import address_of, listen, names_of
from jvlgs_jax.serve.app import AppConfig
from jvlgs_jax.serve.server import make_server

pytestmark = pytest.mark.slow

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def address(station):
    with listen("127.0.0.1", 0) as listener:
        server = make_server(station, AppConfig(names=names_of("127.0.0.1"), max_upload_mib=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield address_of(listener, "127.0.0.1")
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture
def page(browser, address):
    """The page; at the end, nothing of it has failed or come from elsewhere."""
    page = browser.new_page(viewport=DESKTOP)
    page.set_default_timeout(60_000)
    troubles, requests = [], []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    page.wait_for_selector("text=Model: bright")
    yield page
    expected = [trouble for trouble in troubles if "400 (Bad Request)" in trouble]  # told on the page too
    page.close()
    assert troubles == expected
    assert {url for url in requests if not url.startswith((address, "data:", "blob:"))} == set()


def _verdict(page, word):
    page.wait_for_function("word => document.getElementById('word').textContent === word", arg=word)


def _is_too_wide(page):
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def _audit(page, grave_violations):
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        assert grave_violations(page) == []
        assert not _is_too_wide(page)
    page.set_viewport_size(DESKTOP)


def test_a_video_is_dropped_watched_tuned_and_its_report_taken_along(page, clip, network, grave_violations, tmp_path):
    _audit(page, grave_violations)
    page.set_input_files("#file", clip)
    _verdict(page, "1 alarm.")
    assert "Alarm 1: 0:00.1 to 0:00.7" in page.text_content("#events")
    assert page.locator("#probability rect.alarmed").count() == 2
    assert "The largest is 0.90." in page.get_attribute("#probability", "aria-label")
    assert page.is_visible("#replay")
    assert (
        page.evaluate(
            "new Promise(done => { const v = document.getElementById('replay');"
            " v.readyState ? done(v.videoWidth) : v.onloadedmetadata = () => done(v.videoWidth); })"
        )
        == 64
    )
    _audit(page, grave_violations)
    with page.expect_download() as download:
        page.click("text=Report: report.html")
    assert "Gas in clip.mp4" in download.value.path().read_text()

    # With the keyboard alone: a threshold that nothing exceeds, then the defaults again.
    page.focus("#high")
    page.keyboard.press("End")
    page.focus("#apply")
    page.keyboard.press("Enter")
    _verdict(page, "Nothing found.")
    assert network.asked == 12  # frames: the answers are kept
    page.click("#reset")
    page.click("#apply")
    _verdict(page, "1 alarm.")


def test_regions_are_drawn_or_written_and_what_does_not_fit_is_told(page, clip, grave_violations):
    page.set_input_files("#file", clip)
    _verdict(page, "1 alarm.")
    page.click("#include")
    box = page.locator("#layer").bounding_box()
    for x, y in ((0.75, 0.05), (0.99, 0.05), (0.99, 0.9)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.click("#close-polygon")
    assert "To watch: 3 corners from (48, 2)" in page.text_content("#polygons")
    page.click("#apply")
    _verdict(page, "Nothing found.")
    page.wait_for_selector("text=Regions: regions.json")
    assert "--regions=regions.json" in page.text_content("#command")
    _audit(page, grave_violations)

    page.reload()  # the settings are still there
    page.wait_for_selector("text=To watch: 3 corners")
    page.click("text=Corners as text")
    page.fill("#text", '{"exclude": [[[0, 0], [500, 0], [9, 9]]]}')
    page.click("#use-text")
    page.click("#apply")
    page.wait_for_selector("#problem:has-text('corner [500, 0] lies out of the picture of 64x48 pixels')")
    assert page.get_attribute("#problem", "role") == "alert"
    page.click("text=Remove")
    page.click("#apply")
    _verdict(page, "1 alarm.")
    assert page.is_hidden("#problem")


def test_a_file_that_is_no_video_is_told_on_the_page(page, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("no video")
    page.set_input_files("#file", notes)
    page.wait_for_selector("#problem:has-text('notes.txt: not a video file')")
    (tmp_path / "long.mp4").write_bytes(bytes(2 << 20))
    page.set_input_files("#file", tmp_path / "long.mp4")
    page.wait_for_selector("#problem:has-text('long.mp4: larger than 1 MiB')")
    assert page.is_hidden("#screen")
