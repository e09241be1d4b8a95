"""What a rule says about one layer."""

from typing import NamedTuple


class Sign(NamedTuple):
    """One observation; those of a kind become one finding."""

    kind: str  # a key of texts.TEXTS
    layer: str  # its name; empty for the whole model
    size: float
    measured: str  # the size in words
    is_hint: bool = False
