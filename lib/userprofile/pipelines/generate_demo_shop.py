"""The demo shop's log, items, users and truth, as files that are then taken in like any other log's."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

from userprofile.config.settings import Config
from userprofile.demo_shop import Shop, generate
from userprofile.errors import UsageError
from userprofile.pipelines.steps import Outcome, Run, Step

DEMO_SHOP = "demo_shop"
DONE_FILE = "generated.json"


def generate_demo_shop(run: Run) -> Step:
    """Write the files below build/, unless the same shop stands there."""
    folder = demo_shop_folder(run.config)
    shop = run.config.demo_shop
    work = partial(_generate, Shop(**shop.model_dump()), folder)
    gone = not (folder / DONE_FILE).exists()
    if not gone:
        _require_same_shop(Shop(**shop.model_dump()), folder)
    return run.step("generate_demo_shop", work, inputs=[], sections=["demo_shop"], again=gone)


def demo_shop_folder(config: Config) -> Path:
    """Where the shop of these parameters is written."""
    shop = config.demo_shop
    return Path(config.build, DEMO_SHOP, f"u{shop.users}_d{shop.days}_s{shop.seed}")


def with_files(config: Config) -> Config:
    """The configuration with the shop's own files in its mapping; of any other source as it is."""
    folder, source = demo_shop_folder(config), config.source
    if source.name != DEMO_SHOP:
        return config
    parts = {"events": "events.csv", "items": "items.parquet", "users": "users.parquet"}
    named = {
        kind: getattr(source, kind).model_copy(update={"files": [str(folder / file)]}) for kind, file in parts.items()
    }
    return config.model_copy(update={"source": source.model_copy(update=named)})


def _require_same_shop(shop: Shop, folder: Path) -> None:
    """Two shops in one folder would be taken in as one log."""
    stands = json.loads((folder / DONE_FILE).read_text())["shop"]
    wanted = json.loads(json.dumps(asdict(shop), default=str))
    if stands != wanted:
        raise UsageError(
            f"another demo shop of this size and seed stands in {folder}",
            expected=", ".join(f"{name}={stands.get(name)}" for name in wanted if stands.get(name) != wanted[name]),
            received=", ".join(f"{name}={wanted[name]}" for name in wanted if stands.get(name) != wanted[name]),
            fix="give another SEED, or another warehouse and build folder with SET",
        )


def _generate(shop: Shop, folder: Path) -> Outcome:
    generated = generate(shop, folder)
    (folder / DONE_FILE).write_text(json.dumps({"shop": asdict(shop), "generated": asdict(generated)}, default=str))
    counts = {name: value for name, value in asdict(generated).items() if isinstance(value, int)}
    return Outcome([], {**counts, "folder": str(folder)})
