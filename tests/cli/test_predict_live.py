import os
import signal
import time
from functools import partial

import numpy as np
import pytest

from cli.stand_in import Brightness, events, gas, predict, replace_network, white_square
from jvlgs_jax.cli import predict as cli_predict
from jvlgs_jax.cli import video_choice
from jvlgs_jax.data.live import open_live
from jvlgs_jax.inference import streaming


@pytest.fixture(autouse=True)
def network(monkeypatch):
    replace_network(monkeypatch)


class _Streaming(Brightness):
    """The same, for a live input."""

    def __init__(self, bundle):
        super().__init__(bundle, 8)


def _capture(frames, stop):
    """What opens a camera that gives so many frames and then calls `stop`."""
    left = [1, *[1] * frames]  # the first is for the look that is taken before the start

    class Capture:
        def isOpened(self):  # noqa: N802
            return True

        def read(self):
            if not left:
                stop()
                return False, None
            left.pop()
            time.sleep(0.02)
            return True, np.full((48, 64, 3), 255, np.uint8)

        def get(self, propId):
            return 1000.0

        def release(self):
            pass

    return lambda address: Capture()


def _nobody_reads(content):
    raise BrokenPipeError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_live_input_whose_results_are_then_written(tmp_path, monkeypatch, capsys, number):
    monkeypatch.setattr(streaming, "StreamingSegmenter", _Streaming)
    opened = _capture(6, lambda: os.kill(os.getpid(), number))
    monkeypatch.setattr(video_choice, "open_live", partial(open_live, open_capture=opened))
    before = signal.getsignal(number)
    arguments = ("--frame-rate", "100", "--exit-code", "--alarm", "window_s=0")
    assert predict("rtsp://user:secret@host/yard", tmp_path, *arguments) == 1
    assert signal.getsignal(number) is before
    assert gas(tmp_path) == ["1"] * 6
    assert events(tmp_path)["video"]["path"] == "rtsp://host/yard"
    captured = capsys.readouterr()
    assert "6 frames, 6 with gas, 1 alarm" in captured.out
    assert "jvlgs: rtsp://host/yard: the stream is lost, trying again in 1 s" in captured.err
    assert "secret" not in captured.out + captured.err


class _Compiling(_Streaming):
    """A network that takes a while before it asks for the first frame."""

    def probabilities(self, frames, **more):
        time.sleep(1.0)
        yield from super().probabilities(frames, **more)


def test_the_duration_is_not_spent_on_compiling(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(streaming, "StreamingSegmenter", _Compiling)
    opened = _capture(10**6, lambda: None)
    monkeypatch.setattr(video_choice, "open_live", partial(open_live, open_capture=opened))
    assert predict("rtsp://host/yard", tmp_path, "--frame-rate", "100", "--duration", "0.8") == 0
    assert len(gas(tmp_path)) > 1
    assert "left out" not in capsys.readouterr().err


def test_a_live_input_whose_events_nobody_reads_any_more_ends_with_all_results(tmp_path, monkeypatch):
    """The stream goes on for ever; the reader ends at the first event."""
    monkeypatch.setattr(streaming, "StreamingSegmenter", _Streaming)
    opened = _capture(10**6, lambda: None)
    monkeypatch.setattr(video_choice, "open_live", partial(open_live, open_capture=opened))
    monkeypatch.setattr(cli_predict, "print_json_line", _nobody_reads)
    monkeypatch.setattr(os, "dup2", lambda *_: None)  # the stdout of these tests stays
    arguments = ("--frame-rate", "100", "--jsonl", "--alarm", "window_s=0")
    assert predict("rtsp://host/yard", tmp_path, *arguments) == 141
    assert set(gas(tmp_path)) == {"1"}
    assert events(tmp_path)["summary"]["alarms"] == 1


def test_options_of_a_live_input_are_for_no_other(tmp_path, capsys):
    for option in ("--frame-rate", "--duration"):
        assert predict(white_square(tmp_path / "clip.mp4"), tmp_path / "out", option, "5") == 2
        assert f"{option}: {tmp_path / 'clip.mp4'} is no live input" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["--frame-rate=nan", "--frame-rate=-5", "--frame-rate=1e-9", "--duration=inf", "--duration=1e300"]
)
def test_rates_and_durations_that_make_no_sense_are_told_before_the_input_is_opened(tmp_path, capsys, option):
    assert predict("rtsp://host/yard", tmp_path / "out", option) == 2
    name, _, value = option.partition("=")
    assert f"{name} is {float(value):g}, it must lie between 0.001 and " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
