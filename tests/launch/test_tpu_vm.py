"""`launch/tpu_vm.sh`, run with a stand-in for gcloud that accepts only the documented flags."""

import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.launch.conftest import Command

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


def for_the_hosts(call: list[str]) -> str:
    """Returns the shell that a call of gcloud runs on every host."""
    assert check(call) == "tpu-vm ssh"
    assert "--worker=all" in call
    (command,) = (argument.removeprefix("--command=") for argument in call if argument.startswith("--command="))
    return command


def run(*arguments: str) -> int:
    return subprocess.run([SCRIPT, *arguments], timeout=60, check=False).returncode


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch, stand_in: Callable) -> None:
    monkeypatch.setenv("SECONDS_BETWEEN_LOOKS", "0")
    stand_in("git", 'case "$1" in rev-parse) echo 12ab ;; esac')


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a host on which this project is installed, but for the program itself."""
    home = tmp_path / "host"
    (home / "venv" / "bin").mkdir(parents=True)
    (home / "jvlgs").mkdir()
    (home / "jvlgs" / "commit").write_text("12ab\n")
    monkeypatch.setenv("HOST", str(home))
    return home


def test_a_slice_is_made_used_and_deleted(stand_in: Callable):
    gcloud = stand_in("gcloud", 'case "$*" in *queued-resources\\ delete*) exit 1 ;; esac')
    for verb in ("create", "install", "delete"):
        assert run(verb) == 0
    assert [check(call) for call in gcloud.calls] == [
        "tpu-vm create", "tpu-vm scp", "tpu-vm ssh", "queued-resources delete", "tpu-vm delete",
    ]  # fmt: skip
    assert "--worker=all" in gcloud.calls[2]


def test_every_host_trains_what_the_command_line_says(
    stand_in: Callable, trained: Callable, host: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WORKDIR", "/mnt/my runs")
    gcloud = stand_in("gcloud")
    assert run("train", *TRAINING) == 0
    jvlgs = stand_in("jvlgs", "echo $JVLGS_COMMIT $JVLGS_DATA_DIR")
    shutil.copy(shutil.which("jvlgs") or "", host / "venv" / "bin")
    done = subprocess.run(
        ["bash", "-c", for_the_hosts(gcloud.calls[0])], cwd=host, timeout=30, check=True, capture_output=True, text=True
    )
    assert done.stdout == "12ab /mnt/data\n"
    args, experiment = trained(jvlgs.calls[0])
    assert (args.coordinator, str(args.workdir)) == ("auto", "/mnt/my runs")
    assert args.data_dir is None  # a config that takes no data would refuse one
    assert experiment.prompts == ("white steam", "gas", "c;", "d")


# It starts itself anew under another name, as the program does for huge pages, and takes a moment to save.
RESTARTS = """#!/usr/bin/env bash
[ "${0##*/}" = jvlgs ] && [ -z "${AGAIN-}" ] && AGAIN=1 exec -a python bash "$0" "$@"
trap 'sleep 0.3; echo saved >>"$HOST/told"; exit 143' TERM
echo up >>"$HOST/told"
[ -e "$HOST/last" ] && exit 0
for _ in {1..300}; do sleep 0.1; done
"""


@pytest.mark.parametrize("verb", ["train", "install"])
def test_a_host_that_still_trains_saves_first(stand_in: Callable, host: Path, verb: str):
    gcloud = stand_in("gcloud")
    run("train", *TRAINING)
    assert run(verb, *TRAINING) == 0
    program = host / "venv" / "bin" / "jvlgs"
    program.write_text(RESTARTS)
    program.chmod(0o755)
    told = host / "told"
    with subprocess.Popen(["bash", "-c", for_the_hosts(gcloud.calls[0])], cwd=host) as first:
        while not told.exists():
            time.sleep(0.05)
        assert b"python" in Path(f"/proc/{first.pid}/cmdline").read_bytes()
        (host / "last").touch()
        # An installation stops right after, as there is nothing to unpack.
        again = subprocess.run(["bash", "-c", for_the_hosts(gcloud.calls[-1])], cwd=host, timeout=30, check=False)
        assert first.wait(timeout=30) == 143
    assert told.read_text().split() == (["up", "saved", "up"] if verb == "train" else ["up", "saved"])
    assert (again.returncode == 0) == (verb == "train")


def test_a_stale_number_stops_nobody(stand_in: Callable, host: Path):
    gcloud = stand_in("gcloud")
    run("train", *TRAINING)
    stand_in("jvlgs")
    shutil.copy(shutil.which("jvlgs") or "", host / "venv" / "bin")
    with subprocess.Popen(["sleep", "30"]) as another:
        (host / "train.pid").write_text(f"{another.pid}\n")
        subprocess.run(["bash", "-c", for_the_hosts(gcloud.calls[0])], cwd=host, timeout=20, check=True)
        assert another.poll() is None
        another.kill()


@pytest.mark.parametrize("has_python", [True, False])
def test_a_host_with_an_older_python_gets_its_own(
    stand_in: Callable, host: Path, has_python: bool, capfd: pytest.CaptureFixture[str]
):
    gcloud = stand_in("gcloud")
    assert run("install") == 0
    with tarfile.open(host / "jvlgs.tar.gz", "w:gz") as archive:
        archive.add(SCRIPT, "launch/tpu_vm.sh")
    (host / "jvlgs" / "commit").unlink()
    python = stand_in("python3", f'case "$*" in *venv\\ --*) exit {int(not has_python)} ;; esac')
    done = subprocess.run(["bash", "-c", for_the_hosts(gcloud.calls[-1])], cwd=host, timeout=30, check=False)
    assert (host / "jvlgs" / "launch" / "tpu_vm.sh").exists()
    assert (host / "jvlgs" / "commit").read_text() == "12ab\n"
    assert [call[:3] for call in python.calls][:2] == [["-m", "pip", "install"], ["-m", "uv", "venv"]]
    assert (done.returncode == 0) == has_python
    assert ("no Python >=3.11,<3.14 here, and none could be installed" in capfd.readouterr().err) != has_python
    assert (["-m", "uv", "pip"] in [call[:3] for call in python.calls]) == has_python


def kept(gcloud: Command) -> list[str]:
    """Returns what was done to keep a training, but for looks and copies; "train" and "install" for what hosts ran."""
    names = [(check(call), "exec " in "".join(call)) for call in gcloud.calls]
    return [
        ("train" if trains else "install") if name == "tpu-vm ssh" else name
        for name, trains in names
        if not name.endswith(("describe", "scp"))
    ]


def test_a_preempted_slice_is_asked_for_again(stand_in: Callable, tmp_path: Path):
    # The first training ends with its slice, whose request is then suspended; the second comes to its end.
    gcloud = stand_in(
        "gcloud",
        f"""
        cd {tmp_path}
        case "$*" in
        *queued-resources\\ create*) echo ACTIVE >state ;;
        *describe*) cat state || exit 1 ;;
        *'jvlgs train'*) [ -e preempted ] || {{ touch preempted; echo SUSPENDED >state; exit 255; }} ;;
        *delete*) rm state ;;
        esac
        """,
    )
    assert run("keep", "--config=configs/demo.py") == 0
    asked = ["queued-resources create", "install", "train"]
    assert kept(gcloud) == [*asked, "queued-resources delete", *asked]


@pytest.mark.parametrize("code", [143, 255])
def test_an_interrupted_training_goes_on_on_its_slice(stand_in: Callable, tmp_path: Path, code: int):
    gcloud = stand_in(
        "gcloud",
        f"""
        cd {tmp_path}
        case "$*" in
        *describe*) echo ACTIVE ;;
        *'jvlgs train'*) [ -e interrupted ] || {{ touch interrupted; exit {code}; }} ;;
        esac
        """,
    )
    assert run("keep", "--config=configs/demo.py") == 0
    assert kept(gcloud) == ["install", "train", "install", "train"]


@pytest.mark.parametrize("code", [1, 2])
def test_a_training_that_fails_on_a_healthy_slice_is_not_repeated(stand_in: Callable, code: int):
    gcloud = stand_in("gcloud", f'case "$*" in *describe*) echo ACTIVE ;; *"jvlgs train"*) exit {code} ;; esac')
    assert run("keep", "--config=configs/demo.py") == code
    assert kept(gcloud) == ["install", "train"]


def test_what_cannot_be_asked_for_is_not_waited_for(stand_in: Callable):
    gcloud = stand_in("gcloud", 'case "$*" in *queued-resources*) exit 1 ;; esac')
    assert run("keep", "--config=configs/demo.py") == 1
    assert kept(gcloud) == ["queued-resources create"]


def test_a_slice_that_was_asked_for_before_is_waited_for(stand_in: Callable, tmp_path: Path):
    gcloud = stand_in(
        "gcloud", f"cd {tmp_path}; [ -e looked ] && echo ACTIVE || echo WAITING_FOR_RESOURCES; touch looked"
    )
    assert run("queue") == 0
    assert {check(call) for call in gcloud.calls} == {"queued-resources describe"}


def test_an_unknown_verb_is_named(capfd: pytest.CaptureFixture[str]):
    assert run("destroy") == 2
    assert "unknown verb 'destroy'" in capfd.readouterr().err
