"""What TF_CONFIG says; processes that follow it are in tests/runner/test_workers.py."""

import json

import pytest

from bnstudy.backend import cluster
from bnstudy.errors import UserError

WORKERS = {"worker": ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]}


@pytest.fixture
def said(monkeypatch):
    """Set TF_CONFIG, which a process reads once."""

    def say(value):
        monkeypatch.setenv("TF_CONFIG", value if isinstance(value, str) else json.dumps(value))
        cluster.place.cache_clear()

    yield say
    monkeypatch.delenv("TF_CONFIG", raising=False)
    cluster.place.cache_clear()


def worker(index, **cluster):
    return {"cluster": {**WORKERS, **cluster}, "task": {"type": "worker", "index": index}}


def test_without_it_there_is_one_process(said):
    said(" ")
    assert cluster.place() == (0, 1)
    assert cluster.is_chief()
    assert cluster.total(2.5) == 2.5


def test_it_names_the_worker_and_counts_all(said):
    said(worker(2))
    assert cluster.place() == (2, 3)
    assert not cluster.is_chief()
    said(worker(0))
    assert cluster.is_chief()


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[]",
        "{}",
        worker(3),
        worker(-1),
        worker(0, ps=["127.0.0.1:4"]),
        {"cluster": WORKERS, "task": {"type": "chief", "index": 0}},
        {"cluster": WORKERS, "task": {"type": "worker", "index": "first"}},
    ],
)
def test_another_form_is_refused(said, value):
    said(value)
    with pytest.raises(UserError, match=r"^TF_CONFIG in the environment must be of the form \{"):
        cluster.place()


@pytest.mark.parametrize(("devices", "fits"), [(3, True), (6, True), ("auto", True), (1, False)])
def test_every_worker_has_equally_many_devices(said, devices, fits):
    said(worker(1))
    if fits:
        cluster.check(devices)
        return
    said = "names 3 workers; it must be a multiple of 3, or auto"
    with pytest.raises(UserError, match=f"^training.devices is 1, and TF_CONFIG .* {said}$"):
        cluster.check(devices)


def test_one_process_may_have_any_number_of_devices(said):
    said("")
    for devices in (1, 2, "auto"):
        cluster.check(devices)
