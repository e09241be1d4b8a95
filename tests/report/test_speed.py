"""The verdicts on speed, from rounds whose times are known."""

from pathlib import Path

import pytest

from bnstudy.report.runs import Benchmark
from bnstudy.report.speed import judge_speed


def bench(**rounds):
    rows = [
        {"name": name, "precision": "float32", "training_ms_by_round": times}
        for name, times in rounds.items()
    ]
    return Benchmark(Path("bench.json"), {"rows": rows, "network": {"width": 0.25}})


BARE = "case c, bn.scale=false, bn.center=false"


def test_speed_is_judged_round_by_round():
    found = list(
        judge_speed(
            bench(
                **{
                    "case a": [10.0, 10.0, 20.0],
                    "case b": [11.0, 12.0, 21.0],
                    "case c": [12.0, 9.0, 22.0],
                    BARE: [11.0, 9.5, 21.0],
                }
            )
        )
    )
    assert [(v.number, v.verdict) for v in found] == [
        ("iv", "replicates"),
        ("iv", "undecided"),
        ("iv b", "not comparable"),
    ]
    assert found[0].value == pytest.approx(1.1)
    assert found[0].interval == pytest.approx((1.05, 1.2))
    assert found[0].runs == ("bench.json",)
    assert found[0].beside == {"round by round": "1.100, 1.200, 1.050"}
    assert found[2].beside == {"round by round": "0.500, unknown, 0.500"}


def test_the_share_of_the_two_parameters():
    (*_, found) = judge_speed(
        bench(
            **{
                "case a": [10, 10, 10],
                "case b": [11, 11, 11],
                "case c": [12, 14, 14],
                BARE: [11.5, 13, 13],
            }
        )
    )
    assert (found.number, found.value, found.verdict) == ("iv b", 0.25, "does not replicate")
    assert list(judge_speed(bench(**{"case a": [10.0]}))) == []


def test_no_rounds_are_no_times():
    assert list(judge_speed(bench(**{"case a": [], "case b": [], "case c": [], BARE: []}))) == []


def test_fewer_than_three_rounds_are_not_judged():
    times = {"case a": [10.0, 10.0], "case b": [15.0, 16.0], "case c": [12.0, 9.0], BARE: [11, 11]}
    found = list(judge_speed(bench(**times)))
    assert [v.verdict for v in found] == ["not judged"] * 3
    assert {v.why for v in found} == {"needs 3 rounds"}
    assert found[0].value == pytest.approx(1.55)
