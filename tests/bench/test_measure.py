"""The benchmark: what it counts, what it compares, what it prints."""

import json

import pytest
import tensorflow as tf
from helpers import config

from bnstudy.bench import measure
from bnstudy.bench import cases as cases
from bnstudy.bench import tables as tables
from bnstudy.bench.measure import Contender
from bnstudy.cli.main import main
from bnstudy.data.dataset import load_dataset
from bnstudy.runner.steps import make_sums
from bnstudy.runner.training import Training

TINY = ["--preset", "quick", "--set", "model.width=0.05", "--set", "training.batch_size=10"]
TINY += ["--rounds", "2", "--steps", "4"]


def test_the_operations_are_counted_as_by_hand():
    at_32 = 32**2 * (9 * 3 * 96 + 9 * 96 * 96 + 9 * 96 * 192)
    at_16, at_8 = 16**2 * 3 * 9 * 192 * 192, 8**2 * (9 * 192 * 192 + 192 * 192 + 192 * 10)
    multiply_adds = at_32 + at_16 + at_8
    assert round(multiply_adds / 1e6) == 536
    first = 32**2 * 9 * 3 * 96  # its images need no gradient
    assert cases.training_flops(1.0) == 2 * (3 * multiply_adds - first)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_convolutions_alone_are_those_of_a_step(precision):
    run = cases.convolutions_alone(config(training__precision=precision), images=2)
    assert len(run()) == 9 + 9 + 8
    kinds = [op.type for op in run.get_concrete_function().graph.get_operations()]
    assert kinds.count("Conv2D") == kinds.count("Conv2DBackpropFilter") == 9
    assert kinds.count("Conv2DBackpropInput") == 9  # the first is not run: nobody asks for it


def test_the_first_step_and_those_whose_batches_stood_ready_do_not_count():
    assert cases.intervals([5.0, 6.0, 8.0, 11.0, 15.0]) == [3.0, 4.0]


def test_ratios_are_taken_within_a_round():
    fast, slow = (Contender(name, "float32", config()) for name in ("case c", "case a"))
    fast.rounds = [{"training": [1.0, 1.0, 9.0]}, {"training": [4.0]}, {"training": [2.0]}]
    slow.rounds = [{"training": [2.0]}, {"training": [4.0]}, {"training": [6.0]}]
    assert fast.ratio("training", slow, "training") == [2.0, 1.0, 3.0]
    assert fast.median("training") == 2.0


def test_figures_come_from_times_as_documented():
    ours = Contender("case c", "float32", config(training__batch_size=50))
    parts = {"forward": 0.1, "gradients": 0.3, "update": 0.01, "convolutions": 0.36, "step": 0.4}
    parts |= {"mean_step": 0.4, "epoch": 0.5}
    ours.rounds = [{"training": [0.4, 0.4, 0.6, 0.8]} | {k: [v] * 3 for k, v in parts.items()}] * 2
    theirs = Contender("Keras fit", "float32", config(), peer=True)
    theirs.rounds = [{"training": [0.6]}, {"training": [1.0]}]
    row = tables._row(ours, flops=2_000_000)
    assert row["training_ms"] == pytest.approx(500)
    assert row["training_spread"] == pytest.approx((0.75 - 0.4) / 2 / 0.5)  # quartiles of eight
    assert row["images_per_second"] == pytest.approx(100)
    assert row["gflops"] == pytest.approx(2e6 * 50 / 0.5 / 1e9)
    assert row["convolutions_gflops"] == pytest.approx(2e6 * 50 / 0.36 / 1e9)
    assert row["backward_ms"] == pytest.approx(200)
    assert row["share_of_convolutions"] == pytest.approx([0.9] * 3)
    assert row["epoch_against_steps"] == pytest.approx([0.8] * 3)
    ((name, ratio),) = tables._ratios([ours, theirs])
    assert name == "case c float32 / Keras fit float32"
    assert ratio == pytest.approx([1.6, 1.2, 2.0])


def test_the_command_prints_json_and_its_table(capsys):
    cases = ["--case", "c", "--precision", "bfloat16"]
    assert main(["bench", *cases, *TINY, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    _, row = figures["rows"]
    assert (row["name"], row["precision"]) == ("case c", "bfloat16")
    assert figures["network"]["flops_per_image"] == cases.training_flops(0.05)
    assert row["images_per_second"] == pytest.approx(10_000 / row["training_ms"])
    assert all(row[f"{part}_ms"] > 0 for part in ("forward", "update", "step", "convolutions"))
    assert row["peak_mb"] > 100
    table = "\n".join(tables.lines(figures))
    assert "| case c, autodiff | bfloat16  |" in table
    assert "| case c bfloat16 / case c, autodiff bfloat16 | " in table


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rounds", "1"], "must be an integer >= 2, got 1"),
        (["--case", "d"], "the cases are a, b, c"),
        (["--precision", "float16"], "float32"),
        (["--preset", "quick", "--steps", "9999"], "the size of the set (from --steps)"),
        (["--set", "data.train_limit=9"], "data.train_limit is set by --steps"),
    ],
)
def test_wrong_input_is_one_line(capsys, arguments, says):
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error.splitlines()[-1]


def test_plain_tensorflow_trains_the_network_of_case_b():
    """The same weights give the same costs, wherever case b takes them: it is a fair peer."""
    from bnstudy.bench.peers import PlainTensorFlow

    case_b = config("b", data__train_limit=100, data__test_limit=10)
    peer, ours = PlainTensorFlow(case_b), Training(case_b, load_dataset(case_b.data))
    rate = tf.constant(0.01, tf.float64)
    for images, labels in ours.batches.epoch(0):
        for name, w in ours.model.parameters.items():
            peer.parameters[name].assign(w)
        cost = float(ours.train_step(images, labels, rate, make_sums()).cost) / len(labels)
        assert float(peer.step(images, labels)) == pytest.approx(cost, rel=1e-5)


def test_a_system_without_signal_masks_is_told_so(capsys, monkeypatch):
    monkeypatch.delattr(bench.signal, "pthread_sigmask")
    assert main(["bench"]) == 2
    assert capsys.readouterr().err == "bnstudy: bench: works on Linux and macOS only\n"


def test_a_contender_that_dies_is_named(monkeypatch):
    monkeypatch.setattr(bench, "_serve", None)  # what the process is told to run cannot be sent
    with pytest.raises(bench.UserError, match="case c ended; is the memory short"):
        bench.measure([Contender("case c", "float32", config())], rounds=2)
