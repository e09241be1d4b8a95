"""The options that several commands share."""

import argparse

import pytest

from bnstudy.cli.configuration import add_set_and_data, at_least, overrides_of
from bnstudy.errors import UserError


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_set_and_data(parser)
    return parser.parse_args(arguments)


def test_set_and_data_are_overrides_by_key():
    options = parse("--set", "seed=3", "--set", "bn.scale=false", "--data", "somewhere")
    assert overrides_of(options) == {"seed": 3, "bn.scale": False, "data.dir": "somewhere"}
    assert overrides_of(parse()) == {}


def test_the_last_of_two_wins():
    assert overrides_of(parse("--set", "seed=3", "--set", "seed=4")) == {"seed": 4}
    assert overrides_of(parse("--set", "data.dir=x", "--data", "y")) == {"data.dir": "y"}


def test_presets_keep_their_order():
    assert parse("--preset", "lite", "--preset", "as_posted").preset == ["lite", "as_posted"]
    assert parse().preset == []


def test_a_text_that_sets_nothing_is_refused():
    with pytest.raises(UserError, match="KEY=VALUE"):
        overrides_of(parse("--set", "seed"))


@pytest.mark.parametrize("text", ["1", "0", "-3", "2.5", "x", "", "1e3"])
def test_text_that_is_not_an_integer_or_is_below_the_least_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be an integer >= 2, got"):
        at_least(2)(text)
    assert at_least(2)("2") == 2
