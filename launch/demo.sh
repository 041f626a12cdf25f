#!/usr/bin/env bash
# Scores the default model that comes with the package on the sample clip that does, and draws what it finds.
# `make demo` calls this; to run it alone, have `jvlgs` and its `python` on PATH.
set -euo pipefail

output=${1:?usage: launch/demo.sh OUTPUT}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=launch/demo_parts.sh
source launch/demo_parts.sh

export JAX_COMPILATION_CACHE_DIR=$output/compiled # the second command runs what the first has compiled
clip=$(python -c 'from jvlgs_jax.sample import CLIP; print(CLIP)')

show jvlgs models
show jvlgs evaluate --data-dir="$clip" --baselines --output="$output/evaluation"
show jvlgs predict "$clip/leak.mp4" --output="$output/prediction"

cat <<END

The clip is simulated and its seed trained nothing. Its numbers are one clip's: docs/results.md has those that count.
END
list_results "$output"
