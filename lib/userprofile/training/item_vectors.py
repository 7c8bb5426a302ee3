"""Vectors of texts and images of a spec's items, read from pinned tables and made short."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from userprofile.feed.histories import HistorySpec, VectorTables
from userprofile.spec import FIRST_KNOWN_INDEX
from userprofile.tables.row_groups import read_row_groups, row_groups

# Directions in which the learnt items differ by less than this share of all their difference are noise.
_LEAST_SHARE = 1e-6

_ALMOST_NOTHING = 1e-30


def item_vectors(spec: HistorySpec) -> dict[str, np.ndarray]:
    """float32 [items of the vocabulary + 2, width] by kind, of spec.vectors; zeros where an item has none.

    A kind of which no learnt item has a vector is left out: nothing could be learnt of it.
    """
    tables = spec.vectors
    if tables is None:
        return {}
    place_of = _places(tables, spec)
    content = read_row_groups(
        row_groups(tables.content, tables.content_version, made_by="embed_items"), _content_schema(tables)
    )
    items = content["item_id"].to_pylist()
    rows = np.array([place_of.get(item, -1) for item in items], np.int64)
    learnt = FIRST_KNOWN_INDEX + len(spec.vocabulary) - spec.new_items
    found = {}
    for kind in tables.kinds:
        vectors = content[f"{kind}_vector"].combine_chunks()
        there = (rows >= 0) & np.asarray(vectors.is_valid())
        if (there & (rows < learnt)).any():
            wide = vectors.filter(pa.array(there)).flatten().to_numpy().reshape(int(there.sum()), -1)
            of_items = np.zeros((FIRST_KNOWN_INDEX + len(spec.vocabulary), tables.width), np.float32)
            of_items[rows[there]] = shortened(wide, rows[there] < learnt, tables.width)
            found[kind] = of_items
    return found


def shortened(vectors: np.ndarray, fitted_on: np.ndarray, width: int) -> np.ndarray:
    """float32 [N, width] of [N, D]: the directions in which the rows `fitted_on` differ most, by principal components.

    Scaled alike, so that their mean square is 1; zeros behind, where the rows differ in fewer directions. A row of mere
    zeros would say that there is no content: it gets a number too small to matter.
    """
    # Here and not above: it takes a second, and most trainings need none.
    from sklearn.decomposition import PCA

    wide = vectors.astype(np.float64)
    found = np.zeros((len(wide), width), np.float32)
    if len(np.unique(wide[fitted_on], axis=0)) > 1:
        analysis = PCA(min(width, *wide[fitted_on].shape), svd_solver="full").fit(wide[fitted_on])
        short = analysis.transform(wide)[:, analysis.explained_variance_ratio_ > _LEAST_SHARE]
        found[:, : short.shape[1]] = short / np.sqrt(np.mean(short[fitted_on] ** 2))
    found[~found.any(axis=1), 0] = _ALMOST_NOTHING
    return found


def _places(tables: VectorTables, spec: HistorySpec) -> dict[str, int]:
    """Index of each item of the vocabulary, by its item_id."""
    schema = pa.schema({"kind": pa.string(), "value": pa.string(), "code": pa.int32()})
    codes = read_row_groups(row_groups(tables.codes, tables.codes_version, made_by="refine_events"), schema)
    item_of = {
        code: value
        for kind, value, code in zip(*(codes[name].to_pylist() for name in schema.names), strict=True)
        if kind == "item"
    }
    return {item_of[code]: place for place, code in enumerate(spec.vocabulary, FIRST_KNOWN_INDEX) if code in item_of}


def _content_schema(tables: VectorTables) -> pa.Schema:
    vector = pa.list_(pa.float32())
    return pa.schema({"item_id": pa.string(), **{f"{kind}_vector": vector for kind in tables.kinds}})
