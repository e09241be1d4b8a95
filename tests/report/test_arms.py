"""Which runs are which arm of the experiment."""

from bnstudy.report.arms import ARMS, MEANING, designs
from bnstudy.run_folder.log import load_log


def logs_of(*folders):
    return [load_log(folder) for folder in folders]


def test_every_arm_has_a_meaning():
    assert MEANING.keys() == ARMS.keys()


def test_every_arm_is_found_by_its_configuration(make_finished):
    logs = logs_of(*(make_finished(arm, 0) for arm in ARMS))
    (design,) = designs(logs)
    assert {arm: list(seeds.values()) for arm, seeds in design.arms.items()} == {
        arm: [log] for arm, log in zip(ARMS, logs, strict=True)
    }
    assert design.title == "CIFAR-10, width 0.25"


def test_what_differs_beside_the_arm_makes_another_design(make_finished):
    changes = [{}, {"training.precision": "bfloat16"}, {"bn.momentum": 0.9}, {"model.width": 0.5}]
    logs = logs_of(*(make_finished(arm, 0, changes=change) for arm in "ac" for change in changes))
    assert [sorted(design.arms) for design in designs(logs)] == [["a", "c"]] * 4


def test_where_images_are_and_when_a_run_saves_make_no_other_design(make_finished):
    changes = {"data.dir": "/elsewhere", "checkpoint.every_seconds": 5}
    (design,) = designs(logs_of(make_finished("a", 0), make_finished("b", 0, changes=changes)))
    assert sorted(design.arms) == ["a", "b"]


def test_runs_that_are_no_arm_are_left_out(make_finished):
    other = make_finished("b", 0, changes={"optimizer.name": "momentum"})
    keras_adam = make_finished("b", 0, changes={"optimizer.variant": "keras"})
    assert designs(logs_of(other, keras_adam)) == []


def test_of_one_seed_the_longest_run_counts_and_shorter_ones_serve_first_epochs(make_finished):
    folders = [make_finished("a", 0, epochs=n) for n in (3, 21)] + [make_finished("a", 1, epochs=3)]
    for order in (folders, folders[::-1]):
        (design,) = designs(logs_of(*order))
        assert {s: len(log.metrics["epoch"]) for s, log in design.arms["a"].items()} == {
            0: 21,
            1: 3,
        }
        assert list(design.runs("a", 21)) == [0]
        assert list(design.runs("a", 1)) == [0, 1]
        assert design.runs("b", 1) == {}


def test_designs_of_the_same_title_say_what_distinguishes_them(make_finished):
    folders = [
        make_finished(arm, 0, changes=changes)
        for arm in "ab"
        for changes in ({}, {"bn.momentum": 0.9}, {"model.width": 0.5})
    ]
    assert [design.title for design in designs(logs_of(*folders))] == [
        "autodiff, Adam, CIFAR-10, width 0.25, bn.momentum = 0.99",
        "autodiff, Adam, CIFAR-10, width 0.25, bn.momentum = 0.9",
        "autodiff, Adam, CIFAR-10, width 0.5",
    ]
