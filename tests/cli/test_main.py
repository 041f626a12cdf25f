import errno
import os
import signal
import subprocess
import sys
import time
import types

import pytest

from jvlgs_jax.cli import main as frame
from jvlgs_jax.cli.main import main
from jvlgs_jax.errors import UserError


@pytest.fixture
def verb(monkeypatch):
    """A verb `train` whose `run` is replaced by each test."""
    module = types.ModuleType("jvlgs_jax.cli.train")
    module.add_arguments = lambda parser: parser.add_argument("--steps", type=int, default=1)
    module.run = lambda args: 0
    monkeypatch.setitem(sys.modules, "jvlgs_jax.cli.train", module)
    return module


def _raise(error):
    raise error


def test_the_exit_code_is_the_verbs(verb):
    verb.run = lambda args: args.steps
    assert main(["train", "--steps", "7"]) == 7


def test_a_user_error_is_one_line_and_exit_code_2(verb, capsys):
    verb.run = lambda args: _raise(UserError("clip.mp4: no video: give another"))
    assert main(["train"]) == 2
    assert capsys.readouterr().err == "jvlgs: error: clip.mp4: no video: give another\n"


def test_a_file_that_the_system_refuses_is_one_line_and_exit_code_2(verb, tmp_path, capsys):
    (tmp_path / "file").touch()
    verb.run = lambda args: (tmp_path / "file" / "below").mkdir()
    assert main(["train"]) == 2
    assert capsys.readouterr().err == f"jvlgs: error: {tmp_path}/file/below: Not a directory: check this path\n"
    verb.run = lambda args: _raise(OSError(errno.ENOSPC, "No space left on device"))
    assert main(["train"]) == 2
    words = "cannot write any more (No space left on device): make room, or write elsewhere"
    assert capsys.readouterr().err == f"jvlgs: error: {words}\n"
    verb.run = lambda args: _raise(OSError(errno.ECHILD, "a fault that names no file"))
    with pytest.raises(OSError, match="names no file"):
        main(["train"])


def test_a_mistake_of_the_program_keeps_its_traceback(verb):
    verb.run = lambda args: _raise(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["train"])


@pytest.mark.parametrize(
    ("ending", "code", "line"),
    [
        (lambda: _raise(KeyboardInterrupt), 130, "jvlgs: interrupted\n"),
        (lambda: signal.raise_signal(signal.SIGTERM), 143, "jvlgs: terminated\n"),
    ],
)
def test_signals_unwind_and_end_in_one_line(verb, capsys, ending, code, line):
    unwound = []

    def run(args):
        try:
            ending()
        finally:
            unwound.append(True)

    verb.run = run
    before = signal.getsignal(signal.SIGTERM)
    assert main(["train"]) == code
    assert capsys.readouterr().err == line
    assert unwound
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "jvlgs: interrupted\n"), (signal.SIGTERM, 143, "jvlgs: terminated\n")],
)
def test_signals_that_arrive_in_a_finalizer_end_the_run_too(verb, capsys, number, code, line):
    class Left:
        def __del__(self):
            signal.raise_signal(number)

    def run(args):
        Left()
        time.sleep(20)

    verb.run = run
    hook = sys.unraisablehook
    assert main(["train"]) == code
    assert capsys.readouterr().err == line
    assert sys.unraisablehook is hook


def test_other_exceptions_of_finalizers_are_told_as_ever(verb, monkeypatch):
    class Broken:
        def __del__(self):
            raise ZeroDivisionError

    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    verb.run = lambda args: Broken() and 0
    assert main(["train"]) == 0
    assert [each.exc_type for each in told] == [ZeroDivisionError]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required: VERB"),
        (["predct"], "unknown verb 'predct'; did you mean 'predict'?"),
        (["xyz"], f"the verbs are {', '.join(frame.VERBS)}"),
        (["train", "--steps", "many"], "invalid int value: 'many'"),
        (["train", "--stepz", "3"], "unknown argument '--stepz'"),
        (["train", "--step", "3"], "unknown argument '--step'"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_code_2(verb, capsys, arguments, words):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("jvlgs: error: ")
    assert words in error
    assert error.count("\n") == 1


def test_a_verb_can_take_the_arguments_its_parser_does_not_know(verb):
    received = []
    verb.ACCEPTS_CONFIG_OVERRIDES = True
    verb.run = lambda args: received.extend(args.config_overrides) or 0
    assert main(["train", "--config=a.py", "--steps=3", "--config.train.learning_rate=0.1"]) == 0
    assert received == ["--config=a.py", "--config.train.learning_rate=0.1"]


def test_help_lists_every_verb_without_importing_jax():
    script = (
        "import sys; from jvlgs_jax.cli.main import main\ntry: main(['--help'])\nfinally: print('jax' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    assert result.stdout.rstrip().endswith("False")
    assert set(frame.VERBS) <= set(result.stdout.split())


def test_the_module_runs_as_the_command():
    command = [sys.executable, "-m", "jvlgs_jax", "predct"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert "did you mean 'predict'" in result.stderr


def test_a_reader_that_has_seen_enough_ends_the_command_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    script = (
        "from jvlgs_jax.cli import main as frame;"
        "frame._run_verb = lambda arguments: print('a model') or 0; raise SystemExit(frame.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
