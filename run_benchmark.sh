#!/usr/bin/env bash
# Measures every checkpoint of a model: compresses what is missing, then serves and times each.
#   bash run_benchmark.sh                  # llama3_8b with the six schemes
#   MODEL_ID=demo SCHEMES=FP8-W8A8 bash run_benchmark.sh --batch_sizes 1,8,32
# Further arguments go to pipeline.py. The environment is set up first where it is missing.
# Folders are relative to where you stand, and results are left there.
set -euo pipefail
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

MODEL_ID=${MODEL_ID:-llama3_8b}
SCHEMES=${SCHEMES:-all}

"$here/scripts/setup.sh"
exec "$here/.venv/bin/python" "$here/pipeline.py" --model_id "$MODEL_ID" --schemes "$SCHEMES" "$@"
