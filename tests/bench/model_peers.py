"""The peers of bench-model in PyTorch: `python model_peers.py <side> <log.npz>`, run by a Python that has torch.

Networks written after what others publish, layer by layer; sizes are this benchmark's, the same for all:

- PmixerNetwork: python/model.py of github.com/pmixer/SASRec.pytorch at 22c909f9, with its defaults: normalisation last,
  a hidden layer as wide as the state, attention that also returns its weights, padding before the first event. Trained
  as python/main.py does: binary cross-entropy of each event after another against one negative drawn uniformly.
- RecboleNetwork: recbole/model/sequential_recommender/sasrec.py of github.com/RUCAIBox/RecBole at 025907ce, with its
  defaults: normalisation last, a hidden layer of four widths, padding at the end. Trained as RecBole trains: each event
  after another is an example with all events before it, scored against all items at its last place; 2,048 examples a
  batch.

Each also with the loss that is ours: of each event of a history a softmax over all items, padding left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from model_child import POOL, THREADS, Side, serve
from model_log import LONGEST, Log, batches_of_users, padded, saved
from torch import Tensor, nn
from torch.nn import functional

WIDTH, LAYERS, HEADS, DROPOUT = 64, 2, 2, 0.5
LEARNING_RATE = 0.001
EXAMPLES = 2_048  # RecBole's train_batch_size

Network = Callable[[Tensor], Tensor]  # items int64 [B, T], 0 padded -> states [B, T, W]


class PmixerNetwork(nn.Module):
    """States [B, T, W] of items [B, T]."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items + 1, WIDTH, padding_idx=0)
        self.places = nn.Embedding(LONGEST + 1, WIDTH, padding_idx=0)
        self.drop = nn.Dropout(DROPOUT)
        self.attention = nn.ModuleList(nn.MultiheadAttention(WIDTH, HEADS, DROPOUT) for _ in range(LAYERS))
        self.hidden = nn.ModuleList(self._hidden() for _ in range(LAYERS))
        self.after_attention = nn.ModuleList(nn.LayerNorm(WIDTH, eps=1e-8) for _ in range(LAYERS))
        self.after_hidden = nn.ModuleList(nn.LayerNorm(WIDTH, eps=1e-8) for _ in range(LAYERS))
        self.leave = nn.LayerNorm(WIDTH, eps=1e-8)
        for weights in self.parameters():
            if weights.dim() > 1:
                nn.init.xavier_normal_(weights.data)
        self.items.weight.data[0] = 0
        self.places.weight.data[0] = 0

    @staticmethod
    def _hidden() -> nn.Module:
        """On [B, W, T]."""
        return nn.Sequential(
            nn.Conv1d(WIDTH, WIDTH, 1), nn.Dropout(DROPOUT), nn.ReLU(), nn.Conv1d(WIDTH, WIDTH, 1), nn.Dropout(DROPOUT)
        )

    def forward(self, items: Tensor) -> Tensor:
        length = items.shape[1]
        places = torch.arange(1, length + 1).expand_as(items) * (items != 0)
        states = self.drop(self.items(items) * WIDTH**0.5 + self.places(places))
        later = ~torch.tril(torch.ones((length, length), dtype=torch.bool))
        for number in range(LAYERS):
            timewise = states.transpose(0, 1)  # [T, B, W]
            attended, _ = self.attention[number](timewise, timewise, timewise, attn_mask=later)
            states = self.after_attention[number](timewise + attended).transpose(0, 1)
            hidden = self.hidden[number](states.transpose(1, 2)).transpose(1, 2)
            states = self.after_hidden[number](states + hidden)
        return self.leave(states)


class RecboleBlock(nn.Module):
    """Attention and a hidden layer as BERT's, each normalised after its input was added."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.attended = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.hidden, self.project = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.after_attention, self.after_hidden = (nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(2))
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:  # [B, T, W], [B, 1, T, T]
        queries, keys, values = (self._of_heads(layer(states)) for layer in (self.query, self.key, self.value))
        scores = queries @ keys.transpose(2, 3) / (WIDTH / HEADS) ** 0.5 + mask
        attended = self.drop(scores.softmax(-1)) @ values  # [B, H, T, W / H]
        together = attended.transpose(1, 2).reshape(states.shape)
        states = self.after_attention(states + self.drop(self.attended(together)))
        hidden = self.project(functional.gelu(self.hidden(states)))
        return self.after_hidden(states + self.drop(hidden))

    @staticmethod
    def _of_heads(states: Tensor) -> Tensor:
        """[B, H, T, W / H]."""
        return states.view(*states.shape[:2], HEADS, WIDTH // HEADS).transpose(1, 2)


class RecboleNetwork(nn.Module):
    """States [B, T, W] of items [B, T]."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items + 1, WIDTH, padding_idx=0)
        self.places = nn.Embedding(LONGEST, WIDTH)
        self.norm, self.drop = nn.LayerNorm(WIDTH, eps=1e-12), nn.Dropout(DROPOUT)
        self.blocks = nn.ModuleList(RecboleBlock() for _ in range(LAYERS))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.data.normal_(0.0, 0.02)
            if isinstance(module, nn.Linear):
                module.bias.data.zero_()

    def forward(self, items: Tensor) -> Tensor:
        length = items.shape[1]
        states = self.drop(self.norm(self.items(items) + self.places(torch.arange(length).expand_as(items))))
        may = torch.tril((items != 0)[:, None, None].expand(-1, -1, length, -1))  # [B, 1, T, T]
        mask = torch.where(may, 0.0, -10_000.0)
        for block in self.blocks:
            states = block(states, mask)
        return states


