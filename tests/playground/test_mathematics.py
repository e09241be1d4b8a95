"""The mathematics of the page, run by Node, and manual/batch_norm.py, to 1e-12."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from playground_helpers import normals, script

from bnstudy.manual import batch_norm

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed")
HAND_WRITTEN = Path(batch_norm.__file__).read_text(encoding="utf-8")


def run(calls):
    """Return the results of functions of the page: [name, argument, ...] each."""
    code = script("mathematics") + (
        "const calls = JSON.parse(require('fs').readFileSync(0, 'utf8'));\n"
        "console.log(JSON.stringify(calls.map(([name, ...rest]) => bn[name](...rest))));"
    )
    ended = subprocess.run(
        [NODE, "-e", code], input=json.dumps(calls), capture_output=True, text=True, check=True
    )
    return json.loads(ended.stdout)


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.fixture(params=[1, 2, 7, 50], ids="{} values".format)
def case(request):
    """One channel: x far from mean 0 and variance 1, a random dy, gamma and beta not 1 and 0."""
    random = np.random.default_rng(request.param)
    x, dy = 3 + 2.5 * random.standard_normal((2, request.param))
    return x, dy, random.uniform(0.5, 2), random.uniform(-1, 1), random.uniform(0.01, 0.3)


def tensors(*values):
    return [tf.constant(value, tf.float64) for value in values]


def as_cache(cache):
    """Return a cache of Python as the page has it."""
    names = {"x": cache.x, "mean": cache.mean, "r": cache.r, "gamma": cache.gamma}
    names |= {"variance": cache.variance, "xHat": (cache.x - cache.mean) * cache.r}
    flat = {name: np.ravel(value).tolist() for name, value in names.items()}
    return {name: value if name in ("x", "xHat") else value[0] for name, value in flat.items()}


def both_backward(function, case, cache):
    """Return the backward pass of the page and that of Python."""
    dx, dgamma, dbeta = function(tf.constant(case[1]), cache)
    return {"dx": dx.numpy(), "dgamma": float(dgamma), "dbeta": float(dbeta)}


@needs_node
def test_forward_and_backward(case):
    x, dy, gamma, beta, epsilon = case
    y, cache = batch_norm.forward(*tensors(x, gamma, beta), (0,), epsilon)
    forward, backward, by_paths = run(
        [
            ["forward", x.tolist(), gamma, beta, epsilon],
            ["backward", dy.tolist(), as_cache(cache)],
            ["backwardByPaths", dy.tolist(), as_cache(cache)],
        ]
    )
    same(forward["y"], y)
    for name, value in as_cache(cache).items():
        same(forward[name], value)
    expected = both_backward(batch_norm.backward, case, cache)
    for name, value in expected.items():
        same(backward[name], value)
    same(by_paths["dx"], expected["dx"])
    taken = backward["meanDxHat"] + np.array(backward["along"]) + backward["rest"]
    same(taken, gamma * dy)


@needs_node
def test_inference_forward_and_backward(case):
    x, dy, gamma, beta, epsilon = case
    fixed = tensors(2.5, 1.7)
    y, cache = batch_norm.inference_forward(*tensors(x, gamma, beta), *fixed, (0,), epsilon)
    forward, backward = run(
        [
            ["normalize", x.tolist(), 2.5, 1.7, gamma, beta, epsilon],
            ["inferenceBackward", dy.tolist(), as_cache(cache)],
        ]
    )
    same(forward["y"], y)
    same(forward["xHat"], as_cache(cache)["xHat"])
    for name, value in both_backward(batch_norm.inference_backward, case, cache).items():
        same(backward[name], value)
    same(backward["rest"], gamma * dy)


@needs_node
@pytest.mark.parametrize("momentum", [0, 0.5, 0.99])
@pytest.mark.parametrize("updates", [0, 1, 30])
def test_moving_averages(momentum, updates):
    moving, batch, start = 2.2, 3.7, 0.4
    found = run(
        [
            ["updateMoving", moving, batch, momentum],
            ["debias", moving, start, momentum, updates],
        ]
    )
    same(found[0], batch_norm.update_moving(*tensors(moving, batch), momentum))
    expected = batch_norm.debias(*tensors(moving), start, momentum, tf.constant(updates))
    same(found[1], expected)


@needs_node
def test_random_numbers_are_those_of_the_generator_in_python_and_look_normal():
    (found,) = run([["normals", 12345, 20000]])
    same(found, normals(12345, 20000))
    assert abs(np.mean(found)) < 0.02
    assert abs(np.std(found) - 1) < 0.02
    assert abs(np.mean(np.abs(found) < 1) - 0.683) < 0.01


def test_the_mathematics_has_under_80_lines():
    assert 40 < len(script("mathematics").strip().splitlines()) < 80


def assigned(text, comment):
    """Return {number of an equation: name on the left of its line}, names without capitals."""
    lines = re.findall(rf"(\w+) = [^\n]*{comment} \((\d+[a-e]?)\)", text)
    return {number: name.replace("_", "").lower() for name, number in lines}


def test_each_equation_computes_what_it_does_in_python():
    here = assigned(script("mathematics"), "//")
    python = assigned(HAND_WRITTEN, "#")
    numbers = ["10", "11", "12", "13", "14", "15", "16", "17d", "17e", "17"]
    assert {k: here.get(k) for k in numbers} == {k: python[k] for k in numbers}
