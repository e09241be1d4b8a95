"""The results of a benchmark, and their tables."""

import importlib.metadata

import pytest
from helpers import config

from bnstudy.bench import tables
from bnstudy.bench.measure import Contender


@pytest.fixture
def ours():
    """Two rounds of case c."""
    case_c = Contender("case c", "float32", config(training__batch_size=50), peak_mb=1234.5)
    parts = {"forward": 0.1, "gradients": 0.3, "update": 0.01, "convolutions": 0.36, "step": 0.4}
    parts |= {"mean_step": 0.4, "epoch": 0.5, "inference": 0.07}
    times = {"training": [0.4, 0.4, 0.6, 0.8]} | {
        part: [value] * 3 for part, value in parts.items()
    }
    case_c.rounds = [times, times]
    return case_c


@pytest.fixture
def theirs():
    """Two rounds of a peer."""
    rounds = [{"training": [0.6]}, {"training": [1.0]}]
    return Contender("Keras fit", "float32", config(), peer=True, rounds=rounds)


def test_results_come_from_times_as_documented(ours):
    row = tables.row_of(ours, flops=2_000_000)
    assert row["training_ms"] == pytest.approx(500)
    assert row["training_spread"] == pytest.approx((0.75 - 0.4) / 2 / 0.5)  # quartiles of eight
    assert row["images_per_second"] == pytest.approx(100)
    assert row["training_ms_by_round"] == pytest.approx([500, 500])
    assert row["gflops"] == pytest.approx(2e6 * 50 / 0.5 / 1e9)
    assert row["convolutions_gflops"] == pytest.approx(2e6 * 50 / 0.36 / 1e9)
    assert row["backward_ms"] == pytest.approx(200)
    assert row["inference_ms"] == pytest.approx(70)
    assert row["share_of_convolutions"] == pytest.approx([0.9] * 3)
    assert row["epoch_against_steps"] == pytest.approx([0.8] * 3)


def test_the_last_of_our_cases_is_compared_with_all_others(ours, theirs):
    ((name, ratio),) = tables.ratios_of([ours, theirs])
    assert name == "case c float32 / Keras fit float32"
    assert ratio == pytest.approx([1.6, 1.2, 2.0])


def test_a_comparison_is_with_the_same_precision_or_with_float32(ours, theirs):
    def in_bfloat16(each):
        return Contender(each.name, "bfloat16", each.config, each.peer, rounds=each.rounds)

    names = [
        name for name, _ in tables.ratios_of([ours, in_bfloat16(ours), theirs, in_bfloat16(theirs)])
    ]
    assert names == [
        "case c float32 / Keras fit float32",
        "case c bfloat16 / case c float32",
        "case c bfloat16 / Keras fit float32",
        "case c bfloat16 / Keras fit bfloat16",
    ]


def test_the_tables_show_the_results(ours, theirs):
    results = {
        "machine": {"cpu": "A CPU", "cores": 2, "versions": {"tensorflow": "2.21.0"}},
        "network": {"width": 0.25, "batch_size": 50, "data": "digits"},
        "rounds": 2,
        "rows": [tables.row_of(each, flops=2_000_000) for each in (ours, theirs)],
        "ratios": dict(tables.ratios_of([ours, theirs])),
    }
    head, *lines = tables.lines(results)
    assert head == (
        "A CPU, 2 cores, TensorFlow 2.21.0; width 0.25, batch 50, digits; 2 rounds, medians"
    )
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line]
    assert [*("case c", "float32", "100.0", "0", "500.0 ± 35 %", "1,234 MB")] in cells
    assert [row[0] for row in cells].count("Keras fit") == 1  # its parts are not measured
    assert ["case c float32 / Keras fit float32", "1.60", "1.20 to 2.00"] in cells
    assert "0.90 (0.90 to 0.90)" in next(row for row in cells if row[-1] == "0.80 (0.80 to 0.80)")


def test_convolutions_are_compared_one_by_one_and_as_their_sum(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda package: "1.0")
    here = [{"conv1 forward": [0.001, 0.002, 0.009], "conv1 dw": [0.004]}] * 2
    there = [
        {"conv1 forward": [0.001], "conv1 dw": [0.002]},
        {"conv1 forward": [0.004], "conv1 dw": [0.008]},
    ]
    pair = [
        Contender(name, "float32", config(), True, rounds=rounds)
        for name, rounds in {"TensorFlow": here, "PyTorch": there}.items()
    ]
    results = tables.convolution_report(pair)
    rows = {row["convolution"]: row for row in results["rows"]}
    assert list(rows) == ["conv1 forward", "conv1 dw", "sum"]
    assert rows["conv1 forward"]["tensorflow_ms"] == pytest.approx(2)
    assert rows["conv1 forward"]["ratio"] == pytest.approx([1.25, 0.5, 2])
    assert rows["sum"]["tensorflow_ms"] == pytest.approx(6)
    assert rows["sum"]["ratio"] == pytest.approx([1.25, 0.5, 2])  # 3 / 6 and 12 / 6
    assert len(here[0]) == 2, "the measurements stay as they are"
    _, _, head, *_, last = tables.convolution_lines(results)
    assert head.endswith("| PyTorch's time / TensorFlow's |")
    cells = [cell.strip() for cell in last.split("|")[1:-1]]
    assert cells == ["sum", "float32", "6.00", "7.50", "1.25 (0.50 to 2.00)"]
