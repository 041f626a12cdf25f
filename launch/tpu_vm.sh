#!/usr/bin/env bash
# One training on a slice of Cloud TPU VMs. Edit the variables, then:
#   launch/tpu_vm.sh create      # make the slice, now
#   launch/tpu_vm.sh queue       # or ask for a spot slice, and wait until it is there
#   launch/tpu_vm.sh install     # this checkout's last commit, on every host
#   launch/tpu_vm.sh train --config=configs/FILE.py [more of jvlgs train]
#   launch/tpu_vm.sh delete
#   launch/tpu_vm.sh keep --config=configs/FILE.py     # queue, install and train, again after each interruption
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
data_dir=${DATA_DIR-/mnt/data} # empty: what the config says; one without data on disk needs none
mount=${MOUNT:-true} # command that mounts them on a host
python='>=3.11,<3.14' # installed if the runtime has none of these
seconds_between_looks=${SECONDS_BETWEEN_LOOKS:-60}

where=(--project="$project" --zone="$zone")

on_every_host() {
    gcloud compute tpus tpu-vm ssh "$name" "${where[@]}" --worker=all --command="$1"
}

create() {
    gcloud compute tpus tpu-vm create "$name" "${where[@]}" --accelerator-type="$accelerator" --version="$runtime"
}

queue() {
    [ -n "$(state 2>/dev/null)" ] || # was asked for before
        gcloud compute tpus queued-resources create "$name" "${where[@]}" --node-id="$name" --spot \
            --accelerator-type="$accelerator" --runtime-version="$runtime" || return
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

# On a host: ends what still trains there, which saves. It is found by number, as the program may have started itself anew
# under the name of Python.
# shellcheck disable=SC2016
stop='{ pid=$(cat train.pid 2>/dev/null || echo none); trains() { grep -qs jvlgs "/proc/$pid/cmdline"; }; '\
'if trains; then kill -TERM "$pid"; while trains; do sleep 1; done; fi; }'

install() {
    local commit
    commit=$(git rev-parse HEAD) && git archive --format=tar.gz --output=/tmp/jvlgs.tar.gz "$commit" &&
        gcloud compute tpus tpu-vm scp /tmp/jvlgs.tar.gz "$name:" "${where[@]}" --worker=all &&
        on_every_host "$stop && mkdir -p jvlgs && tar -xzf jvlgs.tar.gz -C jvlgs && echo $commit >jvlgs/commit && \
PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --quiet --user uv && \
{ python3 -m uv venv --quiet --allow-existing --python='$python' venv || \
{ echo \"\$(hostname): no Python $python here, and none could be installed: uv says above why\" >&2; exit 1; }; } && \
python3 -m uv pip install --quiet --python=venv/bin/python --reinstall-package=jvlgs-jax ./jvlgs 'jax[tpu]'"
}

train() {
    on_every_host "$mount && $stop && echo \$\$ >train.pid && cd jvlgs && \
export JVLGS_COMMIT=\$(cat commit) JVLGS_DATA_DIR=${data_dir@Q} && \
exec ../venv/bin/jvlgs train --workdir=${workdir@Q} ${*@Q} --coordinator=auto"
}

delete() {
    gcloud compute tpus queued-resources delete "$name" "${where[@]}" --force --quiet ||
        gcloud compute tpus tpu-vm delete "$name" "${where[@]}" --quiet
}

keep() {
    # A preempted slice is gone, and its request SUSPENDED: delete it and ask again. A training that was told to end and
    # saved (143) and one whose connection broke (255) go on, on the same slice if it is still there. Any other end is
    # the training's own.
    local code
    trap 'exit 130' INT
    while true; do
        queue && install && train "$@" && return
        code=$?
        [ "$code" = 2 ] && return 2
        sleep "$seconds_between_looks" # at first a preempted slice may still be called ACTIVE
        case $(state) in
        ACTIVE) case $code in 143 | 255) ;; *) return "$code" ;; esac ;;
        '') return "$code" ;;
        *) delete ;;
        esac
    done
}

verb=${1:?usage: launch/tpu_vm.sh create|queue|install|train|delete|keep, see the file}
case $verb in
create | queue | install | train | delete | keep) shift && "$verb" "$@" ;;
*) echo "unknown verb '$verb': use create, queue, install, train, delete or keep" >&2 && exit 2 ;;
esac
