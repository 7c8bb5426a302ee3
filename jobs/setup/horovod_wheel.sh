#!/usr/bin/env bash
# Builds Horovod for the TensorFlow of the given Python, keeps the wheel in a cache, and prints the wheel's path.
#   jobs/setup/horovod_wheel.sh .venv/bin/python
# USERPROFILE_GPU=1 builds collectives on NCCL instead of Gloo alone: the CUDA toolkit and NCCL must be installed.
# Exit codes: 0 done, 4 a build tool is missing or the build failed.
set -euo pipefail

python=${1:?usage: horovod_wheel.sh <python that has TensorFlow>}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
version=$(sed -n 's/^ *horovod==\([0-9.]*\).*/\1/p' "$root/setup.cfg")
cache=${USERPROFILE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/userprofile}

say() { echo "horovod_wheel: $*" >&2; }

about=$("$python" - <<'PYTHON'
import platform, sys, sysconfig
from importlib.metadata import PackageNotFoundError, version

for name in ("tensorflow-cpu", "tensorflow"):
    try:
        print(version(name), sys.version.split()[0], sysconfig.get_platform(), *platform.libc_ver())
        break
    except PackageNotFoundError:
        continue
PYTHON
)
tensorflow=${about%% *}
[ -n "$tensorflow" ] || { say "$python has no TensorFlow; first: pip install -e .[train]"; exit 4; }

key=$({ cat "${BASH_SOURCE[0]}"; echo "$version $about ${USERPROFILE_GPU:-}"; } | "$python" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])')
kept=$cache/wheels/$key
if compgen -G "$kept/horovod-*.whl" >/dev/null; then
    compgen -G "$kept/horovod-*.whl"
    exit 0
fi

for tool in g++ cmake; do
    command -v "$tool" >/dev/null || {
        say "Horovod $version has to be built on this machine, and $tool is missing."
        say "fix: apt-get install g++ cmake make (or your system's like), then make install"
        exit 4
    }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/build.log
started=$SECONDS
say "building Horovod $version for TensorFlow $tensorflow; this takes minutes, once on this machine"

# The build asks the Python of PATH for TensorFlow's flags.
PATH=$(cd "$(dirname "$python")" && pwd):$PATH
export PATH HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1
export HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1
export MAKEFLAGS=-j$(getconf _NPROCESSORS_ONLN)
# CMake 4 refuses projects as old as those Horovod carries, unless told.
export CMAKE_POLICY_VERSION_MINIMUM=3.5
[ -z "${USERPROFILE_GPU:-}" ] || export HOROVOD_GPU_OPERATIONS=NCCL

# One line of a file, by sed; an error where it would be none or several.
edit() {
    sed -i.before "$2" "$1"
    [ "$(diff "$1.before" "$1" | grep -c '^<')" -eq 1 ] || { echo "$1: not one line for $2" >&2; return 1; }
}

build() {
    "$python" -m pip download -q --no-deps --no-build-isolation --no-binary :all: -d "$work" \
        --require-hashes -r "$root/jobs/setup/locks/horovod.txt"
    tar -xzf "$work/horovod-$version.tar.gz" -C "$work"
    source=$work/horovod-$version

    # TensorFlow moved the headers that this file includes. Only collectives inside XLA-compiled functions are lost.
    edit "$source/horovod/tensorflow/CMakeLists.txt" '/xla_mpi_ops[.]cc/d'
    # TensorFlow's module links a second, C++17 build of Gloo: this one would be compiled for nothing.
    edit "$source/CMakeLists.txt" 's|add_subdirectory(third_party/gloo)|add_subdirectory(third_party/gloo EXCLUDE_FROM_ALL)|'
    # Without debugging symbols, which were nine tenths of the wheel.
    edit "$source/setup.py" "s|'RelWithDebInfo'|'Release'|"

    # The version says which TensorFlow it was built for: `make doctor` compares.
    export HOROVOD_LOCAL_VERSION=tf$tensorflow
    "$python" -m pip wheel -q --no-deps --no-build-isolation -w "$work/made" "$source"
}
# A subshell with its own -e: inside `if` or `||` the shell would go on after a failed step.
set +e
(set -e; build) >"$log" 2>&1
status=$?
set -e
if [ $status -ne 0 ]; then
    tail -n 40 "$log" >&2
    say "the build failed; the lines above are its last. g++ $(g++ -dumpfullversion), $(cmake --version | head -n 1)"
    exit 4
fi

mkdir -p "$kept"
mv "$work"/made/horovod-*.whl "$kept/"
say "built in $((SECONDS - started)) s, kept in $kept"
compgen -G "$kept/horovod-*.whl"
