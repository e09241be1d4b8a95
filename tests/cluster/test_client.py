"""The client of a scheduler: what it shows, what it refuses, how it stops; its runs do nothing."""

import os
import signal
import threading
import time
from dataclasses import replace

import distributed
import pytest
from sweep_helpers import finish, tiny_plan

from bnstudy.cluster import client, worker
from bnstudy.cluster.needs import needs_of
from bnstudy.errors import UserError
from bnstudy.interrupts import Interrupted
from bnstudy.run_folder.folder import claim
from bnstudy.sweep.plan import load_plan


@pytest.fixture(scope="module")
def cluster():
    """Two workers, in this process."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


def work(run):
    """End as the seed says: 2 fails, 3 waits until it is stopped, 6 until it may end."""
    dask_worker = distributed.get_worker()
    worker._show(dask_worker, run, f"on {dask_worker.name}")
    if run.config.seed == 2:
        return replace(run, state="failed", exit_code=2, last_line="it cannot be")
    while run.config.seed == 3 or (run.config.seed == 6 and not go(run.folder.parent).exists()):
        time.sleep(0.02)
        if worker.is_stopped(run):
            return replace(run, state="interrupted", exit_code=130)
    with claim(run.folder, run.config):
        finish(run.folder, run.config)
    return replace(run, state="finished", exit_code=0)


def go(out):
    """Return the file that lets a waiting run end."""
    return out.with_name("go")


@pytest.fixture
def when(monkeypatch):
    """Do something once, in a thread, when a line is printed that contains a text."""
    actions, show = {}, client.echo

    def echo(line):
        show(line)
        for text in [text for text in actions if text in line]:
            threading.Timer(0.3, actions.pop(text)).start()

    monkeypatch.setattr(client, "echo", echo)
    return actions.__setitem__


def runs_of(tmp_path, *seeds):
    """Return the runs of a plan with these seeds, in this order."""
    runs = {run.config.seed: run for run in load_plan(tiny_plan(tmp_path, 8))}
    return [runs[seed] for seed in seeds]


def test_runs_end_on_the_workers_and_one_that_fails_is_named_and_not_repeated(
    cluster, tmp_path, capsys
):
    runs = runs_of(tmp_path, 0, 1, 2, 4)
    assert client.run_plan(runs, cluster.scheduler_address, work=work) == 2
    assert [run.state for run in runs] == ["finished", "finished", "failed", "finished"]
    out = capsys.readouterr().out
    names = [run.folder.name for run in runs]
    assert [out.count(f"{name}: on ") for name in names] == [1, 1, 1, 1]
    assert out.splitlines()[-3].endswith("it cannot be")
    assert out.splitlines()[-1] == "3 finished, 1 failed"
    again = runs_of(tmp_path, 0, 1)
    assert client.run_plan(again, cluster.scheduler_address, work=work) == 0
    assert ": on " not in capsys.readouterr().out, "what has finished is not given to anybody"


def test_the_first_failure_stops_the_others_where_that_is_asked(cluster, tmp_path):
    runs = runs_of(tmp_path, 3, 2, 0)
    address = cluster.scheduler_address
    assert client.run_plan(runs, address, fail_fast=True, work=work) == 2
    assert [run.state for run in runs][:2] == ["interrupted", "failed"]


def test_a_worker_is_refused_by_name_now_and_when_it_joins(
    cluster, tmp_path, capsys, monkeypatch, when
):
    runs = runs_of(tmp_path, 6, 0, 1, 4)
    ours, answers = needs_of(runs), [None, "it has tensorflow 1.0", "it has no storage"]
    monkeypatch.setattr(
        worker, "objection", lambda needs: answers.pop(0) if needs == ours else None
    )
    when(": on ", lambda: cluster.scale(3))
    when("it has no storage", go(tmp_path / "out").touch)
    assert client.run_plan(runs, cluster.scheduler_address, work=work) == 0
    out = capsys.readouterr().out
    assert out.count("is refused: it has tensorflow 1.0") == 1
    assert out.count("is refused: it has no storage") == 1
    by = {line.rpartition(": on ")[2] for line in out.splitlines() if ": on " in line}
    assert len(by) == 1, "a worker that is refused makes a run"
    cluster.scale(2)


def test_runs_wait_for_a_worker_that_joins_and_is_admitted(tmp_path, when, capsys):
    with distributed.LocalCluster(
        n_workers=0, processes=False, dashboard_address="127.0.0.1:0"
    ) as empty:
        when("no worker yet", lambda: empty.scale(1))
        runs = runs_of(tmp_path, 0, 1)
        assert client.run_plan(runs, empty.scheduler_address, work=work) == 0
    (hint,) = [line for line in capsys.readouterr().out.splitlines() if "no worker yet" in line]
    assert "--host 127.0.0.1 --dashboard-address 127.0.0.1:0" in hint, "it would be open to all"


def test_where_every_worker_is_refused_nothing_is_run(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "objection", lambda _: "it has keras 2")
    runs = runs_of(tmp_path, 0)
    with pytest.raises(UserError, match=r"every worker is refused; \S+: it has keras 2$"):
        client.run_plan(runs, cluster.scheduler_address, work=work)
    assert not runs[0].folder.exists()


def test_a_worker_that_says_again_why_it_is_refused_is_heard_once(tmp_path, capsys):
    following = client._Following(runs_of(tmp_path, 0), work, None, fail_fast=False)
    said = {"refused": "tcp://127.0.0.1:1", "plan": following._needs.name, "why": "it has keras 2"}
    for message in (said, said, {**said, "plan": "another"}, {**said, "why": "it has no storage"}):
        following._show(message)
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "it has keras 2",
        "it has no storage",
    ]


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_leaves_the_runs_and_the_next_client_finds_them(
    cluster, tmp_path, capsys, monkeypatch, when
):
    monkeypatch.setattr(client, "TIME_TO_CHOOSE", 0.3)
    when(": on ", ctrl_c)
    with pytest.raises(Interrupted, match="the runs go on"):
        client.run_plan(runs_of(tmp_path, 6), cluster.scheduler_address, work=work)
    assert "Ctrl-C now stops them" in capsys.readouterr().out
    (run,) = runs_of(tmp_path, 6)
    when("1 waiting", go(tmp_path / "out").touch)
    assert client.run_plan([run], cluster.scheduler_address, work=work) == 0
    assert ": on " not in capsys.readouterr().out, "it was begun a second time"
    assert run.state == "finished"


def test_a_second_ctrl_c_stops_the_runs_and_the_next_client_begins_them_again(
    cluster, tmp_path, when
):
    when(": on ", ctrl_c)
    when("Ctrl-C now stops them", ctrl_c)
    runs = runs_of(tmp_path, 3)
    with pytest.raises(Interrupted, match="every run has saved"):
        client.run_plan(runs, cluster.scheduler_address, work=work)
    assert runs[0].state == "interrupted"
    again = runs_of(tmp_path, 3)
    assert client.run_plan(again, cluster.scheduler_address, work=is_free) == 0


def is_free(run):
    return replace(run, state="failed" if worker.is_stopped(run) else "finished", exit_code=1)


@pytest.mark.parametrize(
    ("scheduler", "says"),
    [
        ("local:0", "local: needs a number of workers, 1 to 999, as in local:4"),
        ("local:x", "local: needs a number of workers, 1 to 999, as in local:4"),
        ("tcp://127.0.0.1:9", "no scheduler answers"),
        *[
            (text, "an address is like tcp://127.0.0.1:8786, and local:4 is four workers")
            for text in ("", "nonsense", "127.0.0.1", "nonsense://x:1", "tcp://", "tcp://:8786")
        ],
        ("tcp://127.0.0.1:x", "an address is like"),
        ("tcp://127.0.0.1:99999", "an address is like"),
    ],
)
def test_a_scheduler_that_is_none_is_one_line(tmp_path, scheduler, says, monkeypatch):
    monkeypatch.setattr(client, "TIME_TO_CONNECT", 0.5)
    with pytest.raises(UserError, match=says) as caught:
        client.run_plan(runs_of(tmp_path, 0), scheduler, work=work)
    assert "\n" not in str(caught.value)
