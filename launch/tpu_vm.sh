#!/usr/bin/env bash
# One training on a slice of Cloud TPU VMs. Edit the variables, then:
#   launch/tpu_vm.sh create      # make the slice, now
#   launch/tpu_vm.sh queue       # or ask for a spot slice, and wait until it is there
#   launch/tpu_vm.sh install     # this checkout's last commit, on every host
#   launch/tpu_vm.sh train --config=configs/FILE.py [more of jvlgs train]
#   launch/tpu_vm.sh delete
#   launch/tpu_vm.sh keep --config=configs/FILE.py     # queue, install and train, again after each preemption
# Flags: https://cloud.google.com/sdk/gcloud/reference/compute/tpus/tpu-vm/create (and ssh, scp, delete),
# https://cloud.google.com/sdk/gcloud/reference/compute/tpus/queued-resources/create (and describe, delete).
set -euo pipefail

name=${NAME:-jvlgs}
project=${PROJECT:-my-project}
zone=${ZONE:-us-west4-a}
accelerator=${ACCELERATOR:-v5litepod-16}
runtime=${RUNTIME:-v2-alpha-tpuv5-lite} # https://cloud.google.com/tpu/docs/runtimes
# Folders that every host sees under the same name: a Filestore or a Cloud Storage FUSE mount.
workdir=${WORKDIR:-/mnt/runs/jvlgs}
data_dir=${DATA_DIR:-/mnt/data}
mount=${MOUNT:-true} # command that mounts them on a host
seconds_between_looks=${SECONDS_BETWEEN_LOOKS:-60}

where=(--project="$project" --zone="$zone")

on_every_host() {
    gcloud compute tpus tpu-vm ssh "$name" "${where[@]}" --worker=all --command="$1"
}

create() {
    gcloud compute tpus tpu-vm create "$name" "${where[@]}" --accelerator-type="$accelerator" --version="$runtime"
}

queue() {
    gcloud compute tpus queued-resources create "$name" "${where[@]}" --node-id="$name" --spot \
        --accelerator-type="$accelerator" --runtime-version="$runtime"
    until [ "$(state)" = ACTIVE ]; do
        case $(state) in
        FAILED | SUSPENDED) return 1 ;;
        esac
        sleep "$seconds_between_looks"
    done
}

state() {
    gcloud compute tpus queued-resources describe "$name" "${where[@]}" --format='value(state.state)'
}

install() {
    git archive --format=tar.gz --output=/tmp/jvlgs.tar.gz HEAD
    gcloud compute tpus tpu-vm scp /tmp/jvlgs.tar.gz "$name:" "${where[@]}" --worker=all
    on_every_host "mkdir -p jvlgs && tar -xzf jvlgs.tar.gz -C jvlgs && python3 -m venv venv && \
venv/bin/pip install --quiet ./jvlgs 'jax[tpu]'"
}

train() {
    # A second call while hosts still train stops them first: they save.
    on_every_host "$mount && cd jvlgs && { pkill -TERM -x jvlgs; while pgrep -x jvlgs >/dev/null; do sleep 1; done; \
../venv/bin/jvlgs train --workdir=$workdir --data-dir=$data_dir ${*@Q} --coordinator=auto; }"
}

delete() {
    gcloud compute tpus queued-resources delete "$name" "${where[@]}" --force --quiet ||
        gcloud compute tpus tpu-vm delete "$name" "${where[@]}" --quiet
}

keep() {
    # A preempted slice is gone, and its request SUSPENDED: delete it and ask again. Any other end is the training's own.
    while true; do
        queue && install && train "$@" && return 0
        [ "$(state)" = ACTIVE ] && return 1
        delete
        sleep "$seconds_between_looks"
    done
}

verb=${1:?usage: launch/tpu_vm.sh create|queue|install|train|delete|keep, see the file}
case $verb in
create | queue | install | train | delete | keep) shift && "$verb" "$@" ;;
*) echo "unknown verb '$verb': use create, queue, install, train, delete or keep" >&2 && exit 2 ;;
esac
