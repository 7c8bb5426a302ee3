"""What comes from outside is data: nothing in the package or its jobs runs it, but for what is allowed here by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
ALLOWED = {
    # A file of features of one's own is code, by design (README, Features of your own).
    "lib/userprofile/features/own.py": {"compile", "exec"},
    # Read by an unpickler that knows tensors and nothing else.
    "lib/userprofile/content/torch_file.py": {"import pickle"},
}
RUNS_CODE = {"eval", "exec", "compile", "__import__"}
PICKLES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "torch"}
OF_YAML = {"safe_load", "safe_load_all", "safe_dump", "YAMLError"}
# An argument, and the values that it may be given.
GUARDS = {"allow_pickle": {False}, "shell": {False}, "safe_mode": {True}}


def risks(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name) if name in RUNS_CODE:
                yield name
            case ast.Import(names=names):
                yield from (f"import {one.name}" for one in names if one.name.split(".")[0] in PICKLES)
            case ast.ImportFrom(module=str(module), names=names):
                if module.split(".")[0] in PICKLES:
                    yield f"import {module}"
                if module.split(".")[0] == "yaml":
                    yield from (f"yaml.{one.name}" for one in names if one.name not in OF_YAML)
            case ast.Attribute(value=ast.Name(id="yaml"), attr=name) if name not in OF_YAML:
                yield f"yaml.{name}"
            case ast.Attribute(attr="enable_unsafe_deserialization" | "read_pickle" | "system" | "popen" as name):
                yield name
            case ast.keyword(arg=str(name), value=value) if name in GUARDS:
                if not isinstance(value, ast.Constant) or value.value not in GUARDS[name]:
                    yield name


def test_nothing_from_outside_is_run() -> None:
    paths = [path for root in ("lib", "jobs") for path in (CHECKOUT / root).rglob("*.py")]
    assert len(paths) > 100
    found = {str(path.relative_to(CHECKOUT)): set(risks(path.read_text())) for path in paths}
    assert {path: of_path for path, of_path in found.items() if of_path} == ALLOWED


@pytest.mark.parametrize(
    ("text", "risk"),
    [
        ("value = eval(text)", "eval"),
        ("list(map(exec, texts))", "exec"),
        ("import pickle", "import pickle"),
        ("from joblib import load", "import joblib"),
        ("yaml.load(text, Loader=yaml.Loader)", "yaml.load"),
        ("from yaml import unsafe_load", "yaml.unsafe_load"),
        ("np.load(path, allow_pickle=True)", "allow_pickle"),
        ("keras.saving.load_model(path, safe_mode=safe)", "safe_mode"),
        ("keras.config.enable_unsafe_deserialization()", "enable_unsafe_deserialization"),
        ("subprocess.run(command, shell=True)", "shell"),
        ("os.system(command)", "system"),
    ],
)
def test_what_would_run_it_is_found(text: str, risk: str) -> None:
    assert risk in set(risks(text))
