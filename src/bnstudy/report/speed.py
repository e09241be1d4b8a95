"""The claims of the post about speed, judged by the rounds of a benchmark."""

import math
from collections.abc import Iterator

import numpy as np

from bnstudy.report.runs import Benchmark
from bnstudy.report.verdicts import DOES_NOT, NOT_JUDGED, REPLICATES, Verdict, every

# Contenders of `bnstudy bench`: a, b, c, and c without its two parameters.
TIMED = ("case a", "case b", "case c", "case c, bn.scale=false, bn.center=false")

ROUNDS = 3  # at least, since a claim must hold in every round


def judge_speed(benchmark: Benchmark) -> Iterator[Verdict]:
    """Yield the verdicts on iv and iv b, for each precision of a benchmark."""
    width = benchmark.results["network"]["width"]
    for precision in ("float32", "bfloat16"):
        a, b, c, bare = (benchmark.milliseconds(name, precision) for name in TIMED)
        if a is None or b is None or c is None:
            continue
        where = f"width {width:g}, {precision}"
        for formula, ratios in (("b / a", b / a), ("c / a", c / a)):
            text = "Batch norm takes longer per epoch ..."
            yield _speed(benchmark, "iv", text, formula, ratios, 1, where)
        if bare is not None:
            shares = (c - bare) / np.where(c > a, c - a, math.nan)
            formula = "(c - c without gamma and beta) / (c - a)"
            text = "... because of its two parameters."
            yield _speed(benchmark, "iv b", text, formula, shares, 0.5, where)


def _speed(
    benchmark: Benchmark,
    number: str,
    text: str,
    formula: str,
    rounds: np.ndarray,
    threshold: float,
    where: str,
) -> Verdict:
    few, known = len(rounds) < ROUNDS, not np.isnan(rounds).any()
    why = f"needs {ROUNDS} rounds" if few else "case c is not slower in every round"
    by_round = ["unknown" if math.isnan(ratio) else f"{ratio:.3f}" for ratio in rounds]
    return Verdict(
        number=number,
        claim=text,
        statistic=f"time of a training step, {formula}; {where}",
        threshold=threshold,
        verdict=NOT_JUDGED if few else every(list(rounds), threshold, REPLICATES, DOES_NOT),
        why=why if few or not known else "",
        value=float(np.median(rounds)) if known else None,
        interval=(float(rounds.min()), float(rounds.max())) if known else None,
        beside={"round by round": ", ".join(by_round)},
        runs=(benchmark.path.name,),
        digits=2,
        signed=False,
    )
