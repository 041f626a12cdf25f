#!/usr/bin/env bash
# Makes toy plume clips, trains a tiny network on them, scores it on two clips it has not seen and draws what it finds.
# `make demo-training` calls this; to run it alone, have `jvlgs` and its `python` on PATH.
set -euo pipefail

output=${1:?usage: launch/demo_training.sh OUTPUT}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=launch/demo_parts.sh
source launch/demo_parts.sh

# What the evaluation at the end of the training compiles serves the commands after it too.
export JAX_COMPILATION_CACHE_DIR=$output/compiled

show python -m jvlgs_jax.data.toy_plumes "$output/data" --clips 12
show jvlgs train --config=configs/demo.py --data-dir="$output/data" --workdir="$output/run"
show jvlgs evaluate --checkpoint="$output/run/model" --data-dir="$output/data" --scenes=plume11,plume12 \
    --output="$output/evaluation"
show jvlgs predict "$output/data/simgasvidplume11.mp4" --checkpoint="$output/run/model" --output="$output/prediction"

cat <<END

These clips are drawn, not filmed: the scores show that every part works, not how well it finds real gas.
END
list_results "$output"
