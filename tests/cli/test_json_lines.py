import os
import subprocess
import sys


def test_a_reader_that_has_gone_ends_the_command_quietly(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    script = (
        "from jvlgs_jax.cli import json_lines as lines, main as frame;"
        "frame._run_verb = lambda arguments: lines.print_json_line({}); raise SystemExit(frame.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
