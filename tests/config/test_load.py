from __future__ import annotations

from datetime import date, timedelta

import pytest
import yaml
from pydantic import BaseModel

from userprofile.config.load import config_version, find_source, load_config
from userprofile.config.settings import Config


def leaves(tree, above=""):
    """Dotted keys; what the model calls a dict or a list is one leaf."""
    for name, value in tree.items():
        key = f"{above}{name}"
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{key}.")
        else:
            yield key


def model_leaves(model, above=""):
    for name, field in model.model_fields.items():
        key = f"{above}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from model_leaves(field.annotation, f"{key}.")
        else:
            yield key


def test_base_yaml_and_the_model_hold_the_same_keys(checkout):
    tree = yaml.safe_load((checkout / "conf/base.yaml").read_text())
    tree["check_tables"]["tables"] = None  # by names of tables
    base = set(leaves(tree))
    model = {key for key in model_leaves(Config) if not key.startswith(("source.", "language."))}
    assert base == model


def test_every_key_of_base_yaml_stands_there_once(checkout):
    text = (checkout / "conf/base.yaml").read_text()
    keys = [line.split(":")[0] for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    sections, seen = "", []
    for key in keys:
        depth = len(key) - len(key.lstrip())
        sections = key if not depth else sections
        seen.append((sections, depth, key.strip()))
    assert len(seen) == len(set(seen))


def test_every_known_source_loads_alone_and_with_each_overlay(checkout):
    folder = checkout / "conf"
    sources = sorted(path.stem for path in (folder / "sources").glob("*.yaml"))
    assert {"cdnow", "complete_journey", "demo_shop", "online_retail", "rees46", "taobao_user_behavior"} <= set(sources)
    for source in sources:
        for overlays in ([], [folder / "local.yaml"], [folder / "cluster.yaml"]):
            assert load_config(folder, source=source, overlays=overlays).source.name == source


def test_a_mapping_file_anywhere_sets_what_its_log_wants(conf, write, mapping):
    path = write(mapping | {"as_of": "2024-01-31", "settings": {"refine_events": {"earliest_date": "2017-11-25"}}})
    config = load_config(conf, source=str(path))
    assert (config.source.name, config.source.as_of) == ("own", date(2024, 1, 31))
    assert config.source.horizon == timedelta(days=28)
    assert config.refine_events.earliest_date == date(2017, 11, 25)
    assert config.source.events.columns["action"].sql == "'purchase'"
    assert config.source.events.columns["action"].required is False


def test_later_overlays_win_and_leave_the_rest(conf, write):
    overlays = [
        write({"train_model": {"epochs": 3, "seed": 1}}, "a.yaml"),
        write({"train_model": {"seed": 2}}, "b.yaml"),
    ]
    settings = [
        "train_model.seed=3",
        "warehouse=/some/place",
        "build_features.windows_days=[7, 14]",
        "spark.settings.x=y",
    ]
    config = load_config(conf, source="cdnow", overlays=overlays, settings=settings)
    assert (config.train_model.epochs, config.train_model.seed, config.train_model.patience) == (3, 3, 2)
    assert (config.warehouse, config.build_features.windows_days) == ("/some/place", [7, 14])
    assert config.spark.settings == {"x": "y"}
    assert load_config(conf, source="cdnow", overlays=overlays).train_model.seed == 2
    assert load_config(conf, source="cdnow", settings=["source.horizon=7d"]).source.horizon == timedelta(days=7)


def test_the_version_of_a_configuration_is_that_of_its_values(conf):
    one = load_config(conf, source="cdnow")
    same = load_config(conf, source="cdnow", settings=["train_model.seed=7"])
    other = load_config(conf, source="cdnow", settings=["train_model.seed=8"])
    assert config_version(one) == config_version(same) != config_version(other)
    assert config_version(one, "source", "refine_events") == config_version(other, "source", "refine_events")
    assert config_version(one, "train_model") != config_version(other, "train_model")


def test_an_unknown_source_gets_the_nearest_known_one(refused, conf, write):
    error = refused("complete_journy")
    assert error.what == "no source is called 'complete_journy'"
    assert "complete_journey" in error.expected
    assert error.fix == "SOURCE=complete_journey"
    assert "mapping file" in refused("zzz").fix
    assert refused("conf/sources/gone.yaml").received == "conf/sources/gone.yaml"
    assert find_source(conf, "cdnow") == conf / "sources/cdnow.yaml"


BASE, SET = "base.yaml", "--set "
WRONG = [
    ("train_model.epoch=3", "train_model.epoch", "a key of conf/base.yaml", "3"),
    ("trane_model.epochs=3", "trane_model", "a key of conf/base.yaml", "{'epochs': 3}"),
    ("train_model.epochs=many", "train_model.epochs", "a valid integer", "'many'"),
    ("train_model.epochs=0", "train_model.epochs", "greater than or equal to 1", "0"),
    ("train_model.shards=3", "train_model.shards", "a multiple of train_model.processes, which is 2", "3"),
    ("train_model.network=3", "train_model.network", "keys with values", "3"),
    ("train_model.network.dropout=1", "train_model.network.dropout", "less than 1", "1"),
    ("next_items.network.width=63", "next_items.network.width", "a multiple of heads, which is 2", "63"),
    (
        "next_items.sampled_loss=gbce",
        "next_items.sampled_loss",
        "softmax where next_items.sampled_items is 0",
        "'gbce'",
    ),
    ("next_items.gbce_t=1.5", "next_items.gbce_t", "less than or equal to 1", "1.5"),
    (
        "refine_events.max_quarantined_share=1.5",
        "refine_events.max_quarantined_share",
        "less than or equal to 1",
        "1.5",
    ),
    ("refine_events.future_tolerance=soon", "refine_events.future_tolerance", "a duration such as 28d", "'soon'"),
    ("refine_events.earliest_date=1990-13-01", "refine_events.earliest_date", "a valid date", "'1990-13-01'"),
    ("build_features.windows_days=[7, 0]", "build_features.windows_days.1", "greater than or equal to 1", "0"),
    ("build_features.windows_days=[]", "build_features.windows_days", "at least 1 item", "[]"),
    ("build_training_set.category_level=4", "build_training_set.category_level", "less than or equal to 3", "4"),
    ("spark.driver_memory=lots", "spark.driver_memory", "pattern", "'lots'"),
    ("train_model.epochs=[3", "train_model.epochs", "a valid integer", "'[3'"),
    ("spark.settings.x=3", "spark.settings.x", "a valid string", "3"),
    ("source.timezone=London", "source.timezone", "an IANA time zone", "'London'"),
]


@pytest.mark.parametrize(("setting", "key", "expected", "received"), WRONG)
def test_a_wrong_value_is_told_with_its_origin(refused, write, setting, key, expected, received):
    error = refused(settings=["train_model.seed=1", setting, "train_model.patience=3"])
    assert error.what == f"--set {setting}: {key} is not right"
    assert expected in error.expected
    assert error.received == received
    assert error.fix == f"change {key} in --set {setting}"


def test_the_same_in_an_overlay_names_its_file(refused, write):
    path = write({"train_model": {"epochs": "many", "epoch": 3}})
    error = refused(overlays=[path])
    assert error.what == f"{path}: train_model.epochs is not right (and 1 more)"
    assert error.fix.endswith(str(path))


def test_a_missing_key_of_base_yaml_is_named(refused, conf):
    text = (conf / "base.yaml").read_text()
    (conf / "base.yaml").write_text("\n".join(line for line in text.splitlines() if "skipped_steps:" not in line))
    error = refused()
    assert error.what == "base.yaml: train_model.skipped_steps is not right"
    assert (error.expected, error.received) == ("a value", "nothing")


@pytest.mark.parametrize("text", ["train_model.epochs", "=3", "", "train_model.epochs="])
def test_a_setting_that_is_none(refused, text):
    error = refused(settings=[text])
    assert error.what == "a setting cannot be read"
    assert (error.expected, error.received) == ("key=value, as train_model.epochs=3", text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"train_model:\n  epochs: [3\n", "is not YAML"),
        (b"train_model: {\xe9: 3}\n", "is not YAML"),
        (b"refine_events: {earliest_date: 1990-13-01}", "is not YAML"),
        (b"- 3\n", "holds no keys"),
        (b"", "holds no keys"),
    ],
)
def test_a_file_that_is_no_configuration(refused, tmp_path, content, said):
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    for error in (refused(overlays=[path]), refused(path)):
        assert said in error.what
        assert str(path) in error.what


def test_a_missing_file_is_named(refused, tmp_path, conf):
    assert str(tmp_path / "gone.yaml") in refused(overlays=[tmp_path / "gone.yaml"]).what
    (conf / "base.yaml").unlink()
    assert str(conf / "base.yaml") in refused().what
