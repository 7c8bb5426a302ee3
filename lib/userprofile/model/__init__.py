"""The network, its losses and its metrics: Keras, one layer, loss or metric at a time."""
