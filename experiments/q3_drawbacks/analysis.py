"""Question 3: evaluate the runs of plan.yaml, and judge by the thresholds of README.md."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.analysis.choice import Statistics
from bnstudy.analysis.corruptions import CORRUPTIONS, SEVERITIES
from bnstudy.analysis.shift import accuracy, scores
from bnstudy.config.schema import Config
from bnstudy.errors import UserError
from bnstudy.questions.claims import OPEN, Claim, verdict
from bnstudy.questions.find import load_file
from bnstudy.questions.kept import kept
from bnstudy.report.estimates import Estimate, contrast, mean
from bnstudy.report.runs import Benchmark
from bnstudy.report.speed import judge_speed
from bnstudy.run_folder.files import read_json
from bnstudy.run_folder.log import load_log
from bnstudy.run_folder.weights import FILE

draw = load_file(Path(__file__).with_name("figure.py")).draw

SIX = ("gaussian_noise", "shot_noise", "impulse_noise", "contrast", "fog", "pixelate")
DECIDING, OVERVIEW, TRAINING, BATCH = 5000, 1000, 10_000, 1000  # images
SIZES, SORTED = (1, 2, 8, 32, 128, 1000), 128  # images of a batch
BENCH = "logs/published/bench"
COMMAND = "bnstudy bench --preset lite --also bn.scale=false,bn.center=false --json"
KEPT = "q3_drawbacks.json"
EVALUATIONS = {KEPT: 94_000}  # images, the mean over the runs of the plan


def arm_of(config: Config) -> str:
    """Return none, bn, batch 4, ..., or case a, ... of the published runs."""
    if config.data.augment:
        return f"case {config.case}"
    if config.model.batch_norm == "none":
        return "none"
    return "bn" if config.data.train_limit is None else f"batch {config.training.batch_size}"


# --- measure --------------------------------------------------------------------------------------


def measure(runs: list[Path]) -> dict[str, Any]:
    """Evaluate every run, or read what was kept; read the benchmarks."""
    found: dict[str, dict[str, Any]] = {}
    without: list[str] = []
    for run in runs:
        log = load_log(run)
        arm = arm_of(log.config)
        made_by = {"images": [DECIDING, OVERVIEW, TRAINING, BATCH], "sizes": [*SIZES, SORTED]}
        try:
            evaluated = kept(run, KEPT, lambda run=run, arm=arm: evaluate(run, arm), made_by)
        except UserError:
            if (run / FILE).is_file() or (run / "checkpoints").is_dir():
                raise
            without.append(run.name)  # published without either: as if it were not there
            continue
        moving = {"run": run.name, "moving": (log.result or {})["test_accuracy"]}
        found.setdefault(arm, {})[str(log.config.seed)] = moving | evaluated
    beside = {"runs without weights or evaluation": without} if without else {}
    return {"runs": found, "bench": benchmarks(), "described": described(found) | beside}


def described(runs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown beside the claims, by arm and seed."""

    def each(part: str, value: Callable[[Any], Any]) -> dict[str, dict[str, Any]]:
        arms = {
            arm: {seed: value(run) for seed, run in of.items() if part in run}
            for arm, of in runs.items()
        }
        return {arm: of for arm, of in arms.items() if of}

    def all_gains(run: Mapping[str, Any]) -> dict[str, float]:
        found = run.get("deciding", run["overview"])
        *before, after = found
        return {kind: gain(found, kind, after) for kind in before}

    return {
        "gain over the six, from": each("overview", all_gains),
        "accuracy by size of the test batch": each("sizes", lambda run: run["sizes"]),
        f"accuracy in the order of the classes, {SORTED}": each("sorted", lambda r: r["sorted"]),
        "precise - moving": each("precise", lambda run: run["precise"] - run["moving"]),
    }


def benchmarks() -> dict[str, Any]:
    """Return the cases in the published benchmarks: file -> its network and its rows."""
    here = Path(__file__).parents[2]
    place = next((root for root in (Path(), here) if (root / BENCH).is_dir()), here) / BENCH
    results = {file.stem: read_json(file) or {} for file in sorted(place.glob("*.json"))}
    return {
        name: {
            "network": result["network"],
            "rows": [row for row in result["rows"] if row["name"].startswith("case ")],
        }
        for name, result in results.items()
        if "rows" in result
    }


