"""Many runs from one YAML plan, each in a process of its own: skipped, continued or begun.

Imports `config`, `run_folder`, and what is below them; never TensorFlow, which the runs import.
"""

from bnstudy.sweep.local import run_plan
from bnstudy.sweep.plan import Run, load_plan

__all__ = ["Run", "load_plan", "run_plan"]
