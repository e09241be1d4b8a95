"""Mistakes that the pages of measured numbers must not survive; see tests/mutations.py.

(mistake, file below src/bnstudy, what is there exactly once, what replaces it, test)
"""

LIBRARIES = (
    "tests/experiments/definitions/test_libraries.py::test_every_definition_equals_its_library"
)
TABLE = (
    "tests/experiments/definitions/test_measure.py::test_the_table_shows_every_number_as_measured"
)
VERDICT = "tests/experiments/q5_moving_averages/test_first_half.py::test_the_verdict_is_reproduced"
LEGACY = "tests/model/test_legacy_batch_norm.py::test_equals_the_function_of_the_post"

MUTATIONS = [
    (
        "optax's maximum of the uncorrected v",
        "manual/amsgrad.py",
        "tf.maximum(state.v_max, v / c_2)",
        "tf.maximum(state.v_max, v) / c_2",
        LIBRARIES,
    ),
    (
        "the learning rate outside the velocity, as in PyTorch",
        "manual/sgd.py",
        "velocity = momentum * state.velocity - learning_rate * dw",
        "velocity = learning_rate * (momentum * state.velocity - dw)",
        LIBRARIES,
    ),
    (
        "as_posted switches elementwise",
        "manual/amsgrad.py",
        "grown = tf.reduce_sum(v) > tf.reduce_sum(state.v_max)",
        "grown = v > state.v_max",
        TABLE,
    ),
    (
        "correct the moving average without its start",
        "manual/batch_norm.py",
        "(moving - tf.cast(left * initial, moving.dtype)) / seen",
        "moving / seen",
        TABLE,
    ),
    (
        "optax's AMSGrad on Reddi's problem without its maximum",
        "manual/amsgrad.py",
        "tf.maximum(state.v_max, v / c_2)",
        "v / c_2",
        VERDICT,
    ),
    (
        "momentum weights the new value",
        "manual/batch_norm.py",
        "momentum * moving + (1 - momentum) * batch",
        "(1 - momentum) * moving + momentum * batch",
        VERDICT,
    ),
    (
        "average Bessel's variance",
        "manual/batch_norm.py",
        "tf.cast(y, x.dtype), Cache(x, mean, r, gamma, variance)\n\n\ndef backward",
        "tf.cast(y, x.dtype), Cache(x, mean, r, gamma, variance * m / (m - 1))\n\n\ndef backward",
        LEGACY,
    ),
]
