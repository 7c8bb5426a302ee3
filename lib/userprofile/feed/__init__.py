"""From the row groups of one pinned table version to equal batches: a pure plan, and the reading of it."""
