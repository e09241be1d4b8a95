"""The configuration: what it resolves to, what it refuses, and how it says so."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bnstudy import config as c
from bnstudy.config import Config, config_schema, configs_dir, differences, load_config, parse_set
from bnstudy.errors import UserError

BASE = configs_dir() / "base.yaml"
SHIPPED = sorted(configs_dir().rglob("*.yaml"))


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into an empty working folder; its name alone then leads to it."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="my.yaml"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusal(*args, **kwargs):
    """The message of a refused configuration, which is one line."""
    with pytest.raises(UserError) as caught:
        load_config(*args, **kwargs)
    return one_line(caught)


def one_line(caught):
    message = str(caught.value)
    assert message
    assert message.splitlines() == [message]
    return message


def set_refusal(*texts):
    return refusal(overrides=dict(map(parse_set, texts)))


# ------------------------------------------------------------------------ the shipped files


def test_base_names_every_key_and_holds_every_default():
    base = yaml.safe_load(BASE.read_text())  # PyYAML itself agrees on every value
    flat = dict(c._leaves(base))
    assert list(flat) == c.KEYS == list(load_config().flat())
    assert flat == load_config().flat()


def test_base_explains_every_key():
    for line in BASE.read_text().splitlines():
        if re.match(r" *[a-z_0-9]+: +\S", line) or re.match(r"(bn):", line):
            assert " # " in line, line


def test_every_default_is_written_down_once():
    for model in [Config, *(Config.model_fields[group].annotation for group in c.GROUPS)]:
        for name, field in model.model_fields.items():
            assert field.is_required(), f"{name} has a second default"
            assert field.description or name in c.GROUPS


@pytest.mark.parametrize(
    ("case", "batch_norm", "gradients", "optimizer"),
    [
        ("a", "none", "autodiff", "adam"),
        ("b", "keras", "autodiff", "adam"),
        ("c", "custom", "manual", "amsgrad"),
    ],
)
def test_cases(case, batch_norm, gradients, optimizer):
    config = load_config(case=case)
    assert config.case == case
    assert config.model.batch_norm == batch_norm
    assert config.training.gradients == gradients
    assert config.optimizer.name == optimizer
    changed = {line.split(":")[0] for line in differences(load_config(), config)}
    assert changed <= {"case", "model.batch_norm", "training.gradients", "optimizer.name"}


def test_presets():
    quick = load_config(presets=["quick"])
    assert (quick.data.name, quick.model.width, quick.bn.momentum) == ("digits", 0.25, 0.9)
    lite = load_config(case="a", presets=["lite"])
    assert differences(load_config(case="a"), lite) == ["model.width: 1.0 here, 0.25 there"]
    assert load_config(presets="lite") == load_config(presets=["lite"])
    assert load_config(presets=None) == load_config()


@pytest.mark.parametrize("case", ["a", "b", None])
def test_as_posted_changes_only_the_standardization_of_the_other_cases(case):
    assert differences(load_config(case), load_config(case, ["as_posted"])) == [
        "data.standardize: train_channels here, batch_pixels there"
    ]


def test_as_posted_makes_case_c_the_authors():
    assert differences(load_config("c"), load_config("c", ["as_posted"])) == [
        "data.standardize: train_channels here, batch_pixels there",
        "bn.axes: channel here, activation there",
        "bn.momentum: 0.99 here, 0.9 there",
        "bn.epsilon: 0.001 here, 1e-08 there",
        "bn.center: true here, false there",
        "bn.moving_variance_init: 1.0 here, 0.0 there",
        "optimizer.variant: paper here, as_posted there",
        "optimizer.beta_2: 0.999 here, 0.9 there",
    ]


def test_as_posted_with_another_optimizer_says_who_asked_for_what():
    message = refusal("c", ["as_posted"], overrides={"optimizer.name": "adam"})
    assert message == (
        "optimizer.variant: must be one of paper, keras for adam, got 'as_posted' (optimizer."
        "variant from configs/presets/as_posted.yaml, optimizer.name from --set)"
    )


# ------------------------------------------------------------------------ layers


def test_precedence(write):
    file = write("bn: {momentum: 0.5}\ntraining: {epochs: 7}\n")
    config = load_config("c", ["quick"], file, {"training.epochs": 8})
    assert config.model.batch_norm == "custom"  # the case
    assert config.data.name == "digits"  # the preset
    assert config.bn.momentum == 0.5  # the file over the preset
    assert config.training.epochs == 8  # the override over the file


def test_later_presets_win():
    assert load_config("c", ["quick", "lite"]).model.width == 0.25
    assert load_config(presets=["as_posted", "quick"], case="c").bn.momentum == 0.9


def test_file_that_extends_a_case_makes_it_known(write):
    config = load_config(file=write("extends: cases/c\nseed: 3\n"))
    assert differences(load_config("c"), config) == ["seed: 0 here, 3 there"]


def test_file_that_states_a_case_stands_on_it(write):
    assert load_config(file=write("case: c\n")) == load_config("c")


@pytest.mark.parametrize("extends", ["cases/c", "cases/c.yaml", "own", "./own.yaml"])
def test_extended_case_does_not_undo_the_presets(write, extends):
    write("extends: cases/c\n", "own.yaml")
    file = write(f"extends: {extends}\n")
    expected = load_config("c", ["quick", "as_posted"])
    assert load_config(presets=["quick", "as_posted"], file=file) == expected
    assert load_config("c", ["quick", "as_posted"], file) == expected


def test_extends_is_relative_to_its_own_file(write):
    write("extends: ../common\nseed: 2\n", "a/b/middle.yaml")
    write("training: {epochs: 4}\nseed: 1\n", "a/common.yaml")
    write("seed: 9\n", "common.yaml")
    config = load_config(file=write("extends: a/b/middle.yaml\nmodel: {width: 0.5}\n"))
    assert (config.training.epochs, config.seed, config.model.width) == (4, 2, 0.5)


def test_files_nearby_come_before_shipped_ones(write):
    write("seed: 5\n", "presets/quick.yaml")
    config = load_config(file=write("extends: presets/quick\n"))
    assert (config.seed, config.data.name) == (5, "cifar10")


def test_extended_preset_applies_its_section_for_the_case(write):
    file = write("extends: presets/as_posted\n")
    assert load_config("c", file=file) == load_config("c", ["as_posted"])
    assert load_config("b", file=file) == load_config("b", ["as_posted"])


def test_circle_is_refused_with_its_chain(write):
    write("extends: b.yaml\n", "a.yaml")
    write("extends: ./a.yaml\n", "b.yaml")
    expected = "extends goes in a circle: a.yaml -> b.yaml -> a.yaml"
    assert refusal(file="a.yaml") == expected
    assert "my.yaml -> my.yaml" in refusal(file=write("extends: my\n"))


@pytest.mark.parametrize("cases", [("a", "extends: cases/c\n"), ("a", "case: null\n")])
def test_two_cases_are_refused(write, cases):
    message = refusal(cases[0], file=write(cases[1]))
    assert message.startswith("--case says case 'a', but ")
    assert message.endswith("; drop one of them")


def test_two_cases_in_files_are_refused(write):
    message = refusal(file=write("extends: cases/c\ncase: a\n"))
    assert "configs/cases/c.yaml says case 'c', but my.yaml says case 'a'" in message


def test_overrides_take_groups_dotted_keys_and_foreign_types():
    config = load_config(
        overrides={
            "bn": {"momentum": 0.5, "center": False},
            "bn.scale": False,
            "case": "c",
            "seed": np.int64(3),
            "model.width": np.float32(0.5),
            "data.dir": Path("x"),
            "data.name": np.str_("digits"),
        }
    )
    assert (config.bn.momentum, config.bn.center, config.bn.scale) == (0.5, False, False)
    assert (config.case, config.model.batch_norm) == ("c", "custom")
    assert [type(v) for v in (config.seed, config.model.width)] == [int, float]
    assert [type(v) for v in (config.data.dir, config.data.name)] == [str, str]
    assert load_config(overrides={"bn": {"scale": False}}).bn.momentum == 0.99


# ------------------------------------------------------------------------ values

LIMITS = {  # key -> (good values, bad values)
    "seed": ([0, 2**31 - 1], [-1, 2**31, 1.0, True, None, 10**5000]),
    "data.name": (["digits"], ["cifar", None, 1]),
    "data.dir": ([None, "x", "~/cifar"], ["", 1, True, "\udcff"]),
    "data.train_limit": ([None, 10], [9, 0, -1, 10.0, True, "all"]),
    "data.test_limit": ([None, 10], [9, 10.5, False]),
    "data.standardize": (["batch_pixels"], ["none", None]),
    "data.augment": ([True, False], [0, 1, "yes", None]),
    "model.width": ([1, 2, 0.25, 0.0053], [0, -1, 0.0052, 1 / 192, "1", True, 10**400]),
    "model.batch_norm": (["none", "keras", "custom"], [None, "Keras", True]),
    "model.weight_stddev": ([0.1, 1], [0, -0.1, None]),
    "bn.placement": (["after_conv"], ["before"]),
    "bn.axes": (["activation"], [(0, 1, 2), [0]]),
    "bn.momentum": ([0, 0.5, 0.999], [1, 1.0, -0.1, "0.9"]),
    "bn.epsilon": ([1e-9, 1], [0, -1e-3]),
    "bn.scale": ([False], ["false", 0]),
    "bn.center": ([False], ["false", 0]),
    "bn.moving_variance_init": ([0, 0.0, 2], [-0.1, None]),
    "bn.debias": ([True], [1]),
    "training.epochs": ([1, 10**6], [0, -1, 2.5, 2.0, True, "3", None, [3], {"a": 3}]),
    "training.batch_size": ([2, 50], [0, 1, 51, -2, 2.0]),
    "training.gradients": (["manual"], ["auto"]),
    "training.precision": (["bfloat16"], ["float16", 32]),
    "optimizer.name": (["sgd", "momentum", "adam", "amsgrad"], ["Adam", None]),
    "optimizer.variant": (["paper", "keras"], ["optax", "as_posted", "pytorch"]),
    "optimizer.learning_rate": ([1e-3, 1], [0, -1, "1e-3", None]),
    "optimizer.decay": ([0, 0.5], [-1e-9]),
    "optimizer.beta_1": ([0, 0.5], [1, -0.1]),
    "optimizer.beta_2": ([0, 0.5], [1, 2, -0.1]),
    "optimizer.epsilon": ([1e-12], [0, -1e-8]),
}


def test_limits_cover_every_key():
    assert list(LIMITS) == [key for key in c.KEYS if key != "case"]


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


@pytest.mark.parametrize("name", c.VARIANTS)
def test_variants_belong_to_their_optimizer(name):
    for variant in c.VARIANTS["amsgrad"]:
        overrides = {"optimizer.name": name, "optimizer.variant": variant}
        if variant in c.VARIANTS[name]:
            assert load_config(overrides=overrides).optimizer.variant == variant
        else:
            message = refusal(overrides=overrides)
            assert f"for {name}, got '{variant}' (from --set)" in message


def test_odd_batches_need_augmentation_off():
    assert "must be even when data.augment is true" in set_refusal("training.batch_size=51")
    for size in (1, 51):
        overrides = {"training.batch_size": size, "data.augment": False}
        assert load_config(overrides=overrides).training.batch_size == size


def test_config_is_frozen_and_closed():
    config = load_config()
    with pytest.raises(ValidationError):
        config.seed = 1
    with pytest.raises(ValidationError):
        config.bn.momentum = 0.5
    with pytest.raises(ValidationError):
        Config.model_validate({**config.model_dump(), "extra": 1})


# ------------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "training.epochs=many",
            "training.epochs: must be an integer >= 1, got 'many' (from --set)",
        ),
        ("training.epochs=true", "training.epochs: must be an integer >= 1, got true (from --set)"),
        (
            "seed=-1",
            "seed: must be an integer >= 0 and <= 2147483647, got -1 (from --set)",
        ),
        (
            "data.train_limit=9",
            "data.train_limit: must be an integer >= 10 or null, got 9 (from --set)",
        ),
        (
            "bn.axes=1",
            "bn.axes: must be one of channel, activation, got 1 (from --set)",
        ),
        (
            "bn.momentum=.nan",
            "bn.momentum: must be a finite number >= 0 and < 1, got nan (from --set)",
        ),
        (
            "optimizer.learning_rat=1",
            "--set: unknown key 'optimizer.learning_rat'; did you mean 'optimizer.learning_rate'?",
        ),
        (
            "optimiser.name=sgd",
            "--set: unknown key 'optimiser.name'; did you mean 'optimizer.name'?",
        ),
        ("epochs=3", "--set: unknown key 'epochs'; did you mean 'training.epochs'?"),
        ("epoch=3", "--set: unknown key 'epoch'; did you mean 'training.epochs'?"),
        (
            "epsilon=1",
            "--set: unknown key 'epsilon'; did you mean 'bn.epsilon' or 'optimizer.epsilon'?",
        ),
        (
            "modle.width=1",
            "--set: unknown key 'modle.width'; did you mean 'model.width'?",
        ),
        ("trainin=1", "--set: unknown key 'trainin'; did you mean 'training'?"),
        (
            "model.q=1",
            "--set: unknown key 'model.q'; the keys of model are width, batch_norm, weight_stddev",
        ),
        (
            "qqq=1",
            "--set: unknown key 'qqq'; the keys and groups are case, seed, data, model, bn, "
            "training, optimizer",
        ),
        (
            "data=",
            "data: must be a group of keys (name, dir, train_limit, test_limit, standardize, "
            "augment), got null (from --set)",
        ),
        ("case=d", "--set: unknown case 'd'; the cases are a, b, c"),
    ],
)
def test_messages(text, message):
    assert set_refusal(text) == message


def test_the_layer_that_said_it_is_blamed(write):
    write("training: {epochs: many}\n", "deep/bad.yaml")
    file = write("extends: deep/bad\nseed: 1\n")
    assert refusal(file=file).endswith("got 'many' (from deep/bad.yaml)")
    assert load_config(file=file, overrides={"training.epochs": 3}).training.epochs == 3
    message = refusal(file=file, overrides={"training.epochs": 0})
    assert message.endswith("got 0 (from --set)")
    unknown = write("optimizer: {learning_rat: 1}\n", "configs/my.yaml")
    assert refusal(file=unknown).startswith("configs/my.yaml: unknown key 'optimizer.learning_rat'")


def test_several_problems_are_counted(write):
    file = write("seed: -1\nfoo: 3\ntraining: {epochs: many, bar: 1}\n")
    assert refusal(file=file).endswith("(and 3 more problems)")
    assert refusal(file=write("foo: 3\nbar: 4\n")).endswith("(and 1 more problem)")


def test_unknown_names_show_the_nearest_first():
    assert refusal("d") == "--case: unknown case 'd'; the cases are a, b, c"
    assert refusal(3).startswith("--case: unknown case 3")
    message = refusal(presets=["as-posted"])
    assert message == "unknown preset 'as-posted'; the presets are as_posted, lite, quick"
    assert refusal(presets=["quik"]).endswith("the presets are quick, lite, as_posted")
    assert "unknown preset" in refusal(presets=["../cases/c"])


def test_unknown_extends_shows_the_nearest_first(write):
    message = refusal(file=write("extends: case/c\n"))
    assert message.startswith("my.yaml: extends 'case/c': no such file in '.'")
    assert "the shipped ones are cases/c, " in message


def test_messages_stay_short():
    assert len(refusal(overrides={"seed": "x" * 10_000})) < 300
    assert len(refusal(overrides={"seed": [[[["x" * 99] * 99] * 99] * 99] * 99})) < 2000


@pytest.mark.parametrize("text", ["", "=", "=3", " =3", "training.epochs"])
def test_parse_set_wants_key_and_value(text):
    with pytest.raises(UserError, match=r"must be KEY=VALUE"):
        parse_set(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1E3", 1e3), ("+.5", 0.5), ("1.", 1.0), ("-.inf", -math.inf), ("3", 3),
        ("010", 10), ("0x10", 16), ("0o10", 8), ("-7", -7), ("true", True), ("False", False),
        ("yes", "yes"), ("on", "on"), ("null", None), ("~", None), ("", None), ("~/x", "~/x"),
        ("1:30", "1:30"), ("2001-01-01", "2001-01-01"), ("1_000", "1_000"), ("'3'", "3"),
        ("a=b", "a=b"), ("[1, 2]", [1, 2]), ("{a: 1e-3}", {"a": 1e-3}), ("!!str 3", "3"),
    ],
)  # fmt: skip
def test_parse_set_reads_yaml_1_2(text, value):
    key, parsed = parse_set(f"a.b={text}")
    assert key == "a.b"
    assert parsed == value
    assert type(parsed) is type(value)


# ------------------------------------------------------------------------ files

BAD_FILES = {
    "": "the file is empty",
    "# only a comment\n": "the file is empty",
    "{}": "the file is empty",
    "- a\n": "must hold keys with values, such as 'seed: 1', got ['a']",
    "3": "must hold keys with values",
    "seed: 1\na:\n\tb: 2\n": "line 3, column 1: found character '\\t' that cannot start any token "
    "(indent with spaces, not tabs)",
    "seed: 'x": "line 1, column 9: found unexpected end of stream",
    "seed: 1\nseed: 2\n": "line 2, column 1: duplicate key 'seed'",
    "bn: {scale: true, scale: true}": "line 1, column 19: duplicate key 'scale'",
    "bn.scale: true\nbn: {scale: false}": "bn.scale is given twice",
    "seed: 1\n---\nseed: 2\n": "another document",
    "seed: !!python/object/apply:os.system [ls]": "line 1, column 7: tag '!!python/object",
    "seed: !!python/name:os.system x": "is refused",
    "seed: !mine 3": "tag '!mine' is refused",
    "seed: !!int x": "'x' is not of type int",
    "seed: !!int [3]": "a list or mapping is not of type int",
    "seed: !!binary x": "is refused",
    "seed: !!timestamp x": "is refused",
    "seed: &x [*x]": "recursive",
    "&x seed: {*x : 3}": "must be an integer",
    "bn: &x {momentum: *x}": "recursive",
    "seed: *x": "undefined alias",
    "[1]: 2": "a key must be plain text",
    "? {a: 1}\n: 2": "a key must be plain text",
    "<<: {seed: 1}": "unknown key '<<'",
    "1: 2": "unknown key '1'",
    "seed: " + "9" * 5000: "more than 1000 digits",
    "seed: 0x" + "F" * 5000: "more than 1000 digits",
    "[" * 5000: "nested too deeply",
    "seed: 1 #" + "x" * 1_000_000: "larger than 1 MB",
    "seed: \0": "line 1: a control character",
    b"\xff\xfes\0": "line 1: not UTF-8",
    b"seed: 1\ndata: {dir: \xe9}": "line 2: not UTF-8",
    "extends: 3": "extends: must be one path or name",
    "extends: ''": "extends: must be one path or name",
    "extends: [cases/c]": "extends: must be one path or name",
    "extends: nowhere": "no such file",
    'extends: "a\\0b"': "no such file",
    "extends: .": "no such file",
    "extends: " + "x" * 5000: "no such file",
    "cases: 3": "cases: must map cases to settings",
    "cases: {d: {seed: 1}}": "cases: unknown case 'd'; the cases are a, b, c",
    "cases: {c: 3}": "cases.c: must be settings",
    "cases: {c: {case: a}}": "cases.c: must be settings",
    "cases: {c: {foo: 1}}": "unknown key 'foo'",
    "cases: {c: {extends: a}}": "unknown key 'extends'",
    "case: c\ncases: {c: {seed: -1}}": "must be an integer",
}


@pytest.mark.parametrize("text", BAD_FILES, ids=lambda text: repr(text)[:40])
def test_bad_files(write, text):
    message = refusal(file=write(text))
    assert BAD_FILES[text] in message
    assert "my.yaml" in message


def test_a_bomb_of_aliases_does_no_harm(write):
    lines = ["a: &a0 [x, x]"] + [f"b{i}: &a{i + 1} [*a{i}, *a{i}]" for i in range(60)]
    assert "more problems" in refusal(file=write("\n".join([*lines, "seed: *a60"])))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.yaml", "none.yaml: cannot be read: No such file"),
        (".", ".: cannot be read: Is a directory"),
        ("/dev/zero", "larger than 1 MB"),
        ("a\0b", "cannot be read"),
        ("two\nlines.yaml", "two lines.yaml: cannot be read"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="the words are the operating system's")
def test_bad_paths(path, message):
    assert message in refusal(file=path)


def test_a_byte_order_mark_does_no_harm(write):
    assert load_config(file=write(b"\xef\xbb\xbfseed: 4\r\nbn:\r\n  scale: false\r\n")).seed == 4


def test_aliases_that_end_are_read(write):
    config = load_config(file=write("bn: {epsilon: &x 1e-5}\noptimizer: {epsilon: *x}\n"))
    assert config.bn.epsilon == config.optimizer.epsilon == 1e-5


# ------------------------------------------------------------------------ there and back


@pytest.mark.parametrize("case", ["a", "b", "c", None])
@pytest.mark.parametrize("presets", [[], ["quick"], ["lite", "as_posted"]])
def test_round_trip(write, case, presets):
    config = load_config(case, presets)
    file = write(config.to_yaml())
    assert load_config(file=file) == config
    assert load_config(case, ["quick"], file) == config
    assert list(yaml.safe_load(config.to_yaml())) == list(yaml.safe_load(BASE.read_text()))


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1) | st.sampled_from(["1e-3", "yes", "null", "0o7", "1:30", "=", "<<"]))
def test_any_text_survives_the_round_trip(tmp_path_factory, text):
    config = load_config(overrides={"data.dir": text})
    file = tmp_path_factory.getbasetemp() / "text.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(file=file).data.dir == text


@settings(max_examples=15, deadline=None)
@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False), st.integers(0, 2**31 - 1))
def test_any_number_survives_the_round_trip(tmp_path_factory, number, seed):
    config = load_config(overrides={"optimizer.learning_rate": number, "seed": seed})
    file = tmp_path_factory.getbasetemp() / "number.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(file=file) == config


def test_differences_leave_out_where_the_images_lie():
    here = load_config("a")
    there = load_config("a", overrides={"data.dir": "/x", "data.train_limit": 100, "seed": 1})
    assert differences(here, here) == []
    expected = ["seed: 0 here, 1 there", "data.train_limit: null here, 100 there"]
    assert differences(here, there) == expected


# ------------------------------------------------------------------------ the schema


def test_schema_file_is_current():
    text = (configs_dir() / "schema.json").read_text(encoding="utf-8")
    again = 'run: python -c "import bnstudy.config as c; c.write_schema()"'
    assert text == json.dumps(config_schema(), indent=2) + "\n", again


def valid(value, schema, root):
    """The few rules of JSON Schema that ours uses."""
    if "$ref" in schema:
        return valid(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return any(valid(value, part, root) for part in schema["anyOf"])
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
    assert valid(c.read_yaml(path), schema, schema)
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
    beyond = {  # what rests on two keys, or lies outside JSON
        "training.batch_size": [1, 51, 2.0],
        "training.epochs": [2.0],
        "optimizer.variant": ["optax", "as_posted"],
        "data.dir": ["\udcff"],
        "data.train_limit": [10.0],
        "model.width": [10**400],
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
        assert where["properties"][name]["description"]
        assert where["properties"][name]["default"] == default


# ------------------------------------------------------------------------ fuzz, speed

FUZZ = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAMES = st.sampled_from([*c.KEYS, *c.GROUPS, "extends", "cases", *"abc", "name", "epochs", "scale"])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["cases/c", "base", "presets/as_posted", "a", "c", "adam", "keras"])
)  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | SCALARS, inner, max_size=4),
    max_leaves=8,
)


def loads_or_refuses(folder, raw):
    file = folder / "fuzz.yaml"
    file.write_bytes(raw)
    try:
        config = load_config(file=file)
    except UserError as error:
        message = str(error)
        assert message.splitlines() == [message]
    else:
        assert isinstance(config, Config)


@FUZZ
@given(st.binary(max_size=200))
def test_random_bytes(tmp_path, raw):
    loads_or_refuses(tmp_path, raw)


@FUZZ
@given(
    st.text(alphabet=st.sampled_from("abcs:{}[],&*!|>-?#%@'\"\t\n\r 01.e~<=\\\u2028é"), max_size=40)
)
def test_random_text(tmp_path, text):
    loads_or_refuses(tmp_path, text.encode())
    loads_or_refuses(tmp_path, f"seed: 1\nbn: {text}".encode())
    loads_or_refuses(tmp_path, f"seed: !!{text}".encode())


@FUZZ
@given(st.dictionaries(NAMES, DOCUMENTS, max_size=4) | DOCUMENTS)
def test_random_documents(tmp_path, document):
    loads_or_refuses(tmp_path, yaml.safe_dump(document, allow_unicode=True).encode())


@FUZZ
@given(st.dictionaries(NAMES | st.text(max_size=8), DOCUMENTS, max_size=3), st.text(max_size=20))
def test_random_overrides(overrides, text):
    for attempt in (lambda: load_config(overrides=overrides), lambda: parse_set(f"a={text}")):
        try:
            attempt()
        except UserError as error:
            message = str(error)
        else:
            message = "fine"
        assert message.splitlines() == [message]


def test_loading_imports_nothing_heavy():
    code = (
        "import sys, bnstudy.config as c; c.load_config('c', ['quick'])\n"
        "print(sorted({'tensorflow', 'keras', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.strip() == "[]"
