"""Names of tables in Spark's catalogue, Unity Catalog's or any other, beside the folders that hold them."""

from __future__ import annotations

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from userprofile.errors import EnvironmentMismatchError, UsageError
from userprofile.quoting import quoted_name, quoted_text
from userprofile.schemas.arrow import Columns
from userprofile.tables.store import Store

PROFILES, LATEST = "gold.user_profiles", "gold.latest_user_profiles"


def store_of(spark: SparkSession | None, root: str, catalog: str, run_id: str = "") -> Store:
    """The tables below `root`, which get names in the catalogue where one is told, by whoever has Spark."""
    if spark is None or not catalog:
        return Store(spark, root, run_id=run_id)
    return NamedStore(spark, root, catalog=catalog, run_id=run_id)


class NamedStore(Store):
    """A store whose tables are also `<catalog>.<source>_<layer>.<name>`, as external tables on its own folders.

    Reads and writes go by the folder, also past Spark; the name is for whoever queries. A table gets it at its next
    write. gold.latest_user_profiles is a view: a row a user, of the newest date and the model that scored it last.
    """

    def __init__(self, spark: SparkSession, root: str, *, catalog: str, run_id: str = "") -> None:
        super().__init__(spark, root, run_id=run_id)
        self._catalog, self._named = catalog, set[str]()

    def name(self, table: str) -> str:
        """The three-part name of `layer.name`, quoted."""
        layer, _, name = table.partition(".")
        return ".".join(map(quoted_name, (self._catalog, f"{self.root.rsplit('/', 1)[1]}_{layer}", name)))

    def _create(self, table: str, schema: Columns, partition: str) -> bool:
        made = super()._create(table, schema, partition)
        if table not in self._named:
            self._give_name(table)
            self._named.add(table)
        return made

    def _give_name(self, table: str) -> None:
        name, path = self.name(table), self.path(table)
        try:
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {name.rsplit('.', 1)[0]}")
            self.spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING DELTA LOCATION {quoted_text(path)}")
            location = self.spark.sql(f"DESCRIBE DETAIL {name}").collect()[0]["location"]
        except PySparkException as error:
            raise EnvironmentMismatchError(
                f"the catalogue gives the table {table} no name",
                expected=f"{name} on {path}",
                received=str(error).splitlines()[0],
                fix="USE CATALOG, CREATE SCHEMA and an external location of the folder; or --set spark.catalog=",
            ) from error
        if _plain(location) != _plain(path):
            raise UsageError(
                f"{name} is a table elsewhere",
                expected=path,
                received=location,
                fix=f"DROP TABLE {name}, which leaves its files; or another spark.catalog",
            )
        if table == PROFILES:
            newest = "max_by(struct(as_of_date, model_version), struct(as_of_date, scored_at))"
            rows = f"SELECT * FROM {name} WHERE struct(as_of_date, model_version) = (SELECT {newest} FROM {name})"
            self.spark.sql(f"CREATE OR REPLACE VIEW {self.name(LATEST)} AS {rows}")


def _plain(location: str) -> str:
    return "/" + location.removeprefix("file:").lstrip("/") if location.startswith(("file:", "/")) else location
