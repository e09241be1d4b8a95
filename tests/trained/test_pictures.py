"""The pictures of an evaluation show its numbers."""

import dataclasses
import filecmp

import numpy as np
import pytest

import bnstudy
from bnstudy.trained import pictures
from bnstudy.trained.evaluation import BINS, evaluate


@pytest.fixture(scope="module")
def evaluated(networks):
    return evaluate(networks("c"))


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_the_cells_are_the_shares_of_each_class(evaluated):
    found, _ = evaluated
    axes, _ = pictures.evaluation_figure(found).axes
    confusion = found.confusion()
    shares = confusion / confusion.sum(1, keepdims=True)
    np.testing.assert_array_equal(axes.images[0].get_array(), shares)
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    assert shown == {
        (column, row): f"{100 * shares[row, column]:.0f}"
        for row, column in zip(*np.nonzero(confusion), strict=True)
    }
    assert axes.get_ylabel() == "class"
    assert axes.get_xlabel() == "predicted class"


def test_the_reliability_diagram_shows_every_bin(evaluated):
    found, _ = evaluated
    _, axes = pictures.evaluation_figure(found).axes
    bins = found.calibration()
    _, line = axes.lines  # the diagonal, and the accuracy
    (bars,) = axes.collections  # NaN, where a bin has no image, is not drawn
    low, high = pictures.wilson_interval(bins.accuracy, bins.images)
    ends = np.array([segment[:, 1] for segment in bars.get_segments() if len(segment)])
    np.testing.assert_allclose(ends, np.transpose([low, high])[bins.images > 0])
    np.testing.assert_array_equal(line.get_xdata(), bins.confidence)
    np.testing.assert_array_equal(line.get_ydata(), bins.accuracy)
    assert [bar.get_height() for bar in axes.patches] == list(bins.images / 30)
    assert [bar.get_x() for bar in axes.patches] == pytest.approx(np.arange(BINS) / BINS)
    assert axes.get_title() == f"expected calibration error {bins.error:.4f}"


def test_the_interval_is_wilsons():
    """Its ends are where the share is 1.96 standard errors away (solved with NumPy's roots)."""
    shares, counts = np.array([0.0, 0.3, 1.0]), np.array([2, 50, 7])
    for share, n, low, high in zip(
        shares, counts, *pictures.wilson_interval(shares, counts), strict=True
    ):
        z = 1.96**2 / n  # (p - share)^2 = z p (1 - p)
        roots = sorted(np.roots([1 + z, -2 * share - z, share**2]))
        np.testing.assert_allclose([low, high], roots, atol=1e-12)
    assert np.isnan(pictures.wilson_interval(np.array([np.nan]), np.array([0]))).all()


def test_each_mistake_has_its_image_its_class_and_what_was_predicted(evaluated):
    found, images = evaluated
    figure = pictures.mistakes_figure(found, images)
    worst = found.worst(24)
    for axes, at in zip(figure.axes, worst, strict=False):
        np.testing.assert_array_equal(axes.images[0].get_array(), images[at])
        assert axes.get_title() == (
            f"{found.labels[at]}\nnot {found.predicted[at]} ({found.confidence[at]:.2f})"
        )
    wrong = (found.predicted != found.labels).sum()
    assert f"{len(worst)} of {wrong} mistakes" in figure.get_suptitle()


def test_the_title_says_which_images_were_classified_and_how(evaluated):
    found, images = evaluated
    assert pictures.evaluation_figure(found).get_suptitle().endswith(", 30 test images")
    other = dataclasses.replace(found, split="training", under="fog of severity 5")
    for figure in (pictures.evaluation_figure(other), pictures.mistakes_figure(other, images)):
        assert ", 30 training images, fog of severity 5" in figure.get_suptitle()


def test_few_mistakes_and_none_are_said(evaluated):
    found, images = evaluated
    right = dataclasses.replace(found, predicted=found.labels)
    figure = pictures.mistakes_figure(right, images)
    assert figure.get_suptitle().endswith("no mistakes")
    assert titles(figure) == []
    one = found.labels.copy()
    one[3] = (one[3] + 1) % 10
    figure = pictures.mistakes_figure(dataclasses.replace(found, predicted=one), images)
    assert figure.get_suptitle().endswith("all mistakes (1), the highest cost first")
    assert len(titles(figure)) == 1


@pytest.mark.thorough
def test_the_same_evaluation_gives_the_same_files(evaluated, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pictures.draw(*evaluated, tmp_path / name)
    for name in ("evaluation.png", "mistakes.png"):
        assert filecmp.cmp(tmp_path / "one" / name, tmp_path / "two" / name, shallow=False)


def test_a_folder_that_cannot_be_written_is_one_line(evaluated, tmp_path):
    with pytest.raises(bnstudy.UserError, match=r"cannot write .*evaluation\.png"):
        pictures.draw(*evaluated, tmp_path / "nowhere")
