#!/usr/bin/env bash
# Makes .venv: the package and its pinned dependencies, Delta Lake's jars, Horovod. `make install` calls it.
#   PYTHON3=/path/to/python3.11 chooses the Python.
# Exit codes: 0 done, 4 this machine lacks something (said in the last lines), else pip's own.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
stamp=.venv/.installed
python=.venv/bin/python

say() { printf 'install %4d s: %s\n' "$SECONDS" "$*"; }

# Two makes at once: the second waits, and finds the work done.
mkdir -p .venv
if command -v flock >/dev/null; then
    exec 9>.venv/.lock
    flock 9
    if [ -e "$stamp" ] && [ -z "$(find setup.cfg pyproject.toml jobs/setup -newer "$stamp" -type f)" ]; then exit 0; fi
fi

if [ ! -x "$python" ]; then
    base=${PYTHON3:-$(command -v python3.11 || command -v python3 || true)}
    if ! "${base:-false}" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
        echo "install: Python 3.11 is needed, and ${base:-python3} is not it; make install PYTHON3=/path/to/python3.11" >&2
        exit 4
    fi
    if ! "$base" -m venv .venv; then
        echo "install: $base cannot make a virtual environment; on Debian: apt-get install python3.11-venv" >&2
        exit 4
    fi
fi
# Not compiled in advance: of TensorFlow's ten thousand modules a run imports a part.
pip=("$python" -m pip install -q --disable-pip-version-check --no-compile)

bash jobs/setup/jars.sh .venv/jars &
jars=$!

# TensorFlow first: Horovod is compiled against it while the rest is downloaded.
say "TensorFlow and what builds Horovod"
tensorflow=$(sed -n 's/^ *\(tensorflow-cpu==[0-9.]*\).*/\1/p' setup.cfg)
numpy=$(sed -n 's/^ *\(numpy==[0-9.]*\).*/\1/p' setup.cfg)
keras=$(sed -n 's/^ *\(keras==[0-9.]*\).*/\1/p' setup.cfg)
"${pip[@]}" "setuptools>=77,<81" wheel packaging cloudpickle "$tensorflow" "$keras" "$numpy"

bash jobs/setup/horovod_wheel.sh "$python" >.venv/horovod.path &
horovod=$!

say "the other dependencies"
"${pip[@]}" --no-build-isolation -e ".[platform,spark,train,explain,observe,data,test]"
mapfile -t content < <(sed -n '/^content =/,/^[^ ]/s/^ *\([a-z0-9-]*==[0-9.]*\).*/\1/p' setup.cfg)
"${pip[@]}" --no-deps "${content[@]}"
say "waiting for Horovod"
wait "$horovod"
"${pip[@]}" --no-deps "$(cat .venv/horovod.path)"
if ! "$python" -c 'import horovod.tensorflow as hvd; assert hvd.gloo_built()' 2>.venv/horovod.log; then
    tail -n 5 .venv/horovod.log >&2
    echo "install: Horovod does not load, or has no Gloo; fix: remove $(dirname "$(cat .venv/horovod.path)"), then make install" >&2
    exit 4
fi
wait "$jars"
touch "$stamp"
say "done"
