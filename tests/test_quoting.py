"""What Spark reads of a quoted name and a quoted text is what they were."""

from __future__ import annotations

from pyspark.sql import SparkSession

from userprofile.quoting import quoted_name, quoted_text


def test_any_text_comes_through(spark: SparkSession) -> None:
    texts = ["it's", "'", "a`b", "``", "\\", "\\' OR 1=1 --", '"', "a.b", "two\nlines", "100 %s"]
    asked = ", ".join(f"{quoted_text(text)} AS {quoted_name(text)}" for text in texts)
    assert spark.sql(f"SELECT {asked}").collect()[0].asDict() == {text: text for text in texts}