def evaluate(run: Path, arm: str) -> dict[str, Any]:
    """Evaluate one network; minutes for `none` and `bn`."""
    import bnstudy
    from bnstudy.analysis.statistics import classifier, training_batches, training_moments
    from bnstudy.data.batches import epoch_order
    from bnstudy.data.dataset import load_dataset

    network = bnstudy.load_model(run)
    data = load_dataset(network.run.config.data)
    order = epoch_order(0, 0, len(data.test_labels))
    images, labels = data.test_images[order], data.test_labels[order]
    moments = training_moments(network, training_batches(network, TRAINING))
    normalized = network.run.config.model.batch_norm != "none"

    def under(kind: str, size: int = BATCH) -> Callable[[Any], np.ndarray]:
        return classifier(network, Statistics(kind, size), moments)

    kinds = ("moving", "precise", "batch") if normalized else ("moving", "source")
    classifiers = {kind: under(kind) for kind in kinds}
    few = images[:OVERVIEW], labels[:OVERVIEW]
    worst = [(name, SEVERITIES[-1]) for name in (*SIX, "brightness")]
    found: dict[str, Any] = {}
    if normalized:
        found["precise"] = accuracy(classifiers["precise"](images), labels)
    if arm.startswith("case"):
        found["overview"] = scores(classifiers, *few, worst)
    if arm in ("none", "bn"):
        some, own = images[:DECIDING], labels[:DECIDING]
        found["deciding"] = scores(classifiers, some, own, worst)
        if normalized:
            del classifiers["moving"]
        everything = [(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]
        found["overview"] = scores(classifiers, *few, everything)
        sizes = {size: under(kinds[-1], size) for size in (SIZES if normalized else (SORTED,))}
        found["sizes"] = {str(n): accuracy(f(some), own) for n, f in sizes.items()}
        by_class = np.argsort(own, kind="stable")
        found["sorted"] = accuracy(sizes[SORTED](some[by_class]), own[by_class])
    return found


# --- judge ----------------------------------------------------------------------------------------


def six(accuracies: Mapping[str, float]) -> float:
    """Return the mean error over the six corruptions at severity 5."""
    return float(np.mean([1 - accuracies[f"{name} {SEVERITIES[-1]}"] for name in SIX]))


def rise(scores: Mapping[str, Any], kind: str) -> float:
    """Return by how much the six raise the error over that on clean images."""
    return six(scores[kind]) - (1 - scores[kind]["clean"])


def gain(scores: Mapping[str, Any], before: str, after: str) -> float:
    """Return by how much other statistics lower the error over the six."""
    return six(scores[before]) - six(scores[after])


def brightness(scores: Mapping[str, Any]) -> float:
    """Return by how much the statistics of the test batch lower the error under brightness."""
    return float(scores["batch"]["brightness 5"] - scores["precise"]["brightness 5"])


def judge(measured: dict[str, Any]) -> list[Claim]:
    """Judge the claims of README.md."""
    runs = measured["runs"]
    none, bn, small = (runs.get(arm, {}) for arm in ("none", "bn", "batch 4"))
    shift = {seed: run["deciding"] for seed, run in bn.items()}
    control = {seed: run["deciding"] for seed, run in none.items()}
    gains = {seed: gain(found, "precise", "batch") for seed, found in shift.items()}
    differences = [
        gains[seed] - gain(found, "moving", "source")
        for seed, found in control.items()
        if seed in gains
    ]
    rises = [rise(found, "precise") for found in shift.values()]
    bright = [brightness(found) for found in shift.values()]
    order = [run["sizes"][str(SORTED)] - run["sorted"] for run in bn.values()]
    return [
        _claim("i a: shift hurts", RISE, rises, "above 0.15", _above(0.15), bn),
        _claim(
            "i b: the test batch cures it", GAIN, [*gains.values()], "above 0.10", _above(0.1), bn
        ),
        _claim("i c: it is batch norm's own fault", CONTROL, differences, FAULT, fault, bn, none),
        _claim(
            "i d: not every shift is of that kind", BRIGHT, bright, "below 0.05", _below(0.05), bn
        ),
        _claim("ii: batches must be representative", ORDER, order, "above 0.20", _above(0.2), bn),
        _posted(runs),
        _claim("iii b: small batches hurt", SMALL, _lag(small), "above 0.01", _above(0.01), small),
        *_speed(measured["bench"]),
    ]


RISE = "bn, precise: mean error over the six - error on clean images"
GAIN = "bn: mean error over the six, precise - batch"
CONTROL = "gain of bn (precise - batch) - gain of none (as it is - source), mean error over the six"
FAULT = "its own: above 0.03; not its own: within 0.03; more without it: below -0.03"
BRIGHT = "bn: error under brightness, precise - batch"
ORDER = f"bn: accuracy under batches of {SORTED} in random order - in the order of the classes"
POSTED = "published b and c: test accuracy, precise - moving"
SMALL = "bn, trained with batches of 4: test accuracy, precise - moving"


def fault(estimate: Estimate) -> str:
    """Judge whether the fault is batch norm's own, from the difference of the gains."""
    if estimate.low > 0.03:
        return "its own"
    if estimate.high < -0.03:
        return "more without it"
    return "not its own" if estimate.low > -0.03 and estimate.high < 0.03 else "undecided"


def _above(threshold: float) -> Callable[[Estimate], str]:
    return lambda estimate: verdict((estimate.low, estimate.high), threshold)


def _below(threshold: float) -> Callable[[Estimate], str]:
    return lambda estimate: verdict((-estimate.high, -estimate.low), -threshold)


def _lag(runs: Mapping[str, Any]) -> list[float]:
    return [run["precise"] - run["moving"] for run in runs.values()]


def _claim(
    name: str,
    statistic: str,
    values: list[float],
    threshold: str,
    rule: Callable[[Estimate], str],
    *arms: Mapping[str, Any],
) -> Claim:
    """Judge the mean of a statistic over three seeds or more, or leave it open."""
    runs = tuple(run["run"] for arm in arms for run in arm.values())
    primary = rule is fault
    if len(values) < 3:
        why = f"{len(values)} of 3 seeds"
        return Claim(name, statistic, None, None, threshold, OPEN, primary, why, runs)
    found = mean(values)
    interval = (found.low, found.high)
    return Claim(name, statistic, found.value, interval, threshold, rule(found), primary, "", runs)


def _posted(runs: Mapping[str, Any]) -> Claim:
    """Judge the post's own claim, on the published cases."""
    arms = {arm: runs.get(arm, {}) for arm in ("case b", "case c")}
    names = tuple(run["run"] for arm in arms.values() for run in arm.values())
    name, threshold = "iii a: no problem in practice, as posted", "below 0.01"
    if min(map(len, arms.values())) < 2:
        why = " and ".join(f"{len(found)} of 2 seeds of {arm}" for arm, found in arms.items())
        return Claim(name, POSTED, None, None, threshold, OPEN, False, why, names)
    found = contrast({arm: _lag(of) for arm, of in arms.items()}, dict.fromkeys(arms, 0.5))
    interval, word = (found.low, found.high), _below(0.01)(found)
    return Claim(name, POSTED, found.value, interval, threshold, word, False, "", names)


def _speed(bench: Mapping[str, Any]) -> list[Claim]:
    """Judge what batch norm costs in time, where a benchmark has the times by round."""
    names = {"iv": "iv a: batch norm takes longer", "iv b": "iv b: ... for its two parameters"}
    claims: dict[str, list[Claim]] = {number: [] for number in names}
    for file, results in bench.items():
        for v in judge_speed(Benchmark(Path(file), results)):
            if "b / a" not in v.statistic:
                name = f"{names[v.number]} ({file}, {v.statistic.rpartition(', ')[2]})"
                found = (
                    name,
                    v.statistic,
                    v.value,
                    v.interval,
                    f"above {v.threshold:g}",
                    v.verdict,
                )
                claims[v.number].append(Claim(*found, False, v.why, (f"{BENCH}/{file}.json",)))
    for number, name in names.items():
        if not claims[number]:
            why = f"{BENCH} has no times by round; they come from {COMMAND}"
            missing = Claim(name, "time of a training step", None, None, "", OPEN, reason=why)
            claims[number].append(missing)
    return [claim for found in claims.values() for claim in found]
