from __future__ import annotations

import subprocess
import sys

from pyspark.sql import functions as F

from userprofile.events.sentiment import sentiment


def test_words_tell_and_silence_says_nothing(spark):
    texts = ["I love it, great", "terrible, broke at once", "not good", "a table", "I love it, great", None]
    frame = spark.createDataFrame([(text,) for text in texts], "text string")
    love, terrible, not_good, table, again, nothing = [
        row["polarity"] for row in frame.select(sentiment(F.col("text")).alias("polarity")).collect()
    ]
    assert terrible < not_good < 0 == table < love == again
    assert nothing is None


def test_jobs_do_not_wait_for_libraries_that_few_of_them_use(python_environment):
    program = "import sys, userprofile.pipelines.run; print({'nltk', 'tensorflow'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], env=python_environment, capture_output=True, check=True)
    assert ended.stdout == b"set()\n"
