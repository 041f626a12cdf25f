"""What `jvlgs sweep --emit` writes, run with stand-ins for the engines' programs."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from jvlgs_jax.errors import UserError
from jvlgs_jax.sweeps.jobs import write_skypilot, write_slurm
from jvlgs_jax.sweeps.progress import State, state
from jvlgs_jax.sweeps.trials import Sweep, expand

CONFIG = """
from jvlgs_jax.experiment import default_config as get_config


def sweep():
    for layout in ("simgas", "it's mine; rm -rf $HOME"):
        yield {"data.layout": layout, "data.input_size": (64, 96)}
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    config = tmp_path / "my config.py"
    config.write_text(CONFIG)
    return expand(config, tmp_path / "my runs", data_dir=tmp_path / "data", overrides=["--config.seed=7"])


def run(script: Path, **environment: object) -> subprocess.CompletedProcess:
    variables = {name: str(value) for name, value in environment.items()}
    return subprocess.run(
        ["bash", script], env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_task_of_the_slurm_array_trains_its_trial(sweep: Sweep, stand_in: Callable, trained: Callable):
    srun = stand_in("srun")
    script = write_slurm(sweep, jobs=3)
    for task in range(2):
        assert run(script, SLURM_ARRAY_TASK_ID=task, SLURM_JOB_ID=50 + task).returncode == 0
    assert [program for program, *_ in srun.calls] == ["jvlgs", "jvlgs"]
    for trial, (_, *arguments) in zip(sweep.trials, srun.calls, strict=True):
        args, experiment = trained(arguments)
        assert (args.workdir, args.data_dir) == (sweep.folder(trial), sweep.data_dir)
        assert experiment == trial.experiment
        assert experiment.seed == 7
        assert state(sweep.folder(trial)) is State.FINISHED
    assert run(script, SLURM_ARRAY_TASK_ID=0, SLURM_JOB_ID=60).stdout.endswith("finished before\n")
    assert len(srun.calls) == 2
    assert "\n#SBATCH --array=0-1%3\n" in script.read_text()
    assert run(script, SLURM_ARRAY_TASK_ID=2, SLURM_JOB_ID=61).returncode == 2


def test_a_preempted_task_saves_and_is_queued_again(sweep: Sweep, stand_in: Callable, tmp_path: Path):
    # The step gets SIGTERM from SLURM, and so does the script: it must outlive the training, which takes time to save.
    stand_in(
        "srun",
        f"trap 'sleep 0.3; touch {tmp_path}/saved; exit 143' TERM; touch {tmp_path}/up; run_on",
    )
    scontrol = stand_in("scontrol")
    task = subprocess.Popen(
        ["bash", write_slurm(sweep, jobs=None)],
        env=os.environ | {"SLURM_ARRAY_TASK_ID": "1", "SLURM_JOB_ID": "77"},
        start_new_session=True,
    )
    while not (tmp_path / "up").exists():
        time.sleep(0.05)
    os.killpg(task.pid, signal.SIGTERM)
    assert task.wait(timeout=30) == 143
    assert (tmp_path / "saved").exists()
    assert scontrol.calls == [["requeue", "77"]]
    assert state(sweep.folder(sweep.trials[1])) is State.UNFINISHED


def test_a_failing_task_is_not_queued_again(sweep: Sweep, stand_in: Callable):
    stand_in("srun", "exit 2")
    scontrol = stand_in("scontrol")
    assert run(write_slurm(sweep, jobs=None), SLURM_ARRAY_TASK_ID=0, SLURM_JOB_ID=1).returncode == 2
    assert scontrol.calls == []
    assert state(sweep.folder(sweep.trials[0])) is State.FAILED


@pytest.fixture
def portable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """A sweep in the current folder, without data of this machine."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my config.py").write_text(CONFIG)
    return expand(Path("my config.py"), Path("my runs"))


def test_every_trial_is_submitted_as_a_managed_job(portable: Sweep, stand_in: Callable):
    sky = stand_in("sky")
    stand_in("git", "echo 12ab")
    script = write_skypilot(portable)
    done = subprocess.run(["bash", script, "--gpus=L4:1", "--env=BUCKET=b"], timeout=60, check=False)
    assert done.returncode == 0
    task = script.with_suffix(".yaml")
    for number, call in enumerate(sky.calls):
        assert call[:2] == ["jobs", "launch"]
        assert call[-1] == str(task)
        assert {"--yes", "--detach-run", f"--env=TRIAL={number}", "--gpus=L4:1", "--env=BUCKET=b"} <= set(call)
        assert {f"--name=jvlgs-my-runs-{number}", "--env=JVLGS_COMMIT=12ab"} <= set(call)
    assert len(sky.calls) == 2


def test_a_managed_job_trains_its_trial_and_is_recovered_when_it_saved(
    portable: Sweep, stand_in: Callable, trained: Callable, tmp_path: Path
):
    jvlgs = stand_in("jvlgs", "echo $JVLGS_DATA_DIR; exit 143")
    task = yaml.safe_load(write_skypilot(portable).with_suffix(".yaml").read_text())
    assert task["resources"]["job_recovery"]["recover_on_exit_codes"] == [143]
    assert task["file_mounts"]["/runs"]["name"] == "${BUCKET}"
    program = tmp_path / "run.sh"
    program.write_text(task["run"].replace("/runs/", f"{tmp_path}/bucket/"))
    done = run(program, TRIAL=1, DATA_DIR="/data")
    assert (done.returncode, done.stdout) == (143, "/data\n")
    args, experiment = trained(jvlgs.calls[0])
    trial = portable.trials[1]
    assert (args.workdir, experiment) == (tmp_path / "bucket" / trial.name, trial.experiment)
    assert state(args.workdir) is State.UNFINISHED


def test_skypilot_takes_along_no_data_and_no_config_from_elsewhere(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="--env=DATA_DIR="):
        write_skypilot(sweep)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"my config\.py: SkyPilot takes along"):
        write_skypilot(sweep)


def test_sweeps_in_folders_of_one_name_have_buckets_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("config.py").write_text(CONFIG)
    buckets = []
    for workdir in ("a/sweep", "b/sweep", "a/sweep", "long" * 20 + "a", "long" * 20 + "b"):
        script = write_skypilot(expand(Path("config.py"), Path(workdir)))
        buckets.append(yaml.safe_load(script.with_suffix(".yaml").read_text())["envs"]["BUCKET"])
    assert len(set(buckets)) == 4
    assert buckets[0] == buckets[2], "the same command again has to go on in the same bucket"
    assert max(map(len, buckets)) <= 63


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("exp: b #1", "jvlgs-exp-b-1"),
        ('a"b$(touch pwned)\\', "jvlgs-a-b-touch-pwned"),
        ("50%j", "jvlgs-50-j"),
        ("Läufe_2", "jvlgs-laufe-2"),
        ("實驗", "jvlgs-sweep"),
        ("long " * 20, "jvlgs-long-long-long-long-long-long-long"),
    ],
)
def test_a_folder_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: Callable, folder: str, name: str
):
    here = tmp_path / folder
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "config.py").write_text(CONFIG)
    sweep = expand(Path("config.py"), here)
    slurm, skypilot = write_slurm(sweep, jobs=1), write_skypilot(sweep)

    # As sbatch reads them; a percent sign that is doubled stands for itself.
    directives = re.findall(r"^#SBATCH --(.*)$", slurm.read_text(), re.MULTILINE)
    options = dict(option.split("=", 1) for line in directives for (option,) in [shlex.split(line)] if "=" in option)
    assert options["job-name"] == name
    assert options["chdir"] == str(here)
    assert options["output"].replace("%%", "\0").split("%") == [f"{here}/slurm-".replace("%", "\0"), "A_", "a.log"]
    srun = stand_in("srun")
    assert run(slurm, SLURM_ARRAY_TASK_ID=0, SLURM_JOB_ID=1).returncode == 0
    assert f"--workdir={sweep.folder(sweep.trials[0])}" in srun.calls[0]

    task = yaml.safe_load(skypilot.with_suffix(".yaml").read_text())
    assert task["name"] == name
    assert re.fullmatch(rf"{name}-[0-9a-f]{{8}}", task["envs"]["BUCKET"])
    sky = stand_in("sky")
    assert run(skypilot).returncode == 0
    assert [call[-1] for call in sky.calls] == [str(skypilot.with_suffix(".yaml"))] * 2
    assert not (here / "pwned").exists()


def test_the_shell_of_the_jobs_is_sound(portable: Sweep, tmp_path: Path):
    script = write_skypilot(portable)
    program = tmp_path / "run.sh"
    program.write_text("#!/usr/bin/env bash\n" + yaml.safe_load(script.with_suffix(".yaml").read_text())["run"])
    scripts = [write_slurm(portable, jobs=1), script, program]
    subprocess.run([Path(sys.executable).with_name("shellcheck"), "--severity=warning", *scripts], check=True)
