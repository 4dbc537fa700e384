#!/usr/bin/env bash
# Measures base and schemes on this machine's NVIDIA GPU and prints the table:
#   scripts/gpu_results.sh [--minutes 15] [--out FOLDER] [--dry_run]     (--help shows all)
# Stopped or out of time, the same command goes on where it was. PYTHON=... names a Python that has
# the libraries already (a bundle's --target folder on PYTHONPATH); else .venv is set up.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

if [ -z "${PYTHON:-}" ]; then
    "$root/scripts/setup.sh"
    PYTHON=$root/.venv/bin/python
fi
exec "$PYTHON" "$root/scripts/gpu_results.py" "$@"
