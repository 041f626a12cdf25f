"""The frame of the command line: finds the verb, runs it, and turns every ending into one line and one exit code.

A verb is the module `jvlgs_jax.cli.<verb>` with `add_arguments(parser)` and `run(args) -> int`. A module that sets
`ACCEPTS_CONFIG_OVERRIDES = True` also receives the arguments that its parser does not know, as `args.config_overrides`.
"""

import argparse
import difflib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Never

from jvlgs_jax import __version__
from jvlgs_jax.cli.huge_pages import restart_with_huge_pages
from jvlgs_jax.errors import DISK_TROUBLE, UserError

VERBS = {
    "simulate": "write made-up clips of leaking gas, with exact truth",
    "prepare": "build a dataset for training from what you downloaded",
    "train": "train a model from a config file",
    "meta-train": "learn a start from which a model adapts to new sites",
    "folds": "report trainings on the folds of a dataset together",
    "sweep": "train the variants that a config file lists, here or on a cluster",
    "evaluate": "score a model on labelled videos",
    "adapt": "learn a new site from a handful of its frames",
    "calibrate": "choose when a model raises an alarm, on labelled or on leak-free videos",
    "average": "make the mean of models, which often suits unseen footage better",
    "predict": "segment videos and raise alarms: report, events, table, overlay, masks",
    "serve": "watch videos in a browser on this machine, tune what counts as gas",
    "models": "list the models that come with the package",
    "convert": "turn PyTorch weights into a model folder, and back",
    "export": "write a model as one program for CPU, CUDA and TPU",
    "compile-check": "see what a training needs on accelerators that are not here",
    "benchmark": "measure a part against its simplest competitor",
}

USER_ERROR = 2
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
UNREAD = 128 + signal.SIGPIPE

SECONDS_TO_LEAVE = 0.05  # a function that swallows exceptions


class _Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, not an error that `except Exception` should catch."""


SIGNALS: dict[type[BaseException], signal.Signals] = {
    KeyboardInterrupt: signal.SIGINT,
    _Terminated: signal.SIGTERM,
}


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are UserErrors, so that they are printed like every other one."""

    def error(self, message: str) -> Never:
        raise UserError(f"{message} (see {self.prog} --help)")


def entry() -> int:
    """Runs this process's own command line: what `jvlgs` and `python -m jvlgs_jax` call."""
    restart_with_huge_pages()
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line (by default this process's own) and returns its exit code.

    0: done. 1: done, and found what the verb's --exit-code asks about. 2: bad input or a file that the system refuses,
    told in one line on stderr. 130 and 143: ended by Ctrl-C and by SIGTERM. 141: nobody reads what it prints any more,
    as under `| head`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with _sigterm_raises(), _nothing_swallows_signals():
            code = _run_verb(arguments)
            sys.stdout.flush()  # here, where it can be told that nobody reads any more
            return code
    except UserError as error:
        print(f"jvlgs: error: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("jvlgs: interrupted", file=sys.stderr)
        return INTERRUPTED
    except _Terminated:
        print("jvlgs: terminated", file=sys.stderr)
        return TERMINATED
    except BrokenPipeError:
        # What is left in the buffer would fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except OSError as error:
        if error.filename is not None:
            print(f"jvlgs: error: {error.filename}: {error.strerror}: check this path", file=sys.stderr)
        elif error.errno in DISK_TROUBLE:
            words = f"cannot write any more ({error.strerror}): make room, or write elsewhere"
            print(f"jvlgs: error: {words}", file=sys.stderr)
        else:  # nothing that the user could look at
            raise
        return USER_ERROR


def _run_verb(arguments: list[str]) -> int:
    parser = _Parser(
        prog="jvlgs", description="Gas-leak segmentation in infrared video.", epilog="jvlgs VERB --help tells more."
    )
    parser.add_argument("--version", action="version", version=f"jvlgs {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    parsers = {
        name: verbs.add_parser(name, help=line, description=line, allow_abbrev=False) for name, line in VERBS.items()
    }
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    if name is None:
        parser.parse_args(arguments)  # prints the help or the version and exits, or finds the verb missing
    if name not in VERBS:
        raise UserError(f"unknown verb '{name}'; {_nearest(str(name))}")
    # Only the chosen verb is imported: the others' imports would slow down every call.
    verb = importlib.import_module(f"jvlgs_jax.cli.{name.replace('-', '_')}")
    verb.add_arguments(parsers[name])
    args, extras = parser.parse_known_args(arguments)
    if getattr(verb, "ACCEPTS_CONFIG_OVERRIDES", False):
        args.config_overrides = extras
    elif extras:
        parsers[name].error(f"unknown argument '{extras[0]}'")
    return verb.run(args)


def _nearest(name: str) -> str:
    matches = difflib.get_close_matches(name, VERBS, n=1, cutoff=0.5)
    known = ", ".join(VERBS)
    return f"did you mean '{matches[0]}'? (verbs: {known})" if matches else f"the verbs are {known}"


@contextmanager
def _sigterm_raises() -> Generator[None]:
    """Makes SIGTERM unwind the stack, so that every open file is closed or discarded on the way."""

    def handle(number: int, frame: FrameType | None) -> Never:
        raise _Terminated

    previous = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _nothing_swallows_signals() -> Generator[None]:
    """Sends a signal again whose exception ended nothing.

    A handler runs wherever Python is at that moment. If that is a finalizer, or a function that the garbage collector
    calls (JAX has one), Python tells of the exception that it raises and goes on.
    """
    previous = sys.unraisablehook
    sent: list[threading.Timer] = []

    def send_again(swallowed: "sys.UnraisableHookArgs") -> None:
        number = SIGNALS.get(swallowed.exc_type)
        if number is None:
            previous(swallowed)
            return
        later = threading.Timer(SECONDS_TO_LEAVE, os.kill, (os.getpid(), number))
        later.daemon = True
        later.start()
        sent.append(later)

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = previous
        for later in sent:
            later.cancel()  # where all was done before it arrived
