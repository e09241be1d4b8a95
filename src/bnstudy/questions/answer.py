"""Answer a question: run or continue its plan, measure, judge, draw."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import bnstudy
from bnstudy import cluster
from bnstudy.errors import UserError
from bnstudy.output import echo
from bnstudy.plots.style import save
from bnstudy.questions import page, speed
from bnstudy.questions.claims import OPEN, Claim
from bnstudy.questions.find import Question, checkout
from bnstudy.questions.kept import is_kept, untouched
from bnstudy.questions.sources import (
    PUBLISHED,
    Published,
    finished_folder,
    published_runs,
    start_over,
)
from bnstudy.report.runs import commits
from bnstudy.run_folder.environment import git_state
from bnstudy.run_folder.files import write_json
from bnstudy.run_folder.log import load_log
from bnstudy.sweep import Run, load_plan, run_plan

LOGS = Path("logs/questions")


@dataclass(frozen=True)
class Options:
    """How a question is answered.

    Attributes:
        fresh: train everything here; use no published runs.
        published: where these are; None: below logs/published, if that is there.
        jobs: runs at a time.
        scheduler: of a cluster whose workers train; None: this machine does.
        train: whether to train what is missing.
        write: write the verdict into the checkout as well.

    """

    fresh: bool = False
    published: Path | None = None
    jobs: int = 1
    scheduler: str | None = None
    train: bool = True
    write: bool = False


class Source(NamedTuple):
    """A run, and the folder where it has finished: its own or a published one."""

    run: Run
    folder: Path | None


def answer(question: Question, options: Options) -> int:
    """Answer a question, and print the verdicts.

    Returns:
        The exit code: 0, or that of the sweep if runs have failed.

    Raises:
        UserError: the options contradict each other, there is nothing published where they say, or
            the data set cannot be found.
        Interrupted: the runs were asked to stop, and have saved their state.

    """
    _check(options)
    published = {} if options.fresh else published_runs(options.published)
    analysis = question.analysis()
    runs = load_plan(question.plan) if question.plan else []
    if options.fresh:
        start_over(runs, LOGS / question.name)
    sources = _sources(analysis, runs, published)
    _announce(question, analysis, sources, options.train)
    waiting = [source.run for source in sources if source.folder is None]
    code = _train(waiting, options) if waiting and options.train else 0
    sources = _sources(analysis, runs, published)
    elsewhere = {
        source.folder: _kept_elsewhere(question, source.run)
        for source in sources
        if source.folder not in (None, source.run.folder)
    }
    place = options.published or PUBLISHED
    with untouched(elsewhere) as kept:
        claims = _conclude(question, analysis, [s.folder for s in sources if s.folder], place)
        if options.write:
            _write(question, claims, kept)
    return code


def _sources(analysis: ModuleType, runs: Sequence[Run], published: Published) -> list[Source]:
    return [
        Source(run, finished_folder(run, published, _evaluations(analysis, run))) for run in runs
    ]


def _train(runs: list[Run], options: Options) -> int:
    if options.scheduler is not None:
        return cluster.run_plan(runs, options.scheduler)
    return run_plan(runs, options.jobs)


def _check(options: Options) -> None:
    """Refuse options that contradict each other, before anything is done."""
    if options.fresh and options.published is not None:
        raise UserError("question: --fresh uses no published runs; drop --published or --fresh")
    if options.fresh and not options.train:
        raise UserError("question: --fresh trains; drop --no-training or --fresh")
    if not options.train and (options.scheduler is not None or options.jobs != 1):
        option = "--jobs" if options.scheduler is None else "--scheduler"
        raise UserError(f"question: --no-training trains nothing; drop {option} or --no-training")
    if options.write and checkout() is None:
        raise UserError(
            "question: --write needs a checkout of the repository, not an installed copy"
        )


def _announce(
    question: Question, analysis: ModuleType, sources: Sequence[Source], train: bool
) -> None:
    """Say what will be trained and evaluated, and how long that takes here."""
    echo(question.title)
    if not sources:
        return
    waiting = [source.run for source in sources if source.folder is None]
    echo(f"{len(sources) - len(waiting)} of {len(sources)} runs have finished")
    evaluations = sum(
        images
        for source in sources
        if source.folder or train
        for name, images in _evaluations(analysis, source.run).items()
        if not _is_kept(question, source, name)
    )
    left = waiting if train else []
    work = speed.work_left(left)
    tested = work.test + evaluations
    if not (work.training or tested):
        return
    measured = speed.measured((left or [sources[0].run])[0].config)
    to_do = [f"train on {work.training:,} images ({measured.training:,.0f}/s)"] if left else []
    to_do += [f"evaluate {tested:,} ({measured.test:,.0f}/s)"] if tested else []
    time = duration(measured.seconds(work.training, tested))
    echo(f"to do: {', '.join(to_do)}: about {time} here")


def _evaluations(analysis: ModuleType, run: Run) -> dict[str, int]:
    """Return what is kept beside a run, and how many images each file takes."""
    needed: dict[str, int] = {}
    if hasattr(analysis, "evaluations"):
        needed = analysis.evaluations(run.config)
    return needed


def duration(seconds: float) -> str:
    """Return a time in words, such as "1 h 20 min"."""
    minutes = round(seconds / 60)
    if minutes <= 1:
        return "a minute"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _kept_elsewhere(question: Question, run: Run) -> Path:
    """Return the folder for evaluations of a published run, which stays as it is."""
    return LOGS / question.name / "kept" / run.folder.name


def _is_kept(question: Question, source: Source, name: str) -> bool:
    if source.folder is None:
        return False
    places = source.folder, _kept_elsewhere(question, source.run)
    return any(is_kept(source.folder, name, place) for place in places)


def _conclude(
    question: Question, analysis: ModuleType, folders: list[Path], published: Path
) -> list[Claim]:
    """Measure, judge, draw; print the table, and write verdict.json and figure.png."""
    out = LOGS / question.name
    measured = analysis.measure(folders)
    if hasattr(analysis, "benchmarks"):
        measured["bench"] = analysis.benchmarks(published / "bench")
    claims = [_rounded(claim) for claim in analysis.judge(measured)]
    out.mkdir(parents=True, exist_ok=True)
    save(analysis.draw(measured, claims), out / "figure.png")
    verdict = {
        "question": question.name,
        "version": bnstudy.__version__,
        "git": git_state(Path(bnstudy.__file__).resolve()),
        "runs": {folder.name: commits(load_log(folder)) for folder in folders},
        "claims": [claim._asdict() for claim in claims],
        "described": measured.get("described", {}),  # decides nothing
    }
    write_json(out / "verdict.json", verdict)  # last: now the question has been answered
    echo(page.table(claims))
    if missing := sum(claim.verdict == OPEN for claim in claims):
        echo(f"{missing} of {len(claims)} claims are open: not all of their runs have finished")
    echo(f"see {out / 'figure.png'} and {out / 'verdict.json'}")
    return claims


def _rounded(claim: Claim) -> Claim:
    """Return a claim with six digits that count, so that verdict.json and pages agree."""

    def digits(value: float) -> float:
        return float(f"{value:.6g}")

    value = None if claim.value is None else digits(claim.value)
    interval = None
    if claim.interval is not None:
        interval = digits(claim.interval[0]), digits(claim.interval[1])
    return claim._replace(value=value, interval=interval)


def _write(question: Question, claims: Sequence[Claim], kept: Mapping[Path, Path]) -> None:
    """Write what was found into the checkout: verdict, figure, pages, evaluations."""
    for name in ("figure.png", "verdict.json"):
        shutil.copyfile(LOGS / question.name / name, question.folder / name)
    for file, beside_the_run in kept.items():
        shutil.copyfile(file, beside_the_run)
    page.renew(question.folder / "README.md", "verdict", page.table(claims))
    answers = question.folder.parents[1] / "docs" / "answers.md"
    page.renew(answers, f"answer {question.number}", page.answer(question, claims))
    echo(f"written: {question.folder} and {answers}")
