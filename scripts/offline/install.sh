#!/usr/bin/env bash
# Installs what is in the bundle.tar.* next to it, with no network:
#   bash install.sh .venv               # makes a virtual environment
#   bash install.sh --target FOLDER     # a folder to put on PYTHONPATH
# PYTHON=... names the Python to install for (python3). Parts may also lie in another folder:
# PARTS=... names it. TMPDIR needs room for the wheels once more.
set -euo pipefail

WANTED_PYTHON="@PYTHON@"
HOST_TORCH="@TORCH@" # empty: PyTorch is in the bundle
PYTHON=${PYTHON:-python3}
PARTS=${PARTS:-$(cd "$(dirname "$0")" && pwd)}

fail() { echo "error: $*" >&2; exit 2; }
sums() {
    cat <<'SUMS'
@SUMS@
SUMS
}

target="" venv=""
case "${1:-}" in
    --target) target=${2:?--target wants a folder} ;;
    "" | -*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) venv=$1 ;;
esac

found=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
    fail "$PYTHON does not run; set PYTHON=..."
[ "$found" = "$WANTED_PYTHON" ] || fail "this bundle is for Python $WANTED_PYTHON, $PYTHON is $found"
if [ -n "$HOST_TORCH" ]; then
    torch=$("$PYTHON" -c \
        'from importlib.metadata import version; print(version("torch").split("+")[0])' 2>/dev/null) ||
        fail "this bundle needs the host's own PyTorch $HOST_TORCH, and $PYTHON has none"
    [ "$torch" = "$HOST_TORCH" ] ||
        fail "this bundle is for PyTorch $HOST_TORCH, $PYTHON has $torch"
fi

missing=$(sums | while read -r _ name; do [ -f "$PARTS/$name" ] || echo "$name"; done)
[ -z "$missing" ] || fail "parts are missing in $PARTS:" $missing
(cd "$PARTS" && sums | sha256sum --check --quiet -) ||
    fail "a part is damaged (named above): copy it again"

wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
sums | while read -r _ name; do cat "$PARTS/$name"; done | tar -x -C "$wheels"

python=$PYTHON
if [ -n "$venv" ]; then
    "$PYTHON" -m venv --clear --without-pip "$venv"
    python=$venv/bin/python
    if [ -n "$HOST_TORCH" ]; then # behind its own packages the environment sees those of the host
        site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
        "$PYTHON" -c 'from importlib.metadata import distribution as d
print(d("torch").locate_file(""))' > "$site/host.pth"
    fi
fi
"$python" "$(echo "$wheels"/pip-*.whl)/pip" install --quiet --no-index --no-deps --no-compile \
    --no-cache-dir --ignore-installed --require-hashes --find-links "$wheels" \
    --disable-pip-version-check --root-user-action ignore \
    ${target:+--target "$target" --upgrade} -r "$wheels/requirements.txt"
place=${target:-$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')}
"$python" -m compileall -q -j 0 "$place" >/dev/null 2>&1 || true # some packages ship broken files
if grep -q '^triton==' "$wheels/requirements.txt"; then
    compiler=${CC:-$(command -v gcc || command -v clang || true)}
    headers=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
    if [ -z "$compiler" ] || [ ! -f "$headers/Python.h" ]; then
        echo "warning: on a GPU Triton needs a C compiler and Python's headers ($headers/Python.h;" \
            "Debian: gcc and python$WANTED_PYTHON-dev), and nothing will load without" >&2
    fi
fi
count=$(wc -l < "$wheels/requirements.txt")
if [ -n "$venv" ]; then
    touch "$venv/.bundle" # scripts/setup.sh leaves such an environment alone
    echo "installed $count packages into $venv"
else
    echo "installed $count packages: export PYTHONPATH=$(cd "$target" && pwd)"
fi
