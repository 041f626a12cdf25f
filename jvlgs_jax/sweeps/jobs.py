"""A sweep as jobs of a cluster: one SLURM array, or SkyPilot managed jobs.

What a job asks for (partition, time, accelerators) is given when it is submitted, so that these files stay as they are
made. Flags: https://slurm.schedmd.com/sbatch.html, https://docs.skypilot.co/en/latest/reference/yaml-spec.html,
https://docs.skypilot.co/en/latest/examples/managed-jobs.html.
"""

import hashlib
import os
import re
import shlex
import textwrap
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.sweeps.trials import Sweep

MAX_NAME = 40  # buckets, with 9 letters more, may have 63; jobs of trials have their numbers besides

_SLURM = """\
#!/usr/bin/env bash
# A trial a task; finished ones end at once. Submit with what each of them needs:
#   sbatch --gpus=1 --time=24:00:00 {file}
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{abreast}
#SBATCH --ntasks=1
#SBATCH --chdir={here}
#SBATCH --output={output}
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=TERM@120
# At a preemption and two minutes before the time limit, SLURM sends SIGTERM to the step: the training saves and exits
# with 143, and the task is queued again, to go on from there.
set -uo pipefail

{choose}
folder={workdir}/$trial
if [ "$(cat "$folder/exit_code" 2>/dev/null)" = 0 ]; then
    echo "$trial: finished before"
    exit 0
fi
mkdir -p "$folder"
rm -f "$folder/exit_code"
trap : TERM # outlive the training
srun jvlgs train --config={config} --workdir="$folder"{data_dir} "${{settings[@]}}"
code=$?
echo "$code" >"$folder/exit_code"
if [ "$code" = 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""

_SKYPILOT = """\
# One trial of a sweep, the one that TRIAL says; {submit} submits them all.
name: {name}
workdir: .
envs:
  TRIAL: "0"
  BUCKET: {bucket}  # for the trials' folders; SkyPilot makes it if it is not there
  DATA_DIR: ""  # the dataset's folder on the machine, such as /data below; without it, what the config says
  JAX: jax[cuda13]  # jax[tpu] on TPUs
  JVLGS_COMMIT: ""  # what the trials' folders say of the code, which is sent without its history
resources:
  use_spot: true
  job_recovery:
    recover_on_exit_codes: [143]  # a training that was told to end, and saved
file_mounts:
  /runs:
    name: ${{BUCKET}}
    mode: MOUNT_CACHED
  # /data:
  #   source: gs://my-data
  #   mode: MOUNT
setup: |
  # Its own Python: the machine's may be older than the package needs.
  pip install --quiet uv && uv venv --quiet --allow-existing --python='>=3.11,<3.14' ~/venv &&
    uv pip install --quiet --python="$HOME/venv/bin/python" . "$JAX"
run: |
{run}
"""

_RUN = """\
set -uo pipefail
export PATH=~/venv/bin:$PATH
{choose}
folder=/runs/$trial
if [ "$(cat "$folder/exit_code" 2>/dev/null)" = 0 ]; then
    echo "$trial: finished before"
    exit 0
fi
mkdir -p "$folder"
rm -f "$folder/exit_code"
if [ -n "$DATA_DIR" ]; then
    export JVLGS_DATA_DIR=$DATA_DIR
fi
jvlgs train --config={config} --workdir="$folder" "${{settings[@]}}"
code=$?
echo "$code" >"$folder/exit_code"
exit "$code"
"""

_SUBMIT = """\
#!/usr/bin/env bash
# Submits every trial as a managed job. Run it in the folder where the sweep was made, with what each trial needs:
#   bash {file} --gpus=L4:1 --env=BUCKET=my-bucket
set -euo pipefail
commit=$(git rev-parse HEAD 2>/dev/null || true)
for trial in {{0..{last}}}; do
    sky jobs launch --yes --detach-run --name="{name}-$trial" --env="TRIAL=$trial" --env="JVLGS_COMMIT=$commit" "$@" \\
        {task}
