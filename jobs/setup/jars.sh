#!/usr/bin/env bash
# Brings Delta Lake's two jars by Maven into a folder (default .venv/jars). Without Maven, Spark's own resolver fetches
# them at its first start.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${1:-$root/.venv/jars}
delta=$(sed -n 's/^ *delta-spark==\([0-9.]*\).*/\1/p' "$root/setup.cfg")
spark=$(sed -n 's/^ *pyspark==\([0-9]*\.[0-9]*\).*/\1/p' "$root/setup.cfg")

say() { echo "jars: $*" >&2; }

if ! command -v mvn >/dev/null; then
    say "no mvn here: Spark's own resolver will fetch Delta Lake $delta at its first start"
    exit 0
fi
mkdir -p "$folder"
for artifact in "delta-spark_${spark}_2.13" delta-storage; do
    [ ! -s "$folder/$artifact-$delta.jar" ] || continue
    find "$folder" -name "${artifact%%_*}*.jar" -delete # of another version
    if ! mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        "-Dartifact=io.delta:$artifact:$delta" "-DoutputDirectory=$folder" >"$folder/maven.log" 2>&1; then
        tail -n 5 "$folder/maven.log" >&2
        say "mvn did not bring $artifact $delta: Spark's own resolver will try at its first start"
        exit 0
    fi
done
rm -f "$folder/maven.log"
