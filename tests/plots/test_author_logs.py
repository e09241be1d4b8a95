"""The author's logs of 2018."""

import numpy as np
import pytest

from bnstudy.plots.author_logs import load_reference


def test_the_reference_is_the_published_one():
    series = load_reference()
    assert list(series) == ["momentum", "adam", "manual_amsgrad"]
    for columns in series.values():
        assert list(columns) == [
            "epoch",
            "train_cost",
            "train_accuracy",
            "test_cost",
            "test_accuracy",
        ]
        np.testing.assert_array_equal(columns["epoch"], np.arange(1, 22))
        assert columns["epoch"].dtype == np.int64
    at = np.array([1, 5, 10, 21]) - 1
    np.testing.assert_allclose(
        series["adam"]["test_accuracy"][at], [0.603, 0.808, 0.861, 0.884], atol=6e-4
    )
    np.testing.assert_allclose(
        series["manual_amsgrad"]["test_accuracy"][at], [0.622, 0.841, 0.873, 0.879], atol=6e-4
    )
    assert series["adam"]["train_accuracy"][-1] == pytest.approx(0.945, abs=5e-4)
