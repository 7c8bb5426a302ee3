"""Simple rules that every head must beat: fitted on training rows, numpy and Arrow only."""
