"""The way every run goes from a command line to its end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from userprofile.config.leaderboard import Board
from userprofile.config.load import CONF, load_board, load_config
from userprofile.config.settings import Config
from userprofile.errors import ExitCode, InterruptedRunError, UsageError, UserprofileError, told_of
from userprofile.pipelines.command_line import overlays_of, parser, settings_of, span_of, store_root
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.generate_demo_shop import with_files
from userprofile.pipelines.journal import record_end, record_killed
from userprofile.pipelines.ledger import begun_at
from userprofile.pipelines.log import Log, first_line
from userprofile.pipelines.observed import observe
from userprofile.pipelines.steps import Run
from userprofile.spark.resources import kept_resources, require_resources
from userprofile.spark.session import build_session
from userprofile.tables.catalogue import store_of
from userprofile.tables.faults import faults_told, require_whole_logs
from userprofile.tables.locks import Holder, one_job

Pipeline = Callable[[Run], Any]


def run_job(
    job: str,
    pipeline: Pipeline,
    *,
    conf_folder: Path,
    source: str = "complete_journey",
    arguments: Sequence[str] | None = None,
    looks_only: bool = False,
) -> int:
    """Run one pipeline for a command line; prints a summary and one JSON line, returns the exit code.

    One that `looks_only` needs no Spark, and may look while another job writes.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser(job, source).parse_args(words)
    started, run_id = time.monotonic(), uuid4().hex[:12]
    with suppress(ValueError):  # in a notebook's thread, where signals are the platform's affair
        signal.signal(signal.SIGTERM, _interrupt)
    result: dict[str, Any] = {"job": job, "source": options.source, "run_id": run_id}
    log = Log(job, run_id, run_id, is_json=False)
    try:
        log = Log.of_run(job, run_id)
        result["correlation_id"] = log.correlation_id
        config, board = _configured(conf_folder, options)
        result["source"] = options.source
        with faults_told(store_root(config)):
            run = _start(log, options, config, board, looks_only)
            holder = Holder(run_id, job, tuple(words), log.correlation_id, run.started_at.isoformat(), os.getpid())
            with _alone(run, None if looks_only else holder, result):
                pipeline(run)
                result |= {"status": "done", "exit_code": int(ExitCode.DONE), **_outcome(run)}
        if not log.is_json:
            _print_summary(run)
    except UserprofileError as error:
        result |= _failed(log, error, error.exit_code, options.verbose)
    except KeyboardInterrupt:
        stopped = InterruptedRunError("the run was stopped", fix="run the same command again: finished steps are kept")
        result |= _failed(log, stopped, stopped.exit_code, options.verbose)
    except Exception as error:  # the last line of defence: every end has a code and a JSON line
        result |= _failed(log, error, ExitCode.DEFECT, options.verbose)
    result["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(result, default=str), flush=True)
    return int(result["exit_code"])


def opened(
    source: str, *, conf_folder: Path = CONF, as_of: date | str | None = None, settings: Sequence[str] = ()
) -> Run:
    """A log's tables for use from Python, outside any job. Raises UsageError for a wrong configuration."""
    arguments = ["--as-of", str(as_of)] if as_of else []
    options = parser("opened", source).parse_args([*arguments, "--set", *settings] if settings else arguments)
    config, _ = _configured(conf_folder, options)
    return _start(Log.of_run("opened", "opened"), options, config, None, looks_only=False)


def _configured(conf_folder: Path, options: argparse.Namespace) -> tuple[Config, Board | None]:
    """The whole configuration; `options.source` is then the log's name, or its mapping file."""
    board = load_board(conf_folder, options.data) if options.data else None
    options.source = options.source or (board.source if board else "") or _no_source()
    overlays = overlays_of(conf_folder, options)
    config = load_config(conf_folder, source=options.source, overlays=overlays, settings=settings_of(options))
    config = with_files(config)
    feature_catalogue(config.build_features, config.source.timezone)  # a wrong feature file ends the run here
    return config, board


def _no_source() -> str:
    raise UsageError("no log is named", expected="a source, or data that names its own", fix="SOURCE=<name or mapping>")


@contextmanager
def _alone(run: Run, holder: Holder | None, result: dict[str, Any]) -> Iterator[None]:
    """The warehouse is this job's; how it ended goes to ops.jobs, unless nothing was done."""
    if holder is None:
        yield
        return
    with one_job(run.store.root, holder) as left:
        require_whole_logs(run.store.root)
        record_killed(run.store, left)
        try:
            within = run.config.spark.resources_timeout
            with faults_told(run.store.root), kept_resources(run.spark.sparkContext, within=within):
                yield
        except BaseException as error:
            code, what = told_of(error)
            if code != ExitCode.USAGE:
                ended = {"status": "failed", "exit_code": int(code), "error": what}
                with suppress(Exception):  # what ended the run is what is told
                    record_end(run.store, holder, ended)
                    observe(run, holder.job, ended)
            raise
        record_end(run.store, holder, result)
        observe(run, holder.job, result)


def _start(log: Log, options: argparse.Namespace, config: Config, board: Board | None, looks_only: bool) -> Run:
    folder = os.environ.get("USERPROFILE_DATA")
    if folder and not Path(folder).is_dir():
        raise UsageError("USERPROFILE_DATA names no folder", received=folder, fix="unset it, or correct it")
    spark = None
    if not looks_only:
        spark = build_session(
            application=f"userprofile {log.job} {log.correlation_id}",
            master=config.spark.master,
            driver_memory=config.spark.driver_memory,
            shuffle_partitions=config.spark.shuffle_partitions,
            settings=config.spark.settings,
            verbose=options.verbose,
        )
        require_resources(spark.sparkContext, within=config.spark.resources_timeout)
    return Run(
        run_id=log.run_id,
        config=config,
        store=(store := store_of(spark, store_root(config), config.spark.catalog, log.run_id)),
        started_at=begun_at(store),
        say=log.say,
        as_ofs=options.as_of,
        span=span_of(options),
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


def _failed(log: Log, error: BaseException, code: ExitCode, verbose: bool) -> dict[str, Any]:
    log.failed(error, code, verbose=verbose)
    return {"status": "failed", "exit_code": int(code), "error": first_line(error)}
