"""Our style: the same bytes everywhere, and figures that belong to whoever asked for them."""

import copy
import filecmp
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bnstudy.errors import UserError
from bnstudy.plots.figures import plot, plot_run


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")]
)
def test_the_same_logs_give_the_same_bytes_whatever_the_users_settings(
    make_run, tmp_path, monkeypatch, suffix, start
):
    folders = [make_run("s0", case="a"), make_run("s1", case="a", overrides={"seed": 1})]
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    plot(folders, reference=True, out=first)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20)
    monkeypatch.setitem(matplotlib.rcParams, "savefig.bbox", "tight")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # as on another day
    plot(map(str, folders), reference=True, out=str(second))
    assert matplotlib.rcParams["font.size"] == 20  # theirs are as before
    assert first.read_bytes().startswith(start)
    assert filecmp.cmp(first, second, shallow=False)  # pytest would diff the bytes for minutes


def test_an_unknown_suffix_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UserError, match=r"fig\.jpeg: .* must end in one of \.png, \.pdf, \.svg"):
        plot("nowhere", out=tmp_path / "fig.jpeg")


def test_a_place_that_cannot_be_written(make_run, tmp_path):
    folder = make_run("run", epochs=1, case="a")
    with pytest.raises(UserError, match=r"cannot write .*fig\.png: No such file or directory"):
        plot(folder, out=tmp_path / "nowhere" / "fig.png")
    (folder / "train.png").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*train\.png"):
        plot_run(folder)


# ------------------------------------------------------------------------------- in a notebook


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def test_a_notebook_shows_a_figure_in_its_own_size_and_twice_the_pixels(make_run, tmp_path):
    figure = plot(make_run("run", epochs=2, case="a"))
    data, size = figure._repr_png_()
    (tmp_path / "shown.png").write_bytes(data)
    height, width, _ = image.imread(tmp_path / "shown.png").shape
    assert (width, height) == (2 * int(size["width"]), 2 * int(size["height"]))
    assert size["width"] == 720


def test_a_figure_can_be_changed_and_copied_by_its_user(make_run):
    figure = plot(make_run("run", epochs=2, case="a"), metric="test_cost")
    before = pixels(figure)
    copied = copy.deepcopy(figure)
    figure.axes[0].axhline(0.5, color="red")
    figure.axes[0].set_title("mine")
    assert not np.array_equal(pixels(figure), before)
    assert copied.axes[0].get_title() == ""
    assert copied._repr_png_() != figure._repr_png_()


def test_a_figure_looks_the_same_whatever_the_style_when_it_is_shown(make_run):
    folder = make_run("run", epochs=2, case="a")
    expected = pixels(plot(folder))
    figure = plot(folder)
    with matplotlib.rc_context(
        {"xtick.color": "red", "font.size": 20, "axes.labelcolor": "red", "text.color": "red"}
    ):
        assert np.array_equal(pixels(figure), expected)
        assert matplotlib.rcParams["font.size"] == 20


SHOWN = """
import sys
from matplotlib import pyplot
pyplot.switch_backend("agg")
pyplot.plot([1, 2])
import bnstudy
before = dict(pyplot.rcParams)
figure = bnstudy.plot(sys.argv[1])
figure._repr_png_()
assert pyplot.get_fignums() == [1]
assert pyplot.gcf() is not figure
assert dict(pyplot.rcParams) == before
"""


def test_pyplot_knows_nothing_of_our_figures(make_run):
    command = [sys.executable, "-c", SHOWN, str(make_run("run", epochs=1, case="a"))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
