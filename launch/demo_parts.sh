# shellcheck shell=bash
# What the demos share; they source it.

# Prints a command and runs it.
show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

# Says where the results in a folder are.
list_results() {
    cat <<END
scores    $1/evaluation/scores.json
frames    $1/prediction/frames.csv
overlay   $1/prediction/overlay.mp4
report    $1/prediction/report.html   <- open this one
END
}
