"""The messages of a refused configuration."""

import pytest
from config_helpers import refusal, set_refusal

from bnstudy.config.load import load_config, parse_set
from bnstudy.errors import UserError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "training.epochs=many",
            "training.epochs: must be an integer >= 1 and <= 1000000, got 'many' (from --set)",
        ),
        (
            "training.epochs=true",
            "training.epochs: must be an integer >= 1 and <= 1000000, got true (from --set)",
        ),
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
            "bn.momentum: must be a finite number >= 0 and <= 0.999999, got nan (from --set)",
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
            "training, optimizer, checkpoint",
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


def test_the_file_that_a_wrong_value_comes_from_is_named(write_config):
    write_config("training: {epochs: many}\n", "deep/bad.yaml")
    file = write_config("extends: deep/bad\nseed: 1\n")
    assert refusal(file=file).endswith("got 'many' (from deep/bad.yaml)")
    assert load_config(file=file, overrides={"training.epochs": 3}).training.epochs == 3
    message = refusal(file=file, overrides={"training.epochs": 0})
    assert message.endswith("got 0 (from --set)")
    unknown = write_config("optimizer: {learning_rat: 1}\n", "configs/my.yaml")
    assert refusal(file=unknown).startswith("configs/my.yaml: unknown key 'optimizer.learning_rat'")


def test_several_problems_are_counted(write_config):
    file = write_config("seed: -1\nfoo: 3\ntraining: {epochs: many, bar: 1}\n")
    assert refusal(file=file).endswith("(and 3 more problems)")
    assert refusal(file=write_config("foo: 3\nbar: 4\n")).endswith("(and 1 more problem)")


def test_unknown_names_show_the_nearest_first():
    assert refusal("d") == "--case: unknown case 'd'; the cases are a, b, c"
    assert refusal(3).startswith("--case: unknown case 3")
    message = refusal(presets=["as-posted"])
    assert message == "unknown preset 'as-posted'; the presets are as_posted, lite, quick"
    assert refusal(presets=["quik"]).endswith("the presets are quick, lite, as_posted")
    assert "unknown preset" in refusal(presets=["../cases/c"])


def test_unknown_extends_shows_the_nearest_first(write_config):
    message = refusal(file=write_config("extends: case/c\n"))
    assert message.startswith("my.yaml: extends 'case/c': no such file in '.'")
    assert "the shipped ones are cases/c, " in message


def test_messages_stay_short():
    assert len(refusal(overrides={"seed": "x" * 10_000})) < 300
    assert len(refusal(overrides={"seed": [[[["x" * 99] * 99] * 99] * 99] * 99})) < 2000


@pytest.mark.parametrize("text", ["", "=", "=3", " =3", "training.epochs"])
def test_parse_set_wants_key_and_value(text):
    with pytest.raises(UserError, match=r"must be KEY=VALUE"):
        parse_set(text)
