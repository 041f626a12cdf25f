import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from training.test_loop import assert_same_training
from training.torture import CONFIG, KILLS, SAVE_EVERY

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
def test_killed_at_thirty_random_moments_a_training_ends_the_same(tmp_path: Path):
    command = [sys.executable, "-m", "training.torture", str(tmp_path), "0"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(TESTS)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    log = (tmp_path / "struck.log").read_text()
    strokes = seen["strokes"]
    assert len(strokes) == KILLS
    assert {stroke["code"] for stroke in strokes} == {-signal.SIGKILL, -signal.SIGTERM}, log
    assert any(stroke["half"] for stroke in strokes), "no run was killed inside a save"
    begun = [stroke for stroke in strokes if stroke["start"] is not None]
    for stroke in [*begun, seen["last"]]:
        assert stroke["start"] == stroke["before"], f"it did not go on from the last complete save: {stroke}"
    for stroke in strokes:
        assert stroke["before"] <= stroke["after"] < CONFIG.steps
        if stroke not in begun:
            assert stroke["after"] == stroke["before"]
    terminated = [stroke for stroke in begun if stroke["code"] == -signal.SIGTERM]
    assert any(stroke["trained"] for stroke in terminated)
    for stroke in terminated:
        assert stroke["after"] == stroke["start"] + stroke["trained"], f"SIGTERM lost steps: {stroke}"
    killed = [stroke for stroke in begun if stroke["code"] == -signal.SIGKILL]
    assert any(stroke["after"] > stroke["before"] for stroke in killed)
    for stroke in killed:
        last = stroke["start"] + stroke["trained"] - 1  # the last step that had begun, and before it saved
        saves = [step for step in range(stroke["start"] + 1, last + 1) if step % SAVE_EVERY == 0]
        complete = saves[-2] if len(saves) > 1 else stroke["before"]  # a save waits for the one before it
        assert stroke["after"] >= complete, f"kill -9 lost a complete save: {stroke}"
        assert stroke["after"] == stroke["before"] or stroke["after"] % SAVE_EVERY == 0
    assert seen["last"]["code"] == 0, log
    assert_same_training(tmp_path / "struck", tmp_path / "straight")
