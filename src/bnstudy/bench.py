"""Measure how fast the cases train on this machine, against what it can do: `bnstudy bench`.

Every contender runs in a process of its own, with memory of its own, and waits while another is
timed. They take turns, round by round, so that noise hits all alike; ratios are taken within a
round.
"""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import resource
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from bnstudy import quiet
from bnstudy.config import Config, load_config
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
        while _told(line):
            times = timed.round()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            line.send(("times", (times, peak / (1e6 if sys.platform == "darwin" else 1e3))))
    except KeyboardInterrupt:
        pass  # the benchmark says so itself
    except UserError as error:
        line.send(("wrong", str(error)))
    except Exception as error:
        line.send(("broken", f"{type(error).__name__}: {one_line(error)}"))


def _told(line: Connection) -> bool:
    """Wait for the word to go; return False when the benchmark has ended."""
    try:
        return line.recv() == "go"
    except EOFError:
        return False


def _make(contender: Contender):
    quiet.import_tensorflow()
    if contender.name in PEERS:
        from bnstudy import bench_peers

        return bench_peers.MAKERS[contender.name](contender.config)
    from bnstudy.bench_cases import OurCase

    return OurCase(contender.config)
