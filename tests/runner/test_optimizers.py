"""The optimizer of a run: every rule, its state, its rate."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random

import bnstudy
from bnstudy.manual import adam, amsgrad, sgd
from bnstudy.runner.optimizers import Optimizer, learning_rate

RULES = [
    ("sgd", "paper"),
    ("momentum", "paper"),
    *(("adam", variant) for variant in adam.VARIANTS),
    *(("amsgrad", variant) for variant in amsgrad.VARIANTS),
]
FIELDS = {
    "sgd": ["velocity"],
    "momentum": ["velocity"],
    "adam": ["step", "m", "v"],
    "amsgrad": ["step", "m", "v", "v_max"],
}
SHAPES = {"first": (3, 2), "second": (4,), "third/gamma": (1, 5)}
BETAS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
every_rule = pytest.mark.parametrize(("name", "variant"), RULES)


def options(name, variant):
    """The group `optimizer` of a configuration."""
    values = {"name": name, "variant": variant, **BETAS}
    return config(**{f"optimizer__{key}": value for key, value in values.items()}).optimizer


def parameters(dtype=tf.float64):
    """Variables of different shapes."""
    return {
        name: tf.Variable(tf.cast(random(*shape, seed=i), dtype))
        for i, (name, shape) in enumerate(SHAPES.items())
    }


def gradients(step, dtype=tf.float64):
    """Large at the first step, then small, so that AMSGrad's maximum binds."""
    return [
        tf.cast(random(*shape, seed=100 * step + i, scale=5.0 if step == 1 else 0.3), dtype)
        for i, shape in enumerate(SHAPES.values())
    ]


def rate(step, dtype=tf.float64):
    """A rate that changes."""
    return tf.constant(0.1 / step, dtype)


def walk(optimizer, steps, dtype=tf.float64):
    """Apply some steps."""
    for step in steps:
        optimizer.apply(gradients(step, dtype), rate(step, dtype))


def pure(name, variant):
    """The rule written out: (init, update)."""
    if name == "sgd":
        return sgd.init, sgd.update
    if name == "momentum":
        return sgd.init, partial(sgd.update, momentum=0.8)
    module = {"adam": adam, "amsgrad": amsgrad}[name]
    return module.init, partial(module.update, variant=variant, **BETAS)


@pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=[pytest.mark.compiled, pytest.mark.thorough])]
)
@every_rule
def test_equals_the_pure_update(name, variant, compiled):
    variables = parameters()
    optimizer = Optimizer(options(name, variant), variables)
    init, update = pure(name, variant)
    weights = [w.value() for w in variables.values()]
    states = [init(w) for w in weights]
    apply = tf.function(optimizer.apply) if compiled else optimizer.apply
    for step in range(1, 6):
        apply(gradients(step), rate(step))
        for i, g in enumerate(gradients(step)):
            weights[i], states[i] = update(weights[i], g, states[i], rate(step))
        for w, expected in zip(variables.values(), weights, strict=True):
            np.testing.assert_allclose(w, expected, rtol=1e-13, atol=1e-15)
    for parameter, state in zip(SHAPES, states, strict=True):
        for field, expected in state._asdict().items():
            ours = optimizer.state[f"{parameter}/{field}"]
            np.testing.assert_allclose(ours, expected, rtol=1e-13, atol=1e-15)


def test_no_two_rules_take_the_same_steps():
    ends = []
    for rule in RULES:
        variables = parameters()
        walk(Optimizer(options(*rule), variables), range(1, 6))
        ends.append(variables["first"].numpy())
    for i, one in enumerate(ends):
        for other in ends[:i]:
            assert np.abs(one - other).max() > 1e-4


@every_rule
def test_the_state_has_one_name_per_variable(name, variant):
    variables = parameters()
    state = Optimizer(options(name, variant), variables).state
    assert list(state) == [f"{p}/{field}" for p in SHAPES for field in FIELDS[name]]
    assert len({id(variable) for variable in state.values()}) == len(state)
    assert not set(state) & set(variables)
    for key, variable in state.items():
        parameter, field = key.rsplit("/", 1)
        assert not variable.trainable
        assert tuple(variable.shape) == (() if field == "step" else SHAPES[parameter])
        assert np.all(variable.numpy() == 0)


@every_rule
def test_the_state_is_all_that_is_remembered(name, variant):
    """A second optimizer that is given weights and state continues exactly as the first does."""
    through, resumed = parameters(), parameters()
    first = Optimizer(options(name, variant), through)
    walk(first, range(1, 4))
    second = Optimizer(options(name, variant), resumed)
    for mine, theirs in [(resumed, through), (second.state, first.state)]:
        for key, variable in mine.items():
            variable.assign(theirs[key])
    walk(first, range(4, 7))
    walk(second, range(4, 7))
    for mine, theirs in [(resumed, through), (second.state, first.state)]:
        for key, variable in mine.items():
            np.testing.assert_array_equal(variable, theirs[key])


@every_rule
def test_float32_stays_float32(name, variant):
    variables, exact = parameters(tf.float32), parameters()
    optimizer = Optimizer(options(name, variant), variables)
    walk(optimizer, range(1, 6), tf.float32)
    walk(Optimizer(options(name, variant), exact), range(1, 6))
    for key, variable in optimizer.state.items():
        assert variable.dtype == (tf.int64 if key.endswith("/step") else tf.float32)
    for key, variable in variables.items():
        assert variable.dtype == tf.float32
        np.testing.assert_allclose(variable, exact[key], rtol=1e-4, atol=1e-5)


def test_a_rate_of_another_type_is_cast():
    variables = parameters(tf.float32)
    optimizer = Optimizer(options("adam", "paper"), variables)
    optimizer.apply(gradients(1, tf.float32), tf.constant(0.1, tf.float64))
    assert all(variable.dtype == tf.float32 for variable in variables.values())


def test_the_rate_of_each_epoch():
    base = bnstudy.load_config(case="a").optimizer
    assert learning_rate(base, 0) == 3e-4
    assert learning_rate(base, 1) == pytest.approx(0.0003 / 1.001, rel=1e-15)
    assert learning_rate(base, 20) == pytest.approx(0.00029411764705882356, rel=1e-15)
    assert learning_rate(base, 1000) == pytest.approx(1.5e-4, rel=1e-15)
    rates = [learning_rate(base, epoch) for epoch in range(21)]
    assert rates == [3e-4 / (1 + 0.001 * epoch) for epoch in range(21)]


def test_the_rate_without_decay():
    still = config(optimizer__learning_rate=0.25, optimizer__decay=0.0).optimizer
    assert [learning_rate(still, epoch) for epoch in (0, 7)] == [0.25, 0.25]


def test_the_rate_that_doubles():
    growing = config(optimizer__learning_rate=0.005, optimizer__decay=0, optimizer__double_every=2)
    rates = [learning_rate(growing.optimizer, epoch) for epoch in range(6)]
    assert rates == [0.005, 0.005, 0.01, 0.01, 0.02, 0.02]


@pytest.mark.parametrize("name", ["adam", "amsgrad"])
def test_an_unknown_variant_is_refused(name):
    wrong = options(name, "paper").model_copy(update={"variant": "pytorch"})
    with pytest.raises(ValueError, match="pytorch"):
        walk(Optimizer(wrong, parameters()), [1])


def test_a_missing_gradient_is_refused():
    optimizer = Optimizer(options("sgd", "paper"), parameters())
    with pytest.raises(ValueError, match="shorter"):
        optimizer.apply(gradients(1)[:2], rate(1))
