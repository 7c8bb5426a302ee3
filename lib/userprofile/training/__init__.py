"""From one pinned table version to trained weights, on one rank or many."""
