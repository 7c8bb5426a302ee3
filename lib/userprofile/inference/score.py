"""Embedding and calibrated scores of users, from the bytes of a model folder's files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf
from scipy.special import softmax

from userprofile.calibration.calibration import Calibration
from userprofile.errors import UsageError
from userprofile.feed.examples import FEATURE_KEYS, to_batch
from userprofile.model import profile_model  # noqa: F401  registers the layers that a network file names
from userprofile.schemas.scores import SCORES
from userprofile.spec import CALIBRATION_FILE, NETWORK_FILE, SPEC_FILE, FeatureSpec

CATEGORIES_KEPT = 10

# Rows in memory as padded arrays at once: about 2 kB a row at 50 events.
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Scorer:
    """One model, ready to score; made once per process (cached_scorer), since loading takes seconds."""

    spec: FeatureSpec
    calibration: Calibration
    forward: Callable[[dict[str, np.ndarray]], dict[str, tf.Tensor]]

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Scorer:
        """From network.keras, spec.json and calibration.json. Raises UsageError for a missing file, another format."""
        _require_files(files)
        spec = FeatureSpec.from_json(files[SPEC_FILE].decode())
        calibration = Calibration.from_json(files[CALIBRATION_FILE].decode())
        return cls(spec, calibration, tf.function(_network(files[NETWORK_FILE]), reduce_retracing=True))

    def score(self, table: pa.Table) -> pa.Table:
        """One row of SCORES for each row of gold.user_features joined with gold.user_sequences, in their order."""
        parts = [self._scores(part) for part in _parts(table)]
        return pa.concat_tables(parts) if parts else SCORES.empty_table()

    def _scores(self, table: pa.Table) -> pa.Table:
        batch = to_batch(table, self.spec)
        outputs = {
            name: value.numpy() for name, value in self.forward({key: batch[key] for key in FEATURE_KEYS}).items()
        }
        logit, log1p = outputs["purchase_logit"], outputs["spend_log1p"]
        columns = [
            table["user_id"].cast(pa.string()),
            table["as_of_date"],
            _lists(pa.array(outputs["embedding"].ravel()), len(logit)),
            self.calibration.purchase_probability(logit),
            np.rint(self.calibration.expected_spend(logit, log1p)).astype(np.int64),
            self._next_categories(outputs.get("category_logits"), len(logit)),
        ]
        return pa.table(dict(zip(SCORES.names, columns, strict=True))).cast(SCORES)

    def _next_categories(self, logits: np.ndarray | None, rows: int) -> pa.Array:
        """The first CATEGORIES_KEPT with their shares; empty lists where the model predicts no category."""
        if logits is None:
            return pa.array([[]] * rows, SCORES.field("next_categories").type)
        best = np.argsort(-logits, axis=1, kind="stable")[:, :CATEGORIES_KEPT]
        shares = np.take_along_axis(softmax(logits.astype(np.float64), axis=1), best, axis=1)
        codes = np.array(self.spec.label_categories, np.int32)[best]
        pairs = pa.StructArray.from_arrays([pa.array(codes.ravel()), pa.array(shares.ravel())], ["code", "score"])
        return _lists(pairs, rows)


_CACHE: dict[str, Scorer] = {}


def cached_scorer(model_version: str, files: Callable[[], Mapping[str, bytes]]) -> Scorer:
    """The process's scorer of a model version; `files` is called where another version, or none, was used before."""
    if model_version not in _CACHE:
        loaded = Scorer.load(files())
        _CACHE.clear()
        _CACHE[model_version] = loaded
    return _CACHE[model_version]


def _network(content: bytes) -> keras.Model:
    # Keras reads archives from a path only.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NETWORK_FILE)
        path.write_bytes(content)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, ROWS_AT_ONCE):
        yield table.slice(start, ROWS_AT_ONCE)


def _lists(values: pa.Array, rows: int) -> pa.ListArray:
    """`values` cut into `rows` lists of one length."""
    return pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32) * (len(values) // rows), values)


def _require_files(files: Mapping[str, bytes]) -> None:
    if missing := [name for name in (NETWORK_FILE, SPEC_FILE, CALIBRATION_FILE) if name not in files]:
        raise UsageError(
            "the model folder lacks files that scoring needs",
            expected=", ".join(missing),
            received=", ".join(sorted(files)) or "no file",
            fix="make train_model",
        )
