"""Texts as vectors: all-MiniLM-L6-v2, a BERT of six layers trained on pairs of sentences that mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor, ops
from tokenizers import Tokenizer

from userprofile.content.weights import Weights, text_tokens_file, text_weights

WIDTH = 384
LONGEST = 256  # tokens that are read of a text, as its authors say

_LAYERS, _HEADS, _INNER, _WORDS, _PLACES = 6, 12, 1536, 30522, 512
_EPSILON = 1e-12
_AT_ONCE = 64  # texts in memory at once


class TextBlock(keras.layers.Layer):
    """One layer of BERT: attention, then two dense layers, each added to its input and normalised after."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.attention = keras.layers.MultiHeadAttention(heads, width // heads)
        self.attended = keras.layers.LayerNormalization(epsilon=_EPSILON)
        self.inner = keras.layers.Dense(inner, activation="gelu")
        self.outer = keras.layers.Dense(width)
        self.done = keras.layers.LayerNormalization(epsilon=_EPSILON)

    def call(self, x: KerasTensor, present: KerasTensor) -> KerasTensor:  # [N, T, W], [N, T]
        x = self.attended(x + self.attention(x, x, attention_mask=present[:, None, :]))
        return self.done(x + self.outer(self.inner(x)))  # [N, T, W]


class TextModel(keras.Model):
    """The mean of the last layer's states over tokens, of length 1: [N, 384] of tokens int32 [N, T], 0 where none."""

    def __init__(self) -> None:
        super().__init__()
        self.words = keras.layers.Embedding(_WORDS, WIDTH)
        self.places = keras.layers.Embedding(_PLACES, WIDTH)
        self.kinds = keras.layers.Embedding(2, WIDTH)
        self.embedded = keras.layers.LayerNormalization(epsilon=_EPSILON)
        self.blocks = [TextBlock(WIDTH, _HEADS, _INNER) for _ in range(_LAYERS)]

    def call(self, tokens: KerasTensor) -> KerasTensor:  # [N, T]
        present = ops.not_equal(tokens, 0)
        x = self.words(tokens) + self.places(ops.arange(ops.shape(tokens)[1])) + self.kinds(ops.zeros_like(tokens))
        x = self.embedded(x)
        for block in self.blocks:
            x = block(x, present)
        counted = ops.cast(present, x.dtype)[:, :, None]
        mean = ops.sum(x * counted, axis=1) / ops.maximum(ops.sum(counted, axis=1), 1.0)
        return ops.normalize(mean, axis=-1)


def text_model(weights: Weights) -> TextModel:
    """The network of weights by PyTorch's names, whose matrices are [out, in]."""
    model = TextModel()
    model(np.zeros((1, 1), np.int32))
    named = {"words": "word", "places": "position", "kinds": "token_type"}
    for layer, name in named.items():
        getattr(model, layer).set_weights([weights[f"embeddings.{name}_embeddings.weight"]])
    model.embedded.set_weights(_norm(weights, "embeddings.LayerNorm"))
    for number, block in enumerate(model.blocks):
        name = f"encoder.layer.{number}"
        parts = [_of_heads(weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        kernel, bias = _dense(weights, f"{name}.attention.output.dense")
        flat = [weight for part in parts for weight in part]
        block.attention.set_weights([*flat, kernel.reshape(_HEADS, -1, WIDTH), bias])
        block.attended.set_weights(_norm(weights, f"{name}.attention.output.LayerNorm"))
        block.inner.set_weights(_dense(weights, f"{name}.intermediate.dense"))
        block.outer.set_weights(_dense(weights, f"{name}.output.dense"))
        block.done.set_weights(_norm(weights, f"{name}.output.LayerNorm"))
    return model


class TextEncoder:
    """One pre-trained model, ready to read; made once per process (`cached`), since loading takes seconds."""

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_file(str(text_tokens_file()))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST)
        self._forward = tf.function(text_model(text_weights()), reduce_retracing=True)

    @staticmethod
    @cache
    def cached() -> TextEncoder:
        """The process's own."""
        return TextEncoder()

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [N, 384] of length 1, in the order of texts; that of a text does not depend on the others."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))  # little padding
        found = np.zeros((len(tokens), WIDTH), np.float32)
        for start in range(0, len(order), _AT_ONCE):
            places = order[start : start + _AT_ONCE]
            padded = np.zeros((len(places), len(tokens[places[-1]])), np.int32)
            for row, place in enumerate(places):
                padded[row, : len(tokens[place])] = tokens[place]
            found[places] = self._forward(padded).numpy()
        return found


def _dense(weights: Weights, name: str) -> list[np.ndarray]:
    return [weights[f"{name}.weight"].T, weights[f"{name}.bias"]]


def _of_heads(weights: Weights, name: str) -> list[np.ndarray]:
    kernel, bias = _dense(weights, name)
    return [kernel.reshape(WIDTH, _HEADS, -1), bias.reshape(_HEADS, -1)]


def _norm(weights: Weights, name: str) -> list[np.ndarray]:
    return [weights[f"{name}.weight"], weights[f"{name}.bias"]]
