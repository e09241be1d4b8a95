"""The tables: the last epoch of each group, over its seeds."""

import csv
import io
import json

import numpy as np
import pytest

from bnstudy.errors import UserError
from bnstudy.report import html, tables
from bnstudy.report.report import make_report
from bnstudy.report.runs import read
from bnstudy.report.verdicts import Verdict
from bnstudy.run_folder.files import write_json
from bnstudy.run_folder.log import load_log

LAST = np.arange(1, 22) == 21  # the last epoch


@pytest.fixture
def rows(make_finished, tmp_path):
    """Case a with seeds 0 and 1, case c with seed 0; only the last epoch is as shown."""
    for arm, seed, accuracy in (("a", 0, 0.80), ("a", 1, 0.82), ("c", 0, 0.85)):
        folder = make_finished(
            arm,
            seed,
            train_accuracy=np.where(LAST, accuracy + 0.1, 0.99),
            test_accuracy=np.where(LAST, accuracy, 0.99),  # a better epoch does not count
            train_cost=np.where(LAST, 0.3, 0.1),
            test_cost=np.where(LAST & (arm == "c"), np.inf, 0.6),
        )
        commit = {"commit": f"{seed}" * 40, "dirty": False}
        write_json(folder / "environment.json", {"continuations": [{"git": commit}]})
    return tables.rows(read([tmp_path]).groups)


def test_results_are_means_and_deviations_of_the_last_epoch(rows):
    assert tables.results_table(rows).splitlines() == [
        "| runs | n | training accuracy | test accuracy | gap | training cost (nats) | test cost (nats) |",  # noqa: E501
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| case a | 2 | 0.9100 ± 0.0141 | 0.8100 ± 0.0141 | 0.1000 ± 0.0000 | 0.3000 ± 0.0000 | 0.6000 ± 0.0000 |",  # noqa: E501
        "| case c | 1 | 0.9500 | 0.8500 | 0.1000 | 0.3000 | diverged |",
    ]


def test_how_the_runs_were_made(rows):
    assert tables.provenance_table(rows).splitlines()[2:] == [
        "| case a | 0.6829 to 0.9371 | 21 | float32 | 0.06 | 10,000 | 0000000, 1111111 |",
        "| case c | one seed | 21 | float32 | 0.06 | 10,000 | 0000000 |",
    ]


def test_csv_has_every_digit_and_the_keys_that_differ(rows):
    first, second = csv.DictReader(io.StringIO(tables.csv_table(rows)))
    assert (first["case"], first["model.batch_norm"], first["seeds"]) == ("a", "none", "0 1")
    assert "model.width" not in first
    assert float(first["test_accuracy_mean"]) == np.mean([0.80, 0.82])
    assert float(first["test_accuracy_standard_deviation"]) == pytest.approx(np.sqrt(2) / 100)
    assert second["test_cost_mean"] == second["test_accuracy_low"] == ""
    assert second["commits"] == "0000000"


def test_runs_may_differ_in_a_key_of_several_values(make_finished, tmp_path):
    key = "bn.renorm_clipping"
    for seed, r_max in ((0, 2), (1, 2), (0, 4)):
        make_finished("c", seed, changes={"bn.renorm": True, key: {"rmax": r_max, "dmax": 1}})
    report = make_report([tmp_path])
    first, second = json.loads(json.dumps(report.as_json()))["results"]
    assert (first["keys"][key], first["seeds"]) == ({"rmax": 2.0, "dmax": 1.0}, [0, 1])
    assert (second["keys"][key], second["seeds"]) == ({"rmax": 4.0, "dmax": 1.0}, [0])
    assert [row[key] for row in csv.DictReader(io.StringIO(tables.csv_table(report.rows)))] == [
        *("{rmax: 2.0, dmax: 1.0}", "{rmax: 4.0, dmax: 1.0}")
    ]
    assert f"{key} = {{rmax: 4.0, dmax: 1.0}}" in html.page(
        report, [tmp_path], tmp_path / "page.html"
    )


def test_json_has_none_where_there_is_no_number(rows):
    _, second = (row.as_json() for row in rows)
    assert second["figures"]["test_cost"]["mean"] is None
    assert second["figures"]["test_accuracy"] == {
        "mean": 0.85,
        "standard_deviation": None,
        "low": None,
        "high": None,
    }


def test_verdicts_in_a_table():
    verdict = Verdict(
        "i", "claim", "a | b", 0.0, "undecided", why="4 seeds", value=0.5, interval=(-1.0, 2.0),
        freedom=1, seeds={"a": (0, 1), "b": (0,)}, digits=1,
    )  # fmt: skip
    equal = Verdict("ii", "x", "y", 0.0, "replicates", seeds={"a": (0, 1), "b": (0, 1)})
    share = Verdict("vi b", "x", "y", 0.5, "yes", value=1.0, interval=(0.9, 1.2), seeds={"b": (0,)})
    assert tables.verdicts_table([verdict, equal, share]).splitlines()[2:] == [
        "| i | claim | a \\| b | +0.5 (-1.0 to +2.0) | a 2, b 1 | undecided: 4 seeds |",
        "| ii | x | y |  | 2 | replicates |",
        "| vi b | x | y | +1.0000 (+0.9000 to +1.2000) (range) | 1 | yes |",
    ]


def test_verdicts_on_speed_are_ratios_of_rounds_without_seeds():
    timed = Verdict(
        "iv", "x", "b / a", 1, "replicates", value=1.18, interval=(1.1, 1.4), digits=2, signed=False
    )
    assert tables.verdicts_table([timed]).splitlines() == [
        "| # | claim or question | statistic | median (range of the rounds) | verdict |",
        "| --- | --- | --- | --- | --- |",
        "| iv | x | b / a | 1.18 (1.10 to 1.40) | replicates |",
    ]


def test_a_run_that_diverged_early_has_no_results_of_the_last_epoch(make_finished, tmp_path):
    folder = make_finished("a", 0)
    twin = make_finished("a", 1, epochs=5)
    config = (twin / "config.yaml").read_text()
    (twin / "config.yaml").write_text(config.replace("epochs: 5", "epochs: 21"))
    write_json(twin / "result.json", {**load_log(twin).result, "diverged_at_step": 9})
    (row,) = tables.rows(read([folder, twin]).groups)
    assert len(row.seeds) == 2
    assert tables.results_table([row]).splitlines()[-1] == f"| case a | 2 |{' diverged |' * 5}"
    assert tables.provenance_table([row]).splitlines()[-1].startswith("| case a | diverged | 21 |")


def test_names_of_folders_cannot_break_a_table():
    name = "a|b\nc <img src=x> & d"
    table = tables.markdown(["runs"], [[name]])
    assert table.splitlines()[2] == "| a\\|b c &lt;img src=x> &amp; d |"
    assert len(table.splitlines()) == 3
    assert tables.escaped("a\\|b") == "a\\&#124;b"


def test_no_row_makes_no_csv():
    with pytest.raises(UserError, match="no run has finished"):
        tables.csv_table([])


def test_a_run_whose_time_is_not_known_has_no_time(make_finished):
    folder = make_finished("a", 0)
    result = load_log(folder).result
    del result["total_seconds"], result["images_per_second"]
    write_json(folder / "result.json", result)
    (row,) = tables.rows(read([folder]).groups)
    assert (row.hours, row.images_per_second) == (None, None)
    assert tables.provenance_table([row]).splitlines()[-1].endswith(" | float32 |  |  | unknown |")
