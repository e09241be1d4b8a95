"""The results of `bnstudy bench`, and their tables in Markdown."""

import importlib.metadata
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from bnstudy.backend.startup import import_tensorflow
from bnstudy.bench.measure import Contender
from bnstudy.bench.peers import PEERS
from bnstudy.run_folder.environment import environment

TRAINING = ("", "precision", "images/s", "GFLOP/s", "ms per step", "peak memory")
PARTS = (
    "ms",
    "precision",
    "one step, waited for",
    "forward",
    "backward",
    "update",
    "convolutions alone",
    "convolutions / step",
    "step / (epoch per step)",
)


def report(contenders: Sequence[Contender]) -> dict[str, Any]:
    """Return the results of measured contenders.

    Returns:
        `command`, `git`, `machine`, `network`, `rounds`, `rows` (one per contender) and `ratios` of
        speeds (median, minimum and maximum over the rounds).

    """
    import_tensorflow()
    from bnstudy.bench.cases import training_flops

    flops = training_flops(contenders[0].config.model.width)
    return {
        **_circumstances(contenders, {PEERS[c.name].package for c in contenders if c.peer}),
        "rows": [row_of(contender, flops) for contender in contenders],
        "ratios": dict(ratios_of(contenders)),
    }


def convolution_report(contenders: Sequence[Contender]) -> dict[str, Any]:
    """Return the times of single convolutions, of TensorFlow and PyTorch in turn.

    Returns:
        `command`, `git`, `machine`, `network`, `rounds`, and `rows`: one per precision and
        convolution with the milliseconds of both, and the ratio of PyTorch's to TensorFlow's
        (median, minimum and maximum over the rounds); `sum` is that of a training step.

    """
    import_tensorflow()
    rows = []
    for ours, theirs in zip(contenders[::2], contenders[1::2], strict=True):
        ours, theirs = _with_sum(ours), _with_sum(theirs)
        for part in ours.rounds[0]:
            rows.append(
                {
                    "precision": ours.precision,
                    "convolution": part,
                    "tensorflow_ms": 1e3 * ours.median(part),
                    "pytorch_ms": 1e3 * theirs.median(part),
                    "ratio": ours.ratio(part, theirs, part),
                }
            )
    return {**_circumstances(contenders, {"torch"}), "rows": rows}


def _with_sum(contender: Contender) -> Contender:
    sums = [sum(map(statistics.median, times.values())) for times in contender.rounds]
    rounds = [{**times, "sum": [s]} for times, s in zip(contender.rounds, sums, strict=True)]
    return replace(contender, rounds=rounds)


def _circumstances(contenders: Sequence[Contender], packages: set[str]) -> dict[str, Any]:
    """Return where, with what and on which network it was measured."""
    from bnstudy.bench.cases import training_flops

    config, facts = contenders[0].config, environment(sys.argv)
    for package in sorted(packages):
        facts["versions"][package] = importlib.metadata.version(package)
    machine = ("cpu", "cores", "gpus", "bfloat16_instructions", "versions", "variables")
    return {
        "command": facts["command"],
        "git": facts["git"],
        "machine": {key: facts[key] for key in machine},
        "network": {
            "width": config.model.width,
            "batch_size": config.training.batch_size,
            "flops_per_image": training_flops(config.model.width),
            "data": config.data.name,
        },
        "rounds": len(contenders[0].rounds),
    }


