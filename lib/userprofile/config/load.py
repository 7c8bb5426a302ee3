"""Overlays of configuration files and command-line settings, checked as a whole before any work."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from userprofile.config.leaderboard import BOARDS, Board
from userprofile.config.settings import Config
from userprofile.errors import UsageError

Tree = dict[str, Any]
_SECRET = r"(?i:password|secret|token|api_?key)"

# The repository's conf/, which a wheel brings along inside the package.
CONF = Path(__file__).resolve().parents[1] / "conf"


@dataclass(frozen=True)
class Layer:
    """One overlay and the name under which errors speak of it."""

    origin: str
    tree: Tree


def load_config(folder: Path, *, source: str, overlays: Iterable[Path] = (), settings: Iterable[str] = ()) -> Config:
    """base.yaml, then the source file's own `settings`, then `overlays`, then `key=value` settings; later wins.

    Raises UsageError naming file, key, what was expected and what was received.
    """
    mapping_file = find_source(folder, source)
    mapping = {"name": mapping_file.stem, **_read(mapping_file)}
    own_settings = mapping.pop("settings", None) or {}
    if not isinstance(own_settings, dict):
        raise UsageError(
            f"{mapping_file}: settings is not right",
            expected="keys of conf/base.yaml",
            received=repr(own_settings),
            fix=f"change settings in {mapping_file}",
        )
    layers = [
        Layer("base.yaml", _read(folder / "base.yaml")),
        Layer(str(mapping_file), {**own_settings, "source": mapping}),
        *(Layer(str(path), _read(path)) for path in overlays),
        *(Layer(f"--set {text}", _setting(text)) for text in settings),
    ]
    merged: Tree = {}
    for layer in layers:
        merged = _overlay(merged, layer.tree)
    language = _language(folder, merged)
    layers, merged = [*layers, language], _overlay(merged, language.tree)
    try:
        return Config.model_validate(merged, context={"folder": folder})
    except ValidationError as error:
        raise _usage_error(error, layers) from error


def config_version(config: Config, *sections: str) -> str:
    """A short fingerprint of the named sections, or of the whole configuration."""
    tree = config.model_dump(mode="json")
    chosen = {name: tree[name] for name in sections} if sections else tree
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:12]


def find_source(folder: Path, source: str) -> Path:
    """A mapping file by its path, or a known one by its name."""
    fix = "write a mapping file (README, 'Your own log') and give its path"
    return _find(folder / "sources", source, kind="source", of="mapping", fix=fix)


def load_board(folder: Path, data: str) -> Board:
    """A file of conf/leaderboard by its name, where `-` is as good as `_`, or by its path.

    Raises UsageError naming file, key, what was expected and what was received.
    """
    known = data if Path(data).is_file() else data.replace("-", "_")
    fix = "write one (docs/leaderboard.md) and give its path"
    path = _find(folder / "leaderboard", known, kind="data", of="leaderboard", fix=fix)
    layer = Layer(str(path), _read(path))
    protocol = layer.tree.get("protocol")
    if protocol not in BOARDS:
        raise UsageError(
            f"{layer.origin}: protocol is not right",
            expected=f"one of {', '.join(BOARDS)}",
            received=repr(protocol),
            fix=f"change protocol in {layer.origin}",
        )
    try:
        return BOARDS[protocol].model_validate(layer.tree)
    except ValidationError as error:
        raise _usage_error(error, [layer]) from error


def _language(folder: Path, merged: Tree) -> Layer:
    """The language file that infer_profiles.language names."""
    section = merged.get("infer_profiles")
    name = str(section.get("language", "")) if isinstance(section, dict) else ""
    option = "SET=infer_profiles.language"
    fix = f"write one as conf/languages/en.yaml and give its path: {option}=<path>"
    path = _find(folder / "languages", name, kind="language", of="language", fix=fix, option=option)
    return Layer(str(path), {"language": _read(path)})


def _find(folder: Path, name: str, *, kind: str, of: str, fix: str, option: str = "") -> Path:
    known = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if name in known:
        return known[name]
    if Path(name).is_file():
        return Path(name)
    close = difflib.get_close_matches(name, known, n=1)
    raise UsageError(
        f"no {kind} is called {name!r}",
        expected=f"one of {', '.join(known)}, or the path of a {of} file",
        received=name,
        fix=f"{option or kind.upper()}={close[0]}" if close else fix,
    )


def _read(path: Path) -> Tree:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"configuration file {path} cannot be read: {error.strerror}", fix="check the path") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError of a byte that is no UTF-8, or a date that is none
        raise UsageError(
            f"configuration file {path} is not YAML",
            expected="`key: value` lines in UTF-8",
            received=str(error),
            fix="mend that line",
        ) from error
    if not isinstance(tree, dict):
        raise UsageError(f"{path} holds no keys", expected="key: value lines", received=type(tree).__name__)
    return tree


def _setting(text: str) -> Tree:
    key, _, value = text.partition("=")
    if not key or not value:
        raise UsageError("a setting cannot be read", expected="key=value, as train_model.epochs=3", received=text)
    try:
        tree: Any = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):  # then it is text, and the model says what it should be
        tree = value
    for name in reversed(key.split(".")):
        tree = {name: tree}
    return tree


def _overlay(below: Tree, above: Mapping[str, Any]) -> Tree:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _usage_error(error: ValidationError, layers: list[Layer]) -> UsageError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    origin = _origin(layers, path)
    # In its own file the mapping does not stand below `source`.
    own = len(layers) > 1 and origin == layers[1].origin
    shown = path[1:] if path[:1] == ["source"] and own and path[1:] else path
    key = ".".join(shown) or "the whole"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return UsageError(
        f"{origin}: {key} is not right{more}",
        expected=_expected(first),
        received=_received(first),
        fix=f"change {key} in {origin}",
    )


def _received(error: ErrorDetails) -> str:
    """What stands there; a password that stands where it does not belong is not carried on by the message."""
    if error["type"] == "missing":
        return "nothing"
    if re.search(_SECRET, str(error["loc"][-1:])):
        return "***"
    shown = re.sub(rf"(({_SECRET})['\"]?\s*[:=]\s*)['\"]?[^&;'\",\s}}]*", r"\1***", repr(error["input"]))
    return re.sub(r"[^/:\s]*[:/][^/:@\s]*@", "***@", shown)[:200]


def _expected(error: ErrorDetails) -> str:
    named = {
        "extra_forbidden": "a key of conf/base.yaml or, in a mapping file or leaderboard, of its documentation's table",
        "missing": "a value",
        "model_type": "keys with values",
    }
    return named.get(error["type"], error["msg"].removeprefix("Value error, ").removeprefix("Input should be "))


def _origin(layers: list[Layer], path: list[str]) -> str:
    """The layer that set the key; of a key that none has set, the one that began its section."""
    setters = [layer.origin for layer in reversed(layers) if _holds(layer.tree, path)]
    beginners = [layer.origin for layer in layers if path[:-1] and _holds(layer.tree, path[:-1])]
    return [*setters, *beginners, layers[0].origin][0]


def _holds(tree: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(tree, dict):
            return True  # a part of a value that the layer sets as a whole
        if name not in tree:
            return False
        tree = tree[name]
    return True
