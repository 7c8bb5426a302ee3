"""The language model gives what its authors publish, and what a slow twin in plain numpy gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf, softmax
from tokenizers import Tokenizer

from userprofile.content.texts import WIDTH, TextEncoder
from userprofile.content.weights import Weights, text_tokens_file, text_weights

SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
# https://sbert.net/docs/quickstart.html: similarities of these sentences under all-MiniLM-L6-v2.
PUBLISHED = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.cached()


def test_similarities_are_those_that_are_published(encoder: TextEncoder) -> None:
    vectors = encoder.vectors(SENTENCES)
    np.testing.assert_allclose(vectors @ vectors.T, PUBLISHED, atol=5e-5)


def normalised(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def dense(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def slow_vector(text: str, weights: Weights) -> np.ndarray:
    """One text, one token and head at a time, in double precision."""
    tokenizer = Tokenizer.from_file(str(text_tokens_file()))
    tokenizer.no_padding()
    tokens = tokenizer.encode(text).ids
    words, places, kinds = (
        weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
    )
    x = np.stack([words[token] + places[place] + kinds[0] for place, token in enumerate(tokens)])
    x = normalised(x, weights, "embeddings.LayerNorm")
    for layer in range(6):
        name = f"encoder.layer.{layer}"
        query, key, value = (dense(x, weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        attended = np.zeros_like(x)
        for head in range(12):
            of_head = slice(32 * head, 32 * head + 32)
            for place in range(len(tokens)):
                shares = softmax(key[:, of_head] @ query[place, of_head] / np.sqrt(32))
                attended[place, of_head] = shares @ value[:, of_head]
        attended = dense(attended, weights, f"{name}.attention.output.dense")
        x = normalised(x + attended, weights, f"{name}.attention.output.LayerNorm")
        inner = dense(x, weights, f"{name}.intermediate.dense")
        inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
        x = normalised(x + dense(inner, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / np.sqrt((mean**2).sum())


def test_a_vector_is_that_of_a_slow_twin(encoder: TextEncoder) -> None:
    weights = {name: values.astype(np.float64) for name, values in text_weights().items()}
    for text in ("Retro kettle in blue, from the vintage line by Casaro", "Sérenne 搁架 (XXL)!"):
        np.testing.assert_allclose(encoder.vectors([text])[0], slow_vector(text, weights), atol=1e-5)


def test_a_text_has_the_same_vector_whatever_stands_beside_it(encoder: TextEncoder) -> None:
    texts = [f"item {number}" + " of a long kind" * (number % 7) for number in range(150)]
    together = encoder.vectors(texts)
    assert together.shape == (150, WIDTH)
    for place in (0, 6, 149):
        np.testing.assert_allclose(encoder.vectors([texts[place]])[0], together[place], atol=1e-5)


def test_no_text_and_texts_without_end(encoder: TextEncoder) -> None:
    assert encoder.vectors([]).shape == (0, WIDTH)
    long = "kettle " * 5000
    np.testing.assert_allclose(encoder.vectors([long]), encoder.vectors([long + "table"]), atol=1e-6)


def test_a_synonym_is_nearer_than_another_thing(encoder: TextEncoder) -> None:
    skillet, pan, sneakers = encoder.vectors(["a skillet", "a pan", "a pair of sneakers"])
    assert skillet @ pan > skillet @ sneakers + 0.2
