"""The choice of statistics: which fit which network, and refusals of one line."""

import pytest
from helpers import config

from bnstudy.analysis.choice import KINDS, Statistics
from bnstudy.errors import UserError


@pytest.mark.parametrize(
    ("case", "kinds"),
    [("a", ("moving", "source")), ("b", ("moving", "precise", "batch")), ("c", KINDS[:3])],
)
def test_every_network_has_its_kinds(case, kinds):
    for kind in kinds:
        Statistics(kind, 1).check(config(case))
    for kind in {*KINDS} - {*kinds}:
        with pytest.raises(UserError, match=kind) as caught:
            Statistics(kind).check(config(case))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("statistics", "says"),
    [
        (Statistics("exact"), "'exact', must be one of moving, precise, batch, source"),
        (Statistics("batch", 0), "the batch size is 0, must be an integer >= 1"),
        (Statistics("batch", 2.5), "the batch size is 2.5, must be an integer"),
        (Statistics("source"), r"this one has it \(model.batch_norm: custom\); take batch"),
    ],
)
def test_wrong_input_is_one_line(statistics, says):
    with pytest.raises(UserError, match=says) as caught:
        statistics.check(config("c"))
    assert "\n" not in str(caught.value)


def test_one_image_is_refused_where_statistics_are_taken_over_images_alone():
    activation = config("c", bn__axes="activation")
    Statistics("batch", 2).check(activation)
    with pytest.raises(UserError, match="a batch of one image has no variance"):
        Statistics("batch", 1).check(activation)
    Statistics("precise", 1).check(activation)  # it depends on no batch


def test_they_have_names():
    assert str(Statistics()) == "moving statistics"
    assert str(Statistics("precise", 5)) == "precise statistics"
    assert str(Statistics("batch")) == "batch statistics of 1,000 images"
