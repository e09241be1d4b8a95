"""The options that several commands share."""

import argparse

import pytest

from bnstudy.cli.configuration import add_set_and_data, at_least, changes_of
from bnstudy.errors import UserError


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_set_and_data(parser)
    return parser.parse_args(arguments)


DATA = {"--data": "data.dir"}


def test_set_and_data_are_changes_by_key_and_remember_their_option():
    options = parse("--set", "seed=3", "--set", "bn={scale: false}", "--data", "somewhere")
    changes, sources = changes_of(options, DATA)
    assert changes == {"seed": 3, "bn.scale": False, "data.dir": "somewhere"}
    assert sources == {"seed": "--set", "bn.scale": "--set", "data.dir": "--data"}
    assert changes_of(parse(), DATA) == ({}, {})


def test_the_last_of_two_wins():
    assert changes_of(parse("--set", "seed=3", "--set", "seed=4"), {})[0] == {"seed": 4}


@pytest.mark.parametrize("text", ["data.dir=x", "data={dir: x}"])
def test_an_option_and_a_key_that_say_different_things_are_refused(text):
    with pytest.raises(UserError) as caught:
        changes_of(parse("--set", text, "--data", "y"), DATA)
    says = "--data 'y' contradicts --set data.dir='x'; drop one of them"
    assert str(caught.value) == says
    assert changes_of(parse("--set", text, "--data", "x"), DATA)[0] == {"data.dir": "x"}


def test_presets_keep_their_order():
    assert parse("--preset", "lite", "--preset", "as_posted").preset == ["lite", "as_posted"]
    assert parse().preset == []


def test_a_text_that_sets_nothing_is_refused():
    with pytest.raises(UserError, match="KEY=VALUE"):
        changes_of(parse("--set", "seed"), {})


@pytest.mark.parametrize("text", ["1", "0", "-3", "2.5", "x", "", "1e3"])
def test_text_that_is_not_an_integer_or_is_below_the_least_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be an integer >= 2, got"):
        at_least(2)(text)
    assert at_least(2)("2") == 2
