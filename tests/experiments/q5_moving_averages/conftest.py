"""The files of question 5, loaded by their paths."""

from pathlib import Path

import pytest

from bnstudy.questions.find import load_file

FOLDER = Path(__file__).parents[3] / "experiments/q5_moving_averages"


@pytest.fixture(scope="session")
def analysis():
    return load_file(FOLDER / "analysis.py")


@pytest.fixture(scope="session")
def first(analysis):
    return analysis.first_half


@pytest.fixture(scope="session")
def second(analysis):
    return analysis.second_half


@pytest.fixture(scope="session")
def found(first):
    return first.measure()


@pytest.fixture(scope="session")
def made_up_curves(second):
    """Make accuracies that are a point and more apart up to a step, by momentum."""
    from bnstudy.analysis.moving_averages import logarithmic_steps

    def make(until, apart):
        steps = logarithmic_steps(until)
        accuracy = {"precise": [0.9] * len(steps)}
        for momentum in second.MOMENTA:
            last = apart.get(momentum, 0)
            accuracy[f"corrected {momentum:g}"] = [0.8] * len(steps)
            accuracy[f"raw {momentum:g}"] = [0.7 if step <= last else 0.79 for step in steps]
        return {"run": "made-up", "steps": steps, "accuracy": accuracy, "own": {}}

    return make
