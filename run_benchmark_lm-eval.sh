#!/usr/bin/env bash
# Scores every checkpoint of a model that is there: lm-eval tasks, perplexity, divergence.
#   bash run_benchmark_lm-eval.sh                     # llama3_8b and its compressed checkpoints
#   MODEL_ID=demo bash run_benchmark_lm-eval.sh --limit 100
# Further arguments go to score.py. The environment is set up first where it is missing.
set -euo pipefail
cd "$(dirname "$0")"

MODEL_ID=${MODEL_ID:-llama3_8b}

models=(--model "$MODEL_ID")
name=$(basename "$MODEL_ID")
for manifest in "$name"-*/compression.json; do
    if grep -qs "\"model\": \"$name\"" "$manifest"; then
        models+=(--model "${manifest%/compression.json}")
    fi
done
scripts/setup.sh
exec .venv/bin/python score.py "${models[@]}" "$@"
