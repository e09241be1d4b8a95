"""The figures as files: the same logs give the same bytes; what cannot be drawn is refused."""

import subprocess
import sys

import matplotlib
import pytest

from bnstudy.errors import UserError
from bnstudy.plots.figures import plot_comparison, plot_run
from bnstudy.run_folder.log import write_metrics


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")]
)
def test_the_same_logs_give_the_same_bytes_whatever_the_users_settings(
    make_run, tmp_path, monkeypatch, suffix, start
):
    folders = [make_run("s0", case="a"), make_run("s1", case="a", overrides={"seed": 1})]
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    assert plot_comparison(folders, first, reference=True) == first
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20)
    monkeypatch.setitem(matplotlib.rcParams, "savefig.bbox", "tight")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # stands in for another day
    plot_comparison(map(str, folders), str(second), reference=True)
    assert matplotlib.rcParams["font.size"] == 20  # and leave them alone
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()


def test_an_unknown_suffix_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UserError, match=r"fig\.jpeg: .* must end in one of \.png, \.pdf, \.svg"):
        plot_comparison(["nowhere"], tmp_path / "fig.jpeg")


def test_a_place_that_cannot_be_written(make_run, tmp_path):
    folder = make_run("run", epochs=1, case="a")
    with pytest.raises(UserError, match=r"cannot write .*fig\.png: No such file or directory"):
        plot_comparison([folder], tmp_path / "nowhere" / "fig.png")
    (folder / "train.png").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*train\.png"):
        plot_run(folder)


def test_nothing_to_plot(make_run, tmp_path):
    with pytest.raises(UserError, match="at least one run folder"):
        plot_comparison([], tmp_path / "fig.png")
    folder = make_run("run", case="a")
    write_metrics(folder, [])
    with pytest.raises(UserError, match="run has no finished epoch yet"):
        plot_run(folder)
    with pytest.raises(UserError, match="run has no finished epoch yet"):
        plot_comparison([folder], tmp_path / "fig.png")
    with pytest.raises(UserError, match="no such folder"):
        plot_run(tmp_path / "nowhere")


def test_plotting_needs_neither_pyplot_nor_tensorflow(make_run):
    code = (
        "import sys; from bnstudy.plots.figures import plot_run; plot_run(sys.argv[1]);"
        "print([name for name in ('tensorflow', 'matplotlib.pyplot') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(make_run("run", epochs=1, case="a"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
