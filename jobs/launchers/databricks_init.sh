#!/usr/bin/env bash
# Before a Databricks cluster takes a job: the pseudonym key out of a secret as a file that only its owner reads, and
# Horovod where several nodes train. The bundle names it as init script.
# USERPROFILE_PSEUDONYM_KEY: the key; USERPROFILE_HOROVOD: a wheel; USERPROFILE_FOLDER (/databricks/userprofile).
set -euo pipefail

folder=${USERPROFILE_FOLDER:-/databricks/userprofile}
python=${PYSPARK_PYTHON:-/databricks/python/bin/python}

if [ -n "${USERPROFILE_PSEUDONYM_KEY:-}" ]; then
    mkdir -p -m 700 "$folder"
    (umask 077 && printf '%s\n' "$USERPROFILE_PSEUDONYM_KEY" >"$folder/pseudonym.key")
fi
if [ -n "${USERPROFILE_HOROVOD:-}" ]; then
    "$python" -m pip install -q --no-deps "$USERPROFILE_HOROVOD"
fi
