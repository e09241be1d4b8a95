"""What the runs of a plan have come to: the state of each, as a table or as JSON."""

import json
from pathlib import Path

from bnstudy.errors import UserError, one_line
from bnstudy.run_folder.advice import in_a_plan
from bnstudy.sweep.plan import Run


def update_state(run: Run) -> None:
    """Look into the folder of a run: has it finished, is it in use, can it be used at all?"""
    from bnstudy.run_folder.folder import finished_result, user_of  # NumPy: not for a wrong plan
    from bnstudy.run_folder.prospect import prospect

    try:
        if finished_result(run.folder, run.config) is not None:
            run.state = "finished"
        elif (holder := user_of(run.folder)) is not None:
            run.state, run.last_line = "elsewhere", f"in use by {holder}"
        else:
            run.state, run.last_line = "waiting", prospect(run.folder)
    except (UserError, OSError) as error:
        why = one_line(in_a_plan(str(error)), most=3000)  # what to do is at its end
        run.state, run.last_line, run.exit_code = "failed", why, 2


def exit_code(runs: list[Run]) -> int:
    """Return 0 if no run has failed, 2 if the input of those that have was wrong, else 1."""
    codes = {run.exit_code for run in runs if run.state == "failed"}
    return 0 if not codes else 2 if codes == {2} else 1


def table(runs: list[Run]) -> str:
    """Return the state of every run as a table."""
    width = max(len(run.folder.name) for run in runs)
    lines = [f"{'run':<{width}}  state        epochs  test accuracy"]
    for run in runs:
        epochs, accuracy, why = _last_epoch(run.folder)
        of = run.config.training.epochs
        if run.state in ("failed", "elsewhere"):
            why = run.last_line
        why = why and f"  {why}"
        lines.append(
            f"{run.folder.name:<{width}}  {run.state:<11}  {epochs:>2}/{of:<3}  {accuracy}{why}"
        )
    states = [run.state for run in runs]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return "\n".join([*lines, counts])


def listing(runs: list[Run]) -> str:
    """Return index, name, state and folder of every run as a table, and the reason of the state."""
    width = max(len(run.folder.name) for run in runs)
    lines = [f"index  {'run':<{width}}  state      folder"]
    for run in runs:
        name = run.folder.name
        why = f"  {run.last_line}" if run.last_line else ""
        lines.append(f"{run.index:>5}  {name:<{width}}  {run.state:<9}  {run.folder}{why}")
    return "\n".join(lines)


def listing_as_json(runs: list[Run]) -> str:
    """Return the same as JSON."""
    rows = [
        {
            "index": run.index,
            "name": run.folder.name,
            "state": run.state,
            "folder": str(run.folder),
            "why": run.last_line,
        }
        for run in runs
    ]
    return json.dumps(rows, indent=2)


def _last_epoch(folder: Path) -> tuple[str, str, str]:
    """Return the number of finished epochs, the last test accuracy, and why they are not known."""
    from bnstudy.run_folder.log import read_metrics

    try:
        rows = read_metrics(folder / "metrics.csv")
    except FileNotFoundError:
        rows = []
    except (UserError, OSError) as error:  # the others' rows are shown all the same
        return "?", "-", str(error)
    return str(len(rows)), f"{rows[-1].test_accuracy:.4f}" if rows else "-", ""
