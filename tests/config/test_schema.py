"""Allowed values, alone and together; the JSON Schema and the help say the same."""

import json
import math
import re

import numpy as np
import pytest
from config_helpers import LIMITS, refusal, set_refusal
from pydantic import ValidationError

from bnstudy.cli.main import make_parser
from bnstudy.config.load import load_config, parse_set
from bnstudy.config.registry import OPTIMIZERS
from bnstudy.config.schema import GROUPS, KEYS, Config, config_schema, descriptions
from bnstudy.config.yaml_reader import configs_dir, read_yaml

SHIPPED = sorted(configs_dir().rglob("*.yaml"))


def test_limits_cover_every_key():
    assert list(LIMITS) == [key for key in KEYS if key != "case"]


@pytest.mark.parametrize("key", LIMITS)
def test_values(key):
    good, bad = LIMITS[key]
    for value in good:
        assert load_config(overrides={key: value}).flat()[key] == value
    if isinstance(load_config().flat()[key], float):
        bad = [*bad, math.nan, math.inf, -math.inf]
    for value in bad:
        message = refusal(overrides={key: value})
        assert message.startswith(f"{key}: must be "), (value, message)
        assert "--set" in message


def test_width_keeps_a_channel_in_every_layer():
    for width in np.linspace(0.005, 0.0054, 9).tolist():
        if round(96 * width) >= 1:
            load_config(overrides={"model.width": width})
        else:
            refusal(overrides={"model.width": width})


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_variants_belong_to_their_optimizer(name):
    for variant in OPTIMIZERS["amsgrad"].variants:
        overrides = {"optimizer.name": name, "optimizer.variant": variant}
        if variant in OPTIMIZERS[name].variants:
            assert load_config(overrides=overrides).optimizer.variant == variant
        else:
            message = refusal(overrides=overrides)
            assert f"for {name}, got '{variant}' (from --set)" in message


def test_odd_batches_need_augmentation_off():
    assert "must be even when data.augment is true" in set_refusal("training.batch_size=51")
    overrides = {"training.batch_size": 51, "data.augment": False}
    assert load_config(overrides=overrides).training.batch_size == 51


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("augment", [True, False])
@pytest.mark.parametrize("standardize", ["train_channels", "batch_pixels"])
@pytest.mark.parametrize("axes", ["channel", "activation"])
@pytest.mark.parametrize("batch_norm", ["none", "keras", "custom"])
def test_a_batch_of_one_is_refused_where_it_has_no_variance(
    batch_norm, axes, standardize, augment, size
):
    overrides = {
        "model.batch_norm": batch_norm,
        "bn.axes": axes,
        "data.standardize": standardize,
        "data.augment": augment,
        "training.batch_size": size,
    }
    needs = []
    if batch_norm != "none" and axes == "activation":
        needs.append("at least 2 when bn.axes is activation")
    if standardize == "batch_pixels":
        needs.append("at least 2 when data.standardize is batch_pixels")
    if size == 2 or not (augment or needs):
        assert load_config(overrides=overrides).training.batch_size == size
    else:  # one image and its copy are a batch of two, so the first problem is the odd number
        right = "must be even when data.augment is true" if augment else needs[0]
        assert right in refusal(overrides=overrides)


def test_bias_correction_is_refused_for_the_frameworks_layer():
    message = refusal("b", overrides={"bn.debias": True})
    assert message == (
        "bn.debias: must be false when model.batch_norm is keras, got true "
        "(bn.debias from --set, model.batch_norm from configs/cases/b.yaml)"
    )
    for case in ("a", "c"):
        assert load_config(case, overrides={"bn.debias": True}).bn.debias


RELATIVES = {
    "virtual_batch_size": (25, "null"),
    "renorm": (True, "false"),
    "noise": (True, "false"),
}


@pytest.mark.parametrize("name", RELATIVES)
def test_the_relatives_of_batch_norm_are_refused_for_the_frameworks_layer(name):
    value, off = RELATIVES[name]
    message = refusal("b", overrides={f"bn.{name}": value})
    assert message.startswith(f"bn.{name}: must be {off} when model.batch_norm is keras, got ")
    for case in ("a", "c"):
        assert getattr(load_config(case, overrides={f"bn.{name}": value}).bn, name) == value


def test_ghost_batches_divide_a_batch_and_are_not_renormalized():
    ghosts = "bn.virtual_batch_size"
    message = refusal("c", overrides={ghosts: 20})
    assert "training.batch_size: must be a multiple of bn.virtual_batch_size, 20, got 50" in message
    message = refusal("c", overrides={ghosts: 25, "bn.renorm": True})
    assert f"{ghosts}: must be null when bn.renorm is true, got 25 (from --set)" in message
    message = refusal("c", overrides={ghosts: 1, "bn.axes": "activation"})
    assert f"{ghosts}: must be at least 2 when bn.axes is activation, got 1" in message
    assert load_config("c", overrides={ghosts: 1}).ghost_batches() == 1
    assert load_config("a", overrides={ghosts: 20}).ghost_batches() is None  # nothing to divide


@pytest.mark.parametrize(
    "value", [{"rmax": 0.5, "dmax": 5}, {"rmax": 3}, {"rmax": 3, "dmax": 5, "rmin": 0}, 3]
)
def test_the_limits_of_renormalization_are_named_in_a_refusal(value):
    message = refusal(overrides={"bn.renorm_clipping": value})
    right = "must be {rmax: a number >= 1 and <= 1e+30, dmax: a number >= 0 and <= 1e+30}"
    assert message.startswith(f"bn.renorm_clipping: {right}, got ")


