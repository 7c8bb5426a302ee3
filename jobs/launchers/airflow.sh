#!/usr/bin/env bash
# An Airflow on this machine to try DAGs with: scheduler, DAG processor and API server on 127.0.0.1 only, where everybody
# is admin; SQLite; tasks are processes of this machine.
#   jobs/launchers/airflow.sh up|down|status, or any command of Airflow: jobs/launchers/airflow.sh dags list
# AIRFLOW_PORT (8080). AIRFLOW_VENV (build/airflow-venv): made at the first command, of jobs/setup/locks/airflow.txt.
# DAGs, database, logs and process ids: build/airflow-<port>/
# Exit codes: 0 done, 2 usage, 4 it could not start (or, for status, is not up); of a command of Airflow, its own.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pins=$root/jobs/setup/locks/airflow.txt
port=${AIRFLOW_PORT:-8080}
venv=${AIRFLOW_VENV:-$root/build/airflow-venv}
seconds=${AIRFLOW_TIMEOUT:-180}
folder=$root/build/airflow-$port
page=http://127.0.0.1:$port
daemons=(api-server scheduler dag-processor)

say() { echo "airflow: $*"; }

source "$root/jobs/launchers/daemons.sh"

began() { ps -o lstart= -p "$1" 2>/dev/null; }

running() { # running <daemon>: is the process in its pid file alive, and still the one we started?
    local id start
    { read -r id && read -r start; } 2>/dev/null <"$folder/$1.pid" || return 1
    [ "$(began "$id")" = "$start" ] # its name says nothing: it changes that
}

# Two at once: the second waits, and finds the work done.
install() {
    mkdir -p "$venv"
    exec 9>"$venv/.lock"
    flock 9
    if cmp -s "$pins" "$venv/.installed"; then return; fi
    local python=$root/.venv/bin/python
    [ -x "$python" ] || python=${PYTHON3:-python3}
    say "installing Airflow in $venv; once on this machine" >&2
    "$python" -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$pins" || exit 4
    cp "$pins" "$venv/.installed"
}

settings() {
    mkdir -p "$folder/dags"
    [ -e "$folder/key" ] || (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/key")
    export AIRFLOW_HOME=$folder AIRFLOW__CORE__DAGS_FOLDER=$folder/dags
    AIRFLOW__API_AUTH__JWT_SECRET=$(cat "$folder/key")
    export AIRFLOW__API_AUTH__JWT_SECRET AIRFLOW__API__SECRET_KEY=$AIRFLOW__API_AUTH__JWT_SECRET
    export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True AIRFLOW__CORE__LOAD_EXAMPLES=False
    export AIRFLOW__CORE__EXECUTION_API_SERVER_URL=$page/execution/ AIRFLOW__API__BASE_URL=$page
    export AIRFLOW__CORE__PARALLELISM=4 AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
    export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=5 AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC=1
    # Of the project's environment, which may be active, Airflow must see nothing.
    unset PYTHONPATH PYTHONHOME
    export PATH=$venv/bin:$PATH
}

launch() { # launch <daemon> <arguments>
    local daemon=$1
    setsid "$venv/bin/airflow" "$@" >"$folder/$daemon.log" 2>&1 </dev/null 9>&- &
    { echo $! && began $!; } >"$folder/$daemon.pid"
}

healthy() {
    "$venv/bin/python" - "$page/api/v2/monitor/health" 2>/dev/null <<'PYTHON'
import json, sys, urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=5) as said:
    health = json.load(said)
sys.exit(any(health[part]["status"] != "healthy" for part in ("metadatabase", "scheduler", "dag_processor")))
PYTHON
}

up() {
    if all_running; then
        say "already up at $page"
        return
    fi
    down >/dev/null
    require_free "$port" AIRFLOW_PORT
    "$venv/bin/airflow" db migrate >"$folder/migrate.log" 2>&1 || give_up "no database" migrate
    launch api-server --host 127.0.0.1 --port "$port" --workers 1
    launch scheduler --skip-serve-logs
    launch dag-processor
    local deadline=$((SECONDS + seconds)) daemon
    until healthy; do
        for daemon in "${daemons[@]}"; do running "$daemon" || give_up "$daemon ended at once" "$daemon"; done
        [ $SECONDS -lt $deadline ] || give_up "not healthy within $seconds s" scheduler
        sleep 0.5
    done
    say "up at $page; DAGs go to $folder/dags, logs are in $folder/logs"
}

down() {
    local daemon id waited
    for daemon in scheduler dag-processor api-server; do
        if running "$daemon"; then
            read -r id <"$folder/$daemon.pid"
            kill "$id" 2>/dev/null || true
            # The scheduler would wait for its tasks: they end their jobs, as at Ctrl-C.
            pkill -TERM -s "$id" -f '^airflow worker -- [0-9a-f]+-' || true
            for waited in $(seq 300); do running "$daemon" || break; sleep 0.2; done
            kill -9 -- "-$id" 2>/dev/null || true
        fi
        rm -f "$folder/$daemon.pid"
    done
    say "down"
}

case ${1:-} in
    up) install && settings && up ;;
    down | status) "$1" ;;
    "" | -*) echo "usage: airflow.sh up|down|status, or a command of Airflow" >&2; exit 2 ;;
    *) install && settings && exec "$venv/bin/airflow" "$@" ;;
esac
