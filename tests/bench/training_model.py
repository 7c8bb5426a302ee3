"""A model on paper of training on many GPUs, and the table that it writes into docs/training_scaling.md.

`python tests/bench/training_model.py` writes the table anew. Nothing in it is measured; a test checks that the page
holds what the model says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import log2

from measure import CHECKOUT

PAGE = CHECKOUT / "docs" / "training_scaling.md"
BEGIN, END = "<!-- written by tests/bench/training_model.py -->", "<!-- end -->"
WORLDS = (8, 64, 512)
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Network:
    """What connects two ranks."""

    bytes_per_second: float
    latency: float  # seconds of one message

    def ring(self, size: int, ranks: int) -> float:
        """Seconds of a ring allreduce (Patarasuk & Yuan 2009): 2 (n - 1) messages of an n-th each."""
        return 2 * (ranks - 1) * (size / ranks / self.bytes_per_second + self.latency)

    def tree(self, size: int, ranks: int) -> float:
        """Seconds of a double binary tree (Sanders, Speck & Traeff 2009): all bytes twice, 2 log2(n) messages."""
        return 2 * size / self.bytes_per_second + 2 * log2(ranks) * self.latency

    def allreduce(self, size: int, ranks: int) -> float:
        """By the faster of both, as NCCL chooses."""
        return min(self.ring(size, ranks), self.tree(size, ranks))

    def allgather(self, size: int, ranks: int) -> float:
        """Each rank's bytes to all others."""
        return (ranks - 1) * (size / self.bytes_per_second + self.latency)

    def alltoall(self, size: int, ranks: int) -> float:
        """Each rank's bytes dealt to all ranks, a message to each."""
        return size * (ranks - 1) / ranks / self.bytes_per_second + (ranks - 1) * self.latency


@dataclass(frozen=True)
class Model:
    """A network of dense layers and one large table of embeddings, and a rank's batch."""

    name: str
    dense: int  # parameters
    rows: int  # of the table
    width: int
    touched: int  # different rows of the table in a rank's batch
    compute: float  # seconds of a step without exchange

    def exchanges(self, network: Network, ranks: int) -> Iterator[tuple[str, float]]:
        """Seconds of what ranks exchange in a step, for each way to treat the table's gradient."""
        dense = network.allreduce(self.dense * FLOAT, ranks)
        row = self.width * FLOAT
        yield "dense", network.allreduce((self.dense + self.rows * self.width) * FLOAT, ranks)
        yield "rows gathered", dense + network.allgather(self.touched * (row + FLOAT), ranks)
        # Indices out, rows back, gradients out.
        yield (
            "table sharded",
            dense + network.alltoall(self.touched * FLOAT, ranks) + 2 * network.alltoall(self.touched * row, ranks),
        )


# The network of Horovod's paper: 25 Gbit/s (Sergeev & Del Balso 2018, arXiv:1802.05799); 20 us a message is assumed.
NETWORK = Network(bytes_per_second=25e9 / 8, latency=20e-6)
# Seconds of compute are assumed: no GPU was at hand.
# Of the first, parameters are those whose gradients `make bench-training` counts, less the table's.
MODELS = (
    Model("as configured: 5,000 items", 613_000, 5_000, 32, 4_000, 0.010),
    Model("a large shop: 1 M items", 2_000_000, 1_000_000, 64, 100_000, 0.100),
    Model("a marketplace: 50 M items", 10_000_000, 50_000_000, 128, 400_000, 0.300),
)


def table() -> str:
    """Efficiency: compute over compute and exchange, nothing of both at the same time."""
    lines = ["| network | gradient of the table | " + " | ".join(f"{n} GPUs" for n in WORLDS) + " |"]
    lines.append("|---|---|" + "---:|" * len(WORLDS))
    for model in MODELS:
        of_worlds = [dict(model.exchanges(NETWORK, ranks)) for ranks in WORLDS]
        for way in of_worlds[0]:
            shares = [f"{100 * model.compute / (model.compute + found[way]):.0f} %" for found in of_worlds]
            lines.append(f"| {model.name} | {way} | {' | '.join(shares)} |")
    return "\n".join(lines)


def main() -> None:
    """Put the table into the page."""
    text = PAGE.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    PAGE.write_text(between.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
