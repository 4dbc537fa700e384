#!/usr/bin/env bash
# Scores every checkpoint of a model that is there: lm-eval tasks, perplexity, divergence.
#   bash run_benchmark_lm-eval.sh                     # llama3_8b and its compressed checkpoints
#   MODEL_ID=demo bash run_benchmark_lm-eval.sh --limit 100
#   MODEL_ID=/models/qwen3 OUTPUT_DIR=out bash run_benchmark_lm-eval.sh
# Checkpoints are looked for in OUTPUT_DIR, where you stand and next to the model.
# Further arguments go to score.py. The environment is set up first where it is missing.
# Folders are relative to where you stand, and results are left there.
set -euo pipefail
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

MODEL_ID=${MODEL_ID:-llama3_8b}
OUTPUT_DIR=${OUTPUT_DIR:-.}
name=$(basename -- "$MODEL_ID")

models=(--base "$MODEL_ID" --model "$MODEL_ID")
seen=:
for folder in "$OUTPUT_DIR" . "$(dirname -- "$MODEL_ID")"; do
    for manifest in "$folder/$name"-*/compression.json; do
        checkpoint=$(dirname -- "$manifest")
        real=$(realpath -- "$checkpoint" 2>/dev/null || true)
        if [[ $seen != *:"$real":* ]] && grep -qs "\"model\": \"$name\"" "$manifest"; then
            seen+=$real:
            models+=(--model "${checkpoint#./}")
        fi
    done
done
if [ "$seen" = : ]; then
    echo "no checkpoint of $name in $OUTPUT_DIR, . and $(dirname -- "$MODEL_ID"): it is scored alone" >&2
fi
"$here/scripts/setup.sh"
exec "$here/.venv/bin/python" "$here/score.py" "${models[@]}" "$@"
