"""Measure how fast the cases train on this machine, against what it can do: `bnstudy bench`.

Every contender runs in a process of its own, with memory of its own, and waits while another is
timed. They take turns, round by round, so that noise hits all alike; ratios are taken within a
round.
"""

import contextlib
import importlib.util
import multiprocessing
import signal
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Protocol

from bnstudy.backend.startup import import_tensorflow
from bnstudy.bench.peers import PEERS
from bnstudy.config.load import load_config
from bnstudy.config.registry import find
from bnstudy.config.schema import Config
from bnstudy.errors import UserError, one_line
from bnstudy.output import echo
from bnstudy.run_folder.environment import peak_memory_mb

OPTIONS = {  # keys that are not for --set here
    "training.precision": "--precision",
    "data.train_limit": "--steps",
    "data.test_limit": "--steps",
}


@dataclass
class Contender:
    """One program that trains, and its measured times."""

    name: str
    precision: str
    config: Config
    peer: bool = False  # not ours
    rounds: list[dict[str, list[float]]] = field(default_factory=list)  # part -> seconds
    peak_mb: float = 0.0  # memory of its process, at most

    def median(self, part: str, number: int | None = None) -> float:
        """Return the median time of a part, in seconds, of the round with an index or of all."""
        rounds = self.rounds if number is None else [self.rounds[number]]
        return statistics.median(value for times in rounds for value in times[part])

    def spread(self, part: str) -> float:
        """Return half the distance between the quartiles of all measurements, over the median."""
        values = [value for times in self.rounds for value in times[part]]
        low, _, high = statistics.quantiles(values, n=4)
        return (high - low) / 2 / self.median(part)

    def ratio(self, part: str, of: "Contender", of_part: str) -> list[float]:
        """Return median, least and greatest over the rounds of (time of the other) / (own time)."""
        numbers = range(len(self.rounds))
        ratios = [of.median(of_part, n) / self.median(part, n) for n in numbers]
        return [statistics.median(ratios), min(ratios), max(ratios)]


def make_contenders(
    cases: Sequence[str],
    precisions: Sequence[str],
    presets: Sequence[str],
    overrides: dict[str, Any],
    steps: int,
    peers: bool,
) -> list[Contender]:
    """List who takes part: each case; case c with automatic gradients, too.

    Args:
        cases: of a, b, c.
        precisions: of float32, bfloat16.
        presets: as for a run.
        overrides: as for a run, but for the keys of `OPTIONS`.
        steps: in a round.
        peers: add TensorFlow's fused kernels, Keras's own loop, and PyTorch and JAX where they are
            installed; all as case b.

    Raises:
        UserError: the configuration is wrong, or its data set too small for so many steps; or this
            is Windows.

    """
    if not hasattr(signal, "pthread_sigmask"):
        raise UserError("bench: works on Linux and macOS only")

    def config(case: str, precision: str, **others: str) -> Config:
        changes = {**overrides, "training.precision": precision, **others}
        whole = load_config(case, presets, None, changes)
        images = max(10, steps * whole.training.batch_size // (2 if whole.data.augment else 1))
        limits = {"data.train_limit": images, "data.test_limit": max(10, images // 5)}
        return load_config(case, presets, None, {**changes, **limits})

    for key, option in OPTIONS.items():
        if key in overrides:
            raise UserError(f"bench: {key} is set by {option}")
    result = []
    for precision in precisions:
        for case in cases:
            if case == "c":  # what do gradients by hand alone cost?
                automatic = config(case, precision, **{"training.gradients": "autodiff"})
                result.append(Contender("case c, autodiff", precision, automatic))
            result.append(Contender(f"case {case}", precision, config(case, precision)))
    for name, peer in PEERS.items() if peers else ():
        if importlib.util.find_spec(peer.package):
            result += [Contender(name, p, config("b", p), peer=True) for p in precisions]
        else:
            echo(f"{name}: not installed, left out", sys.stderr)
    return result


def measure(contenders: Sequence[Contender], rounds: int) -> None:
    """Time everybody in turn, every second round in reverse.

    Args:
        contenders: who gets their times.
        rounds: that count; before them comes a warm-up.

    Raises:
        UserError: a contender ended for want of memory, or said what is wrong.

    """
    with contextlib.ExitStack() as stack:
        connections = []
        for contender in contenders:
            echo(f"preparing {contender.name}, {contender.precision}", sys.stderr)
            connections.append(stack.enter_context(_process(contender)))
        for number in range(rounds):
            echo(f"round {number + 1} of {rounds}", sys.stderr)
            order = list(zip(contenders, connections, strict=True))
            for contender, connection in order if number % 2 == 0 else reversed(order):
                connection.send("go")
                times, contender.peak_mb = _receive(contender, connection)
                contender.rounds.append(times)


@contextlib.contextmanager
def _process(contender: Contender) -> Iterator[Connection]:
    """Start a contender's process and wait until it is warm."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_worker, args=(contender, theirs), daemon=True)
    # The process keeps this mask: a Ctrl-C of the terminal reaches us alone.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    theirs.close()
    try:
        _receive(contender, ours)
        yield ours
    finally:
        process.terminate()
        process.join()


def _receive(contender: Contender, connection: Connection) -> Any:
    """Wait for what a contender sends; raise what went wrong there."""
    try:
        kind, value = connection.recv()
    except EOFError:
        raise UserError(
            f"bench: the process of {contender.name} ended; is the memory short? try fewer "
            "contenders (--case, --precision) or a smaller model.width"
        ) from None
    if kind == "wrong":
        raise UserError(value + (" (from --steps)" if "data.train_limit" in value else ""))
    if kind == "broken":
        raise RuntimeError(f"{contender.name}, {contender.precision}: {value}")
    return value


def _worker(contender: Contender, connection: Connection) -> None:
    """Contender process: warm up, then time one round per request."""
    try:
        timed = _prepared(contender)
        connection.send(("ready", None))
        while _wait_for_round(connection):
            times = timed.round()
            connection.send(("times", (times, peak_memory_mb())))
    except UserError as error:
        connection.send(("wrong", str(error)))
    except Exception as error:
        connection.send(("broken", f"{type(error).__name__}: {one_line(error)}"))


def _wait_for_round(connection: Connection) -> bool:
    """Wait for the word; return False when the benchmark has ended."""
    try:
        return connection.recv() == "go"
    except EOFError:
        return False


class Benchmark(Protocol):
    """The interface of what is timed."""

    def round(self) -> dict[str, list[float]]:
        """Return the seconds of each measurement of each part."""


def _prepared(contender: Contender) -> Benchmark:
    """Build a contender and let it warm up, in this process."""
    import_tensorflow()
    if contender.peer:
        return find(PEERS[contender.name].place)(contender.config)
    from bnstudy.bench.cases import CaseBenchmark

    return CaseBenchmark(contender.config)
