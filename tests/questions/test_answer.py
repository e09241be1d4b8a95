"""Answering a question: which runs count, what is written where, what is never shown."""

import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bnstudy
from bnstudy.cli.main import main
from bnstudy.interrupts import Interrupted
from bnstudy.questions import answer as module
from bnstudy.questions.answer import Options, answer, duration
from bnstudy.questions.find import question
from bnstudy.run_folder.find import run_folders

OUT = Path("logs/questions/q3_toy")
pytestmark = pytest.mark.usefixtures("toy", "quick_speed")


def verdict():
    return json.loads((OUT / "verdict.json").read_text())


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*_):
        pytest.fail("nothing was to be trained")

    monkeypatch.setattr(module, "run_plan", refuse)


@pytest.mark.usefixtures("no_training")
def test_published_runs_answer_without_training_and_stay_as_they_are(finish, capsys):
    runs = run_folders(finish("logs/published/any/depth", 0, 1))
    before = {run: sorted(run.iterdir()) for run in runs}
    assert answer(question(3), Options()) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "Question 3: is it?\n2 of 2 runs have finished\n"
        "to do: evaluate 2,000 (400/s): about a minute here\n"
    )
    assert "| **Twice is more.** |" in out
    assert verdict()["claims"][0]["verdict"] == "replicates"
    assert set(verdict()["runs"]) == {run.name for run in runs}
    assert (OUT / "figure.png").stat().st_size > 100
    assert {run: sorted(run.iterdir()) for run in runs} == before


@pytest.mark.usefixtures("no_training")
def test_nothing_imports_tensorflow_once_all_is_published_and_kept(finish, toy):
    finish("logs/published", 0, 1)
    code = (
        "import sys\nfrom pathlib import Path\nfrom bnstudy.questions import find\n"
        "find.experiments_dir = lambda: Path('experiments').resolve()\n"
        "from bnstudy.cli.main import main\nassert main(['question', '3']) == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    assert answer(question(3), Options()) == 0
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.usefixtures("no_training")
def test_benchmarks_are_looked_for_where_the_published_runs_are(finish, toy):
    with (toy / "analysis.py").open("a") as file:
        file.write("\n\ndef benchmarks(place):\n    (place / 'asked').mkdir(parents=True)\n")
    elsewhere = finish("elsewhere", 0, 1)
    assert answer(question(3), Options(published=elsewhere)) == 0
    assert (elsewhere / "bench/asked").exists()


@pytest.mark.usefixtures("no_training")
def test_write_puts_everything_into_the_checkout(finish, toy):
    runs = run_folders(finish("logs/published", 0, 1))
    answer(question(3), Options(write=True))
    for name in ("verdict.json", "figure.png"):
        assert filecmp.cmp(OUT / name, toy / name, shallow=False)
    assert all((run / "double.json").is_file() for run in runs)
    assert "| **Twice is more.** |" in (toy / "README.md").read_text()
    answers = Path("docs/answers.md").read_text()
    assert "- **Twice is more.**: " in answers
    assert "Verdict: **replicates**." in answers
    before = [(path, path.read_bytes()) for path in [toy / "README.md", Path("docs/answers.md")]]
    shutil.rmtree(OUT)
    answer(question(3), Options(write=True))
    assert [(path, path.read_bytes()) for path, _ in before] == before
    assert not (OUT / "kept").exists(), "what is kept beside the runs is not evaluated again"


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("missing", [{"optimizer.learning_rate": 0.5}, {"seed": 7}])
def test_runs_of_another_configuration_or_seed_do_not_count(finish, missing, capsys):
    finish("logs/published/one", 0)
    finish("logs/published/two", 1, **missing)
    assert answer(question(3), Options(train=False)) == 0
    claim = verdict()["claims"][0]
    assert (claim["verdict"], claim["reason"]) == ("open", "1 of 2")
    assert "1 of 1 claims are open: not all of their runs have finished" in capsys.readouterr().out


@pytest.mark.usefixtures("no_training")
def test_a_run_that_has_not_finished_does_not_count(finish):
    run = run_folders(finish("logs/published", 0, 1))[0]
    (run / "result.json").unlink()
    answer(question(3), Options(train=False))
    assert verdict()["claims"][0]["verdict"] == "open"


def test_what_is_missing_is_trained_here_and_announced(finish, capsys, monkeypatch):
    finish("logs/published", 0)
    trained = []
    monkeypatch.setattr(module, "run_plan", lambda runs, jobs: trained.append((runs, jobs)) or 2)
    assert answer(question(3), Options(jobs=3)) == 2
    ((run,), jobs) = trained[0]
    assert (run.config.seed, run.folder.parent, jobs) == (1, OUT, 3)
    out = capsys.readouterr().out
    assert "1 of 2 runs have finished" in out
    expected = "to do: train on 40 images (100/s), evaluate 2,020 (400/s): about a minute here"
    assert expected in out
    assert verdict()["claims"][0]["verdict"] == "open"


def test_what_is_missing_is_given_to_a_scheduler_where_one_is_named(finish, monkeypatch):
    finish("logs/published", 0)
    given = []
    monkeypatch.setattr(
        module.cluster, "run_plan", lambda runs, scheduler: given.append((runs, scheduler)) or 2
    )
    assert answer(question(3), Options(scheduler="local:2")) == 2
    (((run,), scheduler),) = given
    assert (run.config.seed, scheduler) == (1, "local:2")


def test_fresh_trains_all_and_keeps_aside_only_what_was_complete(finish, monkeypatch):
    finish("logs/published", 0, 1)
    asked = []
    monkeypatch.setattr(module, "run_plan", lambda runs, _: asked.append(len(runs)) or 0)
    answer(question(3), Options())
    answer(question(3), Options(fresh=True))
    assert asked == [2], "published runs do not count"
    plan = module.load_plan(question(3).plan)
    for made, run in zip(run_folders("logs/published"), plan, strict=True):
        shutil.copytree(made, run.folder)
    (OUT / "verdict.json").unlink()  # as if interrupted before the verdict
    answer(question(3), Options(fresh=True))
    assert asked == [2], "it continues, and finds that all has finished"
    assert verdict()["claims"][0]["verdict"] == "replicates"
    answer(question(3), Options(fresh=True))
    assert asked == [2, 2]
    assert OUT.with_name("q3_toy.old-1").is_dir()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(published=Path("nowhere")), "nowhere: no such folder"),
        (Options(published=Path("docs")), "docs is not a run folder .* and holds none"),
        (Options(fresh=True, published=Path("docs")), "--fresh uses no published runs"),
        (Options(fresh=True, train=False), "--fresh trains"),
        (Options(jobs=2, train=False), "drop --jobs or --no-training"),
        (Options(scheduler="local:2", train=False), "drop --scheduler or --no-training"),
    ],
)
def test_wrong_options_are_one_line(options, says):
    with pytest.raises(bnstudy.UserError, match=says):
        answer(question(3), options)
    assert not Path("logs").exists()