def pmixer_as_it_is(log: Log) -> Side:
    """Binary cross-entropy against one negative an event."""
    network = PmixerNetwork(log.items)
    chance = np.random.default_rng(1)
    pool = [(*arrays, chance.integers(1, log.items + 1, arrays[1].shape)) for arrays in pool_of(log, at_end=False)]

    def loss(number: int) -> Tensor:
        items, after, negative = map(torch.as_tensor, pool[number])
        states = network(items)
        of_after = (states * network.items(after)).sum(-1)[after != 0]
        of_negative = (states * network.items(negative)).sum(-1)[after != 0]
        ones, zeros = torch.ones_like(of_after), torch.zeros_like(of_negative)
        binary = functional.binary_cross_entropy_with_logits
        return binary(of_after, ones) + binary(of_negative, zeros)

    return Side(trained(network, loss, betas=(0.9, 0.98)), sequences_of(pool))


def recbole_as_it_is(log: Log) -> Side:
    """Softmax over all items at the last place of each example."""
    network = RecboleNetwork(log.items)
    pool = list(islice(examples(log), POOL))

    def loss(number: int) -> Tensor:
        items, last, after = map(torch.as_tensor, pool[number])
        states = network(items)[torch.arange(len(items)), last]  # [B, W]
        return functional.cross_entropy(states @ network.items.weight.T, after)

    examples_of_all = len(log.item) - log.users
    return Side(trained(network, loss), POOL * EXAMPLES * log.users / examples_of_all)


def with_our_loss(network: type[nn.Module], at_end: bool) -> Callable[[Log], Side]:
    """Softmax over all items at every event."""

    def ready(log: Log) -> Side:
        model, pool = network(log.items), pool_of(log, at_end=at_end)

        def loss(number: int) -> Tensor:
            items, after = map(torch.as_tensor, pool[number])
            wanted = after != 0
            return functional.cross_entropy(model(items)[wanted] @ model.items.weight[1:].T, after[wanted] - 1)

        return Side(trained(model, loss), sequences_of(pool))

    return ready


SIDES: dict[str, Callable[[Log], Side]] = {
    "pmixer": pmixer_as_it_is,
    "recbole": recbole_as_it_is,
    "pmixer, softmax": with_our_loss(PmixerNetwork, at_end=False),
    "recbole, softmax": with_our_loss(RecboleNetwork, at_end=True),
}


def trained(
    network: nn.Module, loss: Callable[[int], Tensor], betas: tuple[float, float] = (0.9, 0.999)
) -> Callable[[int], float]:
    """A step of Adam."""
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE, betas=betas)
    network.train()

    def step(number: int) -> float:
        optimiser.zero_grad()
        found = loss(number)
        found.backward()
        optimiser.step()
        return float(found.item())

    return step


def pool_of(log: Log, *, at_end: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    return [padded(log, users, at_end=at_end) for users in islice(batches_of_users(log), POOL)]


def sequences_of(pool: list[tuple[np.ndarray, ...]]) -> float:
    return float(sum(len(arrays[0]) for arrays in pool))


def examples(log: Log) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of (items [B, T] padded at the end, the last place [B], the item after it [B]), drawn from all events
    that have one before them.
    """
    chance = np.random.default_rng(7)
    is_target = np.ones(len(log.item), bool)
    is_target[log.starts[:-1]] = False
    targets = np.flatnonzero(is_target)
    first = np.repeat(log.starts[:-1], np.diff(log.starts))
    while True:
        wanted = chance.choice(targets, EXAMPLES, replace=False)
        counts = np.minimum(wanted - first[wanted], LONGEST)
        items = np.zeros((EXAMPLES, LONGEST), np.int64)
        for row, (target, count) in enumerate(zip(wanted, counts, strict=True)):
            items[row, :count] = log.item[target - count : target]
        yield items, counts - 1, log.item[wanted].astype(np.int64)


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    torch.manual_seed(7)
    serve(lambda: SIDES[sys.argv[1]](saved(Path(sys.argv[2]))))
