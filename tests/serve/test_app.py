import asyncio
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import jvlgs_jax.serve.app as app_module
import jvlgs_jax.serve.uploads as uploads_module
from jvlgs_jax.serve.app import AppConfig, make_app
from jvlgs_jax.serve.uploads import MIB
from tests.serve.conftest import wait_for

PAGE = Path(app_module.__file__).parent / "page"


@pytest.fixture
def client(station):
    app = make_app(station, AppConfig(max_upload_mib=1))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


def _send(client, clip, name="yard.mp4"):
    return client.post("/api/video", params={"name": name}, content=clip.read_bytes())


def _watch(client, **wish):
    answer = client.post("/api/watch", json=wish)
    if answer.status_code == 200:
        wait_for(lambda: client.get("/api/state").json()["watch"]["stage"] in ("done", "failed"))
    return answer


def test_from_a_video_to_its_report(client, clip):
    assert client.get("/api/state").json()["video"] is None
    assert client.get("/api/picture.jpg").status_code == 404
    assert client.get("/results/report.html").status_code == 404
    assert _send(client, clip).status_code == 200
    assert client.get("/api/picture.jpg").headers["content-type"] == "image/jpeg"
    assert _watch(client, rule={"high": 0.6}).status_code == 200
    state = client.get("/api/state").json()
    assert (state["watch"]["stage"], state["watch"]["alarms"]) == ("done", 1)
    report = client.get("/results/report.html")
    assert "Gas in yard.mp4" in report.text
    assert report.headers["content-disposition"].startswith("attachment")
    assert "script-src" not in report.headers["content-security-policy"]
    assert "sandbox" in report.headers["content-security-policy"]
    shown = client.get("/results/overlay.mp4?show", headers={"Range": "bytes=0-9"})
    assert (shown.status_code, len(shown.content)) == (206, 10)  # so that players can seek
    assert client.post("/api/stop").status_code == 200


def test_the_sample_clip_is_there_without_an_upload(client):
    assert client.post("/api/sample").status_code == 200
    assert client.get("/api/state").json()["video"]["name"] == "leak.mp4"


def test_the_page_needs_nothing_from_elsewhere(client):
    names = ["/", *(f"/{path.name}" for path in sorted(PAGE.iterdir()) if path.name != "index.html")]
    assert len(names) >= 4
    for name in names:
        answer = client.get(name)
        assert answer.status_code == 200
        assert not re.search(r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z]", re.sub(r"//[ ].*", "", answer.text))
        assert "style=" not in answer.text  # which the policy would block
    page = client.get("/").text
    linked = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page)
    imported = re.findall(r'from "\./([^"]+)"', client.get("/page.js").text)
    assert {f"/{name}" for name in [*linked, *imported]} == set(names) - {"/"}


def test_every_control_of_the_page_has_a_label():
    page = (PAGE / "index.html").read_text()
    labelled = set(re.findall(r'<label for="([^"]+)"', page))
    controls = set(re.findall(r'<(?:input|textarea)[^>]* id="([^"]+)"', page))
    assert controls
    assert controls <= labelled


@pytest.mark.parametrize(
    ("name", "content", "status", "words"),
    [
        ("a.mp4", (MIB + 1) * b"x", 413, "a.mp4: larger than 1 MiB"),
        ("a.exe", b"x", 400, "a.exe: not a video file"),
        ("../../a.mp4", b"no video", 400, "a.mp4: not a readable video"),
        ("a.mp4", b"", 400, "a.mp4: empty"),
        ("a.mp4", b"#EXTM3U\nfile:///etc/passwd", 400, "a playlist"),
    ],
)
def test_what_is_no_video_is_told_and_leaves_nothing(client, station, name, content, status, words):
    answer = client.post("/api/video", params={"name": name}, content=content)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]
    folder = station.new_folder()
    assert list(folder.parent.iterdir()) == [folder]


