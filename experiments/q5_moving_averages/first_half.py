"""The first half of question 5: averages of random numbers, and Reddi's problem.

Seconds, without training. The thresholds are those of README.md.
"""

from typing import Any

import numpy as np

from bnstudy.questions.claims import Claim

TRUTH, STEPS, BATCH, REPETITIONS = 4.0, 100, 50, 20_000
MOMENTA, STARTS = (0.9, 0.99, 0.999), (1.0, 9.0)
PUBLISHED = {1.0: {"raw": 2.94, "corrected": 3.89}, 9.0: {"raw": 5.79, "corrected": 4.08}}
EXACT = {1.0: {"raw": 2.90, "corrected": 4.0}, 9.0: {"raw": 5.83, "corrected": 4.0}}
BAND = (0.025, 0.975)
PERIODS, PERIOD, ALPHA = 5_000, 101, 2.0
OTHER_ALPHAS = (0.1, 0.5, 1.0, 4.0, 10.0)


def sampled_variances(batch: int = BATCH, repetitions: int = REPETITIONS) -> np.ndarray:
    """Return the biased variances of batches [STEPS, repetitions]; the true variance is 4.

    A sum of squares about the mean is chi-squared with one degree of freedom less than the batch.
    """
    sums = np.random.default_rng(2018).chisquare(batch - 1, size=(STEPS, repetitions))
    return TRUTH * sums / batch


def averages(batches: np.ndarray, initial: float, momentum: float) -> dict[str, np.ndarray]:
    """Average the batches [steps, ...]; return the values after each step, raw and corrected."""
    import tensorflow as tf

    from bnstudy.manual.batch_norm import debias, update_moving

    moving = tf.fill(batches.shape[1:], tf.constant(initial, tf.float64))
    values: dict[str, list] = {"raw": [], "corrected": []}
    for count, batch in enumerate(batches, start=1):
        moving = update_moving(moving, tf.constant(batch), momentum)
        values["raw"].append(moving.numpy())
        corrected = debias(moving, initial, momentum, tf.constant(count, tf.int64))
        values["corrected"].append(corrected.numpy())
    return {name: np.array(value) for name, value in values.items()}


def rules() -> dict[str, tuple]:
    """Return every optimizer in every variant: its module and the variant."""
    from bnstudy.manual import adam, amsgrad

    return {
        **{f"Adam, {variant}": (adam, variant) for variant in adam.VARIANTS},
        **{f"AMSGrad, {variant}": (amsgrad, variant) for variant in amsgrad.VARIANTS},
    }


