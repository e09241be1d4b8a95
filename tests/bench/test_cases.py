"""The benchmark of a case: what it counts, and what it times."""

import pytest
from helpers import config

from bnstudy.bench import cases


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
    assert kinds.count("Conv2DBackpropInput") == 9  # the first is pruned: its result is not used


def test_the_first_step_and_those_with_prefetched_batches_do_not_count():
    assert cases.intervals([5.0, 6.0, 8.0, 11.0, 15.0]) == [3.0, 4.0]


def test_an_epoch_costs_its_steps_its_test_and_its_share_of_the_checkpoints(monkeypatch):
    """With 4 steps of 2 s, a test of 6 s, and a save of 3 s every 60 s of training."""
    benchmark = object.__new__(cases.CaseBenchmark)
    benchmark.training = type("Training", (), {"config": config(checkpoint__every_seconds=60)})
    benchmark.training.batches = type("Batches", (), {"steps": 4})
    seconds = {benchmark.test: 6.0, benchmark.save: 3.0}
    monkeypatch.setattr(cases, "time_call", lambda function: seconds[function])
    assert benchmark.epoch_per_step(2.0) == pytest.approx(2 + 6 / 4 + 3 * 2 / 60)
