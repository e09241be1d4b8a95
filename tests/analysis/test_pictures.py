"""The picture of the corruptions shows each, by severity."""

import numpy as np
import pytest

from bnstudy.analysis.corruptions import CORRUPTIONS, corrupt
from bnstudy.analysis.pictures import corruptions_figure
from bnstudy.errors import UserError

IMAGE = np.random.default_rng(6).integers(0, 256, (32, 32, 3)).astype(np.uint8)


def test_every_corruption_has_a_row_and_every_severity_a_column():
    panels = np.array(corruptions_figure(IMAGE, seed=2).axes).reshape(len(CORRUPTIONS), 6)
    for name, row in zip(CORRUPTIONS, panels, strict=True):
        assert row[0].get_ylabel() == name.replace("_", " ")
        np.testing.assert_array_equal(row[0].images[0].get_array(), IMAGE)
        for severity in (1, 5):
            (expected,) = corrupt(IMAGE[None], name, severity, seed=2)
            np.testing.assert_array_equal(row[severity].images[0].get_array(), expected)
    assert [axes.get_title() for axes in panels[0]] == ["as it is", "1", "2", "3", "4", "5"]


def test_what_is_no_image_is_refused_in_one_line():
    with pytest.raises(UserError, match="images must be uint8") as caught:
        corruptions_figure(IMAGE / 255)
    assert "\n" not in str(caught.value)
