"""Whether a cluster gives an application anything to run on: Spark itself would wait for ever."""

from __future__ import annotations

import time
from datetime import timedelta

from py4j.protocol import Py4JError
from pyspark import SparkContext

from userprofile.errors import EnvironmentMismatchError

_SECONDS_BETWEEN_LOOKS = 0.1


def require_resources(context: SparkContext, *, within: timedelta) -> None:
    """Wait for a cluster's first executor; raise EnvironmentMismatchError, naming master and setting, where none comes.

    Where executors come and go with the work (dynamic allocation), none may be there before it.
    """
    settings = dict(context.getConf().getAll())
    if str(context.master).startswith("local") or settings.get("spark.dynamicAllocation.enabled") == "true":
        return
    deadline = time.monotonic() + within.total_seconds()
    while (executors := _executors(context)) == 0 and time.monotonic() < deadline:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    if executors > 0:
        return
    memory = settings.get("spark.executor.memory", "1g")
    raise EnvironmentMismatchError(
        f"the cluster {context.master} gave no executor within {within} (spark.resources_timeout)",
        expected=f"a worker with a free core and {memory} of free memory (spark.executor.memory)",
        received="no executor" if executors == 0 else "an application that the master does not take, or has ended",
        fix="free or add workers, ask for less, or wait longer: --set spark.resources_timeout=30m",
    )


def _executors(context: SparkContext) -> int:
    """Those that have registered; -1 of an application that has ended."""
    try:
        spark = context._jsc.sc()
        return -1 if spark.isStopped() else len(spark.statusTracker().getExecutorInfos()) - 1  # the driver is one
    except Py4JError:
        return -1
