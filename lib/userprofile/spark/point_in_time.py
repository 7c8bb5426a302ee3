"""Labels of any moment, each with the features of the latest as-of date by then."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.windows import AsOf


def with_features_of_their_time(labels: DataFrame, features: DataFrame, *, time: str, timezone: str) -> DataFrame:
    """Every row of `labels`, with `as_of_date` and the columns of `features` that were the latest at its `time`.

    Labels have user_id and a timestamp `time`, and no column of features besides; features are rows by user and as-of
    date, as in gold.user_features. A date counts from its first moment in `timezone` on: what it knows lies before.
    Null where no date had begun, or where the latest one does not know the user: a date knows everyone whom an earlier
    one knew, so that no older row could stand in, and users who were erased have none.
    """
    dates = sorted((row["as_of_date"] for row in features.select("as_of_date").distinct().collect()), reverse=True)
    begun = (F.when(F.col(time) >= F.lit(AsOf.at(day, timezone).instant), F.lit(day)) for day in dates)
    dated = labels.withColumn("as_of_date", F.coalesce(*begun, F.lit(None).cast("date")))
    return dated.join(features, ["user_id", "as_of_date"], "left").select(
        *labels.columns, *(name for name in features.columns if name != "user_id")
    )
