"""`launch/tpu_vm.sh`, run with a stand-in for gcloud that accepts only the documented flags."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "launch" / "tpu_vm.sh"
TRAINING = ["--config=configs/demo.py", "--config.prompts=('white steam', \"gas\", 'c;', 'd')"]

# From the references that the script names.
WIDE = {"--project", "--zone", "--quiet", "--format"}
FLAGS = {
    ("tpu-vm", "create"): {"--accelerator-type", "--version", "--spot", "--network", "--metadata"},
    ("tpu-vm", "ssh"): {"--worker", "--command"},
    ("tpu-vm", "scp"): {"--worker", "--recurse"},
    ("tpu-vm", "delete"): {"--async"},
    ("queued-resources", "create"): {"--node-id", "--spot", "--accelerator-type", "--runtime-version"},
    ("queued-resources", "describe"): set(),
    ("queued-resources", "delete"): {"--force", "--async"},
}


def check(call: list[str]) -> str:
    """Returns which command of gcloud a call is, whose flags must be known."""
    assert call[:2] == ["compute", "tpus"]
    flags = {argument.partition("=")[0] for argument in call[4:] if argument.startswith("--")}
    assert flags <= WIDE | FLAGS[call[2], call[3]]
    assert {"--project", "--zone"} <= flags
    return f"{call[2]} {call[3]}"


def run(*arguments: str) -> int:
    return subprocess.run([SCRIPT, *arguments], timeout=60, check=False).returncode


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch, stand_in: Callable) -> None:
    monkeypatch.setenv("SECONDS_BETWEEN_LOOKS", "0")
    stand_in("git")


def test_a_slice_is_made_used_and_deleted(stand_in: Callable):
    gcloud = stand_in("gcloud", 'case "$*" in *queued-resources\\ delete*) exit 1 ;; esac')
    for verb in ("create", "install", "delete"):
        assert run(verb) == 0
    assert [check(call) for call in gcloud.calls] == [
        "tpu-vm create", "tpu-vm scp", "tpu-vm ssh", "queued-resources delete", "tpu-vm delete",
    ]  # fmt: skip
    assert "--worker=all" in gcloud.calls[2]


def test_every_host_trains_what_the_command_line_says(stand_in: Callable, trained: Callable, tmp_path: Path):
    gcloud = stand_in("gcloud")
    assert run("train", *TRAINING) == 0
    (call,) = gcloud.calls
    assert check(call) == "tpu-vm ssh"
    (command,) = (argument.removeprefix("--command=") for argument in call if argument.startswith("--command="))
    jvlgs = stand_in("jvlgs")
    stand_in("pkill")
    stand_in("pgrep", "exit 1")
    (tmp_path / "jvlgs").mkdir()
    subprocess.run(["bash", "-c", command.replace("../venv/bin/", "")], cwd=tmp_path, timeout=30, check=True)
    args, experiment = trained(jvlgs.calls[0])
    assert (args.coordinator, str(args.workdir)) == ("auto", "/mnt/runs/jvlgs")
    assert experiment.prompts == ("white steam", "gas", "c;", "d")


def test_a_preempted_slice_is_asked_for_again(stand_in: Callable, tmp_path: Path):
    # The first training ends with its slice, whose request is then suspended; the second comes to its end.
    gcloud = stand_in(
        "gcloud",
        f"""
        preempted={tmp_path}/preempted
        case "$*" in
        *describe*) [ -e "$preempted.now" ] && echo SUSPENDED || echo ACTIVE ;;
        *'jvlgs train'*) [ -e "$preempted" ] || {{ touch "$preempted" "$preempted.now"; exit 255; }} ;;
        *delete*) rm "$preempted.now" ;;
        esac
        """,
    )
    assert run("keep", "--config=configs/demo.py") == 0
    done = [check(call) for call in gcloud.calls]
    assert [name for name in done if not name.endswith(("describe", "scp"))] == [
        "queued-resources create", "tpu-vm ssh", "tpu-vm ssh",
        "queued-resources delete",
        "queued-resources create", "tpu-vm ssh", "tpu-vm ssh",
    ]  # fmt: skip


def test_a_training_that_fails_on_a_healthy_slice_is_not_repeated(stand_in: Callable):
    gcloud = stand_in("gcloud", 'case "$*" in *describe*) echo ACTIVE ;; *"jvlgs train"*) exit 2 ;; esac')
    assert run("keep", "--config=configs/demo.py") == 1
    assert [check(call) for call in gcloud.calls].count("queued-resources create") == 1


def test_an_unknown_verb_is_named(capfd: pytest.CaptureFixture[str]):
    assert run("destroy") == 2
    assert "unknown verb 'destroy'" in capfd.readouterr().err
