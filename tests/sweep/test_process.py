"""The process of a run: its lines, its exit code, and that it ends with whoever started it."""

import json
import os
import signal
import subprocess
import sys
import time

from sweep_helpers import configurations, tiny_plan

from bnstudy.run_folder import checkpoint
from bnstudy.run_folder.folder import holder_of, user_of
from bnstudy.sweep.plan import load_plan
from bnstudy.sweep.process import Processes

LONG = {"training.epochs": 500, "data.train_limit": 200}
STARTER = """
import sys
from bnstudy.sweep.plan import load_plan
from bnstudy.sweep.process import Processes

(run,) = load_plan(sys.argv[1])
Processes().carry_out(run.folder, run.arguments, lambda line: print(line, flush=True), bool)
"""


def test_a_run_saves_and_ends_when_its_starter_is_killed(tmp_path):
    plan = tiny_plan(tmp_path, 1, **LONG)
    command = [sys.executable, "-c", STARTER, str(plan)]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in starter.stdout:
        if line.startswith("epoch 2/500"):
            break
    (folder,) = configurations(plan)
    run = json.loads(holder_of(folder).read_text())["pid"]
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    waited = time.monotonic() + 20
    while user_of(folder) is not None and time.monotonic() < waited:
        time.sleep(0.1)
    if orphan := user_of(folder):
        os.kill(run, signal.SIGKILL)
    assert orphan is None, "an orphan keeps the folder"
    assert checkpoint.newest(folder / "checkpoints")
    assert '"outcome": "interrupted"' in (folder / "environment.json").read_text()


def test_lines_and_exit_code_are_those_of_the_run(tmp_path):
    lines = []
    arguments = ["--case", "d"]
    code = Processes().carry_out(tmp_path / "run", arguments, lines.append, lambda: False)
    assert code == 2
    (line,) = lines
    assert line.startswith("bnstudy: --case: unknown case 'd'")


def test_advice_about_the_folder_is_for_readers_of_a_plan(tmp_path):
    (run,) = load_plan(tiny_plan(tmp_path, 1))
    run.folder.mkdir(parents=True)
    (run.folder / "config.yaml").write_text("case: b\n")
    lines = []
    assert Processes().carry_out(run.folder, run.arguments, lines.append, lambda: False) == 2
    (line,) = lines
    assert line.endswith("; delete or move the folder, or change name: or out: in the plan")


def test_a_run_that_is_asked_to_stop_while_it_starts_leaves_nothing(tmp_path):
    (run,) = load_plan(tiny_plan(tmp_path, 1))
    code = Processes().carry_out(run.folder, run.arguments, lambda _: None, lambda: True)
    assert code in (130, -signal.SIGTERM)
    assert not (run.folder / "result.json").exists()
