"""What was said of users beside what they did: counts for tags/judging.py, made in Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.tags.definition import Tag
from userprofile.tags.judging import Counts
from userprofile.tags.outcomes import OF_A_VALUE

Told = tuple[str, str | None, Counts]  # the subject, what it expects, and what came of it
NEGATED = frozenset({"buys nothing in category"})


def of_users(tags: Sequence[Tag], found: DataFrame, done: DataFrame) -> Iterator[Told]:
    """Of tags that foretell something of the user: `found` has `user_id` and `name`, `done` a column an outcome.

    Users of whom an outcome is not known do not count.
    """
    wanted = [tag for tag in tags if tag.expects and tag.expects not in OF_A_VALUE]
    names = dict.fromkeys(tag.expects for tag in wanted if tag.expects)
    if not names:
        return
    totals = done.agg(
        *(F.sum(F.col(f"`{name}`").cast("int")).alias(f"sum {name}") for name in names),
        *(F.count(f"`{name}`").alias(f"known {name}") for name in names),
    ).collect()[0]
    expected = F.coalesce(*(F.when(F.col("name") == tag.name, F.col(f"`{tag.expects}`")) for tag in wanted))
    said = found.select("user_id", "name").distinct().join(done, "user_id").select("name", expected.alias("hit"))
    counted = said.groupBy("name").agg(F.count("hit").alias("said"), F.sum(F.col("hit").cast("int")).alias("hits"))
    rows = {row["name"]: row for row in counted.collect()}
    for tag in wanted:
        if (row := rows.get(tag.name)) and row["said"]:
            happened, known = totals[f"sum {tag.expects}"] or 0, totals[f"known {tag.expects}"]
            n, hits = row["said"], row["hits"]
            yield tag.name, tag.expects, Counts(n, hits, happened, n * happened / known, n, hits, hits)


def of_tagged_values(
    tags: Sequence[Tag], found: DataFrame, bought: Mapping[str, DataFrame], users: int
) -> Iterator[Told]:
    """Of tags about a category or brand, each with what it names; `bought` by kind has `user_id` and `value`."""
    for kind, of_kind in bought.items():
        for negated in (False, True):
            wanted = {
                tag.name: tag.expects
                for tag in tags
                if tag.expects in OF_A_VALUE and tag.each == kind and (tag.expects in NEGATED) is negated
            }
            if wanted:
                counts = of_values(found.where(F.col("name").isin(*wanted)), of_kind, users, negated=negated)
                for name, counted in counts.items():
                    yield name, wanted[name], counted


def of_values(said: DataFrame, bought: DataFrame, users: int, *, negated: bool = False) -> dict[str, Counts]:
    """Of `user_id`, `name` and `value`, by name: that the user buys the value, or `negated`, that not.

    Expected is what it would be of anybody: each value's share of users who buy it. What happened is of all users and
    the values that are named to somebody.
    """
    sign = F.lit(-1.0 if negated else 1.0)
    buyers = bought.groupBy("value").agg(F.count("*").alias("buyers"))
    share = F.coalesce("buyers", F.lit(0)) / F.lit(users) * sign + F.lit(float(negated))
    shares = (
        said.select("name", "value")
        .distinct()
        .join(buyers, "value", "left")
        .select("name", "value", share.alias("share"))
    )
    hit = F.coalesce("hit", F.lit(0)) * sign.cast("int") + F.lit(int(negated))
    beside = bought.withColumn("hit", F.lit(1))
    pairs = said.join(beside, ["user_id", "value"], "left").join(shares, ["name", "value"])
    per_user = pairs.groupBy("name", "user_id").agg(
        F.count("*").alias("n"), F.sum(hit).alias("h"), F.sum("share").alias("e")
    )
    sums = {"n": "n", "h": "h", "e": "e", "nn": "n * n", "hh": "h * h", "nh": "n * h"}
    counted = per_user.groupBy("name").agg(*(F.sum(F.expr(sql)).alias(key) for key, sql in sums.items()))
    happened = shares.groupBy("name").agg((F.sum("share") * F.lit(users)).alias("all"))
    return {
        row["name"]: Counts(row["n"], row["h"], round(row["all"]), row["e"], row["nn"], row["hh"], row["nh"])
        for row in counted.join(happened, "name").collect()
    }
