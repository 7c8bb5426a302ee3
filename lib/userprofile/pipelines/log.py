"""What a run says: lines for people on a terminal, one JSON object a line for machines."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from userprofile.errors import ExitCode, UsageError, UserprofileError

FORM, CORRELATION = "USERPROFILE_LOG", "USERPROFILE_CORRELATION_ID"
FORMS = ("text", "json")


@dataclass(frozen=True)
class Log:
    """Of one run. The correlation id is that of whoever started it, such as a task of a scheduler, else the run's."""

    job: str
    run_id: str
    correlation_id: str
    is_json: bool

    @classmethod
    def of_run(cls, job: str, run_id: str) -> Log:
        """As the environment asks. Raises UsageError for a form that there is not."""
        form = os.environ.get(FORM) or ("text" if sys.stdout.isatty() else "json")
        if form not in FORMS:
            raise UsageError(f"{FORM} names no form of a log", expected=" or ".join(FORMS), received=form)
        return cls(job, run_id, os.environ.get(CORRELATION) or run_id, form == "json")

    def say(self, line: str) -> None:
        """Something that happened, in domain units."""
        if self.is_json:
            self._tell(sys.stdout, says=line)
        else:
            print(f"{datetime.now():%H:%M:%S} {line}", flush=True)

    def failed(self, error: BaseException, code: ExitCode, *, verbose: bool) -> None:
        """What ended the run, to standard error; stack traces only where asked."""
        if verbose:
            traceback.print_exc()
        if words := _in_words(error, code, verbose=verbose):
            if self.is_json:
                self._tell(sys.stderr, error=words, exit_code=int(code))
            else:
                print(words, file=sys.stderr)

    def _tell(self, stream: Any, **told: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        who = {"job": self.job, "run_id": self.run_id, "correlation_id": self.correlation_id}
        print(json.dumps({"at": at, **who, **told}, ensure_ascii=False), file=stream, flush=True)


def first_line(error: BaseException) -> str:
    """Of its message, or its kind where it has none."""
    return str(error).splitlines()[0][:500] if str(error) else type(error).__name__


def _in_words(error: BaseException, code: ExitCode, *, verbose: bool) -> str:
    if code != ExitCode.DEFECT or isinstance(error, UserprofileError):
        return f"error: {error}"
    if verbose:
        return ""
    return (
        f"a defect of ours: {type(error).__name__}: {first_line(error) if str(error) else ''}\n"
        "  fix: run again with VERBOSE=1 (--verbose) and report what it shows"
    )
