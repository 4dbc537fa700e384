#!/usr/bin/env bash
# Measures every checkpoint of a model: compresses what is missing, then serves and times each.
#   bash run_benchmark.sh                  # llama3_8b with the six schemes
#   MODEL_ID=demo SCHEMES=FP8-W8A8 bash run_benchmark.sh --batch_sizes 1,8,32
# Further arguments go to pipeline.py. The environment is set up first where it is missing.
set -euo pipefail
cd "$(dirname "$0")"

MODEL_ID=${MODEL_ID:-llama3_8b}
SCHEMES=${SCHEMES:-all}

scripts/setup.sh
exec .venv/bin/python pipeline.py --model_id "$MODEL_ID" --schemes "$SCHEMES" "$@"
