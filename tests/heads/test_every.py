"""What holds for each head, whatever it predicts."""

from __future__ import annotations

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from userprofile.errors import DataGateError
from userprofile.feed.examples import feature_keys, to_batch
from userprofile.heads.every import HEADS, heads_of, label_schema, with_heads
from userprofile.heads.head import LadderSettings
from userprofile.schemas.gold import Labels
from userprofile.schemas.scores import SCORES

NAMES = list(HEADS)
WORDS = {"category": {code: f"category {code}" for code in range(20)}, "item": {i: f"item {i}" for i in range(20)}}
NOTHING = {
    "label_purchase": pa.array([0] * 600, pa.int8()),
    "label_churn": pa.nulls(600, pa.int8()),
    "label_spend": pa.array([0] * 600),
    "label_days_to_purchase": pa.nulls(600, pa.float64()),
    "label_next_action": pa.array([0] * 600, pa.int8()),
    "label_window_actions": pa.array([[0]] * 600, pa.list_(pa.int8())),
    "label_next_categories": pa.array([[3]] * 600, pa.list_(pa.int32())),
    "label_next_item": pa.nulls(600, pa.int32()),
    "label_window_items": pa.array([[]] * 600, pa.list_(pa.int32())),
    "label_risk": pa.nulls(600, pa.int8()),
}


def with_columns(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def declared(column: str, values: object) -> pa.Array:
    return pa.array(values).cast(SCORES.field(column).type)


def numbers(column: pa.Array) -> np.ndarray:
    """Those of a column, or of its lists of scores, whose names are compared where they are made."""
    values = column.flatten().field("score") if pa.types.is_list(column.type) else column
    return values.to_numpy(zero_copy_only=False).astype(float)


@pytest.mark.parametrize("name", NAMES)
def test_a_label_is_a_column_of_the_training_set(name: str) -> None:
    assert set(HEADS[name].labels()) <= set(Labels.column_names())


@pytest.mark.parametrize("name", NAMES)
def test_a_label_of_one_kind_teaches_nothing_and_the_reason_is_told(name: str, bare, train) -> None:
    (column,) = HEADS[name].labels()
    dull = with_columns(train, {column: NOTHING[column]})
    spec, reasons = with_heads(bare, dull, NAMES, most_classes=10)
    assert set(reasons) == {name}
    assert reasons[name]
    assert set(spec.heads) == set(NAMES) - {name}


def test_a_log_that_does_not_tell_of_risk_differs_from_one_without_a_case(bare, train) -> None:
    for label, reason in ((NOTHING["label_risk"], "does not say"), (NOTHING["label_purchase"], "label_risk is 0")):
        _, reasons = with_heads(bare, with_columns(train, {"label_risk": label}), NAMES, most_classes=10)
        assert reason in reasons["risk"]


def test_a_log_that_teaches_no_head_stops_and_every_reason_is_told(bare, train) -> None:
    dull = with_columns(train, NOTHING)
    with pytest.raises(DataGateError, match="no head of the profile can be learnt") as raised:
        with_heads(bare, dull, NAMES, most_classes=10)
    assert all(f"{name}: " in str(raised.value.received) for name in NAMES)


def test_the_schema_of_labels_reads_the_columns_as_they_are(spec, train) -> None:
    schema = label_schema(heads_of(spec))
    assert train.select(schema.names).cast(schema).num_rows == train.num_rows


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_finite_everywhere_and_falls_by_its_gradient(name: str, spec, network, validation) -> None:
    head = HEADS[name]
    inputs = {key: tf.constant(to_batch(validation, spec)[key]) for key in feature_keys(spec)}
    labels = {key: tf.constant(values) for key, values in head.arrays(validation, spec).items()}
    model = keras.models.clone_model(network)
    model.set_weights(network.get_weights())
    optimiser = keras.optimizers.Adam(0.01)
    losses = []
    for _ in range(10):
        with tf.GradientTape() as tape:
            rows = head.loss(model(inputs, training=True), labels)
            loss = tf.reduce_mean(rows)
        assert rows.shape == (400,)
        assert np.isfinite(rows.numpy()).all()
        weights = [weight.value for weight in model.trainable_variables]
        gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
        optimiser.apply([tf.convert_to_tensor(one) for one in gradients], model.trainable_variables)
        losses.append(float(loss))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_judged_and_shown_as_it_is_alone(name: str, spec, outputs, labels, validation) -> None:
    head = HEADS[name]
    calibration = head.calibration_of_kept(head.kept(outputs, labels))
    predicted = head.predicted(head.raw(outputs), calibration)
    judged = head.judgement(labels, predicted)
    shown = head.columns(predicted, validation, spec, WORDS)
    assert all(len(values) == 400 for values in judged.values())
    assert set(shown) <= set(SCORES.names)
    some = slice(17, 23)
    alone = {key: values[some] for key, values in {**outputs, **labels}.items()}
    predicted_alone = head.predicted(head.raw(alone), calibration)
    np.testing.assert_allclose(predicted_alone, predicted[some], rtol=1e-5)
    for measure, values in head.judgement(alone, predicted_alone).items():
        np.testing.assert_allclose(values, judged[measure][some], rtol=1e-5)
    for column, values in head.columns(predicted_alone, validation.slice(17, 6), spec, WORDS).items():
        whole = declared(column, shown[column]).slice(17, 6)
        np.testing.assert_allclose(numbers(declared(column, values)), numbers(whole), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_kept_of_a_network_is_judged_as_its_predictions_are(name: str, outputs, labels) -> None:
    head = HEADS[name]
    kept = head.kept(outputs, labels)
    calibration = head.calibration_of_kept(kept)
    of_kept = head.judgement_of_kept(kept, calibration)
    whole = head.judgement(labels, head.predicted(head.raw(outputs), calibration))
    assert set(of_kept) == set(whole)
    for measure, values in whole.items():
        np.testing.assert_allclose(of_kept[measure], values, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_measure_decides_and_is_there(name: str, outputs, labels) -> None:
    head = HEADS[name]
    kept = head.kept(outputs, labels)
    measures = head.metrics(head.judgement_of_kept(kept, head.calibration_of_kept(kept)))
    assert set(head.by) <= set(measures)
    assert all(value is not None and np.isfinite(value) for value in measures.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_rung_predicts_as_the_network_does_row_by_row(name: str, spec, train, validation) -> None:
    head = HEADS[name]
    ladder = head.ladder(spec, LadderSettings(spec.dense_names, seed=7))
    assert len(ladder) > 1
    for fit in ladder.values():
        rung = fit(head.learnt_from(train))
        calibration = head.calibration_of_rung(rung, validation, spec)
        predicted = head.predicted(head.raw_of_rung(rung.predict(validation)), calibration)
        assert np.isfinite(predicted).all()
        measures = head.metrics(head.judgement(head.arrays(validation, spec), predicted))
        assert measures[head.by[0]] is not None
        alone = head.predicted(head.raw_of_rung(rung.predict(validation.slice(17, 6))), calibration)
        np.testing.assert_allclose(alone, predicted[17:23], rtol=1e-6)
