"""Claims of a question, with their verdicts, and the rule that gives most of these."""

import math
from typing import NamedTuple

from bnstudy.report.estimates import Estimate
from bnstudy.report.verdicts import above

OPEN = "open"  # runs are missing


class Claim(NamedTuple):
    """One claim, and what was found.

    Attributes:
        name: what is claimed.
        statistic: what was computed.
        value: of the statistic; None if it could not be computed.
        interval: of 95 %, or another that `statistic` names; None if there is none.
        threshold: what decides, in words.
        verdict: one of those of `report.verdicts`, "open", or a word of the question's README.md.
        primary: whether this is the question's one primary claim.
        reason: why the claim is open, undecided or not comparable.
        runs: names of the run folders that it rests on.

    """

    name: str
    statistic: str
    value: float | None
    interval: tuple[float, float] | None
    threshold: str
    verdict: str
    primary: bool = False
    reason: str = ""
    runs: tuple[str, ...] = ()


def verdict(interval: tuple[float, float], threshold: float, test_accuracy: bool = False) -> str:
    """Judge the claim that a statistic is above a threshold.

    Args:
        interval: of 95 %; NaN for an end decides nothing.
        threshold: the interval must lie above it for the claim to replicate, and below it for it
            not to replicate.
        test_accuracy: for a difference of test accuracies with threshold 0, it does not replicate
            either if the lower end is at most 0 and the upper below 0.01.

    Returns:
        "replicates", "does not replicate" or "undecided".

    """
    low, high = interval
    middle = (low + high) / 2
    return above(threshold, test_accuracy)(Estimate(middle, low, high, math.nan, 0))
