"""What a check of a layer found, as a table."""

from dataclasses import dataclass

EXACT = 1e-9  # tolerance with the complex step; right gradients differ by about 1e-15
PASS, FAIL, NO_VERDICT = "pass", "FAIL", "no verdict"


@dataclass(frozen=True)
class Row:
    """One gradient, against the numeric opinions."""

    gradient: str  # "dx"
    shape: tuple[int, ...]
    elements: int  # compared one by one; 0 where the shape is wrong
    kinks: int  # of them stepped around
    difference: (
        float | None
    )  # relative, from central differences or the complex step if there is one
    directions: float | None  # relative, along random directions
    order: float | None  # of convergence as the step shrinks
    order_note: str  # what is shown where there is no order: "exact", "kinks"
    complex_step: float | None  # relative difference from it; None where it is left out
    verdict: str
    mistake: str = ""  # its name, or why there is no verdict


@dataclass(frozen=True)
class LayerResult:
    """The result of `check_layer`: one row per gradient, and what is wrong besides."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]  # wrong count, changed arguments, ...: each fails the check
    notes: tuple[str, ...]  # what was left out, and what was insisted on
    tolerance: float
    seed: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every gradient is right and nothing else is wrong."""
        return bool(self.rows) and not self.problems and all(r.verdict == PASS for r in self.rows)

    @property
    def exit_code(self) -> int:
        """0 right, 1 wrong, 2 where no verdict is possible."""
        if self.problems or any(row.verdict == FAIL for row in self.rows):
            return 1
        return 0 if self.passed else 2

    def __str__(self) -> str:
        """Return the table, what is wrong, and the verdict."""
        lines = [_HEADER, *map(_line, self.rows), ""] if self.rows else []
        lines += [f"{r.gradient}: {r.mistake}" for r in self.rows if r.mistake]
        lines += self.problems
        lines += [f"({note})" for note in self.notes]
        return "\n".join([*lines, self._verdict()])

    def __repr__(self) -> str:
        """Return the table: a notebook shows it as it is."""
        return str(self)

    def _verdict(self) -> str:
        tolerances = [f"{EXACT:.0e} with the complex step"] * self._some(exact=True)
        tolerances += [f"{self.tolerance:.0e}"] * (self._some(exact=False) or not tolerances)
        words = {0: "right", 1: "WRONG", 2: "no verdict"}[self.exit_code]
        allowed = ", else ".join(tolerances)
        return f"{words}; tolerance {allowed}; seed {self.seed}, {self.seconds:.1f} s"

    def _some(self, exact: bool) -> bool:
        return any((row.complex_step is not None) is exact for row in self.rows)


_HEADER = (
    f"{'gradient':<10} {'shape':<16} {'compared':>8} {'kinks':>5} {'difference':>10} "
    f"{'directions':>10} {'order':>6} {'complex':>8}"
)


def _line(row: Row) -> str:
    order = row.order_note if row.order is None else f"{row.order + 0.0:.1f}".replace("-0.0", "0.0")
    return (
        f"{row.gradient:<10} {'x'.join(map(str, row.shape)) or 'number':<16} {row.elements:>8} "
        f"{row.kinks:>5} {_number(row.difference):>10} {_number(row.directions):>10} {order:>6} "
        f"{_number(row.complex_step):>8}   {row.verdict}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"
