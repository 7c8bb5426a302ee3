"""What a user did after an instant, by pure Polars; only where the log is complete to the end of the window."""
