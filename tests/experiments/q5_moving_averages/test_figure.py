"""The figure of question 5: print-ready, reproducible, every optimizer in it."""

import filecmp

import matplotlib.image
import numpy as np
import pytest

from bnstudy.plots.style import save


def made_up() -> dict:
    keys = [f"{m:g} from {s:g}" for m in (0.9, 0.99, 0.999) for s in (1.0, 9.0)]
    x = np.linspace(0, 1, 100)
    low, high = (x + 3).tolist(), (x + 4).tolist()
    return {
        "exact": {key: {k: [4.0] * 100 for k in ("raw", "corrected")} for key in keys},
        "bands": {key: {k: [low, high] for k in ("raw", "corrected")} for key in keys},
        "reddi": {
            "Adam, paper": (x, x + 1),
            "Adam, keras": (x + 0.005, x + 1),
            "AMSGrad, paper": (x, x + 1),
            "AMSGrad, keras": (x - 0.5, x + 2),
        },
    }


@pytest.mark.thorough
def test_drawn_as_wide_as_a_page_and_twice_the_same(analysis, made_up_curves, tmp_path):
    published = {1.0: {"raw": 2.94, "corrected": 3.89}, 9.0: {"raw": 5.79, "corrected": 4.08}}
    trained = {"digits": {"0": made_up_curves(1000, {0.9: 42})}}
    for name in ("one.png", "two.png"):
        figure = analysis.figure.draw(
            made_up(), published, trained, {0.9: 44, 0.99: 459, 0.999: 4603}
        )
        save(figure, tmp_path / name)
    assert filecmp.cmp(tmp_path / "one.png", tmp_path / "two.png", shallow=False)
    assert matplotlib.image.imread(tmp_path / "one.png").shape[1] == 7.2 * 200


def test_variants_that_go_the_same_way_share_a_line(analysis):
    assert list(analysis.figure._merged(made_up()["reddi"])) == [
        "Adam: paper, keras",
        "AMSGrad: paper",
        "AMSGrad: keras",
    ]
