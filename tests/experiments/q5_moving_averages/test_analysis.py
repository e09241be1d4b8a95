"""Question 5 as a whole: what the two halves give together."""

import json

import pytest


@pytest.mark.thorough
def test_both_halves_are_judged_described_and_drawn(analysis, first, second, found, monkeypatch):
    monkeypatch.setattr(first, "measure", lambda: dict(found))
    measured = analysis.measure([])
    json.dumps(measured)
    assert "second half" in measured
    assert "described" not in measured["first half"]
    assert "batch sizes whose band contains" in measured["described"]
    claims = analysis.judge(measured)
    assert len(claims) == 16 + 5
    assert [claim.name for claim in claims if claim.primary] == [
        "lite, momentum 0.99: raw averages catch up after 459 steps"
    ]
    assert analysis.draw(measured, claims).get_size_inches()[0] == 7.2


@pytest.mark.thorough
def test_the_figure_has_a_row_for_each_data_set_that_was_trained_on(
    analysis, second, found, made_up_curves
):
    runs = {name: {"0": made_up_curves(until, {0.99: 100})} for name, until in second.UNTIL.items()}
    heights = []
    for names in ([], ["digits"], ["cifar10", "digits"]):
        measured = {"first half": found, "second half": {name: runs[name] for name in names}}
        figure = analysis.draw(measured, [])
        heights.append(round(figure.get_size_inches()[1], 3))
    assert heights == [5.2, 7.4, 9.6]
