"""The files of question 2, and measurements that nobody made."""

from pathlib import Path

import pytest

from bnstudy.questions.find import load_file

FOLDER = Path(__file__).parents[3] / "experiments/q2_benefits"
ARMS = ("none", "BN")


@pytest.fixture(scope="session")
def analysis():
    return load_file(FOLDER / "analysis.py")


@pytest.fixture(scope="session")
def judging(analysis):
    return analysis.judging


@pytest.fixture
def measured():
    return made_up


def doubled(breaks_in, epochs=16, first=0.005):
    """A run whose rate doubles every two epochs, and which breaks in an epoch; None: never."""
    costs = [2.1, 1.9, 1.7] + [1.5] * (epochs - 3)
    if breaks_in:
        costs[breaks_in - 1 :] = [2.31] * (epochs - breaks_in + 1)
    return {"rates": [first * 2 ** (epoch // 2) for epoch in range(epochs)], "costs": costs}


def fixed_run(arm, rate, seed, cost, reached=5):
    accuracies = [0.2, 0.3] + [0.4] * 8
    accuracies[reached - 1 :] = [0.50001] * (11 - reached)
    name = f"{arm}-{rate}_seed-{seed}"
    return {"run": name, "costs": [2.2, cost], "accuracies": accuracies, "steps": 200}


def made_up(
    seeds=3,
    breaks=(8, 14),
    adam=(10, 12),
    gap=0.4,
    small_gap=0.05,
    frozen=6.0,
    none=9.0,
    spread=1.0,
    alike=0.6,
    ranges=(0.4, 0.2),
    changes=(3.0, 1.0),
    reached=(8, 4),
    milliseconds=(30.0, 36.0),
):
    """Return what `measure` might; ratios of the seeds are multiplied by 1 / spread, 1, spread."""
    doubling = {
        arm: {
            optimizer: {
                str(s): {"run": f"{arm}-{optimizer}-{s}", **doubled(when)} for s in range(seeds)
            }
            for optimizer, when in (("momentum", breaks[i]), ("adam", adam[i]))
        }
        for i, arm in enumerate(ARMS)
    }
    fixed = {arm: {} for arm in ARMS}
    for arm, rates in (("none", ("0.001", "0.01")), ("BN", ("0.001", "0.01", "0.1"))):
        for rate in rates:
            cost = {"0.001": 1.7, "0.01": 1.2, "0.1": 1.2 - gap}[rate]
            for s in range(seeds):
                own = cost - (
                    small_gap * spread ** (s - 1) if (arm, rate) == ("BN", "0.001") else 0
                )
                run = fixed_run(arm, rate, s, own, reached[ARMS.index(arm)])
                fixed[arm].setdefault(rate, {})[str(s)] = run
    factors = {str(s): spread ** (s - 1) for s in range(seeds)}
    return {
        "doubling": doubling,
        "fixed": fixed,
        "chosen": {"none": "0.01", "BN": "0.1", "small": "0.001"},
        "sharpness": {
            s: {
                "epochs": {"none": 10, "BN": 3},
                "accuracies": {"none": 0.6, "BN": alike},
                "none": none * f * 5,
                "BN": 5.0,
                "frozen": frozen * f * 5,
            }
            for s, f in factors.items()
        },
        "predictiveness": {
            arm: {
                s: {
                    "epochs": [0, 1, 2],
                    "range": [None, ranges[i] * (f if i else 1), 0.0],
                    "change": [None, changes[i] * (f if i else 1), 0.0],
                }
                for s, f in factors.items()
            }
            for i, arm in enumerate(ARMS)
        },
        "milliseconds": dict(zip(ARMS, milliseconds, strict=True)),
    }
