"""Question 5: what is an exponentially weighted average, and what does its correction do?

The first half needs no training; the second follows the averages of networks while they train.
"""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bnstudy.questions.claims import Claim
from bnstudy.questions.find import load_file

HERE = Path(__file__).parent
first_half, second_half, figure = (
    load_file(HERE / f"{name}.py") for name in ("first_half", "second_half", "figure")
)
evaluations = second_half.evaluations


def measure(runs: list[Path]) -> dict[str, Any]:
    """Measure both halves."""
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow()
    first, second = first_half.measure(), second_half.measure(runs)
    described = first.pop("described") | {"test accuracies": second_half.described(second)}
    return {"first half": first, "second half": second, "described": described}


def judge(measured: dict[str, Any]) -> list[Claim]:
    """Judge both halves; the primary claim is in the second."""
    return [
        *first_half.judge(measured["first half"]),
        *second_half.judge(measured["second half"]),
    ]


def draw(measured: dict[str, Any], _claims: list[Claim]) -> Figure:
    """Draw both halves."""
    predictions = {momentum: second_half.predicted(momentum) for momentum in second_half.MOMENTA}
    return figure.draw(
        measured["first half"], first_half.PUBLISHED, measured["second half"], predictions
    )
