#!/usr/bin/env bash
# Rebuilds requirements/cpu.txt and requirements/gpu.txt from the .in files and the overrides.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh

configured=$("${PYTHON:-python3}" -m pip config get global.find-links 2>/dev/null || true)
links=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$configured}}
common=(--universal --python-version 3.11 --quiet --custom-compile-command "make lock"
        --overrides requirements/overrides.txt)
compile() { env -u UV_FIND_LINKS .uv/bin/uv pip compile "${common[@]}" "$@" >/dev/null; }

cpu=(--overrides requirements/overrides-cpu.txt requirements/cpu.in -o requirements/cpu.txt)
compile ${links:+--find-links "$links"} "${cpu[@]}" || compile --torch-backend cpu "${cpu[@]}"
compile requirements/gpu.in -o requirements/gpu.txt
