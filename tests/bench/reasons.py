"""make bench-reasons: what reasons cost beside scores, and whether they are those of the slow way. SMALL=1: quick.

On Complete Journey, trained as make run trains it. Both are timed in this process on the same users, again and again,
the one after the other. The slow way is integrated gradients in as many steps as make their parts add up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from deltalake import DeltaTable
from job_runs import ran
from measure import CHECKOUT, Measure, is_small, publish

from userprofile.explain.evidence import Evidence
from userprofile.explain.network import FEW, MANY
from userprofile.explain.reasons import KEPT, Reasoner
from userprofile.explain.wording import Wording
from userprofile.feed.examples import to_batch
from userprofile.inference.score import Scorer
from userprofile.spec import SPEC_FILE, WORDS_FILE, FeatureSpec

SOURCE = ["demo_shop", "--users", "300", "--days", "150"] if is_small() else ["complete_journey"]
PREPARING = ("ingest_events", "refine_events", "build_features", "build_training_set", "train_model")
COMMAND = "make bench-reasons SMALL=1" if is_small() else "make bench-reasons"
USERS, COMPARED, ROUNDS = 2_000, 1_000, 7


def main() -> int:
    """Exit code 1 where a must is missed, the job's where one fails."""
    with tempfile.TemporaryDirectory(prefix="bench-reasons-") as name:
        folder = Path(name)
        try:
            for job in [*(["generate_demo_shop"] if is_small() else []), *PREPARING]:
                print(f"{job} ...", file=sys.stderr, flush=True)
                ran(folder, job, source=SOURCE)
        except subprocess.CalledProcessError as error:
            print(error.stdout, error.stderr, sep="\n", file=sys.stderr)
            return error.returncode
        return publish("reasons", list(measures_of(_scorer(folder), _users(folder))))


def measures_of(scorer: Scorer, users: pa.Table) -> Iterator[Measure]:
    """Cost, agreement of the strongest three, and what of a difference the parts miss."""
    reasoner = Reasoner(scorer, _wording())
    yield Measure("scores with reasons / scores alone", _cost(scorer, reasoner, users), "times", "<= 3", "", COMMAND)
    few = users.slice(0, COMPARED)
    scores = scorer.score(few)
    if reasoner.network is None:
        return
    parts = reasoner.attributed(few, steps=MANY)
    fast, slow = (reasoner.evidence(few, scores, one) for one in (reasoner.attributed(few), parts))
    differences = reasoner.network.differences(to_batch(few, scorer.spec))
    for name, attribution in parts.items():
        agreement = 100 * agreement_of(fast[name], slow[name])
        gap = 100 * float(attribution.gap(differences[name]).mean())
        yield Measure(f"{name}: strongest three of {FEW} steps and of {MANY}", agreement, "%", ">= 80", "", COMMAND)
        yield Measure(f"{name}: what the parts miss, mean over users", gap, "%", "<= 1", "", COMMAND)


def agreement_of(fast: Evidence, slow: Evidence) -> float:
    """The share of each user's strongest three that are among those of the other, by code and name; 1 is all."""
    shared = [
        len(one & other) / max(len(one), 1) for one, other in zip(_strongest(fast), _strongest(slow), strict=True)
    ]
    return float(np.mean(shared))


def _strongest(evidence: Evidence) -> Iterator[set[tuple[str, Any]]]:
    best = np.argsort(-np.abs(evidence.part), axis=1, kind="stable")[:, :KEPT]
    for row, places in enumerate(best):
        yield {(evidence.code[row, place], evidence.name[row, place]) for place in places}


def _cost(scorer: Scorer, reasoner: Reasoner, users: pa.Table) -> float:
    ratios = []
    for number in range(1 + ROUNDS):
        start = time.perf_counter()
        scores = scorer.score(users)
        scored = time.perf_counter()
        reasoner.with_reasons(users, scores)
        if number:  # the first traces
            ratios.append((time.perf_counter() - start) / (scored - start))
    return median(ratios)


def _scorer(folder: Path) -> Scorer:
    """Without the warehouse's words: a name is as long as a code."""
    (model,) = (folder / "models").iterdir()
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    spec = FeatureSpec.from_json(files[SPEC_FILE].decode())
    codes = {*spec.category_vocabulary, *spec.item_vocabulary, *(code for of in spec.heads.values() for code in of)}
    words = {kind: {code: f"{kind} {code}" for code in sorted(codes)} for kind in ("category", "item")}
    return Scorer.load({**files, WORDS_FILE: json.dumps(words).encode()})


def _users(folder: Path) -> pa.Table:
    """Features beside sequences."""
    (warehouse,) = (folder / "warehouse").iterdir()
    features, sequences = (
        DeltaTable(str(warehouse / "gold" / name)).to_pyarrow_table().sort_by("user_id").slice(0, USERS)
        for name in ("user_features", "user_sequences")
    )
    for name in set(sequences.column_names) - set(features.column_names):
        features = features.append_column(name, sequences[name])
    return features


def _wording() -> Wording:
    language = yaml.safe_load((CHECKOUT / "conf/languages/en.yaml").read_text(encoding="utf-8"))
    return Wording(language["reasons"], language["window"], language["all_time"], "USD", 2)


if __name__ == "__main__":
    sys.exit(main())
