"""Which folder answers for a run of the plan."""

import shutil

import pytest

import bnstudy
from bnstudy.questions.find import question
from bnstudy.questions.kept import kept
from bnstudy.questions.sources import finished_folder, published_runs
from bnstudy.run_folder.find import run_folders
from bnstudy.sweep import load_plan


@pytest.fixture
def runs(toy):
    return load_plan(question(3).plan)


def test_our_own_run_comes_before_a_published_one(runs, finish):
    published = published_runs(finish("logs/published", 0, 1))
    assert [finished_folder(run, published).name for run in runs] == [
        "case-c_seed-0",
        "case-c_seed-1",
    ]
    shutil.copytree(finish("own", 0) / "case-c_seed-0", runs[0].folder)
    assert finished_folder(runs[0], published) == runs[0].folder
    assert finished_folder(runs[1], {}) is None


def test_published_runs_of_another_folder(runs, finish, tmp_path):
    assert published_runs(None) == {}
    elsewhere = finish("elsewhere/deep", 0).parent
    assert finished_folder(runs[0], published_runs(elsewhere)) == run_folders(elsewhere)[0]
    with pytest.raises(bnstudy.UserError, match="nowhere: no such folder"):
        published_runs(tmp_path / "nowhere")


def test_an_own_folder_of_another_configuration_does_not_count(runs, finish):
    made = finish("other", 0, **{"optimizer.learning_rate": 0.5})
    shutil.copytree(made / "case-c_seed-0", runs[0].folder)
    assert finished_folder(runs[0], {}) is None


def test_a_run_that_can_no_longer_be_evaluated_does_not_count(runs, finish):
    folder = finish("logs/published", 0) / "case-c_seed-0"
    (folder / "weights.npz").unlink()
    published = published_runs(None)
    assert finished_folder(runs[0], published).resolve() == folder
    assert finished_folder(runs[0], published, ["double.json"]) is None
    (folder / "double.json").write_text('{"made_by": {"run": "of another result"}}')
    assert finished_folder(runs[0], published, ["double.json"]) is None
    (folder / "double.json").unlink()
    kept(folder, "double.json", lambda: {"two": 2})
    assert finished_folder(runs[0], published, ["double.json"]).resolve() == folder
    assert finished_folder(runs[0], published, ["double.json", "another.json"]) is None
    shutil.copytree(folder, runs[0].folder)  # trained here: to train it again would help nobody
    assert finished_folder(runs[0], published, ["another.json"]) == runs[0].folder


@pytest.mark.parametrize("bare", ["a", "z"])
def test_of_two_alike_the_one_with_a_network_counts(runs, finish, bare):
    with_network = finish("logs/published", 0) / "case-c_seed-0"
    without = with_network.with_name(bare)
    shutil.copytree(with_network, without)
    (without / "weights.npz").unlink()
    assert finished_folder(runs[0], published_runs(None)).resolve() == with_network
