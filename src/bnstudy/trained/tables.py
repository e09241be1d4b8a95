"""An evaluation as lines of text and as JSON."""

import math
from typing import Any

from bnstudy.trained.evaluation import BINS, Evaluation

WORST = 24  # mistakes in JSON


def lines(found: Evaluation) -> list[str]:
    """Return what `bnstudy evaluate` prints, line by line."""
    confidence, width = float(found.confidence.mean()), max(map(len, ("class", *found.classes)))
    trust = "overconfident" if confidence > found.accuracy else "underconfident"
    rows = zip(found.classes, found.class_accuracy(), found.confusion(), strict=True)
    return [
        f"accuracy {found.accuracy:.4f}, cost {found.cost:.4f} nats: {comparison(found)}",
        f"expected calibration error {found.calibration().error:.4f}: mean confidence "
        f"{confidence:.4f}, {trust}",
        "",
        f"{'class':<{width}}  accuracy  predicted, in the same order",
        *(
            f"{name:<{width}}  {accuracy:8.4f}" + "".join(f"{count:6d}" for count in row)
            for name, accuracy, row in rows
        ),
    ]


def comparison(found: Evaluation) -> str:
    """Say whether accuracy and cost are those of result.json."""
    if found.split == "training":
        mode = f"with {found.under}" if found.under else "in inference mode"
        return f"on the plain training images, {mode}"
    result, precision = found.run.result or {}, found.run.config.training.precision
    own = result["test_accuracy"], result["test_cost"]
    if own[1] is None:
        own = own[0], math.nan  # it was not finite
    if found.under:
        return f"with {found.under}; result.json has {own[0]:.4f} and {own[1]:.4f}"
    if own == (found.accuracy, found.cost):
        return "those of result.json, to the last digit"
    made_in = "" if precision == found.precision else f", computed in {precision}"
    return (
        f"not quite those of result.json{made_in}, from which they differ by "
        f"{found.accuracy - own[0]:+.2g} and {found.cost - own[1]:+.2g}"
    )


def as_json(found: Evaluation) -> dict[str, Any]:
    """Return everything as values that JSON has."""
    run, result = found.run, found.run.result or {}
    return {
        "run_folder": str(run.folder),
        "epochs": result["epochs"],
        "data": run.config.data.name,
        "standardize": run.config.data.standardize,
        "precision": found.precision,
        "split": found.split,
        "under": found.under,
        "images": len(found.labels),
        "accuracy": found.accuracy,
        "cost": found.cost,
        "result_json": {name: result[name] for name in ("test_accuracy", "test_cost")},
        "classes": list(found.classes),
        "class_accuracy": [None if math.isnan(a) else a for a in found.class_accuracy().tolist()],
        "confusion": found.confusion().tolist(),
        "mean_confidence": float(found.confidence.mean()),
        "expected_calibration_error": found.calibration().error,
        "calibration": _bins(found),
        "worst_mistakes": [
            {
                "image": int(at),
                "class": found.classes[found.labels[at]],
                "predicted": found.classes[found.predicted[at]],
                "confidence": float(found.confidence[at]),
                "cost": float(found.costs[at]),
            }
            for at in found.worst(WORST)
        ],
    }


def _bins(found: Evaluation) -> list[dict[str, Any]]:
    """Return the bins of the calibration; null where a bin has no image."""
    bins = found.calibration()
    return [
        {
            "from": number / BINS,
            "to": (number + 1) / BINS,
            "images": int(images),
            "confidence": float(bins.confidence[number]) if images else None,
            "accuracy": float(bins.accuracy[number]) if images else None,
        }
        for number, images in enumerate(bins.images)
    ]
