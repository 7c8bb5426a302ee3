"""Every way a run can end, each with its exit code and a message that says how to go on."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every job; schedulers decide about retries by them."""

    DONE = 0
    DEFECT = 1
    USAGE = 2
    DATA_GATE = 3
    ENVIRONMENT = 4
    CONFLICT = 5
    INTERRUPTED = 6


class UserprofileError(Exception):
    """An end that was foreseen: what happened, what was expected, what was received, how to mend it."""

    exit_code = ExitCode.DEFECT

    def __init__(self, what: str, *, expected: str = "", received: str = "", fix: str = "") -> None:
        self.what, self.expected, self.received, self.fix = what, expected, received, fix
        parts = {"expected": expected, "received": received, "fix": fix}
        super().__init__("\n  ".join([what, *(f"{name}: {text}" for name, text in parts.items() if text)]))


class UsageError(UserprofileError):
    """The command line, the configuration or a mapping file cannot be right; nothing has been done yet."""

    exit_code = ExitCode.USAGE


class DataGateError(UserprofileError):
    """The data did not pass a check; tables of earlier runs stand as they were."""

    exit_code = ExitCode.DATA_GATE


class EnvironmentMismatchError(UserprofileError):
    """A program or library this machine has, or lacks, cannot run the job."""

    exit_code = ExitCode.ENVIRONMENT


class ConflictError(UserprofileError):
    """Another writer was first; the same command may succeed when tried again."""

    exit_code = ExitCode.CONFLICT


class RankLostError(UserprofileError):
    """A rank of a training died or hung, again and again; the same command goes on from its last checkpoint."""

    exit_code = ExitCode.INTERRUPTED


class InterruptedRunError(UserprofileError):
    """The run was stopped from outside; the same command goes on where it stopped."""

    exit_code = ExitCode.INTERRUPTED


def told_of(error: BaseException) -> tuple[ExitCode, str]:
    """The exit code of an error that ends a run, and what tables may keep of it: a defect's words may hold rows."""
    if isinstance(error, UserprofileError):
        return error.exit_code, error.what
    code = ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.DEFECT
    return code, type(error).__name__
