#!/usr/bin/env bash
# One training on several nodes of a SLURM cluster, a task for each GPU (JAX gives the tasks of a node a GPU each):
#   sbatch --nodes=2 --ntasks-per-node=8 --gpus-per-node=8 --time=24:00:00 \
#       launch/slurm.sh --config=FILE --data-dir=DIR --workdir=DIR [more of jvlgs train]
# `jvlgs` must be on PATH; the folders must be seen by all nodes.
# Flags: https://slurm.schedmd.com/sbatch.html; preemption: https://slurm.schedmd.com/preempt.html
#SBATCH --job-name=jvlgs
#SBATCH --output=slurm-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=TERM@120
# At a preemption and two minutes before the time limit, SLURM sends SIGTERM to every task: they save and exit with 143,
# and the job is queued again, to go on from there.
set -uo pipefail

trap : TERM # outlive the training
srun jvlgs train "$@" --coordinator=auto
code=$?
if [ "$code" = 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
