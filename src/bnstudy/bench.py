"""Measure how fast the cases train on this machine, against what it can do: `bnstudy bench`.

Every contender runs in a process of its own, with memory of its own, and waits while another is
timed. They take turns, round by round, so that noise hits all alike; ratios are taken within a
round.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import multiprocessing
import resource
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from bnstudy import quiet
from bnstudy.config import Config, load_config
from bnstudy.environment import environment
from bnstudy.errors import UserError, one_line
from bnstudy.output import say

PEERS = {"Keras fit": "keras", "PyTorch eager": "torch", "JAX": "jax"}  # and what they need


@dataclass
class Contender:
    """Something that trains, and what was measured of it."""

    name: str
    precision: str
    config: Config
    rounds: list[dict[str, list[float]]] = field(default_factory=list)  # part -> seconds
    peak_mb: float = 0.0  # memory of its process, at most

    def median(self, part: str, number: int | None = None) -> float:
        """Return the median time of a part, in seconds, of one round or of all."""
        rounds = self.rounds if number is None else [self.rounds[number]]
        return statistics.median(value for times in rounds for value in times[part])

    def spread(self, part: str) -> float:
        """Return half the distance between the quartiles of all measurements, over the median."""
        values = [value for times in self.rounds for value in times[part]]
        low, _, high = statistics.quantiles(values, n=4)
        return (high - low) / 2 / self.median(part)

    def ratio(self, part: str, of: Contender, of_part: str) -> list[float]:
        """Return median, least and greatest over the rounds of (time of the other) / (own time)."""
        numbers = range(len(self.rounds))
        ratios = [of.median(of_part, n) / self.median(part, n) for n in numbers]
        return [statistics.median(ratios), min(ratios), max(ratios)]


def contenders(
    cases: Sequence[str],
    precisions: Sequence[str],
    presets: Sequence[str],
    overrides: dict[str, Any],
    steps: int,
    peers: bool,
) -> list[Contender]:
    """List who takes part.

    Args:
        cases: of a, b, c.
        precisions: of float32, bfloat16.
        presets: as for a run.
        overrides: as for a run; `data.train_limit` and `data.test_limit` are the benchmark's own.
        steps: in a round.
        peers: add Keras's own loop, and PyTorch and JAX where they are installed, all as case b.

    Raises:
        UserError: the configuration is wrong, or its data set too small for so many steps.

    """

    def config(case: str, precision: str) -> Config:
        changes = {**overrides, "training.precision": precision}
        whole = load_config(case, presets, None, changes)
        images = steps * whole.training.batch_size // (2 if whole.data.augment else 1)
        limits = {"data.train_limit": images, "data.test_limit": max(10, images // 5)}
        return load_config(case, presets, None, {**changes, **limits})

    result = [Contender(f"case {c}", p, config(c, p)) for p in precisions for c in cases]
    for name, package in PEERS.items() if peers else ():
        if importlib.util.find_spec(package):
            result += [Contender(name, p, config("b", p)) for p in precisions]
        else:
            say(f"{name}: not installed, left out", sys.stderr)
    return result


def measure(all_contenders: Sequence[Contender], rounds: int) -> None:
    """Time everybody in turn, every second round in reverse.

    Args:
        all_contenders: who gets their times.
        rounds: that count; before them comes a warm-up.

    Raises:
        UserError: a contender ended for want of memory, or said what is wrong.

    """
    with contextlib.ExitStack() as stack:
        lines = []
        for contender in all_contenders:
            say(f"preparing {contender.name}, {contender.precision}", sys.stderr)
            lines.append(stack.enter_context(_process(contender)))
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}", sys.stderr)
            turn = list(zip(all_contenders, lines, strict=True))
            for contender, line in turn if number % 2 == 0 else reversed(turn):
                line.send("go")
                times, contender.peak_mb = _answer(contender, line)
                contender.rounds.append(times)


@contextlib.contextmanager
def _process(contender: Contender) -> Iterator[Connection]:
    """Start a contender's process and wait until it is warm."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(contender, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        _answer(contender, ours)
        yield ours
    finally:
        process.terminate()
        process.join()


def _answer(contender: Contender, line: Connection) -> Any:
    try:
        kind, value = line.recv()
    except EOFError:
        raise UserError(
            f"bench: the process of {contender.name} ended; is the memory short? try fewer "
            "contenders (--case, --precision) or a smaller model.width"
        ) from None
    if kind == "wrong":
        raise UserError(value)
    if kind == "broken":
        raise RuntimeError(f"{contender.name}, {contender.precision}: {value}")
    return value


def _serve(contender: Contender, line: Connection) -> None:
    """Be a contender: get ready, then run a round whenever told to."""
    try:
        timed = _make(contender)
        line.send(("ready", None))
        while line.recv():
            times = timed.round()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            line.send(("times", (times, peak / (1e6 if sys.platform == "darwin" else 1e3))))
    except (EOFError, KeyboardInterrupt):
        pass  # the benchmark has ended
    except UserError as error:
        line.send(("wrong", str(error)))
    except Exception as error:
        line.send(("broken", f"{type(error).__name__}: {one_line(error)}"))