def test_a_body_of_unknown_length_is_cut_at_the_limit(client):
    def chunks():
        for _ in range(20):
            yield (MIB // 10) * b"x"

    answer = client.post("/api/video", params={"name": "a.mp4"}, content=chunks())
    assert answer.status_code == 413


def test_no_path_leads_out(client, clip):
    _send(client, clip)
    _watch(client)
    for path in (
        "/results/..%2f..%2f..%2fetc%2fpasswd",
        "/results/%2e%2e/secret",
        "/results/masks",
        "/page/index.html",
        "/..%2fapp.py",
        "/app.py",
        "/results/",
    ):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "error" in answer.json()


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"{", "application/json", 400, "settings: not JSON"),
        (b"[" * 100_000, "application/json", 400, "settings: not JSON"),
        (b'{"rule": {"high": 2}}', "application/json", 400, "high is 2.0, it must lie between 0 and 1"),
        (b"{}", "text/plain", 415, "application/json"),
        (300_000 * b" ", "application/json", 413, "larger than 256 KiB"),
    ],
)
def test_bad_settings_are_told(client, clip, content, kind, status, words):
    _send(client, clip)
    answer = client.post("/api/watch", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"address": "file:///etc/passwd"}, "no camera"),
        ({"address": 0}, "camera: must be an object with"),
        ([], "camera: must be an object with"),
        ({"address": "0", "frames_per_second": "fast"}, "frames_per_second is 'fast'"),
    ],
)
def test_what_is_no_camera_is_told(client, wish, words):
    answer = client.post("/api/camera", json=wish)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/watch", "/api/camera"])
@pytest.mark.parametrize(
    "body", [rb'{"regions": {"\ud800": false}}', rb'{"address": "\ud800"}', rb'{"rule": {"\ud800": "x"}}']
)
def test_letters_that_no_answer_can_repeat_are_refused(client, clip, path, body):
    _send(client, clip)
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "surrogates not allowed" in answer.json()["error"]
    assert client.get("/api/state").json()["wish"] is None


async def _half_an_upload(app, rest):
    """Sends half a video straight to the application, then awaits `rest()`; returns the answer's status."""
    arriving = [{"type": "http.request", "body": b"half", "more_body": True}]
    answers = []

    async def receive():
        return arriving.pop() if arriving else await rest()

    async def send(message):
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/video", "query_string": b"name=a.mp4"}
    await app({**scope, "headers": [(b"host", b"localhost")]}, receive, send)
    return answers[0]["status"]


async def _gone():
    return {"type": "http.disconnect"}


async def _stalled():
    await asyncio.Event().wait()


async def _ended():
    asyncio.current_task().cancel()
    await asyncio.sleep(20)


@pytest.mark.parametrize(("rest", "status"), [(_gone, 400), (_stalled, 408), (_ended, 503)])
def test_after_an_upload_that_breaks_off_the_next_one_is_taken(client, station, clip, monkeypatch, rest, status):
    monkeypatch.setattr(uploads_module, "PATIENCE_S", 0.05)
    assert asyncio.run(asyncio.wait_for(_half_an_upload(client.app, rest), 10)) == status
    folder = station.new_folder()
    assert list(folder.parent.iterdir()) == [folder]
    monkeypatch.undo()
    assert _send(client, clip).status_code == 200


def test_another_sites_page_can_do_nothing(client, clip):
    evil = {"Origin": "http://evil.example"}
    for path in ("/api/video?name=a.mp4", "/api/sample", "/api/camera", "/api/watch", "/api/stop"):
        assert client.post(path, headers=evil).status_code == 403
    assert client.get("/api/state", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/api/state").json()["video"] is None


def test_methods_that_are_not_offered_are_refused(client):
    assert client.get("/api/watch").status_code == 405
    assert client.delete("/api/video").status_code == 405


def test_the_end_of_the_server_removes_every_file(station, clip):
    with TestClient(make_app(station, AppConfig()), base_url="http://localhost") as client:
        _send(client, clip)
        folder = station.new_folder().parent
    assert not folder.exists()
