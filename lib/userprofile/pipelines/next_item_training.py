"""Networks of next items as the configuration asks for them: what they read of items, and their trainings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from userprofile.config.learning import NextItems
from userprofile.content.sources import KINDS
from userprofile.errors import UsageError
from userprofile.feed.histories import HistorySpec, VectorTables, fit_history_spec
from userprofile.pipelines.build_histories import contents_of_items
from userprofile.pipelines.embed_items import ITEM_CONTENT
from userprofile.pipelines.steps import Run
from userprofile.pipelines.training_request import launched, training_request
from userprofile.tables.store import TableVersion
from userprofile.training.checkpoint import Checkpoints
from userprofile.training.trained import Trained
from userprofile.versions import code_version

WORDS = "words"

# Scores of a batch when it is judged, by one event of each history: 4 GB. Training never has them all in memory.
LARGEST_SOFTMAX = 1_000_000_000


class NextItemTrainings:
    """Networks of next items on one table. One that is begun again goes on from its last checkpoint, or is done."""

    def __init__(self, run: Run, table: TableVersion, settings: NextItems) -> None:
        self._run, self._table, self._settings = run, table, settings
        self._words = contents_of_items(run) if WORDS in settings.contents else []
        self._vectors = _vector_tables(run, settings)
        self._checkpoints: list[Checkpoints] = []

    def spec(self, learnt: pa.Table, *, new_items: Sequence[int] = ()) -> HistorySpec:
        """Of parts that are learnt from, and of items that they do not have."""
        return fit_history_spec(
            learnt,
            sequence_length=self._settings.sequence_length,
            vocabulary_size=self._settings.item_vocabulary,
            contents=self._words,
            new_items=new_items,
            vectors=self._vectors,
        )

    def of(self, spec: HistorySpec, **changes: Any) -> Trained:
        """One training, as the settings say but for the changes."""
        _require_memory(spec, self._settings)
        request = replace(training_request(self._run, self._table, spec, self._settings), **changes)
        identity = hashlib.sha256(f"{request.identity()} {code_version()}".encode()).hexdigest()[:16]
        self._checkpoints.append(Checkpoints.made(f"{self._run.store.root}/checkpoints/{identity}"))
        processes = self._run.config.train_model.processes
        return launched(self._run, replace(request, checkpoints=self._checkpoints[-1].root), processes=processes)

    def clear(self) -> None:
        """All are done."""
        for checkpoints in self._checkpoints:
            checkpoints.clear()


def item_content(run: Run) -> list[TableVersion]:
    """The version of silver.item_content that trainings read; none where nobody has made the table."""
    done = run.done("embed_items")
    if done is None and not run.store.exists(ITEM_CONTENT):
        return []
    return [run.pinned(ITEM_CONTENT, made_by="embed_items")]


def _vector_tables(run: Run, settings: NextItems) -> VectorTables | None:
    kinds = tuple(kind for kind in KINDS if kind in settings.contents)
    content = item_content(run)
    if not kinds or not content:
        return None
    codes = run.pinned("silver.codes", made_by="refine_events")
    places = [(run.store.path(pinned.table), pinned.version) for pinned in (content[0], codes)]
    return VectorTables(*places[0], *places[1], kinds=kinds, width=settings.content_width)


def _require_memory(spec: HistorySpec, settings: NextItems) -> None:
    numbers = settings.batch_rows * len(spec.vocabulary)
    if numbers > LARGEST_SOFTMAX:
        raise UsageError(
            "a batch of the next-item model may be too large for memory",
            expected=f"batch_rows x items of at most {LARGEST_SOFTMAX:,}",
            received=f"{settings.batch_rows} x {len(spec.vocabulary):,}",
            fix="lower next_items.batch_rows or item_vocabulary",
        )
