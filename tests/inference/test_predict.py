import dataclasses
import gc
import hashlib
import json
import tracemalloc

import cv2
import numpy as np
import pytest
from staged_runs import Network, camera, read_results, watch_config, write_images, write_video

from jvlgs_jax.data.video import open_video
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.inference.predict import predict
from jvlgs_jax.inference.provenance import describe_model
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.interop.fingerprint import fingerprint


@pytest.fixture(scope="module")
def segmenter(bundle):
    return Segmenter(bundle, clip_length=5)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["confidence_gate", "minmax_opening"])
@pytest.mark.parametrize("colored", [False, True])
def test_masks_table_and_overlay_tell_the_same_story(tmp_path, segmenter, rule, colored):
    video = open_video(write_video(tmp_path / "clip.mp4", 7, colored=colored))
    output = tmp_path / "out"
    output.mkdir()
    summary = predict(video, segmenter, watch_config(rule), output)

    names, masks, overlay, rate, rows = read_results(output)
    probabilities = np.stack(list(segmenter.probabilities(video)))
    stream = mask_rule(rule).stream()
    expected = np.stack([stream.push(probability) for probability in probabilities])
    assert names == [f"{index:06d}.png" for index in range(7)]
    np.testing.assert_array_equal(masks, 255 * expected)
    assert len(overlay) == 7
    assert rate == 15
    assert overlay.shape[1] > 48
    assert overlay.shape[2:] == (64, 3)
    assert [int(row["frame"]) for row in rows] == list(range(7))
    assert [float(row["time_s"]) for row in rows] == pytest.approx(np.arange(7) / 15, abs=1e-6)
    assert [float(row["max_probability"]) for row in rows] == pytest.approx(probabilities.max((1, 2)), abs=1e-6)
    assert [int(row["area_px"]) for row in rows] == list(expected.sum((1, 2)))
    assert summary.frames == 7
    assert summary.frames_with_gas == np.count_nonzero(expected.any((1, 2)))
    found = ["events.json", "frames.csv", "masks", "overlay.mp4", "report.html"]
    assert sorted(path.name for path in output.iterdir()) == found


def test_a_model_is_known_by_its_hash(bundle):
    said = describe_model("tiny", bundle)
    assert (said["name"], said["sha256"], said["planes"]) == ("tiny", fingerprint(bundle), "rgb")
    assert said["prompts"] == list(bundle.prompts)
    assert said["window"] == "look_ahead, step 1"
    assert "coarse_size" not in said
    assert describe_model("tiny", dataclasses.replace(bundle, coarse_size=(32, 64)))["coarse_size"] == [32, 64]
    json.dumps(said)


@pytest.mark.parametrize(("number", "size"), [(1, (48, 64)), (2, (33, 47))])
def test_short_videos_of_odd_size_are_answered_whole(tmp_path, segmenter, number, size):
    video = open_video(write_images(tmp_path / "frames", number, size))
    predict(video, segmenter, watch_config("minmax_opening"), tmp_path)
    _, masks, overlay, _, rows = read_results(tmp_path)
    assert masks.shape == (number, *size)
    assert len(overlay) == len(rows) == number


def test_16_bits_are_segmented_by_their_fractions_and_shown_as_grey(tmp_path):
    raw = np.random.default_rng(0).integers(9000, 9400, (4, 48, 64), dtype=np.uint16)
    (tmp_path / "frames").mkdir()
    for index, frame in enumerate(raw):
        cv2.imwrite(str(tmp_path / "frames" / f"{index}.tiff"), frame)
    seen = []

    class Watching(Network):
        def probabilities(self, frames, **more):
            for frame in frames:
                seen.append(frame[..., 0])
                yield np.zeros(frame.shape[:2], np.float32)

    predict(open_video(tmp_path / "frames"), Watching(), watch_config("confidence_gate"), tmp_path)
    slope, offset = np.polyfit(raw.ravel(), np.stack(seen).ravel(), 1)
    np.testing.assert_allclose(seen, slope * raw + offset, atol=1e-3)  # no rounding to whole levels
    shown = read_results(tmp_path)[2][:, :48].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(shown, np.mean(seen, axis=(1, 2)), atol=3)


def test_a_new_run_replaces_all_of_the_earlier_one(tmp_path, segmenter):
    for number in (5, 3):
        video = open_video(write_video(tmp_path / f"{number}.mp4", number))
        predict(video, segmenter, watch_config("confidence_gate"), tmp_path)
    names, _, overlay, _, rows = read_results(tmp_path)
    assert len(names) == len(overlay) == len(rows) == 3


def test_alarms_are_in_the_table_the_events_and_the_report(tmp_path):
    """Gas in frames 3 to 8 of 12, in the left half; looked for in the upper half."""

    class Left(Network):
        def probabilities(self, frames, **more):
            for index, frame in enumerate(frames):
                probability = np.zeros(frame.shape[:2], np.float32)
                probability[:, :32] = 0.9 if 3 <= index < 9 else 0.1
                yield probability

    watched = np.zeros((48, 64), bool)
    watched[:24] = True
    told = []
    clip = write_video(tmp_path / "clip.mp4", 12)
    summary = predict(
        open_video(clip),
        Left(),
        watch_config("confidence_gate:kernel=1", window_s=0.2, persistence=1.0),
        tmp_path,
        watched=watched,
        origin={"model": {"name": "left"}},
        tell=told.append,
    )
    rows = read_results(tmp_path)[-1]
    assert [row["alarm"] for row in rows] == ["0"] * 5 + ["1"] * 4 + ["0"] * 3
    assert [int(row["area_px"]) for row in rows] == [0] * 3 + [24 * 32] * 6 + [0] * 3
    assert (summary.alarms, summary.frames_in_alarm, summary.frames_with_gas, summary.frames) == (1, 4, 6, 12)
    assert [str(event.news) for event in told] == ["alarm_raised", "alarm_ended"]
    events = json.loads((tmp_path / "events.json").read_text())
    (alarm,) = events["events"]
    assert (alarm["type"], alarm["start_frame"], alarm["raised_frame"], alarm["end_frame"]) == ("alarm", 3, 5, 8)
    assert alarm["peak_box"] == {"x": 0, "y": 0, "width": 32, "height": 24}
    assert events["summary"] == vars(summary)
    assert events["alarm"]["window_s"] == 0.2
    assert events["model"] == {"name": "left"}
    assert events["video"]["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    report = (tmp_path / "report.html").read_text()
    assert "1 alarm" in report
    assert events["video"]["sha256"] in report


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(tmp_path):
    """Gas comes and goes, so that there are alarms to keep. A frame takes 9 kB, a point of the timeline 0.2."""

    class Pulse(Network):
        def probabilities(self, frames, **more):
            for index, frame in enumerate(frames):
                yield np.full(frame.shape[:2], 0.9 if index % 20 < 10 else 0.1, np.float32)

    held = {}

    def see(seen, picture):
        if seen.row.frame in (300, 1000):
            gc.collect()
            held[seen.row.frame] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        watch = watch_config("confidence_gate:kernel=1", window_s=0.2, refractory_s=0.0)
        summary = predict(camera(1001), Pulse(), watch, tmp_path, see=see)
    finally:
        tracemalloc.stop()
    assert summary.alarms == 50
    assert held[1000] < held[300] + 400_000
