#!/usr/bin/env bash
# Pins every package that an installation brings, with the hashes of its files: jobs/setup/locks/, out of setup.cfg.
#   jobs/setup/lock.sh <folder of a uv>
# Exit codes: 0 done, else uv's own.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
uv=${1:?usage: lock.sh <folder of a uv>}/uv
locks=jobs/setup/locks
compile() { # compile <lock> <arguments>
    "$uv" pip compile -q --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" \
        -o "$locks/$1.txt" "${@:2}"
}
pins() { sed -n "/^$1 =/,/^[^ ]/s/^ *\([A-Za-z0-9_.-]*==[0-9][A-Za-z0-9.]*\).*/\1/p" setup.cfg; }

# What Horovod is compiled against comes first: the rest is downloaded meanwhile.
{ pins train; pins platform | grep numpy; printf '%s\n' "setuptools>=77,<81" wheel; } | compile train -
compile all setup.cfg -c "$locks/train.txt" --extra platform --extra spark --extra train --extra explain \
    --extra observe --extra data --extra test
pins airflow | compile airflow -
# Each of these alone, without what it says it needs.
pins content | compile content - --no-deps
pins horovod | compile horovod - --no-deps
