"""Answer the first half of question 5: write verdict.json and figure.png beside this file.

python experiments/q5_moving_averages/analysis.py

Seconds, without training. The thresholds are those of README.md.
"""

import json
import subprocess
from pathlib import Path

import numpy as np
import tensorflow as tf
from figure import draw

from bnstudy.manual import adam, amsgrad
from bnstudy.manual.batch_norm import debias, update_moving

FOLDER = Path(__file__).parent
TRUTH, STEPS, BATCH, REPETITIONS = 4.0, 100, 50, 20_000
MOMENTA, STARTS = (0.9, 0.99, 0.999), (1.0, 9.0)
PUBLISHED = {1.0: {"raw": 2.94, "corrected": 3.89}, 9.0: {"raw": 5.79, "corrected": 4.08}}
EXACT = {1.0: {"raw": 2.90, "corrected": 4.0}, 9.0: {"raw": 5.83, "corrected": 4.0}}
BAND = (0.025, 0.975)
PERIODS, PERIOD, ALPHA = 5_000, 101, 2.0
OTHER_ALPHAS = (0.1, 0.5, 1.0, 4.0, 10.0)
RULES = {
    **{f"Adam, {variant}": (adam, variant) for variant in adam.VARIANTS},
    **{f"AMSGrad, {variant}": (amsgrad, variant) for variant in amsgrad.VARIANTS},
}


def sampled_variances(batch: int = BATCH, repetitions: int = REPETITIONS) -> np.ndarray:
    """Return the biased variances of batches [STEPS, repetitions]; the true variance is 4.

    A sum of squares about the mean is chi-squared with one degree of freedom less than the batch.
    """
    sums = np.random.default_rng(2018).chisquare(batch - 1, size=(STEPS, repetitions))
    return TRUTH * sums / batch


def averages(batches: np.ndarray, initial: float, momentum: float) -> dict[str, np.ndarray]:
    """Average the batches [steps, ...]; return the values after each step, raw and corrected."""
    moving = tf.fill(batches.shape[1:], tf.constant(initial, tf.float64))
    values: dict[str, list] = {"raw": [], "corrected": []}
    for count, batch in enumerate(batches, start=1):
        moving = update_moving(moving, tf.constant(batch), momentum)
        values["raw"].append(moving.numpy())
        corrected = debias(moving, initial, momentum, tf.constant(count, tf.int64))
        values["corrected"].append(corrected.numpy())
    return {name: np.array(value) for name, value in values.items()}


