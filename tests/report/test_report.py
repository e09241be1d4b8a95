"""The report: its parts, and which runs are judged together."""

import json

import pytest

from bnstudy.errors import UserError
from bnstudy.report.report import make_report


@pytest.fixture
def four_arms(make_finished, tmp_path):
    for arm in "abcd":
        for seed in range(3):
            make_finished(arm, seed)
    return tmp_path


def test_it_has_the_table_how_runs_were_made_and_the_verdicts(four_arms):
    text = make_report([four_arms]).markdown()
    assert text.count("\n| runs | ") == 1  # the second table; the first opens the text
    assert text.startswith("| runs | n | training accuracy |")
    assert "Epoch 21 of 21: the mean over n seeds ± their standard deviation." in text
    assert (
        "**CIFAR-10, width 0.25** (a: no batch norm, Adam; b: batch norm, Adam; c: batch norm, "
        "AMSGrad; d: no batch norm, AMSGrad)"
    ) in text
    assert text.count("| vi | ") == 6


@pytest.mark.parametrize(
    ("shown", "start"),
    [
        ("results", "| runs | n | training"),
        ("provenance", "| runs | test accuracy, 95 %"),
        ("verdicts", "**CIFAR-10, width 0.25**"),
    ],
)
def test_a_part_alone(four_arms, shown, start):
    text = make_report([four_arms]).markdown([shown])
    assert text.startswith(start)
    assert text.count("\n| --- |") == 1


def test_runs_of_fewer_epochs_and_single_arms_are_not_judged(make_finished, tmp_path):
    make_finished("a", 0, epochs=10)
    make_finished("b", 0, epochs=10)
    make_finished("c", 0, changes={"bn.momentum": 0.9})
    assert make_report([tmp_path]).sections == []


def test_unfinished_runs_are_named(make_finished, make_run, tmp_path):
    make_finished("a", 0)
    make_run("runs/half", epochs=4, case="b", presets=["lite"])
    report = make_report([tmp_path])
    for shown in ("results", "provenance", "verdicts"):
        assert report.markdown([shown]).endswith("counted nowhere: half (4 of 21 epochs).")
    assert report.as_json()["unfinished"] == ["half"]


def test_json_of_everything(four_arms):
    found = json.loads(json.dumps(make_report([four_arms]).as_json(), allow_nan=False))
    assert [row["label"] for row in found["results"]][:3] == ["case a", "case b", "case c"]
    (section,) = found["verdicts"]
    assert {verdict["number"] for verdict in section["verdicts"]} == {
        *("i", "ii", "ii b", "iii", "v", "v b", "vi")
    }
    assert len(section["verdicts"][0]["runs"]) == 6


def test_a_benchmark_is_judged_beside_the_runs(four_arms):
    rows = [
        {"name": f"case {case}", "precision": "float32", "training_ms_by_round": [time] * 3}
        for case, time in (("a", 10.0), ("b", 12.0), ("c", 11.0))
    ]
    path = four_arms / "lite.json"
    path.write_text(json.dumps({"rows": rows, "network": {"width": 0.25}}))
    text = make_report([four_arms, path]).markdown(["verdicts"])
    assert "**speed, lite.json**" in text
    assert "time of a training step, b / a; width 0.25, float32 | 1.20 (1.20 to 1.20)" in text


def test_a_benchmark_that_decides_nothing_is_refused(four_arms):
    rows = [{"name": "case a", "precision": "float32", "training_ms_by_round": [1.0]}]
    path = four_arms / "short.json"
    path.write_text(json.dumps({"rows": rows, "network": {"width": 0.25}}))
    with pytest.raises(UserError, match=r"short\.json decides no claim about speed"):
        make_report([four_arms, path])


def test_runs_that_no_claim_is_about_say_so(make_finished, tmp_path):
    make_finished("a", 0)
    report = make_report([tmp_path])
    assert report.markdown(["verdicts"]).startswith("These runs decide no claim")
    assert "decide no claim" not in report.markdown(["results"])


def test_a_claim_about_first_epochs_needs_no_run_of_21(make_finished, tmp_path):
    for arm in ("b", "c", "c, bias-corrected"):
        make_finished(arm, 0, epochs=1)
    (section,) = make_report([tmp_path]).sections
    found = {verdict.number: verdict for verdict in section.verdicts}
    assert found["vi b"].seeds["b"] == (0,)
