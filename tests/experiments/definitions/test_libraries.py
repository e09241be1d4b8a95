"""Each definition equals its library to rounding, over sixty steps in which the choice matters."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
PAGE = " ".join((ROOT / "docs/definitions.md").read_text(encoding="utf-8").split())
GOLDEN = json.loads((Path(__file__).with_name("golden.json")).read_text())
LIMIT, APART = 1e-13, 1e-2


@pytest.fixture(scope="module")
def comparisons():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "experiments/definitions")
        import libraries

        yield libraries.comparisons()
        del sys.modules["libraries"], sys.modules["measure"]


@pytest.mark.thorough
def test_every_definition_equals_its_library(comparisons):
    far = [row for row in comparisons if not row.deviation < LIMIT]
    assert far == []


@pytest.mark.thorough
def test_no_other_definition_does(comparisons):
    near = [row for row in comparisons if not row.others > APART]
    assert near == []


@pytest.mark.thorough
def test_every_definition_of_the_page_is_compared_but_the_authors(comparisons):
    rows = PAGE.split("| **")[1:]
    assert {row.partition("**")[0] for row in rows} - {row.definition for row in comparisons} == {
        "AMSGrad, the author's"
    }


@pytest.mark.thorough
def test_the_page_says_how_close(comparisons):
    said = f"All {len(comparisons)} comparisons agree within {LIMIT:.0e}, "
    assert said + f"and the nearest other definition is at least {APART:.0e} away." in PAGE


def test_the_page_names_the_versions_of_the_golden_files():
    optimizers = json.loads((ROOT / "tests/manual/golden_optimizers.json").read_text())
    for versions in (GOLDEN["versions"], optimizers["versions"]):
        torch, optax = versions["torch"].partition("+")[0], versions["optax"]
        assert f"PyTorch {torch} and optax {optax}" in PAGE


def test_the_learning_rate_falls_and_the_batches_differ():
    """Guards the tests here: with a constant rate the two momenta are one."""
    assert len(set(GOLDEN["rates"])) == 3
    assert len(GOLDEN["rates"]) == len(GOLDEN["batches"]) >= 50
    variances = np.var(GOLDEN["batches"], axis=1)
    assert variances.max() > 10 * variances.min()
