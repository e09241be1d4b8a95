"""The configuration: what it resolves to, and its round trip through a file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from config_helpers import refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstudy.config.load import differences, load_config
from bnstudy.config.schema import GROUPS, KEYS, Config, flatten
from bnstudy.config.yaml_reader import configs_dir

BASE = configs_dir() / "base.yaml"

# ------------------------------------------------------------------------ the shipped files


def test_base_names_every_key_and_holds_every_default():
    base = yaml.safe_load(BASE.read_text())  # PyYAML itself agrees on every value
    flat = dict(flatten(base))
    assert list(flat) == KEYS == list(load_config().flat())
    assert flat == load_config().flat()


def test_every_default_is_written_down_once():
    for model in [Config, *(Config.model_fields[group].annotation for group in GROUPS)]:
        for name, field in model.model_fields.items():
            assert field.is_required(), f"{name} has a second default"
            assert field.description is None, f"{name} has a second description"


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
    assert (config.optimizer.name, config.optimizer.variant) == (optimizer, "paper")
    changed = {line.split(":")[0] for line in differences(load_config(), config)}
    assert changed <= {"case", "model.batch_norm", "training.gradients", "optimizer.name"}


def test_presets():
    quick = load_config(presets=["quick"])
    assert (quick.data.name, quick.model.width, quick.bn.momentum) == ("digits", 0.25, 0.9)
    lite = load_config(case="a", presets=["lite"])
    assert differences(load_config(case="a"), lite) == ["model.width: 1.0 here, 0.25 there"]
    assert load_config(presets="lite") == load_config(presets=["lite"])
    assert load_config(presets=None) == load_config()


@pytest.mark.parametrize("case", ["a", "b"])
def test_as_posted_gives_the_other_cases_the_adam_of_tensorflow_1(case):
    assert differences(load_config(case), load_config(case, ["as_posted"])) == [
        "data.standardize: train_channels here, batch_pixels there",
        "optimizer.variant: paper here, keras there",
    ]


def test_as_posted_makes_case_c_the_authors():
    assert differences(load_config("c"), load_config("c", ["as_posted"])) == [
        "data.standardize: train_channels here, batch_pixels there",
        "bn.axes: channel here, activation there",
        "bn.momentum: 0.99 here, 0.9 there",
        "bn.epsilon: 0.001 here, 1e-08 there",
        "bn.center: true here, false there",
        "bn.moving_variance_init: 1.0 here, 0.0 there",
        "training.gradients: manual here, as_posted there",
        "optimizer.variant: paper here, as_posted there",
        "optimizer.beta_2: 0.999 here, 0.9 there",
    ]


def test_as_posted_with_another_optimizer_says_who_asked_for_what():
    message = refusal("c", ["as_posted"], overrides={"optimizer.name": "adam"})
    assert message == (
        "optimizer.variant: must be one of paper, keras for adam, got 'as_posted' (optimizer."
        "variant from configs/presets/as_posted.yaml, optimizer.name from --set)"
    )


# ------------------------------------------------------------------------ precedence


def test_precedence(write_config):
    file = write_config("bn: {momentum: 0.5}\ntraining: {epochs: 7}\n")
    config = load_config("c", ["quick"], file, {"training.epochs": 8})
    assert config.model.batch_norm == "custom"  # the case
    assert config.data.name == "digits"  # the preset
    assert config.bn.momentum == 0.5  # the file over the preset
    assert config.training.epochs == 8  # the override over the file


def test_later_presets_win():
    assert load_config("c", ["quick", "lite"]).model.width == 0.25
    assert load_config(presets=["as_posted", "quick"], case="c").bn.momentum == 0.9


def test_file_that_extends_a_case_makes_it_known(write_config):
    config = load_config(file=write_config("extends: cases/c\nseed: 3\n"))
    assert differences(load_config("c"), config) == ["seed: 0 here, 3 there"]


def test_a_file_that_states_a_case_extends_it(write_config):
    assert load_config(file=write_config("case: c\n")) == load_config("c")


@pytest.mark.parametrize("extends", ["cases/c", "cases/c.yaml", "own", "./own.yaml"])
def test_extended_case_does_not_undo_the_presets(write_config, extends):
    write_config("extends: cases/c\n", "own.yaml")
    file = write_config(f"extends: {extends}\n")
    expected = load_config("c", ["quick", "as_posted"])
    assert load_config(presets=["quick", "as_posted"], file=file) == expected
    assert load_config("c", ["quick", "as_posted"], file) == expected


def test_extends_is_relative_to_its_own_file(write_config):
    write_config("extends: ../common\nseed: 2\n", "a/b/middle.yaml")
    write_config("training: {epochs: 4}\nseed: 1\n", "a/common.yaml")
    write_config("seed: 9\n", "common.yaml")
    config = load_config(file=write_config("extends: a/b/middle.yaml\nmodel: {width: 0.5}\n"))
    assert (config.training.epochs, config.seed, config.model.width) == (4, 2, 0.5)


def test_files_nearby_come_before_shipped_ones(write_config):
    write_config("seed: 5\n", "presets/quick.yaml")
    config = load_config(file=write_config("extends: presets/quick\n"))
    assert (config.seed, config.data.name) == (5, "cifar10")


def test_an_extended_file_may_be_in_the_home(write_config, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_config("seed: 5\n", "home/mine.yaml")
    assert load_config(file=write_config("extends: ~/mine\n")).seed == 5


def test_extended_preset_applies_its_section_for_the_case(write_config):
    file = write_config("extends: presets/as_posted\n")
    assert load_config("c", file=file) == load_config("c", ["as_posted"])
    assert load_config("b", file=file) == load_config("b", ["as_posted"])


def test_the_settings_of_a_case_apply_to_that_case_alone(write_config):
    file = write_config("cases: {c: {seed: 7}}\n")
    assert [load_config(case, file=file).seed for case in ("a", "b", "c", None)] == [0, 0, 7, 0]


def test_circle_is_refused_with_its_chain(write_config):
    write_config("extends: b.yaml\n", "a.yaml")
    write_config("extends: ./a.yaml\n", "b.yaml")
    expected = "extends goes in a circle: a.yaml -> b.yaml -> a.yaml"
    assert refusal(file="a.yaml") == expected
    assert "my.yaml -> my.yaml" in refusal(file=write_config("extends: my\n"))


@pytest.mark.parametrize("cases", [("a", "extends: cases/c\n"), ("a", "case: null\n")])
def test_two_cases_are_refused(write_config, cases):
    message = refusal(cases[0], file=write_config(cases[1]))
    assert message.startswith("--case says case 'a', but ")
    assert message.endswith("; drop one of them")


def test_two_cases_in_files_are_refused(write_config):
    message = refusal(file=write_config("extends: cases/c\ncase: a\n"))
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
        }
    )
    assert (config.bn.momentum, config.bn.center, config.bn.scale) == (0.5, False, False)
    assert (config.case, config.model.batch_norm) == ("c", "custom")
    assert (config.seed, config.model.width, config.data.dir) == (3, 0.5, "x")
    assert load_config(overrides={"bn": {"scale": False}}).bn.momentum == 0.99


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", np.int64(3), 3),
        ("seed", np.uint8(3), 3),
        ("seed", np.array(3), 3),
        ("model.width", np.float32(0.5), 0.5),
        ("model.width", np.longdouble(0.5), 0.5),
        ("model.width", np.float16(0.5), 0.5),
        ("model.width", np.int32(2), 2.0),
        ("bn.momentum", np.array(0.25), 0.25),
        ("data.augment", np.bool_(False), False),
        ("data.augment", np.array(False), False),
        ("data.name", np.str_("digits"), "digits"),
        ("data.name", np.array("digits"), "digits"),
        ("data.train_limit", np.array(None), None),
        ("case", np.str_("c"), "c"),
    ],
)
def test_numpy_values_become_pythons_own(key, value, expected):
    config = load_config(overrides={key: value}).flat()[key]
    assert config == expected
    assert type(config) is type(expected)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("training.epochs", np.float32(3), "3.0"),
        ("data.augment", np.int64(1), "1"),
        ("training.epochs", np.bool_(True), "true"),
        ("training.epochs", np.array([3]), "array([3])"),
        ("training.epochs", np.datetime64("2020-01-01"), "datetime.date(2020, 1, 1)"),
    ],
)
def test_numpy_values_of_the_wrong_kind_are_refused(key, value, shown):
    assert f"got {shown} (from --set)" in refusal(overrides={key: value})


# ------------------------------------------------------------------------ there and back


@pytest.mark.parametrize("case", ["a", "b", "c", None])
@pytest.mark.parametrize("presets", [[], ["quick"], ["lite", "as_posted"]])
def test_round_trip(write_config, case, presets):
    config = load_config(case, presets)
    file = write_config(config.to_yaml())
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
@given(st.floats(min_value=1e-30, max_value=1e30), st.integers(0, 2**31 - 1))
def test_any_number_survives_the_round_trip(tmp_path_factory, number, seed):
    config = load_config(overrides={"optimizer.learning_rate": number, "seed": seed})
    file = tmp_path_factory.getbasetemp() / "number.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(file=file) == config


def test_differences_leave_out_where_the_images_are():
    here = load_config("a")
    there = load_config("a", overrides={"data.dir": "/x", "data.train_limit": 100, "seed": 1})
    assert differences(here, here) == []
    expected = ["seed: 0 here, 1 there", "data.train_limit: null here, 100 there"]
    assert differences(here, there) == expected


def test_loading_imports_nothing_heavy():
    code = (
        "import sys, bnstudy.config.load as c; c.load_config('c', ['quick'])\n"
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
