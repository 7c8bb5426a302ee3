"""Does a feature know what it cannot know yet? Pure: plain Python, Polars and scikit-learn, never Spark, no I/O."""
