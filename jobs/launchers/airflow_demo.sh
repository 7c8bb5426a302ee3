#!/usr/bin/env bash
# A day and a week of a demo shop by Airflow, on a standalone cluster, both started on this machine and stopped again.
#   make airflow-demo, or KEEP=1 make airflow-demo to leave both up
# AIRFLOW_PORT (8080), CLUSTER_PORT (7077). DAGs, logs, tables, models and pages: build/airflow-demo/ and build/airflow-<port>/
# Exit codes: 0 done, 1 a DAG run failed, 4 Airflow or the cluster could not start.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
export AIRFLOW_PORT=${AIRFLOW_PORT:-8080} CLUSTER_PORT=${CLUSTER_PORT:-7077}
api=http://127.0.0.1:$AIRFLOW_PORT
dags=build/airflow-$AIRFLOW_PORT/dags
demo=build/airflow-demo
shop=(demo_shop.users=300 demo_shop.days=60 build=$demo warehouse=$demo/warehouse models=$demo/models report=$demo/report)
small=(spark.shuffle_partitions=2 spark.driver_memory=1500m train_model.processes=1 train_model.epochs=2 build_training_set.as_of_dates=3)

say() { echo "airflow-demo: $*"; }

stop() {
    [ -z "${KEEP:-}" ] || { say "left up; stop them by jobs/launchers/airflow.sh down and cluster.sh down"; return; }
    bash jobs/launchers/airflow.sh down
    bash jobs/launchers/cluster.sh down
}

airflow() { bash jobs/launchers/airflow.sh "$@" >>"$demo/commands.log" 2>&1; }

# What a user does by hand: a copy with other settings.
copied() {
    local words
    words=$(printf '"%s", ' "${shop[@]}" "${small[@]}")
    sed -e "s|^CHECKOUT = .*|CHECKOUT = \"$root\"|" -e 's|^SOURCE = .*|SOURCE = "demo_shop"|' \
        -e "s|^SET: .*|SET = [${words%, }]|" -e "s|^MASTER = .*|MASTER = \"spark://127.0.0.1:$CLUSTER_PORT\"|" \
        -e 's|^DAILY = .*|DAILY = "0 0 * * *"|' -e 's|^WEEKLY = .*|WEEKLY = "0 0 * * 5"|' \
        -e 's|^UNTIL = .*|UNTIL = "2024-02-29"|' -e 's|^RETRY_SECONDS = .*|RETRY_SECONDS = 5|' \
        jobs/launchers/airflow_dag.py
}

state() { # state <dag>: of its last run, and the tasks that it is at or that failed
    .venv/bin/python - "$api" "api/v2/dags/demo_shop_$1/dagRuns" <<'PYTHON'
import json, sys, urllib.parse, urllib.request

page, path = sys.argv[1:]
with urllib.request.urlopen(f"{page}/auth/token") as said:
    headers = {"Authorization": f"Bearer {json.load(said)['access_token']}"}


def ask(path):
    with urllib.request.urlopen(urllib.request.Request(f"{page}/{path}", headers=headers)) as said:
        return json.load(said)


for run in ask(f"{path}?order_by=-id&limit=1")["dag_runs"]:
    tasks = ask(f"{path}/{urllib.parse.quote(run['dag_run_id'])}/taskInstances")["task_instances"]
    print(run["state"], *(task["task_id"] for task in tasks if task["state"] in ("running", "up_for_retry", "failed")))
PYTHON
}

finished() { # finished <dag>: waits for its run
    local now before=""
    while true; do
        now=$(state "$1")
        [ "$now" = "$before" ] || say "$SECONDS s: demo_shop_$1: $now"
        before=$now
        case $now in
            success*) return ;;
            failed*) say "logs: build/airflow-$AIRFLOW_PORT/logs/dag_id=demo_shop_$1" >&2; exit 1 ;;
        esac
        sleep 2
    done
}

trap stop EXIT
bash jobs/launchers/airflow.sh down >/dev/null
rm -rf "build/airflow-$AIRFLOW_PORT" # its earlier runs would be taken for those of this time
mkdir -p "$demo" "$dags"
bash jobs/launchers/cluster.sh up
.venv/bin/python jobs/generate_demo_shop.py --source demo_shop --set "${shop[@]}" >"$demo/shop.log"
copied >"$dags/demo_shop.py"
bash jobs/launchers/airflow.sh up
say "look at $api while it runs"
airflow pools set userprofile 1 "one job at a time"
airflow dags reserialize
airflow dags unpause --treat-dag-id-as-regex --yes 'demo_shop_.*'
airflow backfill create --dag-id demo_shop_events --from-date 2024-02-29 --to-date 2024-02-29
finished events
finished profiles
airflow backfill create --dag-id demo_shop_retrain --from-date 2024-02-23 --to-date 2024-02-23
finished retrain
say "done; tables and page are in $demo, logs of tasks in build/airflow-$AIRFLOW_PORT/logs"
