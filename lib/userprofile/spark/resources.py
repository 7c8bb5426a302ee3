"""Whether a cluster gives an application anything to run on, and goes on to: Spark itself would wait for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from py4j.protocol import Py4JError
from pyspark import SparkContext

from userprofile.errors import EnvironmentMismatchError, InterruptedRunError

_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_BETWEEN_CHECKS = 1.0


def require_resources(context: SparkContext, *, within: timedelta) -> None:
    """Wait for a cluster's first executor; raise EnvironmentMismatchError, naming master and setting, where none comes.

    Where executors come and go with the work (dynamic allocation), none may be there before it.
    """
    if not _has_lasting_executors(context):
        return
    deadline = time.monotonic() + within.total_seconds()
    while (executors := _executors(context)) == 0 and time.monotonic() < deadline:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    if executors > 0:
        return
    memory = context.getConf().get("spark.executor.memory", "1g")
    raise EnvironmentMismatchError(
        f"the cluster {context.master} gave no executor within {within} (spark.resources_timeout)",
        expected=f"a worker with a free core and {memory} of free memory (spark.executor.memory)",
        received="no executor" if executors == 0 else "an application that the master does not take, or has ended",
        fix="free or add workers, ask for less, or wait longer: --set spark.resources_timeout=30m",
    )


@contextmanager
def kept_resources(context: SparkContext, *, within: timedelta) -> Iterator[None]:
    """Stop Spark where a job of it has no executor for so long; raise InterruptedRunError, naming master and setting.

    A standalone master that was lost does not know the application when it is back, and starts no executor for it.
    """
    is_over, is_lost = threading.Event(), threading.Event()

    def watch() -> None:
        seen = time.monotonic()
        while not is_over.wait(_SECONDS_BETWEEN_CHECKS):
            if _executors(context) != 0 or not context.statusTracker().getActiveJobsIds():
                seen = time.monotonic()
            elif time.monotonic() - seen >= within.total_seconds():
                is_lost.set()
                context._jsc.sc().stop()  # not by the session, which the run holds on to
                return

    if _has_lasting_executors(context):
        threading.Thread(target=watch, name="resources", daemon=True).start()
    try:
        yield
    except Exception as error:
        if not is_lost.is_set():
            raise
        raise InterruptedRunError(
            f"the cluster {context.master} had no executor left for {within} (spark.resources_timeout)",
            expected="a master and a worker that live as long as the run, or come back within that time",
            fix="see what became of master and workers; then run the same command again: finished steps are kept",
        ) from error
    finally:
        is_over.set()


def require_slots(context: SparkContext, wanted: int, *, within: timedelta) -> None:
    """Wait for so many tasks at once, as ranks need them; what a cluster has lost may come back, or come again.

    Raises InterruptedRunError where it lost executors of this application and they did not come back, and
    EnvironmentMismatchError where it never had enough. Executors that come with the work are not waited for.
    """
    if context.getConf().get("spark.dynamicAllocation.enabled") == "true":
        return
    lasts = _has_lasting_executors(context)
    deadline = time.monotonic() + (within.total_seconds() if lasts else 0)
    while 0 <= (slots := _slots(context)) < wanted and time.monotonic() < deadline:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    if slots >= wanted:
        return
    if slots < 0 or _has_lost_executors(context):
        raise InterruptedRunError(
            f"the cluster {context.master} lost executors that did not come back within {within}"
            " (spark.resources_timeout)",
            expected=f"{wanted} cores on executors",
            received=str(max(slots, 0)),
            fix="see what became of its workers; then run the same command again: finished steps are kept",
        )
    raise EnvironmentMismatchError(
        "the cluster has too few slots for the ranks of the training",
        expected=f"{wanted} cores on executors" + (f" within {within} (spark.resources_timeout)" if lasts else ""),
        received=str(slots),
        fix=f"add workers, or --set train_model.processes={max(slots, 1)}",
    )


def _has_lasting_executors(context: SparkContext) -> bool:
    is_dynamic = context.getConf().get("spark.dynamicAllocation.enabled") == "true"
    return not is_dynamic and not str(context.master).startswith("local")


def _executors(context: SparkContext) -> int:
    """Those that have registered; -1 of an application that has ended."""
    try:
        spark = context._jsc.sc()
        return -1 if spark.isStopped() else len(spark.statusTracker().getExecutorInfos()) - 1  # the driver is one
    except Py4JError:
        return -1


def _slots(context: SparkContext) -> int:
    """Tasks that executors which are there can do at once; -1 of an application that has ended."""
    try:
        spark = context._jsc.sc()
        profile = spark.resourceProfileManager().defaultResourceProfile()
        return -1 if spark.isStopped() else int(spark.maxNumConcurrentTasks(profile))
    except Py4JError:
        return -1


def _has_lost_executors(context: SparkContext) -> bool:
    executors = context._jsc.sc().statusStore().executorList
    return bool(executors(False).size() > executors(True).size())