def descend(rule, variant: str, alpha: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Run one optimizer on the problem of Reddi, Kale and Kumar 2018, section 3.

    Returns:
        x at the end of each period, and the average regret up to there.

    """

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


@tf.function(jit_compile=True)  # three million steps in seconds
def reddi(alpha: tf.Tensor) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
    """Run every optimizer on Reddi's problem."""
    return {name: descend(*rule, alpha) for name, rule in RULES.items()}


def ends_at_other_rates() -> dict[str, dict[str, float]]:
    """Return x after all steps for other alphas; not judged."""
    ends = {alpha: reddi(tf.constant(alpha, tf.float64)) for alpha in OTHER_ALPHAS}
    return {
        str(alpha): {name: round(float(xs[-1]), 3) for name, (xs, _) in found.items()}
        for alpha, found in ends.items()
    }


def inside(values: np.ndarray, published: float) -> tuple[bool, list[float]]:
    """Return whether a published value lies in the band of the repetitions, and the band."""
    low, high = np.quantile(values, BAND)
    return bool(low < published < high), [float(low), float(high)]


def batch_sizes_that_fit() -> dict[str, list[int]]:
    """Return, for each published value, the batch sizes whose band contains it; not judged."""
    fitting: dict[str, list[int]] = {}
    for batch in (10, 20, 50, 100, 200, 500):
        sampled = sampled_variances(batch, REPETITIONS // 10)
        for start, published in PUBLISHED.items():
            for kind, values in averages(sampled, start, 0.99).items():
                sizes = fitting.setdefault(f"{published[kind]:.2f}", [])
                if inside(values[-1], published[kind])[0]:
                    sizes.append(batch)
    return fitting


def measure() -> dict:
    """Make everything that the figure and the verdict show."""
    sampled, constant = sampled_variances(), np.full((STEPS, 1), TRUTH)
    pairs = [(momentum, start) for momentum in MOMENTA for start in STARTS]
    runs = reddi(tf.constant(ALPHA, tf.float64))
    return {
        "exact": {(m, s): averages(constant, s, m) for m, s in pairs},
        "sampled": {(m, s): averages(sampled, s, m) for m, s in pairs},
        "reddi": {name: [v.numpy() for v in pair] for name, pair in runs.items()},
        "described": {
            "batch sizes whose band contains": batch_sizes_that_fit(),
            "x after all steps, by alpha": ends_at_other_rates(),
        },
    }


def claim(name, statistic, value, threshold, holds, interval=None) -> dict:
    """Return one row of verdict.json."""
    return {
        "claim": name,
        "statistic": statistic,
        "value": round(float(value), 4),
        "interval": interval and [round(float(end), 4) for end in interval],
        "threshold": threshold,
        "verdict": "replicates" if holds else "does not replicate",
    }


def claims_about_averages(found: dict) -> list[dict]:
    """Judge the moving averages after 100 steps of momentum 0.99."""
    rows = []
    for start in STARTS:
        sampled = {k: v[-1] for k, v in found["sampled"][0.99, start].items()}
        for kind in ("raw", "corrected"):
            exact = float(found["exact"][0.99, start][kind][-1, 0])
            known, seen = EXACT[start][kind], PUBLISHED[start][kind]
            is_inside, band = inside(sampled[kind], seen)
            rows += [
                claim(
                    f"{kind} average from {start:.0f}",
                    "without sampling noise",
                    exact,
                    f"within 0.005 of {known:.2f}",
                    abs(exact - known) < 0.005,
                ),
                claim(
                    f"published {kind} average from {start:.0f}",
                    f"published; band of 95 % of {REPETITIONS} repetitions, batches of {BATCH}",
                    seen,
                    "inside the band",
                    is_inside,
                    band,
                ),
            ]
        nearer = np.abs(sampled["corrected"] - TRUTH) < np.abs(sampled["raw"] - TRUTH)
        rows.append(
            claim(
                f"correction helps from {start:.0f}",
                "share of repetitions in which the corrected average is nearer to 4",
                nearer.mean(),
                "at least 0.95",
                nearer.mean() >= 0.95,
            )
        )
    return rows


def claims_about_optimizers(found: dict) -> list[dict]:
    """Judge where each optimizer ends on Reddi's problem."""
    rows = []
    for name, (xs, regret) in found["reddi"].items():
        fails = name.startswith("Adam")
        rows.append(
            claim(
                f"{name} goes to the {'worst' if fails else 'best'} point",
                f"x after {PERIODS * PERIOD} steps (average regret {regret[-1]:.3f})",
                xs[-1],
                "at least 0.95" if fails else "at most -0.95",
                xs[-1] >= 0.95 if fails else xs[-1] <= -0.95,
            )
        )
    return rows


def verdict(found: dict, commit: str) -> dict:
    """Return what verdict.json holds."""
    claims = claims_about_averages(found) + claims_about_optimizers(found)
    return {"commit": commit, "runs": [], "claims": claims, "described": found["described"]}


def table(claims: list[dict]) -> str:
    """Return the claims as the Markdown table of README.md."""
    lines = ["| claim | value | band | threshold | verdict |", "| --- | --- | --- | --- | --- |"]
    for row in claims:
        band = "{:.3f} to {:.3f}".format(*row["interval"]) if row["interval"] else ""
        cells = (row["claim"], f"{row['value']:.3f}", band, row["threshold"], row["verdict"])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, judge, draw."""
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=FOLDER, text=True).strip()
    found = measure()
    rows = verdict(found, commit)
    (FOLDER / "verdict.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    draw(found, PUBLISHED, FOLDER / "figure.png")
    print(table(rows["claims"]))


if __name__ == "__main__":
    main()
