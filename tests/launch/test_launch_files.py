"""The files for engines that are not here: their shell and fields are sound, and they call `jvlgs` as it is."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "launch"
TOOLS = Path(sys.executable).parent  # installed with the tests, whether on PATH or not

# https://docs.cloud.google.com/cluster-toolkit/docs/reference/gcluster-job-submit
GCLUSTER_FLAGS = {
    "--project", "--cluster", "--location", "--queue", "--name", "--compute-type", "--topology", "--restarts",
    "--grace-period", "--image", "--mount", "--command",
}  # fmt: skip


def test_the_shell_is_sound():
    subprocess.run([TOOLS / "shellcheck", *LAUNCH.glob("*.sh")], check=True)


def test_slurm_trains_on_all_nodes_and_queues_again_what_was_preempted(
    stand_in: Callable, trained: Callable, tmp_path: Path
):
    srun = stand_in("srun", f"trap 'sleep 0.3; exit 143' TERM; touch {tmp_path}/up; run_on")
    scontrol = stand_in("scontrol")
    job = subprocess.Popen(
        [LAUNCH / "slurm.sh", "--config=configs/demo.py", "--workdir=runs/demo"],
        env=os.environ | {"SLURM_JOB_ID": "5"},
        start_new_session=True,
    )
    while not (tmp_path / "up").exists():
        time.sleep(0.05)
    os.killpg(job.pid, signal.SIGTERM)
    assert job.wait(timeout=30) == 143
    assert scontrol.calls == [["requeue", "5"]]
    (call,) = srun.calls
    assert call[0] == "jvlgs"
    args, _ = trained(call[1:])
    assert (args.coordinator, str(args.workdir)) == ("auto", "runs/demo")


@pytest.mark.parametrize("code", [0, 2])
def test_slurm_queues_nothing_else_again(stand_in: Callable, code: int):
    stand_in("srun", f"exit {code}")
    scontrol = stand_in("scontrol")
    done = subprocess.run(
        [LAUNCH / "slurm.sh"], env=os.environ | {"SLURM_JOB_ID": "5"}, timeout=30, check=False
    ).returncode
    assert (done, scontrol.calls) == (code, [])


def test_the_jobset_runs_a_host_a_pod_and_restarts_all_but_mistakes(trained: Callable):
    jobset = yaml.safe_load((LAUNCH / "gke_jobset.yaml").read_text())
    assert (jobset["apiVersion"], jobset["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    assert "kueue.x-k8s.io/queue-name" in jobset["metadata"]["labels"]
    (replicated,) = jobset["spec"]["replicatedJobs"]
    job = replicated["template"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]

    args, _ = trained(container["args"])
    assert args.coordinator == "auto"
    width, height = pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"].split("x")
    chips_per_host = container["resources"]["limits"]["google.com/tpu"]
    assert job["parallelism"] == job["completions"] == int(width) * int(height) / chips_per_host
    mounted = container["volumeMounts"][0]["mountPath"]
    assert str(args.workdir).startswith(mounted)
    assert str(args.data_dir).startswith(mounted)

    # Exit code 2 fails the job by its pod failure policy, which ends the set; every other failure restarts it.
    (mistake,) = job["podFailurePolicy"]["rules"]
    assert mistake["onExitCodes"] == {"containerName": container["name"], "operator": "In", "values": [2]}
    assert jobset["spec"]["failurePolicy"]["rules"][0]["onJobFailureReasons"] == ["PodFailurePolicy"]
    assert (job["backoffLimit"], pod["restartPolicy"]) == (0, "Never")


def test_the_gcluster_command_submits_the_same(trained: Callable):
    text = (LAUNCH / "gke_jobset.yaml").read_text()
    (command,) = re.findall(r"^# +(gcluster job submit (?:.*\\\n)*.*)", text, re.MULTILINE)
    words = shlex.split(command.replace("\\\n#", " "))
    flags = dict(word.split("=", 1) for word in words[3:])
    assert set(flags) <= GCLUSTER_FLAGS
    assert {"--name", "--command", "--compute-type"} <= set(flags)  # the required ones
    program, *arguments = shlex.split(flags["--command"])
    assert program == "jvlgs"
    assert trained(arguments)[0].coordinator == "auto"
    assert flags["--image"] in text.split("apiVersion")[1]


def test_the_managed_job_trains_into_its_bucket(stand_in: Callable, trained: Callable, tmp_path: Path):
    task = yaml.safe_load((LAUNCH / "skypilot.yaml").read_text())
    jvlgs = stand_in("jvlgs", "echo $JVLGS_DATA_DIR")
    done = subprocess.run(
        ["bash", "-c", task["run"]],
        env=os.environ | task["envs"] | {"HOME": str(tmp_path)},
        timeout=30,
        check=True,
        capture_output=True,
        text=True,
    )
    args, _ = trained(jvlgs.calls[0])
    assert args.data_dir is None  # a config that takes no data would refuse one
    mounts = task["file_mounts"]
    assert any(str(args.workdir).startswith(mount) and "name" in mounts[mount] for mount in mounts)
    assert "source" in mounts[done.stdout.strip()]
    used = {name for mount in mounts.values() for name in re.findall(r"\$\{(\w+)\}", str(mount))}
    assert used <= set(task["envs"])
    assert task["resources"]["job_recovery"]["recover_on_exit_codes"] == [143]


@pytest.mark.skipif(not (TOOLS / "hadolint").exists(), reason="hadolint has no package for this machine")
def test_the_dockerfile_is_sound():
    subprocess.run([TOOLS / "hadolint", ROOT / "Dockerfile"], check=True)


def test_the_image_knows_its_commit():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert lines.index("ARG COMMIT=") < lines.index("ENV JVLGS_COMMIT=${COMMIT}")


def test_the_image_holds_all_that_installing_needs():
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = ["pyproject.toml", "setup.py", "jvlgs_jax", "datasets", "configs", project["readme"]]
    assert set(needed) <= set(kept)
    for pattern in project["license-files"]:
        assert any(fnmatch(name, pattern) for name in kept)
    assert all((ROOT / name).exists() for name in kept)
