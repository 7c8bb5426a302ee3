"""What is known of a user at an instant, by pure Polars: a catalogue of entries and the engine that computes them."""