def row_of(contender: Contender, flops: int) -> dict[str, Any]:
    """Return the results of one contender; times are in milliseconds per step."""
    batch, median = contender.config.training.batch_size, contender.median
    row = {
        "name": contender.name,
        "precision": contender.precision,
        "images_per_second": batch / median("training"),
        "training_ms": 1e3 * median("training"),
        "training_spread": contender.spread("training"),
        "training_ms_by_round": [
            1e3 * median("training", number) for number in range(len(contender.rounds))
        ],
        "gflops": flops * batch / median("training") / 1e9,
        "peak_mb": contender.peak_mb,
    }
    if "step" in contender.rounds[0]:
        row |= {
            "step_ms": 1e3 * median("step"),
            "step_spread": contender.spread("step"),
            "forward_ms": 1e3 * median("forward"),
            "inference_ms": 1e3 * median("inference"),
            "backward_ms": 1e3 * (median("gradients") - median("forward")),
            "update_ms": 1e3 * median("update"),
            "convolutions_ms": 1e3 * median("convolutions"),
            "convolutions_gflops": flops * batch / median("convolutions") / 1e9,
            "share_of_convolutions": contender.ratio("step", contender, "convolutions"),
            "epoch_against_steps": contender.ratio("epoch", contender, "mean_step"),
        }
    return row


def ratios_of(contenders: Sequence[Contender]) -> Iterator[tuple[str, list[float]]]:
    """Yield the speed of the last of our cases relative to each other contender.

    Those in the same precision, and those in float32.
    """
    last = [contender.name for contender in contenders if not contender.peer][-1]
    for mine in (contender for contender in contenders if contender.name == last):
        for other in contenders:
            if other is not mine and other.precision in (mine.precision, "float32"):
                yield (
                    f"{mine.name} {mine.precision} / {other.name} {other.precision}",
                    mine.ratio("training", other, "training"),
                )


def lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables, in Markdown."""
    rows = results["rows"]
    yield _head(results)
    yield from ("", *_table(TRAINING, map(_training, rows)))
    yield from ("", *_table(PARTS, (_parts(row) for row in rows if "step_ms" in row)))
    if results["ratios"]:
        ratios = (
            (name, f"{median:.2f}", f"{low:.2f} to {high:.2f}")
            for name, (median, low, high) in results["ratios"].items()
        )
        yield from ("", *_table(("ratio of speeds", "median", "over the rounds"), ratios))


def convolution_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table of single convolutions, in Markdown."""
    yield _head(results)
    ratio = "PyTorch's time / TensorFlow's"
    head = ("convolution", "precision", "TensorFlow, ms", "PyTorch, ms", ratio)
    rows = (
        (
            row["convolution"],
            row["precision"],
            f"{row['tensorflow_ms']:.2f}",
            f"{row['pytorch_ms']:.2f}",
            "{:.2f} ({:.2f} to {:.2f})".format(*row["ratio"]),
        )
        for row in results["rows"]
    )
    yield from ("", *_table(head, rows))


def _head(results: dict[str, Any]) -> str:
    machine, network = results["machine"], results["network"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, TensorFlow "
        f"{machine['versions']['tensorflow']}; width {network['width']:g}, batch "
        f"{network['batch_size']}, {network['data']}; {results['rounds']} rounds, medians"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of one table, its columns aligned for a terminal."""
    cells = [head, ["---"] * len(head), *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "| " + " | ".join(padded) + " |"


def _training(row: dict[str, Any]) -> list[str]:
    return [
        row["name"],
        row["precision"],
        f"{row['images_per_second']:.1f}",
        f"{row['gflops']:.0f}",
        _with_spread(row, "training"),
        f"{row['peak_mb']:,.0f} MB",
    ]


def _parts(row: dict[str, Any]) -> list[str]:
    return [
        row["name"],
        row["precision"],
        _with_spread(row, "step"),
        *(f"{row[f'{part}_ms']:.1f}" for part in ("forward", "backward", "update")),
        f"{row['convolutions_ms']:.1f} ({row['convolutions_gflops']:.0f} GFLOP/s)",
        *(
            "{:.2f} ({:.2f} to {:.2f})".format(*row[ratio])
            for ratio in ("share_of_convolutions", "epoch_against_steps")
        ),
    ]


def _with_spread(row: dict[str, Any], part: str) -> str:
    return f"{row[f'{part}_ms']:.1f} ± {100 * row[f'{part}_spread']:.0f} %"