def _make(contender: Contender):
    quiet.import_tensorflow()
    if contender.name in PEERS:
        from bnstudy import bench_peers

        return bench_peers.MAKERS[contender.name](contender.config)
    from bnstudy.bench_cases import OurCase

    return OurCase(contender.config)


# ------------------------------------------------------------------------------------ results


def report(all_contenders: Sequence[Contender]) -> dict[str, Any]:
    """Turn times into figures.

    Returns:
        `machine`, `network`, `rows` (one for each contender) and `ratios` of speeds: median, least
        and greatest over the rounds.

    """
    quiet.import_tensorflow()
    from bnstudy.bench_cases import training_flops

    config = all_contenders[0].config
    flops = training_flops(config.model.width)
    facts = environment(sys.argv)
    return {
        "machine": {key: facts[key] for key in ("cpu", "cores", "gpus", "versions", "variables")},
        "network": {
            "width": config.model.width,
            "batch_size": config.training.batch_size,
            "flops_per_image": flops,
            "data": config.data.name,
        },
        "rounds": len(all_contenders[0].rounds),
        "rows": [_row(contender, flops) for contender in all_contenders],
        "ratios": dict(_ratios(all_contenders)),
    }


def _row(contender: Contender, flops: int) -> dict[str, Any]:
    """Return the figures of one contender; times in milliseconds a step."""
    batch, median = contender.config.training.batch_size, contender.median
    row = {
        "name": contender.name,
        "precision": contender.precision,
        "images_per_second": batch / median("training"),
        "training_ms": 1e3 * median("training"),
        "training_spread": contender.spread("training"),
        "gflops": flops * batch / median("training") / 1e9,
        "peak_mb": contender.peak_mb,
    }
    if "step" in contender.rounds[0]:
        row |= {
            "step_ms": 1e3 * median("step"),
            "step_spread": contender.spread("step"),
            "forward_ms": 1e3 * median("forward"),
            "backward_ms": 1e3 * (median("gradients") - median("forward")),
            "update_ms": 1e3 * (median("step") - median("gradients")),
            "convolutions_ms": 1e3 * median("convolutions"),
            "convolutions_gflops": flops * batch / median("convolutions") / 1e9,
            "share_of_convolutions": contender.ratio("step", contender, "convolutions"),
            "epoch_against_steps": contender.ratio("epoch", contender, "step"),
        }
    return row


def _ratios(all_contenders: Sequence[Contender]) -> Iterator[tuple[str, list[float]]]:
    """Compare the last of our cases with the others, in its precision and in float32."""
    last = [contender for contender in all_contenders if contender.name not in PEERS][-1].name
    for mine in all_contenders:
        for other in all_contenders:
            if (
                mine.name == last
                and other is not mine
                and other.precision in (mine.precision, "float32")
            ):
                yield (
                    f"{mine.name} {mine.precision} / {other.name} {other.precision}",
                    mine.ratio("training", other, "training"),
                )


def lines(figures: dict[str, Any]) -> Iterable[str]:
    """Write the figures as a table in Markdown."""
    machine, network = figures["machine"], figures["network"]
    yield (
        f"{machine['cpu']}, {machine['cores']} cores, TensorFlow "
        f"{machine['versions']['tensorflow']}; width {network['width']:g}, batch "
        f"{network['batch_size']}, {network['data']}; {figures['rounds']} rounds, medians"
    )
    yield ""
    yield (
        "| | precision | images/s | GFLOP/s | ms per step in training | bare step | forward "
        "| backward | update | convolutions alone | their share of the bare step "
        "| steps' share of an epoch | peak memory |"
    )
    yield "|" + " --- |" * 13
    for row in figures["rows"]:
        cells = [row["name"], row["precision"]]
        cells += [f"{row['images_per_second']:.1f}", f"{row['gflops']:.0f}"]
        cells += [_with_spread(row["training_ms"], row["training_spread"])]
        if "step_ms" in row:
            cells += [_with_spread(row["step_ms"], row["step_spread"])]
            cells += [f"{row[f'{part}_ms']:.1f}" for part in ("forward", "backward", "update")]
            cells += [f"{row['convolutions_ms']:.1f} ({row['convolutions_gflops']:.0f} GFLOP/s)"]
            cells += [f"{row[share][0]:.2f}" for share in ("share_of_convolutions",)]
            cells += [f"{row['epoch_against_steps'][0]:.2f}"]
        else:
            cells += [""] * 7
        yield "| " + " | ".join([*cells, f"{row['peak_mb']:,.0f} MB"]) + " |"
    yield ""
    yield "| speed of / speed of | median | over the rounds |"
    yield "| --- | --- | --- |"
    for name, (median, least, greatest) in figures["ratios"].items():
        yield f"| {name} | {median:.2f} | {least:.2f} to {greatest:.2f} |"


def _with_spread(milliseconds: float, spread: float) -> str:
    return f"{milliseconds:.1f} ± {100 * spread:.0f} %"


def write(figures: dict[str, Any], as_json: bool) -> None:
    """Print the figures, as JSON or as a table."""
    say(json.dumps(figures, indent=2) if as_json else "\n".join(lines(figures)))
