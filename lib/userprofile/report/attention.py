"""Where a model looks in a history, told and as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from userprofile.report.heat import heat_map
from userprofile.report.plots import Plot

_NAMES = {"gru": "GRU", "lstm": "LSTM", "hstu": "HSTU", "transformer": "Transformer"}
_WITHOUT = ("gru", "lstm")
_ADDS_UP = "softmax weights, so a row adds up to 1"
_POINTWISE = "pointwise weights, which add up to nothing in particular and may be below 0"


@dataclass(frozen=True)
class Looked:
    """The network's kind of `encoder`, how its `interest` vector weighs events, and of each attention by name a weight
    an event, oldest first.
    """

    encoder: str
    interest: str
    paid: Mapping[str, Sequence[float]]

    def says(self) -> list[str]:
        """Sentences: what each row is, and what has none."""
        kind = _NAMES.get(self.encoder, self.encoder)
        if self.encoder in _WITHOUT:
            told = [f"The network's encoder of events is a {kind}: it has no attention."]
        else:
            weights = _POINTWISE if self.encoder == "hstu" else _ADDS_UP
            told = [f"Layers are of the network's {kind} encoder: what the last event pays to each, {weights}."]
        if any(name.startswith("summary") for name in self.paid):
            told.append(f"The summary is of the whole history: what the network's learnt query pays, {_ADDS_UP}.")
        if self.interest == "attention":
            told.append(f"The interest vector's is learnt beside the network: how much each event counts, {_ADDS_UP}.")
        else:
            told.append(f"The interest vector weighs events by {self.interest.replace('_', ' ')}, not by attention.")
        return told


def attention_plot(looked: Looked, events: Sequence[str]) -> Plot | None:
    """A row an attention, none where there is none."""
    if not looked.paid:
        return None
    return heat_map(
        "attention",
        "What attention pays to each event",
        list(zip(*looked.paid.values(), strict=True)),
        events=events,
        rows=list(looked.paid),
        label="Weights of all attentions together by event",
        says="The darker, the more of its row; the other colour is below 0.",
        by_row=True,
    )
