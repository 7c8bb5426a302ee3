#!/usr/bin/env bash
# Brings Delta Lake's two jars and PostgreSQL's JDBC driver by Maven into a folder (default .venv/jars). Without Maven,
# Spark's own resolver fetches the first two at its first start.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${1:-$root/.venv/jars}
delta=$(sed -n 's/^ *delta-spark==\([0-9.]*\).*/\1/p' "$root/setup.cfg")
spark=$(sed -n 's/^ *pyspark==\([0-9]*\.[0-9]*\).*/\1/p' "$root/setup.cfg")
postgresql=42.7.14 # only for mappings with `jdbc`; speaks to every PostgreSQL that is kept up

say() { echo "jars: $*" >&2; }

if ! command -v mvn >/dev/null; then
    say "no mvn here: Spark's own resolver will fetch Delta Lake $delta at its first start"
    exit 0
fi
mkdir -p "$folder"
for artifact in "io.delta:delta-spark_${spark}_2.13:$delta" "io.delta:delta-storage:$delta" "org.postgresql:postgresql:$postgresql"; do
    IFS=: read -r _ name version <<<"$artifact"
    [ ! -s "$folder/$name-$version.jar" ] || continue
    find "$folder" -name "${name%%_*}*.jar" -delete # of another version
    if ! mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        "-Dartifact=$artifact" "-DoutputDirectory=$folder" >"$folder/maven.log" 2>&1; then
        tail -n 5 "$folder/maven.log" >&2
        say "mvn did not bring $name $version: Spark's own resolver will try Delta Lake's at its first start"
        exit 0
    fi
done
rm -f "$folder/maven.log"
