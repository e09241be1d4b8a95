"""Which runs a report is made of."""

import json

import pytest

from bnstudy.errors import UserError
from bnstudy.report.runs import commits, read
from bnstudy.run_folder.files import write_json
from bnstudy.run_folder.log import load_log


def test_a_folder_of_run_folders_stands_for_all_that_are_below_it(make_finished, tmp_path):
    folders = [make_finished("a", seed, preset="quick", epochs=2) for seed in (0, 1)]
    whole, one = read([tmp_path]), read([folders[0], tmp_path / "runs", folders[1]])
    for found in (whole, one):
        (group,) = found.groups
        assert {log.folder.name for log in group.logs} == {folder.name for folder in folders}


def test_an_unfinished_run_counts_nowhere(make_finished, make_run, tmp_path):
    make_finished("a", 0, preset="quick", epochs=2)
    make_run("runs/half", epochs=1, case="a", presets=["quick"], overrides={"seed": 1})
    found = read([tmp_path])
    assert [len(group.logs) for group in found.groups] == [1]
    assert [log.folder.name for log in found.unfinished] == ["half"]


def test_a_seed_counts_once(make_finished, tmp_path):
    folder = make_finished("a", 0, preset="quick", epochs=2)
    twin = make_finished("a", 0, preset="quick", epochs=2, changes={"data.dir": "/elsewhere"})
    assert len(read([folder, folder]).groups) == 1  # the same folder twice is no second run
    with pytest.raises(UserError, match="the same configuration with the same seed") as caught:
        read([tmp_path])
    assert folder.name in str(caught.value)
    assert twin.name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere", r"nowhere: no such folder; give a run folder such as"),
        ("empty", r"empty is not a run folder \(it has no config\.yaml\) and holds none"),
        ("notes.txt", r"notes\.txt is a file, but not of `bnstudy bench --json`"),
        ("other.json", r"other\.json is a file, but not of `bnstudy bench --json`"),
        ("convolutions.json", r"convolutions\.json is a file, but not of .* \(without --convolu"),
        ("broken.json", r"broken\.json is damaged: it is not JSON"),
    ],
)
def test_what_holds_no_run_is_refused_in_one_line(tmp_path, name, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("a")
    (tmp_path / "other.json").write_text('{"rows": []}')
    (tmp_path / "convolutions.json").write_text(
        '{"network": {}, "rows": [{"precision": "float32"}]}'
    )
    (tmp_path / "broken.json").write_text('{"rows"')
    with pytest.raises(UserError, match=says) as caught:
        read([tmp_path / name])
    assert "\n" not in str(caught.value)


def test_no_path_at_all_is_refused():
    with pytest.raises(UserError, match="at least one run folder"):
        read([])


def test_a_benchmark_gives_the_times_of_each_round(tmp_path):
    rows = [
        {"name": "case a", "precision": "float32", "training_ms_by_round": [1.0, 2.0]},
        {"name": "case b", "precision": "float32"},  # of an older version
    ]
    (tmp_path / "bench.json").write_text(json.dumps({"rows": rows, "network": {"width": 1.0}}))
    (found,) = read([tmp_path / "bench.json"]).benchmarks
    assert list(found.milliseconds("case a", "float32")) == [1.0, 2.0]
    assert found.milliseconds("case a", "bfloat16") is None
    assert found.milliseconds("case b", "float32") is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"network": {}}, "network must have a width"),
        ({"network": []}, "network must have a width"),
        ({"rounds": ["1", "2"]}, "training_ms_by_round must be positive numbers"),
        ({"rounds": [0.0, 0.0]}, "training_ms_by_round must be positive numbers"),
        ({"rounds": [1.0, float("nan")]}, "training_ms_by_round must be positive numbers"),
        ({"rounds": [1.0]}, "training_ms_by_round differ in their number"),
        ({"name": "case a"}, "two rows have the same name and precision"),
        ({"step_ms": "5"}, "step_ms must be a positive number"),
        ({"inference_ms": -5.0}, "inference_ms must be a positive number"),
        ({"peak_mb": float("inf")}, "peak_mb must be a positive number"),
    ],
)
def test_a_damaged_benchmark_is_refused_in_one_line(tmp_path, change, says):
    times = {"case a": [1.0, 2.0], "case b": change.get("rounds", [2.0, 3.0])}
    rows = [
        {"name": name, "precision": "float32", "training_ms_by_round": ms}
        for name, ms in times.items()
    ]
    rows[1] |= {key: value for key, value in change.items() if key not in ("network", "rounds")}
    content = {"rows": rows, "network": change.get("network", {"width": 1.0})}
    (tmp_path / "bench.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"bench\.json is damaged: {says}"):
        read([tmp_path / "bench.json"])


def test_a_benchmark_counts_once(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(
        json.dumps({"rows": [{"name": "a", "precision": "float32"}], "network": {"width": 1.0}})
    )
    assert len(read([path, tmp_path / "." / "bench.json"]).benchmarks) == 1


def test_the_commits_of_all_starts_are_named(make_finished):
    folder = make_finished("a", 0, preset="quick", epochs=2)
    assert commits(load_log(folder)) == []
    states = [
        {"commit": "1" * 40, "dirty": False},
        {"commit": "1" * 40, "dirty": False},
        {"commit": "2" * 40, "dirty": True},
        None,
        "unknown",
    ]
    write_json(folder / "environment.json", {"continuations": [{"git": s} for s in states]})
    assert commits(load_log(folder)) == ["1111111", "2222222+"]
