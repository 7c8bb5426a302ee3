"""gold.training_examples -> report/<warehouse>/feature_audit.{json,md}: does a feature leak, and which have drifted?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path

import polars as pl

from userprofile.audit.drift import Drift, drifts
from userprofile.audit.findings import Findings
from userprofile.audit.recompute import covered
from userprofile.audit.signals import signals
from userprofile.config.load import config_version
from userprofile.errors import DataGateError
from userprofile.features.catalogue import dense_names, user_features_schema
from userprofile.features.entries import Catalogue
from userprofile.pipelines.audit_pairs import later_changes, of_bounded_users, raw_differences
from userprofile.pipelines.build_training_set import SECTIONS as BUILT_BY
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.examples import built_examples, examples_schema, last_build, sampled
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.schemas.gold import UserSequences
from userprofile.tables.store import TableVersion
from userprofile.versions import code_version

DATA, PAGE = "feature_audit.json", "feature_audit.md"
LABEL = "label_purchase"
SCORED = "gold.user_features"
_NAMED_AT_MOST = 10


def audit_features(run: Run) -> Step:
    """Write the report; raises DataGateError where a column leaks, each time until it is mended."""
    events = run.pinned("silver.events", made_by="refine_events")
    as_of = scoring_date(run, log_range(run, events)).date
    silver = [events, *(run.pinned(f"silver.{name}", made_by="refine_events") for name in ("items", "codes"))]
    _require_present(run, silver, as_of)
    examples, bronze = built_examples(run, as_of), run.pinned("bronze.events", made_by="ingest_events")
    scored = run.store.pin(SCORED) if run.store.exists(SCORED) else None
    inputs = [examples, *silver, bronze, *([scored] if scored else [])]
    folder = Path(run.config.report, Path(run.store.root).name)
    work = partial(_audit, run, examples, events, bronze, scored, as_of, folder)
    gone = not all((folder / name).exists() for name in (DATA, PAGE))
    sections = [*BUILT_BY, "audit_features"]
    step = run.step("audit_features", work, inputs=inputs, sections=sections, as_of=as_of, again=gone)
    _require_no_leak(run, step)
    return step


def _audit(
    run: Run,
    examples: TableVersion,
    events: TableVersion,
    bronze: TableVersion,
    scored: TableVersion | None,
    as_of: date,
    folder: Path,
) -> Outcome:
    settings = run.config.audit_features
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    numbers = dense_names(catalogue)
    rows = run.store.read(examples, examples_schema(catalogue))
    some = partial(sampled, rows, of=examples.rows, seed=settings.seed)
    judged = pl.DataFrame(some(wanted=settings.examples).select("as_of_date", "split", LABEL, *numbers).toArrow())
    wanted = pl.DataFrame(some(wanted=settings.pairs).select("user_id", "as_of_date", *catalogue.names).toArrow())
    pairs = of_bounded_users(run, events, wanted)
    moved, unscored = _drifts(run, judged, scored, as_of, catalogue)
    found = Findings(
        source=run.config.source.name,
        as_of=as_of,
        version=examples.version,
        pairs=pairs.height,
        left_out=wanted.height - pairs.height,
        columns=(*catalogue.names, *(name for name in UserSequences.column_names() if name.startswith("sequence_"))),
        covered=tuple(covered(catalogue.features)),
        differences=raw_differences(run, pairs, bronze=bronze, events=events, catalogue=catalogue),
        changes=later_changes(run, pairs, events=events, catalogue=catalogue),
        signals=signals(judged, names=numbers, label=LABEL, too_good_auc=settings.too_good_auc, seed=settings.seed),
        drifts=moved,
        unscored=unscored,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_text(found.to_json(), encoding="utf-8")
    (folder / PAGE).write_text(found.to_markdown(), encoding="utf-8")
    return Outcome([], _figures(found, judged.height, folder / PAGE))


def _figures(found: Findings, examples: int, page: Path) -> dict[str, object]:
    return {
        "page": str(page.resolve()),
        "columns": len(found.columns),
        "recomputed_columns": len(found.covered),
        "pairs": found.pairs,
        "examples": examples,
        "leaking": len(found.leaking),
        "too_good": len(found.too_good),
        "drifted": len(found.drifted),
        "leaking_columns": dict.fromkeys(found.leaking, "leaks"),
    }


def _drifts(
    run: Run, judged: pl.DataFrame, scored: TableVersion | None, as_of: date, catalogue: Catalogue
) -> tuple[list[Drift], str]:
    """From each as-of date to the next, and from training to the scored population; or why not the latter."""
    numbers = dense_names(catalogue)
    dates = judged.partition_by("as_of_date", as_dict=True)
    found = []
    for (earlier,), (later,) in pairwise(sorted(dates)):
        between = (str(earlier), str(later))
        found += drifts(dates[(earlier,)], dates[(later,)], names=numbers, between=between)
    population = _scored(run, scored, as_of, catalogue, numbers)
    if population is None:
        return found, f"{SCORED} has no rows as of {as_of} (make build_features)"
    train = judged.filter(pl.col("split") == "train")
    return found + drifts(train, population, names=numbers, between=("training", f"scored as of {as_of}")), ""


def _scored(
    run: Run, scored: TableVersion | None, as_of: date, catalogue: Catalogue, numbers: Sequence[str]
) -> pl.DataFrame | None:
    if scored is None:
        return None
    settings = run.config.audit_features
    rows = run.store.read(scored, user_features_schema(catalogue)).where(f"as_of_date = date'{as_of}'")
    some = sampled(rows, of=rows.count(), wanted=settings.examples, seed=settings.seed)
    population = pl.DataFrame(some.select(*numbers).toArrow())
    return None if population.is_empty() else population


def _require_present(run: Run, silver: Sequence[TableVersion], as_of: date) -> None:
    """An audit recomputes: of tables, configuration or code that have changed since, it would blame the features."""
    built = last_build(run, as_of)
    before = {pinned["table"]: pinned["version"] for pinned in built["inputs"]}
    since = [f"{one.table} was version {before.get(one.table)}, now {one.version}" for one in silver]
    since = [text for text, one in zip(since, silver, strict=True) if before.get(one.table) != one.version]
    if built["config_version"] != config_version(run.config, *BUILT_BY):
        since.append("the configuration was another one")
    if built["code_version"] != code_version():
        since.append("the code was another one")
    if since:
        raise DataGateError(
            "the training examples were made of what is no longer there, so they cannot be made again to compare",
            expected="examples built from the present tables, by the present configuration and code",
            received="; ".join(since),
            fix=f"make build_training_set SOURCE={run.source} AS_OF={as_of}",
        )


def _require_no_leak(run: Run, step: Step) -> None:
    leaking = list(step.outcome.metrics["leaking_columns"])
    if leaking:
        more = f" and {len(leaking) - _NAMED_AT_MOST} more" if len(leaking) > _NAMED_AT_MOST else ""
        raise DataGateError(
            f"{len(leaking)} columns leak: {', '.join(leaking[:_NAMED_AT_MOST])}{more}",
            expected="columns that nothing after the as-of date can change, and that raw rows before it give",
            received=f"see {step.outcome.metrics['page']}",
            fix=f"mend or drop them, then make build_training_set audit_features SOURCE={run.source}",
        )
