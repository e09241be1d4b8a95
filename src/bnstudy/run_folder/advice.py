"""What to do about a folder that a run cannot use: in `bnstudy run`, and in a plan."""

NEW_FOLDER = "name a new folder with --out"
START_OVER = "start over with --fresh"
_IN_A_PLAN = {  # whose reader has neither option
    f"{NEW_FOLDER}, or {START_OVER}": "delete or move the folder, or change name: or out: in the "
    "plan",
    NEW_FOLDER: "change name: or out: in the plan",
    START_OVER: "delete or move the folder to start over",
}


def in_a_plan(message: str) -> str:
    """Return a message of a run with the advice that is right where a plan has made it."""
    for ours, theirs in _IN_A_PLAN.items():
        message = message.replace(ours, theirs)
    return message