done
"""


def write_slurm(sweep: Sweep, *, jobs: int | None) -> Path:
    """Writes an array script for `sbatch` to the sweep's workdir, which all nodes must see, and returns its path.

    Args:
        sweep: what the tasks of the array are.
        jobs: how many of them run at a time; None leaves it to SLURM.
    """
    workdir = sweep.workdir.resolve()
    path = workdir / "sweep.slurm.sh"
    data_dir = "" if sweep.data_dir is None else f" --data-dir={shlex.quote(str(sweep.data_dir.resolve()))}"
    text = _SLURM.format(
        file=shlex.quote(str(path)),
        name=_name(sweep),
        last=len(sweep.trials) - 1,
        abreast="" if jobs is None else f"%{jobs}",
        here=_directive(str(Path.cwd())),
        output=_directive(str(workdir).replace("%", "%%") + "/slurm-%A_%a.log"),
        workdir=shlex.quote(str(workdir)),
        choose=_choose(sweep, "$SLURM_ARRAY_TASK_ID"),
        config=shlex.quote(str(sweep.config.resolve())),
        data_dir=data_dir,
    )
    _write(path, text)
    return path


def write_skypilot(sweep: Sweep) -> Path:
    """Writes a managed job and the script that submits it for every trial to the sweep's workdir; returns the script.

    UserError for a config outside the current folder, which is what SkyPilot takes along, and for a `data_dir`, which
    is a folder of this machine.
    """
    config = sweep.config.resolve()
    if not config.is_relative_to(Path.cwd()):
        raise UserError(
            f"{config}: SkyPilot takes along {Path.cwd()} only: run jvlgs in a folder that holds the config"
        )
    if sweep.data_dir is not None:
        raise UserError(
            f"--data-dir={sweep.data_dir} is a folder of this machine: mount theirs, and give --env=DATA_DIR=/data"
        )
    workdir = sweep.workdir.resolve()
    task, script = workdir / "sweep.skypilot.yaml", workdir / "sweep.skypilot.sh"
    name = _name(sweep)
    run = _RUN.format(
        choose=_choose(sweep, "$TRIAL"),
        config=shlex.quote(str(config.relative_to(Path.cwd()))),
    )
    _write(
        task,
        _SKYPILOT.format(submit=script.name, name=name, bucket=_bucket(sweep), run=textwrap.indent(run, "  ").rstrip()),
    )
    submit = _SUBMIT.format(
        file=shlex.quote(str(script)), last=len(sweep.trials) - 1, name=name, task=shlex.quote(str(task))
    )
    _write(script, submit)
    return script


def _name(sweep: Sweep) -> str:
    """Returns what jobs of the sweep are called, in letters that all engines take."""
    plain = unicodedata.normalize("NFKD", sweep.workdir.resolve().name).encode("ascii", "ignore").decode().lower()
    return f"jvlgs-{re.sub('[^a-z0-9]+', '-', plain).strip('-') or 'sweep'}"[:MAX_NAME].rstrip("-")


def _bucket(sweep: Sweep) -> str:
    """Returns the name of a bucket for the workdir alone: trials of another one may have the same names."""
    return f"{_name(sweep)}-{hashlib.sha256(os.fsencode(sweep.workdir.resolve())).hexdigest()[:8]}"


def _directive(value: str) -> str:
    """Returns a value as `sbatch` reads it in its comments, where a backslash hides the next letter, quoted or not."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _choose(sweep: Sweep, index: str) -> str:
    """Returns lines of shell that set `trial` and `settings` by the number of the trial."""
    cases: Iterable[str] = (
        f"    {i}) trial={trial.name} settings=({shlex.join(trial.overrides)}) ;;"
        for i, trial in enumerate(sweep.trials)
    )
    return "\n".join([f"case {index} in", *cases, f'    *) echo "no trial {index}" >&2; exit 2 ;;', "esac"])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacement(path) as partial:
        partial.write_text(text, encoding="utf-8")
