"""Time the cases and other frameworks in turn: `bnstudy bench`.

Every contender has a process and memory of its own, and waits while another is timed. They take
turns, so that noise affects all alike; ratios are taken within a round.
"""

import contextlib
import multiprocessing
import signal
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pkgutil import resolve_name
from typing import Any, Protocol

from bnstudy.backend.startup import import_tensorflow
from bnstudy.bench.peers import CONVOLUTIONS, PEERS
from bnstudy.config.load import load_config, parse_set
from bnstudy.config.schema import Config
from bnstudy.errors import UserError, one_line
from bnstudy.output import echo
from bnstudy.run_folder.environment import peak_memory_mb

OPTIONS = {  # keys that cannot be set with --set here, with the option that sets them
    "training.precision": "--precision",
    "data.train_limit": "--steps",
    "data.test_limit": "--steps",
}
SECONDS_TO_END = 5  # before a contender's process is terminated


@dataclass
class Contender:
    """A program that trains, and its measured times."""

    name: str
    precision: str
    config: Config
    peer: bool = False  # another framework's
    place: str = "bnstudy.bench.cases:CaseBenchmark"  # called with `config`: a Benchmark
    rounds: list[dict[str, list[float]]] = field(default_factory=list)  # part -> seconds
    peak_mb: float = 0.0  # peak memory of its process

    def median(self, part: str, number: int | None = None) -> float:
        """Return the median time of a part in seconds, over one round (by its index) or all."""
        rounds = self.rounds if number is None else [self.rounds[number]]
        return statistics.median(value for times in rounds for value in times[part])

    def spread(self, part: str) -> float:
        """Return half the interquartile range of all measurements, relative to the median."""
        values = [value for times in self.rounds for value in times[part]]
        low, _, high = statistics.quantiles(values, n=4)
        return (high - low) / 2 / self.median(part)

    def ratio(self, part: str, of: "Contender", of_part: str) -> list[float]:
        """Return median, minimum and maximum over the rounds of the other's time / own time."""
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
    also: Sequence[str] = (),
    sources: Mapping[str, str] | None = None,
) -> list[Contender]:
    """Return the contenders: each case, and case c also with automatic gradients.

    Args:
        cases: any of a, b, c.
        precisions: any of float32, bfloat16.
        presets: as for a run.
        overrides: as for a run, without the keys in `OPTIONS`.
        steps: training steps in a round.
        peers: add the other frameworks of bench/peers/ that are installed, with case b.
        also: "KEY=VALUE,KEY=VALUE", each of which adds case c with these keys changed.
        sources: the option that each override comes from, as for `load_config`.

    Raises:
        UserError: the configuration is wrong, its data set is too small for that many steps, or
            this is Windows.

    """
    _refuse_windows()

    def config(case: str, precision: str, **others: Any) -> Config:
        changes = {**overrides, "training.precision": precision, **others}
        said_by = {**(sources or {}), **dict.fromkeys(others, "--also")}
        unlimited = load_config(case, presets, None, changes, sources=said_by)
        if unlimited.training.devices != 1:
            raise UserError("bench: training.devices must be 1, since bench times one device")
        images = max(10, steps * unlimited.training.batch_size // unlimited.data.copies)
        limits = {"data.train_limit": images, "data.test_limit": max(10, images // 5)}
        return load_config(case, presets, None, {**changes, **limits})

    variants = {text: _variant(text) for text in also}
    for changes in (overrides, *variants.values()):
        _refuse_keys_of_options(changes)
    result = []
    for precision in precisions:
        for text, changes in variants.items():
            name = f"case c, {text.replace(',', ', ')}"
            result.append(Contender(name, precision, config("c", precision, **changes)))
        for case in cases:
            if case == "c":  # shows what the gradients by hand cost
                automatic = config(case, precision, **{"training.gradients": "autodiff"})
                result.append(Contender("case c, autodiff", precision, automatic))
            result.append(Contender(f"case {case}", precision, config(case, precision)))
    for name, peer in PEERS.items() if peers else ():
        if lacking := peer.lacks():
            echo(f"{name}: {lacking}, left out", sys.stderr)
        else:
            result += [Contender(name, p, config("b", p), True, peer.place) for p in precisions]
    return result


def _variant(text: str) -> dict[str, Any]:
    """Return what "KEY=VALUE,KEY=VALUE" changes."""
    return dict(parse_set(change, "--also") for change in text.split(","))


def _refuse_keys_of_options(changes: Mapping[str, Any]) -> None:
    for key, option in OPTIONS.items():
        if key in changes:
            raise UserError(f"bench: {key} cannot be set by --set or --also; use {option}")


def make_convolutions(
    precisions: Sequence[str],
    presets: Sequence[str],
    overrides: dict[str, Any],
    sources: Mapping[str, str] | None = None,
) -> list[Contender]:
    """Return the contenders whose convolutions are timed one by one: TensorFlow and PyTorch.

    Args:
        precisions: any of float32, bfloat16.
        presets: as for a run.
        overrides: as for a run; only width and batch size matter.
        sources: the option that each override comes from, as for `load_config`.

    Raises:
        UserError: the configuration is wrong, PyTorch is not installed, or this is Windows.

    """
    _refuse_windows()
    for name, peer in CONVOLUTIONS.items():
        if lacking := peer.lacks():
            raise UserError(f"bench: --convolutions needs {name}: {lacking}")
    result = []
    for precision in precisions:
        changes = {**overrides, "training.precision": precision}
        config = load_config("a", presets, None, changes, sources=sources)
        result += [Contender(n, precision, config, True, p.place) for n, p in CONVOLUTIONS.items()]
    return result


def _refuse_windows() -> None:
    if not hasattr(signal, "pthread_sigmask"):
        raise UserError("bench: works on Linux and macOS only")


def measure(contenders: Sequence[Contender], rounds: int) -> None:
    """Time all contenders in turn, in reverse order in every second round.

    Args:
        contenders: their `rounds` and `peak_mb` are filled in.
        rounds: number of measured rounds, after one for warming up.

    Raises:
        UserError: a contender ran out of memory, or its input is wrong.
        RuntimeError: a contender failed for any other reason.

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
    """Start a contender's process and wait until it has warmed up."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    # Not a daemon: PyTorch's DataLoader starts processes. It ends when its connection does.
    process = context.Process(target=_worker, args=(contender, theirs))
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
        ours.close()  # it ends by itself, and with it what it has started
        process.join(SECONDS_TO_END)
        process.terminate()
        process.join()


def _receive(contender: Contender, connection: Connection) -> Any:
    """Return what a contender sends; raise the error that it reports."""
    try:
        kind, value = connection.recv()
    except EOFError:
        raise UserError(
            f"bench: the process of {contender.name} ended, probably out of memory; try "
            "fewer contenders (--case, --precision) or a smaller model.width"
        ) from None
    if kind == "wrong":
        raise UserError(value + (" (from --steps)" if "data.train_limit" in value else ""))
    if kind == "broken":
        raise RuntimeError(f"{contender.name}, {contender.precision}: {value}")
    return value


def _worker(contender: Contender, connection: Connection) -> None:
    """Contender process: warm up, then time one round per request."""
    try:
        benchmark = _make_benchmark(contender)
        connection.send(("ready", None))
        while _wait_for_round(connection):
            times = benchmark.round()
            connection.send(("times", (times, peak_memory_mb())))
    except UserError as error:
        connection.send(("wrong", str(error)))
    except Exception as error:
        connection.send(("broken", f"{type(error).__name__}: {one_line(error)}"))


def _wait_for_round(connection: Connection) -> bool:
    """Wait for a request; return False when the benchmark has ended."""
    try:
        return bool(connection.recv() == "go")
    except EOFError:
        return False


class Benchmark(Protocol):
    """The interface of a benchmark: of a case, or of another framework."""

    def round(self) -> dict[str, list[float]]:
        """Return for each part of a step (at least "training") its measurements in seconds."""


def _make_benchmark(contender: Contender) -> Benchmark:
    """Build the benchmark of a contender, in this process; it warms up."""
    import_tensorflow()
    benchmark: Benchmark = resolve_name(contender.place)(contender.config)
    return benchmark
