"""The next-item model: a state after each event of a history, and a score of every item for what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from userprofile.columns import ACTIONS
from userprofile.feed.histories import HistorySpec
from userprofile.model.encoders import sequence_encoder
from userprofile.model.item_content import ItemContent
from userprofile.model.positions import GAP_BUCKETS, LastState, Packing, gap_bucket
from userprofile.spec import FIRST_KNOWN_INDEX

STATE = "state"


@keras.saving.register_keras_serializable(package="userprofile")
class ItemVectors(keras.layers.Layer):
    """[items, W]: an embedding of the item's own plus the mean of those of its contents, its categories and brand.

    An item of few events is then near others of its kind; one without content has its own embedding alone. The `pairs`
    (item, content) lie among the weights, and are not learnt. The last `new` items have no own embedding; of the others
    `hidden`, a share, have none in a step of training, so that contents learn to speak alone. Texts and images of the
    `kinds`, if any, are fused in by ItemContent.
    """

    def __init__(
        self,
        items: int,
        contents: int,
        pairs: int,
        width: int,
        *,
        new: int = 0,
        hidden: float = 0.0,
        kinds: Sequence[str] = (),
        content_width: int = 0,
        fusion: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.items, self.contents, self.pairs, self.width = items, contents, pairs, width
        self.new, self.hidden, self.kinds = new, hidden, list(kinds)
        self.content_width, self.fusion = content_width, fusion
        self.hide = keras.layers.Dropout(hidden, noise_shape=(items - new, 1)) if hidden else None
        self.content = ItemContent(items, kinds, content_width, width, fusion, name="content") if kinds else None

    def build(self, *shapes: Any) -> None:
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        self.own = self.add_weight(shape=(self.items - self.new, self.width), initializer=small, name="own")
        if self.pairs:
            of_content = (self.contents, self.width)
            self.of_content = self.add_weight(shape=of_content, initializer=small, name="of_content")
            fixed = {"shape": (self.pairs,), "dtype": "int32", "initializer": "zeros", "trainable": False}
            self.pair_item = self.add_weight(name="pair_item", **fixed)
            self.pair_content = self.add_weight(name="pair_content", **fixed)
        if self.content is not None:
            self.content.build((self.items, self.width))

    def call(self, index: KerasTensor) -> KerasTensor:
        return ops.take(self.table(), index, axis=0)

    def table(self, training: bool | None = None) -> KerasTensor:
        """All of them, [items, W]."""
        vectors = ops.convert_to_tensor(self.own)
        if self.hide is not None:
            vectors = self.hide(vectors, training=training)
        if self.new:
            vectors = ops.pad(vectors, ((0, self.new), (0, 0)))
        if self.pairs:
            vectors = vectors + self._of_words()
        return vectors if self.content is None else self.content(vectors)

    def _of_words(self) -> KerasTensor:
        of_item = {"segment_ids": self.pair_item, "num_segments": self.items}
        total = ops.segment_sum(ops.take(self.of_content, self.pair_content, axis=0), **of_item)  # [items, W]
        count = ops.segment_sum(ops.ones((self.pairs, 1)), **of_item)
        return total / ops.maximum(count, 1.0)

    def get_config(self) -> dict[str, Any]:
        sizes: dict[str, Any] = {"items": self.items, "contents": self.contents, "pairs": self.pairs}
        sizes |= {"width": self.width, "new": self.new, "hidden": self.hidden, "kinds": self.kinds}
        return {**super().get_config(), **sizes, "content_width": self.content_width, "fusion": self.fusion}


@keras.saving.register_keras_serializable(package="userprofile")
class NextItemModel(keras.Model):
    """Events are item, action and the time since the event before, added up; item i scores state . vector i + bias i.

    In, by name: item, action int32 [B, T] and gap_days float32 [B, T], T <= longest, as feed.histories.HistoryForm.
    Out: state [B, W] after the last event, zeros without one. `of_items` are further settings of ItemVectors. The bias
    of a new item is 0, that of an item of usual popularity.
    """

    def __init__(
        self,
        items: int,
        contents: int,
        pairs: int,
        longest: int,
        encoder: str,
        width: int,
        layers: int,
        heads: int,
        dropout: float,
        of_items: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes: dict[str, Any] = {"items": items, "contents": contents, "pairs": pairs, "longest": longest}
        self.sizes |= {"encoder": encoder, "width": width, "layers": layers, "heads": heads, "dropout": dropout}
        self.sizes |= {"of_items": dict(of_items)}
        self.items = ItemVectors(items, contents, pairs, width, **of_items, name="items")
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        self.actions = keras.layers.Embedding(1 + len(ACTIONS), width, embeddings_initializer=small, name="actions")
        self.gaps = keras.layers.Embedding(GAP_BUCKETS, width, embeddings_initializer=small, name="gaps")
        self.encoder = sequence_encoder(
            encoder, longest=longest, width=width, layers=layers, heads=heads, dropout=dropout, name="history"
        )
        self.last = LastState()
        # For sampled items. The seed is the same on every rank, and so are they.
        self.draws = keras.random.SeedGenerator(seed=0)

    def build(self, shapes: Mapping[str, Any]) -> None:
        shape = shapes["item"]
        for layer in (self.items, self.actions, self.gaps):
            layer.build(shape)
        self.encoder.build((*shape, self.sizes["width"]), shape, shape)
        known = self.sizes["items"] - FIRST_KNOWN_INDEX
        self.bias = self.add_weight(shape=(known,), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs: Mapping[str, KerasTensor], training: bool | None = None) -> dict[str, KerasTensor]:
        present = ops.not_equal(inputs["action"], 0)
        return {STATE: self.last(self.states(inputs, self.items.table(), training=training), present)}

    def states(
        self, inputs: Mapping[str, KerasTensor], vectors: KerasTensor, training: bool | None = None
    ) -> KerasTensor:
        """[B, T, W], of `vectors`, which are those of items.table()."""
        present = ops.not_equal(inputs["action"], 0)
        events = ops.take(vectors, inputs["item"], axis=0)  # [B, T, W]
        events = events + self.actions(inputs["action"]) + self.gaps(gap_bucket(inputs["gap_days"]))
        age_days = -ops.cumsum(inputs["gap_days"], axis=1)  # since the first event, of which only differences count
        return self.encoder(events * self.sizes["width"] ** 0.5, present, age_days, training=training)

    def scored(self, vectors: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        """What scores the K items learnt of, the known ones but for those that are new: vectors [K, W] and bias [K]."""
        learnt = self.sizes["items"] - self.items.new
        return vectors[FIRST_KNOWN_INDEX:learnt], self.bias[: learnt - FIRST_KNOWN_INDEX]

    def scores(self, states: KerasTensor, vectors: KerasTensor) -> KerasTensor:  # [N, W]
        """[N, K], of the items that are `scored`."""
        of_items, bias = self.scored(vectors)
        return ops.matmul(states, ops.transpose(of_items)) + bias

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **self.sizes}


def build_next_item_model(
    spec: HistorySpec, *, settings: Mapping[str, Any], vectors: Mapping[str, np.ndarray] | None = None
) -> NextItemModel:
    """The network of `spec`, with the items' vectors of spec.vectors, float32 [items, spec.vectors.width] by kind.

    Settings: encoder, width, layers, heads, dropout; own_dropout and, with vectors, fusion.
    """
    items = FIRST_KNOWN_INDEX + len(spec.vocabulary)
    sizes: dict[str, Any] = {name: settings[name] for name in ("encoder", "width", "layers", "heads", "dropout")}
    sizes |= {"contents": spec.content_count, "pairs": len(spec.contents)}
    of_items: dict[str, Any] = {"new": spec.new_items, "hidden": settings["own_dropout"]}
    if vectors:
        width = next(iter(vectors.values())).shape[1]
        of_items |= {"kinds": list(vectors), "content_width": width, "fusion": settings["fusion"]}
    model = NextItemModel(items, longest=spec.sequence_length, **sizes, of_items=of_items, name="next_item_model")
    model.build({"item": (None, spec.sequence_length)})
    if spec.contents:
        pairs = np.array(spec.contents, np.int32)
        model.items.pair_item.assign(pairs[:, 0])
        model.items.pair_content.assign(pairs[:, 1])
    if vectors and model.items.content is not None:
        model.items.content.assign(vectors)
    return model


def states_and_targets(
    model: NextItemModel, batch: Mapping[str, KerasTensor], training: bool
) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Of the N events to be predicted the states before, [N, W]; the vectors of all items; and which of those learnt of
    it was, int32 [N].

    Events of a row of weight 0 are not among them.
    """
    vectors = model.items.table(training=training)
    states = model.states(batch, vectors, training=training)  # [B, T, W]
    packing = Packing(ops.logical_and(batch["target"] > 0, batch["weight"][:, None] > 0))
    return packing.pack(states), vectors, packing.pack(batch["target"]) - FIRST_KNOWN_INDEX


def next_item_loss(scores: KerasTensor, target: KerasTensor) -> KerasTensor:  # [N, K], [N]
    """[N] cross-entropy of a softmax over all items; ln K for uniform scores. Training has it from softmax_loss."""
    return keras.losses.sparse_categorical_crossentropy(target, scores, from_logits=True)


def gain_of_place(scores: KerasTensor, target: KerasTensor) -> KerasTensor:  # [N, K], [N]
    """[N] 1 / log2(1 + place) of the target, 1 for the first place, 0 beyond the tenth; their mean is the NDCG@10.

    Items that score the same stand before it.
    """
    height = ops.take_along_axis(scores, target[:, None], axis=1)  # [N, 1]
    place = ops.cast(ops.sum(ops.cast(scores >= height, "int32"), axis=1), "float32")
    return ops.where(place <= 10.0, 1.0 / ops.log2(1.0 + place), 0.0)
