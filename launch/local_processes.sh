#!/usr/bin/env bash
# Trains in N processes on this machine's CPU that meet on localhost, as the hosts of a cluster do.
#   launch/local_processes.sh N --config=FILE --workdir=DIR [more of jvlgs train]
# From the environment: DEVICES of each process (1), PORT where they meet, LOGS for what all but the first print.
set -uo pipefail
set -m # a process group each: Ctrl-C reaches this script alone, which passes on one SIGTERM and no more

count=${1:?usage: launch/local_processes.sh N --config=FILE --workdir=DIR [more of jvlgs train]}
shift
port=${PORT:-$((20000 + RANDOM % 10000))}
logs=${LOGS:-$(mktemp -d)}
mkdir -p "$logs"
export JAX_PLATFORMS=cpu JAX_NUM_CPU_DEVICES=${DEVICES:-1}

pids=()
trap 'kill -TERM "${pids[@]}" 2>/dev/null' INT TERM
for ((i = 0; i < count; i++)); do
    command=(jvlgs train "$@" --coordinator="localhost:$port" --processes="$count" --process-index="$i")
    if [ "$i" = 0 ]; then
        "${command[@]}" </dev/null &
    else
        "${command[@]}" </dev/null >"$logs/process$i.log" 2>&1 &
    fi
    pids+=("$!")
done
[ "$count" -gt 1 ] && echo "the other processes write to $logs" >&2

status=0
while [ "${#pids[@]}" -gt 0 ]; do
    for i in "${!pids[@]}"; do
        kill -0 "${pids[i]}" 2>/dev/null && continue
        wait "${pids[i]}"
        code=$?
        unset "pids[i]"
        if [ "$code" != 0 ] && [ "$status" = 0 ]; then
            status=$code
            echo "process $i ended with code $code" >&2
            [ "$i" != 0 ] && tail -n 3 "$logs/process$i.log" >&2
            # 130 and 143: the others save too, and end by themselves. Else they would wait for it forever.
            case $code in 130 | 143) ;; *) kill -KILL "${pids[@]}" 2>/dev/null ;; esac
        fi
    done
    sleep 0.5
done
exit "$status"
