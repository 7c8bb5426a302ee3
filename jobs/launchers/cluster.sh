#!/usr/bin/env bash
# A standalone Spark cluster on this machine: a master and two workers, on 127.0.0.1 only.
#   jobs/launchers/cluster.sh up|down|status
# CLUSTER_PORT (7077), WORKER_CORES (1 each), WORKER_MEMORY (3g each). Logs and process ids: build/cluster-<port>/.
# USERPROFILE_SPARK_SECRET, where set: only who knows it is let in, and what they say to each other is encrypted.
# Exit codes: 0 done, 2 usage, 4 it could not start (or, for status, is not up).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
port=${CLUSTER_PORT:-7077}
cores=${WORKER_CORES:-1}
memory=${WORKER_MEMORY:-3g}
seconds=${CLUSTER_TIMEOUT:-120}
folder=$root/build/cluster-$port
master=spark://127.0.0.1:$port
daemons=(master worker-1 worker-2)

say() { echo "cluster: $*"; }

source "$root/jobs/launchers/daemons.sh"

running() { # running <daemon>: is the process in its pid file alive, and still the one we started?
    local id
    id=$(cat "$folder/$1.pid" 2>/dev/null) || return 1
    ps -ww -p "$id" -o args= 2>/dev/null | grep -q "org.apache.spark.deploy.*$port"
}

registered() { grep -c "Registering worker" "$folder/master.log" 2>/dev/null || true; }

launch() { # launch <daemon> <class> <arguments>
    local daemon=$1
    shift
    env -u USERPROFILE_SPARK_SECRET nohup "$spark_home/bin/spark-class" "$@" "${secured[@]}" \
        >"$folder/$daemon.log" 2>&1 </dev/null &
    echo $! >"$folder/$daemon.pid"
}

secure() { # by a file that only its owner reads: a command line is everybody's
    secured=()
    [ -n "${USERPROFILE_SPARK_SECRET:-}" ] || return 0
    secured=(--properties-file "$folder/secure.conf")
    (umask 077 && cat >"$folder/secure.conf") <<SETTINGS
spark.authenticate true
spark.authenticate.secret $USERPROFILE_SPARK_SECRET
spark.network.crypto.enabled true
spark.network.crypto.saslFallback false
spark.master.rest.enabled false
SETTINGS
}

find_spark() {
    python=$root/.venv/bin/python
    [ -x "$python" ] || python=$(command -v python3)
    spark_home=${SPARK_HOME:-$("$python" -c 'import importlib.util as u; print(u.find_spec("pyspark").submodule_search_locations[0])' \
        2>/dev/null)} || { say "pyspark is not installed; fix: make install" >&2; exit 4; }
}

up() {
    if all_running; then
        say "already up at $master"
        return
    fi
    down >/dev/null
    require_free "$port" CLUSTER_PORT
    find_spark
    rm -rf "$folder"
    mkdir -p "$folder"
    secure
    export SPARK_LOCAL_IP=127.0.0.1 SPARK_DAEMON_MEMORY=${SPARK_DAEMON_MEMORY:-512m} SPARK_NO_DAEMONIZE=1
    launch master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port "$port" --webui-port 0
    local worker
    for worker in worker-1 worker-2; do
        launch "$worker" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --webui-port 0 \
            --cores "$cores" --memory "$memory" --work-dir "$folder/$worker" "$master"
    done
    local deadline=$((SECONDS + seconds)) daemon
    until [ "$(registered)" -ge 2 ]; do
        for daemon in "${daemons[@]}"; do running "$daemon" || give_up "$daemon ended at once" "$daemon"; done
        [ $SECONDS -lt $deadline ] || give_up "only $(registered) of 2 workers registered within $seconds s" master
        sleep 0.2
    done
    rm -f "$folder/secure.conf" # they have read it
    say "up at $master: 2 workers of $cores cores and $memory each; logs in $folder"
}

down() {
    local daemon id waited
    for daemon in worker-2 worker-1 master; do
        if running "$daemon"; then
            id=$(cat "$folder/$daemon.pid")
            kill "$id" 2>/dev/null || true
            for waited in $(seq 50); do running "$daemon" || break; sleep 0.2; done
            if running "$daemon"; then kill -9 "$id" 2>/dev/null || true; fi
        fi
        rm -f "$folder/$daemon.pid"
    done
    rm -f "$folder/secure.conf"
    say "down"
}

case ${1:-} in
    up | down | status) "$1" ;;
    *) echo "usage: cluster.sh up|down|status" >&2; exit 2 ;;
esac
