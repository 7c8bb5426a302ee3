"""silver.items -> silver.item_content: texts and images of items as vectors, each content once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.content.sources import KINDS, TEXT, contents_of, read_image
from userprofile.events.files import find_files
from userprofile.pipelines.ingest_events import described
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.schemas.entities import SilverItemContent, SilverItems
from userprofile.spark.batches import declared_batches, spark_schema
from userprofile.tables.store import TableVersion

ITEM_CONTENT = "silver.item_content"

_READ_AT_ONCE = 64  # images whose files are in memory

_KEY = [pa.field("kind", pa.string(), nullable=False), pa.field("hash", pa.string())]
_VALUE = pa.field("value", pa.string(), nullable=False)  # the text, or where the image lies
_CONTENTS = pa.schema([pa.field("item_id", pa.string(), nullable=False), *_KEY, _VALUE])
_VECTORS = pa.schema([*_KEY, pa.field("vector", pa.list_(pa.field("element", pa.float32(), nullable=False)))])


def embed_items(run: Run) -> Step:
    """Vectors of all contents that the table does not know yet, and rows of all items.

    An image that is missing or cannot be read is counted, and its item has no image vector.
    """
    items = run.pinned("silver.items", made_by="refine_events")
    work = partial(_embed, run, items)
    return run.step("embed_items", work, inputs=[items], sections=["source", "embed_items"])


def _embed(run: Run, items: TableVersion) -> Outcome:
    catalogue = run.store.read(items, SilverItems).select("item_id", "title", "description", "image")
    parts = max(-(-items.rows // run.config.embed_items.items_per_partition), run.spark.sparkContext.defaultParallelism)
    reading = partial(_contents, image_folder(run))
    contents = _kept(catalogue.repartition(parts).mapInArrow(reading, spark_schema(_CONTENTS)))
    known = _known(run)
    distinct = contents.where("hash is not null").groupBy("kind", "hash").agg(F.min("value").alias("value"))
    new = distinct.join(known, ["kind", "hash"], "left_anti").repartition(parts)
    made = _kept(new.mapInArrow(_vectors, spark_schema(_VECTORS)))
    try:
        computed = {row["kind"]: row["count"] for row in made.groupBy("kind").count().collect()}
        rows = _rows(catalogue.select("item_id"), contents, known.unionByName(made))
        run.store.replace(rows, ITEM_CONTENT, SilverItemContent)
        missing = contents.where("hash is null").count()
    finally:
        contents.unpersist()
        made.unpersist()
    written = run.store.pin(ITEM_CONTENT)
    return Outcome([written], {**_figures(run, written, computed), "images_not_found": missing})


def _kept(frame: DataFrame) -> DataFrame:
    return frame.persist(StorageLevel.MEMORY_AND_DISK)


def _known(run: Run) -> DataFrame:
    """Vectors that the table has, of unreadable images null, by kind and hash."""
    if not run.store.exists(ITEM_CONTENT):
        return run.spark.createDataFrame([], spark_schema(_VECTORS))
    table = run.store.read(run.store.pin(ITEM_CONTENT), SilverItemContent)
    of_kinds = [
        table.select(F.lit(kind).alias("kind"), *(F.col(f"{kind}_{part}").alias(part) for part in ("hash", "vector")))
        for kind in KINDS
    ]
    return of_kinds[0].unionByName(of_kinds[1]).where("hash is not null").dropDuplicates(["kind", "hash"])


def _rows(items: DataFrame, contents: DataFrame, vectors: DataFrame) -> DataFrame:
    """SilverItemContent, of all items."""
    named = contents.where("hash is not null").select("item_id", "kind", "hash").join(vectors, ["kind", "hash"])
    for kind in KINDS:
        columns = [F.col("hash").alias(f"{kind}_hash"), F.col("vector").alias(f"{kind}_vector")]
        items = items.join(named.where(F.col("kind") == kind).select("item_id", *columns), "item_id", "left")
    return items


def _figures(run: Run, written: TableVersion, computed: dict[str, int]) -> dict[str, int]:
    table = run.store.read(written, SilverItemContent)
    unreadable = table.where("image_hash is not null and image_vector is null").select("image_hash").distinct().count()
    counts = table.agg(*(F.count(f"{kind}_vector").alias(kind) for kind in KINDS)).collect()[0]
    of_kinds = {f"items_with_{kind}": counts[kind] for kind in KINDS}
    made = {f"{kind}s_computed": computed.get(kind, 0) for kind in KINDS}
    return {"items": written.rows, **of_kinds, **made, "images_not_readable": unreadable}


def image_folder(run: Run) -> str:
    """What relative names of images are below, as a URI: as configured, else the folder of the catalogue's file."""
    if chosen := run.config.embed_items.image_folder:
        return chosen if "://" in chosen else Path(chosen).resolve().as_uri()
    items = run.config.source.items
    if items is None or "image" not in items.columns:
        return Path.cwd().as_uri()
    kinds = described(run)
    files = find_files(kinds.get("items", kinds["events"]).files, folder=run.data_folder)
    return files[0].rpartition("/")[0] if files else Path.cwd().as_uri()


def _contents(folder: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        found = [
            (row["item_id"], *content)
            for row in batch.to_pylist()
            for content in contents_of(row["title"], row["description"], row["image"], folder=folder)
        ]
        rows = pl.DataFrame(found, schema=dict.fromkeys(_CONTENTS.names, pl.String), orient="row")
        yield from declared_batches(rows, _CONTENTS)


def _vectors(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for (kind,), rows in pl.DataFrame(pa.Table.from_batches([batch])).partition_by("kind", as_dict=True).items():
            for part in rows.iter_slices(_READ_AT_ONCE):
                found = _vectors_of(kind, part["value"].to_list())
                vector = pl.Series("vector", found, pl.List(pl.Float32))
                yield from declared_batches(part.select("kind", "hash").with_columns(vector), _VECTORS)


def _vectors_of(kind: str, values: list[str]) -> list[list[float] | None]:
    # Here and not above, so that neither the driver nor a worker without work loads TensorFlow.
    if kind == TEXT:
        from userprofile.content.texts import TextEncoder

        return TextEncoder.cached().vectors(values).tolist()
    from userprofile.content.images import ImageEncoder

    found = ImageEncoder.cached().vectors([read_image(place) or b"" for place in values])
    return [None if vector is None else vector.tolist() for vector in found]
