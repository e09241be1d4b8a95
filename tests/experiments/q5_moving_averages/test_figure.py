"""The figure of question 5: print-ready, reproducible, every optimizer in it."""

import filecmp
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "experiments/q5_moving_averages"


@pytest.fixture(scope="module")
def figure():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        import figure

        yield figure
        del sys.modules["figure"]


def made_up() -> dict:
    random = np.random.default_rng(0)
    pairs = [(m, s) for m in (0.9, 0.99, 0.999) for s in (1.0, 9.0)]
    x = np.linspace(0, 1, 100)
    return {
        "exact": {p: {k: np.full((100, 1), 4.0) for k in ("raw", "corrected")} for p in pairs},
        "sampled": {
            p: {k: random.normal(4, 1, (100, 50)) for k in ("raw", "corrected")} for p in pairs
        },
        "reddi": {
            "Adam, paper": (x, x + 1),
            "Adam, keras": (x + 0.005, x + 1),
            "AMSGrad, paper": (x, x + 1),
            "AMSGrad, keras": (x - 0.5, x + 2),
        },
    }


def test_drawn_as_wide_as_a_page_and_twice_the_same(figure, tmp_path):
    published = {1.0: {"raw": 2.94, "corrected": 3.89}, 9.0: {"raw": 5.79, "corrected": 4.08}}
    for name in ("one.png", "two.png"):
        figure.draw(made_up(), published, tmp_path / name)
    assert filecmp.cmp(tmp_path / "one.png", tmp_path / "two.png", shallow=False)
    assert matplotlib.image.imread(tmp_path / "one.png").shape[1] == 7.2 * 200


def test_variants_that_go_the_same_way_share_a_line(figure):
    assert list(figure._merged(made_up()["reddi"])) == [
        "Adam: paper, keras",
        "AMSGrad: paper",
        "AMSGrad: keras",
    ]
