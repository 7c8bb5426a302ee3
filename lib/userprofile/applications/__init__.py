"""What reads profiles: whom a question means."""
