"""The backward loop, and the rule that `manual/` is TensorFlow alone."""

import ast
import sys
import tokenize
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers import random

import bnstudy.manual
from bnstudy.manual import network

FILES = sorted(Path(bnstudy.manual.__file__).parent.glob("*.py"))


class Scale:
    """y = w x, with everything that the loop hands it on record."""

    def __init__(self, w):
        self.w = w

    def forward(self, x, training):
        assert training is True
        return self.w * x, x

    def backward(self, dy, cache):
        return self.w * dy, [tf.reduce_sum(dy * cache)]


def test_backward_is_the_chain_rule_over_the_reversed_layers():
    layers = [Scale(2.0), Scale(3.0), Scale(5.0)]
    x, dy = random(4, seed=1), random(4, seed=2)
    y, caches = network.forward(layers, x, True)
    np.testing.assert_allclose(y, 30 * x)
    dx, dparameters = network.backward(layers, dy, caches)
    np.testing.assert_allclose(dx, 30 * dy)
    total = np.sum(x * dy)
    np.testing.assert_allclose(dparameters, [15 * total, 10 * total, 6 * total])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_manual_imports_tensorflow_and_nothing_else(path):
    allowed = {"tensorflow", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert all(alias.name in allowed for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.module.startswith("bnstudy.manual"):
            assert node.module.split(".")[0] in allowed
        elif isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            assert name not in ("GradientTape", "gradients", "keras", "custom_gradient")


def test_every_equation_is_cited_in_the_code_and_derived_in_the_document():
    comments = ""
    for path in FILES:
        with path.open("rb") as file:
            tokens = list(tokenize.tokenize(file.readline))
        comments += "".join(token.string for token in tokens if token.type == tokenize.COMMENT)
    document = Path(__file__).parents[2] / "docs" / "backprop.md"
    if not document.exists():
        pytest.skip("the documents are not beside the tests")
    for number in range(1, 37):
        assert f"({number})" in comments, f"equation ({number}) is cited in no line's comment"
        assert f"\\tag{{{number}}}" in document.read_text(), f"equation ({number}) is missing"
