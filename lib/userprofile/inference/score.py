"""Embedding, interest vector and calibrated scores of users, from the bytes of a model folder's files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from userprofile.baselines.rung import Rung
from userprofile.errors import UsageError
from userprofile.feed.examples import feature_keys, to_batch
from userprofile.heads.every import HEADS
from userprofile.heads.head import Head, Words
from userprofile.heads.serving import NETWORK, HeadServing, Serving
from userprofile.inference.network_file import require_no_code
from userprofile.inference.space import SPACE_FILE, Space
from userprofile.interest.choice import INTEREST_FILE, Interest
from userprofile.interest.vectors import EventVectors
from userprofile.model.profile_model import event_tables  # its module registers the layers that a network file names
from userprofile.schemas.scores import SCORES, VECTORS
from userprofile.spec import NETWORK_FILE, SERVING_FILE, SPEC_FILE, WORDS_FILE, FeatureSpec

# Rows in memory at once, with scores of all items.
ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class Scorer:
    """One model, ready to score; made once per process (cached_scorer), since loading takes seconds."""

    spec: FeatureSpec
    serving: Serving
    interest: Interest
    event_vectors: EventVectors  # in the space
    space: Space
    rungs: Mapping[str, Rung]  # of heads that the network does not serve
    words: Words
    network: keras.Model
    forward: Callable[[dict[str, np.ndarray]], dict[str, tf.Tensor]]

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Scorer:
        """From network.keras, spec.json, serving.json, interest.json, space.json and WORDS_FILE. Raises UsageError for
        a missing file or another format, DataGateError for a network that this package did not write.
        """
        _require_files(files)
        spec = FeatureSpec.from_json(files[SPEC_FILE].decode())
        serving = Serving.from_json(files[SERVING_FILE].decode())
        rungs = {name: one.rung(one.model) for name, one in serving.heads.items() if one.model != NETWORK}
        interest = Interest.from_json(files[INTEREST_FILE].decode())
        network = _network(files[NETWORK_FILE])
        vectors = EventVectors.of_tables(**event_tables(network))
        space = Space.from_json(files[SPACE_FILE].decode())
        if (rotation := space.rotation("interest_vector")) is not None:
            vectors = vectors.turned(rotation)
        forward = tf.function(network, reduce_retracing=True)
        return cls(spec, serving, interest, vectors, space, rungs, _words(files[WORDS_FILE]), network, forward)

    def score(self, table: pa.Table) -> pa.Table:
        """One row of SCORES for each row of gold.user_features joined with gold.user_sequences, in their order."""
        parts = [self._scores(part) for part in parts_of(table)]
        return pa.concat_tables(parts) if parts else SCORES.empty_table()

    def vectors(self, table: pa.Table) -> pa.Table:
        """One row of VECTORS for each of such rows."""
        parts = []
        for part in parts_of(table):
            batch = to_batch(part, self.spec)
            parts.append(_declared(self._vectors(part, batch, self._said(batch)), VECTORS))
        return pa.concat_tables(parts) if parts else VECTORS.empty_table()

    def outputs(self, table: pa.Table) -> dict[str, np.ndarray]:
        """What the network says of such rows."""
        return self._said(to_batch(table, self.spec))

    def _said(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        said = self.forward({key: batch[key] for key in feature_keys(self.spec)})
        return {name: value.numpy() for name, value in said.items()}

    def _scores(self, table: pa.Table) -> pa.Table:
        batch = to_batch(table, self.spec)
        outputs = self._said(batch)
        columns = self._vectors(table, batch, outputs)
        for name, one in self.serving.heads.items():
            predicted = self._predicted(HEADS[name], one, table, outputs)
            columns |= HEADS[name].columns(predicted, table, self.spec, self.words)
        return _declared(columns, SCORES)

    def _vectors(
        self, table: pa.Table, batch: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> dict[str, Any]:
        """Columns of VECTORS."""
        rotation, embedding = self.space.rotation("embedding"), outputs["embedding"]
        interests = self.interest.of_batch(batch, self.event_vectors)
        return {
            "user_id": table["user_id"],
            "as_of_date": table["as_of_date"],
            "embedding": _lists(embedding if rotation is None else embedding @ rotation),
            "interest_vector": _lists(interests, null=np.linalg.norm(interests, axis=1) == 0),
        }

    def _predicted(
        self, head: Head, one: HeadServing, table: pa.Table, outputs: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        rung = self.rungs.get(head.name)
        raw = head.raw(outputs) if rung is None else head.raw_of_rung(rung.predict(table))
        return head.predicted(raw, one.calibrations.get(one.model, {}))


_CACHE: dict[str, Scorer] = {}


def cached_scorer(model_version: str, files: Callable[[], Mapping[str, bytes]]) -> Scorer:
    """The process's scorer of a model version; `files` is called where another version, or none, was used before."""
    if model_version not in _CACHE:
        loaded = Scorer.load(files())
        _CACHE.clear()
        _CACHE[model_version] = loaded
    return _CACHE[model_version]


def _network(content: bytes) -> keras.Model:
    require_no_code(content)
    # Keras reads archives from a path only.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NETWORK_FILE)
        path.write_bytes(content)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def _words(content: bytes) -> Words:
    return {kind: {int(code): word for code, word in names.items()} for kind, names in json.loads(content).items()}


def parts_of(table: pa.Table) -> Iterator[pa.Table]:
    """ROWS_AT_ONCE, and what is left."""
    for start in range(0, table.num_rows, ROWS_AT_ONCE):
        yield table.slice(start, ROWS_AT_ONCE)


def _lists(values: np.ndarray, null: np.ndarray | None = None) -> pa.ListArray:
    """A list for each row of [rows, W], but null where `null`."""
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel()), mask=None if null is None else pa.array(null))


def _declared(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Columns that are not there are null."""
    null = pa.nulls(len(columns["user_id"]))
    return pa.table([_as_declared(columns.get(field.name, null), field.type) for field in schema], schema=schema)


def _as_declared(column: Any, kind: pa.DataType) -> Any:
    return (column if isinstance(column, pa.ChunkedArray) else pa.array(column)).cast(kind)


def _require_files(files: Mapping[str, bytes]) -> None:
    needed = (NETWORK_FILE, SPEC_FILE, SERVING_FILE, INTEREST_FILE, SPACE_FILE, WORDS_FILE)
    if missing := [name for name in needed if name not in files]:
        raise UsageError(
            "the model folder lacks files that scoring needs",
            expected=", ".join(missing),
            received=", ".join(sorted(files)) or "no file",
            fix="make train_model",
        )
