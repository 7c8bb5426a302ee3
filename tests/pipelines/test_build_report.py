"""The page's queries, which two threads ask."""

from __future__ import annotations

from userprofile.pipelines.build_report import build_report


def described(spark) -> dict[int, str]:
    """What Spark's jobs that it still knows are called, by number."""
    jobs = spark.sparkContext._jsc.sc().statusStore().jobsList(None)
    told = [jobs.apply(place) for place in range(jobs.size())]
    return {job.jobId(): job.description().toString() for job in told}


def test_spark_calls_the_queries_of_every_thread_by_the_correlation_id(job, refined, spark, monkeypatch):
    monkeypatch.setenv("USERPROFILE_CORRELATION_ID", "night-7")
    before = max(described(spark), default=-1)
    ended = job("build_report", build_report, "--source", refined)
    assert ended.code == 0, ended.errors
    names = [name for number, name in described(spark).items() if number > before]
    assert len(names) > 1
    assert [name for name in names if "userprofile build_report night-7" not in name] == []  # Delta puts words before
