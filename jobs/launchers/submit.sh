#!/usr/bin/env bash
# A job by spark-submit: the same file, its code shipped as one zip, Delta Lake's jars beside it.
#   MASTER=spark://host:7077 jobs/launchers/submit.sh <job> [arguments of the job]
# MASTER (local[*]); SPARK_SUBMIT_ARGS: further arguments of spark-submit, split at spaces;
# USERPROFILE_JARS (.venv/jars); SPARK_HOME, where Spark is not the one in .venv.
# Executors on other machines need Python 3.11 with the same dependencies: PYSPARK_PYTHON names it, or ENVIRONMENT an
# archive of them (make environment-archive), which is unpacked beside each executor.
# DRY_RUN=1 prints the command instead. A cluster's secret, USERPROFILE_SPARK_SECRET, stays in the environment.
# Exit codes: the job's own; 2 usage; 4 no spark-submit, or no archive.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
job=${1:-}
file=$root/jobs/$job.py
if [ -z "$job" ] || [ ! -f "$file" ]; then
    echo "usage: submit.sh <job> [arguments]; jobs: $(cd "$root/jobs" && echo *.py | sed 's/\.py//g')" >&2
    exit 2
fi
shift

python=$root/.venv/bin/python
[ -x "$python" ] || python=$(command -v python3)
if [ -n "${SPARK_HOME:-}" ]; then
    submit=$SPARK_HOME/bin/spark-submit
elif [ -x "$root/.venv/bin/spark-submit" ]; then
    submit=$root/.venv/bin/spark-submit
else
    submit=$(command -v spark-submit) || { echo "submit: no spark-submit; fix: make install, or set SPARK_HOME" >&2; exit 4; }
fi

shipped=()
if [ -n "${ENVIRONMENT:-}" ]; then
    [ -f "$ENVIRONMENT" ] || { echo "submit: there is no archive $ENVIRONMENT; fix: make environment-archive" >&2; exit 4; }
    shipped=(--archives "$(realpath "$ENVIRONMENT")#environment")
    export PYSPARK_PYTHON=./environment/bin/python
fi

master=${MASTER:-local[*]}
case $master in
    local* | *//127.0.0.1:* | *//localhost:*)
        export SPARK_LOCAL_IP=${SPARK_LOCAL_IP:-127.0.0.1} PYSPARK_PYTHON=${PYSPARK_PYTHON:-$python}
        ;;
esac
export MASTER=$master # the job takes the cluster's configuration by it
export PYSPARK_DRIVER_PYTHON=${PYSPARK_DRIVER_PYTHON:-$python}

archive=$(PYTHONPATH=$root/lib "$python" -m userprofile.spark.code)
shopt -s nullglob
jars=("${USERPROFILE_JARS:-$root/.venv/jars}"/delta-*.jar)
if [ ${#jars[@]} -gt 0 ]; then
    delta=(--jars "$(IFS=,; echo "${jars[*]}")")
else
    read -ra delta <<<"$(PYTHONPATH=$root/lib "$python" -m userprofile.spark.jars)"
fi

# shellcheck disable=SC2206 # split on purpose
command=("$submit" --master "$master" --py-files "$archive" "${delta[@]}" "${shipped[@]}"
    --driver-java-options "-Dlog4j2.configurationFile=file:$root/jobs/launchers/log4j2.properties"
    ${SPARK_SUBMIT_ARGS:-} "$file" "$@")
if [ -n "${DRY_RUN:-}" ]; then
    printf '%q ' "PYSPARK_PYTHON=${PYSPARK_PYTHON:-}" "PYSPARK_DRIVER_PYTHON=$PYSPARK_DRIVER_PYTHON" "${command[@]}"
    echo
else
    exec "${command[@]}"
fi
