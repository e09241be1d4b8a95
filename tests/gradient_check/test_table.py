"""The table and the JSON: what they say, how wide they are, and the power."""

import json

import numpy as np
import pytest
from gradient_mistakes import MISTAKES
from helpers import config

from bnstudy.gradient_check import diagnosis, network, rounding, table


def show(certificate, rounded=()):
    return list(table.lines(certificate, diagnosis.diagnose(certificate), list(rounded)))


@pytest.fixture(scope="module")
def right():
    return network.certify(config(), seed=3, directions=1)


@pytest.fixture(scope="module")
def as_posted():
    return network.certify(config(training__gradients="as_posted"), directions=1)


@pytest.fixture(scope="module")
def rounded(right):
    return rounding.measure(right.setting)


@pytest.mark.parametrize("directions", [1, 2, 5])
def test_an_error_of_the_power_is_noticed_in_99_of_100_cases(directions):
    random = np.random.default_rng(0)
    lines = random.standard_normal((200_000, directions))
    error = table.power(directions)
    noticed = (np.abs(error * lines) > network.TOLERANCE).any(axis=1).mean()
    assert noticed == pytest.approx(table.CONFIDENCE, abs=0.001)


def test_what_passes(right, rounded):
    text = show(right, rounded)
    assert max(map(len, text)) <= 100
    assert len(text) < 75
    assert "passed: all 37 derivatives are right" in text
    assert text[-1].startswith(
        "seed 3, tolerance 1e-09, 1 direction: an error of 8e-08 is noticed; "
    )
    assert not any("FAIL" in line or "wrong" in line for line in text)
    row = next(line for line in text if line.startswith("conv1  w"))
    values = right.derivatives[-2].whole.values[:, 0]
    assert row.split()[2:5] == [f"{value:.5g}" for value in values]


def test_what_fails(as_posted):
    text = show(as_posted)
    assert max(map(len, text)) <= 100
    start = text.index("first wrong, in the order of the backward pass: cost, dx; by hand is alone")
    assert text[start + 1].startswith("  cost, dx: not divided by the 5 images")
    assert text[start + 5 :][:2] == ["", "FAILED: 37 of 37 derivatives are wrong"]
    cost = next(line for line in text if line.startswith("cost   dx"))
    assert cost.endswith("FAIL, by hand alone")
    assert next(line for line in text if line.startswith("conv1  w")).endswith("(passes it on)")


def test_what_has_a_wrong_shape_is_nan_in_the_table_and_null_in_json(monkeypatch):
    MISTAKES["dw transposed"][0](monkeypatch)
    certificate = network.certify(config(), directions=1)
    text = show(certificate)
    assert next(line for line in text if line.startswith("conv9  w")).split()[2] == "nan"
    found = table.as_json(certificate, diagnosis.diagnose(certificate), [])
    row = next(
        row for row in found["derivatives"] if (row["layer"], row["tensor"]) == ("conv9", "w")
    )
    assert row["values"]["by hand"] == [None]
    assert row["values"]["automatic"][0] is not None
    json.dumps(found, allow_nan=False)


def test_a_gradient_that_is_not_finite_is_null_in_json(monkeypatch):
    MISTAKES["not finite"][0](monkeypatch)
    certificate = network.certify(config(), directions=1)
    found = table.as_json(certificate, diagnosis.diagnose(certificate), [])
    json.dumps(found, allow_nan=False)
    assert found["derivatives"][-2]["difference_of_the_compiled_step"] is None


def test_a_wrong_forward_value_is_counted(right):
    wrong = right._replace(forward=[right.forward[0]._replace(difference=0.5), *right.forward[1:]])
    text = show(wrong)
    assert text[1].startswith("conv1   5.0e-01 FAIL")
    assert "FAILED: 1 of 24 forward values are wrong" in text


def test_rounding_has_two_layers_a_line_and_marks_what_is_unusual(rounded):
    text = list(table.rounding_lines(rounded))
    assert max(map(len, text)) <= 100
    assert not any("*" in line for line in text[:-1])
    sloppy = [rounded[0]._replace(alone={"float32": 99.0, "bfloat16": 0.5}), *rounded[1:]]
    marked = [line for line in list(table.rounding_lines(sloppy))[:-1] if "*" in line]
    assert len(marked) == 1
    assert marked[0].startswith("logits*")


def test_json(right, as_posted, rounded):
    found = table.as_json(right, [], rounded)
    json.dumps(found, allow_nan=False)
    assert found["passed"] is True
    assert (found["seed"], found["directions"], len(found["derivatives"])) == (3, 1, 37)
    assert found["rounding"][0]["layer"] == "logits"
    assert found["rounding"][0]["usual"] is True
    found = table.as_json(as_posted, diagnosis.diagnose(as_posted), [])
    assert found["passed"] is False
    assert found["findings"][0] == {
        "layer": "cost",
        "tensor": "dx",
        "alone": "by hand",
        "mistake": "not divided by the 5 images of the batch (a factor of 5)",
    }
    first = found["derivatives"][0]
    assert (first["alone"], first["passed"]) == ("by hand", False)
    assert first["difference"] == as_posted.derivatives[0].difference


def test_a_wrong_moving_statistic_is_counted(right):
    first, *rest = right.statistics
    wrong = right._replace(statistics=[first._replace(eager=0.5), *rest])
    text = show(wrong._replace(evidence=right.evidence))
    assert text[8].startswith("bn3     5.0e-01 FAIL   bn6")
    assert "FAILED: 1 of 6 moving statistics are wrong" in text
    found = table.as_json(wrong, [], [])
    assert found["passed"] is False
    assert [row["passed"] for row in found["statistics"]] == [False] + [True] * 5


def test_without_batch_norm_there_are_no_moving_statistics():
    certificate = network.certify(config(model__batch_norm="none"), directions=1)
    assert not any("moving statistics" in line for line in show(certificate))


@pytest.mark.parametrize("where", ["alone", "step"])
def test_what_only_float32_gets_wrong_fails(where, right, rounded):
    conv9 = rounded[2]
    errors = {**getattr(conv9, where), "float32": 1e4}
    wrong = [*rounded[:2], conv9._replace(**{where: errors}), *rounded[3:]]
    text = show(right, wrong)
    assert "FAILED: 1 of 23 layers in float32 or bfloat16 are wrong" in text
    assert not table.passed(right, wrong)
    assert table.as_json(right, [], wrong)["passed"] is False
    told = {
        "alone": "wrong in float32, given the right dy: conv9",
        "step": "wrong in float32, but only in the compiled step: each layer alone is right",
    }
    assert told[where] in text
