# Databricks notebook source
# MAGIC %md
# MAGIC # From raw behaviour events to one profile row per user
# MAGIC
# MAGIC Runs the whole path, or one job of it, and shows what came of it. The package must be on the cluster, and its
# MAGIC folders where this cluster may write: `docs/databricks.md` tells how.

# COMMAND ----------

from userprofile import Profiles
from userprofile.errors import DataGateError
from userprofile.pipelines.command import JOBS, main

dbutils.widgets.dropdown("job", "run", list(JOBS), "Job; run: the whole path")
dbutils.widgets.text("source", "complete_journey", "Log: a known one, or a mapping file")
dbutils.widgets.text("input", "", "Files of the log, split at spaces")
dbutils.widgets.text("as_of", "", "As-of date; empty: the end of the log")
dbutils.widgets.text("warehouse", "", "Folder or URI of tables")
dbutils.widgets.text("files", "", "Folder of models and pages")
dbutils.widgets.text("catalog", "", "Catalogue that names tables; empty: none")
dbutils.widgets.text("settings", "", "Further settings, key=value, split at spaces")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The run

# COMMAND ----------

job, source, as_of, warehouse, files, catalog = (
    dbutils.widgets.get(name) for name in ("job", "source", "as_of", "warehouse", "files", "catalog")
)
inputs, settings = (dbutils.widgets.get(name).split() for name in ("input", "settings"))
chosen = {"warehouse": warehouse, "spark.catalog": catalog}
chosen |= {name: files and f"{files}/{name}" for name in ("models", "report", "build")}
settings = [*(f"{key}={value}" for key, value in chosen.items() if value), *settings]
flags = {"--source": [source], "--input": inputs, "--as-of": [as_of] if as_of else [], "--set": settings}
try:
    main([job, *(word for flag, values in flags.items() if values for word in (flag, *values))])
except SystemExit as ended:  # which a notebook takes for its orderly end
    raise RuntimeError(f"{job} ended with exit code {ended.code}; the lines above say why") from None

# COMMAND ----------

# MAGIC %md
# MAGIC ## The latest profiles

# COMMAND ----------

shop = Profiles(source, as_of=as_of or None, settings=settings)
try:
    latest = shop.latest()
except DataGateError as none_yet:  # after a job of the first half
    dbutils.notebook.exit(str(none_yet))
display(latest.select("user_id", "as_of_date", "rfm_segment", "purchase_probability", "churn_probability", "tags"))

# COMMAND ----------

display(latest.groupBy("rfm_segment").agg({"purchase_probability": "avg", "user_id": "count"}))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What the most active user did

# COMMAND ----------

most_active = latest.orderBy("orders_all", "user_id", ascending=False).first()
display(shop.history(most_active["user_id"]).select("event_time", "action", "title", "quantity", "amount"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## The page, with its plots

# COMMAND ----------

displayHTML(shop.page())
