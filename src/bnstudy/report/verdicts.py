"""Verdicts: the rules that turn an interval into one, and what is reported with it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bnstudy.report.estimates import Estimate

REPLICATES, DOES_NOT, UNDECIDED = "replicates", "does not replicate", "undecided"
NOT_COMPARABLE, NOT_JUDGED = "not comparable", "not judged"
SMALL = 0.01  # a difference of test accuracies that is called small


@dataclass(frozen=True)
class Verdict:
    """The verdict on one claim or question, and all that it rests on.

    Attributes:
        number: of the claim, as in claims.md.
        claim: what is claimed or asked.
        statistic: what was computed.
        threshold: what it was compared with; None for a question without one.
        verdict: replicates, does not replicate, undecided, not comparable, not judged; or the
            answer to a question.
        why: more about it, such as the number of seeds that would exclude the threshold.
        value: of the statistic; None if it could not be computed.
        interval: of 95 %; or, without degrees of freedom, the range over seeds or rounds.
        deviation: standard deviation over the seeds, pooled over arms.
        freedom: its degrees of freedom.
        pooled: the arms that the deviation is pooled over.
        values: arm -> seed -> what was measured; of the arms compared, and of those in the
            deviation alone.
        seeds: arm -> seeds.
        beside: further numbers, which decide nothing.
        runs: the run folders, or files, that it was computed from.
        digits: after the decimal point.
        signed: with a plus sign, as a difference has it and a ratio has not.

    """

    number: str
    claim: str
    statistic: str
    threshold: float | None
    verdict: str
    why: str = ""
    value: float | None = None
    interval: tuple[float, float] | None = None
    deviation: float | None = None
    freedom: int | None = None
    pooled: Sequence[str] = ()
    values: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    seeds: Mapping[str, Sequence[int]] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    runs: Sequence[str] = ()
    digits: int = 4
    signed: bool = True

    def with_estimate(self, estimate: Estimate, pooled: Sequence[str]) -> "Verdict":
        """Return a copy with a value, its interval, and the deviation that the interval is from."""
        if not estimate.freedom:
            return replace(self, value=estimate.value)
        return replace(
            self,
            value=estimate.value,
            interval=(estimate.low, estimate.high),
            deviation=estimate.deviation,
            freedom=estimate.freedom,
            pooled=tuple(pooled),
        )

    def number_text(self) -> str:
        """Return the value with its interval, as in tables; empty if there is none."""
        if self.value is None:
            return ""
        if self.interval is None:
            return self.text(self.value)
        low, high = self.interval
        return f"{self.text(self.value)} ({self.text(low)} to {self.text(high)})"

    def text(self, number: float) -> str:
        """Return a number of this verdict as it is shown."""
        return f"{number:{'+' if self.signed else ''}.{self.digits}f}"

    def as_json(self) -> dict[str, Any]:
        """Return all attributes, for JSON."""
        values = vars(self) | {"interval": None if self.interval is None else list(self.interval)}
        values |= {"seeds": {arm: list(seeds) for arm, seeds in self.seeds.items()}}
        values |= {"values": {arm: _finite(numbers) for arm, numbers in self.values.items()}}
        values |= {"pooled": list(self.pooled)}
        return values | {"beside": dict(self.beside), "runs": list(self.runs)}


def _finite(numbers: Mapping[int, float]) -> dict[int, float | None]:
    """Return numbers by seed for JSON, which has no NaN."""
    return {seed: value if math.isfinite(value) else None for seed, value in numbers.items()}


Rule = Callable[[Estimate], str]


def above(threshold: float, accuracy: bool = False) -> Rule:
    """Return the rule of a claim that something is above a threshold.

    Args:
        threshold: the interval must lie above it for the claim to replicate, below it for it not
            to replicate.
        accuracy: for a test accuracy with threshold 0, it does not replicate either if the lower
            end is at most 0 and the upper below 0.01: the effect, if any, is small.

    """

    def rule(estimate: Estimate) -> str:
        if estimate.low > threshold:
            return REPLICATES
        small = accuracy and estimate.low <= threshold and estimate.high < threshold + SMALL
        return DOES_NOT if estimate.high < threshold or small else UNDECIDED

    return rule


def small_effect(verdict: str, high: float, threshold: float) -> str:
    """Say why a claim does not replicate whose interval does not lie wholly below the threshold."""
    small = verdict == DOES_NOT and high >= threshold
    return f"the difference, if there is one, is below {SMALL}" if small else ""


def effect(accuracy: bool = False) -> Rule:
    """Return the rule of a question for an effect.

    Args:
        accuracy: of a test accuracy, where an interval within 0.01 of 0 is an answer too.

    """

    def rule(estimate: Estimate) -> str:
        if estimate.low > 0 or estimate.high < 0:
            return "effect"
        none = accuracy and estimate.low >= -SMALL and estimate.high <= SMALL
        return f"none above {SMALL}" if none else UNDECIDED

    return rule


def more_than_a_point(estimate: Estimate) -> str:
    """Judge whether a loss of test accuracy is more than 0.01."""
    if estimate.low > SMALL:
        return "more than a point"
    return "less than a point" if estimate.high < SMALL else UNDECIDED


def every(values: Sequence[float], threshold: float, yes: str, no: str) -> str:
    """Judge values of which each must be above the threshold, or at most it.

    Args:
        values: one per seed, or per round of a benchmark.
        threshold: of each.
        yes: the verdict if all are above it.
        no: the verdict if none is.

    """
    if not values or any(map(math.isnan, values)):
        return NOT_COMPARABLE
    if all(value > threshold for value in values):
        return yes
    return no if all(value <= threshold for value in values) else UNDECIDED
