"""The flags that all jobs share, and what they say about configuration and place."""

from __future__ import annotations

import argparse
import os
from datetime import date
from pathlib import Path
from typing import NoReturn

from userprofile.config.settings import Config
from userprofile.errors import UsageError
from userprofile.pipelines.generate_demo_shop import DEMO_SHOP


class _Parser(argparse.ArgumentParser):
    """One whose errors end a run as all others do."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, fix=f"--help lists what {self.prog} takes")


def parser(job: str, source: str) -> argparse.ArgumentParser:
    """One for all jobs: each heeds the flags that are its affair."""
    parser = _Parser(prog=job, description=f"The {job} job of userprofile.")
    parser.add_argument("--source", default=source, help="a known log, or the path of a mapping file")
    parser.add_argument(
        "--input", nargs="+", action="extend", default=[], help="files of the log, in the place of the mapping's"
    )
    parser.add_argument(
        "--as-of", type=_dates, default=(), help="look back from the start of this date; of several, as 2017-11-01,..."
    )
    for name in ("from", "to"):
        parser.add_argument(f"--{name}", dest=f"{name}_date", type=_date, help=f"backfill {name} this date")
    parser.add_argument("--data", help="of a leaderboard: a name in conf/leaderboard, or the path of such a file")
    parser.add_argument("--question", default="", help="of ask_profiles: whom it means, in words")
    parser.add_argument("--audience", default="", help="the name of a saved audience")
    parser.add_argument("--run", default="", help="of a report or a rerun: the earlier run that it is about")
    for name in ("a", "b"):
        parser.add_argument(f"--{name}", default="", help="of a comparison: a run")
    parser.add_argument("--pseudonym", default="", help="of a card: the user")
    parser.add_argument("--purpose", default="", help="of export_audience: what users must have consented to")
    parser.add_argument("--format", default="csv", help="of export_audience: csv or parquet")
    parser.add_argument("--master", default=os.environ.get("MASTER"), help="Spark master, as spark://host:7077")
    parser.add_argument("--warehouse", help="folder or URI of the tables")
    parser.add_argument(
        "--conf", nargs="+", action="extend", type=Path, default=[], help="configuration files that overlay base.yaml"
    )
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="single settings")
    for name in ("users", "days", "seed"):
        parser.add_argument(f"--{name}", type=int, help=f"{name} of the demo shop")
    parser.add_argument("--force", action="store_true", help="do steps again that were done with the same inputs")
    parser.add_argument("--verbose", action="store_true", help="show Spark's log and stack traces")
    return parser


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a date such as 2017-11-01, not {text!r}") from error


def _dates(text: str) -> tuple[date, ...]:
    """Dates, oldest first, each once; none of an empty text, which schedulers pass where nobody chose a date."""
    return tuple(sorted({_date(day.strip()) for day in text.split(",") if text}))


def span_of(options: argparse.Namespace) -> tuple[date, date] | None:
    """The first and the last date of a backfill; None unless both are named."""
    return (options.from_date, options.to_date) if options.from_date and options.to_date else None


def overlays_of(conf_folder: Path, options: argparse.Namespace) -> list[Path]:
    """Files that lie over base.yaml, later ones win."""
    local = options.master is None or options.master.startswith("local")
    return [conf_folder / ("local.yaml" if local else "cluster.yaml"), *options.conf]


def settings_of(options: argparse.Namespace) -> list[str]:
    """Single keys as key=value, those of --set last: they win over everything."""
    flags = {"spark.master": options.master, "warehouse": options.warehouse}
    flags |= {f"demo_shop.{name}": getattr(options, name) for name in ("users", "days", "seed")}
    return [*(f"{key}={value}" for key, value in flags.items() if value is not None), *options.set]


def store_root(config: Config) -> str:
    """The folder or URI of a log's tables."""
    return f"{_absolute(config.warehouse)}/{warehouse_name(config)}"


def _absolute(folder: str) -> str:
    """Spark takes a relative path for the name of a table."""
    return folder if "://" in folder else str(Path(folder).resolve())


def warehouse_name(config: Config) -> str:
    """One warehouse per log; demo shops of different sizes and seeds are different logs."""
    shop = config.demo_shop
    name = config.source.name
    return f"{name}_u{shop.users}_d{shop.days}_s{shop.seed}" if name == DEMO_SHOP else name