def test_every_value_can_be_grouped_by():
    flats = [load_config(overrides={"bn.noise": noise}).flat() for noise in (True, True, False)]
    assert len({tuple(flat.items()) for flat in flats}) == 2
    assert load_config(overrides=flats[0]).flat() == flats[0]


def test_the_limits_of_renormalization_are_shown_as_they_are_given():
    key = "bn.renorm_clipping"
    shown = str(load_config(overrides={key: {"rmax": 2, "dmax": 1}}).flat()[key])
    assert shown == "{rmax: 2.0, dmax: 1.0}"
    assert str(load_config(overrides=dict([parse_set(f"{key}={shown}")])).flat()[key]) == shown


@pytest.mark.parametrize("batch_norm", ["keras", "custom"])
def test_either_batch_norm_takes_statistics_per_activation(batch_norm):
    overrides = {"model.batch_norm": batch_norm, "bn.axes": "activation"}
    assert load_config(overrides=overrides).bn.axes == "activation"


def test_config_is_frozen_and_closed():
    config = load_config()
    with pytest.raises(ValidationError):
        config.seed = 1
    with pytest.raises(ValidationError):
        config.bn.momentum = 0.5
    with pytest.raises(ValidationError):
        Config.model_validate({**config.model_dump(), "extra": 1})


# ------------------------------------------------------------------------ the schema


def test_schema_file_is_current():
    text = (configs_dir() / "schema.json").read_text(encoding="utf-8")
    again = "run: python -m bnstudy.config.schema"
    assert text == json.dumps(config_schema(), indent=2) + "\n", again


def valid(value, schema, root):
    """The few rules of JSON Schema that ours uses."""
    if "$ref" in schema:
        return valid(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return any(valid(value, part, root) for part in schema["anyOf"])
    if "const" in schema:
        return value == schema["const"]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    kinds = {
        "object": isinstance(value, dict),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": number and value == int(value),
        "number": number,
        "null": value is None,
    }
    if not kinds[schema["type"]]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, dict):
        assert schema["additionalProperties"] is False
        known = schema["properties"]
        assert "required" not in schema
        return all(name in known and valid(x, known[name], root) for name, x in value.items())
    if number:
        return (
            schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
            and schema.get("exclusiveMinimum", -math.inf) < value
            and value < schema.get("exclusiveMaximum", math.inf)
        )
    return not isinstance(value, str) or len(value) >= schema.get("minLength", 0)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_schema_accepts_the_shipped_files(path):
    schema = config_schema()
    assert valid(read_yaml(path), schema, schema)
    first = path.read_text().splitlines()[0]
    target = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / target).resolve() == (configs_dir() / "schema.json").resolve()


@pytest.mark.parametrize("key", LIMITS)
def test_schema_agrees_with_the_loader(key):
    schema = config_schema()
    group, _, name = key.rpartition(".")

    def accepts(value):
        return valid({group: {name: value}} if group else {name: value}, schema, schema)

    good, bad = LIMITS[key]
    assert all(map(accepts, good))
    beyond = {  # depends on two keys, or cannot be written in JSON
        "training.batch_size": [1, 51, 2.0],
        "training.epochs": [2.0],
        "training.devices": [2.0],
        "checkpoint.every_steps": [2.0],
        "optimizer.double_every": [2.0],
        "bn.virtual_batch_size": [5.0],
        "bn.renorm_clipping": [{}, {"rmax": 3}],
        "optimizer.variant": ["optax", "as_posted"],
        "data.dir": ["\udcff"],
        "data.train_limit": [10.0],
        "seed": [1.0],
    }
    for value in bad:
        assert accepts(value) == (value in beyond.get(key, []) and value is not True), value


def test_schema_refuses_unknown_keys():
    schema = config_schema()
    assert not valid({"optimizer": {"learning_rat": 1}}, schema, schema)
    assert not valid({"foo": 1}, schema, schema)
    assert not valid({"cases": {"d": {}}}, schema, schema)
    assert not valid({"cases": {"c": {"case": "c"}}}, schema, schema)
    assert valid({"extends": "cases/c", "cases": {"c": {"seed": 1}}}, schema, schema)


def test_schema_describes_every_key_with_its_default():
    schema = config_schema()
    for key, default in load_config().flat().items():
        group, _, name = key.rpartition(".")
        where = schema["$defs"][Config.model_fields[group].annotation.__name__] if group else schema
        assert where["properties"][name]["description"] == descriptions()[key]
        assert where["properties"][name]["default"] == default


# ------------------------------------------------------------------------ the same words


def test_base_explains_every_key_and_every_group():
    assert set(descriptions()) == {*KEYS, *GROUPS}
    assert all(descriptions().values())


def test_a_comment_of_several_lines_is_read_to_its_end():
    text = (configs_dir() / "base.yaml").read_text()
    after_head = text[text.index("\ncase:") :]
    words = [word for line in after_head.splitlines() for word in line.partition("# ")[2].split()]
    assert " ".join(descriptions().values()).split() == words


@pytest.mark.parametrize(
    ("command", "option", "key"),
    [
        ("run", "--case CASE", "case"),
        ("run", "--data PATH", "data.dir"),
        ("bench", "--data PATH", "data.dir"),
        ("data", "--data PATH", "data.dir"),
    ],
)
def test_help_says_of_a_key_what_base_says(command, option, key, capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args([command, "--help"])
    options = " ".join(capsys.readouterr().out.split())
    assert f"{option} {descriptions()[key].splitlines()[0]}" in options


def test_help_names_every_preset(capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["run", "--help"])
    names = {path.stem for path in (configs_dir() / "presets").glob("*.yaml")}
    assert names <= set(re.findall(r"\w+", capsys.readouterr().out))
