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
    for stroke in strokes:
        assert stroke["before"] <= stroke["after"] < CONFIG.steps
        if stroke["after"] > stroke["before"] and stroke["code"] == -signal.SIGKILL:
            assert stroke["after"] % SAVE_EVERY == 0
    assert seen["last"] == 0, log
    assert_same_training(tmp_path / "struck", tmp_path / "straight")