def descend(rule, variant: str, alpha):
    """Run one optimizer on the problem of Reddi, Kale and Kumar 2018, section 3.

    Returns:
        x at the end of each period, and the average regret up to there.

    """
    import tensorflow as tf

    def body(t, x, state, regret, xs, regrets):
        slope = tf.where(t % PERIOD == 1, tf.constant(1010, tf.float64), -10)
        regret += slope * (x + 1)  # the best fixed x is -1
        rate = alpha / tf.sqrt(tf.cast(t, tf.float64))
        x, state = rule.update(x, slope, state, rate, 0.9, 0.99, 1e-8, variant)
        x = tf.clip_by_value(x, -1, 1)
        index = [[(t - 1) // PERIOD]]  # overwritten until the period's last step
        xs = tf.tensor_scatter_nd_update(xs, index, [x])
        regrets = tf.tensor_scatter_nd_update(regrets, index, [regret / tf.cast(t, tf.float64)])
        return t + 1, x, state, regret, xs, regrets

    zero, empty = tf.constant(0, tf.float64), tf.zeros(PERIODS, tf.float64)
    start = (tf.constant(1, tf.int64), zero, rule.init(zero), zero, empty, empty)
    return tf.while_loop(lambda t, *_: t <= PERIODS * PERIOD, body, start)[-2:]


def reddi(alphas: tuple[float, ...]) -> dict[float, dict[str, list[np.ndarray]]]:
    """Run every optimizer on Reddi's problem with each alpha: x and the average regret."""
    import tensorflow as tf

    @tf.function(jit_compile=True)  # three million steps in seconds
    def run(alpha):
        return {name: descend(*rule, alpha) for name, rule in rules().items()}

    found = {alpha: run(tf.constant(alpha, tf.float64)) for alpha in alphas}
    return {
        alpha: {name: [v.numpy() for v in pair] for name, pair in runs.items()}
        for alpha, runs in found.items()
    }


def batch_sizes_that_fit() -> dict[str, list[int]]:
    """Return, for each published value, the batch sizes whose band contains it; not judged."""
    fitting: dict[str, list[int]] = {}
    for batch in (10, 20, 50, 100, 200, 500):
        sampled = sampled_variances(batch)
        for start, published in PUBLISHED.items():
            for kind, values in averages(sampled, start, 0.99).items():
                sizes = fitting.setdefault(f"{published[kind]:.2f}", [])
                low, high = np.quantile(values[-1], BAND)
                if low < published[kind] < high:
                    sizes.append(batch)
    return fitting


def measure() -> dict[str, Any]:
    """Make everything that the figure and the verdict show."""
    sampled, constant = sampled_variances(), np.full((STEPS, 1), TRUTH)
    exact, bands, helps = {}, {}, {}
    for start in STARTS:
        for momentum in MOMENTA:
            key = f"{momentum:g} from {start:g}"
            exact[key] = {
                k: v[:, 0].tolist() for k, v in averages(constant, start, momentum).items()
            }
            found = averages(sampled, start, momentum)
            bands[key] = {k: np.quantile(v, BAND, axis=1).tolist() for k, v in found.items()}
            nearer = abs(found["corrected"][-1] - TRUTH) < abs(found["raw"][-1] - TRUTH)
            helps[key] = float(nearer.mean())
    optimizers = reddi((ALPHA, *OTHER_ALPHAS))
    return {
        "exact": exact,
        "bands": bands,
        "correction helps": helps,
        "reddi": {name: [v.tolist() for v in pair] for name, pair in optimizers[ALPHA].items()},
        "described": {
            "batch sizes whose band contains": batch_sizes_that_fit(),
            "x after all steps, by alpha": {
                str(alpha): {name: round(float(xs[-1]), 3) for name, (xs, _) in runs.items()}
                for alpha, runs in optimizers.items()
                if alpha != ALPHA
            },
        },
    }


def judge(found: dict[str, Any]) -> list[Claim]:
    """Judge the moving averages after 100 steps of momentum 0.99, and the optimizers."""
    claims = [claim for start in STARTS for claim in _averages(found, start)]
    return claims + [_optimizer(name, *runs) for name, runs in found["reddi"].items()]


def _verdict(holds: bool) -> str:
    return "replicates" if holds else "does not replicate"


def _averages(found: dict[str, Any], start: float) -> list[Claim]:
    key, claims = f"0.99 from {start:g}", []
    for kind in ("raw", "corrected"):
        exact, (low, high) = (
            found["exact"][key][kind][-1],
            np.transpose(found["bands"][key][kind])[-1],
        )
        known, seen = EXACT[start][kind], PUBLISHED[start][kind]
        claims += [
            Claim(
                f"{kind} average from {start:g}",
                "without sampling noise",
                exact,
                None,
                f"within 0.005 of {known:.2f}",
                _verdict(abs(exact - known) < 0.005),
            ),
            Claim(
                f"published {kind} average from {start:g}",
                f"published; band of 95 % of {REPETITIONS} repetitions, batches of {BATCH}",
                seen,
                (float(low), float(high)),
                "inside the interval",
                _verdict(low < seen < high),
            ),
        ]
    share = found["correction helps"][key]
    helps = Claim(
        f"correction helps from {start:g}",
        "share of repetitions in which the corrected average is nearer to 4",
        share,
        None,
        "at least 0.95",
        _verdict(share >= 0.95),
    )
    return [*claims, helps]


def _optimizer(name: str, xs: list[float], regret: list[float]) -> Claim:
    fails = name.startswith("Adam")
    return Claim(
        f"{name} goes to the {'worst' if fails else 'best'} point",
        f"x after {PERIODS * PERIOD} steps (average regret {regret[-1]:.3f})",
        xs[-1],
        None,
        "at least 0.95" if fails else "at most -0.95",
        _verdict(xs[-1] >= 0.95 if fails else xs[-1] <= -0.95),
    )
