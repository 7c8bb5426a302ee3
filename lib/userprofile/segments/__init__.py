"""Groups of users who behave alike, by their embeddings, beside the RFM segments."""
