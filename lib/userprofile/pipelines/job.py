"""The command line that all jobs share, and the way every run ends."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from userprofile.config.leaderboard import Board
from userprofile.config.load import load_board, load_config
from userprofile.config.settings import Config
from userprofile.errors import ExitCode, InterruptedRunError, UsageError, UserprofileError
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.generate_demo_shop import DEMO_SHOP, with_files
from userprofile.pipelines.steps import Run
from userprofile.spark.session import build_session
from userprofile.tables.locks import one_job
from userprofile.tables.store import Store

Pipeline = Callable[[Run], Any]


def run_job(
    job: str,
    pipeline: Pipeline,
    *,
    conf_folder: Path,
    source: str = "complete_journey",
    arguments: Sequence[str] | None = None,
) -> int:
    """Run one pipeline for a command line; prints a summary and one JSON line, returns the exit code."""
    options = _parser(job, source).parse_args(arguments)
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    result: dict[str, Any] = {"job": job, "source": options.source, "run_id": uuid4().hex[:12]}
    try:
        overlays = _overlays(conf_folder, options)
        board = load_board(conf_folder, options.data) if options.data else None
        options.source = result["source"] = options.source or (board.source if board else "") or _no_source()
        config = load_config(conf_folder, source=options.source, overlays=overlays, settings=_settings(options))
        config = with_files(config)
        feature_catalogue(config.build_features, config.source.timezone)  # a wrong feature file ends the run here
        run = _start(job, options, config, result["run_id"], board)
        with one_job(run.store.root):
            pipeline(run)
        result |= {"status": "done", "exit_code": int(ExitCode.DONE), **_outcome(run)}
        _print_summary(run)
    except UserprofileError as error:
        result |= _failed(error, error.exit_code, options.verbose)
    except KeyboardInterrupt:
        stopped = InterruptedRunError("the run was stopped", fix="run the same command again: finished steps are kept")
        result |= _failed(stopped, stopped.exit_code, options.verbose)
    except Exception as error:  # the last line of defence: every end has a code and a JSON line
        result |= _failed(error, ExitCode.DEFECT, options.verbose)
    result["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(result, default=str), flush=True)
    return int(result["exit_code"])


def opened(source: str, *, conf_folder: Path = Path("conf"), settings: Sequence[str] = ()) -> Run:
    """A log's tables for use from Python, outside any job. Raises UsageError for a wrong configuration."""
    options = _parser("opened", source).parse_args(["--set", *settings] if settings else [])
    config = load_config(conf_folder, source=source, overlays=_overlays(conf_folder, options), settings=options.set)
    return _start("opened", options, with_files(config), "opened", None)


def _parser(job: str, source: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=job, description=f"The {job} job of userprofile.")
    parser.add_argument("--source", default=source, help="a known log, or the path of a mapping file")
    parser.add_argument(
        "--input", nargs="+", action="extend", default=[], help="files of the log, in the place of the mapping's"
    )
    parser.add_argument(
        "--as-of", type=_dates, default=(), help="look back from the start of this date; of several, as 2017-11-01,..."
    )
    for name in ("from", "to"):
        parser.add_argument(
            f"--{name}", dest=f"{name}_date", type=date.fromisoformat, help=f"backfill {name} this date"
        )
    parser.add_argument("--data", help="of a leaderboard: a name in conf/leaderboard, or the path of such a file")
    parser.add_argument("--question", default="", help="of ask_profiles: whom it means, in words")
    parser.add_argument("--audience", default="", help="the name of a saved audience")
    parser.add_argument("--run", default="", help="of a report: the earlier run that it is about")
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


def _dates(text: str) -> tuple[date, ...]:
    """Dates, oldest first, each once."""
    return tuple(sorted({date.fromisoformat(day.strip()) for day in text.split(",")}))


def _span(options: argparse.Namespace) -> tuple[date, date] | None:
    return (options.from_date, options.to_date) if options.from_date and options.to_date else None