def test_an_installed_copy_cannot_be_written_to(finish):
    finish("logs/published", 0, 1)
    Path("pyproject.toml").unlink()
    with pytest.raises(bnstudy.UserError, match="--write needs a checkout"):
        answer(question(3), Options(write=True))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a minute"), (125, "2 min"), (3599, "1 h 0 min"), (8000, "2 h 13 min")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_an_interrupt_leaves_no_verdict_and_the_same_command_continues(finish, capsys, monkeypatch):
    def interrupted(*_):
        raise Interrupted("the sweep was stopped")

    monkeypatch.setattr(module, "run_plan", interrupted)
    assert main(["question", "3", "--fresh"]) == 130
    out, errors = capsys.readouterr()
    assert errors == "bnstudy: the sweep was stopped; the same command continues\n"
    assert "|" not in out
    assert not (OUT / "verdict.json").exists()

    def finished(runs, _):
        for made, run in zip(run_folders(finish("made", 0, 1)), runs, strict=True):
            shutil.copytree(made, run.folder)
        return 0

    monkeypatch.setattr(module, "run_plan", finished)
    assert main(["question", "3", "--fresh"]) == 0
    assert verdict()["claims"][0]["verdict"] == "replicates"


@pytest.mark.thorough
def test_a_real_run_that_is_interrupted_saves_and_continues_to_the_verdict(toy, finish):
    """The first run is stopped; the second has finished."""
    plan = (toy / "plan.yaml").read_text().replace("epochs: [1]", "epochs: [30]")
    (toy / "plan.yaml").write_text(plan)
    (made,) = run_folders(finish("made", 1, **{"training.epochs": 30}))
    shutil.copytree(made, module.load_plan(question(3).plan)[1].folder)
    code = (
        "import sys\nfrom pathlib import Path\nfrom bnstudy.questions import find, speed\n"
        "find.experiments_dir = lambda: Path('experiments').resolve()\n"
        "speed.measured = lambda config: speed.Speed(100.0, 400.0)\n"
        "from bnstudy.cli.main import main\nsys.exit(main(['question', '3', '--fresh']))\n"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "epoch 2/30" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.endswith("; the same command continues\n")
    assert errors.count("\n") == 1
    assert "|" not in out, "no verdict from runs that have not finished"
    assert not (OUT / "verdict.json").exists()
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr
    assert "epoch 1/30" not in ended.stdout, "the first run was continued"
    assert verdict()["claims"][0]["verdict"] == "replicates"


def test_data_that_are_not_there_are_one_line_before_anything_is_trained(toy, monkeypatch):
    plan = (toy / "plan.yaml").read_text().replace("[quick]", "[lite]")
    (toy / "plan.yaml").write_text(plan)
    Path("empty").mkdir()
    monkeypatch.setenv("BNSTUDY_DATA", "empty")
    with pytest.raises(
        bnstudy.UserError, match=r"^\$BNSTUDY_DATA: empty does not contain CIFAR-10"
    ):
        answer(question(3), Options())
    assert not OUT.exists()
