import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jvlgs_jax.cli import model_choice
from jvlgs_jax.cli.main import main
from jvlgs_jax.inference import provenance, segmenter
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.serve import server

# The command with a network that costs nothing.
STAND_IN = """
import sys
from jvlgs_jax.cli import checkpoint, model_choice
from jvlgs_jax.cli.main import main
from jvlgs_jax.inference import provenance, segmenter
from jvlgs_jax.inference.postprocess import mask_rule
model_choice.choose_model = lambda args: ("bundle", mask_rule("confidence_gate"))
checkpoint.checkpoint_name = lambda path: "none"
provenance.describe_model = lambda name, bundle: {"name": name}
class Network:
    __init__ = lambda self, bundle: None
    probabilities = lambda self, frames: iter(())
segmenter.Segmenter = Network
sys.exit(main(["serve", "--port=0"]))
"""


@pytest.mark.slow
def test_it_serves_until_ctrl_c_and_leaves_nothing(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", STAND_IN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("open http://127.0.0.1:")
        assert line.endswith("in a browser; Ctrl-C here ends it\n")
        address = line.split()[1]
        with urllib.request.urlopen(address) as answer:
            assert b"Watch a video for gas" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "evil.example"}))
        assert [path.name[:12] for path in Path(tmp_path).iterdir()] == ["jvlgs-serve-"]
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert error == "jvlgs: interrupted\n"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def served(monkeypatch):
    """What would have been served, instead of serving it."""
    calls = []
    monkeypatch.setattr(model_choice, "choose_model", lambda args: ("bundle", mask_rule("confidence_gate")))
    monkeypatch.setattr(provenance, "describe_model", lambda name, bundle: {"name": name})
    network = type(
        "Network", (), {"__init__": lambda self, bundle: None, "probabilities": lambda self, frames: iter(())}
    )
    monkeypatch.setattr(segmenter, "Segmenter", network)

    def stand_in(listener, station, config):
        station.close()
        calls.append((listener.getsockname()[0], config))

    monkeypatch.setattr(server, "serve", stand_in)
    return calls


def test_by_default_only_this_machine_is_served(served, capsys):
    assert main(["serve", "--port=0", "--checkpoint=model"]) == 0
    [(host, config)] = served
    assert host == "127.0.0.1"
    assert not config.names.include("192.168.1.2")
    assert capsys.readouterr().err == ""


def test_serving_others_must_be_asked_for_and_is_warned_about(served, capsys):
    assert main(["serve", "--port=0", "--checkpoint=model", "--host=0.0.0.0", "--allow-host=gas.example"]) == 0
    [(_, config)] = served
    assert config.names.include("gas.example:8765")
    assert not config.names.include("evil.example")
    error = capsys.readouterr().err
    assert error.startswith(
        "jvlgs: warning: --host=0.0.0.0: whoever reaches this machine can see and replace the videos"
    )
    assert error.count("\n") == 1


def test_a_port_that_is_taken_is_told_in_one_line(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", f"--port={port}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"jvlgs: error: 127.0.0.1 port {port}: cannot listen there (Address already in use)")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port=99999"], "--port is 99999"),
        (["--max-upload-mib=0"], "--max-upload-mib is 0, the least is 1"),
        (["--rule=otsu"], "unknown rule 'otsu'"),
        (["--port=0", "--checkpoint=nowhere"], "nowhere: no such checkpoint"),
    ],
)
def test_bad_arguments_are_told_in_one_line(capsys, arguments, words):
    assert main(["serve", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
