"""The analysis of question 3, and measurements that nobody made."""

from pathlib import Path

import numpy as np
import pytest

from bnstudy.analysis.corruptions import CORRUPTIONS
from bnstudy.questions.find import load_file

FOLDER = Path(__file__).parents[3] / "experiments/q3_drawbacks"


@pytest.fixture
def analysis():
    return load_file(FOLDER / "analysis.py")


def scores(levels, severities):
    """Statistics -> errors on clean images and at severity 5, and in between."""
    return {
        kind: {"clean": 1 - clean}
        | {
            f"{name} {severity}": 1 - (clean + (worst - clean) * severity / 5)
            for name in CORRUPTIONS
            for severity in severities
        }
        for kind, (clean, worst) in levels.items()
    }


def made_up(
    seeds=3,
    rise=0.35,
    gain=0.3,
    gain_without=0.3,
    bright=0.01,
    in_order=0.4,
    posted=0.002,
    small=0.03,
    spread=0.0,
):
    """Return what `measure` might; the statistics of every claim are as given, +- the spread."""
    runs = {}
    for seed in range(seeds):
        off = spread * (seed - 1)  # over three seeds, zero on average
        norm = {"precise": (0.25, 0.25 + rise), "batch": (0.26, 0.25 + rise - gain - off)}
        plain = {"moving": (0.28, 0.28 + rise), "source": (0.29, 0.28 + rise - gain_without)}
        deciding = scores({"moving": (0.45, 0.9), **norm}, [5])
        deciding["batch"]["brightness 5"] = deciding["precise"]["brightness 5"] + bright + off
        found = {
            "bn": {
                "moving": 0.6,
                "precise": 0.75,
                "deciding": deciding,
                "overview": scores(norm, range(1, 6)),
                "sizes": {str(n): 0.75 - 0.4 / n for n in (1, 2, 8, 32, 128, 1000)},
                "orders": {"random": 0.75, "of classes": 0.75 - in_order - off},
            },
            "none": {
                "moving": 0.72,
                "deciding": scores(plain, [5]),
                "overview": scores(plain, range(1, 6)),
                "orders": {"random": 0.71, "of classes": 0.5},
            },
            "batch 4": {"moving": 0.5, "precise": 0.5 + small + off},
            "batch 16": {"moving": 0.5, "precise": 0.52},
        }
        for case in ("case b", "case c") if seed < 2 else ():
            as_posted = {"moving": (0.2, 0.5), "precise": (0.2, 0.4), "batch": (0.2, 0.3)}
            found[case] = {
                "moving": 0.8,
                "precise": 0.8 + posted,
                "overview": scores(as_posted, [5]),
            }
        for arm, run in found.items():
            name = f"{arm.replace(' ', '-')}_seed-{seed}"
            runs.setdefault(arm, {})[str(seed)] = {"run": name, **run}
    return runs


@pytest.fixture
def measured(analysis):
    """Return a function: changes of `made_up` -> what `measure` might return."""

    def make(bench=None, **changes):
        runs = made_up(**changes)
        return {"runs": runs, "bench": bench or {}, "described": analysis.described(runs)}

    return make


@pytest.fixture
def rows():
    """Return benchmarks in which c takes 10 ms more than a, 2 of them for its two parameters."""
    times = {
        "case a": 100.0,
        "case b": 120.0,
        "case c": 110.0,
        "case c, bn.scale=false, bn.center=false": 108.0,
    }
    return [
        {
            "name": name,
            "precision": "float32",
            "training_ms_by_round": list(np.array([1.0, 1.1, 1.2]) * time),
            "step_ms": time,
            "forward_ms": time / 4 + (name != "case a"),
            "inference_ms": time / 4 - 0.5 * (name == "case c"),
            "backward_ms": time / 2,
            "update_ms": 1.0,
            "peak_mb": 1000 + time,
        }
        for name, time in times.items()
    ]
