"""Profiles from a trained model: scores in numpy and TensorFlow."""
