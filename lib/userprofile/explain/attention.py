"""Where a model looks in a history: the weights of its attentions, if it has any. They are no reasons of a score."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import pyarrow as pa

from userprofile.feed.examples import feature_keys, to_batch
from userprofile.inference.score import Scorer
from userprofile.interest.vectors import Histories
from userprofile.interest.weightings import Attention
from userprofile.model.encoders import AttentionEncoder, RecurrentEncoder
from userprofile.model.whole_history import AttentiveSummary


@dataclass(frozen=True)
class Attentions:
    """Of one user. `paid` has a row of weights for each attention by its name, an event a weight, oldest first.

    `encoder` is the kind of the network's, and `interest` how the interest vector weighs events: the name of one that
    is no attention has no row.
    """

    encoder: str
    interest: str
    paid: dict[str, list[float]]


def attentions(scorer: Scorer, row: pa.Table) -> Attentions:
    """Of a row of features joined with sequences: of the encoder what the last event pays to each event up to it.

    One row a head of each layer; of a learnt summary one a head; of the interest vector one, each where there is such.
    """
    batch = to_batch(row, scorer.spec)
    events = int((batch["sequence_action"][0] != 0).sum())
    layers = {layer.name: layer for layer in scorer.network.layers}
    history, summary = layers["history"], layers["whole_history"]
    read = keras.Model(scorer.network.input, [history.input, summary.input])
    of_history, of_summary = read({key: batch[key] for key in feature_keys(scorer.spec)})
    found: dict[str, np.ndarray] = {}
    if events and not isinstance(history, RecurrentEncoder):
        weights = np.asarray(history.paid(*of_history))[0, :, :, events - 1]  # [layers, H, T]
        for layer, heads in enumerate(weights, start=1):
            found |= {f"layer {layer}, head {head}": paid for head, paid in enumerate(heads, start=1)}
    if events and isinstance(summary, AttentiveSummary):
        heads = np.asarray(summary.paid(*of_summary))[0]
        found |= {f"summary, head {head}": paid for head, paid in enumerate(heads, start=1)}
    if events and isinstance(scorer.interest.weighting, Attention):
        histories = Histories.of_batch(batch, scorer.event_vectors)
        found["interest vector"] = scorer.interest.weighting.weights(histories)[0]
    kind = history.kind if isinstance(history, RecurrentEncoder | AttentionEncoder) else "bidirectional"
    return Attentions(kind, scorer.interest.name, {name: paid[:events].tolist() for name, paid in found.items()})