def _overlays(conf_folder: Path, options: argparse.Namespace) -> list[Path]:
    local = options.master is None or options.master.startswith("local")
    return [conf_folder / ("local.yaml" if local else "cluster.yaml"), *options.conf]


def _settings(options: argparse.Namespace) -> list[str]:
    flags = {"spark.master": options.master, "warehouse": options.warehouse}
    flags |= {f"demo_shop.{name}": getattr(options, name) for name in ("users", "days", "seed")}
    return [*(f"{key}={value}" for key, value in flags.items() if value is not None), *options.set]


def _no_source() -> str:
    raise UsageError("no log is named", expected="a source, or data that names its own", fix="SOURCE=<name or mapping>")


def _start(job: str, options: argparse.Namespace, config: Config, run_id: str, board: Board | None) -> Run:
    folder = os.environ.get("USERPROFILE_DATA")
    if folder and not Path(folder).is_dir():
        raise UsageError("USERPROFILE_DATA names no folder", received=folder, fix="unset it, or correct it")
    spark = build_session(
        application=f"userprofile {job}",
        master=config.spark.master,
        driver_memory=config.spark.driver_memory,
        shuffle_partitions=config.spark.shuffle_partitions,
        settings=config.spark.settings,
        verbose=options.verbose,
    )
    return Run(
        run_id=run_id,
        config=config,
        spark=spark,
        store=Store(spark, f"{_absolute(config.warehouse)}/{warehouse_name(config)}", run_id=run_id),
        started_at=datetime.now(UTC),
        say=_say,
        as_ofs=options.as_of,
        span=_span(options),
        source=options.source,
        inputs=tuple(options.input),
        data_folder=Path(folder) if folder else None,
        board=board,
        question=options.question,
        audience=options.audience,
        of_run=options.run,
        compared=(options.a, options.b),
        pseudonym=options.pseudonym,
        purpose=options.purpose,
        file_format=options.format,
        force=options.force,
    )


def _absolute(folder: str) -> str:
    """Spark takes a relative path for the name of a table."""
    return folder if "://" in folder else str(Path(folder).resolve())


def warehouse_name(config: Config) -> str:
    """One warehouse per log; demo shops of different sizes and seeds are different logs."""
    shop = config.demo_shop
    name = config.source.name
    return f"{name}_u{shop.users}_d{shop.days}_s{shop.seed}" if name == DEMO_SHOP else name


def _say(line: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {line}", flush=True)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _outcome(run: Run) -> dict[str, Any]:
    tables = {
        pinned.table: {"version": pinned.version, "rows": pinned.rows}
        for step in run.steps
        for pinned in step.outcome.outputs
    }
    return {
        "tables": tables,
        "metrics": {step.name: step.outcome.metrics for step in run.steps},
        "steps": {step.name: round(step.seconds, 1) for step in run.steps},
    }


def _print_summary(run: Run) -> None:
    print(f"\n{run.config.source.name}: {run.store.root}")
    for step in run.steps:
        shown = ", ".join(
            f"{_shown(value)} {name.replace('_', ' ')}"
            for name, value in step.outcome.metrics.items()
            if not isinstance(value, dict)
        )
        took = "done before" if step.was_done else f"{step.seconds:.1f} s"
        print(f"  {step.name:<20} {took:>12}  {shown}")


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _failed(error: BaseException, code: ExitCode, verbose: bool) -> dict[str, Any]:
    if verbose:
        traceback.print_exc()
    elif code == ExitCode.DEFECT:
        print(
            f"a defect of ours: {type(error).__name__}: {str(error).splitlines()[0][:500] if str(error) else ''}",
            file=sys.stderr,
        )
        print("  fix: run again with VERBOSE=1 (--verbose) and report what it shows", file=sys.stderr)
    if code != ExitCode.DEFECT:
        print(f"error: {error}", file=sys.stderr)
    return {
        "status": "failed",
        "exit_code": int(code),
        "error": str(error).splitlines()[0][:500] if str(error) else type(error).__name__,
    }
