"""Question 3: evaluate the runs of plan.yaml, judge (claims.py), draw (figure.py)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.analysis.choice import Statistics
from bnstudy.analysis.corruptions import CORRUPTIONS, SEVERITIES
from bnstudy.analysis.shift import accuracy, scores
from bnstudy.config.schema import Config
from bnstudy.questions.find import load_file
from bnstudy.questions.kept import kept
from bnstudy.report.runs import read_benchmark
from bnstudy.run_folder.files import read_json
from bnstudy.run_folder.log import load_log

claims = load_file(Path(__file__).with_name("claims.py"))
judge, draw = claims.judge, load_file(Path(__file__).with_name("figure.py")).draw

DECIDING, OVERVIEW, TRAINING, BATCH = 5000, 1000, 10_000, 1000  # images
SIZES, SORTED = (1, 2, 8, 32, 128, 1000), 128  # images of a batch
KEPT = "q3_drawbacks.json"


def arm_of(config: Config) -> str:
    """Return none, bn, batch 4, ..., or case a, ... of the published runs."""
    if config.data.augment:
        return f"case {config.case}"
    if config.model.batch_norm == "none":
        return "none"
    return "bn" if config.data.train_limit is None else f"batch {config.training.batch_size}"


def evaluations(config: Config) -> dict[str, int]:
    """Return what is kept beside a run, and how many images are classified for it."""
    arm, normalized = arm_of(config), config.model.batch_norm != "none"
    kinds, shifts = 2 + normalized, 1 + len(claims.SIX) + 1  # clean images, the six, brightness
    images = TRAINING + 10_000 * normalized  # all test images, under precise statistics
    if arm.startswith("case"):
        images += kinds * shifts * OVERVIEW
    if arm in ("none", "bn"):
        everything = 1 + len(CORRUPTIONS) * len(SEVERITIES)
        images += (kinds * shifts + 2 + normalized * len(SIZES)) * DECIDING
        images += 2 * everything * OVERVIEW
    return {KEPT: images}


def measure(runs: list[Path]) -> dict[str, Any]:
    """Evaluate every run, or read what was kept."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        log = load_log(run)
        arm = arm_of(log.config)
        made_by = {
            "images": [DECIDING, OVERVIEW, TRAINING, BATCH],
            "sizes": [*SIZES, SORTED],
            "six": claims.SIX,
            "corruptions": {name: constants for name, (_, constants) in CORRUPTIONS.items()},
        }
        evaluated = kept(run, KEPT, lambda run=run, arm=arm: evaluate(run, arm), made_by)
        moving = {"run": run.name, "moving": (log.result or {})["test_accuracy"]}
        found.setdefault(arm, {})[str(log.config.seed)] = moving | evaluated
    return {"runs": found, "described": described(found)}


def described(runs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown beside the claims, by arm and seed."""

    def each(part: str, value: Callable[[Any], Any]) -> dict[str, dict[str, Any]]:
        arms = {
            arm: {seed: value(run) for seed, run in of.items() if part in run}
            for arm, of in runs.items()
        }
        return {arm: of for arm, of in arms.items() if of}

    def of_each(
        value: Callable[[Any, str, str], float], after: bool = False
    ) -> Callable[[Any], dict[str, float]]:
        """Return the function from a run to a value for all statistics, but those gained by."""

        def values(run: Mapping[str, Any]) -> dict[str, float]:
            found = run.get("deciding", run["overview"])
            last = "batch" if "batch" in found else "source"
            return {kind: value(found, kind, last) for kind in found if after or kind != last}

        return values

    rises = of_each(lambda found, kind, _: claims.rise(found, kind), after=True)
    return {
        "rise over the six": each("overview", rises),
        "gain over the six, from": each("overview", of_each(claims.gain)),
        "gain under brightness, from": each("overview", of_each(claims.brightness)),
        "accuracy by size of the test batch": each("sizes", lambda run: run["sizes"]),
        f"accuracy under batches of {SORTED}, by order": each("orders", lambda run: run["orders"]),
        "precise - moving": each("precise", lambda run: run["precise"] - run["moving"]),
    }


def benchmarks(place: Path) -> dict[str, Any]:
    """Return the cases in the published benchmarks: file -> its network and its rows.

    Args:
        place: their folder; if it has none, that of the checkout is taken.

    """
    places = [(place.as_posix(), place), (claims.BENCH, Path(__file__).parents[2] / claims.BENCH)]
    where, files = next(
        ((name, found) for name, each in places if (found := sorted(each.glob("*.json")))),
        ("", []),
    )
    found = [read_benchmark(file) for file in files if not _of_convolutions(file)]
    return {
        benchmark.path.stem: {
            "file": f"{where}/{benchmark.path.name}",
            "network": benchmark.results["network"],
            "rows": [r for r in benchmark.results["rows"] if str(r["name"]).startswith("case ")],
        }
        for benchmark in found
    }


def _of_convolutions(file: Path) -> bool:
    """Return whether a benchmark is of single convolutions, which question 3 does not need."""
    rows = (read_json(file) or {}).get("rows")
    return isinstance(rows, list) and all("convolution" in row for row in rows if row)


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
    worst = [(name, SEVERITIES[-1]) for name in (*claims.SIX, "brightness")]
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
        if normalized:
            sizes = {str(size): under("batch", size) for size in SIZES}
            found["sizes"] = {size: accuracy(f(some), own) for size, f in sizes.items()}
        together, by_class = under(kinds[-1], SORTED), np.argsort(own, kind="stable")
        found["orders"] = {
            "random": accuracy(together(some), own),
            "of classes": accuracy(together(some[by_class]), own[by_class]),
        }
    return found
