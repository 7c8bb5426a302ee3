"""What a user is after, as one vector: a weighted sum of the vectors of the items and categories of the history."""
