from __future__ import annotations

import pytest

from userprofile import errors


def test_an_error_says_what_expected_received_and_fix_and_leaves_out_what_it_does_not_know():
    whole = errors.UsageError("no such key", expected="epochs", received="epoch", fix="write epochs")
    assert str(whole) == "no such key\n  expected: epochs\n  received: epoch\n  fix: write epochs"
    assert str(errors.DataGateError("nothing left", fix="look")) == "nothing left\n  fix: look"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.UserprofileError, 1),
        (errors.UsageError, 2),
        (errors.DataGateError, 3),
        (errors.EnvironmentMismatchError, 4),
        (errors.ConflictError, 5),
        (errors.InterruptedRunError, 6),
    ],
)
def test_exit_codes_are_as_documented(kind, code):
    assert kind("it").exit_code == code
    assert issubclass(kind, errors.UserprofileError)
    assert errors.ExitCode.DONE == 0
