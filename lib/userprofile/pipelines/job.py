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
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from userprofile.config.leaderboard import Board
from userprofile.config.load import CONF, load_board, load_config
from userprofile.config.settings import Config
from userprofile.errors import ExitCode, InterruptedRunError, UsageError, UserprofileError
from userprofile.pipelines.command_line import overlays_of, parser, settings_of, span_of, store_root
from userprofile.pipelines.ends import print_summary, told
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.generate_demo_shop import with_files
from userprofile.pipelines.journal import record_killed
from userprofile.pipelines.ledger import begun_at
from userprofile.pipelines.log import Log, first_line
from userprofile.pipelines.steps import Run
from userprofile.spark.resources import kept_resources, require_resources
from userprofile.spark.session import build_session
from userprofile.tables.catalogue import store_of
from userprofile.tables.faults import faults_told, require_whole_logs
from userprofile.tables.locks import Holder, one_job
from userprofile.tables.store import Store

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
    started, run_id = time.monotonic(), uuid4().hex[:12]
    with suppress(ValueError):  # in a notebook's thread, where signals are the platform's affair
        signal.signal(signal.SIGTERM, _interrupt)
    result: dict[str, Any] = {"job": job, "source": source, "run_id": run_id}
    log, verbose = Log(job, run_id, run_id, is_json=False), "--verbose" in words
    try:
        log = Log.of_run(job, run_id)
        result["correlation_id"] = log.correlation_id
        options = parser(job, source).parse_args(words)
        result["source"], verbose = options.source, options.verbose
        config, board = _configured(conf_folder, options)
        result["source"] = options.source
        run = _run_of(log, options, config, board)
        began = run.started_at.isoformat()
        holder = None if looks_only else Holder(run_id, job, tuple(words), log.correlation_id, began, os.getpid())
        with faults_told(run.store.root), told(run, holder, result), faults_told(run.store.root):
            _start(run, log, options, looks_only=looks_only)
            with _alone(run, holder, result):
                pipeline(run)
        if not log.is_json:
            print_summary(run)
    except UserprofileError as error:
        result |= _failed(log, error, error.exit_code, verbose)
    except KeyboardInterrupt:
        stopped = InterruptedRunError("the run was stopped", fix="run the same command again: finished steps are kept")
        result |= _failed(log, stopped, stopped.exit_code, verbose)
    except Exception as error:  # the last line of defence: every end has a code and a JSON line
        result |= _failed(log, error, ExitCode.DEFECT, verbose)
    result = {**result, "tables": result.get("tables", {}), "metrics": result.get("metrics", {})}
    result["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(result, default=str), flush=True)
    return int(result["exit_code"])


def opened(
    source: str, *, conf_folder: Path = CONF, as_of: date | str | None = None, settings: Sequence[str] = ()
) -> Run:
    """A log's tables for use from Python, outside any job. Raises UsageError for a wrong configuration."""
    arguments = ["--as-of", str(as_of)] if as_of else []
    options = parser("opened", source).parse_args([*arguments, "--set", *settings] if settings else arguments)
    config, board = _configured(conf_folder, options)
    log = Log.of_run("opened", "opened")
    _start(run := _run_of(log, options, config, board), log, options, looks_only=False)
    return run


@contextmanager
def as_job(run: Run, job: str, arguments: Sequence[str], **asked: Any) -> Iterator[Run]:
    """A job on tables that are open, which says nothing: `run` with what is `asked`, as its arguments ask it.

    Raises ConflictError where another job writes the warehouse.
    """
    log = Log.of_run(job, uuid4().hex[:12])
    store = store_of(run.spark, run.store.root, run.config.spark.catalog, log.run_id)
    started_at, silent = begun_at(store), lambda line: None
    own = replace(run, run_id=log.run_id, store=store, started_at=started_at, say=silent, steps=[], **asked)
    holder = Holder(log.run_id, job, tuple(arguments), log.correlation_id, started_at.isoformat(), os.getpid())
    result: dict[str, Any] = {}
    with faults_told(store.root), told(own, holder, result), _alone(own, holder, result):
        yield own


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
    """The warehouse is this job's."""
    if holder is None:
        yield
        return
    holder = replace(holder, started_at=run.started_at.isoformat())
    with one_job(run.store.root, holder) as left, told(run, holder, result), faults_told(run.store.root):
        require_whole_logs(run.store.root)
        record_killed(run.store, left)
        with kept_resources(run.spark.sparkContext, within=run.config.spark.resources_timeout):
            yield


def _run_of(log: Log, options: argparse.Namespace, config: Config, board: Board | None) -> Run:
    """Before anything has been asked of this machine: its store has no Spark yet."""
    return Run(
        run_id=log.run_id,
        config=config,
        store=Store(None, store_root(config), run_id=log.run_id),
        started_at=datetime.now(UTC),
        say=log.say,
        as_ofs=options.as_of,
        span=span_of(options),
        source=options.source,
        inputs=tuple(options.input),
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


def _start(run: Run, log: Log, options: argparse.Namespace, *, looks_only: bool) -> None:
    """The folder of real logs, the run's time, and Spark for whoever does more than look."""
    folder = os.environ.get("USERPROFILE_DATA")
    if folder and not Path(folder).is_dir():
        raise UsageError("USERPROFILE_DATA names no folder", received=folder, fix="unset it, or correct it")
    run.data_folder, run.started_at = Path(folder) if folder else None, begun_at(run.store)
    if looks_only:
        return
    settings = run.config.spark
    spark = build_session(
        application=f"userprofile {log.job} {log.correlation_id}",
        master=settings.master,
        driver_memory=settings.driver_memory,
        shuffle_partitions=settings.shuffle_partitions,
        settings=settings.settings,
        verbose=options.verbose,
    )
    # A session that was there already has a name of its own, and its platform stops work by groups of its own.
    spark.sparkContext.setJobDescription(f"userprofile {log.job} {log.correlation_id}")
    require_resources(spark.sparkContext, within=settings.resources_timeout)
    run.store = store_of(spark, run.store.root, settings.catalog, run.run_id)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _failed(log: Log, error: BaseException, code: ExitCode, verbose: bool) -> dict[str, Any]:
    log.failed(error, code, verbose=verbose)
    return {"status": "failed", "exit_code": int(code), "error": first_line(error)}
