"""Arrays equal a naive loop over rows, whatever the chunks and slices; the plan's rows come out once each."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from userprofile.channels import CHANNELS
from userprofile.errors import ConflictError, DataGateError
from userprofile.feed.examples import ExampleForm, feature_keys, to_batch
from userprofile.feed.plan import RowGroup, plan_pass
from userprofile.feed.read import batch_of, batches, read_ahead
from userprofile.numbers import DenseFeature
from userprofile.spec import FeatureSpec

SPEC = FeatureSpec(
    dense=(DenseFeature("spend", 0.0, 1.0, True), DenseFeature("recency", 0.0, 1.0, False)),
    sequence_length=4,
    category_level=2,
    item_vocabulary=(7, 3, 9),
    category_vocabulary=(2, 1),
    window_days=(0.0, 14.0),
    churn_active_days=90,
    habit_length=6,
)
LABEL = pa.schema({"label_spend": pa.int64()})


def spent(table: pa.Table) -> dict[str, np.ndarray]:
    return {"label_spend": table["label_spend"].to_numpy().astype(np.float32)}


FORM = ExampleForm(SPEC, LABEL, spent)


def examples(rows: int, *, seed: int = 1, longest: int = 9) -> pa.Table:
    """Random rows of gold.training_examples; `spend` is the number of the row."""
    chance = random.Random(seed)
    lengths = [chance.randint(0, longest) for _ in range(rows)]

    def lists(low: int, high: int, kind: pa.DataType) -> pa.Array:
        return pa.array([[chance.randint(low, high) for _ in range(n)] for n in lengths], pa.list_(kind))

    return pa.table(
        {
            "spend": pa.array(range(rows), pa.int64()),
            "recency": pa.array(
                [None if chance.random() < 0.3 else chance.random() for _ in range(rows)], pa.float64()
            ),
            "sequence_action": lists(0, 10, pa.int8()),
            "sequence_item": lists(0, 10, pa.int32()),
            "sequence_category_2": lists(0, 4, pa.int32()),
            "sequence_age_days": lists(1, 100, pa.float32()),
            "label_spend": pa.array([chance.randint(0, 5000) for _ in range(rows)], pa.int64()),
        }
    )


def naive(table: pa.Table, spec: FeatureSpec) -> dict[str, list]:
    """The slow way, a row and an event at a time."""

    def index(code: int, vocabulary: tuple[int, ...]) -> int:
        return 0 if code == 0 else vocabulary.index(code) + 2 if code in vocabulary else 1

    def cells(events: list, length: int = spec.sequence_length) -> list:
        kept = events[-length:]
        return kept + [0] * (length - len(kept))

    rows = table.to_pylist()
    return {
        "dense": [[np.nan if row[name] is None else row[name] for name in spec.dense_names] for row in rows],
        "sequence_action": [cells([code + 1 for code in row["sequence_action"]]) for row in rows],
        "sequence_item": [cells([index(c, spec.item_vocabulary) for c in row["sequence_item"]]) for row in rows],
        "sequence_category": [
            cells([index(c, spec.category_vocabulary) for c in row["sequence_category_2"]]) for row in rows
        ],
        "sequence_age_days": [cells(row["sequence_age_days"]) for row in rows],
        "habit_item": [cells([index(c, spec.item_vocabulary) for c in row["sequence_item"]], 6) for row in rows],
        "habit_category": [
            cells([index(c, spec.category_vocabulary) for c in row["sequence_category_2"]], 6) for row in rows
        ],
        "habit_age_days": [cells(row["sequence_age_days"], 6) for row in rows],
        "label_spend": [row["label_spend"] for row in rows],
        "weight": [1.0] * len(rows),
    }


@pytest.mark.parametrize("seed", range(5))
def test_arrays_equal_a_naive_loop(seed):
    whole = examples(60, seed=seed)
    chunked = pa.concat_tables([whole.slice(3, 20), whole.slice(30, 0), whole.slice(41)])
    batch = batch_of(FORM, chunked)
    for key, expected in naive(chunked, SPEC).items():
        shape = (chunked.num_rows, *np.shape(expected)[1:])
        np.testing.assert_array_equal(batch[key], np.asarray(expected, batch[key].dtype).reshape(shape), err_msg=key)


def test_channels_equal_a_naive_loop_over_events():
    chance = random.Random(8)
    table = examples(40)
    lengths = [len(row) for row in table["sequence_action"].to_pylist()]
    days = [date(2026, 3, 1) + timedelta(chance.randint(0, 30)) for _ in lengths]
    gaps = [[round(chance.expovariate(0.2), 3) for _ in range(n)] for n in lengths]
    brands = [[chance.randint(0, 6) for _ in range(n)] for n in lengths]
    table = table.append_column("as_of_date", pa.array(days, pa.date32()))
    table = table.append_column("sequence_gap_days", pa.array(gaps, pa.list_(pa.float32())))
    table = table.append_column("sequence_brand", pa.array(brands, pa.list_(pa.int32())))
    ages = [[age - 0.3 for age in row] for row in table["sequence_age_days"].to_pylist()]
    place = table.column_names.index("sequence_age_days")
    table = table.set_column(place, "sequence_age_days", pa.array(ages, pa.list_(pa.float32())))
    channels = {"brand": (2, 5), "gap": (3, 11, 12), "hour": (8,), "weekday": (1, 7, 3)}
    batch = to_batch(table, replace(SPEC, channels=channels))

    def index(code, vocabulary):
        return 0 if code == 0 else vocabulary.index(code) + 2 if code in vocabulary else 1

    def of_event(day, age, gap, brand):
        time = datetime.combine(day, datetime.min.time()) - timedelta(days=age)
        codes = {"brand": brand, "hour": 1 + time.hour, "weekday": time.isoweekday()}
        codes["gap"] = 1 + int(math.log2(1 + gap * 24 * 60))
        return [index(codes[name], channels[name]) for name in channels]

    for row, (day, *events) in enumerate(zip(days, ages, gaps, brands, strict=True)):
        kept = [of_event(day, *event) for event in zip(*events, strict=True)][-SPEC.sequence_length :]
        padded = kept + [[0] * len(channels)] * (SPEC.sequence_length - len(kept))
        for number, name in enumerate(channels):
            assert batch[f"sequence_{name}"][row].tolist() == [event[number] for event in padded], name
    assert set(batch) == {*feature_keys(replace(SPEC, channels=channels)), "weight"}
    assert set(CHANNELS) > set(channels)


def test_shapes_and_types_hold_for_no_rows_and_for_no_events():
    for table in (examples(0), examples(5, longest=0)):
        batch = batch_of(FORM, table)
        assert {key: (values.shape[1:], values.dtype) for key, values in batch.items()} == {
            "dense": ((2,), np.float32),
            "sequence_action": ((4,), np.int32),
            "sequence_item": ((4,), np.int32),
            "sequence_category": ((4,), np.int32),
            "sequence_age_days": ((4,), np.float32),
            "habit_item": ((6,), np.int32),
            "habit_category": ((6,), np.int32),
            "habit_age_days": ((6,), np.float32),
            "label_spend": ((), np.float32),
            "weight": ((), np.float32),
        }


def test_a_null_list_is_an_empty_one_and_long_offsets_are_read_too():
    table = examples(6)
    for name in ("sequence_action", "sequence_item", "sequence_category_2", "sequence_age_days"):
        values = [None, *table[name].to_pylist()[1:]]
        column = pa.array(values, pa.large_list(table.schema.field(name).type.value_type))
        table = table.set_column(table.column_names.index(name), name, column)
    batch = to_batch(table, SPEC)
    assert not batch["sequence_action"][0].any()
    np.testing.assert_array_equal(batch["sequence_item"][1:], to_batch(examples(6), SPEC)["sequence_item"][1:])


def test_scoring_needs_no_labels_and_a_missing_column_is_named():
    table = examples(4)
    assert set(to_batch(table.drop_columns(["label_spend"]), SPEC)) == {*feature_keys(SPEC), "weight"}
    for missing in ("sequence_item", "label_spend"):
        with pytest.raises(DataGateError, match=f"expected: {missing}"):
            batch_of(FORM, table.drop_columns([missing]))


def written(folder: Path, *, rows: int, per_group: int) -> list[RowGroup]:
    path = str(folder / "part.parquet")
    pq.write_table(examples(rows), path, row_group_size=per_group)
    groups = pq.ParquetFile(path).metadata
    return [RowGroup(path, i, groups.row_group(i).num_rows) for i in range(groups.num_row_groups)]


@pytest.mark.parametrize(
    ("rows", "shards", "shuffle"), [(53, 2, (3, 1)), (53, 1, None), (2, 4, (3, 1)), (64, 4, (0, 0))]
)
def test_every_row_comes_once_whole_and_padding_weighs_nothing(tmp_path, rows, shards, shuffle):
    groups = written(tmp_path, rows=rows, per_group=11)
    plan = plan_pass(groups, shards=shards, batch_rows=8, shuffle=shuffle, buffer_rows=6)
    read = list(batches(plan, range(shards), FORM))
    assert [len(batch["weight"]) for batch in read] == [8] * plan.steps
    real = {key: np.concatenate([batch[key][batch["weight"] > 0] for batch in read]) for key in read[0]}
    order = np.argsort(real["dense"][:, 0])
    for key, expected in batch_of(FORM, examples(rows)).items():
        np.testing.assert_array_equal(real[key][order], expected, err_msg=key)


def test_two_ranks_make_the_global_batches_of_one(tmp_path):
    plan = plan_pass(written(tmp_path, rows=90, per_group=13), shards=4, batch_rows=16, shuffle=(5, 2), buffer_rows=8)
    alone = batches(plan, range(4), FORM)
    pair = zip(batches(plan, (0, 2), FORM), batches(plan, (1, 3), FORM), strict=True)
    for one, two in zip(alone, pair, strict=True):
        together = np.concatenate([part["dense"][:, 0] for part in two])
        assert sorted(one["dense"][:, 0]) == sorted(together)


def test_an_error_of_reading_arrives_and_a_file_that_is_gone_is_named(tmp_path):
    plan = plan_pass(written(tmp_path, rows=40, per_group=10), shards=1, batch_rows=8, shuffle=None, buffer_rows=8)
    (tmp_path / "part.parquet").unlink()
    with pytest.raises(ConflictError, match=r"part\.parquet"):
        next(batches(plan, (0,), FORM))


def test_reading_ahead_stops_with_its_reader():
    made: list[int] = []

    def numbers():
        for number in range(1000):
            made.append(number)
            yield {"number": np.array(number)}

    ahead = read_ahead(numbers(), depth=3)
    assert [int(next(ahead)["number"]) for _ in range(4)] == [0, 1, 2, 3]
    ahead.close()
    assert len(made) <= 4 + 3


@pytest.mark.parametrize(("rows", "shuffle"), [(53, (3, 1)), (2, (3, 1)), (64, None)])
def test_what_is_done_is_left_out_and_the_rest_comes_as_it_would(tmp_path, rows, shuffle):
    groups = written(tmp_path, rows=rows, per_group=11)
    plan = plan_pass(groups, shards=2, batch_rows=8, shuffle=shuffle, buffer_rows=6)
    whole = list(batches(plan, range(2), FORM))
    for done in range(plan.steps + 1):
        rest = list(batches(plan, range(2), FORM, done=done))
        assert len(rest) == plan.steps - done
        for one, other in zip(rest, whole[done:], strict=True):
            for key, values in one.items():
                np.testing.assert_array_equal(values, other[key], err_msg=key)


def test_blocks_that_are_done_are_not_read(tmp_path):
    """Their files may be gone."""
    groups = written(tmp_path, rows=40, per_group=8)
    gone = [RowGroup(str(tmp_path / "gone.parquet"), 0, 8), *groups]
    plan = plan_pass(gone, shards=1, batch_rows=8, shuffle=None, buffer_rows=8)
    assert len(list(batches(plan, (0,), FORM, done=1))) == 5
