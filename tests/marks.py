"""Parameters of tests that are left to the thorough part."""

from collections.abc import Collection, Iterable

import pytest


def thorough(*sets: object) -> list:
    """Mark each value of a parameter, or tuple of the values of several, as thorough."""
    return [_marked(values if isinstance(values, tuple) else (values,)) for values in sets]


def all_but(quick: Collection, sets: Iterable, one: bool = False) -> list:
    """Mark those that are not among the quick ones as thorough, and keep the order.

    Args:
        quick: some of the sets.
        sets: what `parametrize` takes.
        one: the test has one parameter, whose values are tuples.

    """
    return [
        values if values in quick else _marked((values,)) if one else thorough(values)[0]
        for values in sets
    ]


def _marked(values: tuple) -> object:
    return pytest.param(*values, marks=pytest.mark.thorough)
